"""What a recipe may say, besides Lightning's own ``data`` and ``trainer`` sections."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True)
class PretrainSettings:
    """Training of the full network, before nesting.

    Args:
        max_epochs: epochs; 0 leaves the network at its random initialisation.
        learning_rates: Adam's, one after the other, each for an equal part of the epochs.
    """

    max_epochs: int = 20
    learning_rates: list[float] = field(default_factory=lambda: [1e-3, 1e-4])

    def __post_init__(self) -> None:
        _at_least(0, "pretrain.max_epochs", self.max_epochs)
        _check_rates("pretrain.learning_rates", self.learning_rates)


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
        criterion: taylor is the paper's ``|w * sum(gradient)|``; l1 and l2 need no data.
        batches: clean training batches whose gradients are summed.
    """

    criterion: Literal["taylor", "l1", "l2"] = "taylor"
    batches: int = 100

    def __post_init__(self) -> None:
        _at_least(1, "score.batches", self.batches)


@dataclass(frozen=True)
class SearchSettings:
    """The choice of the subnetworks.

    Args:
        budgets: one number for each subnetwork below the full one: a list is in MACs, a mapping {cost: list} in
            anything that costs. A number up to 1 is a share of the full network's cost, above 1 it is absolute.
        limits: {cost: number} that every subnetwork keeps, read the same way.
        minimum: {group: width} below which no subnetwork goes.
        device: table that latency and energy are computed from: a name in reds_torch/costs/devices or a CSV file.
        strategy: bottom_up fixes the smallest subnetwork first, top_down the largest; independent does not nest.
        solver: which solver closes the gap.
        gap: relative gap at which a subnetwork counts as optimal.
        time_limit: seconds for each subnetwork.
    """

    budgets: list[float] | dict[str, list[float]] = field(default_factory=lambda: [0.75, 0.5, 0.25])
    limits: dict[str, float] = field(default_factory=dict)
    minimum: dict[str, int] = field(default_factory=dict)
    device: str = "cortex_m4"
    strategy: Literal["bottom_up", "top_down", "joint", "independent"] = "bottom_up"
    solver: Literal["highs", "dp"] = "highs"
    gap: float = 1e-4
    time_limit: float = 60.0

    def __post_init__(self) -> None:
        if not 0 <= self.gap < 1:
            raise ValueError(f"search.gap must be at least 0 and below 1, not {self.gap}")
        if not self.time_limit > 0:
            raise ValueError(f"search.time_limit must be above 0 seconds, not {self.time_limit}")

    @property
    def budgets_by_cost(self) -> dict[str, list[float]]:
        """The budgets as a mapping from the cost's name."""
        return self.budgets if isinstance(self.budgets, dict) else {"macs": self.budgets}


@dataclass(frozen=True)
class FinetuneSettings:
    """Training of all subnetworks together; its epochs are ``trainer.max_epochs``.

    Args:
        learning_rates: Adam's, one after the other, each for an equal part of the epochs.
        batch_norm: frozen keeps the full network's statistics for all subnetworks, as the paper does; recalibrated
            measures each subnetwork's own at the end; separate gives each its own statistics, scale and shift.
        batch_norm_share: in this share of the epochs, the last ones, only batch norm's scale and shift are trained.
    """

    learning_rates: list[float] = field(default_factory=lambda: [1e-3, 1e-4])
    batch_norm: Literal["frozen", "recalibrated", "separate"] = "frozen"
    batch_norm_share: float = 0.0

    def __post_init__(self) -> None:
        if not 0 <= self.batch_norm_share < 1:
            raise ValueError(f"finetune.batch_norm_share must be at least 0 and below 1, not {self.batch_norm_share}")
        _check_rates("finetune.learning_rates", self.learning_rates)


def _at_least(least: int, name: str, value: int) -> None:
    if value < least:
        raise ValueError(f"{name} must be at least {least}, not {value}")


def _check_rates(name: str, rates: list[float]) -> None:
    if not rates or min(rates) <= 0:
        raise ValueError(f"{name} must be positive numbers, at least one; got {rates}")
