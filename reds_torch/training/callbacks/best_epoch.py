"""Choosing the best epoch, and ending a stage that gets no better."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import lightning as L
import torch
from lightning.pytorch.callbacks import Callback

from ...checkpoint.plain import subnetwork_as_plain, subnetwork_from_plain
from ...nested import Subnetwork
from ..module import NestedClassifier


class BestEpoch(Callback):
    """Keeps the module as it was after the epoch with the best validation accuracy; ends a stage that gets no better.

    The accuracy is the mean over the subnetworks. What is known of the best epoch is part of the stage's checkpoint,
    so a resumed stage keeps and ends what an uninterrupted one does.

    Args:
        path: where the module's state goes; None keeps none.
        patience: end after so many epochs without a better accuracy; 0 goes on to the last.
    """

    def __init__(self, path: Path | None, patience: int) -> None:
        self.path = path
        self.patience = patience
        self.accuracy = -1.0
        self.epoch = -1
        self.subnetworks: tuple[Subnetwork, ...] = ()

    def state_dict(self) -> dict[str, Any]:
        """The best epoch so far."""
        subnetworks = [subnetwork_as_plain(subnetwork) for subnetwork in self.subnetworks]
        return {"accuracy": self.accuracy, "epoch": self.epoch, "subnetworks": subnetworks}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from there."""
        self.accuracy, self.epoch = state_dict["accuracy"], state_dict["epoch"]
        self.subnetworks = tuple(subnetwork_from_plain(entry) for entry in state_dict["subnetworks"])

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """A stage that was killed after its end stays at its end."""
        self._end_if_no_better(trainer, trainer.current_epoch)

    def on_validation_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Compare the epoch with the best one."""
        if trainer.sanity_checking:
            return
        measured = [float(v) for name, v in trainer.callback_metrics.items() if name.startswith("val/accuracy_")]
        accuracy = sum(measured) / len(measured)
        if accuracy > self.accuracy:
            assert isinstance(pl_module, NestedClassifier)
            self.accuracy, self.epoch = accuracy, trainer.current_epoch
            self.subnetworks = tuple(pl_module.net.subnetworks)
            if self.path is not None:
                trainer.save_checkpoint(self.path, weights_only=True)

    def restore(self, module: NestedClassifier) -> None:
        """Put a module back to the best epoch, if it was to be kept."""
        if self.path is None:
            return
        if tuple(module.net.subnetworks) != self.subnetworks:  # they were searched again since
            module.net.subnetworks = self.subnetworks
        module.load_state_dict(torch.load(self.path, map_location="cpu", weights_only=True)["state_dict"])

    def on_train_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """End the stage, or let it go on."""
        self._end_if_no_better(trainer, trainer.current_epoch + 1)

    def _end_if_no_better(self, trainer: L.Trainer, epochs: int) -> None:
        """Epochs are those that are through."""
        if self.patience and self.epoch >= 0 and epochs - 1 - self.epoch >= self.patience:
            trainer.should_stop = True
