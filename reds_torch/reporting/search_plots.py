"""Pictures of a search: the widths of every subnetwork, and its value against a cost with the bounds."""

from __future__ import annotations

from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from ..knapsack.strategies.solve import SearchResult
from ..system.atomic import replacing

COLORS = "viridis_r"


def plot_widths(result: SearchResult, path: Path) -> None:
    """Draw for every group one bar per subnetwork, the smaller ones in front of the larger ones."""
    full, *smaller = result.subnetworks
    names = list(full.widths)
    sizes = np.array([full.widths[name] for name in names])
    colors = mpl.colormaps[COLORS](np.linspace(0.1, 0.95, len(smaller)))
    figure = Figure(figsize=(max(6.0, 0.45 * len(names) + 2.5), 4.2), layout="constrained")
    axes = figure.add_subplot()
    at = np.arange(len(names))
    axes.bar(at, np.ones(len(names)), width=0.8, color="0.92", label="full network")
    # Only nested subnetworks fit in front of each other; others stand side by side.
    nested = result.strategy != "independent"
    thickness = 0.8 if nested else 0.8 / max(len(smaller), 1)
    for k, (subnetwork, color) in enumerate(zip(smaller, colors, strict=True)):
        shares = np.array([subnetwork.widths[name] for name in names]) / sizes
        shift = 0.0 if nested else (k - (len(smaller) - 1) / 2) * thickness
        axes.bar(at + shift, shares, width=thickness, color=color, label=_label(result, k + 1))
    labels = [f"{name}, {size}" for name, size in zip(names, sizes, strict=True)]
    fit = len(names) * max(map(len, names)) <= 60  # characters side by side
    axes.set_xticks(at, labels, rotation=0 if fit else 45, ha="center" if fit else "right", fontsize=8)
    axes.yaxis.set_major_formatter(PercentFormatter(1.0))
    axes.set_xlabel("width group, and its units")
    axes.set_ylabel("units kept")
    axes.set_title(f"Widths of the subnetworks ({result.strategy.replace('_', '-')})", fontsize=10)
    axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), frameon=False, fontsize=8)
    axes.spines[["top", "right"]].set_visible(False)
    _write(figure, path)


def plot_value(result: SearchResult, cost: str, path: Path) -> None:
    """Draw value against a cost, and below it how far each value stays under its bounds."""
    full, *smaller = result.subnetworks
    figure = Figure(figsize=(6.4, 5.2), layout="constrained")
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1.4))
    x = [subnetwork.costs[cost] / full.costs[cost] for subnetwork in result.subnetworks]
    value = np.array([subnetwork.value for subnetwork in result.subnetworks])
    bound = np.array(result.independent_bounds)
    upper.plot(x, value / full.value, "o-", color="C0", label="subnetworks found")
    upper.plot(x, bound / full.value, "_", color="C3", markersize=14, label="bound of any subnetwork")
    upper.set_ylabel("value, share of the full network")
    upper.yaxis.set_major_formatter(PercentFormatter(1.0))
    upper.set_title(f"Value against {cost}", fontsize=10)
    upper.legend(frameon=False, fontsize=8, loc="lower right")
    thickness = 0.25 * min(np.abs(np.diff(x)).min(), 0.15)
    gaps = np.array([subnetwork.gap for subnetwork in smaller])
    lost = ((bound - value) / bound)[1:]
    lower.bar(np.array(x[1:]) - thickness / 2, gaps, thickness, color="C0", label="gap of its own search")
    lower.bar(np.array(x[1:]) + thickness / 2, lost, thickness, color="C3", label="below any subnetwork's bound")
    lower.set_xlabel(f"{cost}, share of the full network")
    lower.set_ylabel("gap")
    lower.xaxis.set_major_formatter(PercentFormatter(1.0))
    lower.yaxis.set_major_formatter(PercentFormatter(1.0))
    lower.set_ylim(0, max(lost.max(), gaps.max(), 1e-4) * 1.6)
    lower.legend(frameon=False, fontsize=8, ncols=2, loc="upper right")
    for axes in (upper, lower):
        axes.spines[["top", "right"]].set_visible(False)
    _write(figure, path)


def _label(result: SearchResult, k: int) -> str:
    full, subnetwork = result.subnetworks[0], result.subnetworks[k]
    cost = next(iter(subnetwork.budgets))
    return f"{k}: {subnetwork.costs[cost] / full.costs[cost]:.1%} of {cost}"


def _write(figure: Figure, path: Path) -> None:
    with replacing(path) as temporary:
        figure.savefig(temporary, format="png", dpi=120)
