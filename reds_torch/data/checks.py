"""What the data modules refuse in their settings before any work."""

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

from .splits import SILENCE, UNKNOWN


def check_at_least(lowest: int, **settings: float) -> None:
    """Refuse settings below a number, or not finite, by name.

    Raises:
        ValueError: one is.
    """
    for name, value in settings.items():
        if not lowest <= value < math.inf:  # refuses not-a-number, too
            raise ValueError(f"{name} must be a number from {lowest}, not {value}")


def check_words(words: Sequence[str]) -> None:
    """Refuse what can't be the words to tell apart, whatever recordings there are.

    Raises:
        ValueError: there are none, one is given twice, or one can't name a folder of recordings.
    """
    if isinstance(words, str) or not words:
        raise ValueError(f"words must be a list of at least one word, such as [yes,no], not {words!r}")
    for word in words:
        if not word or word != word.strip() or word.startswith(("_", ".")) or "/" in word:
            raise ValueError(f"words: {word!r} can't be a word: it names a folder, and may not start with _ or .")
    if twice := [word for word, count in Counter(words).items() if count > 1]:
        raise ValueError(f"words: {', '.join(twice)} is listed twice")


def check_recordings(root: Path, words: Sequence[str], clips: Iterable[str]) -> None:
    """Refuse a folder of recordings that lacks words, or is a test set.

    Args:
        root: the folder.
        words: the words to tell apart.
        clips: what the folder holds, as `word/name.suffix`.

    Raises:
        ValueError: it does.
    """
    found = _folders(clips)
    if missing := [word for word in words if word not in found]:
        raise ValueError(f"data.words: {root} holds no clips of {', '.join(missing)}; its words are {', '.join(found)}")
    if special := [folder for folder in found if folder in (SILENCE, UNKNOWN)]:
        raise ValueError(
            f"{root} has a folder {special[0]}: that is a test set; give it as data.test_set, and "
            "the recordings to train on as data.root"
        )


def check_test_set(folder: Path, classes: Sequence[str], clips: Iterable[str]) -> None:
    """Refuse a canonical test set whose folders aren't the classes.

    Raises:
        ValueError: they aren't.
    """
    found = _folders(clips)
    if {*found} != {*classes}:
        raise ValueError(f"the test set {folder} must have the folders {', '.join(classes)}; it has {', '.join(found)}")


def _folders(clips: Iterable[str]) -> list[str]:
    return sorted({clip.partition("/")[0] for clip in clips})
