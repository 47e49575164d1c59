"""Subnetworks and metadata in plain data, as files hold them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import torch

from ..nested import Subnetwork


def subnetwork_as_plain(subnetwork: Subnetwork) -> dict[str, Any]:
    """A subnetwork in plain data, as files hold it."""
    plain: dict[str, Any] = as_plain(asdict(subnetwork))
    return plain


def subnetwork_from_plain(entry: Mapping[str, Any]) -> Subnetwork:
    """The subnetwork that `subnetwork_as_plain` described."""
    values = dict(entry)
    for name in ("breaks", "binaries"):
        values[name] = tuple(values[name])
    return Subnetwork(**values)


def as_plain(value: Any) -> Any:
    """Plain containers only, so that the file loads without unpickling a class."""
    if isinstance(value, Mapping):
        return {str(k): as_plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [as_plain(v) for v in value]
    if value is None or isinstance(value, bool | torch.Tensor):
        return value
    for kind in (int, float, str):
        if isinstance(value, kind):  # subclasses, such as numpy's floats, are made plain
            return kind(value)
    raise TypeError(f"a checkpoint holds plain values and tensors, not {type(value).__name__}: {value!r}")


def subnetworks_as_json(
    subnetworks: Sequence[Subnetwork], accuracies: Sequence[Mapping[str, float]] | None = None, **further: Any
) -> dict[str, Any]:
    """What subnetworks.json holds; index 0 is the full network, shares are of its costs."""
    full = subnetworks[0].costs
    entries = []
    for k, subnetwork in enumerate(subnetworks):
        entry: dict[str, Any] = {
            "widths": dict(subnetwork.widths),
            "costs": dict(subnetwork.costs),
            "shares": {name: cost / full[name] for name, cost in subnetwork.costs.items() if full.get(name)},
            "budgets": dict(subnetwork.budgets),
            "value": subnetwork.value,
            "bound": subnetwork.bound,
            "gap": subnetwork.gap,
            "status": subnetwork.status,
            "breaks": list(subnetwork.breaks),
            "seconds": subnetwork.seconds,
            "binaries": list(subnetwork.binaries),
        }
        if accuracies is not None:
            entry["accuracy"] = dict(accuracies[k])
        entries.append(entry)
    return {"subnetworks": entries, **further}
