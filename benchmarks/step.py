"""Time of one nested training step against the summed steps of its extracted networks, trained as plain ones.

    python -m benchmarks.step [--models dnn:s dnn:l] [--threads 2] [--rounds 200]
    python -m benchmarks.step --device cuda [--bfloat16] [--batch 1000]

A step is forward, backward and Adam on one batch of 100; the nested one trains four subnetworks (100/75/50/25 % of
the MACs) with one backward. Both sides lay out their weights as training does and take turns; medians are printed. The
original's column is the REDS training step of the authors' code (TensorFlow 2.15, two shared cores) for the same
network. ``--bfloat16`` is what ``trainer.precision=bf16-mixed`` does.
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
from reds_torch.training import Objective, convolution_format, keep_freed_memory
from reds_torch.training.settings import ObjectiveSettings

ORIGINAL_MS = {"dnn:s": 79.6, "cnn:s": 225.0, "ds_cnn:s": 680.0}
INPUTS = {"dnn": (1, 25, 10), "cnn": (1, 49, 10), "ds_cnn": (1, 49, 10)}
CLASSES = 12
WARM_UP = 20


def nested_network(name: str, size: str) -> reds.NestedNetwork:
    """A network with four subnetworks at random weights, scored by L1."""
    shape = INPUTS[name]
    net = reds.nest(build(name, size=size, input_shape=shape, classes=CLASSES), torch.zeros(1, *shape), copy=False)
    scores = reds.order(net, reds.score(net, criterion="l1"))
    net.subnetworks = reds.search(net, scores, {"macs": [0.75, 0.5, 0.25]}).subnetworks
    return net


def plain_step(model: nn.Module, inputs: Tensor, targets: Tensor, mixed: bool) -> Callable[[], None]:
    optimizer = torch.optim.Adam(model.parameters(), fused=True)

    def step() -> None:
        optimizer.zero_grad()
        with torch.autocast(inputs.device.type, torch.bfloat16, enabled=mixed):
            loss = F.cross_entropy(model(inputs), targets)
        loss.backward()
        optimizer.step()

    return step


def nested_step(
    net: reds.NestedNetwork, inputs: Tensor, targets: Tensor, mixed: bool, compiled: bool
) -> Callable[[], None]:
    optimizer = torch.optim.Adam(net.parameters(), fused=True)
    objective, random = Objective(ObjectiveSettings(), net).to(inputs.device), np.random.default_rng(0)
    if compiled:
        objective.compile()

    def step() -> None:
        optimizer.zero_grad()
        with torch.autocast(inputs.device.type, torch.bfloat16, enabled=mixed):
            loss = objective(net, inputs, targets, 0.0, random)
        loss.backward()
        optimizer.step()

    return step


def milliseconds(step: Callable[[], None], device: torch.device) -> float:
    start = time.perf_counter()
    step()
    if device.type == "cuda":
        torch.cuda.synchronize()
    return 1e3 * (time.perf_counter() - start)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", nargs="+", default=["dnn:s", "dnn:l"], help="name:size of reds_torch.models")
    parser.add_argument("--device", type=torch.device, default="cpu", help="cpu or cuda")
    parser.add_argument("--bfloat16", action="store_true", help="mixed precision")
    parser.add_argument("--batch", type=int, default=100)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--compile", action="store_true", help="the nested step's loss through torch.compile")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    keep_freed_memory()
    where = f"{options.threads} threads" if options.device.type == "cpu" else torch.cuda.get_device_name()
    where += ", bfloat16" if options.bfloat16 else ""
    table = Table(title=f"training step, batch {options.batch}, {where}, median of {options.rounds}")
    for column in ("model", "nested, ms", "four plain, ms", "ratio", "original nested, ms"):
        table.add_column(column, justify="left" if column == "model" else "right")
    for spec in options.models:
        torch.manual_seed(0)
        name, _, size = spec.partition(":")
        net = nested_network(name, size).train()
        memory_format = convolution_format(net)
        net.to(options.device, memory_format=memory_format)  # type: ignore[call-overload]
        inputs = torch.randn(options.batch, *INPUTS[name], device=options.device)
        targets = torch.randint(0, CLASSES, (options.batch,), device=options.device)
        extracted = [net.extract(k).train() for k in range(len(net.subnetworks))]
        for small in extracted:
            small.to(memory_format=memory_format)
        plain = [plain_step(small, inputs, targets, options.bfloat16) for small in extracted]
        nested = nested_step(net, inputs, targets, options.bfloat16, options.compile)
        times: list[tuple[float, float]] = []
        for _ in range(WARM_UP + options.rounds):
            taken = [milliseconds(step, options.device) for step in (nested, *plain)]
            times.append((taken[0], sum(taken[1:])))
        ours, theirs = (statistics.median(column) for column in zip(*times[WARM_UP:], strict=True))
        original = ORIGINAL_MS.get(spec)
        table.add_row(spec, f"{ours:.2f}", f"{theirs:.2f}", f"{ours / theirs:.2f}", f"{original or ''}")
    Console().print(table)


if __name__ == "__main__":
    main()
