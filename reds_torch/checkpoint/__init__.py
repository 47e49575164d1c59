"""A nested network in one file."""

from .file import CheckpointError, load, save

__all__ = ["CheckpointError", "load", "save"]
