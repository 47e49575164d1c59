"""int8 models: near torch in every subnetwork, without saturation, with quantization of a subnetwork's own."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from networks import NETWORKS, inputs, network

from bridge.conversion.activation_ranges import union
from bridge.conversion.converter import calibrate, export_subnetworks, to_float, to_int8
from bridge.conversion.onnx2tf_process import channels_last
from bridge.conversion.onnx_export import OnnxLayer
from bridge.conversion.overrides import own_parameters, own_quantizations
from bridge.conversion.quantizer import quantization_of, quantize
from bridge.error import BridgeError
from bridge.model_file.flatbuffer import read, read_table
from bridge.model_file.graph import Graph
from bridge.model_file.subnetworks import cut
from bridge.runtimes import input_output, quantized, run_litert, run_micro
from bridge.verify import torch_outputs


def int8_outputs(data, table, k, samples):
    """Real outputs of subnetwork k in TensorFlow Lite Micro, and the size of a step."""
    model = cut(data, table, k)
    source, output = input_output(model)
    stored, _ = run_micro(model, quantized(channels_last(samples), source))
    return output.scale * (stored.astype(np.float64) - output.zero_point), output.scale


def worst_errors(net, model, samples, kind="output"):
    """Largest error of each subnetwork's outputs, relative to their largest; what no answer depends on is cut off."""
    data, table = to_int8(model, calibrate(model, channels_last(samples)), kind)
    errors = []
    for k, expected in enumerate(torch_outputs(net, 0, samples)):
        found, _ = int8_outputs(data, table, k, samples)
        kept = expected > expected.max(1, keepdims=True) - 16
        errors.append(np.abs(found - expected)[kept].max() / np.abs(expected).max())
    return errors


@pytest.mark.parametrize("name", sorted(NETWORKS.keys() - {"cancelling"}))
@pytest.mark.parametrize("kind", ["shared", "output", "own"])
def test_every_subnetwork_is_near_torch(float_models, name, kind):
    net, model = float_models[name]
    assert max(worst_errors(net, model, inputs(net).numpy(), kind)) < 0.06


@pytest.mark.parametrize("name", NETWORKS)
def test_weights_have_a_scale_for_each_output_and_inputs_and_outputs_are_int8(float_models, name):
    net, model = float_models[name]
    data, _ = to_int8(model, calibrate(model, channels_last(inputs(net).numpy())))
    graph = Graph(read(data))
    for operator in graph.operators:
        if len(operator.inputs) == 3:
            weight, bias = map(int, operator.inputs[1:])
            assert graph.constant(weight).dtype == np.int8
            assert len(graph.scales(weight)[0]) == len(graph.constant(bias))
            assert not graph.scales(weight)[1].any()
    assert {graph.tensor(i).type for i in (*graph.inputs, *graph.outputs)} == {9}  # INT8


def test_ranges_of_the_full_network_alone_saturate_where_the_union_does_not(float_models):
    net, model = float_models["cancelling"]
    samples = inputs(net, 100).numpy()
    ranges = calibrate(model, samples)
    _, expected = torch_outputs(net, 0, samples)
    errors = []
    for used in ([ranges[0]] * 2, ranges):
        found, _ = int8_outputs(*to_int8(model, used, "shared"), 1, samples)
        errors.append(np.abs(found - expected).max())
    assert errors[0] > 20 * errors[1]


def test_an_output_scale_of_its_own_keeps_small_answers_apart(float_models):
    """A subnetwork whose outputs are a hundredth of the full network's."""
    net, model = float_models["dense"]
    ranges = calibrate(model, channels_last(inputs(net).numpy()))
    small = {**ranges[2], "output": tuple(limit / 100 for limit in ranges[2]["output"])}
    steps = {}
    for kind in ("shared", "output"):
        data, table = to_int8(model, [ranges[0], ranges[1], small], kind)
        steps[kind] = input_output(cut(data, table, 2))[1].scale
    whole = small["output"][1] - small["output"][0]
    assert steps["shared"] > whole / 10
    assert steps["output"] == pytest.approx(whole / 255, rel=1e-6)


def test_own_ranges_are_those_of_the_subnetwork(float_models):
    net, model = float_models["flattened"]
    ranges = calibrate(model, channels_last(inputs(net).numpy()))
    data, table = to_int8(model, ranges, "own")
    for k in (1, 2):
        graph = Graph(read(cut(data, table, k)))
        for operator in graph.operators:
            tensor = int(operator.outputs[0])
            expected = quantization_of(*ranges[k][graph.name(tensor)])
            assert graph.quantization(tensor).scale == pytest.approx(expected.scale, rel=1e-6)
            assert graph.quantization(tensor).zero_point == expected.zero_point


def test_what_other_operators_read_or_write_keeps_the_full_networks_quantization(float_models):
    net, model = float_models["residual"]
    ranges = calibrate(model, channels_last(inputs(net).numpy()))
    graph = Graph(read(quantize(model.data, union(ranges))))
    own = {graph.name(tensor) for tensor in own_quantizations(graph, ranges[1], everywhere=True)}
    # inner's output lies between two convolutions, the last one's is averaged; ADD and MAX_POOL touch the others
    assert own == {"inner", "output"}
    assert set(own_quantizations(graph, ranges[1], everywhere=False)) == set(graph.outputs)


@pytest.mark.parametrize("kind", ["statistics", "separate"])
def test_batch_norm_of_its_own_runs_on_the_same_int8_weights(converted, kind):
    net = network("separable")
    net.own_batch_norm(kind)
    random = torch.Generator().manual_seed(2)
    for own in net.own:
        for tensor in own.tensors().values():
            if tensor.is_floating_point():
                tensor.data.mul_(torch.empty(tensor.shape).uniform_(0.5, 2, generator=random))
    graphs = export_subnetworks(net)
    model = to_float(net, graphs, *converted(graphs[:1]))
    samples = inputs(net).numpy()
    assert max(worst_errors(net, model, samples)) < 0.06
    data, _ = to_int8(model, calibrate(model, channels_last(samples)))
    table = read_table(data)
    weights = [Graph(read(cut(data, table, k))) for k in (0, 1)]
    first, second = (graph.constant(int(graph.operators[0].inputs[1])) for graph in weights)
    np.testing.assert_array_equal(first[: len(second)], second)
    assert all((0, k) in table.overrides for k in (1, 2))


def layer(weight):
    return OnnxLayer("conv", "conv", np.array(weight, np.float32), np.zeros(len(weight), np.float32))


@pytest.mark.parametrize("own", [[[-1.0, -2.0]], [[1.0, 2.5]], [[0.0, 0.0]]])
def test_batch_norm_that_int8_weights_cannot_follow_is_refused(own):
    full = [layer([[1.0, 2.0], [3.0, 4.0]])]
    assert own_parameters(full, [layer([[2.0, 4.0]])], shared=False)[0].gains == pytest.approx([2.0])
    with pytest.raises(BridgeError, match="own batch norm turns or revives channels of module 'conv'"):
        own_parameters(full, [layer(own)], shared=False)


def test_litert_runs_the_model_with_the_table(float_models):
    net, model = float_models["separable"]
    samples = channels_last(inputs(net).numpy())
    data, table = to_int8(model, calibrate(model, samples))
    stored = quantized(samples, input_output(data)[0])
    np.testing.assert_array_equal(run_litert(data, stored), run_litert(cut(data, table, 0), stored))
    micro, arena = run_micro(data, stored)
    assert np.abs(micro.astype(int) - run_litert(data, stored)).max() <= 2
    assert arena.activations >= table.subnetworks[0].peak_memory
    assert replace(table, overrides={}) == model.table
