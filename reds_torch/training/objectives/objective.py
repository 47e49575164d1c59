"""The loss of a batch: which subnetworks run, what teaches them, how losses are weighted."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ...nested.network import NestedNetwork
from ..settings import ObjectiveSettings
from .selection import selection
from .teachers import TEACHERS, distillation
from .weights import parameter_shares, power_at, weighted


class Objective(nn.Module):
    """One loss for all subnetworks of a network; the defaults are the paper's weighted sum of cross-entropies.

    A network that has no subnetwork but the full one gets its plain cross-entropy.

    Args:
        settings: the choices.
        net: the network that is to be trained, as it is before.
        label_smoothing: of the cross-entropy with the classes.
    """

    shares: Tensor

    def __init__(self, settings: ObjectiveSettings, net: NestedNetwork, label_smoothing: float = 0.0) -> None:
        super().__init__()
        self.settings = settings
        self.register_buffer("shares", torch.tensor(parameter_shares(net)))
        self.label_smoothing = label_smoothing
        self.selection = selection(settings)
        self.teachers = TEACHERS[settings.teacher](net)

    def forward(
        self, net: NestedNetwork, inputs: Tensor, targets: Tensor, progress: float, random: np.random.Generator
    ) -> Tensor:
        """A scalar to call backward on.

        Args:
            net: the network in training.
            inputs: (B, ...).
            targets: classes (B,), or their probabilities (B, classes).
            progress: how much of the training is done, from 0 to 1.
            random: the randomness of this batch.
        """
        which = self.selection(len(self.shares), random)
        logits = []
        for k in which:
            with net.active(k):
                logits.append(net(inputs))
        taught = zip(logits, self.teachers(inputs, logits), strict=True)
        losses = torch.stack([self._loss(student, teachers, targets) for student, teachers in taught])
        return weighted(losses, self.shares[which], power_at(self.settings.powers, progress)).sum()

    def _loss(self, student: Tensor, teachers: Sequence[Tensor], targets: Tensor) -> Tensor:
        """What a student, by its logits, is charged for the classes and its teachers' soft labels."""
        loss = F.cross_entropy(student, targets, label_smoothing=self.label_smoothing)
        share = self.settings.distillation
        if not teachers or not share:
            return loss
        return (1 - share) * loss + share * distillation(student, teachers, self.settings.temperature)
