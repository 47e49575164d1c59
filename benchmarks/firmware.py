"""Instructions of the firmware on an emulated Cortex-M4F, and whether its answers are TensorFlow Lite Micro's.

    python -m benchmarks.firmware                            a fully-connected 64-128-96-64-10, random weights
    python -m benchmarks.firmware build/kws_ds_cnn ...       folders that `python -m bridge` made

Needs gcc-arm-none-eabi, libnewlib-arm-none-eabi and qemu-system-arm. Instructions are not microseconds: QEMU counts
every instruction alike. "allowed" is what a narrower subnetwork may take: the full network's instructions times its
share of the MACs, 10 % more, and 40 for each output. Answers are those of the first 200 test inputs that the bridge has
kept, compared bit for bit. "pointwise" is a convolution behind a depth-wise one.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from rich.console import Console
from rich.table import Table
from torch import nn

from bridge.conversion.converter import calibrate, export_subnetworks, to_float, to_int8
from bridge.conversion.onnx2tf_process import convert
from bridge.model_file.flatbuffer import read_table
from bridge.model_file.table import encode
from reds_torch import nest
from reds_torch.nested import Subnetwork

FIRMWARE = Path(__file__).parent.parent / "firmware"
BOARD = "-machine mps2-an386 -display none -monitor none -serial null -icount shift=6,align=off,sleep=off"
MLP = (64, 128, 96, 64, 10)
SHARES = (1.0, 0.75, 0.5, 0.25)  # of each hidden layer's neurons
INPUTS = 200


@dataclass(frozen=True)
class Operator:
    """An operator in a subnetwork; instructions of one inference."""

    name: str
    macs: int
    outputs: int
    instructions: int


@dataclass(frozen=True)
class Measurement:
    """A subnetwork: its operators, a whole inference, and the adaptation to it."""

    operators: tuple[Operator, ...]
    instructions: int
    adaptation: int

    @property
    def macs(self) -> int:
        return sum(operator.macs for operator in self.operators)

    @property
    def outputs(self) -> int:
        return sum(operator.outputs for operator in self.operators)


def emulate(build: Path, program: str, *arguments: object) -> str:
    """Builds a program of firmware/test for the emulated processor and runs it."""
    image = build / "qemu" / f"{program}.elf"
    subprocess.run(["make", "-s", "-C", str(FIRMWARE), f"BUILD={build}", str(image)], check=True)
    words = ",".join(f"arg={word}" for word in (program, *arguments))
    semihosting = ["-semihosting-config", f"enable=on,target=native,{words}", "-kernel", str(image)]
    command = ["qemu-system-arm", *BOARD.split(), *semihosting]
    return subprocess.run(command, check=True, capture_output=True, text=True, stdin=subprocess.DEVNULL).stdout


def measure(build: Path, model: Path) -> tuple[Measurement, ...]:
    """What firmware/test/measure.c prints, for each subnetwork."""
    lines = [line.split() for line in emulate(build, "measure", model, "lines").splitlines()]
    count = sum(line[0] == "inference" for line in lines)
    return tuple(
        Measurement(
            tuple(
                Operator(line[3], *map(int, line[4:])) for line in lines if line[0] == "operator" and line[1] == str(k)
            ),
            next(int(line[4]) for line in lines if line[:2] == ["inference", str(k)]),
            next(int(line[2]) for line in lines if line[:2] == ["adaptation", str(k)]),
        )
        for k in range(count)
    )


def answers(build: Path, folder: Path) -> tuple[int, int]:
    """How many answers there are, of each subnetwork to each input, and how many are TensorFlow Lite Micro's."""
    data = np.load(folder / "test_data.npz")
    inputs, outputs = data["inputs"][:INPUTS], data["outputs"][:, :INPUTS]
    (build / "inputs").write_bytes(np.ascontiguousarray(inputs).tobytes())
    emulate(build, "run_model", folder / "model.tflite", build / "inputs", build / "outputs")
    ours = np.frombuffer((build / "outputs").read_bytes(), np.int8).reshape(outputs.shape)
    equal = (ours == outputs).all(axis=tuple(range(2, outputs.ndim)))
    return equal.size, int(equal.sum())


def mlp() -> bytes:
    """An int8 model of random weights as the bridge makes it, with the subnetworks of SHARES."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        layers = [part for a, b in pairwise(MLP) for part in (nn.Linear(a, b), nn.ReLU())][:-1]
        inputs = torch.randn(50, MLP[0])
    net = nest(nn.Sequential(*layers), torch.zeros(1, MLP[0]))
    net.subnetworks = [
        Subnetwork({name: int(width * share) for name, width in net.full_widths.items()}) for share in SHARES
    ]
    graphs = export_subnetworks(net)
    model = to_float(net, graphs, *convert(graphs[0]))
    return to_int8(model, calibrate(model, inputs.numpy()), "shared")[0]


def subnetwork_rows(measurements: Sequence[Measurement]) -> Iterator[list[str]]:
    full = measurements[0]
    for k, run in enumerate(measurements):
        allowed = 1.1 * full.instructions * run.macs / full.macs + 40 * run.outputs
        yield [
            str(k),
            f"{run.macs:,}",
            f"{run.macs / full.macs:.1%}",
            f"{run.instructions:,}",
            f"{run.instructions / run.macs:.2f}",
            f"{allowed:,.0f}" if k else "",
            str(run.adaptation),
        ]


def kind_of(model_operators: Sequence[Operator], index: int) -> str:
    """A pointwise convolution is one that follows a depth-wise one."""
    operator = model_operators[index]
    if operator.name == "CONV_2D" and index and model_operators[index - 1].name == "DEPTHWISE_CONV_2D":
        return "pointwise CONV_2D"
    return operator.name


def kind_rows(measurements: Sequence[Measurement]) -> Iterator[list[str]]:
    """Instructions per MAC by kind of layer, for each subnetwork."""
    operators = measurements[0].operators
    kinds = list(dict.fromkeys(kind_of(operators, i) for i in range(len(operators)) if operators[i].macs))
    for kind in kinds:
        row = [kind]
        for run in measurements:
            chosen = [run.operators[i] for i in range(len(operators)) if kind_of(operators, i) == kind]
            macs, instructions = (sum(getattr(o, name) for o in chosen) for name in ("macs", "instructions"))
            row.append(f"{instructions / macs:.2f}")
        yield row


def printed(console: Console, title: str, columns: Sequence[str], rows: Iterator[list[str]]) -> None:
    table = Table(title=title, title_justify="left")
    for i, column in enumerate(columns):
        table.add_column(column, justify="right" if i else "left")
    for row in rows:
        table.add_row(*row)
    console.print(table)


def report(console: Console, build: Path, name: str, model: Path) -> None:
    measurements = measure(build, model)
    columns = ["subnetwork", "MACs", "share", "instructions", "per MAC", "allowed", "adaptation"]
    printed(console, name, columns, subnetwork_rows(measurements))
    by_subnetwork = [f"subnetwork {k}" for k in range(len(measurements))]
    printed(console, f"{name}: instructions per MAC", ["layers", *by_subnetwork], kind_rows(measurements))
    data = model.read_bytes()
    subnetworks = read_table(data)
    shared = len(encode(replace(subnetworks, overrides={})))
    size, whole = len(encode(subnetworks)), len(data)
    console.print(
        f"table: {size:,} bytes of the model's {whole:,}, {size / whole:.2%}; "
        f"without quantizations of subnetworks' own {shared:,}, {shared / (whole - size + shared):.2%}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", nargs="*", type=Path, help="that `python -m bridge` made")
    folders: list[Path] = parser.parse_args().folders
    console = Console(width=140)
    for folder in folders:
        if not (folder / "model.tflite").is_file():
            sys.exit(f"error: {folder} has no model.tflite: give folders that `python -m bridge ... --out` made")
    with tempfile.TemporaryDirectory() as made:
        build = Path(made)
        if not folders:
            (build / "mlp.tflite").write_bytes(mlp())
            report(console, build, "-".join(map(str, MLP)), build / "mlp.tflite")
        for folder in folders:
            report(console, build, folder.name, folder / "model.tflite")
            count, equal = answers(build, folder)
            console.print(f"answers equal to TensorFlow Lite Micro's: {equal:,} of {count:,}\n")


if __name__ == "__main__":
    main()
