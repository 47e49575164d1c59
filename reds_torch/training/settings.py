"""How a stage trains."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

# examples that ranges of int8 activations are read off: fine-tuning sees what the bridge will measure
CALIBRATION_SAMPLES = 256


@dataclass(frozen=True)
class TrainingSettings:
    """How a stage trains, whatever its loss.

    Args:
        learning_rates: Adam's, in the order in which the schedule goes through them.
        schedule: steps: each for an equal part of the training; cosine: from the first to the last along half a cosine.
        warmup: share of the training in which the learning rate first climbs from zero.
        weight_decay: of the weights, not of biases and norms, apart from the gradient (AdamW); 0 is plain Adam.
        averaging: the result is the weights' exponential moving average with this decay a step; 0 is the last weights.
        label_smoothing: share of a target's probability that is spread over all classes.
        mixup: two examples of a batch are mixed by a share drawn from Beta(mixup, mixup); 0 mixes none.
        time_mask: up to this many neighbouring frames of speech (rows of an input) are blanked out.
    """

    learning_rates: list[float] = field(default_factory=lambda: [1e-3, 1e-4])
    schedule: Literal["steps", "cosine"] = "steps"
    warmup: float = 0.0
    weight_decay: float = 0.0
    averaging: float = 0.0
    label_smoothing: float = 0.0
    mixup: float = 0.0
    time_mask: int = 0

    def __post_init__(self) -> None:
        if not self.learning_rates or min(self.learning_rates) <= 0:
            rates = list(self.learning_rates)
            raise ValueError(f"{self.section}.learning_rates must be positive numbers, at least one; got {rates}")
        for name in ("warmup", "averaging", "label_smoothing"):
            _share(f"{self.section}.{name}", getattr(self, name))
        for name in ("weight_decay", "mixup", "time_mask"):
            _at_least(0, f"{self.section}.{name}", getattr(self, name))

    @property
    def section(self) -> str:
        """The recipe's section that these settings stand in."""
        return type(self).__name__.removesuffix("Settings").lower()


@dataclass(frozen=True)
class PretrainSettings(TrainingSettings):
    """Training of the full network, before nesting.

    Args:
        max_epochs: epochs; 0 leaves the network at its random initialisation.
    """

    max_epochs: int = 20

    def __post_init__(self) -> None:
        super().__post_init__()
        _at_least(0, "pretrain.max_epochs", self.max_epochs)


@dataclass(frozen=True)
class ObjectiveSettings:
    """How the subnetworks' losses on a batch become one gradient.

    Args:
        subnetworks: which are trained on a batch. all; sandwich: the full one, the smallest and ``between`` random
            ones.
        between: how many random ones a sandwich has.
        teacher: what a subnetwork learns from besides the classes, which teach alone in labels. full: the full
            network's outputs on the same batch; larger: the next larger subnetwork's; ensemble: the mean of all;
            pretrained: those of the full network as it was before, from which the full network learns as well.
        distillation: share of the teacher's part in the loss, for all subnetworks that have a teacher.
        temperature: softens the outputs of teacher and student.
        powers: losses count by this power of each subnetwork's share of the parameters; further ones are reached one
            after the other along the training. 0.5 is the paper's, 0 weighs all alike, negative ones favour small
            subnetworks.
    """

    subnetworks: Literal["all", "sandwich"] = "all"
    between: int = 1
    teacher: Literal["labels", "full", "larger", "ensemble", "pretrained"] = "labels"
    distillation: float = 0.5
    temperature: float = 1.0
    powers: list[float] = field(default_factory=lambda: [0.5])

    def __post_init__(self) -> None:
        _at_least(0, "finetune.objective.between", self.between)
        if not 0 <= self.distillation <= 1:
            raise ValueError(f"finetune.objective.distillation must lie in 0 ... 1, not be {self.distillation}")
        if not self.temperature > 0:
            raise ValueError(f"finetune.objective.temperature must be above 0, not {self.temperature}")
        if not self.powers:
            raise ValueError("finetune.objective.powers must hold at least one number; 0.5 is the paper's")


@dataclass(frozen=True)
class FinetuneSettings(TrainingSettings):
    """Training of all subnetworks together; its epochs are ``trainer.max_epochs``.

    Args:
        objective: how the subnetworks' losses become one gradient.
        batch_norm: frozen keeps the full network's statistics for all subnetworks, as the paper does; recalibrated
            lets each subnetwork normalise by its own activations and measures their statistics at the end; separate
            gives each its own statistics, scale and shift.
        batch_norm_share: in this share of the epochs, the last ones, only batch norm's scale and shift are trained.
        searches: so many times, at equal distances in the first half of the epochs, the units are scored and ordered
            anew and the subnetworks searched again.
        keep: last keeps the weights of the last epoch, best those of the epoch with the best validation accuracy (the
            mean over the subnetworks); baselines are treated alike.
        patience: stop after so many epochs without a better validation accuracy; 0 never stops early.
    """

    objective: ObjectiveSettings = field(default_factory=ObjectiveSettings)
    batch_norm: Literal["frozen", "recalibrated", "separate"] = "frozen"
    batch_norm_share: float = 0.0
    searches: int = 0
    keep: Literal["last", "best"] = "last"
    patience: int = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        _share("finetune.batch_norm_share", self.batch_norm_share)
        _at_least(0, "finetune.searches", self.searches)
        _at_least(0, "finetune.patience", self.patience)
        if self.searches and self.batch_norm == "separate":
            raise ValueError(
                "finetune.searches changes the widths, so subnetworks can't train a batch norm of their own meanwhile: "
                "take finetune.batch_norm=recalibrated, or searches=0"
            )


@dataclass(frozen=True)
class QuantizeSettings(TrainingSettings):
    """Fine-tuning of all subnetworks with the rounding of int8, after the fine-tuning and with its objective.

    Args:
        max_epochs: epochs; 0 leaves the stage out.
    """

    learning_rates: list[float] = field(default_factory=lambda: [1e-4, 1e-6])
    schedule: Literal["steps", "cosine"] = "cosine"
    max_epochs: int = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        _at_least(0, "quantize.max_epochs", self.max_epochs)


def _at_least(least: float, name: str, value: float) -> None:
    if not value >= least:
        raise ValueError(f"{name} must be at least {least}, not {value}")


def _share(name: str, value: float) -> None:
    if not 0 <= value < 1:
        raise ValueError(f"{name} must be at least 0 and below 1, not {value}")
