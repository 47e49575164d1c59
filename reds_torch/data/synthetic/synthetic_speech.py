"""Synthetic speech: a data set for any words, spoken by espeak-ng.

It serves demos, tests and words nobody recorded yet, and never stands in for real data unasked.
"""

from collections.abc import Sequence
from typing import Any

from ..speech.cache import user_cache
from ..speech.speech_commands import TEN_WORDS, SpeechCommands
from .speech_settings import SpeechSettings, other_words
from .synthesis import synthesise


class SyntheticSpeech(SpeechCommands):
    """Speech Commands as synthetic voices speak them: any words, and other voices for validation and test.

    The recordings are made once, by espeak-ng (the `synthetic` extra), in half a minute for the ten words.

    Args:
        root: the folder for the recordings; by default one in the user's cache, named after the settings.
        words: the words to tell apart.
        unknown_words: other words, as examples of the unknown class; by default a dozen of the archive's.
        speakers: number of synthetic people, about a seventh for validation and a seventh for test.
        takes: how often each person says each word; unknown words are said once.
        speech_seed: another one makes other people. It is not `seed`, so that runs differ in training only.
        options: as for `SpeechCommands`.

    Raises:
        ValueError: a setting is out of range; the message names it and the range.
    """

    def __init__(
        self,
        *,
        root: str | None = None,
        words: Sequence[str] = TEN_WORDS,
        unknown_words: Sequence[str] | None = None,
        speakers: int = SpeechSettings.speakers,
        takes: int = SpeechSettings.takes,
        speech_seed: int = SpeechSettings.seed,
        **options: Any,
    ) -> None:
        unknown = other_words(words) if unknown_words is None else tuple(unknown_words)
        self.speech = SpeechSettings(tuple(words), unknown, speakers, takes, speech_seed)
        root = root or str(user_cache() / "synthetic" / self.speech.digest())
        super().__init__(root=root, words=words, download=False, **options)

    @property
    def settings(self) -> dict[str, Any]:
        """Arguments that fix speech, classes, features, variations and evaluation sets."""
        return {
            **super().settings,
            "unknown_words": list(self.speech.unknown_words),
            "speakers": self.speech.speakers,
            "takes": self.speech.takes,
            "speech_seed": self.speech.seed,
        }

    def prepare_data(self) -> None:
        """Speak the recordings unless they are there, then make the caches; errors as `synthesise`'s."""
        synthesise(self.root, self.speech)
        super().prepare_data()
