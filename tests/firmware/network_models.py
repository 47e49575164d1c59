"""Models that hold every operator of the firmware's interpreter, with their width groups."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from int8_models import SAME, VALID, Sketch
from nested_models import Example, dense, flatten

from bridge.model_file.flatbuffer import attach


def separable(random: np.random.Generator) -> Example:
    """Depth-wise convolutions, the first with a channel multiplier on the one channel of the input; a mean."""
    s = Sketch(random)
    x = s.activation((1, 9, 7, 1))
    y = s.pad(x, [(0, 0), (1, 2), (0, 1), (0, 0)])
    y = s.depthwise(y, (4, 3), stride=(2, 2), padding=VALID, multiplier=11)
    y = s.depthwise(y)
    y = s.convolution(y, 13)
    y = s.depthwise(y, stride=(2, 1), activation="RELU6")
    y = s.unary("LEAKY_RELU", y, schema.LeakyReluOptionsT(alpha=0.1))
    y = s.convolution(y, 9)
    y = s.mean(y, keep=True, same=True)
    y = s.reshape(y, (1, 9))
    y = s.dense(y, 4, activation="NONE")
    groups = [(None, 0, 1), (0, 0, 1), (0, 1, 1), (1, 1, 1), (1, 2, 1), (2, None, 1)]
    return Example(s.write([x], [y]), (11, 13, 9), groups, {0: 1, 1: 2, 2: 3, 4: 5})


def residual(random: np.random.Generator) -> Example:
    """A sum of two paths with the same group, pooling, activations of their own, a requantization."""
    s = Sketch(random)
    x = s.activation((1, 8, 6, 3))
    y = s.convolution(x, 10, (3, 3), activation="NONE")
    y = s.unary("RELU", y)
    z = s.convolution(y, 7, (3, 3), activation="RELU_N1_TO_1")
    z = s.convolution(z, 10, activation="NONE")
    y = s.add(y, z, "RELU")
    y = s.pool(y, "AVERAGE_POOL_2D", (3, 2), SAME)
    y = s.pool(y, "MAX_POOL_2D", (2, 2), activation="RELU6")
    y = s.unary("QUANTIZE", y, schema.QuantizeOptionsT())
    y = s.unary("RELU6", y)
    y = s.mean(y)
    y = s.dense(y, 4, activation="NONE")
    groups = [(None, 0, 1), (0, 1, 1), (1, 0, 1), (0, None, 1)]
    return Example(s.write([x], [y]), (10, 7), groups, {1: 2})


MAKERS: tuple[Callable[[np.random.Generator], Example], ...] = (dense, flatten, separable, residual)


def nested(make: Callable[[np.random.Generator], Example], seed: int, own: bool) -> tuple[bytes, np.ndarray]:
    """A model with a table of four subnetworks, with or without quantizations of their own, and 20 inputs."""
    random = np.random.default_rng(seed)
    example = make(random)
    table = example.table(random)
    if own:
        table = example.with_overrides(table, random)
    return attach(example.data, table), example.inputs(random, 20)
