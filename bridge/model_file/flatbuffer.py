"""Reading and writing .tflite files, and the subnetwork table inside them."""

from __future__ import annotations

import struct

import flatbuffers
import numpy as np
from ai_edge_litert.schema_py_generated import BufferT, MetadataT, Model, ModelT

from . import graph
from . import structure_check as verifier
from .graph import Graph, elements
from .own_quantization import complete, own_quantization
from .propagation import propagate
from .table import NAME, FormatError, SubnetworkTable, decode, encode

_ALIGNMENT = 16  # of buffers, as the schema asks for and kernels with vector instructions need


class _Builder(flatbuffers.Builder):
    """A builder that puts vectors of bytes where the schema wants buffers to be; Python's generated code does not."""

    def StartVector(self, elemSize: int, numElems: int, alignment: int) -> int:  # noqa: N802, N803
        return super().StartVector(elemSize, numElems, _ALIGNMENT if elemSize == 1 else alignment)


def read(data: bytes) -> ModelT:
    """The model of a .tflite file in the schema's object form.

    The bytes are not trusted: structure, indices and sizes are checked. Buffers are read-only views of ``data``.

    Raises:
        FormatError: if they are no model, with what is wrong.
    """
    data = bytes(data)
    verifier.verify(data)
    try:
        model = ModelT.InitFromObj(Model.GetRootAs(data))
    except (struct.error, ValueError, TypeError) as error:  # options are the one part that the verifier doesn't know
        raise FormatError(f"the options of an operator can't be read: {error}") from error
    graph.check(model)
    if sum(vector.nbytes for vector in graph.option_vectors(model)) > len(data):
        raise FormatError("the options of the operators are larger than the file")
    return model


def write(model: ModelT) -> bytes:
    """The model as a .tflite file; equal models give equal bytes."""
    size = sum(len(elements(buffer.data)) for buffer in model.buffers)
    builder = _Builder(size + 4096)
    builder.Finish(model.Pack(builder), verifier.IDENTIFIER)
    return bytes(builder.Output())


def metadata(model: ModelT, name: str) -> bytes | None:
    """Content of the metadata buffer of a name, or None if there is none."""
    for entry in elements(model.metadata):
        if entry.name == name.encode():
            return bytes(elements(model.buffers[entry.buffer].data))
    return None


def attach(data: bytes, table: SubnetworkTable) -> bytes:
    """The model with the table in it; all else is as it was. A table that it already has is replaced.

    The table gets the overrides that ``ranges.complete`` adds.

    Raises:
        FormatError: if the bytes are no model, or the table does not fit it.
    """
    model = read(data)
    detach(model)
    propagate(Graph(model), table)
    table = complete(Graph(model), table)
    check(Graph(model), table)
    buffer = len(model.buffers)
    model.buffers.append(BufferT(data=np.frombuffer(encode(table), np.uint8)))
    model.metadata = [*elements(model.metadata), MetadataT(name=NAME.encode(), buffer=buffer)]
    return write(model)


def detach(model: ModelT) -> None:
    """Remove the table from a model, if it has one."""
    entries = [entry for entry in elements(model.metadata) if entry.name == NAME.encode()]
    if not entries:
        return
    model.metadata = [entry for entry in model.metadata if entry.name != NAME.encode()] or None
    kept = graph.buffer_uses(model)
    for buffer in sorted({entry.buffer for entry in entries if not kept[entry.buffer]}, reverse=True):
        if buffer == len(model.buffers) - 1:
            del model.buffers[buffer]
        else:
            model.buffers[buffer] = BufferT()  # the others keep their numbers


def read_table(data: bytes) -> SubnetworkTable:
    """The subnetwork table of a .tflite file, checked against the model.

    Raises:
        FormatError: if the bytes are no model, it has no table, or the table does not fit the model.
    """
    model = read(data)
    content = metadata(model, NAME)
    if content is None:
        raise FormatError(f"the model has no metadata {NAME!r}: it holds a single network")
    table = decode(content)
    check(Graph(model), table)
    return table


def check(model: Graph, table: SubnetworkTable) -> None:
    """Check that the table fits the model: its layers, the sizes of its groups, its overrides.

    Raises:
        FormatError: if it does not, with what is wrong.
    """
    propagate(model, table)
    for k in range(len(table.subnetworks)):
        own_quantization(model, table, k)
