"""A nested network at work, in time."""

from .adaptive import AdaptiveModel

__all__ = ["AdaptiveModel"]
