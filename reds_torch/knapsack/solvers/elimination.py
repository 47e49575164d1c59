"""Max-sum dynamic programming over a graph of tables: the best total, who attains it, and every entry's best.

Groups are eliminated one after the other (bucket elimination; Dechter, "Bucket elimination", 1999). The
tables that still mention a group form a clique; maximising over the group leaves a message for a later
clique. On chains and trees a clique is one layer's table; residual joins make it a few groups larger. Where
a clique would exceed ``max_entries`` its tables are split into several (mini-buckets): what follows is then
an upper bound only.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from ..problem.width_problem import Array

MAX_ENTRIES = 4_000_000
Scope = tuple[int, ...]


@dataclass(frozen=True)
class Clique:
    """The tables (positions in the caller's list) and earlier cliques that are maximised over ``group``
    at once.
    """

    group: int
    scope: Scope  # ascending, with ``group`` in it
    tables: tuple[int, ...]
    children: tuple[int, ...]

    @property
    def separator(self) -> Scope:
        """The groups that the message speaks of."""
        return tuple(g for g in self.scope if g != self.group)


@dataclass(frozen=True)
class Plan:
    """Cliques in the order of elimination, and the parent that reads each one's message (-1: the root)."""

    scopes: tuple[Scope, ...]
    sizes: tuple[int, ...]
    cliques: tuple[Clique, ...]
    parents: tuple[int, ...]
    exact: bool


def make_plan(scopes: Sequence[Scope], sizes: Sequence[int], max_entries: int = MAX_ENTRIES) -> Plan:
    """Return an order of elimination for tables over ``scopes``, the smallest clique first."""
    # What is still to be maximised: (scope, table or clique, its position).
    live: list[tuple[frozenset[int], bool, int]] = [(frozenset(s), True, t) for t, s in enumerate(scopes)]
    cliques: list[Clique] = []
    remaining = set(range(len(sizes)))
    exact = True
    while remaining:
        group = min(remaining, key=lambda g: (_entries(_union(s for s, *_ in live if g in s), sizes), g))
        remaining.remove(group)
        bucket = sorted((item for item in live if group in item[0]), key=lambda item: -len(item[0]))
        live = [item for item in live if group not in item[0]]
        parts: list[list[tuple[frozenset[int], bool, int]]] = []
        for item in bucket:
            for part in parts:
                if _entries(_union(s for s, *_ in [*part, item]), sizes) <= max_entries:
                    part.append(item)
                    break
            else:
                parts.append([item])
        exact &= len(parts) <= 1
        for part in parts or [[]]:
            scope = tuple(sorted(_union(s for s, *_ in part) | {group}))
            tables = tuple(t for _, is_table, t in part if is_table)
            children = tuple(c for _, is_table, c in part if not is_table)
            live.append((frozenset(scope) - {group}, False, len(cliques)))
            cliques.append(Clique(group, scope, tables, children))
    # Parts of the graph that don't touch are joined through messages about no group, so that there is one
    # root.
    root = cliques[-1]
    loose = tuple(c for _, is_table, c in live if not is_table and c != len(cliques) - 1)
    cliques[-1] = Clique(root.group, root.scope, root.tables, root.children + loose)
    parents = [-1] * len(cliques)
    for c, clique in enumerate(cliques):
        for child in clique.children:
            parents[child] = c
    return Plan(tuple(scopes), tuple(sizes), tuple(cliques), tuple(parents), exact)


def spread(array: Array, scope: Scope, onto: Scope) -> Array:
    """Return ``array`` over ``scope`` with an axis of length 1 for every other group of ``onto``."""
    lengths = iter(array.shape)
    return array.reshape([next(lengths) if g in scope else 1 for g in onto])


def max_onto(array: Array, scope: Scope, onto: Scope) -> Array:
    """Return the maximum of ``array`` over the groups of ``scope`` that are not in ``onto``."""
    axes = tuple(axis for axis, g in enumerate(scope) if g not in onto)
    return array.max(axis=axes) if axes else array


@dataclass(frozen=True)
class Upward:
    """The first pass: each clique's table (own tables and the children's messages), its message, the best
    total.
    """

    plan: Plan
    tables: tuple[Array, ...]
    messages: tuple[Array, ...]

    @property
    def best(self) -> float:
        """The largest total (an upper bound of it, where the plan is not exact)."""
        return float(self.messages[-1])


def pass_up(plan: Plan, potentials: Sequence[Array]) -> Upward:
    """Maximise the sum of ``potentials`` (one array per scope of the plan; minus infinity forbids an
    entry).
    """
    tables: list[Array] = []
    messages: list[Array] = []
    for clique in plan.cliques:
        table = np.zeros([plan.sizes[g] for g in clique.scope])
        for t in clique.tables:
            table += spread(potentials[t], plan.scopes[t], clique.scope)
        for child in clique.children:
            table += spread(messages[child], plan.cliques[child].separator, clique.scope)
        tables.append(table)
        messages.append(table.max(axis=clique.scope.index(clique.group)))
    return Upward(plan, tuple(tables), tuple(messages))


def decode(upward: Upward) -> tuple[tuple[int, ...], list[tuple[int, ...]]]:
    """Return a choice that attains the best total, and the entry of every table of the plan that it takes.

    Where the plan is not exact the parts of a split clique may disagree about a group: the entries then are
    those that attain the bound, and the choice follows the part nearest to the root.
    """
    plan = upward.plan
    choice: dict[int, int] = {}
    local: list[dict[int, int]] = [{} for _ in plan.cliques]
    entries: list[tuple[int, ...]] = [()] * len(plan.scopes)
    for c in reversed(range(len(plan.cliques))):
        clique, parent = plan.cliques[c], plan.parents[c]
        at = {g: local[parent][g] for g in clique.separator}
        line = upward.tables[c][tuple(at.get(g, slice(None)) for g in clique.scope)]
        at[clique.group] = int(line.argmax())
        choice.setdefault(clique.group, at[clique.group])
        local[c] = at
        for t in clique.tables:
            entries[t] = tuple(at[g] for g in plan.scopes[t])
    return tuple(choice[g] for g in range(len(plan.sizes))), entries


def beliefs(upward: Upward) -> list[Array]:
    """Return for every entry of every clique the best total of all choices that take this entry."""
    plan = upward.plan
    found: list[Array] = list(upward.tables)
    for c in reversed(range(len(plan.cliques))):
        clique, parent = plan.cliques[c], plan.parents[c]
        if parent >= 0:
            best = max_onto(found[parent], plan.cliques[parent].scope, clique.separator)
            message = upward.messages[c]
            # An entry whose own part is forbidden stays so, whatever the rest could add.
            rest = np.where(np.isneginf(message), -np.inf, best - np.where(np.isneginf(message), 0.0, message))
            found[c] = upward.tables[c] + spread(rest, clique.separator, clique.scope)
    return found


def table_beliefs(plan: Plan, found: Sequence[Array]) -> list[Array]:
    """Return for every entry of every table the best total of all choices that take it, from ``beliefs``."""
    best: list[Array] = [np.empty(0)] * len(plan.scopes)
    for clique, belief in zip(plan.cliques, found, strict=True):
        for t in clique.tables:
            best[t] = max_onto(belief, clique.scope, plan.scopes[t])
    return best


def _union(scopes: Iterable[frozenset[int]]) -> frozenset[int]:
    return frozenset().union(*scopes)


def _entries(scope: Iterable[int], sizes: Sequence[int]) -> int:
    return math.prod(sizes[g] for g in scope)
