"""Batch norm's statistics, measured anew for each subnetwork.

A subnetwork's activations are distributed otherwise than the full network's. Instead of a moving average over
training, the mean and variance over a sample of the data are computed at the final weights (Wu and Johnson,
"Rethinking 'Batch' in BatchNorm", arXiv 2105.07576, section 3; Yu and Huang, arXiv 1903.05134, for nested networks).
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from ..nested.network import NestedNetwork
from ..system.ranks import summed


class _Moments:
    """Sums over all samples and positions that a batch norm has seen; each is called as a forward hook."""

    def __init__(self, norm: _BatchNorm) -> None:
        # rows: how many values, their sum, the sum of their squares
        self.sums = torch.zeros(3, norm.num_features, dtype=torch.float64)

    def __call__(self, module: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        values = inputs[0].transpose(0, 1).flatten(1).double()
        counts = torch.full_like(values[:, 0], values.shape[1])
        self.sums = self.sums.to(values.device) + torch.stack([counts, values.sum(1), values.square().sum(1)])

    def mean_and_variance(self) -> tuple[Tensor, Tensor] | None:
        """Of what all processes have seen; none where the network never came by."""
        count, total, squares = summed(self.sums)
        if not count.all():
            return None
        mean = total / count
        variance = squares / count - mean.square()
        return mean, variance.clamp_min(0) * (count / (count - 1).clamp_min(1))


@torch.no_grad()
def population_statistics(model: nn.Module, batches: Sequence[Tensor]) -> dict[str, Tensor]:
    """Mean and (unbiased) variance of every batch norm's input over all batches, by buffer name.

    While they are measured each layer normalises by its batch's statistics, as in training. Under
    ``torch.distributed`` the batches of all processes count. The model is left as it was.
    """
    norms = {name: m for name, m in model.named_modules() if isinstance(m, _BatchNorm) and m.track_running_stats}
    modes = {m: m.training for m in model.modules()}
    before = {name: buffer.clone() for name, buffer in model.named_buffers()}
    moments = {name: _Moments(norm) for name, norm in norms.items()}
    hooks = [norm.register_forward_pre_hook(moments[name]) for name, norm in norms.items()]
    model.eval()
    for norm in norms.values():
        norm.train()
    try:
        for inputs in batches:
            model(inputs)
    finally:
        for hook in hooks:
            hook.remove()
        for module, training in modes.items():
            module.training = training
        for name, buffer in model.named_buffers():
            buffer.copy_(before[name])
    found: dict[str, Tensor] = {}
    for name, seen in moments.items():
        if (statistics := seen.mean_and_variance()) is not None:
            mean, variance = statistics
            found |= {f"{name}.running_mean": mean.float(), f"{name}.running_var": variance.float()}
    return found


def recalibrate(net: NestedNetwork, batches: Sequence[Tensor]) -> None:
    """Give every subnetwork its own population statistics; the full network's become the shared ones.

    Args:
        net: the network; each subnetwork owns its batch norm's statistics afterwards.
        batches: inputs, augmented as in training; at least one batch of at least two samples.
    """
    if not batches or min(len(batch) for batch in batches) < 2:
        raise ValueError("batch-norm statistics need at least one batch, and at least two samples in each")
    if net.batch_norm == "shared":
        net.own_batch_norm("statistics")
    for k in range(len(net.subnetworks)):
        found = population_statistics(net.extract(k), batches)
        if k == 0:
            net.model.load_state_dict(found, strict=False)
        else:
            own = net.own[k].tensors()  # type: ignore[operator]
            for name, statistics in found.items():
                own[name].copy_(statistics)
