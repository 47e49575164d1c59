"""Seconds and size of the environments: of the core, and of each part beside it.

    python -m benchmarks.environments [--python PATH ...] [--by uv|pip|both] [PART ...]
    python -m benchmarks.environments --of FOLDER      what each part has in an environment that is there; needs uv

Each is made anew in a folder of its own, with an empty download cache for the core and what that left for the parts,
and removed afterwards. Prints a table in Markdown; megabytes are those that the files take on the disk.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import tomllib
from collections.abc import Iterable
from importlib.metadata import Distribution, distributions
from pathlib import Path

ROOT = Path(__file__).parent.parent
PARTS = ("core", "synthetic", "images", "resampling", "bridge", "device", "sweep", "flash", "test", "lint")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.environments", description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="PART", default=PARTS)
    parser.add_argument("--python", nargs="*", default=[sys.executable], metavar="PATH")
    parser.add_argument("--by", choices=("uv", "pip", "both"), default="both")
    parser.add_argument("--of", type=Path, metavar="FOLDER", help="of an environment, such as make env's")
    options = parser.parse_args()
    if options.of:
        shares(options.of)
        return
    print(
        "| Python | by | part | s | MB | files of packages it adds, MB |",
        "| --- | --- | --- | --- | --- | --- |",
        sep="\n",
    )
    for python in options.python:
        version = subprocess.run([python, "--version"], capture_output=True, text=True, check=True).stdout.split()[1]
        for tool in ("uv", "pip") if options.by == "both" else (options.by,):
            with tempfile.TemporaryDirectory() as folder:
                measure(version, python, tool, options.parts, Path(folder))


def measure(version: str, python: str, tool: str, parts: tuple[str, ...], folder: Path) -> None:
    core = 0.0
    for part in parts:
        seconds, size = make(python, tool, part, folder)
        core = size if part == "core" else core
        more = "" if part == "core" else f"{size - core:.0f}"
        print(f"| {version} | {tool} | {part} | {seconds:.0f} | {size:.0f} | {more} |", flush=True)


def make(python: str, tool: str, part: str, folder: Path) -> tuple[float, float]:
    """Seconds, and megabytes on the disk."""
    uv = shutil.which("uv")
    path = [p for p in os.environ["PATH"].split(os.pathsep) if not (Path(p) / "uv").exists()]
    if tool == "uv":
        if uv is None:
            sys.exit("error: there is no uv: pip install uv, or --by pip")
        path = [str(Path(uv).parent), *path]
    caches = {"PIP_CACHE_DIR": str(folder / "pip"), "UV_CACHE_DIR": str(folder / "uv"), "UV_LINK_MODE": "copy"}
    start = time.monotonic()
    subprocess.run(
        [ROOT / "environment" / "python", "--folder", folder / "env", *([] if part == "core" else [part])],
        env={**os.environ, **caches, "PATH": os.pathsep.join(path), "PYTHON": python},
        check=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    seconds = time.monotonic() - start
    used = subprocess.run(["du", "-sm", folder / "env"], capture_output=True, text=True, check=True).stdout
    shutil.rmtree(folder / "env")
    return seconds, float(used.split()[0])


def shares(folder: Path) -> None:
    """Print the megabytes that the core, torch, CUDA and each other part have in an environment with all of them."""
    sys.path.insert(0, str(ROOT / "environment"))
    from create import LOCK, TORCH_FAMILY, contents_of  # noqa: PLC0415 - they lie in no package
    from lock import packages  # noqa: PLC0415

    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    site = str(next(folder.glob("lib/python3*/site-packages")))
    size = {canonical(d.metadata["Name"]): size_of(d) for d in distributions(path=[site])}

    def total(names: Iterable[str]) -> float:
        return sum(size.get(canonical(name), 0) for name in names) / 1e6

    core = packages(contents_of(project, ["core"]).required, LOCK).keys()
    cuda = {name for name in core if TORCH_FAMILY.match(f"{name}==") and name != "torch"}
    rows = {"core without torch": total(core - cuda - {"torch"}), "torch": total(["torch"]), "CUDA": total(cuda)}
    for part in PARTS[1:]:
        rows[part] = total(packages(contents_of(project, [part]).required, LOCK).keys() - core)
    print("| part | MB |", "| --- | --- |", *(f"| {name} | {mb:,.0f} |" for name, mb in rows.items()), sep="\n")


def size_of(distribution: Distribution) -> int:
    paths = [Path(str(distribution.locate_file(file))) for file in distribution.files or ()]
    return sum(path.stat().st_size for path in paths if path.is_file())


def canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


if __name__ == "__main__":
    main()
