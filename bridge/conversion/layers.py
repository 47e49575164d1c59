"""Which operator of the converted model is which layer of the nested network, and which groups its channels are.

Names do not survive the conversion. Layers are recognised by their weights instead: those of the ONNX graph are the
nested network's, in the same order, each row times batch norm's factor; those of the TensorFlow Lite model are the ONNX
graph's, in another memory layout. Both are checked value by value, so a mistake can't go unnoticed.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

import numpy as np
from ai_edge_litert.schema_py_generated import OperatorT

from reds_torch.nested import AxisLayout, Widths
from reds_torch.nested.network import NestedNetwork
from reds_torch.nested.tracing import Layer as NestedLayer

from ..error import BridgeError
from ..model_file.graph import Graph
from ..model_file.table import Kind, Layer
from .editing import layer_operators
from .onnx_export import OnnxLayer

# of two weights that went different ways through float32 arithmetic, relative to the largest of the layer
_TOLERANCE = 1e-5


def check_nesting(net: NestedNetwork) -> None:
    """Refuse networks whose subnetworks are more than prefixes of channels, before anything is converted.

    Raises:
        BridgeError: naming the module and what the bridge can't do with it.
    """
    for layer in net.structure.layers:
        if layer.weight is None:
            raise BridgeError(
                f"module '{layer.name}' multiplies activations with each other (attention), which the bridge can't "
                f"put into a model with subnetworks: it takes networks of convolutions and dense layers"
            )
    for tensor, axes in net.structure.layouts.items():
        for axis, layout in axes.items():
            if len(layout.blocks) > 1:
                raise BridgeError(
                    f"axis {axis} of {tensor} joins the channels of {len(layout.blocks)} layers, so a subnetwork is no "
                    f"prefix of it: nest the network with the layers before it in ignore=[...]"
                )


def match(net: NestedNetwork, widths: Widths, exported: Sequence[OnnxLayer], graph: Graph) -> tuple[int, ...]:
    """For every layer of a float32 model, in its order, the index of the nested network's layer that it is.

    Args:
        net: the nested network.
        widths: of the subnetwork that was exported: the full network of the model.
        exported: its layers.
        graph: what it was converted to, dense layers still as the network has them.

    Raises:
        BridgeError: a layer was not found again.
    """
    _check_exported(net, widths, exported)
    pending = list(range(len(exported)))
    found: list[int] = []
    for operator in layer_operators(graph):
        kind, weight = Kind[graph.operator_name(operator)], graph.constant(int(operator.inputs[1]))
        index = next((i for i in pending if _same(weight, exported[i], kind)), None)
        if index is None:
            raise BridgeError(
                f"a {kind.name} of the converted model has weights of no layer of the network: the conversion changed "
                f"it in a way that the bridge does not know"
            )
        _check_bias(graph, operator, exported[index])
        pending.remove(index)
        found.append(index)
    if pending:
        raise BridgeError(f"the converted model lacks {', '.join(exported[i].name for i in pending)} of the network")
    return tuple(found)


def table_layers(net: NestedNetwork, order: Sequence[int], graph: Graph) -> tuple[Layer, ...]:
    """The subnetwork table's entries for the layers of a simplified model.

    Args:
        net: the nested network.
        order: what `match` found.
        graph: the model.
    """
    operators = graph.operators
    return tuple(
        _table_layer(net, net.structure.layers[index], operators.index(operator), graph)
        for index, operator in zip(order, layer_operators(graph), strict=True)
    )


def row_factors(weight: np.ndarray, scaled: np.ndarray) -> np.ndarray:
    """For each output the factor by which its weights were scaled, in float64; 1 where they are all zero."""
    rows, target = (w.reshape(len(w), -1).astype(np.float64) for w in (weight, scaled))
    squares = (rows**2).sum(1)
    return np.divide((rows * target).sum(1), squares, out=np.ones(len(rows)), where=squares > 0)


def is_scaled(weight: np.ndarray, scaled: np.ndarray) -> bool:
    """Whether the one weight is the other with each output's row times a factor."""
    rows, target = weight.reshape(len(weight), -1), scaled.reshape(len(weight), -1)
    error = np.abs(row_factors(weight, scaled)[:, None] * rows - target).max()
    return bool(error <= _TOLERANCE * np.abs(target).max())


def _check_exported(net: NestedNetwork, widths: Widths, exported: Sequence[OnnxLayer]) -> None:
    """The exported layers are the nested network's, in the same order, up to batch norm's factor of each row."""
    nested = net.structure.layers
    if [layer.kind for layer in nested] != [layer.kind for layer in exported]:
        raise BridgeError(
            f"the network has the layers {', '.join(f'{n.name} ({n.kind})' for n in nested)}; exported were "
            f"{', '.join(f'{e.name} ({e.kind})' for e in exported)}"
        )
    weights = dict(net.extract(widths).named_parameters(remove_duplicate=False))
    for layer, there in zip(nested, exported, strict=True):
        assert layer.weight is not None
        weight = weights[layer.weight].detach().numpy()
        if weight.shape != there.weight.shape or not is_scaled(weight, there.weight):
            raise BridgeError(f"the exported weights of module '{layer.name}' are not the network's")


def _check_bias(graph: Graph, operator: OperatorT, layer: OnnxLayer) -> None:
    """A layer has its bias: one that a converter moved into the next layer is wrong where a subnetwork cuts that."""
    biases = graph.constant(int(operator.inputs[2])) if len(operator.inputs) > 2 and operator.inputs[2] >= 0 else None
    if biases is None or np.abs(biases - layer.bias).max() > _TOLERANCE * np.abs(layer.bias).max():
        raise BridgeError(f"the converted model has another bias than module '{layer.name}'")


def _same(weight: np.ndarray, layer: OnnxLayer, kind: Kind) -> bool:
    expected = _channels_last(layer.weight, kind)
    if expected is None or expected.shape != weight.shape:
        return False
    return bool(np.abs(weight - expected).max() <= _TOLERANCE * np.abs(expected).max())


def _channels_last(weight: np.ndarray, kind: Kind) -> np.ndarray | None:
    """A weight as an operator of this kind stores it, None where it can't be one."""
    if kind is Kind.FULLY_CONNECTED:
        return weight if weight.ndim == 2 else None
    if weight.ndim != 4:
        return None
    if kind is Kind.CONV_2D:
        return weight.transpose(0, 2, 3, 1)
    return weight.transpose(1, 2, 3, 0) if weight.shape[1] == 1 else None


def _table_layer(net: NestedNetwork, layer: NestedLayer, position: int, graph: Graph) -> Layer:
    assert layer.weight is not None
    operator = graph.operators[position]
    kind = Kind[graph.operator_name(operator)]
    axes = net.structure.layouts.get(layer.weight, {})
    outputs, chunk = _group(net, axes.get(0))
    if chunk != 1:
        raise BridgeError(f"module '{layer.name}' has units of {chunk} channels each; the bridge takes units of one")
    if layer.kind == "grouped":
        return Layer(position, kind, inputs=outputs, outputs=outputs)
    inputs, segments = _group(net, axes.get(1))
    positions = prod(graph.shape(int(operator.inputs[0]))[1:-1])
    if segments != 1 and (kind is not Kind.FULLY_CONNECTED or segments != positions):
        raise BridgeError(
            f"module '{layer.name}' reads {segments} values of each channel; the bridge takes this of dense layers "
            f"right behind a flatten"
        )
    return Layer(position, kind, inputs=inputs, outputs=outputs, segments=segments)


def _group(net: NestedNetwork, layout: AxisLayout | None) -> tuple[int | None, int]:
    """The index of the group that an axis belongs to and the indices of each of its units; (None, 1) if never cut."""
    if layout is None or not layout.groups:
        return None, 1
    (block,) = layout.blocks
    return next(i for i, group in enumerate(net.groups) if group.name == block.group), block.chunk
