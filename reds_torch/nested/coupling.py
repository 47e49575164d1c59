"""Which positions of which axes must be cut together.

Every position of every axis that may be cut has an identity, a whole number. Operators couple positions (the
outputs of one layer with the inputs of the next, both sides of a residual sum) or pin them (the network's
inputs, its logits). Positions that are coupled, however indirectly, form one unit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

Positions = np.ndarray  # int64, one identity for each index of an axis

_PINNED = 0


@dataclass(frozen=True)
class Split:
    """An axis that became several: the identity of each of its positions, and those of the new axes."""

    positions: Positions  # one dimension for each new axis
    axes: tuple[Positions, ...]

    def along(self, axis: int) -> Positions:
        """The identity on this new axis of each of the old one's positions: an array like ``positions``."""
        shape = [-1 if i == axis else 1 for i in range(len(self.axes))]
        return np.broadcast_to(self.axes[axis].reshape(shape), self.positions.shape)


class Coupling:
    """Collects couplings and resolves them into units at the end."""

    def __init__(self) -> None:
        self._count = 1  # identity 0 stands for "always kept"
        self._left: list[Positions] = []
        self._right: list[Positions] = []
        self.splits: list[Split] = []

    def new(self, length: int) -> Positions:
        """Fresh identities for an axis of this length."""
        first = self._count
        self._count += length
        return np.arange(first, self._count, dtype=np.int64)

    def couple(self, left: Positions | None, right: Positions | None) -> None:
        """Position i of one axis is cut when position i of the other is. ``None`` is an axis that never is."""
        if left is None and right is None:
            return
        if left is None or right is None:
            self.pin(left if right is None else right)
        elif len(left) != len(right):
            raise ValueError(f"whose axes of {len(left)} and {len(right)} positions can't be cut one to one")
        elif left is not right:
            self._left.append(left)
            self._right.append(right)

    def pin(self, positions: Positions | None) -> None:
        """These positions are always kept."""
        if positions is not None:
            self.couple(positions, np.full(len(positions), _PINNED, dtype=np.int64))

    def split(self, positions: Positions) -> tuple[Positions, ...]:
        """An axis that becomes several, its positions as an array of that many dimensions: the new axes' own.

        Only one of them can be cut, or what is left would be ragged: the heads of packed projections, say, but
        neither their number nor a head's features. Which one, the rest of the network decides: see `settle`.
        """
        split = Split(positions, tuple(self.new(length) for length in positions.shape))
        self.splits.append(split)
        return split.axes

    def joined(self, axes: Sequence[Positions]) -> Positions | None:
        """The positions of several axes that become one: an array with a dimension for each of them.

        That is known where there is one axis only, or where they are all the axes of a split in any order (a
        channel shuffle splits, transposes and joins); elsewhere ``None``.
        """
        if len(axes) == 1:
            return axes[0]
        for split in self.splits:
            order = [i for axis in axes for i, own in enumerate(split.axes) if own is axis]
            if len(order) == len(axes) == len(split.axes):
                return split.positions.transpose(order)
        return None

    def settle(self) -> None:
        """Decide every split: cut the new axis that nothing keeps whole; of several, that of the most units."""
        pending = self.splits
        while pending:
            unit = self.resolve()
            free = [[i for i, axis in enumerate(s.axes) if (unit[axis] != _PINNED).all()] for s in pending]
            decided = [i for i, axes in enumerate(free) if len(axes) < 2] or [0]
            for i in decided:
                split, candidates = pending[i], free[i] or range(len(pending[i].axes))
                cut = max(candidates, key=lambda axis, split=split: _units_along(split, axis, unit))
                self.couple(split.positions.reshape(-1), split.along(cut).reshape(-1))
                for axis, positions in enumerate(split.axes):
                    if axis != cut:
                        self.pin(positions)
            pending = [split for i, split in enumerate(pending) if i not in decided]

    def resolve(self) -> np.ndarray:
        """The unit of every identity: the smallest identity it is coupled with; 0 where it is always kept."""
        unit: np.ndarray = np.arange(self._count, dtype=np.int64)
        if not self._left:
            return unit
        left, right = np.concatenate(self._left), np.concatenate(self._right)
        while True:
            before = unit.copy()
            smaller = np.minimum(unit[left], unit[right])
            for side in (left, right):
                # both the position and what it points to move, else long chains converge one step at a time
                np.minimum.at(unit, unit[side], smaller)
                np.minimum.at(unit, side, smaller)
            unit = unit[unit]
            if np.array_equal(unit, before):
                return unit


def _units_along(split: Split, axis: int, unit: np.ndarray) -> int:
    """How many units are left where all positions at the same index of a new axis are cut together."""
    known, positions = np.unique(unit[split.positions], return_inverse=True)
    coupling = Coupling()
    units, indices = coupling.new(len(known)), coupling.new(len(split.axes[axis]))
    shape = [-1 if i == axis else 1 for i in range(len(split.axes))]
    along = np.broadcast_to(indices.reshape(shape), split.positions.shape)
    coupling.couple(units[positions].reshape(-1), along.reshape(-1))
    return len(np.unique(coupling.resolve()[indices]))
