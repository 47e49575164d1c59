"""The exact integer programme of one subnetwork, through PuLP and HiGHS.

Variables: one binary for every (group, width) and one for every (layer, width a, width b) that may still be
chosen. Each layer's binaries agree with those of its groups (flow consistency), one row keeps each budget,
and one row each execution step under a limit.
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pulp

from .graph import Choice, Factor, Mask, WidthGraph, open_positions
from .highs import Outcome, solve, value_of, weighted_sum

# Values are scaled so that the solver's absolute tolerances (1e-6) are relative ones of about 1e-11.
VALUE_SCALE = 1e5
CAP_SCALE = 1e4


@dataclass(frozen=True)
class MilpResult:
    """Best choice found (None: there is none), and a proven upper bound on the value of every choice."""

    choice: Choice | None
    bound: float


def solve_milp(
    graph: WidthGraph,
    masks: Sequence[Mask] | None = None,
    start: Choice | None = None,
    *,
    gap: float,
    time_limit: float,
) -> MilpResult:
    """Solve one subnetwork's problem exactly.

    Args:
        graph: the problem.
        masks: the entries of each factor of the graph that may be chosen; default all.
        start: a choice within the caps to begin with; its entries may be chosen in any case.
        gap: relative gap at which the solver may stop.
        time_limit: seconds; where it comes first, ``bound`` is what was proven by that time.
    """
    deadline = time.monotonic() + time_limit
    programme = _Programme(graph, masks, start)
    best = start
    while True:
        outcome = programme.run(gap, max(deadline - time.monotonic(), 0.1))
        if outcome is Outcome.INFEASIBLE:
            return MilpResult(best, -math.inf)
        if outcome is Outcome.NOT_FOUND:
            return MilpResult(best, programme.bound)
        choice = programme.choice()
        kept = graph.keeps_caps(choice)
        if kept and (best is None or graph.value_of(choice) > graph.value_of(best)):
            best = choice
        if outcome is Outcome.OPTIMAL and not kept:
            # Within the solver's tolerance, but past a cap: forbid just this choice and go on.
            programme.forbid(choice)
        else:
            return MilpResult(best, programme.bound)


class _Programme:
    """The PuLP model, and the way back from its variables to choices."""

    def __init__(self, graph: WidthGraph, masks: Sequence[Mask] | None, start: Choice | None) -> None:
        self.model = pulp.LpProblem("widths", pulp.LpMinimize)
        self.constant = graph.constant_value
        self.bound = math.inf
        largest = sum(float(factor.value.max()) for factor in graph.factors)
        self.scale = VALUE_SCALE / largest if largest > 0 else 1.0
        given = masks or [np.ones(factor.value.shape, bool) for factor in graph.factors]
        left = [mask.copy() for mask in given]
        if start is not None:
            for factor, mask in zip(graph.factors, left, strict=True):
                mask[tuple(start[g] for g in factor.scope)] = True
        self.nodes = self._add_nodes(graph, left, start)
        entries = [
            self._entries(f"x_{f}", factor, mask, start)
            for f, (factor, mask) in enumerate(zip(graph.factors, left, strict=True))
        ]
        chosen = [
            (factor, at, v) for factor, part in zip(graph.factors, entries, strict=True) for at, v in part.items()
        ]

        # The objective: the value of all entries chosen, negated.
        terms = [(variable, -float(factor.value[at]) * self.scale) for factor, at, variable in chosen]
        self.model.setObjective(weighted_sum(terms))

        # Budgets and limits on sums.
        for k, (cap, used) in enumerate(zip(graph.caps, graph.constant_costs, strict=True)):
            unit = CAP_SCALE / max(cap, 1.0)
            terms = [(variable, float(factor.costs[k][at]) * unit) for factor, at, variable in chosen]
            self.model += weighted_sum(terms) <= float(cap - used) * unit

        # Limits on peaks: one row per execution step.
        for row in graph.rows:
            unit = CAP_SCALE / max(row.limit, 1.0)
            terms = [(v, float(t[i]) * unit) for g, t in row.terms.items() for i, v in self.nodes[g].items()]
            self.model += weighted_sum(terms) <= row.limit * unit

    def run(self, gap: float, time_limit: float) -> Outcome:
        """Solve, or go on until the time is up; ``bound`` is what has been proven of the value."""
        # Presolve probes binaries for minutes, past the time limit, and removes hardly any.
        solved = solve(self.model, time_limit=time_limit, mip_rel_gap=gap, mip_abs_gap=0.0, presolve="off")
        self.bound = self.constant - solved.bound / self.scale
        return solved.outcome

    def choice(self) -> Choice:
        """Return the choice that the variables' values mean."""
        return tuple(max(group, key=lambda i: value_of(group[i])) for group in self.nodes)

    def forbid(self, choice: Choice) -> None:
        """Exclude this choice."""
        self.model += pulp.lpSum(self.nodes[g][i] for g, i in enumerate(choice)) <= len(choice) - 1

    def _add_nodes(
        self, graph: WidthGraph, masks: Sequence[Mask], start: Choice | None
    ) -> list[dict[int, pulp.LpVariable]]:
        """Add the binaries of the widths that are left, exactly one of which is chosen for every group."""
        nodes = []
        for g, mask in enumerate(open_positions(graph, masks)):
            group = {i: self.model.add_variable(f"y_{g}_{i}", cat="Binary") for i in np.flatnonzero(mask).tolist()}
            self.model += pulp.lpSum(group.values()) == 1
            if start is not None:
                for i, variable in group.items():
                    variable.setInitialValue(float(i == start[g]))
            nodes.append(group)
        return nodes

    def _entries(
        self, name: str, factor: Factor, mask: Mask, start: Choice | None
    ) -> dict[tuple[int, ...], pulp.LpVariable]:
        """Return the binary of every entry of a factor; over two groups, add them with their flow rows."""
        if len(factor.scope) == 1:
            return {(i,): variable for i, variable in self.nodes[factor.scope[0]].items()}
        nodes = self.nodes
        a, b = factor.scope
        entries: dict[tuple[int, ...], pulp.LpVariable] = {}
        flows: dict[tuple[int, int], list[pulp.LpVariable]] = {(g, i): [] for g in (a, b) for i in nodes[g]}
        for i, j in np.argwhere(mask).tolist():
            if i in nodes[a] and j in nodes[b]:
                variable = self.model.add_variable(f"{name}_{i}_{j}", cat="Binary")
                if start is not None:
                    variable.setInitialValue(float((i, j) == (start[a], start[b])))
                entries[i, j] = variable
                flows[a, i].append(variable)
                flows[b, j].append(variable)
        # A row's (column's) entries sum to the binary of that width of its group.
        for (g, i), variables in flows.items():
            self.model += pulp.lpSum(variables) == nodes[g][i]
        return entries
