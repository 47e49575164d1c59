"""At run time: the largest subnetwork that meets a deadline on a machine whose load changes."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ..nested.evaluation_mode import evaluating
from ..nested.network import NestedNetwork

Run = Callable[[Any], Any]


@dataclass(frozen=True)
class Answer:
    """What a call gave: the output, the subnetwork that computed it (0 is the full one), and how long it took."""

    output: Any
    subnetwork: int
    seconds: float


class AdaptiveModel:
    """Runs the largest subnetwork that is expected to finish within a deadline.

    Each subnetwork is timed once, on ``example``. After every call the time it took, compared with the time
    it took then, tells how much slower the machine is now; all expectations move with this factor, also those of
    subnetworks that have not run for a while.

    Args:
        runs: one function from an input to an output for each subnetwork, the largest first.
        example: an input to time them with.
        rounds: how often each is timed; the median counts.
        memory: how much of the slowdown found so far stays at each call, from 0 (only the last call counts) to 1.
        clock: seconds, rising.

    Example:
        >>> import torch
        >>> import reds_torch as reds
        >>> from reds_torch.models import dnn
        >>> from reds_torch.runtime import AdaptiveModel
        >>> net = reds.nest(dnn("s"), torch.zeros(1, 1, 25, 10))
        >>> scores = reds.order(net, reds.score(net, criterion="l1"))
        >>> net.subnetworks = reds.search(net, scores, {"macs": [0.5, 0.25]}).subnetworks
        >>> model = AdaptiveModel.from_network(net, torch.zeros(1, 1, 25, 10))
        >>> model(torch.randn(1, 1, 25, 10), deadline=10.0).subnetwork  # seconds: time for the full network
        0
    """

    def __init__(
        self,
        runs: Sequence[Run],
        example: Any,
        rounds: int = 9,
        memory: float = 0.7,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        if not runs:
            raise ValueError("there must be at least one subnetwork to run")
        if rounds < 1 or not 0 <= memory < 1:
            raise ValueError(f"rounds must be at least 1 and memory in [0, 1), not {rounds} and {memory}")
        self._runs, self._memory, self._clock = tuple(runs), memory, clock
        self.slowdown = 1.0
        #: seconds of each subnetwork on the machine as it was found
        self.seconds = tuple(self._time(run, example, rounds) for run in self._runs)

    @classmethod
    def from_network(cls, net: NestedNetwork, example: torch.Tensor, **settings: Any) -> AdaptiveModel:
        """The subnetworks of a nested network, in PyTorch; inputs and outputs are tensors."""

        def subnetwork(k: int) -> Run:
            def run(inputs: torch.Tensor) -> torch.Tensor:
                with torch.inference_mode(), evaluating(net), net.active(k):
                    return net(inputs)

            return run

        return cls([subnetwork(k) for k in range(len(net.subnetworks))], example, **settings)

    @classmethod
    def from_tflite(cls, models: Sequence[str | Path], threads: int = 1, **settings: Any) -> AdaptiveModel:
        """One ``.tflite`` file for each subnetwork, the largest first, in LiteRT; inputs and outputs are float arrays.

        Raises:
            ModuleNotFoundError: without ai-edge-litert, which the extra ``bridge`` brings.
        """
        try:
            from ai_edge_litert.interpreter import Interpreter  # noqa: PLC0415 - an extra
        except ModuleNotFoundError as error:
            raise ModuleNotFoundError("LiteRT is missing: pip install 'reds-torch[bridge]'") from error
        runs = [_LiteRT(Interpreter(str(path), num_threads=threads)) for path in models]
        example = np.zeros(runs[0].shape, np.float32) if runs else None
        return cls(runs, example, **settings)

    def expected(self, subnetwork: int) -> float:
        """Seconds that a subnetwork is expected to take now."""
        return self.seconds[subnetwork] * self.slowdown

    def choose(self, deadline: float) -> int:
        """The largest subnetwork expected to take at most ``deadline`` seconds, or the fastest one if none does."""
        every = range(len(self.seconds))
        return next((k for k in every if self.expected(k) <= deadline), min(every, key=self.expected))

    def __call__(self, inputs: Any, deadline: float) -> Answer:
        """Answer within ``deadline`` seconds if any subnetwork can."""
        k = self.choose(deadline)
        start = self._clock()
        output = self._runs[k](inputs)
        seconds = self._clock() - start
        now = seconds / self.seconds[k]
        self.slowdown = self._memory * self.slowdown + (1 - self._memory) * now
        return Answer(output, k, seconds)

    def _time(self, run: Run, example: Any, rounds: int) -> float:
        run(example)  # what is done once only, such as planning memory
        times = []
        for _ in range(rounds):
            start = self._clock()
            run(example)
            times.append(self._clock() - start)
        return max(statistics.median(times), 1e-9)


class _LiteRT:
    """One model in an interpreter: floats in, floats out, whatever it computes with."""

    def __init__(self, interpreter: Any) -> None:
        interpreter.allocate_tensors()
        self.interpreter = interpreter
        (self.input,), (self.output,) = interpreter.get_input_details(), interpreter.get_output_details()
        self.shape = tuple(self.input["shape"])

    def __call__(self, inputs: np.ndarray) -> np.ndarray:
        self.interpreter.set_tensor(self.input["index"], _quantized(inputs, self.input))
        self.interpreter.invoke()
        return _dequantized(self.interpreter.get_tensor(self.output["index"]), self.output)


def _quantized(values: np.ndarray, tensor: dict[str, Any]) -> np.ndarray:
    scale, zero_point = tensor["quantization"]
    if not scale:
        return values.astype(tensor["dtype"])
    limits = np.iinfo(tensor["dtype"])
    return np.clip(np.round(values / scale) + zero_point, limits.min, limits.max).astype(tensor["dtype"])


def _dequantized(values: np.ndarray, tensor: dict[str, Any]) -> np.ndarray:
    scale, zero_point = tensor["quantization"]
    return (values.astype(np.float32) - zero_point) * scale if scale else values
