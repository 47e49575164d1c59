"""Data sets that hand out whole batches: what a loader asks for with a list of (epoch, index) pairs."""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset

from .speech.augmentation import Augmentation
from .speech.cache import MappedArray
from .speech.features import MFCC, FeatureSettings

Batch = tuple[Tensor, Tensor]

# Clips are varied in blocks that stay in a core's cache: twice as fast as a batch at once.
BLOCK_CLIPS = 25


class CleanClips(Dataset[Batch]):
    """Cached features of unchanged clips.

    Args:
        features: (rows, frames, coefficients).
        rows: (n,) the row of each clip.
        labels: (n,) its class.
    """

    def __init__(self, features: MappedArray, rows: NDArray[np.int64], labels: NDArray[np.int64]) -> None:
        self.features = features
        self.rows = rows
        self.labels = labels

    def __len__(self) -> int:
        return len(self.rows)

    def __getitems__(self, pairs: Sequence[tuple[int, int]]) -> Batch:
        """Features (B, 1, frames, coefficients) and labels (B,)."""
        index = np.array(pairs)[:, 1]
        features = torch.from_numpy(self.features.array[self.rows[index]])
        return features.unsqueeze(1), torch.from_numpy(self.labels[index])


class AugmentedClips(Dataset[Batch]):
    """Features of clips that are varied anew in each epoch.

    Args:
        augmentation: varies the clips.
        settings: of the features.
        rows: (n,) the row of each clip.
        labels: (n,) its class.
    """

    def __init__(
        self,
        augmentation: Augmentation,
        settings: FeatureSettings,
        rows: NDArray[np.int64],
        labels: NDArray[np.int64],
    ) -> None:
        self.augmentation = augmentation
        self.mfcc = MFCC(settings)
        self.rows = rows
        self.labels = labels

    def __len__(self) -> int:
        return len(self.rows)

    def __getitems__(self, pairs: Sequence[tuple[int, int]]) -> Batch:
        """Features (B, 1, frames, coefficients) and labels (B,)."""
        epochs, index = np.array(pairs).T
        variations = self.augmentation.draw(self.rows[index], epochs, index)
        features = [self.mfcc(self.augmentation.apply(block)) for block in variations.split(BLOCK_CLIPS)]
        return torch.cat(features).unsqueeze(1), torch.from_numpy(self.labels[index])
