"""How much each subnetwork's loss counts."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from ...costs import parameters
from ...nested.network import NestedNetwork
from ..settings import ObjectiveSettings


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


class ShareWeights(nn.Module):
    """Weights in proportion to a power of each subnetwork's share of the parameters, summing to one.

    With the power 0.5 this is the loss of REDS (Corti et al., arXiv 2311.13349, section 3): small subnetworks share
    all of their weights with larger ones, so their losses are damped to keep the full network's accuracy.
    """

    def __init__(self, powers: Sequence[float]) -> None:
        super().__init__()
        self.powers = tuple(powers)

    def forward(self, losses: Tensor, shares: Tensor, which: list[int], progress: float) -> Tensor:
        """The weighted losses (trained,) of the subnetworks ``which``, whose shares are given (trained,)."""
        weights = shares ** power_at(self.powers, progress)
        return losses * (weights / weights.sum())


class LearnedWeights(nn.Module):
    """Each loss divided by a noise of its own that is trained with the network.

    Source: Kendall, Gal, Cipolla, "Multi-Task Learning Using Uncertainty to Weigh Losses", arXiv 1705.07115,
    section 3.2, equation 10, with the logarithm of the variance as parameter.
    """

    def __init__(self, count: int) -> None:
        super().__init__()
        self.log_variances = nn.Parameter(torch.zeros(count))

    def forward(self, losses: Tensor, shares: Tensor, which: list[int], progress: float) -> Tensor:
        """The weighted losses (trained,) of the subnetworks ``which``."""
        log_variances = self.log_variances[which]
        return (losses * torch.exp(-log_variances) + log_variances / 2) / len(which)


def loss_weights(settings: ObjectiveSettings, count: int) -> ShareWeights | LearnedWeights:
    """The weights that the settings name, for so many subnetworks."""
    return LearnedWeights(count) if settings.weights == "learned" else ShareWeights(settings.powers)
