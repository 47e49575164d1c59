"""Time, memory and proof of the search on networks of many sizes; synthetic scores, fixed seeds.

    python -m benchmarks.search                    the table: medians of 5, each case in a process of its own
    python -m benchmarks.search problem.npz ...    the same for stored problems (scores of trained networks)
    python -m benchmarks.search --paper            against the published per-kernel formulation (minutes)

Times include building the problem from the scores. Memory is the process's peak; "before" is what it held
before the search (Python, libraries, scores).
"""

from __future__ import annotations

import argparse
import multiprocessing
import resource
import statistics
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from rich.console import Console
from rich.table import Table as Printed

from benchmarks.search_instances import (
    Network,
    ds_cnn,
    fully_connected,
    mobilenet_v1,
    resnet18,
    synthetic_scores,
    vit_base,
    width_problem,
)
from benchmarks.search_paper import solve_per_kernel
from reds_torch.knapsack import SearchResult, load_problem, solve
from reds_torch.knapsack.settings import Solver, Strategy

THREE = (0.25, 0.5, 0.75)
NINE = tuple(k / 10 for k in range(1, 10))
RUNS = 5


@dataclass(frozen=True)
class Case:
    network: Network | Path
    goal: str = ""
    budgets: tuple[float, ...] = THREE
    limits: Mapping[str, float] | None = None
    strategy: Strategy = "bottom_up"
    solver: Solver = "highs"

    @property
    def name(self) -> str:
        what = self.network.stem if isinstance(self.network, Path) else self.network.name
        steps = "" if isinstance(self.network, Path) else f", steps of {self.network.multiple}"
        limits = "".join(f", {name} <= {limit:,.10g}" for name, limit in (self.limits or {}).items())
        return f"{what}{steps}, {len(self.budgets)} budgets{limits}, {self.strategy}, {self.solver}"


CASES = (
    Case(ds_cnn("s"), "1 s"),
    Case(ds_cnn("l"), "8 s, 1 GB"),
    Case(ds_cnn("l"), "3 x three", NINE),
    Case(mobilenet_v1(96), "10 s, 1 GB"),
    Case(mobilenet_v1(96), "10 s, 1 GB", limits={"peak_memory": 200_000}),
    Case(mobilenet_v1(224), "10 s, 1 GB"),
    Case(mobilenet_v1(96, multiple=1), limits={"peak_memory": 200_000}),
    Case(resnet18(), "30 s"),
    Case(resnet18(multiple=1)),
    Case(vit_base(), "30 s"),
    Case(ds_cnn("s"), "30 s", strategy="joint"),
    Case(ds_cnn("l"), strategy="joint"),
    Case(mobilenet_v1(96), strategy="joint"),
    Case(fully_connected()),
    Case(ds_cnn("l"), solver="dp"),
    Case(mobilenet_v1(96), solver="dp"),
)


@dataclass(frozen=True)
class Measured:
    seconds: list[float]
    before: int  # MB
    peak: int  # MB
    result: SearchResult


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("problems", nargs="*", type=Path)
    parser.add_argument("--paper", action="store_true")
    parser.add_argument("--paper-time", type=float, default=600.0, help="seconds for the published form")
    settings = parser.parse_args()
    if settings.paper:
        against_paper(settings.paper_time)
        return
    cases = [Case(path) for path in settings.problems] or CASES
    printed = Printed(title=f"The search, medians of {RUNS}", title_justify="left")
    for column in ("case", "goal", "seconds", "peak MB", "before", "entries", "left", "largest gap", "sum of values"):
        printed.add_column(column, justify="left" if column in ("case", "goal") else "right")
    console = Console(width=170)
    context = multiprocessing.get_context("spawn")
    for case in cases:
        with console.status(case.name), context.Pool(1) as pool:
            measured = pool.apply(measure, (case,))
        found = measured.result.subnetworks[1:]
        printed.add_row(
            case.name,
            case.goal,
            f"{statistics.median(measured.seconds):.2f}",
            str(measured.peak),
            str(measured.before),
            f"{max(s.binaries[0] for s in found):,}",
            f"{max(s.binaries[1] for s in found):,}",
            f"{max(s.gap for s in found):.1e}" + ("" if all(s.status == "optimal" for s in found) else " open"),
            f"{sum(s.value for s in found):.6g}",
        )
    console.print(printed)


def measure(case: Case) -> Measured:
    if isinstance(case.network, Path):
        make = partial(load_problem, case.network)
    else:
        make = partial(width_problem, case.network, synthetic_scores(case.network))
    before, seconds = peak_megabytes(), []
    for _ in range(RUNS):
        start = time.perf_counter()
        budgets = {"macs": list(case.budgets)}
        result = solve(make(), budgets, case.limits, strategy=case.strategy, solver=case.solver)
        seconds.append(time.perf_counter() - start)
    return Measured(seconds, before, peak_megabytes(), result)


def peak_megabytes() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


def against_paper(time_limit: float) -> None:
    network = ds_cnn("s")
    scores = synthetic_scores(network)
    start = time.perf_counter()
    problem = width_problem(network, scores)
    ours = solve(problem, {"macs": [0.25]}).subnetworks[1]
    seconds = time.perf_counter() - start
    start = time.perf_counter()
    paper = solve_per_kernel(network, scores, ours.budgets["macs"], gap=1e-4, time_limit=time_limit)
    paper_seconds = time.perf_counter() - start
    printed = Printed(title="DS-CNN S, 25 % of the MACs, same scores", title_justify="left")
    for column in ("formulation", "binaries", "seconds", "value", "bound", "widths"):
        printed.add_column(column, justify="right")
    rows = (
        ("widths", ours.binaries[0], seconds, ours.value, ours.bound, ours.widths),
        ("per kernel", paper.binaries, paper_seconds, paper.value, paper.bound, paper.widths),
    )
    for name, binaries, spent, value, bound, widths in rows:
        sizes = " ".join(str(w) for w in widths.values())
        printed.add_row(name, f"{binaries:,}", f"{spent:.2f}", f"{value:.4f}", f"{bound:.4f}", sizes)
    console = Console(width=130)
    console.print(printed)
    console.print(f"{paper_seconds / seconds:,.0f} times as fast")


if __name__ == "__main__":
    main()
