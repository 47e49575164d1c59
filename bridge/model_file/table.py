"""The subnetwork table: how much of each layer a subnetwork uses, as bytes inside the model (docs/format.md)."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from itertools import pairwise, product

NAME = "REDS"  # of the metadata entry that holds the table
VERSION = 1
NO_GROUP = 0xFFFF
UNKNOWN_ACCURACY = 0xFFFF
MOST_SUBNETWORKS = 64

_HEADER = struct.Struct("<4sBBHHHIII")
_CHECKED_FROM = 20  # the checksum covers what follows it
_SUBNETWORK = struct.Struct("<IIIIHH")
_LAYER = struct.Struct("<HBBHHHH")
_OVERRIDE = struct.Struct("<bbbbHBB")
_SCALE = struct.Struct("<f")
_FILL = 1
_OWN_BIASES = 1


class FormatError(ValueError):
    """Bytes that are no subnetwork table or no model as docs/format.md describes it, or a table that does not fit."""


class Kind(IntEnum):
    """Operators that are layers: those with weights."""

    CONV_2D = 0
    DEPTHWISE_CONV_2D = 1
    FULLY_CONNECTED = 2


@dataclass(frozen=True)
class SubnetworkRow:
    """Costs and accuracy of a subnetwork.

    Peak memory is the bytes of the live int8 activations; microseconds and nanojoules are those of one inference on
    the device that the network was searched for, 0 if unknown. Accuracy is a share between 0 and 1 on the test set,
    kept to hundredths of a percent.
    """

    macs: int
    peak_memory: int
    microseconds: int = 0
    nanojoules: int = 0
    accuracy: float | None = None

    def __post_init__(self) -> None:
        for name in ("macs", "peak_memory", "microseconds", "nanojoules"):
            _whole(getattr(self, name), 0, 0xFFFFFFFF, f"{name} of a subnetwork")
        if self.accuracy is not None and not 0 <= self.accuracy <= 1:
            raise FormatError(f"accuracy of a subnetwork must lie between 0 and 1, not be {self.accuracy}")


@dataclass(frozen=True)
class Layer:
    """An operator with weights, and the width groups of its input and output channels (None: always all used).

    Args:
        operator: index in the model's subgraph.
        kind: which operator it is.
        fill: outputs beyond the width are filled with the zero point.
        inputs: group of the input channels.
        outputs: group of the output channels.
        segments: how many positions a fully-connected layer reads behind a flatten, 1 elsewhere.
    """

    operator: int
    kind: Kind
    fill: bool = False
    inputs: int | None = None
    outputs: int | None = None
    segments: int = 1


@dataclass(frozen=True)
class Override:
    """Quantization of a layer in one subnetwork, where it differs from the full network's.

    A channel's sum is multiplied by ``multiplier / 2**31 * 2**shift``; there is one multiplier, or one for each
    output channel of the subnetwork. ``biases`` is None where the layer's own are used. ``output_scale`` is the real
    step of the output (a float32 value).
    """

    input_zero_point: int
    output_zero_point: int
    smallest: int
    largest: int
    multipliers: tuple[int, ...]
    shifts: tuple[int, ...]
    biases: tuple[int, ...] | None
    output_scale: float

    def __post_init__(self) -> None:
        for name in ("input_zero_point", "output_zero_point", "smallest", "largest"):
            _whole(getattr(self, name), -128, 127, f"{name} of an override")
        if self.smallest > self.largest:
            raise FormatError(f"an override's smallest output {self.smallest} is above its largest {self.largest}")
        count = len(self.multipliers)
        _whole(count, 1, 0xFFFF, "number of multipliers of an override")
        if len(self.shifts) != count or (self.biases is not None and len(self.biases) != count):
            raise FormatError(f"an override with {count} multipliers needs as many shifts, and biases if it has any")
        for multiplier, shift in zip(self.multipliers, self.shifts, strict=True):
            if multiplier == 0:
                _whole(shift, 0, 0, "shift of a multiplier of 0")
            else:
                _whole(multiplier, 1 << 30, (1 << 31) - 1, "multiplier of an override")
                _whole(shift, -31, 30, "shift of an override")
        for bias in self.biases or ():
            _whole(bias, -(1 << 31), (1 << 31) - 1, "bias of an override")
        if not 2.0**-126 <= self.output_scale < 2.0**128 or _float32(self.output_scale) != self.output_scale:
            raise FormatError(f"output scale of an override must be a positive float32, not {self.output_scale}")


@dataclass(frozen=True)
class SubnetworkTable:
    """All subnetworks of a model: index 0 is the full network.

    Args:
        subnetworks: K rows, in order of falling MACs.
        widths: G groups of K widths each; the first is the group's size.
        layers: L layers in the order in which the model executes them.
        overrides: by (layer, subnetwork); none for subnetwork 0.
    """

    subnetworks: tuple[SubnetworkRow, ...]
    widths: tuple[tuple[int, ...], ...]
    layers: tuple[Layer, ...]
    overrides: Mapping[tuple[int, int], Override] = field(default_factory=dict)

    def __post_init__(self) -> None:
        _whole(len(self.subnetworks), 1, MOST_SUBNETWORKS, "number of subnetworks")
        _whole(len(self.layers), 0, 0xFFFF, "number of layers")
        _whole(len(self.widths), 0, NO_GROUP, "number of width groups")
        for k, (larger, smaller) in enumerate(pairwise(self.subnetworks), 1):
            if smaller.macs > larger.macs:
                raise FormatError(
                    f"subnetwork {k} has {smaller.macs} MACs, more than subnetwork {k - 1}, which has {larger.macs}"
                )
        for group, widths in enumerate(self.widths):
            self._check_widths(group, widths)
        for before, after in pairwise(self.layers):
            if after.operator <= before.operator:
                raise FormatError(f"layers must be in the order of their operators: {after.operator} is out of place")
        for index, layer in enumerate(self.layers):
            self._check_layer(index, layer)
        for (layer_index, k), override in self.overrides.items():
            self._check_override(layer_index, k, override)

    def width(self, group: int | None, k: int) -> int | None:
        """Channels of ``group`` that subnetwork ``k`` keeps, or None for channels that are always all used."""
        return None if group is None else self.widths[group][k]

    def _check_widths(self, group: int, widths: tuple[int, ...]) -> None:
        if len(widths) != len(self.subnetworks):
            raise FormatError(
                f"group {group} has {len(widths)} widths, but there are {len(self.subnetworks)} subnetworks"
            )
        for width in widths:
            _whole(width, 1, 0xFFFF, f"width of group {group}")
        for k, (larger, smaller) in enumerate(pairwise(widths), 1):
            if smaller > larger:
                raise FormatError(f"group {group} is wider in subnetwork {k} ({smaller}) than in {k - 1} ({larger})")

    def _check_layer(self, index: int, layer: Layer) -> None:
        _whole(layer.operator, 0, 0xFFFF, f"operator of layer {index}")
        _whole(layer.segments, 1, 0xFFFF, f"segments of layer {index}")
        for group in (layer.inputs, layer.outputs):
            if group is not None:
                _whole(group, 0, len(self.widths) - 1, f"width group of layer {index}")
        if layer.segments != 1 and layer.kind != Kind.FULLY_CONNECTED:
            raise FormatError(f"layer {index} is no FULLY_CONNECTED and must have 1 segment, not {layer.segments}")
        if layer.kind == Kind.DEPTHWISE_CONV_2D and layer.inputs not in (None, layer.outputs):
            raise FormatError(f"layer {index} is depth-wise: its inputs and outputs must be the same group")

    def _check_override(self, index: int, k: int, override: Override) -> None:
        _whole(index, 0, len(self.layers) - 1, "layer of an override")
        _whole(k, 1, len(self.subnetworks) - 1, "subnetwork of an override")
        width = self.width(self.layers[index].outputs, k)
        count = len(override.multipliers)
        if width is not None and count != width and (count != 1 or override.biases is not None):
            raise FormatError(
                f"layer {index} of subnetwork {k} has {width} output channels, but its override has {count} multipliers"
            )


def encode(table: SubnetworkTable) -> bytes:
    """The table as bytes, the content of the model's ``REDS`` buffer."""
    subnetworks, layers = table.subnetworks, table.layers
    body = b"".join(_encode_subnetwork(row) for row in subnetworks)
    body += _padded(b"".join(struct.pack(f"<{len(widths)}H", *widths) for widths in table.widths))
    body += b"".join(_encode_layer(layer) for layer in layers)
    overrides_at = 0
    if table.overrides:
        overrides_at = _HEADER.size + len(body)
        body += _encode_overrides(table, overrides_at)
    size = _HEADER.size + len(body)
    checked = struct.pack("<I", overrides_at) + body
    header = _HEADER.pack(
        NAME.encode(),
        VERSION,
        len(subnetworks),
        len(layers),
        len(table.widths),
        0,
        size,
        zlib.crc32(checked),
        overrides_at,
    )
    return header + body


def decode(data: bytes) -> SubnetworkTable:
    """The table of a ``REDS`` buffer; every size, offset and range is checked first.

    Raises:
        FormatError: if the bytes are no table of this version, with what is wrong.
    """
    if len(data) < _HEADER.size:
        raise FormatError(f"the table has {len(data)} bytes, fewer than its header of {_HEADER.size}")
    magic, version, count, layer_count, group_count, reserved, size, checksum, overrides_at = _HEADER.unpack_from(data)
    if magic != NAME.encode():
        raise FormatError(f"the table must start with {NAME!r}, not with {magic!r}")
    if version != VERSION:
        raise FormatError(f"the table has version {version}; this program reads version {VERSION}")
    if size != len(data):
        raise FormatError(f"the table says that it has {size} bytes, but there are {len(data)}")
    if zlib.crc32(data[_CHECKED_FROM:]) != checksum:
        raise FormatError("the table's checksum does not match its content")
    _reserved(reserved, "the header")

    widths_at = _HEADER.size + count * _SUBNETWORK.size
    layers_at = widths_at + _aligned(2 * group_count * count)
    end = layers_at + layer_count * _LAYER.size
    if overrides_at not in (0, end) or (overrides_at == 0 and end != size) or end > size:
        raise FormatError(f"the table's {size} bytes do not match its {count} subnetworks and {layer_count} layers")
    flat = struct.unpack_from(f"<{group_count * count}H", data, widths_at)
    _zeros(data[widths_at + 2 * len(flat) : layers_at], "the widths")
    layers = tuple(_decode_layer(i, fields) for i, fields in enumerate(_LAYER.iter_unpack(data[layers_at:end])))
    overrides = _decode_overrides(data, end, layer_count, count) if overrides_at else {}
    return SubnetworkTable(
        subnetworks=tuple(
            _decode_subnetwork(fields) for fields in _SUBNETWORK.iter_unpack(data[_HEADER.size : widths_at])
        ),
        widths=tuple(flat[i : i + count] for i in range(0, len(flat), count)),
        layers=layers,
        overrides=overrides,
    )


def _encode_subnetwork(row: SubnetworkRow) -> bytes:
    accuracy = UNKNOWN_ACCURACY if row.accuracy is None else round(row.accuracy * 10_000)
    return _SUBNETWORK.pack(row.macs, row.peak_memory, row.microseconds, row.nanojoules, accuracy, 0)


def _decode_subnetwork(fields: tuple[int, ...]) -> SubnetworkRow:
    macs, peak_memory, microseconds, nanojoules, accuracy, reserved = fields
    _reserved(reserved, "a subnetwork")
    if accuracy == UNKNOWN_ACCURACY:
        return SubnetworkRow(macs, peak_memory, microseconds, nanojoules, None)
    return SubnetworkRow(macs, peak_memory, microseconds, nanojoules, accuracy / 10_000)


def _encode_layer(layer: Layer) -> bytes:
    inputs, outputs = (NO_GROUP if group is None else group for group in (layer.inputs, layer.outputs))
    return _LAYER.pack(layer.operator, layer.kind, _FILL * layer.fill, inputs, outputs, layer.segments, 0)


def _decode_layer(index: int, fields: tuple[int, ...]) -> Layer:
    operator, kind, flags, inputs, outputs, segments, reserved = fields
    _whole(kind, 0, max(Kind), f"kind of layer {index}")
    _reserved(flags & ~_FILL, f"the flags of layer {index}")
    _reserved(reserved, f"layer {index}")
    groups = [None if group == NO_GROUP else group for group in (inputs, outputs)]
    return Layer(operator, Kind(kind), bool(flags & _FILL), groups[0], groups[1], segments)


def _encode_overrides(table: SubnetworkTable, start: int) -> bytes:
    keys = list(product(range(len(table.layers)), range(len(table.subnetworks))))
    offsets, records = [], bytearray()
    for key in keys:
        override = table.overrides.get(key)
        offsets.append(0 if override is None else start + 4 * len(keys) + len(records))
        records += b"" if override is None else _encode_override(override)
    return struct.pack(f"<{len(keys)}I", *offsets) + bytes(records)


def _encode_override(override: Override) -> bytes:
    count = len(override.multipliers)
    biases: Sequence[int] = () if override.biases is None else override.biases
    flags = 0 if override.biases is None else _OWN_BIASES
    zero_points = (override.input_zero_point, override.output_zero_point, override.smallest, override.largest)
    record = _OVERRIDE.pack(*zero_points, count, flags, 0)
    record += struct.pack(f"<{count}i{len(biases)}i", *override.multipliers, *biases)
    return record + _padded(struct.pack(f"<{count}b", *override.shifts)) + _SCALE.pack(override.output_scale)


def _decode_overrides(data: bytes, start: int, layers: int, subnetworks: int) -> dict[tuple[int, int], Override]:
    """Overrides lie one after the other in the order of their offsets, so none is read twice."""
    at = start + 4 * layers * subnetworks
    if at > len(data):
        raise FormatError(f"the table ends within the offsets of its {layers} x {subnetworks} overrides")
    offsets = struct.unpack_from(f"<{layers * subnetworks}I", data, start)
    overrides = {}
    for key, offset in zip(product(range(layers), range(subnetworks)), offsets, strict=True):
        if offset == 0:
            continue
        if offset != at:
            raise FormatError(
                f"the override of layer {key[0]} for subnetwork {key[1]} must lie at {at}, not at {offset}"
            )
        overrides[key], at = _decode_override(data, at)
    if at != len(data):
        raise FormatError(f"the table has {len(data) - at} bytes behind its last override")
    return overrides


def _decode_override(data: bytes, at: int) -> tuple[Override, int]:
    """The override at an offset, and the offset behind it."""
    if at + _OVERRIDE.size > len(data):
        raise FormatError(f"the table ends within the override at {at}")
    input_zero, output_zero, smallest, largest, count, flags, reserved = _OVERRIDE.unpack_from(data, at)
    _reserved(flags & ~_OWN_BIASES, "the flags of an override")
    _reserved(reserved, "an override")
    own_biases = bool(flags & _OWN_BIASES)
    shifts_at = at + _OVERRIDE.size + 4 * count * (1 + own_biases)
    scale_at = shifts_at + _aligned(count)
    end = scale_at + _SCALE.size
    if end > len(data):
        raise FormatError(f"the table ends within the {count} multipliers of the override at {at}")
    numbers = struct.unpack_from(f"<{count * (1 + own_biases)}i", data, at + _OVERRIDE.size)
    shifts = struct.unpack_from(f"<{count}b", data, shifts_at)
    _zeros(data[shifts_at + count : scale_at], "the shifts of an override")
    (scale,) = _SCALE.unpack_from(data, scale_at)
    biases = numbers[count:] if own_biases else None
    override = Override(input_zero, output_zero, smallest, largest, numbers[:count], shifts, biases, scale)
    return override, end


def _whole(value: int, smallest: int, largest: int, name: str) -> None:
    if not smallest <= value <= largest:
        raise FormatError(f"{name} must lie between {smallest} and {largest}, not be {value}")


def _reserved(value: int, place: str) -> None:
    if value:
        raise FormatError(f"reserved bits of {place} must be 0, not {value}")


def _zeros(padding: bytes, place: str) -> None:
    if any(padding):
        raise FormatError(f"the padding behind {place} must be 0")


def _float32(value: float) -> float:
    return float(_SCALE.unpack(_SCALE.pack(value))[0])


def _aligned(size: int) -> int:
    return -(-size // 4) * 4


def _padded(content: bytes) -> bytes:
    return content.ljust(_aligned(len(content)), b"\0")
