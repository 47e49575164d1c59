"""Nest a torchvision model, choose subnetworks for three budgets, and export each to ONNX.

    python examples/torchvision_model.py [--model resnet18] [--out exported]

Needs the extra ``bridge`` (for onnx). The weights are random here; give the builder ``weights="DEFAULT"`` for trained
ones, score with criterion "taylor" on batches of your data, and fine-tune inside ``net.active(k)``.
"""

from __future__ import annotations

import argparse
import warnings
from pathlib import Path

import torch
import torchvision

import reds_torch as reds


def main() -> None:
    """Nest, search, export."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="resnet18", help="a builder in torchvision.models")
    parser.add_argument("--image", type=int, default=64, help="height and width of the images")
    parser.add_argument("--out", type=Path, default=Path("exported"), help="folder for the ONNX files")
    options = parser.parse_args()
    torch.manual_seed(0)
    model = torchvision.models.get_model(options.model, num_classes=10).eval()
    example = torch.randn(1, 3, options.image, options.image)

    net = reds.nest(model, example)
    scores = reds.order(net, reds.score(net, criterion="l1"))
    net.subnetworks = reds.search(net, scores, {"macs": [0.75, 0.5, 0.25]}).subnetworks

    options.out.mkdir(parents=True, exist_ok=True)
    for k, subnetwork in enumerate(net.subnetworks):
        path = options.out / f"{options.model}_{k}.onnx"
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # the exporter that writes plain operators
            torch.onnx.export(net.extract(k), (example,), str(path), opset_version=17, dynamo=False)
        costs = ", ".join(f"{name} {value:,.0f}" for name, value in subnetwork.costs.items())
        print(f"{path}: {path.stat().st_size / 1e6:.1f} MB, {costs}")


if __name__ == "__main__":
    main()
