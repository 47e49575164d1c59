"""The cache between an RP2040's cores and its flash: 16 KB, two ways, lines of 8 bytes (datasheet, section 2.6.3.1).

The datasheet does not name the replacement policy; the line that was used last stays (LRU).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

LINE = 8
SETS = 16 * 1024 // (2 * LINE)


def hits(addresses: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Which accesses to these byte addresses, in order, find their line in the cache; it starts empty.

    A set of two ways holds the last two distinct lines that were asked for. In a set's sequence of lines without
    repetitions those are the previous one and the one before it, so an access hits if it repeats its predecessor or
    equals the line two steps before it.
    """
    lines = addresses // LINE
    order = np.argsort(lines % SETS, kind="stable")  # set by set, in order of time
    found = np.empty(len(lines), dtype=bool)
    found[order] = _hits_in_sorted_sets(lines[order])
    return found


def _hits_in_sorted_sets(lines: NDArray[np.int64]) -> NDArray[np.bool_]:
    # lines of different sets are never equal, so sequences may lie one behind the other
    repeats = np.zeros(len(lines), dtype=bool)
    repeats[1:] = lines[1:] == lines[:-1]
    distinct = lines[~repeats]
    returns = np.zeros(len(distinct), dtype=bool)
    returns[2:] = distinct[2:] == distinct[:-2]
    found = repeats
    found[~repeats] = returns
    return found
