"""From an ONNX graph to a float32 TensorFlow Lite model, through onnx2tf in a process of its own.

onnx2tf changes its process (recursion limit, random seeds, warning filters), ends it on errors, and prints a lot; in
a child none of this matters, and what it printed is looked at only where it failed.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import onnx

from ..error import BridgeError
from ..requirements import check_requirements

_PROGRAM = """
import sys, onnx2tf
for name in sys.argv[1:]:
    onnx2tf.convert(
        input_onnx_file_path=f"{name}.onnx",
        output_folder_path=name,
        not_use_onnxsim=True,
        keep_shape_absolutely_input_names=None if name.startswith("map") else ["input"],
        verbosity="error",
    )
"""


def channels_last(batch: np.ndarray) -> np.ndarray:
    """Samples as the converted model takes them: (B, C, H, W) -> (B, H, W, C); others stay as they are."""
    return np.ascontiguousarray(batch.transpose(0, 2, 3, 1)) if batch.ndim == 4 else batch


def convert(*models: onnx.ModelProto) -> list[bytes]:
    """Convert graphs to float32 models that take one sample at a time, channels last.

    Args:
        models: each with one input, called "input"; converted in one process, since it takes seconds to start.

    Raises:
        BridgeError: onnx2tf is not there, or failed; the message is its last one.
    """
    check_requirements()
    with tempfile.TemporaryDirectory(prefix="reds-bridge-") as temporary:
        folder = Path(temporary)
        names = []
        for number, model in enumerate(models):
            rank = len(model.graph.input[0].type.tensor_type.shape.dim)
            names.append(f"map{number}" if rank == 4 else f"vector{number}")
            onnx.save(model, folder / f"{names[-1]}.onnx")
        output = _run([sys.executable, "-P", "-c", _PROGRAM, *names], folder)
        converted = [folder / name / f"{name}_float32.tflite" for name in names]
        if not all(file.is_file() for file in converted):
            raise BridgeError(f"onnx2tf failed: {_reason(output)}")
        return [file.read_bytes() for file in converted]


def _run(command: list[str], folder: Path) -> str:
    """Run a command silently; returns what it printed."""
    done = subprocess.run(command, cwd=folder, check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    return done.stdout.decode(errors="replace")


def _reason(output: str) -> str:
    """The line that says most: the last error that onnx2tf or Python printed."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    errors = [line for line in lines if "ERROR" in line or "Error" in line]
    return (errors or lines or ["it printed nothing"])[-1]
