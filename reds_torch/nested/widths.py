"""Widths, groups, layouts and subnetworks: the plain data that every later step speaks of.

A *unit* is a neuron, filter or channel. Axes of parameters and activations that must be cut together form a
*width group*; a *width* says how many of a group's units are kept, always the first so many. Nothing in this
file needs torch.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import reduce
from math import prod

Widths = Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Block:
    """A run of an axis: all units of one group in order, ``chunk`` neighbouring indices each.

    A block without a group is fixed: its ``chunk`` indices are always kept (``units`` is 1).
    """

    group: str | None
    units: int
    chunk: int

    @property
    def length(self) -> int:
        """Indices of the block at full width."""
        return self.units * self.chunk

    def kept(self, widths: Widths) -> int:
        """How many of its first indices a subnetwork keeps."""
        return self.length if self.group is None else widths[self.group] * self.chunk


@dataclass(frozen=True, slots=True)
class AxisLayout:
    """How an axis of a tensor is made up of blocks, one after the other.

    One block for an ordinary axis; several after a concatenation or for packed projections.
    """

    blocks: tuple[Block, ...]

    @property
    def length(self) -> int:
        """Indices of the axis at full width."""
        return sum(block.length for block in self.blocks)

    @property
    def groups(self) -> tuple[str, ...]:
        """Names of the groups that own indices of the axis, each once."""
        return tuple(dict.fromkeys(b.group for b in self.blocks if b.group is not None))

    @property
    def units(self) -> int:
        """Entries of the axis when each unit of each block is one entry, as in a tensor of scores."""
        return sum(block.units for block in self.blocks)

    def unit_runs(self) -> list[tuple[str | None, int, int]]:
        """(group, first entry, number of entries) of each block, where each unit is one entry."""
        runs, start = [], 0
        for block in self.blocks:
            runs.append((block.group, start, block.units))
            start += block.units
        return runs

    def segments(self, widths: Widths) -> list[tuple[int, int]]:
        """The kept runs of indices as (start, length), neighbours joined."""
        runs: list[tuple[int, int]] = []
        start = 0
        for block in self.blocks:
            kept = block.kept(widths)
            if runs and sum(runs[-1]) == start:
                runs[-1] = (runs[-1][0], runs[-1][1] + kept)
            else:
                runs.append((start, kept))
            start += block.length
        return runs

    def count(self) -> Count:
        """The length of the axis as a function of the widths."""
        terms: dict[tuple[str, ...], int] = {}
        for block in self.blocks:
            key = () if block.group is None else (block.group,)
            terms[key] = terms.get(key, 0) + block.chunk
        return Count(terms)


@dataclass(frozen=True, slots=True)
class Count:
    """A number of elements or operations as a polynomial in the widths.

    ``terms`` maps a sorted tuple of group names (a monomial, ``()`` is the constant) to its coefficient: the
    weights of a layer from group ``a`` to group ``b`` with 3x3 kernels are ``{("a", "b"): 9}``.
    """

    terms: Mapping[tuple[str, ...], float]

    @classmethod
    def product(cls, factors: Iterable[int | AxisLayout]) -> Count:
        """The number of elements of a tensor with these axes."""
        counts = (cls({(): f}) if isinstance(f, int) else f.count() for f in factors)
        return reduce(cls.__mul__, counts, cls({(): 1}))

    def __mul__(self, other: Count | float) -> Count:
        if not isinstance(other, Count):
            return Count({groups: other * c for groups, c in self.terms.items()})
        terms: dict[tuple[str, ...], float] = {}
        for left, a in self.terms.items():
            for right, b in other.terms.items():
                groups = tuple(sorted(left + right))
                terms[groups] = terms.get(groups, 0) + a * b
        return Count(terms)

    def __add__(self, other: Count) -> Count:
        terms = dict(self.terms)
        for groups, c in other.terms.items():
            terms[groups] = terms.get(groups, 0) + c
        return Count(terms)

    def __call__(self, widths: Widths) -> float:
        """Its value at the given widths."""
        return sum(c * prod(widths[group] for group in groups) for groups, c in self.terms.items())


@dataclass(frozen=True, slots=True)
class Member:
    """An axis of a parameter or buffer that a width group cuts."""

    tensor: str
    axis: int


@dataclass(frozen=True, slots=True)
class WidthGroup:
    """Axes that are cut together, by ``size`` units; candidate widths are multiples of ``round_to`` units.

    Example:
        >>> import torch
        >>> import reds_torch as reds
        >>> from reds_torch.models import dnn
        >>> group = reds.nest(dnn("s"), torch.zeros(1, 1, 25, 10), round_to=16).groups[0]
        >>> group.name, group.size, group.candidates
        ('fc1', 144, (16, 32, 48, 64, 80, 96, 112, 128, 144))
        >>> [(member.tensor, member.axis) for member in group.members]
        [('fc1.weight', 0), ('fc1.bias', 0), ('fc2.weight', 1)]
    """

    name: str
    size: int
    members: tuple[Member, ...]
    round_to: int = 1

    @property
    def candidates(self) -> tuple[int, ...]:
        """The widths a search may choose from: multiples of ``round_to``, and the full width."""
        return (*range(self.round_to, self.size, self.round_to), self.size)


@dataclass(frozen=True, slots=True)
class Subnetwork:
    """A width for each group, what it costs, and what the search proved about it.

    ``value <= bound`` is proven for the problem that was solved; ``gap`` is ``(bound - value) / bound``.

    Example:
        >>> import torch
        >>> import reds_torch as reds
        >>> from reds_torch.models import dnn
        >>> net = reds.nest(dnn("s"), torch.zeros(1, 1, 25, 10))
        >>> result = reds.search(net, reds.score(net, criterion="l1"), {"macs": [0.5]})
        >>> half = result.subnetworks[1]
        >>> half.status, half.costs["macs"] <= 79_200 / 2, half.value <= half.bound
        ('optimal', True, True)
    """

    widths: Widths
    costs: Mapping[str, float] = field(default_factory=dict)
    value: float = float("nan")
    bound: float = float("nan")
    gap: float = float("nan")
    # "full" (index 0), "optimal" (proven to the asked gap), "feasible" (a time limit came first), "given" (by hand)
    status: str = "given"
    # the budgets it was asked to keep, in absolute numbers
    budgets: Mapping[str, float] = field(default_factory=dict)
    # names of the limits that it breaks: only the full network may
    breaks: tuple[str, ...] = ()
    seconds: float = 0.0
    # binaries of the exact problem before and after fixing by reduced costs
    binaries: tuple[int, int] = (0, 0)
