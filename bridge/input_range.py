"""The range of the input, chosen for the answers rather than for the values.

The input is quantized before the network can do anything about it, and what it may hold is often lopsided: digital
silence has features far below those of any sound, so a range that includes it leaves few steps for speech. Clipping is
harmless where the network does not care. So ranges that are shorter on either side are tried, the calibration data are
clipped to each as the quantized input will be, and the range is kept whose int8 model gives the distributions over the
classes that are nearest to the float model's: by the Kullback-Leibler divergence, over samples and subnetworks.
"""

from __future__ import annotations

import numpy as np

from .converter import FloatModel, calibrate, to_int8
from .runtimes import input_output, quantized, run_litert
from .settings import RangeKind
from .subnetworks import cut

# of the whole range on one side of zero
_SHARES = (0.7, 0.5, 0.35, 0.25, 0.18)
# a shorter range must be better by this factor: the divergence is measured on few samples
_CLEARLY = 0.95
# nats; where the answers are this near, there is nothing to gain
_NEAR = 1e-3


def search_input_range(
    model: FloatModel, inputs: np.ndarray, percentile: float = 100.0, kind: RangeKind = "output"
) -> tuple[float, float]:
    """The best range of the inputs among those that are shorter than theirs on one or both sides.

    Args:
        model: the float32 model, whose outputs are logits.
        inputs: (N, ...) calibration data.
        percentile: of the ranges of activations.
        kind: which tensors a subnetwork quantizes in its own way.
    """
    expected = [run_litert(subnetwork, inputs) for subnetwork in model.subnetworks]

    def divergence(low: float, high: float) -> float:
        data, table = to_int8(model, calibrate(model, np.clip(inputs, low, high), percentile), kind)
        return float(np.mean([_divergence(cut(data, table, k), inputs, logits) for k, logits in enumerate(expected)]))

    low, high = float(inputs.min()), float(inputs.max())
    best = divergence(low, high)
    for side in (0, 1):
        whole = (low, high)[side]
        if (whole >= 0) if side == 0 else (whole <= 0):
            continue
        for share in _SHARES:
            if best < _NEAR:
                break
            candidate = (whole * share, high) if side == 0 else (low, whole * share)
            found = divergence(*candidate)
            if found < _CLEARLY * best:
                (low, high), best = candidate, found
    return low, high


def _divergence(model: bytes, inputs: np.ndarray, logits: np.ndarray) -> float:
    """Mean Kullback-Leibler divergence of an int8 model's classes from those of the float model's logits."""
    source, output = input_output(model)
    stored = run_litert(model, quantized(inputs, source)).astype(np.float64)
    expected, found = _log_softmax(logits), _log_softmax(output.scale * (stored - output.zero_point))
    return float((np.exp(expected) * (expected - found)).sum(1).mean())


def _log_softmax(logits: np.ndarray) -> np.ndarray:
    shifted = logits - logits.max(1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(1, keepdims=True))
