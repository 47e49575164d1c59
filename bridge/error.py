"""What the bridge refuses."""

from __future__ import annotations


class BridgeError(ValueError):
    """A network, data or a setting that can't become a model; the message says what would be right."""
