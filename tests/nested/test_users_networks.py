"""nest() works on the network that a user has: each computes, cut, what its extracted network computes."""

import pytest
import torch
import users_networks as users
from properties import check_every_property
from torch import nn

from reds_torch.nested.network import nest
from reds_torch.nested.operators.walk import NestingError


def chain(*modules):
    return nn.Sequential(*modules)


# model, shape of an input (None: six words), sizes of the groups
NETWORKS = {
    "split by attribute": (users.SplitByAttribute(), None, {"wte": 3, "c_fc": 20}),
    "vision attention": (users.VisionTransformer(fused=True), (3, 6, 6), {"patches": 3}),
    "vision attention, written out": (users.VisionTransformer(fused=False), (3, 6, 6), {"patches": 3}),
    "torch's attention, sequence first": (users.TorchAttention(batch_first=False), (7, 5), {"inputs": 3}),
    "torch's attention, with weights": (users.TorchAttention(need_weights=True), (7, 5), {"inputs": 3}),
    "torch's attention, other context": (users.TorchAttention(context=8), (7, 5), {"inputs": 3, "context": 8}),
    "encoder": (users.Encoder(), (7, 5), {"inputs": 3, "encoder.linear1": 20}),
    "attention over maps": (users.Attentive(), (2, 6, 6), {"gate.0": 4, "narrow": 6}),
    "u-net": (users.UNet(), (2, 8, 8), {"down": 4, "middle": 8, "up": 6}),
    "text": (users.TextConvolutions(), None, {"embedding": 8, "convs.0": 5, "convs.1": 5}),
    "gated": (users.GatedConvolutions(), (2, 20), {"inputs": 6, "dilated.0": 6, "skip.0": 5, "dilated.1": 6}),
    "tied": (users.Tied(), (5,), {"inputs": 8}),
    "functional": (users.Functional(), (5,), {"inputs": 8, "mixing": 6}),
    "sums": (users.Sums(), (5,), {"a": 4, "both": 3, "inner": 6}),
    "conv1d": (
        chain(
            nn.Conv1d(2, 6, 5, stride=2, padding=2, dilation=2, padding_mode="circular"),
            nn.BatchNorm1d(6),
            nn.Mish(),
            nn.Conv1d(6, 8, 3, padding="same", groups=2),
            nn.PReLU(),
            nn.AdaptiveMaxPool1d(2),
            nn.Flatten(),
            nn.Linear(16, 3),
        ),
        (2, 20),
        {"0": 2},
    ),
    "norms": (
        chain(
            nn.Conv2d(2, 8, 1),
            nn.InstanceNorm2d(8, affine=True),
            nn.Conv2d(8, 6, 1),
            nn.InstanceNorm2d(6),
            nn.Flatten(2),
            nn.Conv1d(6, 5, 1),
            nn.GroupNorm(1, 5),
            nn.Flatten(),
            nn.Linear(45, 7),
            nn.RMSNorm(7),
            nn.Linear(7, 3),
        ),
        (2, 3, 3),
        {"0": 8, "2": 6, "8": 7},  # channels that are normalised together are one unit: nothing to choose
    ),
    "shuffled": (
        chain(nn.Conv2d(2, 8, 1), nn.ChannelShuffle(2), nn.Conv2d(8, 5, 1), nn.Flatten(), nn.Linear(45, 3)),
        (2, 3, 3),
        {"0": 4, "2": 5},
    ),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_network(name):
    model, shape, groups = NETWORKS[name]
    example = torch.randint(0, 10, (4, 6)) if shape is None else torch.randn(4, *shape)
    assert {g.name: g.size for g in nest(model, example).groups} == groups
    check_every_property(model, example, [0.7, 0.35, 0.01])


def test_einsum():
    # at one unit torch multiplies without counting, so no narrower
    check_every_property(users.Einsum(), torch.randn(4, 5), [0.7, 0.3])


IGNORED = {
    "recurrent": (users.Recurrent(), (7, 5), ["gru"], {"hidden": 7}),
    "transposed": (
        chain(nn.Conv2d(2, 6, 1), nn.ConvTranspose2d(6, 5, 2), nn.Conv2d(5, 4, 1), nn.Flatten(), nn.Linear(64, 3)),
        (2, 3, 3),
        ["1"],
        {"2": 4},
    ),
    "weight norm": (
        chain(nn.utils.parametrizations.weight_norm(nn.Linear(5, 8)), nn.Linear(8, 6), nn.Linear(6, 3)),
        (5,),
        ["0.parametrizations.weight.0"],
        {"1": 6},
    ),
}


@pytest.mark.parametrize("name", IGNORED)
def test_what_has_no_rule_is_refused_with_a_remedy_that_works(name):
    model, shape, ignore, groups = IGNORED[name]
    example = torch.randn(4, *shape)
    with pytest.raises(NestingError, match="uses the operator") as refusal:
        nest(model, example)
    assert f"ignore={ignore} keeps whole" in str(refusal.value)
    assert {g.name: g.size for g in nest(model, example, ignore).groups} == groups
    check_every_property(model, example, [0.5], ignore)


def test_all_modules_to_ignore_are_named_at_once():
    model = chain(nn.Conv3d(1, 3, 1), nn.Conv3d(3, 4, 1), nn.Flatten(), nn.Linear(32, 5), nn.Linear(5, 3))
    with pytest.raises(NestingError) as refusal:
        nest(model, torch.zeros(1, 1, 2, 2, 2))
    assert "ignore=['0', '1'] keeps whole" in str(refusal.value)
    assert [g.name for g in nest(model, torch.zeros(1, 1, 2, 2, 2), ["0", "1"]).groups] == ["3"]


class Branching(nn.Module):
    def __init__(self):
        super().__init__()
        self.inputs, self.head = nn.Linear(5, 4), nn.Linear(4, 3)

    def forward(self, x):
        x = self.inputs(x)
        return self.head(-x if x.sum() > 0 else x)


class Sorting(Branching):
    def forward(self, x):
        return self.head(torch.sort(self.inputs(x))[0])


class Uneven(nn.Module):
    """As many keys as values for three times as many queries."""

    def __init__(self):
        super().__init__()
        self.query, self.key, self.head = nn.Linear(5, 12), nn.Linear(5, 4), nn.Linear(12, 3)

    def forward(self, x):
        q, k = (part.unflatten(-1, (-1, 2)).transpose(1, 2) for part in (self.query(x), self.key(x)))
        y = nn.functional.scaled_dot_product_attention(q, k, k, enable_gqa=True)
        return self.head(y.transpose(1, 2).flatten(2).mean(1))


@pytest.mark.parametrize(
    ("model", "shape", "message"),
    [
        (Branching(), (5,), "torch.export failed on an input of shape"),
        (Sorting(), (5,), "own forward uses the operator aten.sort.default, .* put it into a module of its own"),
        (Uneven(), (7, 5), "axes of 6 and 2 positions can't be cut one to one"),
    ],
)
def test_refusals_are_one_sentence(model, shape, message, capfd):
    with pytest.raises(NestingError, match=message) as refusal:
        nest(model, torch.zeros(1, *shape))
    assert "\n" not in str(refusal.value)
    assert capfd.readouterr() == ("", "")
