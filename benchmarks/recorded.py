"""Training batches kept on disk, so that many runs that train on the same ones prepare them once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import lightning as L
import torch
from torch import Tensor

from reds_torch.data.epoch_module import EpochDataModule
from reds_torch.system.atomic import replacing


class RecordedEpochs:
    """What a training loader gives in each epoch: from a file where it was asked before.

    Args:
        loader: of one process.
        folder: of the files, one an epoch, for this loader's data, settings and seed: its batches depend on the epoch
            alone.
    """

    def __init__(self, loader: Any, folder: Path) -> None:
        self.loader = loader
        self.folder = folder
        self.epoch = 0
        # Lightning tells a loader's sampler which epoch begins
        self.sampler = self

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch that the next iteration gives."""
        self.epoch = epoch

    def __len__(self) -> int:
        return len(self.loader)

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        path = self.folder / f"{self.epoch}.pt"
        if not path.is_file():
            self._record(path)
        inputs, targets = torch.load(path, weights_only=True, mmap=True)
        return zip(inputs, targets, strict=True)

    def _record(self, path: Path) -> None:
        self.loader.sampler.set_epoch(self.epoch)
        inputs, targets = zip(*((x.clone(), y.clone()) for x, y in self.loader), strict=True)
        self.folder.mkdir(parents=True, exist_ok=True)
        with replacing(path) as temporary:
            torch.save((torch.stack(inputs), torch.stack(targets)), temporary)


class RecordedData(L.LightningDataModule):
    """A data module whose training batches are recorded; everything else is its own."""

    def __init__(self, data: EpochDataModule, folder: Path) -> None:
        super().__init__()
        self.data = data
        self.folder = folder

    def __getattr__(self, name: str) -> Any:
        return getattr(self.data, name)

    def setup(self, stage: str) -> None:
        """Set up the recorded module."""
        self.data.setup(stage)

    def train_dataloader(self) -> RecordedEpochs:
        """The recorded training batches."""
        return RecordedEpochs(self.data.train_dataloader(), self.folder)

    def val_dataloader(self) -> Any:
        """As without recording."""
        return self.data.val_dataloader()

    def test_dataloader(self) -> Any:
        """As without recording."""
        return self.data.test_dataloader()
