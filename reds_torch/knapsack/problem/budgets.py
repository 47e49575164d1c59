"""What is asked of the search: budgets for each subnetwork, limits for all of them, in absolute numbers."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from numbers import Integral, Real
from typing import Any

from .width_problem import ProblemError, WidthProblem

Budgets = Mapping[str, float | Sequence[float]]
Limits = Mapping[str, float]


class InfeasibleError(ProblemError):
    """No choice of widths keeps a budget together with the limits."""


def asked_costs(budgets: Budgets, limits: Limits | None = None) -> tuple[str, ...]:
    """Return the costs that budgets and limits speak of, each once.

    Raises:
        ProblemError: one of them is no mapping from costs to numbers.
    """
    for what, given in (("budgets", budgets), ("limits", limits or {})):
        if not isinstance(given, Mapping):
            raise ProblemError(f'{what} are numbers by cost, such as {{"macs": 0.5}}; got {given!r}')
    return tuple(dict.fromkeys((*budgets, *(limits or {}))))


def absolute_caps(problem: WidthProblem, budgets: Budgets, limits: Limits | None = None) -> list[dict[str, float]]:
    """Return the caps, by cost, of every subnetwork below the full one, largest subnetwork first.

    Args:
        problem: whose full network the shares refer to.
        budgets: by cost, one number per subnetwork, in any order; a float of at most 1 is a share of the
            full network's cost, any other number is absolute; numpy and torch numbers and arrays mean what
            the Python numbers in them mean. Several costs' lists belong together, entry by entry.
        limits: by cost, one number for every subnetwork, read the same way.

    Raises:
        ProblemError: unknown costs, numbers that are not positive, lists of different lengths, two equal
            subnetworks, or budgets that do not fall together (their subnetworks could not be nested).
    """
    asked_costs(budgets, limits)
    full = problem.costs(problem.full_widths)
    rows = _rows(budgets, full)
    rows.sort(key=lambda row: tuple(row.values()), reverse=True)
    for larger, smaller in itertools.pairwise(rows):
        if larger == smaller:
            raise ProblemError(f"two subnetworks have the same budget, {shown(larger, full)}; give each once")
        for name in larger:
            if smaller[name] > larger[name]:
                raise ProblemError(
                    "budgets given together must fall together, or their subnetworks can't be nested: from "
                    f"{shown(larger, full)} to {shown(smaller, full)} that of {name!r} rises"
                )
    fixed = absolute_limits(limits, full)
    return [row | {n: min(row.get(n, math.inf), limit) for n, limit in fixed.items()} for row in rows]


def absolute_limits(limits: Limits | None, full: Mapping[str, float]) -> dict[str, float]:
    """Return the limits as absolute numbers; ``full`` are the full network's costs."""
    fixed = {}
    for name, limit in (limits or {}).items():
        numbers = _numbers("limit", name, limit, full)
        if len(numbers) != 1:
            raise ProblemError(f"limit {name!r} holds for all subnetworks: give one number, not {len(numbers)}")
        fixed[name] = _absolute(numbers[0], full[name])
    return fixed


def shown(caps: Mapping[str, float], full: Mapping[str, float]) -> str:
    """Return caps for a message, with their shares of the full network."""
    return ", ".join(f"{name} <= {amount(cap, full[name])}" for name, cap in caps.items())


def amount(number: float, full: float) -> str:
    """Return one cost for a message, with its share of the full network."""
    return f"{number:,.10g}" + (f" ({number / full:.2%})" if full else "")


def _rows(budgets: Budgets, full: Mapping[str, float]) -> list[dict[str, float]]:
    lists = {name: _numbers("budget", name, given, full) for name, given in budgets.items()}
    if not lists:
        raise ProblemError('give at least one budget, such as {"macs": [0.75, 0.5, 0.25]}')
    if len({len(numbers) for numbers in lists.values()}) != 1:
        lengths = ", ".join(f"{name!r} has {len(numbers)}" for name, numbers in lists.items())
        raise ProblemError(f"budgets given together need one number per subnetwork each; {lengths}")
    return [
        {name: _absolute(number, full[name]) for name, number in zip(lists, row, strict=True)}
        for row in zip(*lists.values(), strict=True)
    ]


def _numbers(what: str, name: str, given: float | Sequence[float], full: Mapping[str, float]) -> list[float]:
    if name not in full:
        raise ProblemError(f"{what} {name!r}: this problem has no such cost; it has {', '.join(full)}")
    plain = _plain(given)
    numbers = [_plain(number) for number in plain] if isinstance(plain, list | tuple) else [plain]
    if not numbers:
        raise ProblemError(f"{what} {name!r} has no numbers; give one per subnetwork")
    for number in numbers:
        if isinstance(number, bool) or not isinstance(number, Real) or not 0 < float(number) < math.inf:
            raise ProblemError(f"{what} {name!r} must hold positive numbers; got {number!r}")
    return numbers


def _plain(given: Any) -> Any:
    """Return numpy and torch numbers and arrays as numbers and lists; anything else as it is."""
    return given.tolist() if hasattr(given, "tolist") else given


def _absolute(number: float, full: float) -> float:
    return float(number if isinstance(number, Integral) or number > 1 else number * full)
