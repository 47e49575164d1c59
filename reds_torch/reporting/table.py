"""Results as tables on the terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rich.console import Console
from rich.table import Table

from ..nested import Subnetwork

# {"val": share of right answers, "test": ...}
Accuracy = Mapping[str, float]


def terminal(quiet: bool = False) -> Console:
    """Standard output; wide enough for the tables where it is a file or a pipe."""
    console = Console(quiet=quiet)
    return console if console.is_terminal else Console(width=160, quiet=quiet)


def subnetworks_table(
    subnetworks: Sequence[Subnetwork],
    accuracies: Sequence[Accuracy],
    title: str,
    pretrained: Accuracy | None = None,
    baselines: Mapping[str, Mapping[str, Accuracy]] | None = None,
) -> Table:
    """One row for each subnetwork; further columns for the baselines that were trained."""
    table = Table(title=title, title_justify="left")
    for name in ("", "widths", "MACs", "share", "parameters", "peak memory", "val %", "test %"):
        table.add_column(name, justify="left" if name in ("", "widths") else "right")
    for name in baselines or {}:
        table.add_column(f"{name} test %", justify="right")
    table.add_column("value / bound", justify="right")
    table.add_column("gap", justify="right")
    full = subnetworks[0].costs
    if pretrained is not None:
        row = ["pretrained", _widths(subnetworks[0]), *_costs(full, full), *_percents(pretrained)]
        table.add_row(*row, *("" for _ in baselines or {}), "", "", end_section=True)
    for k, (subnetwork, accuracy) in enumerate(zip(subnetworks, accuracies, strict=True)):
        trained = [_percents(known[str(k)])[1] if str(k) in known else "" for known in (baselines or {}).values()]
        proof = (
            f"{subnetwork.value:.4g} / {subnetwork.bound:.4g}",
            f"{subnetwork.gap:.1e} {subnetwork.status}",
        )
        table.add_row(
            str(k),
            _widths(subnetwork),
            *_costs(subnetwork.costs, full),
            *_percents(accuracy),
            *trained,
            *proof,
        )
    return table


def stages_line(seconds: Mapping[str, float]) -> str:
    """Time per stage in one line."""
    return "time: " + ", ".join(f"{stage} {duration:.1f} s" for stage, duration in seconds.items())


def _widths(subnetwork: Subnetwork) -> str:
    widths = [str(width) for width in subnetwork.widths.values()]
    return " ".join(widths if len(widths) <= 8 else [*widths[:4], "...", *widths[-2:]])


def _costs(costs: Mapping[str, float], full: Mapping[str, float]) -> list[str]:
    return [
        f"{costs['macs']:,.0f}",
        f"{costs['macs'] / full['macs']:.1%}",
        f"{costs['parameters']:,.0f}",
        f"{costs['peak_memory']:,.0f} B",
    ]


def _percents(accuracy: Accuracy) -> list[str]:
    return [f"{accuracy[split]:.1%}".rstrip("%") if split in accuracy else "" for split in ("val", "test")]
