"""The subnetwork table as bytes, against the offsets that docs/format.md gives."""

import struct
import zlib

import numpy as np
import pytest

from bridge.model_file.table import FormatError, Kind, Layer, Override, SubnetworkRow, SubnetworkTable, decode, encode


def checked(body: bytes) -> bytes:
    """A table from its bytes with the right size and checksum in the header."""
    size = struct.pack("<I", len(body))
    return body[:12] + size + struct.pack("<I", zlib.crc32(body[20:])) + body[20:]


def random_table(seed: int) -> SubnetworkTable:
    random = np.random.default_rng(seed)
    count, groups = int(random.integers(1, 6)), int(random.integers(0, 5))
    widths = tuple(tuple(int(w) for w in sorted(random.integers(1, 300, count), reverse=True)) for _ in range(groups))
    layers = []
    for index in range(int(random.integers(0, 6))):
        kind = Kind(int(random.integers(3)))
        inputs, outputs = (int(g) if g < groups else None for g in random.integers(0, groups + 1, 2))
        if kind == Kind.DEPTHWISE_CONV_2D:
            inputs = outputs
        segments = int(random.integers(1, 9)) if kind == Kind.FULLY_CONNECTED else 1
        layers.append(Layer(3 * index + 1, kind, bool(random.integers(2)), inputs, outputs, segments))
    overrides = {}
    for index, layer in enumerate(layers):
        for k in range(1, count):
            if random.random() < 0.5:
                width = 7 if layer.outputs is None else widths[layer.outputs][k]
                overrides[index, k] = random_override(random, width)
    rows = tuple(
        SubnetworkRow(100 - k, *(int(n) for n in random.integers(0, 2**32, 3)), int(random.integers(10_001)) / 10_000)
        for k in range(count)
    )
    return SubnetworkTable(rows, widths, tuple(layers), overrides)


def random_override(random: np.random.Generator, width: int) -> Override:
    own_biases = bool(random.integers(2))
    count = width if own_biases or random.integers(2) else 1
    return Override(
        *(int(point) for point in random.integers(-128, 128, 2)),
        int(random.integers(-128, 0)),
        int(random.integers(0, 128)),
        tuple(int(m) for m in random.integers(2**30, 2**31, count)),
        tuple(int(s) for s in random.integers(-31, 31, count)),
        tuple(int(b) for b in random.integers(-(2**31), 2**31, count)) if own_biases else None,
        float(np.float32(random.uniform(0.01, 2))),
    )


@pytest.mark.parametrize("seed", range(30))
def test_decoding_undoes_encoding(seed):
    table = random_table(seed)
    data = encode(table)
    assert decode(data) == table
    assert encode(decode(data)) == data
    assert len(data) % 4 == 0


def test_bytes_lie_where_the_format_says():
    table = SubnetworkTable(
        subnetworks=(SubnetworkRow(70_000, 300, 5, 6, 0.93125), SubnetworkRow(50_000, 200)),
        widths=((8, 3),),
        layers=(
            Layer(2, Kind.CONV_2D, True, None, 0),
            Layer(4, Kind.DEPTHWISE_CONV_2D, False, 0, 0),
            Layer(9, Kind.FULLY_CONNECTED, False, 0, None, 6),
        ),
        overrides={(1, 1): Override(-3, 4, -128, 100, (2**30, 0, 2**31 - 1), (-31, 0, 30), (-1, 2, -(2**31)), 0.5)},
    )
    data = encode(table)
    widths_at, layers_at, overrides_at = 24 + 2 * 20, 24 + 2 * 20 + 4, 24 + 2 * 20 + 4 + 3 * 12
    record_at = overrides_at + 3 * 2 * 4
    assert struct.unpack_from("<4sBBHHHI", data) == (b"REDS", 1, 2, 3, 1, 0, len(data))
    assert struct.unpack_from("<II", data, 16) == (zlib.crc32(data[20:]), overrides_at)
    assert struct.unpack_from("<IIIIHH", data, 24) == (70_000, 300, 5, 6, 9312, 0)
    assert struct.unpack_from("<IIIIHH", data, 44) == (50_000, 200, 0, 0, 65535, 0)
    assert struct.unpack_from("<HH", data, widths_at) == (8, 3)
    assert struct.unpack_from("<HBBHHHH", data, layers_at) == (2, 0, 1, 65535, 0, 1, 0)
    assert struct.unpack_from("<HBBHHHH", data, layers_at + 12) == (4, 1, 0, 0, 0, 1, 0)
    assert struct.unpack_from("<HBBHHHH", data, layers_at + 24) == (9, 2, 0, 0, 65535, 6, 0)
    assert struct.unpack_from("<6I", data, overrides_at) == (0, 0, 0, record_at, 0, 0)
    assert struct.unpack_from("<bbbbHBB", data, record_at) == (-3, 4, -128, 100, 3, 1, 0)
    assert struct.unpack_from("<6i", data, record_at + 8) == (2**30, 0, 2**31 - 1, -1, 2, -(2**31))
    assert struct.unpack_from("<4b", data, record_at + 32) == (-31, 0, 30, 0)
    assert struct.unpack_from("<f", data, record_at + 36) == (0.5,)
    assert len(data) == record_at + 40


def test_every_changed_byte_is_noticed():
    data = encode(random_table(3))
    for index in range(len(data)):
        with pytest.raises(FormatError):
            decode(data[:index] + bytes([data[index] ^ 0x41]) + data[index + 1 :])


@pytest.mark.parametrize("seed", [1, 2])
def test_every_truncation_is_noticed(seed):
    data = encode(random_table(seed))
    for size in range(len(data)):
        for shorter in (data[:size], checked(data[:size]) if size >= 24 else b""):
            with pytest.raises(FormatError):
                decode(shorter)


@pytest.mark.parametrize(
    ("offset", "form", "value", "message"),
    [
        (4, "B", 2, "version 2; this program reads version 1"),
        (5, "B", 0, "do not match its 0 subnetworks"),
        (5, "B", 65, "do not match"),
        (10, "H", 1, "reserved bits of the header"),
        (20, "I", 100, "do not match"),
        (42, "H", 1, "reserved bits of a subnetwork"),
        (44, "I", 2**31, "subnetwork 1 has 2147483648 MACs, more than subnetwork 0"),
        (60, "H", 10_001, "accuracy of a subnetwork must lie between 0 and 1"),
        (64, "H", 0, "width of group 0 must lie between 1 and 65535"),
        (66, "H", 9, "group 0 is wider in subnetwork 1 (9) than in 0 (8)"),
        (70, "B", 3, "kind of layer 0 must lie between 0 and 2"),
        (71, "B", 2, "reserved bits of the flags of layer 0"),
        (72, "H", 1, "width group of layer 0 must lie between 0 and 0"),
        (76, "H", 2, "layer 0 is no FULLY_CONNECTED and must have 1 segment"),
        (78, "H", 1, "reserved bits of layer 0"),
        (80, "H", 2, "out of place"),
        (84, "H", 65535, None),
        (86, "H", 65535, "layer 1 is depth-wise"),
        (88, "H", 0, "segments of layer 1 must lie between 1"),
        (92, "I", 100, "layer 0 for subnetwork 0 must lie at 108"),
        (104, "I", 112, "must lie at 108, not at 112"),
        (108 + 2, "b", 5, "smallest output 5 is above its largest 4"),
        (108 + 4, "H", 0, "number of multipliers of an override"),
        (108 + 4, "H", 60_000, "ends within the 60000 multipliers"),
        (108 + 6, "B", 3, "flags of an override"),
        (108 + 7, "B", 1, "reserved bits of an override"),
        (108 + 8, "i", 5, "multiplier of an override must lie between 1073741824"),
        (108 + 8, "i", 0, "shift of a multiplier of 0"),
        (108 + 32, "b", 31, "shift of an override must lie between -31 and 30"),
        (108 + 35, "b", 1, "padding behind the shifts"),
        (108 + 36, "f", -1.0, "output scale of an override must be a positive float32"),
        (108 + 36, "f", float("nan"), "output scale"),
        (108 + 36, "f", float("inf"), "output scale"),
    ],
)
def test_refuses_with_the_reason(offset, form, value, message):
    """A field is changed and the checksum with it."""
    override = Override(0, 0, -3, 4, (2**30,) * 3, (5,) * 3, (1, 2, 3), 0.5)
    table = SubnetworkTable(
        (SubnetworkRow(100, 5), SubnetworkRow(90, 5)),
        ((8, 3),),
        (Layer(2, Kind.CONV_2D, False, None, 0), Layer(4, Kind.DEPTHWISE_CONV_2D, False, 0, 0)),
        {(1, 1): override},
    )
    data = bytearray(encode(table))
    assert len(data) == 148
    struct.pack_into(f"<{form}", data, offset, value)
    if message is None:  # a single input channel that is always used
        assert decode(checked(bytes(data))).layers[1].inputs is None
        return
    with pytest.raises(FormatError) as error:
        decode(checked(bytes(data)))
    assert message in str(error.value)


def test_refuses_to_make_what_can_not_be():
    row = SubnetworkRow(10, 10)
    with pytest.raises(FormatError, match="group 0 has 2 widths, but there are 1 subnetworks"):
        SubnetworkTable((row,), ((4, 2),), ())
    with pytest.raises(FormatError, match="subnetwork of an override must lie between 1 and 0"):
        override = Override(0, 0, -1, 1, (2**30,), (0,), None, 1.0)
        SubnetworkTable((row,), (), (Layer(0, Kind.CONV_2D),), {(0, 0): override})
    with pytest.raises(FormatError, match="layer 0 of subnetwork 1 has 2 output channels, but its override has 3"):
        override = Override(0, 0, -1, 1, (2**30,) * 3, (0,) * 3, None, 1.0)
        SubnetworkTable((row, row), ((4, 2),), (Layer(0, Kind.CONV_2D, outputs=0),), {(0, 1): override})
    with pytest.raises(FormatError, match="macs of a subnetwork"):
        SubnetworkRow(2**32, 0)
    with pytest.raises(FormatError, match="as many shifts"):
        Override(0, 0, -1, 1, (2**30,), (0, 0), None, 1.0)
