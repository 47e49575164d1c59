"""Every subnetwork on a board: its answers, and the times of its layers as a device table."""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..system.atomic import replacing
from .board import Board, Description, LayerTime, Run

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


def measure(board: Board, repeats: int, samples: Samples | None, advance: Callable[[], None]) -> list[Measured]:
    """Every subnetwork: ``repeats`` runs of the built-in inputs, then the samples; ``advance`` is called after each."""
    measured = []
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


def write_csv(path: Path, board: Description, clock_mhz: float, measured: Sequence[Measured]) -> None:
    """The layers of all subnetworks as a device table (`reds_torch.costs.device_table`)."""
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
