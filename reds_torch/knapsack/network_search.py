"""The search on a nested network."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Unpack

from ..costs import BASIC
from ..nested.network import NestedNetwork
from ..nested.scores import Scores, score
from .problem.budgets import Budgets, InfeasibleError, Limits, absolute_caps, asked_costs
from .problem.from_network import problem_from_network
from .problem.width_problem import WidthProblem
from .settings import SolveChanges, SolveSettings
from .strategies.solve import Progress, SearchResult, solve


def search(
    net: NestedNetwork,
    scores: Scores,
    budgets: Budgets,
    limits: Limits | None = None,
    settings: SolveSettings = SolveSettings(),  # noqa: B008 - it is frozen
    *,
    minimum: Mapping[str, int] | None = None,
    progress: Progress | None = None,
    **changes: Unpack[SolveChanges],
) -> SearchResult:
    """Find nested subnetworks of the largest total score within budgets and limits.

    ``scores`` are those that `order` returned. Budgets and limits may speak of any cost in `reds_torch.costs`;
    ``minimum`` gives the smallest width that a group may have; the other arguments are those of `solve`.

    Example:
        >>> import torch
        >>> import reds_torch as reds
        >>> from reds_torch.models import dnn
        >>> net = reds.nest(dnn("s"), torch.zeros(1, 1, 25, 10))
        >>> scores = reds.order(net, reds.score(net, criterion="l1"))
        >>> result = reds.search(net, scores, {"macs": [0.5, 0.25]}, limits={"parameters": 60_000})
        >>> [subnetwork.status for subnetwork in result.subnetworks]
        ['full', 'optimal', 'optimal']
        >>> net.subnetworks = result.subnetworks
    """
    problem = search_problem(net, scores, budgets, limits, minimum)
    return solve(problem, budgets, limits, settings, progress=progress, **changes)


def search_problem(
    net: NestedNetwork,
    scores: Scores,
    budgets: Budgets,
    limits: Limits | None = None,
    minimum: Mapping[str, int] | None = None,
) -> WidthProblem:
    """The problem that `search` solves: with the costs of budgets and limits, and those of every report."""
    costs = tuple(dict.fromkeys((*BASIC, *asked_costs(budgets, limits))))
    return problem_from_network(net, scores, costs).restricted(minimum=minimum)


def check_search(
    net: NestedNetwork, budgets: Budgets, limits: Limits | None = None, minimum: Mapping[str, int] | None = None
) -> None:
    """Refuse budgets and limits that no subnetwork can keep, before anything is trained.

    Costs grow with every width, so the narrowest network tells.

    Raises:
        ProblemError: budgets that can't be meant as given.
        InfeasibleError: naming the cost and the smallest feasible value.
    """
    names = asked_costs(budgets, limits)
    problem = problem_from_network(net, score(net, criterion="l1"), names).restricted(minimum=minimum)
    smallest = problem.costs({group.name: group.allowed[0] for group in problem.groups})
    full = problem.costs(problem.full_widths)
    for caps in absolute_caps(problem, budgets, limits):
        for name, cap in caps.items():
            if cap < smallest[name]:
                raise InfeasibleError(
                    f"no subnetwork has {name} within {cap:,.6g} ({cap / full[name]:.2%} of the full network): the "
                    f"narrowest one has {smallest[name]:,.6g} ({smallest[name] / full[name]:.2%})"
                )
