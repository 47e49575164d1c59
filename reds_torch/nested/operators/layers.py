"""How layers with weights tie the axes of their inputs, parameters and outputs together.

A rule takes the walk, the graph node and the operator's arguments (tensors as `Value`) and returns the output's
`Value`.
"""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import Any

from torch import fx

from .walk import NestingError, Value, Walk

Rule = Callable[..., Any]


def shape_of(node: fx.Node) -> tuple[int, ...]:
    """The shape of a node's output."""
    return tuple(node.meta["val"].shape)


def linear(walk: Walk, node: fx.Node, x: Value, weight: Value, bias: Value | None = None) -> Value:
    """(..., inputs) -> (..., outputs) by a weight (outputs, inputs)."""
    walk.coupling.couple(x.axes[-1], weight.axes[1])
    outputs = walk.produce(weight, 0, 1)
    if bias is not None:
        walk.coupling.couple(outputs, bias.axes[0])
    y = walk.store(shape_of(node), (*x.axes[:-1], outputs), [x])
    walk.multiply("linear", weight, prod(x.shape[:-1]), y, weight)
    return y


def convolution(walk: Walk, node: fx.Node, x: Value, weight: Value, bias: Value | None = None, *rest: Any) -> Value:
    """(B, inputs, ...) -> (B, outputs, ...) by a weight (outputs, inputs of a group, ...)."""
    if len(x.shape) != len(weight.shape):
        raise NestingError(f"whose input of shape {x.shape} has no batch axis")
    groups = rest[3] if len(rest) > 3 else 1
    if groups == 1:
        walk.coupling.couple(x.axes[1], weight.axes[1])
        outputs = walk.produce(weight, 0, 1)
    else:
        # a group of input channels and all its filters are one unit: a channel, where the convolution is depth-wise
        outputs = weight.axes[0]
        units = walk.coupling.new(groups)
        walk.coupling.couple(outputs, units.repeat(weight.shape[0] // groups))
        walk.coupling.couple(units.repeat(x.shape[1] // groups), x.axes[1])
    if bias is not None:
        walk.coupling.couple(outputs, bias.axes[0])
    shape = shape_of(node)
    y = walk.store(shape, (x.axes[0], outputs, *(None for _ in x.shape[2:])), [x])
    walk.multiply("conv" if groups == 1 else "grouped", weight, shape[0] * prod(shape[2:]), y, weight)
    return y


def batch_norm(walk: Walk, node: fx.Node, x: Value, *rest: Any) -> Value:
    """In the memory of the layer before, into which a deployed network folds it."""
    for vector in rest[:4]:  # weight, bias, running mean, running variance: each may be absent
        if vector is not None:
            walk.coupling.couple(x.axes[1], vector.axes[0])
    return x


def instance_norm(walk: Walk, node: fx.Node, x: Value, *rest: Any) -> Value:
    """Each channel by itself; without weights, the module still has their number."""
    if x.axes[1] is not None:
        walk.reshaped.append((walk.module, x.axes[1]))
    return walk.store(x.shape, batch_norm(walk, node, x, *rest).axes, [x])


def layer_norm(
    walk: Walk, node: fx.Node, x: Value, normalized: list[int], weight: Value | None = None, *rest: Any
) -> Value:
    """Over the last axis; a narrower network normalises over the features that it has."""
    bias = rest[0] if rest and isinstance(rest[0], Value) else None
    if len(normalized) > 1 or weight is None:
        for axis in x.axes[-len(normalized) :]:
            walk.coupling.pin(axis)
    for vector in (weight, bias):
        if vector is not None and len(normalized) == 1:
            walk.coupling.couple(x.axes[-1], vector.axes[0])
    return walk.store(x.shape, x.axes, [x])


def group_norm(walk: Walk, node: fx.Node, x: Value, groups: int, weight: Value | None = None, *rest: Any) -> Value:
    """Channels that are normalised together are one unit."""
    units = walk.coupling.new(groups)
    walk.coupling.couple(x.axes[1], units.repeat(x.shape[1] // groups))
    if weight is None:
        walk.coupling.pin(units)
    for vector in (weight, rest[0] if rest else None):
        if vector is not None:
            walk.coupling.couple(x.axes[1], vector.axes[0])
    return walk.store(x.shape, x.axes, [x])


def prelu(walk: Walk, node: fx.Node, x: Value, slope: Value) -> Value:
    """One slope for each channel, or one for all."""
    if slope.shape[0] > 1:
        walk.coupling.couple(x.axes[1], slope.axes[0])
    return walk.store(x.shape, x.axes, [x])


def embedding(walk: Walk, node: fx.Node, weight: Value, indices: Value, *_: Any) -> Value:
    """Indices (...) -> (..., features) by a weight (entries, features)."""
    return walk.store(shape_of(node), (*indices.axes, walk.produce(weight, 1, 0)), [indices, weight])


def attention(walk: Walk, node: fx.Node, query: Value, key: Value, value: Value, *_: Any, **__: Any) -> Value:
    """Scaled dot products (B, heads, tokens, features): whole heads are cut, since a head shares one softmax."""
    for other in (key, value):
        for left, right in zip(query.axes[:-2], other.axes[:-2], strict=True):
            walk.coupling.couple(left, right)
    for operand in (query, key, value):
        for axis in operand.axes[-2:]:
            walk.coupling.pin(axis)
    y = walk.store(shape_of(node), (*query.axes[:-2], None, None), [query, key, value])
    # each query meets each key, and each of these products each value
    walk.multiply("attention", query, key.shape[-2], y)
    walk.multiply("attention", y, key.shape[-2], y)
    return y


def product(walk: Walk, node: fx.Node, left: Value, right: Value) -> Value:
    """A matrix product: a linear layer where one side is a parameter, else attention that is written out."""
    if right.activation is None or left.activation is None:
        return _linear_product(walk, node, left, right)
    if len(left.shape) != len(right.shape) or left.shape[:-2] != right.shape[:-2]:
        raise NestingError(f"which nest() knows for equal leading axes only, not for {left.shape} and {right.shape}")
    for a, b in zip(left.axes[:-2], right.axes[:-2], strict=True):
        walk.coupling.couple(a, b)
    for axis in (left.axes[-1], *right.axes[-2:]):
        walk.coupling.pin(axis)
    y = walk.store(shape_of(node), (*left.axes[:-1], None), [left, right])
    walk.multiply("attention", left, right.shape[-1], y)
    return y


def _linear_product(walk: Walk, node: fx.Node, left: Value, right: Value) -> Value:
    """An activation times a parameter, or the other way round."""
    weight, x = (right, left) if right.activation is None else (left, right)
    if prod(weight.shape[:-2]) != 1 or len(weight.shape) > len(x.shape):
        raise NestingError(
            f"module '{walk.module}' multiplies by a parameter of shape {weight.shape}, no single matrix"
        )
    walk.coupling.couple(left.axes[-1], right.axes[-2])
    shape = shape_of(node)
    if weight is right:
        axes = (*x.axes[:-1], walk.produce(weight, -1, -2))
    else:
        axes = (*x.axes[:-2], walk.produce(weight, -2, -1), x.axes[-1])
    y = walk.store(shape, axes, [x])
    walk.multiply("linear", weight, prod(shape) // weight.shape[-1 if weight is right else -2], y, weight)
    return y


def added_product(walk: Walk, node: fx.Node, offset: Value, left: Value, right: Value, **_: Any) -> Value:
    """A product of attention scores with a mask added to it."""
    walk.pin(offset)
    return product(walk, node, left, right)
