"""HiGHS through PuLP: silent, begun from a known solution, and asked itself how it ended.

Only what PuLP 3.3 and 4 have in common is used. PuLP 3 negates an objective that is maximised before HiGHS sees it and
PuLP 4 does not, so that HiGHS' bounds have the sense of the objective in both only where it is minimised.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum, auto

import highspy
import pulp

# HiGHS keeps one pool of threads per process: another number of threads later is an error.
THREADS = 2


class Outcome(Enum):
    """How a solution stands."""

    OPTIMAL = auto()
    FOUND = auto()  # not proven to be best
    NOT_FOUND = auto()  # nor proven that there is none
    INFEASIBLE = auto()


@dataclass(frozen=True)
class Solved:
    """How a search for a solution ended, and what was proven meanwhile: no objective is less than ``bound``."""

    outcome: Outcome
    bound: float


def solve(model: pulp.LpProblem, **options: float | str) -> Solved:
    """Solve `model`, whose variables' values are where to begin, if all have one, and then the solution.

    Args:
        model: what to solve; an objective to be minimised.
        options: HiGHS' own, by name.
    """
    solver = _HiGHS(options)
    model.solve(solver)
    return Solved(solver.outcome(), float(solver.highs.getInfo().mip_dual_bound))


def weighted_sum(terms: Iterable[tuple[pulp.LpVariable, float]]) -> pulp.LpAffineExpression:
    """Sum of the variables, each times its weight."""
    return pulp.lpSum(variable * weight for variable, weight in terms)


def value_of(variable: pulp.LpVariable) -> float:
    """Value of the variable in the solution; of one that no row has a weight for, which PuLP leaves out, 0."""
    return float(variable.value() or 0.0)


class _HiGHS(pulp.HiGHS):
    """PuLP's HiGHS, begun from the variables' initial values, which PuLP 3 does not pass on."""

    def __init__(self, options: Mapping[str, float | str]) -> None:
        super().__init__()
        self.settings = {"threads": THREADS, **options}
        self.highs = _Silent()

    def createAndConfigureSolver(self, lp: pulp.LpProblem) -> None:  # noqa: N802 - PuLP's name
        """Make the solver, with the options given."""
        lp.solverModel = self.highs
        for name, value in self.settings.items():
            self.highs.setOptionValue(name, value)

    def callSolver(self, lp: pulp.LpProblem) -> None:  # noqa: N802 - PuLP's name
        """Begin where the variables' values are, where all have one."""
        variables = lp.variables()
        values = [variable.varValue for variable in variables if variable.varValue is not None]
        if len(values) == len(variables):
            start = highspy.HighsSolution()
            start.col_value = values
            self.highs.setSolution(start)
        self.highs.run()

    def outcome(self) -> Outcome:
        """How the solution stands. PuLP says "optimal" past a time limit, too, and each version in its own way."""
        status = self.highs.getModelStatus()
        if status in (highspy.HighsModelStatus.kInfeasible, highspy.HighsModelStatus.kUnboundedOrInfeasible):
            return Outcome.INFEASIBLE
        if self.highs.getInfo().primal_solution_status != highspy.kSolutionStatusFeasible:
            return Outcome.NOT_FOUND
        return Outcome.OPTIMAL if status == highspy.HighsModelStatus.kOptimal else Outcome.FOUND


class _Silent(highspy.Highs):
    """HiGHS that is told to be silent before it presents itself, which it does as soon as callbacks are enabled."""

    def enableCallbacks(self) -> None:  # noqa: N802 - HiGHS' name
        self.silent()
        super().enableCallbacks()
