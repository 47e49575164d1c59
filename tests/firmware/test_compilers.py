"""The core is C99 and C++14, with chars of either sign, for processors with and without the DSP extension."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from programs import FIRMWARE

WARNINGS = ["-Wall", "-Wextra", "-Wpedantic", "-Wconversion", "-Wshadow", "-Werror"]
SOURCES = sorted(str(path) for path in (FIRMWARE / "core").glob("*.c"))
M4 = ["-mcpu=cortex-m4", "-mfpu=fpv4-sp-d16", "-mfloat-abi=hard"]
# Assembly blocks take nearly all registers: they must fit whatever the compiler keeps for itself.
ARM = {
    "m4, no optimization": [*M4, "-O0"],
    "m4, frame pointer": [*M4, "-O2", "-fno-omit-frame-pointer"],
    "m4, small": [*M4, "-Os", "-fstack-protector-all"],
    "m7": ["-mcpu=cortex-m7", "-mfpu=fpv5-d16", "-mfloat-abi=hard", "-O3"],
    "m33, no floating point": ["-mcpu=cortex-m33", "-mfloat-abi=soft", "-O2"],
    "m0plus, no DSP extension": ["-mcpu=cortex-m0plus", "-Os"],
}


def compiles(compiler: str, *options: str, folder: Path | None = None) -> None:
    """All sources, without a warning: to object files in a folder, or only looked at."""
    if shutil.which(compiler) is None:
        pytest.skip(f"no {compiler}")
    output = ["-c"] if folder else ["-fsyntax-only"]
    command = [compiler, *options, *WARNINGS, *output, *SOURCES]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=folder)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("dsp", [0, 1])
@pytest.mark.parametrize("char", ["signed", "unsigned"])
def test_host(dsp: int, char: str) -> None:
    options = [f"-f{char}-char", f"-DREDS_DSP={dsp}"]
    compiles("cc", "-std=c99", *options)
    compiles("c++", "-x", "c++", "-std=c++14", *options)


@pytest.mark.parametrize("options", ARM.values(), ids=ARM)
def test_arm(options: list[str], tmp_path: Path) -> None:
    compiles("arm-none-eabi-gcc", "-std=c99", "-mthumb", *options, folder=tmp_path)
