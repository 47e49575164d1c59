"""HiGHS through PuLP: silent, begun from a known solution, and asked itself how it ended.

Only what PuLP 3.3 and 4 have in common is used. PuLP 3 negates an objective that is maximised before HiGHS sees it and
PuLP 4 does not, so that HiGHS' bounds have the sense of the objective in both only where it is minimised.
"""

from __future__ import annotations

from collections.abc import Iterable
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


def solve(model: pulp.LpProblem, **options: float | str) -> Outcome:
    """Solve `model`, whose variables' values are where to begin, if all have one, and then the solution.

    Args:
        model: what to solve; an objective to be minimised.
        options: HiGHS' own, by name.
    """
    model.solve(_HiGHS(options))
    # PuLP's own status says "optimal" past a time limit as well, and other things from version to version.
    status = model.solverModel.getModelStatus()
    if status in (highspy.HighsModelStatus.kInfeasible, highspy.HighsModelStatus.kUnboundedOrInfeasible):
        return Outcome.INFEASIBLE
    if model.solverModel.getInfo().primal_solution_status != highspy.kSolutionStatusFeasible:
        return Outcome.NOT_FOUND
    return Outcome.OPTIMAL if status == highspy.HighsModelStatus.kOptimal else Outcome.FOUND


def weighted_sum(terms: Iterable[tuple[pulp.LpVariable, float]]) -> pulp.LpAffineExpression:
    """Sum of the variables, each times its weight."""
    return pulp.lpSum(variable * weight for variable, weight in terms)


class _HiGHS(pulp.HiGHS):
    """PuLP's HiGHS, begun from the variables' initial values, which PuLP 3 does not pass on."""

    def __init__(self, options: dict[str, float | str]) -> None:
        super().__init__()
        self.options = options

    def createAndConfigureSolver(self, lp: pulp.LpProblem) -> None:  # noqa: N802 - PuLP's name
        """Make the solver, with the options given."""
        lp.solverModel = _Silent()
        for name, value in {"threads": THREADS, **self.options}.items():
            lp.solverModel.setOptionValue(name, value)

    def callSolver(self, lp: pulp.LpProblem) -> None:  # noqa: N802 - PuLP's name
        """Begin where the variables' values are, where all have one."""
        values = [variable.varValue for variable in lp.variables()]
        if None not in values:
            start = highspy.HighsSolution()
            start.col_value = values
            lp.solverModel.setSolution(start)
        lp.solverModel.run()


class _Silent(highspy.Highs):
    """HiGHS that is told to be silent before it presents itself, which it does as soon as callbacks are enabled."""

    def enableCallbacks(self) -> None:  # noqa: N802 - HiGHS' name
        self.silent()
        super().enableCallbacks()
