"""What determines a synthetic data set."""

import hashlib
import json
import re
import unicodedata
from collections.abc import Iterable
from dataclasses import asdict, dataclass

from . import acoustics, backgrounds, voices

OTHER_WORDS = ("bed", "bird", "cat", "dog", "happy", "house", "marvin", "sheila", "tree", "wow")

# To be raised with every change of the sound, so that data in the cache is never taken for today's.
VERSION = 2


@dataclass(frozen=True)
class SpeechSettings:
    """What determines a data set: every speaker says each word `takes` times, each unknown word once."""

    words: tuple[str, ...]
    unknown_words: tuple[str, ...]
    speakers: int = 84
    takes: int = 3
    seed: int = 0

    def __post_init__(self) -> None:
        if not self.words:
            raise ValueError("words is empty: give at least one word")
        seen: set[str] = set()
        for word in self.all_words:
            if not re.fullmatch(r"[^\W_][\w'-]{0,49}", word) or word != unicodedata.normalize("NFC", word):
                raise ValueError(
                    f"{word!r} can't be a word: it names a folder, so it must be 1 to 50 letters, digits, "
                    "apostrophes, hyphens or underscores (spoken as spaces) and start with a letter or digit"
                )
            if word.casefold() in seen:
                raise ValueError(f"{word!r} is given twice among words and unknown_words (case doesn't count)")
            seen.add(word.casefold())
        for name, least in {"speakers": len(voices.LISTS) + 1, "takes": 1, "seed": 0}.items():
            if getattr(self, name) < least:
                raise ValueError(f"{name} must be at least {least}, not {getattr(self, name)}")

    @property
    def all_words(self) -> tuple[str, ...]:
        """The words, then the unknown ones."""
        return (*self.words, *self.unknown_words)

    def takes_of(self, word: str) -> int:
        """How often each speaker says `word`."""
        return self.takes if word in self.words else 1

    @property
    def clips(self) -> int:
        """Number of clips, background noise not counted."""
        return self.speakers * (len(self.words) * self.takes + len(self.unknown_words))

    @property
    def megabytes(self) -> float:
        """Size of all files' samples on disk, in 10**6 bytes."""
        return 2 * (self.clips * acoustics.CLIP + len(backgrounds.NAMES) * backgrounds.LENGTH) / 1e6

    def as_json(self) -> dict[str, object]:
        """What the manifest records and the digest covers."""
        return {"version": VERSION, **json.loads(json.dumps(asdict(self)))}

    def digest(self) -> str:
        """A folder name for these settings: 16 hex digits."""
        return hashlib.sha256(json.dumps(self.as_json(), sort_keys=True).encode()).hexdigest()[:16]


def other_words(words: Iterable[str]) -> tuple[str, ...]:
    """Examples of what is none of `words`: the default of `SpeechSettings.unknown_words`."""
    taken = {word.casefold() for word in words}
    return tuple(word for word in OTHER_WORDS if word not in taken)
