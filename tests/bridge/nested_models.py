"""Models with the width groups of their layers, and random tables for them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from int8_models import SAME, VALID, Sketch, unpack
from simulation import KINDS, NAMES

from bridge.model_file.requantization import Quantization, make_override
from bridge.model_file.table import Kind, Layer, SubnetworkRow, SubnetworkTable

ACTIVATION_NAMES = {
    code: name for name, code in vars(schema.ActivationFunctionType).items() if not name.startswith("_")
}
Groups = Sequence[tuple[int | None, int | None, int]]  # inputs, outputs and segments of each layer


@dataclass(frozen=True)
class Part:
    """What the quantization of a layer is made of."""

    source: Quantization
    output: Quantization
    scales: np.ndarray  # of the weights
    activation: str
    has_bias: bool
    channels: int


@dataclass(frozen=True)
class Example:
    """A model and the width groups that its layers read and write.

    ``free`` are the layers whose output may have a quantization of its own, as only layers and operators that move
    values read it, and the layer that does (None for the model's output).
    """

    data: bytes
    sizes: tuple[int, ...]  # of the groups
    groups: Groups
    free: Mapping[int, int | None] = field(default_factory=dict)

    def table(self, random: np.random.Generator, count: int = 4) -> SubnetworkTable:
        """A table with random nested widths; the last subnetwork keeps a single unit of everything."""
        widths = []
        for size in self.sizes:
            between = sorted(random.integers(1, size + 1, count - 2), reverse=True)
            widths.append((size, *(int(width) for width in between), 1))
        return self.with_widths(widths)

    def with_widths(self, widths: Sequence[tuple[int, ...]]) -> SubnetworkTable:
        """The table with these widths."""
        model = unpack(self.data)
        names = []
        for operator in model.subgraphs[0].operators:
            code = model.operatorCodes[operator.opcodeIndex]
            names.append(NAMES[max(code.builtinCode, code.deprecatedBuiltinCode)])
        layers = [index for index, name in enumerate(names) if name in KINDS]
        return SubnetworkTable(
            subnetworks=tuple(SubnetworkRow(macs=1000 - k, peak_memory=100) for k in range(len(widths[0]))),
            widths=tuple(widths),
            layers=tuple(
                Layer(index, Kind[names[index]], False, inputs, outputs, segments)
                for index, (inputs, outputs, segments) in zip(layers, self.groups, strict=True)
            ),
        )

    def part(self, table: SubnetworkTable, number: int) -> Part:
        """A layer's quantization in the model."""
        graph = unpack(self.data).subgraphs[0]
        layer = table.layers[number]
        operator = graph.operators[layer.operator]
        ends = [graph.tensors[int(i)].quantization for i in (operator.inputs[0], operator.outputs[0])]
        source, output = (Quantization(float(end.scale[0]), int(end.zeroPoint[0])) for end in ends)
        weights = graph.tensors[int(operator.inputs[1])]
        channels = int(weights.shape[3 if layer.kind == Kind.DEPTHWISE_CONV_2D else 0])
        activation = ACTIVATION_NAMES[operator.builtinOptions.fusedActivationFunction]
        has_bias = bool(operator.inputs[2] >= 0)
        return Part(source, output, np.asarray(weights.quantization.scale), activation, has_bias, channels)

    def with_overrides(self, table: SubnetworkTable, random: np.random.Generator) -> SubnetworkTable:
        """The table with random ranges and, for some layers, random batch norm of their own for all subnetworks."""
        overrides = {}
        for k in range(1, len(table.subnetworks)):
            sources: dict[int | None, Quantization] = {}
            for number, layer in enumerate(table.layers):
                part = self.part(table, number)
                source, output, scales, biases = part.source, part.output, part.scales, None
                if number in sources:
                    source = sources[number]
                elif number not in self.free:
                    continue
                if number in self.free:
                    zero_point = -128 if part.activation.startswith("RELU") else int(random.integers(-30, 30))
                    output = Quantization(output.scale * random.uniform(0.4, 1.2), zero_point)
                    sources[self.free[number]] = output
                width = part.channels if layer.outputs is None else table.widths[layer.outputs][k]
                if part.has_bias and (number in sources or random.random() < 0.5):
                    scales = random.uniform(0.4, 1.5, width) * np.resize(scales, width)
                    biases = random.normal(0, 0.3, width)
                overrides[number, k] = make_override(
                    layer.kind, source, output, scales[:width], biases, part.activation
                )
        return replace(table, overrides=overrides)

    def inputs(self, random: np.random.Generator, count: int) -> np.ndarray:
        """Random int8 inputs (N, ...)."""
        subgraph = unpack(self.data).subgraphs[0]
        shape = subgraph.tensors[int(subgraph.inputs[0])].shape[1:]
        return random.integers(-128, 128, (count, *shape)).astype(np.int8)


def dense(random: np.random.Generator) -> Example:
    """Fully-connected layers: scales per channel or for all, with and without biases."""
    s = Sketch(random)
    x = s.activation((1, 12))
    y = s.dense(x, 10)
    y = s.dense(y, 9, per_channel=False)
    y = s.dense(y, 7, activation="NONE", bias=False)
    y = s.dense(y, 4, activation="NONE")
    return Example(
        s.write([x], [y]), (10, 9, 7), [(None, 0, 1), (0, 1, 1), (1, 2, 1), (2, None, 1)], {0: 1, 1: 2, 2: 3, 3: None}
    )


def flatten(random: np.random.Generator) -> Example:
    """Convolutions, padding with a value, and a flatten whose operand leaves the length open."""
    s = Sketch(random)
    x = s.activation((1, 7, 6, 1))
    y = s.convolution(x, 6, (4, 3), padding=VALID)
    y = s.pad_value(y, [(0, 0), (1, 0), (0, 2), (0, 0)], -7)
    y = s.convolution(y, 5, (3, 2), stride=(2, 1), activation="RELU6", per_channel=False)
    positions = int(np.prod(s.shape(y)[1:3]))
    y = s.reshape(y, (1, positions * 5), written=(1, -1))
    y = s.dense(y, 8)
    y = s.dense(y, 4, activation="NONE")
    groups = [(None, 0, 1), (0, 1, 1), (1, 2, positions), (2, None, 1)]
    return Example(s.write([x], [y]), (6, 5, 8), groups, {1: 2, 2: 3, 3: None})


def implicit_flatten(random: np.random.Generator) -> Example:
    """A fully-connected layer that reads a map as it is, behind a product with a constant for each channel."""
    s = Sketch(random)
    x = s.activation((1, 5, 4, 2))
    y = s.convolution(x, 6, (3, 3), stride=(2, 2), activation="RELU_N1_TO_1")
    y = s.mul(y, s.constant(random.integers(-127, 128, 6).astype(np.int8), np.array([0.02])))
    positions = int(np.prod(s.shape(y)[1:3]))
    y = s.dense(y, 5)
    y = s.dense(y, 3, activation="NONE")
    groups = [(None, 0, 1), (0, 1, positions), (1, None, 1)]
    return Example(s.write([x], [y]), (6, 5), groups, {1: 2, 2: None})


def separable(random: np.random.Generator) -> Example:
    """Depth-wise convolutions, the first with a channel multiplier on the one channel of the input; a mean; softmax."""
    s = Sketch(random)
    x = s.activation((1, 9, 7, 1))
    y = s.pad(x, [(0, 0), (1, 2), (0, 1), (0, 0)])
    y = s.depthwise(y, (4, 3), stride=(2, 2), padding=VALID, multiplier=6)
    y = s.depthwise(y)
    y = s.convolution(y, 7)
    y = s.depthwise(y, stride=(2, 1), activation="NONE")
    y = s.unary("LEAKY_RELU", y, schema.LeakyReluOptionsT(alpha=0.1))
    y = s.convolution(y, 5)
    y = s.mean(y, keep=True, same=True)
    y = s.reshape(y, (1, 5))
    y = s.softmax(s.dense(y, 4, activation="NONE"))
    groups = [(None, 0, 1), (0, 0, 1), (0, 1, 1), (1, 1, 1), (1, 2, 1), (2, None, 1)]
    return Example(s.write([x], [y]), (6, 7, 5), groups, {0: 1, 1: 2, 2: 3, 4: 5})


def residual(random: np.random.Generator) -> Example:
    """A sum of two paths with the same group, pooling, activations of their own, a requantization."""
    s = Sketch(random)
    x = s.activation((1, 8, 6, 3))
    y = s.convolution(x, 6, (3, 3), activation="NONE")
    y = s.unary("RELU", y)
    z = s.convolution(y, 5, (3, 3))
    z = s.convolution(z, 6, activation="NONE")
    y = s.add(y, z, "RELU")
    y = s.mul(y, s.constant(np.array([90], np.int8), np.array([0.01])))
    y = s.pool(y, "AVERAGE_POOL_2D", (3, 2), SAME)
    y = s.pool(y, "MAX_POOL_2D", (2, 2))
    y = s.unary("QUANTIZE", y, schema.QuantizeOptionsT())
    y = s.mean(y)
    y = s.dense(y, 4, activation="NONE")
    groups = [(None, 0, 1), (0, 1, 1), (1, 0, 1), (0, None, 1)]
    return Example(s.write([x], [y]), (6, 5), groups, {1: 2})


def shared(random: np.random.Generator) -> Example:
    """Two layers with the same weights but different groups, and tensors with the same buffer."""
    s = Sketch(random)
    x = s.activation((1, 6))
    y = s.dense(x, 6)
    weights = len(s.tensors)
    z = s.dense(y, 6, activation="NONE")
    z = s.dense(z, 6, weights=weights)
    twin = s.constant(random.integers(-127, 128, 6).astype(np.int8), np.array([0.02]))
    other = s.constant(np.zeros(6, np.int8), np.array([0.01]))
    s.buffers.pop()
    s.tensors[other].buffer = s.tensors[twin].buffer
    z = s.add(s.mul(z, twin), other)
    z = s.dense(z, 6, weights=weights, activation="NONE")
    groups = [(None, 0, 1), (0, 1, 1), (1, 2, 1), (2, None, 1)]
    return Example(s.write([x], [z]), (6, 6, 6), groups, {0: 1, 1: 2, 3: None})


EXAMPLES: tuple[Callable[[np.random.Generator], Example], ...] = (
    dense,
    flatten,
    implicit_flatten,
    separable,
    residual,
    shared,
)
