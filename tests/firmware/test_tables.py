"""The C reader of subnetwork tables against the bridge's writer, and the choice of a subnetwork."""

from __future__ import annotations

import subprocess
import zlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from network_models import MAKERS
from programs import SANITIZED, Build, run

from bridge.model_file.table import Kind, Layer, Override, SubnetworkRow, SubnetworkTable, encode

Programs = Callable[[Build, str], Path]


def description(table: SubnetworkTable, channels: list[tuple[int, int]]) -> str:
    """What firmware/test/describe_table.c must print, for (inputs, outputs) of each layer without its segments."""
    lines = []
    for k, row in enumerate(table.subnetworks):
        accuracy = 65535 if row.accuracy is None else round(row.accuracy * 10_000)
        lines.append(
            f"subnetwork {k} macs {row.macs} memory {row.peak_memory} time {row.microseconds} "
            f"energy {row.nanojoules} accuracy {accuracy}"
        )
    for i, (layer, (inputs, outputs)) in enumerate(zip(table.layers, channels, strict=True)):
        for k in range(len(table.subnetworks)):
            used = [table.width(layer.inputs, k) or inputs, table.width(layer.outputs, k) or outputs]
            own = table.overrides.get((i, k))
            offsets = [0, 0] if own is None else [-own.input_zero_point, own.output_zero_point]
            limits = [-128, 127] if own is None else [own.smallest, own.largest]
            words = ["layer", i, k, "inputs", used[0], "outputs", used[1], "offsets", *offsets, "limits", *limits]
            words += ["scale", f"{1.0 if own is None else own.output_scale:.9g}"]
            words += ["multipliers", *([2**30] if own is None else own.multipliers)]
            words += ["shifts", *([0] if own is None else own.shifts)]
            words += ["biases", *((own.biases or ()) if own else ())]
            lines.append(" ".join(map(str, words)))
    return "\n".join(lines) + "\n"


def channels_of(table: SubnetworkTable) -> list[tuple[int, int]]:
    """Channels of each layer's input and output; 3 and 4 where they are always all used."""
    return [(table.width(layer.inputs, 0) or 3, table.width(layer.outputs, 0) or 4) for layer in table.layers]


def arguments(table: SubnetworkTable, channels: list[tuple[int, int]]) -> list[str]:
    pairs = zip(table.layers, channels, strict=True)
    return [f"{inputs * layer.segments}:{outputs}" for layer, (inputs, outputs) in pairs]


@pytest.mark.parametrize("make", MAKERS, ids=lambda make: make.__name__)
@pytest.mark.parametrize("own", [False, True], ids=["shared", "own"])
def test_tables_are_read_as_they_were_written(make, own, host_program: Programs, tmp_path: Path) -> None:
    random = np.random.default_rng(5)
    example = make(random)
    table = example.table(random)
    if own:
        table = example.with_overrides(table, random)
    rows = [replace(row, microseconds=7 * k, nanojoules=9 * k) for k, row in enumerate(table.subnetworks)]
    table = replace(table, subnetworks=tuple(rows))
    channels = channels_of(table)
    (tmp_path / "table").write_bytes(encode(table))
    printed = run(
        [str(host_program(SANITIZED, "describe_table")), str(tmp_path / "table"), *arguments(table, channels)]
    )
    assert printed == description(table, channels)


def small_table(**changes: object) -> SubnetworkTable:
    rows = (SubnetworkRow(100, 10, 500, 80), SubnetworkRow(60, 8, 300, 0), SubnetworkRow(20, 4, 0, 30))
    layers = (Layer(0, Kind.CONV_2D, outputs=0), Layer(2, Kind.FULLY_CONNECTED, inputs=0, segments=2))
    override = Override(3, -5, -128, 127, (2**30, 2**31 - 1, 2**30), (-3, 0, 30), (1, -2, 3), 0.5)
    table = SubnetworkTable(rows, ((5, 4, 3),), layers, {(0, 2): override})
    return replace(table, **changes)


def refusal(host_program: Programs, folder: Path, content: bytes, *layers: str) -> str:
    (folder / "table").write_bytes(content)
    command = [str(host_program(SANITIZED, "describe_table")), str(folder / "table"), *layers]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2, done
    assert done.stderr.startswith("error: ")
    return done.stderr


def patched(table: bytes, at: int, value: bytes) -> bytes:
    """The table with other bytes, and the checksum that belongs to them."""
    content = table[:at] + value + table[at + len(value) :]
    return content[:16] + zlib.crc32(content[20:]).to_bytes(4, "little") + content[20:]


WIDTHS, LAYERS = 24 + 3 * 20, 24 + 3 * 20 + 8
OVERRIDE = LAYERS + 2 * 12 + 2 * 3 * 4


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (encode(small_table())[:-4], "do not add up"),
        (encode(small_table()) + b"\0\0\0\0", "do not add up"),
        (encode(small_table())[:20], "do not add up"),
        (b"REDX" + encode(small_table())[4:], "does not start with REDS"),
        (encode(small_table())[:4] + b"\2" + encode(small_table())[5:], "another version than 1"),
        (encode(small_table())[:-1] + b"\7", "checksum"),
        (patched(encode(small_table()), 5, b"\0"), "1 to 64 subnetworks"),
        (patched(encode(small_table()), 24, (5).to_bytes(4, "little")), "falling MACs"),
        (patched(encode(small_table()), WIDTHS + 4, b"\0\0"), "at least 1"),
        (patched(encode(small_table()), WIDTHS + 4, b"\5\0"), "not grow"),
        (patched(encode(small_table()), WIDTHS + 6, b"\1\0"), "do not add up"),  # padding
        (patched(encode(small_table()), LAYERS + 2, b"\3"), "unknown kind"),
        (patched(encode(small_table()), LAYERS + 3, b"\2"), "flag"),
        (patched(encode(small_table()), LAYERS + 6, b"\1\0"), "group"),
        (patched(encode(small_table()), LAYERS + 8, b"\2\0"), "a layer of the subnetwork table"),  # segments of a conv
        (patched(encode(small_table()), LAYERS + 12, b"\0\0"), "out of order"),
        (patched(encode(small_table()), OVERRIDE, b"\0\0\x7f\x80"), "override"),  # smallest above largest
        (patched(encode(small_table()), OVERRIDE + 4, b"\2\0"), "override"),
        (patched(encode(small_table()), OVERRIDE + 8, b"\1\0\0\0"), "override"),  # multiplier too small
        (patched(encode(small_table()), OVERRIDE + 8 + 24, b"\x20"), "override"),  # shift of 32
    ],
)
def test_refuses_what_the_format_forbids(content: bytes, message: str, host_program: Programs, tmp_path: Path) -> None:
    assert message in refusal(host_program, tmp_path, content, "3:5", "10:4")


@pytest.mark.parametrize(
    ("layers", "message"),
    [
        (["3:6", "10:4"], "another number of output channels"),
        (["3:5", "12:4"], "another number of input channels"),
        (["3:5", "11:4"], "do not divide into the segments"),
        (["3:5", "10:4", "4:4"], "more layers"),
    ],
)
def test_refuses_layers_of_another_model(
    layers: list[str], message: str, host_program: Programs, tmp_path: Path
) -> None:
    assert message in refusal(host_program, tmp_path, encode(small_table()), *layers)


def test_refuses_overrides_for_another_number_of_logits(host_program: Programs, tmp_path: Path) -> None:
    """How many outputs the last layer has is not in the table: seen when the layer is met."""
    override = Override(0, 0, -128, 127, (2**30,) * 4, (0,) * 4, None, 1.0)
    table = small_table(overrides={(1, 1): override})
    assert "neither one multiplier" in refusal(host_program, tmp_path, encode(table), "3:5", "10:3")


@pytest.mark.parametrize(
    ("requests", "answers"),
    [
        (["begin", "2", "begin"], ["runs 0", "2 active 0", "runs 2"]),
        (["1", "3"], ["1 active 0", "1 active 0: there is no subnetwork of that index"]),
        (["time:500"], ["0 active 0"]),
        (["time:499"], ["1 active 0"]),  # the smallest one's time is not known
        (["2", "time:299"], ["2 active 0", "2 active 0: no subnetwork fits the budget"]),
        (
            ["time:299", "measured:2:120", "time:299"],
            ["0 active 0: no subnetwork fits the budget", "0 active 0", "2 active 0"],
        ),
        (
            ["measured:0:900", "time:600", "measured:0:0", "time:600"],
            ["0 active 0", "1 active 0", "1 active 0", "0 active 0"],
        ),
        (["measured:7:1"], ["0 active 0: there is no subnetwork of that index"]),
        (["energy:80"], ["0 active 0"]),
        (["energy:79"], ["2 active 0"]),  # the middle one's energy is not known
        (["both:500:79"], ["0 active 0: no subnetwork fits the budget"]),
        (["measured:2:1", "both:500:79"], ["0 active 0", "2 active 0"]),
    ],
)
def test_the_largest_subnetwork_within_the_budget(
    requests: list[str], answers: list[str], host_program: Programs, tmp_path: Path
) -> None:
    (tmp_path / "table").write_bytes(encode(small_table()))
    printed = run([str(host_program(SANITIZED, "select_subnetwork")), str(tmp_path / "table"), *requests])
    assert printed.splitlines() == answers


def test_unknown_costs_fit_no_budget(host_program: Programs, tmp_path: Path) -> None:
    (tmp_path / "table").write_bytes(encode(small_table(subnetworks=tuple(SubnetworkRow(9, 9) for _ in range(3)))))
    program = str(host_program(SANITIZED, "select_subnetwork"))
    printed = run([program, str(tmp_path / "table"), "time:1000000", "energy:1000000"])
    assert printed.splitlines() == ["0 active 0: no subnetwork's time or energy is known"] * 2
