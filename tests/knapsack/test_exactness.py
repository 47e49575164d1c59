"""One subnetwork, solved three ways, against all choices written out."""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import partial

import numpy as np
import pytest

from reds_torch.knapsack import ProblemError, WidthProblem
from reds_torch.knapsack.settings import SolveSettings
from reds_torch.knapsack.solvers import bounds, single
from reds_torch.knapsack.solvers import graph as graph_module
from reds_torch.knapsack.solvers.dp import solve_labels
from reds_torch.knapsack.solvers.graph import build_graph, without_hopeless
from reds_torch.knapsack.solvers.milp import solve_milp
from reds_torch.knapsack.solvers.single import solve_single
from tests.knapsack.instances import SHAPES, brute_force, random_problem

INSTANCES = 500
BLOCKS = 20


def drawn(seed: int) -> tuple[WidthProblem, dict[str, float]]:
    """A random problem with one to three caps, some of which nothing keeps."""
    rng = np.random.default_rng(seed)
    peak = bool(rng.integers(2))
    problem = random_problem(seed, SHAPES[seed % len(SHAPES)], groups=int(rng.integers(2, 6)), peak=peak)
    if rng.integers(2):
        problem = problem.restricted(multiple_of=2)
    full = problem.costs(problem.full_widths)
    caps = {"macs": rng.uniform(0.05, 0.9) * full["macs"]}
    if rng.integers(2):
        caps["parameters"] = rng.uniform(0.05, 0.9) * full["parameters"]
    if peak:
        caps["peak_memory"] = rng.uniform(0.3, 1.0) * full["peak_memory"]
    return problem, caps


@pytest.mark.parametrize("solver", ["highs", "dp"])
@pytest.mark.parametrize("block", range(BLOCKS))
def test_search_equals_brute_force(block: int, solver: str) -> None:
    for seed in range(block, INSTANCES, BLOCKS):
        problem, caps = drawn(seed)
        best = brute_force(problem, caps)
        found = solve_single(build_graph(problem, caps), SolveSettings(solver=solver, gap=0.0))
        if best is None:
            assert found.widths is None, seed
            assert found.bound == -math.inf, seed
        else:
            assert found.widths is not None, seed
            assert problem.value(found.widths) == pytest.approx(best, rel=1e-9), seed
            assert found.bound == pytest.approx(best, rel=1e-8), seed
            assert all(problem.costs(found.widths)[name] <= cap for name, cap in caps.items()), seed


@pytest.mark.parametrize("seed", range(0, INSTANCES, 5))
def test_integer_programme_equals_brute_force(seed: int) -> None:
    problem, caps = drawn(seed)
    best = brute_force(problem, caps)
    graph = build_graph(problem, caps)
    result = solve_milp(graph, gap=0.0, time_limit=60.0)
    if best is None:
        assert result.choice is None
    else:
        assert result.choice is not None
        assert graph.value_of(result.choice) == pytest.approx(best, rel=1e-9)
        assert result.bound == pytest.approx(best, rel=1e-8)


@pytest.mark.parametrize("solver", ["highs", "dp"])
def test_the_gap_that_is_asked_is_kept(solver: str) -> None:
    for seed in range(100):
        problem, caps = drawn(seed)
        best = brute_force(problem, caps)
        found = solve_single(build_graph(problem, caps), SolveSettings(solver=solver, gap=0.05))
        if best is not None:
            assert found.widths is not None, seed
            assert problem.value(found.widths) >= 0.95 * best - 1e-9, seed
            assert found.bound >= best * (1 - 1e-9), seed


def test_out_of_time_is_never_called_optimal() -> None:
    problem = random_problem(3, "complete", groups=6, peak=True)
    full = problem.costs(problem.full_widths)
    caps = {"macs": 0.4 * full["macs"], "parameters": 0.4 * full["parameters"]}
    best = brute_force(problem, caps)
    assert best is not None
    graph = build_graph(problem, caps)
    result = solve_milp(graph, gap=0.0, time_limit=1e-9)
    assert result.bound >= best * (1 - 1e-9)
    if result.choice is None or graph.value_of(result.choice) < best * (1 - 1e-9):
        assert result.bound > (graph.value_of(result.choice) if result.choice else -math.inf)


def found_without_dynamic_programming(
    monkeypatch: pytest.MonkeyPatch, seeds: range
) -> Iterator[tuple[int, float, float, float]]:
    """Seed, best value, value and bound found, as if every clique and every execution step were too large for it."""
    monkeypatch.setattr(single, "relax", partial(bounds.relax, max_entries=4))
    monkeypatch.setattr(graph_module, "MAX_MASK", 1)
    for seed in seeds:
        problem, caps = drawn(seed)
        best = brute_force(problem, caps)
        found = solve_single(build_graph(problem, caps), SolveSettings(solver="highs", gap=0.0))
        assert (found.widths is None) == (best is None), seed
        if best is not None and found.widths is not None:
            yield seed, best, problem.value(found.widths), found.bound


@pytest.mark.parametrize("block", range(4))
def test_dense_graphs_and_long_rows_are_closed_by_the_integer_programme(
    monkeypatch: pytest.MonkeyPatch, block: int
) -> None:
    for seed, best, value, bound in found_without_dynamic_programming(monkeypatch, range(block, 80, 4)):
        assert value == pytest.approx(best, rel=1e-9), seed
        assert bound == pytest.approx(best, rel=1e-8), seed


def test_what_is_too_large_for_the_integer_programme_keeps_an_honest_gap(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(single, "PROGRAMME", 0)
    gaps = []
    for seed, best, value, bound in found_without_dynamic_programming(monkeypatch, range(80)):
        assert value <= best * (1 + 1e-9), seed
        assert bound >= best * (1 - 1e-9), seed
        gaps.append(bound / value - 1)
    assert max(gaps) > 1e-3


def test_dp_refuses_what_is_too_dense_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(single, "relax", partial(bounds.relax, max_entries=4))
    problem = random_problem(4, "complete", groups=5)
    full = problem.costs(problem.full_widths)
    caps = {"macs": 0.5 * full["macs"], "parameters": 0.45 * full["parameters"]}
    with pytest.raises(ProblemError, match="use solver 'highs'"):
        solve_single(build_graph(problem, caps), SolveSettings(solver="dp", gap=0.0))


def test_labels_dropped_for_room_leave_an_honest_bound() -> None:
    for seed in range(100):
        problem, caps = drawn(seed)
        best = brute_force(problem, caps)
        graph = without_hopeless(build_graph(problem, caps))
        if best is None or graph is None:
            continue
        relaxation = bounds.relax(graph)
        dual = bounds.minimise_bound(relaxation)
        assert dual.best is not None, seed
        result = solve_labels(relaxation, dual.best, -math.inf, max_labels=3)
        value = graph.value_of(result.choice) if result.choice else -math.inf
        assert max(value, result.dropped) >= best * (1 - 1e-9), seed
