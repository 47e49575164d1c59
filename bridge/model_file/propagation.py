"""Which axis of which tensor belongs to which width group.

The table names the groups of the layers. Between layers, operators such as pooling and addition hand a group on from
their inputs to their outputs; here are the rules of those that can. The last axis of a tensor that belongs to a group
is a sequence of blocks, each with the group's channels: one block as a rule, one for each position behind a flatten.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from ai_edge_litert.schema_py_generated import OperatorT

from .graph import Graph, elements
from .table import FormatError, Kind, Layer, SubnetworkTable

WEIGHTS, BIAS = 1, 2  # which inputs of a layer they are
KINDS = {kind.name: kind for kind in Kind}
_OUTPUT_AXIS = {Kind.CONV_2D: 0, Kind.DEPTHWISE_CONV_2D: 3, Kind.FULLY_CONNECTED: 0}


@dataclass
class CutAxes:
    """Axes that shrink with a width group.

    ``activations`` maps a tensor to the group of its last axis. ``constants`` maps (operator, number of the input) to
    the groups of the axes of the constant that the operator reads there. ``reshapes`` are the RESHAPE operators whose
    output belongs to a group, ``depthwise`` the layers whose channel multiplier does.
    """

    activations: dict[int, int] = field(default_factory=dict)
    constants: dict[tuple[int, int], dict[int, int]] = field(default_factory=dict)
    reshapes: list[int] = field(default_factory=list)
    depthwise: list[int] = field(default_factory=list)


def layer_operators(graph: Graph) -> list[tuple[int, Kind]]:
    """Index and kind of each operator that is a layer, in the order in which they are executed."""
    names = [graph.operator_name(operator) for operator in graph.operators]
    return [(index, KINDS[name]) for index, name in enumerate(names) if name in KINDS]


def output_axis(kind: Kind) -> int:
    """Axis of a layer's weights that its output channels lie along."""
    return _OUTPUT_AXIS[kind]


def propagate(graph: Graph, table: SubnetworkTable) -> CutAxes:
    """Follow the width groups through the model.

    Raises:
        FormatError: if the table does not fit the model, or an operator can't hand on what it reads.
    """
    operators = layer_operators(graph)
    if [(layer.operator, layer.kind) for layer in table.layers] != operators:
        raise FormatError(
            f"the table's layers {_listed([(x.operator, x.kind) for x in table.layers])} "
            f"are not the model's, {_listed(operators)}"
        )
    walk = _Walk(graph, table)
    for operator in graph.operators:
        for output in elements(operator.outputs):
            walk.writes(int(output))
    layers = {layer.operator: (number, layer) for number, layer in enumerate(table.layers)}
    for index, operator in enumerate(graph.operators):
        if index in layers:
            walk.layer(index, operator, *layers[index])
        else:
            walk.between(index, operator)
    return walk.axes


@dataclass
class _Walk:
    graph: Graph
    table: SubnetworkTable
    axes: CutAxes = field(default_factory=CutAxes)
    written: set[int] = field(default_factory=set)

    def writes(self, tensor: int) -> None:
        """Note that an operator writes a tensor: once, and no constant."""
        if tensor in self.written or self.graph.is_constant(tensor):
            raise FormatError(f"{self.graph.name(tensor)!r} is written twice")
        self.written.add(tensor)

    def layer(self, index: int, operator: OperatorT, number: int, layer: Layer) -> None:
        """A layer: its input's group must be the table's, its output's group is the table's."""
        where = f"layer {number} ({layer.kind.name}, operator {index})"
        self.graph.check_options(operator)
        source, weights, output = self._layer_tensors(operator, where)
        found = self.axes.activations.get(source)
        if found != layer.inputs:
            raise FormatError(f"{where} reads channels of {_group(found)}, but the table says {_group(layer.inputs)}")
        shape, out_axis = self.graph.constant(weights).shape, output_axis(layer.kind)
        rank = 2 if layer.kind == Kind.FULLY_CONNECTED else 4
        if len(shape) != rank or self._last(output, where) != shape[out_axis]:
            raise FormatError(f"{where} has weights of the shape {shape}, which don't match its output")
        if layer.outputs is not None and shape[out_axis] != self._size(layer.outputs):
            raise FormatError(
                f"{where} has {shape[out_axis]} output channels, but group {layer.outputs} has "
                f"{self._size(layer.outputs)}"
            )
        if layer.kind == Kind.FULLY_CONNECTED:
            self._check_dense(operator, shape, layer, where)
        else:
            self._check_convolution(shape, layer, where, self._last(source, where))
        self._cut_layer(index, operator, layer, where)
        if layer.outputs is not None:
            self.axes.activations[output] = layer.outputs

    def between(self, index: int, operator: OperatorT) -> None:
        """An operator without weights; one that is not known is left alone where nothing that it reads is cut."""
        name = self.graph.operator_name(operator)
        inputs = [int(i) for i in elements(operator.inputs)]
        if not any(i in self.axes.activations for i in inputs):
            return
        where = f"{name} (operator {index})"
        if name not in _RULES:
            raise FormatError(f"{where} reads channels that subnetworks cut, which is not supported")
        self.graph.check_options(operator)
        if inputs[0] < 0 or len(elements(operator.outputs)) != 1:
            raise FormatError(f"{where} must have an input and one output")
        group = _RULES[name](self, index, operator, where)
        output = int(operator.outputs[0])
        if group is not None:
            if self._last(output, where) % self._size(group):
                raise FormatError(f"{where} has an output that does not consist of the {self._size(group)} channels")
            self.axes.activations[output] = group

    def same_channels(self, index: int, operator: OperatorT, where: str) -> int | None:
        """Each output channel depends on the same channel of the first input."""
        source, output = int(operator.inputs[0]), int(operator.outputs[0])
        if self._last(source, where) != self._last(output, where):
            raise FormatError(f"{where} changes the number of channels")
        return self.axes.activations.get(source)

    def padding(self, index: int, operator: OperatorT, where: str) -> int | None:
        """Padding must leave the channels alone."""
        amounts = self._operand(operator, 1, where)
        if amounts.ndim != 2 or amounts[-1:].any():
            raise FormatError(f"{where} pads channels that subnetworks cut")
        return self.same_channels(index, operator, where)

    def mean(self, index: int, operator: OperatorT, where: str) -> int | None:
        """A mean over positions must leave the channels alone."""
        rank = len(self.graph.shape(int(operator.inputs[0])))
        if any(int(axis) % rank == rank - 1 for axis in self._operand(operator, 1, where).reshape(-1)):
            raise FormatError(f"{where} takes the mean over channels that subnetworks cut")
        return self.same_channels(index, operator, where)

    def elementwise(self, index: int, operator: OperatorT, where: str) -> int | None:
        """A sum or product: both sides have the same channels, or one of them has a single one for all."""
        if len(operator.inputs) != 2 or min(operator.inputs) < 0:
            raise FormatError(f"{where} must have two inputs")
        channels = self._last(int(operator.outputs[0]), where)
        wide = [
            slot
            for slot, tensor in enumerate(operator.inputs)
            if (self.graph.shape(int(tensor)) or (1,))[-1] == channels
        ]
        constants = [slot for slot in wide if self.graph.is_constant(int(operator.inputs[slot]))]
        groups = {self.axes.activations.get(int(operator.inputs[slot])) for slot in wide if slot not in constants}
        groups = groups or {None}
        if len(groups) != 1:
            raise FormatError(f"{where} combines channels of {' and '.join(sorted(map(_group, groups)))}")
        (group,) = groups
        if group is not None:
            for slot in constants:
                axes = len(self.graph.shape(int(operator.inputs[slot])))
                if axes:
                    self.axes.constants[index, slot] = {axes - 1: group}
        return group

    def reshape(self, index: int, operator: OperatorT, where: str) -> int | None:
        """A new shape keeps each position's channels side by side."""
        source, output = int(operator.inputs[0]), int(operator.outputs[0])
        if math.prod(self.graph.shape(source)) != math.prod(self.graph.shape(output)):
            raise FormatError(f"{where} changes the number of values")
        if len(operator.inputs) > 1 and self._operand(operator, 1, where).shape != (len(self.graph.shape(output)),):
            raise FormatError(f"{where} has an output of another shape than its operand says")
        self.axes.reshapes.append(index)
        return self.axes.activations.get(source)

    def _layer_tensors(self, operator: OperatorT, where: str) -> tuple[int, int, int]:
        inputs, outputs = elements(operator.inputs), elements(operator.outputs)
        if not WEIGHTS < len(inputs) <= BIAS + 1 or min(inputs[: WEIGHTS + 1]) < 0 or len(outputs) != 1:
            raise FormatError(f"{where} must have an input, weights, perhaps a bias, and one output")
        return int(inputs[0]), int(inputs[WEIGHTS]), int(outputs[0])

    def _check_convolution(self, shape: tuple[int, ...], layer: Layer, where: str, channels: int) -> None:
        if layer.kind == Kind.CONV_2D:
            if shape[3] != channels:
                raise FormatError(f"{where} reads {shape[3]} of {channels} channels: groups are not supported")
        elif layer.inputs is not None and shape[3] != channels:
            raise FormatError(f"{where} must have a channel multiplier of 1, not {shape[3] / channels:g}")
        elif layer.inputs is None and layer.outputs is not None and channels != 1:
            raise FormatError(f"{where} must read the same group that it writes, or a single channel")

    def _check_dense(self, operator: OperatorT, shape: tuple[int, ...], layer: Layer, where: str) -> None:
        source = self.graph.shape(int(operator.inputs[0]))
        columns = shape[1]
        if not any(math.prod(source[i:]) == columns for i in range(len(source))):
            raise FormatError(f"{where} has {columns} weights for each output, but its input has the shape {source}")
        if operator.builtinOptions.weightsFormat != 0:
            raise FormatError(f"{where} has shuffled weights, which are not supported")
        channels = columns if layer.inputs is None else self._size(layer.inputs) * layer.segments
        if channels != columns or columns % layer.segments:
            raise FormatError(f"{where} has {columns} weights for each output, not {layer.segments} equal segments")

    def _cut_layer(self, index: int, operator: OperatorT, layer: Layer, where: str) -> None:
        axes = {} if layer.outputs is None else {output_axis(layer.kind): layer.outputs}
        if layer.inputs is not None and layer.kind != Kind.DEPTHWISE_CONV_2D:
            axes[1 if layer.kind == Kind.FULLY_CONNECTED else 3] = layer.inputs
        if axes:
            self.axes.constants[index, WEIGHTS] = axes
        if len(operator.inputs) > BIAS and operator.inputs[BIAS] >= 0:
            biases = self.graph.constant(int(operator.inputs[BIAS])).shape
            if biases != (self.graph.shape(int(operator.inputs[WEIGHTS]))[output_axis(layer.kind)],):
                raise FormatError(f"{where} has biases of the shape {biases}")
            if layer.outputs is not None:
                self.axes.constants[index, BIAS] = {0: layer.outputs}
        if layer.kind == Kind.DEPTHWISE_CONV_2D and layer.inputs is None and layer.outputs is not None:
            self.axes.depthwise.append(index)

    def _size(self, group: int) -> int:
        return self.table.widths[group][0]

    def _last(self, tensor: int, where: str) -> int:
        shape = self.graph.shape(tensor)
        if not shape or 0 in shape:
            raise FormatError(f"{where} has a tensor of the shape {shape}")
        return shape[-1]

    def _operand(self, operator: OperatorT, slot: int, where: str) -> np.ndarray:
        if len(operator.inputs) <= slot or operator.inputs[slot] < 0:
            raise FormatError(f"{where} lacks an operand")
        return self.graph.constant(int(operator.inputs[slot]))


_RULES: dict[str, Callable[[_Walk, int, OperatorT, str], int | None]] = {
    "ADD": _Walk.elementwise,
    "MUL": _Walk.elementwise,
    "PAD": _Walk.padding,
    "PADV2": _Walk.padding,
    "MEAN": _Walk.mean,
    "RESHAPE": _Walk.reshape,
    **dict.fromkeys(
        ("AVERAGE_POOL_2D", "MAX_POOL_2D", "RELU", "RELU6", "LEAKY_RELU", "QUANTIZE", "DEQUANTIZE"),
        _Walk.same_channels,
    ),
}


def _group(group: int | None) -> str:
    return "no group" if group is None else f"group {group}"


def _listed(layers: list[tuple[int, Kind]]) -> str:
    shown = ", ".join(f"{index} {kind.name}" for index, kind in layers[:20])
    return f"[{shown}{', ...' if len(layers) > 20 else ''}]"
