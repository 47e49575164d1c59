"""Many runs of the train command: recipes x settings x seeds.

    python -m reds_torch.sweep recipe=[kws_dnn,kws_cnn] seeds=[0,1,2] data.root=PATH baselines=[alone]
    python -m reds_torch.sweep recipe=kws_dnn seeds=[0,1] each.search.strategy=[bottom_up,joint] address=auto

  recipe=[NAME,...]      recipes, one or several
  seeds=[0,1,2]          one run for each; default [0]
  each.KEY=[V1,V2,...]   one run for each value of a setting; with several such keys, for each combination
  key=value              a setting of all runs, as for the train command
  dir=PATH               where runs, logs and results.jsonl go; default runs/sweep
  at_once=N              so many runs at a time on this machine; default: as many as it has cores for
  cpus=1  gpus=0         cores (and threads) and GPUs of each run
  address=auto           run on the Ray cluster that this machine belongs to (or address=HOST:PORT); all machines
                         must find this environment, the data and `dir` under the same paths

A finished run is one line of results.jsonl and is not done again; an interrupted or failed one goes on with the
next call. Ends with a table of means and standard deviations over the seeds.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import Any

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from ..reporting.runs_table import runs_table
from ..reporting.table import terminal
from ..runs.cluster import Cluster, ClusterError
from ..runs.command_line import UsageError, load_yaml
from ..runs.experiments import Experiment, Outcome, ResultsFile, all_experiments, execute, log_of
from ..runs.recipes import known_recipes, parse

# what each run of a sweep gets from the sweep
TAKEN = {"seed_everything": "seeds", "run_dir": "dir", "resume": "dir", "config": "recipe"}


@dataclass(frozen=True)
class Sweep:
    """What a command line asks for."""

    experiments: tuple[Experiment, ...]
    folder: Path = Path("runs/sweep")
    address: str | None = None
    at_once: int | None = None
    cpus: int = 1
    gpus: float = 0.0
    results: ResultsFile = field(init=False)

    def __post_init__(self) -> None:
        for name, least in (("at_once", 1), ("cpus", 1), ("gpus", 0)):
            given = getattr(self, name)
            if given is not None and (not isinstance(given, int | float) or given < least):
                raise UsageError(f"{name} must be a number from {least}, not {given!r}")
        object.__setattr__(self, "folder", Path(self.folder).resolve())
        object.__setattr__(self, "results", ResultsFile(self.folder / "results.jsonl"))


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit status: 1 where runs have failed."""
    arguments = sys.argv[1:] if arguments is None else arguments
    if {"-h", "--help"} & set(arguments):
        print(__doc__)
        return 0
    try:
        sweep = read(arguments)
        check(sweep)
        failed = run(sweep)
    except (UsageError, ClusterError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("interrupted: the same command goes on", file=sys.stderr)
        return 130
    return 1 if failed else 0


def read(arguments: Sequence[str]) -> Sweep:
    """What the command line asks for.

    Raises:
        UsageError: it can't be meant so.
    """
    own: dict[str, Any] = {}
    varied: dict[str, list[str]] = {}
    settings = []
    for argument in arguments:
        key, equals, text = argument.removeprefix("--").partition("=")
        if not equals:
            raise UsageError(f"'{argument}' is no setting: write key=value, such as seeds=[0,1,2]")
        if key in TAKEN:
            raise UsageError(f"{key} is the sweep's own: give {TAKEN[key]}=...")
        if key in ("recipe", "seeds", "dir", "address", "at_once", "cpus", "gpus"):
            own[key] = load_yaml(text)
        elif key.startswith("each."):
            values = load_yaml(text)
            if not isinstance(values, list) or not values:
                raise UsageError(f"{key} must be a list of values, such as {key}=[A,B], not {text}")
            varied[key.removeprefix("each.")] = [as_text(value) for value in values]
        else:
            settings.append(f"{key}={text}")
    recipes, seeds = as_list(own.pop("recipe", [])), as_list(own.pop("seeds", [0]))
    if not recipes:
        raise UsageError(f"which recipes? give recipe=[NAME,...], of {', '.join(known_recipes())}, or paths")
    if not seeds or not all(isinstance(seed, int) and seed >= 0 for seed in seeds):
        raise UsageError(f"seeds must be whole numbers from 0, such as seeds=[0,1,2], not {seeds}")
    for name, values in {"recipe": recipes, "seeds": seeds, **varied}.items():
        if len(set(values)) < len(values):
            raise UsageError(f"{name} names the same value twice: {', '.join(map(str, values))}")
    if "dir" in own:
        own["folder"] = Path(own.pop("dir"))
    return Sweep(tuple(all_experiments(recipes, seeds, varied, settings)), **own)


def as_list(value: Any) -> list[Any]:
    """One or several."""
    return value if isinstance(value, list) else [value]


def as_text(value: Any) -> str:
    """A value as a command line writes it."""
    if isinstance(value, list):
        return f"[{','.join(as_text(v) for v in value)}]"
    if isinstance(value, dict):
        return "{" + ",".join(f"{k}: {as_text(v)}" for k, v in value.items()) + "}"
    if isinstance(value, bool):
        return str(value).lower()
    return "null" if value is None else str(value)


def check(sweep: Sweep) -> None:
    """Refuse what the train command would refuse in its settings, before any run."""
    for experiment in {e.compared: e for e in sweep.experiments}.values():
        parse([f"recipe={experiment.recipe}", *experiment.settings])


def run(sweep: Sweep) -> list[Experiment]:
    """Run what is missing, print the tables; returns the runs that have failed."""
    console = terminal()
    sweep.folder.mkdir(parents=True, exist_ok=True)
    wanted = sweep.results.missing(sweep.experiments)
    there = len(sweep.experiments) - len(wanted)
    console.print(f"{len(sweep.experiments)} runs in {sweep.folder}" + (f", {there} of them finished" if there else ""))
    failed: dict[Experiment, str] = {}
    if wanted:
        columns = TextColumn("sweep"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()
        cluster = Cluster(sweep.address, sweep.cpus, sweep.gpus, sweep.at_once)
        with cluster, Progress(*columns, console=console) as bar:
            task = bar.add_task("", total=len(sweep.experiments), completed=there)
            calls = {e: (e, sweep.folder / e.name, Path.cwd(), sweep.cpus) for e in wanted}
            for experiment, outcome in cluster.calls(execute, calls):
                if reason := _reason(outcome):
                    failed[experiment] = reason
                else:
                    sweep.results.add(experiment, sweep.folder / experiment.name)
                bar.console.print(f"{experiment.name}: {reason or 'finished'}", markup=False)
                bar.advance(task)
    asked = {(*e.compared, e.seed) for e in sweep.experiments}
    lines = [r for r in sweep.results.read() if (r["recipe"], tuple(r["set"]), r["seed"]) in asked]
    lines.sort(key=lambda r: (r["recipe"], r["set"], r["seed"]))
    for (recipe, settings), runs in groupby(lines, key=lambda r: (r["recipe"], r["set"])):
        console.print(runs_table(" ".join([recipe, *settings]), list(runs)))
    for experiment, reason in failed.items():
        console.print(f"failed: {experiment.name}: {reason} ({log_of(sweep.folder / experiment.name)})", markup=False)
    if failed:
        console.print(f"{len(failed)} of {len(sweep.experiments)} runs have failed; the same command tries them again")
    return list(failed)


def _reason(outcome: Outcome | Exception) -> str:
    """Why a run failed; empty where it did not."""
    if isinstance(outcome, Exception):
        return f"its process was lost ({str(outcome).strip().splitlines()[0]})"
    return (outcome.last_words or f"exit status {outcome.status}") if outcome.status else ""
