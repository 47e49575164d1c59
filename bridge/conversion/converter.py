"""The steps from a nested network to one int8 model with the subnetwork table inside."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
import onnx

from reds_torch import costs
from reds_torch.nested import Subnetwork
from reds_torch.nested.network import NestedNetwork

from ..error import BridgeError
from ..model_file.flatbuffer import attach, read, read_table, write
from ..model_file.graph import Graph
from ..model_file.subnetworks import cut
from ..model_file.table import Kind, Override, SubnetworkRow, SubnetworkTable
from ..settings import RangeKind
from .activation_ranges import Ranges, measure, union
from .editing import add_constant, drop_unused, layer_operators, name_tensors
from .layers import check_nesting, match, table_layers
from .onnx_export import export, layers_of
from .overrides import OwnParameters, overrides, own_parameters, own_quantizations
from .quantizer import quantize
from .simplification import simplify


@dataclass(frozen=True)
class FloatModel:
    """A nested network as a float32 model.

    Attributes:
        graph: in ONNX, of the full network.
        data: the .tflite file of the full network.
        table: of its subnetworks, without overrides.
        subnetworks: a .tflite file for each, with batch norm of its own if it has any.
        parameters: of each subnetwork's layers, in the model's order.
    """

    graph: onnx.ModelProto
    data: bytes
    table: SubnetworkTable
    subnetworks: tuple[bytes, ...]
    parameters: tuple[tuple[OwnParameters, ...], ...]


def subnetworks_from(net: NestedNetwork, first: int) -> Sequence[Subnetwork]:
    """The subnetworks of a model whose full network is the nested network's subnetwork ``first``.

    Raises:
        BridgeError: there is no such subnetwork, or the others are not its prefixes.
    """
    count = len(net.subnetworks)
    if not 0 <= first < count:
        raise BridgeError(f"--from {first}: there is no such subnetwork; the checkpoint has 0 to {count - 1}")
    chosen = net.subnetworks[first:]
    for k, (larger, smaller) in enumerate(pairwise(chosen), start=first + 1):
        wider = [name for name, width in smaller.widths.items() if width > larger.widths[name]]
        if wider:
            raise BridgeError(
                f"subnetwork {k} is wider than subnetwork {k - 1} in {', '.join(wider)}, but in one model each is part "
                f"of the one before: search them with strategy bottom_up, top_down or joint"
            )
    return chosen


def export_subnetworks(net: NestedNetwork, first: int = 0) -> list[onnx.ModelProto]:
    """Every subnetwork as an ONNX graph.

    Args:
        net: the nested network.
        first: the subnetwork that becomes the full network of the model.

    Raises:
        BridgeError: there is no such subnetwork, or the network can't be converted.
    """
    check_nesting(net)
    subnetworks_from(net, first)
    return [export(net.extract(k), net.input_shape[1:]) for k in range(first, len(net.subnetworks))]


def to_float(net: NestedNetwork, graphs: Sequence[onnx.ModelProto], converted: bytes) -> FloatModel:
    """A nested network as a float32 model and its subnetworks.

    Args:
        net: the nested network.
        graphs: its last subnetworks, the first of which becomes the full network of the model.
        converted: what `convert` made of that one.

    Raises:
        BridgeError: the conversion changed the network, or used an operator that subnetworks can't run.
    """
    chosen = net.subnetworks[-len(graphs) :]
    exported = [layers_of(graph) for graph in graphs]
    graph = Graph(read(converted))
    order = match(net, chosen[0].widths, exported[0], graph)
    simplify(graph)
    name_tensors(graph, [net.structure.layers[index].name for index in order])
    table = SubnetworkTable(
        subnetworks=tuple(_row(net, subnetwork) for subnetwork in chosen),
        widths=tuple(tuple(subnetwork.widths[group.name] for subnetwork in chosen) for group in net.groups),
        layers=table_layers(net, order, graph),
    )
    data = write(graph.model)
    parameters = [_in_order(own_parameters(exported[0], own, net.batch_norm == "shared"), order) for own in exported]
    cuts = [_with_parameters(cut(data, table, k), own) for k, own in enumerate(parameters)]
    return FloatModel(graphs[0], data, table, tuple(cuts), tuple(parameters))


def calibrate(model: FloatModel, inputs: np.ndarray, percentile: float = 100.0) -> list[Ranges]:
    """The ranges of every subnetwork's activations on inputs (N, ...) as the model takes them."""
    return [measure(subnetwork, inputs, percentile) for subnetwork in model.subnetworks]


def to_int8(model: FloatModel, ranges: Sequence[Ranges], kind: RangeKind = "output") -> tuple[bytes, SubnetworkTable]:
    """The int8 model with the table inside, and the table with the subnetworks' overrides.

    Args:
        model: the float32 model.
        ranges: of each subnetwork's activations; the model gets their union.
        kind: which tensors a subnetwork quantizes in its own way.
    """
    data = quantize(model.data, union(ranges))
    graph = Graph(read(data))
    found: dict[tuple[int, int], Override] = {}
    for k in range(1, len(model.subnetworks)):
        own = {} if kind == "shared" else own_quantizations(graph, ranges[k], everywhere=kind == "own")
        found |= overrides(graph, model.table, k, own, model.parameters[k])
    return with_table(data, replace(model.table, overrides=found))


def with_table(data: bytes, table: SubnetworkTable) -> tuple[bytes, SubnetworkTable]:
    """A model with this table inside, and the table as it lies there."""
    data = attach(data, table)
    return data, read_table(data)


def _row(net: NestedNetwork, subnetwork: Subnetwork) -> SubnetworkRow:
    measured = costs.measure(net, subnetwork.widths, ("macs", "peak_memory"))
    return SubnetworkRow(
        macs=round(measured["macs"]),
        peak_memory=round(measured["peak_memory"]),
        microseconds=round(subnetwork.costs.get("latency", 0)),
        nanojoules=round(1000 * subnetwork.costs.get("energy", 0)),
    )


def _in_order(parameters: Sequence[OwnParameters], order: Sequence[int]) -> tuple[OwnParameters, ...]:
    return tuple(parameters[index] for index in order)


def _with_parameters(data: bytes, parameters: Sequence[OwnParameters]) -> bytes:
    """A subnetwork's float32 model with the batch norm that it has for itself."""
    if all(own.gains is None for own in parameters):
        return data
    graph = Graph(read(data))
    for operator, own in zip(layer_operators(graph), parameters, strict=True):
        weight = int(operator.inputs[1])
        values, gains = graph.constant(weight), 1.0 if own.gains is None else own.gains
        outputs_last = graph.operator_name(operator) == Kind.DEPTHWISE_CONV_2D.name
        scaled = values * gains if outputs_last else (values.T * gains).T
        operator.inputs = np.array(
            [
                operator.inputs[0],
                add_constant(graph, graph.name(weight), scaled.astype(np.float32)),
                add_constant(graph, graph.name(int(operator.inputs[2])), own.biases.astype(np.float32)),
            ],
            np.int32,
        )
    drop_unused(graph)
    return write(graph.model)
