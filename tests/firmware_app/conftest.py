"""The application of firmware/src as a program of this machine, on a pretended model or on a real one."""

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

TESTS = Path(__file__).parents[1]
FIRMWARE = TESTS.parent / "firmware"
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
            "-Dapp_port_microseconds=real_microseconds",
            "-c",
            FIRMWARE / "src/main_host.c",
            "-o",
            folder / "host.o",
        ]
        subprocess.run(host, check=True)
        sources = [FIRMWARE / "src" / f"reds_app{part}.c" for part in ("", "_commands", "_measurement", "_print")]
        sources += [FIRMWARE / "core" / f"reds_{part}.c" for part in ("selection", "status")]
        program = folder / "application"
        subprocess.run([*command, *sources, FAKE / "interpreter_fake.c", folder / "host.o", "-o", program], check=True)
        return program

    return build


@pytest.fixture(scope="session")
def fake(build_fake: Callable[..., Path]) -> Path:
    """The application on the pretended model."""
    return build_fake()


@pytest.fixture(scope="session")
def model_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small int8 model with subnetworks as the bridge leaves it: C sources, samples, TFLM's answers to them."""
    for module in ("ai_edge_litert", "tflite_micro"):
        pytest.importorskip(module, reason=f"{module} is not installed")
    sys.path += [str(TESTS / "bridge"), str(TESTS / "firmware")]  # their models
    from network_models import nested, separable

    from bridge.headers import DeviceModel, Examples, write_sources
    from bridge.model_file.flatbuffer import read_table
    from bridge.model_file.subnetworks import cut
    from bridge.runtimes import input_output, run_micro

    data, inputs = nested(separable, seed=5, own=True)
    table = read_table(data)
    outputs = np.stack([run_micro(cut(data, table, k), inputs)[0] for k in range(len(table.subnetworks))])
    labels = outputs[0].argmax(axis=1)
    source, output = input_output(data)
    model = DeviceModel(
        data=data,
        labels=tuple(f"class {i}" for i in range(outputs.shape[2])),
        input_shape=inputs.shape[1:],
        input_scale=source.scale,
        input_zero_point=source.zero_point,
        output_scales=(output.scale,) * len(outputs),
        output_zero_points=(output.zero_point,) * len(outputs),
        arena_size=run_micro(data, inputs[:1])[1].total,
    )
    folder = tmp_path_factory.mktemp("model")
    write_sources(folder / "firmware", model, Examples(inputs[:4], labels[:4], outputs[:, :4]), None)
    np.savez(folder / "test_data.npz", inputs=inputs, labels=labels, outputs=outputs)
    return folder
