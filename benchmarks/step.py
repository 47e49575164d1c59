"""Time of one nested training step against the summed steps of its extracted networks, trained as plain ones.

    python -m benchmarks.step [--models dnn:s dnn:l] [--threads 2] [--rounds 200]

A step is forward, backward and Adam on one batch of 100; the nested one trains four subnetworks (100/75/50/25 % of
the MACs) with one backward. Both sides lay out their weights as training does and take turns; medians are printed. The
original's column is the REDS training step of the authors' code (TensorFlow 2.15, two shared cores) for the same
network.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable

import numpy as np
import torch
import torch.nn.functional as F
from rich.console import Console
from rich.table import Table
from torch import Tensor, nn

import reds_torch as reds
from reds_torch.models import build
from reds_torch.settings import ObjectiveSettings
from reds_torch.training import Objective, convolution_format, keep_freed_memory

ORIGINAL_MS = {"dnn:s": 79.6, "cnn:s": 225.0, "ds_cnn:s": 680.0}
INPUTS = {"dnn": (1, 25, 10), "cnn": (1, 49, 10), "ds_cnn": (1, 49, 10)}
BATCH, CLASSES = 100, 12


def nested_network(name: str, size: str) -> reds.NestedNetwork:
    """A network with four subnetworks at random weights, scored by L1."""
    shape = INPUTS[name]
    net = reds.nest(build(name, size=size, input_shape=shape, classes=CLASSES), torch.zeros(1, *shape), copy=False)
    scores = reds.order(net, reds.score(net, criterion="l1"))
    net.subnetworks = reds.search(net, scores, {"macs": [0.75, 0.5, 0.25]}).subnetworks
    return net


def plain_step(model: nn.Module, inputs: Tensor, targets: Tensor) -> Callable[[], None]:
    optimizer = torch.optim.Adam(model.parameters(), fused=True)

    def step() -> None:
        optimizer.zero_grad()
        F.cross_entropy(model(inputs), targets).backward()
        optimizer.step()

    return step


def nested_step(net: reds.NestedNetwork, inputs: Tensor, targets: Tensor, compiled: bool) -> Callable[[], None]:
    optimizer = torch.optim.Adam(net.parameters(), fused=True)
    objective, random = Objective(ObjectiveSettings(), net), np.random.default_rng(0)
    if compiled:
        objective.compile()

    def step() -> None:
        optimizer.zero_grad()
        objective(net, inputs, targets, 0.0, random).backward()
        optimizer.step()

    return step


def milliseconds(step: Callable[[], None]) -> float:
    start = time.perf_counter()
    step()
    return 1e3 * (time.perf_counter() - start)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", nargs="+", default=["dnn:s", "dnn:l"], help="name:size of reds_torch.models")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--compile", action="store_true", help="the nested step's loss through torch.compile")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    keep_freed_memory()
    table = Table(title=f"training step, batch {BATCH}, {options.threads} threads, median of {options.rounds}")
    for column in ("model", "nested, ms", "four plain, ms", "ratio", "original nested, ms"):
        table.add_column(column, justify="left" if column == "model" else "right")
    for spec in options.models:
        torch.manual_seed(0)
        name, _, size = spec.partition(":")
        net = nested_network(name, size).train()
        memory_format = convolution_format(net)
        net.to(memory_format=memory_format)
        inputs, targets = torch.randn(BATCH, *INPUTS[name]), torch.randint(0, CLASSES, (BATCH,))
        extracted = [net.extract(k).train().to(memory_format=memory_format) for k in range(len(net.subnetworks))]
        plain = [plain_step(model, inputs, targets) for model in extracted]
        nested = nested_step(net, inputs, targets, options.compile)
        for _ in range(20):
            nested()
            for step in plain:
                step()
        times: list[tuple[float, float]] = []
        for _ in range(options.rounds):
            times.append((milliseconds(nested), sum(milliseconds(step) for step in plain)))
        ours, theirs = (statistics.median(column) for column in zip(*times, strict=True))
        original = ORIGINAL_MS.get(spec)
        table.add_row(spec, f"{ours:.2f}", f"{theirs:.2f}", f"{ours / theirs:.2f}", f"{original or ''}")
    Console().print(table)


if __name__ == "__main__":
    main()
