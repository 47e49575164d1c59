"""All nested subnetworks at once: the largest weighted sum of their values.

Without nesting the problem falls apart into one search per subnetwork, and each takes milliseconds. So
nesting is put back by branch and bound: where a smaller subnetwork is wider than a larger one in some
group, either the smaller is at most, or the larger is more than, a width in between. A branch changes the
ranges of few subnetworks.
"""

from __future__ import annotations

import heapq
import itertools
import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from ...nested.widths import Subnetwork
from ..problem.budgets import InfeasibleError
from ..problem.width_problem import ProblemError, WidthProblem
from ..solvers.graph import build_graph
from ..solvers.single import solve_single
from .sequential import (
    Caps,
    OutOfTimeError,
    Search,
    bottom_up,
    find_subnetwork,
    independent_bounds,
    status_of,
    top_down,
)

# Each subnetwork is solved to this share of the gap that is asked of the sum.
GAP_SHARE = 0.1

Widths = Mapping[str, int]


@dataclass(frozen=True)
class Joint:
    """Nested subnetworks, largest first, and a proven bound on their weighted sum."""

    subnetworks: list[Subnetwork]
    bound: float
    alone: list[float]  # bounds on each one's value without nesting


@dataclass(frozen=True)
class _Ranged:
    """One subnetwork in a branch: the widths it may have, its best ones there, and the bound on their
    value.
    """

    lower: Widths
    upper: Widths
    widths: Widths
    bound: float


def joint(search: Search, asked: Sequence[Caps], weights: Sequence[float]) -> Joint:
    """Find nested subnetworks whose weighted sum of values is largest, never worse than one after the other.

    The better of bottom-up and top-down, improved one subnetwork at a time, is where the branch and bound
    starts. After bottom-up, everything ends when the time limit has passed since the beginning; what was
    proven by then stands. Each subnetwork's bound holds given the widths of the others.
    """
    start = time.monotonic()
    deadline = start + search.settings.time_limit
    fine = replace(search, settings=replace(search.settings, gap=search.settings.gap * GAP_SHARE), progress=None)
    families = _one_by_one(fine, asked, deadline)
    best = max(families, key=lambda found: _worth(found, weights))
    best = _improved(replace(fine, deadline=deadline), asked, weights, best)
    ages = itertools.count()  # of two equally good branches, the older comes first
    heap: list[tuple[float, int, list[_Ranged]]] = []
    closed = -math.inf  # bound on the branches that need no more branching

    def push(branch: list[_Ranged] | None) -> None:
        if branch is not None:
            bound = sum(w * ranged.bound for w, ranged in zip(weights, branch, strict=True))
            if bound > _worth(best, weights):
                heapq.heappush(heap, (-bound, next(ages), branch))

    def ceiling() -> float:
        return max(_worth(best, weights), closed, -heap[0][0] if heap else -math.inf)

    # Without nesting each is worth at most its own bound.
    alone = independent_bounds(fine, best)
    alone[-1] = min(alone[-1], families[0][-1].bound)  # bottom-up's smallest was found without nesting
    root = [_Ranged({}, {}, {}, own) for own in alone]
    bound = sum(weight * own for weight, own in zip(weights, alone, strict=True))
    try:
        for k in range(len(asked)):
            solved = _solved(fine, asked, root, [k], deadline)
            assert solved is not None, "the subnetwork found one by one keeps these caps"
            root = solved
        push(root)
        bound = min(bound, ceiling())
        while heap and bound * (1 - search.settings.gap) > _worth(best, weights):
            branch = heapq.heappop(heap)[2]
            conflict = _conflict(search.problem, branch)
            if conflict is None:
                best = max(best, _chosen(search.problem, best, branch), key=lambda found: _worth(found, weights))
                closed = max(closed, sum(w * ranged.bound for w, ranged in zip(weights, branch, strict=True)))
            else:
                for ranges, changed in _children(branch, *conflict):
                    push(_solved(fine, asked, ranges, changed, deadline))
            bound = min(bound, ceiling())
    except OutOfTimeError:
        # What was proven before stands; before the root is solved, that is what each is worth alone.
        bound = min(bound, sum(weight * ranged.bound for weight, ranged in zip(weights, root, strict=True)))
    alone = [max(ranged.bound, s.value) for ranged, s in zip(root, best, strict=True)]
    bound = max(bound, _worth(best, weights))
    return Joint(_finished(search, best, weights, bound, time.monotonic() - start), bound, alone)


def _one_by_one(search: Search, asked: Sequence[Caps], deadline: float) -> list[list[Subnetwork]]:
    """Return the families found bottom-up and, where it succeeds in time, top-down."""
    found = [bottom_up(search, asked)]
    try:
        if time.monotonic() < deadline:
            found.append(top_down(replace(search, deadline=deadline), asked))
    except (InfeasibleError, OutOfTimeError):
        # From the top down a smaller one may not fit any more; bottom-up is found.
        return found
    return found


def _improved(
    search: Search, asked: Sequence[Caps], weights: Sequence[float], found: list[Subnetwork]
) -> list[Subnetwork]:
    """Find each subnetwork anew between its neighbours, until the sum stays or the time is up."""
    while True:
        better = list(found)
        for k, caps in enumerate(asked):
            if time.monotonic() >= search.deadline:
                return better
            smaller = better[k + 1].widths if k + 1 < len(better) else None
            larger = better[k - 1].widths if k > 0 else None
            again = find_subnetwork(search, caps, smaller, larger)
            better[k] = max(better[k], again, key=lambda subnetwork: subnetwork.value)
        if _worth(better, weights) <= _worth(found, weights) * (1 + 1e-9):
            return better
        found = better


def _solved(
    search: Search, asked: Sequence[Caps], ranges: Sequence[_Ranged], changed: Sequence[int], deadline: float
) -> list[_Ranged] | None:
    """Solve the subnetworks whose ranges have changed; None where one of them is proven to have none."""
    branch = list(ranges)
    for k in changed:
        if time.monotonic() >= deadline:
            raise OutOfTimeError
        try:
            graph = build_graph(search.problem, asked[k], branch[k].lower, branch[k].upper)
        except ProblemError:
            return None  # no width of a group lies in its range
        found = solve_single(graph, search.settings, deadline=deadline)
        if found.widths is None and found.bound == -math.inf:
            return None
        if found.widths is None:
            raise OutOfTimeError
        # Within narrower ranges, what was proven for the wider ones holds as well.
        branch[k] = replace(branch[k], widths=found.widths, bound=min(branch[k].bound, found.bound))
    return branch


def _conflict(problem: WidthProblem, branch: Sequence[_Ranged]) -> tuple[int, str, int] | None:
    """Return where nesting is broken most: the larger subnetwork, the group, and the width to branch at."""
    worst, where = 0.0, None
    for k, (larger, smaller) in enumerate(itertools.pairwise(branch)):
        for group in problem.groups:
            over = smaller.widths[group.name] - larger.widths[group.name]
            if over / group.size > worst:
                worst = over / group.size
                where = (k, group.name, larger.widths[group.name] + (over - 1) // 2)
    return where


def _children(branch: Sequence[_Ranged], k: int, group: str, width: int) -> list[tuple[list[_Ranged], list[int]]]:
    """Return the two branches, each with the subnetworks whose widths it forbids: from ``k + 1`` on at most
    ``width``, or up to ``k`` more than it."""
    narrow, wide = list(branch), list(branch)
    for s in range(k + 1, len(branch)):
        narrow[s] = replace(branch[s], upper={**branch[s].upper, group: min(width, branch[s].upper.get(group, width))})
    for s in range(k + 1):
        least = max(width + 1, branch[s].lower.get(group, 1))
        wide[s] = replace(branch[s], lower={**branch[s].lower, group: least})
    return [
        (narrow, [s for s in range(k + 1, len(branch)) if branch[s].widths[group] > width]),
        (wide, [s for s in range(k + 1) if branch[s].widths[group] <= width]),
    ]


def _chosen(problem: WidthProblem, like: Sequence[Subnetwork], branch: Sequence[_Ranged]) -> list[Subnetwork]:
    return [
        replace(s, widths=r.widths, costs=problem.costs(r.widths), value=problem.value(r.widths))
        for s, r in zip(like, branch, strict=True)
    ]


def _finished(
    search: Search, best: Sequence[Subnetwork], weights: Sequence[float], bound: float, seconds: float
) -> list[Subnetwork]:
    """Return the subnetworks, what is open of the sum added to each one's value as its bound."""
    spare = bound - _worth(best, weights)
    status = status_of(spare / bound if bound > 0 else 0.0, search.settings.gap)
    done = []
    for subnetwork, weight in zip(best, weights, strict=True):
        own = subnetwork.value + spare / weight
        gap = spare / weight / own if own > 0 else 0.0
        done.append(replace(subnetwork, bound=own, gap=gap, status=status, seconds=seconds / len(best)))
    return done


def _worth(subnetworks: Sequence[Subnetwork], weights: Sequence[float]) -> float:
    return sum(weight * s.value for weight, s in zip(weights, subnetworks, strict=True))
