"""HiGHS as PuLP hands it our programmes, the same in every version of both."""

from __future__ import annotations

import itertools

import numpy as np
import pulp
import pytest

from reds_torch.knapsack.highs import Outcome, solve, value_of, weighted_sum

ITEMS = 12  # more than ten: by name, item 10 comes before item 2
CAPACITIES = 3


class Packing:
    """Items to choose so that their worth is largest and no capacity is exceeded."""

    def __init__(self, seed: int) -> None:
        random = np.random.default_rng(seed)
        self.worths = random.uniform(1, 2, ITEMS)
        self.weights = random.uniform(1, 2, (CAPACITIES, ITEMS))
        self.capacity = 0.4 * self.weights.sum(axis=1)
        self.model = pulp.LpProblem("packing", pulp.LpMinimize)
        self.items = [self.model.add_variable(f"item_{i}", cat="Binary") for i in range(ITEMS)]
        self.model.setObjective(weighted_sum(zip(self.items, (-self.worths).tolist(), strict=True)))
        for weights, capacity in zip(self.weights.tolist(), self.capacity.tolist(), strict=True):
            self.model += weighted_sum(zip(self.items, weights, strict=True)) <= capacity

    def best(self) -> float:
        """The largest worth, by trying all choices."""
        choices = np.array(list(itertools.product((0, 1), repeat=ITEMS)))
        within = (choices @ self.weights.T <= self.capacity).all(axis=1)
        return float((choices[within] @ self.worths).max())

    def begin_with(self, chosen: set[int]) -> None:
        for i, item in enumerate(self.items):
            item.setInitialValue(float(i in chosen))

    def chosen(self) -> set[int]:
        return {i for i, item in enumerate(self.items) if round(value_of(item))}


@pytest.mark.parametrize("seed", range(5))
def test_an_optimum_and_its_bound_equal_brute_force(seed: int) -> None:
    packing = Packing(seed)
    solved = solve(packing.model, mip_rel_gap=0.0)
    assert solved.outcome is Outcome.OPTIMAL
    found = sorted(packing.chosen())
    assert (packing.weights[:, found].sum(axis=1) <= packing.capacity + 1e-6).all()
    assert packing.worths[found].sum() == pytest.approx(packing.best(), rel=1e-9)
    assert -solved.bound == pytest.approx(packing.best(), rel=1e-6)


def test_a_row_that_is_added_is_kept_when_solving_again() -> None:
    packing = Packing(0)
    solve(packing.model)
    first = packing.chosen()
    packing.model += pulp.lpSum(packing.items[i] for i in first) <= len(first) - 1
    assert solve(packing.model, mip_rel_gap=0.0).outcome is Outcome.OPTIMAL
    assert not first <= packing.chosen()


def test_without_time_the_solution_is_where_it_began() -> None:
    packing = Packing(0)
    packing.begin_with({2, 11})
    solved = solve(packing.model, time_limit=0.0, presolve="off")
    assert (solved.outcome, packing.chosen()) == (Outcome.FOUND, {2, 11})
    assert -solved.bound >= packing.best() * (1 - 1e-9)


def test_without_time_and_a_beginning_nothing_is_found() -> None:
    packing = Packing(0)
    assert solve(packing.model, time_limit=0.0).outcome is Outcome.NOT_FOUND


def test_what_has_no_solution_is_infeasible() -> None:
    packing = Packing(0)
    packing.model += pulp.lpSum(packing.items) >= ITEMS
    assert solve(packing.model).outcome is Outcome.INFEASIBLE


def test_a_variable_that_is_named_twice_counts_twice() -> None:
    model = pulp.LpProblem("twice", pulp.LpMinimize)
    x = model.add_variable("x", 0, 10)
    model.setObjective(weighted_sum([(x, -1.0)]))
    model += weighted_sum([(x, 1.5), (x, 0.5)]) <= 3.0
    solve(model)
    assert value_of(x) == pytest.approx(1.5)


def test_a_variable_without_weight_has_no_say() -> None:
    model = pulp.LpProblem("idle", pulp.LpMinimize)
    x, idle = (model.add_variable(name, 0, 1) for name in ("x", "idle"))
    model.setObjective(weighted_sum([(x, -1.0), (idle, 0.0)]))
    model += weighted_sum([(x, 2.0), (idle, 0.0)]) <= 1.0
    solve(model)
    assert (value_of(x), value_of(idle)) == (pytest.approx(0.5), 0.0)
