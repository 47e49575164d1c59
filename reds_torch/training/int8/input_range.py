"""The range of an int8 input, chosen for the answers rather than for the values.

The input is quantized before the network can do anything about it, and what it may hold is often lopsided: digital
silence has features far below those of any sound, so a range that includes it leaves few steps for speech. Clipping is
harmless where the network does not care. So ranges that are shorter on either side are tried, and the one is kept whose
int8 networks tell the classes apart best.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from ...nested.evaluation_mode import evaluating
from ...nested.network import NestedNetwork
from ...system.ranks import largest, summed
from .fake_quantization import Range, measured_ranges, simulated_int8

# of the whole range on one side of zero
_SHARES = (0.7, 0.5, 0.35, 0.25, 0.18)
# nats by which a shorter range must be better: they are measured on few samples
_CLEARLY = 5e-3
_MISSES = 2  # in a row, after which still shorter ranges are not tried


@torch.no_grad()
def best_input_range(net: NestedNetwork, batches: Sequence[tuple[Tensor, Tensor]], first: int = 0) -> Range:
    """The range at which the int8 subnetworks have the least cross-entropy, their mean, with the classes.

    Args:
        net: the nested network; it answers with logits.
        batches: (inputs, classes); with several processes, this one's share.
        first: subnetworks before this one don't count.
    """
    inputs = [x for x, _ in batches]
    targets = torch.cat([y for _, y in batches])

    def loss(limits: Range) -> float:
        losses = []
        with simulated_int8(net, measured_ranges(net, inputs, limits, first)):
            for k in range(first, len(net.subnetworks)):
                with net.active(k):
                    logits = torch.cat([net(x.clamp(*limits)) for x in inputs])
                losses.append(F.cross_entropy(logits.double(), targets, reduction="sum"))
        mean = torch.stack(losses).mean()
        total, count = summed(torch.stack([mean, mean.new_tensor(len(targets))])).tolist()
        return float(total / count)

    extremes = largest(torch.stack([torch.stack([-x.min(), x.max()]) for x in inputs]).amax(0)).tolist()
    best = (-extremes[0], extremes[1])
    with evaluating(net):
        least = loss(best)
        for side in (0, 1):
            whole = best[side]
            if (whole >= 0) if side == 0 else (whole <= 0):
                continue
            misses = 0
            for share in _SHARES:
                candidate = (whole * share, best[1]) if side == 0 else (best[0], whole * share)
                found = loss(candidate)
                if found < least - _CLEARLY:
                    best, least, misses = candidate, found, 0
                elif (misses := misses + 1) == _MISSES:
                    break
    return best
