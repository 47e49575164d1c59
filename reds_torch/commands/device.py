"""Measure a network on a board that runs the firmware, and compare its answers with the expected ones.

    python -m reds_torch.device PORT [--csv FILE] [--data build/kws_dnn/test_data.npz] [--inputs 100] [--repeats 3]

Every subnetwork runs on the test inputs that are built into the firmware. ``--csv`` writes what each layer took as a
device table, which the latency cost reads: the next search then knows this board. ``--data`` also sends test samples
that the bridge has left, and compares the board's outputs with TensorFlow Lite Micro's bit for bit.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from ..boards.board import Board, BoardError, Description
from ..boards.measurement import Measured, as_expected, check_fit, measure, read_samples, write_csv
from ..reporting.table import terminal


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit status, 1 if an answer differs from the expected one."""
    options = _parser().parse_args(arguments)
    try:
        samples = read_samples(options.data, options.inputs) if options.data else None
        check_folder(options.csv)
        with Board(options.port, options.timeout) as board:
            clock_mhz = options.clock_mhz or board.description.clock_hz / 1e6
            if options.csv and not clock_mhz:
                raise BoardError(
                    "the board does not say how fast its clock is, which the CSV file needs: give --clock-mhz"
                )
            if samples:
                check_fit(samples, board.description)
            steps = options.repeats + (len(samples.inputs) if samples else 0)
            with progress(board.description.subnetworks * steps) as advance:
                measured = measure(board, options.repeats, samples, advance)
            terminal().print(table(options.port, board.description, measured))
            if options.csv:
                write_csv(options.csv, board.description, clock_mhz, measured)
                print(f"device table: {options.csv}")
    except (BoardError, ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("interrupted: nothing was written", file=sys.stderr)
        return 130
    return 0 if all(as_expected(m) for m in measured) else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m reds_torch.device",
        description="Measure every subnetwork on a board that runs the firmware (make flash).",
        allow_abbrev=False,
    )
    parser.add_argument("port", help="serial port of the board, such as /dev/ttyACM0 or COM3")
    parser.add_argument("--csv", type=Path, metavar="FILE", help="write the layers' times as a device table")
    parser.add_argument("--data", type=Path, metavar="FILE", help="test_data.npz of the bridge: send samples as well")
    parser.add_argument(
        "--inputs", type=_positive, metavar="N", default=100, help="samples to send (default: %(default)s)"
    )
    parser.add_argument(
        "--repeats", type=_positive, metavar="N", default=3, help="runs of the built-in inputs (default: %(default)s)"
    )
    parser.add_argument(
        "--clock-mhz", type=float, metavar="F", help="the board's clock, where it does not know it itself"
    )
    parser.add_argument(
        "--timeout", type=float, metavar="S", default=60.0, help="seconds to wait for an answer (default: %(default)s)"
    )
    return parser


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text} is less than 1")
    return number


def check_folder(path: Path | None) -> None:
    """Refuse a place that can't be written to before anything is measured."""
    if path and not path.parent.is_dir():
        raise ValueError(f"the device table can't go to {path}: there is no folder {path.parent}")


@contextmanager
def progress(steps: int) -> Iterator[Callable[[], None]]:
    """A bar on the terminal, where there is one; yields a function to call after each step."""
    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("measuring", total=steps)
        yield lambda: bar.advance(task)


def table(port: str, board: Description, measured: Sequence[Measured]) -> Table:
    """One row for each subnetwork."""
    clock = f", {board.clock_hz / 1e6:g} MHz" if board.clock_hz else ""
    result = Table(title=f"{port}{clock}, interpreter: {board.interpreter}", title_justify="left")
    columns = ["", "MACs", "peak memory", "time", "ns per MAC", "as expected", "right"]
    for column in columns if measured[0].sent is None else [*columns, "sent: as expected", "sent: right"]:
        result.add_column(column, justify="right")
    for k, m in enumerate(measured):
        row = [
            f"{k}",
            f"{board.macs[k]:,}",
            f"{board.peak_memory[k]:,} B",
            f"{m.run.microseconds:,.1f} us",
            f"{1e3 * m.run.microseconds / board.macs[k]:.1f}" if board.macs[k] else "",
            f"{m.run.matches}/{m.run.inferences}",
            f"{m.run.correct}/{m.run.inferences}",
        ]
        if m.sent:
            row += [f"{m.sent.matches}/{m.sent.samples}", f"{m.sent.correct / m.sent.samples:.1%}"]
        result.add_row(*row)
    return result
