"""Cutting a subnetwork out of a .tflite file: an ordinary small model, without requantizing.

Weights, biases and scales are prefixes of the full model's along the axes that ``propagation`` finds, so a stock
runtime computes with the cut model what the device computes with the full model's weights and the subnetwork's widths.
Float32 models are cut in the same way; tensors keep their names.
"""

from __future__ import annotations

import copy
from collections import Counter
from dataclasses import dataclass

import numpy as np
from ai_edge_litert.schema_py_generated import BufferT, QuantizationParametersT, ReshapeOptionsT, TensorT

from .flatbuffer import detach, read, write
from .graph import Graph, buffer_uses, elements
from .own_quantization import OwnQuantization, complete, own_quantization
from .propagation import BIAS, WEIGHTS, CutAxes, output_axis, propagate
from .table import FormatError, SubnetworkTable

_PER_CHANNEL = ("scale", "zeroPoint", "min", "max")


def cut(data: bytes, table: SubnetworkTable, k: int) -> bytes:
    """Subnetwork k of a model as a model of its own; subnetwork 0 is the model without the table.

    Args:
        data: a .tflite file, int8 or float32, with or without the table in it.
        table: the subnetworks of this very model; a float32 model's table has no overrides. What ``ranges.complete``
            adds need not be in it.
        k: which one.

    Raises:
        FormatError: if the bytes are no model, the table does not fit it, or there is no subnetwork k.
    """
    if not 0 <= k < len(table.subnetworks):
        raise FormatError(f"there are subnetworks 0 to {len(table.subnetworks) - 1}, none has the number {k}")
    model = read(data)
    detach(model)
    graph = Graph(model)
    axes = propagate(graph, table)
    table = complete(graph, table)
    _Cutter(graph, table, k).cut(axes, own_quantization(graph, table, k))
    return write(model)


def prefixes(array: np.ndarray, axis: int, full: int, width: int) -> np.ndarray:
    """The first ``width`` of every ``full`` elements along an axis."""
    shape = array.shape
    blocks = array.reshape(*shape[:axis], shape[axis] // full, full, *shape[axis + 1 :])
    kept = blocks[(slice(None),) * (axis + 1) + (slice(width),)]
    return kept.reshape(*shape[:axis], shape[axis] // full * width, *shape[axis + 1 :])


@dataclass
class _Cutter:
    graph: Graph
    table: SubnetworkTable
    k: int

    def __post_init__(self) -> None:
        model = self.graph.model
        # Tensors and buffers that something else needs as they are must be copied before they are cut.
        self.buffer_uses = buffer_uses(model)
        self.tensor_uses = Counter(int(i) for operator in self.graph.operators for i in elements(operator.inputs))
        self.tensor_uses.update((*self.graph.inputs, *self.graph.outputs))
        for signature in elements(model.signatureDefs):
            self.tensor_uses.update(e.tensorIndex for e in (*elements(signature.inputs), *elements(signature.outputs)))

    def cut(self, axes: CutAxes, own: OwnQuantization) -> None:
        """Cut the model in place."""
        for (index, slot), groups in axes.constants.items():
            self._cut_constant(index, slot, groups)
        for tensor, group in axes.activations.items():
            self._cut_shape(self.graph.tensor(tensor), group)
        for index in axes.reshapes:
            self._set_new_shape(index)
        for index in axes.depthwise:
            operator = self.graph.operators[index]
            operator.builtinOptions.depthMultiplier = self.graph.shape(int(operator.outputs[0]))[-1]
        for tensor, quantization in own.tensors.items():
            _set_scales(
                self.graph.tensor(tensor), np.array([quantization.scale], np.float32), quantization.zero_point, 0
            )
        for number, scales in own.weights.items():
            self._set_layer_scales(number, scales)

    def _widths(self, group: int) -> tuple[int, int]:
        return self.table.widths[group][0], self.table.widths[group][self.k]

    def _cut_constant(self, index: int, slot: int, groups: dict[int, int]) -> None:
        cuts = [(axis, *self._widths(group)) for axis, group in groups.items()]
        cuts = [(axis, full, width) for axis, full, width in cuts if width < full]
        if not cuts:
            return
        values = self.graph.constant(int(self.graph.operators[index].inputs[slot]))
        for axis, full, width in cuts:
            values = prefixes(values, axis, full, width)
        tensor = self._own_tensor(index, slot)
        self._set_values(tensor, values)
        for axis, full, width in cuts:
            _cut_scales(tensor, axis, full, width)

    def _cut_shape(self, tensor: TensorT, group: int) -> None:
        full, width = self._widths(group)
        shape = np.array(tensor.shape)
        shape[-1] = shape[-1] // full * width
        tensor.shape = shape
        signature = np.array(elements(tensor.shapeSignature), np.int32)
        if len(signature) and signature[-1] != -1:
            signature[-1] = shape[-1]
            tensor.shapeSignature = signature

    def _set_new_shape(self, index: int) -> None:
        """The shape that RESHAPE reads must say how many channels are left, unless it leaves that open with -1."""
        operator = self.graph.operators[index]
        channels = self.graph.shape(int(operator.outputs[0]))[-1]
        if len(operator.inputs) > 1:
            values = self.graph.constant(int(operator.inputs[1])).copy()
            if values[-1] not in (-1, channels):
                values[-1] = channels
                self._set_values(self._own_tensor(index, 1), values)
        options = operator.builtinOptions
        if isinstance(options, ReshapeOptionsT) and len(elements(options.newShape)) and options.newShape[-1] != -1:
            options.newShape = np.array([*options.newShape[:-1], channels], np.int32)

    def _set_layer_scales(self, number: int, scales: np.ndarray) -> None:
        layer = self.table.layers[number]
        operator = self.graph.operators[layer.operator]
        override = self.table.overrides[number, self.k]
        source = self.graph.quantization(int(operator.inputs[0]))
        _set_scales(self._own_tensor(layer.operator, WEIGHTS), scales, 0, output_axis(layer.kind))
        if len(operator.inputs) > BIAS and operator.inputs[BIAS] >= 0:
            bias = self._own_tensor(layer.operator, BIAS)
            _set_scales(bias, (np.float32(source.scale) * scales).astype(np.float32), 0, 0)
            if override.biases is not None:
                self._set_values(bias, np.array(override.biases, np.int32))

    def _own_tensor(self, index: int, slot: int) -> TensorT:
        """The tensor of an operator's input, or a copy of it if something else uses it, too."""
        operator = self.graph.operators[index]
        shared = int(operator.inputs[slot])
        tensor = self.graph.tensor(shared)
        if self.tensor_uses[shared] == 1:
            return tensor
        self.tensor_uses[shared] -= 1
        tensor = copy.copy(tensor)
        tensor.quantization = copy.copy(tensor.quantization)
        tensor.name = (tensor.name or b"") + f"/operator_{index}".encode()
        self.buffer_uses[tensor.buffer] += 1
        number = len(self.graph.subgraph.tensors)
        self.graph.subgraph.tensors.append(tensor)
        self.tensor_uses[number] = 1
        operator.inputs = np.array(operator.inputs)
        operator.inputs[slot] = number
        return tensor

    def _set_values(self, tensor: TensorT, values: np.ndarray) -> None:
        """Give a constant tensor other values, in a buffer of its own."""
        buffers = self.graph.model.buffers
        if self.buffer_uses[tensor.buffer] > 1:
            self.buffer_uses[tensor.buffer] -= 1
            tensor.buffer = len(buffers)
            self.buffer_uses[tensor.buffer] = 1
            buffers.append(BufferT())
        buffers[tensor.buffer].data = np.ascontiguousarray(values).reshape(-1).view(np.uint8)
        tensor.shape = np.array(values.shape, np.int32)


def _cut_scales(tensor: TensorT, axis: int, full: int, width: int) -> None:
    """Keep the scales of the channels that are left along an axis."""
    quantization = tensor.quantization
    count = 0 if quantization is None else len(elements(quantization.scale))
    if count > 1 and quantization.quantizedDimension == axis:
        for name in _PER_CHANNEL:
            vector = np.asarray(elements(getattr(quantization, name)))
            if len(vector) == count:
                setattr(quantization, name, prefixes(vector, 0, full, width))


def _set_scales(tensor: TensorT, scales: np.ndarray, zero_point: int, axis: int) -> None:
    """Give a tensor other scales; the real minimum and maximum that the converter noted are no longer true."""
    quantization = tensor.quantization = tensor.quantization or QuantizationParametersT()
    quantization.scale = scales
    quantization.zeroPoint = np.full(len(scales), zero_point, np.int64)
    quantization.quantizedDimension = axis if len(scales) > 1 else 0
    quantization.min = quantization.max = None
