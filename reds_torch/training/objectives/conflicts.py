"""Gradients of several losses that oppose each other.

Source: Yu et al., "Gradient Surgery for Multi-Task Learning" (PCGrad), arXiv 2001.06782, algorithm 1.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor


def projected(gradients: Tensor, random: np.random.Generator) -> Tensor:
    """Each gradient without its part against any other one; rows of (losses, weights).

    The others are gone through in random order. What remains of a gradient may still oppose one that came earlier.
    """
    result = gradients.clone()
    for i, j in ((i, j) for i in range(len(gradients)) for j in random.permutation(len(gradients)).tolist() if j != i):
        along = result[i] @ gradients[j]
        if along < 0:
            result[i] -= along / gradients[j].square().sum() * gradients[j]
    return result


def without_conflicts(losses: Tensor, parameters: Sequence[Tensor], random: np.random.Generator) -> Tensor:
    """The sum of losses (n,), whose gradient is the sum of their projected gradients.

    It is an ordinary scalar to call backward on, so optimizers, mixed precision and several processes work as ever.
    """
    flat = []
    for loss in losses:
        gradients = torch.autograd.grad(loss, parameters, retain_graph=True, allow_unused=True, materialize_grads=True)
        flat.append(torch.cat([g.reshape(-1) for g in gradients]))
    combined = projected(torch.stack(flat), random).sum(0).split([p.numel() for p in parameters])
    carrier = torch.stack([(p.reshape(-1) * g).sum() for p, g in zip(parameters, combined, strict=True)]).sum()
    return losses.sum().detach() + carrier - carrier.detach()
