"""The published formulation, one binary per kernel, has the optimum of ours, one per pair of widths."""

from __future__ import annotations

import pytest

from benchmarks.search_instances import fully_connected, synthetic_scores, width_problem
from benchmarks.search_paper import solve_per_kernel
from reds_torch.knapsack import solve


@pytest.mark.parametrize("seed", range(3))
def test_per_kernel_equals_per_width(seed: int) -> None:
    network = fully_connected(groups=3, width=5)
    scores = synthetic_scores(network, seed)
    ours = solve(width_problem(network, scores), {"macs": [0.5]}, gap=0.0).subnetworks[1]
    paper = solve_per_kernel(network, scores, ours.budgets["macs"], gap=0.0, time_limit=60.0)
    assert paper.widths == ours.widths
    assert paper.value == pytest.approx(ours.value, rel=1e-6)
    assert paper.bound == pytest.approx(ours.value, rel=1e-6)
