"""From coupled positions to width groups, and to what each axis is made of."""

from __future__ import annotations

from collections.abc import Container, Sequence
from itertools import chain, count

import numpy as np

from .coupling import Positions
from .operators.walk import NestingError, Walk
from .widths import AxisLayout, Block


class Units:
    """The units that a walk ended with, in groups.

    ``groups`` has the units of each width group, in order, by the group's name.
    """

    def __init__(self, walk: Walk) -> None:
        walk.coupling.settle()
        self._unit_of = _keep_mixed_axes_whole(walk, walk.coupling.resolve())
        self.groups = _groups(walk, self._unit_of)
        self._names = list(self.groups)
        self._sizes = [len(units) for units in self.groups.values()]
        # for each unit its group, by number (-1: always kept), and its rank in it
        self._owner, self._rank = np.full_like(self._unit_of, -1), np.zeros_like(self._unit_of)
        for number, units in enumerate(self.groups.values()):
            self._owner[units], self._rank[units] = number, np.arange(len(units))
        self._known: dict[AxisLayout, AxisLayout] = {}  # many axes are made up alike: one object for all of them

    def layout(self, positions: Positions, where: str) -> AxisLayout:
        """What an axis is made of; refuses one of which a subnetwork would keep no prefixes, naming ``where`` it is."""
        units = self._unit_of[positions]
        blocks = _blocks(units, self._owner[units], self._rank[units], self._sizes, where)
        made = AxisLayout(tuple(Block(None if n < 0 else self._names[n], size, chunk) for n, size, chunk in blocks))
        return self._known.setdefault(made, made)


def _keep_mixed_axes_whole(walk: Walk, unit_of: np.ndarray) -> np.ndarray:
    """A layer of whose outputs some must be kept is kept whole: what is left would be no prefix."""
    while True:
        mixed = [
            np.unique(units)
            for units in (unit_of[producer.outputs] for producer in walk.producers)
            if (units == 0).any() and not (units == 0).all()
        ]
        if not mixed:
            return unit_of
        unit_of = np.where(np.isin(unit_of, np.concatenate(mixed)), 0, unit_of)


def _groups(walk: Walk, unit_of: np.ndarray) -> dict[str, list[int]]:
    """The units of each width group, in order: those that layers produce and that occur in the same axes.

    A group is named after the first layer that produces it. A single unit leaves no width to choose: it is kept.
    """
    together = _occurring_together(walk, unit_of)
    names: dict[int, str] = {}
    groups: dict[str, list[int]] = {}
    for producer in walk.producers:
        module = producer.parameter.rpartition(".")[0] or producer.parameter
        known = set(names)
        for unit in dict.fromkeys(unit_of[producer.outputs].tolist()):
            shared = int(together[unit])
            if unit and shared not in known:
                name = names.setdefault(shared, _unused(module, groups))
                groups.setdefault(name, []).append(unit)
    return {name: units for name, units in groups.items() if len(units) > 1}


def _unused(name: str, names: Container[str]) -> str:
    """A name for a further group of the same layer."""
    return next(n for n in chain([name], (f"{name}:{i}" for i in count(2))) if n not in names)


def _occurring_together(walk: Walk, unit_of: np.ndarray) -> np.ndarray:
    """For each unit a number that it shares with those units which occur in the same axes, equally often."""
    axes = [axis for value in (*walk.parameters.values(), *walk.activations) for axis in value.axes]
    axes += [axis for _, axis in walk.reshaped]
    number, used = np.zeros_like(unit_of), 1
    for positions in {id(axis): axis for axis in axes if axis is not None}.values():
        units, counts = np.unique(unit_of[positions], return_counts=True)
        _, refined = np.unique(number[units] * (len(unit_of) + 1) + counts, return_inverse=True)
        number[units] = used + refined
        used += int(refined.max()) + 1
    return number


def _blocks(
    units: np.ndarray, owner: np.ndarray, rank: np.ndarray, sizes: Sequence[int], where: str
) -> list[tuple[int, int, int]]:
    """Read an axis as blocks (group, units, chunk): all units of a group in order, or a fixed part (-1, 1, length).

    For each position: its unit, the number of the group that owns it, and the unit's rank in there.
    """
    units = np.where(owner < 0, -1, units)
    starts = np.concatenate(([0], np.flatnonzero(np.diff(units)) + 1))
    lengths = np.diff(np.concatenate((starts, [len(units)])))
    blocks: list[tuple[int, int, int]] = []
    expected = 0  # the next rank within the block that is being read
    for group, unit, length in zip(owner[starts].tolist(), rank[starts].tolist(), lengths.tolist(), strict=True):
        if group < 0 and not expected:
            blocks.append((-1, 1, length))
        elif unit == 0 and group >= 0 and not expected:
            blocks.append((group, sizes[group], length))
            expected = 1
        elif unit != expected or blocks[-1] != (group, sizes[group], length):
            raise NestingError(_interleaved(where))
        else:
            expected = (expected + 1) % sizes[group]
    if expected:
        raise NestingError(_interleaved(where))
    return blocks


def _interleaved(where: str) -> str:
    return (
        f"the units of {where} are interleaved with others, so a subnetwork would not be a prefix of it: "
        f"name the layers around it in ignore=[...]"
    )
