import numpy as np
import pytest
import torch
import torch.nn.functional as F

from reds_torch.training import Objective, parameter_shares
from reds_torch.training.objectives.selection import selection
from reds_torch.training.objectives.weights import power_at
from reds_torch.training.settings import ObjectiveSettings


def random():
    return np.random.default_rng(0)


def objective(net, **settings):
    return Objective(ObjectiveSettings(**settings), net)


def logits_of(net, inputs):
    return [net.extract(k)(inputs) for k in range(3)]


def test_shares_are_those_of_the_extracted_networks_parameters(net):
    counts = [sum(p.numel() for p in net.extract(k).parameters()) for k in range(3)]
    assert parameter_shares(net) == pytest.approx([count / counts[0] for count in counts])


@pytest.mark.parametrize("power", [0.5, 0.0, -1.0])
def test_losses_are_weighted_by_a_power_of_the_share(net, batch, power):
    inputs, targets = batch
    weights = [share**power for share in parameter_shares(net)]
    losses = [F.cross_entropy(logits, targets) for logits in logits_of(net, inputs)]
    expected = sum(w * loss for w, loss in zip(weights, losses, strict=True)) / sum(weights)
    torch.testing.assert_close(objective(net, powers=[power])(net, inputs, targets, 0.3, random()), expected)


def test_powers_are_reached_one_after_the_other():
    powers = [0.5, -0.5, 0.0]
    assert [power_at(powers, p) for p in (0, 0.25, 0.5, 0.75, 1)] == pytest.approx([0.5, 0, -0.5, -0.25, 0])
    assert power_at([0.5], 0.7) == 0.5


@pytest.mark.parametrize("count", [1, 2, 3, 10])
def test_a_sandwich_has_both_ends_and_different_middles(count):
    chosen = selection(ObjectiveSettings(subnetworks="sandwich", between=2))
    generator = random()
    seen = [chosen(count, generator) for _ in range(30)]
    for which in seen:
        assert which == sorted(set(which))
        assert which[0] == 0
        assert which[-1] == count - 1
        assert len(which) == min(count, 4)
    assert count < 5 or len({tuple(which) for which in seen}) > 5


TEACHERS = {"full": [None, [0], [0]], "larger": [None, [0], [1]], "ensemble": [[0, 1, 2]] * 3}


@pytest.mark.parametrize("teacher", TEACHERS)
@pytest.mark.parametrize("temperature", [1.0, 3.0])
def test_distillation_has_the_gradient_of_the_divergence_from_its_teachers(net, batch, teacher, temperature):
    inputs, targets = batch
    settings = {"teacher": teacher, "distillation": 0.3, "temperature": temperature, "powers": [0.0]}
    found = objective(net, **settings)(net, inputs, targets, 0.0, random())
    gradients = torch.autograd.grad(found, list(net.model.parameters()))
    expected = 0
    logits = []
    for k in range(3):
        with net.active(k):
            logits.append(net(inputs))
    for student, teachers in zip(logits, TEACHERS[teacher], strict=True):
        loss = F.cross_entropy(student, targets)
        if teachers is not None:
            soft = sum((logits[t].detach() / temperature).softmax(1) for t in teachers) / len(teachers)
            divergence = F.kl_div((student / temperature).log_softmax(1), soft, reduction="batchmean")
            loss = 0.7 * loss + 0.3 * temperature**2 * divergence
        expected = expected + loss / 3
    for a, b in zip(gradients, torch.autograd.grad(expected, list(net.model.parameters())), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-6)


def test_the_pretrained_network_teaches_all_and_stays_as_it_was(net, batch):
    inputs, targets = batch
    with torch.no_grad():
        soft = net.eval()(inputs).softmax(1)
    taught = objective(net, teacher="pretrained", distillation=0.4, powers=[0.0]).train()
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.add_(0.1)
    found = taught(net.train(), inputs, targets, 0.0, random())
    expected = 0
    for k in range(3):
        with net.active(k):
            logits = net(inputs)
        expected = expected + (0.6 * F.cross_entropy(logits, targets) + 0.4 * F.cross_entropy(logits, soft)) / 3
    torch.testing.assert_close(found, expected)
    found.backward()
    assert all(parameter.grad is None for parameter in taught.parameters())


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"between": -1}, "between must be at least 0"),
        ({"distillation": 1.5}, "distillation must lie in 0 ... 1"),
        ({"temperature": 0.0}, "temperature must be above 0"),
        ({"powers": []}, "powers must hold at least one"),
    ],
)
def test_bad_settings_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        ObjectiveSettings(**settings)
