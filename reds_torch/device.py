"""Measure a network on a board that runs the firmware, and compare its answers with the expected ones.

    python -m reds_torch.device PORT [--csv FILE] [--data build/kws_dnn/test_data.npz] [--inputs 100] [--repeats 3]

Every subnetwork runs on the test inputs that are built into the firmware. ``--csv`` writes what each layer took as a
device table, which the latency cost reads: the next search then knows this board. ``--data`` also sends test samples
that the bridge has left, and compares the board's outputs with TensorFlow Lite Micro's bit for bit.
"""

from __future__ import annotations

import argparse
import sys
import zipfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from .atomic import replacing
from .board import Board, BoardError, Description, LayerTime, Run
from .reporting.table import terminal

# TensorFlow Lite's names of layers, and those of our cost models
KINDS = {"FULLY_CONNECTED": "linear", "CONV_2D": "conv", "DEPTHWISE_CONV_2D": "grouped"}


@dataclass(frozen=True)
class Samples:
    """Test samples of the bridge: int8 inputs (N, ...), labels (N,), expected int8 outputs (K, N, classes)."""

    inputs: NDArray[np.int8]
    labels: NDArray[np.int64]
    outputs: NDArray[np.int8]


@dataclass(frozen=True)
class Sent:
    """A subnetwork on samples that were sent to the board."""

    samples: int
    matches: int
    correct: int


@dataclass(frozen=True)
class Measured:
    """A subnetwork on the board."""

    run: Run
    layers: Sequence[LayerTime]
    sent: Sent | None


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
            measured = measure(board, options.repeats, samples)
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


def read_samples(path: Path, count: int) -> Samples:
    """The first ``count`` samples of a file that ``python -m bridge`` has written.

    Raises:
        ValueError: it is no such file.
    """
    try:
        with np.load(path, allow_pickle=False) as data:
            samples = Samples(data["inputs"][:count], data["labels"][:count], data["outputs"][:, :count])
    except (zipfile.BadZipFile, KeyError, ValueError, EOFError, IndexError):
        raise ValueError(f"{path} is not a test_data.npz of the bridge (inputs, labels and outputs)") from None
    if samples.inputs.dtype != np.int8 or samples.outputs.dtype != np.int8:
        raise ValueError(f"{path} holds {samples.inputs.dtype} inputs and {samples.outputs.dtype} outputs, not int8")
    return samples


def check_folder(path: Path | None) -> None:
    """Refuse a place that can't be written to before anything is measured."""
    if path and not path.parent.is_dir():
        raise ValueError(f"the device table can't go to {path}: there is no folder {path.parent}")


def check_fit(samples: Samples, board: Description) -> None:
    """Refuse samples of another model than the board's."""
    theirs = (len(samples.outputs), samples.outputs.shape[-1], samples.inputs[0].size)
    ours = (board.subnetworks, board.classes, board.inputs)
    if theirs != ours:
        what = "{} subnetworks, {} classes and {} inputs"
        raise ValueError(
            f"the data are of a model with {what.format(*theirs)}, the one on the board has {what.format(*ours)}: "
            "take the test_data.npz that the firmware's model came with"
        )


def measure(board: Board, repeats: int, samples: Samples | None) -> list[Measured]:
    """Every subnetwork: ``repeats`` runs of the built-in inputs, then the samples."""
    measured = []
    steps = repeats + (len(samples.inputs) if samples else 0)
    with progress(board.description.subnetworks * steps) as advance:
        for k in range(board.description.subnetworks):
            board.select(k)
            runs, layers = [], []
            for _ in range(repeats):
                runs.append(board.run())
                layers.append(board.layers())
                advance()
            sent = None
            if samples:
                answers = []
                for features in samples.inputs:
                    answers.append(board.classify(features))
                    advance()
                matches = sum(np.array_equal(a.outputs, e) for a, e in zip(answers, samples.outputs[k], strict=True))
                correct = sum(a.label == label for a, label in zip(answers, samples.labels, strict=True))
                sent = Sent(len(answers), matches, correct)
            measured.append(Measured(_mean_run(runs), _mean_layers(layers), sent))
    return measured


@contextmanager
def progress(steps: int) -> Iterator[Callable[[], None]]:
    """A bar on the terminal, where there is one; yields a function to call after each step."""
    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("measuring", total=steps)
        yield lambda: bar.advance(task)


def as_expected(measured: Measured) -> bool:
    """Whether every output equalled the expected one in every bit."""
    sent = measured.sent
    return measured.run.matches == measured.run.inferences and (sent is None or sent.matches == sent.samples)


def _mean_run(runs: Sequence[Run]) -> Run:
    return Run(
        sum(run.inferences for run in runs),
        sum(run.matches for run in runs),
        sum(run.correct for run in runs),
        float(np.mean([run.microseconds for run in runs])),
    )


def _mean_layers(runs: Sequence[Sequence[LayerTime]]) -> list[LayerTime]:
    means = np.mean([[layer.microseconds for layer in layers] for layers in runs], axis=0)
    return [replace(layer, microseconds=float(mean)) for layer, mean in zip(runs[0], means, strict=True)]


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


def write_csv(path: Path, board: Description, clock_mhz: float, measured: Sequence[Measured]) -> None:
    """The layers of all subnetworks as a device table (`reds_torch.costs.device`)."""
    lines = [
        f"# measured by python -m reds_torch.device; interpreter: {board.interpreter}",
        *(f"# subnetwork {k}: {m.run.microseconds:.1f} us an inference" for k, m in enumerate(measured)),
        f"# clock_mhz = {clock_mhz:g}",
        "kind,macs,outputs,microseconds",
        *(
            f"{KINDS[layer.kind]},{layer.macs},{layer.outputs},{layer.microseconds:.3f}"
            for m in measured
            for layer in m.layers
        ),
    ]
    with replacing(path) as temporary:
        temporary.write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    sys.exit(main())
