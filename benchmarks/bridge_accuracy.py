"""Accuracy of the int8 subnetworks in TensorFlow Lite Micro beside torch, by what their ranges were calibrated on.

    python -m benchmarks.bridge_accuracy runs/kws_ds_cnn/*/nested.ckpt --set data.root=SPEECH
    python -m benchmarks.bridge_accuracy --table

Every checkpoint becomes int8 models in five ways on the same calibration data: ranges of the full network alone, as a
stock converter takes them; the union over all subnetworks; the union, and an output scale for each subnetwork; these,
and the searched range of the input (what `python -m bridge` does); these, and ranges of each subnetwork's own. Where
the run was fine-tuned for int8, quantized.ckpt beside the checkpoint is a sixth. One JSON line in --results for each
checkpoint, so that the script goes on where it stopped.
"""

from __future__ import annotations

import argparse
import json
import statistics
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from bridge.build import input_range
from bridge.conversion.activation_ranges import Ranges
from bridge.conversion.converter import FloatModel, calibrate, export_subnetworks, to_float, to_int8
from bridge.conversion.onnx2tf_process import channels_last, convert
from bridge.model_file.subnetworks import cut
from bridge.runtimes import input_output, quantized, run_micro
from bridge.samples import Samples, load_samples
from bridge.settings import RangeKind
from bridge.verify import torch_outputs
from reds_torch.checkpoint import load
from reds_torch.nested.network import NestedNetwork
from reds_torch.runs.checkpoint_data import data_module

RESULTS = Path(__file__).parent / "results" / "bridge_accuracy.jsonl"


def accuracies(data: bytes, table: Any, samples: Samples) -> list[float]:
    """Of every subnetwork cut out of an int8 model, in percent."""
    inputs = quantized(channels_last(samples.inputs), input_output(data)[0])
    outputs = [run_micro(cut(data, table, k), inputs)[0] for k in range(len(table.subnetworks))]
    return [100 * float((found.argmax(1) == samples.labels).mean()) for found in outputs]


def measure(checkpoint: Path, settings: Sequence[str], samples_count: int) -> dict[str, Any]:
    net = load(checkpoint)
    data = data_module(net, settings)
    data.prepare_data()
    samples = load_samples(data, samples_count, 10_000)
    model = float_model(net)
    whole = calibrate(model, channels_last(samples.calibration))
    limits, clipped = calibrated(net, model, samples)
    ways: list[tuple[str, Any, RangeKind]] = [
        ("full network alone", [whole[0]] * len(whole), "shared"),
        ("union", whole, "shared"),
        ("union, own output scales", whole, "output"),
        ("and input range", clipped, "output"),
        ("and own ranges", clipped, "own"),
    ]
    found = {name: accuracies(*to_int8(model, ranges, kind), samples) for name, ranges, kind in ways}
    result = {
        "recipe": net.metadata["recipe"],
        "seed": net.metadata["seed"],
        "set": [setting for setting in settings if not setting.startswith("data.root=")],
        "samples": {"calibration": len(samples.calibration), "test": len(samples.inputs)},
        "shares": [s.costs["macs"] / net.subnetworks[0].costs["macs"] for s in net.subnetworks],
        "input_range": limits,
        "torch": torch_accuracies(net, samples),
        "int8": found,
    }
    if (tuned := checkpoint.with_name("quantized.ckpt")).is_file():
        net = load(tuned)
        model = float_model(net)
        found["fine-tuned for int8"] = accuracies(*to_int8(model, calibrated(net, model, samples)[1]), samples)
        result["fine-tuned"] = {"torch": torch_accuracies(net, samples)}
    return result


def float_model(net: NestedNetwork) -> FloatModel:
    graphs = export_subnetworks(net)
    return to_float(net, graphs, *convert(graphs[0]))


def calibrated(net: NestedNetwork, model: FloatModel, samples: Samples) -> tuple[tuple[float, float], list[Ranges]]:
    """The range of the input, and all ranges with it."""
    limits = input_range(net, samples)
    return limits, calibrate(model, channels_last(samples.calibration.clip(*limits)))


def torch_accuracies(net: NestedNetwork, samples: Samples) -> list[float]:
    return [100 * float((y.argmax(1) == samples.labels).mean()) for y in torch_outputs(net, 0, samples.inputs)]


def table(runs: list[dict[str, Any]]) -> Table:
    seeds = ", ".join(str(run["seed"]) for run in runs)
    printed = Table(title=f"{runs[0]['recipe']}: test accuracy of int8 minus torch, points, mean of seeds {seeds}")
    printed.add_column("MACs, % of full")
    for k in range(len(runs[0]["torch"])):
        printed.add_column(f"{100 * statistics.mean(run['shares'][k] for run in runs):.0f}", justify="right")
    means = [statistics.mean(values) for values in zip(*(run["torch"] for run in runs), strict=True)]
    printed.add_row("torch, %", *(f"{mean:.1f}" for mean in means), end_section=True)
    for name in runs[0]["int8"]:
        differences = [[i - t for i, t in zip(run["int8"][name], run["torch"], strict=True)] for run in runs]
        printed.add_row(name, *(f"{statistics.mean(values):+.2f}" for values in zip(*differences, strict=True)))
    return printed


def finished(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()] if path.is_file() else []


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkpoints", nargs="*", type=Path)
    parser.add_argument("--table", action="store_true", help="print all results and stop")
    parser.add_argument("--samples", type=int, default=256, help="for calibration")
    parser.add_argument("--set", nargs="*", default=[], help="settings of the data, key=value")
    parser.add_argument("--results", type=Path, default=RESULTS)
    options = parser.parse_args()
    for checkpoint in options.checkpoints:
        metadata = load(checkpoint).metadata
        known = {(run["recipe"], run["seed"]) for run in finished(options.results)}
        if (metadata["recipe"], metadata["seed"]) not in known:
            result = measure(checkpoint, options.set, options.samples)
            options.results.parent.mkdir(parents=True, exist_ok=True)
            with options.results.open("a") as file:
                file.write(json.dumps(result) + "\n")
    for _, runs in groupby(sorted(finished(options.results), key=lambda run: run["recipe"]), lambda run: run["recipe"]):
        Console(width=140).print(table(list(runs)))


if __name__ == "__main__":
    main()
