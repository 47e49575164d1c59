"""What is installed is what lies in the folders."""

import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from email import message_from_string
from pathlib import Path

import pytest

import reds_torch

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())


def test_every_package_is_listed():
    found = {".".join(path.parent.relative_to(ROOT).parts) for path in ROOT.glob("reds_torch/**/*.py")}
    found |= {".".join(("reds_torch", *path.parent.relative_to(ROOT).parts)) for path in ROOT.glob("bridge/**/*.py")}
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


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """The wheel, built by setuptools from a copy, which it leaves traces in."""
    source = tmp_path_factory.mktemp("source")
    for name in ("reds_torch", "bridge", "recipes"):
        shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "setup.py", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    code = "from setuptools import build_meta; print(build_meta.build_wheel('dist'))"
    done = subprocess.run([sys.executable, "-c", code], cwd=source, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return source / "dist" / done.stdout.split()[-1]


def test_the_wheel_brings_one_name_and_one_command(wheel):
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        assert {name.partition("/")[0] for name in names} == {"reds_torch", f"{wheel.stem.rsplit('-', 3)[0]}.dist-info"}
        commands = next(archive.read(name).decode() for name in names if name.endswith("entry_points.txt"))
    assert commands.split() == ["[console_scripts]", "reds", "=", "reds_torch.__main__:main"]


def test_the_description_shows_nothing_that_an_index_has_not(wheel):
    with zipfile.ZipFile(wheel) as archive:
        metadata = next(archive.read(name).decode() for name in archive.namelist() if name.endswith("METADATA"))
    description = message_from_string(metadata).get_payload()
    assert "make demo" in description
    assert not re.search(r"!\[", description)
    links = re.findall(r"\]\(([^)]*)\)", description)
    assert links and all(link.startswith("https://") for link in links)


@pytest.mark.parametrize("command", ["train", "bridge", "search"])
def test_the_installed_commands_find_what_they_need(wheel, command, tmp_path):
    """From an empty folder, without the checkout; the bridge and the recipes lie elsewhere in a wheel."""
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "site")
    (tmp_path / "empty").mkdir()
    code = f"import sys; sys.path.insert(0, {str(tmp_path / 'site')!r}); from reds_torch.__main__ import main; "
    code += f"sys.exit(main([{command!r}, '--help']))"
    options = {"cwd": tmp_path / "empty", "capture_output": True, "text": True}
    done = subprocess.run([sys.executable, "-I", "-c", code], check=False, **options)
    assert done.returncode == 0, done.stderr
    assert "usage:" in done.stdout
    if command == "train":
        assert "kws_dnn" in done.stdout
