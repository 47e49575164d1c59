"""Reading the idx files of MNIST and its successors.

Source: LeCun et al., "The MNIST database", section "File formats".
"""

import gzip
import struct
import zlib
from math import prod
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

UNSIGNED_BYTES = 8  # the type code of the elements


def read_idx(path: Path) -> NDArray[np.uint8]:
    """Read an array of bytes of any shape, from a file that may be packed by gzip.

    Raises:
        ValueError: the file is damaged or no idx file of bytes.
        OSError: it can't be read.
    """
    content = path.read_bytes()
    try:
        if content.startswith(b"\x1f\x8b"):
            content = gzip.decompress(content)
        zeros, kind, axes = struct.unpack_from(">HBB", content)
        shape = struct.unpack_from(f">{axes}I", content, 4)
    except (gzip.BadGzipFile, EOFError, zlib.error, struct.error) as error:
        raise ValueError(f"{path} is damaged ({error}): fetch it again") from error
    if zeros != 0 or kind != UNSIGNED_BYTES or len(content) != 4 + 4 * axes + prod(shape):
        raise ValueError(f"{path} is damaged, or no idx file of bytes: fetch it again")
    return np.frombuffer(content, np.uint8, offset=4 + 4 * axes).reshape(shape)
