"""A .tflite model seen as one list of operators on tensors, with every index checked."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from ai_edge_litert.schema_py_generated import (
    ActivationFunctionType,
    BuiltinOperator,
    Conv2DOptionsT,
    DepthwiseConv2DOptionsT,
    FullyConnectedOptionsT,
    ModelT,
    OperatorT,
    Pool2DOptionsT,
    SubGraphT,
    TensorT,
    TensorType,
)

from .requantization import Quantization
from .table import FormatError

OPERATOR_NAMES = {code: name for name, code in vars(BuiltinOperator).items() if not name.startswith("_")}
ACTIVATION_NAMES = {code: name for name, code in vars(ActivationFunctionType).items() if not name.startswith("_")}
TYPE_NAMES = {code: name for name, code in vars(TensorType).items() if not name.startswith("_")}
_DTYPES: dict[int, np.dtype] = {
    TensorType.FLOAT32: np.dtype("<f4"),
    TensorType.FLOAT16: np.dtype("<f2"),
    TensorType.INT8: np.dtype("<i1"),
    TensorType.UINT8: np.dtype("<u1"),
    TensorType.INT16: np.dtype("<i2"),
    TensorType.INT32: np.dtype("<i4"),
    TensorType.INT64: np.dtype("<i8"),
    TensorType.BOOL: np.dtype("?"),
}
_OPTIONS = {
    "CONV_2D": Conv2DOptionsT,
    "DEPTHWISE_CONV_2D": DepthwiseConv2DOptionsT,
    "FULLY_CONNECTED": FullyConnectedOptionsT,
    "AVERAGE_POOL_2D": Pool2DOptionsT,
    "MAX_POOL_2D": Pool2DOptionsT,
}
_LARGEST_TENSOR = 1 << 31  # bytes that a tensor may say that it has


@dataclass(frozen=True)
class Graph:
    """The operators and tensors of a model with a single subgraph.

    The model is not copied: what is changed through the objects it gives out changes the model.
    """

    model: ModelT

    def __post_init__(self) -> None:
        if len(self.model.subgraphs) != 1:
            raise FormatError(f"the model has {len(self.model.subgraphs)} subgraphs; there must be exactly one")

    @property
    def subgraph(self) -> SubGraphT:
        """The only subgraph."""
        return self.model.subgraphs[0]

    @property
    def operators(self) -> Sequence[OperatorT]:
        """Operators in the order in which they are executed."""
        return elements(self.subgraph.operators)

    @property
    def inputs(self) -> tuple[int, ...]:
        """Tensors that the caller sets."""
        return tuple(int(i) for i in elements(self.subgraph.inputs))

    @property
    def outputs(self) -> tuple[int, ...]:
        """Tensors that the caller reads."""
        return tuple(int(i) for i in elements(self.subgraph.outputs))

    def operator_name(self, operator: OperatorT) -> str:
        """Name as in tflite's schema, such as ``CONV_2D``."""
        code = self.model.operatorCodes[operator.opcodeIndex]
        if code.customCode is not None:
            return f"custom operator {code.customCode.decode(errors='replace')!r}"
        number = max(code.builtinCode, code.deprecatedBuiltinCode)  # old files know only numbers below 127
        return OPERATOR_NAMES.get(number, f"operator number {number}")

    def check_options(self, operator: OperatorT) -> None:
        """Check that an operator that subnetworks change has the options of its kind."""
        name, options = self.operator_name(operator), operator.builtinOptions
        expected = _OPTIONS.get(name)
        if expected is not None and not isinstance(options, expected):
            found = "no options" if options is None else type(options).__name__.removesuffix("T")
            raise FormatError(f"{name} must have {expected.__name__.removesuffix('T')}, not {found}")

    def tensor(self, index: int) -> TensorT:
        """Tensor of an index that an operator names."""
        return self.subgraph.tensors[index]

    def name(self, index: int) -> str:
        """Name of a tensor, for messages."""
        return (self.tensor(index).name or b"").decode(errors="replace") or f"tensor {index}"

    def shape(self, index: int) -> tuple[int, ...]:
        """Lengths of a tensor's axes; () for a scalar."""
        return shape(self.tensor(index))

    def is_constant(self, index: int) -> bool:
        """Whether the model holds the tensor's values."""
        return len(elements(self.model.buffers[self.tensor(index).buffer].data)) > 0

    def constant(self, index: int) -> np.ndarray:
        """Values of a constant tensor in its shape (read-only).

        Raises:
            FormatError: if the model does not hold them.
        """
        if not self.is_constant(index):
            raise FormatError(f"{self.name(index)!r} must be a constant of the model")
        tensor = self.tensor(index)
        dtype = _DTYPES.get(tensor.type)
        if dtype is None:
            raise FormatError(f"{self.name(index)!r} holds {TYPE_NAMES[tensor.type]}, which is not supported")
        return self.model.buffers[tensor.buffer].data.view(dtype).reshape(shape(tensor))

    def scales(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        """Scales (float32) and zero points (int64) of a tensor: none, one, or one for each channel."""
        quantization = self.tensor(index).quantization
        if quantization is None:
            return np.zeros(0, np.float32), np.zeros(0, np.int64)
        return (
            np.asarray(elements(quantization.scale), np.float32),
            np.asarray(elements(quantization.zeroPoint), np.int64),
        )

    def quantization(self, index: int) -> Quantization:
        """Quantization of a tensor as a whole.

        Raises:
            FormatError: if it has none, or one scale for each channel.
        """
        scales, zero_points = self.scales(index)
        if len(scales) != 1:
            raise FormatError(f"{self.name(index)!r} must have one scale, not {len(scales)}")
        return Quantization(float(scales[0]), int(zero_points[0]))


def elements(vector: Any) -> Sequence[Any]:
    """A vector's elements; one that is left out of the file has none."""
    return () if vector is None else vector


def shape(tensor: TensorT) -> tuple[int, ...]:
    """Lengths of a tensor's axes; () for a scalar."""
    return tuple(int(length) for length in elements(tensor.shape))


def buffer_uses(model: ModelT) -> Counter[int]:
    """How many tensors and metadata entries hold their content in each buffer."""
    tensors = [tensor.buffer for subgraph in model.subgraphs for tensor in elements(subgraph.tensors)]
    return Counter([*tensors, *(entry.buffer for entry in elements(model.metadata)), *elements(model.metadataBuffer)])


def check(model: ModelT) -> None:
    """Check that all indices of a model lead somewhere and that its constants have the sizes of their shapes.

    Raises:
        FormatError: at the first that does not.
    """
    for what in ("operatorCodes", "subgraphs", "buffers"):
        if not len(elements(getattr(model, what))):
            raise FormatError(f"the model has no {what}")
    buffers = model.buffers
    for entry in elements(model.metadata):
        _index(entry.buffer, len(buffers), "buffer of the metadata")
    for number in elements(model.metadataBuffer):
        _index(number, len(buffers), "buffer of the metadata")
    for signature in elements(model.signatureDefs):
        _index(signature.subgraphIndex, len(model.subgraphs), "subgraph of a signature")
        tensors = elements(model.subgraphs[signature.subgraphIndex].tensors)
        for entry in (*elements(signature.inputs), *elements(signature.outputs)):
            _index(entry.tensorIndex, len(tensors), "tensor of a signature")
    for subgraph in model.subgraphs:
        _check_subgraph(subgraph, model)


def _check_subgraph(subgraph: SubGraphT, model: ModelT) -> None:
    tensors = elements(subgraph.tensors)
    for tensor in tensors:
        _check_tensor(tensor, model)
    for index in (*elements(subgraph.inputs), *elements(subgraph.outputs)):
        _index(index, len(tensors), "input or output of the model")
    for operator in elements(subgraph.operators):
        _index(operator.opcodeIndex, len(model.operatorCodes), "code of an operator")
        for index in elements(operator.inputs):
            if index != -1:  # an input that is left out
                _index(index, len(tensors), "input of an operator")
        for index in (*elements(operator.outputs), *elements(operator.intermediates)):
            _index(index, len(tensors), "output of an operator")
        for options, kind in (
            (operator.builtinOptions, operator.builtinOptionsType),
            (operator.builtinOptions2, operator.builtinOptions2Type),
        ):
            if (options is None) != (kind == 0):
                raise FormatError(f"an operator has options of the type {kind}, which is unknown to this program")


def _check_tensor(tensor: TensorT, model: ModelT) -> None:
    name = (tensor.name or b"").decode(errors="replace")
    _index(tensor.buffer, len(model.buffers), f"buffer of tensor {name!r}")
    if tensor.type not in TYPE_NAMES:
        raise FormatError(f"tensor {name!r} has the unknown type {tensor.type}")
    lengths = shape(tensor)
    if any(length < 0 for length in lengths) or math.prod(lengths) > _LARGEST_TENSOR:
        raise FormatError(f"tensor {name!r} has the shape {lengths}")
    signature = elements(tensor.shapeSignature)
    if len(signature) not in (0, len(lengths)):
        raise FormatError(f"tensor {name!r} has the shape {lengths}, but a signature of {len(signature)} axes")
    content = len(elements(model.buffers[tensor.buffer].data))
    dtype = _DTYPES.get(tensor.type)
    if content and dtype is not None and content != math.prod(lengths) * dtype.itemsize:
        raise FormatError(
            f"tensor {name!r} of the shape {lengths} needs {math.prod(lengths) * dtype.itemsize} bytes, not {content}"
        )
    _check_quantization(tensor, name)


def _check_quantization(tensor: TensorT, name: str) -> None:
    quantization = tensor.quantization
    if quantization is None:
        return
    scales, zero_points = elements(quantization.scale), elements(quantization.zeroPoint)
    if len(scales) != len(zero_points):
        raise FormatError(f"tensor {name!r} has {len(scales)} scales, but {len(zero_points)} zero points")
    if not all(math.isfinite(scale) and scale >= 0 for scale in scales):
        raise FormatError(f"tensor {name!r} has a scale that is negative or not a number")
    if len(scales) > 1:
        axis, lengths = quantization.quantizedDimension, shape(tensor)
        _index(axis, len(lengths), f"quantized axis of tensor {name!r}")
        if lengths[axis] != len(scales):
            raise FormatError(f"tensor {name!r} has {len(scales)} scales for {lengths[axis]} channels")


def _index(index: int, count: int, what: str) -> None:
    if not 0 <= index < count:
        raise FormatError(f"{what} must lie between 0 and {count - 1}, not be {index}")


def option_vectors(model: ModelT) -> Iterator[np.ndarray]:
    """Vectors in the options of all operators."""
    for subgraph in model.subgraphs:
        for operator in elements(subgraph.operators):
            for options in (operator.builtinOptions, operator.builtinOptions2):
                if options is not None:
                    yield from (value for value in vars(options).values() if isinstance(value, np.ndarray))
