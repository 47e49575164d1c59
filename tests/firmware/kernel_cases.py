"""Random calls of the kernels as firmware/test/run_kernels.c reads them, with the outputs that they must leave."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum

import layer_definitions as definitions
import numpy as np
from layer_definitions import Quantization, Window
from numpy.typing import NDArray

Generator = np.random.Generator


class Kind(IntEnum):
    CONV_2D = 0
    DEPTHWISE_CONV_2D = 1
    FULLY_CONNECTED = 2
    FLOAT_FULLY_CONNECTED = 3


@dataclass(frozen=True)
class Case:
    """A call, and the output's memory after it."""

    call: bytes
    expected: bytes
    name: str


def cases(kind: Kind, count: int, seed: int, largest: int = 40) -> list[Case]:
    make = {
        Kind.CONV_2D: conv_2d,
        Kind.DEPTHWISE_CONV_2D: depthwise_conv_2d,
        Kind.FULLY_CONNECTED: fully_connected,
        Kind.FLOAT_FULLY_CONNECTED: float_fully_connected,
    }
    return [make[kind](np.random.default_rng([seed, kind, i]), largest) for i in range(count)]


def differences(made: list[Case], results: bytes) -> Iterator[str]:
    """Names of the cases whose results, one behind the other, are not what they must be."""
    at = 0
    for case in made:
        if results[at : at + len(case.expected)] != case.expected:
            yield case.name
        at += len(case.expected)
    if at != len(results):
        yield f"{len(results)} bytes of results in place of {at}"


def _int8(random: Generator, shape: tuple[int, ...]) -> NDArray[np.int8]:
    """Any values, or extreme ones only."""
    if random.random() < 0.3:
        return random.choice(np.array([-128, 127], np.int8), shape)
    return random.integers(-128, 128, shape, np.int8)


def _quantization(random: Generator, outputs: int, products: int) -> Quantization:
    """Multipliers that bring sums of so many products into the range of int8, or any at all."""
    count = outputs if random.random() < 0.6 else 1
    usual = -int(np.log2(products * 128 + 1)) - 1
    shifts = [int(random.integers(usual - 1, usual + 3)) for _ in range(count)]
    if random.random() < 0.15:
        shifts = [int(random.integers(-31, 4)) for _ in range(count)]
    elif random.random() < 0.2:  # one that differs
        shifts[int(random.integers(count))] = int(random.integers(-31, 4))
    multipliers = [int(random.choice([2**30, 2**31 - 1, int(random.integers(2**30, 2**31))])) for _ in range(count)]
    if random.random() < 0.1:
        multipliers[0], shifts[0] = 0, 0
    bias = 2 ** int(random.integers(4, 32)) - 1
    bias = min(bias, 2 ** (31 - max(*shifts, 0)) - 2**27)  # sums do not overflow, shifted to the left neither
    biases = [int(random.integers(-bias, bias)) for _ in range(outputs)] if random.random() < 0.8 else None
    smallest, largest = (-128, 127) if random.random() < 0.6 else sorted(map(int, random.integers(-128, 128, 2)))
    return Quantization(
        multipliers,
        shifts,
        biases,
        int(random.choice([-127, 128, 0, int(random.integers(-127, 129))])),
        int(random.choice([-128, 127, int(random.integers(-128, 128))])),
        smallest,
        largest,
    )


def _width(random: Generator, channels: int) -> int:
    return int(random.choice([1, channels, int(random.integers(1, channels + 1))]))


def _channels(random: Generator, largest: int) -> int:
    return int(random.choice([1, 4, int(random.integers(1, 9)), int(random.integers(1, largest + 1))]))


def _case(
    random: Generator,
    kind: Kind,
    shape: list[int],
    widths: tuple[int, int],
    quantization: Quantization,
    x: NDArray[np.int8],
    weights: NDArray[np.int8],
    before: NDArray[np.int8],
    after: NDArray[np.int8],
) -> Case:
    misaligned, scratch, fill = int(random.integers(0, 16)), int(random.random() < 0.8), int(random.random() < 0.2)
    biases = quantization.biases or []
    fields = [
        *(kind, *shape, *widths, len(quantization.multipliers), len(biases)),
        *(quantization.input_offset, quantization.output_offset, quantization.smallest, quantization.largest),
        *(x.size, weights.size, before.size, misaligned, scratch, fill, 0),
    ]
    header = np.array(fields, "<i4")
    numbers = np.array([*quantization.multipliers, *biases], "<i4").tobytes()
    call = header.tobytes() + numbers + np.array(quantization.shifts, np.int8).tobytes()
    call += x.tobytes() + weights.tobytes() + before.tobytes()
    if fill:
        after[..., widths[1] :] = quantization.output_offset
    name = f"{kind.name} {fields}"
    return Case(call, after.tobytes(), name)


def fully_connected(random: Generator, largest: int) -> Case:
    batches, segments = (int(random.choice([1, 1, int(random.integers(1, 6))])) for _ in range(2))
    inputs, outputs = _channels(random, 3 * largest), _channels(random, largest)
    widths = _width(random, inputs), _width(random, outputs)
    quantization = _quantization(random, widths[1], segments * widths[0])
    x, weights = _int8(random, (batches, segments, inputs)), _int8(random, (outputs, segments, inputs))
    before = _int8(random, (batches, outputs))
    after = definitions.fully_connected(x, weights, widths, quantization, before)
    shape = [batches, segments, 0, 0, inputs, 0, 0, outputs, *[0] * 8]
    return _case(random, Kind.FULLY_CONNECTED, shape, widths, quantization, x, weights, before, after)


def float_fully_connected(random: Generator, largest: int) -> Case:
    batches, segments = (int(random.choice([1, 1, int(random.integers(1, 4))])) for _ in range(2))
    inputs, outputs = _channels(random, largest), _channels(random, largest)
    widths = _width(random, inputs), _width(random, outputs)
    limits = (-128, 127) if random.random() < 0.5 else (0, 6)
    x, weights, before, biases = (
        random.standard_normal(shape).astype(np.float32)
        for shape in ((batches, segments, inputs), (outputs, segments, inputs), (batches, outputs), (outputs,))
    )
    has_biases = random.random() < 0.8
    after = definitions.float_fully_connected(x, weights, biases if has_biases else None, widths, limits, before)
    fields = [Kind.FLOAT_FULLY_CONNECTED, batches, segments, 0, 0, inputs, 0, 0, outputs, *[0] * 8, *widths]
    fields += [0, outputs if has_biases else 0, 0, 0, *limits, x.size, weights.size, before.size, 0, 0, 0, 0]
    arrays = [*([biases] if has_biases else []), x, weights, before]
    call = np.array(fields, "<i4").tobytes() + b"".join(array.tobytes() for array in arrays)
    return Case(call, after.tobytes(), f"FLOAT_FULLY_CONNECTED {fields}")


def _window(random: Generator) -> tuple[Window, tuple[int, int]]:
    """A window, and the size of an image that it moves over."""
    size = int(random.integers(1, 9)), int(random.integers(1, 9))
    taps = int(random.integers(1, 5)), int(random.integers(1, 5))
    if random.random() < 0.3:
        taps = 1, 1
    stride = int(random.integers(1, 4)), int(random.integers(1, 4))
    dilation = (1, 1) if random.random() < 0.8 else (int(random.integers(1, 3)), int(random.integers(1, 3)))
    padding, output = [], []
    for axis in range(2):
        reach = (taps[axis] - 1) * dilation[axis] + 1
        if random.random() < 0.5 or reach > size[axis]:  # as TensorFlow's SAME
            output.append(-(-size[axis] // stride[axis]))
            padding.append(max((output[axis] - 1) * stride[axis] + reach - size[axis], 0) // 2)
        else:
            output.append((size[axis] - reach) // stride[axis] + 1)
            padding.append(0)
    return Window(taps, stride, dilation, (padding[0], padding[1]), (output[0], output[1])), size


def _conv_shape(batches: int, size: tuple[int, int], inputs: int, outputs: int, window: Window) -> list[int]:
    return [
        *(batches, 1, *size, inputs, *window.output, outputs),
        *(*window.filter, *window.stride, *window.dilation, *window.padding),
    ]


def conv_2d(random: Generator, largest: int) -> Case:
    window, size = _window(random)
    batches = int(random.choice([1, 2]))
    inputs, outputs = _channels(random, largest), _channels(random, largest // 2)
    widths = _width(random, inputs), _width(random, outputs)
    taps = window.filter[0] * window.filter[1]
    quantization = _quantization(random, widths[1], taps * widths[0])
    x, weights = _int8(random, (batches, *size, inputs)), _int8(random, (outputs, taps, inputs))
    before = _int8(random, (batches, *window.output, outputs))
    after = definitions.conv_2d(x, weights, window, widths, quantization, before)
    shape = _conv_shape(batches, size, inputs, outputs, window)
    return _case(random, Kind.CONV_2D, shape, widths, quantization, x, weights, before, after)


def depthwise_conv_2d(random: Generator, largest: int) -> Case:
    window, size = _window(random)
    batches, channels = int(random.choice([1, 2])), _channels(random, largest)
    width = _width(random, channels)
    inputs = 1 if random.random() < 0.2 else channels
    taps = window.filter[0] * window.filter[1]
    quantization = _quantization(random, width, taps)
    x, weights = _int8(random, (batches, *size, inputs)), _int8(random, (taps, channels))
    before = _int8(random, (batches, *window.output, channels))
    after = definitions.depthwise_conv_2d(x, weights, window, width, quantization, before)
    shape = _conv_shape(batches, size, inputs, channels, window)
    widths = (min(inputs, width), width)
    return _case(random, Kind.DEPTHWISE_CONV_2D, shape, widths, quantization, x, weights, before, after)
