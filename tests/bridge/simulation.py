"""What a device computes, in numpy integers: nested kernels on the full model's weights, with widths from the table.

Independent of the bridge: models are read by the schema's own code, and nothing is ever cut. Tensors keep the full
network's shapes; a layer reads the first channels of each position and writes the first channels of each position, and
all others hold whatever was there, here random values, so that a kernel that read one of them would be found out.

Arithmetic is TensorFlow Lite Micro's: sums in int32, requantized by a rounding doubling high multiplication and then a
rounding shift ("double rounding").
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from int8_models import Sketch, unpack
from interpreters import micro

from bridge.model_file.table import Kind, SubnetworkTable

NAMES = {code: name for name, code in vars(schema.BuiltinOperator).items() if not name.startswith("_")}
KINDS = ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED")


def high_multiply(values: np.ndarray, multiplier: np.ndarray) -> np.ndarray:
    """gemmlowp's SaturatingRoundingDoublingHighMul: the upper half of 2ab, rounded (halves upwards)."""
    products = values.astype(np.int64) * multiplier.astype(np.int64)
    nudged = products + np.where(products >= 0, 1 << 30, 1 - (1 << 30))
    return np.sign(nudged) * (np.abs(nudged) >> 31)


def shift_right(values: np.ndarray, by: np.ndarray) -> np.ndarray:
    """gemmlowp's RoundingDivideByPOT: halves away from zero."""
    remainder = values & ((1 << by) - 1)
    return (values >> by) + (remainder > ((1 << by) - 1 >> 1) + (values < 0))


def requantize(sums: np.ndarray, multiplier: np.ndarray | int, shift: np.ndarray | int) -> np.ndarray:
    """MultiplyByQuantizedMultiplier with double rounding; multiplier and shift for all or for each channel."""
    multipliers, shifts = np.asarray(multiplier, np.int64), np.asarray(shift, np.int64)
    widened = (sums.astype(np.int64) << np.maximum(shifts, 0)).astype(np.int32)
    return shift_right(high_multiply(widened, multipliers), np.maximum(-shifts, 0))


def quantized(real: float) -> tuple[int, int]:
    """A positive real number as a multiplier of 31 bits and a shift."""
    mantissa, shift = math.frexp(real)
    multiplier = math.floor(mantissa * 2**31 + 0.5)
    if multiplier == 2**31:
        multiplier, shift = 2**30, shift + 1
    return (0, 0) if shift < -31 else (multiplier, shift)


class Simulation:
    """A .tflite model and its table; without a table, the model as it is."""

    def __init__(self, data: bytes, table: SubnetworkTable | None = None, seed: int = 0) -> None:
        self.model = unpack(data)
        self.graph = self.model.subgraphs[0]
        self.table = table
        self.random = np.random.default_rng(seed)

    def run(self, inputs: np.ndarray, k: int = 0) -> dict[int, np.ndarray]:
        """Values of all tensors for (N, ...) int8 inputs, as subnetwork k leaves them."""
        values = {int(self.graph.inputs[0]): inputs}
        for index in range(len(self.graph.operators)):
            values[int(self.graph.operators[index].outputs[0])] = self.operator(index, values, k)
        return values

    def output(self, inputs: np.ndarray, k: int = 0) -> np.ndarray:
        return self.run(inputs, k)[int(self.graph.outputs[0])]

    def name(self, index: int) -> str:
        code = self.model.operatorCodes[self.graph.operators[index].opcodeIndex]
        return NAMES[max(code.builtinCode, code.deprecatedBuiltinCode)]

    def operator(self, index: int, values: dict[int, np.ndarray], k: int = 0) -> np.ndarray:
        """What an operator writes, given the values of the tensors so far."""
        operator, name = self.graph.operators[index], self.name(index)
        if name in KINDS:
            return self._layer(operator, name, index, values, k)
        inputs = [self._value(int(i), values) for i in operator.inputs]
        return BETWEEN[name](self, operator, *inputs).astype(np.int8)

    def scale(self, tensor: int) -> np.float32:
        return np.float32(self.graph.tensors[tensor].quantization.scale[0])

    def zero_point(self, tensor: int) -> int:
        return int(self.graph.tensors[tensor].quantization.zeroPoint[0])

    def constant(self, tensor: int) -> np.ndarray:
        types = {schema.TensorType.INT8: np.int8, schema.TensorType.INT32: np.int32}
        entry = self.graph.tensors[tensor]
        return self.model.buffers[entry.buffer].data.view(types[entry.type]).reshape(entry.shape)

    def activation_range(self, operator: Any) -> tuple[int, int]:
        """Smallest and largest output that the fused activation lets through."""
        output = int(operator.outputs[0])
        activation = getattr(operator.builtinOptions, "fusedActivationFunction", 0)
        low, high = {0: (None, None), 1: (0, None), 2: (-1, 1), 3: (0, 6)}[activation]

        def stored(real: float) -> int:
            ratio = float(np.float32(real) / self.scale(output))
            return self.zero_point(output) + int(math.copysign(math.floor(abs(ratio) + 0.5), ratio))

        smallest = -128 if low is None else max(-128, stored(low))
        return smallest, 127 if high is None else min(127, stored(high))

    def _value(self, tensor: int, values: dict[int, np.ndarray]) -> np.ndarray:
        return values[tensor] if tensor in values else self.constant(tensor)

    def _layer(self, operator: Any, name: str, index: int, values: dict[int, np.ndarray], k: int) -> np.ndarray:
        source, weights_index, bias = (*(int(i) for i in operator.inputs), -1)[:3]
        output = int(operator.outputs[0])
        x, weights = values[source], self.constant(weights_index)
        channels_out = weights.shape[3 if name == "DEPTHWISE_CONV_2D" else 0]
        shape = (len(x), *self.graph.tensors[output].shape[1:])

        in_width, out_width, segments, override, fill = None, channels_out, 1, None, False
        if self.table is not None:
            number = [layer.operator for layer in self.table.layers].index(index)
            layer = self.table.layers[number]
            assert layer.kind == Kind[name]
            segments, fill = layer.segments, layer.fill
            override = self.table.overrides.get((number, k))
            if layer.inputs is not None:
                in_width = self.table.widths[layer.inputs][k]
            if layer.outputs is not None:
                out_width = self.table.widths[layer.outputs][k]

        zero_point = self.zero_point(source) if override is None else override.input_zero_point
        if name == "FULLY_CONNECTED":
            columns = weights.shape[1]
            used = segments_of(columns, segments, in_width)
            sums = (x.reshape(len(x), -1, columns).astype(np.int64) - zero_point)[..., used] @ weights[
                :out_width, used
            ].T.astype(np.int64)
            sums = sums.reshape(*shape[:-1], out_width)
        else:
            options = operator.builtinOptions
            patches = windows(x.astype(np.int64) - zero_point, weights.shape[1:3], options, shape)
            if name == "CONV_2D":
                used = slice(in_width)
                kept = weights[:out_width, :, :, used].astype(np.int64)
                sums = np.einsum("nhwyxc,oyxc->nhwo", patches[..., used], kept)
            else:
                multiplier = channels_out // x.shape[-1]
                patches = np.repeat(patches, multiplier, axis=-1)[..., :out_width]
                sums = np.einsum("nhwyxc,yxc->nhwc", patches, weights[0, ..., :out_width].astype(np.int64))
        if override is not None and override.biases is not None:
            sums = sums + np.array(override.biases)
        elif bias >= 0:
            sums = sums + self.constant(bias)[:out_width]

        if override is None:
            multipliers, shifts = self._multipliers(name, source, weights_index, output, out_width)
            offset, (smallest, largest) = self.zero_point(output), self.activation_range(operator)
        else:
            multipliers, shifts = np.array(override.multipliers), np.array(override.shifts)
            offset, smallest, largest = override.output_zero_point, override.smallest, override.largest
        result = self._unused(shape, offset if fill else None)
        result[..., :out_width] = np.clip(requantize(sums, multipliers, shifts) + offset, smallest, largest)
        return result

    def _multipliers(
        self, name: str, source: int, weights: int, output: int, width: int
    ) -> tuple[np.ndarray, np.ndarray]:
        scales = np.asarray(self.graph.tensors[weights].quantization.scale, np.float32)
        if name == "FULLY_CONNECTED" and len(scales) == 1:
            products = [float(self.scale(source) * scales[0])]  # rounded to float32
        else:
            products = [float(self.scale(source)) * float(scale) for scale in scales]
        pairs = np.array([quantized(product / float(self.scale(output))) for product in products])
        pairs = pairs if len(pairs) == 1 else pairs[:width]
        return pairs[:, 0], pairs[:, 1]

    def _unused(self, shape: tuple[int, ...], filler: int | None) -> np.ndarray:
        if filler is None:
            return self.random.integers(-128, 128, shape).astype(np.int8)
        return np.full(shape, filler, np.int8)

    def _pad(self, operator: Any, x: np.ndarray, amounts: np.ndarray, filler: np.ndarray | None = None) -> np.ndarray:
        value = self.zero_point(int(operator.outputs[0])) if filler is None else filler.reshape(-1)[0]
        return np.pad(x, [(0, 0), *amounts[1:]], constant_values=value)

    def _add(self, operator: Any, left: np.ndarray, right: np.ndarray) -> np.ndarray:
        tensors = [int(i) for i in operator.inputs]
        output = int(operator.outputs[0])
        twice = 2 * float(max(self.scale(i) for i in tensors))
        total = 0
        for tensor, values in zip(tensors, (left, right), strict=True):
            shifted = (values.astype(np.int64) - self.zero_point(tensor)) << 20
            total = total + requantize(shifted, *quantized(float(self.scale(tensor)) / twice))
        total = requantize(total, *quantized(twice / (float(self.scale(output)) * 2**20)))
        return np.clip(total + self.zero_point(output), *self.activation_range(operator))

    def _mul(self, operator: Any, left: np.ndarray, right: np.ndarray) -> np.ndarray:
        tensors = [int(i) for i in operator.inputs]
        output = int(operator.outputs[0])
        factors = [
            values.astype(np.int64) - self.zero_point(tensor)
            for tensor, values in zip(tensors, (left, right), strict=True)
        ]
        real = float(self.scale(tensors[0])) * float(self.scale(tensors[1])) / float(self.scale(output))
        product = requantize(factors[0] * factors[1], *quantized(real))
        return np.clip(product + self.zero_point(output), *self.activation_range(operator))

    def _mean(self, operator: Any, x: np.ndarray, axes: np.ndarray) -> np.ndarray:
        source, output = int(operator.inputs[0]), int(operator.outputs[0])
        assert 0 not in axes % x.ndim
        count = math.prod(x.shape[axis] for axis in axes)
        multiplier, shift = quantized(float(self.scale(source)) / float(self.scale(output)))
        by = min(count.bit_length() - 1, 32, 31 + shift)
        multiplier, shift = (multiplier << by) // count, shift - by
        sums = x.astype(np.int64).sum(tuple(axes), keepdims=operator.builtinOptions.keepDims)
        sums = sums - self.zero_point(source) * count
        return np.clip(requantize(sums, multiplier, shift) + self.zero_point(output), -128, 127)

    def _average_pool(self, operator: Any, x: np.ndarray) -> np.ndarray:
        patches, inside = self._pooled(operator, x, 0)
        sums, count = patches.sum((3, 4)), inside.sum((3, 4))
        averages = np.sign(sums) * ((np.abs(sums) + count // 2) // count)
        return np.clip(averages, *self.activation_range(operator))

    def _max_pool(self, operator: Any, x: np.ndarray) -> np.ndarray:
        patches, _ = self._pooled(operator, x, -128)
        return np.clip(patches.max((3, 4)), *self.activation_range(operator))

    def _pooled(self, operator: Any, x: np.ndarray, filler: int) -> tuple[np.ndarray, np.ndarray]:
        """Windows of the input, and which of their values lie inside of it."""
        options = operator.builtinOptions
        shape = (len(x), *self.graph.tensors[int(operator.outputs[0])].shape[1:])
        kernel = (options.filterHeight, options.filterWidth)
        patches = windows(x.astype(np.int64), kernel, options, shape, filler)
        return patches, windows(np.ones(x.shape, np.int64), kernel, options, shape, 0)

    def _reshape(self, operator: Any, x: np.ndarray, _: np.ndarray | None = None) -> np.ndarray:
        return x.reshape(len(x), *self.graph.tensors[int(operator.outputs[0])].shape[1:])

    def _relu(self, operator: Any, x: np.ndarray) -> np.ndarray:
        source, output = int(operator.inputs[0]), int(operator.outputs[0])
        ratio = quantized(float(self.scale(source) / self.scale(output)))  # a float32 quotient
        values = requantize(x.astype(np.int64) - self.zero_point(source), *ratio) + self.zero_point(output)
        return np.clip(values, max(-128, self.zero_point(output)), 127)

    def _relu6(self, operator: Any, x: np.ndarray) -> np.ndarray:
        """Stored values are clipped; the scales of input and output are taken to be equal."""
        source = int(operator.inputs[0])
        six = self.zero_point(source) + round(float(np.float32(6) / self.scale(source)))
        return np.clip(x, self.zero_point(source), min(six, 127))

    def _leaky_relu(self, operator: Any, x: np.ndarray) -> np.ndarray:
        source, output = int(operator.inputs[0]), int(operator.outputs[0])
        alpha = np.float32(operator.builtinOptions.alpha)
        centered = x.astype(np.int64) - self.zero_point(source)
        identity = quantized(float(self.scale(source) / self.scale(output)))
        scaled = quantized(float(self.scale(source) * alpha / self.scale(output)))
        values = np.where(centered >= 0, requantize(centered, *identity), requantize(centered, *scaled))
        return np.clip(values + self.zero_point(output), -128, 127)

    def _quantize(self, operator: Any, x: np.ndarray) -> np.ndarray:
        source, output = int(operator.inputs[0]), int(operator.outputs[0])
        ratio = quantized(float(self.scale(source)) / float(self.scale(output)))
        values = requantize(x.astype(np.int64) - self.zero_point(source), *ratio)
        return np.clip(values + self.zero_point(output), -128, 127)

    def _softmax(self, operator: Any, x: np.ndarray) -> np.ndarray:
        """The one operator that is left to the runtime: no layer follows it."""
        sketch = Sketch(self.random)
        source = int(operator.inputs[0])
        alone = sketch.activation((1, *x.shape[1:]), self.zero_point(source), self.scale(source))
        return micro(sketch.write([alone], [sketch.softmax(alone)]), x)


BETWEEN: dict[str, Callable[..., np.ndarray]] = {
    "PAD": Simulation._pad,
    "PADV2": Simulation._pad,
    "ADD": Simulation._add,
    "MUL": Simulation._mul,
    "MEAN": Simulation._mean,
    "AVERAGE_POOL_2D": Simulation._average_pool,
    "MAX_POOL_2D": Simulation._max_pool,
    "RESHAPE": Simulation._reshape,
    "RELU": Simulation._relu,
    "RELU6": Simulation._relu6,
    "LEAKY_RELU": Simulation._leaky_relu,
    "QUANTIZE": Simulation._quantize,
    "SOFTMAX": Simulation._softmax,
}


def segments_of(columns: int, segments: int, width: int | None) -> np.ndarray:
    """Columns of a fully-connected layer's weights that the first ``width`` channels of each segment meet."""
    channels = columns // segments
    return np.flatnonzero(np.arange(columns) % channels < (channels if width is None else width))


def windows(
    x: np.ndarray, kernel: tuple[int, int], options: Any, shape: tuple[int, ...], filler: int = 0
) -> np.ndarray:
    """(N, H, W, C) -> (N, H', W', kernel height, kernel width, C): what each output position sees."""
    strides = (options.strideH, options.strideW)
    padding = [(0, 0)]
    for axis in range(2):
        needed = max(0, (shape[axis + 1] - 1) * strides[axis] + kernel[axis] - x.shape[axis + 1])
        before = needed // 2 if options.padding == schema.Padding.SAME else 0
        padding.append((before, needed - before))
    padded = np.pad(x, [*padding, (0, 0)], constant_values=filler)
    seen = np.lib.stride_tricks.sliding_window_view(padded, kernel, axis=(1, 2))
    seen = seen[:, :: strides[0], :: strides[1]][:, : shape[1], : shape[2]]
    return np.moveaxis(seen, 3, -1)
