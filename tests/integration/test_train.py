"""The train and evaluate commands, on a data set of tones, as a user runs them."""

import csv
import json
import re
import shutil
from pathlib import Path

import pytest
import torch

import reds_torch as reds
from reds_torch.commands import evaluate, train
from reds_torch.knapsack import load_problem, solve
from reds_torch.runs.recipes import parse

ROOT = Path(__file__).parent.parent.parent
CPU = ("trainer.accelerator=cpu",)


@pytest.fixture(scope="module")
def settings(tones, tmp_path_factory):
    return [
        "recipe=kws_dnn",
        f"data.root={tones}",
        "data.words=[yes,no]",
        "data.batch_size=10",
        f"data.cache={tmp_path_factory.mktemp('cache')}",
        "pretrain.max_epochs=3",
        "trainer.max_epochs=2",
        "trainer.accelerator=cpu",
        "search.budgets=[0.5,0.25]",
    ]


@pytest.fixture(scope="module")
def whole_run(settings, tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "run"
    assert train.main([*settings, f"run_dir={folder}", "baselines=[alone,scratch]"]) == 0
    return folder


@pytest.fixture
def command(settings, tmp_path, monkeypatch):
    """Arguments of a short run, in an empty folder."""
    monkeypatch.chdir(tmp_path)
    return settings


@pytest.fixture
def finished(command, whole_run, tmp_path):
    """A run that is through, in the folder "run" below this one."""
    return Path(shutil.copytree(whole_run, tmp_path / "run"))


def weights(path):
    return torch.load(path, weights_only=True)["weights"]


def test_a_run_leaves_everything(finished, capsys):
    result = json.loads((finished / "subnetworks.json").read_text())
    assert len(result["subnetworks"]) == 3
    for entry, share in zip(result["subnetworks"], (1.0, 0.5, 0.25), strict=True):
        assert 0.97 * share <= entry["shares"]["macs"] <= share
        assert entry["accuracy"]["test"] > 0.5  # four classes; tones are easy
        assert entry["value"] <= entry["bound"] * (1 + 1e-9)
    assert set(result["baselines"]["alone"]) == set(result["baselines"]["scratch"]) == {"0", "1", "2"}
    assert {"pretrain", "search", "finetune", "alone_0", "scratch"} <= set(result["seconds"])
    with (finished / "metrics.csv").open() as file:
        rows = list(csv.DictReader(file))
    epochs = {(r["stage"], int(r["epoch"])) for r in rows if r["metric"] == "train/loss"}
    assert {("pretrain", 0), ("pretrain", 2), ("finetune", 1), ("alone_0", 4), ("scratch", 4)} <= epochs
    net = reds.load(finished / "nested.ckpt")
    assert net.metadata["classes"] == ["_silence_", "_unknown_", "yes", "no"]


def test_the_searched_problem_gives_the_same_widths_again(finished):
    found = json.loads((finished / "subnetworks.json").read_text())["subnetworks"]
    again = solve(load_problem(finished / "problem.npz"), {"macs": [0.5, 0.25]})
    assert [s.widths for s in again.subnetworks] == [entry["widths"] for entry in found]


def test_evaluate_prints_the_accuracies_of_the_run(finished, tones, capsys):
    arguments = [str(finished / "nested.ckpt"), f"data.root={tones}", "--json", "again.json"]
    assert evaluate.main(arguments) == 0
    table = capsys.readouterr().out
    again = json.loads(Path("again.json").read_text())["subnetworks"]
    first = json.loads((finished / "subnetworks.json").read_text())["subnetworks"]
    assert [e["accuracy"] for e in again] == [e["accuracy"] for e in first]
    assert f"{100 * first[1]['accuracy']['test']:.1f}" in table


def test_the_same_command_gives_the_same_weights(command, finished):
    assert train.main([*command, "run_dir=again"]) == 0
    first, second = weights(finished / "nested.ckpt"), weights("again/nested.ckpt")
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_batch_norm_is_measured_on_batches_like_those_of_the_training(command):
    arguments = [*command, "recipe=kws_ds_cnn", "pretrain.max_epochs=0", "trainer.max_epochs=1"]
    assert train.main([*arguments, "run_dir=run"]) == 0
    data = parse(arguments).datamodule
    data.prepare_data()
    data.setup("fit")
    model = reds.load("run/nested.ckpt").model
    with torch.no_grad():
        seen = torch.cat([model.conv1(inputs) for inputs, _ in data.train_dataloader()]).transpose(0, 1).flatten(1)
    torch.testing.assert_close(model.bn1.running_mean, seen.mean(1))
    torch.testing.assert_close(model.bn1.running_var, seen.var(1))


def test_finished_stages_are_not_done_again(finished):
    (finished / "nested.ckpt").unlink()
    before = {p: p.stat().st_mtime_ns for p in finished.glob("*.ckpt")}
    assert train.main([f"resume={finished}"]) == 0
    assert {p: p.stat().st_mtime_ns for p in before} == before
    assert (finished / "nested.ckpt").is_file()


def test_a_finished_run_is_fine_tuned_for_int8_afterwards(finished, capsys):
    before = {p: p.stat().st_mtime_ns for p in finished.glob("*.ckpt")}
    resumed = [f"resume={finished}", "quantize.max_epochs=1", "quantize.learning_rates=[1e-3]"]
    assert train.main(resumed) == 0
    assert {p: p.stat().st_mtime_ns for p in before} == before
    assert "int8 test %" in capsys.readouterr().out
    nested, quantized = weights(finished / "nested.ckpt"), weights(finished / "quantized.ckpt")
    assert any(not torch.equal(nested[name], quantized[name]) for name in nested)
    found = reds.load(finished / "quantized.ckpt").metadata["int8"]
    assert found["accuracies"] == json.loads((finished / "subnetworks.json").read_text())["int8"]
    low, high = found["input_range"]
    assert low < 0 < high
    assert train.main([f"resume={finished}"]) == 0  # config.yaml knows of it
    assert train.main([f"resume={finished}", "quantize.max_epochs=2"]) == 2
    assert "fine-tuned for int8 with other settings" in capsys.readouterr().err


def test_one_fast_step(command):
    assert train.main([*command, "run_dir=fast", "trainer.fast_dev_run=true", "quantize.max_epochs=1"]) == 0
    assert Path("fast/nested.ckpt").is_file()
    assert Path("fast/quantized.ckpt").is_file()


def test_runs_are_stamped_and_the_latest_is_linked(command):
    assert train.main([*command, "trainer.fast_dev_run=true"]) == 0
    (run,) = (p for p in Path("runs/kws_dnn").iterdir() if p.name != "latest")
    assert Path("runs/kws_dnn/latest").resolve() == run.resolve()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "which recipe?"),
        (["recipe=kws_dn"], "one of .*kws_dnn"),
        (["recipe=kws_dnn", "verbose"], "'verbose' is no setting: write key=value"),
        (["recipe=kws_dnn", "speed=3"], "no setting 'speed'.*; there are: .*search"),
        (["recipe=kws_dnn", "pretrain.epochs=3"], "did you mean pretrain.max_epochs"),
        (["recipe=kws_dnn", "trainer.max_epoch=3"], "did you mean trainer.max_epochs"),
        (["recipe=kws_dnn", "data.rot=3"], "no setting 'data.rot' .*data.root"),
        (["recipe=kws_dnn", "data=cats"], "no data 'cats'; there are: speech_commands, synthetic"),
        (["recipe=kws_dnn", "data.batch_size=many"], "data.batch_size must be int; got 'many'"),
        (["recipe=kws_dnn", "data.batch_size=0"], "batch_size must be a number from 1, not 0"),
        (["recipe=kws_dnn", "trainer.max_epochs=many"], "trainer.max_epochs must be int; got 'many'"),
        (["recipe=kws_dnn", "score.criterion=luck"], "score.criterion must be one of 'taylor', 'taylor_samples'"),
        (["recipe=kws_dnn", "model.name=rnn"], "no model 'rnn'; there are: .*dnn"),
        (["recipe=kws_dnn", "model.arguments.size=xl"], "no size 'xl'; it has: 's', 'm', 'l'"),
        (["recipe=kws_dnn", "search.budgets=[0.5,0.5]"], "same budget"),
        (["recipe=kws_dnn", "search.budgets=[0.001]"], "narrowest"),
        (["recipe=kws_dnn", "search.gap=2"], "search.gap must be at least 0 and below 1"),
        (["recipe=kws_dnn", "search.time_limit=-1"], "search.time_limit must be above 0"),
        (["recipe=kws_dnn", "score.batches=0"], "score.batches must be at least 1"),
        (["recipe=kws_dnn", "finetune.learning_rates=[]"], "finetune.learning_rates must be positive"),
        (["recipe=kws_dnn", "finetune.batch_norm_share=0.2"], "no batch norm to train"),
        (["recipe=kws_dnn_pretrained", "baselines=[scratch]"], "no pretrained network that could teach it"),
        (["recipe=kws_dnn", "pretrain.max_epochs=-1"], "pretrain.max_epochs must be at least 0"),
        (["recipe=kws_dnn", "quantize.max_epochs=-1"], "quantize.max_epochs must be at least 0"),
        (["recipe=kws_dnn", "trainer.max_epochs=-1"], "trainer.max_epochs must be a number from 0"),
        (["recipe=kws_dnn", *CPU, "trainer.devices=2"], "run python -m reds_torch.train instead of calling it"),
        (
            ["recipe=kws_dnn", *CPU, "trainer.devices=2", "trainer.strategy=ddp_spawn"],
            "ddp_spawn can't be used.*take trainer.strategy=ddp",
        ),
        (["recipe=kws_dnn", "trainer.sync_batchnorm=true"], "leave trainer.sync_batchnorm off"),
        (["recipe=kws_dnn", "trainer.enable_checkpointing=false"], "leave trainer.enable_checkpointing on"),
        (["recipe=kws_dnn", "trainer.limit_val_batches=0"], "leaves nothing to measure"),
        (["recipe=kws_dnn", "data.root=/nowhere", "data.download=false"], "data.root=PATH"),
        (["resume=/nowhere"], "no run folder"),
        (["resume=/nowhere", "trainer.max_epochs=3"], "give no other key"),
    ],
)
def test_bad_command_lines_are_refused_in_one_sentence(arguments, message, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert train.main(arguments) == 2
    captured = capsys.readouterr()
    assert captured.err.startswith("error: ")
    assert captured.err.count("\n") == 1
    assert re.search(message, captured.err)
    assert list(tmp_path.iterdir()) == []


def test_a_used_folder_is_not_overwritten(command, finished, capsys):
    assert train.main([*command, "run_dir=run"]) == 2
    assert "go on with it by resume=run" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["missing.ckpt"], "there is no checkpoint"),
        (["run/nested.ckpt", "trainer.max_epochs=3"], "is no setting of the data"),
        (["run/nested.ckpt", "data.root=/nowhere", "data.download=false"], "data.root=PATH"),
        (["run/nested.ckpt", "data.words=[yes]"], "the network"),
    ],
)
def test_evaluate_refuses_what_does_not_fit(finished, arguments, message, capsys):
    assert evaluate.main(arguments) == 2
    assert message in capsys.readouterr().err


def test_help_and_print_config(capsys):
    for option, expected in (("--help", "--search.budgets"), ("--print_config", "max_epochs: 40")):
        with pytest.raises(SystemExit) as ended:
            train.main(["recipe=kws_dnn", option])
        assert ended.value.code in (0, None)
        assert expected in capsys.readouterr().out
