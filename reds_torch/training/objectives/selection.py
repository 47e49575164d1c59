"""Which subnetworks are trained on a batch: indices in rising order, so the largest first."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from ..settings import ObjectiveSettings

# (number of subnetworks, progress of the training from 0 to 1, randomness of this batch) -> indices
Selection = Callable[[int, float, np.random.Generator], list[int]]


def every(count: int, progress: float, random: np.random.Generator) -> list[int]:
    """All of them."""
    return list(range(count))


def sandwich(between: int) -> Selection:
    """The full network, the smallest, and so many random ones between them.

    Source: Yu and Huang, "Universally Slimmable Networks", arXiv 1903.05134, section 3.1, the sandwich rule.
    """

    def chosen(count: int, progress: float, random: np.random.Generator) -> list[int]:
        middle = 1 + random.permutation(max(count - 2, 0))[:between]
        return sorted({0, *middle.tolist(), count - 1})

    return chosen


def widening(count: int, progress: float, random: np.random.Generator) -> list[int]:
    """The smallest alone at first, then one more after each equal part of the first half of the training.

    The reverse of the progressive shrinking of "Once for All" (Cai et al., arXiv 1908.09791, section 3.3), as the
    pretrained network begins with the weights of a full one: what every subnetwork shares is settled first.
    """
    started = min(count, 1 + int(2 * progress * count))
    return list(range(count - started, count))


def selection(settings: ObjectiveSettings) -> Selection:
    """The selection that the settings name."""
    selections: Mapping[str, Selection] = {
        "all": every,
        "sandwich": sandwich(settings.between),
        "widening": widening,
    }
    return selections[settings.subnetworks]
