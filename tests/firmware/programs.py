"""Building and running the firmware's programs (firmware/Makefile)."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path

FIRMWARE = Path(__file__).parents[2] / "firmware"


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
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=seconds, check=False, stdin=subprocess.DEVNULL
    )
    assert done.returncode == 0, f"{' '.join(command)}: exit {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done.stdout
