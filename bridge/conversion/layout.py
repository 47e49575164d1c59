"""Getting rid of the ways back to torch's order of axes that a converter leaves in a model.

A converted model has maps of (height, width, channels). Wherever torch's (channels, height, width) could matter, it
has a TRANSPOSE into that, and a flatten is a RESHAPE of what that one gives. Both only move values, so they can change
places with operators that work value by value, with padding, sums and means whose axes are renamed. They are moved
towards the output until two of them cancel, or a mean or a FULLY_CONNECTED takes them in.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from math import prod

import numpy as np
from ai_edge_litert.schema_py_generated import OperatorT

from ..model_file.graph import Graph
from .editing import add_constant, add_tensor, only_reader, readers, remove, writer

_MOVERS = ("TRANSPOSE", "RESHAPE")
_VALUE_BY_VALUE = ("RELU", "RELU6", "RELU_N1_TO_1", "LEAKY_RELU")


def move_transposes(graph: Graph) -> None:
    """Move every TRANSPOSE and RESHAPE of a float32 model as far towards the output as it goes. In place."""
    _separate(graph)
    while any(_moved(graph, operator) for operator in _movers(graph)):
        pass


def flatten_inside_dense_layers(graph: Graph) -> None:
    """Let every FULLY_CONNECTED behind a flatten read the map itself, positions before channels. In place.

    It flattens its input by itself, in another order than torch: the weights' columns are put into that order.
    """
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
            order = positions.transpose(_permutation(graph, transpose)).ravel()
        weight = int(dense.inputs[1])
        if graph.shape(source)[0] != 1 or graph.shape(weight)[1] != len(order):
            continue
        # what lies at order[j] of the map meets column j of the weights
        columns = graph.constant(weight)[:, np.argsort(order)]
        dense.inputs = np.array([source, add_constant(graph, graph.name(weight), columns), *dense.inputs[2:]], np.int32)
        remove(graph, *dropped)


def _movers(graph: Graph) -> list[OperatorT]:
    return [operator for operator in graph.operators if graph.operator_name(operator) in _MOVERS]


def _separate(graph: Graph) -> None:
    """Give every reader of a TRANSPOSE or RESHAPE one of its own, since each may go on in another way."""
    for mover in reversed(_movers(graph)):
        output = int(mover.outputs[0])
        for reader in readers(graph, output)[0 if output in graph.outputs else 1 :]:
            twin = copy.copy(mover)
            copied = add_tensor(graph, graph.name(output), graph.shape(output))
            twin.inputs, twin.outputs = np.array(mover.inputs), np.array([copied], np.int32)
            reader.inputs = np.where(reader.inputs == output, copied, reader.inputs).astype(np.int32)
            graph.subgraph.operators.insert(graph.operators.index(mover), twin)


def _moved(graph: Graph, mover: OperatorT) -> bool:
    """Let a mover change places with the operator behind it, if the two can."""
    reader = only_reader(graph, mover)
    if reader is None:
        return False
    name = graph.operator_name(reader)
    if name in _VALUE_BY_VALUE:
        return _change_places(graph, mover, reader, graph.shape(int(mover.inputs[0])))
    rule = _BEHIND_TRANSPOSE.get(name)
    return rule is not None and graph.operator_name(mover) == "TRANSPOSE" and rule(graph, mover, reader)


def _change_places(graph: Graph, mover: OperatorT, reader: OperatorT, shape: tuple[int, ...]) -> bool:
    """The reader reads what the mover read, and the mover moves what the reader writes, which has this shape."""
    source, output = mover.inputs[0], int(reader.outputs[0])
    between = add_tensor(graph, graph.name(output), shape)
    reader.inputs = np.where(reader.inputs == mover.outputs[0], source, reader.inputs).astype(np.int32)
    reader.outputs = np.array([between], np.int32)
    mover.inputs = np.array([between, *mover.inputs[1:]], np.int32)
    mover.outputs = np.array([output], np.int32)
    remove(graph, mover)
    graph.subgraph.operators.insert(graph.operators.index(reader) + 1, mover)
    return True


def _behind_pad(graph: Graph, transpose: OperatorT, pad: OperatorT) -> bool:
    """Axis i of what the TRANSPOSE writes is axis permutation[i] of what it reads."""
    permutation, amounts = _permutation(graph, transpose), graph.constant(int(pad.inputs[1]))
    renamed = np.empty_like(amounts)
    renamed[permutation] = amounts
    pad.inputs = np.array([pad.inputs[0], add_constant(graph, "padding", renamed.astype(np.int32))], np.int32)
    lengths = np.array(graph.shape(int(transpose.inputs[0]))) + renamed.sum(1)
    return _change_places(graph, transpose, pad, tuple(int(length) for length in lengths))


def _behind_add(graph: Graph, transpose: OperatorT, add: OperatorT) -> bool:
    """A sum of two maps that are both transposed in the same way."""
    others = [int(tensor) for tensor in add.inputs if tensor != transpose.outputs[0]]
    if len(others) != 1 or readers(graph, others[0]) != [add]:
        return False
    other = others[0]
    twin = writer(graph, other)
    if twin is None or graph.operator_name(twin) != "TRANSPOSE" or other in graph.outputs:
        return False
    source, other_source = int(transpose.inputs[0]), int(twin.inputs[0])
    same_order = np.array_equal(_permutation(graph, twin), _permutation(graph, transpose))
    if not same_order or graph.shape(source) != graph.shape(other_source):
        return False
    add.inputs = np.where(add.inputs == other, other_source, add.inputs).astype(np.int32)
    remove(graph, twin)
    return _change_places(graph, transpose, add, graph.shape(source))


def _behind_mean(graph: Graph, transpose: OperatorT, mean: OperatorT) -> bool:
    """A mean of the same values, if what it leaves lies in the same order."""
    permutation, source = _permutation(graph, transpose), int(transpose.inputs[0])
    averaged = graph.constant(int(mean.inputs[1])).reshape(-1) % len(permutation)
    left = [axis for i, axis in enumerate(permutation) if i not in averaged]
    if mean.builtinOptions.keepDims or left != sorted(left):
        return False
    axes = add_constant(graph, "axes", np.sort(permutation[averaged]).astype(np.int32))
    mean.inputs = np.array([source, axes], np.int32)
    remove(graph, transpose)
    return True


def _behind_transpose(graph: Graph, first: OperatorT, second: OperatorT) -> bool:
    """Two are one, or none if the second takes the first back."""
    order = _permutation(graph, first)[_permutation(graph, second)]
    source, output = int(first.inputs[0]), int(second.outputs[0])
    remove(graph, first)
    second.inputs = np.array([source, add_constant(graph, "order", order.astype(np.int32))], np.int32)
    if np.array_equal(order, np.arange(len(order))) and output not in graph.outputs:
        for reader in readers(graph, output):
            reader.inputs = np.where(reader.inputs == output, source, reader.inputs).astype(np.int32)
        remove(graph, second)
    return True


_BEHIND_TRANSPOSE: dict[str, Callable[[Graph, OperatorT, OperatorT], bool]] = {
    "PAD": _behind_pad,
    "ADD": _behind_add,
    "MEAN": _behind_mean,
    "TRANSPOSE": _behind_transpose,
}


def _permutation(graph: Graph, transpose: OperatorT) -> np.ndarray:
    return graph.constant(int(transpose.inputs[1])).reshape(-1)


def _writer_for(graph: Graph, reader: OperatorT) -> OperatorT | None:
    """The operator that writes the reader's first input, if nothing else reads it."""
    found = writer(graph, int(reader.inputs[0]))
    return found if found is not None and only_reader(graph, found) is reader else None
