"""Training all subnetworks of a network together on one set of weights."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

import lightning as L
import numpy as np
import torch
from lightning.pytorch.utilities.types import OptimizerLRSchedulerConfig
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torchmetrics.classification import MulticlassAccuracy, MulticlassConfusionMatrix

from ..checkpoint.plain import subnetwork_as_plain, subnetwork_from_plain
from ..nested import Subnetwork
from ..nested.network import NestedNetwork
from ..nested.own_batch_norm import OwnTensors
from ..system.memory import convolution_format
from ..system.ranks import summed
from .averaging import follow
from .objectives import Objective, parameter_shares
from .optimization import learning_rate, optimizer
from .regularization import regularized
from .settings import ObjectiveSettings, TrainingSettings

Batch = tuple[Tensor, Tensor]

CONFUSION_CLASSES = 100  # a matrix of more is too large to keep beside the results, and to read


class NestedClassifier(L.LightningModule):
    """Trains the subnetworks of ``net`` with one loss and one backward pass a batch.

    A network without subnetworks (only index 0, the full one) is trained as an ordinary network is, so the same
    module serves before and after nesting. ``net`` always holds the result: where weights are averaged it is the
    average, which is validated and tested, and a twin of it, `learner`, is what the optimizer moves.

    Args:
        net: the nested network; batches are (inputs, class indices).
        classes: how many classes.
        settings: learning rates, regularization, averaging.
        objective: how the subnetworks' losses become one.
        freeze_batch_norm: keep the running statistics as they are (their scale and shift are trained).
        batch_norm_share: in this share of the epochs, the last ones, only batch norm's scale and shift are trained.
        seed: with the epoch and the batch, seeds all randomness.
    """

    def __init__(
        self,
        net: NestedNetwork,
        classes: int,
        settings: TrainingSettings = TrainingSettings(),  # noqa: B008 - it is frozen
        objective: ObjectiveSettings = ObjectiveSettings(),  # noqa: B008
        freeze_batch_norm: bool = False,
        batch_norm_share: float = 0.0,
        seed: int = 0,
    ) -> None:
        super().__init__()
        if batch_norm_share and not any(isinstance(m, _BatchNorm) and m.affine for m in net.modules()):
            raise ValueError(f"batch_norm_share={batch_norm_share}, but the network has no batch norm to train")
        if settings.time_mask and len(net.input_shape) != 4:
            raise ValueError(
                f"time_mask={settings.time_mask} masks inputs of (batch, channels, frames, coefficients), but the "
                f"network's are {net.input_shape}"
            )
        self.net = net.to(memory_format=convolution_format(net))
        self.twin = copy.deepcopy(net) if settings.averaging else None
        self.classes = classes
        self.settings = settings
        self.freeze_batch_norm = freeze_batch_norm
        self.batch_norm_share = batch_norm_share
        self.seed = seed
        self.steps: float = 1
        count = len(net.subnetworks)
        self.objective = Objective(objective, self.net, settings.label_smoothing)
        self.accuracies = nn.ModuleDict(
            {
                stage: nn.ModuleList(MulticlassAccuracy(classes, average="micro") for _ in range(count))
                for stage in ("val", "test")
            }
        )
        counted = count if classes <= CONFUSION_CLASSES else 0
        self.confusion = nn.ModuleList(MulticlassConfusionMatrix(classes) for _ in range(counted))

    @property
    def learner(self) -> NestedNetwork:
        """The network that the optimizer moves."""
        return self.net if self.twin is None else self.twin

    @property
    def progress(self) -> float:
        """How much of the training is done, from 0 to 1."""
        return self.global_step / self.steps

    def adopt(self, subnetworks: Sequence[Subnetwork]) -> None:
        """Train these subnetworks from now on, as many as there were; each owns what it owned, begun anew."""
        for net in {self.net, self.learner}:
            kind = net.batch_norm
            net.subnetworks = tuple(subnetworks)
            net.own_batch_norm(kind)
        self.objective.shares.copy_(self.objective.shares.new_tensor(parameter_shares(self.net)))

    def random(self, batch_index: int, *further: int) -> np.random.Generator:
        """The randomness of a batch, a function of the seed, the epoch, the batch's index and further numbers."""
        return np.random.default_rng((self.seed, self.current_epoch, batch_index, *further))

    def outputs(self, inputs: Tensor) -> list[Tensor]:
        """The logits of every subnetwork."""
        logits = []
        for k in range(len(self.net.subnetworks)):
            with self.net.active(k):
                logits.append(self.net(inputs))
        return logits

    def training_step(self, batch: Batch, batch_index: int) -> Tensor:
        """The objective's loss."""
        # the choice of subnetworks is the same in all processes, their examples are not
        processes_own = self.random(batch_index, 1 + self.global_rank)
        inputs, targets = regularized(*batch, self.classes, self.settings, processes_own)
        loss: Tensor = self.objective(self.learner, inputs, targets, self.progress, self.random(batch_index))
        self.log(
            "train/loss",
            loss.detach(),
            prog_bar=True,
            on_step=False,
            on_epoch=True,
            batch_size=len(targets),
            sync_dist=True,
        )
        return loss

    def on_train_batch_end(self, outputs: Any, batch: Batch, batch_index: int) -> None:
        """Let the average follow."""
        if self.twin is not None:
            follow(self.net, self.twin, self.settings.averaging, self.global_step - 1)

    def validation_step(self, batch: Batch, _: int) -> None:
        """Count the right answers of every subnetwork."""
        self._count("val", batch)

    def test_step(self, batch: Batch, _: int) -> None:
        """Count the right answers of every subnetwork, and which classes it takes for which."""
        self._count("test", batch)

    def on_test_start(self) -> None:
        """Counts of an earlier test are forgotten."""
        for matrix in self.confusion:
            matrix.reset()  # type: ignore[operator]

    def confusions(self) -> list[list[list[int]]]:
        """What the last test counted, for each subnetwork: rows are the true classes, columns the answers.

        Empty where there are more than `CONFUSION_CLASSES` classes.
        """
        return [summed(matrix.confmat).tolist() for matrix in self.confusion]  # type: ignore[arg-type]

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """The subnetworks belong to what was trained: they may have been searched again."""
        checkpoint["subnetworks"] = [subnetwork_as_plain(subnetwork) for subnetwork in self.net.subnetworks]

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Go on with the subnetworks that had been found."""
        found = [subnetwork_from_plain(entry) for entry in checkpoint["subnetworks"]]
        if [s.widths for s in found] != [s.widths for s in self.net.subnetworks]:
            self.adopt(found)

    def setup(self, stage: str) -> None:
        """An average has no gradients of its own."""
        if stage == "fit" and self.twin is not None:
            self.net.requires_grad_(False)

    def teardown(self, stage: str) -> None:
        """The result can be scored and trained again."""
        self.net.requires_grad_(True)

    def on_train_start(self) -> None:
        """Know how long the training is."""
        self.steps = self.trainer.estimated_stepping_batches

    def on_train_epoch_start(self) -> None:
        """Randomness is a function of the seed and the epoch, so a resumed run goes on as it would have."""
        torch.manual_seed(self.seed * 1_000_003 + self.current_epoch)
        modules = list(self.learner.modules())
        if self.freeze_batch_norm:
            for module in modules:
                if isinstance(module, _BatchNorm):
                    module.eval()
        epochs = self.trainer.max_epochs or 0
        if self.current_epoch >= epochs - int(epochs * self.batch_norm_share):
            trained = {p for m in modules if isinstance(m, _BatchNorm | OwnTensors) for p in m.parameters()}
            for parameter in self.learner.parameters():
                parameter.requires_grad_(parameter in trained)

    def configure_optimizers(self) -> OptimizerLRSchedulerConfig:
        """The settings' optimizer; its learning rate follows the progress, step by step."""
        moved = optimizer(self.learner.parameters(), self.settings)
        steps, first = self.trainer.estimated_stepping_batches, self.settings.learning_rates[0]
        schedule = torch.optim.lr_scheduler.LambdaLR(
            moved, lambda step: learning_rate(self.settings, step / steps) / first
        )
        return {"optimizer": moved, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

    def _count(self, stage: str, batch: Batch) -> None:
        inputs, targets = batch
        for k, logits in enumerate(self.outputs(inputs)):
            metric = self.accuracies[stage][k]  # type: ignore[index]
            metric(logits, targets)
            if stage == "test" and self.confusion:
                self.confusion[k].update(logits, targets)  # type: ignore[operator]
            self.log(f"{stage}/accuracy_{k}", metric, prog_bar=k == 0, batch_size=len(targets))
