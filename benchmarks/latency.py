"""Timing several things fairly on one host: on fixed cores, and taking turns."""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass


@dataclass(frozen=True)
class Latency:
    """Microseconds of a call: the median, the shortest, which a busy machine disturbs least, and the quartiles."""

    median: float
    minimum: float
    quartiles: tuple[float, float]

    @classmethod
    def of(cls, seconds: Sequence[float]) -> Latency:
        lower, median, upper = (1e6 * value for value in statistics.quantiles(seconds, n=4, method="inclusive"))
        return cls(median, 1e6 * min(seconds), (lower, upper))


def take_turns(
    works: Sequence[Callable[[], object]], rounds: int, clock: Callable[[], float] = time.perf_counter
) -> list[Latency]:
    """Time each work once a round, so that a change of the machine's speed or load meets all of them.

    Every timed call follows one that is not timed, which brings the work's own data into the caches; every round begins
    with another work, so that none always runs at the same place.

    Args:
        works: what is timed.
        rounds: at least two.
        clock: seconds.
    """
    seconds: list[list[float]] = [[] for _ in works]
    for begin in range(rounds):
        for turn in range(len(works)):
            at = (begin + turn) % len(works)
            works[at]()
            start = clock()
            works[at]()
            seconds[at].append(clock() - start)
    return [Latency.of(taken) for taken in seconds]


@contextmanager
def pinned(threads: int) -> Iterator[tuple[int, ...]]:
    """Keep this thread, and those that it starts meanwhile, on as many cores; gives their numbers.

    Raises:
        ValueError: this process may not use so many cores.
    """
    allowed = os.sched_getaffinity(0)
    if not 1 <= threads <= len(allowed):
        raise ValueError(f"--threads {threads}: this process may use 1 to {len(allowed)} cores")
    cores = tuple(sorted(allowed)[:threads])
    os.sched_setaffinity(0, cores)
    try:
        yield cores
    finally:
        os.sched_setaffinity(0, allowed)
