"""Damaged models and tables: refused, or run without a step outside their memory (address sanitizer)."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
from network_models import MAKERS, nested
from programs import SANITIZED_DSP, Build, run

from bridge.model_file.flatbuffer import read_table
from bridge.model_file.table import encode

MODEL, TABLE = 0, 1


def damaged(data: bytes, random: np.random.Generator) -> bytes:
    """Some bytes changed, a number replaced by an extreme one, a part copied elsewhere, or the end cut off."""
    content = bytearray(data)
    way = random.integers(4)
    if way == 0:
        for at in random.integers(0, len(content), random.integers(1, 5)):
            content[at] = random.integers(256)
    elif way == 1:
        at = 4 * int(random.integers(len(content) // 4))
        content[at : at + 4] = struct.pack("<I", int(random.choice([0, 1, 0x7FFFFFFF, 0xFFFFFFFF, len(content)])))
    elif way == 2:
        size = int(random.integers(1, 32))
        source, target = (int(random.integers(len(content) - size)) for _ in range(2))
        content[target : target + size] = content[source : source + size]
    else:
        del content[int(random.integers(len(content))) :]
    return bytes(content)


def summed(table: bytes) -> bytes:
    """A table whose size and checksum are right again, so that what lies behind them is looked at."""
    if len(table) < 24:
        return table
    content = bytearray(table)
    content[12:16] = struct.pack("<I", len(content))
    content[16:20] = struct.pack("<I", zlib.crc32(content[20:]))
    return bytes(content)


def embedded(model: bytes, before: bytes, after: bytes) -> bytes:
    """The model with another table of the same length."""
    return model.replace(before, after) if len(before) == len(after) else model


def test_damaged_files(host_program: Callable[[Build, str], Path], tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    originals = [nested(make, seed, own)[0] for seed, make in enumerate(MAKERS) for own in (False, True)]
    pieces = [(MODEL, model) for model in originals] + [(TABLE, encode(read_table(model))) for model in originals]
    for i in range(2000):
        model = originals[i % len(originals)]
        table = encode(read_table(model))
        other = summed(damaged(table, random))
        kind, piece = [(MODEL, damaged(model, random)), (TABLE, other), (MODEL, embedded(model, table, other))][i % 3]
        pieces.append((kind, piece))
    files = b"".join(struct.pack("<II", len(piece), kind) + piece for kind, piece in pieces)
    (tmp_path / "files").write_bytes(files)
    lines = run([str(host_program(SANITIZED_DSP, "fuzz")), str(tmp_path / "files")], seconds=120).splitlines()
    counts = {message: int(count) for count, message in (line.split(": ", 1) for line in lines)}
    assert sum(counts.values()) == len(pieces)
    assert counts["no error"] >= 2 * len(originals)  # at least those that are whole
    assert len(counts) > 15  # many different refusals
