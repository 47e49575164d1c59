"""The dynamic programme and the Lagrangian bound against all choices written out."""

from __future__ import annotations

import time

import numpy as np
import pytest

from reds_torch.knapsack.solvers.bounds import bounds_through_entries, evaluate, minimise_bound, relax, worth_keeping
from reds_torch.knapsack.solvers.elimination import beliefs, decode, make_plan, pass_up, table_beliefs
from reds_torch.knapsack.solvers.graph import build_graph, without_hopeless
from tests.knapsack.instances import SHAPES, brute_force, budgets_within, random_problem

SCOPES = {
    "chain": [(0, 1), (1, 2), (2, 3), (2,)],
    "cycle": [(0, 1), (1, 2), (2, 3), (0, 3), (3,)],
    "complete": [(0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3)],
    "apart": [(0, 1), (2, 3), (0,)],
    "triple": [(0, 1, 3), (1, 2), (2,)],
}
SIZES = (4, 3, 5, 2)


def tables_and_sum(shape: str, seed: int = 0) -> tuple[list[np.ndarray], np.ndarray]:
    rng = np.random.default_rng(seed)
    tables, total = [], np.zeros(SIZES)
    for scope in SCOPES[shape]:
        table = rng.normal(size=[SIZES[g] for g in scope])
        table[rng.random(table.shape) < 0.1] = -np.inf
        tables.append(table)
        total = total + table.reshape([SIZES[g] if g in scope else 1 for g in range(4)])
    return tables, total


@pytest.mark.parametrize("shape", SCOPES)
def test_best_total_and_best_through_every_entry(shape: str) -> None:
    tables, total = tables_and_sum(shape)
    plan = make_plan(SCOPES[shape], SIZES)
    assert plan.exact
    upward = pass_up(plan, tables)
    assert upward.best == pytest.approx(total.max())
    choice, entries = decode(upward)
    assert total[choice] == pytest.approx(total.max())
    assert entries == [tuple(choice[g] for g in scope) for scope in SCOPES[shape]]
    for scope, best in zip(SCOPES[shape], table_beliefs(plan, beliefs(upward)), strict=True):
        others = tuple(g for g in range(4) if g not in scope)
        np.testing.assert_allclose(best, total.max(axis=others))


@pytest.mark.parametrize("shape", ["cycle", "complete"])
def test_a_split_clique_still_bounds_from_above(shape: str) -> None:
    tables, total = tables_and_sum(shape)
    plan = make_plan(SCOPES[shape], SIZES, max_entries=20)
    assert not plan.exact
    upward = pass_up(plan, tables)
    assert upward.best >= total.max()
    _, entries = decode(upward)
    assert sum(table[at] for table, at in zip(tables, entries, strict=True)) == pytest.approx(upward.best)
    for scope, best in zip(SCOPES[shape], table_beliefs(plan, beliefs(upward)), strict=True):
        others = tuple(g for g in range(4) if g not in scope)
        assert (best >= total.max(axis=others) - 1e-9).all()


@pytest.mark.parametrize("seed", range(60))
def test_bound_is_above_the_best_choice_and_at_the_least_multiplier(seed: int) -> None:
    problem = random_problem(seed, SHAPES[seed % len(SHAPES)])
    caps = {"macs": budgets_within(problem, [0.3])[0]}
    if seed % 2:
        caps["parameters"] = budgets_within(problem, [0.3], "parameters")[0]
    best = brute_force(problem, caps)
    assert best is not None
    relaxation = relax(build_graph(problem, caps))
    dual = minimise_bound(relaxation)
    assert dual.bound >= best * (1 - 1e-9)
    assert dual.best is not None
    rng = np.random.default_rng(seed)
    for _ in range(50):
        near = dual.best.multipliers * rng.uniform(0.5, 1.5, len(caps))
        assert evaluate(relaxation, near).bound >= dual.bound * (1 - 1e-7)


@pytest.mark.parametrize("seed", range(60))
def test_fixing_keeps_every_choice_above_the_threshold(seed: int) -> None:
    problem = random_problem(seed, SHAPES[seed % len(SHAPES)], peak=True)
    full = problem.costs(problem.full_widths)
    caps = {"macs": 0.5 * full["macs"], "peak_memory": 0.8 * full["peak_memory"]}
    graph = without_hopeless(build_graph(problem, caps))
    assert graph is not None
    relaxation = relax(graph)
    dual = minimise_bound(relaxation)
    assert dual.best is not None
    best = brute_force(problem, caps)
    assert best is not None
    threshold = 0.97 * best
    masks = worth_keeping(bounds_through_entries(relaxation, dual.best), threshold)
    for choice in np.ndindex(*graph.sizes):
        if graph.keeps_caps(choice) and graph.value_of(choice) >= threshold:
            for factor, mask in zip(graph.factors, masks, strict=True):
                assert mask[tuple(choice[g] for g in factor.scope)]


@pytest.mark.parametrize("caps", [("macs",), ("macs", "parameters")])
def test_past_the_deadline_the_bound_holds_and_nothing_more_is_solved(caps: tuple[str, ...]) -> None:
    problem = random_problem(3, "cycle")
    budgets = {name: budgets_within(problem, [0.4], name)[0] for name in caps}
    relaxation = relax(build_graph(problem, budgets))
    late, patient = minimise_bound(relaxation, deadline=time.monotonic() - 1), minimise_bound(relaxation)
    best = brute_force(problem, budgets)
    assert best is not None
    assert late.bound >= patient.bound >= best * (1 - 1e-9)
    assert len(late.seen) < len(patient.seen)
