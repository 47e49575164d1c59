"""Width groups found by this project's walk and by Torch-Pruning's dependency graph, side by side; memory of nesting.

    python -m benchmarks.tracing                  all tables
    python -m benchmarks.tracing resnet18 dnn_s   of these networks only, without the random ones

Times are CPU seconds on one thread, of finding the groups. A group is compared as the set of layers' sides (inputs
or outputs) that are cut together. "Cut = masked": half of every group is cut, and the network compared with the full
one whose weights for the inputs that are gone are zero; that says nothing about groups which a layer norm or an
attention reads, so those are left whole there. The random networks are those of tests/nested/test_fuzz.py.
"""

from __future__ import annotations

import argparse
import copy
import gc
import importlib
import logging
import resource
import statistics
import sys
import time
import tracemalloc
import warnings
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
import torch_pruning
import torchvision
from rich.console import Console
from rich.progress import track
from rich.table import Table
from torch import Tensor, nn

from reds_torch.models import build
from reds_torch.nested import Subnetwork
from reds_torch.nested.network import NestedNetwork, nest
from reds_torch.nested.tracing import trace

Side = tuple[str, str]  # a module or parameter, and "in" or "out"
Groups = frozenset[frozenset[Side]]
Gone = Mapping[str, list[int]]  # for each layer that multiplies: inputs that were cut

RUNS = 3
EQUAL = 1e-5  # largest relative difference of what counts as the same output


@dataclass(frozen=True)
class Network:
    make: Callable[[], nn.Module]
    shape: tuple[int, ...]
    head: str  # the layer of the logits

    def model(self) -> nn.Module:
        """The network with weights away from zero, and an own batch norm for each channel."""
        torch.manual_seed(0)
        model = self.make().eval()
        with torch.no_grad():
            for parameter in model.parameters():
                parameter.add_(0.02 * torch.randn_like(parameter))
            for name, buffer in model.named_buffers():
                if name.endswith("running_mean"):
                    buffer.normal_(std=0.1)
                elif name.endswith("running_var"):
                    buffer.uniform_(0.5, 2)
        return model

    def example(self, batch: int = 1) -> Tensor:
        return torch.randn(batch, *self.shape, generator=torch.Generator().manual_seed(1))


def _torchvision(name: str, head: str, **arguments: int) -> Network:
    def make() -> nn.Module:
        return getattr(torchvision.models, name)(num_classes=10, **arguments)

    return Network(make, (3, 64, 64), head)


def _ours(name: str, head: str = "output", **arguments: object) -> Network:
    model: Any = build(name, **arguments)  # it knows what it was built with
    shape = tuple(model.architecture.arguments["input_shape"])
    return Network(lambda: build(name, **arguments), shape, head)


NETWORKS: dict[str, Callable[[], Network]] = {
    "resnet18": lambda: _torchvision("resnet18", "fc"),
    "mobilenet_v2": lambda: _torchvision("mobilenet_v2", "classifier.1"),
    "efficientnet_b0": lambda: _torchvision("efficientnet_b0", "classifier.1"),
    "convnext_tiny": lambda: _torchvision("convnext_tiny", "classifier.2"),
    "densenet121": lambda: _torchvision("densenet121", "classifier"),
    "vit_b_16": lambda: _torchvision("vit_b_16", "heads.head", image_size=64),
    "shufflenet_v2_x1_0": lambda: _torchvision("shufflenet_v2_x1_0", "fc"),
    "dnn_s": lambda: _ours("dnn"),
    "cnn_s": lambda: _ours("cnn"),
    "ds_cnn_s": lambda: _ours("ds_cnn"),
    "ds_cnn_l": lambda: _ours("ds_cnn", size="l"),
    "mobilenet_v1": lambda: _ours("mobilenet_v1", width=0.25, input_shape=(3, 96, 96), classes=2),
    "resnet8": lambda: _ours("resnet8"),
    "vit": lambda: _ours("vit", head="head", input_shape=(3, 64, 64), classes=10),
}


@dataclass(frozen=True)
class Found:
    """What one side found: seconds, groups, and how far a network cut by half is from the masked one."""

    seconds: float
    groups: Groups = frozenset()
    difference: float | None = None
    failure: str = ""


def timed(find: Callable[[], object]) -> float:
    """Median CPU seconds, each run after a collection of garbage."""
    seconds = []
    for _ in range(RUNS):
        gc.collect()
        start = time.process_time()
        find()
        seconds.append(time.process_time() - start)
    return statistics.median(seconds)


def found_by_us(network: Network) -> Found:
    """By the walk over the exported graph."""
    model, example = network.model(), network.example()
    seconds = timed(lambda: trace(model, example, (), 1))
    net = nest(model, example)
    modules = dict(model.named_modules())

    def side(tensor: str, axis: int) -> Side:
        owner, _, _ = tensor.rpartition(".")
        attention = next((n for n in (owner, owner.rpartition(".")[0]) if _is(modules.get(n), _ATTENTION)), None)
        if attention is not None:
            return (attention, "out")
        if not isinstance(modules[owner], _LAYERS):
            return (tensor, "out")  # a parameter of no layer
        return (owner, "in" if axis == 1 and _is(modules[owner], _MULTIPLYING) else "out")

    groups = {g.name: frozenset(side(m.tensor, m.axis) for m in g.members) for g in net.groups}
    cut = {g.name: g.size // 2 for g in net.groups if g.size > 1 and _reads_plainly(groups[g.name], modules)}
    gone: dict[str, list[int]] = {}
    for tensor, axes in net.structure.layouts.items():
        owner = tensor.rpartition(".")[0]
        if tensor.endswith(".weight") and 1 in axes and _is(modules[owner], _MULTIPLYING):
            kept = {i for start, n in axes[1].segments(net.widths(cut)) for i in range(start, start + n)}
            gone[owner] = [i for i in range(axes[1].length) if i not in kept]
    difference = _difference(net.extract(cut), masked(model, gone), network.example(4))
    return Found(seconds, frozenset(groups.values()), difference)


def found_by_torch_pruning(network: Network) -> Found:
    """By tracing the autograd graph."""
    model, example = network.model(), network.example()
    try:
        seconds = timed(lambda: _dependencies(model, example, network.head))
        graph, groups = _dependencies(model, example, network.head)
        sides = frozenset(frozenset(_sides(graph, group)) for group in groups)
    except Exception as error:  # whatever it raises is the result
        return Found(float("nan"), failure=_reason(error))
    try:
        return Found(seconds, sides, _pruned_difference(network))
    except Exception as error:
        return Found(seconds, sides, failure=_reason(error))


def _dependencies(model: nn.Module, example: Tensor, head: str) -> tuple[torch_pruning.DependencyGraph, list]:
    graph = torch_pruning.DependencyGraph().build_dependency(model, example, verbose=False)
    kinds = (nn.Conv1d, nn.Conv2d, nn.Linear)
    return graph, list(graph.get_all_groups(ignored_layers=[model.get_submodule(head)], root_module_types=kinds))


def _sides(graph: torch_pruning.DependencyGraph, group: Iterable) -> Iterable[Side]:
    names = {**graph._module2name, **graph._param_to_name}
    for dependency, _ in group:
        module = dependency.target.module
        if isinstance(module, nn.Parameter):
            yield (names[module], "out")
        elif isinstance(module, (*_LAYERS, *_ATTENTION)):
            multiplies = isinstance(module, _MULTIPLYING) and getattr(module, "groups", 1) == 1
            yield (names[module], "in" if multiplies and graph.is_in_channel_pruning_fn(dependency.handler) else "out")


def _pruned_difference(network: Network) -> float:
    """Cut the second half of every group, and compare with the masked network."""
    model, full = network.model(), network.model()
    graph, groups = _dependencies(model, network.example(), network.head)
    modules = dict(model.named_modules())
    gone: dict[str, list[int]] = {}
    roots = []
    for group in groups:
        size = len(group[0].idxs)
        if size < 2 or not _reads_plainly(set(_sides(graph, group)), modules):
            continue
        roots.append((group[0].dep.target.module, group[0].dep.handler, list(range(size // 2, size))))
    for module, prune, indices in roots:
        group = graph.get_pruning_group(module, prune, indices)
        for (dependency, cut), (name, side) in zip(group, _all_sides(graph, group), strict=True):
            if side == "in" and isinstance(dependency.target.module, _MULTIPLYING):
                gone.setdefault(name, []).extend(cut)
    for module, prune, indices in roots:
        graph.get_pruning_group(module, prune, indices).prune()
    return _difference(model, masked(full, gone), network.example(4))


def _all_sides(graph: torch_pruning.DependencyGraph, group: Iterable) -> Iterable[Side]:
    for dependency, cut in group:
        yield next(iter(_sides(graph, [(dependency, cut)])), ("", ""))


_MULTIPLYING = (nn.Linear, nn.Conv1d, nn.Conv2d)
_NORMALISING = (nn.LayerNorm, nn.GroupNorm)
_LAYERS = (*_MULTIPLYING, *_NORMALISING, nn.BatchNorm1d, nn.BatchNorm2d, nn.PReLU)
_ATTENTION = (nn.MultiheadAttention,)


def _is(module: nn.Module | None, kinds: tuple[type, ...]) -> bool:
    return isinstance(module, kinds)


def _reads_plainly(group: Iterable[Side], modules: Mapping[str, nn.Module]) -> bool:
    """Whether a unit whose outputs nobody reads is as good as gone: not so for what normalises over units."""
    whole = any(_is(modules.get(name), (*_NORMALISING, *_ATTENTION)) for name, _ in group)
    return not whole and not any("qkv" in name or "self_attention" in name for name, _ in group)


def masked(model: nn.Module, gone: Gone) -> nn.Module:
    """The full network, in which nothing reads these inputs of its layers."""
    model = copy.deepcopy(model)
    with torch.no_grad():
        for name, inputs in gone.items():
            model.get_parameter(f"{name}.weight")[:, inputs] = 0
    return model


@torch.no_grad()
def _difference(cut: nn.Module, full: nn.Module, x: Tensor) -> float:
    """Largest difference of the outputs, relative to the largest output."""
    expected = full.eval()(x)
    return float((cut.eval()(x) - expected).abs().max() / expected.abs().max())


def _reason(error: Exception) -> str:
    return (str(error).strip().partition("\n")[0] or type(error).__name__)[:70]


def compare(name: str) -> tuple[list[str], list[str]]:
    """A row of the table, and what the two sides see differently."""
    network = NETWORKS[name]()
    ours, theirs = found_by_us(network), found_by_torch_pruning(network)
    shared = ours.groups & theirs.groups
    row = [name, f"{ours.seconds:.2f}", f"{len(ours.groups)}", f"{ours.difference:.0e}"]
    if theirs.groups:
        row += [f"{theirs.seconds:.2f}", f"{len(theirs.groups)}", theirs.failure or f"{theirs.difference:.0e}"]
        row.append(f"{len(shared)}")
    else:
        row += ["-", "-", theirs.failure, "-"]
    differences = [f"{name}, only here: {_shown(g)}" for g in _sorted(ours.groups - shared) if theirs.groups]
    return row, differences + [f"{name}, only there: {_shown(g)}" for g in _sorted(theirs.groups - shared)]


def _sorted(groups: Groups) -> list[list[str]]:
    return sorted(sorted(f"{name} {side}" for name, side in group) for group in groups)


def _shown(group: list[str], most: int = 6) -> str:
    return ", ".join(group[:most]) + (f", ... ({len(group)})" if len(group) > most else "")


def compare_random(count: int) -> Table:
    """How many random networks either side cuts so that they compute what they should."""
    sys.path.insert(0, str(Path(__file__).parent.parent / "tests" / "nested"))
    RandomNetwork = importlib.import_module("test_fuzz").RandomNetwork  # noqa: N806

    table = Table(f"{count} random networks", "cut = masked", "computes something else", "does not run")
    results: dict[str, list[Found]] = {"here": [], "Torch-Pruning": []}
    for seed in track(range(count), "random networks", transient=True):
        network = Network(partial(RandomNetwork, seed), RandomNetwork(seed).inputs, "head")
        results["here"].append(found_by_us(network))
        results["Torch-Pruning"].append(found_by_torch_pruning(network))
    for side, found in results.items():
        right = sum(f.difference is not None and f.difference < EQUAL for f in found)
        failed = sum(f.difference is None for f in found)
        table.add_row(side, f"{right}", f"{count - right - failed}", f"{failed}")
    return table


def bookkeeping(name: str) -> list[str]:
    """What a nested network with three subnetworks holds beside its model, as its deletion frees it."""
    network = NETWORKS[name]()
    _with_subnetworks(network.model(), network)  # what torch itself keeps of a first export
    model = network.model()
    gc.collect()
    tracemalloc.start()
    before, resident = tracemalloc.get_traced_memory()[0], _resident()
    net = _with_subnetworks(model, network)
    gc.collect()
    after, grown = tracemalloc.get_traced_memory()[0], _resident() - resident
    del net
    gc.collect()
    freed = after - tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    weights = sum(t.numel() * t.element_size() for t in (*model.parameters(), *model.buffers()))
    return [name, f"{weights:,}", f"{freed:,}", f"{freed / weights:.2%}", f"{after - before - freed:,}", f"{grown:,}"]


def _with_subnetworks(model: nn.Module, network: Network) -> NestedNetwork:
    net = nest(model, network.example(), copy=False).eval()
    net.subnetworks = [
        Subnetwork({g.name: max(1, int(share * g.size)) for g in net.groups}) for share in (1, 0.75, 0.5, 0.25)
    ]
    with torch.no_grad():
        for k in range(4):
            with net.active(k):
                net(network.example())
    return net


def _resident() -> int:
    """Bytes of the process's memory that are in use now."""
    with open("/proc/self/statm") as statm:  # noqa: PTH123
        return int(statm.read().split()[1]) * resource.getpagesize()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("networks", nargs="*", help=f"some of {', '.join(NETWORKS)}")
    asked = parser.parse_args().networks
    if unknown := set(asked) - set(NETWORKS):
        parser.error(f"there is no network {', '.join(unknown)}; there are: {', '.join(NETWORKS)}")
    names = asked or NETWORKS
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    logging.disable(logging.WARNING)
    console = Console(width=160)
    table = Table("network", "here: s", "groups", "cut = masked", "Torch-Pruning: s", "groups", "cut = masked", "same")
    notes = []
    for name in names:
        row, differences = compare(name)
        table.add_row(*row)
        notes += differences
    console.print(table)
    for note in notes:
        console.print(note)
    if not asked:
        console.print(compare_random(300))
    table = Table(
        "network", "weights, bytes", "nesting, bytes", "share", "kept by torch.export", "resident set grew by"
    )
    for name in names:
        table.add_row(*bookkeeping(name))
    console.print(table)


if __name__ == "__main__":
    main()
