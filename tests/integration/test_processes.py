"""Runs of several processes equal runs of one with the larger batch, and end together."""

import csv
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from reds_torch.runs import folder as run_folder

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
    """Of the results."""
    loaded = [torch.load(path, weights_only=True)["weights"] for path in sorted(run.glob("[nq]*ed.ckpt"))]
    return {f"{i}.{name}": tensor for i, tensors in enumerate(loaded) for name, tensor in tensors.items()}


def assert_equal_runs(one, two):
    """Equal widths and accuracies; losses and weights nearly, as sums are taken in another order."""
    expected, found = metrics(one), metrics(two)
    assert expected.keys() == found.keys()
    assert found == pytest.approx(expected, rel=1e-4)
    for first, second in zip(subnetworks(one), subnetworks(two), strict=True):
        assert first["widths"] == second["widths"]
        # two means over half the batch each, instead of one
        assert second["value"] == pytest.approx(2 * first["value"], rel=1e-4)
        assert first["accuracy"] == second["accuracy"]
    for name, tensor in weights(one).items():
        torch.testing.assert_close(weights(two)[name], tensor, rtol=1e-3, atol=1e-4)


def test_two_processes_equal_one_with_the_doubled_batch(settings, start, start_both, tmp_path):
    """A sandwich is the same in each process; the average follows the weights there."""
    arguments = [
        "recipe=kws_dnn",
        *settings,
        "pretrain.max_epochs=3",
        "trainer.max_epochs=2",
        "finetune.objective.subnetworks=sandwich",
        "finetune.averaging=0.9",
        "baselines=[scratch]",
    ]
    ended([start([*arguments, "run_dir=one", "data.batch_size=20"])], tmp_path)
    ended(start_both([*arguments, "run_dir=two", "data.batch_size=10"]), tmp_path)
    assert_equal_runs(tmp_path / "one", tmp_path / "two")
    # one table, by the first process
    assert (tmp_path / "output.txt").read_text().count("nested.ckpt") == 2


def test_with_batch_norm(settings, start, start_both, tmp_path):
    """Statistics frozen; its own last epochs leave all other parameters without gradients; as int8 afterwards."""
    arguments = [
        "recipe=kws_ds_cnn",
        *settings,
        "pretrain.max_epochs=0",
        "trainer.max_epochs=2",
        "finetune.batch_norm=frozen",
        "finetune.batch_norm_share=0.5",
        "quantize.max_epochs=1",
    ]
    ended([start([*arguments, "run_dir=one", "data.batch_size=20"])], tmp_path)
    ended(start_both([*arguments, "run_dir=two", "data.batch_size=10"]), tmp_path)
    assert_equal_runs(tmp_path / "one", tmp_path / "two")


@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="the children of a process are found in /proc")
def test_the_launcher_s_processes_end_together_and_the_run_goes_on(settings, start, start_both, tmp_path):
    """As a user runs it; the second process is killed, the first one ends and says what to do."""
    arguments = ["recipe=kws_dnn", *settings, "pretrain.max_epochs=4", "trainer.max_epochs=1"]
    ended([start([*arguments, "run_dir=one", "data.batch_size=20"])], tmp_path)
    several = [*arguments, "run_dir=two", "data.batch_size=10", "trainer.devices=2", "trainer.strategy=ddp"]
    first = subprocess.Popen(
        [sys.executable, "-m", "reds_torch.train", *several],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    while not (tmp_path / "two" / "stages" / "pretrain" / "last.ckpt").is_file():
        assert first.poll() is None, first.stderr.read()
        time.sleep(0.01)
    (second,) = Path(f"/proc/{first.pid}/task/{first.pid}/children").read_text().split()
    os.kill(int(second), signal.SIGKILL)
    _, errors = first.communicate(timeout=60)
    assert first.returncode != 0
    # it says nothing where Lightning's observer ends it before it has lost the connection
    last_words = errors.strip().splitlines()[-1:]
    assert last_words in ([], ["error: another process of the run has ended: go on with resume=two"])
    ended(start_both(["resume=two"]), tmp_path)
    assert_equal_runs(tmp_path / "one", tmp_path / "two")


def test_one_process_at_a_time_works_on_a_run(tmp_path, monkeypatch):
    monkeypatch.setattr(run_folder, "PATIENCE_SECONDS", 0.0)
    (tmp_path / "run").mkdir()
    folder = run_folder.RunFolder(tmp_path / "run")
    refused = pytest.raises(run_folder.RunInUseError, match=r"another process is at work on .*run")
    with folder.in_use(), refused, folder.in_use():
        pass
    with folder.in_use():
        pass
