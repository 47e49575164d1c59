"""The exponential moving average of a network's weights over the training steps.

Sources: Polyak and Juditsky, SIAM Journal on Control and Optimization 30(4), 1992, for averages; Tarvainen and
Valpola, arXiv 1703.01780, for exponential ones of neural networks.
"""

from __future__ import annotations

import torch
from torch import nn


@torch.no_grad()
def follow(average: nn.Module, learner: nn.Module, decay: float, step: int) -> None:
    """Move an average, in place, towards a learner of the same architecture: parameters and statistics alike.

    Args:
        average: what is moved.
        learner: where to.
        decay: share of the average that stays; less in the first steps, so that it forgets where it began.
        step: how many steps have been averaged before.
    """
    stays = min(decay, (1 + step) / (10 + step))
    pairs = list(zip(average.state_dict().values(), learner.state_dict().values(), strict=True))
    moving = [(a, b) for a, b in pairs if a.is_floating_point()]
    torch._foreach_lerp_([a for a, _ in moving], [b for _, b in moving], 1 - stays)
    for a, b in pairs:
        if not a.is_floating_point():
            a.copy_(b)
