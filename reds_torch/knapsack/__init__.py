"""The search: nested subnetworks of the largest value under budgets, each with a proven bound."""

from .problem.budgets import InfeasibleError
from .problem.storage import load_problem, save_problem
from .problem.width_problem import Group, ProblemError, Step, Table, WidthProblem
from .strategies.solve import SearchResult, solve

__all__ = [
    "Group",
    "InfeasibleError",
    "ProblemError",
    "SearchResult",
    "Step",
    "Table",
    "WidthProblem",
    "load_problem",
    "save_problem",
    "solve",
]
