"""Where a training step's activations lie: what makes convolutions and allocations fast on a CPU."""

from __future__ import annotations

import ctypes
import sys

import torch
from torch import nn

# glibc's malloc.h
_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3


def keep_freed_memory() -> None:
    """Let the process keep the memory that one step frees for the next one.

    The activations of all subnetworks live until the backward pass, and then so much is freed at once that glibc
    gives it back to the system, which hands it out anew, page by page, in the next step: 15 to 20 % of the time of a
    convolutional step. Elsewhere than under glibc nothing is done.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if sys.platform == "linux" else None
    if mallopt is not None:
        mallopt(_TRIM_THRESHOLD, 2**31 - 1)
        mallopt(_MMAP_THRESHOLD, 2**30)


def convolution_format(model: nn.Module) -> torch.memory_format:
    """The faster order of a convolution's axes: channels last where there are depth-wise layers.

    A step of DS-CNN S takes three quarters of the time then, one of CNN S, whose only input channel is not worth it,
    half as long again.
    """
    depthwise = any(isinstance(m, nn.Conv2d) and m.groups == m.in_channels > 1 for m in model.modules())
    return torch.channels_last if depthwise else torch.contiguous_format
