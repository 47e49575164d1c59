"""Damaged files: our readers answer with a result or with one clear sentence, and soon."""

import signal
import struct
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import TypeVar

import numpy as np
import pytest
from nested_models import dense, flatten, residual, separable

from bridge.model_file.flatbuffer import attach, metadata, read, read_table
from bridge.model_file.subnetworks import cut
from bridge.model_file.table import NAME, FormatError, SubnetworkTable, decode, encode

T = TypeVar("T")
SECONDS = 5  # for one file, on a machine that does other things as well; the median is a few milliseconds


@contextmanager
def deadline() -> Iterator[None]:
    """Ends what takes too long, without a watch: a test of its own speed would be no test of the reader."""

    def stop(*_: object) -> None:
        raise TimeoutError(f"more than {SECONDS} s for one file")

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(SECONDS)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def flip_bits(data: bytes, random: np.random.Generator) -> bytes:
    damaged = bytearray(data)
    for place in random.integers(0, len(data), random.integers(1, 9)):
        damaged[place] ^= 1 << random.integers(8)
    return bytes(damaged)


def huge_number(data: bytes, random: np.random.Generator) -> bytes:
    """A word becomes a number that is often wrong: huge, negative, zero, or almost the file's size."""
    damaged = bytearray(data)
    values = (0, 1, 4, 2**16 - 1, 2**31 - 1, 2**31, 2**32 - 1, 2**32 - 4, len(data), len(data) - 4)
    for place in random.integers(0, len(data) // 4, random.integers(1, 4)):
        struct.pack_into("<I", damaged, 4 * place, values[random.integers(len(values))])
    return bytes(damaged)


def truncate(data: bytes, random: np.random.Generator) -> bytes:
    return data[: random.integers(len(data))]


def splice(data: bytes, random: np.random.Generator) -> bytes:
    """A part of the file is copied over another one, or into it."""
    size, source, target = (int(random.integers(1, 64)), *(int(i) for i in random.integers(0, len(data), 2)))
    keeps_length = bool(random.integers(2))
    return data[:target] + data[source : source + size] + data[target + size * keeps_length :]


MUTATIONS = (flip_bits, huge_number, truncate, splice)


def outcome(read_it: Callable[[], T]) -> T | None:
    """What a reader makes of the bytes, or None: the only other way to end is a FormatError of one sentence."""
    try:
        with deadline():
            return read_it()
    except FormatError as error:
        assert str(error)
        assert "\n" not in str(error)
        return None


def with_own_quantization(make) -> tuple[bytes, SubnetworkTable]:
    random = np.random.default_rng(0)
    example = make(random)
    data = attach(example.data, example.with_overrides(example.table(random), random))
    return data, read_table(data)


@pytest.mark.parametrize("make", [dense, flatten, separable, residual])
def test_damaged_models(make):
    """150 damaged files each: read, with the table in it, and cut with the right table."""
    data, table = with_own_quantization(make)
    random = np.random.default_rng(1)
    for number in range(150):
        damaged = MUTATIONS[number % len(MUTATIONS)](data, random)
        if outcome(partial(read, damaged)) is not None:
            outcome(partial(read_table, damaged))
            outcome(partial(attach, damaged, table))
            small = outcome(partial(cut, damaged, table, int(random.integers(len(table.subnetworks)))))
            if small is not None:
                read(small)


def checked(table: bytes) -> bytes:
    """The table with the size and the checksum that a careful attacker would write."""
    return table[:12] + struct.pack("<II", len(table), zlib.crc32(table[20:])) + table[20:]


@pytest.mark.parametrize("make", [dense, flatten, separable, residual])
def test_damaged_tables(make):
    """350 damaged tables each, with a right checksum where it can be: decoded, in the model, and cut by."""
    data, _ = with_own_quantization(make)
    good = metadata(read(data), NAME)
    assert good is not None
    random = np.random.default_rng(2)
    for number in range(350):
        damaged = MUTATIONS[number % len(MUTATIONS)](good, random)
        damaged = checked(damaged) if len(damaged) >= 24 else damaged
        table = outcome(partial(decode, damaged))
        if table is not None:
            assert encode(table) == damaged
            small = outcome(partial(cut, data, table, int(random.integers(len(table.subnetworks)))))
            if small is not None:
                read(small)
