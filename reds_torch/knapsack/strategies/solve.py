"""The search: nested subnetworks of the largest value within budgets and limits, each with its proof."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Unpack

from ...nested.widths import Subnetwork
from ..problem.budgets import Budgets, Limits, absolute_caps, absolute_limits
from ..problem.width_problem import ProblemError, WidthProblem
from ..settings import SolveChanges, SolveSettings
from .joint import joint
from .sequential import Progress, Search, bottom_up, independent, independent_bounds, top_down

ONE_BY_ONE = {"bottom_up": bottom_up, "top_down": top_down, "independent": independent}


@dataclass(frozen=True)
class SearchResult:
    """The subnetworks of a search, index 0 the full network, then in order of falling budgets.

    ``subnetworks[k].bound`` holds given what the strategy had fixed before: the smaller subnetworks for
    ``bottom_up``, the larger for ``top_down``, all others for ``joint``. ``independent_bounds[k]`` is an
    upper bound for any subnetwork within the same caps. ``joint_bound`` bounds the (for ``joint``:
    weighted) sum of the values of all nested subnetworks below the full one, however they are found.
    """

    subnetworks: tuple[Subnetwork, ...]
    independent_bounds: tuple[float, ...]
    joint_bound: float
    strategy: str
    solver: str
    seconds: float


def solve(
    problem: WidthProblem,
    budgets: Budgets,
    limits: Limits | None = None,
    settings: SolveSettings = SolveSettings(),  # noqa: B008 - it is frozen
    *,
    progress: Progress | None = None,
    weights: Sequence[float] | None = None,
    **changes: Unpack[SolveChanges],
) -> SearchResult:
    """Find nested subnetworks of the largest value within budgets and limits.

    Args:
        problem: groups, tables and steps.
        budgets: by cost, one number per subnetwork, in any order: a float of at most 1 is a share of the full
            network's cost, anything else is absolute. Several costs' budgets belong together, entry by entry.
        limits: by cost, a number that every subnetwork keeps; only the full network may break it.
        settings: strategy, solver, gap and time limit.
        progress: called after each subnetwork.
        weights: for ``joint``, one positive weight per subnetwork, the largest first; default all 1.
        changes: of single settings, such as ``strategy="joint"``.

    Raises:
        ProblemError: anything that can't be meant as given.
        InfeasibleError: no widths keep a budget and the limits; says what would be feasible.

    Example:
        >>> import numpy as np
        >>> import reds_torch as reds
        >>> from reds_torch.knapsack import Group, Table
        >>> width = np.arange(1, 9)
        >>> layer = Table("layer", ("hidden",), value=np.sqrt(width), costs={"macs": 100 * width})
        >>> problem = reds.WidthProblem((Group("hidden", 8, tuple(width)),), (layer,))
        >>> result = reds.solve(problem, {"macs": [0.5, 250]})  # a share of the full network, and absolute
        >>> [subnetwork.widths["hidden"] for subnetwork in result.subnetworks]
        [8, 4, 2]
    """
    start = time.monotonic()
    asked = absolute_caps(problem, budgets, limits)
    settings = replace(settings, **changes)
    strategy = settings.strategy
    search = Search(problem, settings, progress)
    if strategy == "joint":
        together = joint(search, asked, _checked_weights(weights, len(asked)))
        found = together.subnetworks
    elif weights is not None:
        raise ProblemError(f"weights are for strategy 'joint'; strategy is {strategy!r}")
    else:
        found = ONE_BY_ONE[strategy](search, asked)
    full_costs, full_value = problem.costs(problem.full_widths), problem.value(problem.full_widths)
    full = Subnetwork(
        widths=problem.full_widths,
        costs=full_costs,
        value=full_value,
        bound=full_value,
        gap=0.0,
        status="full",
        breaks=tuple(n for n, limit in absolute_limits(limits, full_costs).items() if full_costs[n] > limit),
    )
    if strategy == "joint":
        alone = together.alone
    elif strategy == "independent":
        alone = [s.bound for s in found]
    else:
        alone = independent_bounds(search, found)
    return SearchResult(
        subnetworks=(full, *found),
        independent_bounds=(full_value, *alone),
        joint_bound=together.bound if strategy == "joint" else sum(alone),
        strategy=strategy,
        solver=settings.solver,
        seconds=time.monotonic() - start,
    )


def _checked_weights(weights: Sequence[float] | None, count: int) -> list[float]:
    if weights is None:
        return [1.0] * count
    if len(weights) != count or not all(math.isfinite(w) and w > 0 for w in weights):
        raise ProblemError(f"weights must be {count} positive numbers, one per subnetwork; got {list(weights)}")
    return [float(w) for w in weights]
