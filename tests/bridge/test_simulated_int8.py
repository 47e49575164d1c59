"""What a network trains with as int8 is what its int8 model computes: ranges, steps, and answers in both runtimes."""

import numpy as np
import pytest
import torch
from networks import NETWORKS, inputs

from bridge.conversion.converter import calibrate, to_int8
from bridge.conversion.onnx2tf_process import channels_last
from bridge.conversion.quantizer import quantization_of as of_model
from bridge.model_file.flatbuffer import read
from bridge.model_file.graph import Graph
from bridge.model_file.subnetworks import cut
from bridge.runtimes import input_output, quantized, run_litert, run_micro
from reds_torch.training.int8.fake_quantization import measured_ranges, quantization_of, simulated_int8


@pytest.fixture(params=NETWORKS)
def example(request, float_models):
    net, model = float_models[request.param]
    samples = inputs(net)
    data, table = to_int8(model, calibrate(model, channels_last(samples.numpy())))
    return net, measured_ranges(net, [samples]), data, table, samples


@pytest.mark.parametrize("limits", [(-3.0, 1.0), (0.5, 2.0), (-2.0, -1.0), (0.0, 0.0), (-1e-3, 40.0)])
def test_a_range_gives_the_scale_and_zero_point_of_the_model(limits):
    scale, zero_point = quantization_of(limits)
    expected = of_model(*limits)
    assert scale == pytest.approx(expected.scale, rel=1e-6)
    assert zero_point == expected.zero_point


def test_the_activations_that_are_stored_are_the_models(example):
    net, ranges, data, table, _ = example
    graph = Graph(read(data))
    tensors = {int(i) for operator in graph.operators for i in (operator.inputs[0], operator.outputs[0])}
    stored = {(graph.quantization(t).scale, graph.quantization(t).zero_point) for t in tensors}
    expected = stored | {
        (o.scale, o.zero_point) for o in (input_output(cut(data, table, k))[1] for k in range(len(net.subnetworks)))
    }
    found = {quantization_of(limits) for limits in ranges.values()}
    for some, others in ((found, expected), (expected, found)):
        for scale, zero_point in some:
            assert any(abs(s / scale - 1) < 1e-5 and z == zero_point for s, z in others)


def test_answers_are_the_int8_models(example):
    """Nearer to them than the float network's; equal but for rare sums on an edge where there are layers only."""
    net, ranges, data, table, samples = example
    operators = Graph(read(data))
    layers_only = all(operators.operator_name(o) in ("CONV_2D", "FULLY_CONNECTED") for o in operators.operators)
    for k in range(len(net.subnetworks)):
        model = cut(data, table, k)
        source, output = input_output(model)
        stored = quantized(channels_last(samples.numpy()), source)
        with net.active(k), torch.no_grad():
            floats = net(samples).numpy()
            with simulated_int8(net, ranges):
                found = net(samples).numpy()
        for outputs in (run_micro(model, stored)[0], run_litert(model, stored)):
            real = output.scale * (outputs.astype(float) - output.zero_point)
            assert np.abs(found - real).mean() < np.abs(floats - real).mean()
            if layers_only:
                assert (np.abs(found - real) > 0.5 * output.scale).mean() < 0.05
