"""Ranges of activations over all subnetworks, on real data.

An int8 tensor needs a range that what it will hold stays within. The full network's own is not enough: a narrower
subnetwork adds up fewer terms, so cancellation that keeps the full network's sums small may be gone. The range of a
tensor is therefore the union over the subnetworks, each of which is run as a float32 model of its own.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from ai_edge_litert.interpreter import Interpreter, OpResolverType

from reds_torch.training.int8.fake_quantization import ANSWER

from ..error import BridgeError
from ..model_file.flatbuffer import read
from ..model_file.graph import Graph
from ..quiet import captured_output

# smallest and largest value of each activation, by the tensor's name
Ranges = Mapping[str, tuple[float, float]]

# a shorter range is that of a tensor that is always zero
_NOTHING = 1e-12
_BINS = 4096  # of the histograms that percentiles are read off


def check_samples(samples: np.ndarray, input_shape: Sequence[int]) -> None:
    """Refuse calibration data that no ranges can be read off.

    Raises:
        BridgeError: the shape is not (N, *input_shape), there is none, or the values are not finite or all equal.
    """
    if samples.ndim != len(input_shape) + 1 or samples.shape[1:] != tuple(input_shape):
        raise BridgeError(
            f"the calibration data have the shape {samples.shape}; the network takes (N, "
            f"{', '.join(map(str, input_shape))})"
        )
    if not len(samples):
        raise BridgeError("the calibration data are empty: ranges of activations need at least one sample")
    if not np.isfinite(samples).all():
        raise BridgeError("the calibration data hold values that are not finite numbers")
    if not samples.any():
        raise BridgeError("the calibration data are all zero: ranges of activations need samples as they will be")


def measure(model: bytes, inputs: np.ndarray, percentile: float = 100.0) -> Ranges:
    """The range of every activation of a float32 model on some inputs.

    Of the output, which are logits, what lies `ANSWER` below the largest of a sample is cut off: it would take most of
    the steps, so that the best answers tie.

    Args:
        model: a .tflite file.
        inputs: (N, ...) as the model takes them.
        percentile: below 100, what lies above it (or below 100 minus it) is cut off each range but the output's.
    """
    graph = Graph(read(model))
    output = graph.name(graph.outputs[0])
    ranges = _extremes(model, inputs, output)
    if percentile < 100:
        inner = {name: limits for name, limits in ranges.items() if name != output}
        ranges |= _percentiles(model, inputs, inner, percentile)
    return ranges


def union(ranges: Sequence[Ranges]) -> Ranges:
    """The smallest ranges that hold those of all subnetworks."""
    names = ranges[0].keys()
    return {name: (min(r[name][0] for r in ranges), max(r[name][1] for r in ranges)) for name in names}


def including_zero(smallest: float, largest: float) -> tuple[float, float]:
    """A range that can be quantized: it holds zero, which padding must hit exactly, and more than zero."""
    smallest, largest = min(smallest, 0.0), max(largest, 0.0)
    return (smallest, largest) if largest - smallest > _NOTHING else (0.0, 1.0)


def _extremes(model: bytes, inputs: np.ndarray, output: str) -> dict[str, tuple[float, float]]:
    samples = []
    for sample in _activations(model, inputs):
        extremes = {name: (float(x.min()), float(x.max())) for name, x in sample.items()}
        low, high = extremes[output]
        samples.append({**extremes, output: (max(low, high - ANSWER), high)})
    return dict(union(samples))


def _percentiles(model: bytes, inputs: np.ndarray, ranges: Ranges, percentile: float) -> dict[str, tuple[float, float]]:
    """Ranges between two percentiles, from histograms over the whole ranges."""
    limits = {name: including_zero(*whole) for name, whole in ranges.items()}
    histograms = {name: np.zeros(_BINS, np.int64) for name in ranges}
    for sample in _activations(model, inputs):
        for name in ranges:
            histograms[name] += np.histogram(sample[name], _BINS, limits[name])[0]
    return {name: _between(counts, limits[name], percentile) for name, counts in histograms.items()}


def _activations(model: bytes, inputs: np.ndarray) -> Iterator[dict[str, np.ndarray]]:
    """What every tensor that is no constant holds on each input, by the tensor's name."""
    graph = Graph(read(model))
    written = [*graph.inputs, *(int(tensor) for operator in graph.operators for tensor in operator.outputs)]
    with captured_output(), warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # that keeping all tensors takes memory
        interpreter = Interpreter(
            model_content=model,
            experimental_op_resolver_type=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
            experimental_preserve_all_tensors=True,
            num_threads=1,
        )
        interpreter.allocate_tensors()
    for sample in inputs:
        interpreter.set_tensor(graph.inputs[0], sample[None])
        interpreter.invoke()
        yield {graph.name(tensor): interpreter.get_tensor(tensor) for tensor in written}


def _between(counts: np.ndarray, limits: tuple[float, float], percentile: float) -> tuple[float, float]:
    """The edges of the bins in which the percentiles lie."""
    edges = np.linspace(*limits, len(counts) + 1)
    share = np.concatenate(([0.0], counts.cumsum() / counts.sum()))
    above = int(np.searchsorted(share, percentile / 100))
    below = int(np.searchsorted(share, 1 - percentile / 100, side="right")) - 1
    return float(edges[below]), float(edges[above])
