"""Time shift and background noise, for a batch of clips at once."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..sampling import AUGMENTATION, uniform
from ..scratch import Scratch
from .audio import FULL_SCALE
from .cache import AudioCache
from .features import CLIP_SAMPLES, SAMPLE_RATE


@dataclass(frozen=True)
class AugmentationSettings:
    """How training clips are varied.

    Attributes:
        noise_probability: share of the clips that get background noise.
        noise_volume: the noise's gain is drawn from 0 up to this.
        time_shift_ms: clips are shifted by up to this, either way; zeros fill the gap.

    Raises:
        ValueError: a setting is out of range; the message names it and the range.
    """

    noise_probability: float = 0.8
    noise_volume: float = 0.1
    time_shift_ms: int = 100

    def __post_init__(self) -> None:
        ranges = {
            "noise_probability": (0, 1),
            "noise_volume": (0, 1),
            "time_shift_ms": (0, CLIP_SAMPLES * 1000 // SAMPLE_RATE),
        }
        for name, (lowest, highest) in ranges.items():
            if not lowest <= getattr(self, name) <= highest:
                raise ValueError(f"{name} must lie in {lowest} ... {highest}, not be {getattr(self, name)}")

    @property
    def noisy(self) -> bool:
        """Whether any clip gets noise."""
        return self.noise_probability > 0 and self.noise_volume > 0


@dataclass(frozen=True)
class Variations:
    """What is to be done to B clips.

    Attributes:
        rows: (B,) the clips' rows in the audio cache.
        shift: (B,) samples by which they are moved, later where positive.
        noise: (B,) where the noise begins in the cache's noise; zeros where there is none.
        gain: (B,) of the noise.
    """

    rows: NDArray[np.int64]
    shift: NDArray[np.int64]
    noise: NDArray[np.int64]
    gain: NDArray[np.float64]

    def split(self, clips: int) -> "Iterator[Variations]":
        """Blocks of so many clips, the last perhaps smaller."""
        for start in range(0, len(self.rows), clips):
            block = slice(start, start + clips)
            yield Variations(self.rows[block], self.shift[block], self.noise[block], self.gain[block])


class Augmentation:
    """Varies the clips of an audio cache; equal (seed, epoch, index) give equal variations.

    Args:
        audio: the recordings.
        settings: the ranges of the variations.
        seed: the run's seed.

    Raises:
        ValueError: noise is asked for and there are no background recordings.
    """

    def __init__(self, audio: AudioCache, settings: AugmentationSettings, seed: int) -> None:
        if settings.noisy and not audio.noise_spans:
            raise ValueError(
                "there are no background recordings (_background_noise_/*.wav or *.flac) for training clips: "
                "add some, each at least a second long, or train without them: data.noise_volume=0"
            )
        self.audio = audio
        self.settings = settings
        self.seed = seed
        self.scratch = Scratch()
        self.noise_spans = np.array(audio.noise_spans, dtype=np.int64).reshape(-1, 2)

    def draw(self, rows: NDArray[np.int64], epoch: NDArray[np.int64], index: NDArray[np.int64]) -> Variations:
        """Draw what is to be done to the clips (B,) of an epoch."""
        where, has_noise, volume, recording, start = uniform(self.seed, AUGMENTATION, epoch, index, draws=5)
        largest = self.settings.time_shift_ms * SAMPLE_RATE // 1000
        shift = np.floor(where * (2 * largest + 1)).astype(np.int64) - largest
        if not self.settings.noisy:
            return Variations(rows, shift, np.zeros_like(rows), np.zeros(len(rows)))
        starts, lengths = self.noise_spans[(recording * len(self.noise_spans)).astype(np.int64)].T
        noise = starts + np.floor(start * (lengths - CLIP_SAMPLES + 1)).astype(np.int64)
        gain = np.where(has_noise < self.settings.noise_probability, volume * self.settings.noise_volume, 0)
        return Variations(rows, shift, noise, gain)

    def apply(self, variations: Variations) -> Tensor:
        """Gather, shift and mix: (B, CLIP_SAMPLES) float32 in [-1, 1], valid until the next call."""
        starts = variations.rows * CLIP_SAMPLES - variations.shift
        clips = self._gather("clips", self.audio.audio.array, starts)
        clear_gaps(clips, variations.shift)
        mixed = self._float("mixed", clips)
        if not self.settings.noisy:
            return mixed.div_(FULL_SCALE)
        noise = self._float("noise", self._gather("noise", self.audio.noise.array, variations.noise))
        gain = torch.from_numpy(variations.gain / FULL_SCALE).float()[:, None]
        return noise.mul_(gain).add_(mixed, alpha=1 / FULL_SCALE).clamp_(-1, 1)

    def _gather(self, name: str, samples: NDArray[np.int16], starts: NDArray[np.int64]) -> Tensor:
        """Copy the one-second stretches that start at places (B,) of an array, read as one recording."""
        flat = torch.from_numpy(samples.reshape(-1))
        stretches = flat.as_strided((len(flat) - CLIP_SAMPLES + 1, CLIP_SAMPLES), (1, 1))
        copies = self.scratch.take(name, (len(starts), CLIP_SAMPLES), flat)
        return torch.index_select(stretches, 0, torch.from_numpy(starts), out=copies)

    def _float(self, name: str, samples: Tensor) -> Tensor:
        return self.scratch.take(name, tuple(samples.shape), samples, torch.float32).copy_(samples)


def clear_gaps(clips: Tensor, shift: NDArray[np.int64]) -> None:
    """Zero, in place, what shifting has brought in from the clips' neighbours.

    Args:
        clips: (B, samples).
        shift: (B,) samples by which each was moved, later where positive.
    """
    largest = int(np.abs(shift).max(initial=0))
    position = torch.arange(largest)
    delay = torch.from_numpy(shift)[:, None]
    clips[:, :largest].masked_fill_(position < delay, 0)
    clips[:, clips.shape[1] - largest :].masked_fill_(position >= largest + delay, 0)
