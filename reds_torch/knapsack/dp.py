"""The exact dynamic programme: every partial choice that could still win, clique by clique.

A label is a choice for the groups below a clique. It is dropped when the Lagrangian bound of its best
completion stays below the threshold, or when a label with the same open groups is worth as much and costs
no more.
"""

from __future__ import annotations

import itertools
import math
import time
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from reds_torch.knapsack.bounds import TOLERANCE, Relaxation, Relaxed, solve_priced
from reds_torch.knapsack.elimination import Clique, Scope, beliefs
from reds_torch.knapsack.graph import Choice
from reds_torch.knapsack.problem import Array, ProblemError

MAX_LABELS = 400_000
# So many times as many may be made before the needless ones are dropped, a million of pairs at a time.
CROWD = 4
PAIRS = 1_000_000
# Labels are compared with so many more valuable ones where several costs make the comparison expensive.
NEIGHBOURS = 16
Positions = npt.NDArray[np.int32]
Rows = npt.NDArray[np.intp]


@dataclass(frozen=True)
class Labels:
    """Partial choices (rows of positions, -1: open), their value and costs, their best completions' bound."""

    choices: Positions
    value: Array
    costs: Array
    bound: Array

    def __len__(self) -> int:
        return len(self.value)

    def take(self, index: Rows | npt.NDArray[np.bool_]) -> Labels:
        """Return some of the labels."""
        return Labels(self.choices[index], self.value[index], self.costs[index], self.bound[index])


@dataclass(frozen=True)
class LabelResult:
    """The best choice of at least the threshold (None: there is none), and a bound on what was dropped
    for room.
    """

    choice: Choice | None
    dropped: float


def solve_labels(
    relaxation: Relaxation,
    relaxed: Relaxed,
    threshold: float,
    max_labels: int = MAX_LABELS,
    time_limit: float = math.inf,
) -> LabelResult:
    """Find the best choice worth at least ``threshold`` by dynamic programming over the cliques.

    ``dropped`` is minus infinity where every label could be kept: the result then is exact.

    Raises:
        ProblemError: the graph is too dense for a plan of cliques that fit in memory.
    """
    plan = relaxation.plan
    if not plan.exact:
        raise ProblemError("the groups are joined too densely for solver 'dp'; use solver 'highs'")
    deadline = time.monotonic() + time_limit
    floor = threshold - TOLERANCE * abs(threshold)
    upward = solve_priced(relaxation, relaxed.multipliers)
    offset = relaxed.bound - upward.best
    done: list[Labels | None] = []
    dropped = -math.inf
    for c, (clique, belief) in enumerate(zip(plan.cliques, beliefs(upward), strict=True)):
        labels = _entry_labels(relaxation, clique, belief + offset, floor)
        for child in clique.children:
            below = done[child]
            assert below is not None
            # What the labels' bounds assume of the part below is replaced by what that part is worth.
            shared, best = plan.cliques[child].separator, upward.messages[child]
            worth = below.value - below.costs @ relaxed.multipliers
            gain = worth - best.reshape(-1)[_codes(below.choices, shared, best.shape)]
            labels, cut = _joined(labels, below, shared, best.shape, gain, floor, CROWD * max_labels)
            dropped = max(dropped, cut)
            done[child] = None
        if c < len(plan.cliques) - 1:
            labels = _undominated(labels, clique.separator, plan.sizes)
        kept, cut = _highest(labels.bound, max_labels)
        dropped = max(dropped, cut)
        done.append(labels.take(kept))
        if time.monotonic() > deadline:
            return LabelResult(None, relaxed.bound)
    last = done[-1]
    assert last is not None
    last = last.take(np.flatnonzero((last.costs <= relaxation.caps).all(axis=1)))
    for row in np.argsort(-last.value).tolist():
        choice = tuple(int(i) for i in last.choices[row])
        # Sums taken in another order may differ in the last bit: the graph has the last word.
        if relaxation.graph.keeps_caps(choice):
            return LabelResult(choice, dropped)
    return LabelResult(None, dropped)


def _entry_labels(relaxation: Relaxation, clique: Clique, belief: Array, floor: float) -> Labels:
    """Return one label for each entry of a clique through which a choice of at least ``floor`` may pass."""
    at = np.nonzero((belief > -np.inf) & (belief >= floor))
    choices = np.full((len(at[0]), len(relaxation.plan.sizes)), -1, np.int32)
    for g, positions in zip(clique.scope, at, strict=True):
        choices[:, g] = positions
    value, costs = np.zeros(len(choices)), np.zeros((len(choices), len(relaxation.caps)))
    for t in clique.tables:
        table = relaxation.tables[t]
        entry = tuple(choices[:, g] for g in table.scope)
        value += table.value[entry]
        for column, cost in zip(range(*table.caps.indices(costs.shape[1])), table.costs, strict=True):
            costs[:, column] += cost[entry]
    return Labels(choices, value, costs, belief[at])


def _joined(
    labels: Labels, below: Labels, shared: Scope, shape: Scope, gain: Array, floor: float, most: int
) -> tuple[Labels, float]:
    """Return the pairs of a label and one from ``below`` that agree on ``shared`` and may still win.

    ``gain`` is what each of ``below`` adds to a label's bound. Of more than ``most`` pairs the highest are kept;
    the highest bound left out is returned, too.
    """
    order = np.argsort(_codes(below.choices, shared, shape), kind="stable")
    below, gain = below.take(order), gain[order]
    codes, wanted = _codes(below.choices, shared, shape), _codes(labels.choices, shared, shape)
    start = np.searchsorted(codes, wanted, "left")
    count = np.searchsorted(codes, wanted, "right") - start
    ends = np.cumsum(count)
    a: Rows = np.zeros(0, np.intp)
    b: Rows = np.zeros(0, np.intp)
    bound: Array = np.zeros(0)
    dropped = -math.inf
    # In pieces, because most pairs are dropped at once.
    firsts = np.searchsorted(ends, np.arange(0, ends[-1] if len(ends) else 0, PAIRS), "left")
    for first, last in itertools.pairwise([*firsts.tolist(), len(labels)]):
        left = np.repeat(np.arange(first, last), count[first:last])
        # The k-th pair of a label takes the k-th of those below that agree with it.
        k = np.arange(len(left)) - (ends[left] - count[left] - (ends[first] - count[first]))
        right = start[left] + k
        total = labels.bound[left] + gain[right]
        keep = total >= floor
        a, b = np.concatenate([a, left[keep]]), np.concatenate([b, right[keep]])
        bound = np.concatenate([bound, total[keep]])
        kept, cut = _highest(bound, most)
        a, b, bound, dropped = a[kept], b[kept], bound[kept], max(dropped, cut)
    joined = Labels(
        np.maximum(labels.choices[a], below.choices[b]),
        labels.value[a] + below.value[b],
        labels.costs[a] + below.costs[b],
        bound,
    )
    return joined, dropped


def _undominated(labels: Labels, shared: Scope, sizes: tuple[int, ...]) -> Labels:
    """Return the labels less those that another one with the same open groups makes needless."""
    codes = _codes(labels.choices, shared, tuple(sizes[g] for g in shared))
    order = np.lexsort((*labels.costs.T, -labels.value, codes))
    labels, codes = labels.take(order), codes[order]
    if labels.costs.shape[1] == 1 and len(labels):
        # Falling value within each code: a label is needed where its cost is a new minimum.
        rank = np.unique(labels.costs[:, 0], return_inverse=True)[1].astype(np.int64)
        part = np.cumsum(np.r_[0, codes[1:] != codes[:-1]])
        least = np.minimum.accumulate(rank - part * len(labels))
        return labels.take(np.r_[True, least[1:] < least[:-1]])
    needed = np.ones(len(labels), bool)
    for shift in range(1, min(NEIGHBOURS, len(labels) - 1) + 1):
        same = codes[shift:] == codes[:-shift]
        needed[shift:] &= ~(same & (labels.costs[:-shift] <= labels.costs[shift:]).all(axis=1))
    return labels.take(needed)


def _highest(bound: Array, most: int) -> tuple[Rows, float]:
    """Return the positions of the ``most`` highest bounds, and the highest one left out."""
    if len(bound) <= most:
        return np.arange(len(bound)), -math.inf
    order = np.argpartition(-bound, most)
    return order[:most], float(bound[order[most:]].max())


def _codes(choices: Positions, shared: Scope, shape: tuple[int, ...]) -> npt.NDArray[np.int64]:
    """Number the positions of the shared groups, row-major."""
    codes: npt.NDArray[np.int64] = np.zeros(len(choices), np.int64)
    for g, size in zip(shared, shape, strict=True):
        codes = codes * size + choices[:, g]
    return codes
