"""HiGHS through PuLP: silent, and begun from a known solution."""

from __future__ import annotations

import highspy
import pulp

# HiGHS keeps one pool of threads per process: another number of threads later is an error.
THREADS = 2


class HiGHS(pulp.HiGHS):
    """PuLP's HiGHS, begun from the variables' initial values, which PuLP itself does not pass on.

    Args:
        options: HiGHS' own, by name.
    """

    def __init__(self, **options: float | str) -> None:
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
