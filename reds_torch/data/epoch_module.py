"""What all data modules have in common: four sets, and loaders that are a function of the seed and the epoch."""

from typing import Any, Literal

import lightning
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from .checks import check_at_least
from .datasets import Batch
from .sampling import EpochSampler

SetName = Literal["train", "calibration", "val", "test"]
# Lightning's stages; None is all of them.
SETS_OF_STAGE: dict[str | None, tuple[SetName, ...]] = {
    "fit": ("train", "calibration", "val"),
    "validate": ("val",),
    "test": ("test",),
    None: ("train", "calibration", "val", "test"),
}


class EpochDataModule(lightning.LightningDataModule):
    """Loaders of the sets train, calibration, val and test; subclasses put them into ``_sets``.

    Args:
        batch_size: examples per batch.
        seed: fixes the order and the variations.
        workers: processes that prepare batches; 0 prepares them in the training process.

    Raises:
        ValueError: a setting is out of range; the message names it and the range.
    """

    def __init__(self, batch_size: int, seed: int, workers: int) -> None:
        super().__init__()
        check_at_least(1, batch_size=batch_size)
        check_at_least(0, seed=seed, workers=workers)
        self.batch_size = batch_size
        self.seed = seed
        self.workers = workers
        self._sets: dict[SetName, Dataset[Batch]] = {}

    @property
    def input_shape(self) -> tuple[int, ...]:
        """Shape of one example: (channels, height, width)."""
        raise NotImplementedError

    @property
    def example_input(self) -> Tensor:
        """A batch of one, of random numbers: (1, channels, height, width)."""
        return torch.randn(1, *self.input_shape, generator=torch.Generator().manual_seed(0))

    def train_dataloader(self) -> DataLoader[Batch]:
        """Training examples, shuffled and varied anew in each epoch; a last, smaller batch is left out."""
        return self._loader("train", shuffle=True)

    def calibration_dataloader(self) -> DataLoader[Batch]:
        """The training examples as they are, shuffled once: for scores and the ranges of int8.

        As in training, a last, smaller batch is left out, so that all examples weigh the same.
        """
        return self._loader("calibration", shuffle=True)

    def val_dataloader(self) -> DataLoader[Batch]:
        """Validation examples as they are."""
        return self._loader("val", shuffle=False)

    def test_dataloader(self) -> DataLoader[Batch]:
        """Test examples as they are."""
        return self._loader("test", shuffle=False)

    def _loader(self, name: SetName, shuffle: bool) -> DataLoader[Batch]:
        if name not in self._sets:
            raise RuntimeError("call prepare_data() and setup() before asking for a loader")
        examples = self._sets[name]
        sampler = EpochSampler(examples, self.seed, shuffle)
        return DataLoader(
            examples,
            batch_size=self.batch_size,
            sampler=sampler,
            # A batch of one example breaks batch norm; the order changes, so each example gets its turn.
            drop_last=shuffle and len(sampler) >= self.batch_size,
            collate_fn=_as_is,
            num_workers=self.workers,
            persistent_workers=self.workers > 0,
            # Without one of its own, the loader draws from the global random numbers.
            generator=torch.Generator().manual_seed(self.seed),
        )


def _as_is(batch: Any) -> Batch:
    """The data sets hand out whole batches."""
    return batch
