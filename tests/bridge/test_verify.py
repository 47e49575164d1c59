"""Verification: what it says is what the runtimes do, and a runtime that crashes is said in a sentence."""

import numpy as np
import pytest
import torch
import torchvision
from interpreters import crash
from networks import inputs

from bridge import verify as module
from bridge.conversion.converter import calibrate, export_subnetworks, to_float, to_int8
from bridge.conversion.onnx2tf_process import channels_last, convert
from bridge.error import BridgeError
from bridge.model_file.subnetworks import cut
from bridge.runtimes import input_output, quantized, run_litert, run_micro
from bridge.samples import Samples
from bridge.verify import torch_outputs, verify
from reds_torch import nest
from reds_torch.nested import Subnetwork


def samples_of(net, count=20):
    values = inputs(net, count).numpy()
    return Samples(values, None, values, torch_outputs(net, 0, values)[0].argmax(1))


def test_it_says_what_the_runtimes_do(float_models):
    net, model = float_models["flattened"]
    samples = samples_of(net)
    data, table = to_int8(model, calibrate(model, channels_last(samples.calibration)))
    verified = verify(net, 0, model, data, table, samples)
    assert verified[0].float_accuracy == 1
    for k, found in enumerate(verified):
        small = cut(data, table, k)
        stored = quantized(channels_last(samples.inputs), input_output(small)[0])
        micro, litert = run_micro(small, stored)[0], run_litert(small, stored)
        np.testing.assert_array_equal(found.outputs, micro)
        assert found.micro_accuracy == (micro.argmax(1) == samples.labels).mean()
        assert found.litert_accuracy == (litert.argmax(1) == samples.labels).mean()
        assert found.runtimes_differ == np.abs(micro.astype(int) - litert).max()


def test_a_conversion_that_changed_the_network_is_noticed(float_models):
    net, model = float_models["flattened"]
    samples = samples_of(net)
    data, table = to_int8(model, calibrate(model, channels_last(samples.calibration)))
    bias = net.model[-1].bias
    with torch.no_grad():
        bias += 1
    try:
        with pytest.raises(BridgeError, match="model of subnetwork 0 differs from torch by 1: the conversion changed"):
            verify(net, 0, model, data, table, samples)
    finally:
        with torch.no_grad():
            bias -= 1


@pytest.mark.parametrize("runtime, name", [("run_litert", "LiteRT"), ("run_micro", "TensorFlow Lite Micro")])
def test_a_runtime_that_crashes_ends_only_its_own_process(float_models, monkeypatch, runtime, name):
    net, model = float_models["cancelling"]
    samples = samples_of(net)
    data, table = to_int8(model, calibrate(model, samples.calibration))
    monkeypatch.setattr(module, runtime, crash)
    with pytest.raises(BridgeError, match=f"^{name} ended without an answer, by signal SIGABRT"):
        verify(net, 0, model, data, table, samples)


@pytest.mark.slow
def test_a_deep_network_that_a_small_arena_would_crash_on():
    """TensorFlow Lite Micro ended the process with an arena of 64 KiB."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = torchvision.models.mobilenet_v2(width_mult=0.35, num_classes=10)
        values = torch.randn(16, 3, 32, 32)
    for part in model.modules():
        if isinstance(part, torch.nn.BatchNorm2d):
            part.momentum = 1.0
    with torch.no_grad():
        model.train()(values)
    net = nest(model.eval(), values[:1])
    net.subnetworks = [
        Subnetwork({name: max(1, int(share * width)) for name, width in net.full_widths.items()}) for share in (1, 0.5)
    ]
    graphs = export_subnetworks(net)
    floats = to_float(net, graphs, *convert(graphs[0]))
    data, table = to_int8(floats, calibrate(floats, channels_last(values.numpy())))
    samples = Samples(values.numpy(), None, values.numpy(), np.zeros(16, int))
    verified = verify(net, 0, floats, data, table, samples)
    assert max(found.float_difference for found in verified) < 1e-4
    assert verified[0].arena.total > 1 << 16
