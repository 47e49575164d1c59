"""Numbers as people read them: few digits, the unit that fits."""

from __future__ import annotations

import math
from collections.abc import Sequence

# (unit of the data) -> (from which amount on, shown unit, divisor)
_UNITS = {
    "µs": ((1e6, "s", 1e6), (1e3, "ms", 1e3), (0.0, "µs", 1.0)),
    "µJ": ((1e6, "J", 1e6), (1e3, "mJ", 1e3), (0.0, "µJ", 1.0)),
    "B": ((1e6, "MB", 1e6), (1e3, "kB", 1e3), (0.0, "B", 1.0)),
    "": ((1e9, "G", 1e9), (1e6, "M", 1e6), (1e4, "k", 1e3), (0.0, "", 1.0)),
}


def quantity(value: float, unit: str) -> str:
    """A cost with its unit: 2656768 MACs are 2.66 M, 155706 µs are 156 ms."""
    divisor, shown = scale_of(value, unit)
    return f"{significant(value / divisor)} {shown}".rstrip()


def scale_of(value: float, unit: str) -> tuple[float, str]:
    """What to divide by, and the unit then, so that ``value`` is short."""
    for least, shown, divisor in _UNITS.get(unit, ((0.0, unit, 1.0),)):
        if abs(value) >= least:
            return divisor, shown
    raise AssertionError("every table of units ends with 0")


def significant(value: float) -> str:
    """Three significant digits, or all digits before the point."""
    if value == 0 or not math.isfinite(value):
        return f"{value:.0f}"
    decimals = max(0, 2 - math.floor(math.log10(abs(value))))
    text = f"{value:,.{decimals}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def percent(share: float, decimals: int = 1) -> str:
    """A share as percent, with a narrow no-break space."""
    return f"{100 * share:.{decimals}f}\u202f%"


def ticks(low: float, high: float, wanted: int = 5) -> Sequence[float]:
    """Round numbers from ``low`` to ``high``, about ``wanted`` of them."""
    if high <= low:
        return (low,)
    rough = (high - low) / wanted
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * m for m in (1, 2, 2.5, 5, 10) if power * m >= rough * 0.999)
    first = math.ceil(low / step - 1e-9)
    return tuple(step * i for i in range(first, math.floor(high / step + 1e-9) + 1))


def decades(low: float, high: float) -> Sequence[float]:
    """Round numbers for a logarithmic axis: 1, 2 and 5 times powers of ten, or the powers alone over many decades."""
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    factors = (1, 2, 5) if last - first <= 3 else (1,)
    return tuple(f * 10.0**e for e in range(first, last + 1) for f in factors if low <= f * 10.0**e <= high)
