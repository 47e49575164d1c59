"""A folder of results that is there whole or not at all."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .error import BridgeError


@contextmanager
def replacing_folder(path: Path, mark: str) -> Iterator[Path]:
    """A temporary folder beside ``path``; after the block it takes the place of ``path``.

    If the block fails, ``path`` stays as it was and the temporary folder is removed.

    Args:
        path: where the results shall be; parents are made.
        mark: name of a file that every result has. A folder with other things in it is refused.

    Raises:
        BridgeError: ``path`` is a file, or a folder that holds something else.
    """
    if path.exists() and not path.is_dir():
        raise BridgeError(f"the results can't go to {path}, which is a file: give --out FOLDER")
    if path.is_dir() and any(path.iterdir()) and not (path / mark).is_file():
        raise BridgeError(f"the results can't go to {path}, which holds other things: give --out another folder")
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary, old = (path.with_name(f".{path.name}.{os.getpid()}{end}") for end in ("", ".old"))
    temporary.mkdir()
    try:
        yield temporary
        if path.exists():
            path.rename(old)
        temporary.rename(path)
    finally:
        for leftover in (temporary, old):
            shutil.rmtree(leftover, ignore_errors=True)
