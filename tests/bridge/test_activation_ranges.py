"""Ranges: those of torch's activations, their union over subnetworks, percentiles, and data that can't be used."""

import numpy as np
import pytest
import torch
from networks import inputs

from bridge.conversion.activation_ranges import check_samples, including_zero, measure, union
from bridge.conversion.converter import calibrate
from bridge.conversion.onnx2tf_process import channels_last
from bridge.error import BridgeError


@torch.no_grad()
def activations(net, k, samples):
    """The input, the second convolution's output behind its ReLU, and the output, in torch."""
    module = net.extract(k)
    return {"input": samples.numpy(), "3": module[:5](samples).numpy(), "output": module(samples).numpy()}


def test_ranges_are_the_extremes_of_torchs_activations(float_models):
    net, model = float_models["flattened"]
    samples = inputs(net)
    for k, ranges in enumerate(calibrate(model, channels_last(samples.numpy()))):
        values = activations(net, k, samples)
        # logits that no answer depends on take no steps
        values["output"] = np.maximum(values["output"], values["output"].max(1, keepdims=True) - 16)
        for name, tensor in values.items():
            np.testing.assert_allclose(ranges[name], (tensor.min(), tensor.max()), rtol=1e-5, err_msg=name)


def test_union_holds_every_subnetworks_range(float_models):
    net, model = float_models["residual"]
    every = calibrate(model, channels_last(inputs(net).numpy()))
    whole = union(every)
    for name, limits in whole.items():
        assert limits[0] == min(ranges[name][0] for ranges in every)
        assert limits[1] == max(ranges[name][1] for ranges in every)
    # here some narrower subnetwork does exceed the full network
    assert any(limits != every[0][name] for name, limits in whole.items())


def test_percentiles_are_numpys_up_to_a_bin(float_models):
    net, model = float_models["flattened"]
    samples = inputs(net, 200)
    whole = measure(model.data, channels_last(samples.numpy()))
    clipped = measure(model.data, channels_last(samples.numpy()), percentile=98.0)
    values = activations(net, 0, samples)
    for name in ("input", "3"):
        bin_width = np.ptp(including_zero(*whole[name])) / 4096
        np.testing.assert_allclose(
            clipped[name], np.percentile(values[name], (2, 98)), atol=1.01 * bin_width, err_msg=name
        )
    assert clipped["output"] == whole["output"]


@pytest.mark.parametrize(
    "limits, expected",
    [((-1, 2), (-1, 2)), ((1, 2), (0, 2)), ((-3, -1), (-3, 0)), ((0, 0), (0, 1)), ((0, 1.2e-38), (0, 1))],
)
def test_ranges_hold_zero_and_more(limits, expected):
    assert including_zero(*limits) == expected


@pytest.mark.parametrize(
    "samples, reason",
    [
        (np.ones((4, 1, 9, 5)), r"have the shape \(4, 1, 9, 5\); the network takes \(N, 1, 9, 6\)"),
        (np.ones((1, 9, 6)), r"have the shape \(1, 9, 6\)"),
        (np.ones((0, 1, 9, 6)), "are empty"),
        (np.zeros((4, 1, 9, 6)), "are all zero"),
        (np.full((4, 1, 9, 6), np.nan), "not finite"),
    ],
)
def test_samples_that_tell_nothing_are_refused(samples, reason):
    with pytest.raises(BridgeError, match=reason):
        check_samples(samples, (1, 9, 6))


def test_samples_as_they_should_be():
    check_samples(torch.randn(2, 1, 9, 6).numpy(), (1, 9, 6))
