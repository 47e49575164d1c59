"""On a GPU everything is as on the CPU; skipped where there is none."""

import copy
import csv
import json
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F

import reds_torch as reds
from reds_torch.commands import evaluate, train

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU")


@pytest.fixture
def batches():
    return [(torch.randn(8, 2, 8, 6).double(), torch.randint(0, 5, (8,))) for _ in range(3)]


@pytest.fixture
def pair(residual):
    """The same nested network on both, in float64."""
    net = reds.nest(residual.double(), torch.randn(1, 2, 8, 6).double())
    return net, copy.deepcopy(net).cuda()


def test_subnetworks_and_their_gradients_are_those_of_the_cpu(pair, batches):
    inputs, targets = batches[0]
    gradients = []
    for net in pair:
        widths = {group.name: group.size // 2 for group in net.groups}
        device = next(net.parameters()).device
        with net.active(widths):
            outputs = net(inputs.to(device))
        torch.testing.assert_close(outputs, net.extract(widths)(inputs.to(device)))
        F.cross_entropy(outputs, targets.to(device)).backward()
        gradients.append({name: p.grad.cpu() for name, p in net.named_parameters()})
    torch.testing.assert_close(*gradients)


@pytest.mark.parametrize("criterion", ["taylor", "taylor_samples", "fisher", "l1", "l2"])
def test_scores_and_order_are_those_of_the_cpu(pair, batches, criterion):
    scores = [reds.order(net, reds.score(net, batches, criterion=criterion)) for net in pair]
    torch.testing.assert_close(*({name: s.cpu() for name, s in found.items()} for found in scores))
    torch.testing.assert_close(*({name: p.cpu() for name, p in net.state_dict().items()} for net in pair))


@pytest.fixture
def command(settings, tmp_path, monkeypatch):
    """Arguments of a short run, in an empty folder."""
    monkeypatch.chdir(tmp_path)
    return [*settings, "data.batch_size=10", "pretrain.max_epochs=1", "trainer.max_epochs=2"]


def losses(folder):
    with (folder / "metrics.csv").open() as file:
        rows = [row for row in csv.DictReader(file) if row["metric"] == "train/loss"]
    return {(row["stage"], row["epoch"]): float(row["value"]) for row in rows}


def found_accuracies(path):
    return [entry["accuracy"] for entry in json.loads(path.read_text())["subnetworks"]]


@pytest.mark.parametrize("recipe", ["kws_dnn", "kws_ds_cnn"])
def test_a_run_learns_what_it_learns_on_the_cpu(command, recipe, tmp_path):
    for accelerator in ("cpu", "gpu"):
        arguments = [*command, f"recipe={recipe}", f"trainer.accelerator={accelerator}", f"run_dir={accelerator}"]
        assert train.main(arguments) == 0
    # a GPU's convolutions round to 10 bits
    assert losses(tmp_path / "gpu") == pytest.approx(losses(tmp_path / "cpu"), rel=0.05)
    assert {p.device.type for p in reds.load("gpu/nested.ckpt").parameters()} == {"cpu"}
    assert evaluate.main(["gpu/nested.ckpt", command[0], "--accelerator", "gpu", "--json", "again.json"]) == 0
    again = found_accuracies(tmp_path / "again.json")
    assert again == found_accuracies(tmp_path / "gpu" / "subnetworks.json")


@pytest.mark.parametrize(
    "choice",
    [
        ("trainer.precision=bf16-mixed",),
        ("trainer.precision=16-mixed",),
        ("trainer.strategy=ddp",),
        ("finetune.batch_norm=separate",),
        ("finetune.searches=1",),
        ("finetune.batch_norm=frozen", "finetune.batch_norm_share=0.5"),
        ("finetune.objective.teacher=pretrained", "finetune.mixup=1", "finetune.time_mask=3"),
        ("finetune.objective.teacher=ensemble", "finetune.averaging=0.9"),
        ("finetune.objective.powers=[0.5,-1]", "finetune.objective.subnetworks=sandwich"),
        ("quantize.max_epochs=1", "quantize.learning_rates=[1e-3]"),
        ("baselines=[alone,scratch]",),
    ],
    ids=" ".join,
)
def test_every_choice_of_training_runs(command, choice, tmp_path):
    assert train.main([*command, "recipe=kws_ds_cnn", "trainer.accelerator=gpu", "run_dir=run", *choice]) == 0
    assert len(found_accuracies(tmp_path / "run" / "subnetworks.json")) == 3


def test_a_training_is_loaded_again(command):
    arguments = [*command, "recipe=kws_ds_cnn", "trainer.accelerator=gpu", "trainer.precision=16-mixed", "run_dir=run"]
    assert train.main(arguments) == 0
    before = Path("run/nested.ckpt").rename("before.ckpt")
    assert train.main(["resume=run"]) == 0
    weights = [torch.load(path, weights_only=True)["weights"] for path in (before, "run/nested.ckpt")]
    torch.testing.assert_close(*weights)
