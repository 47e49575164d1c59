"""What is installed is what lies in the folders."""

import tomllib
from pathlib import Path

import reds_torch

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())


def test_every_package_is_listed():
    found = {
        ".".join(path.parent.relative_to(ROOT).parts)
        for top in ("reds_torch", "bridge")
        for path in ROOT.glob(f"{top}/**/*.py")
    }
    listed = set(PROJECT["tool"]["setuptools"]["packages"])
    assert listed == found | {
        "reds_torch.recipes",
        "reds_torch.recipes.base",
        "reds_torch.costs.devices",
        "reds_torch.reporting.page",
    }


def test_every_data_file_is_listed():
    data = PROJECT["tool"]["setuptools"]["package-data"]
    listed = {
        file
        for package, patterns in data.items()
        for p in patterns
        for file in (ROOT / package.replace(".", "/")).glob(p)
    }
    found = {
        path
        for top in ("reds_torch", "bridge")
        for path in (ROOT / top).rglob("*")
        if path.is_file() and path.suffix not in (".py", ".pyc")
    }
    assert found <= listed


def test_one_version():
    version = PROJECT["project"]["version"]
    assert version == reds_torch.__version__
    assert f"\nversion: {version}\n" in (ROOT / "CITATION.cff").read_text()
    assert f"version = {{{version}}}" in (ROOT / "README.md").read_text()
