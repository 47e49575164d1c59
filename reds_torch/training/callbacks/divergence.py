"""Ending a training that has diverged, with what was good kept."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import lightning as L
import torch
from lightning.pytorch.callbacks import Callback
from torch import Tensor

from ...system.ranks import once, summed


class DivergedError(ArithmeticError):
    """A training whose loss or weights are not finite any more."""


class FiniteTraining(Callback):
    """Ends a stage whose loss or weights become infinite or NaN, before they get into its checkpoint.

    Args:
        stage: its name.
        state: the file with what the stage was after the latest epoch.
    """

    # looking at a loss waits for the GPU
    EVERY = 50

    def __init__(self, stage: str, state: Path) -> None:
        self.stage = stage
        self.state = state
        self._odd = torch.zeros(())

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Nothing odd has been seen."""
        self._odd = torch.zeros((), device=pl_module.device)

    def on_train_batch_end(
        self, trainer: L.Trainer, pl_module: L.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Note the loss; look at what was noted now and then, and at the weights after an epoch."""
        loss = outputs["loss"] if isinstance(outputs, dict) else outputs
        if isinstance(loss, Tensor):
            self._odd += ~loss.detach().isfinite()
        if trainer.is_last_batch:
            for parameter in pl_module.parameters():
                self._odd += (~parameter.detach().isfinite()).sum()
        if (trainer.is_last_batch or (batch_idx + 1) % self.EVERY == 0) and summed(self._odd) > 0:
            once(lambda: self._end(trainer.current_epoch))

    def _end(self, epoch: int) -> None:
        kept = f"; what the epoch before reached is kept in {self.state}" if self.state.is_file() else ""
        raise DivergedError(
            f"{self.stage} has diverged: its loss or weights are no longer finite in epoch {epoch}; start a new run "
            f"with lower learning rates{kept}"
        )
