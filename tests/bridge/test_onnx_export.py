"""ONNX graphs compute what torch does, batch norm folded; what can not be converted is refused by its module."""

import numpy as np
import onnx
import pytest
import torch
from networks import NETWORKS, inputs, network
from onnx.reference import ReferenceEvaluator
from torch import nn

from bridge.conversion.layers import check_nesting
from bridge.conversion.onnx_export import export, layers_of
from bridge.error import BridgeError
from reds_torch import nest
from reds_torch.models import vit


@pytest.mark.parametrize("name", NETWORKS)
def test_graph_computes_what_torch_does(name):
    net = network(name)
    samples = inputs(net, 3)
    graph = export(net.model, net.input_shape[1:], dynamic_batch=True)
    (outputs,) = ReferenceEvaluator(graph).run(None, {"input": samples.numpy()})
    np.testing.assert_allclose(outputs, net.model(samples).detach(), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", NETWORKS)
def test_layers_are_those_of_the_network_in_its_order(name):
    net = network(name)
    graph = export(net.model, net.input_shape[1:])
    layers = layers_of(graph)
    assert [layer.name for layer in layers] == [layer.name for layer in net.structure.layers]
    assert [layer.kind for layer in layers] == [layer.kind for layer in net.structure.layers]
    assert not {"BatchNormalization", "MatMul"} & {node.op_type for node in graph.graph.node}


def test_batch_norm_behind_a_dense_layer_is_folded_by_the_formula():
    net = network("dense")
    dense, norm = net.model[4], net.model[5]
    layer = layers_of(export(net.model, net.input_shape[1:]))[2]
    factor = (norm.weight / torch.sqrt(norm.running_var + norm.eps)).detach()
    np.testing.assert_allclose(layer.weight, dense.weight.detach() * factor[:, None], rtol=1e-5)
    np.testing.assert_allclose(layer.bias, (norm.bias - norm.running_mean * factor).detach(), rtol=1e-5)


def test_batch_is_one_sample_unless_it_is_dynamic():
    net = network("dense")
    sizes = [
        export(net.model, net.input_shape[1:], dynamic).graph.input[0].type.tensor_type.shape.dim[0]
        for dynamic in (False, True)
    ]
    assert (sizes[0].dim_value, sizes[1].dim_param) == (1, "batch")


def test_graph_passes_the_checker():
    net = network("residual")
    onnx.checker.check_model(export(net.model, net.input_shape[1:]), full_check=True)


@pytest.mark.parametrize(
    "layers, reason",
    [
        ([nn.Conv2d(2, 4, 3), nn.GELU()], "module '1' uses the operator (Div|Erf|Gelu)"),
        ([nn.Conv2d(2, 4, 3), nn.Conv2d(4, 4, 3, groups=2)], "module '1' is a convolution in 2 groups"),
        ([nn.Conv2d(2, 4, 3), nn.PixelShuffle(2)], "module '1' uses the operator (DepthToSpace|Transpose|Reshape)"),
        ([nn.Flatten(2), nn.Linear(36, 4)], "module '1' uses the operator MatMul"),
    ],
)
def test_operators_that_are_not_known_are_refused(layers, reason):
    with pytest.raises(BridgeError, match=reason):
        layers_of(export(nn.Sequential(*layers), (2, 6, 6)))


def test_attention_is_refused_before_anything_is_exported():
    net = nest(vit((3, 32, 32), 10, 16, 64, 1), torch.zeros(1, 3, 32, 32))
    with pytest.raises(BridgeError, match=r"module 'blocks.0.attn' multiplies activations with each other"):
        check_nesting(net)


class Joined(nn.Module):
    def __init__(self):
        super().__init__()
        self.left, self.right, self.last = nn.Linear(6, 4), nn.Linear(6, 3), nn.Linear(7, 2)

    def forward(self, x):
        return self.last(torch.cat([self.left(x), self.right(x)], 1))


def test_joined_channels_are_refused_by_name():
    with pytest.raises(BridgeError, match=r"axis 1 of last.weight joins the channels of 2 layers"):
        check_nesting(nest(Joined(), torch.zeros(1, 6)))
