"""Training all subnetworks of a network together on one set of weights."""

from __future__ import annotations

from collections.abc import Sequence

import lightning as L
import torch
import torch.nn.functional as F
from lightning.pytorch.utilities.types import OptimizerLRSchedulerConfig
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torchmetrics.classification import MulticlassAccuracy, MulticlassConfusionMatrix

from ..nested.network import NestedNetwork
from ..nested.own import OwnTensors
from .losses import weight_share_factors
from .memory import convolution_format

Batch = tuple[Tensor, Tensor]
CONFUSION_CLASSES = 100  # a matrix of more is too large to keep beside the results, and to read


class NestedClassifier(L.LightningModule):
    """Trains the subnetworks of ``net`` with one weighted sum of their cross-entropies, one backward a batch.

    A network without subnetworks (only index 0, the full one) is trained as an ordinary network is, so the same
    module serves before and after nesting.

    Args:
        net: the nested network; batches are (inputs, class indices).
        classes: how many classes.
        learning_rates: Adam's, one after the other, each for an equal part of the epochs.
        freeze_batch_norm: keep the running statistics as they are (their scale and shift are trained).
        batch_norm_share: in this share of the epochs, the last ones, only batch norm's scale and shift are trained.
        seed: with the epoch, seeds what randomness the layers have (dropout).
    """

    def __init__(
        self,
        net: NestedNetwork,
        classes: int,
        learning_rates: Sequence[float] = (1e-3, 1e-4),
        freeze_batch_norm: bool = False,
        batch_norm_share: float = 0.0,
        seed: int = 0,
    ) -> None:
        super().__init__()
        if not learning_rates or min(learning_rates) <= 0:
            raise ValueError(f"learning_rates must be positive numbers, at least one; got {list(learning_rates)}")
        if batch_norm_share and not any(isinstance(m, _BatchNorm) and m.affine for m in net.modules()):
            raise ValueError(f"batch_norm_share={batch_norm_share}, but the network has no batch norm to train")
        self.net = net.to(memory_format=convolution_format(net))  # type: ignore[call-overload]
        self.learning_rates = tuple(learning_rates)
        self.freeze_batch_norm = freeze_batch_norm
        self.batch_norm_share = batch_norm_share
        self.seed = seed
        self.factors = weight_share_factors(net)
        count = len(net.subnetworks)
        self.accuracies = nn.ModuleDict(
            {
                stage: nn.ModuleList(MulticlassAccuracy(classes, average="micro") for _ in range(count))
                for stage in ("val", "test")
            }
        )
        counted = count if classes <= CONFUSION_CLASSES else 0
        self.confusion = nn.ModuleList(MulticlassConfusionMatrix(classes) for _ in range(counted))

    def outputs(self, inputs: Tensor) -> list[Tensor]:
        """The logits of every subnetwork."""
        logits = []
        for k in range(len(self.net.subnetworks)):
            with self.net.active(k):
                logits.append(self.net(inputs))
        return logits

    def training_step(self, batch: Batch, _: int) -> Tensor:
        """The weighted sum of the subnetworks' losses."""
        inputs, targets = batch
        losses = [F.cross_entropy(logits, targets) for logits in self.outputs(inputs)]
        total = torch.stack([factor * loss for factor, loss in zip(self.factors, losses, strict=True)]).sum()
        self.log("train/loss", total.detach(), prog_bar=True, on_step=False, on_epoch=True, batch_size=len(targets))
        return total

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
        return [matrix.compute().tolist() for matrix in self.confusion]  # type: ignore[operator]

    def on_train_epoch_start(self) -> None:
        """Randomness is a function of the seed and the epoch, so a resumed run goes on as it would have."""
        torch.manual_seed(self.seed * 1_000_003 + self.current_epoch)
        if self.freeze_batch_norm:
            for module in self.net.modules():
                if isinstance(module, _BatchNorm):
                    module.eval()
        epochs = self.trainer.max_epochs or 0
        if self.current_epoch >= epochs - int(epochs * self.batch_norm_share):
            trained = {p for m in self.net.modules() if isinstance(m, _BatchNorm | OwnTensors) for p in m.parameters()}
            for parameter in self.net.parameters():
                parameter.requires_grad_(parameter in trained)

    def configure_optimizers(self) -> OptimizerLRSchedulerConfig:
        """Adam, its learning rate stepping through ``learning_rates`` in equal parts of the epochs."""
        optimizer = torch.optim.Adam(self.net.parameters(), lr=self.learning_rates[0], fused=True)
        epochs = max(self.trainer.max_epochs or 1, 1)

        def factor(epoch: int) -> float:
            stage = min(epoch * len(self.learning_rates) // epochs, len(self.learning_rates) - 1)
            return self.learning_rates[stage] / self.learning_rates[0]

        return {"optimizer": optimizer, "lr_scheduler": torch.optim.lr_scheduler.LambdaLR(optimizer, factor)}

    def _count(self, stage: str, batch: Batch) -> None:
        inputs, targets = batch
        for k, logits in enumerate(self.outputs(inputs)):
            metric = self.accuracies[stage][k]  # type: ignore[index]
            metric(logits, targets)
            if stage == "test" and self.confusion:
                self.confusion[k].update(logits, targets)  # type: ignore[operator]
            self.log(f"{stage}/accuracy_{k}", metric, prog_bar=k == 0, batch_size=len(targets))
