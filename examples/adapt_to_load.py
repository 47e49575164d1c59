"""Keep a deadline on a machine whose load changes, by switching subnetworks.

    python examples/adapt_to_load.py [--checkpoint nested.ckpt]

Runs a nested network for some seconds, half of the time beside processes that compete for the processor, and prints
which subnetworks answered. Without a checkpoint it nests a ResNet-18 with random weights.
"""

from __future__ import annotations

import argparse
import multiprocessing
import time
from collections import Counter
from pathlib import Path

import torch
import torchvision

import reds_torch as reds
from reds_torch.runtime.adaptive import AdaptiveModel


def network(checkpoint: Path | None) -> reds.NestedNetwork:
    """The checkpoint's network, or a ResNet-18 with four subnetworks."""
    if checkpoint is not None:
        return reds.load(checkpoint)
    model = torchvision.models.resnet18(num_classes=10)
    net = reds.nest(model, torch.randn(1, 3, 64, 64), copy=False)
    scores = reds.order(net, reds.score(net, criterion="l1"))
    net.subnetworks = reds.search(net, scores, {"macs": [0.75, 0.5, 0.25]}).subnetworks
    return net


def compete() -> None:
    """Keep a core busy."""
    while True:
        sum(range(100_000))


def phase(model: AdaptiveModel, inputs: torch.Tensor, deadline: float, seconds: float) -> str:
    """Run for a while; say how often each subnetwork answered and how often in time."""
    used, in_time, end = Counter[int](), 0, time.monotonic() + seconds
    while time.monotonic() < end:
        answer = model(inputs, deadline)
        used[answer.subnetwork] += 1
        in_time += answer.seconds <= deadline
    shares = ", ".join(f"{k}: {100 * used[k] / used.total():.0f} %" for k in sorted(used))
    return f"subnetworks {shares}; in time {100 * in_time / used.total():.0f} % of {used.total()} answers"


def main() -> None:
    """Run idle, loaded, and idle again."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--checkpoint", type=Path, help="nested.ckpt of a run")
    parser.add_argument("--seconds", type=float, default=3.0, help="of each phase")
    options = parser.parse_args()
    torch.set_num_threads(1)
    net = network(options.checkpoint)
    inputs = torch.randn(1, *net.input_shape[1:])
    model = AdaptiveModel.from_network(net, inputs)
    deadline = 1.3 * model.seconds[0]
    print("milliseconds: " + ", ".join(f"{k}: {1e3 * s:.2f}" for k, s in enumerate(model.seconds)))
    print(f"deadline: {1e3 * deadline:.2f} ms")
    print("idle:    " + phase(model, inputs, deadline, options.seconds))
    rivals = [multiprocessing.Process(target=compete, daemon=True) for _ in range(multiprocessing.cpu_count())]
    for rival in rivals:
        rival.start()
    print("loaded:  " + phase(model, inputs, deadline, options.seconds))
    for rival in rivals:
        rival.terminate()
    print("idle:    " + phase(model, inputs, deadline, options.seconds))


if __name__ == "__main__":
    main()
