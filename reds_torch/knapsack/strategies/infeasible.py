"""Why nothing is feasible: which caps no choice of widths keeps, and the smallest values that one could."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from ..problem.budgets import amount, shown
from ..problem.width_problem import Table, WidthProblem
from ..settings import SolveSettings
from ..solvers.graph import build_graph
from ..solvers.single import solve_single

Nested = Mapping[str, int] | None


def explain(problem: WidthProblem, caps: Mapping[str, float], smaller: Nested, larger: Nested) -> str:
    """Return one sentence about caps that no choice between ``smaller`` and ``larger`` keeps."""
    full = problem.costs(problem.full_widths)
    alone = {name: least(problem, name, {}, smaller, larger) for name in caps}
    binding = [name for name in caps if alone[name] > caps[name]]
    place = " inside the larger subnetwork" if larger else ""
    if larger and solve_single(build_graph(problem, caps), SolveSettings()).widths is not None:
        return (
            f"no subnetwork with {shown(caps, full)} fits inside the larger one found before; "
            "use strategy 'bottom_up' or 'joint'"
        )
    if binding:
        return "; ".join(
            f"{name} <= {amount(caps[name], full[name])} is infeasible: "
            f"the smallest feasible value{place} is {amount(alone[name], full[name])}"
            for name in binding
        )
    parts = []
    for name in caps:
        others = {other: cap for other, cap in caps.items() if other != name}
        best = least(problem, name, others, smaller, larger)
        if math.isfinite(best):
            parts.append(f"with {shown(others, full)} the smallest feasible {name} is {amount(best, full[name])}")
    return f"{shown(caps, full)} are infeasible together{place}: " + "; ".join(parts)


def least(
    problem: WidthProblem, name: str, caps: Mapping[str, float], smaller: Nested = None, larger: Nested = None
) -> float:
    """Return the smallest value of a cost over all choices within the other caps (infinity: there are
    none).
    """
    if name in problem.peaks:
        return _least_peak(problem, name, caps, smaller, larger)
    # The value to be largest is what the cost leaves of its largest entry, table by table.
    tables = []
    for table in problem.tables:
        cost = table.costs.get(name, np.zeros(table.value.shape))
        tables.append(Table(table.name, table.groups, cost.max() - cost, table.costs))
    found = solve_single(
        build_graph(replace(problem, tables=tuple(tables)), caps, smaller, larger), SolveSettings(gap=0.0)
    )
    return problem.costs(found.widths)[name] if found.widths else math.inf


def _least_peak(problem: WidthProblem, name: str, caps: Mapping[str, float], smaller: Nested, larger: Nested) -> float:
    """Lower the limit until nothing keeps it: each choice found becomes the next limit, halving on the
    way.
    """

    def found(limit: float) -> float:
        widths = solve_single(
            build_graph(problem, {**caps, name: limit}, smaller, larger), SolveSettings(gap=0.5)
        ).widths
        return problem.costs(widths)[name] if widths else math.inf

    best = found(math.inf)
    floor = 0.0  # nothing keeps less
    while math.isfinite(best) and best - floor > 1e-6 * best:
        limit = (best + floor) / 2
        lower = found(limit)
        floor, best = (limit, best) if math.isinf(lower) else (floor, lower)
    return best
