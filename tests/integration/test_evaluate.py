"""The evaluate command on networks that were never trained: what it needs, what it leaves, what it refuses."""

import json
import re
import shutil
from pathlib import Path

import pytest
import torch

import reds_torch as reds
from reds_torch.commands import evaluate
from reds_torch.data.speech.speech_commands import SpeechCommands
from reds_torch.data.synthetic.synthetic_speech import SyntheticSpeech
from reds_torch.models import build
from reds_torch.runs.checkpoint_data import data_module
from reds_torch.runs.command_line import DATA_MODULES


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def folder(cache, tmp_path, monkeypatch):
    """An empty working folder, away from the user's data and caches."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(cache))
    monkeypatch.delenv("REDS_DATA", raising=False)
    return tmp_path


def checkpoint(path, data):
    """A network for these data, as pretrained.ckpt holds one: nested, without a search."""
    model = build("dnn", size="s", classes=len(data.classes), input_shape=data.input_shape)
    stored = {"class_path": f"{type(data).__module__}.{type(data).__name__}", "settings": data.settings}
    reds.save(reds.nest(model, data.example_input), path, classes=list(data.classes), data=stored)
    return str(path)


@pytest.fixture
def pretrained(folder, tones):
    """The arguments to evaluate a checkpoint on the tones."""
    path = checkpoint(folder / "pretrained.ckpt", SpeechCommands(root=str(tones), words=["yes", "no"]))
    return [path, f"data.root={tones}"]


def evaluated(path):
    return json.loads(Path(path).read_text())["subnetworks"]


def test_a_pretrained_network_is_evaluated(pretrained, capsys):
    assert evaluate.main(pretrained) == 0
    (full,) = evaluated("pretrained.evaluation.json")
    assert full["status"] == "full"
    assert full["shares"]["macs"] == 1
    assert {*full["accuracy"]} == {"val", "test"}
    output = capsys.readouterr().out
    assert f"{full['costs']['macs']:,.0f}" in output
    assert f"{100 * full['accuracy']['test']:.1f}" in output
    assert "pretrained.evaluation.json" in output


def test_a_network_without_costs_gets_some(pretrained):
    assert evaluate.main(pretrained) == 0
    expected = evaluated("pretrained.evaluation.json")
    content = torch.load(pretrained[0], weights_only=True)
    content["subnetworks"][0]["costs"] = {}  # as older files have it
    torch.save(content, pretrained[0])
    assert evaluate.main(pretrained) == 0
    assert evaluated("pretrained.evaluation.json") == expected


def test_results_go_where_they_are_told_to(pretrained, folder):
    assert evaluate.main([*pretrained, "--json", "there.json"]) == 0
    assert evaluated("there.json")
    assert not (folder / "pretrained.evaluation.json").exists()


def without(tones, folder, lists):
    """The tones without background noise, and with other lists of held-out clips."""
    root = shutil.copytree(tones, folder / "recordings", ignore=shutil.ignore_patterns("_background_noise_"))
    for name, clips in lists.items():
        (root / name).write_text("\n".join(clips))
    return root


def test_background_noise_is_not_needed(pretrained, tones, folder):
    assert evaluate.main(pretrained) == 0
    expected = evaluated("pretrained.evaluation.json")
    root = without(tones, folder, {})
    assert evaluate.main([*pretrained, f"data.root={root}"]) == 0
    assert evaluated("pretrained.evaluation.json") == expected


def test_test_clips_are_enough(pretrained, tones, folder, capsys):
    clips = [path.relative_to(tones).as_posix() for path in tones.glob("[!_]*/*.wav")]
    root = without(tones, folder, {"validation_list.txt": [], "testing_list.txt": clips})
    assert evaluate.main([*pretrained, f"data.root={root}"]) == 0
    (full,) = evaluated("pretrained.evaluation.json")
    assert {*full["accuracy"]} == {"test"}


def test_a_canonical_test_set_is_used_again(folder, tones, capsys):
    """Of a network whose answer is always the same, the accuracy tells which clips were tested."""
    test_set = folder / "canonical"
    for name, source in (("yes", "yes"), ("no", "no"), ("_silence_", "cat"), ("_unknown_", "cat")):
        clips = sorted((tones / source).iterdir())[: 7 if name == "yes" else 1]
        (test_set / name).mkdir(parents=True)
        for clip in clips:
            shutil.copy(clip, test_set / name)
    data = SpeechCommands(root=str(tones), words=["yes", "no"], test_set=str(test_set))
    path = checkpoint(folder / "net.ckpt", data)
    net = reds.load(path)
    head = [module for module in net.model.modules() if hasattr(module, "bias")][-1]
    head.weight.data.zero_()
    head.bias.data.copy_(head.bias.new_tensor([0.0, 0.0, 1.0, 0.0]))  # always "yes"
    reds.save(net, path)
    arguments = [path, f"data.root={tones}"]
    assert evaluate.main(arguments) == 0
    assert evaluated("net.evaluation.json")[0]["accuracy"]["test"] == pytest.approx(7 / 10)
    assert evaluate.main([*arguments, "data.test_set=null"]) == 0
    assert evaluated("net.evaluation.json")[0]["accuracy"]["test"] < 0.5
    shutil.rmtree(test_set)
    assert evaluate.main(arguments) == 2
    assert re.search(r"data\.test_set: there is no folder .*canonical", capsys.readouterr().err)


def test_another_module_gets_the_settings_that_it_takes(folder, tones, capsys):
    speech = SyntheticSpeech(words=["yes", "no"], speakers=5, noise_volume=0.05)
    net = reds.load(checkpoint(folder / "net.ckpt", speech))
    data = data_module(net, ["data=speech_commands", f"data.root={tones}"])
    assert isinstance(data, SpeechCommands)
    shared = {key: value for key, value in speech.settings.items() if key in data.settings}
    assert data.settings == shared
    assert data_module(net, []).settings == speech.settings


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["data.stride_ms=20"], r"inputs of shape \(1, 49, 10\), the network takes \(1, 25, 10\)"),
        (
            ["data=fashion_mnist"],
            r"the classes t-shirt, .*; the network has _silence_, _unknown_, yes, no",
        ),
        (["data=fashion_mnist", "data.words=[yes]"], r"no setting 'data.words'"),
        (["data=torch.nn.Linear"], r"data=torch.nn.Linear is no Lightning data module"),
        (["data.words=[yes,nope]"], r"the network has _silence_, _unknown_, yes, no"),
        (["--json", "nowhere/results.json"], r"there is no folder nowhere"),
        (["--json", "."], r"which is a folder: give --json FILE"),
    ],
)
def test_what_does_not_fit_is_refused_in_one_sentence(pretrained, arguments, message, folder, capsys):
    assert evaluate.main([*pretrained, *arguments]) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    assert error.count("\n") == 1
    assert re.search(message, error)
    assert not list(folder.glob("*.json"))


def test_a_folder_that_cannot_be_written_is_refused_first(pretrained, monkeypatch, capsys):
    monkeypatch.setattr(evaluate.os, "access", lambda path, mode: False)  # root may write everywhere
    monkeypatch.setattr(evaluate, "data_module", lambda net, options: pytest.fail("work was done"))
    assert evaluate.main(pretrained) == 2
    assert "is not writable: give --json FILE" in capsys.readouterr().err


def test_help_says_how_data_are_given(capsys):
    with pytest.raises(SystemExit) as ended:
        evaluate.main(["--help"])
    assert ended.value.code == 0
    text = capsys.readouterr().out
    for part in ("data.root=PATH", *DATA_MODULES, f"--data.help={DATA_MODULES['speech_commands']}"):
        assert part in text
