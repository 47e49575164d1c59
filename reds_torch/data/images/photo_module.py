"""What the data modules of photographs have in common."""

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from torch.utils.data import Dataset

from ..datasets import Batch
from ..epoch_module import SetName
from ..splits import Split
from .image_module import ImageModule, fixed_order
from .photos import AugmentedPhotos, CleanPhotos, PhotoSettings

Photographs = list[tuple[Path, int]]  # files and their classes


class PhotoModule(ImageModule):
    """Batches of photographs (B, 3, size, size) and classes (B,); subclasses list the files.

    Args:
        photos: how a photograph becomes an input.
        batch_size, seed, workers, train_limit: as for `ImageModule`.
    """

    def __init__(
        self, photos: PhotoSettings, *, batch_size: int, seed: int, workers: int, train_limit: int | None
    ) -> None:
        super().__init__(batch_size, seed, workers, train_limit)
        self.photos = photos

    @property
    def input_shape(self) -> tuple[int, ...]:
        """Shape of one image: (channels, height, width)."""
        return (3, self.photos.size, self.photos.size)

    @property
    def settings(self) -> dict[str, Any]:
        """Arguments that fix classes, inputs and evaluation sets: `Module(root=…, **settings)`."""
        return {"size": self.photos.size}

    def list_photos(self, splits: Collection[Split]) -> dict[Split, Photographs]:
        """The files and classes of these sets, and of others that cost nothing more.

        Raises:
            OSError, ValueError: they are missing; the message says what should be there.
        """
        raise NotImplementedError

    def make_sets(self, names: Sequence[SetName]) -> dict[SetName, Dataset[Batch]]:
        """List the files and limit those to train on."""
        splits: set[Split] = {"train" if name == "calibration" else name for name in names}
        listed = self.list_photos(splits | {"test"} if "train" in splits else splits)
        if self.train_limit is not None and "train" in listed:
            train = listed["train"]
            listed["train"] = [train[i] for i in sorted(fixed_order(len(train))[: self.train_limit])]
        return {name: self._make_set(name, listed["train" if name == "calibration" else name]) for name in names}

    def _make_set(self, name: SetName, photographs: Photographs) -> CleanPhotos:
        paths = [path for path, _ in photographs]
        labels = np.array([label for _, label in photographs], dtype=np.int64)
        if name == "train":
            return AugmentedPhotos(paths, labels, self.photos, self.seed)
        return CleanPhotos(paths, labels, self.photos)


def given_folder(root: str | None, content: str) -> Path:
    """The folder of the data, which has no default.

    Raises:
        ValueError: none was given.
    """
    if not root:
        raise ValueError(f"root is missing: give data.root=PATH, {content}")
    return Path(root).expanduser()
