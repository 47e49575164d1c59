"""Latency on this host of subnetworks cut out of a bridge's model, beside the same networks converted alone.

    python -m bridge CHECKPOINT --out FOLDER data.root=PATH
    python -m benchmarks.bridge FOLDER --alone CHECKPOINT --set data.root=PATH --plots docs/images

LiteRT runs the models one input at a time, with its optimized kernels (XNNPACK) and with its plain reference ones, on
fixed cores; all models take turns. --alone takes every subnetwork of the checkpoint as a network of its own through
the bridge: its own conversion, calibration and int8 weights. A network that is trained alone has the same shapes and
so the same latency; its accuracy is taken from the run folder of the checkpoint, if the run had ``baselines=[alone]``.
Each measurement is one JSON line in --results.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from ai_edge_litert.interpreter import Interpreter, OpResolverType
from rich.console import Console
from rich.table import Table

from benchmarks.bridge_plot import ALONE, NESTED, plot
from benchmarks.latency import Latency, pinned, take_turns
from bridge.conversion.converter import calibrate, export_subnetworks, to_float, to_int8
from bridge.conversion.onnx2tf_process import channels_last, convert
from bridge.error import BridgeError
from bridge.model_file.flatbuffer import read, read_table
from bridge.model_file.graph import Graph
from bridge.model_file.propagation import layer_operators
from bridge.model_file.subnetworks import cut
from bridge.model_file.table import FormatError
from bridge.quiet import captured_output
from bridge.samples import load_samples
from bridge.settings import RESULTS as VERIFICATION
from reds_torch import nest
from reds_torch.checkpoint import load
from reds_torch.runs.checkpoint_data import data_module
from reds_torch.runs.command_line import UsageError

RESULTS = Path(__file__).parent / "results" / "bridge_latency.jsonl"
KERNELS = {"XNNPACK": OpResolverType.AUTO, "reference": OpResolverType.BUILTIN_REF}


@dataclass(frozen=True)
class Candidate:
    """An int8 model that is timed.

    Attributes:
        side: cut out of the nested model, or converted alone.
        subnetwork: its number in the nested model.
        macs: of one inference.
        data: the .tflite file.
        accuracy: share of the test set, in int8 on LiteRT if cut, of the trained float32 one if alone; None: unknown.
    """

    side: str
    subnetwork: int
    macs: int
    data: bytes
    accuracy: float | None


def cut_models(folder: Path) -> list[Candidate]:
    """Every subnetwork of a bridge's folder, from its own file if there is one."""
    for name in ("model.tflite", VERIFICATION):
        if not (folder / name).is_file():
            raise BridgeError(f"{folder} has no {name}: give a folder that `python -m bridge` wrote")
    model = (folder / "model.tflite").read_bytes()
    table = read_table(model)
    verified = json.loads((folder / VERIFICATION).read_text())["subnetworks"]
    candidates = []
    for k, (row, found) in enumerate(zip(table.subnetworks, verified, strict=True)):
        file = folder / f"subnetwork_{k}.tflite"
        data = file.read_bytes() if file.is_file() else cut(model, table, k)
        candidates.append(Candidate(NESTED, k, row.macs, data, found["accuracy"]["litert"]))
    return candidates


def models_alone(checkpoint: Path, settings: Sequence[str], samples: int) -> list[Candidate]:
    """Every subnetwork of a checkpoint, extracted and converted as a network that has no subnetworks."""
    net = load(checkpoint)
    data = data_module(net, settings)
    data.prepare_data()
    calibration = channels_last(load_samples(data, samples, 1).calibration)
    accuracies = accuracies_alone(checkpoint.with_name("subnetworks.json"))
    candidates = []
    for k in range(len(net.subnetworks)):
        alone = nest(net.extract(k), data.example_input)
        graphs = export_subnetworks(alone)
        floats = to_float(alone, graphs, *convert(graphs[0]))
        model, table = to_int8(floats, calibrate(floats, calibration), "shared")
        candidates.append(Candidate(ALONE, k, table.subnetworks[0].macs, cut(model, table, 0), accuracies.get(k)))
    return candidates


def accuracies_alone(file: Path) -> dict[int, float]:
    """Test accuracies of the subnetworks that a run trained alone, by number; none where it didn't."""
    if not file.is_file():
        return {}
    alone = json.loads(file.read_text()).get("baselines", {}).get("alone", {})
    return {int(k): measured["test"] for k, measured in alone.items()}


def parameters(model: bytes) -> int:
    """Weights and biases, batch norm folded into them."""
    graph = Graph(read(model))
    layers = [graph.operators[position] for position, _ in layer_operators(graph)]
    return sum(prod(graph.shape(int(constant))) for layer in layers for constant in layer.inputs[1:] if constant >= 0)


def inference(model: bytes, kernels: str, threads: int) -> Callable[[], object]:
    """A call that runs a model once, on an input of noise: int8 kernels take the same time for all values."""
    with captured_output():
        interpreter = Interpreter(
            model_content=model, experimental_op_resolver_type=KERNELS[kernels], num_threads=threads
        )
        interpreter.allocate_tensors()
    (source,) = interpreter.get_input_details()
    noise = np.random.default_rng(0).integers(-128, 128, source["shape"], dtype=np.int8)
    interpreter.set_tensor(source["index"], noise)
    return interpreter.invoke


def measure(candidates: Sequence[Candidate], threads: int, rounds: int, name: str) -> list[dict[str, Any]]:
    """One plain record for each model and kernels."""
    measurements = []
    for kernels in KERNELS:
        with pinned(threads):
            works = [inference(candidate.data, kernels, threads) for candidate in candidates]
            latencies = take_turns(works, rounds)
        load_average = os.getloadavg()[0]
        for candidate, latency in zip(candidates, latencies, strict=True):
            measurements.append(_record(name, kernels, candidate, latency, threads, rounds) | {"load": load_average})
    return measurements


def _record(
    name: str, kernels: str, candidate: Candidate, latency: Latency, threads: int, rounds: int
) -> dict[str, Any]:
    return {
        "model": name,
        "subnetwork": candidate.subnetwork,
        "side": candidate.side,
        "kernels": kernels,
        "threads": threads,
        "rounds": rounds,
        "macs": candidate.macs,
        "parameters": parameters(candidate.data),
        "size": len(candidate.data),
        "accuracy": candidate.accuracy,
        "median_us": round(latency.median, 2),
        "minimum_us": round(latency.minimum, 2),
        "quartiles_us": [round(value, 2) for value in latency.quartiles],
    }


def table(measurements: Sequence[dict[str, Any]]) -> Table:
    """One row for each subnetwork and kernels, the sides beside each other."""
    first = measurements[0]
    printed = Table(
        title=f"{first['model']}: microseconds of an inference in LiteRT, {first['threads']} thread(s), "
        f"{first['rounds']} rounds, load {max(m['load'] for m in measurements):.1f}",
        title_justify="left",
    )
    sides = list(dict.fromkeys(m["side"] for m in measurements))
    for column in ("kernels", "", "MACs", "parameters"):
        printed.add_column(column, justify="left" if column == "kernels" else "right")
    for side in sides:
        for column in ("median", "min", "quartiles", "accuracy %"):
            printed.add_column(f"{side}: {column}", justify="right")
    if len(sides) > 1:
        printed.add_column("cut / alone (min)", justify="right")
    rows: dict[tuple[str, int], list[dict[str, Any]]] = {}
    for measurement in measurements:
        rows.setdefault((measurement["kernels"], measurement["subnetwork"]), []).append(measurement)
    for (kernels, k), row in rows.items():
        cells = [cell for measurement in row for cell in _cells(measurement)]
        if len(row) > 1:
            medians, minima = (row[0][name] / row[1][name] for name in ("median_us", "minimum_us"))
            cells.append(f"{medians:.2f} ({minima:.2f})")
        printed.add_row(kernels, str(k), f"{row[0]['macs']:,}", f"{row[0]['parameters']:,}", *cells)
    return printed


def _cells(measurement: dict[str, Any]) -> list[str]:
    accuracy = measurement["accuracy"]
    return [
        f"{measurement['median_us']:,.0f}",
        f"{measurement['minimum_us']:,.0f}",
        "-".join(f"{value:,.0f}" for value in measurement["quartiles_us"]),
        "" if accuracy is None else f"{100 * accuracy:.1f}",
    ]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="that `python -m bridge` wrote")
    parser.add_argument("--alone", type=Path, metavar="CHECKPOINT", help="the folder's nested.ckpt")
    parser.add_argument("--set", nargs="*", default=[], help="settings of its data, key=value")
    parser.add_argument("--samples", type=int, default=256, help="for calibration of networks alone")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--plots", type=Path, metavar="DIR", help="draw them into this folder")
    parser.add_argument("--results", type=Path, default=RESULTS)
    options = parser.parse_args()
    if options.rounds < 2:
        parser.error(f"--rounds must be at least 2, not {options.rounds}")
    try:
        with pinned(options.threads):
            pass  # refused before the conversions, which take a minute
        candidates = cut_models(options.folder)
        if options.alone:
            candidates += models_alone(options.alone, options.set, options.samples)
    except (BridgeError, FormatError, UsageError, ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    measurements = measure(candidates, options.threads, options.rounds, options.folder.resolve().name)
    options.results.parent.mkdir(parents=True, exist_ok=True)
    with options.results.open("a") as file:
        file.writelines(json.dumps(measurement) + "\n" for measurement in measurements)
    Console(width=170).print(table(measurements))
    if options.plots:
        print(f"plot: {plot(measurements, options.plots)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
