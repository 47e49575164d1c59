"""platformio.ini as PlatformIO itself reads it, offline."""

import ast
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("platformio", reason="PlatformIO is not installed")

FIRMWARE = Path(__file__).parents[2] / "firmware"


@pytest.fixture
def ask(tmp_path: Path):
    def ask(*arguments: str) -> str:
        command = [sys.executable, "-m", "platformio", "project", "config", "--json-output", *arguments]
        environment = {**os.environ, "PLATFORMIO_CORE_DIR": str(tmp_path), "PLATFORMIO_SETTING_ENABLE_TELEMETRY": "no"}
        done = subprocess.run(
            command, cwd=FIRMWARE, env=environment, capture_output=True, text=True, timeout=60, check=True
        )
        return done.stdout

    return ask


def sections(text: str) -> dict[str, dict[str, Any]]:
    return {name: dict(options) for name, options in json.loads(text)}


def test_lint_finds_nothing(ask) -> None:
    # its exit status is 0 whatever it finds, and its "JSON" is Python's notation
    assert ast.literal_eval(ask("--lint")) == {"errors": [], "warnings": []}


def test_boards_are_pinned_and_optimized_for_speed(ask) -> None:
    found = sections(ask())
    boards = {name.removeprefix("env:"): options for name, options in found.items() if name.startswith("env:")}
    assert {"nano33ble", "rpipico", "nucleo_f446re"} <= boards.keys()
    assert boards["nano33ble"]["platform"] == "nordicnrf52@10.11.0"
    assert boards["nano33ble"]["lib_deps"] == ["spaziochirale/Chirale_TensorFLowLite@2.0.0"]
    for options in boards.values():
        assert options["platform"].count("@") == 1
        assert options["framework"] == ["arduino"]
        assert "-Os" in options["build_unflags"] and "-O2" in options["build_flags"]


def test_a_build_takes_one_interpreter_and_no_program_of_this_machine(ask, tmp_path: Path) -> None:
    from platformio.fs import match_src_files

    for name, options in sections(ask()).items():
        if name.startswith("env:"):
            files = {
                Path(file).name for file in match_src_files(str(FIRMWARE), options["build_src_filter"], ["c", "cpp"])
            }
            assert len(files & {"reds_app_interpreter_core.c", "reds_app_interpreter_tflm.cpp"}) == 1
            assert (
                ("reds_app_interpreter_tflm.cpp" in files)
                == ("reds_tflm.cpp" in files)
                == bool(options.get("lib_deps"))
            )
            assert {"reds_app.c", "main_arduino.cpp", "reds_kernels.c"} <= files
            assert not files & {"main_host.c", "main_qemu.c", "reds_qemu_startup.c"}
