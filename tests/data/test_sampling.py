"""Random numbers and orders: functions of (seed, epoch, index), uniform, shared out fairly."""

import numpy as np
import pytest
import torch
from torch import distributed

from reds_torch.data.sampling import AUGMENTATION, ORDER, EpochSampler, uniform


def test_numbers_belong_to_their_index() -> None:
    index = np.arange(1000)
    every = uniform(3, AUGMENTATION, 5, index, draws=4)
    some = np.array([999, 4, 4, 17])
    assert np.array_equal(uniform(3, AUGMENTATION, np.array([5, 5, 5, 5]), some, draws=4), every[:, some])


def test_numbers_differ_by_seed_stream_epoch_index_and_draw() -> None:
    index = np.arange(100)
    sets = [
        uniform(seed, stream, epoch, index, 3)
        for seed in (0, 1)
        for stream in (ORDER, AUGMENTATION)
        for epoch in (0, 1)
    ]
    numbers = np.concatenate([numbers.ravel() for numbers in sets])
    assert len(np.unique(numbers)) == numbers.size


def test_numbers_are_uniform_and_uncorrelated() -> None:
    numbers = uniform(0, AUGMENTATION, 0, np.arange(100_000), draws=3)
    assert numbers.min() >= 0
    assert numbers.max() < 1
    counts = np.stack([np.histogram(row, bins=20, range=(0, 1))[0] for row in numbers])
    # Chi-squared with 19 degrees of freedom: above 44 once in a thousand.
    assert (((counts - 5000) ** 2 / 5000).sum(axis=1) < 44).all()
    following = np.corrcoef(np.vstack([numbers, np.roll(numbers, 1, axis=1)]))
    assert np.abs(following - np.eye(6)).max() < 0.015


def test_orders_are_permutations_that_change_with_epoch_and_seed() -> None:
    def order(seed: int, epoch: int) -> list[tuple[int, int]]:
        sampler = EpochSampler(torch.arange(50), seed, shuffle=True)
        sampler.set_epoch(epoch)
        return list(sampler)

    assert sorted(order(0, 7)) == [(7, index) for index in range(50)]
    orders = [[index for _, index in order(seed, epoch)] for seed in (0, 1) for epoch in (0, 1)]
    assert len({*map(tuple, orders)}) == 4
    assert order(0, 7) == order(0, 7)


def test_unshuffled() -> None:
    assert list(EpochSampler(torch.arange(3), 0, shuffle=False)) == [(0, 0), (0, 1), (0, 2)]


def shares(monkeypatch: pytest.MonkeyPatch, size: int, processes: int, shuffle: bool) -> list[list[int]]:
    """The indices that each of some processes gets."""
    monkeypatch.setattr(distributed, "is_initialized", lambda: True)
    monkeypatch.setattr(distributed, "get_world_size", lambda: processes)
    found = []
    for rank in range(processes):
        monkeypatch.setattr(distributed, "get_rank", lambda rank=rank: rank)
        sampler = EpochSampler(torch.arange(size), 0, shuffle)
        found.append([index for _, index in sampler])
        assert len(found[-1]) == len(sampler)
    return found


@pytest.mark.parametrize(("size", "batch"), [(24, 4), (25, 4), (23, 4), (7, 2), (3, 5)])
@pytest.mark.parametrize("processes", [2, 3])
def test_a_step_of_all_processes_is_one_step_of_a_larger_batch(
    monkeypatch: pytest.MonkeyPatch, size: int, batch: int, processes: int
) -> None:
    together = shares(monkeypatch, size, processes, shuffle=True)
    (alone,) = shares(monkeypatch, size, 1, shuffle=True)
    assert len({len(share) for share in together}) == 1
    large = batch * processes
    for step in range(size // large):
        union = {index for share in together for index in share[step * batch : (step + 1) * batch]}
        assert union == {*alone[step * large : (step + 1) * large]}
    assert len(together[0]) // batch == size // large


@pytest.mark.parametrize("size", [9, 10, 3])
def test_what_is_counted_is_counted_once(monkeypatch: pytest.MonkeyPatch, size: int) -> None:
    found = shares(monkeypatch, size, 3, shuffle=False)
    assert sorted(index for share in found for index in share) == [*range(size)]


def test_fewer_examples_than_processes_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValueError, match="a set of 2 examples can't be shared by 3 processes"):
        shares(monkeypatch, 2, 3, shuffle=False)
