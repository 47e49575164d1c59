"""Optimizer and learning rate of a stage."""

from __future__ import annotations

from collections.abc import Iterable
from math import cos, pi

import torch
from torch import nn

from .settings import TrainingSettings


def optimizer(parameters: Iterable[nn.Parameter], settings: TrainingSettings) -> torch.optim.AdamW:
    """AdamW, which without weight decay is Adam.

    Only weights decay, not what has one axis: biases and the scale and shift of norms (Loshchilov and Hutter,
    "Decoupled Weight Decay Regularization", arXiv 1711.05101; He et al., arXiv 1812.01187, section 3.1).
    """
    every = list(parameters)
    groups = [
        {"params": [p for p in every if p.ndim > 1], "weight_decay": settings.weight_decay},
        {"params": [p for p in every if p.ndim <= 1], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW([g for g in groups if g["params"]], lr=settings.learning_rates[0], fused=True)


def learning_rate(settings: TrainingSettings, progress: float) -> float:
    """The learning rate when this share of the training, from 0 to 1, is done.

    The cosine is that of SGDR (Loshchilov and Hutter, arXiv 1608.03983, equation 5) without restarts; it begins where
    the warm-up ends.
    """
    rates, warmup = settings.learning_rates, settings.warmup
    climb = progress / warmup if progress < warmup else 1.0
    after = max(progress - warmup, 0.0) / (1 - warmup)
    if settings.schedule == "cosine":
        return climb * (rates[-1] + (rates[0] - rates[-1]) * (1 + cos(pi * min(after, 1.0))) / 2)
    return climb * rates[min(int(progress * len(rates)), len(rates) - 1)]
