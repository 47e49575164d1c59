"""How much each subnetwork's loss counts."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from ...costs import parameters
from ...nested.network import NestedNetwork


def parameter_shares(net: NestedNetwork) -> tuple[float, ...]:
    """The share of the full network's parameters that each subnetwork uses."""
    count = parameters(net)
    counts = [count(subnetwork.widths) for subnetwork in net.subnetworks]
    return tuple(c / counts[0] for c in counts)


def power_at(powers: Sequence[float], progress: float) -> float:
    """The power of a moment between 0 and 1: on the straight lines from each power to the next."""
    place = min(max(progress, 0.0), 1.0) * (len(powers) - 1)
    before = min(int(place), len(powers) - 1)
    after = min(before + 1, len(powers) - 1)
    return powers[before] + (place - before) * (powers[after] - powers[before])


def weighted(losses: Tensor, shares: Tensor, power: float) -> Tensor:
    """Losses (n,) weighted in proportion to a power of each subnetwork's share (n,) of the parameters, summing to one.

    With the power 0.5 this is the loss of REDS (Corti et al., arXiv 2311.13349, section 3): small subnetworks share
    all of their weights with larger ones, so their losses are damped to keep the full network's accuracy.
    """
    weights = shares**power
    return losses * (weights / weights.sum())
