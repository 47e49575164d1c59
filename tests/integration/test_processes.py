"""Runs of several processes equal runs of one with the larger batch, and end together."""

import csv
import json
from pathlib import Path

import pytest
import torch

ROOT = Path(__file__).parent.parent.parent


def ended(processes, tmp_path):
    for process in processes:
        process.join(timeout=60)
    assert [process.exitcode for process in processes] == [0] * len(processes), (tmp_path / "output.txt").read_text()


def metrics(run):
    with (run / "metrics.csv").open() as file:
        return {(r["stage"], r["epoch"], r["metric"]): float(r["value"]) for r in csv.DictReader(file)}


def subnetworks(run):
    return json.loads((run / "subnetworks.json").read_text())["subnetworks"]


def weights(run):
    return torch.load(run / "nested.ckpt", weights_only=True)["weights"]


def assert_equal_runs(one, two, scores=2.0):
    """Equal widths and accuracies; losses and weights to 1e-4, as sums are taken in another order."""
    expected, found = metrics(one), metrics(two)
    assert expected.keys() == found.keys()
    assert found == pytest.approx(expected, rel=1e-4)
    for first, second in zip(subnetworks(one), subnetworks(two), strict=True):
        assert first["widths"] == second["widths"]
        # two means over half the batch each, instead of one
        assert second["value"] == pytest.approx(scores * first["value"], rel=1e-4)
        assert first["accuracy"] == second["accuracy"]
    for name, tensor in weights(one).items():
        torch.testing.assert_close(weights(two)[name], tensor, rtol=1e-3, atol=1e-4)


def test_two_processes_equal_one_with_the_doubled_batch(settings, start, start_both, tmp_path):
    arguments = ["recipe=kws_dnn", *settings, "pretrain.max_epochs=3", "trainer.max_epochs=2", "baselines=[scratch]"]
    one = [start([*arguments, "run_dir=one", "data.batch_size=20"])]
    ended(one, tmp_path)
    ended(start_both([*arguments, "run_dir=two", "data.batch_size=10"]), tmp_path)
    assert_equal_runs(tmp_path / "one", tmp_path / "two")
    # one table, by the first process
    assert (tmp_path / "output.txt").read_text().count("nested.ckpt") == 2


def test_with_batch_norm(settings, start, start_both, tmp_path):
    """Statistics frozen; its own last epochs leave all other parameters without gradients."""
    arguments = [
        "recipe=kws_ds_cnn",
        *settings,
        "pretrain.max_epochs=0",
        "trainer.max_epochs=2",
        "finetune.batch_norm_share=0.5",
    ]
    ended([start([*arguments, "run_dir=one", "data.batch_size=20"])], tmp_path)
    ended(start_both([*arguments, "run_dir=two", "data.batch_size=10"]), tmp_path)
    assert_equal_runs(tmp_path / "one", tmp_path / "two")
