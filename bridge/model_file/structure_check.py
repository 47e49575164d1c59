"""Structure of the bytes of a .tflite file, checked before anything in them is believed.

A flatbuffer is a graph of offsets: a table points to its vtable, which says where its fields lie, and fields point to
strings, vectors and other tables. A mutated file can point anywhere, say that a vector has four billion elements, or
refer to one large part a million times. The walk below follows every offset once, as flatc's own verifier does, and
stops where the parts of the file add up to more than the file can hold.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import NamedTuple

from .table import FormatError

IDENTIFIER = b"TFL3"
_SHARED_PARTS = 2  # the parts of a file may add up to this many times its size: writers share some strings


class Scalar(NamedTuple):
    """A number of so many bytes."""

    size: int


class Numbers(NamedTuple):
    """A vector of numbers of so many bytes."""

    size: int


class Text(NamedTuple):
    """A string."""


class Record(NamedTuple):
    """A table by its name in ``TABLES``."""

    name: str


class Records(NamedTuple):
    """A vector of tables by their name in ``TABLES``."""

    name: str


class Absent(NamedTuple):
    """A field that must not be there, and what it would mean."""

    meaning: str


Field = Scalar | Numbers | Text | Record | Records | Absent
_BYTE, _WORD, _LONG = Scalar(1), Scalar(4), Scalar(8)
_BYTES, _WORDS, _LONGS = Numbers(1), Numbers(4), Numbers(8)
_OPTIONS = Record("Options")

# The tables of tflite's schema, their fields in the order of their numbers.
TABLES: dict[str, tuple[Field, ...]] = {
    "Model": (
        _WORD,  # version
        Records("OperatorCode"),
        Records("SubGraph"),
        Text(),  # description
        Records("Buffer"),
        _WORDS,  # metadata buffers, by index
        Records("Metadata"),
        Records("SignatureDef"),
        Absent("external buffers"),
        Absent("external buffers"),
    ),
    "OperatorCode": (_BYTE, Text(), _WORD, _WORD),  # code below 127, custom code, version, code
    "SubGraph": (Records("Tensor"), _WORDS, _WORDS, Records("Operator"), Text(), _WORD),
    "Tensor": (
        _WORDS,  # shape
        _BYTE,  # type
        _WORD,  # buffer
        Text(),  # name
        Record("QuantizationParameters"),
        _BYTE,  # is variable
        Absent("sparse tensors"),
        _WORDS,  # shape with -1 where it is not known
        _BYTE,  # has rank
        Absent("variant tensors"),
        Absent("external buffers"),
    ),
    "QuantizationParameters": (
        _WORDS,  # min
        _WORDS,  # max
        _WORDS,  # scale
        _LONGS,  # zero point
        Absent("custom quantization"),
        Absent("custom quantization"),
        _WORD,  # quantized dimension
    ),
    "Operator": (
        _WORD,  # index of the operator code
        _WORDS,  # inputs
        _WORDS,  # outputs
        _BYTE,  # type of the options
        _OPTIONS,
        _BYTES,  # custom options
        _BYTE,  # their format
        _BYTES,  # mutating variable inputs
        _WORDS,  # intermediates
        Absent("custom options behind the model"),
        Absent("custom options behind the model"),
        _BYTE,  # type of the options, second list
        _OPTIONS,
        _WORD,  # debug metadata
    ),
    "Buffer": (_BYTES, Absent("buffers behind the model"), Absent("buffers behind the model")),
    "Metadata": (Text(), _WORD),
    "SignatureDef": (Records("TensorMap"), Records("TensorMap"), Text(), Absent("a deprecated tag"), _WORD),
    "TensorMap": (Text(), _WORD),
}


@dataclass
class _Walk:
    """A pass over the file that adds up the sizes of the parts it sees."""

    data: bytes
    left: int  # bytes that parts may still take

    def table(self, at: int, name: str) -> None:
        """Check the table of a type at an offset, and all that it refers to."""
        vtable_size, table_size, vtable = self._vtable(at)
        self._take(table_size)
        fields = TABLES.get(name)
        for number in range((vtable_size - 4) // 2):
            (offset,) = struct.unpack_from("<H", self.data, vtable + 4 + 2 * number)
            if offset == 0:
                continue
            if offset < 4 or offset >= table_size:
                raise FormatError(f"field {number} of the {name} at {at} lies outside of its {table_size} bytes")
            if fields is None:  # options differ from operator to operator and hold numbers, which can't lead anywhere
                continue
            if number >= len(fields):
                raise FormatError(f"the {name} at {at} has a field {number}, which is unknown to this program")
            size = field.size if isinstance(field := fields[number], Scalar) else 4
            self._aligned(at + offset, min(size, 8), f"field {number} of the {name} at {at}")
            if offset + size > table_size:
                raise FormatError(f"field {number} of the {name} at {at} ends outside of its {table_size} bytes")
            self._field(at + offset, field)

    def _vtable(self, at: int) -> tuple[int, int, int]:
        """Size of the vtable of the table at an offset, size of the table, place of the vtable."""
        self._aligned(at, 4, "a table")
        self._inside(at, 4, "a table")
        (back,) = struct.unpack_from("<i", self.data, at)
        vtable = at - back
        self._aligned(vtable, 2, "a vtable")
        self._inside(vtable, 4, "a vtable")
        vtable_size, table_size = struct.unpack_from("<HH", self.data, vtable)
        if vtable_size < 4 or vtable_size % 2 or table_size < 4:
            raise FormatError(f"the vtable at {vtable} has the sizes {vtable_size} and {table_size}")
        self._inside(vtable, vtable_size, "a vtable")
        self._inside(at, table_size, "a table")
        return vtable_size, table_size, vtable

    def _field(self, at: int, field: Field) -> None:
        match field:
            case Scalar():
                pass
            case Numbers(size):
                self._vector(at, size)
            case Text():
                start, length = self._vector(at, 1)
                self._inside(start + length, 1, "the end of a string")
                if self.data[start + length]:
                    raise FormatError(f"the string at {start} does not end with a zero byte")
            case Record(name):
                self.table(self._target(at), name)
            case Records(name):
                start, length = self._vector(at, 4)
                for place in range(start, start + 4 * length, 4):
                    self.table(self._target(place), name)
            case Absent(meaning):
                raise FormatError(f"the model has {meaning}, which are not supported")

    def _target(self, at: int) -> int:
        (offset,) = struct.unpack_from("<I", self.data, at)
        return int(at + offset)

    def _vector(self, at: int, size: int) -> tuple[int, int]:
        """Place of the first element of the vector that the offset at ``at`` leads to, and their number."""
        target = self._target(at)
        self._aligned(target, 4, "a vector")
        self._inside(target, 4, "a vector")
        (length,) = struct.unpack_from("<I", self.data, target)
        start = target + 4
        self._inside(start, length * size, f"a vector of {length}")
        self._aligned(start, size if length else 1, "the first element of a vector")
        self._take(4 + length * size)
        return start, length

    def _inside(self, start: int, size: int, what: str) -> None:
        if start < 0 or start + size > len(self.data):
            raise FormatError(f"{what} at {start} lies outside of the file's {len(self.data)} bytes")

    def _aligned(self, at: int, size: int, what: str) -> None:
        if at % size:
            raise FormatError(f"{what} at {at} must lie at a multiple of {size}")

    def _take(self, size: int) -> None:
        self.left -= size
        if self.left < 0:
            raise FormatError("the parts of the file overlap: together they are larger than the file")


def verify(data: bytes) -> None:
    """Check that every offset, size and alignment of a .tflite file leads to where something can be.

    Raises:
        FormatError: at the first that does not, or where the model has parts that this program can't keep.
    """
    if len(data) < 8:
        raise FormatError(f"a model has at least 8 bytes, not {len(data)}")
    if data[4:8] != IDENTIFIER:
        raise FormatError(f"a .tflite model has {IDENTIFIER.decode()} at its fifth byte, not {data[4:8]!r}")
    walk = _Walk(data, _SHARED_PARTS * len(data))
    (root,) = struct.unpack_from("<I", data)
    walk.table(root, "Model")
