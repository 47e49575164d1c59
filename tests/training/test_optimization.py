import math

import pytest
import torch
from torch import nn

from reds_torch.training.optimization import learning_rate, optimizer
from reds_torch.training.settings import FinetuneSettings, PretrainSettings, TrainingSettings


def test_steps_take_equal_parts():
    settings = TrainingSettings([3.0, 2.0, 1.0])
    assert [learning_rate(settings, p) for p in (0, 0.3, 0.4, 0.6, 0.7, 1)] == [3, 3, 2, 2, 1, 1]


def test_the_cosine_falls_from_the_first_to_the_last():
    settings = TrainingSettings([1.0, 0.2], schedule="cosine")
    found = [learning_rate(settings, i / 10) for i in range(11)]
    assert found == pytest.approx([0.6 + 0.4 * math.cos(math.pi * i / 10) for i in range(11)])


def test_warm_up_climbs_from_zero_and_the_cosine_begins_after_it():
    settings = TrainingSettings([1.0, 0.0001], schedule="cosine", warmup=0.2)
    assert [learning_rate(settings, p) for p in (0, 0.1, 0.2)] == pytest.approx([0, 0.5, 1])
    assert learning_rate(settings, 0.6) == pytest.approx(0.50005)


def test_weights_decay_and_biases_do_not():
    model = nn.Linear(3, 2)
    before = [p.detach().clone() for p in model.parameters()]
    decaying = optimizer(model.parameters(), TrainingSettings([0.1], weight_decay=0.5))
    for p in model.parameters():
        p.grad = torch.zeros_like(p)
    decaying.step()
    torch.testing.assert_close(model.weight.detach(), before[0] * (1 - 0.1 * 0.5))
    assert torch.equal(model.bias, before[1])


@pytest.mark.parametrize(
    ("make", "settings", "message"),
    [
        (PretrainSettings, {"learning_rates": []}, "pretrain.learning_rates must be positive"),
        (FinetuneSettings, {"learning_rates": [1e-3, -1.0]}, "finetune.learning_rates must be positive"),
        (FinetuneSettings, {"warmup": 1.0}, "finetune.warmup must be at least 0 and below 1"),
        (PretrainSettings, {"averaging": 1.5}, "pretrain.averaging must be at least 0 and below 1"),
        (PretrainSettings, {"weight_decay": -0.1}, "pretrain.weight_decay must be at least 0"),
        (PretrainSettings, {"mixup": math.nan}, "pretrain.mixup must be at least 0"),
        (FinetuneSettings, {"searches": 1, "batch_norm": "separate"}, "finetune.searches changes the widths"),
    ],
)
def test_bad_settings_are_refused(make, settings, message):
    with pytest.raises(ValueError, match=message):
        make(**settings)
