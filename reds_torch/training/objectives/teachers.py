"""What a subnetwork learns from besides the classes: soft labels that other networks give on the same batch."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ...nested.network import NestedNetwork


class Teachers(Protocol):
    """Who teaches whom."""

    def __call__(self, inputs: Tensor, logits: Sequence[Tensor]) -> Sequence[Sequence[Tensor]]:
        """The teachers' logits (B, classes) for each network that is trained on a batch.

        Args:
            inputs: (B, ...).
            logits: (B, classes) of the networks that are trained on it, largest first.
        """


def nobody(inputs: Tensor, logits: Sequence[Tensor]) -> Sequence[Sequence[Tensor]]:
    """The classes alone teach."""
    return [()] * len(logits)


def full(inputs: Tensor, logits: Sequence[Tensor]) -> Sequence[Sequence[Tensor]]:
    """The largest network: in-place distillation (Yu and Huang, arXiv 1903.05134, section 3.3)."""
    return [(), *[logits[:1]] * (len(logits) - 1)]


def larger(inputs: Tensor, logits: Sequence[Tensor]) -> Sequence[Sequence[Tensor]]:
    """The next larger network: an assistant between unequal ones (Mirzadeh et al., arXiv 1902.03393)."""
    return [(), *([teacher] for teacher in logits[:-1])]


def ensemble(inputs: Tensor, logits: Sequence[Tensor]) -> Sequence[Sequence[Tensor]]:
    """All networks together, the student among them (collaborative learning: Song and Chai, arXiv 1805.11761)."""
    return [logits] * len(logits)


class Pretrained(nn.Module):
    """The full network as it was before the fine-tuning (Hinton et al., arXiv 1503.02531).

    It teaches the full network as well, which therefore keeps what it has learned on data that are not at hand
    (Li and Hoiem, "Learning without Forgetting", arXiv 1606.09282).
    """

    def __init__(self, net: NestedNetwork) -> None:
        super().__init__()
        self.before = copy.deepcopy(net).requires_grad_(False).eval()

    def train(self, mode: bool = True) -> Pretrained:
        """It is never trained: batch norm keeps its statistics."""
        return super().train(False)

    def forward(self, inputs: Tensor, logits: Sequence[Tensor]) -> Sequence[Sequence[Tensor]]:
        """One teacher for all."""
        with torch.no_grad(), self.before.active(0):
            return [[self.before(inputs)]] * len(logits)


TEACHERS: Mapping[str, Callable[[NestedNetwork], Teachers]] = {
    "labels": lambda net: nobody,
    "full": lambda net: full,
    "larger": lambda net: larger,
    "ensemble": lambda net: ensemble,
    "pretrained": Pretrained,
}


def distillation(student: Tensor, teachers: Sequence[Tensor], temperature: float) -> Tensor:
    """Cross-entropy of a student with the mean of its teachers' soft labels; no gradient flows into the teachers.

    Softened outputs have gradients smaller by the squared temperature, which is made up for (Hinton et al.,
    "Distilling the Knowledge in a Neural Network", arXiv 1503.02531, section 2).

    Args:
        student: logits (B, classes).
        teachers: logits of the same shape, at least one.
        temperature: divides all logits.
    """
    soft = torch.stack([F.softmax(logits.detach() / temperature, 1) for logits in teachers]).mean(0)
    return temperature**2 * F.cross_entropy(student / temperature, soft)
