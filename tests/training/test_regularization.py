import numpy as np
import torch

from reds_torch.training.regularization import mask_frames, mix, regularized
from reds_torch.training.settings import TrainingSettings


def random(seed=0):
    return np.random.default_rng(seed)


def test_a_mask_blanks_one_run_of_frames_with_the_mean():
    inputs = torch.randn(200, 1, 25, 10)
    masked = mask_frames(inputs, 6, random())
    changed = (masked != inputs).any(3)[:, 0]
    mean = inputs.mean(2, keepdim=True).expand_as(inputs)
    assert torch.equal(masked, torch.where(changed[:, None, :, None], mean, inputs))
    lengths = changed.sum(1)
    assert set(lengths.tolist()) == set(range(7))
    edges = changed.int().diff(dim=1).abs().sum(1) + changed[:, 0].int() + changed[:, -1].int()
    assert torch.equal(edges, torch.where(lengths > 0, 2, 0))


def test_mixtures_keep_the_larger_part_and_mix_classes_alike():
    inputs = torch.eye(50)
    mixed, targets = mix(inputs, inputs.clone(), 0.4, random())
    assert torch.equal(mixed, targets)
    torch.testing.assert_close(mixed.sum(1), torch.ones(50))
    assert (mixed.diagonal() >= 0.5).all()
    assert (mixed.diagonal() < 0.99).any()


def test_the_same_randomness_gives_the_same_batch():
    settings = TrainingSettings(mixup=0.2, time_mask=4)
    inputs, targets = torch.randn(8, 1, 25, 10), torch.arange(8) % 3
    first, second, other = (regularized(inputs, targets, 3, settings, random(seed))[0] for seed in (1, 1, 2))
    assert torch.equal(first, second)
    assert not torch.equal(first, other)


def test_without_settings_a_batch_stays_as_it_is():
    inputs, targets = torch.randn(8, 1, 25, 10), torch.arange(8) % 3
    found = regularized(inputs, targets, 3, TrainingSettings(), random())
    assert found[0] is inputs
    assert found[1] is targets
