"""Put the units of every group in order of falling importance; the network computes the same function."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from . import AxisLayout
from .network import NestedNetwork
from .scores import Scores, check_scores, unit_scores

# group -> its units' old places in their new order
Order = Mapping[str, Tensor]


def order(net: NestedNetwork, scores: Scores) -> Scores:
    """Sort the units of each group by score, best first, and permute all weights to match, in place.

    Everything that knows of a unit moves with it (bias, batch norm, the next layers' inputs), so the function
    stays the same. Units with equal scores keep their order. Returns the scores in the new order.

    Example:
        >>> import torch
        >>> import reds_torch as reds
        >>> from reds_torch.models import dnn
        >>> net = reds.nest(dnn("s"), torch.zeros(1, 1, 25, 10))
        >>> inputs = torch.randn(5, 1, 25, 10)
        >>> before = net(inputs)
        >>> scores = reds.order(net, reds.score(net, criterion="l1"))
        >>> torch.allclose(net(inputs), before, atol=1e-5)
        True
    """
    found = best_first(net, scores)
    permute(net, found, dict(net.model.named_parameters()) | dict(net.model.named_buffers()))
    return reordered(net, found, scores)


def best_first(net: NestedNetwork, scores: Scores) -> Order:
    """The order of each group's units by falling score."""
    check_scores(net, scores)
    return {
        group.name: torch.argsort(unit_scores(net, scores, group), descending=True, stable=True) for group in net.groups
    }


@torch.no_grad()
def permute(net: NestedNetwork, order: Order, tensors: Mapping[str, Tensor]) -> None:
    """Permute, in place, tensors that have a parameter's or buffer's name and shape: weights, or kept for them."""
    for group in net.groups:
        for member in group.members:
            if member.tensor not in tensors:
                continue
            tensor = tensors[member.tensor]
            index = _indices(net.structure.layouts[member.tensor][member.axis], group.name, order[group.name])
            tensor.copy_(tensor.index_select(member.axis, index.to(tensor.device)))


def reordered(net: NestedNetwork, order: Order, scores: Scores) -> Scores:
    """The scores of the same weights after `permute`."""
    moved = dict(scores)
    for group in net.groups:
        for member in group.members:
            if member.tensor not in moved:
                continue
            axes = net.structure.layouts[member.tensor]
            entries = _entries(axes[member.axis], group.name, order[group.name])
            old = moved[member.tensor]
            moved[member.tensor] = old.index_select(sorted(axes).index(member.axis), entries.to(old.device))
    return Scores(moved)


def _indices(layout: AxisLayout, group: str, best_first: Tensor) -> Tensor:
    """The new order of an axis' indices, where only one group's units move."""
    parts, start = [], 0
    for block in layout.blocks:
        indices = torch.arange(start, start + block.length).reshape(block.units, block.chunk)
        parts.append((indices[best_first] if block.group == group else indices).reshape(-1))
        start += block.length
    return torch.cat(parts)


def _entries(layout: AxisLayout, group: str, best_first: Tensor) -> Tensor:
    """The same for the axis of a score tensor, which has one entry for each unit."""
    entries = torch.arange(layout.units)
    for owner, start, units in layout.unit_runs():
        if owner == group:
            entries[start : start + units] = start + best_first
    return entries
