"""Examples made harder to learn by heart: masks in time, mixtures of two.

All randomness is drawn from the generator given, which is made for one batch.
"""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from .settings import TrainingSettings


def mask_frames(inputs: Tensor, longest: int, random: np.random.Generator) -> Tensor:
    """Blank a run of 0 to ``longest`` neighbouring frames of each example, at a random place.

    They take the example's mean over time (Park et al., "SpecAugment", arXiv 1904.08779, section 2, mask in time; a
    mask in frequency has no counterpart in cepstral coefficients).

    Args:
        inputs: (B, channels, frames, coefficients).
        longest: at most the number of frames.
        random: of this batch.
    """
    count, frames = inputs.shape[0], inputs.shape[2]
    length = torch.from_numpy(random.integers(0, min(longest, frames), size=count, endpoint=True))[:, None]
    start = torch.from_numpy(random.random(count))[:, None] * (frames - length + 1)
    position = torch.arange(frames)
    masked = (position >= start.floor()) & (position < start.floor() + length)
    return torch.where(masked[:, None, :, None].to(inputs.device), inputs.mean(2, keepdim=True), inputs)


def mix(inputs: Tensor, targets: Tensor, alpha: float, random: np.random.Generator) -> tuple[Tensor, Tensor]:
    """Mix each example with another of the batch, which has the smaller part; so are their classes.

    Source: Zhang et al., "mixup", arXiv 1710.09412, section 2.

    Args:
        inputs: (B, ...).
        targets: probabilities (B, classes).
        alpha: of the Beta distribution; small values leave most examples nearly as they are.
        random: of this batch.
    """
    share = random.beta(alpha, alpha, size=len(inputs))
    kept = torch.from_numpy(np.maximum(share, 1 - share)).to(inputs)
    partner = torch.from_numpy(random.permutation(len(inputs))).to(inputs.device)

    def mixed(values: Tensor) -> Tensor:
        part = kept.reshape(-1, *[1] * (values.ndim - 1))
        return part * values + (1 - part) * values[partner]

    return mixed(inputs), mixed(targets)


def regularized(
    inputs: Tensor, targets: Tensor, classes: int, settings: TrainingSettings, random: np.random.Generator
) -> tuple[Tensor, Tensor]:
    """A batch as the settings want it; targets (B,) become probabilities (B, classes) where examples are mixed."""
    if settings.time_mask:
        inputs = mask_frames(inputs, settings.time_mask, random)
    if settings.mixup:
        inputs, targets = mix(inputs, F.one_hot(targets, classes).to(inputs), settings.mixup, random)
    return inputs, targets
