import math
from typing import get_args

import pytest
import torch
import torch.nn.functional as F

import reds_torch as reds
from reds_torch.nested.scores import Criterion, unit_scores


def batches_for(model, count=3):
    generator = torch.Generator().manual_seed(1)
    return [
        (torch.randn(4, 2, 8, 6, generator=generator), torch.randint(0, 5, (4,), generator=generator))
        for _ in range(count)
    ]


def test_taylor_is_weight_times_summed_gradient_summed_by_unit(residual):
    batches = batches_for(residual)
    net = reds.nest(residual, torch.zeros(1, 2, 8, 6))
    scores = reds.score(net, batches)
    residual.zero_grad()
    sum(F.cross_entropy(residual(x), y) for x, y in batches).backward()
    salience = (residual.hidden.weight * residual.hidden.weight.grad).abs().detach()
    for neuron in range(7):
        for channel in range(6):
            own = salience[neuron, channel * 12 : (channel + 1) * 12].sum()
            assert math.isclose(scores["hidden.weight"][neuron, channel], own, rel_tol=1e-4)
    bias = (residual.norm.bias * residual.norm.bias.grad).abs()
    torch.testing.assert_close(scores["norm.bias"].float(), bias, rtol=1e-4, atol=1e-7)


def test_a_unit_counts_what_makes_its_output_not_what_reads_it(residual):
    net = reds.nest(residual, torch.zeros(1, 2, 8, 6))
    scores = reds.score(net, criterion="l1")
    producers = [residual.stem, residual.norm, residual.depthwise, residual.pointwise]
    for unit in range(6):
        own = sum(p[unit].abs().sum().item() for layer in producers for p in layer.parameters())
        assert math.isclose(unit_scores(net, scores, net.groups[0])[unit], own, rel_tol=1e-5)


@pytest.mark.parametrize(("criterion", "of_example"), [("taylor_samples", torch.abs), ("fisher", lambda wg: wg**2 / 2)])
def test_criteria_of_single_examples_add_what_each_one_says(residual, criterion, of_example, monkeypatch):
    monkeypatch.setattr("reds_torch.nested.scores.GRADIENTS_HELD", 3 * sum(p.numel() for p in residual.parameters()))
    batches = batches_for(residual)
    net = reds.nest(residual, torch.zeros(1, 2, 8, 6))
    scores = reds.score(net, batches, criterion=criterion)
    expected = torch.zeros_like(residual.hidden.weight)
    for inputs, targets in batches:
        for example, target in zip(inputs, targets, strict=True):
            residual.zero_grad()
            F.cross_entropy(residual(example[None]), target[None]).backward()
            expected += of_example(residual.hidden.weight * residual.hidden.weight.grad).detach()
    torch.testing.assert_close(scores["hidden.weight"].float(), expected.reshape(7, 6, 12).sum(2), rtol=1e-4, atol=1e-6)


def test_l2_adds_squares(residual):
    net = reds.nest(residual, torch.zeros(1, 2, 8, 6))
    scores = reds.score(net, criterion="l2")
    torch.testing.assert_close(scores["head.weight"].float(), residual.head.weight.square().sum(0).detach())


@pytest.mark.parametrize("criterion", get_args(Criterion))
def test_every_criterion_can_be_searched_with(residual, criterion):
    net = reds.nest(residual, torch.zeros(1, 2, 8, 6))
    scores = reds.order(net, reds.score(net, batches_for(residual), criterion=criterion))
    assert reds.search(net, scores, {"macs": [0.5]}).subnetworks[1].status == "optimal"


def test_scoring_leaves_the_network_as_it_was(residual):
    net = reds.nest(residual, torch.zeros(1, 2, 8, 6)).train()
    net.model.norm.eval()
    net.activate({"stem": 2})
    before = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    reds.score(net, batches_for(residual))
    assert all(torch.equal(tensor, before[name]) for name, tensor in net.state_dict().items())
    assert net.training
    assert not net.model.norm.training
    assert all(p.grad is None for p in net.parameters())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"criterion": "magnitude"}, "taylor, taylor_samples, fisher, l1, l2"),
        ({}, "needs batches"),
        ({"criterion": "fisher"}, "'fisher' needs batches"),
        ({"batches": []}, "batches is empty"),
        ({"batches": [(torch.full((1, 2, 8, 6), math.nan), torch.zeros(1, dtype=torch.long))]}, "not finite"),
    ],
)
def test_bad_arguments_are_refused(residual, arguments, message):
    net = reds.nest(residual, torch.zeros(1, 2, 8, 6))
    with pytest.raises(ValueError, match=message):
        reds.score(net, **arguments)
