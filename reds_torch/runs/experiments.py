"""Many runs of the train command: which ones, what they leave, and which are there already.

Nothing here needs torch, so a process that only starts runs is there at once.
"""

from __future__ import annotations

import fcntl
import hashlib
import itertools
import json
import os
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..system.atomic import replacing

# Where a run's data lie and how it is computed is nothing that it is compared by.
ELSEWHERE = ("data.root=", "data.cache=", "data.workers=", "trainer.accelerator=")
# The longest name of a file is 255 bytes; a hash takes the place of what is too long.
LONGEST_NAME = 150


@dataclass(frozen=True)
class Experiment:
    """A run of the train command.

    Args:
        recipe: its name or path.
        seed: of everything.
        settings: further ``key=value``, in the order in which they were given.
    """

    recipe: str
    seed: int
    settings: tuple[str, ...] = ()

    @property
    def compared(self) -> tuple[str, tuple[str, ...]]:
        """What all seeds have in common: the recipe, and the settings that make a difference."""
        return self.recipe, tuple(s for s in self.settings if not s.startswith(ELSEWHERE))

    @property
    def name(self) -> str:
        """A name for its files, another one for each run."""
        recipe, settings = self.compared
        whole = "_".join((recipe, *settings, f"seed={self.seed}"))
        name = "".join(c if c.isalnum() or c in "._-=" else "-" for c in whole)
        if len(name) <= LONGEST_NAME and name == whole:
            return name
        return f"{name[:LONGEST_NAME]}_{hashlib.sha256(whole.encode()).hexdigest()[:8]}"

    def arguments(self, folder: Path) -> list[str]:
        """The command line, to begin the run in a folder or to go on with it."""
        if (folder / "config.yaml").is_file():
            return [f"resume={folder}"]
        return [f"recipe={self.recipe}", f"seed_everything={self.seed}", f"run_dir={folder}", *self.settings]


def all_experiments(
    recipes: Sequence[str], seeds: Sequence[int], varied: Mapping[str, Sequence[str]], settings: Sequence[str]
) -> list[Experiment]:
    """Each recipe with each choice of the varied settings, with each seed.

    Args:
        recipes, seeds: of the runs.
        varied: values of the settings that differ, as they are written on a command line.
        settings: ``key=value`` of all runs.
    """
    choices = itertools.product(*([f"{key}={value}" for value in values] for key, values in varied.items()))
    return [
        Experiment(recipe, seed, (*settings, *choice))
        for recipe, choice, seed in itertools.product(recipes, choices, seeds)
    ]


@dataclass(frozen=True)
class Outcome:
    """How a run ended: the command's exit status, and the last line that it wrote."""

    status: int
    last_words: str


def execute(experiment: Experiment, folder: Path, working_directory: Path, threads: int) -> Outcome:
    """Run the train command in a process of its own, which ends when this one does.

    Its output goes to a file beside ``folder``, at the end of what earlier tries left there.
    """
    package = Path(__file__).resolve().parent.parent.parent
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(filter(None, [str(package), os.environ.get("PYTHONPATH", "")])),
        "OMP_NUM_THREADS": str(threads),
        "REDS_TORCH_PARENT": str(os.getpid()),
    }
    log = log_of(folder)
    command = [sys.executable, "-m", "reds_torch.train", *experiment.arguments(folder)]
    with log.open("a") as file:
        ended = subprocess.run(command, stdout=file, stderr=file, cwd=working_directory, env=environment, check=False)
    return Outcome(ended.returncode, log.read_text(errors="replace").strip().rpartition("\n")[2])


def log_of(folder: Path) -> Path:
    """What a run in this folder writes to the terminal."""
    return folder.with_name(f"{folder.name}.log")


class ResultsFile:
    """The finished runs: one JSON object a line, with recipe, seed, settings and what the run found."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def read(self) -> list[dict[str, Any]]:
        """All lines; a last one that a killed process left unfinished does not count."""
        if not self.path.is_file():
            return []
        lines = self.path.read_text().splitlines(keepends=True)
        return [json.loads(line) for line in lines if line.endswith("\n")]

    def add(self, experiment: Experiment, folder: Path) -> dict[str, Any]:
        """Add a run that has finished in a folder, with what its subnetworks.json says."""
        recipe, settings = experiment.compared
        found = json.loads((folder / "subnetworks.json").read_text())
        for bulky in ("confusions", "classes"):
            found.pop(bulky, None)
        line = {"recipe": recipe, "seed": experiment.seed, "set": list(settings), **found}
        # two sweeps may share a file
        with self.path.with_name(".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            lines = [json.dumps(entry) + "\n" for entry in [*self.read(), line]]
            with replacing(self.path) as temporary:
                temporary.write_text("".join(lines))
        return line

    def missing(self, experiments: Iterable[Experiment]) -> list[Experiment]:
        """The experiments that have no line."""
        there = {(entry["recipe"], tuple(entry["set"]), entry["seed"]) for entry in self.read()}
        return [e for e in experiments if (*e.compared, e.seed) not in there]
