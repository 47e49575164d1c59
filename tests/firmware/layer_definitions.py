"""Integer layers in numpy, written from the definition and slow: what the firmware's kernels must compute, bit for bit.

Python's integers do not overflow and its // rounds down, so the double rounding of TensorFlow Lite Micro is spelled out
here as gemmlowp defines it, with a division that truncates, and not as the kernels compute it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Int8 = NDArray[np.int8]


def doubling_high_multiply(a: int, b: int) -> int:
    """gemmlowp's SaturatingRoundingDoublingHighMul, without its saturating case (a = b = -2**31)."""
    product = a * b
    nudged = product + (2**30 if product >= 0 else 1 - 2**30)
    return nudged // 2**31 if nudged >= 0 else -(-nudged // 2**31)


def rounding_divide(value: int, exponent: int) -> int:
    """gemmlowp's RoundingDivideByPOT."""
    mask = 2**exponent - 1
    threshold = (mask >> 1) + (value < 0)
    return (value >> exponent) + ((value & mask) > threshold)


def requantize(value: int, multiplier: int, shift: int) -> int:
    return rounding_divide(doubling_high_multiply(value << max(shift, 0), multiplier), max(-shift, 0))


@dataclass(frozen=True)
class Quantization:
    """As firmware/core/reds_quantization.h; one multiplier and shift, or one for each used output channel."""

    multipliers: list[int]
    shifts: list[int]
    biases: list[int] | None
    input_offset: int
    output_offset: int
    smallest: int
    largest: int

    def output(self, channel: int, total: int) -> int:
        i = channel if len(self.multipliers) > 1 else 0
        value = requantize(total + (self.biases[channel] if self.biases else 0), self.multipliers[i], self.shifts[i])
        return min(max(value + self.output_offset, self.smallest), self.largest)


def _outputs(sums: NDArray[np.int64], quantization: Quantization, before: Int8) -> Int8:
    """Sums (positions, used channels) as outputs; channels that are not used keep what was there before."""
    after = before.copy()
    flat = after.reshape(len(sums), -1)
    for position, channel in np.ndindex(*sums.shape):
        flat[position, channel] = quantization.output(channel, int(sums[position, channel]))
    return after


def fully_connected(x: Int8, weights: Int8, widths: tuple[int, int], quantization: Quantization, before: Int8) -> Int8:
    """Inputs (batches, segments, channels), weights (outputs, segments, channels)."""
    used_in, used_out = widths
    inputs = x[:, :, :used_in].astype(np.int64) + quantization.input_offset
    sums = np.einsum("bsi,osi->bo", inputs, weights[:used_out, :, :used_in].astype(np.int64))
    return _outputs(sums, quantization, before)


def float_fully_connected(
    x: NDArray[np.float32],
    weights: NDArray[np.float32],
    biases: NDArray[np.float32] | None,
    widths: tuple[int, int],
    limits: tuple[float, float],
    before: NDArray[np.float32],
) -> NDArray[np.float32]:
    """As ``fully_connected``, in single precision: products and sums are rounded one by one, in order of the inputs."""
    used_in, used_out = widths
    after = before.copy()
    for b, o in np.ndindex(len(x), used_out):
        total = np.float32(0)
        for left, right in zip(x[b, :, :used_in].flat, weights[o, :, :used_in].flat, strict=True):
            total = np.float32(total + np.float32(left * right))
        total = total if biases is None else np.float32(total + biases[o])
        after[b, o] = np.clip(total, *limits)
    return after


@dataclass(frozen=True)
class Window:
    """How a filter moves over an image: pairs are (height, width); padding is at the top and the left."""

    filter: tuple[int, int]
    stride: tuple[int, int]
    dilation: tuple[int, int]
    padding: tuple[int, int]
    output: tuple[int, int]

    def taps(self, image: NDArray[np.int64]) -> NDArray[np.int64]:
        """Inputs (batches, height, width, channels) -> (batches, out height, out width, taps, channels), 0 outside."""
        batches, height, width, channels = image.shape
        result = np.zeros((batches, *self.output, self.filter[0] * self.filter[1], channels), np.int64)
        for oy, ox, fy, fx in np.ndindex(*self.output, *self.filter):
            y = oy * self.stride[0] - self.padding[0] + fy * self.dilation[0]
            x = ox * self.stride[1] - self.padding[1] + fx * self.dilation[1]
            if 0 <= y < height and 0 <= x < width:
                result[:, oy, ox, fy * self.filter[1] + fx] = image[:, y, x]
        return result


def conv_2d(
    x: Int8, weights: Int8, window: Window, widths: tuple[int, int], quantization: Quantization, before: Int8
) -> Int8:
    """Inputs (batches, height, width, channels), weights (outputs, taps, channels)."""
    used_in, used_out = widths
    taps = window.taps(x[..., :used_in].astype(np.int64) + quantization.input_offset)
    sums = np.einsum("byxti,oti->byxo", taps, weights[:used_out, :, :used_in].astype(np.int64))
    return _outputs(sums.reshape(-1, used_out), quantization, before)


def depthwise_conv_2d(
    x: Int8, weights: Int8, window: Window, width: int, quantization: Quantization, before: Int8
) -> Int8:
    """Inputs (batches, height, width, channels or 1), weights (taps, channels)."""
    taps = window.taps(x[..., :width].astype(np.int64) + quantization.input_offset)
    sums = np.einsum("byxtc,tc->byxc", np.broadcast_to(taps, (*taps.shape[:-1], width)), weights[:, :width])
    return _outputs(sums.reshape(-1, width), quantization, before)
