"""What a recipe may say of nesting, scores and the search; `training.settings` has what it may say of training."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar, Literal

from ..knapsack.settings import SolveSettings


@dataclass(frozen=True)
class NestSettings:
    """What the width groups may be.

    Args:
        ignore: names of modules that are never cut.
        round_to: widths are multiples of this many features.
    """

    ignore: list[str] = field(default_factory=list)
    round_to: int = 1


@dataclass(frozen=True)
class ScoreSettings:
    """Importance of the units.

    Args:
        criterion: taylor is the paper's ``|w * sum(gradient)|``; taylor_samples adds the examples' ``|w * gradient|``,
            fisher their ``(w * gradient) ** 2``; l1 and l2 need no data.
        batches: clean training batches that are scored on.
    """

    criterion: Literal["taylor", "taylor_samples", "fisher", "l1", "l2"] = "taylor"
    batches: int = 100

    def __post_init__(self) -> None:
        if self.batches < 1:
            raise ValueError(f"score.batches must be at least 1, not {self.batches}")


@dataclass(frozen=True)
class SearchSettings(SolveSettings):
    """The choice of the subnetworks.

    Args:
        budgets: one number for each subnetwork below the full one: a list is in MACs, a mapping {cost: list} in
            anything that costs. A number up to 1 is a share of the full network's cost, above 1 it is absolute.
        limits: {cost: number} that every subnetwork keeps, read the same way.
        minimum: {group: width} below which no subnetwork goes.
        device: table that latency and energy are computed from: a name in reds_torch/costs/devices or a CSV file.
    """

    section: ClassVar[str] = "search."

    budgets: list[float] | dict[str, list[float]] = field(default_factory=lambda: [0.75, 0.5, 0.25])
    limits: dict[str, float] = field(default_factory=dict)
    minimum: dict[str, int] = field(default_factory=dict)
    device: str = "cortex_m4"

    @property
    def budgets_by_cost(self) -> dict[str, list[float]]:
        """The budgets as a mapping from the cost's name."""
        return self.budgets if isinstance(self.budgets, dict) else {"macs": self.budgets}
