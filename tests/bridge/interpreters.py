"""The stock runtimes, on a batch of inputs."""

from __future__ import annotations

import os

import numpy as np
from ai_edge_litert.interpreter import Interpreter, OpResolverType
from tflite_micro.python.tflite_micro import runtime


def micro(data: bytes, inputs: np.ndarray) -> np.ndarray:
    """Outputs of TensorFlow Lite Micro for (N, ...) inputs."""
    interpreter = runtime.Interpreter.from_bytes(data, arena_size=1 << 20)
    outputs = []
    for x in inputs:
        interpreter.set_input(x[np.newaxis], 0)
        interpreter.invoke()
        outputs.append(interpreter.get_output(0)[0])
    return np.array(outputs)


def litert(data: bytes, inputs: np.ndarray) -> np.ndarray:
    """Outputs of LiteRT's reference kernels for (N, ...) inputs."""
    interpreter = reference_interpreter(data)
    outputs = []
    for x in inputs:
        interpreter.set_tensor(interpreter.get_input_details()[0]["index"], x[np.newaxis])
        interpreter.invoke()
        outputs.append(interpreter.get_tensor(interpreter.get_output_details()[0]["index"])[0])
    return np.array(outputs)


def reference_interpreter(data: bytes) -> Interpreter:
    """LiteRT with its reference kernels; all tensors can be read after an inference."""
    interpreter = Interpreter(
        model_content=data,
        experimental_op_resolver_type=OpResolverType.BUILTIN_REF,
        experimental_preserve_all_tensors=True,
        num_threads=1,
    )
    interpreter.allocate_tensors()
    return interpreter


def crash(*_: object) -> None:
    """What a runtime with a fault does."""
    os.abort()
