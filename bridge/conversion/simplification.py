"""A converted model as a person would have written it: layers, and what lies between them channel by channel."""

from __future__ import annotations

from ..error import BridgeError
from ..model_file.graph import Graph
from ..model_file.table import Kind
from .editing import drop_unused
from .fusion import fuse_activations, fuse_padding
from .layout import flatten_inside_dense_layers, move_transposes

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


def simplify(graph: Graph) -> None:
    """Leave out of a converted float32 model what a person would not have written. In place.

    Metadata go, too: the converter's say that float16 would do, and a runtime could take that at its word.

    Raises:
        BridgeError: what is left has operators that no subnetwork can run on its first channels.
    """
    move_transposes(graph)
    fuse_padding(graph)
    fuse_activations(graph)
    flatten_inside_dense_layers(graph)
    foreign = {graph.operator_name(operator) for operator in graph.operators} - OPERATORS
    if foreign:
        raise BridgeError(
            f"the converted model uses {', '.join(sorted(foreign))}, which the bridge does not put into a model with "
            f"subnetworks; it knows {', '.join(sorted(OPERATORS))}"
        )
    graph.model.metadata = None
    drop_unused(graph)
