"""The paper's pictures of subnetworks: parameters, accuracy and inference time against MACs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from reds_torch.reporting.palette import ramp
from reds_torch.reporting.plots import DASHES, STYLE
from reds_torch.system.atomic import replacing

NAME = "bridge_latency.png"
NESTED, ALONE = "cut", "alone"


def plot(measurements: Sequence[dict[str, Any]], folder: Path) -> Path:
    """Draw the measurements of one model, one panel for each quantity and kernels; returns the file.

    Args:
        measurements: as `benchmarks.bridge` writes them.
        folder: for the file; made if needed.
    """
    kernels = list(dict.fromkeys(m["kernels"] for m in measurements))
    once: Sequence[dict[str, Any]] = [m for m in measurements if m["kernels"] == kernels[0]]
    panels: list[tuple[str, Sequence[dict[str, Any]], Callable[[dict[str, Any]], float]]] = [
        ("parameters [thousand]", once, lambda m: m["parameters"] / 1e3),
        ("test accuracy [%]", [m for m in once if m["accuracy"] is not None], lambda m: 100 * m["accuracy"]),
    ]
    for name in kernels:
        shown = [m for m in measurements if m["kernels"] == name]
        panels.append((f"time, {name} [µs]", shown, lambda m: m["median_us"]))
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(3.1 * len(panels), 2.6), layout="constrained")
        for axes, (label, points, value) in zip(figure.subplots(1, len(panels), squeeze=False)[0], panels, strict=True):
            _panel(axes, label, points, value)
        folder.mkdir(parents=True, exist_ok=True)
        with replacing(folder / NAME) as temporary:
            figure.savefig(temporary, format="png", dpi=110)
    return folder / NAME


def _panel(
    axes: Axes, label: str, measurements: Sequence[dict[str, Any]], value: Callable[[dict[str, Any]], float]
) -> None:
    for side in (NESTED, ALONE):
        points = sorted((m["macs"] / 1e6, value(m)) for m in measurements if m["side"] == side)
        if not points:
            continue
        own = side == NESTED
        color = ramp(2)[0 if own else 1]
        axes.plot(
            [at for at, _ in points],
            [height for _, height in points],
            marker="o" if own else "s",
            color=color,
            markerfacecolor=color if own else "white",
            linestyle="-" if own else (0, DASHES["alone"]),
            label=_name(side, label),
        )
    axes.set_xlim(left=0)
    if not label.startswith("test accuracy"):
        axes.set_ylim(bottom=0)
    axes.set_xlabel("MACs [million]")
    axes.set_ylabel(label)
    axes.legend(loc="lower right")


def _name(side: str, label: str) -> str:
    """What a line is: accuracies of the two sides come from different arithmetic."""
    if label.startswith("test accuracy"):
        return "nested, cut (int8)" if side == NESTED else "trained alone (float32)"
    return "nested, cut" if side == NESTED else "alone"
