"""The bridge's command: from a checkpoint of a network that was never trained to its folder, and what it refuses."""

import errno
import json
from pathlib import Path

import pytest
import torch

import reds_torch as reds
from bridge import __main__ as command
from bridge import requirements
from reds_torch.data.speech.speech_commands import SpeechCommands
from reds_torch.models import build
from reds_torch.nested import Subnetwork

if unmet := requirements.unmet_requirement():
    pytest.skip(unmet, allow_module_level=True)

from bridge.model_file.flatbuffer import read_table


@pytest.fixture
def arguments(tones, tmp_path, monkeypatch):
    """Of a command that converts a small network for the tones; its working folder is empty but for the checkpoint."""
    monkeypatch.chdir(tmp_path)
    data = SpeechCommands(root=str(tones), words=["yes", "no"], cache=str(tmp_path / "cache"))
    net = reds.nest(build("dnn", size="s", classes=len(data.classes)), data.example_input)
    net.subnetworks = [Subnetwork(net.full_widths), Subnetwork(dict.fromkeys(net.full_widths, 9))]
    stored = {"class_path": "reds_torch.data.speech.speech_commands.SpeechCommands", "settings": data.settings}
    reds.save(net, "nested.ckpt", classes=list(data.classes), data=stored)
    return ["nested.ckpt", "--out", "out", f"data.root={tones}", f"data.cache={tmp_path / 'cache'}"]


def test_a_checkpoint_becomes_a_folder(arguments, capsys):
    assert command.main([*arguments, "--subnetwork", "all", "--calibration-samples", "16"]) == 0
    out = Path("out")
    assert {path.name for path in out.iterdir()} == {
        *("model.onnx", "model.tflite", "model_float32.tflite", "subnetwork_0.tflite", "subnetwork_1.tflite"),
        *("verification.json", "test_data.npz", "firmware"),
    }
    result = json.loads((out / "verification.json").read_text())
    assert result["model"]["operators"] == ["FULLY_CONNECTED"] * 4
    table = read_table((out / "model.tflite").read_bytes())
    for row, found in zip(table.subnetworks, result["subnetworks"], strict=True):
        assert row.accuracy == pytest.approx(found["accuracy"]["micro"], abs=1e-4)
        assert row.macs == found["macs"]
    assert "MACs" in capsys.readouterr().out
    assert not [path for path in Path().iterdir() if path.name.startswith(".out")]


@pytest.mark.parametrize(
    "further, reason",
    [
        (["--from", "7"], "--from 7: there is no such subnetwork; the checkpoint has 0 to 1"),
        (["--subnetwork", "2"], "--subnetwork 2: the model has the subnetworks 0 to 1"),
        (["--percentile", "50"], "--percentile must lie between 90 and 100, not be 50"),
        (["--calibration", "none.npy"], "--calibration none.npy can't be read"),
        (["data.nothing=1"], "there is no setting 'data.nothing'"),
    ],
)
def test_what_cannot_be_meant_is_refused(arguments, capsys, further, reason):
    assert command.main([*arguments, *further]) == 2
    assert f"error: {reason}" in capsys.readouterr().err
    assert not Path("out").exists()


def test_a_foreign_checkpoint_and_folder_are_refused(arguments, capsys):
    Path("nested.ckpt").write_bytes(b"something else")
    assert command.main(arguments) == 2
    assert "damaged or no checkpoint" in capsys.readouterr().err
    Path("out").mkdir()
    Path("out/thesis.txt").write_text("mine")
    assert command.main(arguments) == 2
    assert "holds other things" in capsys.readouterr().err
    assert Path("out/thesis.txt").read_text() == "mine"


def test_a_missing_extra_names_the_command_that_installs_it(arguments, capsys, monkeypatch):
    monkeypatch.setattr(requirements, "find_spec", lambda name: None if name == "tflite_micro" else object())
    assert command.main(arguments) == 2
    assert "the bridge needs tflite_micro: pip install 'reds-torch[bridge]'" in capsys.readouterr().err


def test_a_python_that_is_too_old_is_said_before_anything_is_done(arguments, capsys, monkeypatch):
    monkeypatch.setattr(requirements.sys, "version_info", (3, 11, 9))
    assert command.main(arguments) == 2
    assert capsys.readouterr().err.strip() == (
        "error: the bridge's converter, onnx2tf 2, runs on Python 3.12 and newer, and this is Python 3.11: "
        "make an environment with 3.12 or 3.13 and pip install 'reds-torch[bridge]'"
    )
    assert not Path("out").exists()


def test_an_old_onnx2tf_is_refused(arguments, capsys, monkeypatch):
    monkeypatch.setattr(requirements, "version", lambda _: "1.29.24")
    assert command.main(arguments) == 2
    assert "the bridge needs onnx2tf 2, not 1.29.24: pip install 'reds-torch[bridge]'" in capsys.readouterr().err


@pytest.mark.parametrize(
    "failure, status", [(OSError(errno.ENOSPC, "No space left on device"), 2), (KeyboardInterrupt(), 130)]
)
def test_nothing_is_left_half_written(arguments, capsys, monkeypatch, failure, status):
    from bridge import build as steps

    def fail(*_):
        raise failure

    monkeypatch.setattr(steps, "export_subnetworks", fail)
    assert command.main(arguments) == status
    assert capsys.readouterr().err.strip().splitlines()[-1].startswith(("error: [Errno 28] No space", "interrupted"))
    assert [path.name for path in Path().iterdir() if "out" in path.name] == []
    assert torch.get_num_threads() == 1
