"""Device tables: what a layer costs on a device, as CSV.

Either coefficients, ``kind,cycles_per_mac,cycles_per_output,cycles_per_layer``, or measured layers,
``kind,macs,outputs,microseconds``, to which the coefficients are fitted. Comment lines ``# key = number`` give
``clock_mhz``, ``active_power_mw`` and ``nanojoules_per_byte``.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

import numpy as np

_SHIPPED = Path(__file__).parent / "devices"
_COEFFICIENTS = ("kind", "cycles_per_mac", "cycles_per_output", "cycles_per_layer")
_MEASURED = ("kind", "macs", "outputs", "microseconds")
_CONSTANTS = {"clock_mhz": None, "active_power_mw": 0.0, "nanojoules_per_byte": 0.0}


@dataclass(frozen=True)
class KindCost:
    """Cycles of one kind of layer: for each MAC, each output element, and each call."""

    per_mac: float
    per_output: float
    per_layer: float


@dataclass(frozen=True)
class DeviceTable:
    """What each kind of layer costs on a device, its clock, and what its energy is made of."""

    kinds: Mapping[str, KindCost]
    clock_mhz: float
    active_power_mw: float = 0.0
    nanojoules_per_byte: float = 0.0


def read_device(name_or_path: str | Path) -> DeviceTable:
    """Read a table that comes with the project (by name, such as "cortex_m4") or one of your own (a CSV file).

    Raises:
        FileNotFoundError: neither a name nor a file; says which names exist.
        ValueError: a line that can't be read, a kind without enough measurements, no clock.
    """
    shipped = _SHIPPED / f"{name_or_path}.csv"
    path = shipped if shipped.is_file() else Path(name_or_path)
    if not path.is_file():
        names = ", ".join(sorted(p.stem for p in _SHIPPED.glob("*.csv")))
        raise FileNotFoundError(
            f"there is no device table '{name_or_path}': give the path of a CSV file or one of {names}"
        )
    lines = path.read_text().splitlines()
    constants = _constants(lines, path)
    rows = list(csv.DictReader(line for line in lines if line.strip() and not line.startswith("#")))
    columns = tuple(rows[0]) if rows else ()
    if columns == _COEFFICIENTS:
        kinds = {row["kind"]: KindCost(*(_number(row[c], path) for c in _COEFFICIENTS[1:])) for row in rows}
    elif columns == _MEASURED:
        measured: dict[str, list[tuple[float, float, float]]] = {}
        for row in rows:
            macs, outputs, microseconds = (_number(row[c], path) for c in _MEASURED[1:])
            measured.setdefault(row["kind"], []).append((macs, outputs, microseconds * constants["clock_mhz"]))
        kinds = {kind: fit(layers) for kind, layers in measured.items()}
    else:
        expected = " or ".join(",".join(names) for names in (_COEFFICIENTS, _MEASURED))
        raise ValueError(f"{path} must have the columns {expected}; it has {','.join(columns)}")
    return DeviceTable(kinds, **constants)


def fit(layers: Sequence[tuple[float, float, float]]) -> KindCost:
    """Least squares of ``cycles = a * macs + b * outputs + c`` over (macs, outputs, cycles), none below zero.

    With three unknowns the non-negative optimum is the best of the unconstrained fits to subsets of the terms.
    """
    data = np.array(layers, dtype=float)
    terms = np.column_stack((data[:, 0], data[:, 1], np.ones(len(data))))
    best, smallest = np.zeros(3), float("inf")
    for size in (1, 2, 3):
        for chosen in combinations(range(3), size):
            columns = terms[:, chosen]
            if np.linalg.matrix_rank(columns) < size:
                continue
            solution = np.linalg.lstsq(columns, data[:, 2], rcond=None)[0]
            error = float(np.square(columns @ solution - data[:, 2]).sum())
            # a further term has to earn its place, or noise would choose between equal fits
            if (solution >= 0).all() and error < smallest * (1 - 1e-9):
                best, smallest = np.zeros(3), error
                best[list(chosen)] = solution
    return KindCost(*map(float, best))


def _constants(lines: Sequence[str], path: Path) -> dict[str, float]:
    found = {
        match[1]: _number(match[2], path)
        for line in lines
        if (match := re.fullmatch(r"#\s*(\w+)\s*=\s*(\S+)\s*", line))
    }
    constants = {name: found.get(name, default) for name, default in _CONSTANTS.items()}
    missing = [name for name, value in constants.items() if value is None]
    if missing or not constants["clock_mhz"]:
        raise ValueError(f"{path} does not say how fast the device is: add a line '# clock_mhz = 64'")
    return {name: float(value) for name, value in constants.items() if value is not None}


def _number(text: str | None, path: Path) -> float:
    try:
        value = float(text or "")
    except ValueError:
        raise ValueError(f"{path} holds {text!r} where a number belongs") from None
    if not 0 <= value < float("inf"):
        raise ValueError(f"{path} holds {text}; numbers must be finite and not negative")
    return value
