"""A progress bar for a training stage: which stage, how far, how long still."""

from __future__ import annotations

from typing import Any

import lightning as L
from lightning.pytorch.callbacks import ProgressBar
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn


def stage_progress(console: Console) -> Progress:
    """Columns of a bar whose tasks have a ``note`` field."""
    return Progress(
        TextColumn("{task.description:<12}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(elapsed_when_finished=True),
        TextColumn("{task.fields[note]}"),
        console=console,
    )


class StageProgress(ProgressBar):
    """Counts the batches of all epochs of a stage; notes the latest loss and accuracy."""

    def __init__(self, stage: str, console: Console) -> None:
        super().__init__()
        self._stage = stage
        self._console = console
        self._progress: Progress | None = None

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Show the bar, from where a resumed stage begins."""
        super().on_train_start(trainer, pl_module)
        self._progress = stage_progress(self._console)
        per_epoch = int(self.total_train_batches)
        self._task = self._progress.add_task(
            self._stage,
            total=per_epoch * (trainer.max_epochs or 1),
            completed=per_epoch * trainer.current_epoch,
            note="",
        )
        self._progress.start()

    def on_train_batch_end(self, trainer: L.Trainer, *_: Any) -> None:
        """One step further."""
        if self._progress is not None:
            self._progress.advance(self._task)

    def on_train_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Note how it goes."""
        if self._progress is not None:
            metrics = trainer.callback_metrics
            accuracies = [f"{100 * float(v):.1f}" for n, v in sorted(metrics.items()) if n.startswith("val/accuracy")]
            loss = float(metrics.get("train/loss", float("nan")))
            self._progress.update(self._task, note=f"loss {loss:.3f}, val {' '.join(accuracies)} %")

    def on_train_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Leave the finished bar."""
        self._stop()

    def on_exception(self, trainer: L.Trainer, pl_module: L.LightningModule, exception: BaseException) -> None:
        """Give the terminal back."""
        self._stop()

    def disable(self) -> None:
        """Lightning's wish on processes other than the first."""
        self._stop()

    def _stop(self) -> None:
        if self._progress is not None:
            self._progress.stop()
            self._progress = None
