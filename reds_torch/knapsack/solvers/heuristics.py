"""Good choices fast: local search that changes two groups at once, started from what the bound has seen."""

from __future__ import annotations

import itertools
import math
import time
from collections.abc import Iterable

import numpy as np

from .bounds import Dual, Relaxation, evaluate
from .graph import Choice, Factor, WidthGraph

# How far the prices are raised, one after the other, until the relaxed choice keeps the caps.
RAISES = (1.01, 1.03, 1.1, 1.3, 2.0, 10.0, 1e3, 1e6)


def first_choices(relaxation: Relaxation, dual: Dual, hints: Iterable[Choice] = ()) -> list[Choice]:
    """Return choices within the caps, best first: hints and what the bound has seen, or one at raised prices."""
    graph = relaxation.graph
    known = dict.fromkeys((*(relaxed.choice for relaxed in dual.seen), *hints))
    good = [choice for choice in known if graph.keeps_caps(choice)]
    if not good and dual.best is not None:
        floor = dual.bound * 1e-3 / np.maximum(relaxation.caps, 1.0)
        for raised in RAISES:
            choice = evaluate(relaxation, np.maximum(dual.best.multipliers, floor) * raised).choice
            if graph.keeps_caps(choice):
                good.append(choice)
                break
    return sorted(good, key=graph.value_of, reverse=True)


def improve(graph: WidthGraph, choice: Choice, deadline: float = math.inf) -> Choice:
    """Return a choice that no change of one or two groups within the caps makes more valuable, or the best one at
    the deadline (of `time.monotonic`).
    """
    pairs = list(itertools.combinations(range(len(choice)), 2))
    since, k = 0, 0
    while since < len(pairs) and time.monotonic() < deadline:
        better = _best_change(graph, choice, *pairs[k % len(pairs)])
        since = since + 1 if better is None else 0
        choice = better or choice
        k += 1
    return choice


def _best_change(graph: WidthGraph, choice: Choice, a: int, b: int) -> Choice | None:
    """Return the best choice that differs from ``choice`` in groups ``a`` and ``b`` only; None: itself."""
    # Value and costs are a part by a's position, one by b's, one by both, and the rest (index 0: value).
    rest = np.concatenate([[graph.constant_value], graph.constant_costs])
    by_a, by_b = np.zeros((len(rest), graph.sizes[a])), np.zeros((len(rest), graph.sizes[b]))
    both: Factor | None = None
    for factor in graph.factors:
        if factor.scope == (a, b):
            both = factor
            continue
        at = tuple(slice(None) if g in (a, b) else choice[g] for g in factor.scope)
        part = np.array([factor.value[at], *(cost[at] for cost in factor.costs)])
        if a in factor.scope:
            by_a += part
        elif b in factor.scope:
            by_b += part
        else:
            rest += part

    value = by_a[0][:, None] + (by_b[0] + rest[0])[None, :]
    if both:
        value = value + both.value
    now = graph.value_of(choice)
    i, j = np.nonzero(value > now + 1e-12 * abs(now))
    allowed = np.ones(len(i), bool)
    for k, cap in enumerate(graph.caps):
        spent = by_a[k + 1][i] + by_b[k + 1][j] + rest[k + 1]
        allowed &= (spent + both.costs[k][i, j] if both else spent) <= cap
    for row in graph.rows:
        live = np.zeros(len(i))
        for g, terms in row.terms.items():
            live += terms[i] if g == a else terms[j] if g == b else terms[choice[g]]
        allowed &= live <= row.limit
    if not allowed.any():
        return None
    i, j = i[allowed], j[allowed]
    best = int(value[i, j].argmax())
    changed = list(choice)
    changed[a], changed[b] = int(i[best]), int(j[best])
    return tuple(changed) if graph.keeps_caps(changed) else None
