"""Budgets and limits that can't be meant or kept: the message names what is wrong and what would be right."""

from __future__ import annotations

import re
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
import torch

from reds_torch.knapsack import Group, InfeasibleError, ProblemError, Table, WidthProblem, solve
from reds_torch.knapsack.problem.budgets import absolute_caps
from reds_torch.knapsack.strategies.infeasible import least
from tests.knapsack.instances import SHAPES, every_choice, random_problem


@pytest.mark.parametrize(
    ("budgets", "limits", "words"),
    [
        ({}, {}, "at least one budget"),
        ({"flops": [0.5]}, {}, "no such cost; it has macs, parameters"),
        ({"macs": []}, {}, "no numbers"),
        ({"macs": [0.5, 0.0]}, {}, "positive"),
        ({"macs": [0.5, float("nan")]}, {}, "positive"),
        ({"macs": [0.5, -3]}, {}, "positive"),
        ({"macs": ["0.5"]}, {}, "positive numbers; got '0.5'"),
        ({"macs": "0.5"}, {}, "positive numbers; got '0.5'"),
        ({"macs": None}, {}, "positive numbers; got None"),
        ({"macs": [True]}, {}, "positive numbers; got True"),
        ({"macs": np.array([[0.5, 0.25]])}, {}, r"positive numbers; got \[0.5, 0.25\]"),
        ({"macs": np.array([0.5, np.nan])}, {}, "positive numbers; got nan"),
        (None, {}, "numbers by cost.*; got None"),
        ([0.5], {}, r"numbers by cost.*; got \[0.5\]"),
        ({"macs": 0.5}, 200_000, "limits are numbers by cost"),
        ({"macs": [0.5, 0.5]}, {}, "same budget"),
        ({"macs": [0.5, 0.25], "parameters": [0.5]}, {}, "'macs' has 2, 'parameters' has 1"),
        ({"macs": [0.5, 0.25], "parameters": [0.3, 0.6]}, {}, "'parameters' rises"),
        ({"macs": [0.5]}, {"energy": 3}, "limit 'energy'"),
        ({"macs": [0.5]}, {"parameters": [3, 4]}, "give one number, not 2"),
    ],
)
def test_budgets_that_cannot_be_meant_are_refused(budgets: Any, limits: Any, words: str) -> None:
    with pytest.raises(ProblemError, match=words):
        solve(random_problem(0), budgets, limits)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"strategy": "sideways"}, "bottom_up, top_down, independent, joint"),
        ({"solver": "gurobi"}, "highs, dp"),
        ({"gap": -0.1}, "gap"),
        ({"gap": 1.0}, "gap"),
        ({"time_limit": 0.0}, "time_limit"),
        ({"weights": [1.0]}, "for strategy 'joint'"),
        ({"strategy": "joint", "weights": [1.0, 2.0]}, "1 positive numbers"),
    ],
)
def test_settings_that_cannot_be_meant_are_refused(settings: Any, words: str) -> None:
    with pytest.raises(ProblemError, match=words):
        solve(random_problem(0), {"macs": [0.5]}, **settings)


def test_shares_and_limits_become_absolute_caps_in_falling_order() -> None:
    problem = random_problem(0)
    full = problem.costs(problem.full_widths)
    caps = absolute_caps(problem, {"macs": [0.25, 0.5]}, {"parameters": 30, "macs": 0.4})
    assert caps == [
        {"macs": 0.4 * full["macs"], "parameters": 30.0},
        {"macs": 0.25 * full["macs"], "parameters": 30.0},
    ]


@pytest.mark.parametrize(
    "given",
    [
        (0.5, 0.25),
        [np.float32(0.5), np.float64(0.25)],
        np.array([0.5, 0.25], np.float32),
        torch.tensor([0.5, 0.25]),
        [torch.tensor(0.5), Fraction(1, 4)],
    ],
)
def test_shares_of_any_number_type_are_shares(given: Any) -> None:
    problem = random_problem(0)
    assert absolute_caps(problem, {"macs": given}) == absolute_caps(problem, {"macs": [0.5, 0.25]})


@pytest.mark.parametrize("given", [1, np.int64(1), np.array(1), torch.tensor([1])])
def test_whole_numbers_of_any_type_are_absolute(given: Any) -> None:
    assert absolute_caps(random_problem(0), {"macs": given}) == [{"macs": 1.0}]


@pytest.mark.parametrize("seed", range(20))
def test_least_cost_equals_brute_force(seed: int) -> None:
    problem = random_problem(seed, SHAPES[seed % len(SHAPES)], peak=True)
    _, costs = every_choice(problem)
    full = problem.costs(problem.full_widths)
    for name, other in (("macs", "peak_memory"), ("peak_memory", "macs"), ("parameters", "macs")):
        cap = 0.6 * full[other]
        kept = costs[name][costs[other] <= cap]
        expected = kept.min() if kept.size else np.inf
        assert least(problem, name, {other: cap}) == pytest.approx(expected, rel=1e-6)


def test_an_infeasible_budget_names_the_smallest_feasible_one() -> None:
    problem = random_problem(0)
    smallest = every_choice(problem)[1]["macs"].min()
    with pytest.raises(InfeasibleError, match=r"macs <= 1 .*infeasible.*smallest feasible value is") as error:
        solve(problem, {"macs": [0.5, 1]})
    assert re.findall(r"value is ([\d,]+)", str(error.value)) == [f"{smallest:,.0f}"]


def opposed() -> WidthProblem:
    """Two costs that can each be small, but not both: one falls where the other rises."""
    group = Group("a", 3, (1, 2, 3))
    falling, rising = np.array([9.0, 5, 1]), np.array([1.0, 5, 9])
    return WidthProblem((group,), (Table("t", ("a",), rising, {"macs": rising, "bytes": falling}),))


def test_caps_that_are_infeasible_together_name_what_each_leaves_the_other() -> None:
    with pytest.raises(InfeasibleError, match="infeasible together") as error:
        solve(opposed(), {"macs": [4]}, {"bytes": 4})
    assert "the smallest feasible macs is 9" in str(error.value)
    assert "the smallest feasible bytes is 9" in str(error.value)


def test_unreachable_nesting_is_named() -> None:
    # Inside the large subnetwork, width 1, bytes can't fall to 1.
    group = Group("a", 3, (1, 2, 3))
    value, falling = np.array([9.0, 5, 1]), np.array([9.0, 5, 1])
    problem = WidthProblem((group,), (Table("t", ("a",), value, {"bytes": falling}),))
    with pytest.raises(InfeasibleError, match=r"fits inside the larger one.*bottom_up"):
        solve(problem, {"bytes": [9, 1]}, strategy="top_down")
