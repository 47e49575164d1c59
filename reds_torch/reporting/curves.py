"""Training curves: metrics.csv as one series for each stage, metric and subnetwork."""

from __future__ import annotations

import csv
import math
import re
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Curve:
    """A metric by epoch. ``subnetwork`` is None where it belongs to all of them together, such as the loss."""

    stage: str
    metric: str
    subnetwork: int | None
    epochs: tuple[int, ...]
    values: tuple[float, ...]


def read_curves(path: Path) -> tuple[Curve, ...]:
    """Curves in the order in which they first appear in the file.

    A metric ``val/accuracy_2`` is subnetwork 2's. The stage ``alone_2`` trains subnetwork 2 by itself: its curves
    are those of the stage ``alone``, subnetwork 2.

    Raises:
        ValueError, KeyError, TypeError: the file is no table of metrics.
    """
    points: dict[tuple[str, str, int | None], dict[int, float]] = {}
    with path.open(newline="") as file:
        for row in csv.DictReader(file):
            stage, metric, subnetwork = _named(row["stage"], row["metric"])
            value = float(row["value"])
            if math.isfinite(value):
                points.setdefault((stage, metric, subnetwork), {})[int(row["epoch"])] = value
    return tuple(Curve(*key, tuple(sorted(at)), tuple(at[epoch] for epoch in sorted(at))) for key, at in points.items())


def _named(stage: str, metric: str) -> tuple[str, str, int | None]:
    own = re.fullmatch(r"(.+)_(\d+)", metric)
    base, subnetwork = (own[1], int(own[2])) if own else (metric, None)
    alone = re.fullmatch(r"(alone)_(\d+)", stage)
    return (alone[1], base, int(alone[2])) if alone else (stage, base, subnetwork)
