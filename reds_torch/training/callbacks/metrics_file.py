"""The metrics that the stages of a run leave behind while they train."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import lightning as L
from lightning.pytorch.callbacks import Callback

from ...system.atomic import replacing

FIELDS = ("stage", "epoch", "metric", "value")


class MetricsFile(Callback):
    """Appends every epoch's metrics to a CSV file of rows (stage, epoch, metric, value).

    A resumed stage first drops the rows of the epochs that it is about to repeat.
    """

    def __init__(self, path: Path, stage: str) -> None:
        self.path = path
        self.stage = stage

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Keep what other stages and earlier epochs wrote."""
        if not trainer.is_global_zero:
            return
        kept = []
        if self.path.is_file():
            # a process that was killed may have left a last line without an end
            lines = [line for line in self.path.read_text().splitlines(keepends=True) if line.endswith("\n")]
            kept = [
                row
                for row in csv.DictReader(lines)
                if row["stage"] != self.stage or int(row["epoch"]) < trainer.current_epoch
            ]
        text = io.StringIO()
        writer = csv.DictWriter(text, FIELDS)
        writer.writeheader()
        writer.writerows(kept)
        with replacing(self.path) as temporary:
            temporary.write_text(text.getvalue())

    def on_train_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Write the epoch's rows."""
        if not trainer.is_global_zero:
            return
        text = io.StringIO()
        writer = csv.writer(text)
        for name, value in sorted(trainer.callback_metrics.items()):
            writer.writerow((self.stage, trainer.current_epoch, name, f"{float(value):.6g}"))
        with self.path.open("a", newline="") as file:
            file.write(text.getvalue())
