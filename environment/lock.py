"""Renews lock.txt: exact versions of everything, for all supported Pythons, and how much each part downloads.

    python environment/lock.py [--check] [--upgrade | --upgrade-package NAME | ...]

Versions that the lock has already stay as they are where pyproject.toml allows, unless uv's --upgrade is given. --check
changes nothing and fails if the lock does not fit pyproject.toml. It names no index and no hash: a build of torch from
another index has the same version.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from create import LOCK, ROOT, TORCH_FAMILY, contents_of

HEADER = """\
# Made by `make lock`: exact versions for Python 3.11 and newer. pip and uv take it as constraints.
# MB to download, on Linux x86-64, on top of each other: {sizes}
"""
# uv passes over the upper end of a package's Requires-Python, pip does not: the last version without one.
FOR_PIP = ("backports.strenum<1.3",)
# The wheel of torch 2.14.1 without CUDA, which is on no index that is asked here.
TORCH_WITHOUT_CUDA = 195


def main(arguments: Sequence[str]) -> int:
    """Run the command; returns its exit status."""
    check = "--check" in arguments
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    parts = [*project["project"]["optional-dependencies"], *project["dependency-groups"]]
    parts = [part for part in parts if part not in ("all", "oracle")]
    with tempfile.TemporaryDirectory() as temporary:
        pins = Path(temporary, "lock.txt")
        if LOCK.exists():
            pins.write_text(LOCK.read_text())
        for_pip = Path(temporary, "constraints.txt")
        for_pip.write_text("\n".join(FOR_PIP))
        further = [argument for argument in arguments if argument != "--check"]
        required = contents_of(project, ["core", *parts]).required
        resolve(required, pins, ["--constraints", str(for_pip), *further])
        text = pins.read_text()
        if not check:
            text = HEADER.format(sizes=sizes(project, parts, pins)) + text
    if not check:
        LOCK.write_text(text)
    elif versions(text) != versions(LOCK.read_text()):
        changed = sorted(versions(text) ^ versions(LOCK.read_text()))
        print(
            f"error: environment/lock.txt does not fit pyproject.toml: make lock ({'; '.join(changed)})",
            file=sys.stderr,
        )
        return 1
    return 0


def versions(lock: str) -> set[str]:
    """The lines of a lock without comments."""
    return {line for line in lock.splitlines() if line and not line.startswith("#")}


def resolve(required: Sequence[str], output: Path, arguments: Sequence[str] = ()) -> None:
    """Let uv resolve requirements for all Pythons; what lies in the output is kept where possible."""
    uv = [sys.executable, "-m", "uv", "pip", "compile", "--quiet", "--universal", "--python-version", "3.11"]
    options = ["--no-annotate", "--no-header", "--output-file", str(output), "-", *arguments]
    subprocess.run([*uv, *options], input="\n".join(required), text=True, check=True, stdout=subprocess.DEVNULL)


def sizes(project: Mapping[str, Any], parts: Sequence[str], pins: Path) -> str:
    """MB of the core without torch, of torch with and without CUDA, and what each part adds."""
    core = packages(contents_of(project, ["core"]).required, pins)
    torch = {name: size for name, size in core.items() if TORCH_FAMILY.match(f"{name}==")}
    found = {
        "core": sum(core.values()) - sum(torch.values()),
        "torch_with_cuda": sum(torch.values()),
        "torch_without_cuda": TORCH_WITHOUT_CUDA * 1_000_000,
    }
    for part in parts:
        more = packages(contents_of(project, [part]).required, pins)
        found[part] = sum(size for name, size in more.items() if name not in core)
    return ", ".join(f"{name} {round(size / 1e6)}" for name, size in found.items())


def packages(required: Sequence[str], pins: Path) -> dict[str, int]:
    """Bytes of each package that requirements lead to: the largest wheel for Linux x86-64 of a supported Python."""
    with tempfile.TemporaryDirectory() as temporary:
        output = Path(temporary, "pylock.toml")
        resolve(required, output, ["--format", "pylock.toml", "--constraints", str(pins)])
        resolved = tomllib.loads(output.read_text())["packages"]
    found: dict[str, int] = {}
    for package in resolved:
        files = [wheel["size"] for wheel in package.get("wheels", []) if _fits(wheel["url"])]
        largest = max(files, default=package.get("sdist", {}).get("size", 0))
        found[package["name"]] = max(largest, found.get(package["name"], 0))
    return found


def _fits(url: str) -> bool:
    """Whether a wheel is one for Linux x86-64 and a supported CPython."""
    python, _, platform = url.removesuffix(".whl").split("-")[-3:]
    platform_fits = platform == "any" or re.search(r"(manylinux|linux)\w*_x86_64", platform)
    return bool(platform_fits and re.search(r"py3|cp31[123]\b|abi3", f"{python}-{url}"))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
