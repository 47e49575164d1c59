"""The firmware's interpreter against TensorFlow Lite Micro, which runs each subnetwork as a model of its own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from interpreters import micro
from nested_models import Example
from network_models import MAKERS, nested
from programs import SANITIZED, SANITIZED_DSP, Build, run

from bridge.model_file.flatbuffer import read_table
from bridge.model_file.subnetworks import cut

Maker = Callable[[np.random.Generator], Example]


def expected(model: bytes, inputs: np.ndarray) -> np.ndarray:
    """Outputs (subnetworks, N, ...) of TensorFlow Lite Micro."""
    table = read_table(model)
    return np.array([micro(cut(model, table, k), inputs) for k in range(len(table.subnetworks))])


def outputs(runner: Callable[..., object], model: bytes, inputs: np.ndarray, folder: Path) -> np.ndarray:
    """What firmware/test/run_model.c writes for all subnetworks."""
    (folder / "model.tflite").write_bytes(model)
    (folder / "inputs").write_bytes(inputs.tobytes())
    runner(folder / "model.tflite", folder / "inputs", folder / "outputs")
    values = np.frombuffer((folder / "outputs").read_bytes(), np.int8)
    return values.reshape(len(read_table(model).subnetworks), len(inputs), -1)


@pytest.mark.parametrize("build", [SANITIZED, SANITIZED_DSP], ids=lambda build: build.name)
@pytest.mark.parametrize("own", [False, True], ids=["shared", "own"])
@pytest.mark.parametrize("make", MAKERS, ids=lambda make: make.__name__)
def test_subnetworks_compute_what_cut_models_compute(
    make: Maker, own: bool, build: Build, host_program: Callable[[Build, str], Path], tmp_path: Path
) -> None:
    program = str(host_program(build, "run_model"))
    for seed in range(3):
        model, inputs = nested(make, seed, own)
        result = outputs(lambda *paths: run([program, *map(str, paths)]), model, inputs, tmp_path)
        np.testing.assert_array_equal(result.reshape(-1), expected(model, inputs).reshape(-1))


@pytest.mark.parametrize("make", MAKERS, ids=lambda make: make.__name__)
def test_a_cortex_m4_computes_the_same(make: Maker, emulate: Callable[..., str], tmp_path: Path) -> None:
    model, inputs = nested(make, 7, own=True)
    result = outputs(lambda *paths: emulate("run_model", *paths), model, inputs, tmp_path)
    np.testing.assert_array_equal(result.reshape(-1), expected(model, inputs).reshape(-1))
