"""How operators that rearrange a tensor carry its axes on.

Those that only look at the same memory differently (flatten, transpose) keep the activation of their input.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from torch import fx

from ..coupling import Positions
from .elementwise import aligned
from .layers import shape_of
from .walk import Value, Walk


def permute(walk: Walk, node: fx.Node, x: Value, dims: list[int]) -> Value:
    """Axes in another order."""
    return x.viewed(shape_of(node), (x.axes[d] for d in dims))


def transpose(walk: Walk, node: fx.Node, x: Value, a: int, b: int) -> Value:
    """Two axes change places."""
    order = list(range(len(x.shape)))
    order[a], order[b] = order[b], order[a]
    return permute(walk, node, x, order)


def view(walk: Walk, node: fx.Node, x: Value, *_: Any) -> Value:
    """Reshape: axes are matched from the left, as few as possible at a time."""
    shape = shape_of(node)
    axes: list[Positions | None] = []
    i = j = 0
    while i < len(x.shape) or j < len(shape):
        first_source, first_target = i, j
        taken = made = 1
        while taken != made or (i == first_source and j == first_target):
            if j == len(shape) or (taken <= made and i < len(x.shape)):
                taken *= x.shape[i]
                i += 1
            else:
                made *= shape[j]
                j += 1
        axes += _reshape(walk, x, range(first_source, i), shape[first_target:j])
    for axis in axes:
        if axis is not None:
            walk.reshaped.append((walk.module, axis))
    return x.viewed(shape, axes)


def _reshape(walk: Walk, x: Value, sources: range, lengths: tuple[int, ...]) -> list[Positions | None]:
    """The positions of new axes (of these lengths) that stand where the source axes stood."""
    axes: list[Positions | None] = [None] * len(lengths)
    cut = {s: axis for s in sources if (axis := x.axes[s]) is not None}
    if not cut:
        return axes
    positions = walk.coupling.joined(list(cut.values()))
    if positions is None:
        for axis in cut.values():
            walk.coupling.pin(axis)
        return axes
    if positions.size != np.prod(lengths):  # beside axes that are not cut: a channel's map, say
        spread = positions.reshape([x.shape[s] if s in cut else 1 for s in sources])
        positions = np.broadcast_to(spread, [x.shape[s] for s in sources])
    long = [i for i, n in enumerate(lengths) if n > 1]
    if len(long) > 1:
        new = walk.coupling.split(positions.reshape([lengths[i] for i in long]))
    else:
        new = (positions if positions.ndim == 1 else positions.reshape(-1),)
    for i, axis in zip(long, new, strict=True):
        axes[i] = axis
    return axes


def select(walk: Walk, node: fx.Node, x: Value, dim: int, _: int) -> Value:
    """One index of an axis."""
    walk.coupling.pin(x.axes[dim])
    return x.viewed(shape_of(node), (axis for i, axis in enumerate(x.axes) if i != dim % len(x.shape)))


def unbind(walk: Walk, node: fx.Node, x: Value, dim: int = 0) -> list[Value]:
    """Every index of an axis."""
    walk.coupling.pin(x.axes[dim])
    axes = [axis for i, axis in enumerate(x.axes) if i != dim % len(x.shape)]
    return [x.viewed(part.shape, axes) for part in node.meta["val"]]


def slice_(walk: Walk, node: fx.Node, x: Value, dim: int = 0, *_: Any) -> Value:
    """Some indices of an axis."""
    shape = shape_of(node)
    if shape == x.shape:
        return x
    walk.coupling.pin(x.axes[dim])
    return x.viewed(shape, (None if i == dim % len(shape) else axis for i, axis in enumerate(x.axes)))


def expand(walk: Walk, node: fx.Node, x: Value, *_: Any, **__: Any) -> Value:
    """Axes of length 1, repeated."""
    shape = shape_of(node)
    missing = len(shape) - len(x.shape)
    axes = [x.axes[i - missing] if i >= missing and x.shape[i - missing] == n else None for i, n in enumerate(shape)]
    return walk.store(shape, axes, [x])


def chunk(walk: Walk, node: fx.Node, x: Value, sizes: Any, dim: int = 0) -> list[Value]:
    """Parts of an axis one after the other: equal parts stay equal when they are cut, so the same code finds them."""
    dim %= len(x.shape)
    positions, parts = x.axes[dim], node.meta["val"]
    lengths = [part.shape[dim] for part in parts]
    equal = len(set(lengths)) == 1
    if not equal and x.activation is not None:
        walk.coupling.pin(positions)
    values, start = [], 0
    for part, length in zip(parts, lengths, strict=True):
        axes = list(x.axes)
        if positions is not None:
            axes[dim] = mine = positions[start : start + length]
            walk.reshaped.append((walk.module, mine))
            if equal:
                walk.coupling.couple(positions[:length], mine)
        values.append(x.viewed(part.shape, axes))
        start += length
    return values


def gated(walk: Walk, node: fx.Node, x: Value, dim: int = -1) -> Value:
    """One half of an axis times the sigmoid of the other."""
    dim %= len(x.shape)
    positions, axes = x.axes[dim], list(x.axes)
    if positions is not None:
        axes[dim], gate = np.split(positions, 2)
        walk.coupling.couple(axes[dim], gate)
    return walk.store(shape_of(node), axes, [x])


def getitem(walk: Walk, node: fx.Node, values: list[Value], index: int) -> Value:
    """One of several outputs."""
    return values[index]


def concatenate(walk: Walk, node: fx.Node, operands: list[Value], dim: int = 0) -> Value:
    """Axes one after the other; the operands' other axes are cut together."""
    shape = shape_of(node)
    axes: list[Positions | None] = []
    for i in range(len(shape)):
        parts = [v.axes[i] for v in operands]
        if i != dim % len(shape):
            for other in parts[1:]:
                walk.coupling.couple(parts[0], other)
            axes.append(parts[0])
        elif all(p is None for p in parts):
            axes.append(None)
        else:
            whole = []
            for v, part in zip(operands, parts, strict=True):
                positions = walk.coupling.new(v.shape[i]) if part is None else part
                if part is None:
                    walk.coupling.pin(positions)
                whole.append(positions)
            axes.append(np.concatenate(whole))
    return walk.store(shape, axes, operands)


def stack(walk: Walk, node: fx.Node, operands: list[Value], dim: int = 0) -> Value:
    """Tensors beside each other, along a new axis."""
    axes = aligned(walk, operands, operands[0].shape)
    axes.insert(dim % (len(axes) + 1), None)
    return walk.store(shape_of(node), axes, operands)
