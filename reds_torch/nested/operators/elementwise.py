"""How operators without weights, element by element or over some axes, carry the axes of their inputs on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from torch import fx

from ..coupling import Positions
from .layers import Rule, shape_of
from .walk import Value, Walk


def pointwise(walk: Walk, node: fx.Node, value: Value, *_: Any, **__: Any) -> Value:
    """One output element for each input element, as an operator of its own (GELU, softmax)."""
    return walk.store(value.shape, value.axes, [value])


def fused(walk: Walk, node: fx.Node, value: Value, *_: Any, **__: Any) -> Value:
    """The same, in the memory of its input (ReLU after a layer, dropout at inference)."""
    return value


def broadcast(walk: Walk, node: fx.Node, *arguments: Any, **_: Any) -> Value:
    """Elementwise with several operands: axes of equal length are cut together."""
    operands = [v for v in arguments if isinstance(v, Value)]
    shape = shape_of(node)
    return walk.store(shape, aligned(walk, operands, shape), operands)


def aligned(walk: Walk, operands: Sequence[Value], shape: tuple[int, ...]) -> list[Positions | None]:
    """The axes of tensors that are broadcast to a shape, coupled with each other."""
    axes: list[Positions | None] = []
    for i, length in enumerate(shape):
        present: list[Positions | None] = []
        for operand in operands:
            j = i - len(shape) + len(operand.shape)
            if j >= 0 and operand.shape[j] == length:
                present.append(operand.axes[j])
        for other in present[1:]:
            walk.coupling.couple(present[0], other)
        axes.append(present[0] if present else None)
    return axes


def over_last(dims: int) -> Rule:
    """The rule of operators over the last axes of (B, C, ...): pooling and resampling."""

    def resize(walk: Walk, node: fx.Node, x: Value, *_: Any, **__: Any) -> Any:
        for axis in x.axes[-dims:]:
            walk.coupling.pin(axis)
        return each_output(node, lambda shape: walk.store(shape, (*x.axes[:-dims], *dims * [None]), [x]))

    return resize


def reduction(walk: Walk, node: fx.Node, x: Value, dims: Any = None, *_: Any, **__: Any) -> Any:
    """Over some axes (all, where they are not named): they are kept whole, unless nothing depends on the result."""
    if dims is None:
        dims = range(len(x.shape))
    reduced = {d % len(x.shape) for d in ([dims] if isinstance(dims, int) else dims)}
    if walk.needed:
        for d in reduced:
            walk.coupling.pin(x.axes[d])

    def reduce(shape: tuple[int, ...]) -> Value:
        kept = len(shape) == len(x.shape)
        axes = [None if i in reduced else a for i, a in enumerate(x.axes) if kept or i not in reduced]
        return walk.store(shape, axes, [x])

    return each_output(node, reduce)


def norm(walk: Walk, node: fx.Node, x: Value, order: Any = 2, dims: Any = None, *_: Any, **__: Any) -> Any:
    """A vector norm over some axes."""
    return reduction(walk, node, x, dims)


def each_output(node: fx.Node, make: Callable[[tuple[int, ...]], Value]) -> Any:
    """One value, or one for each output of an operator that has several (a maximum and where it is)."""
    values = node.meta["val"]
    return [make(tuple(v.shape)) for v in values] if isinstance(values, list | tuple) else make(tuple(values.shape))


def padding(walk: Walk, node: fx.Node, x: Value, *_: Any, **__: Any) -> Value:
    """Longer or shorter axes; a deployed network pads in the layer that follows."""
    shape = shape_of(node)
    axes: list[Positions | None] = []
    for before, after, axis in zip(x.shape, shape, x.axes, strict=True):
        if before != after:
            walk.coupling.pin(axis)
        axes.append(axis if before == after else None)
    return x.viewed(shape, axes)
