"""Small int8 models with random weights, written operator by operator: no converter decides what they look like."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema

ACTIVATIONS = vars(schema.ActivationFunctionType)
SAME, VALID = schema.Padding.SAME, schema.Padding.VALID
RESHAPE = schema.BuiltinOperator.RESHAPE  # the one operator here whose int8 version is 1
STEP = 1 / 40  # typical scale of an activation: values have a standard deviation of about 1


@dataclass
class Sketch:
    """A model in the making; its methods add an operator and return the tensor that it writes.

    ``shapes`` are those of the tensors so far. Activations have random scales and zero points, weights are such that
    values keep a standard deviation of about 1.
    """

    random: np.random.Generator
    tensors: list[Any] = field(default_factory=list)
    operators: list[Any] = field(default_factory=list)
    buffers: list[Any] = field(default_factory=lambda: [schema.BufferT()])
    codes: list[int] = field(default_factory=list)

    def activation(
        self, shape: Sequence[int], zero_point: int | None = None, scale: float | None = None, like: int | None = None
    ) -> int:
        """A tensor of a shape, with its own quantization or that of the tensor ``like``."""
        if like is not None:
            scale = self.tensors[like].quantization.scale[0]
            zero_point = self.tensors[like].quantization.zeroPoint[0]
        if zero_point is None:
            zero_point = int(self.random.integers(-20, 20))
        scales = np.array([scale or STEP * self.random.uniform(0.7, 1.4)], np.float32)
        quantization = schema.QuantizationParametersT(scale=scales, zeroPoint=np.array([zero_point], np.int64))
        return self._tensor(shape, schema.TensorType.INT8, quantization)

    def constant(self, values: np.ndarray, scales: np.ndarray | None = None, axis: int = 0, zero_point: int = 0) -> int:
        """A tensor whose values the model holds."""
        types = {"int8": schema.TensorType.INT8, "int32": schema.TensorType.INT32}
        quantization = None
        if scales is not None:
            quantization = schema.QuantizationParametersT(
                scale=scales.astype(np.float32),
                zeroPoint=np.full(len(scales), zero_point, np.int64),
                quantizedDimension=axis if len(scales) > 1 else 0,
            )
        number = self._tensor(values.shape, types[values.dtype.name], quantization, len(self.buffers))
        content = np.ascontiguousarray(values).reshape(-1).view(np.uint8)
        self.buffers.append(schema.BufferT(data=content))
        return number

    def convolution(
        self,
        source: int,
        outputs: int,
        kernel: tuple[int, int] = (1, 1),
        *,
        stride: tuple[int, int] = (1, 1),
        padding: int = SAME,
        activation: str = "RELU",
        per_channel: bool = True,
    ) -> int:
        _, height, width, channels = self.shape(source)
        scales = self._weight_scales(outputs if per_channel else 1, channels * kernel[0] * kernel[1])
        weights = self.constant(self._weights((outputs, *kernel, channels)), scales, 0)
        options = schema.Conv2DOptionsT(
            padding=padding,
            strideH=stride[0],
            strideW=stride[1],
            dilationHFactor=1,
            dilationWFactor=1,
            fusedActivationFunction=ACTIVATIONS[activation],
        )
        shape = (1, *_output_size((height, width), kernel, stride, padding), outputs)
        return self._layer("CONV_2D", source, weights, scales, shape, activation, options)

    def depthwise(
        self,
        source: int,
        kernel: tuple[int, int] = (3, 3),
        *,
        stride: tuple[int, int] = (1, 1),
        padding: int = SAME,
        activation: str = "RELU",
        multiplier: int = 1,
    ) -> int:
        _, height, width, channels = self.shape(source)
        scales = self._weight_scales(channels * multiplier, kernel[0] * kernel[1])
        weights = self.constant(self._weights((1, *kernel, channels * multiplier)), scales, 3)
        options = schema.DepthwiseConv2DOptionsT(
            padding=padding,
            strideH=stride[0],
            strideW=stride[1],
            dilationHFactor=1,
            dilationWFactor=1,
            depthMultiplier=multiplier,
            fusedActivationFunction=ACTIVATIONS[activation],
        )
        shape = (1, *_output_size((height, width), kernel, stride, padding), channels * multiplier)
        return self._layer("DEPTHWISE_CONV_2D", source, weights, scales, shape, activation, options)

    def dense(
        self,
        source: int,
        outputs: int,
        *,
        activation: str = "RELU",
        per_channel: bool = True,
        bias: bool = True,
        weights: int | None = None,
    ) -> int:
        """A fully-connected layer, with the weights of another one if their tensor is given."""
        columns = int(np.prod(self.shape(source)[1:]))
        if weights is None:
            scales = self._weight_scales(outputs if per_channel else 1, columns)
            weights = self.constant(self._weights((outputs, columns)), scales, 0)
        else:
            scales = self.tensors[weights].quantization.scale
        options = schema.FullyConnectedOptionsT(fusedActivationFunction=ACTIVATIONS[activation])
        return self._layer("FULLY_CONNECTED", source, weights, scales, (1, outputs), activation, options, bias)

    def add(self, left: int, right: int, activation: str = "NONE") -> int:
        return self._binary("ADD", left, right, activation, schema.AddOptionsT)

    def mul(self, left: int, right: int, activation: str = "NONE") -> int:
        return self._binary("MUL", left, right, activation, schema.MulOptionsT)

    def pad(self, source: int, amounts: Sequence[tuple[int, int]]) -> int:
        shape = [length + before + after for length, (before, after) in zip(self.shape(source), amounts, strict=True)]
        operand = self.constant(np.array(amounts, np.int32))
        return self._operator("PAD", [source, operand], self.activation(shape, like=source), schema.PadOptionsT())

    def pad_value(self, source: int, amounts: Sequence[tuple[int, int]], value: int) -> int:
        shape = [length + before + after for length, (before, after) in zip(self.shape(source), amounts, strict=True)]
        operand = self.constant(np.array(amounts, np.int32))
        quantization = self.tensors[source].quantization
        filler = self.constant(np.array([value], np.int8), quantization.scale, 0, quantization.zeroPoint[0])
        output = self.activation(shape, like=source)
        return self._operator("PADV2", [source, operand, filler], output, schema.PadV2OptionsT())

    def mean(self, source: int, *, keep: bool = False, same: bool = False) -> int:
        """The mean over height and width; with the input's quantization if ``same``."""
        batch, _, _, channels = self.shape(source)
        output = self.activation((batch, 1, 1, channels) if keep else (batch, channels), like=source if same else None)
        axes = self.constant(np.array([1, 2], np.int32))
        return self._operator("MEAN", [source, axes], output, schema.ReducerOptionsT(keepDims=keep))

    def pool(
        self, source: int, name: str, size: tuple[int, int], padding: int = VALID, activation: str = "NONE"
    ) -> int:
        _, height, width, channels = self.shape(source)
        output = self.activation((1, *_output_size((height, width), size, size, padding), channels), like=source)
        options = schema.Pool2DOptionsT(
            padding=padding,
            strideH=size[0],
            strideW=size[1],
            filterHeight=size[0],
            filterWidth=size[1],
            fusedActivationFunction=ACTIVATIONS[activation],
        )
        return self._operator(name, [source], output, options)

    def reshape(self, source: int, shape: Sequence[int], written: Sequence[int] | None = None) -> int:
        """A new shape; ``written`` is what the operand says, if it says -1 somewhere."""
        said = np.array(written or shape, np.int32)
        output = self.activation(shape, like=source)
        options = schema.ReshapeOptionsT(newShape=said)
        return self._operator("RESHAPE", [source, self.constant(said)], output, options)

    def unary(self, name: str, source: int, options: Any = None) -> int:
        """An operator that works element by element."""
        return self._operator(name, [source], self.activation(self.shape(source)), options)

    def softmax(self, source: int) -> int:
        output = self.activation(self.shape(source), zero_point=-128, scale=1 / 256)
        return self._operator("SOFTMAX", [source], output, schema.SoftmaxOptionsT(beta=1.0))

    def shape(self, tensor: int) -> tuple[int, ...]:
        return tuple(int(length) for length in self.tensors[tensor].shape)

    def model(self, inputs: Sequence[int], outputs: Sequence[int]) -> Any:
        """The model in the schema's object form."""
        subgraph = schema.SubGraphT(
            tensors=self.tensors,
            inputs=np.array(inputs, np.int32),
            outputs=np.array(outputs, np.int32),
            operators=self.operators,
            name=b"main",
        )
        codes = [
            schema.OperatorCodeT(
                deprecatedBuiltinCode=min(code, 127), builtinCode=code, version=1 if code == RESHAPE else 2
            )
            for code in self.codes
        ]
        return schema.ModelT(version=3, operatorCodes=codes, subgraphs=[subgraph], buffers=self.buffers)

    def write(self, inputs: Sequence[int], outputs: Sequence[int]) -> bytes:
        return pack(self.model(inputs, outputs))

    def _layer(
        self,
        name: str,
        source: int,
        weights: int,
        scales: np.ndarray,
        shape: Sequence[int],
        activation: str,
        options: Any,
        bias: bool = True,
    ) -> int:
        output = self.activation(shape, zero_point=-128 if activation.startswith("RELU") else None)
        inputs = [source, weights, -1]
        if bias:
            steps = self.tensors[source].quantization.scale[0] * scales
            values = self.random.normal(0, 0.3, shape[-1]) / steps
            inputs[2] = self.constant(np.rint(values).astype(np.int32), steps)
        return self._operator(name, inputs, output, options)

    def _binary(self, name: str, left: int, right: int, activation: str, options: Any) -> int:
        shape = np.broadcast_shapes(self.shape(left), self.shape(right))
        output = self.activation(shape, zero_point=-128 if activation.startswith("RELU") else None)
        return self._operator(name, [left, right], output, options(fusedActivationFunction=ACTIVATIONS[activation]))

    def _operator(self, name: str, inputs: Sequence[int], output: int, options: Any) -> int:
        code = vars(schema.BuiltinOperator)[name]
        if code not in self.codes:
            self.codes.append(code)
        operator = schema.OperatorT(
            opcodeIndex=self.codes.index(code),
            inputs=np.array(inputs, np.int32),
            outputs=np.array([output], np.int32),
        )
        if options is not None:
            operator.builtinOptions = options
            operator.builtinOptionsType = vars(schema.BuiltinOptions)[type(options).__name__.removesuffix("T")]
        self.operators.append(operator)
        return output

    def _tensor(self, shape: Sequence[int], kind: int, quantization: Any, buffer: int = 0) -> int:
        number = len(self.tensors)
        self.tensors.append(
            schema.TensorT(
                shape=np.array(shape, np.int32),
                type=kind,
                buffer=buffer,
                name=f"tensor_{number}".encode(),
                quantization=quantization,
                hasRank=True,
            )
        )
        return number

    def _weights(self, shape: Sequence[int]) -> np.ndarray:
        return self.random.integers(-127, 128, shape).astype(np.int8)

    def _weight_scales(self, count: int, fan_in: int) -> np.ndarray:
        return (self.random.uniform(0.7, 2.8, count) / (75 * np.sqrt(fan_in))).astype(np.float32)


def pack(model: Any) -> bytes:
    """A .tflite file as the schema's own code writes it."""
    builder = flatbuffers.Builder(4096)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def unpack(data: bytes) -> Any:
    """The model of a file that is known to be good, as the schema's own code reads it."""
    return schema.ModelT.InitFromObj(schema.Model.GetRootAs(data))


def _output_size(
    size: tuple[int, int], kernel: tuple[int, int], stride: tuple[int, int], padding: int
) -> tuple[int, int]:
    missing = (0, 0) if padding == SAME else (kernel[0] - 1, kernel[1] - 1)
    return -(-(size[0] - missing[0]) // stride[0]), -(-(size[1] - missing[1]) // stride[1])
