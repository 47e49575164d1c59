"""What TensorFlow's quantizer made of eleven networks and of many ranges, to compare ours with.

`python tests/bridge/quantizer_references.py` writes the file. It needs tensorflow; 2.21 wrote it. The networks' float
weights are not in the file: they are random numbers of a seed, the same on every machine. Of the int8 weights it has
hashes.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from ai_edge_litert.schema_py_generated import BufferT, QuantizationParametersT

from bridge.conversion.activation_ranges import Ranges, including_zero, measure
from bridge.conversion.editing import layer_operators
from bridge.isolation import isolated
from bridge.model_file.flatbuffer import read, write
from bridge.model_file.graph import Graph

FILE = Path(__file__).parent / "references" / "quantizer.npz"
# of an activation: usual ones, without zero, with the middle between two steps at zero, narrow, of nothing, huge
LIMITS = [
    *((-1.0, 1.0), (0.0, 6.0), (-0.7539326548576355, 0.4463549852371216), (-247.0, 35.0), (0.5, 2.0), (-3.0, -1.0)),
    *((-0.5, 0.5), (-1.0, 254.0), (-1.5, 253.5), (-2.5, 252.5), (-253.5, 1.5), (-126.5, 128.5), (-127.5, 127.5)),
    *((0.0, 2e-6), (-1.01e-6, 0.0), (0.0, 1e-6), (-3e-7, 6e-7), (-5e-8, 0.0), (0.0, 0.0), (-1e5, 3e7), (-1e-3, 40.0)),
]


def networks() -> dict[str, tuple[bytes, Ranges]]:
    """Every network of the file: a float32 model, and the ranges of its activations."""
    with np.load(FILE) as file:
        return {
            name: (
                with_weights(file[f"{name}.structure"].tobytes()),
                dict(zip(file[f"{name}.names"].tolist(), map(tuple, file[f"{name}.ranges"].tolist()), strict=True)),
            )
            for name in file["networks"].tolist()
        }


def expected(name: str) -> dict[str, np.ndarray]:
    """What TensorFlow made of a network of the file, as `described`."""
    with np.load(FILE) as file:
        return {key.removeprefix(f"{name}.int8."): file[key] for key in file if key.startswith(f"{name}.int8.")}


def expected_ranges() -> list[tuple[tuple[float, float], float, int]]:
    """Limits of an activation, and the scale and zero point that TensorFlow gave it."""
    with np.load(FILE) as file:
        return list(zip(LIMITS, file["limits.scales"].tolist(), file["limits.zero_points"].tolist(), strict=True))


def described(data: bytes) -> dict[str, np.ndarray]:
    """An int8 model in numbers: of its activations, then of its layers, in the order of execution."""
    graph = Graph(read(data))
    activations = [*graph.inputs, *(int(operator.outputs[0]) for operator in graph.operators)]
    layers = [(int(operator.inputs[1]), int(operator.inputs[2])) for operator in layer_operators(graph)]
    return {
        "operators": np.array([graph.operator_name(operator) for operator in graph.operators]),
        "scales": np.array([graph.quantization(tensor).scale for tensor in activations], np.float32),
        "zero_points": np.array([graph.quantization(tensor).zero_point for tensor in activations], np.int8),
        "weight_scales": np.concatenate([graph.scales(weight)[0] for weight, _ in layers]),
        "weights": np.array([sha256(graph.constant(weight).tobytes()).hexdigest()[:16] for weight, _ in layers]),
        "biases": np.concatenate([graph.constant(bias) for _, bias in layers]),
    }


def without_weights(data: bytes) -> bytes:
    """A float32 model whose layers lack the content of their constants."""
    model = read(data)
    graph = Graph(model)
    for operator in layer_operators(graph):
        for tensor in map(int, operator.inputs[1:]):
            model.buffers[graph.tensor(tensor).buffer] = BufferT()
    return write(model)


def with_weights(structure: bytes) -> bytes:
    """The model with uniform random weights that keep the variance (He et al., arXiv 1502.01852).

    Of the second layer, output 0 has no weights but a bias, and output 1 almost none.
    """
    model = read(structure)
    graph = Graph(model)
    random = np.random.RandomState(0)  # whose numbers numpy promises never to change
    for number, operator in enumerate(layer_operators(graph)):
        weight, bias = (int(i) for i in operator.inputs[1:])
        outputs_last = graph.operator_name(operator) == "DEPTHWISE_CONV_2D"
        shape, outputs = graph.shape(weight), graph.shape(bias)[0]
        values = (2 * random.random_sample(shape) - 1) * np.sqrt(6 * outputs / prod(shape))
        if number == 1:
            of_outputs = values.T if outputs_last else values
            of_outputs[0] = 0
            of_outputs[1] *= 1e-8
        for tensor, content in ((weight, values), (bias, 0.2 * random.random_sample(outputs) - 0.1)):
            data = content.astype("<f4").reshape(-1).view(np.uint8)
            model.buffers[graph.tensor(tensor).buffer] = BufferT(data=data)
    return write(model)


def tensorflow_int8(*models: tuple[bytes, Ranges]) -> list[bytes]:
    """What TensorFlow's quantizer makes of float32 models, in a process of its own: it can crash beside torch."""
    return isolated("TensorFlow's quantizer", _tensorflow_int8, models)


def _tensorflow_int8(models: Sequence[tuple[bytes, Ranges]]) -> list[bytes]:
    import tensorflow as tf
    from tensorflow.lite.python.convert import mlir_quantize

    types = {"input_data_type": tf.int8, "output_data_type": tf.int8}
    return [bytes(mlir_quantize(_with_ranges(*model), fully_quantize=True, **types)) for model in models]


def _with_ranges(model: bytes, ranges: Ranges) -> bytes:
    """The float32 model with its ranges where TensorFlow's quantizer looks for them."""
    calibrated = read(model)
    for tensor in calibrated.subgraphs[0].tensors:
        limits = ranges.get(tensor.name.decode())
        if limits is not None:
            low, high = (np.array([limit], np.float32) for limit in including_zero(*limits))
            tensor.quantization = QuantizationParametersT(min=low, max=high)
    return write(calibrated)


def _converted() -> dict[str, bytes]:
    """Float32 models of the networks of the tests and of the recipes."""
    import torch
    from networks import NETWORKS, network
    from test_float_models import INPUTS, LARGE

    from bridge.conversion.converter import export_subnetworks, to_float
    from bridge.conversion.onnx2tf_process import convert
    from reds_torch import nest
    from reds_torch.models import ds_cnn

    models = {name: nest(model.eval(), torch.zeros(1, *INPUTS[name])) for name, (model, _) in LARGE.items()}
    models["ds_cnn_l"] = nest(ds_cnn(size="l").eval(), torch.zeros(1, *INPUTS["ds_cnn"]))
    nets = {name: network(name) for name in NETWORKS} | models
    graphs = {name: export_subnetworks(net) for name, net in nets.items()}
    converted = convert(*(of_net[0] for of_net in graphs.values()))
    return {name: to_float(nets[name], graphs[name], model).data for name, model in zip(nets, converted, strict=True)}


def made() -> dict[str, Any]:
    """The content of the file."""
    content: dict[str, Any] = {}
    models: dict[str, tuple[bytes, Ranges]] = {}
    for name, model in _converted().items():
        structure = without_weights(model)
        floats = with_weights(structure)
        graph = Graph(read(floats))
        inputs = np.random.RandomState(1).random_sample((8, *graph.shape(graph.inputs[0])[1:])).astype(np.float32)
        measured = measure(floats, 4 * inputs - 2)
        limits = np.array(list(measured.values()), np.float32)
        content[f"{name}.structure"] = np.frombuffer(structure, np.uint8)
        content[f"{name}.names"], content[f"{name}.ranges"] = np.array(list(measured)), limits
        models[name] = floats, dict(zip(measured, map(tuple, limits.tolist()), strict=True))
    dense, ranges = models["dense"]
    variants = [(dense, {**ranges, "output": limits}) for limits in LIMITS]
    found = [described(int8) for int8 in tensorflow_int8(*models.values(), *variants)]
    for name, int8 in zip(models, found, strict=False):
        content |= {f"{name}.int8.{key}": value for key, value in int8.items()}
    of_limits = found[len(models) :]
    return content | {
        "networks": np.array(list(models)),
        "limits.scales": np.array([int8["scales"][-1] for int8 in of_limits]),
        "limits.zero_points": np.array([int8["zero_points"][-1] for int8 in of_limits]),
    }


if __name__ == "__main__":
    import quantizer_references  # a module that another process can import what it shall call from

    np.savez_compressed(FILE, **quantizer_references.made())
