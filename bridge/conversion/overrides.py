"""What a subnetwork has for itself on the full network's int8 weights: batch norm, and ranges of activations."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ..error import BridgeError
from ..model_file.graph import ACTIVATION_NAMES, Graph
from ..model_file.requantization import Quantization, make_override
from ..model_file.table import Kind, Override, SubnetworkTable
from .activation_ranges import Ranges
from .editing import layer_operators
from .layers import is_scaled, row_factors
from .onnx_export import OnnxLayer
from .quantizer import quantization_of

# operators that move or average stored values, whatever these stand for
_MOVERS = {"RESHAPE", "MAX_POOL_2D", "AVERAGE_POOL_2D", "MEAN"}


@dataclass(frozen=True)
class OwnParameters:
    """What a subnetwork's own batch norm makes of a layer.

    Attributes:
        gains: (outputs,) by which it scales the full network's weights; None where it has no batch norm of its own.
        biases: (outputs,) real biases.
    """

    gains: np.ndarray | None
    biases: np.ndarray


def own_parameters(full: Sequence[OnnxLayer], own: Sequence[OnnxLayer], shared: bool) -> list[OwnParameters]:
    """How a subnetwork's exported layers differ from the first channels of the full network's.

    Args:
        full: layers of the full network.
        own: those of the subnetwork, in the same order.
        shared: it shares all of the batch norm, so that nothing but the widths differs.

    Raises:
        BridgeError: batch norm of its own turns a channel's sign or revives one that the full network has switched off.
    """
    found = []
    for layer, small in zip(full, own, strict=True):
        if shared:
            found.append(OwnParameters(None, small.bias))
            continue
        prefix = layer.weight[tuple(slice(length) for length in small.weight.shape)]
        gains = row_factors(prefix, small.weight)
        if not is_scaled(prefix, small.weight) or (gains <= 0).any():
            raise BridgeError(
                f"a subnetwork's own batch norm turns or revives channels of module '{layer.name}', so it can't run on "
                f"the full network's int8 weights: train with batch norm 'shared' or 'statistics'"
            )
        found.append(OwnParameters(None if np.array_equal(prefix, small.weight) else gains, small.bias))
    return found


def own_quantizations(graph: Graph, ranges: Ranges, everywhere: bool) -> dict[int, Quantization]:
    """Quantizations that a subnetwork may have for itself, by tensor.

    Args:
        graph: the int8 model.
        ranges: of the subnetwork's activations.
        everywhere: for all tensors between layers; otherwise for the model's output alone.
    """
    own: dict[int, Quantization] = {}
    for tensors, is_averaged in _free_tensors(graph):
        if not everywhere and graph.outputs[0] not in tensors:
            continue
        limits = [ranges[graph.name(tensor)] for tensor in tensors]
        quantization = quantization_of(min(low for low, _ in limits), max(high for _, high in limits))
        # MEAN rounds halves away from the zero point that it was prepared with
        if not is_averaged or quantization.zero_point == graph.quantization(tensors[0]).zero_point:
            own |= dict.fromkeys(tensors, quantization)
    return own


def overrides(
    graph: Graph,
    table: SubnetworkTable,
    k: int,
    own: Mapping[int, Quantization],
    parameters: Sequence[OwnParameters],
) -> dict[tuple[int, int], Override]:
    """The overrides of the layers of subnetwork k that differ from the full network's in more than widths.

    Args:
        graph: the int8 model.
        table: its layers and widths.
        k: the subnetwork.
        own: quantizations of its own, by tensor.
        parameters: of its batch norm, by layer in the model's order.
    """
    found = {}
    for number, (operator, layer) in enumerate(zip(layer_operators(graph), table.layers, strict=True)):
        source, output, gains = int(operator.inputs[0]), int(operator.outputs[0]), parameters[number].gains
        if source not in own and output not in own and gains is None:
            continue
        biases = parameters[number].biases
        scales = graph.scales(int(operator.inputs[1]))[0]
        scales = scales[: len(biases)] if len(scales) > 1 else scales
        if gains is not None:
            scales = (scales * gains).astype(np.float32)
        steps_change = source in own or gains is not None
        found[number, k] = make_override(
            layer.kind,
            own.get(source) or graph.quantization(source),
            own.get(output) or graph.quantization(output),
            np.broadcast_to(scales, biases.shape) if steps_change else scales,
            biases if steps_change else None,
            ACTIVATION_NAMES[operator.builtinOptions.fusedActivationFunction],
        )
    return found


def _free_tensors(graph: Graph) -> Iterable[tuple[list[int], bool]]:
    """Tensors that may have a quantization of their own, those that must share one together.

    Such tensors are written and read by layers, or by operators that move stored values from one to the other. The
    second entry says whether one of these is a MEAN.
    """
    together: dict[int, list[int]] = {}
    bound = {*graph.inputs}
    averaged: set[int] = set()
    for operator in graph.operators:
        name, source, output = graph.operator_name(operator), int(operator.inputs[0]), int(operator.outputs[0])
        together.setdefault(source, [source])
        together.setdefault(output, [output])
        if name in Kind.__members__:
            continue
        fused = getattr(operator.builtinOptions, "fusedActivationFunction", 0)
        if name in _MOVERS and not fused and graph.quantization(source) == graph.quantization(output):
            together[source] += together[output]
            for tensor in together[source]:
                together[tensor] = together[source]
            averaged |= {output} if name == "MEAN" else set()
        else:
            bound |= {int(i) for i in (*operator.inputs, *operator.outputs)}
    for tensors in {id(group): group for group in together.values()}.values():
        if not bound.intersection(tensors):
            yield tensors, bool(averaged.intersection(tensors))
