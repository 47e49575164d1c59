"""The programs in examples/ do what they say, at a small size."""

import json
import os
import re
import runpy
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from bridge.requirements import unmet_requirement

ROOT = Path(__file__).parent.parent


@pytest.fixture
def run(monkeypatch, capsys):
    """Run an example in this process; returns what it printed."""

    def example(name: str, *arguments: str) -> str:
        monkeypatch.setattr(sys, "argv", [name, *arguments])
        runpy.run_path(str(ROOT / "examples" / name), run_name="__main__")
        return capsys.readouterr().out

    return example


@pytest.mark.slow
def test_torchvision_model(run, tmp_path):
    onnx = pytest.importorskip("onnx")
    printed = run("torchvision_model.py", "--model", "mobilenet_v2", "--image", "32", "--out", str(tmp_path))
    parameters = [int(n.replace(",", "")) for n in re.findall(r"parameters ([\d,]+)", printed)]
    for k, count in enumerate(parameters):
        model = onnx.load(tmp_path / f"mobilenet_v2_{k}.onnx")
        onnx.checker.check_model(model)
        weights = sum(int(onnx.numpy_helper.to_array(t).size) for t in model.graph.initializer)
        assert weights <= count  # batch norm is folded
    assert len(parameters) == 4 and sorted(parameters, reverse=True) == parameters


def test_adapt_to_load(run, whole_run):
    printed = run("adapt_to_load.py", "--checkpoint", str(whole_run / "nested.ckpt"), "--seconds", "0.1")
    assert re.findall(r"^(\w+):.*in time \d+ % of \d+ answers$", printed, re.M) == ["idle", "loaded", "idle"]


@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("cc"), reason="no C compiler")
def test_own_words(tmp_path):
    if unmet := unmet_requirement():
        pytest.skip(unmet)
    small = ["data.speakers=8", "data.takes=1", "data.unknown_words=[bird]", "trainer.accelerator=cpu"]
    command = [ROOT / "examples" / "own_words.py", "lumos", "nox", "--epochs", "1", "--out", "made", *small]
    own = {"PYTHONPATH": str(ROOT), "XDG_CACHE_HOME": str(tmp_path), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, *command], cwd=tmp_path, env=os.environ | own, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    networks = json.loads((tmp_path / "made/run/subnetworks.json").read_text())["subnetworks"]
    rows = re.findall(r"^ +\d\*? +(\d+) .*? (\d+)/\2 ", done.stdout, re.M)  # every output is the expected one
    assert [int(macs) for macs, _ in rows] == [network["costs"]["macs"] for network in networks]
    assert (tmp_path / "made/run/report.html").is_file()
    assert (tmp_path / "made/model/firmware/reds_generated_model.c").is_file()
