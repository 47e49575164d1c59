"""Makes the virtual environment that parts of this project need, once, and prints the path of its Python.

    environment/python [--without-core] [--folder DIR] [--resolution locked|highest|lowest-direct] [PART ...]

Parts are extras and dependency groups of pyproject.toml, on top of the core. Versions are those of lock.txt. Only
dependencies are installed: the project itself is imported from its folder, so that two checkouts share an environment.
It needs nothing but Python, and uses uv where there is one, else pip.
"""

from __future__ import annotations

import argparse
import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
LOCK = Path(__file__).with_name("lock.txt")
# what a torch that is there already decides
TORCH_FAMILY = re.compile(r"(torch|torchvision|torchaudio|triton|nvidia-[\w-]+|cuda-[\w-]+)==")
# the line of lock.txt that says how much each part downloads
SIZES = re.compile(r"(\w+) (\d+)(?:,|$)")
TESTED = ((3, 11), (3, 12), (3, 13))


class CreationError(RuntimeError):
    """Why there is no environment, in one sentence."""


@dataclass(frozen=True)
class Contents:
    """What an environment is made of.

    Attributes:
        parts: extras and dependency groups, without those that stand for others; "core" is the project itself.
        required: what these ask for.
        resolution: which versions: the lock's, or one end of the ranges.
    """

    parts: tuple[str, ...]
    required: tuple[str, ...]
    resolution: str


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit status."""
    parser = argparse.ArgumentParser(prog="environment/python", description="The Python of an environment.")
    parser.add_argument("parts", nargs="*", metavar="PART", help="extras and dependency groups of pyproject.toml")
    parser.add_argument("--without-core", action="store_true", help="nothing but the parts")
    parser.add_argument("--folder", type=Path, metavar="DIR", help="of the environment; default: in the user's cache")
    parser.add_argument("--resolution", choices=("locked", "highest", "lowest-direct"), default="locked")
    options = parser.parse_args(arguments)
    try:
        parts = [*([] if options.without_core else ["core"]), *options.parts]
        contents = contents_of(tomllib.loads((ROOT / "pyproject.toml").read_text()), parts, options.resolution)
        folder = options.folder or cache() / f"env-{name_of(contents)}"
        with once_at_a_time(folder.parent):
            if not (folder / ".ready").exists():
                create(folder, contents)
    except (CreationError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interrupted: the same command begins the environment anew", file=sys.stderr)
        return 130
    print(python_of(folder))
    return 0


def contents_of(project: Mapping[str, Any], names: Sequence[str], resolution: str = "locked") -> Contents:
    """What parts ask for, as pyproject.toml states it.

    Raises:
        CreationError: there is no such part.
    """
    known = {
        "core": project["project"]["dependencies"],
        **project["project"]["optional-dependencies"],
        **project["dependency-groups"],
    }
    of_its_own = f"{project['project']['name']}["
    parts: dict[str, None] = {}
    required: dict[str, None] = {}

    def add(part: str) -> None:
        if part not in known:
            raise CreationError(f"there is no part '{part}' in pyproject.toml; there are: {', '.join(known)}")
        for entry in known[part]:
            if isinstance(entry, dict):
                add(entry["include-group"])
            elif entry.startswith(of_its_own):
                for inner in entry.removeprefix(of_its_own).rstrip("]").split(","):
                    add(inner)
            else:
                parts[part] = required[entry] = None

    for name in names:
        add(name)
    return Contents(tuple(parts), tuple(required), resolution)


def cache() -> Path:
    """The user's folder for environments."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "reds-torch"


def name_of(contents: Contents) -> str:
    """A name that is another one when anything is different that the environment is made of."""
    made_of = [*sorted(contents.required), contents.resolution, LOCK.read_text(), Path(__file__).read_text()]
    made_of += [sys.version, sys.prefix]
    return hashlib.sha256("\n".join([*made_of, str(installed_torch())]).encode()).hexdigest()[:16]


def once_at_a_time(folder: Path) -> Any:
    """A lock that is held while the file is open: a second process waits for the first one's environment."""
    folder.mkdir(parents=True, exist_ok=True)
    file = (folder / "lock").open("w")
    fcntl.flock(file, fcntl.LOCK_EX)
    return file


def installed_torch() -> dict[str, str]:
    """Versions of torch and its companions in this interpreter, if its torch is new enough; else nothing."""
    versions = {}
    for name in ("torch", "torchvision", "torchaudio"):
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    floor = re.search(r'"torch>=([\d.]+)"', (ROOT / "pyproject.toml").read_text())
    if "torch" not in versions or floor is None or _number(versions["torch"]) < _number(floor[1]):
        return {}
    return versions


def left_to_installed(requirement: str) -> bool:
    """Whether a torch that is there decides about a package: other builds of its companions may not load beside it."""
    return re.match(r"(torch|torchvision|torchaudio)\b(?!-)", requirement) is not None


def _number(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version.partition("+")[0])[:2])


def create(folder: Path, contents: Contents) -> None:
    """Make an environment; its stamp is written last, when it is complete.

    Raises:
        CreationError: it could not be made.
    """
    locked = contents.resolution == "locked"
    torch = installed_torch() if locked else {}
    uv = None if torch else shutil.which("uv")
    if not (locked or uv):
        raise CreationError("the ends of the ranges are resolved by uv: pip install uv")
    backend = torch_backend() if uv and "core" in contents.parts else None
    required = [r for r in contents.required if not (torch and left_to_installed(r))]
    say_what_is_missing(contents.parts)
    announce(folder, contents.parts, "uv" if uv else "pip", torch.get("torch"), backend)
    shutil.rmtree(folder, ignore_errors=True)
    with tempfile.TemporaryDirectory() as temporary:
        wanted, pinned = Path(temporary, "requirements.txt"), Path(temporary, "constraints.txt")
        wanted.write_text("\n".join(required))
        pinned.write_text(constraints(torch) if locked else "")
        arguments = ["-r", str(wanted), "-c", str(pinned)]
        if uv:
            resolution = [] if locked else ["--resolution", contents.resolution]
            by_uv(uv, folder, [*arguments, *resolution], backend)
        else:
            by_pip(folder, arguments, beside_installed=bool(torch))
    (folder / ".ready").touch()


def by_uv(uv: str, folder: Path, arguments: Sequence[str], backend: str | None) -> None:
    """Make an environment with uv; a build of torch that can't be had is not insisted on."""
    run([uv, "venv", "--quiet", "--python", sys.executable, str(folder)])
    install = [uv, "pip", "install", "--quiet", "--python", str(python_of(folder)), *arguments]
    if backend is not None:
        if subprocess.run([*install, f"--torch-backend={backend}"], stdout=sys.stderr, check=False).returncode == 0:
            return
        print("note: torch without CUDA could not be had (see above): the one with CUDA is taken", file=sys.stderr)
    run(install)


def by_pip(folder: Path, arguments: Sequence[str], beside_installed: bool) -> None:
    """Make an environment with venv and pip, which take pip's own configuration.

    Args:
        folder: of the environment.
        arguments: for ``pip install``.
        beside_installed: see what this interpreter has, too. ``--system-site-packages`` would pass over a virtual
            environment.
    """
    run([sys.executable, "-m", "venv", str(folder)])
    if beside_installed:
        site = Path(sysconfig.get_path("purelib", vars={"base": str(folder), "platbase": str(folder)}))
        paths = dict.fromkeys(sysconfig.get_path(kind) for kind in ("purelib", "platlib"))
        (site / "installed.pth").write_text("\n".join(paths) + "\n")
    quietly = ["--quiet", "--disable-pip-version-check", "--progress-bar", "off"]
    run([str(python_of(folder)), "-m", "pip", "install", *quietly, *arguments])


def say_what_is_missing(parts: Sequence[str]) -> None:
    """Name what this Python can't have."""
    version = sys.version_info[:2]
    if version not in TESTED:
        said = f"Python {version[0]}.{version[1]} is newer than what is tested (3.11 to 3.13)"
        print(f"note: {said}: what has no wheels for it is built or fails", file=sys.stderr)
    if "bridge" in parts and version not in TESTED[1:]:
        said = f"the bridge needs Python 3.12 or 3.13, and this is {version[0]}.{version[1]}: all else is installed"
        print(f"note: {said} (make PYTHON=/path/to/python3.13 ...)", file=sys.stderr)


def constraints(torch: Mapping[str, str]) -> str:
    """The lock's versions; of torch and its companions those that are installed, if any."""
    if not torch:
        return LOCK.read_text()
    kept = [line for line in LOCK.read_text().splitlines() if not TORCH_FAMILY.match(line)]
    return "\n".join([*kept, *(f"{name}=={version}" for name, version in torch.items())])


def torch_backend() -> str | None:
    """The build of torch that uv is asked for: without CUDA where no NVIDIA driver is; None where uv decides."""
    decided = {
        "UV_TORCH_BACKEND",
        "UV_INDEX",
        "UV_DEFAULT_INDEX",
        "UV_INDEX_URL",
        "UV_EXTRA_INDEX_URL",
        "UV_FIND_LINKS",
    }
    driver = Path("/proc/driver/nvidia").exists() or shutil.which("nvidia-smi")
    if sys.platform != "linux" or driver or decided & os.environ.keys():
        return None
    return "cpu"


def announce(folder: Path, parts: Sequence[str], tool: str, torch: str | None, backend: str | None) -> None:
    """Say beforehand how much is downloaded, and where it goes."""
    line = re.search(r"^# MB to download.*?: (.*)$", LOCK.read_text(), re.M)
    megabytes = {name: int(size) for name, size in SIZES.findall(line[1])} if line else {}

    def size(*more: str) -> str:
        total = sum(megabytes.get(part, 0) for part in (*parts, *more))
        return f"{total / 1000:.1f} GB" if total >= 1000 else f"{total} MB"

    if torch or "core" not in parts:
        amount = size() + (f", with the torch {torch} that is installed" if torch else "")
    elif backend:
        amount = f"{size('torch_without_cuda')} with a torch without CUDA, else {size('torch_with_cuda')}"
    else:
        cuda, none = size("torch_with_cuda"), size("torch_without_cuda")
        amount = f"{cuda}, most of it CUDA ({none} where pip or uv is set to an index of torch without it)"
    print(f"making the environment {folder} once, by {tool}: downloads at most {amount}", file=sys.stderr, flush=True)


def python_of(folder: Path) -> Path:
    """The interpreter of an environment."""
    return folder / "bin" / "python"


def run(command: Sequence[str]) -> None:
    """Run a step; what it prints goes to standard error, since standard output is the answer."""
    if status := subprocess.run(command, stdout=sys.stderr, check=False).returncode:
        raise CreationError(
            f"the environment could not be made (see above): {Path(command[0]).name} ended with {status}"
        )


if __name__ == "__main__":
    sys.exit(main())
