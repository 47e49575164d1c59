"""Fashion-MNIST and CIFAR-10, through torchvision's data sets."""

from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.data import Dataset

from ...system.optional import needed
from ..checks import check_at_least
from ..datasets import Batch
from ..download import DownloadError
from ..epoch_module import SetName
from ..speech.cache import user_cache
from .arrays import AugmentedImages, CleanImages, Normalisation
from .idx import read_idx
from .image_module import ImageModule, fixed_order

Labelled = tuple[NDArray[np.uint8], NDArray[np.int64]]  # (n, C, H, W) images, (n,) classes


def _datasets() -> ModuleType:
    return needed("torchvision.datasets", "reading or downloading these images", "pip install 'reds-torch[images]'")


class SmallImages(ImageModule):
    """Images that fit into memory: subclasses say where they come from.

    Args:
        root: the folder of the data; by default one in the user's cache. What is missing there is downloaded
            and its checksum compared.
        batch_size: images per batch.
        validation: how many training images are held out for validation, always the same ones.
        train_limit: train on so many of the other training images only, the same ones for every seed.
        padding: training images are shifted by up to so many pixels, either way.
        flip: whether every other training image is mirrored.
        seed: fixes the order and the variations.
        download: whether missing data may be downloaded.
        workers: processes that prepare batches; 0 prepares them in the training process.

    Raises:
        ValueError: a setting is out of range; the message names it and the range.
    """

    # of each subclass
    folder: str
    names: tuple[str, ...]
    shape: tuple[int, int, int]
    normalisation: Normalisation
    train_images: int

    def __init__(
        self,
        *,
        root: str | None = None,
        batch_size: int = 100,
        validation: int = 5000,
        train_limit: int | None = None,
        padding: int = 2,
        flip: bool = True,
        seed: int = 0,
        download: bool = True,
        workers: int = 0,
    ) -> None:
        super().__init__(batch_size, seed, workers, train_limit)
        check_at_least(0, padding=padding)
        if not 1 <= validation < self.train_images:
            raise ValueError(f"validation must lie in 1 ... {self.train_images - 1}, not be {validation}")
        self.root = Path(root).expanduser() if root else user_cache() / self.folder
        self.validation = validation
        self.padding = padding
        self.flip = flip
        self.download = download

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes, by label."""
        return self.names

    @property
    def input_shape(self) -> tuple[int, ...]:
        """Shape of one image: (channels, height, width)."""
        return self.shape

    @property
    def settings(self) -> dict[str, Any]:
        """Arguments that fix classes, inputs and evaluation sets: `Module(root=…, **settings)`."""
        return {"validation": self.validation}

    def read(self, train: bool) -> Labelled:
        """The original training or test images.

        Raises:
            OSError, ValueError: they are missing or damaged.
        """
        raise NotImplementedError

    def make_sets(self, names: Sequence[SetName]) -> dict[SetName, Dataset[Batch]]:
        """Hold out the validation images and limit the others."""
        sets: dict[SetName, Dataset[Batch]] = {}
        training = bool({*names} & {"train", "calibration"})
        if training or "val" in names:
            pixels, labels = (torch.from_numpy(array) for array in self.read(train=True))
            if len(pixels) <= self.validation:
                raise ValueError(
                    f"{self.root} holds {len(pixels)} training images: validation={self.validation} leaves none"
                )
            order = torch.from_numpy(fixed_order(len(pixels)))
            held_out, kept = order[: self.validation], order[self.validation :][: self.train_limit]
            sets["val"] = CleanImages(pixels[held_out], labels[held_out], self.normalisation)
            if training:
                train = pixels[kept], labels[kept], self.normalisation
                sets["calibration"] = CleanImages(*train)
                sets["train"] = AugmentedImages(*train, padding=self.padding, flip=self.flip, seed=self.seed)
        if training or "test" in names:
            pixels, labels = (torch.from_numpy(array) for array in self.read(train=False))
            sets["test"] = CleanImages(pixels, labels, self.normalisation)
        return sets

    def fetch(self, dataset: Callable[..., object], source: str) -> None:
        """Let a data set of torchvision download its files to the root.

        Raises:
            FileNotFoundError: nothing may be downloaded.
            DownloadError: the download failed.
        """
        choices = f"Choose: data.root=PATH, the folder that holds {source}; or fetch them elsewhere and copy them"
        if not self.download:
            raise FileNotFoundError(f"there are no images in {self.root} and data.download is off. {choices}")
        try:
            dataset(self.root, download=True)
        except (OSError, RuntimeError) as error:  # torchvision raises both
            raise DownloadError(
                f"there are no images in {self.root}, and they can't be downloaded ({error}). {choices}"
            ) from error


class FashionMNIST(SmallImages):
    """Zalando's pictures of clothes, 28 x 28 in grey (Xiao et al., arXiv 1708.07747)."""

    folder = "fashion_mnist"
    names = (
        "t-shirt",
        "trouser",
        "pullover",
        "dress",
        "coat",
        "sandal",
        "shirt",
        "sneaker",
        "bag",
        "ankle boot",
    )
    shape = (1, 28, 28)
    normalisation = Normalisation((0.2860,), (0.3530,))
    train_images = 60_000

    def prepare_data(self) -> None:
        """Download the four files where they are missing; errors as `fetch`'s."""
        try:
            for train in (True, False):
                self._files(train)
        except FileNotFoundError:
            self.fetch(_datasets().FashionMNIST, "the four files *-ubyte.gz of Fashion-MNIST")

    def read(self, train: bool) -> Labelled:
        """The original training or test images."""
        images, labels = map(read_idx, self._files(train))
        if images.ndim != 3 or len(images) != len(labels) or images.shape[1:] != self.shape[1:]:
            raise ValueError(f"{self.root} holds images {images.shape} for {len(labels)} labels: not Fashion-MNIST")
        return images[:, None].copy(), labels.astype(np.int64)

    def _files(self, train: bool) -> tuple[Path, Path]:
        """Images and labels: in the root, or where torchvision puts them; packed or not."""
        part = "train" if train else "t10k"

        def find(name: str) -> Path:
            for folder in (self.root, self.root / "FashionMNIST" / "raw"):
                for path in (folder / name, folder / f"{name}.gz"):
                    if path.is_file():
                        return path
            raise FileNotFoundError(f"there is no {name}[.gz] in {self.root}")

        return find(f"{part}-images-idx3-ubyte"), find(f"{part}-labels-idx1-ubyte")


class CIFAR10(SmallImages):
    """Photographs of animals and vehicles, 32 x 32 in colour (Krizhevsky, 2009)."""

    folder = "cifar10"
    names = (
        "airplane",
        "automobile",
        "bird",
        "cat",
        "deer",
        "dog",
        "frog",
        "horse",
        "ship",
        "truck",
    )
    shape = (3, 32, 32)
    normalisation = Normalisation((0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616))
    train_images = 50_000

    def prepare_data(self) -> None:
        """Download and unpack the archive where it is missing; errors as `fetch`'s."""
        if not (self.root / "cifar-10-batches-py").is_dir():
            self.fetch(_datasets().CIFAR10, "the folder cifar-10-batches-py")

    def read(self, train: bool) -> Labelled:
        """The original training or test images."""
        try:
            images = _datasets().CIFAR10(self.root, train=train)
        except RuntimeError as error:
            raise ValueError(
                f"{self.root} holds no complete cifar-10-batches-py: remove it to download it again"
            ) from error
        return images.data.transpose(0, 3, 1, 2).copy(), np.array(images.targets)
