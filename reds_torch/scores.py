"""Importance scores: what each unit, and each connection between two units, is worth.

The default criterion is the first-order Taylor score of REDS (Corti et al., arXiv 2311.13349, section 3):
the gradients of the loss are summed over minibatches, and a weight's score is ``|w * sum(gradient)|``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal, get_args

import torch
import torch.nn.functional as F
from torch import Tensor

from .nested import AxisLayout, Member, WidthGroup
from .nested.modes import evaluating
from .nested.network import NestedNetwork
from .ranks import summed

Criterion = Literal["taylor", "l1", "l2"]


@dataclass(frozen=True)
class Scores(Mapping[str, Tensor]):
    """For each parameter that is cut: the summed scores of its weights, unit by unit.

    The tensor of a parameter has one axis for each of the parameter's axes that are cut, in their order, and one
    entry for each unit of each block of that axis (one for a fixed block). The weights between two groups give
    a matrix (output units, input units), a bias or the first layer's weights a vector (units,).
    """

    blocks: Mapping[str, Tensor]

    def __getitem__(self, parameter: str) -> Tensor:
        return self.blocks[parameter]

    def __iter__(self) -> Iterator[str]:
        return iter(self.blocks)

    def __len__(self) -> int:
        return len(self.blocks)


def score(
    net: NestedNetwork,
    batches: Iterable[tuple[Tensor, Tensor]] | None = None,
    loss: Callable[[Tensor, Tensor], Tensor] = F.cross_entropy,
    criterion: Criterion = "taylor",
) -> Scores:
    """Score every unit, and every pair of connected units, of the full network.

    Args:
        net: the nested network; its weights and its training mode are left as they are.
        batches: (inputs, targets) pairs for "taylor"; may be ``None`` for the others. Under
            ``torch.distributed`` the gradients are summed over the ranks' batches.
        loss: maps (outputs, targets) to a scalar.
        criterion: "taylor" ``|w * sum(gradient)|``, "l1" ``|w|``, "l2" ``w ** 2`` (squared norms add up).
    """
    if criterion not in get_args(Criterion):
        raise ValueError(f"there is no criterion {criterion!r}; there are: {', '.join(get_args(Criterion))}")
    weights = {n: p for n, p in net.model.named_parameters() if n in net.structure.layouts}
    if criterion == "taylor":
        if batches is None:
            raise ValueError("criterion 'taylor' needs batches of (inputs, targets); 'l1' and 'l2' do not")
        gradients = _summed_gradients(net, weights, batches, loss)
        salience = {n: (p.detach() * gradients[n]).abs() for n, p in weights.items()}
    elif criterion == "l1":
        salience = {n: p.detach().abs() for n, p in weights.items()}
    else:
        salience = {n: p.detach().square() for n, p in weights.items()}
    bad = [n for n, s in salience.items() if not s.isfinite().all()]
    if bad:
        raise ValueError(
            f"the scores of {bad[0]} are not finite: the weights, the batches or the loss hold NaN or infinity"
        )
    return Scores({n: _sum_by_unit(s, net.structure.layouts[n]) for n, s in salience.items()})


def check_scores(net: NestedNetwork, scores: Scores) -> None:
    """Refuse scores that are not this network's: other parameters, other shapes, numbers that are none."""
    parameters = {name for name, _ in net.model.named_parameters() if name in net.structure.layouts}
    if odd := sorted(set(scores) ^ parameters):
        raise ValueError(f"the scores belong to another network: {odd[0]} is in one of them only")
    for name, block in scores.items():
        axes = net.structure.layouts[name]
        shape = tuple(axes[axis].units for axis in sorted(axes))
        if tuple(block.shape) != shape:
            found = tuple(block.shape)
            raise ValueError(f"the scores belong to another network: {name} has {found} of them, not {shape}")
        if not block.isfinite().all() or (block < 0).any():
            raise ValueError(f"the scores of {name} must be finite and not negative")


def unit_scores(net: NestedNetwork, scores: Scores, group: WidthGroup) -> Tensor:
    """The score of each unit of a group, shape (size,): the sum over the weights that make its output."""
    inputs = {Member(layer.weight, 1) for layer in net.structure.layers if layer.weight and layer.kind != "grouped"}
    total = torch.zeros(group.size, dtype=torch.float64)
    for member in group.members:
        if member in inputs or member.tensor not in scores:
            continue
        axes = net.structure.layouts[member.tensor]
        position = sorted(axes).index(member.axis)
        block_scores = scores[member.tensor].double().cpu()
        others = [i for i in range(block_scores.ndim) if i != position]
        per_entry = block_scores.sum(others) if others else block_scores
        for owner, start, units in axes[member.axis].unit_runs():
            if owner == group.name:
                total += per_entry[start : start + units]
    return total


def _summed_gradients(
    net: NestedNetwork,
    weights: Mapping[str, Tensor],
    batches: Iterable[tuple[Tensor, Tensor]],
    loss: Callable[[Tensor, Tensor], Tensor],
) -> dict[str, Tensor]:
    sums = {name: torch.zeros_like(weight) for name, weight in weights.items()}
    device = next(iter(weights.values())).device
    seen = 0
    with net.active(0), evaluating(net), torch.enable_grad():
        for inputs, targets in batches:
            value = loss(net(inputs.to(device)), targets.to(device))
            # a parameter that the loss does not reach has no gradient: it scores nothing
            gradients = torch.autograd.grad(value, list(weights.values()), allow_unused=True)
            for name, gradient in zip(sums, gradients, strict=True):
                if gradient is not None:
                    sums[name] += gradient
            seen += 1
    if not seen:
        raise ValueError("batches is empty: scoring needs at least one (inputs, targets) pair")
    return {name: summed(total) for name, total in sums.items()}


def _sum_by_unit(salience: Tensor, axes: Mapping[int, AxisLayout]) -> Tensor:
    """Sum a parameter's scores over axes that are not cut and over the indices of each unit."""
    uncut = [axis for axis in range(salience.ndim) if axis not in axes]
    summed = salience.double().sum(uncut) if uncut else salience.double()
    for axis, layout in enumerate(axes[a] for a in sorted(axes)):
        owner = torch.cat(
            [
                first + torch.arange(block.units).repeat_interleave(block.chunk)
                for (_, first, _), block in zip(layout.unit_runs(), layout.blocks, strict=True)
            ]
        ).to(summed.device)
        shape = list(summed.shape)
        shape[axis] = layout.units
        summed = summed.new_zeros(shape).index_add_(axis, owner, summed)
    return summed
