"""Test accuracy of Arm's pretrained keyword-spotting networks, imported into torch.

    python -m benchmarks.pretrained --speech SPEECH_COMMANDS --weights ARM_KWS

--weights is a folder of arm_<network>_<size>.npz files. The classes are silence, unknown and the ten words.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch
from rich.console import Console
from rich.table import Table
from torch import nn

from reds_torch.data.speech.speech_commands import SpeechCommands
from reds_torch.models import build
from reds_torch.pretrained import load_pretrained

STRIDE_MS = {"dnn": 40, "cnn": 20, "ds_cnn": 20}


def accuracy(model: nn.Module, data: SpeechCommands) -> tuple[float, int]:
    """Share of right answers on the test clips, and how many there are."""
    right = clips = 0
    with torch.no_grad():
        for features, labels in data.test_dataloader():
            right += int((model(features).argmax(1) == labels).sum())
            clips += len(labels)
    return right / clips, clips


def main() -> None:
    parser = argparse.ArgumentParser(description="Test accuracy of Arm's pretrained keyword-spotting networks.")
    parser.add_argument("--speech", required=True, help="folder in the layout of Google Speech Commands")
    parser.add_argument("--weights", required=True, type=Path, help="folder of arm_<network>_<size>.npz files")
    options = parser.parse_args()
    table = Table("network", "test accuracy %", "clips", title=f"Arm's networks on {options.speech}")
    for name, stride in STRIDE_MS.items():
        data = SpeechCommands(root=options.speech, stride_ms=stride, download=False)
        data.prepare_data()
        data.setup()
        for path in sorted(options.weights.glob(f"arm_{name}_[sml].npz")):
            model = build(name, size=path.stem[-1], input_shape=data.input_shape).eval()
            load_pretrained(model, f"arm:{path}")
            share, clips = accuracy(model, data)
            table.add_row(path.stem, f"{100 * share:.1f}", str(clips))
    Console().print(table)


if __name__ == "__main__":
    main()
