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

from .error import BridgeError

# For models with 4-D inputs of three channels onnx2tf downloads this file unless it lies in its working directory.
_SAMPLES = "calibration_image_sample_data_20x128x128x3_float32.npy"
_PROGRAM = """
import sys, onnx2tf
name, keep = sys.argv[1], sys.argv[2:]
onnx2tf.convert(
    input_onnx_file_path="model.onnx",
    output_folder_path="converted",
    not_use_onnxsim=True,
    custom_input_op_name_np_data_path=[[name, "sample.npy", 0.0, 1.0]],
    keep_shape_absolutely_input_names=keep or None,
    non_verbose=True,
)
"""


def channels_last(batch: np.ndarray) -> np.ndarray:
    """Samples as the converted model takes them: (B, C, H, W) -> (B, H, W, C); others stay as they are."""
    return np.ascontiguousarray(batch.transpose(0, 2, 3, 1)) if batch.ndim == 4 else batch


def convert(model: onnx.ModelProto) -> bytes:
    """Convert a graph of one input to a float32 model that takes one sample at a time, channels last.

    Raises:
        BridgeError: onnx2tf failed; the message is its last one.
    """
    (graph_input,) = model.graph.input
    shape = [d.dim_value for d in graph_input.type.tensor_type.shape.dim]
    random = np.random.default_rng(0)
    with tempfile.TemporaryDirectory(prefix="reds-bridge-") as name:
        folder = Path(name)
        onnx.save(model, folder / "model.onnx")
        np.save(folder / "sample.npy", channels_last(random.standard_normal(shape, dtype=np.float32)))
        np.save(folder / _SAMPLES, random.random((20, 128, 128, 3), dtype=np.float32))
        keep = [] if len(shape) == 4 else [graph_input.name]
        output = _run([sys.executable, "-P", "-c", _PROGRAM, graph_input.name, *keep], folder)
        converted = folder / "converted" / "model_float32.tflite"
        if not converted.is_file():
            raise BridgeError(f"onnx2tf failed: {_reason(output)}")
        return converted.read_bytes()


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
