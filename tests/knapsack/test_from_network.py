import re
from itertools import product
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

import reds_torch as reds
from reds_torch import costs
from reds_torch.knapsack import InfeasibleError
from reds_torch.knapsack.network_search import check_search
from reds_torch.knapsack.problem.from_network import problem_from_network
from reds_torch.models import dnn


def ordered(model, example, **arguments):
    net = reds.nest(model, example, **arguments)
    return net, reds.order(net, reds.score(net, criterion="l1"))


def kept_score(net, widths):
    """The L1 norm of the extracted network's cut parameters, with no tables and no prefix sums."""
    small = net.extract(widths)
    return sum(p.abs().sum().item() for name, p in small.named_parameters() if name in net.structure.layouts)


@pytest.mark.parametrize("share", [1.0, 0.7, 0.2])
def test_value_and_costs_are_those_of_the_subnetwork(residual, share):
    net, scores = ordered(residual, torch.zeros(1, 2, 8, 6))
    problem = problem_from_network(net, scores)
    widths = {g.name: max(1, int(share * g.size)) for g in net.groups}
    assert problem.value(widths) == pytest.approx(kept_score(net, widths), rel=1e-6)
    assert problem.costs(widths) == reds.measure(net, widths)


def test_concatenations_become_tables_of_their_own():
    class Branches(nn.Module):
        def __init__(self):
            super().__init__()
            self.left, self.right, self.head = nn.Linear(3, 4), nn.Linear(3, 5), nn.Linear(12, 2)

        def forward(self, x):
            return self.head(torch.cat([self.left(x), x, self.right(x)], dim=1))

    net, scores = ordered(Branches(), torch.zeros(1, 3))
    problem = problem_from_network(net, scores)
    for left, right in product((1, 3, 4), (1, 2, 5)):
        widths = {"left": left, "right": right}
        assert problem.value(widths) == pytest.approx(kept_score(net, widths), rel=1e-6)
        assert problem.costs(widths) == reds.measure(net, widths)


def test_the_search_on_a_small_network_equals_trying_everything():
    layers = [(nn.Linear(a, b), nn.ReLU()) for a, b in ((7, 6), (6, 5), (5, 6))]
    model = nn.Sequential(*(module for pair in layers for module in pair), nn.Linear(6, 3))
    net, scores = ordered(model, torch.zeros(1, 7))
    budget = 0.4 * reds.measure(net, net.full_widths)["macs"]
    result = reds.search(net, scores, {"macs": [0.4]}, gap=0.0)
    choices = (dict(zip(net.full_widths, w, strict=True)) for w in product(*(g.candidates for g in net.groups)))
    best = max(kept_score(net, widths) for widths in choices if reds.measure(net, widths)["macs"] <= budget)
    assert result.subnetworks[1].value == pytest.approx(best, rel=1e-6)
    assert kept_score(net, result.subnetworks[1].widths) == pytest.approx(best, rel=1e-6)


@pytest.mark.parametrize("size", ["s", "m", "l"])
def test_real_macs_fill_the_budget_and_never_exceed_it(size):
    net, scores = ordered(dnn(size), torch.zeros(1, 1, 25, 10))
    result = reds.search(net, scores, {"macs": [0.75, 0.5, 0.25]})
    full = reds.measure(net, net.full_widths)["macs"]
    for subnetwork, share in zip(result.subnetworks[1:], (0.75, 0.5, 0.25), strict=True):
        macs = reds.measure(net, subnetwork.widths)["macs"]
        assert 0.97 * share * full <= macs <= share * full
        assert subnetwork.costs["macs"] == macs
        assert subnetwork.status == "optimal"
    for larger, smaller in zip(result.subnetworks, result.subnetworks[1:], strict=False):
        assert all(smaller.widths[g] <= larger.widths[g] for g in larger.widths)


def test_an_impossible_budget_names_the_smallest_possible_one():
    net = reds.nest(dnn("s"), torch.zeros(1, 1, 25, 10))
    with pytest.raises(InfeasibleError, match=r"macs within 79.2 .* the narrowest one has 264"):
        check_search(net, {"macs": [0.5, 0.001]})


def test_scores_of_another_network_are_refused(residual):
    net, _ = ordered(residual, torch.zeros(1, 2, 8, 6))
    with pytest.raises(ValueError, match="another network"):
        problem_from_network(net, reds.Scores({"hidden.weight": torch.ones(7, 5)}))


def test_the_minimum_is_kept_and_settings_are_handed_on():
    net, scores = ordered(dnn("s"), torch.zeros(1, 1, 25, 10))
    result = reds.search(net, scores, {"macs": [0.25]}, strategy="top_down", minimum={"fc1": 20})
    assert result.strategy == "top_down"
    assert result.subnetworks[1].widths["fc1"] >= 20
    assert reds.search(net, scores, {"macs": [0.25]}).subnetworks[1].widths["fc1"] < 20


def test_widths_are_multiples():
    net, scores = ordered(dnn("s"), torch.zeros(1, 1, 25, 10), round_to=16)
    result = reds.search(net, scores, {"macs": [0.5]})
    assert all(np.array(list(result.subnetworks[1].widths.values())) % 16 == 0)


def test_the_documented_cost_of_ones_own_is_kept(monkeypatch):
    monkeypatch.setattr(costs, "COSTS", dict(costs.COSTS))
    page = (Path(__file__).parent.parent.parent / "docs" / "search.md").read_text()
    (code,) = (block for block in re.findall(r"```python\n(.*?)```", page, re.S) if "register_cost" in block)
    names: dict = {}
    exec(compile(code, "search.md", "exec"), names)
    for subnetwork, share in zip(names["result"].subnetworks[1:], (0.5, 0.25), strict=True):
        cycles = 2 * subnetwork.costs["macs"] + 300 * sum(subnetwork.widths.values())
        assert subnetwork.costs["cycles"] == cycles
        assert cycles <= share * names["result"].subnetworks[0].costs["cycles"]
        assert subnetwork.costs["macs"] <= 30_000
