"""From a float32 model and the ranges of its activations to int8, by TensorFlow's rules, in numpy.

A stored value q stands for scale × (q - zero point). Weights are symmetric with a scale for each output channel,
activations have one scale and a zero point, biases are int32 in steps of input scale × weight scale, so that they can
be added to a layer's sums (Jacob et al., arXiv 1712.05877, section 2; TensorFlow Lite's 8-bit quantization
specification). Where float32 rounding decides, the order of operations is TensorFlow's: its converter makes the same
integers and, but for the last bit, the same scales of the same ranges.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from ai_edge_litert.schema_py_generated import OperatorT, QuantizationParametersT, TensorType

from ..error import BridgeError
from ..model_file.flatbuffer import read, write
from ..model_file.graph import Graph
from ..model_file.propagation import BIAS, WEIGHTS, output_axis
from ..model_file.requantization import Quantization
from ..model_file.table import Kind
from .activation_ranges import Ranges, including_zero
from .editing import add_constant, drop_unused

# What an operator's output is quantized by: a range of its own, or its input's quantization because it moves or
# averages stored values.
_OWN_RANGE = {*Kind.__members__, "ADD", "MEAN", "RELU", "RELU6", "LEAKY_RELU"}
_LIKE_INPUT = {"RESHAPE", "PAD", "MAX_POOL_2D", "AVERAGE_POOL_2D"}
# the version in which an operator learned int8, where that is not its first
_VERSIONS = {
    **dict.fromkeys(("ADD", "MEAN", "RELU", "RELU6", "PAD", "MAX_POOL_2D", "AVERAGE_POOL_2D"), 2),
    **dict.fromkeys(("CONV_2D", "DEPTHWISE_CONV_2D"), 3),
    "FULLY_CONNECTED": 4,
}
_NARROW = 1e-6  # a range of less is widened by as much on both sides
_LARGEST_BIAS = np.float32(2**30)  # that is stored; the other half of int32 is left to the sums


def quantize(model: bytes, ranges: Ranges) -> bytes:
    """The int8 model: the same operators, tensors under the same names, int8 input and output.

    Args:
        model: a float32 .tflite file.
        ranges: of all its activations, by the tensors' names.

    Raises:
        BridgeError: there is no rule for an operator.
    """
    graph = Graph(read(model))
    quantizer = _Quantizer(graph, ranges)
    for tensor in graph.inputs:
        quantizer.give_range(tensor)
    for operator in graph.operators:
        quantizer.quantize(operator)
    for code, name in {o.opcodeIndex: graph.operator_name(o) for o in graph.operators}.items():
        graph.model.operatorCodes[code].version = _VERSIONS.get(name, 1)
    drop_unused(graph)
    return write(graph.model)


def quantization_of(smallest: float, largest: float) -> Quantization:
    """The int8 quantization that spreads a range, widened to hold zero, over the 256 stored values.

    The zero point is computed from the end of the range that is nearer to zero, where less is lost to rounding.
    """
    low, high = (np.float32(limit) for limit in including_zero(smallest, largest))
    if float(high) - float(low) < _NARROW:
        low, high = np.float32(low - _NARROW), np.float32(high + _NARROW)
    scale = (high - low) / np.float32(255)
    steps = (float(high) - float(low)) / 255
    below, above = -128 - float(low) / steps, 127 - float(high) / steps
    zero_point = _rounded(below if 128 - float(low) / steps < 127 + float(high) / steps else above)
    return Quantization(float(scale), int(np.clip(zero_point, -128, 127)))


def weight_scales(weights: np.ndarray, axis: int) -> np.ndarray:
    """Scales (outputs,) float32 of weights with their outputs along an axis: the largest of each is stored as 127."""
    others = tuple(i for i in range(weights.ndim) if i != axis)
    return np.maximum(np.abs(weights).max(others), np.float32(_NARROW / 2)) / np.float32(127)


def scales_for_biases(scales: np.ndarray, biases: np.ndarray, input_scale: float) -> np.ndarray:
    """Weight scales, enlarged where the bias would be more than half of what int32 holds in steps of the sums."""
    needed = np.abs(biases) / _LARGEST_BIAS / np.float32(input_scale)
    return np.maximum(scales, needed).astype(np.float32)


def stored(values: np.ndarray, scales: np.ndarray, largest: int) -> np.ndarray:
    """Values as integers between -largest and largest, halves rounded away from zero; scales broadcast to them."""
    steps = values * (np.float32(1) / scales)
    return np.clip(_rounded(steps.astype(np.float64)), -largest, largest)


@dataclass(frozen=True)
class _Quantizer:
    """Quantizes a model in place, operator by operator in the order of execution."""

    graph: Graph
    ranges: Ranges

    def give_range(self, tensor: int) -> None:
        """Make an activation int8, by its range."""
        self._make_int8(tensor, quantization_of(*self.ranges[self.graph.name(tensor)]))

    def quantize(self, operator: OperatorT) -> None:
        """Make what an operator writes int8, and what it reads of constants int8 and int32."""
        name, output = self.graph.operator_name(operator), int(operator.outputs[0])
        if name not in _OWN_RANGE | _LIKE_INPUT:
            raise BridgeError(f"there is no rule that makes the operator {name} int8")
        if name in Kind.__members__:
            self._quantize_layer(operator, Kind[name])
        elif name == "ADD":
            self._quantize_summands(operator)
        if name in _LIKE_INPUT:
            self._make_int8(output, self.graph.quantization(int(operator.inputs[0])))
        else:
            self.give_range(output)

    def _quantize_layer(self, operator: OperatorT, kind: Kind) -> None:
        graph, axis = self.graph, output_axis(kind)
        source, weight = graph.quantization(int(operator.inputs[0])), int(operator.inputs[WEIGHTS])
        has_bias = len(operator.inputs) > BIAS and operator.inputs[BIAS] >= 0
        weights = graph.constant(weight)
        scales = weight_scales(weights, axis)
        if has_bias:
            bias = int(operator.inputs[BIAS])
            biases = graph.constant(bias)
            scales = scales_for_biases(scales, biases, source.scale)
            steps = np.float32(source.scale) * scales
            self._replace(operator, BIAS, stored(biases, steps, 2**31 - 1).astype(np.int32), steps, 0)
        along = scales.reshape([-1 if i == axis else 1 for i in range(weights.ndim)])
        self._replace(operator, WEIGHTS, stored(weights, along, 127).astype(np.int8), scales, axis)

    def _quantize_summands(self, operator: OperatorT) -> None:
        """A summand may be a constant, which is quantized like an activation."""
        for slot, tensor in enumerate(int(i) for i in operator.inputs):
            if self.graph.is_constant(tensor):
                values = self.graph.constant(tensor)
                by = quantization_of(float(values.min()), float(values.max()))
                scale = np.array([by.scale], np.float32)
                steps = stored(values, scale, 2**15) + by.zero_point
                self._replace(operator, slot, np.clip(steps, -128, 127).astype(np.int8), scale, 0, by.zero_point)

    def _make_int8(self, tensor: int, quantization: Quantization) -> None:
        entry = self.graph.tensor(tensor)
        entry.type = TensorType.INT8
        entry.quantization = _parameters(np.array([quantization.scale], np.float32), quantization.zero_point, 0)

    def _replace(
        self, operator: OperatorT, slot: int, values: np.ndarray, scales: np.ndarray, axis: int, zero_point: int = 0
    ) -> None:
        """Give an operator a constant of its own: another one that reads it may need it in other steps."""
        graph, old = self.graph, int(operator.inputs[slot])
        new = add_constant(graph, graph.name(old), values)
        graph.tensor(new).quantization = _parameters(scales, zero_point, axis)
        operator.inputs = np.array(operator.inputs)
        operator.inputs[slot] = new


def _parameters(scales: np.ndarray, zero_point: int, axis: int) -> QuantizationParametersT:
    return QuantizationParametersT(
        scale=scales,
        zeroPoint=np.full(len(scales), zero_point, np.int64),
        quantizedDimension=axis if len(scales) > 1 else 0,
    )


def _rounded(values: np.ndarray | float) -> np.ndarray:
    """Halves away from zero."""
    return np.copysign(np.floor(np.abs(values) + 0.5), values)
