"""The simulated flash cache: a trace computed by hand, a simulator of the obvious kind, and what layouts must keep."""

from collections import OrderedDict

import numpy as np
import pytest
import torch

import reds_torch as reds
from benchmarks.cache import count, layers
from benchmarks.cache_simulator import LINE, SETS, hits
from benchmarks.cache_traces import SCHEMES, Layer, nested_blocks, row_major
from reds_torch.models import build

WAY = SETS * LINE  # addresses so far apart share a set

LAYERS = (
    Layer("dense", "dense", 12, 1, 30, 1, ((12, 30), (9, 20), (5, 7))),
    Layer("flattened", "dense", 6, 5, 8, 1, ((6, 8), (6, 3), (2, 3))),
    Layer("conv", "conv", 16, 9, 8, 20, ((16, 8), (11, 8), (3, 5))),
    Layer("depth-wise", "depth-wise", 24, 9, 1, 20, ((24, 1), (13, 1), (1, 1))),
)


def one_by_one(addresses: list[int]) -> list[bool]:
    """Two ways, least recently used first, one access after another."""
    sets: dict[int, OrderedDict[int, None]] = {}
    found = []
    for address in addresses:
        line = address // LINE
        ways = sets.setdefault(line % SETS, OrderedDict())
        found.append(line in ways)
        ways[line] = None
        ways.move_to_end(line)
        if len(ways) > 2:
            ways.popitem(last=False)
    return found


def test_a_trace_by_hand() -> None:
    a, b, c = 0, WAY, 2 * WAY  # three lines for the two ways of set 0
    trace = [a, a + 7, a + 8, b, a, c, a, b, 3 * WAY + 8]
    #        miss hit  next   .  hit c evicts b  b's back, in the place of c; another set
    assert hits(np.array(trace)).tolist() == [False, True, False, False, True, False, True, False, False]


@pytest.mark.parametrize("spread", [40, 4 * WAY, 40 * WAY])
def test_equals_a_simulator_that_goes_one_by_one(spread: int) -> None:
    addresses = np.random.default_rng(spread).integers(0, spread, 20_000)
    addresses[::3] = addresses[::3] // WAY * WAY  # crowd one set
    assert hits(addresses).tolist() == one_by_one(addresses.tolist())


@pytest.mark.parametrize("layer", LAYERS, ids=lambda layer: layer.name)
@pytest.mark.parametrize("scheme", SCHEMES, ids=lambda scheme: scheme.name)
def test_a_walk_loads_every_used_weight_once(layer: Layer, scheme) -> None:
    offsets = scheme.layout(layer)
    assert np.array_equal(np.sort(offsets, axis=None), np.arange(offsets.size))  # every weight has a place of its own
    for k, (outputs, inputs) in enumerate(layer.used):
        loaded = np.sort(np.concatenate(scheme.passes(layer, k)))
        assert np.array_equal(loaded, np.sort(offsets[:outputs, :, :inputs], axis=None))


@pytest.mark.parametrize("layer", LAYERS, ids=lambda layer: layer.name)
def test_nested_blocks_begin_with_each_subnetwork(layer: Layer) -> None:
    offsets = nested_blocks(layer)
    for k, (outputs, inputs) in enumerate(layer.used):
        assert set(offsets[:outputs, :, :inputs].ravel()) == set(range(layer.weights(k)))


def test_row_major_is_the_order_of_tensorflow_lite() -> None:
    _, _, conv, depth_wise = LAYERS
    assert row_major(conv)[2, 3, 4] == (2 * 9 + 3) * 8 + 4
    assert row_major(depth_wise)[5, 3, 0] == 3 * 24 + 5


@pytest.mark.parametrize("layer", LAYERS, ids=lambda layer: layer.name)
@pytest.mark.parametrize("scheme", SCHEMES, ids=lambda scheme: scheme.name)
def test_repetitions_are_counted_as_if_each_was_replayed(layer: Layer, scheme) -> None:
    passes = [37 * offsets for offsets in scheme.passes(layer, 1)]  # spread out, so that lines are evicted
    everything = [int(a) for once in passes for _ in range(layer.positions) for a in once]
    counted = count(passes, layer.positions)
    assert (counted.accesses, counted.hits) == (len(everything), sum(one_by_one(everything)))


def test_loads_of_a_network_are_its_macs() -> None:
    torch.manual_seed(0)
    net = reds.nest(build("ds_cnn", size="s", input_shape=(1, 20, 10), classes=12), torch.zeros(1, 1, 20, 10))
    scores = reds.order(net, reds.score(net, criterion="l1"))
    net.subnetworks = reds.search(net, scores, {"macs": [0.5, 0.25]}).subnetworks
    network = list(layers(net))
    assert [layer.kind for layer in network[:3]] == ["conv", "depth-wise", "conv"]
    for k, subnetwork in enumerate(net.subnetworks):
        assert sum(layer.weights(k) * layer.positions for layer in network) == subnetwork.costs["macs"]
