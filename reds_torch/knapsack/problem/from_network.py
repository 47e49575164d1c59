"""From a nested network and its scores to a search problem."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import product

import numpy as np
import numpy.typing as npt

from ...costs import BASIC, PeakCost, cost_of
from ...nested import Count
from ...nested.network import NestedNetwork
from ...nested.scores import Scores, check_scores
from .width_problem import Array, Group, ProblemError, Step, Table, WidthProblem

Widths = npt.NDArray[np.int64]  # the candidate widths of a group


def problem_from_network(net: NestedNetwork, scores: Scores, costs: Sequence[str] = BASIC) -> WidthProblem:
    """Tables over the candidate widths of every layer: prefix sums of the scores, and the true costs."""
    check_scores(net, scores)
    groups = tuple(Group(g.name, g.size, g.candidates) for g in net.groups)
    candidates = {g.name: np.array(g.widths) for g in groups}
    values: dict[tuple[str, tuple[str, ...]], Array] = {}
    table_costs: dict[tuple[str, tuple[str, ...]], dict[str, Array]] = {}

    def add_cost(layer: str, name: str, between: tuple[str, ...], amount: Array) -> None:
        known = table_costs.setdefault((layer, between), {})
        known[name] = known[name] + amount if name in known else amount

    for parameter in scores:
        layer = _layer(parameter)
        for between, value in _prefix_sums(net, parameter, scores[parameter].cpu().numpy(), candidates):
            key = (layer, between)
            values[key] = values[key] + value if key in values else value
    peaks: dict[str, tuple[Step, ...]] = {}
    for name in costs:
        cost = cost_of(name, net)
        if isinstance(cost, PeakCost):
            peaks[name] = tuple(_step(step, count, candidates) for step, count in cost.steps.items())
            continue
        for layer, count in cost.parts.items():
            for between, amount in _monomials(layer, count, candidates):
                add_cost(layer, name, between, amount)
    tables = []
    for layer, between in dict.fromkeys((*values, *table_costs)):
        shape = tuple(len(candidates[g]) for g in between)
        value = values.get((layer, between), np.zeros(shape))
        tables.append(Table(layer, between, value, table_costs.get((layer, between), {})))
    return WidthProblem(groups, tuple(tables), peaks)


def _layer(parameter: str) -> str:
    return parameter.rpartition(".")[0] or parameter


def _prefix_sums(
    net: NestedNetwork, parameter: str, scores: Array, candidates: Mapping[str, Widths]
) -> list[tuple[tuple[str, ...], Array]]:
    """What the first units of each block (or pair of blocks) of a parameter are worth, at the candidates."""
    axes = net.structure.layouts[parameter]
    layouts = [axes[axis] for axis in sorted(axes)]
    tables = []
    for blocks in product(*(layout.unit_runs() for layout in layouts)):
        part = scores[tuple(slice(start, start + units) for _, start, units in blocks)]
        for axis, (group, _, _) in enumerate(blocks):
            sums = np.cumsum(part, axis=axis)
            part = np.take(sums, [-1] if group is None else candidates[group] - 1, axis=axis)
        names = [group for group, _, _ in blocks if group is not None]
        part = part.reshape([len(candidates[name]) for name in names])
        if len(names) == 2 and names[0] == names[1]:
            names, part = names[:1], np.diagonal(part).copy()
        if len(names) > 2:
            raise ProblemError(f"{parameter} is cut by {len(names)} groups at once; the search knows at most two")
        if names != sorted(names):
            names, part = names[::-1], part.T
        tables.append((tuple(names), part))
    return tables


def _monomials(part: str, count: Count, candidates: Mapping[str, Widths]) -> list[tuple[tuple[str, ...], Array]]:
    """A polynomial as one table for each of its monomials; groups in alphabetical order, as in `Count`."""
    tables = []
    for factors, coefficient in count.terms.items():
        between = tuple(dict.fromkeys(factors))
        if len(between) > 2:
            raise ProblemError(
                f"the cost of {part} depends on {len(between)} groups at once; the search knows at most two"
            )
        amount = np.array(float(coefficient))
        for axis, group in enumerate(between):
            powers = candidates[group].astype(float) ** factors.count(group)
            amount = amount[..., None] * powers if axis else amount * powers
        tables.append((between, amount))
    return tables


def _step(name: str, count: Count, candidates: Mapping[str, Widths]) -> Step:
    fixed, groups = 0.0, {}
    for between, amount in _monomials(name, count, candidates):
        if len(between) > 1:
            raise ProblemError(f"step {name} holds an activation whose size depends on two groups: {between}")
        if between:
            groups[between[0]] = amount
        else:
            fixed = float(amount)
    return Step(name, fixed, groups)
