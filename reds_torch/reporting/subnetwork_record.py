"""Subnetworks as the report knows them: from subnetworks.json, with costs that the checkpoint adds."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from ..costs import BASIC, measure
from ..costs.device_table import DeviceTable
from ..costs.energy import energy
from ..costs.latency import latency
from ..nested.network import NestedNetwork

Accuracy = Mapping[str, float]


class ReportError(ValueError):
    """A folder that is no run's, or a file in it that can't be read."""


LABELS = {
    "macs": ("MACs", ""),
    "parameters": ("parameters", ""),
    "peak_memory": ("peak memory", "B"),
    "largest_activation": ("largest activation", "B"),
    "weight_memory": ("weight memory", "B"),
    "latency": ("latency", "µs"),
    "energy": ("energy", "µJ"),
}
MODELLED = ("latency", "energy")


@dataclass(frozen=True)
class CostName:
    """A cost as the report speaks of it; ``basis`` says where its numbers come from."""

    key: str
    label: str
    unit: str
    basis: str


@dataclass(frozen=True)
class SubnetworkRecord:
    """One subnetwork: widths by group, costs and shares by name, what the search proved, how well it answers.

    ``confusion[i][j]`` counts test examples of class i that were answered with class j.
    """

    widths: Mapping[str, int]
    costs: Mapping[str, float]
    shares: Mapping[str, float]
    budgets: Mapping[str, float]
    value: float
    bound: float
    gap: float
    status: str
    seconds: float
    binaries: tuple[int, ...]
    accuracy: Accuracy
    confusion: tuple[tuple[int, ...], ...] | None


def read_json(path: Path) -> dict[str, Any]:
    """A JSON object whose numbers are finite.

    Raises:
        ReportError: the file holds something else.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"), parse_constant=_refuse)
    except ValueError as error:
        raise ReportError(f"{path} is damaged: it is no JSON, or holds a number that is not finite") from error
    if not isinstance(content, dict):
        raise ReportError(f"{path} holds no results of a run")
    return content


def read_subnetworks(
    path: Path,
    results: Mapping[str, Any],
    finetuned: Mapping[str, Any],
    net: NestedNetwork | None,
    table: DeviceTable,
) -> tuple[tuple[SubnetworkRecord, ...], tuple[str, ...]]:
    """Subnetworks from what ``path``, subnetworks.json, holds; and sentences about what is missing.

    Accuracies and confusions that are not there yet are those of ``finetuned``, the metadata of the fine-tuned
    checkpoint; the network says what its subnetworks cost on a device.

    Raises:
        ReportError: it holds something else.
    """
    if not results.get("subnetworks"):
        return (), ()
    missing: list[str] = []
    try:
        stored = list(results["subnetworks"])
        accuracies = [entry.get("accuracy") for entry in stored]
        if None in accuracies:
            accuracies = finetuned.get("accuracies") or [{} for _ in stored]
        confusions = results.get("confusions") or finetuned.get("confusions") or [None for _ in stored]
        costs = [_costs(entry, net, table, missing) for entry in stored]
        records = [
            _subnetwork(*parts, full=costs[0]) for parts in zip(stored, costs, accuracies, confusions, strict=True)
        ]
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ReportError(f"{path} is damaged or of another release: {error!r}") from error
    return tuple(records), tuple(dict.fromkeys(missing))


def _subnetwork(
    entry: Mapping[str, Any],
    costs: Mapping[str, float],
    accuracy: Accuracy,
    confusion: Sequence[Sequence[int]] | None,
    full: Mapping[str, float],
) -> SubnetworkRecord:
    return SubnetworkRecord(
        widths={str(group): int(width) for group, width in entry["widths"].items()},
        costs=costs,
        shares={name: cost / full[name] for name, cost in costs.items() if full.get(name)},
        budgets={str(name): float(cap) for name, cap in entry["budgets"].items()},
        value=float(entry["value"]),
        bound=float(entry["bound"]),
        gap=float(entry["gap"]),
        status=str(entry["status"]),
        seconds=float(entry["seconds"]),
        binaries=tuple(map(int, entry["binaries"])),
        accuracy={str(split): float(share) for split, share in accuracy.items()},
        confusion=None if confusion is None else _square(confusion),
    )


def _square(counts: Sequence[Sequence[int]]) -> tuple[tuple[int, ...], ...]:
    rows = tuple(tuple(map(int, row)) for row in counts)
    if any(len(row) != len(rows) for row in rows):
        raise ValueError("a confusion matrix has as many columns as rows")
    return rows


def _costs(
    entry: Mapping[str, Any], net: NestedNetwork | None, table: DeviceTable, missing: list[str]
) -> dict[str, float]:
    """The stored costs, and latency and energy on the device where the network can say them."""
    costs = {str(name): float(cost) for name, cost in entry["costs"].items()}
    if net is None:
        return costs
    widths = net.widths(entry["widths"])
    costs = measure(net, entry["widths"], BASIC) | costs
    try:
        modelled = {"latency": float(latency(net, table)(widths)), "energy": float(energy(net, table)(widths))}
    except ValueError as error:
        missing.append(f"Latency and energy are not known: {error}.")
        return costs
    if not modelled["energy"]:
        del modelled["energy"]  # the table does not say what work costs
    return costs | modelled


def cost_names(subnetworks: Sequence[SubnetworkRecord], table: str) -> tuple[CostName, ...]:
    """The costs that the subnetworks have, the best known first; ``table`` names the device table."""
    if not subnetworks:
        return ()
    known = [key for key in LABELS if key in subnetworks[0].costs]
    others = [key for key in subnetworks[0].costs if key not in LABELS]
    names = []
    for key in (*known, *others):
        label, unit = LABELS.get(key, (key.replace("_", " "), ""))
        basis = f"modelled with the device table {Path(table).stem}" if key in MODELLED else "counted"
        names.append(CostName(key, label, unit, basis))
    return tuple(names)


def _refuse(constant: str) -> NoReturn:
    raise ValueError(constant)
