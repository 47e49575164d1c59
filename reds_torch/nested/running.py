"""Running a subnetwork on slices of the shared tensors, in the modules of the full network."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from .slicing import Cuts, cut, cut_model, cuts, put_back
from .tracing import Trace
from .widths import Widths


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a module finds one of its tensors (among its parameters or its buffers), and what of it stays."""

    name: str
    module: nn.Module
    tensors: dict[str, Any]
    key: str
    kept: Cuts

    @property
    def is_view(self) -> bool:
        """Whether a subnetwork that writes into what stays writes into the shared tensor."""
        return all(len(runs) == 1 for _, runs in self.kept)


@dataclass(frozen=True, slots=True)
class _Attribute:
    """A number that a module has in the full network and in the subnetwork."""

    module: nn.Module
    name: str
    full: Any
    cut: Any


class Cutter:
    """What is different in a model at some widths: the tensors that lose a part, and the attributes that change.

    It keeps no copy of the model: while a subnetwork runs, the model's own modules have slices in place of their
    tensors, and the attributes that the extracted network's have (a depth-wise convolution's ``groups``).
    """

    def __init__(self, model: nn.Module, structure: Trace, widths: Widths, own: Iterable[str]) -> None:
        self.model = model
        known: dict[Any, Any] = {}  # most tensors are cut as others are: one object for all of them

        def one(made: Any) -> Any:
            return known.setdefault(made, made)

        kept = {
            name: one(tuple((axis, one(runs)) for axis, runs in parts))
            for name, axes in structure.layouts.items()
            if (parts := cuts(axes, widths))
        }
        self._places = tuple(_places(model, {**kept, **dict.fromkeys(own, ())}))
        # what a subnetwork trains there (running statistics of several groups' channels) has to be put back
        self._copied_buffers = tuple(p for p in self._places if not p.is_view and p.tensors is p.module._buffers)
        self._attributes = tuple(_changed(model, cut_model(model, structure, widths, torch.device("meta"))))

    def run(self, x: Tensor, own: Mapping[str, Tensor]) -> Tensor:
        """The subnetwork's output; ``own`` tensors take the place of shared ones, by name."""
        full = [place.tensors[place.key] for place in self._places]
        try:
            for place, tensor in zip(self._places, full, strict=True):
                assert tensor is not None
                place.tensors[place.key] = own[place.name] if place.name in own else cut(tensor, place.kept)
            for attribute in self._attributes:
                vars(attribute.module)[attribute.name] = attribute.cut
            y = self.model(x)
            trained = [place.tensors[place.key] for place in self._copied_buffers]
        finally:
            for place, tensor in zip(self._places, full, strict=True):
                place.tensors[place.key] = tensor
            for attribute in self._attributes:
                vars(attribute.module)[attribute.name] = attribute.full
        for place, part in zip(self._copied_buffers, trained, strict=True):
            buffer = place.tensors[place.key]
            if place.module.training and buffer is not None and part is not None:
                put_back(buffer, place.kept, part)
        return y


def _places(model: nn.Module, kept: Mapping[str, Cuts]) -> Iterator[_Place]:
    """Every place of a tensor of these names; modules may share one, which then goes by its first name."""
    tensors = dict(model.named_parameters()) | dict(model.named_buffers())
    names = {id(tensors[name]): name for name in kept}
    for module in model.modules():
        for owned in (module._parameters, module._buffers):
            for key, tensor in owned.items():
                if tensor is not None and id(tensor) in names:
                    name = names[id(tensor)]
                    yield _Place(name, module, owned, key, kept[name])


def _changed(model: nn.Module, small: nn.Module) -> Iterator[_Attribute]:
    """The numbers in which the extracted network's modules differ from the model's."""
    for module, twin in zip(model.modules(), small.modules(), strict=True):
        for name, value in vars(module).items():
            if isinstance(value, int | tuple) and value != vars(twin)[name]:
                yield _Attribute(module, name, value, vars(twin)[name])
