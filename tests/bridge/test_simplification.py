"""Converted graphs without what a person would not have written: operators as TensorFlow's optimizer left them, and
torch's outputs.
"""

import numpy as np
import pytest
import torch
from torch import nn

from bridge.conversion.onnx2tf_process import channels_last
from bridge.conversion.onnx_export import export
from bridge.conversion.simplification import simplify
from bridge.error import BridgeError
from bridge.model_file.flatbuffer import read, write
from bridge.model_file.graph import ACTIVATION_NAMES, Graph
from bridge.runtimes import run_litert

SHAPE = (3, 6, 6)


class Residual(nn.Module):
    """Activations in front of sums, and both sides of a sum in torch's order of axes."""

    def __init__(self):
        super().__init__()
        self.first, self.second = nn.Conv2d(3, 8, 3, padding=1), nn.Conv2d(8, 8, 3, padding=1)
        self.third, self.head = nn.Conv2d(8, 8, 1), nn.Linear(8, 4)

    def forward(self, x):
        x = self.first(x)
        x = x + self.second(torch.relu(x))
        x = x + self.third(nn.functional.relu6(x))
        return self.head(torch.relu(x).mean((2, 3)))


class TwoHeads(nn.Module):
    """A flatten that two layers read."""

    def __init__(self):
        super().__init__()
        self.conv, self.left, self.right = nn.Conv2d(3, 4, 3), nn.Linear(64, 5), nn.Linear(64, 5)

    def forward(self, x):
        x = self.conv(x).flatten(1)
        return torch.relu(self.left(x)) + self.right(x)


torch.manual_seed(0)  # so that they are converted once for all runs of the tests
# the network, its operators, what is fused into them
NETWORKS = {
    "no bias": (
        nn.Sequential(nn.Conv2d(3, 4, 3, bias=False), nn.ReLU(), nn.Flatten(), nn.Linear(64, 4, bias=False)),
        ["CONV_2D RELU VALID", "FULLY_CONNECTED"],
    ),
    "activation behind a flatten": (
        nn.Sequential(nn.Conv2d(3, 4, 3), nn.Flatten(), nn.ReLU6(), nn.Linear(64, 4), nn.LeakyReLU(), nn.Linear(4, 4)),
        ["CONV_2D RELU6 VALID", "FULLY_CONNECTED", "LEAKY_RELU", "FULLY_CONNECTED"],
    ),
    "other clipping": (
        nn.Sequential(nn.Conv2d(3, 4, 3), nn.Hardtanh(), nn.Conv2d(4, 4, 3), nn.Flatten(), nn.Linear(16, 5)),
        ["CONV_2D RELU_N1_TO_1 VALID", "CONV_2D VALID", "FULLY_CONNECTED"],
    ),
    "padding that is same": (
        nn.Sequential(nn.ZeroPad2d((0, 1, 0, 1)), nn.Conv2d(3, 4, 3, stride=2), nn.Flatten(), nn.Linear(36, 4)),
        ["CONV_2D SAME", "FULLY_CONNECTED"],
    ),
    "padding that is not": (
        nn.Sequential(nn.Conv2d(3, 4, 3, padding=1, stride=2), nn.Flatten(), nn.Linear(36, 4)),
        ["PAD", "CONV_2D VALID", "FULLY_CONNECTED"],
    ),
    "padding before a flatten": (
        nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.ZeroPad2d((1, 0, 2, 1)), nn.Flatten(), nn.Linear(140, 4)),
        ["CONV_2D RELU VALID", "PAD", "FULLY_CONNECTED"],
    ),
    "dilated": (
        nn.Sequential(nn.Conv2d(3, 4, 3, dilation=2, padding=2), nn.ReLU(), nn.Flatten(), nn.Linear(144, 4)),
        ["CONV_2D RELU SAME", "FULLY_CONNECTED"],
    ),
    "pooling": (
        nn.Sequential(nn.Conv2d(3, 4, 1), nn.AvgPool2d(2), nn.ReLU(), nn.MaxPool2d(3), nn.Flatten(), nn.Linear(4, 4)),
        ["CONV_2D SAME", "AVERAGE_POOL_2D RELU", "MAX_POOL_2D", "FULLY_CONNECTED"],
    ),
    "map as output": (
        nn.Sequential(nn.Conv2d(3, 4, 1), nn.AdaptiveAvgPool2d(1), nn.Flatten()),
        ["CONV_2D SAME", "MEAN", "RESHAPE"],
    ),
    "residual": (
        Residual(),
        [
            *("CONV_2D SAME", "RELU", "CONV_2D SAME", "ADD", "RELU6", "CONV_2D SAME", "ADD RELU"),
            *("MEAN", "FULLY_CONNECTED"),
        ],
    ),
    "two heads": (TwoHeads(), ["CONV_2D VALID", "FULLY_CONNECTED RELU", "FULLY_CONNECTED", "ADD"]),
}


def described(graph):
    """Operators with their fused activation and, of convolutions, their padding."""
    for operator in graph.operators:
        name, options = graph.operator_name(operator), operator.builtinOptions
        activation = ACTIVATION_NAMES[getattr(options, "fusedActivationFunction", 0)]
        padding = ("SAME", "VALID")[options.padding] if "CONV" in name else ""
        yield " ".join(word for word in (name, activation, padding) if word not in ("", "NONE"))


@pytest.fixture(scope="module")
def simplified(converted):
    """Every network, and its converted and simplified model."""
    graphs = [export(model, SHAPE) for model, _ in NETWORKS.values()]
    made = {}
    for name, data in zip(NETWORKS, converted(graphs), strict=True):
        graph = Graph(read(data))
        simplify(graph)
        made[name] = graph
    return made


@pytest.mark.parametrize("name", NETWORKS)
def test_operators_are_those_that_a_person_would_write(simplified, name):
    assert list(described(simplified[name])) == NETWORKS[name][1]


@pytest.mark.parametrize("name", NETWORKS)
def test_outputs_are_torchs(simplified, name):
    samples = torch.randn(20, *SHAPE, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        expected = NETWORKS[name][0](samples).numpy()
    found = run_litert(write(simplified[name].model), channels_last(samples.numpy()))
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


def test_nothing_is_left_of_what_is_left_out(simplified):
    """No tensor, buffer or operator code that no operator needs; no metadata that would allow float16."""
    for graph in simplified.values():
        model = graph.model
        assert {o.opcodeIndex for o in graph.operators} == set(range(len(model.operatorCodes)))
        used = {int(i) for o in graph.operators for i in (*o.inputs, *o.outputs)}
        assert used == set(range(len(graph.subgraph.tensors)))
        assert model.metadata is None


def test_what_subnetworks_cannot_run_is_refused(converted):
    """Padding of a pooling with the lowest number, which TensorFlow Lite's pooling does not do by itself here."""
    model = nn.Sequential(nn.Conv2d(3, 4, 1), nn.MaxPool2d(3, 2, 1), nn.Flatten(), nn.Linear(36, 4))
    (data,) = converted([export(model, SHAPE)])
    with pytest.raises(BridgeError, match="the converted model uses PADV2"):
        simplify(Graph(read(data)))
