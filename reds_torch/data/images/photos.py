"""Photographs in files: decoded, cut out and resized one by one, cropped and flipped at random for training."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch.utils.data import Dataset

from ..datasets import Batch
from ..sampling import AUGMENTATION, uniform
from .arrays import Normalisation

# Left, top, right and bottom of a part of an image, as shares of its width and height.
Box = tuple[float, float, float, float]
WHOLE: Box = (0.0, 0.0, 1.0, 1.0)

# Width / height of a random crop: between this and its inverse (Szegedy et al., arXiv 1409.4842, section 6).
NARROWEST_CROP = 3 / 4

SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".webp", ".gif", ".tif", ".tiff", ".ppm", ".pgm")


@dataclass(frozen=True)
class PhotoSettings:
    """How a photograph becomes an input.

    Attributes:
        size: height and width of the input.
        centre: side of the square in the middle that is evaluated, as a share of the shorter side; None takes
            the whole image, squeezed into a square.
        smallest_crop: training crops have at least this share of the image's area.
        normalisation: of the channels.

    Raises:
        ValueError: a setting is out of range; the message names it and the range.
    """

    size: int
    centre: float | None
    smallest_crop: float
    normalisation: Normalisation

    def __post_init__(self) -> None:
        if self.size < 1:
            raise ValueError(f"size must be at least 1 pixel, not {self.size}")
        for name, share in (("centre", self.centre), ("smallest_crop", self.smallest_crop)):
            if share is not None and not 0 < share <= 1:
                raise ValueError(f"{name} is a share: above 0 and up to 1, not {share}")
        if len(self.normalisation.mean) != 3 or len(self.normalisation.std) != 3:
            raise ValueError("mean and std need three numbers, for red, green and blue")
        if min(self.normalisation.std) <= 0:
            raise ValueError(f"std must be positive, not {list(self.normalisation.std)}")


class CleanPhotos(Dataset[Batch]):
    """Photographs as they are evaluated.

    Args:
        paths: their files.
        labels: (n,) classes.
        settings: how they become inputs.
    """

    def __init__(self, paths: Sequence[Path], labels: NDArray[np.int64], settings: PhotoSettings) -> None:
        self.paths = np.array([str(path) for path in paths])  # copied to workers as one block
        self.labels = labels
        self.settings = settings

    def __len__(self) -> int:
        return len(self.paths)

    def __getitems__(self, pairs: Sequence[tuple[int, int]]) -> Batch:
        """Images (B, 3, size, size) and labels (B,)."""
        epochs, index = np.array(pairs).T
        pixels = self.pixels(epochs, index)
        channels_first = torch.from_numpy(pixels.transpose(0, 3, 1, 2).copy())
        return self.settings.normalisation(channels_first), torch.from_numpy(self.labels[index])

    def pixels(self, epochs: NDArray[np.int64], index: NDArray[np.int64]) -> NDArray[np.uint8]:
        """(B, size, size, 3) bytes of these photographs in these epochs."""
        centre = self.settings.centre

        def frame(width: int, height: int) -> Box:
            return WHOLE if centre is None else central_square(width, height, centre)

        return np.stack([read_photo(self.paths[i], self.settings.size, frame) for i in index])


class AugmentedPhotos(CleanPhotos):
    """Photographs that are cropped and mirrored anew in each epoch, as a function of (seed, epoch, index).

    Args:
        paths, labels, settings: as for `CleanPhotos`.
        seed: the run's.
    """

    def __init__(self, paths: Sequence[Path], labels: NDArray[np.int64], settings: PhotoSettings, seed: int) -> None:
        super().__init__(paths, labels, settings)
        self.seed = seed

    def pixels(self, epochs: NDArray[np.int64], index: NDArray[np.int64]) -> NDArray[np.uint8]:
        """(B, size, size, 3) bytes of these photographs in these epochs."""
        crops = uniform(self.seed, AUGMENTATION, epochs, index, draws=5).T
        size, smallest = self.settings.size, self.settings.smallest_crop
        photos = []
        for i, (*draws, mirror) in zip(index, crops.tolist(), strict=True):
            frame = partial(random_crop, draws=draws, smallest=smallest)
            photo = read_photo(self.paths[i], size, frame)
            photos.append(photo[:, ::-1] if mirror < 0.5 else photo)
        return np.stack(photos)


def read_photo(path: str, size: int, frame: Callable[[int, int], Box]) -> NDArray[np.uint8]:
    """Decode a photograph and resize the part that `frame(width, height)` names: (size, size, 3) bytes.

    Raises:
        ValueError: the file is no image, or damaged.
    """
    try:
        with Image.open(path) as image:
            left, top, right, bottom = frame(*image.size)
            # A JPEG can be decoded at a half, a quarter, ... of its size, which is several times faster.
            image.draft("RGB", (math.ceil(size / (right - left)), math.ceil(size / (bottom - top))))
            width, height = image.size
            box = (left * width, top * height, min(right * width, width), min(bottom * height, height))
            return np.asarray(image.convert("RGB").resize((size, size), Image.Resampling.BILINEAR, box))
    except (OSError, SyntaxError, Image.DecompressionBombError) as error:  # SyntaxError: a damaged PNG
        raise ValueError(f"{path} is no readable image ({error}): repair or remove it") from error


def central_square(width: int, height: int, share: float) -> Box:
    """The square in the middle whose side is this share of the shorter side."""
    side = share * min(width, height)
    x, y = side / width / 2, side / height / 2
    return (0.5 - x, 0.5 - y, 0.5 + x, 0.5 + y)


def random_crop(width: int, height: int, draws: Sequence[float], smallest: float) -> Box:
    """A crop of random area, shape and place.

    Args:
        width, height: of the image.
        draws: four uniform random numbers in [0, 1): for area, width / height, and place across and down.
        smallest: share of the image's area that a crop has at least; where its shape doesn't fit into the
            image, it is narrowed.
    """
    area = (smallest + (1 - smallest) * draws[0]) * width * height
    aspect = math.exp((2 * draws[1] - 1) * math.log(NARROWEST_CROP))
    across = min(math.sqrt(area * aspect) / width, 1)
    down = min(math.sqrt(area / aspect) / height, 1)
    left, top = (1 - across) * draws[2], (1 - down) * draws[3]
    return (left, top, left + across, top + down)
