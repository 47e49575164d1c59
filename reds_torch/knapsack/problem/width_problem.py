"""The search problem as plain data: groups with candidate widths, layers with tables, execution steps.

Units are ordered by importance, so a subnetwork is one width per group, and every layer's value and costs
are tables over the widths of the (at most two) groups that cut it. A cost is the sum of its tables over the
layers (MACs, parameters, latency, energy) or, for peak memory, the largest sum over the execution steps.
Nothing here needs torch: a problem can be written by hand from arrays, saved, loaded and solved.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]


class ProblemError(ValueError):
    """A problem, a budget or a limit that can't be meant as it was given."""


@dataclass(frozen=True)
class Group:
    """A width group: its size, the candidate widths the tables speak of, and those the search may choose.

    ``widths`` ascend and end with ``size``, because the full network is always described; ``allowed`` is the
    part of them that the search may choose from (all of them by default).
    """

    name: str
    size: int
    widths: tuple[int, ...]
    allowed: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        widths = tuple(int(width) for width in self.widths)
        allowed = tuple(int(width) for width in self.allowed) or widths
        if not widths:
            raise ProblemError(f"group {self.name!r} has no candidate widths; give at least its size, {self.size}")
        if list(widths) != sorted(set(widths)) or widths[0] < 1 or widths[-1] != self.size:
            raise ProblemError(
                f"the candidate widths of group {self.name!r} must ascend, be distinct, "
                f"lie in 1..{self.size} and end with its size {self.size}; got {_shortened(widths)}"
            )
        if list(allowed) != sorted(set(allowed)) or not set(allowed) <= set(widths):
            raise ProblemError(
                f"the allowed widths of group {self.name!r} must ascend and be among its candidates "
                f"{_shortened(widths)}; got {_shortened(allowed)}"
            )
        object.__setattr__(self, "widths", widths)
        object.__setattr__(self, "allowed", allowed)


@dataclass(frozen=True)
class Table:
    """One layer: its value and its costs over the candidate widths of no, one or two groups.

    ``groups`` is ``()`` for a constant, ``(a,)`` for a node table or ``(a, b)`` with ``a != b``; ``value``
    and each array of ``costs`` have the shape ``(len(a.widths), len(b.widths))``, or as many of these axes
    as there are groups, and hold finite numbers >= 0.
    """

    name: str
    groups: tuple[str, ...]
    value: Array
    costs: Mapping[str, Array]

    def __post_init__(self) -> None:
        groups = tuple(self.groups)
        if len(groups) > 2 or len(set(groups)) != len(groups):
            raise ProblemError(f"table {self.name!r} must name no, one or two different groups; got {groups}")
        object.__setattr__(self, "groups", groups)
        object.__setattr__(self, "value", _checked_array(self.value, f"the value of table {self.name!r}"))
        costs = {
            name: _checked_array(cost, f"cost {name!r} of table {self.name!r}") for name, cost in self.costs.items()
        }
        object.__setattr__(self, "costs", MappingProxyType(costs))


@dataclass(frozen=True)
class Step:
    """One execution step of a peak cost: a fixed amount plus one node table for each group that is live
    in it.
    """

    name: str
    fixed: float
    groups: Mapping[str, Array]

    def __post_init__(self) -> None:
        if not (math.isfinite(self.fixed) and self.fixed >= 0):
            raise ProblemError(f"the fixed amount of step {self.name!r} must be a finite number >= 0; got {self.fixed}")
        groups = {group: _checked_array(t, f"step {self.name!r}, group {group!r}") for group, t in self.groups.items()}
        object.__setattr__(self, "groups", MappingProxyType(groups))


@dataclass(frozen=True)
class WidthProblem:
    """Groups, tables and steps that together say what every choice of widths is worth and what it costs.

    ``peaks`` maps the name of a peak cost to its execution steps; the cost is the largest of their sums.

    Example:
        >>> import numpy as np
        >>> import reds_torch as reds
        >>> from reds_torch.knapsack import Group, Table
        >>> width = np.arange(1, 9)  # candidate widths of the only group
        >>> group = Group("hidden", 8, tuple(width))
        >>> layer = Table("layer", ("hidden",), value=np.sqrt(width), costs={"macs": 100 * width})
        >>> problem = reds.WidthProblem((group,), (layer,))
        >>> problem.costs({"hidden": 3})
        {'macs': 300.0}
    """

    groups: tuple[Group, ...]
    tables: tuple[Table, ...]
    peaks: Mapping[str, tuple[Step, ...]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "groups", tuple(self.groups))
        object.__setattr__(self, "tables", tuple(self.tables))
        object.__setattr__(self, "peaks", MappingProxyType({name: tuple(s) for name, s in self.peaks.items()}))
        if not self.groups:
            raise ProblemError("a problem needs at least one width group")
        sizes = {group.name: len(group.widths) for group in self.groups}
        if len(sizes) != len(self.groups):
            raise ProblemError(f"group names must differ; got {[group.name for group in self.groups]}")
        if both := set(self.table_costs) & set(self.peaks):
            raise ProblemError(f"cost {min(both)!r} is given both as tables and as a peak over steps; choose one")
        for table in self.tables:
            _check_axes(f"table {table.name!r}", table.groups, (table.value, *table.costs.values()), sizes)
        for name, steps in self.peaks.items():
            if not steps:
                raise ProblemError(f"peak cost {name!r} has no steps; give at least one")
            for step in steps:
                for group, array in step.groups.items():
                    _check_axes(f"step {step.name!r} of {name!r}", (group,), (array,), sizes)

    @property
    def table_costs(self) -> tuple[str, ...]:
        """Names of the costs that are sums over the tables, in order of appearance."""
        return tuple(dict.fromkeys(name for table in self.tables for name in table.costs))

    @property
    def cost_names(self) -> tuple[str, ...]:
        """Names of all costs: the sums first, then the peaks."""
        return (*self.table_costs, *self.peaks)

    @property
    def full_widths(self) -> dict[str, int]:
        """The widths of the full network."""
        return {group.name: group.size for group in self.groups}

    def value(self, widths: Mapping[str, int]) -> float:
        """Return the total value of the subnetwork with these widths."""
        at = self.positions(widths)
        return float(sum(t.value[tuple(at[group] for group in t.groups)] for t in self.tables))

    def costs(self, widths: Mapping[str, int]) -> dict[str, float]:
        """Return every cost of the subnetwork with these widths."""
        at = self.positions(widths)
        costs = dict.fromkeys(self.table_costs, 0.0)
        for table in self.tables:
            index = tuple(at[group] for group in table.groups)
            for name, cost in table.costs.items():
                costs[name] += float(cost[index])
        for name, steps in self.peaks.items():
            costs[name] = max(s.fixed + sum(float(t[at[g]]) for g, t in s.groups.items()) for s in steps)
        return costs

    def positions(self, widths: Mapping[str, int]) -> dict[str, int]:
        """Return each group's position of its width among its candidates, refusing what is not a
        candidate.
        """
        if set(widths) != {group.name for group in self.groups}:
            odd = sorted(set(widths) ^ {group.name for group in self.groups})
            raise ProblemError(f"widths must name every group once; missing or unknown: {', '.join(odd)}")
        for group in self.groups:
            if widths[group.name] not in group.widths:
                raise ProblemError(
                    f"width {widths[group.name]} is no candidate of group {group.name!r}: {_shortened(group.widths)}"
                )
        return {group.name: group.widths.index(widths[group.name]) for group in self.groups}

    def restricted(
        self,
        minimum: Mapping[str, int] | None = None,
        maximum: Mapping[str, int] | None = None,
        multiple_of: int | Mapping[str, int] = 1,
        explicit: Mapping[str, Sequence[int]] | None = None,
        full: Iterable[str] = (),
    ) -> WidthProblem:
        """Return the problem with fewer allowed widths; the tables, and so the full network, stay as they
        are.

        Args:
            minimum: smallest allowed width by group.
            maximum: largest allowed width by group.
            multiple_of: allowed widths are multiples of it, or the full size; one number, or one by group.
            explicit: the only allowed widths by group.
            full: groups that are never cut.

        Raises:
            ProblemError: an unknown group, a multiple below 1, or a group left without an allowed width.
        """
        minimum, maximum, explicit, full = minimum or {}, maximum or {}, explicit or {}, tuple(full)
        multiples = multiple_of if isinstance(multiple_of, Mapping) else {}
        every = 1 if isinstance(multiple_of, Mapping) else multiple_of
        for multiple in (every, *multiples.values()):
            if multiple < 1:
                raise ProblemError(f"widths are multiples of a number from 1; got multiple_of {multiple}")
        known = {group.name for group in self.groups}
        for name in (*minimum, *maximum, *multiples, *explicit, *full):
            if name not in known:
                raise ProblemError(f"there is no group {name!r}; the groups are {', '.join(sorted(known))}")

        def keeps(group: Group, width: int) -> bool:
            return (
                minimum.get(group.name, 1) <= width <= maximum.get(group.name, group.size)
                and (width % multiples.get(group.name, every) == 0 or width == group.size)
                and (group.name not in explicit or width in explicit[group.name])
                and (group.name not in full or width == group.size)
            )

        groups = []
        for group in self.groups:
            allowed = tuple(width for width in group.allowed if keeps(group, width))
            if not allowed:
                raise ProblemError(
                    f"no width of group {group.name!r} is left by these restrictions; it may choose from "
                    f"{_shortened(group.allowed)}"
                )
            groups.append(replace(group, allowed=allowed))
        return replace(self, groups=tuple(groups))


def _checked_array(values: npt.ArrayLike, what: str) -> Array:
    array = np.array(values, dtype=np.float64)
    if array.size and not (np.isfinite(array).all() and array.min() >= 0):
        problem = "NaN" if np.isnan(array).any() else "infinity" if np.isinf(array).any() else f"{array.min():g}"
        raise ProblemError(f"{what} must hold finite numbers >= 0; it holds {problem}")
    array.setflags(write=False)
    return array


def _check_axes(what: str, groups: Sequence[str], arrays: Iterable[Array], sizes: Mapping[str, int]) -> None:
    for group in groups:
        if group not in sizes:
            raise ProblemError(f"{what} names the group {group!r}; the groups are {', '.join(sizes)}")
    shape = tuple(sizes[group] for group in groups)
    for array in arrays:
        if array.shape != shape:
            raise ProblemError(
                f"{what} has an array of shape {array.shape}; the candidates of {tuple(groups)} make it {shape}"
            )


def _shortened(widths: Sequence[int]) -> str:
    shown = ", ".join(map(str, widths)) if len(widths) <= 8 else f"{widths[0]}, {widths[1]}, ..., {widths[-1]}"
    return f"({shown})"
