"""Quantization that a subnetwork has for itself: which tensors and weights, and that a runtime can reproduce it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
from ai_edge_litert.schema_py_generated import OperatorT, TensorType

from .graph import ACTIVATION_NAMES, Graph, elements
from .propagation import BIAS, WEIGHTS
from .requantization import Quantization, activation_range, quantize_multipliers, weight_scales
from .table import FormatError, Kind, Layer, Override, SubnetworkTable

_SAME_STEP = 1e-5  # relative difference between steps of a bias that is float32 rounding


@dataclass(frozen=True)
class OwnQuantization:
    """What replaces the full network's quantization in a subnetwork: by tensor, and weight scales by layer."""

    tensors: dict[int, Quantization] = field(default_factory=dict)
    weights: dict[int, np.ndarray] = field(default_factory=dict)


def own_quantization(graph: Graph, table: SubnetworkTable, k: int) -> OwnQuantization:
    """The quantization of subnetwork k where it is not the full network's.

    Raises:
        FormatError: if overrides contradict each other or an operator between layers, or a runtime would not compute
            their multipliers, or, without an override, not the full network's.
    """
    own = OwnQuantization()
    layers = {layer.operator: (number, layer) for number, layer in enumerate(table.layers)}
    for index, operator in enumerate(graph.operators):
        changed = [int(i) for i in elements(operator.inputs) if i in own.tensors]
        if index not in layers:
            if changed:
                _pass_on(graph, own, operator, changed[0])
            continue
        number, layer = layers[index]
        override = table.overrides.get((number, k))
        try:
            if override is not None:
                _apply(graph, own, operator, number, layer, override)
            elif changed:
                raise FormatError("it needs an override, since its input has one")
            elif _is_int8(graph, operator) and _single_output(graph, table, operator, layer, k) is not None:
                raise FormatError("its only output needs an override, since a runtime rounds a single scale otherwise")
        except FormatError as error:
            raise FormatError(f"layer {number} ({layer.kind.name}) of subnetwork {k}: {error}") from error
    return own


def complete(graph: Graph, table: SubnetworkTable) -> SubnetworkTable:
    """The table with an override for each fully-connected layer that a subnetwork cuts to a single neuron.

    Runtimes round the product of the scales of input and weights to float32 where a fully-connected layer has one
    weight scale, but not where it has several. The override makes the device do the same as the cut model.
    """
    overrides = dict(table.overrides)
    for number, layer in enumerate(table.layers):
        operator = graph.operators[layer.operator]
        for k in range(1, len(table.subnetworks)):
            if (number, k) not in overrides and _is_int8(graph, operator):
                override = _single_output(graph, table, operator, layer, k)
                if override is not None:
                    overrides[number, k] = override
    return replace(table, overrides=overrides)


def _apply(
    graph: Graph, own: OwnQuantization, operator: OperatorT, number: int, layer: Layer, override: Override
) -> None:
    """Take the override of a layer over, if a runtime that is given its scales computes its integers."""
    if not _is_int8(graph, operator):
        raise FormatError("it has an override, but is not an int8 layer")
    source_tensor, output_tensor = int(operator.inputs[0]), int(operator.outputs[0])
    count, channels = len(override.multipliers), graph.shape(output_tensor)[-1]
    if layer.outputs is None and count != channels and (count > 1 or override.biases is not None):
        raise FormatError(f"it has {channels} outputs, but its override has {count} multipliers")
    source = own.tensors.get(source_tensor) or graph.quantization(source_tensor)
    output = Quantization(override.output_scale, override.output_zero_point)
    if override.input_zero_point != source.zero_point:
        raise FormatError(f"its input has the zero point {source.zero_point}, not {override.input_zero_point}")
    expected = activation_range(_activation(operator), output)
    if (override.smallest, override.largest) != expected:
        raise FormatError(
            f"its outputs lie between {expected[0]} and {expected[1]}, not {override.smallest} and {override.largest}"
        )
    _check_scale(source)
    scales = weight_scales(layer.kind, source.scale, override)
    if override.biases is not None:
        if not _has_bias(operator):
            raise FormatError("it has no biases that own ones could take the place of")
    elif _has_bias(operator):
        steps = source.scale * scales.astype(np.float64)
        stored = graph.scales(int(operator.inputs[BIAS]))[0][: len(steps)]
        if len(stored) not in (1, len(steps)) or np.any(np.abs(stored / steps - 1) > _SAME_STEP):
            raise FormatError("the step of its biases changes, so it needs biases of its own")
    if output != graph.quantization(output_tensor):
        own.tensors[output_tensor] = output
    own.weights[number] = scales


def _pass_on(graph: Graph, own: OwnQuantization, operator: OperatorT, source: int) -> None:
    """Operators that move or average stored values give the quantization of their input to their output."""
    name, output = graph.operator_name(operator), int(operator.outputs[0])
    quantization, full = own.tensors[source], graph.quantization(source)
    movable = name in ("RESHAPE", "MAX_POOL_2D", "AVERAGE_POOL_2D") or (
        name == "MEAN" and quantization.zero_point == full.zero_point
    )
    if not movable or graph.quantization(output) != full or _activation(operator) != "NONE":
        raise FormatError(
            f"{name} reads {graph.name(source)!r}, but knows only the full network's quantization: "
            f"the layer that writes it can't have an override that changes it"
        )
    own.tensors[output] = quantization


def _single_output(graph: Graph, table: SubnetworkTable, operator: OperatorT, layer: Layer, k: int) -> Override | None:
    """The override of a fully-connected layer whose only output a runtime would compute otherwise, or None."""
    scales = graph.scales(int(operator.inputs[WEIGHTS]))[0]
    width = table.width(layer.outputs, k)
    if layer.kind != Kind.FULLY_CONNECTED or width != 1 or len(scales) <= 1:
        return None
    source, output = graph.quantization(int(operator.inputs[0])), graph.quantization(int(operator.outputs[0]))
    _check_scale(source)
    _check_scale(output)
    multipliers, shifts = quantize_multipliers(layer.kind, source.scale, scales[:1], output.scale)
    full_multipliers, full_shifts = quantize_multipliers(layer.kind, source.scale, scales, output.scale)
    if (multipliers[0], shifts[0]) == (full_multipliers[0], full_shifts[0]):
        return None
    smallest, largest = activation_range(_activation(operator), output)
    return Override(source.zero_point, output.zero_point, smallest, largest, multipliers, shifts, None, output.scale)


def _is_int8(graph: Graph, operator: OperatorT) -> bool:
    tensors = (operator.inputs[0], operator.inputs[WEIGHTS], operator.outputs[0])
    return all(graph.tensor(int(tensor)).type == TensorType.INT8 for tensor in tensors)


def _has_bias(operator: OperatorT) -> bool:
    return len(operator.inputs) > BIAS and operator.inputs[BIAS] >= 0


def _activation(operator: OperatorT) -> str:
    code = getattr(operator.builtinOptions, "fusedActivationFunction", 0)
    return ACTIVATION_NAMES.get(code, f"number {code}")


def _check_scale(quantization: Quantization) -> None:
    if not 2.0**-126 <= quantization.scale < 2.0**128:
        raise FormatError(f"the scale of a tensor must be positive, not {quantization.scale}")
