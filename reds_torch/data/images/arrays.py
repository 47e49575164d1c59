"""Small images that lie in memory as a whole: batches of them, cropped and flipped at random for training."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset

from ..datasets import Batch
from ..sampling import AUGMENTATION, uniform


@dataclass(frozen=True)
class Normalisation:
    """Mean and standard deviation of each channel, of values in 0 ... 1."""

    mean: tuple[float, ...]
    std: tuple[float, ...]

    def __call__(self, pixels: Tensor) -> Tensor:
        """(B, C, H, W) bytes to float32 of about zero mean and unit variance."""
        scale = torch.tensor([1 / (255 * std) for std in self.std]).view(1, -1, 1, 1)
        offset = torch.tensor([mean / std for mean, std in zip(self.mean, self.std, strict=True)])
        return pixels.float().mul_(scale).sub_(offset.view(1, -1, 1, 1))


class CleanImages(Dataset[Batch]):
    """Images as they are.

    Args:
        pixels: (n, C, H, W) bytes.
        labels: (n,) classes.
        normalisation: of the channels.
    """

    def __init__(self, pixels: Tensor, labels: Tensor, normalisation: Normalisation) -> None:
        self.pixels = pixels
        self.labels = labels
        self.normalisation = normalisation

    def __len__(self) -> int:
        return len(self.pixels)

    def __getitems__(self, pairs: Sequence[tuple[int, int]]) -> Batch:
        """Images (B, C, H, W) and labels (B,)."""
        index = torch.tensor(pairs)[:, 1]
        return self.normalisation(self.pixels[index]), self.labels[index]


class AugmentedImages(CleanImages):
    """Images that are shifted and flipped anew in each epoch, as a function of (seed, epoch, index).

    Args:
        pixels, labels, normalisation: as for `CleanImages`.
        padding: images are shifted by up to so many pixels, either way; the gap is black.
        flip: whether every other image is mirrored.
        seed: the run's.
    """

    def __init__(
        self,
        pixels: Tensor,
        labels: Tensor,
        normalisation: Normalisation,
        *,
        padding: int,
        flip: bool,
        seed: int,
    ) -> None:
        super().__init__(pixels, labels, normalisation)
        self.padding = padding
        self.flip = flip
        self.seed = seed

    def __getitems__(self, pairs: Sequence[tuple[int, int]]) -> Batch:
        """Images (B, C, H, W) and labels (B,)."""
        epochs, index = np.array(pairs).T
        vertical, horizontal, mirror = uniform(self.seed, AUGMENTATION, epochs, index, draws=3)
        places = 2 * self.padding + 1
        top, left = (np.floor(draw * places).astype(np.int64) for draw in (vertical, horizontal))
        flipped = (mirror < 0.5) & self.flip
        moved = crop_and_flip(self.pixels[torch.from_numpy(index)], self.padding, top, left, flipped)
        return self.normalisation(moved), self.labels[torch.from_numpy(index)]


def crop_and_flip(
    pixels: Tensor,
    padding: int,
    top: NDArray[np.int64],
    left: NDArray[np.int64],
    flipped: NDArray[np.bool_],
) -> Tensor:
    """Surround images with zeros, cut their own size out of that at places (top, left), and mirror some.

    Args:
        pixels: (B, C, H, W).
        padding: rows and columns of zeros on every side.
        top: (B,) the first row of the cut, 0 ... 2 * padding.
        left: (B,) its first column.
        flipped: (B,) which cuts are mirrored from left to right.

    Returns:
        (B, C, H, W)
    """
    _, channels, height, width = pixels.shape
    padded = F.pad(pixels, (padding,) * 4)
    rows = top[:, None] + np.arange(height)
    columns = np.arange(width)
    columns = left[:, None] + np.where(flipped[:, None], columns[::-1], columns)
    places = torch.from_numpy(rows[:, :, None] * padded.shape[3] + columns[:, None, :]).flatten(1)
    cut = padded.flatten(2).gather(2, places[:, None].expand(-1, channels, -1))
    return cut.view(pixels.shape)
