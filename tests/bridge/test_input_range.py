"""The input's range is shortened where that serves the answers, and left alone where it does not."""

import numpy as np
from networks import inputs

from bridge.converter import calibrate, to_int8
from bridge.input_range import search_input_range
from bridge.runtimes import input_output, quantized, run_litert
from bridge.subnetworks import cut
from bridge.tflite import channels_last


def divergence(model, calibration, samples):
    """Mean Kullback-Leibler divergence of the int8 model's class probabilities from the float model's."""
    data, table = to_int8(model, calibrate(model, calibration))
    found = []
    for k, floats in enumerate(model.subnetworks):
        int8 = cut(data, table, k)
        source, output = input_output(int8)
        logits = output.scale * (run_litert(int8, quantized(samples, source)).astype(float) - output.zero_point)
        p, q = (np.exp(y) / np.exp(y).sum(1, keepdims=True) for y in (run_litert(floats, samples), logits))
        found.append((p * np.log(p / q)).sum(1).mean())
    return np.mean(found)


def test_a_far_value_that_does_not_matter_is_clipped(float_models):
    net, model = float_models["flattened"]
    samples = channels_last(inputs(net, 60).numpy())
    samples[:3] = -80.0  # as digital silence among the sounds
    low, high = search_input_range(model, samples)
    assert -60 < low < -10
    assert high == samples.max()
    clipped = divergence(model, np.clip(samples, low, high), samples[3:])
    assert clipped < 0.5 * divergence(model, samples, samples[3:])


def test_evenly_spread_values_are_left_alone(float_models):
    net, model = float_models["separable"]
    random = np.random.default_rng(0)
    samples = random.uniform(0, 1, channels_last(inputs(net, 60).numpy()).shape).astype(np.float32)
    low, high = search_input_range(model, samples)
    assert (low, high) == (samples.min(), samples.max())
