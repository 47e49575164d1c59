"""Copies of a real run, an epoch long, that tests may change."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture
def run(whole_run, tmp_path):
    """A copy of the run."""
    return Path(shutil.copytree(whole_run, tmp_path / "run"))


@pytest.fixture
def another(run, tmp_path) -> Callable[..., Path]:
    """Further runs: the same with another seed and accuracies that differ from the first's by so much."""

    def make(seed: int, better: float, **settings: str) -> Path:
        folder = Path(shutil.copytree(run, tmp_path / f"run_{seed}"))
        changed = (folder / "config.yaml").read_text().replace("seed_everything: 0", f"seed_everything: {seed}")
        for old, new in settings.items():
            assert old in changed
            changed = changed.replace(old, new)
        (folder / "config.yaml").write_text(changed)
        results = stored(folder)
        for entry in results["subnetworks"]:
            entry["accuracy"]["test"] += better
        (folder / "subnetworks.json").write_text(json.dumps(results))
        return folder

    return make


def stored(folder: Path) -> dict[str, Any]:
    return dict(json.loads((folder / "subnetworks.json").read_text()))
