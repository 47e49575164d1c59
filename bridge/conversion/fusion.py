"""What an operator can do by itself: zeros around its input, and the clipping of its output."""

from __future__ import annotations

import numpy as np
from ai_edge_litert.schema_py_generated import ActivationFunctionType, OperatorT, Padding

from ..model_file.graph import Graph
from ..model_file.table import Kind
from .editing import only_reader, readers, remove

_ACTIVATIONS = {
    "RELU": ActivationFunctionType.RELU,
    "RELU6": ActivationFunctionType.RELU6,
    "RELU_N1_TO_1": ActivationFunctionType.RELU_N1_TO_1,
}
_WITH_ACTIVATION = (*Kind.__members__, "ADD", "AVERAGE_POOL_2D", "MAX_POOL_2D")
_CONVOLUTIONS = (Kind.CONV_2D.name, Kind.DEPTHWISE_CONV_2D.name)


def fuse_padding(graph: Graph) -> None:
    """Let convolutions pad by themselves where a PAD adds what 'same' padding would. In place."""
    for pad in [operator for operator in graph.operators if graph.operator_name(operator) == "PAD"]:
        padded = int(pad.outputs[0])
        for convolution in readers(graph, padded):
            if graph.operator_name(convolution) in _CONVOLUTIONS and _is_same_padding(graph, pad, convolution):
                convolution.inputs = np.array([pad.inputs[0], *convolution.inputs[1:]], np.int32)
                convolution.builtinOptions.padding = Padding.SAME
        if not readers(graph, padded) and padded not in graph.outputs:
            remove(graph, pad)


def fuse_activations(graph: Graph) -> None:
    """Let layers, sums and pooling clip their output by themselves, at 0, 6 or ±1. In place."""
    for operator in list(graph.operators):
        if graph.operator_name(operator) not in _WITH_ACTIVATION:
            continue
        options, reader = operator.builtinOptions, only_reader(graph, operator)
        if reader is None or options.fusedActivationFunction != ActivationFunctionType.NONE:
            continue
        activation = _ACTIVATIONS.get(graph.operator_name(reader))
        if activation is not None:
            options.fusedActivationFunction, operator.outputs = activation, reader.outputs
            remove(graph, reader)


def _is_same_padding(graph: Graph, pad: OperatorT, convolution: OperatorT) -> bool:
    """Whether a PAD adds to height and width what a convolution with 'same' padding adds, and nothing elsewhere."""
    options = convolution.builtinOptions
    if options.padding != Padding.VALID:
        return False
    _, height, width, _ = graph.shape(int(pad.inputs[0]))
    _, rows, columns, _ = graph.shape(int(convolution.inputs[1]))
    same = [
        (0, 0),
        _same_padding(height, rows, options.strideH, options.dilationHFactor),
        _same_padding(width, columns, options.strideW, options.dilationWFactor),
        (0, 0),
    ]
    return np.array_equal(graph.constant(int(pad.inputs[1])), same)


def _same_padding(length: int, kernel: int, stride: int, dilation: int) -> tuple[int, int]:
    """Zeros before and after an axis, as TensorFlow's 'same' has them: ⌈length / stride⌉ outputs, an odd one after."""
    needed = max((-(-length // stride) - 1) * stride + (kernel - 1) * dilation + 1 - length, 0)
    return needed // 2, needed - needed // 2
