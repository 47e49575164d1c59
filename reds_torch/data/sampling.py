"""Random numbers and orders that depend on (seed, epoch, index) only, never on what was drawn before.

A run that is resumed, split over processes or loaded by workers therefore sees what an uninterrupted,
single-process run sees.
"""

from collections.abc import Iterator
from itertools import repeat
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import distributed
from torch.utils.data import Dataset, DistributedSampler

# Streams of random numbers that must not share their draws.
ORDER, AUGMENTATION = 0, 1

GOLDEN_RATIO = np.uint64(0x9E3779B97F4A7C15)


def _mix(state: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Make every bit depend on all others: SplitMix64 (Steele et al., OOPSLA 2014, figure 17)."""
    state = (state ^ (state >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    state = (state ^ (state >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return state ^ (state >> np.uint64(31))


def uniform(
    seed: int, stream: int, epoch: NDArray[np.int64] | int, index: NDArray[np.int64], draws: int
) -> NDArray[np.float64]:
    """Uniform random numbers in [0, 1), (draws, n), for each of n indices.

    Args:
        seed: the run's seed.
        stream: what the numbers are for.
        epoch: the epoch, one for all or one for each index.
        index: (n,) the clips.
        draws: how many independent numbers each index gets.
    """
    state: NDArray[np.uint64] = np.zeros((draws, len(index)), dtype=np.uint64)
    for word in (seed, stream, epoch, index, np.arange(draws)[:, None]):
        state = _mix((state ^ np.asarray(word).astype(np.uint64)) + GOLDEN_RATIO)
    return (state >> np.uint64(11)).astype(np.float64) * 2.0**-53


class EpochSampler(DistributedSampler[tuple[int, int]]):
    """Yields this process' share of (epoch, index) pairs, in an order drawn from (seed, epoch).

    The epoch travels with the index, so that loader workers started earlier know it too. Lightning calls
    `set_epoch` before each epoch, also after a resume. Being a DistributedSampler, it shards by itself, and
    Lightning leaves it in place (it would put one that yields bare indices around any other).

    Processes take turns: the batches of b clips that R of them see in a step are together the batch of R * b clips
    that one process sees. Shuffled shares are equally long, so that each clip weighs the same in a mean over
    processes: up to R - 1 clips are left out, other ones in each epoch. Shares in the clips' own order, which
    are counted, are without gaps and repetitions.

    Args:
        clips: the data set; only its length matters.
        seed: fixes the orders.
        shuffle: whether to shuffle at all.

    Raises:
        ValueError: there are fewer clips than processes.
    """

    def __init__(self, clips: Dataset[Any], seed: int, shuffle: bool) -> None:
        together = distributed.is_available() and distributed.is_initialized()
        super().__init__(
            clips,
            num_replicas=distributed.get_world_size() if together else 1,
            rank=distributed.get_rank() if together else 0,
            shuffle=shuffle,
            seed=seed,
        )
        size = len(clips)  # type: ignore[arg-type]  # torch declares no length
        if 0 < size < self.num_replicas:
            raise ValueError(f"a set of {size} examples can't be shared by {self.num_replicas} processes: start fewer")
        self.total_size = size - size % self.num_replicas if shuffle else size
        self.num_samples = len(range(self.rank, self.total_size, self.num_replicas))

    def __iter__(self) -> Iterator[tuple[int, int]]:
        order: NDArray[np.int64] = np.arange(len(self.dataset))  # type: ignore[arg-type]
        if self.shuffle:
            order = np.argsort(uniform(self.seed, ORDER, self.epoch, order, 1)[0])
        share = order[self.rank : self.total_size : self.num_replicas]
        return zip(repeat(self.epoch), share.tolist(), strict=False)
