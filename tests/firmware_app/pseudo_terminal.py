"""A program where a board would be: at the far end of something like a serial port."""

import os
import subprocess
import tty
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def on_a_port(*command: str | Path) -> Iterator[str]:
    """Runs a program at the far end of a pseudo-terminal; yields the name of the near end."""
    far, near = os.openpty()
    tty.setraw(near)
    process = subprocess.Popen(command, stdin=far, stdout=far)
    try:
        yield os.ttyname(near)
    finally:
        process.kill()
        process.wait()
        os.close(far)
        os.close(near)
