"""A converted model as a person would have written it.

Two things are left of the way from (channels, height, width) to (height, width, channels) and through TensorFlow's
optimizer. A flatten becomes TRANSPOSE and RESHAPE in front of a FULLY_CONNECTED that would flatten its input by
itself, in another order: the weights' columns are put into that order and the two operators are left out. And the bias
of a dense layer without activation is moved into the layer behind it, which is right for the full network alone, since
a subnetwork reads fewer inputs: it is given back.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from math import prod

import numpy as np
from ai_edge_litert.schema_py_generated import BufferT, OperatorT, TensorT, TensorType

from ..error import BridgeError
from ..model_file.graph import Graph, elements
from ..model_file.table import Kind
from .onnx_export import INPUT, OUTPUT, OnnxLayer

# What a simplified model may consist of: layers, and operators that work channel by channel.
OPERATORS = {
    *(kind.name for kind in Kind),
    "MEAN",
    "AVERAGE_POOL_2D",
    "MAX_POOL_2D",
    "ADD",
    "RELU",
    "RELU6",
    "LEAKY_RELU",
    "PAD",
    "RESHAPE",
}


def layer_operators(graph: Graph) -> list[OperatorT]:
    """The operators with weights, in the order of execution."""
    return [operator for operator in graph.operators if graph.operator_name(operator) in Kind.__members__]


def restore_biases(graph: Graph, layers: Sequence[OnnxLayer]) -> None:
    """Give every layer the bias that it has in the network, zeros where it has none. In place.

    Args:
        graph: a float32 model.
        layers: of the network, in the order of the model's layers.
    """
    for operator, layer in zip(layer_operators(graph), layers, strict=True):
        bias = add_constant(graph, f"{layer.name}.bias", layer.bias.astype(np.float32))
        operator.inputs = np.array([*operator.inputs[:2], bias], np.int32)


def flatten_inside_dense_layers(graph: Graph) -> None:
    """Let every FULLY_CONNECTED behind a flatten read the map itself, positions before channels. In place."""
    for dense in graph.operators:
        if graph.operator_name(dense) != "FULLY_CONNECTED" or dense.builtinOptions.keepNumDims:
            continue
        reshape = _writer_for(graph, dense)
        if reshape is None or graph.operator_name(reshape) != "RESHAPE":
            continue
        dropped, source = [reshape], int(reshape.inputs[0])
        order = np.arange(prod(graph.shape(source)[1:]))
        transpose = _writer_for(graph, reshape)
        if transpose is not None and graph.operator_name(transpose) == "TRANSPOSE":
            dropped, source = [reshape, transpose], int(transpose.inputs[0])
            positions = order.reshape(1, *graph.shape(source)[1:])
            order = positions.transpose(graph.constant(int(transpose.inputs[1]))).ravel()
        weight = int(dense.inputs[1])
        if graph.shape(source)[0] != 1 or graph.shape(weight)[1] != len(order):
            continue
        # what lies at order[j] of the map meets column j of the weights
        columns = graph.constant(weight)[:, np.argsort(order)]
        dense.inputs = np.array([source, add_constant(graph, graph.name(weight), columns), dense.inputs[2]], np.int32)
        graph.subgraph.operators = [o for o in graph.operators if o not in dropped]


def name_tensors(graph: Graph, layers: Sequence[str]) -> None:
    """Call activations after the module or the operator that writes them, weights after their module. In place.

    Args:
        graph: a model.
        layers: names of the modules of its layers, in its order.
    """
    modules = {id(operator): name for operator, name in zip(layer_operators(graph), layers, strict=True)}
    names: dict[int, str] = {}
    for position, operator in enumerate(graph.operators):
        module = modules.get(id(operator))
        names[int(operator.outputs[0])] = module or f"{graph.operator_name(operator).lower()}{position}"
        if module is not None:
            names |= dict(zip(map(int, operator.inputs[1:]), (f"{module}.weight", f"{module}.bias"), strict=True))
    names |= {int(graph.subgraph.inputs[0]): INPUT, int(graph.subgraph.outputs[0]): OUTPUT}
    repeated = {name for name, count in Counter(names.values()).items() if count > 1}  # a module that is used again
    for index, name in names.items():
        graph.tensor(index).name = (f"{name}#{index}" if name in repeated else name).encode()


def check_operators(graph: Graph) -> None:
    """Refuse a model with operators that no subnetwork can run on its first channels."""
    foreign = {graph.operator_name(operator) for operator in graph.operators} - OPERATORS
    if foreign:
        raise BridgeError(
            f"the converted model uses {', '.join(sorted(foreign))}, which the bridge does not put into a model with "
            f"subnetworks; it knows {', '.join(sorted(OPERATORS))}"
        )


def drop_unused(graph: Graph) -> None:
    """Leave out tensors, buffers and operator codes that nothing refers to any more. In place.

    A device would need a kernel for every operator code that a model names.
    """
    model, operators = graph.model, graph.operators
    signatures = [entry for s in elements(model.signatureDefs) for entry in (*elements(s.inputs), *elements(s.outputs))]
    used = {int(i) for o in operators for i in (*o.inputs, *o.outputs) if i >= 0}
    tensors = sorted(used | {*graph.inputs, *graph.outputs} | {entry.tensorIndex for entry in signatures})
    number = {-1: -1} | {old: new for new, old in enumerate(tensors)}
    for operator in operators:
        operator.inputs, operator.outputs = (
            np.array([number[int(i)] for i in indices], np.int32) for indices in (operator.inputs, operator.outputs)
        )
    for entry in signatures:
        entry.tensorIndex = number[entry.tensorIndex]
    subgraph = graph.subgraph
    subgraph.inputs, subgraph.outputs = (
        np.array([number[i] for i in indices], np.int32) for indices in (graph.inputs, graph.outputs)
    )
    subgraph.tensors = [subgraph.tensors[i] for i in tensors]

    # buffer 0 is the empty one, by the schema's rule
    owners = [*subgraph.tensors, *elements(model.metadata)]
    buffers = sorted({0} | {owner.buffer for owner in owners})
    for owner in owners:
        owner.buffer = buffers.index(owner.buffer)
    model.buffers = [model.buffers[i] for i in buffers]
    codes = sorted({operator.opcodeIndex for operator in operators})
    for operator in operators:
        operator.opcodeIndex = codes.index(operator.opcodeIndex)
    model.operatorCodes = [model.operatorCodes[i] for i in codes]


def add_constant(graph: Graph, name: str, values: np.ndarray) -> int:
    """The index of a new float32 tensor with these values."""
    buffer = BufferT()
    buffer.data = np.frombuffer(np.ascontiguousarray(values, "<f4").tobytes(), np.uint8)
    graph.model.buffers.append(buffer)
    tensor = TensorT()
    tensor.name, tensor.shape, tensor.type = name.encode(), np.array(values.shape, np.int32), TensorType.FLOAT32
    tensor.buffer = len(graph.model.buffers) - 1
    graph.subgraph.tensors.append(tensor)
    return len(graph.subgraph.tensors) - 1


def _writer_for(graph: Graph, reader: OperatorT) -> OperatorT | None:
    """The operator that writes the reader's first input, if nothing else reads it."""
    tensor = int(reader.inputs[0])
    readers = [operator for operator in graph.operators if tensor in operator.inputs]
    if len(readers) != 1 or tensor in graph.subgraph.outputs:
        return None
    return next((operator for operator in graph.operators if tensor in operator.outputs), None)
