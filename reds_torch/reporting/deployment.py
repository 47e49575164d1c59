"""What was measured after training: the int8 model on its runtimes (the bridge), and subnetworks on a board."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

VERIFICATION = "verification.json"  # in the bridge's folder
DEVICE = "device.csv"  # in the run folder: what `python -m reds_torch.device --csv` measured

# how the name of a number ends -> its unit, as `reporting.numbers` knows it ("%": a share)
_UNITS = {
    "bytes": "B",
    "us": "µs",
    "microseconds": "µs",
    "accuracy": "%",
    "agreement": "%",
    "share": "%",
}
_TIME = re.compile(r"#\s*subnetwork (\d+): ([\d.]+) us an inference")


@dataclass(frozen=True)
class Measured:
    """One number measured of one subnetwork; ``unit`` is "%" for a share of 1 and "" for a plain number."""

    subnetwork: int
    what: str
    value: float
    unit: str


@dataclass(frozen=True)
class Deployment:
    """Measurements of the converted model, and the files they come from."""

    measured: tuple[Measured, ...]
    sources: tuple[str, ...]


def find_deployment(run: Path, bridge: Path | None, device: Path | None) -> Deployment:
    """What the bridge left in ``bridge`` or in the run's folder ``bridge``, and times in a device table.

    Raises:
        ValueError: a file is damaged.
        FileNotFoundError: the folder ``bridge`` has no verification.
    """
    measured: list[Measured] = []
    sources = []
    verification = (bridge or run / "bridge") / VERIFICATION
    if bridge and not verification.is_file():
        raise FileNotFoundError(f"{bridge} is no folder of python -m bridge: there is no {verification}")
    if verification.is_file():
        measured += read_verification(verification)
        sources.append(verification.name)
    if device and (times := read_times(device)):
        measured += times
        sources.append(device.name)
    return Deployment(tuple(measured), tuple(sources))


def read_verification(path: Path) -> list[Measured]:
    """Every number that the bridge says of a subnetwork, under the names it gives them.

    Raises:
        ValueError: the file holds no verification.
    """
    try:
        entries = json.loads(path.read_text())["subnetworks"]
        return [
            Measured(int(entry.get("index", k)), name, value, unit)
            for k, entry in enumerate(entries)
            for name, value, unit in _numbers(entry)
            if name != "index"
        ]
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise ValueError(f"{path} holds no verification of the bridge, or is damaged: {error!r}") from error


def read_times(path: Path) -> list[Measured]:
    """Times of whole inferences, which the companion of the board writes above a device table."""
    lines = (_TIME.match(line) for line in path.read_text().splitlines())
    return [Measured(int(m[1]), "time on the board", float(m[2]), "µs") for m in lines if m]


def _numbers(entry: Mapping[str, Any], above: tuple[str, ...] = ()) -> Iterator[tuple[str, float, str]]:
    """Numbers of nested mappings: {"accuracy": {"tflm": 0.9}} is ("accuracy, tflm", 0.9, "%")."""
    for key, value in entry.items():
        names = (*above, key)
        if isinstance(value, Mapping):
            yield from _numbers(value, names)
        elif isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
            endings = [name.rpartition("_")[2] for name in names]
            unit = next((_UNITS[e] for e in reversed(endings) if e in _UNITS), "")
            shown = [re.sub(r"_(bytes|us|microseconds)$", "", name).replace("_", " ") for name in names]
            yield ", ".join(shown), float(value), unit
