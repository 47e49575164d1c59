import pytest
import torch
from torch import nn

from reds_torch.models import dnn
from reds_torch.nested import AxisLayout, Block
from reds_torch.nested.network import nest
from reds_torch.nested.operators.walk import NestingError


def test_a_dnn_has_one_group_for_each_hidden_layer():
    net = nest(dnn("s"), torch.zeros(1, 1, 25, 10))
    assert [(g.name, g.size) for g in net.groups] == [("fc1", 144), ("fc2", 144), ("fc3", 144)]
    fc2 = {(m.tensor, m.axis) for m in net.groups[1].members}
    assert fc2 == {("fc2.weight", 0), ("fc2.bias", 0), ("fc3.weight", 1)}


def test_residual_sums_and_depthwise_convolutions_join_groups(residual):
    net = nest(residual, torch.zeros(1, 2, 8, 6))
    assert {g.name: g.size for g in net.groups} == {"stem": 6, "hidden": 7}
    stem = {(m.tensor, m.axis) for m in net.groups[0].members}
    assert stem == {
        *((f"stem.{n}", 0) for n in ("weight", "bias")),
        *((f"norm.{n}", 0) for n in ("weight", "bias", "running_mean", "running_var")),
        *((f"depthwise.{n}", 0) for n in ("weight", "bias")),
        ("pointwise.weight", 0),
        ("pointwise.weight", 1),
        ("hidden.weight", 1),
    }


def test_a_channel_owns_its_whole_map_after_flatten(residual):
    net = nest(residual, torch.zeros(1, 2, 8, 6))
    assert net.structure.layouts["hidden.weight"][1] == AxisLayout((Block("stem", 6, 12),))


def test_concatenated_groups_stay_apart():
    class Branches(nn.Module):
        def __init__(self):
            super().__init__()
            self.left, self.right = nn.Linear(3, 4), nn.Linear(3, 5)
            self.head = nn.Linear(9 + 3, 2)

        def forward(self, x):
            return self.head(torch.cat([self.left(x), x, self.right(x)], dim=1))

    net = nest(Branches(), torch.zeros(1, 3))
    assert net.structure.layouts["head.weight"][1].blocks == (
        Block("left", 4, 1),
        Block(None, 1, 3),
        Block("right", 5, 1),
    )


def test_ignored_modules_and_their_neighbours_stay_whole():
    model = dnn("s")
    by_name = nest(model, torch.zeros(1, 1, 25, 10), ignore=["fc2"])
    by_module = nest(model, torch.zeros(1, 1, 25, 10), ignore=[model.fc2])
    assert [g.name for g in by_name.groups] == [g.name for g in by_module.groups] == ["fc3"]


def test_candidates_are_multiples():
    net = nest(dnn("s"), torch.zeros(1, 1, 25, 10), round_to=50)
    assert net.groups[0].candidates == (50, 100, 144)


class HardCoded(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Linear(4, 6), nn.Linear(6, 2)

    def forward(self, x):
        return self.b(self.a(x).reshape(-1, 6))


class Sorting(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = nn.Linear(4, 6)
        self.head = nn.Linear(6, 2)

    def forward(self, x):
        return self.head(torch.sort(self.encoder(x))[0])


@pytest.mark.parametrize(
    ("model", "example", "arguments", "message"),
    [
        (HardCoded(), (1, 4), {}, "sizes as numbers"),
        (Sorting(), (1, 4), {}, "aten.sort"),
        (nn.Linear(4, 2), (1, 4), {}, "no units to cut"),
        (dnn("s"), (1, 1, 25, 10), {"ignore": ["fc9"]}, "fc9.*there are: flatten, fc1"),
        (dnn("s"), (1, 1, 25, 10), {"round_to": 0}, "at least 1"),
        (dnn("s"), (1, 1, 25, 10), {"round_to": 145}, "no width to choose: it has 144 units of 1 features"),
        (dnn("s"), (1, 7), {}, "torch.export failed on an input of shape"),
    ],
)
def test_what_cannot_be_nested_is_refused_by_name(model, example, arguments, message):
    with pytest.raises(NestingError, match=message):
        nest(model, torch.zeros(example), **arguments)
