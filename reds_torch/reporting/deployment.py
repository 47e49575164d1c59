"""What was measured after training: the int8 model on its runtimes (the bridge), and subnetworks on a board."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

VERIFICATION = "verification.json"  # in the bridge's folder
DEVICE = "device.csv"  # in the run folder: what `python -m reds_torch.device --csv` measured


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

    def of(self, what: str) -> dict[int, float]:
        """One kind of measurement by subnetwork."""
        return {m.subnetwork: m.value for m in self.measured if m.what == what}


FLOAT, INT8 = "float accuracy", "int8 accuracy, TFLM"
# where the bridge's file has a number, what it is, its unit
_NUMBERS = (
    (("accuracy", "torch"), FLOAT, "%"),
    (("accuracy", "micro"), INT8, "%"),
    (("accuracy", "litert"), "int8 accuracy, LiteRT", "%"),
    (("agreement", "micro_torch"), "TFLM answers as float", "%"),
    (("agreement", "litert_micro"), "LiteRT answers as TFLM", "%"),
    (("size",), "model alone", "B"),
    (("arena", "activations"), "arena, activations", "B"),
    (("arena", "persistent"), "arena, persistent", "B"),
)
_TIME = re.compile(r"#\s*subnetwork (\d+): ([\d.]+) us an inference")


def find_deployment(
    run: Path, widths: Sequence[Mapping[str, int]], bridge: Path | None, device: Path | None
) -> Deployment:
    """What the bridge left in ``bridge`` or in the run's folder ``bridge``, and times in a device table.

    ``widths`` are those of the run's subnetworks.

    Raises:
        ValueError: a file is damaged, or of another network.
        FileNotFoundError: the folder ``bridge`` has no verification.
    """
    measured: list[Measured] = []
    sources = []
    verification = (bridge or run / "bridge") / VERIFICATION
    if bridge and not verification.is_file():
        raise FileNotFoundError(f"{bridge} is no folder of python -m bridge: there is no {verification}")
    if verification.is_file():
        measured += read_verification(verification, widths)
        sources.append(verification.name)
    if device and (times := read_times(device)):
        measured += times
        sources.append(device.name)
    return Deployment(tuple(measured), tuple(sources))


def read_verification(path: Path, widths: Sequence[Mapping[str, int]]) -> list[Measured]:
    """What the bridge found for each of its subnetworks, which are some of those with these ``widths``.

    Raises:
        ValueError: the file holds no verification, or that of another network.
    """
    try:
        entries = json.loads(path.read_text(encoding="utf-8"))["subnetworks"]
        found = [(entry["widths"], [float(_at(entry, keys)) for keys, _, _ in _NUMBERS]) for entry in entries]
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{path} holds no verification of the bridge, or is damaged: {error!r}") from error
    measured = []
    for own, values in found:
        if own not in widths:
            raise ValueError(f"{path} is about another network: none of the run's subnetworks has the widths {own}")
        named = zip(_NUMBERS, values, strict=True)
        measured += [Measured(list(widths).index(own), what, value, unit) for (_, what, unit), value in named]
    return measured


def read_times(path: Path) -> list[Measured]:
    """Times of whole inferences, which the companion of the board writes above a device table."""
    lines = (_TIME.match(line) for line in path.read_text().splitlines())
    return [Measured(int(m[1]), "time on the board", float(m[2]), "µs") for m in lines if m]


def _at(entry: Any, keys: Sequence[str]) -> Any:
    for key in keys:
        entry = entry[key]
    return entry
