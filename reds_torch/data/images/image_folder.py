"""Photographs in a folder for each class: one's own, or ImageNet's."""

from collections.abc import Collection, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from rich.progress import track

from ..splits import SPLITS, Split, split_by_hash
from .arrays import Normalisation
from .photo_module import Photographs, PhotoModule, given_folder
from .photos import SUFFIXES, PhotoSettings

# of ImageNet's training images, as torchvision and timm give them
IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)


class ImageFolder(PhotoModule):
    """Photographs as batches (B, 3, size, size) and classes (B,): a class is a folder of images.

    The root holds either the folders `train`, `val` and, if there is one, `test`, each with a folder for each
    class; without `test`, `val` is tested on, as is the custom with ImageNet. Or it holds the folders of the
    classes, whose images are split by a hash of their names: about 80 % for training, 10 % for validation
    and 10 % for test.

    Training images are cropped at random and every other one is mirrored, as a function of (seed, epoch,
    image). For evaluation the square in the middle is taken. Either is resized to size x size pixels.

    Args:
        root: the folder.
        size: height and width of the inputs in pixels.
        batch_size: images per batch.
        train_limit: train on so many images only, the same ones for every seed.
        smallest_crop: training crops have at least this share of the image's area.
        centre: side of the square that is evaluated, as a share of the image's shorter side.
        mean: of each channel, of values in 0 ... 1.
        std: standard deviation of each channel.
        seed: fixes the order and the variations.
        workers: processes that decode images; 0 decodes them in the training process.

    Raises:
        ValueError: a setting is out of range; the message names it and the range.
    """

    def __init__(
        self,
        *,
        root: str | None = None,
        size: int = 224,
        batch_size: int = 100,
        train_limit: int | None = None,
        smallest_crop: float = 0.08,
        centre: float = 0.875,
        mean: Sequence[float] = IMAGENET_MEAN,
        std: Sequence[float] = IMAGENET_STD,
        seed: int = 0,
        workers: int = 0,
    ) -> None:
        self.root = given_folder(root, _LAYOUT)
        normalisation = Normalisation(tuple(mean), tuple(std))
        photos = PhotoSettings(size, centre, smallest_crop, normalisation)
        super().__init__(photos, batch_size=batch_size, seed=seed, workers=workers, train_limit=train_limit)

    @property
    def settings(self) -> dict[str, Any]:
        """Arguments that fix classes, inputs and evaluation sets: `ImageFolder(root=…, **settings)`."""
        normalisation = self.photos.normalisation
        return {
            "size": self.photos.size,
            "centre": self.photos.centre,
            "mean": list(normalisation.mean),
            "std": list(normalisation.std),
        }

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes, by label: those of the folders, sorted."""
        return self._classes

    @cached_property
    def _classes(self) -> tuple[str, ...]:
        if not self.root.is_dir():
            raise FileNotFoundError(f"data.root: {self.root} is no folder; give {_LAYOUT}")
        folder = self.root / "train" if self._is_split else self.root
        classes = tuple(sorted(entry.name for entry in folder.iterdir() if _is_class(entry)))
        if len(classes) < 2:
            raise ValueError(f"{folder} holds {len(classes)} folders of images, at least 2 are needed; give {_LAYOUT}")
        return classes

    @property
    def _is_split(self) -> bool:
        return (self.root / "train").is_dir()

    def prepare_data(self) -> None:
        """Nothing to prepare: images are decoded when they are needed."""

    def list_photos(self, splits: Collection[Split]) -> dict[Split, Photographs]:
        """The files and classes of these sets."""
        listed: dict[Split, Photographs] = {split: [] for split in splits}
        if self._is_split:
            if not (self.root / "val").is_dir():
                raise ValueError(f"{self.root} has a folder train, but no folder val; give {_LAYOUT}")
            for split in splits:
                there = split != "test" or (self.root / "test").is_dir()
                listed[split] = self._list(self.root / (split if there else "val"))
        else:
            for path, label in self._list(self.root):
                listed.setdefault(split_by_hash(path.name), []).append((path, label))
        if empty := [split for split in SPLITS if split in splits and not listed[split]]:
            raise ValueError(f"{self.root} leaves no images for {' and '.join(empty)}; give {_LAYOUT}")
        return listed

    def _list(self, folder: Path) -> Photographs:
        there = {entry.name for entry in folder.iterdir() if _is_class(entry)}
        if strange := there ^ {*self.classes}:
            raise ValueError(
                f"{folder} must have the folders of {self.root / 'train'}; it differs by {', '.join(sorted(strange))}"
            )
        return [
            (path, label)
            for label, name in enumerate(track(self.classes, f"listing {folder.name}", transient=True))
            for path in sorted((folder / name).iterdir())
            if path.suffix.lower() in SUFFIXES and not path.name.startswith(".")
        ]


_LAYOUT = (
    "a folder with <class>/<image>, or with train/<class>/<image> and val/<class>/<image>, "
    f"images as {', '.join(SUFFIXES)}"
)


def _is_class(entry: Path) -> bool:
    return entry.is_dir() and not entry.name.startswith(".")
