"""The lock holds exactly what pyproject.toml asks for, for every supported Python, and names no place."""

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parent.parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
LOCK = (ROOT / "environment" / "lock.txt").read_text()
PYTHONS = [c.rpartition(" ")[2] for c in PROJECT["project"]["classifiers"] if re.search(r":: 3\.\d+$", c)]


def pinned(python: str) -> dict[str, str]:
    """Versions that the lock gives to a Python on Linux, by package."""
    pins = [Requirement(line) for line in LOCK.splitlines() if line and not line.startswith("#")]
    here = {"python_version": python, "python_full_version": f"{python}.5", "sys_platform": "linux"}
    here |= {"platform_machine": "x86_64", "platform_system": "Linux", "implementation_name": "cpython"}
    found: dict[str, str] = {}
    for pin in pins:
        if pin.marker is None or pin.marker.evaluate({**here, "platform_python_implementation": "CPython"}):
            (specifier,) = pin.specifier
            assert specifier.operator == "=="
            assert pin.name not in found, f"{pin.name} has two versions"
            found[pin.name] = specifier.version
    return found


def asked() -> list[Requirement]:
    """All direct requirements of the core, the extras and the groups."""
    project, groups = PROJECT["project"], PROJECT["dependency-groups"]
    lists = [
        project["dependencies"],
        *project["optional-dependencies"].values(),
        *(g for name, g in groups.items() if name != "oracle"),
    ]
    written = [Requirement(entry) for entries in lists for entry in entries if isinstance(entry, str)]
    return [requirement for requirement in written if requirement.name != project["name"]]


@pytest.mark.parametrize("python", PYTHONS)
def test_every_requirement_has_a_version_in_its_range(python):
    versions = pinned(python)
    for requirement in asked():
        if requirement.marker and not requirement.marker.evaluate({"python_version": python, "extra": ""}):
            continue
        name = requirement.name.lower()
        assert name in versions, f"{name} is not in the lock for Python {python}"
        assert requirement.specifier.contains(versions[name], prereleases=True), f"{requirement}: {versions[name]}"


def test_all_supported_pythons_are_named():
    assert PYTHONS == ["3.11", "3.12", "3.13"]


def test_it_names_no_place():
    assert not re.search(r"://|--(extra-)?index|--find-links|@ ", LOCK)
