"""Speech that is made: voices, rooms and noise."""

from .module import SyntheticSpeech

__all__ = ["SyntheticSpeech"]
