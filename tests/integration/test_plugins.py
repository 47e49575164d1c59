"""A model, a cost and a data module of the user's own, in one file in an otherwise empty folder."""

import json
import sys

import pytest

import reds_torch as reds
from bridge import __main__ as bridge
from bridge.requirements import unmet_requirement
from reds_torch.commands import evaluate, train
from reds_torch.costs import COSTS
from reds_torch.models.registry import BUILDERS
from reds_torch.runs.command_line import UsageError
from reds_torch.runs.plugins import load_plugins, take_plugins, whole

PLUGIN = '''
import lightning as L
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

import reds_torch as reds
from reds_torch.costs import AdditiveCost, Count
from reds_torch.models.registry import register


@register
def two_layers(classes: int = 3, input_shape: tuple[int, ...] = (1, 4, 4), hidden: int = 8) -> nn.Module:
    size = input_shape[0] * input_shape[1] * input_shape[2]
    return nn.Sequential(nn.Flatten(), nn.Linear(size, hidden), nn.ReLU(), nn.Linear(hidden, classes))


def units(net):
    return AdditiveCost({group.name: Count({(group.name,): 1}) for group in net.groups})


reds.register_cost("units", units)


class Blobs(L.LightningDataModule):
    """Points around three centres."""

    classes = ("a", "b", "c")
    input_shape = (1, 4, 4)
    feature_settings = None
    settings: dict = {}

    def __init__(self, *, seed: int = 0) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(seed)
        self.labels = torch.arange(60) % 3
        centres = torch.randn(3, *self.input_shape, generator=generator)
        self.inputs = centres[self.labels] + 0.1 * torch.randn(60, *self.input_shape, generator=generator)

    @property
    def example_input(self):
        return self.inputs[:1]

    def _loader(self):
        return DataLoader(TensorDataset(self.inputs, self.labels), 20)

    train_dataloader = calibration_dataloader = val_dataloader = test_dataloader = _loader
'''


@pytest.fixture
def plugin(tmp_path, monkeypatch):
    """The file, in the folder where the commands are given; what it registers is forgotten afterwards."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "my_plugin.py").write_text(PLUGIN)
    monkeypatch.setattr("sys.path", [*sys.path])
    before = dict(BUILDERS), dict(COSTS)
    yield tmp_path / "my_plugin.py"
    sys.modules.pop("my_plugin", None)
    for registry, known in zip((BUILDERS, COSTS), before, strict=True):
        registry.clear()
        registry.update(known)


ARGUMENTS = [
    "recipe=kws_dnn",
    "data=my_plugin.Blobs",
    "model.name=two_layers",
    "model.arguments={hidden: 6}",
    "search.budgets={units: [0.5]}",
    "pretrain.max_epochs=1",
    "trainer.max_epochs=1",
    "trainer.accelerator=cpu",
    "run_dir=run",
]


@pytest.mark.parametrize("named", ["my_plugin.py", "my_plugin"])
def test_a_model_a_cost_and_data_from_the_command_line(plugin, named, capsys):
    assert train.main([*ARGUMENTS, f"plugins=[{named}]"]) == 0, capsys.readouterr().err
    written = json.loads((plugin.parent / "run" / "subnetworks.json").read_text())["subnetworks"]
    assert [list(s["widths"].values()) for s in written] == [[6], [3]]
    assert written[1]["costs"]["units"] == 3
    # the run remembers them: by itself where it is resumed, by name where a file could come from anybody
    assert train.main(["resume=run"]) == 0
    given = ["run/nested.ckpt", "data=my_plugin.Blobs"]
    assert evaluate.main([*given, f"plugins=[{named}]"]) == 0


def test_a_recipe_names_them(plugin, capsys):
    recipe = plugin.parent / "mine.yaml"
    recipe.write_text("base: kws\nplugins: [my_plugin.py]\nmodel: {name: two_layers, arguments: {}}\n")
    assert train.main([f"recipe={recipe}", *ARGUMENTS[1:]]) == 0, capsys.readouterr().err
    assert reds.load("run/nested.ckpt").metadata["plugins"] == [str(plugin)]


def test_a_file_does_not_decide_what_is_imported(plugin, capsys):
    assert train.main([*ARGUMENTS, "plugins=[my_plugin.py]", "trainer.fast_dev_run=true"]) == 0
    del BUILDERS["two_layers"]
    with pytest.raises(reds.checkpoint.CheckpointError, match=r"two_layers.*give plugins=\[.*my_plugin.py\]"):
        reds.load("run/nested.ckpt")
    capsys.readouterr()
    assert evaluate.main(["run/nested.ckpt"]) == 2
    assert "give plugins=[" in capsys.readouterr().err
    if unmet_requirement() is None:
        assert bridge.main(["run/nested.ckpt", "--out", "out"]) == 2
        assert "give plugins=[" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("raise ValueError('no')", "can't be imported: ValueError: no"),
        (None, "there is no file"),
    ],
)
def test_what_cannot_be_imported_is_refused_in_one_sentence(text, words, tmp_path):
    path = tmp_path / "broken_plugin.py"
    if text:
        path.write_text(text)
    with pytest.raises(UsageError, match=words):
        load_plugins([str(path)])


def test_a_name_that_is_taken_is_refused(tmp_path):
    (tmp_path / "json.py").write_text("")
    with pytest.raises(UsageError, match="has the name of another module, json"):
        load_plugins([str(tmp_path / "json.py")])
    with pytest.raises(UsageError, match="there is no module no_such_module"):
        load_plugins(["no_such_module"])


def test_options_are_taken_apart(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert take_plugins(["--a=1", "--plugins=[x,y.py]"]) == (["x", str(tmp_path / "y.py")], ["--a=1"])
    with pytest.raises(UsageError, match="must be a list"):
        whole("x")
