"""Multipliers, shifts and ranges, against exact rational arithmetic and against what the runtime does with them."""

from fractions import Fraction

import numpy as np
import pytest

from bridge.model_file.requantization import (
    Quantization,
    activation_range,
    make_override,
    quantize_multiplier,
    quantize_multipliers,
    weight_scales,
)
from bridge.model_file.table import FormatError, Kind


def nearest_multiplier(real: Fraction) -> tuple[int, int]:
    """The multiplier in [2^30, 2^31) and shift nearest to a positive number, by trying shifts."""
    shift = next(shift for shift in range(-200, 200) if real / Fraction(2) ** shift < 1)
    scaled = real / Fraction(2) ** shift * 2**31
    multiplier = (scaled + Fraction(1, 2)).__floor__()
    return (2**30, shift + 1) if multiplier == 2**31 else (multiplier, shift)


@pytest.mark.parametrize("seed", range(5))
def test_multiplier_is_the_nearest(seed):
    random = np.random.default_rng(seed)
    for real in [*np.exp(random.uniform(-15, 10, 200)), 1.0, 0.5, 2.0, np.nextafter(1.0, 0), 1 - 2.0**-33]:
        assert quantize_multiplier(float(real)) == nearest_multiplier(Fraction(float(real)))


def test_multiplier_of_almost_nothing_is_zero():
    assert quantize_multiplier(0.0) == (0, 0)
    assert quantize_multiplier(2.0**-40) == (0, 0)
    assert quantize_multiplier(2.0**-32) == (2**30, -31)
    for real in (-1.0, float("inf"), float("nan")):
        with pytest.raises(FormatError, match="can't be expressed"):
            quantize_multiplier(real)


@pytest.mark.parametrize("kind", Kind)
@pytest.mark.parametrize("count", [1, 50])
def test_weight_scales_give_the_multipliers_back(kind, count):
    random = np.random.default_rng(count)
    for _ in range(200):
        source, output = (float(np.float32(np.exp(random.uniform(-8, 2)))) for _ in range(2))
        scales = np.exp(random.uniform(-12, 0, count)).astype(np.float32)
        override = make_override(kind, Quantization(source, 3), Quantization(output, -7), scales, None, "NONE")
        found = weight_scales(kind, source, override)
        assert quantize_multipliers(kind, source, found, output) == (override.multipliers, override.shifts)
        if count > 1:
            np.testing.assert_array_equal(found, scales)


def test_multipliers_that_no_float32_scale_gives_are_refused():
    scales = np.array([0.01, 0.02], np.float32)
    override = make_override(Kind.CONV_2D, Quantization(0.03125, 0), Quantization(0.1, 0), scales, None, "NONE")
    changed = type(override)(
        **{**vars(override), "multipliers": tuple(multiplier + 37 for multiplier in override.multipliers)}
    )
    with pytest.raises(FormatError, match="no float32 scales"):
        weight_scales(Kind.CONV_2D, 0.03125, changed)


@pytest.mark.parametrize(
    ("activation", "expected"),
    [("NONE", (-128, 127)), ("RELU", (-10, 127)), ("RELU6", (-10, 50)), ("RELU_N1_TO_1", (-20, 0))],
)
def test_activation_ranges(activation, expected):
    assert activation_range(activation, Quantization(0.1, -10)) == expected


def test_activation_ranges_stay_within_int8():
    assert activation_range("RELU6", Quantization(2.0**-120, 100)) == (100, 127)
    assert activation_range("RELU_N1_TO_1", Quantization(0.001, 0)) == (-128, 127)
    with pytest.raises(FormatError, match="must be one of NONE, RELU, RELU6, RELU_N1_TO_1, not TANH"):
        activation_range("TANH", Quantization(0.1, 0))


def test_biases_are_in_steps_of_the_sums():
    scales = np.array([0.5, 0.25, 1e-30], np.float32)
    override = make_override(
        Kind.CONV_2D, Quantization(0.5, 0), Quantization(1.0, 0), scales, np.array([1.0, -2.0, 3.0]), "RELU"
    )
    assert override.biases == (4, -16, 2**31 - 1)
    with pytest.raises(FormatError, match="scales of weights must be positive"):
        make_override(Kind.CONV_2D, Quantization(0.5, 0), Quantization(1.0, 0), -scales, None, "RELU")
