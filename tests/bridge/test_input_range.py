"""The input's range is shortened where that serves the answers, and left alone where it does not."""

import numpy as np
import torch
from networks import inputs

from bridge.build import input_range
from bridge.conversion.converter import calibrate, to_int8
from bridge.conversion.onnx2tf_process import channels_last
from bridge.model_file.subnetworks import cut
from bridge.runtimes import input_output, quantized, run_litert
from bridge.samples import Samples


def logits(net, k, samples):
    with net.active(k), torch.no_grad():
        return net(torch.from_numpy(samples)).numpy()


def sampled(net, samples, known=True):
    labels = logits(net, 0, samples).argmax(1) if known else None
    return Samples(samples, labels, samples[:0], np.zeros(0, int))


def cross_entropy(net, model, calibration, samples):
    """Mean over the int8 subnetworks, in LiteRT."""
    data, table = to_int8(model, calibrate(model, channels_last(calibration)))
    found = []
    for k in range(len(table.subnetworks)):
        int8 = cut(data, table, k)
        source, output = input_output(int8)
        stored = run_litert(int8, quantized(channels_last(samples.calibration), source)).astype(float)
        shifted = np.exp(output.scale * (stored - output.zero_point))
        probability = shifted[np.arange(len(shifted)), samples.calibration_labels] / shifted.sum(1)
        found.append(-np.log(probability).mean())
    return np.mean(found)


def with_silence(net):
    """Samples among which some are far away, as digital silence among sounds."""
    samples = inputs(net, 60).numpy()
    samples[:3] = -80.0
    return samples


def test_a_far_value_that_does_not_matter_is_clipped(float_models):
    net, model = float_models["flattened"]
    samples = sampled(net, with_silence(net))
    low, high = input_range(net, samples)
    assert -60 < low < -10
    clipped, whole = (
        cross_entropy(net, model, x, samples) for x in (samples.calibration.clip(low, high), samples.calibration)
    )
    assert clipped < whole - 0.02


def test_without_classes_the_float_networks_answers_stand_in(float_models):
    net, _ = float_models["flattened"]
    samples = with_silence(net)
    assert input_range(net, sampled(net, samples, known=False)) == input_range(net, sampled(net, samples))


def test_evenly_spread_values_are_left_alone(float_models):
    net, _ = float_models["separable"]
    random = np.random.default_rng(0)
    samples = random.uniform(0, 1, (60, *net.input_shape[1:])).astype(np.float32)
    assert input_range(net, sampled(net, samples)) == (0.0 if samples.min() == 0 else samples.min(), samples.max())


def test_a_network_fine_tuned_for_int8_keeps_its_range(float_models):
    net, _ = float_models["separable"]
    net.metadata["int8"] = {"input_range": [-3.0, 2.0]}
    try:
        assert input_range(net, sampled(net, inputs(net).numpy())) == (-3.0, 2.0)
    finally:
        del net.metadata["int8"]
