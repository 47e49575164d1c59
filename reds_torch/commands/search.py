"""Search a stored problem or a checkpoint: print a table, write subnetworks.json and two pictures.

python -m reds_torch.knapsack problem.npz --budget macs=0.75,0.5,0.25 --limit peak_memory=200000
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from ..checkpoint.plain import subnetworks_as_json
from ..knapsack.problem.storage import load_problem
from ..knapsack.problem.width_problem import ProblemError, WidthProblem
from ..knapsack.settings import SOLVERS, STRATEGIES, SolveSettings
from ..knapsack.strategies.solve import SearchResult, solve
from ..reporting.table import terminal
from ..system.atomic import replacing
from ..system.optional import MissingPackageError, needed

T = TypeVar("T")


@dataclass(frozen=True)
class _Asked:
    """What the options say, by cost or by group."""

    budgets: dict[str, list[float]]
    limits: dict[str, Any]  # a number; solve refuses several
    minimum: dict[str, int]
    maximum: dict[str, int]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit status."""
    settings = _parser().parse_args(arguments)
    try:
        _run(settings)
    except (ProblemError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


def _run(settings: argparse.Namespace) -> None:
    asked = _Asked(
        budgets=_by_name("--budget", settings.budget),
        limits={n: ls if len(ls) > 1 else ls[0] for n, ls in _by_name("--limit", settings.limit).items()},
        minimum=_by_name("--minimum", settings.minimum),
        maximum=_by_name("--maximum", settings.maximum),
    )
    out = settings.out or Path("runs") / f"search_{settings.problem.stem}"
    _check_folder(out)
    problem, score = _problem(settings.problem, (*asked.budgets, *asked.limits))
    problem = problem.restricted(asked.minimum, asked.maximum, multiple_of=settings.multiple_of, full=settings.full)
    result = _solved(problem, asked, settings)
    out.mkdir(parents=True, exist_ok=True)
    _write_json(result, out / "subnetworks.json")
    terminal().print(_table(result))
    if score:
        print(score)
    print(out / "subnetworks.json")
    _plot(result, next(iter(asked.budgets)), out)


def _plot(result: SearchResult, cost: str, out: Path) -> None:
    """Draw the widths and the value; without matplotlib, say so: the result stands all the same."""
    try:
        needed("matplotlib", "drawing plots", "pip install matplotlib")
    except MissingPackageError as error:
        print(error)
        return
    from ..reporting.search_plots import plot_value, plot_widths  # noqa: PLC0415 - only here

    plot_widths(result, out / "widths.png")
    plot_value(result, cost, out / "value.png")
    for name in ("widths.png", "value.png"):
        print(out / name)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m reds_torch.knapsack",
        description="Find nested subnetworks of the largest value within budgets and limits, with proof.",
    )
    parser.add_argument(
        "problem",
        type=Path,
        help=".npz or .json of save_problem, such as a run's problem.npz, or a .ckpt: its units are scored by l1, and "
        "put in order by it where no search has ordered them",
    )
    parser.add_argument(
        "--budget",
        type=_named_numbers,
        action="append",
        required=True,
        metavar="COST=B1,B2,...",
        help="one number per subnetwork: 0.25 is a share of the full network, 200000 absolute",
    )
    parser.add_argument(
        "--limit",
        type=_named_numbers,
        action="append",
        default=[],
        metavar="COST=L",
        help="kept by every subnetwork but the full one",
    )
    default = SolveSettings()
    parser.add_argument("--strategy", default=default.strategy, choices=STRATEGIES)
    parser.add_argument("--solver", default=default.solver, choices=SOLVERS)
    parser.add_argument("--gap", type=float, default=default.gap, help="relative gap to prove (default %(default)g)")
    parser.add_argument(
        "--time-limit", type=float, default=default.time_limit, help="seconds per subnetwork (default %(default)g)"
    )
    parser.add_argument("--multiple-of", type=int, default=1, metavar="N", help="widths are multiples of N, or full")
    for name, text in (("minimum", "smallest"), ("maximum", "largest")):
        parser.add_argument(
            f"--{name}", type=_named_width, action="append", default=[], metavar="GROUP=N", help=f"{text} width"
        )
    parser.add_argument("--full", action="append", default=[], metavar="GROUP", help="a group that is never cut")
    parser.add_argument("--out", type=Path, metavar="DIR", help="default runs/search_<problem>")
    return parser


def _named_numbers(text: str) -> tuple[str, list[float]]:
    name, _, numbers = text.partition("=")
    try:
        # An integer is absolute, so 1 and 1.0 mean different things.
        return name, [int(n) if n.strip().isdigit() else float(n) for n in numbers.split(",")]
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not COST=NUMBER,..., such as macs=0.5,0.25") from None


def _named_width(text: str) -> tuple[str, int]:
    name, _, number = text.partition("=")
    try:
        return name, int(number)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not GROUP=NUMBER, such as conv1=16") from None


def _by_name(option: str, pairs: Sequence[tuple[str, T]]) -> dict[str, T]:
    named = dict(pairs)
    if len(named) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ProblemError(f"{option} is given more than once for {twice!r}; give all that it has to say at once")
    return named


def _check_folder(out: Path) -> None:
    """Refuse a folder that can't be written to, before the search and without making it."""
    there = next(path for path in (out.absolute(), *out.absolute().parents) if path.exists())
    if not there.is_dir():
        raise ProblemError(f"--out {out} can't be a folder: {there} is a file")
    if not os.access(there, os.W_OK | os.X_OK):
        raise ProblemError(f"--out {out} can't be written: no permission to write in {there}")


def _problem(path: Path, costs: Sequence[str]) -> tuple[WidthProblem, str]:
    """The problem, and what is to be said of its scores."""
    if path.suffix != ".ckpt":
        return load_problem(path), ""
    # Only a checkpoint needs torch.
    from ..knapsack.problem.from_checkpoint import problem_from_checkpoint  # noqa: PLC0415

    return problem_from_checkpoint(path, costs)


def _solved(problem: WidthProblem, asked: _Asked, settings: argparse.Namespace) -> SearchResult:
    columns = (
        TextColumn("search"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.description}"),
    )
    with Progress(*columns, transient=True) as bar:
        task = bar.add_task("", total=None)
        return solve(
            problem,
            asked.budgets,
            asked.limits,
            SolveSettings(settings.strategy, settings.solver, settings.gap, settings.time_limit),
            progress=lambda done, of, text: bar.update(task, completed=done, total=of, description=text),
        )


def _write_json(result: SearchResult, path: Path) -> None:
    document = subnetworks_as_json(
        result.subnetworks,
        strategy=result.strategy,
        solver=result.solver,
        independent_bounds=list(result.independent_bounds),
        joint_bound=result.joint_bound,
        seconds=result.seconds,
    )
    with replacing(path) as temporary:
        temporary.write_text(json.dumps(document, indent=1), encoding="utf-8")


def _table(result: SearchResult) -> Table:
    full = result.subnetworks[0]
    title = f"{result.strategy}, {result.seconds:.2f} s"
    table = Table(title=title, title_justify="left")
    for name in ("", "status", *full.costs, "value", "gap", "any's gap", "entries", "left", "widths"):
        table.add_column(name, justify="left" if name in ("status", "widths") else "right")
    for k, (s, bound) in enumerate(zip(result.subnetworks, result.independent_bounds, strict=True)):
        costs = (
            f"{c:,.{0 if c == int(c) else 3}f} {c / full.costs[name]:.1%}" if full.costs[name] else "0"
            for name, c in s.costs.items()
        )
        table.add_row(
            str(k),
            s.status + (f", breaks {', '.join(s.breaks)}" if s.breaks else ""),
            *costs,
            f"{s.value:.6g}",
            f"{s.gap:.1e}",
            f"{(bound - s.value) / bound if bound else 0.0:.1e}",
            f"{s.binaries[0]:,}",
            f"{s.binaries[1]:,}",
            " ".join(str(width) for width in s.widths.values()),
        )
    return table
