"""A network as a simplified ONNX graph whose layers are convolutions and dense layers with batch norm folded in."""

from __future__ import annotations

import io
import warnings
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import onnx
import onnxsim
import torch
from onnx import numpy_helper
from torch import nn

from ..error import BridgeError

OPSET = 17
INPUT, OUTPUT = "input", "output"

# What becomes an operator that a subnetwork can run on its first channels. The others fold into these.
SUPPORTED = {
    "Conv",
    "Gemm",
    "Relu",
    "Clip",
    "LeakyRelu",
    "Add",
    "Pad",
    "MaxPool",
    "AveragePool",
    "GlobalAveragePool",
    "ReduceMean",
    "Flatten",
    "Reshape",
}


@dataclass(frozen=True)
class OnnxLayer:
    """A layer that multiplies, as the graph holds it.

    Attributes:
        name: of the node, by the module it comes from.
        kind: "linear", "conv" or "grouped", as `reds_torch.nested` calls them.
        weight: (outputs, inputs) or (outputs, inputs of a group, height, width), batch norm included.
        bias: (outputs,), zeros where the layer has none.
    """

    name: str
    kind: str
    weight: np.ndarray
    bias: np.ndarray


def export(module: nn.Module, input_shape: Sequence[int], dynamic_batch: bool = False) -> onnx.ModelProto:
    """Export a network in evaluation mode with torch's legacy exporter, checked and simplified.

    Args:
        module: takes one tensor (batch, *input_shape) and returns one, of logits.
        input_shape: of one sample.
        dynamic_batch: the graph takes batches of any size instead of one sample.

    Raises:
        BridgeError: the exporter has no operator for something, or the bridge has none for what it exported.
    """
    dynamic_axes = {INPUT: {0: "batch"}, OUTPUT: {0: "batch"}} if dynamic_batch else None
    buffer = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that the exporter is the legacy one, and what it could not fold
        try:
            torch.onnx.export(
                module.eval(),
                (torch.zeros(1, *input_shape),),
                buffer,  # type: ignore[arg-type]  # the legacy exporter takes it
                dynamo=False,
                opset_version=OPSET,
                input_names=[INPUT],
                output_names=[OUTPUT],
                dynamic_axes=dynamic_axes,
            )
        except (torch.onnx.errors.OnnxExporterError, RuntimeError) as error:
            reason = str(error).strip().split("\n")[0]
            raise BridgeError(f"the network can't be exported to ONNX opset {OPSET}: {reason}") from error
    model = onnx.load_from_string(buffer.getvalue())
    onnx.checker.check_model(model, full_check=True)
    simplified, agrees = onnxsim.simplify(model)
    if not agrees:
        raise BridgeError("the simplified ONNX graph computes something else than the exported one")
    use_gemm(simplified)
    fold_batch_norm(simplified)
    check_supported(simplified)
    onnx.checker.check_model(simplified, full_check=True)
    return simplified


def use_gemm(model: onnx.ModelProto) -> None:
    """Write dense layers without bias, which torch exports as MatMul, as Gemm like the others. In place."""
    known = onnx.shape_inference.infer_shapes(model).graph
    ranks = {value.name: len(value.type.tensor_type.shape.dim) for value in [*known.input, *known.value_info]}
    constants = {tensor.name for tensor in model.graph.initializer}
    for node in model.graph.node:
        if node.op_type == "MatMul" and node.input[1] in constants and ranks.get(node.input[0]) == 2:
            node.op_type = "Gemm"


def fold_batch_norm(model: onnx.ModelProto) -> None:
    """Fold every batch norm behind a dense layer into it, in place; those behind convolutions are folded already."""
    graph = model.graph
    constants = {tensor.name: tensor for tensor in graph.initializer}
    producers = {output: node for node in graph.node for output in node.output}
    readers = Counter(name for node in graph.node for name in node.input)
    for norm in [node for node in graph.node if node.op_type == "BatchNormalization"]:
        dense = producers.get(norm.input[0])
        if dense is None or dense.op_type != "Gemm" or readers[norm.input[0]] != 1 or dense.input[1] not in constants:
            continue
        if any(readers[name] > 1 for name in dense.input[1:]):
            continue  # another layer shares the weights and not the batch norm
        scale, shift, mean, variance = (numpy_helper.to_array(constants[name]) for name in norm.input[1:5])
        epsilon = next((a.f for a in norm.attribute if a.name == "epsilon"), 1e-5)
        factor = scale / np.sqrt(variance + np.float32(epsilon))
        weight = constants[dense.input[1]]
        by_row = any(a.name == "transB" and a.i for a in dense.attribute)
        values = numpy_helper.to_array(weight)
        _replace(weight, values * (factor[:, None] if by_row else factor))
        if len(dense.input) > 2:
            bias = constants[dense.input[2]]
            _replace(bias, (numpy_helper.to_array(bias) - mean) * factor + shift)
        else:
            bias = numpy_helper.from_array((shift - mean * factor).astype(np.float32), f"{weight.name}.bias")
            graph.initializer.append(bias)
            dense.input.append(bias.name)
        dense.output[0] = norm.output[0]
        graph.node.remove(norm)


def _replace(tensor: onnx.TensorProto, values: np.ndarray) -> None:
    tensor.CopyFrom(numpy_helper.from_array(values.astype(np.float32), tensor.name))


def check_supported(model: onnx.ModelProto) -> None:
    """Refuse operators that have no width-aware counterpart, by the names of their modules."""
    for node in model.graph.node:
        if node.op_type not in SUPPORTED:
            raise BridgeError(
                f"module '{_module(node)}' uses the operator {node.op_type}, which the bridge can't put into a model "
                f"with subnetworks; it can {', '.join(sorted(SUPPORTED))}"
            )


def _module(node: onnx.NodeProto) -> str:
    """The module that a node comes from: the exporter calls it /block1/conv/Conv."""
    return node.name.strip("/").rpartition("/")[0].replace("/", ".") or node.name


def layers_of(model: onnx.ModelProto) -> tuple[OnnxLayer, ...]:
    """The layers that multiply, in the order of execution.

    Raises:
        BridgeError: a layer multiplies activations, or is a grouped convolution that is not depth-wise.
    """
    constants = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    layers = []
    for node in model.graph.node:
        if node.op_type not in ("Conv", "Gemm"):
            continue
        name = _module(node)
        if node.input[1] not in constants:
            raise BridgeError(f"module '{name}' multiplies activations with each other, which the bridge can't convert")
        weight, attributes = constants[node.input[1]], {a.name: a for a in node.attribute}
        kind = "conv"
        if node.op_type == "Gemm":
            kind = "linear"
            weight = weight if "transB" in attributes and attributes["transB"].i else weight.T
        elif "group" in attributes and attributes["group"].i > 1:
            kind = "grouped"
            if weight.shape[:2] != (attributes["group"].i, 1):
                raise BridgeError(
                    f"module '{name}' is a convolution in {attributes['group'].i} groups; of grouped convolutions the "
                    f"bridge converts depth-wise ones, with as many groups as inputs and outputs"
                )
        if weight.ndim not in (2, 4):
            raise BridgeError(f"module '{name}' has a weight of shape {weight.shape}; the bridge converts 2-D layers")
        bias = constants[node.input[2]] if len(node.input) > 2 else np.zeros(len(weight), np.float32)
        layers.append(OnnxLayer(name, kind, weight, bias))
    return tuple(layers)
