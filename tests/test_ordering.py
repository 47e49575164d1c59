import pytest
import torch

import reds_torch as reds
from reds_torch.models import dnn
from reds_torch.nested.scores import unit_scores


@pytest.mark.parametrize("size", ["s", "l"])
def test_the_function_of_a_dnn_is_unchanged(size):
    net = reds.nest(dnn(size), torch.zeros(1, 1, 25, 10))
    inputs = torch.randn(50, 1, 25, 10)
    before = net(inputs)
    reds.order(net, reds.score(net, criterion="l1"))
    assert (net(inputs) - before).abs().max() < 1e-5


def test_the_function_of_a_residual_network_is_unchanged(residual):
    net = reds.nest(residual, torch.zeros(1, 2, 8, 6))
    inputs = torch.randn(50, 2, 8, 6)
    before = net(inputs)
    reds.order(net, reds.score(net, criterion="l1"))
    torch.testing.assert_close(net(inputs), before, rtol=1e-5, atol=1e-5)
    assert not torch.equal(net.model.stem.weight, residual.stem.weight)


def test_units_stand_in_falling_order_and_scores_move_with_them(residual):
    net = reds.nest(residual, torch.zeros(1, 2, 8, 6))
    ordered = reds.order(net, reds.score(net, criterion="l1"))
    again = reds.score(net, criterion="l1")
    for name, block in ordered.items():
        torch.testing.assert_close(block, again[name])
    for group in net.groups:
        assert (unit_scores(net, ordered, group).diff() <= 1e-9).all()


def test_equal_units_keep_their_order():
    net = reds.nest(dnn("s"), torch.zeros(1, 1, 25, 10))
    before = net.model.fc1.weight.clone()
    scores = reds.Scores({name: torch.ones_like(s) for name, s in reds.score(net, criterion="l1").items()})
    reds.order(net, scores)
    assert torch.equal(net.model.fc1.weight, before)


@pytest.mark.parametrize("change", ["missing", "more units", "fewer units", "nan", "negative", "foreign"])
def test_scores_of_another_network_are_refused_before_anything_moves(residual, change):
    net = reds.nest(residual, torch.zeros(1, 2, 8, 6))
    scores = dict(reds.score(net, criterion="l1"))
    hidden = scores["hidden.weight"]
    changed = {
        "missing": None,
        "more units": torch.cat([hidden, hidden[:1]]),
        "fewer units": hidden[:-1],
        "nan": hidden * float("nan"),
        "negative": -hidden,
        "foreign": hidden,
    }[change]
    del scores["hidden.weight"]
    if changed is not None:
        scores["other.weight" if change == "foreign" else "hidden.weight"] = changed
    with pytest.raises(ValueError, match=r"another network|finite and not negative"):
        reds.order(net, reds.Scores(scores))
    assert all(torch.equal(a, b) for a, b in zip(net.model.parameters(), residual.parameters(), strict=True))
