"""A network that computes with the values its int8 model will hold, and gradients that pass straight through.

What an int8 model rounds is known from the operators that run, by the rules that nesting has for them: a layer, a sum
or a pooling reads activations that were stored as int8; batch norm, ReLU, padding and views work on what is not stored
yet, or only look at it otherwise. So an activation is rounded where it is read first, whatever the architecture.
(Jacob et al., arXiv 1712.05877, section 3; straight-through gradients: Bengio et al., arXiv 1308.3432.)
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from itertools import count
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_leaves, tree_map

from ...nested.evaluation_mode import evaluating
from ...nested.network import NestedNetwork
from ...nested.operators import elementwise as elementwise_rules
from ...nested.operators import layers as layer_rules
from ...nested.operators import shapes as shape_rules
from ...nested.operators.layers import Rule
from ...nested.operators.table import rule_of
from ...system.ranks import largest

# an activation by its number in the order in which a forward reads them, or the network's output by its widths
Place = int | tuple[int, ...]
# (smallest, largest) value, which an int8 tensor spreads over its 256 steps
Range = tuple[float, float]
Ranges = dict[Place, Range]
# what becomes of an activation at a place
Store = Callable[[Place, Tensor], Tensor]

_INPUT = 0
# axis of the outputs in the weight of a layer
_OUTPUT_AXIS: dict[Rule | None, int] = {layer_rules.linear: 0, layer_rules.convolution: 0, layer_rules.product: -1}
# what fuses into the layer before it
_FUSED = {layer_rules.batch_norm, elementwise_rules.fused, elementwise_rules.padding}
_SMALLEST = 1e-30  # weights below have no steps
# nats below an example's largest logit that its output keeps: smaller ones have probabilities below 2e-7
ANSWER = 16.0


def quantization_of(limits: Range) -> tuple[float, int]:
    """Scale and zero point of the int8 tensor that holds a range, and zero."""
    smallest, largest = min(limits[0], 0.0), max(limits[1], 0.0)
    scale = (largest - smallest) / 255 or 1 / 255
    return scale, min(max(round(-128 - smallest / scale), -128), 127)


def rounded(x: Tensor, limits: Range) -> Tensor:
    """An activation as an int8 tensor of this range holds it; values outside of it get no gradient."""
    return torch.fake_quantize_per_tensor_affine(x.float(), *quantization_of(limits), -128, 127)


def rounded_weight(weight: Tensor, axis: int) -> Tensor:
    """A weight as int8 holds it: symmetric, a step for each output, that of the full network's weight.

    A batch norm behind the layer is folded into the weight before it is rounded. That multiplies an output's weights
    and its step alike, so it makes no difference to round first.

    Args:
        weight: a parameter, or a slice of one that begins where it begins.
        axis: of the outputs.
    """
    axis %= weight.ndim
    whole = weight if weight._base is None else weight._base
    extremes = whole.detach().abs().amax([i for i in range(whole.ndim) if i != axis])[: weight.shape[axis]]
    steps = extremes.float().clamp_min(_SMALLEST) / 127
    zeros = torch.zeros_like(steps, dtype=torch.int32)
    return torch.fake_quantize_per_channel_affine(weight.float(), steps, zeros, axis, -127, 127)


@contextmanager
def simulated_int8(net: NestedNetwork, ranges: Ranges) -> Iterator[None]:
    """Let a network compute as its int8 model does while the block runs, with gradients.

    Args:
        net: any nested network; of attention, what torch computes in one operator stays as it is.
        ranges: of the activations of its subnetworks, see `measured_ranges`.
    """
    with _storing(net, lambda place, x: rounded(x, ranges[place]), rounded_weight):
        yield


@torch.no_grad()
def measured_ranges(
    net: NestedNetwork, batches: Sequence[Tensor], input_range: Range | None = None, first: int = 0
) -> Ranges:
    """The union of the ranges of each activation over all subnetworks; each has its own range of the output.

    As `python -m bridge` measures them. Under ``torch.distributed`` the batches of all processes count.

    Args:
        net: the network, which runs as at inference.
        batches: inputs.
        input_range: inputs are clipped to it.
        first: subnetworks before this one don't count; it has the union of all outputs for its own.
    """
    seen: dict[Place, Tensor] = {}

    def observe(place: Place, x: Tensor) -> Tensor:
        # logits that are far below the best are cut off: they would take most of the steps, so that the best ones tie
        low = torch.maximum(x.amin(1), x.amax(1) - ANSWER).min() if isinstance(place, tuple) else x.min()
        extremes = torch.stack([-low, x.max()]).float()
        seen[place] = torch.maximum(seen[place], extremes) if place in seen else extremes
        return x

    with evaluating(net), _storing(net, observe, lambda weight, axis: weight):
        for k in range(first, len(net.subnetworks)):
            with net.active(k):
                for inputs in batches:
                    net(inputs if input_range is None else inputs.clamp(*input_range))
    # the output of the largest has the scale of the model, which holds all
    outputs = torch.stack([extremes for place, extremes in seen.items() if isinstance(place, tuple)])
    seen[tuple(net.widths(first).values())] = outputs.amax(0)
    extremes = largest(torch.stack(list(seen.values()))).tolist()
    return {place: (-low, high) for place, (low, high) in zip(seen, extremes, strict=True)}


@contextmanager
def _storing(net: NestedNetwork, store: Store, store_weight: Callable[[Tensor, int], Tensor]) -> Iterator[None]:
    """Let every forward of a network store its activations and weights in this way."""
    running: list[_Forward] = []

    def begin(_: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        running.append(_Forward(inputs[0], store, store_weight))
        running[-1].__enter__()

    def end(_: nn.Module, inputs: tuple[Tensor, ...], output: Tensor | None) -> Tensor | None:
        running.pop().__exit__(None, None, None)
        return None if output is None else store(tuple(net.active_widths.values()), output)

    hooks = [net.register_forward_pre_hook(begin), net.register_forward_hook(end, always_call=True)]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


class _Forward(TorchFunctionMode):
    """One forward, whose operators read stored activations and weights in place of those that they are given."""

    def __init__(self, inputs: Tensor, store: Store, store_weight: Callable[[Tensor, int], Tensor]) -> None:
        super().__init__()
        self.store = store
        self.store_weight = store_weight
        self.numbers = count(_INPUT + 1)
        # what depends on the input, each kept alive so that its id stays its own
        self.activations: dict[int, Tensor] = {id(inputs): inputs}
        self.places: dict[int, int] = {id(inputs): _INPUT}
        self.stored: dict[int, Tensor] = {}

    def __torch_function__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        read = [x for x in tree_leaves((args, kwargs)) if id(x) in self.activations]
        if not read:
            return function(*args, **kwargs)
        rule = _rule(function.__name__)
        if _reads_stored(rule):
            args, kwargs = tree_map(lambda x: self._stored(x, _OUTPUT_AXIS.get(rule)), (args, kwargs))
        made = function(*args, **kwargs)
        if _reads_stored(rule) and function.__name__.endswith("_"):
            made = self._in_place(read[0], made)
        same_steps = not _reads_stored(rule) or function.__name__.startswith(("max_pool", "avg_pool"))
        for x in tree_leaves(made):
            if isinstance(x, Tensor) and id(x) not in self.activations:
                self.activations[id(x)] = x
                if same_steps and id(read[0]) in self.places:
                    self.places[id(x)] = self.places[id(read[0])]
        return made

    def _in_place(self, target: Tensor, made: Tensor) -> Tensor:
        """What an operator wrote into a stored activation, in the activation itself, which is now another one."""
        self.stored.pop(id(target))
        self.places.pop(id(target))
        return target if made is target else target.copy_(made)

    def _stored(self, x: Any, output_axis: int | None) -> Any:
        """An activation, or the weight of a layer with outputs along this axis, as it was stored."""
        if not isinstance(x, Tensor) or not x.is_floating_point():
            return x
        if id(x) not in self.activations:
            return x if output_axis is None or x.ndim < 2 else self.store_weight(x, output_axis)
        if id(x) not in self.stored:
            if id(x) not in self.places:
                self.places[id(x)] = next(self.numbers)
            self.stored[id(x)] = self.store(self.places[id(x)], x)
        return self.stored[id(x)]


@cache
def _rule(name: str) -> Rule | None:
    """The rule that nesting has for an operator of torch, by its name in Python; None where it has none."""
    packet = getattr(torch.ops.aten, name.strip("_"), None)
    overloads = packet.overloads() if isinstance(packet, torch._ops.OpOverloadPacket) else []
    return next((rule for overload in overloads if (rule := rule_of(getattr(packet, overload)))), None)


def _reads_stored(rule: Rule | None) -> bool:
    """Whether an operator is one of its own in an int8 model, and does more than looking at memory otherwise."""
    return rule is not None and rule not in _FUSED and rule.__module__ != shape_rules.__name__
