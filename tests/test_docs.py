"""Every block of code in the pages for users is run."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from torchvision.io import write_png

from reds_torch.recipes import parse

ROOT = Path(__file__).parent.parent
PAGES = ("your_model.md", "your_data.md", "budgets.md")


def blocks(page: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", (ROOT / "docs" / page).read_text(), re.S | re.M)


@pytest.fixture
def images(tmp_path):
    """Three classes of twenty random pictures."""
    root = tmp_path / "images"
    random = np.random.default_rng(0)
    for name in ("ants", "bees", "flies"):
        (root / name).mkdir(parents=True)
        for i in range(20):
            pixels = random.integers(0, 256, (3, 40, 36), np.uint8)
            write_png(torch.from_numpy(pixels), str(root / name / f"{i}.png"))
    return root


@pytest.mark.parametrize("page", [page for page in PAGES if blocks(page, "python")])
def test_python(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {"__name__": "page"}
    monkeypatch.setitem(sys.modules, "page", type(sys)("page"))
    for block in blocks(page, "python"):
        exec(compile(block, page, "exec"), names)


@pytest.mark.parametrize("page", [page for page in PAGES if blocks(page, "yaml")])
def test_yaml(page, tmp_path):
    for block in blocks(page, "yaml"):
        settings = yaml.safe_load(block)
        if "device" in settings.get("search", {}):
            (tmp_path / "device.csv").write_text((ROOT / "reds_torch/costs/devices/cortex_m4.csv").read_text())
            settings["search"]["device"] = str(tmp_path / "device.csv")
        recipe = tmp_path / "recipe.yaml"
        base = yaml.safe_load((ROOT / "recipes/kws_ds_cnn.yaml").read_text())
        recipe.write_text(yaml.safe_dump(base | settings))
        assert parse([f"recipe={recipe}", "data=synthetic"]).config.search.budgets == settings["search"]["budgets"]


COMMANDS = [
    pytest.param(page, line, id=f"{page}: {line[:50]}")
    for page in PAGES
    for block in blocks(page, "sh")
    for line in block.splitlines()
]


@pytest.mark.slow
@pytest.mark.parametrize(("page", "line"), COMMANDS)
def test_commands(page, line, tmp_path, tones, images):
    """With small data, and training as one step."""
    saved = r"```python\n((?:(?!```).)*?)```\n\nsaved as `(\w+\.py)`"
    for code, name in re.findall(saved, (ROOT / "docs" / page).read_text(), re.S):
        (tmp_path / name).write_text(code)
    command = shlex.split(line.replace("SPEECH", str(tones)).replace("IMAGES", str(images)))
    assert command[0] == "python"
    if "reds_torch.train" in command:
        command += ["trainer.fast_dev_run=true", f"run_dir={tmp_path / 'run'}"]
    own = {"PYTHONPATH": f"{ROOT}:{tmp_path}", "XDG_CACHE_HOME": str(tmp_path), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, *command[1:]], cwd=tmp_path, env=os.environ | own, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
