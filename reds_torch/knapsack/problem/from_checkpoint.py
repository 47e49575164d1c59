"""From a checkpoint to a search problem, without data: the weights themselves are the scores."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ...checkpoint.file import load
from ...costs import BASIC
from ...nested.ordering import order
from ...nested.scores import score
from .from_network import problem_from_network
from .width_problem import ProblemError, WidthProblem


def problem_from_checkpoint(path: Path, costs: Sequence[str] = ()) -> tuple[WidthProblem, str]:
    """The problem of a checkpoint's network scored by l1, and a sentence that says so.

    A network without subnetworks was never ordered: then its units are, on the copy in memory.

    Raises:
        ProblemError: the file is no checkpoint, or there is no such cost.
    """
    try:
        net = load(path)
        scores, how = score(net, criterion="l1"), "in the order of the checkpoint"
        if len(net.subnetworks) == 1:
            scores, how = order(net, scores), "put in order by it first, since no search was made before"
        problem = problem_from_network(net, scores, tuple(dict.fromkeys((*BASIC, *costs))))
    except ValueError as error:  # a foreign file, an unknown cost
        raise ProblemError(str(error)) from error
    return problem, f"score: l1 of the weights in {path}; units are {how}"
