"""Networks as float32 models: the operators that a person would write, and torch's outputs in every subnetwork."""

import numpy as np
import pytest
import torch
from networks import NETWORKS, inputs, network

from bridge.conversion.converter import export_subnetworks, to_float
from bridge.conversion.onnx2tf_process import channels_last
from bridge.error import BridgeError
from bridge.model_file.flatbuffer import read
from bridge.model_file.graph import Graph
from bridge.runtimes import run_litert
from bridge.verify import torch_outputs
from reds_torch import nest
from reds_torch.models import cnn, dnn, ds_cnn, mobilenet_v1, resnet8

SMALL = {
    "dense": ["FULLY_CONNECTED"] * 4,
    "cancelling": ["FULLY_CONNECTED"] * 3,
    "flattened": ["CONV_2D", "CONV_2D", "FULLY_CONNECTED", "FULLY_CONNECTED"],
    "separable": ["CONV_2D", "DEPTHWISE_CONV_2D", "CONV_2D", "LEAKY_RELU", "MEAN", "FULLY_CONNECTED"],
    "residual": [
        *("CONV_2D", "CONV_2D", "CONV_2D", "ADD", "MAX_POOL_2D", "CONV_2D"),
        *("MEAN", "FULLY_CONNECTED"),
    ],
}
SEPARABLE = ["DEPTHWISE_CONV_2D", "CONV_2D"]
LEAKY = ["DEPTHWISE_CONV_2D", "LEAKY_RELU", "CONV_2D", "LEAKY_RELU"]
torch.manual_seed(0)  # so that they are converted once for all runs of the tests
LARGE = {
    "dnn": (dnn(), ["FULLY_CONNECTED"] * 4),
    "cnn": (cnn(), ["CONV_2D", "CONV_2D", "FULLY_CONNECTED", "FULLY_CONNECTED", "FULLY_CONNECTED"]),
    "ds_cnn": (ds_cnn(), ["CONV_2D", *4 * SEPARABLE, "MEAN", "FULLY_CONNECTED"]),
    "mobilenet_v1": (
        mobilenet_v1(0.25, (3, 96, 96), 2),
        ["CONV_2D", "LEAKY_RELU", *13 * LEAKY, "MEAN", "FULLY_CONNECTED"],
    ),
    "resnet8": (
        resnet8(),
        [
            *("CONV_2D", "CONV_2D", "CONV_2D", "ADD"),
            *2 * ("CONV_2D", "CONV_2D", "CONV_2D", "ADD"),
            *("MEAN", "FULLY_CONNECTED"),
        ],
    ),
}
INPUTS = {
    "dnn": (1, 25, 10),
    "cnn": (1, 49, 10),
    "ds_cnn": (1, 49, 10),
    "mobilenet_v1": (3, 96, 96),
    "resnet8": (3, 32, 32),
}


def operators(data):
    graph = Graph(read(data))
    return [graph.operator_name(operator) for operator in graph.operators]


@pytest.mark.parametrize("name", NETWORKS)
def test_operators_are_those_that_a_person_would_write(float_models, name):
    _, model = float_models[name]
    assert operators(model.data) == SMALL[name]


@pytest.mark.parametrize("name", NETWORKS)
def test_every_subnetwork_gives_torchs_outputs(float_models, name):
    net, model = float_models[name]
    samples = inputs(net).numpy()
    for data, expected in zip(model.subnetworks, torch_outputs(net, 0, samples), strict=True):
        np.testing.assert_allclose(run_litert(data, channels_last(samples)), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", NETWORKS)
def test_tensors_are_called_after_the_modules(float_models, name):
    net, model = float_models[name]
    graph = Graph(read(model.data))
    names = {graph.name(i) for i in {*graph.inputs, *graph.outputs}}
    assert names == {"input", "output"}
    weights = {graph.name(int(operator.inputs[1])) for operator in graph.operators if len(operator.inputs) == 3}
    assert weights == {f"{layer.name}.weight" for layer in net.structure.layers}


def test_table_says_where_the_channels_are(float_models):
    net, model = float_models["flattened"]
    layers = [(layer.inputs, layer.outputs, layer.segments) for layer in model.table.layers]
    # the flatten joins 3 x 2 positions
    assert layers == [(None, 0, 1), (0, 1, 1), (1, 2, 6), (2, None, 1)]
    assert model.table.widths == ((7, 6, 2), (5, 3, 1), (6, 6, 3))
    for k, row in enumerate(model.table.subnetworks):
        assert row.macs == sum(layer.macs(net.subnetworks[k].widths) for layer in net.structure.layers)


def test_a_narrower_subnetwork_becomes_the_full_network(float_models):
    net, model = float_models["separable from 1"]
    assert model.table.widths == ((5, 1), (8, 3))
    samples = inputs(net).numpy()
    for data, expected in zip(model.subnetworks, torch_outputs(net, 1, samples), strict=True):
        np.testing.assert_allclose(run_litert(data, channels_last(samples)), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("kind", ["statistics", "separate"])
def test_batch_norm_of_its_own_is_in_the_float_subnetworks(converted, kind):
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
    for data, expected in zip(model.subnetworks, torch_outputs(net, 0, samples), strict=True):
        np.testing.assert_allclose(run_litert(data, channels_last(samples)), expected, rtol=1e-4, atol=1e-5)


def test_a_conversion_that_changed_weights_is_noticed(converted):
    net = network("flattened")
    graphs = export_subnetworks(net)
    (model,) = converted(graphs[:1])
    with torch.no_grad():
        net.model[3].weight[2, 1, 0, 0] += 0.01
    with pytest.raises(BridgeError, match="weights of no layer of the network"):
        to_float(net, export_subnetworks(net), model)
    with pytest.raises(BridgeError, match="the exported weights of module '3' are not the network's"):
        to_float(net, graphs, model)


@pytest.mark.slow
def test_operators_of_the_papers_networks(converted):
    nets = {name: nest(model.eval(), torch.zeros(1, *INPUTS[name])) for name, (model, _) in LARGE.items()}
    graphs = {name: export_subnetworks(net) for name, net in nets.items()}
    for (name, net), model in zip(nets.items(), converted([g[0] for g in graphs.values()]), strict=True):
        made = to_float(net, graphs[name], model)
        assert operators(made.data) == LARGE[name][1], name
        samples = torch.randn(4, *INPUTS[name]).numpy()
        (expected,) = torch_outputs(net, 0, samples)
        found = run_litert(made.data, channels_last(samples))
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4 * np.abs(expected).max(), err_msg=name)
