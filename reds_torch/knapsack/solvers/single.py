"""One subnetwork: bound, good choices, fixing, and the exact solver on what is left."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ..problem.width_problem import Array
from ..settings import SolveSettings
from .bounds import TOLERANCE, Dual, Relaxation, bounds_through_entries, minimise_bound, relax, worth_keeping
from .dp import MAX_LABELS, solve_labels
from .graph import Choice, WidthGraph, open_positions, without_hopeless
from .heuristics import first_choices, improve
from .milp import solve_milp

# Local search starts from so many of the choices seen on the way to the bound.
STARTS = 3
# The dynamic programme is tried with few labels first. Solver "highs" does so, too: mostly no integer programme
# needs to be built.
FEW_LABELS = 20_000
LABELS = {"highs": 100_000, "dp": MAX_LABELS}
# HiGHS gets nowhere with more entries in a minute, and has exceeded its time limit by as much.
PROGRAMME = 50_000
# Bounding and fixing are repeated while they at least halve what is left.
SHRINKS = 0.5


@dataclass(frozen=True)
class Found:
    """The best widths found and a proven bound; no widths and minus infinity: nothing keeps the caps."""

    widths: dict[str, int] | None
    bound: float
    entries: tuple[int, int]  # of the exact problem, before and after fixing


@dataclass(frozen=True)
class _Best:
    """The incumbent, and the bound that would prove it to the gap that is asked."""

    widths: dict[str, int] | None = None
    value: float = -math.inf
    gap: float = 0.0

    @property
    def threshold(self) -> float:
        return self.value / (1 - self.gap)


def solve_single(
    graph: WidthGraph,
    settings: SolveSettings,
    hints: Sequence[Mapping[str, int]] = (),
    deadline: float = math.inf,
) -> Found:
    """Find the most valuable choice of a graph to a relative gap, and prove it.

    Bound and local search alternate with fixing: entries through which nothing better can pass are removed.
    When that stops paying, the exact solver closes what is left, to the gap or, where it is cheap, to zero.
    ``hints`` are widths that may be good, such as the previous budget's; ``deadline`` is one of `time.monotonic`.

    Past the deadline or the time limit the best of what is known is returned. What is not interrupted: the first bound
    and the search for a first choice, and single passes of dynamic programming.
    """
    deadline = min(deadline, time.monotonic() + settings.time_limit)
    before = _count(graph)
    best, outside = _Best(gap=settings.gap), -math.inf
    while True:
        hopeful = without_hopeless(graph)
        if hopeful is None:
            return Found(best.widths, outside, (before, 0))
        graph = hopeful
        relaxation = relax(graph)
        dual = minimise_bound(relaxation, deadline=deadline)
        if dual.best is None:
            return Found(best.widths, outside, (before, 0))
        starts = _starts(relaxation, dual, (*hints, *([best.widths] if best.widths else [])))
        for widths in starts:
            best = _better(graph, best, graph.choice_of(widths))
        if best.widths and time.monotonic() >= deadline:
            return Found(best.widths, max(outside, dual.bound, best.value), (before, _count(graph)))
        # Fixed by the first choices, the graph is small when the local search begins.
        through = bounds_through_entries(relaxation, dual.best)
        best = _searched(_narrowed(graph, through, best), starts, best, deadline)
        if dual.bound <= best.threshold * (1 + TOLERANCE):
            return Found(best.widths, max(outside, dual.bound, best.value), (before, 0))
        # What fixing removes, now and earlier, is worth no more than the present best.
        outside = best.value
        narrowed = _narrowed(graph, through, best)
        if min(narrowed.sizes) == 0:
            return Found(best.widths, outside, (before, 0))
        if _extent(narrowed) > SHRINKS * _extent(graph):
            break
        graph = narrowed
    best, left, inside = _closed(relaxation, dual, through, best, solver=settings.solver, deadline=deadline)
    return Found(best.widths, max(outside, inside, best.value), (before, left))


def _starts(relaxation: Relaxation, dual: Dual, hints: Sequence[Mapping[str, int]]) -> list[Mapping[str, int]]:
    """Return widths within the caps, the best first."""
    graph = relaxation.graph
    known = [graph.choice_of(widths) for widths in hints]
    found = first_choices(relaxation, dual, [choice for choice in known if choice is not None])
    return [graph.widths_of(choice) for choice in found[:STARTS]]


def _searched(graph: WidthGraph, starts: Sequence[Mapping[str, int]], best: _Best, deadline: float) -> _Best:
    """Return the best of the local searches from those starts that fixing has left."""
    for widths in starts:
        start = graph.choice_of(widths)
        if start is not None:
            best = _better(graph, best, improve(graph, start, deadline))
    return best


def _closed(
    relaxation: Relaxation,
    dual: Dual,
    through: Sequence[Array],
    best: _Best,
    *,
    solver: str,
    deadline: float,
) -> tuple[_Best, int, float]:
    """Solve what is left exactly: return the incumbent, the entries that were left, and the bound on them."""
    graph = relaxation.graph
    assert dual.best is not None
    masks = worth_keeping(through, best.value)
    left = sum(int(mask.sum()) for mask in masks if mask.ndim == 2)
    inside = dual.bound
    if solver == "dp" or relaxation.plan.exact:
        # Few labels mostly suffice to close to zero; otherwise more of them are asked for no more than the gap.
        for to_zero, room in ((True, FEW_LABELS), (False, LABELS[solver])):
            left_time = deadline - time.monotonic()
            if inside > best.threshold * (1 + TOLERANCE) and left_time > 0:
                sought = best.value if to_zero else best.threshold
                labels = solve_labels(relaxation, dual.best, sought, room, left_time)
                best = _better(graph, best, labels.choice)
                inside = min(inside, max(labels.dropped, sought, best.value))
    # without any choice yet, one is looked for
    worth_it = best.widths is None or (left <= PROGRAMME and time.monotonic() < deadline)
    if solver == "highs" and inside > best.threshold * (1 + TOLERANCE) and worth_it:
        # The integer programme is dearer: it is asked for no more than the gap.
        removed = best.threshold
        masks = worth_keeping(through, removed)
        known = graph.choice_of(best.widths) if best.widths else None
        milp = solve_milp(graph, masks, known, gap=best.gap, time_limit=deadline - time.monotonic())
        best = _better(graph, best, milp.choice)
        inside = max(removed, min(inside, milp.bound))
    return best, left, inside


def _narrowed(graph: WidthGraph, through: Sequence[Array], best: _Best) -> WidthGraph:
    return graph.narrowed(open_positions(graph, worth_keeping(through, best.value)))


def _better(graph: WidthGraph, best: _Best, choice: Choice | None) -> _Best:
    if choice is None or graph.value_of(choice) <= best.value:
        return best
    return _Best(graph.widths_of(choice), graph.value_of(choice), best.gap)


def _count(graph: WidthGraph) -> int:
    return sum(factor.value.size for factor in graph.factors if factor.value.ndim == 2)


def _extent(graph: WidthGraph) -> int:
    return sum(graph.sizes) + sum(factor.value.size for factor in graph.factors)
