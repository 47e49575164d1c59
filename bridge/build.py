"""From a nested network and its data to a folder with the verified int8 model and what belongs to it."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch

from reds_torch.data.speech.features import FeatureSettings
from reds_torch.nested.network import NestedNetwork
from reds_torch.runs.folder import write_json
from reds_torch.training.int8.input_range import best_input_range

from .conversion.activation_ranges import union
from .conversion.converter import calibrate, export_subnetworks, subnetworks_from, to_float, to_int8, with_table
from .conversion.onnx2tf_process import channels_last, convert
from .conversion.onnx_export import export
from .headers import DeviceModel, Examples, write_sources
from .model_file.flatbuffer import read
from .model_file.graph import Graph
from .model_file.subnetworks import cut
from .model_file.table import SubnetworkTable, encode
from .runtimes import input_output, quantized
from .samples import Samples, load_samples
from .settings import RESULTS, BuildSettings
from .verify import Verified, as_json, torch_outputs, verify

_BATCH = 100  # samples that a network runs on at a time


@dataclass(frozen=True)
class Built:
    """A model in its folder.

    Attributes:
        table: its subnetworks.
        verified: what each of them does.
        seconds: that each stage took.
    """

    table: SubnetworkTable
    verified: Sequence[Verified]
    seconds: dict[str, float]


def build(net: NestedNetwork, data: Any, settings: BuildSettings, folder: Path) -> Built:
    """Make a model and verify it; everything is written to a folder that is there.

    Args:
        net: the nested network.
        data: its data module.
        settings: how.
        folder: for the results.

    Raises:
        BridgeError: the network, the data or a setting don't allow a model.
    """
    settings.wanted(len(subnetworks_from(net, settings.first)))
    seconds: dict[str, float] = {}
    with _stage("data", seconds):
        data.prepare_data()
        samples = load_samples(data, settings.calibration_samples, settings.test_samples, settings.calibration)
    with _stage("float32 model", seconds):
        graphs = export_subnetworks(net, settings.first)
        floats = to_float(net, graphs, *convert(graphs[0]))
    with _stage("ranges", seconds):
        limits = None if settings.input_range == "full" else input_range(net, samples, settings.first)
        calibration = samples.calibration if limits is None else samples.calibration.clip(*limits)
        ranges = calibrate(floats, channels_last(calibration), settings.percentile)
    with _stage("int8 model", seconds):
        model, table = to_int8(floats, ranges, settings.ranges)
    with _stage("verification", seconds):
        verified = verify(net, settings.first, floats, model, table, samples)
    rows = [replace(row, accuracy=found.micro_accuracy) for row, found in zip(table.subnetworks, verified, strict=True)]
    model, table = with_table(model, replace(table, subnetworks=tuple(rows)))

    (folder / "model.tflite").write_bytes(model)
    (folder / "model_float32.tflite").write_bytes(floats.data)
    graph = export(net.extract(settings.first), net.input_shape[1:], True) if settings.dynamic_batch else floats.graph
    onnx.save(graph, folder / "model.onnx")
    for k in settings.wanted(len(verified)):
        (folder / f"subnetwork_{k}.tflite").write_bytes(cut(model, table, k))
    _write_tests(folder, model, verified, samples, data, settings.test_inputs)
    write_json(
        folder / RESULTS,
        {
            "settings": {**asdict(settings), "calibration": settings.calibration and str(settings.calibration)},
            "samples": {"calibration": len(samples.calibration), "test": len(samples.inputs)},
            "model": _described(model, table, union(ranges)),
            "subnetworks": as_json(net, settings.first, table, verified),
            "seconds": seconds,
        },
    )
    return Built(table, verified, seconds)


@contextmanager
def _stage(name: str, seconds: dict[str, float]) -> Iterator[None]:
    """Say on standard error what is being done, and keep how long it took."""
    print(f"{name} ...", file=sys.stderr, flush=True)
    start = time.monotonic()
    yield
    seconds[name] = round(time.monotonic() - start, 2)


def input_range(net: NestedNetwork, samples: Samples, first: int = 0) -> tuple[float, float]:
    """The range that the network was fine-tuned for int8 with, or the best that is found."""
    if "int8" in net.metadata:
        low, high = net.metadata["int8"]["input_range"]
        return low, high
    inputs, classes = samples.calibration, samples.calibration_labels
    if classes is None:
        classes = torch_outputs(net, first, inputs)[0].argmax(1)
    batches = zip(torch.from_numpy(inputs).split(_BATCH), torch.from_numpy(classes).split(_BATCH), strict=True)
    return best_input_range(net, list(batches), first)


def _described(model: bytes, table: SubnetworkTable, ranges: Any) -> dict[str, Any]:
    graph = Graph(read(model))
    source = input_output(model)[0]
    return {
        "size": len(model),
        "table_size": len(encode(table)),
        "operators": [graph.operator_name(operator) for operator in graph.operators],
        "input": {"shape": graph.shape(graph.inputs[0])[1:], "scale": source.scale, "zero_point": source.zero_point},
        "ranges": ranges,
    }


def _write_tests(
    folder: Path, model: bytes, verified: Sequence[Verified], samples: Samples, data: Any, count: int
) -> None:
    """test_data.npz with all test samples as the model takes them, and the C sources with a few of them."""
    source = input_output(model)[0]
    inputs = quantized(channels_last(samples.inputs), source)
    outputs = np.stack([found.outputs for found in verified])
    np.savez_compressed(folder / "test_data.npz", inputs=inputs, labels=samples.labels, outputs=outputs)
    few = np.unique(np.linspace(0, len(inputs) - 1, min(count, len(inputs))).round().astype(int))
    device = DeviceModel(
        data=model,
        labels=tuple(data.classes),
        input_shape=inputs.shape[1:],
        input_scale=source.scale,
        input_zero_point=source.zero_point,
        output_scales=tuple(found.output_scale for found in verified),
        output_zero_points=tuple(found.output_zero_point for found in verified),
        arena_size=verified[0].arena.total,
    )
    features = getattr(data, "feature_settings", None)
    write_sources(
        folder / "firmware",
        device,
        Examples(inputs[few], samples.labels[few], outputs[:, few]),
        features if isinstance(features, FeatureSettings) else None,
    )
