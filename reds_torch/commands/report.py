"""The report of one run, or of several beside each other, and its figures as files.

    python -m reds_torch.report runs/kws_dnn/latest
    python -m reds_torch.report RUN RUN RUN --out compared.html
    python -m reds_torch.report RUN --plots figures --format svg

A run that is not through is reported as far as it is. The page is one file that needs no network.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from rich.table import Table

from ..reporting.comparison import Experiment, group_runs
from ..reporting.html import write_page
from ..reporting.run_record import RunRecord, read_run
from ..reporting.sections import spread_text
from ..reporting.subnetwork_record import ReportError
from ..reporting.table import terminal
from ..runs.command_line import UsageError
from ..system.optional import MissingPackageError, needed


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit status."""
    options = _parser().parse_args(arguments)
    page = options.out or (options.runs[0] if len(options.runs) == 1 else Path()) / "report.html"
    try:
        _check(options)
        records = [read_run(run, options.bridge, options.device) for run in options.runs]
        if options.plots is None or options.out:
            _check_writable(page)
            write_page(records, page)
        figures = _plots(records, options.plots, options.format) if options.plots else ()
    except (ReportError, UsageError, MissingPackageError, ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    for experiment in group_runs(records):
        if experiment.costs:
            terminal().print(_table(experiment))
    for record in records:
        for sentence in record.missing:
            print(f"{record.name}: {sentence}")
    if options.plots is None or options.out:
        print(f"report: {page}")
    for figure in figures:
        print(f"plot: {figure}")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m reds_torch.report",
        description="Report of run folders: a page with all results, or plots as files.",
        allow_abbrev=False,
    )
    parser.add_argument("runs", nargs="+", type=Path, metavar="RUN", help="run folder, such as runs/kws_dnn/latest")
    parser.add_argument(
        "--out", type=Path, metavar="FILE", help="the page; by default RUN/report.html, of several runs ./report.html"
    )
    parser.add_argument("--plots", type=Path, metavar="DIR", help="draw the figures into this folder instead")
    parser.add_argument("--format", choices=("png", "svg"), default="png", help="of the figures")
    parser.add_argument(
        "--bridge", type=Path, metavar="DIR", help="what `python -m bridge` wrote for the run, if not in RUN/bridge"
    )
    parser.add_argument(
        "--device", metavar="TABLE", help="device table for latency and energy (name or CSV), if not the recipe's"
    )
    return parser


def _check(options: argparse.Namespace) -> None:
    if options.bridge and len(options.runs) > 1:
        raise UsageError(
            "--bridge says what one run became: give one RUN, or put each folder into its run as RUN/bridge"
        )
    if options.bridge and not options.bridge.is_dir():
        raise UsageError(f"there is no folder {options.bridge}: give the --out folder of python -m bridge")
    if options.plots and options.plots.exists() and not options.plots.is_dir():
        raise UsageError(f"--plots {options.plots} is a file: give a folder")


def _plots(records: Sequence[RunRecord], folder: Path, kind: str) -> tuple[Path, ...]:
    needed("matplotlib", "drawing plots", "pip install matplotlib")
    from ..reporting.plots import write_plots  # noqa: PLC0415 - the page needs no matplotlib

    return write_plots(records, folder, kind)


def _check_writable(page: Path) -> None:
    if page.is_dir():
        raise UsageError(f"the report can't go to {page}, which is a folder: give --out FILE")
    if not page.parent.is_dir():
        raise UsageError(f"the report can't go to {page}: there is no folder {page.parent}")
    if not os.access(page.parent, os.W_OK | os.X_OK):
        raise UsageError(f"the report can't go to {page.parent}, which is not writable: give --out FILE")


def _table(experiment: Experiment) -> Table:
    """Accuracies of all ways of training, one row for each subnetwork."""
    seeds = ", ".join(map(str, experiment.seeds))
    table = Table(title=f"{experiment.name}, seed {seeds}: {experiment.split} accuracy", title_justify="left")
    table.add_column("")
    series = (experiment.nested, *experiment.baselines)
    for name in ("MACs", "share", *(s.name for s in series)):
        table.add_column(name, justify="right")
    for k, costs in enumerate(experiment.costs):
        accuracies = (spread_text(s.accuracy.get(k)) for s in series)
        table.add_row(
            str(k), f"{costs['macs']:,.0f}", f"{costs['macs'] / experiment.costs[0]['macs']:.1%}", *accuracies
        )
    return table
