"""How the state of a training stage gets onto the disk."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from lightning.fabric.plugins import TorchCheckpointIO

from ...system.atomic import replacing


class ReplacingCheckpointIO(TorchCheckpointIO):
    """Checkpoints that are there whole or not at all, wherever they lie.

    Lightning writes them into the system's folder for temporary files and moves them; where that is another file
    system, moving is copying, and a process that is killed meanwhile leaves half of one in place of the last.
    """

    def save_checkpoint(self, checkpoint: dict[str, Any], path: str | Path, storage_options: Any = None) -> None:
        """Write it beside its place, then put it there."""
        target = Path(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        with replacing(target) as temporary:
            torch.save(checkpoint, temporary)
