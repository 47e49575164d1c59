"""From any module to its width groups: one walk over the operators of an exported graph.

``torch.export`` gives the network as a list of ATen operators. Each operator says how the axes of its inputs,
parameters and outputs belong together (`operators.py`); coupled positions become units, units that one layer
produces become a width group, and everything the cost models need (weights, output positions, activations and
their lifetimes) is read off the same walk.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import gcd
from typing import Any

import numpy as np
import torch
from torch import Tensor, fx, nn
from torch.utils.flop_counter import FlopCounterMode

from .coupling import Positions
from .exporting import export, needed_nodes
from .grouping import Units
from .operators.elementwise import each_output
from .operators.table import rule_of
from .operators.walk import NestingError, Refusal, Step, Value, Walk
from .widths import AxisLayout, Count, Member, WidthGroup


@dataclass(frozen=True, slots=True)
class Layer:
    """A layer that multiplies, with its work for one sample."""

    name: str
    kind: str  # "linear", "conv", "grouped" (depth-wise, too) or "attention"
    weight: str | None  # attention multiplies activations
    macs: Count
    outputs: Count  # elements of its output


@dataclass(frozen=True)
class Trace:
    """What nesting needs to know of a network."""

    groups: tuple[WidthGroup, ...]
    # for each parameter or buffer that is cut: its axes and how they are made up
    layouts: Mapping[str, Mapping[int, AxisLayout]]
    layers: tuple[Layer, ...]
    activations: tuple[Count, ...]  # elements of one sample
    steps: tuple[Step, ...]
    # (module, axis): where a forward may read the axis' length from one of the module's attributes
    reshaped: tuple[tuple[str, AxisLayout], ...]
    # whether features are split into several axes (an attention's heads), of which one is cut
    splits: bool


def trace(
    model: nn.Module, example_input: Tensor, ignore: Sequence[str], round_to: int, heads_with_stream: bool = False
) -> Trace:
    """Find the width groups, layers and activations of a model.

    The model is exported in evaluation mode on ``example_input``, whose first axis is the batch. The network's
    inputs, its outputs and the parameters of the modules in ``ignore`` are never cut. ``heads_with_stream`` cuts the
    heads of an attention and the features that it reads together, where a forward takes them for equally many.
    Raises `NestingError` for what can't be nested.
    """
    exported = export(model, example_input)
    walk = Walk(example_input.shape[0])
    values = _inputs(walk, model, exported)
    needed = needed_nodes(exported.graph)
    for node in exported.graph.nodes:
        if node.op == "call_function":
            walk.needed = node in needed
            stack = node.meta.get("nn_module_stack") or {}
            walk.module = next(reversed(stack.values()))[0] if stack else ""
            args, kwargs = fx.node.map_arg((node.args, node.kwargs), values.__getitem__)
            values[node] = _output(walk, node, args, kwargs, _is_inside(walk.module, ignore))
        elif node.op == "output":
            walk.pin(*_tensors(fx.node.map_arg(node.args, values.__getitem__)))
    if walk.refused:
        raise NestingError(_refused(walk.refused))
    _keep_attention_square(walk, model)
    if heads_with_stream:
        _cut_heads_with_stream(walk)
    for name, parameter in walk.parameters.items():
        if _is_inside(name, ignore):
            walk.pin(parameter)
    return _resolve(walk, round_to)


def _inputs(walk: Walk, model: nn.Module, exported: Any) -> dict[fx.Node, Any]:
    """The values that an exported graph begins with: parameters, buffers, constants and the network's input."""
    signature = exported.graph_signature
    names = {**signature.inputs_to_parameters, **signature.inputs_to_buffers}
    first_names = _first_names(model)
    values: dict[fx.Node, Any] = {}
    for node in exported.graph.nodes:
        if node.op == "placeholder":
            shape = tuple(getattr(node.meta["val"], "shape", ()))
            if node.name in names:
                name = names[node.name]
                values[node] = walk.parameter(first_names.get(name, name), shape)
            elif node.name in signature.user_inputs:
                values[node] = walk.input(shape)
            else:
                values[node] = Value(shape, (None,) * len(shape))
    return values


def _first_names(model: nn.Module) -> dict[str, str]:
    """For each name of a parameter or buffer the first name of the same tensor: modules may share weights."""
    names: dict[str, str] = {}
    first: dict[int, str] = {}
    for tensors in (model.named_parameters(remove_duplicate=False), model.named_buffers(remove_duplicate=False)):
        for name, tensor in tensors:
            names[name] = first.setdefault(id(tensor), name)
    return names


def _is_inside(name: str, modules: Sequence[str]) -> bool:
    return any(name == module or name.startswith(f"{module}.") for module in modules)


def _output(walk: Walk, node: fx.Node, args: tuple[Any, ...], kwargs: dict[str, Any], ignored: bool) -> Any:
    """What an operator makes of its arguments, by its rule; whole, where nothing that it reads is ever cut."""
    read = list(_tensors((args, kwargs)))
    if ignored:
        walk.pin(*read)

    def keep_whole() -> Any:
        made = each_output(node, lambda shape: walk.store(shape, (None,) * len(shape), read))
        if read and (macs := _counted_macs(node)):
            walk.multiply("linear", Value((macs,), (None,)), 1, next(_tensors(made)))
        return made

    rule = rule_of(node.target)
    reason = ""
    if rule is not None:
        try:
            made = rule(walk, node, *args, **kwargs)
        except ValueError as error:
            reason = str(error)
    elif not all(axis is None for value in read for axis in value.axes):
        reason = "which nest() has no rule for"
    if rule is None or reason:
        made = keep_whole()
    if reason and not ignored:
        walk.refused.append(Refusal(walk.module, str(node.target), reason))
    if ignored:
        walk.pin(*_tensors(made))
    return made


def _counted_macs(node: fx.Node) -> int:
    """The multiply-accumulates of an operator without a rule, as torch counts them: two operations each."""

    def without_memory(argument: fx.Node) -> Any:
        value = argument.meta["val"]
        return torch.empty_like(value, device="meta") if isinstance(value, Tensor) else value

    args, kwargs = fx.node.map_arg((node.args, node.kwargs), without_memory)
    with FlopCounterMode(display=False) as counter:
        node.target(*args, **kwargs)  # type: ignore[operator]
    return counter.get_total_flops() // 2


def _tensors(values: Any) -> Iterator[Value]:
    """Every tensor inside the arguments or outputs of an operator."""
    if isinstance(values, Value):
        yield values
    elif isinstance(values, dict):
        yield from _tensors(tuple(values.values()))
    elif isinstance(values, list | tuple):
        for value in values:
            yield from _tensors(value)


def _refused(refusals: Sequence[Refusal]) -> str:
    """The first operator that can't be nested, and what to do about all of them."""
    module, name, reason = refusals[0].module, refusals[0].operator, refusals[0].reason
    if not module:
        return (
            f"the model's own forward uses the operator {name}, {reason}: put it into a module of its own and name "
            f"that in ignore=[...], or replace it"
        )
    modules = list(dict.fromkeys(refusal.module for refusal in refusals if refusal.module))
    keeps = "keeps whole what the module reads and writes"
    if len(modules) > 1:
        keeps = "keeps whole what these modules read and write"
    return f"module '{module}' uses the operator {name}, {reason}: ignore={modules} {keeps}; or replace it"


def _keep_attention_square(walk: Walk, model: nn.Module) -> None:
    """torch's own attention module has as many features inside as outside: they are cut together, head by head."""
    for name, module in model.named_modules():
        if isinstance(module, nn.MultiheadAttention):
            for weight in ("in_proj_weight", "q_proj_weight", "out_proj.weight"):
                if (parameter := walk.parameters.get(f"{name}.{weight}" if name else weight)) is not None:
                    _couple_repeatedly(walk, *parameter.axes)


def _cut_heads_with_stream(walk: Walk) -> None:
    """An attention whose forward takes its heads for the features that it reads: both are cut together."""
    for split in walk.coupling.splits:
        for producer in walk.producers:
            if np.isin(split.positions, producer.outputs).any():
                _couple_repeatedly(walk, producer.outputs, producer.inputs)


def _couple_repeatedly(walk: Walk, outputs: Positions | None, inputs: Positions | None) -> None:
    """Tie a layer's outputs to its inputs, several times over where they are packed queries, keys and values."""
    if outputs is not None and inputs is not None and len(outputs) % len(inputs) == 0:
        for packed in outputs.reshape(-1, len(inputs)):
            walk.coupling.couple(packed, inputs)


def _resolve(walk: Walk, round_to: int) -> Trace:
    units = Units(walk)
    layouts: dict[str, dict[int, AxisLayout]] = {}
    members: dict[str, list[Member]] = {name: [] for name in units.groups}
    for parameter, value in walk.parameters.items():
        for axis, positions in enumerate(value.axes):
            if positions is None:
                continue
            layout = units.layout(positions, f"axis {axis} of {parameter}")
            if layout.groups:
                layouts.setdefault(parameter, {})[axis] = layout
            for group in layout.groups:
                members[group].append(Member(parameter, axis))

    def elements(value: Value, times: int = 1) -> Count:
        """Elements of a value, so many times, for one sample of the batch."""
        factors = [
            n if axis is None else units.layout(axis, "an activation")
            for n, axis in zip(value.shape, value.axes, strict=True)
        ]
        counted = Count.product(factors) * times
        return Count({groups: c // walk.batch for groups, c in counted.terms.items()})

    reshaped = [(module, units.layout(positions, "a reshaped activation")) for module, positions in walk.reshaped]
    return Trace(
        groups=tuple(
            WidthGroup(
                name, len(owned), tuple(members[name]), _step(name, len(owned), layouts, members[name], round_to)
            )
            for name, owned in units.groups.items()
        ),
        layouts=_one_for_equal(layouts),
        layers=tuple(
            Layer(m.module, m.kind, m.weight, elements(m.factors, m.times), elements(m.output)) for m in walk.layers
        ),
        activations=tuple(elements(value) for value in walk.activations),
        steps=tuple(walk.steps),
        reshaped=tuple(dict.fromkeys((module, axis) for module, axis in reshaped if axis.groups)),
        splits=bool(walk.coupling.splits),
    )


def _one_for_equal(layouts: Mapping[str, dict[int, AxisLayout]]) -> dict[str, Mapping[int, AxisLayout]]:
    """The same layouts; tensors with equal ones share them (a bias and all of a batch norm)."""
    known: dict[tuple[tuple[int, AxisLayout], ...], Mapping[int, AxisLayout]] = {}
    return {name: known.setdefault(tuple(axes.items()), axes) for name, axes in layouts.items()}


def _step(
    group: str, size: int, layouts: Mapping[str, Mapping[int, AxisLayout]], members: Sequence[Member], round_to: int
) -> int:
    """Units between two candidate widths of a group, so that their features are multiples of ``round_to``."""
    axis = layouts[members[0].tensor][members[0].axis]
    features = next(block.chunk for block in axis.blocks if block.group == group)
    step = round_to // gcd(round_to, features)
    if step > size:
        raise NestingError(
            f"round_to={round_to} leaves group '{group}' no width to choose: it has {size} units of {features} features"
        )
    return step
