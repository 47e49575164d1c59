"""Running models where they are meant to run: in LiteRT on phones, in TensorFlow Lite Micro on microcontrollers."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import prod
from typing import TypeVar

import numpy as np
from ai_edge_litert.interpreter import Interpreter, OpResolverType
from tflite_micro.python.tflite_micro.runtime import Interpreter as MicroInterpreter

from .error import BridgeError
from .model_file.flatbuffer import read
from .model_file.graph import Graph
from .model_file.requantization import Quantization
from .quiet import captured_output

T = TypeVar("T")
_LARGEST_ARENA = 1 << 30  # bytes to try TensorFlow Lite Micro with


@dataclass(frozen=True)
class Arena:
    """Bytes of TensorFlow Lite Micro's arena on this host.

    Attributes:
        activations: what inferences use over and over: activations and scratch buffers.
        persistent: what is kept: its own records, which are smaller on a 32-bit microcontroller.
    """

    activations: int
    persistent: int

    @property
    def total(self) -> int:
        """All of it."""
        return self.activations + self.persistent


def input_output(model: bytes) -> tuple[Quantization, Quantization]:
    """Quantization of the input and the output of an int8 model."""
    graph = Graph(read(model))
    return graph.quantization(graph.inputs[0]), graph.quantization(graph.outputs[0])


def quantized(values: np.ndarray, quantization: Quantization) -> np.ndarray:
    """Real values as int8."""
    stored = np.rint(values / np.float32(quantization.scale)) + quantization.zero_point
    return np.clip(stored, -128, 127).astype(np.int8)


def run_litert(model: bytes, inputs: np.ndarray, reference: bool = False) -> np.ndarray:
    """Outputs (N, classes) of a model in LiteRT, one input at a time on one thread.

    Args:
        model: a .tflite file.
        inputs: (N, ...) of the model's input type.
        reference: its plain kernels instead of the optimized ones.
    """
    resolver = OpResolverType.BUILTIN_REF if reference else OpResolverType.AUTO
    with captured_output():
        interpreter = Interpreter(model_content=model, experimental_op_resolver_type=resolver, num_threads=1)
        interpreter.allocate_tensors()
    (source,), (output,) = interpreter.get_input_details(), interpreter.get_output_details()
    outputs = []
    for sample in inputs:
        interpreter.set_tensor(source["index"], sample[None])
        interpreter.invoke()
        outputs.append(interpreter.get_tensor(output["index"])[0])
    return np.stack(outputs)


def run_micro(model: bytes, inputs: np.ndarray) -> tuple[np.ndarray, Arena]:
    """Outputs (N, classes) of an int8 model in TensorFlow Lite Micro, and the memory that it takes.

    Args:
        model: a .tflite file.
        inputs: (N, ...) int8, at least one.

    Raises:
        BridgeError: it refuses the model; the message is its own.
    """
    interpreter = _micro_interpreter(model)
    outputs = []
    for sample in inputs:
        interpreter.set_input(sample[None], 0)
        interpreter.invoke()
        outputs.append(interpreter.get_output(0)[0])
    with captured_output() as printed:
        interpreter.print_allocations()
    sizes = {name: int(size) for name, size in re.findall(r"Arena allocation (\w+) (\d+) bytes", printed.text)}
    return np.stack(outputs), Arena(sizes["head"], sizes["tail"])


def run_each(run: Callable[[bytes, np.ndarray], T], models: Sequence[tuple[bytes, np.ndarray]]) -> list[T]:
    """What `run_litert` or `run_micro` makes of several models, each with its inputs."""
    return [run(model, inputs) for model, inputs in models]


def _micro_interpreter(model: bytes) -> MicroInterpreter:
    """An interpreter with an arena that is large enough."""
    size = _ample_arena(model)
    while True:
        try:
            with captured_output() as printed:
                return MicroInterpreter.from_bytes(model, arena_size=size)
        except RuntimeError as error:
            reason = printed.text.strip().splitlines() or [str(error)]
            if size >= _LARGEST_ARENA or "missing:" not in printed.text:
                raise BridgeError(f"TensorFlow Lite Micro refuses the model: {reason[0]}") from error
        size *= 4


def _ample_arena(model: bytes) -> int:
    """Bytes that are more than enough as a rule: every activation at once, and what is kept for each weight.

    To begin small and grow would be dangerous. Where the arena ends at a temporary copy of a tensor's description,
    TensorFlow Lite Micro goes on with a null pointer and crashes (MobileNetV2 did, with 64 KiB).
    """
    graph = Graph(read(model))
    written = [int(tensor) for operator in graph.operators for tensor in operator.outputs]
    return (1 << 20) + 2 * sum(prod(graph.shape(tensor)) for tensor in (*graph.inputs, *written)) + 2 * len(model)
