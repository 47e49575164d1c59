"""A folder of recordings as memory-mapped arrays, made once and kept in the user's cache folder.

Decoding a hundred small files takes longer than a training step; a gather from one mapped array doesn't,
and leaves it to the operating system how much of the 3.4 GB of Speech Commands stays in memory.
"""

import contextlib
import errno
import fcntl
import hashlib
import json
import logging
import math
import os
import shutil
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from numpy.lib.format import open_memmap
from numpy.typing import NDArray
from rich.progress import track

from ...system.atomic import replacing
from .audio import FULL_SCALE, UnreadableRecordingError, read_recording
from .features import CLIP_SAMPLES, MFCC, FeatureSettings
from .listing import Listing

log = logging.getLogger(__name__)

Cached = TypeVar("Cached")

# What reading a damaged cache may end in.
DAMAGE = (OSError, ValueError, KeyError, TypeError)

# Raise it when the arrays' layout or meaning changes.
FORMAT = 1

# Rows of the audio array: zeros before the first and after the last clip let a shifted window be gathered
# from the flat array without leaving it; a further row of zeros is the clip of silence.
SILENCE_ROW = 1
FIRST_CLIP_ROW = 2
EXTRA_ROWS = 3


class MappedArray:
    """A `.npy` file mapped into memory, writable in memory only; it is pickled as its path.

    Raises:
        OSError, ValueError: there is no such file, or it is damaged.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.array: NDArray[Any] = np.load(path, mmap_mode="c", allow_pickle=False)

    def __reduce__(self) -> tuple[type, tuple[Path]]:
        return MappedArray, (self.path,)


@dataclass(frozen=True)
class AudioCache:
    """The recordings of a folder.

    Attributes:
        folder: where the arrays lie.
        rows: the row of each clip in `audio`, by its name in the folder (`word/name.wav`).
        audio: (rows, CLIP_SAMPLES) 16-bit samples; shorter clips end in zeros, longer ones are cut.
        noise: (samples,) 16-bit samples of all background recordings, one after the other.
        noise_spans: (start, length) of each background recording in `noise`.
    """

    folder: Path
    rows: dict[str, int]
    audio: MappedArray
    noise: MappedArray
    noise_spans: tuple[tuple[int, int], ...]

    @classmethod
    def open(cls, folder: Path) -> "AudioCache":
        """Open a finished cache.

        Raises:
            FileNotFoundError: there is none.
            OSError, ValueError, KeyError, TypeError: it is damaged.
        """
        index = json.loads((folder / "index.json").read_text())
        audio, noise = MappedArray(folder / "audio.npy"), MappedArray(folder / "noise.npy")
        rows = {clip: FIRST_CLIP_ROW + position for position, clip in enumerate(index["clips"])}
        spans = tuple((int(start), int(length)) for start, length in index["noise"])
        _check(audio, np.int16, (len(rows) + EXTRA_ROWS, CLIP_SAMPLES))
        _check(noise, np.int16, (sum(length for _, length in spans),))
        return cls(folder, rows, audio, noise, spans)


def user_cache() -> Path:
    """This project's folder for what can be made or fetched again."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "reds-torch"


def open_audio(root: Path, cache: Path) -> AudioCache:
    """Open the cache of a folder of recordings; make it first where it is missing, damaged or out of date.

    Args:
        root: the folder of recordings.
        cache: the folder that holds the caches of all such folders.

    Raises:
        ValueError: some recordings can't be used; the message names them.
        OSError: the cache folder is full or can't be written.
    """
    listing = Listing.of(root)
    home = cache / f"{root.name}-{hashlib.sha256(bytes(root.resolve())).hexdigest()[:12]}"
    folder = home / f"{FORMAT}-{listing.fingerprint}"

    def make() -> None:
        # What else lies here is of an earlier state of the folder, damaged, or was never finished.
        for stale in filter(Path.is_dir, list(home.iterdir())):
            shutil.rmtree(stale)
        partial = folder.with_suffix(".partial")
        partial.mkdir()
        _write_audio(listing, partial)
        partial.rename(folder)

    return _open_or_make(lambda: AudioCache.open(folder), make, home)


def open_features(audio: AudioCache, settings: FeatureSettings) -> MappedArray:
    """Open the features (rows, frames, coefficients) of all rows of an audio cache, unchanged clips; make
    them first where they are missing or damaged.
    """
    key = f"{settings.window_ms}-{settings.stride_ms}-{settings.coefficients}"
    path = audio.folder / f"features-{key}.npy"
    shape = (len(audio.audio.array), settings.frames, settings.coefficients)

    def load() -> MappedArray:
        return _check(MappedArray(path), np.float32, shape)

    def make() -> None:
        # In float64: these are computed once, so they may as well be exact.
        mfcc = MFCC(settings, torch.float64)
        with replacing(path) as temporary:
            features = open_memmap(temporary, mode="w+", dtype=np.float32, shape=shape)
            blocks = [slice(start, start + 200) for start in range(0, len(features), 200)]
            for block in track(blocks, "computing features", transient=True):
                clips = torch.from_numpy(audio.audio.array[block].astype(np.float64) / FULL_SCALE)
                features[block] = mfcc(clips).numpy()
            features.flush()

    return _open_or_make(load, make, audio.folder)


def _open_or_make(load: Callable[[], Cached], make: Callable[[], None], home: Path) -> Cached:
    """Load what is there; where it is missing or damaged, make it, in one process at a time."""
    try:
        return load()
    except FileNotFoundError:
        pass
    except DAMAGE as error:
        log.warning("the cache in %s is damaged (%s): making it again", home, error)
    home.mkdir(parents=True, exist_ok=True)
    with (home / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with contextlib.suppress(*DAMAGE):
            return load()  # another process has made it meanwhile
        make()
        return load()


def _check(mapped: MappedArray, dtype: type, shape: tuple[int, ...]) -> MappedArray:
    array = mapped.array
    if array.dtype != dtype or array.shape != shape:
        raise ValueError(f"{mapped.path} holds {array.dtype} {array.shape} instead of {np.dtype(dtype)} {shape}")
    return mapped


def _write_audio(listing: Listing, folder: Path) -> None:
    """Decode all recordings of a listing into arrays in a folder."""
    shape = (len(listing.clips) + EXTRA_ROWS, CLIP_SAMPLES)
    needed = 2 * math.prod(shape)
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise OSError(
            errno.ENOSPC,
            f"the cache of {listing.root} takes {needed / 1e9:.1f} GB, {free / 1e9:.1f} GB are free: make "
            "room, or choose another folder with data.cache=PATH",
            str(folder),
        )
    audio = open_memmap(folder / "audio.npy", mode="w+", dtype=np.int16, shape=shape)

    def decode(position: int) -> tuple[str, ...] | UnreadableRecordingError:
        try:
            recording = read_recording(listing.root / listing.clips[position])
        except UnreadableRecordingError as error:
            return error
        samples = recording.samples[:CLIP_SAMPLES]
        audio[FIRST_CLIP_ROW + position, : len(samples)] = samples
        cut = ("longer than a second: cut",) if len(recording.samples) > CLIP_SAMPLES else ()
        return recording.changes + cut

    with ThreadPoolExecutor() as pool:
        outcomes = pool.map(decode, range(len(listing.clips)))
        described = track(outcomes, f"reading {listing.root.name}", len(listing.clips), transient=True)
        _report(listing.clips, list(described))
    noise = [_read_noise(listing.root / name) for name in listing.noise]
    lengths = [len(samples) for samples in noise]
    starts = [sum(lengths[:position]) for position in range(len(lengths))]
    audio.flush()
    np.save(folder / "noise.npy", np.concatenate([np.zeros(0, np.int16), *noise]))
    index = {"clips": listing.clips, "noise": list(zip(starts, lengths, strict=True))}
    (folder / "index.json").write_text(json.dumps(index))


def _read_noise(path: Path) -> NDArray[np.int16]:
    samples = read_recording(path).samples
    if len(samples) < CLIP_SAMPLES:
        raise UnreadableRecordingError(f"{path}: background noise must last at least a second")
    return samples


def _report(clips: Sequence[str], outcomes: Sequence[tuple[str, ...] | UnreadableRecordingError]) -> None:
    """Warn of what was changed, once for each kind of change; refuse what couldn't be read."""
    errors = [str(outcome) for outcome in outcomes if isinstance(outcome, UnreadableRecordingError)]
    if errors:
        more = f"\n... and {len(errors) - 5} more" if len(errors) > 5 else ""
        raise UnreadableRecordingError(
            f"{len(errors)} of {len(clips)} clips can't be used: repair or remove\n" + "\n".join(errors[:5]) + more
        )
    changed: dict[str, list[str]] = {}
    for clip, changes in zip(clips, outcomes, strict=True):
        for change in changes:  # type: ignore[union-attr]  # errors have been raised above
            changed.setdefault(change, []).append(clip)
    for change, names in changed.items():
        log.warning("%d clips were %s (the first: %s)", len(names), change, names[0])
