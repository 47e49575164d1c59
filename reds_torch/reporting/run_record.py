"""What a run folder says, as plain data: the one source of the report and the plots.

A run that is not through is read as far as it goes; `RunRecord.missing` says in sentences what is not there.
Files are parsed, never executed; one that can't be read is refused with its name.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from ..checkpoint import CheckpointError, load
from ..command_line import load_yaml
from ..costs import BASIC, measure, read_device
from ..costs.device import DeviceTable
from ..costs.energy import energy
from ..costs.latency import latency
from ..knapsack import ProblemError, load_problem
from ..nested.network import NestedNetwork
from ..run_folder import RunFolder
from .curves import Curve, read_curves
from .deployment import DEVICE, Deployment, find_deployment
from .search_record import GroupScores, SearchBound, bound_curve, unit_scores

Accuracy = Mapping[str, float]


class ReportError(ValueError):
    """A folder that is no run's, or a file in it that can't be read."""


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


@dataclass(frozen=True)
class RunRecord:
    """One run: its settings, its subnetworks (index 0 is the full network), and what surrounds them."""

    name: str
    recipe: str
    seed: int
    model: str
    data: str
    settings: Mapping[str, Any]
    classes: tuple[str, ...]
    costs: tuple[CostName, ...]
    subnetworks: tuple[SubnetworkRecord, ...]
    pretrained: Accuracy
    baselines: Mapping[str, Mapping[str, Accuracy]]
    curves: tuple[Curve, ...]
    scores: tuple[GroupScores, ...]
    bounds: SearchBound | None
    deployment: Deployment
    seconds: Mapping[str, float]
    missing: tuple[str, ...]

    @property
    def split(self) -> str:
        """The set that the report's accuracies are measured on: test, or validation where there is no other."""
        return "test" if any("test" in s.accuracy for s in self.subnetworks) else "val"


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


def read_run(path: str | Path, bridge: Path | None = None, device: str | Path | None = None) -> RunRecord:
    """Read a run folder.

    Args:
        path: the folder that the train command made.
        bridge: the folder the bridge wrote, where it is not in the run folder.
        device: a device table (a name or a CSV file) for latency and energy, instead of the run's own device.csv and
            the recipe's table.

    Raises:
        ReportError: not a run folder, or a file in it is damaged.
        FileNotFoundError, ValueError: there is no such device table or bridge folder, or it can't be read.
    """
    folder = RunFolder(Path(path))
    settings = _settings(folder)
    results = _results(folder)
    missing: list[str] = []
    net = _network(folder, missing)
    own_table = folder.path / DEVICE
    table_name = str(device or (own_table if own_table.is_file() else _at(settings, "search", "device") or "cortex_m4"))
    stored = results.get("subnetworks", [])
    if not stored:
        missing.append("The search has not been made yet, so there are no subnetworks.")
    subnetworks = _subnetworks(folder, stored, results, net, read_device(table_name), missing)
    problem_curve, scores = _search(folder, subnetworks, missing)
    classes = results.get("classes") or (net.metadata.get("classes") if net else None) or ()
    baselines = results.get("baselines") or folder.baselines()
    for name in settings.get("baselines") or []:
        untrained = [str(k) for k in range(len(subnetworks)) if str(k) not in baselines.get(name, {})]
        if untrained:
            missing.append(f"Baseline “{name}” has not been trained yet for subnetwork {', '.join(untrained)}.")
    return RunRecord(
        name=folder.path.resolve().name,
        recipe=Path(str(settings.get("recipe") or "run")).stem,
        seed=int(settings.get("seed_everything") or 0),
        model=_call(_at(settings, "model", "name"), _at(settings, "model", "arguments")),
        data=str(_at(settings, "data", "class_path") or "").rpartition(".")[2],
        settings=settings,
        classes=tuple(map(str, classes)),
        costs=_cost_names(subnetworks, stored, table_name),
        subnetworks=subnetworks,
        pretrained=results.get("pretrained") or _first_accuracy(net),
        baselines=baselines,
        curves=_curves(folder, missing),
        scores=scores,
        bounds=problem_curve,
        deployment=find_deployment(folder.path, bridge, Path(table_name) if Path(table_name).is_file() else None),
        seconds=results.get("seconds") or folder.seconds(),
        missing=tuple(missing),
    )


def _settings(folder: RunFolder) -> dict[str, Any]:
    if not folder.path.is_dir():
        raise ReportError(f"{folder.path} is no folder: give the folder of a run, such as runs/kws_dnn/latest")
    if not folder.config.is_file():
        raise ReportError(f"{folder.path} is no run folder: there is no {folder.config}")
    try:
        settings = load_yaml(folder.config.read_text())
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ReportError(f"{folder.config} is no valid YAML") from error
    if not isinstance(settings, dict):
        raise ReportError(f"{folder.config} holds no settings of a run")
    return settings


def _results(folder: RunFolder) -> dict[str, Any]:
    """subnetworks.json; where it has no confusion matrices, those of a later evaluation of the same network."""
    results = _json(folder.subnetworks) if folder.subnetworks.is_file() else {}
    later = folder.nested.with_suffix(".evaluation.json")
    if not results.get("confusions") and later.is_file():
        evaluated = _json(later)
        if [e.get("widths") for e in evaluated.get("subnetworks", [])] == [
            e.get("widths") for e in results.get("subnetworks", [])
        ]:
            results = results | {key: evaluated.get(key) for key in ("classes", "confusions")}
    return results


def _json(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text())
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise ReportError(f"{path} is damaged: it is no JSON") from error
    if not isinstance(content, dict):
        raise ReportError(f"{path} holds no results of a run")
    return content


def _network(folder: RunFolder, missing: list[str]) -> NestedNetwork | None:
    """The newest checkpoint of the run that can be read."""
    for path, lack in (
        (folder.nested, "The run has not been fine-tuned yet, so subnetworks have no accuracies."),
        (folder.searched, "There is no checkpoint with subnetworks."),
    ):
        if not path.is_file():
            missing.append(lack)
            continue
        try:
            return load(path)
        except CheckpointError as error:
            missing.append(f"The checkpoint {path.name} can't be read: {error}.")
            return None
    return None


def _subnetworks(
    folder: RunFolder,
    stored: Sequence[Any],
    results: Mapping[str, Any],
    net: NestedNetwork | None,
    table: DeviceTable,
    missing: list[str],
) -> tuple[SubnetworkRecord, ...]:
    kept = net.metadata if net and folder.nested.is_file() else {}
    accuracies = [entry.get("accuracy") for entry in stored]
    if stored and None in accuracies:
        accuracies = kept.get("accuracies") or [{}] * len(stored)
    confusions = results.get("confusions") or kept.get("confusions") or [None] * len(stored)
    if stored and confusions[0] is None and folder.nested.is_file():
        missing.append(f"There are no confusion matrices; this counts them: python -m reds_torch.evaluate {folder.nested}")
    try:
        costs = [_costs(entry, net, table, missing if k == 0 else []) for k, entry in enumerate(stored)]
        return tuple(
            SubnetworkRecord(
                widths=dict(entry["widths"]),
                costs=cost,
                shares={name: c / costs[0][name] for name, c in cost.items() if costs[0].get(name)},
                budgets=dict(entry["budgets"]),
                value=float(entry["value"]),
                bound=float(entry["bound"]),
                gap=float(entry["gap"]),
                status=str(entry["status"]),
                seconds=float(entry["seconds"]),
                binaries=tuple(entry["binaries"]),
                accuracy=dict(accuracy),
                confusion=None if confusion is None else tuple(map(tuple, confusion)),
            )
            for entry, cost, accuracy, confusion in zip(stored, costs, accuracies, confusions, strict=True)
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ReportError(f"{folder.subnetworks} is damaged or of another release: {error!r}") from error


def _costs(
    entry: Mapping[str, Any], net: NestedNetwork | None, table: DeviceTable, missing: list[str]
) -> dict[str, float]:
    """The stored costs, and latency and energy on the device where the network can say them."""
    costs = {name: float(cost) for name, cost in entry["costs"].items()}
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


def _cost_names(subnetworks: Sequence[SubnetworkRecord], stored: Sequence[Any], table: str) -> tuple[CostName, ...]:
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


def _search(
    folder: RunFolder, subnetworks: Sequence[SubnetworkRecord], missing: list[str]
) -> tuple[SearchBound | None, tuple[GroupScores, ...]]:
    if not folder.problem.is_file():
        missing.append("There is no problem.npz, so neither scores nor a bound of other searches can be shown.")
        return None, ()
    try:
        problem = load_problem(folder.problem)
    except ProblemError as error:
        raise ReportError(str(error)) from error
    cost = next((name for s in subnetworks for name in s.budgets), None)
    return (bound_curve(problem, cost) if cost in problem.table_costs else None), unit_scores(problem)


def _curves(folder: RunFolder, missing: list[str]) -> tuple[Curve, ...]:
    if not folder.metrics.is_file():
        missing.append("There is no metrics.csv: nothing has been trained yet.")
        return ()
    try:
        return read_curves(folder.metrics)
    except (KeyError, TypeError, ValueError) as error:
        raise ReportError(f"{folder.metrics} is damaged: {error}") from error


def _first_accuracy(net: NestedNetwork | None) -> Accuracy:
    """The pretrained network's, which searched.ckpt remembers."""
    remembered = (net.metadata.get("pretrained") if net else None) or [{}]
    return dict(remembered[0])


def _call(name: Any, arguments: Any) -> str:
    """A builder and its arguments as Python writes them: ds_cnn(size='s')."""
    given = ", ".join(f"{key}={value!r}" for key, value in (arguments or {}).items())
    return f"{name}({given})"


def _at(settings: Mapping[str, Any], section: str, key: str) -> Any:
    found = settings.get(section)
    return found.get(key) if isinstance(found, Mapping) else None
