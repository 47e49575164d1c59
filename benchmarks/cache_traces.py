"""Which bytes of the weights a kernel loads, in which order: layouts in flash, and walks over them.

Activations lie in RAM, which the cache of the flash does not serve, so only weights are traced. Weights are addressed
as (output, tap, input): a tap is a position of a convolution's kernel, or a segment of the input of a dense layer
behind a flatten. A walk is a sequence of passes, each of which loads some of the weights, once for every output
position before the next pass begins.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Kind = Literal["dense", "conv", "depth-wise"]
Offsets = NDArray[np.int64]  # of weights in their buffer: by (output, tap, input), or in the order of loading
Passes = list[Offsets]


@dataclass(frozen=True)
class Layer:
    """Weights of one layer at full width, and how much of them each subnetwork uses."""

    name: str
    kind: Kind
    outputs: int
    taps: int
    inputs: int  # channels that each output reads: 1 in a depth-wise layer
    positions: int  # outputs on the map of one channel
    used: tuple[tuple[int, int], ...]  # (outputs, inputs) of each subnetwork, the full network first

    def weights(self, k: int) -> int:
        """Weights that subnetwork ``k`` uses."""
        outputs, inputs = self.used[k]
        return outputs * self.taps * inputs


def row_major(layer: Layer) -> Offsets:
    """TensorFlow Lite's order: (output, tap, input), depth-wise (tap, output)."""
    offsets = np.arange(layer.outputs * layer.taps * layer.inputs)
    if layer.kind == "depth-wise":
        return offsets.reshape(layer.taps, layer.outputs, 1).transpose(1, 0, 2)
    return offsets.reshape(layer.outputs, layer.taps, layer.inputs)


def nested_blocks(layer: Layer) -> Offsets:
    """The smallest subnetwork's weights first, then what each larger one adds, each block in row-major order.

    A stock interpreter cannot run a model that is stored so.
    """
    users = np.zeros((layer.outputs, layer.taps, layer.inputs), dtype=np.int64)
    for outputs, inputs in layer.used:
        users[:outputs, :, :inputs] += 1
    order = np.lexsort((row_major(layer).ravel(), -users.ravel()))  # by block, then row-major within it
    offsets = np.empty(order.size, dtype=np.int64)
    offsets[order] = np.arange(order.size)
    return offsets.reshape(users.shape)


def our_walk(layer: Layer, k: int, offsets: Offsets) -> Passes:
    """Our kernels without DSP instructions: the weights of one output, at all positions, before the next output's.

    Depth-wise, all outputs at every position, one after another: their few weights stay in the cache anyway.
    """
    used = _used(layer, k, offsets)
    return [used.ravel()] if layer.kind == "depth-wise" else list(used)


def naive_walk(layer: Layer, k: int, offsets: Offsets) -> Passes:
    """All weights at every position, each input spread to all outputs; depth-wise, one output after another."""
    used = _used(layer, k, offsets)
    return [used.ravel() if layer.kind == "depth-wise" else used.T.ravel()]


def block_walk(layer: Layer, k: int, offsets: Offsets) -> Passes:
    """All weights at every position, in the order in which they are stored: needs an accumulator for every output."""
    return [np.sort(_used(layer, k, offsets).ravel())]


def _used(layer: Layer, k: int, offsets: Offsets) -> Offsets:
    outputs, inputs = layer.used[k]
    return offsets[:outputs, :, :inputs].reshape(outputs, -1)


@dataclass(frozen=True)
class Scheme:
    """How weights are stored and in which order they are loaded."""

    name: str
    layout: Callable[[Layer], Offsets]
    walk: Callable[[Layer, int, Offsets], Passes]

    def passes(self, layer: Layer, k: int) -> Passes:
        """Byte offsets of the weights that subnetwork ``k`` loads in this layer, in order."""
        return self.walk(layer, k, self.layout(layer))


SCHEMES = (
    Scheme("row-major, our kernels", row_major, our_walk),
    Scheme("row-major, naive order", row_major, naive_walk),
    Scheme("nested blocks", nested_blocks, block_walk),
)
