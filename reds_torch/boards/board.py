"""The application of ``firmware/src`` on the other end of a serial line, as an object.

A command is a line; a reply is lines of ``key=value`` pairs, the last of which begins with "ok" or "error:"
(firmware/src/reds_app.h lists the commands).
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

FIRMWARE = "1"  # what reds_app.c says it speaks
_GREETING = "reds-torch firmware="


class BoardError(RuntimeError):
    """There is no board, it does not answer, or it says that something went wrong."""


@dataclass(frozen=True)
class Description:
    """What runs on the board."""

    subnetworks: int
    classes: int
    inputs: int  # values of one sample
    tests: int  # built-in test inputs
    clock_hz: int  # 0: unknown
    interpreter: str
    macs: tuple[int, ...]  # of each subnetwork
    peak_memory: tuple[int, ...]  # bytes


@dataclass(frozen=True)
class Run:
    """A subnetwork on the built-in test inputs."""

    inferences: int
    matches: int  # outputs equal to the expected ones in every bit
    correct: int
    microseconds: float  # of one inference, mean


@dataclass(frozen=True)
class LayerTime:
    """A layer of a subnetwork in the last run."""

    kind: str  # as TensorFlow Lite spells it
    macs: int
    outputs: int
    microseconds: float  # mean


@dataclass(frozen=True)
class Answer:
    """What the board made of features that were sent to it."""

    label: int
    outputs: NDArray[np.int8]  # (classes,)
    microseconds: int


class Board:
    """A board that runs the application.

    Args:
        port: a serial port, such as /dev/ttyACM0 or COM3.
        timeout: seconds that it may take to answer a command; running all test inputs on a slow board takes some.

    Raises:
        BoardError: the port can't be opened, nothing answers, or something else than our firmware does.
    """

    def __init__(self, port: str, timeout: float = 60.0) -> None:
        self._port = port
        self._timeout = timeout
        self._line = _open(port)
        try:
            self.description = self._greet()
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Give the port back."""
        self._line.close()

    def __enter__(self) -> Board:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def select(self, k: int) -> None:
        """Let the next inferences run subnetwork ``k``."""
        self._ask(f"s {k}")

    def select_for(self, microseconds: int) -> int:
        """Select the largest subnetwork that fits, by the times that the board has measured; returns its index."""
        return _read(self._ask(f"b {microseconds}")[-1], subnetwork=int)["subnetwork"]

    def run(self) -> Run:
        """Run the selected subnetwork on the built-in test inputs."""
        line = self._ask("r")[0]
        return Run(*_read(line, inferences=int, match=int, correct=int, time_us=float).values())

    def layers(self) -> list[LayerTime]:
        """Each layer of the last run."""
        lines = self._ask("l")[:-1]
        return [LayerTime(*_read(line, kind=str, macs=int, outputs=int, time_us=float).values()) for line in lines]

    def classify(self, features: NDArray[np.int8]) -> Answer:
        """Run the selected subnetwork on one sample of int8 features, as the model takes them."""
        if features.dtype != np.int8 or features.size != self.description.inputs:
            raise ValueError(
                f"the model on the board takes {self.description.inputs} int8 values; "
                f"got {features.size} of {features.dtype}"
            )
        line = self._ask(f"d {features.tobytes().hex()}")[0]
        reply = _read(line, label=int, outputs=bytes.fromhex, time_us=int)
        return Answer(reply["label"], np.frombuffer(reply["outputs"], dtype=np.int8), reply["time_us"])

    def _greet(self) -> Description:
        self._line.reset_input_buffer()
        self._line.write(b"\n")  # ends what somebody else may have left of a line
        # A board that has just started prints a table of its own first; the reply's end looks different.
        lines = self._ask("t", ends=("ok subnetwork=", "error: "))
        starts = [index for index, line in enumerate(lines) if line.startswith(_GREETING)]
        if not starts:
            raise BoardError(self._stranger(lines))
        header, _, *table = lines[starts[-1] : -1]
        version = _read(header, firmware=str)["firmware"]
        if version != FIRMWARE:
            raise BoardError(
                f"the firmware on {self._port} speaks version {version}, this program version {FIRMWARE}: "
                "take both from the same release"
            )
        counts = _read(header, subnetworks=int, classes=int, inputs=int, tests=int, clock_hz=int, interpreter=str)
        rows = [line.split() for line in table]
        return Description(
            **counts, macs=tuple(int(row[1]) for row in rows), peak_memory=tuple(int(row[2]) for row in rows)
        )

    def _ask(self, command: str, ends: tuple[str, ...] = ("ok", "error: ")) -> list[str]:
        """The lines of the reply, the last one included."""
        self._line.write(f"{command}\n".encode())
        lines: list[str] = []
        give_up = time.monotonic() + self._timeout
        while not (lines and lines[-1].startswith(ends)):
            if time.monotonic() > give_up:
                raise BoardError(self._stranger(lines) if lines else self._silence())
            if line := self._line.readline():
                lines.append(line.decode(errors="replace").strip())
        if lines[-1].startswith("error: "):
            raise BoardError(f"the board on {self._port} says: {lines[-1].removeprefix('error: ')}")
        return lines

    def _silence(self) -> str:
        return (
            f"nothing on {self._port} answered within {self._timeout:g} s: is the firmware on the board (make flash), "
            "and no other program on the port?"
        )

    def _stranger(self, lines: list[str]) -> str:
        return f"what answers on {self._port} is not the firmware of reds-torch: it says '{lines[-1][:60]}'"


def _open(port: str) -> Any:
    try:
        import serial  # noqa: PLC0415 - an extra
    except ImportError:
        raise BoardError("talking to a board needs pyserial: pip install 'reds-torch[device]'") from None
    try:
        return serial.Serial(port, baudrate=115200, timeout=0.1)
    except (serial.SerialException, OSError) as error:
        reason = re.sub(r"^\[Errno \d+\] |could not open port \S+: ", "", str(error))
        raise BoardError(f"the serial port {port} can't be opened: {reason}{_others()}") from None


def _others() -> str:
    from serial.tools import list_ports  # noqa: PLC0415 - an extra

    ports = ", ".join(sorted(found.device for found in list_ports.comports()))
    return f" (ports of this computer: {ports})" if ports else " (this computer has no serial ports)"


def _read(line: str, **kinds: Callable[[str], Any]) -> dict[str, Any]:
    """The values of these keys in a line of ``key=value`` pairs, in the order asked for."""
    pairs = dict(word.split("=", 1) for word in line.split() if "=" in word)
    try:
        return {key: kind(pairs[key]) for key, kind in kinds.items()}
    except (KeyError, ValueError):
        raise BoardError(f"a line from the board is garbled: '{line[:120]}' should hold {', '.join(kinds)}") from None
