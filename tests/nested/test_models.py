"""The project's networks and torchvision's, unchanged: three subnetworks each compute what they compute alone."""

import pytest
import torch
import torchvision
from properties import check_every_property, disturb
from torch import nn

from reds_torch.models import build
from reds_torch.nested.network import nest

SHARES = (0.7, 0.4, 0.05)

OURS = {
    "dnn_s": ("dnn", {}),
    "dnn_l": ("dnn", {"size": "l"}),
    "cnn_s": ("cnn", {}),
    "cnn_m": ("cnn", {"size": "m"}),
    "cnn_l": ("cnn", {"size": "l"}),
    "ds_cnn_s": ("ds_cnn", {}),
    "ds_cnn_m": ("ds_cnn", {"size": "m"}),
    "ds_cnn_l": ("ds_cnn", {"size": "l"}),
    "ds_cnn_of_images": ("ds_cnn", {"input_shape": (3, 32, 32), "kernel": (3, 3)}),
    "mobilenet_v1_025": ("mobilenet_v1", {"width": 0.25, "input_shape": (3, 48, 48), "classes": 2}),
    "mobilenet_v1": ("mobilenet_v1", {"input_shape": (3, 32, 32), "classes": 2}),
    "resnet8": ("resnet8", {}),
    "small_vit": ("vit", {"input_shape": (3, 32, 32), "classes": 10, "features": 128, "depth": 2}),
    "vit_base": ("vit", {"input_shape": (3, 32, 32), "classes": 10}),
}
TORCHVISION = {
    "resnet18": {},
    "mobilenet_v2": {},
    "efficientnet_b0": {},
    "convnext_tiny": {},
    "densenet121": {},
    "shufflenet_v2_x0_5": {},
    "shufflenet_v2_x1_0": {},
    "vit_b_16": {"image_size": 32},
}
LARGE = {"vit_base", "vit_b_16"}  # 86 million weights


def marked(names):
    return [pytest.param(name, marks=pytest.mark.slow) if name in LARGE else name for name in names]


@pytest.mark.parametrize("name", marked(OURS))
def test_our_networks(name):
    builder, arguments = OURS[name]
    model = disturb(build(builder, **arguments))
    check_every_property(model, torch.randn(3, *model.architecture.arguments["input_shape"]), SHARES)


@pytest.mark.parametrize("name", marked(TORCHVISION))
def test_torchvision(name):
    model = disturb(getattr(torchvision.models, name)(num_classes=10, **TORCHVISION[name]))
    check_every_property(model, torch.randn(2, 3, 32, 32), SHARES)


@pytest.mark.parametrize("name", [name for name in OURS if name not in LARGE])
def test_every_layer_but_the_last_is_cut(name):
    builder, arguments = OURS[name]
    model = build(builder, **arguments)
    net = nest(model, torch.zeros(1, *model.architecture.arguments["input_shape"]))
    layers = {n for n, m in net.model.named_modules() if isinstance(m, nn.Linear | nn.Conv2d)}
    cut = {m.tensor.rpartition(".")[0] for g in net.groups for m in g.members if m.axis == 0}
    assert layers - cut == {"head" if builder == "vit" else "output"}


def test_shuffled_channels_are_cut_where_their_halves_can_be():
    """Each block of ShuffleNet halves the channels that can be cut apart: what is left of 24, 48 and 96 a half."""
    net = nest(torchvision.models.shufflenet_v2_x0_5(), torch.zeros(1, 3, 64, 64))
    shuffled = {g.name: g.size for g in net.groups if g.name.endswith("branch1.2")}
    assert shuffled == {"stage2.0.branch1.2": 3, "stage4.0.branch1.2": 12}
    inner = {g.name for g in net.groups if g.name.endswith("branch2.0")}
    assert len(inner) == 4 + 8 + 4  # the layers inside every block are cut freely
