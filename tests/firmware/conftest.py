"""The firmware's programs, built for this machine in several ways and for the emulated Cortex-M4F."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from programs import Build, make, run

sys.path.append(str(Path(__file__).parent.parent / "bridge"))  # its models and stock interpreters


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
