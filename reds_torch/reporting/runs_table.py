"""Runs that differ in their seed alone, as a table of means and spreads."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from typing import Any

from rich.table import Table
from rich.text import Text


def runs_table(title: str, runs: Sequence[Mapping[str, Any]]) -> Table:
    """Test accuracies in percent, mean ± standard deviation over the runs: a column for each subnetwork.

    Args:
        title: what the runs have in common.
        runs: each as subnetworks.json holds it, and with its ``seed``.
    """
    seeds = ", ".join(str(run["seed"]) for run in runs)
    # as text: settings hold brackets, which are rich's markup
    table = Table(title=Text(f"{title}: test accuracy, %, seeds {seeds}"), title_justify="left")
    subnetworks = range(len(runs[0]["subnetworks"]))
    table.add_column("MACs, % of full")
    for k in subnetworks:
        shares = sorted(100 * run["subnetworks"][k]["shares"]["macs"] for run in runs)
        table.add_column(f"{shares[0]:.1f}-{shares[-1]:.1f}" if k else "100", justify="right")
    nested = [[run["subnetworks"][k]["accuracy"]["test"] for k in subnetworks] for run in runs]
    table.add_row("pretrained", *mean_and_deviation([[run["pretrained"]["test"]] for run in runs]))
    table.add_row("nested", *mean_and_deviation(nested))
    for baseline in runs[0]["baselines"]:
        found = [[run["baselines"][baseline][str(k)]["test"] for k in subnetworks] for run in runs]
        differences = [[n - b for n, b in zip(*pair, strict=True)] for pair in zip(nested, found, strict=True)]
        table.add_row(f"each {baseline}" if baseline == "alone" else baseline, *mean_and_deviation(found))
        table.add_row(f"nested - {baseline}", *mean_and_deviation(differences))
    return table


def mean_and_deviation(runs: Sequence[Sequence[float]]) -> list[str]:
    """Over the runs (rows), of each column, in percent; one run has no deviation."""
    cells = []
    for values in zip(*runs, strict=True):
        spread = f" ± {100 * statistics.stdev(values):.1f}" if len(values) > 1 else ""
        cells.append(f"{100 * statistics.mean(values):.1f}{spread}")
    return cells
