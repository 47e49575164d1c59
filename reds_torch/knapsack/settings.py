"""How a search is made: the one place of its settings and their defaults."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal, TypedDict, get_args

from .problem.width_problem import ProblemError

Strategy = Literal["bottom_up", "top_down", "independent", "joint"]
Solver = Literal["highs", "dp"]
STRATEGIES: tuple[str, ...] = get_args(Strategy)
SOLVERS: tuple[str, ...] = get_args(Solver)


@dataclass(frozen=True)
class SolveSettings:
    """How nested subnetworks are found and how well they are proven.

    Args:
        strategy: bottom_up fixes the smallest subnetwork first, top_down the largest: each is optimal given those
            before. joint is optimal in the (weighted) sum of all; independent subnetworks are not nested.
        solver: highs is a bound, local search, fixing, a small dynamic programme, then HiGHS; dp is the dynamic
            programme alone.
        gap: relative gap, ``(bound - value) / bound``, at which a subnetwork counts as optimal.
        time_limit: seconds for each subnetwork, and again for its independent bound. joint finds a first family
            bottom-up in so many each; what follows ends when so many have passed since the beginning. A first bound
            and a first choice are made in any case, so a very small limit is exceeded.

    Raises:
        ProblemError: a setting is out of range.
    """

    # where messages say that a setting stands
    section: ClassVar[str] = ""

    strategy: Strategy = "bottom_up"
    solver: Solver = "highs"
    gap: float = 1e-4
    time_limit: float = 60.0

    def __post_init__(self) -> None:
        for name, known in (("strategy", STRATEGIES), ("solver", SOLVERS)):
            if getattr(self, name) not in known:
                raise ProblemError(f"there is no {name} {getattr(self, name)!r}; choose one of {', '.join(known)}")
        if not 0 <= self.gap < 1:
            raise ProblemError(f"{self.section}gap must be at least 0 and below 1, such as 1e-4, not {self.gap}")
        if not self.time_limit > 0:
            raise ProblemError(f"{self.section}time_limit must be above 0 seconds, not {self.time_limit}")


class SolveChanges(TypedDict, total=False):
    """Single settings, as keywords; see `SolveSettings`."""

    strategy: Strategy
    solver: Solver
    gap: float
    time_limit: float
