"""What a run folder says, as plain data: the one source of the report and the plots.

A run that is not through is read as far as it goes; `RunRecord.missing` says in sentences what is not there.
Files are parsed, never executed; one that can't be read is refused with its name.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from ..checkpoint import CheckpointError, load
from ..costs import read_device
from ..knapsack import ProblemError, load_problem
from ..nested.network import NestedNetwork
from ..runs.command_line import load_yaml
from ..runs.folder import RunFolder
from .curves import Curve, read_curves
from .deployment import DEVICE, Deployment, find_deployment
from .search_record import GroupScores, SearchBound, bound_curve, unit_scores
from .subnetwork_record import (
    Accuracy,
    CostName,
    ReportError,
    SubnetworkRecord,
    cost_names,
    read_json,
    read_subnetworks,
)


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
    net, missing = _network(folder)
    table = _device_table(folder, settings, device)
    remembered = net.metadata if net else {}
    finetuned = remembered if folder.nested.is_file() else {}
    subnetworks, lacking = read_subnetworks(folder.subnetworks, results, finetuned, net, read_device(table))
    missing += lacking
    if not subnetworks:
        missing.append("The search has not been made yet, so there are no subnetworks.")
    elif folder.nested.is_file() and subnetworks[0].confusion is None:
        missing.append(
            f"There are no confusion matrices; this counts them: python -m reds_torch.evaluate {folder.nested}"
        )
    baselines = results.get("baselines") or _optional(folder.path / "baselines.json")
    missing += _untrained(settings, baselines, len(subnetworks))
    bounds, scores = _search(folder, subnetworks, missing)
    return RunRecord(
        name=folder.path.resolve().name,
        recipe=Path(str(settings.get("recipe") or "run")).stem,
        seed=int(settings.get("seed_everything") or 0),
        model=_call(_at(settings, "model", "name"), _at(settings, "model", "arguments")),
        data=str(_at(settings, "data", "class_path") or "").rpartition(".")[2],
        settings=settings,
        classes=tuple(map(str, results.get("classes") or remembered.get("classes") or ())),
        costs=cost_names(subnetworks, table),
        subnetworks=subnetworks,
        # before fine-tuning, searched.ckpt remembers the pretrained network's accuracies
        pretrained=results.get("pretrained") or dict((remembered.get("pretrained") or [{}])[0]),
        baselines=baselines,
        curves=_curves(folder, missing),
        scores=scores,
        bounds=bounds,
        deployment=find_deployment(
            folder.path, [s.widths for s in subnetworks], bridge, Path(table) if Path(table).is_file() else None
        ),
        seconds=results.get("seconds") or _optional(folder.path / "stages.json"),
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
    results = _optional(folder.subnetworks)
    later = _optional(folder.nested.with_suffix(".evaluation.json"))
    if later.get("confusions") and not results.get("confusions"):
        evaluated, searched = ([e["widths"] for e in r.get("subnetworks", [])] for r in (later, results))
        if evaluated == searched:
            results |= {"classes": later.get("classes"), "confusions": later["confusions"]}
    return results


def _optional(path: Path) -> dict[str, Any]:
    return read_json(path) if path.is_file() else {}


def _network(folder: RunFolder) -> tuple[NestedNetwork | None, list[str]]:
    """The newest checkpoint with subnetworks, and sentences about what is missing."""
    missing = []
    if not folder.nested.is_file():
        missing.append("The run has not been fine-tuned yet, so subnetworks have no accuracies.")
    for path in (folder.nested, folder.searched):
        if path.is_file():
            try:
                return load(path), missing
            except CheckpointError as error:
                missing.append(f"The checkpoint {path.name} can't be read: {error}.")
                break
    return None, missing


def _device_table(folder: RunFolder, settings: Mapping[str, Any], device: str | Path | None) -> str:
    """Name or path: what is asked for, else what was measured for the run, else the recipe's."""
    measured = folder.path / DEVICE
    return str(device or (measured if measured.is_file() else _at(settings, "search", "device") or "cortex_m4"))


def _untrained(settings: Mapping[str, Any], baselines: Mapping[str, Any], count: int) -> list[str]:
    lacking = []
    for name in settings.get("baselines") or []:
        indices = [str(k) for k in range(count) if str(k) not in baselines.get(name, {})]
        if indices:
            lacking.append(f"Baseline “{name}” has not been trained yet for subnetwork {', '.join(indices)}.")
    return lacking


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


def _call(name: Any, arguments: Any) -> str:
    """A builder and its arguments as Python writes them: ds_cnn(size='s')."""
    given = ", ".join(f"{key}={value!r}" for key, value in (arguments or {}).items())
    return f"{name}({given})"


def _at(settings: Mapping[str, Any], section: str, key: str) -> Any:
    found = settings.get(section)
    return found.get(key) if isinstance(found, Mapping) else None
