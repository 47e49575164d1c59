"""One small network for each kind of layer and coupling that nest() knows."""

import pytest
import torch
import torch.nn.functional as F
from properties import check_every_property
from torch import nn

from reds_torch.nested.network import nest


class Attention(nn.Module):
    """Packed or separate projections, heads of four features, through torch's operator or written out."""

    def __init__(self, packed, written_out):
        super().__init__()
        self.packed, self.written_out = packed, written_out
        self.inputs = nn.Linear(5, 6)
        self.qkv = nn.Linear(6, 36) if packed else nn.ModuleList(nn.Linear(6, 12) for _ in range(3))
        self.output = nn.Linear(12, 6)
        self.norm = nn.LayerNorm(6)
        self.head = nn.Linear(6, 3)

    def forward(self, x):
        x = self.inputs(x)
        parts = self.qkv(x).chunk(3, dim=-1) if self.packed else [linear(x) for linear in self.qkv]
        q, k, v = (part.unflatten(-1, (-1, 4)).transpose(1, 2) for part in parts)
        if self.written_out:
            y = torch.softmax(q @ k.transpose(-2, -1) * 0.5, dim=-1) @ v
        else:
            y = F.scaled_dot_product_attention(q, k, v)
        x = self.norm(x + self.output(y.transpose(1, 2).flatten(2)))
        return self.head(x[:, 0])


class TorchAttention(nn.Module):
    def __init__(self):
        super().__init__()
        self.inputs = nn.Linear(5, 12)
        self.attention = nn.MultiheadAttention(12, 3, batch_first=True)
        self.head = nn.Linear(12, 3)

    def forward(self, x):
        x = self.inputs(x)
        return self.head((x + self.attention(x, x, x, need_weights=False)[0]).mean(1))


class SqueezeExcitation(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(2, 8, 3)
        self.squeeze, self.excite = nn.Conv2d(8, 4, 1), nn.Conv2d(4, 8, 1)
        self.head = nn.Linear(8, 3)

    def forward(self, x):
        x = self.conv(x)
        gate = self.excite(self.squeeze(F.adaptive_avg_pool2d(x, 1)).relu()).sigmoid()
        return self.head((gate * x).mean((2, 3)))


class Dense(nn.Module):
    """Concatenated channels, batch norm over them, then a flatten."""

    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Conv2d(2, 4, 3, padding=1), nn.Conv2d(4, 3, 3, padding=1)
        self.norm = nn.BatchNorm2d(7)
        self.head = nn.Linear(7 * 16, 3)

    def forward(self, x):
        a = self.a(x)
        return self.head(self.norm(torch.cat([self.b(a.relu()), a], dim=1)).flatten(1))


class Words(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding, self.hidden, self.head = nn.Embedding(10, 6), nn.Linear(6, 5), nn.Linear(5, 3)

    def forward(self, x):
        return self.head(self.hidden(self.embedding(x.long())).mean(1))


def chain(*modules):
    return nn.Sequential(*modules)


NETWORKS = {
    "linear": (chain(nn.Linear(5, 7), nn.ReLU(), nn.Linear(7, 3)), (5,)),
    "conv1d": (chain(nn.Conv1d(2, 6, 3, stride=2), nn.ReLU(), nn.Flatten(), nn.Linear(24, 3)), (2, 9)),
    "dilated": (chain(nn.Conv2d(2, 6, 3, dilation=2), nn.ReLU6(), nn.Flatten(), nn.Linear(96, 3)), (2, 8, 8)),
    "depthwise": (
        chain(nn.Conv2d(2, 6, 1), nn.Conv2d(6, 12, 3, groups=6), nn.Flatten(), nn.Linear(12 * 4, 3)),
        (2, 4, 4),
    ),
    "grouped": (
        chain(nn.Conv2d(2, 8, 1), nn.Conv2d(8, 12, 3, groups=4), nn.Flatten(), nn.Linear(12 * 4, 3)),
        (2, 4, 4),
    ),
    "group norm": (
        chain(nn.Conv2d(2, 8, 1), nn.GroupNorm(4, 8), nn.PReLU(8), nn.Flatten(), nn.Linear(32, 3)),
        (2, 2, 2),
    ),
    "layer norm": (chain(nn.Linear(5, 8), nn.LayerNorm(8), nn.GELU(), nn.Linear(8, 3)), (5,)),
    "pooling": (chain(nn.Conv2d(2, 6, 3), nn.MaxPool2d(2), nn.AvgPool2d(2), nn.Flatten(), nn.Linear(6, 3)), (2, 6, 6)),
    "packed attention": (Attention(packed=True, written_out=False), (7, 5)),
    "attention": (Attention(packed=False, written_out=False), (7, 5)),
    "attention written out": (Attention(packed=True, written_out=True), (7, 5)),
    "torch's attention": (TorchAttention(), (7, 5)),
    "squeeze and excitation": (SqueezeExcitation(), (2, 5, 5)),
    "concatenation": (Dense(), (2, 4, 4)),
    "embedding": (Words(), (6,)),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_layer(name):
    model, shape = NETWORKS[name]
    check_every_property(model, torch.rand(4, *shape) * 9, [1.0, 0.7, 0.35, 0.01])


def sizes(name):
    model, shape = NETWORKS[name]
    return {group.name: group.size for group in nest(model, torch.ones(1, *shape)).groups}


def test_units_of_attention_are_whole_heads():
    assert sizes("packed attention") == {"inputs": 6, "qkv": 3}
    assert sizes("attention") == {"inputs": 6, "qkv.0": 3}
    assert sizes("attention written out") == {"inputs": 6, "qkv": 3}
    assert sizes("torch's attention") == {"inputs": 3}


def test_units_of_grouped_layers_are_whole_groups():
    assert sizes("grouped") == {"0": 4}
    assert sizes("depthwise") == {"0": 6}
    assert sizes("group norm") == {"0": 4}


def test_batches_of_any_size_find_the_same_groups():
    for model, shape in NETWORKS.values():
        one, three = (nest(model, torch.ones(n, *shape)) for n in (1, 3))
        assert one.groups == three.groups
        assert one.structure.activations == three.structure.activations
