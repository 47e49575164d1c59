"""The search: nested subnetworks of the largest value within budgets and limits, each with its proof."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass

from ...nested.widths import Subnetwork
from ..problem.budgets import Budgets, Limits, absolute_caps, absolute_limits
from ..problem.width_problem import ProblemError, WidthProblem
from ..solvers.single import SOLVERS
from .joint import joint
from .sequential import Progress, Search, bottom_up, independent, independent_bounds, top_down

ONE_BY_ONE = {"bottom_up": bottom_up, "top_down": top_down, "independent": independent}
STRATEGIES = (*ONE_BY_ONE, "joint")


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
    strategy: str = "bottom_up",
    solver: str = "highs",
    gap: float = 1e-4,
    time_limit: float = 60.0,
    progress: Progress | None = None,
    weights: Sequence[float] | None = None,
) -> SearchResult:
    """Find nested subnetworks of the largest value within budgets and limits.

    Args:
        problem: groups, tables and steps.
        budgets: by cost, one number per subnetwork, in any order: a float of at most 1 is a share of the full
            network's cost, anything else is absolute. Several costs' budgets belong together, entry by entry.
        limits: by cost, a number that every subnetwork keeps; only the full network may break it.
        strategy: one of ``STRATEGIES``. ``bottom_up`` and ``top_down`` are optimal one subnetwork after the
            other, ``joint`` in the weighted sum of all; ``independent`` ones are not nested.
        solver: ``highs`` (bound, local search, fixing, a small dynamic programme, then HiGHS) or ``dp`` (the
            dynamic programme alone closes).
        gap: relative gap, ``(bound - value) / bound``, at which a subnetwork counts as optimal.
        time_limit: seconds for each subnetwork, and again for its independent bound. ``joint`` finds a first
            family bottom-up in so many each; what follows ends when so many have passed since the beginning.
            A first bound and a first choice are made in any case, so a very small limit is exceeded.
        progress: called after each subnetwork.
        weights: for ``joint``, one positive weight per subnetwork, the largest first; default all 1.

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
    _check_settings(strategy, solver, gap, time_limit)
    search = Search(problem, solver, gap, time_limit, progress)
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
        solver=solver,
        seconds=time.monotonic() - start,
    )


def _check_settings(strategy: str, solver: str, gap: float, time_limit: float) -> None:
    if strategy not in STRATEGIES:
        raise ProblemError(f"there is no strategy {strategy!r}; choose one of {', '.join(STRATEGIES)}")
    if solver not in SOLVERS:
        raise ProblemError(f"there is no solver {solver!r}; choose one of {', '.join(SOLVERS)}")
    if not 0 <= gap < 1:
        raise ProblemError(f"gap is a relative gap in [0, 1), such as 1e-4; got {gap!r}")
    if not time_limit > 0:
        raise ProblemError(f"time_limit is a positive number of seconds; got {time_limit!r}")


def _checked_weights(weights: Sequence[float] | None, count: int) -> list[float]:
    if weights is None:
        return [1.0] * count
    if len(weights) != count or not all(math.isfinite(w) and w > 0 for w in weights):
        raise ProblemError(f"weights must be {count} positive numbers, one per subnetwork; got {list(weights)}")
    return [float(w) for w in weights]
