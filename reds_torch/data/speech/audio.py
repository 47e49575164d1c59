"""Reading recordings as 16 kHz mono."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ...system.optional import needed
from .features import SAMPLE_RATE
from .resampling import resampled

SUFFIXES = (".wav", ".flac")
FULL_SCALE = 32768  # of 16-bit samples


class UnreadableRecordingError(ValueError):
    """A file is no recording that can be used; the message names the file and says why."""


@dataclass(frozen=True)
class Recording:
    """A recording as 16 kHz mono.

    Attributes:
        samples: (n,) 16-bit samples.
        changes: what had to be done to the file's samples, in words; empty for 16-bit 16 kHz mono.
    """

    samples: NDArray[np.int16]
    changes: tuple[str, ...] = ()


def read_recording(path: Path) -> Recording:
    """Read a WAV or FLAC file; channels are averaged, other sample rates resampled to 16 kHz.

    Raises:
        UnreadableRecordingError: the file is damaged, holds no samples, or samples that aren't finite.
        MissingPackageError: there is no soundfile, or the rate is another and there is no torchaudio.
    """
    soundfile = needed("soundfile", "reading recordings", "pip install soundfile")
    try:
        # As float: libsndfile doesn't scale floating-point files when it is asked for integers.
        channels, rate = soundfile.read(path, dtype="float32", always_2d=True)
    except (soundfile.SoundFileError, OSError) as error:
        raise UnreadableRecordingError(f"{path}: not a readable WAV or FLAC file ({error})") from error
    if not len(channels):
        raise UnreadableRecordingError(f"{path}: holds no samples")
    if not np.isfinite(channels).all():
        raise UnreadableRecordingError(f"{path}: holds samples that aren't finite numbers")
    changes = []
    if channels.shape[1] > 1:
        changes.append(f"{channels.shape[1]} channels averaged to one")
    samples = channels.mean(axis=1)
    if rate != SAMPLE_RATE:
        changes.append(f"resampled from {rate} Hz to {SAMPLE_RATE} Hz")
        samples = resampled(samples, rate, SAMPLE_RATE)
    rounded = np.rint(samples * FULL_SCALE).clip(-FULL_SCALE, FULL_SCALE - 1)
    return Recording(rounded.astype(np.int16), tuple(changes))
