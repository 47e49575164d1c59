"""The application of firmware/src as a program of this machine, on a pretended model or on a real one."""

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

FIRMWARE = Path(__file__).parents[2] / "firmware"
FAKE = Path(__file__).parent / "fake"
FLAGS = ["-std=c99", "-D_POSIX_C_SOURCE=200809L", "-O1", "-g", "-Wall", "-Wextra", "-Wconversion", "-Werror"]
SANITIZED = ["-fsanitize=address", "-fsanitize=undefined", "-fno-sanitize-recover=all"]


@pytest.fixture(scope="session")
def build_fake(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Builds the application on the pretended model; arguments are further flags of the compiler."""
    if not shutil.which("cc"):
        pytest.skip("no C compiler")

    def build(*flags: str) -> Path:
        folder = tmp_path_factory.mktemp("application")
        includes = [f"-I{path}" for path in (FAKE, FIRMWARE / "src", FIRMWARE / "core")]
        command = ["cc", *FLAGS, *SANITIZED, *includes, *flags]
        # the pretended model brings a clock of its own
        host = [
            *command,
            "-Dport_microseconds=real_microseconds",
            "-c",
            FIRMWARE / "src/main_host.c",
            "-o",
            folder / "host.o",
        ]
        subprocess.run(host, check=True)
        sources = [FIRMWARE / "src" / f"{part}.c" for part in ("app", "commands", "measurement", "print")]
        sources += [FIRMWARE / "core" / f"{part}.c" for part in ("selection", "status")]
        program = folder / "application"
        subprocess.run([*command, *sources, FAKE / "interpreter_fake.c", folder / "host.o", "-o", program], check=True)
        return program

    return build


@pytest.fixture(scope="session")
def fake(build_fake: Callable[..., Path]) -> Path:
    """The application on the pretended model."""
    return build_fake()
