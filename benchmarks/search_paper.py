"""The published search problem, for comparison: one binary per kernel instead of one per pair of widths.

Corti et al. (arXiv 2311.13349) choose kernels one by one. Here each kernel is linked to its two units from
both sides and units are taken in order, so that a solution is a subnetwork and its MACs are real: without
this the published form reports subnetworks that cost more than their budget. Solved by HiGHS through PuLP.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pulp

from benchmarks.search_instances import Network
from reds_torch.knapsack.highs import Outcome, solve, value_of, weighted_sum


@dataclass(frozen=True)
class KernelResult:
    widths: dict[str, int]
    value: float
    bound: float
    binaries: int


def solve_per_kernel(
    network: Network, scores: Sequence[np.ndarray], budget: float, gap: float, time_limit: float
) -> KernelResult:
    model = pulp.LpProblem("kernels", pulp.LpMinimize)
    units = {
        group: [model.add_variable(f"u_{group}_{i}", cat="Binary") for i in range(size)]
        for group, size in network.sizes.items()
    }
    for group in units.values():
        # At least one unit per layer, and the units in order.
        model += group[0] >= 1
        for earlier, later in itertools.pairwise(group):
            model += earlier >= later
    negated: list[tuple[pulp.LpVariable, float]] = []
    macs: list[tuple[pulp.LpVariable, float]] = []
    for k, (layer, score) in enumerate(zip(network.layers, scores, strict=True)):
        cost = float(layer.weights * layer.pixels)
        if len(layer.groups) == 1:
            chosen: dict[tuple[int, ...], pulp.LpVariable] = {
                (i,): unit for i, unit in enumerate(units[layer.groups[0]])
            }
        else:
            sources, sinks = (units[group] for group in layer.groups)
            chosen = {}
            for (i, source), (j, sink) in itertools.product(enumerate(sources), enumerate(sinks)):
                kernel = model.add_variable(f"k_{k}_{i}_{j}", cat="Binary")
                # A kernel is kept where both of its units are, and nowhere else.
                model += kernel <= source
                model += kernel <= sink
                model += kernel >= source + sink - 1
                chosen[i, j] = kernel
        for at, variable in chosen.items():
            negated.append((variable, -float(score[at])))
            macs.append((variable, cost / budget))
    model.setObjective(weighted_sum(negated))
    model += weighted_sum(macs) <= 1.0
    solved = solve(model, mip_rel_gap=gap, time_limit=time_limit)
    binaries = len(model.variables())
    if solved.outcome in (Outcome.NOT_FOUND, Outcome.INFEASIBLE):
        return KernelResult({}, float("nan"), -solved.bound, binaries)
    widths = {group: sum(round(value_of(unit)) for unit in kept) for group, kept in units.items()}
    worth = sum(-weight * value_of(variable) for variable, weight in negated)
    return KernelResult(widths, worth, -solved.bound, binaries)
