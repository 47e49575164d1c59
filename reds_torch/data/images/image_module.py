"""What the image data modules have in common: four sets and their loaders."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch.utils.data import Dataset

from ..checks import check_at_least
from ..datasets import Batch
from ..epoch_module import SETS_OF_STAGE, EpochDataModule, SetName
from ..sampling import uniform

# A stream of random numbers beside those of `sampling`: which images are held out or left out. Its seed is
# fixed, so that all runs train and are measured on the same images.
SUBSET = 2
SUBSET_SEED = 0


class ImageModule(EpochDataModule):
    """Batches of images (B, C, H, W) and classes (B,); subclasses make the sets.

    Args:
        batch_size: images per batch.
        seed: fixes the order and the variations.
        workers: processes that prepare batches; 0 prepares them in the training process.
        train_limit: train on so many images only, the same ones for every seed.

    Raises:
        ValueError: a setting is out of range; the message names it and the range.
    """

    def __init__(self, batch_size: int, seed: int, workers: int, train_limit: int | None) -> None:
        super().__init__(batch_size, seed, workers)
        if train_limit is not None:
            check_at_least(1, train_limit=train_limit)
        self.train_limit = train_limit

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes, by label."""
        raise NotImplementedError

    @property
    def settings(self) -> dict[str, Any]:
        """Arguments that fix classes, inputs and evaluation sets: `Module(root=…, **settings)`."""
        raise NotImplementedError

    def make_sets(self, names: Sequence[SetName]) -> dict[SetName, Dataset[Batch]]:
        """These sets, and others that cost nothing more; "calibration" has the training images as they are.

        Raises:
            OSError, ValueError: the images are missing or damaged, or those to test on where there are some to train
                on: a run that trains should not fail after that.
        """
        raise NotImplementedError

    def setup(self, stage: str | None = None) -> None:
        """Make the sets of a stage ("fit", "validate" or "test"; None: all); call `prepare_data` before."""
        needed = [name for name in SETS_OF_STAGE[stage] if name not in self._sets]
        if needed:
            self._sets |= self.make_sets(needed)


def fixed_order(count: int) -> NDArray[np.int64]:
    """A permutation of 0 ... count - 1, always the same one for a count."""
    return np.argsort(uniform(SUBSET_SEED, SUBSET, 0, np.arange(count), draws=1)[0])
