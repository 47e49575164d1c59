"""What a folder in the Google Speech Commands layout holds.

<root>/<word>/<speaker>_nohash_<n>.wav    clips, WAV or FLAC
<root>/_background_noise_/*.wav           longer recordings of noise
"""

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

from .audio import SUFFIXES

BACKGROUND = "_background_noise_"


@dataclass(frozen=True)
class Listing:
    """The recordings of a folder, by name, without a look inside.

    Attributes:
        root: the folder.
        clips: names of the clips, `word/name.wav`, sorted.
        noise: names of the background recordings, `_background_noise_/name.wav`, sorted.
        fingerprint: changes when a recording is added, removed, renamed, resized or rewritten.
    """

    root: Path
    clips: tuple[str, ...]
    noise: tuple[str, ...]
    fingerprint: str

    @classmethod
    def of(cls, root: Path) -> "Listing":
        """List a folder.

        Raises:
            ValueError: it holds no clips.
            OSError: it can't be read.
        """
        recordings = []
        for folder in os.scandir(root):
            if not folder.is_dir() or folder.name.startswith("."):
                continue
            for file in os.scandir(folder):
                if file.name.lower().endswith(SUFFIXES) and not file.name.startswith(".") and file.is_file():
                    status = file.stat()
                    recordings.append((f"{folder.name}/{file.name}", status.st_size, status.st_mtime_ns))
        recordings.sort()
        names = [name for name, _, _ in recordings]
        noise = tuple(name for name in names if name.startswith(f"{BACKGROUND}/"))
        clips = tuple(name for name in names if not name.startswith(f"{BACKGROUND}/"))
        if not clips:
            raise ValueError(
                f"{root} holds no clips: there should be <word>/<name>.wav or .flac, as in Speech Commands"
            )
        fingerprint = hashlib.sha256(repr(recordings).encode()).hexdigest()[:16]
        return cls(root, clips, noise, fingerprint)
