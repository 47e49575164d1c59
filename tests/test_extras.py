"""Optional extras: what each brings can be imported, and nothing but what needs it does import it."""

import importlib
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
EXTRAS = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
# the modules of an extra, then those of the project that are there for them
BROUGHT = {
    "bridge": (["onnx", "onnxsim", "ai_edge_litert", "tflite_micro"], ["bridge.build", "bridge.verify"]),
    "device": (["serial"], ["reds_torch.device"]),
    "sweep": (["ray"], ["reds_torch.cluster"]),
    "dev": (["pytest", "hypothesis", "torch_pruning"], []),
}


@pytest.mark.parametrize("extra", EXTRAS)
def test_what_an_extra_brings_is_imported(extra):
    theirs, ours = BROUGHT[extra]
    for module in theirs:
        pytest.importorskip(module, reason=f"the extra {extra} is not installed")
    for module in ours:
        importlib.import_module(module)


def test_the_package_is_imported_without_extras():
    missing = [module for modules, _ in BROUGHT.values() for module in modules]
    ours = sorted(
        ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        for path in (ROOT / "reds_torch").rglob("*.py")
    )
    code = f"""
import importlib, sys
sys.modules.update(dict.fromkeys({missing}, None))
for module in {ours}:
    importlib.import_module(module)
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
