"""Subnetworks one after the other: from the smallest up, from the largest down, or each for itself."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from ...nested.widths import Subnetwork
from ..problem.budgets import InfeasibleError
from ..problem.width_problem import ProblemError, WidthProblem
from ..settings import SolveSettings
from ..solvers.bounds import Relaxation, Relaxed, minimise_bound, relax
from ..solvers.graph import build_graph, without_hopeless
from ..solvers.single import solve_single
from .infeasible import explain

Caps = Mapping[str, float]
# Called with the number of subnetworks found, their total, and what was just done.
Progress = Callable[[int, int, str], None]


class OutOfTimeError(ProblemError):
    """A subnetwork could neither be found nor refuted in time."""


@dataclass(frozen=True)
class Search:
    """A problem and how it is to be solved, the same for every subnetwork.

    ``deadline`` is one of `time.monotonic`, for all of them together.
    """

    problem: WidthProblem
    settings: SolveSettings
    progress: Progress | None = None
    deadline: float = math.inf


def find_subnetwork(
    search: Search,
    caps: Caps,
    smaller: Mapping[str, int] | None = None,
    larger: Mapping[str, int] | None = None,
) -> Subnetwork:
    """Find the most valuable subnetwork within ``caps`` around ``smaller`` and inside ``larger``.

    Raises:
        InfeasibleError: there is none; the message says what would be feasible.
        OutOfTimeError: none was found in time.
    """
    start = time.monotonic()
    problem = search.problem
    graph = build_graph(problem, caps, smaller, larger)
    hints = [widths for widths in (smaller, larger) if widths]
    found = solve_single(graph, search.settings, hints, search.deadline)
    if found.widths is None:
        if found.bound > float("-inf"):
            raise OutOfTimeError(
                f"no widths within the caps were found in {search.settings.time_limit:g} s, "
                "nor was it proven that there are none; give a longer time_limit"
            )
        raise InfeasibleError(explain(problem, caps, smaller, larger))
    value = problem.value(found.widths)
    bound = max(value, found.bound)
    gap = (bound - value) / bound if bound > 0 else 0.0
    return Subnetwork(
        widths=found.widths,
        costs=problem.costs(found.widths),
        value=value,
        bound=bound,
        gap=gap,
        status=status_of(gap, search.settings.gap),
        budgets=dict(caps),
        seconds=time.monotonic() - start,
        binaries=found.entries,
    )


def status_of(gap: float, asked: float) -> str:
    """Return what a gap says about a subnetwork: proven to the gap that was asked, or not."""
    return "optimal" if gap <= asked + 1e-9 else "feasible"


def bottom_up(search: Search, asked: Sequence[Caps]) -> list[Subnetwork]:
    """Find the smallest subnetwork first; each larger one contains it."""
    found: list[Subnetwork] = []
    for caps in reversed(asked):
        found.insert(0, find_subnetwork(search, caps, smaller=found[0].widths if found else None))
        _report(search, len(found), len(asked), found[0])
    return found


def top_down(search: Search, asked: Sequence[Caps]) -> list[Subnetwork]:
    """Find the largest subnetwork first; each smaller one lies inside it."""
    found: list[Subnetwork] = []
    for caps in asked:
        found.append(find_subnetwork(search, caps, larger=found[-1].widths if found else None))
        _report(search, len(found), len(asked), found[-1])
    return found


def independent(search: Search, asked: Sequence[Caps]) -> list[Subnetwork]:
    """Find each subnetwork for itself: they need not be nested, and show what nesting costs."""
    found: list[Subnetwork] = []
    for caps in asked:
        found.append(find_subnetwork(search, caps))
        _report(search, len(found), len(asked), found[-1])
    return found


def independent_bounds(search: Search, subnetworks: Sequence[Subnetwork]) -> list[float]:
    """Return upper bounds on the value of any subnetwork within each one's caps, nested or not.

    Each is made as small as the time limit allows.
    """
    bounds = []
    relaxation: Relaxation | None = None
    known: tuple[Relaxed, ...] = ()
    peaks: dict[str, float] | None = None
    for subnetwork in subnetworks:
        graph = build_graph(search.problem, subnetwork.budgets)
        limits = {name: cap for name, cap in subnetwork.budgets.items() if name in search.problem.peaks}
        if relaxation is None or limits != peaks:
            # Caps on peaks change what may be chosen at all; other caps only how it is priced.
            hopeful = without_hopeless(graph)
            assert hopeful is not None, "the subnetwork itself keeps its caps"
            relaxation, known, peaks = relax(hopeful), (), limits
        caps = relaxation.caps.copy()
        caps[: len(graph.caps)] = graph.caps - graph.constant_costs
        relaxation = replace(relaxation, caps=caps)
        dual = minimise_bound(relaxation, known, time.monotonic() + search.settings.time_limit)
        known = dual.seen
        bounds.append(max(dual.bound, subnetwork.value))
    return bounds


def _report(search: Search, done: int, total: int, last: Subnetwork) -> None:
    if search.progress:
        search.progress(done, total, f"{last.status}, gap {last.gap:.1e}")
