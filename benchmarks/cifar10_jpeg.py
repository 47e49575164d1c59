"""CIFAR-10 kept as JPEG files back to back in one .npz: lossy, so accuracies are a little lower than published ones."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from torchvision.io import ImageReadMode, decode_jpeg

from reds_torch.data.images.vision import CIFAR10, Labelled

FILE = "cifar10_jpeg_bytes.npz"


class JpegCIFAR10(CIFAR10):
    """As `CIFAR10`, read from ``root``/cifar10_jpeg_bytes.npz: jpeg_*, offset_* (n + 1 offsets) and y_*."""

    def prepare_data(self) -> None:
        if not (self.root / FILE).is_file():
            raise FileNotFoundError(f"there is no {FILE} in {self.root}: give data.root=PATH")

    def read(self, train: bool) -> Labelled:
        """Decode all images of a set, (n, 3, 32, 32), and their classes."""
        return read_jpegs(self.root / FILE, "train" if train else "test")


def read_jpegs(path: Path, split: str) -> Labelled:
    with np.load(path) as arrays:
        data, offsets, labels = (arrays[f"{kind}_{split}"] for kind in ("jpeg", "offset", "y"))
    images = [
        decode_jpeg(torch.from_numpy(data[start:end].copy()), ImageReadMode.RGB) for start, end in pairwise(offsets)
    ]
    return torch.stack(images).numpy(), labels.astype(np.int64)
