"""Upper bounds by Lagrangian relaxation: caps become prices, and what is left is a dynamic programme.

For multipliers m >= 0, ``L(m) = max over choices of value + sum_k m_k (cap_k - cost_k)`` is at least the
value of the best choice within the caps (Geoffrion, "Lagrangean relaxation for integer programming", 1974).
The least such bound is found exactly for one cap, walking along the breakpoints, and by cutting planes
(Kelley, 1960) for several. The best total through every entry at the same prices bounds each choice that
takes it: reduced-cost fixing.
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pulp

from reds_torch.knapsack.elimination import (
    MAX_ENTRIES,
    Plan,
    Scope,
    Upward,
    beliefs,
    decode,
    make_plan,
    pass_up,
    table_beliefs,
)
from reds_torch.knapsack.graph import Choice, Mask, WidthGraph, row_masks
from reds_torch.knapsack.highs import solve, value_of, weighted_sum
from reds_torch.knapsack.problem import Array

MAX_CUTS = 60
TOLERANCE = 1e-9


@dataclass(frozen=True)
class PricedTable:
    """Values (minus infinity: forbidden) and the costs that count against ``caps``, over some groups."""

    scope: Scope
    value: Array
    costs: Array
    caps: slice


@dataclass(frozen=True)
class Relaxation:
    """One subnetwork's problem with its caps priced; rows over few groups stay hard, the others become caps.

    The first tables are the graph's factors, in their order.
    """

    graph: WidthGraph
    tables: tuple[PricedTable, ...]
    caps: Array  # less the constant costs
    plan: Plan


@dataclass(frozen=True)
class Relaxed:
    """The relaxation solved at some multipliers: an upper bound, and the choice that attains it."""

    multipliers: Array
    bound: float
    value: float
    costs: Array
    choice: Choice


@dataclass(frozen=True)
class Dual:
    """The least bound found (minus infinity: no choice keeps the caps) and all that was solved on the way.

    ``seen`` begins with the choice of the largest value and the cheapest ones.
    """

    bound: float
    best: Relaxed | None
    seen: tuple[Relaxed, ...]


def relax(graph: WidthGraph, max_entries: int = MAX_ENTRIES) -> Relaxation:
    """Return the Lagrangian relaxation of a graph."""
    masks, rows = row_masks(graph)
    count = len(graph.caps)
    tables = [PricedTable(f.scope, f.value, f.costs, slice(0, count)) for f in graph.factors]
    for scope, mask in masks.items():
        tables.append(PricedTable(scope, np.where(mask, 0.0, -np.inf), np.zeros((0, *mask.shape)), slice(0, 0)))
    for r, row in enumerate(rows):
        for g, terms in row.terms.items():
            tables.append(PricedTable((g,), np.zeros(len(terms)), terms[None], slice(count + r, count + r + 1)))
    caps = np.concatenate([graph.caps - graph.constant_costs, [row.limit for row in rows]])
    plan = make_plan([table.scope for table in tables], graph.sizes, max_entries)
    return Relaxation(graph, tuple(tables), caps, plan)


def solve_priced(relaxation: Relaxation, multipliers: Array, worth: float = 1.0) -> Upward:
    """Maximise ``worth`` times the value less the priced costs over all choices."""
    return pass_up(relaxation.plan, [_priced(table, multipliers, worth) for table in relaxation.tables])


def evaluate(relaxation: Relaxation, multipliers: Array, worth: float = 1.0) -> Relaxed:
    """Solve the relaxation at ``multipliers``; with ``worth=0`` only the priced costs count."""
    upward = solve_priced(relaxation, multipliers, worth)
    choice, entries = decode(upward)
    value, costs = relaxation.graph.constant_value, np.zeros(len(relaxation.caps))
    for table, at in zip(relaxation.tables, entries, strict=True):
        value += float(table.value[at])
        costs[table.caps] += [cost[at] for cost in table.costs]
    bound = worth * relaxation.graph.constant_value + upward.best + float(multipliers @ relaxation.caps)
    return Relaxed(multipliers, bound, value, costs, choice)


def minimise_bound(relaxation: Relaxation, known: Sequence[Relaxed] = (), deadline: float = math.inf) -> Dual:
    """Return the least Lagrangian bound (for several caps: to the tolerance, or after ``MAX_CUTS`` steps).

    Past the deadline (of `time.monotonic`) it is the least one found so far, in any case that without caps.
    ``known`` is what an earlier call has seen on the same tables under other caps: it is not solved again.
    """
    count = len(relaxation.caps)
    if known:
        free, *others = known
    else:
        free = evaluate(relaxation, np.zeros(count))
        if math.isinf(free.bound):
            return Dual(-math.inf, None, ())
        # The cheapest choices by each cost, and by all together: they keep the multipliers from running away.
        unit = 1.0 / np.maximum(relaxation.caps, 1.0)
        prices = [*np.diag(unit), *([unit] if count > 1 else [])]
        others = [evaluate(relaxation, price, worth=0.0) for price in prices]
    seen = [free, *others]
    if (free.costs <= relaxation.caps).all():
        return Dual(free.bound, free, tuple(seen))
    if any(others[k].costs[k] > relaxation.caps[k] for k in range(count)):
        return Dual(-math.inf, None, tuple(seen))
    return (_walk_breakpoints if count == 1 else _cutting_planes)(relaxation, seen, deadline)


def bounds_through_entries(relaxation: Relaxation, relaxed: Relaxed) -> list[Array]:
    """Return for every entry of each factor of the graph a bound on the choices that pass through it."""
    upward = solve_priced(relaxation, relaxed.multipliers)
    found = table_beliefs(relaxation.plan, beliefs(upward))
    offset = relaxed.bound - upward.best
    return [best + offset for best in found[: len(relaxation.graph.factors)]]


def worth_keeping(through: Sequence[Array], threshold: float) -> list[Mask]:
    """Return the entries through which a choice of at least ``threshold`` may pass, from their bounds."""
    floor = threshold - TOLERANCE * abs(threshold)
    return [(bound > -np.inf) & (bound >= floor) for bound in through]


def _priced(table: PricedTable, multipliers: Array, worth: float) -> Array:
    # Forbidden entries stay so even where values do not count.
    priced = table.value if worth == 1.0 else np.where(np.isneginf(table.value), -np.inf, 0.0)
    for price, cost in zip(multipliers[table.caps], table.costs, strict=True):
        if price:
            priced = priced - price * cost
    return priced


def _walk_breakpoints(relaxation: Relaxation, seen: list[Relaxed], deadline: float) -> Dual:
    """Minimise over one multiplier: intersect the lines of an affordable and an unaffordable choice until no
    third choice lies above the intersection.
    """
    cap = float(relaxation.caps[0])
    above = min((r for r in seen if r.costs[0] > cap), key=lambda r: float(r.costs[0]))
    below = max((r for r in seen if r.costs[0] <= cap), key=lambda r: float(r.costs[0]))
    best = seen[0]
    while time.monotonic() < deadline:
        price = (above.value - below.value) / (float(above.costs[0]) - float(below.costs[0]))
        here = evaluate(relaxation, np.array([max(price, 0.0)]))
        seen.append(here)
        best = min(best, here, key=lambda relaxed: relaxed.bound)
        line = below.value + price * (cap - float(below.costs[0]))
        if here.bound <= line + TOLERANCE * abs(line):
            return Dual(here.bound, here, tuple(seen))
        if here.costs[0] > cap:
            above = here
        else:
            below = here
    return Dual(best.bound, best, tuple(seen))


def _cutting_planes(relaxation: Relaxation, seen: list[Relaxed], deadline: float) -> Dual:
    """Minimise over several multipliers: each choice seen is a plane below the bound; go where they are
    least.
    """
    best = seen[0]
    largest = 100.0 * max(abs(best.bound), 1e-300) / np.maximum(relaxation.caps, 1.0)
    for _ in range(MAX_CUTS):
        if time.monotonic() >= deadline:
            break
        multipliers, lower = _master(relaxation, seen, largest)
        if best.bound - lower <= TOLERANCE * abs(best.bound):
            break
        here = evaluate(relaxation, multipliers)
        if here.bound < relaxation.graph.constant_value * (1 - TOLERANCE) - TOLERANCE:
            # No choice is worth less than nothing: there is none within the caps.
            return Dual(-math.inf, None, tuple(seen))
        seen.append(here)
        best = min(best, here, key=lambda relaxed: relaxed.bound)
    return Dual(best.bound, best, tuple(seen))


def _master(relaxation: Relaxation, cuts: Sequence[Relaxed], largest: Array) -> tuple[Array, float]:
    """Return the multipliers at which the cuts allow the least bound, and that bound."""
    model = pulp.LpProblem("dual", pulp.LpMinimize)
    worth = max(abs(cut.value) for cut in cuts) or 1.0
    theta = model.add_variable("theta", None, None)
    prices = [model.add_variable(f"price_{k}", 0, 1) for k in range(len(largest))]
    model.setObjective(theta + 0.0)
    for cut in cuts:
        slack = (relaxation.caps - cut.costs) * largest / worth
        model += theta - weighted_sum(zip(prices, slack.tolist(), strict=True)) >= cut.value / worth
    solve(model)
    multipliers = np.array([max(value_of(price), 0.0) for price in prices]) * largest
    return multipliers, value_of(theta) * worth
