"""What a subnetwork learns from besides the classes: soft labels that larger subnetworks give on the same batch."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

# (which student, logits (B, classes) of all networks trained on the batch, largest first) -> logits of its teachers
Teachers = Callable[[int, Sequence[Tensor]], Sequence[Tensor]]


def nobody(student: int, logits: Sequence[Tensor]) -> Sequence[Tensor]:
    """The classes alone teach."""
    return ()


def full(student: int, logits: Sequence[Tensor]) -> Sequence[Tensor]:
    """The largest network: in-place distillation (Yu and Huang, arXiv 1903.05134, section 3.3)."""
    return logits[:1] if student else ()


def larger(student: int, logits: Sequence[Tensor]) -> Sequence[Tensor]:
    """The next larger network: an assistant between unequal ones (Mirzadeh et al., arXiv 1902.03393)."""
    return logits[student - 1 : student]


def ensemble(student: int, logits: Sequence[Tensor]) -> Sequence[Tensor]:
    """All networks together, the student among them (collaborative learning: Song and Chai, arXiv 1805.11761)."""
    return logits


TEACHERS: Mapping[str, Teachers] = {"labels": nobody, "full": full, "larger": larger, "ensemble": ensemble}


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
