"""Nested subnetworks: each step and the joint sum against all choices written out."""

from __future__ import annotations

import itertools
import math
import time
from collections.abc import Sequence
from typing import Any

import pytest

from reds_torch.knapsack import SearchResult, WidthProblem, solve
from reds_torch.knapsack.solvers.graph import build_graph
from reds_torch.knapsack.solvers.heuristics import improve
from reds_torch.knapsack.strategies.sequential import bottom_up
from reds_torch.nested.widths import Subnetwork
from tests.knapsack.instances import SHAPES, brute_force, brute_force_nested, budgets_within, random_problem

SHARES = [0.2, 0.7, 0.4]


def search(problem: WidthProblem, strategy: str, solver: str = "highs", gap: float = 0.0) -> SearchResult:
    budgets = {"macs": budgets_within(problem, SHARES)}
    limits = {"peak_memory": budgets_within(problem, [0.6], "peak_memory")[0]} if problem.peaks else {}
    return solve(problem, budgets, limits, strategy=strategy, solver=solver, gap=gap)


def total(subnetworks: Sequence[Subnetwork]) -> float:
    return sum(subnetwork.value for subnetwork in subnetworks)


@pytest.mark.parametrize("peak", [False, True])
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("strategy", ["bottom_up", "top_down", "independent"])
@pytest.mark.parametrize("solver", ["highs", "dp"])
def test_each_subnetwork_is_the_best_given_the_ones_before(solver: str, strategy: str, shape: str, peak: bool) -> None:
    problem = random_problem(7, shape, peak=peak)
    result = search(problem, strategy, solver)
    full, *subnetworks = result.subnetworks
    assert full.status == "full"
    assert full.widths == problem.full_widths
    for k, subnetwork in enumerate(subnetworks):
        smaller = subnetworks[k + 1].widths if strategy == "bottom_up" and k + 1 < len(subnetworks) else None
        larger = subnetworks[k - 1].widths if strategy == "top_down" and k > 0 else None
        best = brute_force(problem, subnetwork.budgets, smaller, larger)
        assert subnetwork.value == pytest.approx(best, rel=1e-9)
        assert subnetwork.value == problem.value(subnetwork.widths)
        assert subnetwork.costs == problem.costs(subnetwork.widths)
        assert subnetwork.status == "optimal"
        unnested = brute_force(problem, subnetwork.budgets)
        assert unnested is not None
        assert result.independent_bounds[k + 1] >= unnested * (1 - 1e-9)


@pytest.mark.parametrize("seed", range(40))
def test_joint_equals_brute_force_over_nested_families(seed: int) -> None:
    problem = random_problem(seed, SHAPES[seed % len(SHAPES)], groups=3 + seed % 2, peak=seed % 3 == 0)
    result = search(problem, "joint")
    subnetworks = result.subnetworks[1:]
    best = brute_force_nested(problem, [subnetwork.budgets for subnetwork in subnetworks])
    assert total(subnetworks) == pytest.approx(best, rel=1e-9)
    assert result.joint_bound == pytest.approx(best, rel=1e-8)
    for other in ("bottom_up", "top_down"):
        assert total(subnetworks) >= total(search(problem, other).subnetworks[1:]) * (1 - 1e-12)


@pytest.mark.parametrize("strategy", ["bottom_up", "joint"])
def test_without_time_results_are_feasible_and_bounds_hold(strategy: str) -> None:
    for seed in range(10):
        problem = random_problem(seed, SHAPES[seed % len(SHAPES)], groups=3)
        budgets = {"macs": budgets_within(problem, SHARES)}
        result = solve(problem, budgets, strategy=strategy, gap=0.0, time_limit=1e-9)
        subnetworks = result.subnetworks[1:]
        best = brute_force_nested(problem, [subnetwork.budgets for subnetwork in subnetworks])
        assert best is not None
        assert total(subnetworks) <= best * (1 + 1e-9)
        assert result.joint_bound >= best * (1 - 1e-9)
        for subnetwork in subnetworks:
            assert subnetwork.value <= subnetwork.bound < math.inf
            assert (subnetwork.status == "optimal") == (subnetwork.gap <= 1e-9)


def test_joint_without_time_has_the_bounds_that_were_proven_on_the_way(monkeypatch: pytest.MonkeyPatch) -> None:
    # The clock stands still until bottom-up is through, and then jumps past every deadline.
    problem = random_problem(3, "cycle", groups=5)
    budgets = {"macs": budgets_within(problem, SHARES)}
    first = solve(problem, budgets, gap=0.0)
    now = [0.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])

    def then_late(*arguments: Any) -> list[Subnetwork]:
        found = bottom_up(*arguments)
        now[0] = 1e6
        return found

    monkeypatch.setattr("reds_torch.knapsack.strategies.joint.bottom_up", then_late)
    result = solve(problem, budgets, strategy="joint", gap=0.0)
    assert [s.widths for s in result.subnetworks] == [s.widths for s in first.subnetworks]
    # The smallest was proven without nesting; the others' Lagrangian bounds are all that is known.
    assert result.independent_bounds[-1] == pytest.approx(first.subnetworks[-1].value, rel=1e-9)
    assert result.joint_bound <= first.joint_bound * (1 + 1e-9)
    assert result.joint_bound >= total(search(problem, "joint").subnetworks[1:]) * (1 - 1e-9)


def test_local_search_and_bounds_end_at_the_deadline() -> None:
    # Past the deadline local search returns its start as it is.
    graph = build_graph(random_problem(4), {})
    narrowest = tuple(0 for _ in graph.sizes)
    assert improve(graph, narrowest, deadline=time.monotonic() - 1) == narrowest
    assert graph.value_of(improve(graph, narrowest)) > graph.value_of(narrowest)


def test_joint_weights_move_the_compromise() -> None:
    # An instance where what is best for the smallest is not best for the largest.
    for seed in range(200):
        problem = random_problem(seed, "chain", groups=3)
        runs = [
            solve(
                problem,
                {"macs": budgets_within(problem, [0.5, 0.4])},
                strategy="joint",
                gap=0.0,
                weights=weights,
            ).subnetworks
            for weights in ((1.0, 100.0), (100.0, 1.0))
        ]
        small_first, large_first = runs
        assert small_first[2].value >= large_first[2].value - 1e-9
        assert large_first[1].value >= small_first[1].value - 1e-9
        if small_first[2].value > large_first[2].value + 1e-6:
            return
    pytest.fail("no instance shows the weights at work")


@pytest.mark.parametrize("strategy", ["bottom_up", "top_down", "joint"])
def test_subnetworks_are_nested(strategy: str) -> None:
    for seed in range(20):
        problem = random_problem(seed, SHAPES[seed % len(SHAPES)], peak=True)
        result = search(problem, strategy, gap=1e-4)
        for larger, smaller in itertools.pairwise(result.subnetworks):
            assert all(smaller.widths[name] <= width for name, width in larger.widths.items())


def test_budgets_come_in_any_order_and_in_both_forms() -> None:
    problem = random_problem(1, "chain")
    full = problem.costs(problem.full_widths)["macs"]
    shares = solve(problem, {"macs": [0.3, 0.6]})
    absolute = solve(problem, {"macs": [0.6 * full, 0.3 * full]})
    assert [s.widths for s in shares.subnetworks] == [s.widths for s in absolute.subnetworks]


def test_the_full_network_may_break_a_limit_and_says_so() -> None:
    problem = random_problem(1, "chain", peak=True)
    result = solve(problem, {"macs": [0.8]}, {"peak_memory": 0.7, "parameters": 1.0})
    assert result.subnetworks[0].breaks == ("peak_memory",)
    assert result.subnetworks[1].breaks == ()
    full = result.subnetworks[0].costs["peak_memory"]
    assert result.subnetworks[1].costs["peak_memory"] <= 0.7 * full


def test_progress_counts_the_subnetworks() -> None:
    seen: list[tuple[int, int]] = []
    solve(random_problem(1), {"macs": [0.5, 0.6, 0.7]}, progress=lambda done, of, _: seen.append((done, of)))
    assert seen == [(1, 3), (2, 3), (3, 3)]
