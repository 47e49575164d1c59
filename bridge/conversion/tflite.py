"""From an ONNX graph to a float32 TensorFlow Lite model, through onnx2tf in a process of its own.

onnx2tf changes its process (recursion limit, random seeds, warning filters), ends it on errors, and prints a lot; in
a child none of this matters, and what it printed is looked at only where it failed.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import onnx

from ..error import BridgeError

# For models with 4-D inputs of three channels onnx2tf downloads this file unless it lies in its working directory.
_SAMPLES = "calibration_image_sample_data_20x128x128x3_float32.npy"
_PROGRAM = """
import sys, onnx2tf
for name in sys.argv[1:]:
    onnx2tf.convert(
        input_onnx_file_path=f"{name}.onnx",
        output_folder_path=name,
        not_use_onnxsim=True,
        custom_input_op_name_np_data_path=[["input", f"{name}.npy", 0.0, 1.0]],
        keep_shape_absolutely_input_names=None if name.startswith("map") else ["input"],
        non_verbose=True,
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
        BridgeError: onnx2tf failed; the message is its last one.
    """
    random = np.random.default_rng(0)
    with tempfile.TemporaryDirectory(prefix="reds-bridge-") as temporary:
        folder = Path(temporary)
        names = []
        for number, model in enumerate(models):
            shape = [axis.dim_value for axis in model.graph.input[0].type.tensor_type.shape.dim]
            names.append(f"map{number}" if len(shape) == 4 else f"vector{number}")
            onnx.save(model, folder / f"{names[-1]}.onnx")
            np.save(folder / f"{names[-1]}.npy", channels_last(random.standard_normal(shape, dtype=np.float32)))
        np.save(folder / _SAMPLES, random.random((20, 128, 128, 3), dtype=np.float32))
        output = _run([sys.executable, "-P", "-c", _PROGRAM, *names], folder)
        converted = [folder / name / f"{name}_float32.tflite" for name in names]
        if not all(file.is_file() for file in converted):
            raise BridgeError(f"onnx2tf failed: {_reason(output)}")
        return [file.read_bytes() for file in converted]


def _run(command: list[str], folder: Path) -> str:
    """Run a command silently; returns what it printed."""
    environment = {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}",
        "CUDA_VISIBLE_DEVICES": "-1",
        "TF_CPP_MIN_LOG_LEVEL": "3",
    }
    done = subprocess.run(
        command, cwd=folder, env=environment, check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    return done.stdout.decode(errors="replace")


def _reason(output: str) -> str:
    """The line that says most: the last error that onnx2tf or Python printed."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    errors = [line for line in lines if "ERROR" in line or "Error" in line]
    return (errors or lines or ["it printed nothing"])[-1]
