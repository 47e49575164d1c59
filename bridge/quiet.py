"""What libraries print from compiled code, past Python's streams."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass


@dataclass
class Captured:
    """What was printed inside the block; known after it."""

    text: str = ""


@contextmanager
def captured_output() -> Iterator[Captured]:
    """Keep all that the process writes to its standard output and error inside the block.

    Python's own streams are flushed before and after, so that nothing is caught that was printed outside.
    """
    captured = Captured()
    _flush()
    saved = [os.dup(descriptor) for descriptor in (1, 2)]
    with tempfile.TemporaryFile() as file:
        try:
            for descriptor in (1, 2):
                os.dup2(file.fileno(), descriptor)
            yield captured
        finally:
            _flush()
            for descriptor, copy in zip((1, 2), saved, strict=True):
                os.dup2(copy, descriptor)
                os.close(copy)
            file.seek(0)
            captured.text = file.read().decode(errors="replace")


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
