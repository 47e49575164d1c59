"""Runs that differ in nothing but their seed are one experiment: means and spreads over them."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .run_record import RunRecord
from .subnetwork_record import Accuracy

# where a run lies and where its data lie is not what it does
_ELSEWHERE = {"seed_everything", "run_dir", "resume", "data.init_args.root", "data.init_args.cache"}
_NAMED = 3  # differing settings in a name


@dataclass(frozen=True)
class Spread:
    """A number measured once by each run: mean, sample standard deviation (0 for one run), and the numbers."""

    mean: float
    deviation: float
    values: tuple[float, ...]


@dataclass(frozen=True)
class Series:
    """One way of training, by subnetwork: accuracies, and costs as means over the runs."""

    name: str
    accuracy: Mapping[int, Spread]


@dataclass(frozen=True)
class Experiment:
    """Runs of one recipe with equal settings. ``costs[k]`` are subnetwork k's, as means over the runs."""

    name: str
    runs: tuple[int, ...]
    seeds: tuple[int, ...]
    split: str
    costs: tuple[Mapping[str, float], ...]
    nested: Series
    pretrained: Spread | None
    baselines: tuple[Series, ...]


def group_runs(records: Sequence[RunRecord]) -> tuple[Experiment, ...]:
    """Experiments in the order of their first run; numbers in ``runs`` are positions in ``records``."""
    flat = [_flat(record.settings) for record in records]
    keys = [(repr(sorted(f.items())), len(r.subnetworks)) for f, r in zip(flat, records, strict=True)]
    members = [[i for i, key in enumerate(keys) if key == wanted] for wanted in dict.fromkeys(keys)]
    names = _names([records[m[0]].recipe for m in members], [flat[m[0]] for m in members])
    return tuple(_experiment(name, m, [records[i] for i in m]) for name, m in zip(names, members, strict=True))


def _experiment(name: str, members: Sequence[int], runs: Sequence[RunRecord]) -> Experiment:
    split = runs[0].split
    count = len(runs[0].subnetworks)
    shared = [key for key in (c.key for c in runs[0].costs) if all(key in s.costs for r in runs for s in r.subnetworks)]
    costs = tuple(
        {key: statistics.mean(r.subnetworks[k].costs[key] for r in runs) for key in shared} for k in range(count)
    )
    baselines = dict.fromkeys(name for run in runs for name in run.baselines)
    return Experiment(
        name=name,
        runs=tuple(members),
        seeds=tuple(run.seed for run in runs),
        split=split,
        costs=costs,
        nested=_series("nested", [[s.accuracy for s in run.subnetworks] for run in runs], split),
        pretrained=spread([run.pretrained[split] for run in runs if split in run.pretrained]),
        baselines=tuple(
            _series(b, [[run.baselines.get(b, {}).get(str(k), {}) for k in range(count)] for run in runs], split)
            for b in baselines
        ),
    )


def spread(values: Sequence[float]) -> Spread | None:
    """Mean and sample standard deviation; None where there is no number."""
    if not values:
        return None
    return Spread(statistics.mean(values), statistics.stdev(values) if len(values) > 1 else 0.0, tuple(values))


def _series(name: str, accuracies: Sequence[Sequence[Accuracy]], split: str) -> Series:
    found = {}
    for k in range(len(accuracies[0])):
        measured = spread([run[k][split] for run in accuracies if split in run[k]])
        if measured:
            found[k] = measured
    return Series(name, found)


def _flat(settings: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Settings by dotted name, without those that say where things lie."""
    flat: dict[str, Any] = {}
    for key, value in settings.items():
        name = f"{prefix}{key}"
        if isinstance(value, Mapping):
            flat |= _flat(value, f"{name}.")
        elif name not in _ELSEWHERE:
            flat[name] = value
    return flat


def _names(recipes: Sequence[str], settings: Sequence[Mapping[str, Any]]) -> list[str]:
    """The recipe; where several experiments share it, what their settings differ in as well."""
    names = []
    for recipe, own in zip(recipes, settings, strict=True):
        same = [s for r, s in zip(recipes, settings, strict=True) if r == recipe]
        differing = [key for key in own if any(s.get(key) != own[key] for s in same)]
        shown = ", ".join(f"{key}={own[key]}" for key in differing[:_NAMED])
        names.append(f"{recipe} ({shown})" if shown else recipe)
    return names
