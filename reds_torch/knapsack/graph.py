"""A search problem in the form that the solvers work on: one subnetwork, its caps, arrays by position.

Tables over the same groups are merged, widths that may not be chosen are cut away, and only the costs that
have a cap are kept. Groups are known by their position in the problem, widths by their position among those
left.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from reds_torch.knapsack.problem import Array, ProblemError, WidthProblem

# A row over so many entries is kept as a row; over fewer, it forbids entries one by one.
MAX_MASK = 1_000_000

Mask = npt.NDArray[np.bool_]
Choice = tuple[int, ...]  # for each group, the position of its width


@dataclass(frozen=True)
class Factor:
    """Merged tables over the groups ``scope`` (one, or two ascending): ``value[i, j]`` and ``costs[cap,
    i, j]``.
    """

    scope: tuple[int, ...]
    value: Array
    costs: Array


@dataclass(frozen=True)
class Row:
    """One execution step under a cap: the sum of ``terms[group][i]`` may not exceed ``limit``."""

    cost: str
    step: str
    terms: Mapping[int, Array]
    limit: float


@dataclass(frozen=True)
class WidthGraph:
    """One subnetwork's problem: choose a position for each group; value is to be large, every cap is to be
    kept.

    ``costs[cap]`` of a choice is ``constant_costs[cap]`` plus the factors' and may not exceed ``caps[cap]``.
    """

    names: tuple[str, ...]
    widths: tuple[tuple[int, ...], ...]
    factors: tuple[Factor, ...]
    cap_names: tuple[str, ...]
    caps: Array
    constant_value: float
    constant_costs: Array
    rows: tuple[Row, ...]

    @property
    def sizes(self) -> tuple[int, ...]:
        """Number of positions of each group."""
        return tuple(len(widths) for widths in self.widths)

    def widths_of(self, choice: Sequence[int]) -> dict[str, int]:
        """Return the widths that a choice means, by group name."""
        return {name: self.widths[group][choice[group]] for group, name in enumerate(self.names)}

    def choice_of(self, widths: Mapping[str, int]) -> Choice | None:
        """Return the choice of these widths, or None where one of them is not left."""
        if any(widths[name] not in left for name, left in zip(self.names, self.widths, strict=True)):
            return None
        return tuple(left.index(widths[name]) for name, left in zip(self.names, self.widths, strict=True))

    def value_of(self, choice: Sequence[int]) -> float:
        """Return the value of a choice."""
        return self.constant_value + float(sum(f.value[tuple(choice[g] for g in f.scope)] for f in self.factors))

    def costs_of(self, choice: Sequence[int]) -> Array:
        """Return the capped costs of a choice, in the order of ``cap_names``."""
        costs = self.constant_costs.copy()
        for factor in self.factors:
            at = tuple(choice[g] for g in factor.scope)
            costs += [cost[at] for cost in factor.costs]
        return costs

    def keeps_caps(self, choice: Sequence[int]) -> bool:
        """Say whether a choice keeps every cap and every row."""
        return bool((self.costs_of(choice) <= self.caps).all()) and all(
            sum(float(terms[choice[g]]) for g, terms in row.terms.items()) <= row.limit for row in self.rows
        )

    def narrowed(self, keep: Sequence[Mask]) -> WidthGraph:
        """Return the graph with only the positions marked in ``keep``, one mask per group."""
        if all(mask.all() for mask in keep):
            return self
        at = [np.flatnonzero(mask) for mask in keep]
        factors = tuple(
            Factor(
                f.scope,
                f.value[np.ix_(*(at[g] for g in f.scope))],
                f.costs[np.ix_(np.arange(len(self.caps)), *(at[g] for g in f.scope))],
            )
            for f in self.factors
        )
        widths = tuple(tuple(w[i] for i in kept.tolist()) for w, kept in zip(self.widths, at, strict=True))
        rows = tuple(replace(row, terms={g: terms[at[g]] for g, terms in row.terms.items()}) for row in self.rows)
        return replace(self, widths=widths, factors=factors, rows=rows)


def build_graph(
    problem: WidthProblem,
    caps: Mapping[str, float],
    lower: Mapping[str, int] | None = None,
    upper: Mapping[str, int] | None = None,
) -> WidthGraph:
    """Return the graph of one subnetwork of ``problem`` whose costs may not exceed ``caps``.

    Args:
        problem: what to choose from.
        caps: largest value of each capped cost; a cap on a peak cost becomes one row per execution step.
        lower: by group, the smallest width that nesting leaves (the next smaller subnetwork's).
        upper: by group, the largest width that nesting leaves (the next larger subnetwork's).

    Raises:
        ProblemError: a cap on a cost the problem doesn't have, or a group to which nesting leaves no width.
    """
    for name in caps:
        if name not in problem.cost_names:
            raise ProblemError(f"there is no cost {name!r} in this problem; it has {', '.join(problem.cost_names)}")
    sums = tuple(name for name in problem.table_costs if name in caps)
    names = tuple(group.name for group in problem.groups)
    at = {name: i for i, name in enumerate(names)}
    kept = []
    for group in problem.groups:
        low = (lower or {}).get(group.name, 1)
        high = (upper or {}).get(group.name, group.size)
        allowed = set(group.allowed)
        kept.append(np.array([w in allowed and low <= w <= high for w in group.widths]))
        if not kept[-1].any():
            raise ProblemError(f"nesting leaves group {group.name!r} no allowed width between {low} and {high}")

    merged: dict[tuple[int, ...], tuple[Array, Array]] = {}
    for table in problem.tables:
        scope = tuple(sorted(at[name] for name in table.groups))
        shape = tuple(len(problem.groups[g].widths) for g in scope)
        if scope not in merged:
            merged[scope] = (np.zeros(shape), np.zeros((len(sums), *shape)))
        value, costs = merged[scope]
        flipped = scope != tuple(at[name] for name in table.groups)
        value += table.value.T if flipped else table.value
        for k, name in enumerate(sums):
            if name in table.costs:
                costs[k] += table.costs[name].T if flipped else table.costs[name]
    constant_value, constant_costs = merged.pop((), (np.zeros(()), np.zeros(len(sums))))

    rows = []
    for cost, steps in problem.peaks.items():
        if cost in caps:
            for step in steps:
                terms = {at[name]: table for name, table in step.groups.items()}
                rows.append(Row(cost, step.name, terms, caps[cost] - step.fixed))
    whole = WidthGraph(
        names=names,
        widths=tuple(group.widths for group in problem.groups),
        factors=tuple(Factor(scope, value, costs) for scope, (value, costs) in sorted(merged.items())),
        cap_names=sums,
        caps=np.array([caps[name] for name in sums], dtype=np.float64),
        constant_value=float(constant_value),
        constant_costs=constant_costs,
        rows=tuple(rows),
    )
    return whole.narrowed(kept)


def without_hopeless(graph: WidthGraph) -> WidthGraph | None:
    """Return the graph less the positions that break a row even with the least of everything else, and less
    the rows that nothing can break; None where a group loses all its positions."""
    while True:
        keep: list[Mask] = [np.ones(size, bool) for size in graph.sizes]
        for row in graph.rows:
            least = sum(float(terms.min()) for terms in row.terms.values())
            if least > row.limit:
                return None
            for g, terms in row.terms.items():
                keep[g] &= terms + (least - float(terms.min())) <= row.limit
        if not all(mask.any() for mask in keep):
            return None
        narrowed = graph.narrowed(keep)
        if narrowed is graph:
            rows = tuple(r for r in graph.rows if sum(float(t.max()) for t in r.terms.values()) > r.limit)
            return replace(graph, rows=rows)
        graph = narrowed


def row_masks(graph: WidthGraph) -> tuple[dict[tuple[int, ...], Mask], list[Row]]:
    """Return the rows over few groups as masks of allowed entries, by scope, and the rows over too many."""
    masks: dict[tuple[int, ...], Mask] = {}
    left = []
    for row in graph.rows:
        scope = tuple(sorted(row.terms))
        if math.prod(graph.sizes[g] for g in scope) > MAX_MASK:
            left.append(row)
            continue
        total: Array = np.zeros(())
        for g in scope:
            total = total[..., None] + row.terms[g]
        mask = total <= row.limit
        masks[scope] = masks[scope] & mask if scope in masks else mask
    return masks, left


def open_positions(graph: WidthGraph, masks: Sequence[Mask]) -> list[Mask]:
    """Return the positions of each group that every factor's mask leaves an entry."""
    keep: list[Mask] = [np.ones(size, bool) for size in graph.sizes]
    for factor, mask in zip(graph.factors, masks, strict=True):
        for axis, g in enumerate(factor.scope):
            keep[g] &= mask.any(axis=tuple(other for other in range(mask.ndim) if other != axis))
    return keep
