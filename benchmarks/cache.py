"""Hit rates of an RP2040's flash cache for every subnetwork, by layout of the weights and order of the kernels' loops.

    python -m benchmarks.cache [--models dnn:s ds_cnn:s]

Replays one inference on an empty cache: every byte of the weights that the kernels load, and, in the column "with
code", also their instructions, as the chip's own counters (CTR_HIT / CTR_ACC) see them when a program runs from flash.
"flash bytes" is what the cache fetches (8 for each miss) per byte of weights that the subnetwork has: 1 is the least.
Networks have untrained weights and four subnetworks of 100/75/50/25 % of the MACs; only their widths matter here.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from math import prod

import numpy as np
import torch
from rich.console import Console
from rich.table import Table

from reds_torch.nested.network import NestedNetwork

from .cache_simulator import LINE, hits
from .cache_traces import SCHEMES, Kind, Layer, Offsets, Passes, Scheme
from .step import nested_network

WEIGHTS = 1 << 20  # where a layer's weights begin in flash, and the loop that reads them
CODE = 1 << 12
# Words of code fetched for each weight: the loop around a MAC in our kernels has nine instructions of two bytes each
# when GCC 12 compiles it for a Cortex-M0+ at -O2.
CODE_WORDS = 5
KINDS: dict[str, Kind] = {"linear": "dense", "conv": "conv", "grouped": "depth-wise"}


@dataclass(frozen=True)
class Count:
    """Accesses to the flash, and those that the cache served."""

    accesses: int = 0
    hits: int = 0

    def __add__(self, other: Count) -> Count:
        return Count(self.accesses + other.accesses, self.hits + other.hits)

    @property
    def rate(self) -> float:
        return self.hits / self.accesses

    @property
    def misses(self) -> int:
        return self.accesses - self.hits


def layers(net: NestedNetwork) -> Iterator[Layer]:
    """The layers with weights, in the order in which they run."""
    widths = [net.widths(k) for k in range(len(net.subnetworks))]
    for layer in net.structure.layers:
        if layer.weight is None:
            raise ValueError(f"{layer.name} has no weights to load")
        outputs, inputs = (net.axis_length(layer.weight, axis) for axis in (0, 1))
        kernel = net.model.get_parameter(layer.weight).shape[2:]
        # behind a flatten, each channel stands for as many inputs as its map had positions
        segments = int(max(inputs.terms.values())) if any(inputs.terms) else 1
        yield Layer(
            name=layer.name,
            kind=KINDS[layer.kind],
            outputs=int(outputs(widths[0])),
            taps=segments * prod(kernel),
            inputs=int(inputs(widths[0])) // segments,
            positions=int(layer.outputs(widths[0]) // outputs(widths[0])),
            used=tuple((int(outputs(w)), int(inputs(w)) // segments) for w in widths),
        )


def with_code(loads: Offsets) -> Offsets:
    """The loads with the instruction fetches of the loop around them."""
    fetches = np.tile(CODE + 4 * np.arange(CODE_WORDS), (len(loads), 1))
    return np.column_stack((loads, fetches)).ravel()


def count(passes: Passes, repetitions: int) -> Count:
    """Hits where each of the passes is made ``repetitions`` times before the next, beginning with an empty cache.

    What a pass leaves in the sets that it uses depends on that pass alone, so from the second time on it hits alike.
    """
    twice = [addresses for once in passes for addresses in (once, once)]
    found = np.split(hits(np.concatenate(twice)), np.cumsum([len(addresses) for addresses in twice])[:-1])
    first, again = (sum(int(part.sum()) for part in found[turn::2]) for turn in (0, 1))
    return Count(repetitions * sum(map(len, passes)), first + (repetitions - 1) * again)


def replay(
    network: Sequence[Layer], k: int, scheme: Scheme, change: Callable[[Offsets], Offsets] = np.asarray
) -> Count:
    """Subnetwork ``k`` in these layers; ``change`` adds to the accesses of a pass. Layers share no lines."""
    total = Count()
    for layer in network:
        passes = [change(WEIGHTS + offsets) for offsets in scheme.passes(layer, k)]
        total += count(passes, layer.positions)
    return total


def by_subnetwork(title: str, network: Sequence[Layer]) -> Table:
    """Whole inferences."""
    table = Table(title=f"{title}: one inference on an empty cache", title_justify="left")
    for column in ("scheme", "subnetwork", "loads", "hit rate", "with code", "flash bytes"):
        table.add_column(column, justify="left" if column == "scheme" else "right")
    last = len(network[0].used) - 1
    for scheme in SCHEMES:
        for k in range(last + 1):
            loads, everything = replay(network, k, scheme), replay(network, k, scheme, with_code)
            fetched = LINE * loads.misses / sum(layer.weights(k) for layer in network)
            table.add_row(
                scheme.name if k == 0 else "",
                f"{k}",
                f"{loads.accesses:,}",
                f"{loads.rate:.2%}",
                f"{everything.rate:.2%}",
                f"{fetched:.2f}",
                end_section=k == last,
            )
    return table


def by_kind(title: str, network: Sequence[Layer]) -> Table:
    """Weight loads of the full network and of the smallest one."""
    table = Table(title=f"{title}: hit rates of weight loads, full and smallest network", title_justify="left")
    for column in ("kind", "weights", *(scheme.name for scheme in SCHEMES)):
        table.add_column(column, justify="left" if column == "kind" else "right")
    for kind in dict.fromkeys(layer.kind for layer in network):
        same = [layer for layer in network if layer.kind == kind]
        rates = [[replay(same, k, scheme).rate for k in (0, len(same[0].used) - 1)] for scheme in SCHEMES]
        weights = sum(layer.weights(0) for layer in same)
        table.add_row(kind, f"{weights:,}", *(f"{full:.2%} / {smallest:.2%}" for full, smallest in rates))
    return table


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", nargs="+", default=["dnn:s", "ds_cnn:s"], help="name:size of reds_torch.models")
    for spec in parser.parse_args().models:
        name, _, size = spec.partition(":")
        torch.manual_seed(0)
        network = list(layers(nested_network(name, size)))
        for table in (by_subnetwork(spec, network), by_kind(spec, network)):
            Console(width=130).print(table)


if __name__ == "__main__":
    main()
