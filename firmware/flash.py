"""From the latest trained network to a board, in one step.

    python -m firmware.flash BOARD [--checkpoint FILE] [--port PORT] [data.root=PATH ...]

Converts the network with the bridge (once: what lies in build/flash is used as long as it came from the same
checkpoint), builds the application with PlatformIO and uploads it. BOARD is an environment of firmware/platformio.ini,
or "emulator", for which converting is all there is to do; arguments that are not known here go to the bridge.
"""

from __future__ import annotations

import argparse
import configparser
import hashlib
import importlib.util
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

FIRMWARE = Path(__file__).parent
PROJECT = FIRMWARE.parent
MODEL = PROJECT / "build" / "flash"
EMULATOR = "emulator"

# Runs a command, its arguments first the program; returns its exit status.
Runner = Callable[[Sequence[str]], int]


class FlashError(RuntimeError):
    """What is missing on the way to the board, and what to do about it."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit status."""
    options, for_bridge = _parser().parse_known_args(arguments)
    try:
        check_board(options.board)
        checkpoint = options.checkpoint or latest_checkpoint(PROJECT / "runs")
        convert(checkpoint, MODEL, _run, for_bridge)
        if options.board == EMULATOR:
            return 0
        build(options.board, _run)
        upload(options.board, options.port or board_port(), _run)
    except (FlashError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    print(f"next: python -m reds_torch.device {options.port or board_port()} --data {MODEL / 'test_data.npz'}")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m firmware.flash", description="Convert, build and upload.", allow_abbrev=False
    )
    parser.add_argument("board", help=f"one of {', '.join(boards())}")
    parser.add_argument("--checkpoint", type=Path, metavar="FILE", help="default: the newest runs/*/latest/nested.ckpt")
    parser.add_argument("--port", help="serial port of the board; default: the only one with a board on USB")
    return parser


def boards() -> list[str]:
    """The environments of platformio.ini."""
    project = configparser.ConfigParser(interpolation=None)
    project.read(FIRMWARE / "platformio.ini")
    return [name.removeprefix("env:") for name in project.sections() if name.startswith("env:")]


def check_board(board: str) -> None:
    """Refuse a board that platformio.ini does not know."""
    if board not in (*boards(), EMULATOR):
        raise FlashError(f"there is no board '{board}'; there are: {', '.join(boards())} (firmware/platformio.ini)")


def latest_checkpoint(runs: Path) -> Path:
    """The network that was trained last."""
    checkpoints = sorted(runs.glob("*/latest/nested.ckpt"), key=lambda path: path.stat().st_mtime)
    if not checkpoints:
        raise FlashError(f"there is no trained network in {runs}: make demo, or make train RECIPE=kws_ds_cnn")
    return checkpoints[-1]


def convert(checkpoint: Path, folder: Path, run: Runner, arguments: Sequence[str] = ()) -> None:
    """Let the bridge make the model's sources, unless they are there and came from the same checkpoint."""
    if not checkpoint.is_file():
        raise FlashError(f"there is no checkpoint {checkpoint}")
    digest = hashlib.sha256(checkpoint.read_bytes() + "\0".join(arguments).encode()).hexdigest()
    origin = folder / "checkpoint.sha256"
    if (folder / "firmware" / "reds_generated_model.c").is_file() and origin.is_file() and origin.read_text() == digest:
        print(f"{folder} holds {checkpoint} already")
        return
    print(f"converting {checkpoint}")
    shutil.rmtree(folder, ignore_errors=True)
    folder.parent.mkdir(parents=True, exist_ok=True)
    if run([sys.executable, "-m", "bridge", str(checkpoint), "--out", str(folder), *arguments]):
        raise FlashError(f"the bridge could not convert {checkpoint}: see above")
    origin.write_text(digest)


def build(board: str, run: Runner) -> None:
    """Let PlatformIO build the application; it downloads toolchain and framework when it has not got them."""
    if importlib.util.find_spec("platformio") is None:
        raise FlashError("PlatformIO is not installed: pip install platformio")
    if run(_platformio(board)):
        raise FlashError(
            f"PlatformIO could not build the application for {board}: see above (HTTPClientError there means that it "
            "could not download the board's toolchain and framework, for which it needs the network once)"
        )


def board_port() -> str:
    """The serial port of the one board that is connected."""
    from serial.tools import list_ports  # noqa: PLC0415 - PlatformIO brings it

    ports = [found.device for found in list_ports.comports() if found.vid is not None]
    if len(ports) == 1:
        return ports[0]
    found = f"there are several: {', '.join(ports)}; give --port" if ports else "connect it by USB and run this again"
    raise FlashError(f"the application is built, but which board is it for? {found}")


def upload(board: str, port: str, run: Runner) -> None:
    """Let PlatformIO upload what it has built."""
    if run([*_platformio(board), "--target", "upload", "--upload-port", port]):
        raise FlashError(f"PlatformIO could not upload to {port}: see above; some boards need a double press on reset")


def _platformio(board: str) -> list[str]:
    return [sys.executable, "-m", "platformio", "run", "--project-dir", str(FIRMWARE), "--environment", board]


def _run(command: Sequence[str]) -> int:
    return subprocess.run(command, cwd=PROJECT, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
