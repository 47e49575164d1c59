"""From real scales to the integers of a layer and back, as TensorFlow Lite Micro computes them.

A layer's int32 sums are in steps of input scale × weight scale, its outputs in steps of the output scale. The ratio of
the two is kept as an integer multiplier of 31 bits and a shift. A cut model holds the scales and the runtime computes
the multipliers; the device reads the multipliers from the subnetwork table. Both must be the same bit for bit, so the
functions here repeat the runtime's order of operations, including where it rounds to float32. (TensorFlow Lite's
``QuantizeMultiplier``, ``PopulateConvolutionQuantizationParams``, ``GetQuantizedConvolutionMultipler`` and
``CalculateActivationRangeQuantized``; Jacob et al., arXiv 1712.05877, section 2.2.)
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from .table import FormatError, Kind, Override

_SMALLEST_NORMAL = float(np.finfo(np.float32).tiny)


@dataclass(frozen=True)
class Quantization:
    """Affine quantization of a tensor: a stored value q stands for scale × (q - zero point).

    The scale is rounded to float32, which is what a model holds.
    """

    scale: float
    zero_point: int

    def __post_init__(self) -> None:
        object.__setattr__(self, "scale", float(np.float32(self.scale)))


def quantize_multiplier(real: float) -> tuple[int, int]:
    """The multiplier in [2^30, 2^31), or 0, and the shift with ``real = multiplier / 2^31 * 2^shift``.

    Raises:
        FormatError: if the number is negative or not finite.
    """
    if not 0 <= real < math.inf:
        raise FormatError(f"the scales of a layer give the multiplier {real}, which can't be expressed")
    if not real:
        return 0, 0
    mantissa, shift = math.frexp(real)
    multiplier = math.floor(mantissa * 2**31 + 0.5)
    if multiplier == 1 << 31:
        multiplier, shift = 1 << 30, shift + 1
    return (0, 0) if shift < -31 else (multiplier, shift)


def quantize_multipliers(
    kind: Kind, input_scale: float, weight_scales: np.ndarray, output_scale: float
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Multipliers and shifts of a layer, one for each weight scale.

    A fully-connected layer with a single weight scale is the one place where the runtime rounds the product of the
    scales of input and weights to float32.
    """
    products = np.float64(input_scale) * weight_scales.astype(np.float64)
    if kind == Kind.FULLY_CONNECTED and len(weight_scales) == 1:
        products = _rounded(products)
    pairs = [quantize_multiplier(float(product) / output_scale) for product in products]
    return tuple(multiplier for multiplier, _ in pairs), tuple(shift for _, shift in pairs)


def weight_scales(kind: Kind, input_scale: float, override: Override) -> np.ndarray:
    """Float32 weight scales from which the runtime computes exactly the override's multipliers.

    The multipliers have 31 bits and came from scales of 24, so the float32 that is nearest to the quotient is the one
    they came from.

    Raises:
        FormatError: if there are none, because the multipliers were not computed from float32 scales.
    """
    wanted = np.ldexp(np.array(override.multipliers, np.float64), np.array(override.shifts) - 31)
    products = wanted * override.output_scale
    if kind == Kind.FULLY_CONNECTED and len(products) == 1:
        products = _rounded(products)
    nearest = _rounded(np.maximum(products / input_scale, _SMALLEST_NORMAL)).astype(np.float32)
    for scales in (nearest, np.nextafter(nearest, np.float32(np.inf)), np.nextafter(nearest, np.float32(0))):
        found = quantize_multipliers(kind, input_scale, scales, override.output_scale)
        if found == (override.multipliers, override.shifts):
            return scales
    raise FormatError("no float32 scales of the weights give the override's multipliers")


def activation_range(activation: str, output: Quantization) -> tuple[int, int]:
    """Smallest and largest int8 output behind a fused activation, by its name in tflite's schema.

    Raises:
        FormatError: if the runtime does not know the activation in integer layers.
    """
    bounds: dict[str, tuple[float | None, float | None]] = {
        "NONE": (None, None),
        "RELU": (0.0, None),
        "RELU6": (0.0, 6.0),
        "RELU_N1_TO_1": (-1.0, 1.0),
    }
    if activation not in bounds:
        raise FormatError(f"a fused activation must be one of {', '.join(bounds)}, not {activation}")
    lower, upper = bounds[activation]
    smallest = -128 if lower is None else max(-128, _stored(lower, output))
    largest = 127 if upper is None else min(127, _stored(upper, output))
    return smallest, largest


def make_override(
    kind: Kind,
    source: Quantization,
    output: Quantization,
    scales: np.ndarray,
    biases: np.ndarray | None,
    activation: str,
) -> Override:
    """The override of a layer that runs with these scales.

    Args:
        kind: which operator the layer is.
        source: quantization of the input.
        output: quantization of the output.
        scales: (n,) float32 scales of the int8 weights, one for each output channel of the subnetwork, or a single one.
        biases: (n,) real biases, or None where the layer's own int32 biases stay (their step, input scale × weight
            scale, must then be what it is in the full network).
        activation: fused activation by its name in tflite's schema, such as ``RELU``.

    Raises:
        FormatError: if a scale is not positive, or the ratio of scales is beyond what the runtime can express.
    """
    scales = np.asarray(scales, np.float32)
    if not np.all(scales > 0):
        raise FormatError(f"scales of weights must be positive; the smallest is {scales.min()}")
    multipliers, shifts = quantize_multipliers(kind, source.scale, scales, output.scale)
    smallest, largest = activation_range(activation, output)
    return Override(
        input_zero_point=source.zero_point,
        output_zero_point=output.zero_point,
        smallest=smallest,
        largest=largest,
        multipliers=multipliers,
        shifts=shifts,
        biases=None if biases is None else quantize_biases(biases, source.scale, scales),
        output_scale=output.scale,
    )


def quantize_biases(biases: np.ndarray, input_scale: float, scales: np.ndarray) -> tuple[int, ...]:
    """Real biases as int32 in steps of input scale × weight scale."""
    steps = np.float64(input_scale) * scales.astype(np.float64)
    stored = np.rint(np.asarray(biases, np.float64) / steps)
    return tuple(int(bias) for bias in np.clip(stored, -(2.0**31), 2.0**31 - 1))


def _rounded(values: np.ndarray) -> np.ndarray:
    """Doubles rounded to float32; what is too large for it is infinite."""
    with np.errstate(over="ignore"):
        return values.astype(np.float32).astype(np.float64)


def _stored(real: float, quantization: Quantization) -> int:
    """A real value as it is stored, halves rounded away from zero, in float32 as the runtime does it."""
    steps = float(np.clip(np.float32(real) / np.float32(quantization.scale), -(2.0**31), 2.0**31))
    return quantization.zero_point + int(math.copysign(math.floor(abs(steps) + 0.5), steps))
