"""What the search problem of a run shows: the units' scores in their order, and what any search could reach."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, replace

import numpy as np

from ..knapsack.problem.width_problem import WidthProblem
from ..knapsack.solvers.bounds import Relaxation, Relaxed, minimise_bound, relax
from ..knapsack.solvers.graph import build_graph, without_hopeless

POINTS = 40  # of the bound's curve
SECONDS = 5.0  # for the whole curve; what is not reached in time is left out
MAX_STEPS = 256  # of a group's curve: wider groups are summed in blocks


@dataclass(frozen=True)
class GroupScores:
    """What the units of a width group are worth, the best first, all other groups at full width.

    ``worth[i]`` is the mean score of the units from ``widths[i - 1]`` (0 for the first) up to ``widths[i]``.
    """

    group: str
    size: int
    widths: tuple[int, ...]
    worth: tuple[float, ...]


@dataclass(frozen=True)
class SearchBound:
    """Upper bounds on the value of any subnetwork, nested or not, by the share of a cost it may have.

    Values are shares of the full network's.
    """

    cost: str
    shares: tuple[float, ...]
    bounds: tuple[float, ...]


def unit_scores(problem: WidthProblem) -> tuple[GroupScores, ...]:
    """The scores of every group's units in the order that the search found them in."""
    found = []
    for group in problem.groups:
        total = np.zeros(len(group.widths))
        for table in problem.tables:
            if group.name in table.groups:
                axis = table.groups.index(group.name)
                total += np.take(table.value, -1, axis=1 - axis) if table.value.ndim == 2 else table.value
        widths = np.array(group.widths)
        if len(widths) > MAX_STEPS:
            chosen = np.unique(np.linspace(0, len(widths) - 1, MAX_STEPS).round().astype(int))
            widths, total = widths[chosen], total[chosen]
        units = np.diff(widths, prepend=0)
        worth = np.diff(total, prepend=0.0) / units
        found.append(GroupScores(group.name, group.size, tuple(map(int, widths)), tuple(map(float, worth))))
    return tuple(found)


def bound_curve(problem: WidthProblem, cost: str) -> SearchBound:
    """The least Lagrangian bound at shares of a cost from the cheapest subnetwork's to 1."""
    full = problem.costs(problem.full_widths)[cost]
    value = problem.value(problem.full_widths)
    cheapest = problem.costs({g.name: g.allowed[0] for g in problem.groups})[cost] / full
    graph = without_hopeless(build_graph(problem, {cost: full}))
    assert graph is not None, "the full network keeps its own cost"
    relaxation: Relaxation = relax(graph)
    known: tuple[Relaxed, ...] = ()
    deadline = time.monotonic() + SECONDS
    shares, bounds = [], []
    for share in np.linspace(1.0, cheapest, POINTS):
        caps = relaxation.caps.copy()
        caps[0] = share * full * (1 + 1e-12) - graph.constant_costs[0]
        dual = minimise_bound(replace(relaxation, caps=caps), known, deadline)
        known = dual.seen
        if math.isfinite(dual.bound):
            shares.append(float(share))
            bounds.append(dual.bound / value)
        if time.monotonic() > deadline:
            break
    return SearchBound(cost, tuple(shares[::-1]), tuple(bounds[::-1]))
