"""The folder of one run: what each stage leaves there, and what a resumed run finds."""

from __future__ import annotations

import fcntl
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from ..system.atomic import replacing
from ..system.ranks import rank

# Processes that prepare batches notice within this many seconds that the one they belonged to was killed.
PATIENCE_SECONDS = 10.0


class RunInUseError(OSError):
    """A run folder that another process works on."""


@dataclass(frozen=True)
class RunFolder:
    """Names of the files of a run; all of them are written whole or not at all, by the run's first process."""

    path: Path

    @classmethod
    def create(cls, recipe: str, run_dir: str | None) -> RunFolder:
        """A new folder, ``run_dir`` or runs/<recipe>/<timestamp>, the latter also linked as ``latest``."""
        if run_dir is not None:
            path = Path(run_dir)
            # hidden files are all that a run leaves which is killed before its settings are written
            if path.exists() and (not path.is_dir() or any(not p.name.startswith(".") for p in path.iterdir())):
                raise FileExistsError(f"run_dir={run_dir} holds something already: go on with it by resume={run_dir}")
            path.mkdir(parents=True, exist_ok=True)
            return cls(path)
        parent = Path("runs") / recipe
        stamp = datetime.now().strftime("%Y-%m-%d_%H-%M-%S")
        path, attempt = parent / stamp, 1
        while True:
            try:
                path.mkdir(parents=True)
                break
            except FileExistsError:
                attempt += 1
                path = parent / f"{stamp}_{attempt}"
        with replacing(parent / "latest") as link:
            link.symlink_to(path.name, target_is_directory=True)
        return cls(path)

    @contextmanager
    def in_use(self) -> Iterator[None]:
        """Keep other processes from working on the same run.

        Raises:
            RunInUseError: another one does.
        """
        with (self.path / ".lock").open("w") as lock:
            give_up = time.monotonic() + PATIENCE_SECONDS
            while True:
                try:
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    if time.monotonic() > give_up:
                        raise RunInUseError(f"another process is at work on {self.path}: let it end first") from None
                    time.sleep(0.1)
            self._remove_leftovers()
            yield

    def _remove_leftovers(self) -> None:
        """Remove what killed processes were about to write; see `atomic.replacing`."""
        for path in self.path.rglob(".*.*"):
            if path.suffix[1:].isdecimal() and path.is_file():
                path.unlink()

    @property
    def config(self) -> Path:
        """All settings, as they were understood."""
        return self.path / "config.yaml"

    @property
    def pretrained(self) -> Path:
        """The full network before nesting."""
        return self.path / "pretrained.ckpt"

    @property
    def problem(self) -> Path:
        """What was searched, so that `python -m reds_torch.knapsack` can search it again."""
        return self.path / "problem.npz"

    @property
    def searched(self) -> Path:
        """The network with ordered units and subnetworks, before fine-tuning."""
        return self.path / "searched.ckpt"

    @property
    def nested(self) -> Path:
        """The result."""
        return self.path / "nested.ckpt"

    @property
    def quantized(self) -> Path:
        """The result, fine-tuned for int8."""
        return self.path / "quantized.ckpt"

    @property
    def subnetworks(self) -> Path:
        """Widths, costs, bounds and accuracies."""
        return self.path / "subnetworks.json"

    @property
    def metrics(self) -> Path:
        """Every epoch's metrics of every stage."""
        return self.path / "metrics.csv"

    def state(self, stage: str) -> Path:
        """What a training stage needs to be resumed, as it was after the latest epoch."""
        return self.training(stage) / "last.ckpt"

    def best(self, stage: str) -> Path:
        """The network after the best epoch of a training stage."""
        return self.training(stage) / "best.ckpt"

    def training(self, stage: str) -> Path:
        """The folder of a training stage."""
        folder = self.path / "stages" / stage
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    @contextmanager
    def timed(self, stage: str) -> Iterator[None]:
        """Add the wall time of the block to the stage's, also when it is interrupted."""
        start = time.monotonic()
        try:
            yield
        finally:
            if rank() == 0:
                seconds = self.seconds()
                seconds[stage] = round(seconds.get(stage, 0.0) + time.monotonic() - start, 2)
                write_json(self.path / "stages.json", seconds)

    def seconds(self) -> dict[str, float]:
        """Wall seconds spent in each stage so far."""
        return read_json(self.path / "stages.json", {})

    def baselines(self) -> dict[str, Any]:
        """Accuracies of the baselines that are finished: {baseline: {index: {"val": ..., "test": ...}}}."""
        return read_json(self.path / "baselines.json", {})

    def add_baseline(self, name: str, index: int, accuracy: dict[str, float]) -> None:
        """Record a finished baseline network."""
        if rank() != 0:
            return
        known = self.baselines()
        known.setdefault(name, {})[str(index)] = accuracy
        write_json(self.path / "baselines.json", known)


def read_json(path: Path, default: Any) -> Any:
    """What a JSON file holds; the default where there is none."""
    return json.loads(path.read_text()) if path.is_file() else default


def write_json(path: Path, content: Any) -> None:
    """Replace a JSON file atomically."""
    with replacing(path) as temporary:
        temporary.write_text(json.dumps(content, indent=2) + "\n")
