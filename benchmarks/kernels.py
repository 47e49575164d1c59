"""Where LiteRT's kernels round otherwise than TensorFlow Lite Micro, operator by operator.

    python -m benchmarks.kernels                        networks of the recipes with random weights
    python -m benchmarks.kernels build/NAME/model.tflite ...

Every operator of an int8 model is run alone, on the values that TensorFlow Lite Micro (TFLM) gives the operator before
it, in TFLM and in LiteRT with each kind of its kernels. Below that, whole models on the same inputs: how many of their
outputs are TFLM's, and how far the others are. Networks with random weights have the batch norm of a minibatch.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from ai_edge_litert.interpreter import Interpreter, OpResolverType
from rich.console import Console
from rich.table import Table
from torch import nn

from bridge.conversion.converter import calibrate, export_subnetworks, to_float, to_int8
from bridge.conversion.editing import drop_unused
from bridge.conversion.onnx2tf_process import channels_last, convert
from bridge.model_file.flatbuffer import read, write
from bridge.model_file.graph import Graph
from bridge.quiet import captured_output
from bridge.runtimes import run_micro
from reds_torch import nest
from reds_torch.models import cnn, dnn, ds_cnn, mobilenet_v1, resnet8

KERNELS = {
    "reference": OpResolverType.BUILTIN_REF,
    "optimized, without XNNPACK": OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
    "XNNPACK (the default)": OpResolverType.AUTO,
}
INPUTS = 20


@dataclass
class Difference:
    """Values that differ from TensorFlow Lite Micro's."""

    count: int = 0
    different: int = 0
    largest: int = 0

    def add(self, wanted: np.ndarray, found: np.ndarray) -> None:
        steps = np.abs(wanted.astype(int) - found)
        self.count += steps.size
        self.different += int((steps > 0).sum())
        self.largest = max(self.largest, int(steps.max()))

    def __str__(self) -> str:
        return f"{self.different / self.count:.2%}, {self.largest}" if self.different else "none"


@dataclass
class Differences:
    """By kind of LiteRT's kernels."""

    kernels: dict[str, Difference] = field(default_factory=lambda: {name: Difference() for name in KERNELS})

    def add(self, model: bytes, inputs: Sequence[np.ndarray], wanted: np.ndarray) -> None:
        for name, difference in self.kernels.items():
            difference.add(wanted, litert(model, inputs, KERNELS[name]))


def litert(model: bytes, inputs: Sequence[np.ndarray], kernels: OpResolverType) -> np.ndarray:
    """Outputs of an int8 model for (N, ...) values of each of its inputs."""
    with captured_output():
        interpreter = Interpreter(model_content=model, experimental_op_resolver_type=kernels, num_threads=1)
        interpreter.allocate_tensors()
    sources, (output,) = interpreter.get_input_details(), interpreter.get_output_details()
    found = []
    for sample in zip(*inputs, strict=True):
        for source, values in zip(sources, sample, strict=True):
            interpreter.set_tensor(source["index"], values[None])
        interpreter.invoke()
        found.append(interpreter.get_tensor(output["index"])[0])
    return np.stack(found)


def alone(model: bytes, position: int) -> tuple[str, list[int], int, bytes]:
    """An operator's name, the tensors that it reads, the one that it writes, and a model of it alone."""
    whole = read(model)
    graph = Graph(whole)
    operator = graph.operators[position]
    sources = [int(i) for i in operator.inputs if i >= 0 and not graph.is_constant(int(i))]
    name, output = graph.operator_name(operator), int(operator.outputs[0])
    graph.subgraph.operators, whole.signatureDefs, whole.metadata = [operator], None, None
    graph.subgraph.inputs, graph.subgraph.outputs = (np.array(x, np.int32) for x in (sources, [output]))
    drop_unused(graph)
    return name, sources, output, write(whole)


def expected(model: bytes, inputs: Sequence[np.ndarray]) -> np.ndarray:
    """TFLM's outputs; of an operator on two maps those of LiteRT's reference kernel, which are TFLM's bit for bit."""
    return run_micro(model, inputs[0])[0] if len(inputs) == 1 else litert(model, inputs, OpResolverType.BUILTIN_REF)


def compare(model: bytes, random: np.random.Generator, by_operator: dict[str, Differences]) -> Differences:
    """Add an int8 model's operators up, and give the differences of its outputs."""
    graph = Graph(read(model))
    inputs = random.integers(-128, 128, (INPUTS, *graph.shape(graph.inputs[0])[1:])).astype(np.int8)
    values = {graph.inputs[0]: inputs}
    for position in range(len(graph.operators)):
        name, sources, output, single = alone(model, position)
        of_sources = [values[source] for source in sources]
        values[output] = expected(single, of_sources)
        by_operator.setdefault(name, Differences()).add(single, of_sources, values[output])
    whole = Differences()
    whole.add(model, [inputs], run_micro(model, inputs)[0])
    return whole


def networks() -> Iterator[tuple[str, bytes]]:
    """Int8 models of the recipes' networks."""
    torch.manual_seed(0)
    models: dict[str, tuple[nn.Module, tuple[int, ...]]] = {
        "DNN S": (dnn(), (1, 25, 10)),
        "CNN S": (cnn(), (1, 49, 10)),
        "DS-CNN S": (ds_cnn(), (1, 49, 10)),
        "ResNet-8": (resnet8(), (3, 32, 32)),
        "MobileNetV1 0.25": (mobilenet_v1(0.25, (3, 96, 96), 2), (3, 96, 96)),
    }
    for name, (model, shape) in models.items():
        samples = torch.randn(16, *shape)
        for module in model.modules():
            if isinstance(module, nn.modules.batchnorm._BatchNorm):
                module.momentum = 1.0
        with torch.no_grad():
            model.train()(samples)
        net = nest(model.eval(), samples[:1])
        graphs = export_subnetworks(net)
        floats = to_float(net, graphs, *convert(graphs[0]))
        yield name, to_int8(floats, calibrate(floats, channels_last(samples.numpy())))[0]


def printed(title: str, rows: dict[str, Differences]) -> Table:
    table = Table(title=title, title_justify="left")
    table.add_column("")
    for name in KERNELS:
        table.add_column(name, justify="right")
    for name, differences in rows.items():
        table.add_row(name, *map(str, differences.kernels.values()))
    return table


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="*", type=Path, help=".tflite files that `python -m bridge` wrote")
    options = parser.parse_args()
    models = [(str(path), path.read_bytes()) for path in options.models] if options.models else networks()
    by_operator: dict[str, Differences] = {}
    whole = {name: compare(model, np.random.default_rng(0), by_operator) for name, model in models}
    console = Console(width=140)
    console.print(printed("outputs that differ from TFLM's, by at most so many steps: operators alone", by_operator))
    console.print(printed("whole models", whole))


if __name__ == "__main__":
    main()
