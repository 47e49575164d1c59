"""A network and all its subnetworks on one set of weights."""

from __future__ import annotations

import copy as copying
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from numbers import Integral
from typing import Any

import torch
from torch import Tensor, nn

from .evaluation_mode import evaluating
from .operators.walk import NestingError
from .own_batch_norm import BatchNormKind, OwnTensors, own_batch_norm
from .running import Cutter
from .slicing import cut_model
from .tracing import Trace, trace
from .widths import AxisLayout, Count, Subnetwork, WidthGroup, Widths


def nest(
    model: nn.Module,
    example_input: Tensor,
    ignore: Sequence[str | nn.Module] = (),
    round_to: int = 1,
    copy: bool = True,
) -> NestedNetwork:
    """Find the width groups of a model and make it run at any widths.

    Args:
        model: any module that ``torch.export`` can read and that takes one tensor.
        example_input: a batch as the model takes it, first axis the samples; only its shape matters.
        ignore: modules, or their names, whose parameters are never cut.
        round_to: candidate widths are multiples of this many features (a head of an attention has several).
        copy: nest a deep copy; ``False`` takes ownership of ``model``.

    Raises:
        NestingError: naming the module and the reason, where the model can't be nested.

    Example:
        >>> import torch
        >>> import reds_torch as reds
        >>> from reds_torch.models import dnn
        >>> net = reds.nest(dnn("s"), torch.zeros(1, 1, 25, 10))
        >>> [(group.name, group.size) for group in net.groups]
        [('fc1', 144), ('fc2', 144), ('fc3', 144)]
    """
    if round_to < 1:
        raise NestingError(f"round_to must be at least 1, got {round_to}")
    if example_input.ndim < 1 or example_input.shape[0] < 1:
        raise NestingError(f"example_input needs a batch axis, got the shape {tuple(example_input.shape)}")
    names = [_module_name(model, entry) for entry in ignore]
    owned = copying.deepcopy(model) if copy else model
    try:
        net = _nested(owned, example_input, names, round_to)
        _try_narrowest(net, example_input)
    except _RunsFullOnlyError:
        if not net.structure.splits:
            raise
        # many an attention's forward takes the features of all its heads for those of its input
        net = _nested(owned, example_input, names, round_to, heads_with_stream=True)
        _try_narrowest(net, example_input)
    return net


def _nested(
    model: nn.Module, example_input: Tensor, ignore: Sequence[str], round_to: int, heads_with_stream: bool = False
) -> NestedNetwork:
    structure = trace(model, example_input, ignore, round_to, heads_with_stream)
    if not structure.groups:
        raise NestingError(
            "the model has no units to cut: it needs at least one layer whose outputs only other layers read (the "
            "network's outputs, and what ignored modules read and write, are kept whole)"
        )
    net = NestedNetwork(model, structure, tuple(example_input.shape))
    net.ignore, net.round_to = tuple(ignore), round_to
    return net


class _RunsFullOnlyError(NestingError):
    """A forward with sizes written into it."""


def _module_name(model: nn.Module, entry: str | nn.Module) -> str:
    modules = dict(model.named_modules())
    name = entry if isinstance(entry, str) else next((n for n, m in modules.items() if m is entry), "")
    if not name or name not in modules:
        raise NestingError(
            f"ignore names {entry!r}, which is no module inside the model; there are: "
            f"{', '.join(n for n in modules if n)}"
        )
    return name


def _try_narrowest(net: NestedNetwork, example_input: Tensor) -> None:
    """A forward with sizes written into it runs at full width only: find that out now."""
    narrowest = {group.name: group.candidates[0] for group in net.groups}
    try:
        with torch.no_grad(), evaluating(net), net.active(narrowest):
            net(example_input)
    except (RuntimeError, ValueError, IndexError, TypeError) as error:
        raise _RunsFullOnlyError(
            f"the model's forward can't run with fewer units (does it contain sizes as numbers, say in a view or "
            f"reshape? use -1 or the tensor's own shape there, or name the layers before it in ignore=[...]): {error}"
        ) from error


# widths for which it is remembered how to run them: more than a search gives, fewer than random ones would need
_MOST_CUTTERS = 64


class NestedNetwork(nn.Module):
    """Shared weights, width groups, and the subnetworks that run on prefixes of them.

    ``model`` holds the weights and is the full network; `nest` makes objects of this class.

    Example:
        >>> import torch
        >>> import reds_torch as reds
        >>> from reds_torch.models import dnn
        >>> net = reds.nest(dnn("s"), torch.zeros(1, 1, 25, 10))
        >>> net.subnetworks = [reds.Subnetwork(net.full_widths), reds.Subnetwork({"fc1": 30, "fc2": 20})]
        >>> with net.active(1):  # the shared weights' first 30 and 20 units
        ...     logits = net(torch.zeros(5, 1, 25, 10))
        >>> small = net.extract(1)  # an ordinary network of that size, with equal outputs
        >>> small.fc2
        Linear(in_features=30, out_features=20, bias=True)
    """

    model: nn.Module

    def __init__(self, model: nn.Module, structure: Trace, input_shape: tuple[int, ...]) -> None:
        super().__init__()
        self.model = model
        self.training = model.training
        self.structure = structure
        self.input_shape = input_shape
        self.ignore: tuple[str, ...] = ()
        self.round_to = 1
        self.metadata: dict[str, Any] = {}
        self.full_widths: dict[str, int] = {group.name: group.size for group in structure.groups}
        self._subnetworks: tuple[Subnetwork, ...] = (Subnetwork(self.full_widths, status="full"),)
        self._active: Widths = self.full_widths
        self.batch_norm: BatchNormKind = "shared"
        # for each subnetwork what it owns; the full network's is the model's
        self.own = nn.ModuleList([OwnTensors({})])
        self._cutters: dict[tuple[int, ...], Cutter] = {}  # by the widths, the latest last

    @property
    def groups(self) -> tuple[WidthGroup, ...]:
        """The width groups, in the order in which the data meets them."""
        return self.structure.groups

    @property
    def subnetworks(self) -> tuple[Subnetwork, ...]:
        """Index 0 is the full network; a search gives the others in order of falling budgets."""
        return self._subnetworks

    @subnetworks.setter
    def subnetworks(self, subnetworks: Sequence[Subnetwork]) -> None:
        if not subnetworks:
            raise ValueError("there must be at least one subnetwork: the full network, at index 0")
        checked = [replace(subnetwork, widths=self.widths(subnetwork.widths)) for subnetwork in subnetworks]
        if checked[0].widths != self.full_widths:
            raise ValueError(f"subnetwork 0 must be the full network, with widths {self.full_widths}")
        self._subnetworks = tuple(checked)
        self._active = self.full_widths
        self.own_batch_norm("shared")

    def widths(self, which: int | Widths) -> Widths:
        """The width of every group, for an index into `subnetworks` or a mapping {group: width}.

        Groups that a mapping leaves out keep their full width.
        """
        if isinstance(which, int):
            if not 0 <= which < len(self._subnetworks):
                raise IndexError(f"there is no subnetwork {which}: there are 0 to {len(self._subnetworks) - 1}")
            return self._subnetworks[which].widths
        unknown = set(which) - set(self.full_widths)
        if unknown:
            raise KeyError(f"no width group {sorted(unknown)}; there are {sorted(self.full_widths)}")
        for name, width in which.items():
            if not isinstance(width, Integral) or not 1 <= width <= self.full_widths[name]:
                raise ValueError(f"group '{name}' has widths from 1 to {self.full_widths[name]}, not {width}")
        return {name: int(which.get(name, size)) for name, size in self.full_widths.items()}

    def own_batch_norm(self, kind: BatchNormKind) -> None:
        """Let each subnetwork own its batch norm's statistics, or its scale and shift as well, from now on.

        They begin as the shared ones. Widths that are no subnetwork, and the full network, use the shared ones.
        """
        self.batch_norm = kind
        self.own = nn.ModuleList(
            OwnTensors({}) if k == 0 else own_batch_norm(self.model, self.structure, subnetwork.widths, kind)
            for k, subnetwork in enumerate(self._subnetworks)
        )
        self._cutters.clear()

    def _owned(self, widths: Widths) -> dict[str, Tensor]:
        """What the subnetwork with these widths owns, by the shared tensors' names."""
        if self.batch_norm == "shared":
            return {}
        index = next((k for k, s in enumerate(self._subnetworks) if dict(s.widths) == dict(widths)), 0)
        own = self.own[index]
        assert isinstance(own, OwnTensors)
        return own.tensors()

    def elements(self, tensor: str) -> Count:
        """The number of elements of a parameter or buffer as a function of the widths."""
        return Count.product(self._axes(tensor))

    def axis_length(self, tensor: str, axis: int) -> Count:
        """The length of one axis of a parameter or buffer as a function of the widths."""
        return Count.product(self._axes(tensor)[axis : axis + 1])

    def _axes(self, tensor: str) -> list[AxisLayout | int]:
        module, _, name = tensor.rpartition(".")
        shape = getattr(self.model.get_submodule(module), name).shape
        return [self.structure.layouts.get(tensor, {}).get(axis, length) for axis, length in enumerate(shape)]

    @property
    def active_widths(self) -> Widths:
        """The width of every group in the network that runs."""
        return self._active

    def activate(self, which: int | Widths) -> None:
        """Run this subnetwork (or these widths) from now on."""
        self._active = self.widths(which)

    @contextmanager
    def active(self, which: int | Widths) -> Iterator[NestedNetwork]:
        """Run this subnetwork (or these widths) inside the ``with`` block."""
        before = self._active
        self.activate(which)
        try:
            yield self
        finally:
            self._active = before

    def forward(self, x: Tensor) -> Tensor:
        """Run the active subnetwork; gradients flow into the shared weights."""
        if self._active == self.full_widths:
            return self.model(x)
        own = self._owned(self._active)
        key = tuple(self._active[group.name] for group in self.groups)
        if key not in self._cutters:
            self._cutters[key] = Cutter(self.model, self.structure, self._active, own)
            if len(self._cutters) > _MOST_CUTTERS:
                del self._cutters[next(iter(self._cutters))]
        return self._cutters[key].run(x, own)

    def extract(self, which: int | Widths) -> nn.Module:
        """The subnetwork as an ordinary small module with weights of its own and equal outputs."""
        widths = self.widths(which)
        small = cut_model(self.model, self.structure, widths)
        small.load_state_dict(self._owned(widths), strict=False)
        return small
