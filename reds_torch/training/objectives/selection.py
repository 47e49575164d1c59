"""Which subnetworks are trained on a batch: indices in rising order, so the largest first."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ..settings import ObjectiveSettings

# (number of subnetworks, randomness of this batch) -> indices
Selection = Callable[[int, np.random.Generator], list[int]]


def every(count: int, random: np.random.Generator) -> list[int]:
    """All of them."""
    return list(range(count))


def sandwich(between: int) -> Selection:
    """The full network, the smallest, and so many random ones between them.

    Source: Yu and Huang, "Universally Slimmable Networks", arXiv 1903.05134, section 3.1, the sandwich rule.
    """

    def chosen(count: int, random: np.random.Generator) -> list[int]:
        middle = 1 + random.permutation(max(count - 2, 0))[:between]
        return sorted({0, *middle.tolist(), count - 1})

    return chosen


def selection(settings: ObjectiveSettings) -> Selection:
    """The selection that the settings name."""
    return sandwich(settings.between) if settings.subnetworks == "sandwich" else every
