"""Figures as files, in the style of the paper's: small, without ornament, readable in black and white."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from ..system.atomic import replacing
from .comparison import Experiment, group_runs
from .day import LOADS, DayCosts, answered, day_costs
from .figures import LOGARITHMIC
from .numbers import scale_of
from .palette import ramp
from .run_record import RunRecord
from .subnetwork_record import CostName

SIZE = (3.5, 2.6)  # inches: one column of a paper
STYLE: Any = {  # matplotlib types its keys one by one
    "font.size": 8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.linewidth": 0.4,
    "grid.color": "0.88",
    "legend.frameon": False,
    "legend.fontsize": 7,
    "lines.linewidth": 1.2,
    "lines.markersize": 4.5,
    "svg.fonttype": "none",
    "svg.hashsalt": "reds_torch",  # the same figure is the same file
}
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")
DASHES = {"alone": (4, 2), "scratch": (1, 1.5)}
# of the simulated day, in times of the full network's answer; the page begins with the same
DEADLINE = 1.8


def write_plots(records: Sequence[RunRecord], folder: Path, kind: str = "png") -> tuple[Path, ...]:
    """Draw what the runs have into a folder, which is made if needed; returns the files.

    Accuracy against each cost shows all experiments; widths, search and training curves are drawn for each run.
    """
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    with mpl.rc_context(STYLE):
        for name, figure in _figures(records):
            path = folder / f"{name}.{kind}"
            with replacing(path) as temporary:
                metadata = {"Date": None} if kind == "svg" else None
                figure.savefig(temporary, format=kind, dpi=200, bbox_inches="tight", metadata=metadata)
            written.append(path)
    return tuple(written)


def _figures(records: Sequence[RunRecord]) -> Iterator[tuple[str, Figure]]:
    shown = [e for e in group_runs(records) if e.nested.accuracy]
    if shown:
        for cost in records[shown[0].runs[0]].costs:
            if all(cost.key in e.costs[0] for e in shown):
                yield f"accuracy_{_file(cost.key)}", _drawn(_accuracy, shown, cost)
    for record in records:
        end = f"_{_file(record.name)}" if len(records) > 1 else ""
        if len(record.subnetworks) > 1:
            wide = 0.32 * len(record.subnetworks[0].widths) + 1.4
            yield f"widths{end}", _drawn(_widths, record, width=wide)
            yield f"search{end}", _drawn(_search, record)
        if day := day_costs(record):
            yield f"day{end}", _day(record, day)
        if record.scores:
            yield f"scores{end}", _drawn(_scores, record)
        if any("accuracy" in c.metric for c in record.curves):
            yield f"curves{end}", _curves(record)


def _drawn(draw: Callable[..., None], *arguments: object, width: float = 0.0) -> Figure:
    figure = Figure(figsize=(max(SIZE[0], width), SIZE[1]), layout="constrained")
    draw(figure.add_subplot(), *arguments)
    return figure


def _accuracy(axes: Axes, experiments: Sequence[Experiment], cost: CostName) -> None:
    every = [c[cost.key] for e in experiments for c in e.costs]
    divisor, unit = scale_of(max(every), cost.unit)
    compared = len(experiments) > 1
    for number, experiment in enumerate(experiments):
        color = f"C{number}" if compared else ramp(2)[0]
        prefix = f"{experiment.name}, " if compared else ""
        for series in (experiment.nested, *experiment.baselines):
            at = sorted(series.accuracy)
            if not at:
                continue
            spreads = [series.accuracy[k] for k in at]
            own = series is experiment.nested
            axes.errorbar(
                [experiment.costs[k][cost.key] / divisor for k in at],
                [100 * s.mean for s in spreads],
                yerr=[100 * s.deviation for s in spreads] if len(spreads[0].values) > 1 else None,
                color=color,
                marker=MARKERS[number % len(MARKERS)],
                mfc=color if own else "white",
                linestyle="-" if own else (0, DASHES.get(series.name, (6, 2))),
                linewidth=1.2 if own else 0.9,
                elinewidth=0.7,
                capsize=2,
                label=f"{prefix}{series.name}",
            )
    if compared and max(every) > LOGARITHMIC * min(every) > 0:
        axes.set_xscale("log")
    else:
        axes.set_xlim(left=0)
    axes.set_xlabel(f"{cost.label} [{unit}]" if unit else cost.label)
    axes.set_ylabel("validation accuracy [%]" if experiments[0].split == "val" else "test accuracy [%]")
    if compared:
        axes.legend(loc="upper left", bbox_to_anchor=(0, -0.22))
    else:
        axes.legend(loc="lower right")


def _widths(axes: Axes, record: RunRecord) -> None:
    groups = list(record.subnetworks[0].widths)
    for k, (s, color) in enumerate(zip(record.subnetworks, ramp(len(record.subnetworks)), strict=True)):
        axes.bar(range(len(groups)), [s.widths[g] for g in groups], width=0.8, color=color, label=_share(record, k))
    long = len(groups) * max(map(len, groups)) > 36
    axes.set_xticks(range(len(groups)), groups, rotation=45 if long else 0, ha="right" if long else "center")
    axes.grid(axis="x", visible=False)
    axes.set_ylabel("units")
    axes.legend(loc="upper left", bbox_to_anchor=(1, 1))


def _search(axes: Axes, record: RunRecord) -> None:
    full = record.subnetworks[0]
    key = next((name for s in record.subnetworks for name in s.budgets), "macs")
    if record.bounds:
        axes.plot(
            [100 * s for s in record.bounds.shares],
            [100 * b for b in record.bounds.bounds],
            color="0.45",
            label="bound of any subnetwork",
        )
    x = [100 * s.costs[key] / full.costs[key] for s in record.subnetworks]
    axes.plot(
        x, [100 * s.value / full.value for s in record.subnetworks], "o", color=ramp(2)[0], label="subnetworks found"
    )
    axes.plot(
        x,
        [100 * s.bound / full.value for s in record.subnetworks],
        "_",
        color="C3",
        ms=11,
        label="bound in this nesting",
    )
    axes.set(xlim=(0, 103), ylim=(0, 105), ylabel="score kept [%]")
    axes.set_xlabel(f"{next((c.label for c in record.costs if c.key == key), key)} [% of the full network]")
    axes.legend(loc="lower right")


def _day(record: RunRecord, day: DayCosts) -> Figure:
    """A busy processor: what it leaves time for hour by hour, and how many answers are right in the end."""
    figure = Figure(figsize=(2 * SIZE[0], SIZE[1]), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=(2, 1))
    divisor, unit = scale_of(day.time[0], day.time_unit)
    deadline = DEADLINE * day.time[0]
    colors, count = ramp(len(day.time)), len(day.time)
    trace = LOADS[0]
    idle = [deadline * (1 - load / 100) / divisor for load in trace.hours]
    left.stairs(idle, range(25), fill=True, color="0.9", label="time left before the deadline")
    late = [hour + 0.5 for hour, k in enumerate(answered(day.time, deadline, trace, fixed=0)) if k is None]
    full = day.time[0] / divisor
    left.axhline(full, color=colors[0], linewidth=0.8, linestyle=(0, (4, 2)))
    left.plot(late, [full] * len(late), "x", color="C3", label="full network: too late")
    for hour, k in enumerate(answered(day.time, deadline, trace)):
        if k is not None:
            left.bar(hour, day.time[k] / divisor, width=1, align="edge", color=colors[k], edgecolor="white", lw=0.4)
    left.set(xlim=(0, 24), xlabel="hour of the day", ylabel=f"time of an answer [{unit or 'MACs'}]")
    left.set_xticks(range(0, 25, 6))
    left.grid(axis="x", visible=False)
    left.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=2)
    accuracies = [s.accuracy[record.split] for s in record.subnetworks]
    for row, fixed in enumerate((None, *range(count))):
        hours = answered(day.time, deadline, trace, fixed)
        share = sum(accuracies[k] for k in hours if k is not None) / len(hours)
        start = 0.0
        for k in range(count):  # the part of the right answers that each subnetwork gives
            part = 100 * accuracies[k] * hours.count(k) / len(hours)
            right.barh(row, part, left=start, color=colors[k], height=0.7)
            start += part
        right.text(start + 1, row, f"{100 * share:.0f} %", va="center", fontsize=7)
    right.set_yticks(range(count + 1), ["switching", *(f"always {_share(record, k)}" for k in range(count))])
    right.invert_yaxis()
    right.set(xlim=(0, 105), xlabel="right, of all asked [%]")
    right.grid(axis="y", visible=False)
    return figure


def _scores(axes: Axes, record: RunRecord) -> None:
    for group, color in zip(record.scores, ramp(len(record.scores)), strict=True):
        order = np.array(group.widths) / group.size
        axes.plot(100 * order, np.array(group.worth) / max(*group.worth, 1e-30), color=color, lw=0.9, label=group.group)
    axes.set_xlabel("units, best first [%]")
    axes.set_ylabel("score / best unit's")
    axes.set(xlim=(0, 100), ylim=(0, 1.02))
    if len(record.scores) <= 8:
        axes.legend(loc="upper right")


def _curves(record: RunRecord) -> Figure:
    """Validation accuracy by epoch, one panel for each stage."""
    curves = [c for c in record.curves if c.metric == "val/accuracy"]
    stages = list(dict.fromkeys(c.stage for c in curves))
    figure = Figure(figsize=(2.3 * len(stages) + 0.8, SIZE[1]), layout="constrained")
    colors = ramp(len(record.subnetworks) or 1)
    panels = figure.subplots(1, len(stages), sharey=True, squeeze=False)[0]
    for axes, stage in zip(panels, stages, strict=True):
        for curve in curves:
            if curve.stage == stage:
                k = curve.subnetwork or 0
                axes.plot(curve.epochs, [100 * v for v in curve.values], color=colors[k], label=_share(record, k))
        axes.set_title(stage, fontsize=8)
        axes.set_xlabel("epoch")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=5))
    panels[0].set_ylabel("validation accuracy [%]")
    widest = max(panels, key=lambda axes: len(axes.get_lines()))
    widest.legend(loc="lower right")
    return figure


def _share(record: RunRecord, k: int) -> str:
    if k >= len(record.subnetworks):
        return str(k)
    return f"{100 * record.subnetworks[k].shares['macs']:.0f} % MACs"


def _file(name: str) -> str:
    """A name that any file system takes."""
    return re.sub(r"[^\w.=-]+", "_", name)
