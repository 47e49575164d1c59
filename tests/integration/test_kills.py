"""kill -9 at many moments, and resume: everything that a run leaves equals that of a run that was left alone."""

import json
import random

import pytest
import torch

KILLS = 4


def left_by(run):
    """What must be equal: all but how long it took."""
    result = json.loads((run / "subnetworks.json").read_text())
    del result["seconds"]
    for entry in result["subnetworks"]:
        del entry["seconds"]
    weights = {
        name: torch.load(run / name, weights_only=True)["weights"]
        for name in ("pretrained.ckpt", "searched.ckpt", "nested.ckpt", "quantized.ckpt")
        if (run / name).is_file()
    }
    return result, (run / "metrics.csv").read_text(), weights


@pytest.mark.parametrize("by", ["file", "clock"])
@pytest.mark.parametrize(
    ("stages", "writes"),  # and how many files the whole run opens, renames and removes, about
    [
        (["recipe=kws_dnn", "baselines=[alone,scratch]", "finetune.keep=best", "finetune.patience=2"], 190),
        (["recipe=kws_ds_cnn", "finetune.batch_norm=recalibrated", "quantize.max_epochs=2"], 80),
    ],
    ids=["dnn", "ds_cnn"],
)
def test_a_run_that_is_killed_again_and_again(settings, start, tmp_path, stages, writes, by):
    arguments = [*stages, *settings, "data.batch_size=20", "pretrain.max_epochs=2", "trainer.max_epochs=2"]
    whole = start([*arguments, "run_dir=whole"])
    whole.join()
    assert whole.exitcode == 0, (tmp_path / "output.txt").read_text()
    killed, dice = tmp_path / "run", random.Random(f"{stages[0]} {by}")
    for attempt in range(KILLS + 1):
        going_on = (killed / "config.yaml").is_file()
        command = ["resume=run"] if going_on else [*arguments, "run_dir=run"]
        if attempt == KILLS:
            process = start(command)
            process.join()
        elif by == "file":
            process = start(command, DIE_AT_WRITE=str(dice.randrange(1, writes // 2)))
            process.join()
        else:
            process = start(command)
            process.join(timeout=dice.uniform(0.2, 3))
            process.kill()
            process.join()
        assert process.exitcode in (0, -9), (tmp_path / "output.txt").read_text()
        if process.exitcode == 0:
            break
    assert process.exitcode == 0
    assert attempt > 0 or by == "clock"
    expected, found = left_by(tmp_path / "whole"), left_by(killed)
    assert found[:2] == expected[:2]
    for file, weights in expected[2].items():
        assert all(torch.equal(found[2][file][name], tensor) for name, tensor in weights.items()), file
    leftovers = [p for p in killed.rglob(".*") if p.name != ".lock"]
    assert leftovers == []
