"""Recordings of words, cached, varied, as features."""

from .speech_commands import SpeechCommands

__all__ = ["SpeechCommands"]
