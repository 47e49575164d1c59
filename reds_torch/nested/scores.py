"""Importance scores: what each unit, and each connection between two units, is worth.

The default criterion is the first-order Taylor score of REDS (Corti et al., arXiv 2311.13349, section 3):
the gradients of the loss are summed over minibatches, and a weight's score is ``|w * sum(gradient)|``. In that sum the
gradients of different examples cancel, at a minimum of the loss nearly all; two others look at each example by itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal, get_args

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.func import functional_call, grad, vmap

from ..system.ranks import summed
from . import AxisLayout, Member, WidthGroup
from .evaluation_mode import evaluating
from .network import NestedNetwork

Criterion = Literal["taylor", "taylor_samples", "fisher", "l1", "l2"]

# gradients of single examples that are held at a time: 512 MB of float32
GRADIENTS_HELD = 2**27


@dataclass(frozen=True)
class Scores(Mapping[str, Tensor]):
    """For each parameter that is cut: the summed scores of its weights, unit by unit.

    The tensor of a parameter has one axis for each of the parameter's axes that are cut, in their order, and one
    entry for each unit of each block of that axis (one for a fixed block). The weights between two groups give
    a matrix (output units, input units), a bias or the first layer's weights a vector (units,).

    Example:
        >>> import torch
        >>> import reds_torch as reds
        >>> from reds_torch.models import dnn
        >>> net = reds.nest(dnn("s"), torch.zeros(1, 1, 25, 10))
        >>> scores = reds.score(net, criterion="l1")
        >>> tuple(scores["fc1.weight"].shape), tuple(scores["fc2.weight"].shape)
        ((144,), (144, 144))
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
        batches: (inputs, targets) pairs; may be ``None`` for "l1" and "l2". Under ``torch.distributed`` what is summed
            over them is summed over the ranks' batches, too.
        loss: maps (outputs, targets) to a scalar, a mean over examples.
        criterion: "taylor" ``|w * sum(gradient)|``, the gradients of batches; "taylor_samples" ``sum(|w * gradient|)``,
            those of single examples (Molchanov et al., arXiv 1611.06440, section 2.2); "fisher"
            ``sum((w * gradient) ** 2) / 2``, the loss of a quadratic with the diagonal of the Fisher matrix as its
            Hessian (LeCun et al., "Optimal Brain Damage", 1989; Theis et al., arXiv 1801.05787, section 2.2);
            "l1" ``|w|``; "l2" ``w ** 2`` (squared norms add up).

    Example:
        >>> import torch
        >>> import reds_torch as reds
        >>> from reds_torch.models import dnn
        >>> net = reds.nest(dnn("s"), torch.zeros(1, 1, 25, 10))
        >>> batches = [(torch.randn(8, 1, 25, 10), torch.randint(0, 12, (8,))) for _ in range(3)]
        >>> scores = reds.score(net, batches)
        >>> bool((scores["fc1.weight"] >= 0).all())
        True
    """
    if criterion not in get_args(Criterion):
        raise ValueError(f"there is no criterion {criterion!r}; there are: {', '.join(get_args(Criterion))}")
    weights = {n: p for n, p in net.model.named_parameters() if n in net.structure.layouts}
    if criterion == "l1":
        salience = {n: p.detach().abs() for n, p in weights.items()}
    elif criterion == "l2":
        salience = {n: p.detach().square() for n, p in weights.items()}
    elif batches is None:
        raise ValueError(f"criterion '{criterion}' needs batches of (inputs, targets); 'l1' and 'l2' do not")
    elif criterion == "taylor":
        gradients = _summed_over(batches, net, _gradients(net, weights, loss))
        salience = {n: (p.detach() * gradients[n]).abs() for n, p in weights.items()}
    elif criterion == "taylor_samples":
        sizes = _summed_over(batches, net, _sizes_of_gradients(net, weights, loss, torch.abs))
        salience = {n: p.detach().abs() * sizes[n] for n, p in weights.items()}
    else:
        squares = _summed_over(batches, net, _sizes_of_gradients(net, weights, loss, torch.square))
        salience = {n: p.detach().square() * squares[n] / 2 for n, p in weights.items()}
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


# (inputs, targets) -> a tensor for each parameter, of its shape
BatchSums = Callable[[Tensor, Tensor], Mapping[str, Tensor]]


def _summed_over(
    batches: Iterable[tuple[Tensor, Tensor]], net: NestedNetwork, of_batch: BatchSums
) -> dict[str, Tensor]:
    """What a function gives for each batch, summed over the batches of all processes; the network is evaluating."""
    sums: dict[str, Tensor] = {}
    device = next(net.parameters()).device
    with net.active(0), evaluating(net), torch.enable_grad():
        for inputs, targets in batches:
            found = of_batch(inputs.to(device), targets.to(device))
            sums = {name: sums[name] + tensor if sums else tensor for name, tensor in found.items()}
    if not sums:
        raise ValueError("batches is empty: scoring needs at least one (inputs, targets) pair")
    return {name: summed(total) for name, total in sums.items()}


def _gradients(
    net: NestedNetwork, weights: Mapping[str, Tensor], loss: Callable[[Tensor, Tensor], Tensor]
) -> BatchSums:
    """The gradients of a batch's loss."""

    def of_batch(inputs: Tensor, targets: Tensor) -> Mapping[str, Tensor]:
        value = loss(net(inputs), targets)
        # a parameter that the loss does not reach has no gradient: it scores nothing
        found = torch.autograd.grad(value, list(weights.values()), allow_unused=True, materialize_grads=True)
        return dict(zip(weights, found, strict=True))

    return of_batch


def _sizes_of_gradients(
    net: NestedNetwork,
    weights: Mapping[str, Tensor],
    loss: Callable[[Tensor, Tensor], Tensor],
    size: Callable[[Tensor], Tensor],
) -> BatchSums:
    """The sizes of the gradients of each example's loss, summed over the examples of a batch."""
    chunk = max(1, GRADIENTS_HELD // sum(weight.numel() for weight in weights.values()))
    constants = {name: parameter.detach() for name, parameter in net.model.named_parameters()}

    def of_example(parameters: dict[str, Tensor], example: Tensor, target: Tensor) -> Tensor:
        return loss(functional_call(net.model, constants | parameters, (example[None],)), target[None])

    def of_batch(inputs: Tensor, targets: Tensor) -> Mapping[str, Tensor]:
        parameters = {name: weight.detach() for name, weight in weights.items()}
        found = {name: torch.zeros_like(weight) for name, weight in parameters.items()}
        for examples, classes in zip(inputs.split(chunk), targets.split(chunk), strict=True):
            gradients = vmap(grad(of_example), in_dims=(None, 0, 0))(parameters, examples, classes)
            for name, gradient in gradients.items():
                found[name] += size(gradient).sum(0)
        return found

    return of_batch


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
