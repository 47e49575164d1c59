"""Lightning's loggers, chosen on the command line: a log of every stage, in its folder."""

import csv

import pytest

from reds_torch.commands import train
from reds_torch.runs import command_line
from reds_torch.runs.recipes import parse

SHORT = ["recipe=kws_dnn", "pretrain.max_epochs=1", "trainer.max_epochs=1", "search.budgets=[0.5]"]


def test_each_stage_has_its_log(settings, tmp_path):
    assert train.main([*SHORT, *settings, f"run_dir={tmp_path / 'run'}", "trainer.logger=csv"]) == 0
    for stage, last in (("pretrain", 0), ("finetune", 1)):
        (log,) = (tmp_path / "run" / "stages" / stage).rglob("metrics.csv")
        with log.open() as file:
            assert f"val/accuracy_{last}" in next(csv.reader(file))


def test_the_users_folder_counts(settings, tmp_path):
    given = ["trainer.logger=csv", f"trainer.logger.save_dir={tmp_path / 'logs'}"]
    assert train.main([*SHORT, *settings, f"run_dir={tmp_path / 'run'}", *given]) == 0
    assert len([*(tmp_path / "logs").rglob("metrics.csv")]) == 2


def test_tensorboard(settings, tmp_path):
    pytest.importorskip("tensorboard")
    cli = parse([*SHORT, *settings, "trainer.logger=tensorboard"])
    assert cli.stage_trainer(default_root_dir=str(tmp_path)).logger.save_dir == str(tmp_path)


def test_a_missing_package_is_named(settings, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(command_line, "find_spec", lambda name: None)
    assert train.main([*SHORT, *settings, f"run_dir={tmp_path / 'run'}", "trainer.logger=wandb"]) == 2
    assert capsys.readouterr().err == "error: trainer.logger=wandb needs the package wandb: pip install wandb\n"
    assert not (tmp_path / "run").exists()
