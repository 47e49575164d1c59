"""The simulated day: example traces by the hour, and what a network's answers cost in time and energy.

The page computes the day from these numbers, because its reader may change the trace; docs/report.md has the rules. A
plot shows the first of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from .run_record import RunRecord


@dataclass(frozen=True)
class Trace:
    """24 percentages, one for each hour."""

    name: str
    hours: tuple[int, ...]


@dataclass(frozen=True)
class DayCosts:
    """Which costs stand for the time and the energy of an answer, in their units, by subnetwork."""

    time: tuple[float, ...]
    time_unit: str
    time_basis: str
    energy: tuple[float, ...]
    energy_unit: str
    energy_basis: str


# how busy the processor is with other things
LOADS = (
    Trace(
        "office hours",
        (5, 5, 5, 5, 5, 10, 20, 35, 60, 75, 80, 70, 45, 65, 80, 85, 70, 50, 35, 30, 25, 20, 10, 5),
    ),
    Trace(
        "evenings",
        (15, 5, 5, 5, 5, 5, 20, 40, 30, 20, 20, 25, 40, 30, 25, 25, 35, 55, 70, 85, 90, 85, 60, 30),
    ),
    Trace("always half", (50,) * 24),
)
# what a panel or a dock delivers, in shares of what the full network uses in an hour
INCOMES = (
    Trace(
        "summer day",
        (0, 0, 0, 0, 5, 15, 30, 50, 70, 85, 95, 100, 100, 100, 95, 85, 70, 50, 30, 15, 5, 0, 0, 0),
    ),
    Trace(
        "clouds after noon",
        (0, 0, 0, 0, 5, 15, 30, 50, 70, 85, 95, 85, 60, 40, 30, 25, 20, 15, 10, 5, 0, 0, 0, 0),
    ),
    Trace(
        "winter day",
        (0, 0, 0, 0, 0, 0, 0, 5, 20, 40, 60, 70, 75, 70, 55, 35, 15, 5, 0, 0, 0, 0, 0, 0),
    ),
)


def day_costs(record: RunRecord) -> DayCosts | None:
    """Latency and energy where they are known; MACs, which both grow with, where not. None without accuracies."""
    subnetworks = record.subnetworks
    if not subnetworks or any(record.split not in s.accuracy for s in subnetworks):
        return None
    known = {cost.key: cost for cost in record.costs}
    time = known.get("latency") or known["macs"]
    energy = known.get("energy") or time
    return DayCosts(
        time=tuple(s.costs[time.key] for s in subnetworks),
        time_unit=time.unit,
        time_basis=f"{time.label}, {time.basis}",
        energy=tuple(s.costs[energy.key] for s in subnetworks),
        energy_unit=energy.unit,
        energy_basis=f"{energy.label}, {energy.basis}",
    )


def answered(times: Sequence[float], deadline: float, trace: Trace, fixed: int | None = None) -> tuple[int | None, ...]:
    """Which subnetwork answers, hour by hour, on a processor that is as busy as the trace says; None: none in time.

    It is the largest one that meets the deadline, or always the ``fixed`` one. ``times`` are those of an answer, by
    subnetwork.
    """
    hours = []
    for load in trace.hours:
        idle = deadline * (1 - load / 100)
        choice = range(len(times)) if fixed is None else (fixed,)
        hours.append(next((k for k in choice if times[k] <= idle), None))
    return tuple(hours)
