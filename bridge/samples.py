"""The samples that the bridge needs: some of the training set for ranges, some of the test set for verification."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from .conversion.activation_ranges import check_samples
from .error import BridgeError


@dataclass(frozen=True)
class Samples:
    """Inputs as the network takes them, (N, channels, height, width), and their classes.

    Attributes:
        calibration: (N, ...) float32.
        calibration_labels: (N,) int64; None where they are not known.
        inputs: (M, ...) float32.
        labels: (M,) int64.
    """

    calibration: np.ndarray
    calibration_labels: np.ndarray | None
    inputs: np.ndarray
    labels: np.ndarray


def load_samples(data: Any, calibration: int, test: int, file: Path | None = None) -> Samples:
    """Take samples from a data module whose data are there.

    Args:
        data: of this project, or one with the same loaders.
        calibration: how many training samples, the first of the shuffled set.
        test: how many test samples at most, spread evenly over the set.
        file: calibration data instead of the training set's: an array (N, *input_shape) of numpy.

    Raises:
        BridgeError: the calibration data can't be used.
    """
    data.setup("test")
    inputs, labels = _first(data.test_dataloader())
    chosen = np.unique(np.linspace(0, len(inputs) - 1, min(test, len(inputs))).round().astype(int))
    known: np.ndarray | None = None
    if file is None:
        data.setup("fit")
        ranges, known = _first(data.calibration_dataloader(), calibration)
    else:
        ranges = _read(file)
    check_samples(ranges, tuple(data.input_shape))
    return Samples(ranges, known, inputs[chosen], labels[chosen])


def _first(loader: Iterable[Any], count: int | None = None) -> tuple[np.ndarray, np.ndarray]:
    """The first so many samples of a loader, or all of them: inputs and labels."""
    inputs: list[np.ndarray] = []
    labels: list[np.ndarray] = []
    for batch, classes in loader:
        inputs.append(np.asarray(batch, np.float32))
        labels.append(np.asarray(classes, np.int64))
        if count is not None and sum(map(len, inputs)) >= count:
            break
    return np.concatenate(inputs)[:count], np.concatenate(labels)[:count]


def _read(file: Path) -> np.ndarray:
    try:
        return np.load(file, allow_pickle=False).astype(np.float32)
    except (OSError, ValueError, EOFError) as error:
        raise BridgeError(f"--calibration {file} can't be read as numbers in numpy's .npy format") from error
