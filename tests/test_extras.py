"""Optional extras: what each brings can be imported. What works without them: test_optional.py."""

import importlib
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
EXTRAS = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
# the modules of an extra, then those of the project that are there for them
BROUGHT = {
    "synthetic": (["espeakng_loader"], ["reds_torch.data.synthetic"]),
    "images": (["torchvision"], ["reds_torch.data.vision", "reds_torch.data.photos"]),
    "resampling": (["torchaudio"], ["reds_torch.data.resampling"]),
    "bridge": (["onnx", "onnx2tf", "ai_edge_litert", "tflite_micro"], ["bridge.build", "bridge.verify"]),
    "device": (["serial"], ["reds_torch.device"]),
    "sweep": (["ray"], ["reds_torch.cluster"]),
    "all": ([], []),
}


@pytest.mark.parametrize("extra", EXTRAS)
def test_what_an_extra_brings_is_imported(extra):
    theirs, ours = BROUGHT[extra]
    for module in theirs:
        pytest.importorskip(module, reason=f"the extra {extra} is not installed")
    for module in ours:
        importlib.import_module(module)
