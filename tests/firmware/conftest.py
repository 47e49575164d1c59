"""The firmware's programs, built for this machine in several ways and for the emulated Cortex-M4F."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

FIRMWARE = Path(__file__).parents[2] / "firmware"

Program = Callable[..., str]


@dataclass(frozen=True)
class Build:
    """A way to build for this machine (firmware/Makefile)."""

    name: str
    settings: tuple[str, ...]


SANITIZED = Build("sanitized", ("SANITIZE=1", "DSP=0", "CHAR=signed", "LANGUAGE=c99"))
SANITIZED_DSP = Build("sanitized_dsp", ("SANITIZE=1", "DSP=1", "CHAR=unsigned", "LANGUAGE=c++14"))


def make(target: str, build: Path, *settings: str) -> Path:
    """Builds ``target``, a path below the build folder, and returns where it lies."""
    command = ["make", "-s", "-j2", "-C", str(FIRMWARE), f"BUILD={build}", *settings, str(build / target)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return build / target


def run(command: list[str], seconds: float = 60) -> str:
    done = subprocess.run(command, capture_output=True, text=True, timeout=seconds, check=False, stdin=subprocess.DEVNULL)
    assert done.returncode == 0, f"{' '.join(command)}: exit {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.fixture(scope="session")
def builds(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("firmware")


@pytest.fixture(scope="session")
def host_program(builds: Path) -> Callable[[Build, str], Path]:
    """Builds a program of firmware/test for this machine."""
    if not (shutil.which("cc") and shutil.which("c++") and shutil.which("make")):
        pytest.skip("no C and C++ compiler or no make")

    def program(build: Build, name: str) -> Path:
        return make(f"host/{name}", builds / build.name, *build.settings)

    return program


@pytest.fixture(scope="session")
def emulate(builds: Path) -> Callable[..., str]:
    """Builds a program of firmware/test for the emulated Cortex-M4F, runs it and returns what it printed."""
    for tool in ("make", "arm-none-eabi-gcc", "qemu-system-arm"):
        if shutil.which(tool) is None:
            pytest.skip(f"no {tool}: install gcc-arm-none-eabi, libnewlib-arm-none-eabi and qemu-system-arm")

    def program(name: str, *arguments: object, seconds: float = 60) -> str:
        image = make(f"qemu/{name}.elf", builds / "qemu")
        options = "-machine mps2-an386 -display none -monitor none -serial null -icount shift=6,align=off,sleep=off"
        words = ",".join(f"arg={word}" for word in (name, *arguments))
        semihosting = f"enable=on,target=native,{words}"
        command = ["qemu-system-arm", *options.split(), "-semihosting-config", semihosting, "-kernel", str(image)]
        return run(command, seconds)

    return program
