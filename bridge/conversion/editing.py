"""Changes to a model's graph that leave what it computes alone, and the parts that larger changes are made of."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
from ai_edge_litert.schema_py_generated import BufferT, OperatorT, TensorT, TensorType

from ..model_file.graph import Graph, elements
from ..model_file.table import Kind
from .onnx_export import INPUT, OUTPUT

_TYPES = {
    np.dtype(np.float32): TensorType.FLOAT32,
    np.dtype(np.int32): TensorType.INT32,
    np.dtype(np.int8): TensorType.INT8,
}


def layer_operators(graph: Graph) -> list[OperatorT]:
    """The operators with weights, in the order of execution."""
    return [operator for operator in graph.operators if graph.operator_name(operator) in Kind.__members__]


def readers(graph: Graph, tensor: int) -> list[OperatorT]:
    """The operators that read a tensor."""
    return [operator for operator in graph.operators if tensor in operator.inputs]


def writer(graph: Graph, tensor: int) -> OperatorT | None:
    """The operator that writes a tensor; None for a constant or an input of the model."""
    return next((operator for operator in graph.operators if tensor in operator.outputs), None)


def only_reader(graph: Graph, operator: OperatorT) -> OperatorT | None:
    """The operator that reads what this one writes, if nothing else does: no other operator, not the model's caller."""
    tensor = int(operator.outputs[0])
    found = readers(graph, tensor)
    return found[0] if len(found) == 1 and tensor not in graph.outputs else None


def remove(graph: Graph, *operators: OperatorT) -> None:
    """Leave operators out. In place."""
    dropped = {id(operator) for operator in operators}
    graph.subgraph.operators = [operator for operator in graph.operators if id(operator) not in dropped]


def add_tensor(graph: Graph, name: str, shape: Sequence[int], buffer: int = 0) -> int:
    """The index of a new float32 tensor, without content unless a buffer holds some."""
    tensor = TensorT()
    tensor.name, tensor.shape, tensor.type = name.encode(), np.array(shape, np.int32), TensorType.FLOAT32
    tensor.buffer = buffer
    graph.subgraph.tensors.append(tensor)
    return len(graph.subgraph.tensors) - 1


def add_constant(graph: Graph, name: str, values: np.ndarray) -> int:
    """The index of a new tensor with these values: float32, int32 or int8."""
    buffer = BufferT()
    buffer.data = np.ascontiguousarray(values).reshape(-1).view(np.uint8)
    graph.model.buffers.append(buffer)
    index = add_tensor(graph, name, values.shape, len(graph.model.buffers) - 1)
    graph.tensor(index).type = _TYPES[values.dtype]
    return index


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
