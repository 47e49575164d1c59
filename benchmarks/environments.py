"""Seconds and size of the environments: of the core, and of each part beside it.

    python -m benchmarks.environments [--python PATH ...] [--by uv|pip|both] [PART ...]

Each is made anew in a folder of its own, with an empty download cache for the core and what that left for the parts,
and removed afterwards. Prints a table in Markdown; megabytes are those that the files take on the disk.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parent.parent
PARTS = ("core", "synthetic", "images", "resampling", "bridge", "device", "sweep", "flash", "test", "lint")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.environments", description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="PART", default=PARTS)
    parser.add_argument("--python", nargs="*", default=[sys.executable], metavar="PATH")
    parser.add_argument("--by", choices=("uv", "pip", "both"), default="both")
    options = parser.parse_args()
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


if __name__ == "__main__":
    main()
