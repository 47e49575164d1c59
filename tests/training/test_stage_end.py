"""How a stage ends: at its best epoch, early, or where it has diverged."""

import csv

import lightning as L
import pytest
import torch
from torch.utils.data import DataLoader, TensorDataset

import reds_torch as reds
from reds_torch.training import BestEpoch, DivergedError, FiniteTraining, MetricsFile, NestedClassifier
from reds_torch.training.callbacks.checkpoint_files import ReplacingCheckpointIO


class Batches(L.LightningDataModule):
    def __init__(self):
        super().__init__()
        random = torch.Generator().manual_seed(0)
        inputs = torch.randn(20, 2, 8, 6, generator=random)
        targets = torch.randint(0, 5, (20,), generator=random)
        self.loader = DataLoader(TensorDataset(inputs, targets), batch_size=5)

    def train_dataloader(self):
        return self.loader

    val_dataloader = train_dataloader


class Accuracies(L.Callback):
    """Pretends validation accuracies whose mean over the subnetworks is one of these numbers in each epoch."""

    def __init__(self, values):
        self.values = values
        self.weights = []

    def setup(self, trainer, pl_module, stage):
        def validation_step(batch, batch_idx):
            for k, error in ((0, -0.1), (1, 0.1)):
                pl_module.log(f"val/accuracy_{k}", self.values[trainer.current_epoch] + error)

        pl_module.validation_step = validation_step

    def on_validation_end(self, trainer, pl_module):
        if not trainer.sanity_checking:
            self.weights.append({n: p.detach().clone() for n, p in pl_module.net.named_parameters()})


@pytest.fixture
def module(residual):
    net = reds.nest(residual, torch.zeros(1, 2, 8, 6))
    widths = [{"stem": 6, "hidden": 7}, {"stem": 3, "hidden": 5}]
    net.subnetworks = [reds.Subnetwork(w, reds.measure(net, w)) for w in widths]
    return NestedClassifier(net, 5).train()


def trainer(epochs, *callbacks, **settings):
    return L.Trainer(
        max_epochs=epochs,
        accelerator="cpu",
        logger=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        callbacks=list(callbacks),
        enable_checkpointing=False,
        plugins=[ReplacingCheckpointIO()],
        **settings,
    )


def test_the_best_epoch_is_kept(module, tmp_path):
    pretended, best = Accuracies([0.5, 0.8, 0.7, 0.8]), BestEpoch(tmp_path / "best.ckpt", 0)
    trainer(4, pretended, best).fit(module, Batches())
    assert (best.epoch, best.accuracy) == (1, pytest.approx(0.8))
    best.restore(module)
    expected, last = pretended.weights[1], pretended.weights[-1]
    assert all(torch.equal(p, expected[n]) for n, p in module.net.named_parameters())
    assert not all(torch.equal(p, last[n]) for n, p in module.net.named_parameters())
    assert [p.name for p in tmp_path.iterdir()] == ["best.ckpt"]


@pytest.mark.parametrize(("patience", "epochs"), [(1, 3), (2, 6), (0, 6)])
def test_a_stage_ends_when_it_gets_no_better(module, patience, epochs):
    pretended = Accuracies([0.5, 0.8, 0.7, 0.9, 0.8, 0.7])
    trainer(6, pretended, BestEpoch(None, patience)).fit(module, Batches())
    assert len(pretended.weights) == epochs


def test_a_stage_that_had_ended_early_has_ended_after_a_resume(module, tmp_path):
    pretended = Accuracies([0.5, 0.4, 0.9, 0.9])
    first = trainer(4, pretended, BestEpoch(tmp_path / "best.ckpt", 1))
    first.fit(module, Batches())
    first.save_checkpoint(tmp_path / "last.ckpt")
    resumed, best = Accuracies([0.5, 0.4, 0.9, 0.9]), BestEpoch(tmp_path / "best.ckpt", 1)
    trainer(4, resumed, best).fit(module, Batches(), ckpt_path=tmp_path / "last.ckpt", weights_only=True)
    assert resumed.weights == []
    assert best.epoch == 0


@pytest.mark.parametrize("what", ["loss", "weights"])
def test_a_diverged_stage_ends_before_it_is_saved(module, tmp_path, what):
    class Spoil(L.Callback):
        def on_train_batch_start(self, trainer, pl_module, batch, batch_idx):
            if what == "loss" and (trainer.current_epoch, batch_idx) == (1, 1):
                batch[0].fill_(float("inf"))

        def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx):
            # after the last loss of the epoch
            if what == "weights" and (trainer.current_epoch, batch_idx) == (1, 3):
                next(pl_module.parameters()).data.fill_(float("nan"))

    state = tmp_path / "last.ckpt"

    class Save(L.Callback):
        def on_train_epoch_end(self, trainer, pl_module):
            trainer.save_checkpoint(state)

    with pytest.raises(DivergedError, match=r"finetune has diverged.*epoch 1;.*lower learning rates.*last.ckpt"):
        trainer(3, Spoil(), FiniteTraining("finetune", state), Save()).fit(module, Batches())
    kept = torch.load(state, weights_only=True)
    assert kept["epoch"] == 0
    assert all(t.isfinite().all() for t in kept["state_dict"].values())


def test_a_checkpoint_that_could_not_be_written_leaves_the_last_one(module, tmp_path, monkeypatch):
    path = tmp_path / "last.ckpt"
    files = ReplacingCheckpointIO()
    files.save_checkpoint({"epoch": 0}, path)

    def half(content, target):
        target.write_bytes(b"half of it")
        raise OSError("no space")

    monkeypatch.setattr(torch, "save", half)
    with pytest.raises(OSError, match="no space"):
        files.save_checkpoint({"epoch": 1}, path)
    monkeypatch.undo()
    assert torch.load(path, weights_only=True) == {"epoch": 0}
    assert [p.name for p in tmp_path.iterdir()] == ["last.ckpt"]


@pytest.mark.parametrize(
    "cut", ["finetu", "finetune,", "finetune,1", "finetune,1,val/accu", "finetune,1,train/loss,0."]
)
def test_a_metrics_line_that_was_cut_off_is_dropped(module, tmp_path, cut):
    path = tmp_path / "metrics.csv"
    path.write_text(f"stage,epoch,metric,value\npretrain,0,train/loss,1.5\n{cut}")
    trainer(1, MetricsFile(path, "finetune")).fit(module, Batches())
    with path.open() as file:
        rows = [(r["stage"], r["epoch"], r["metric"]) for r in csv.DictReader(file)]
    assert rows[0] == ("pretrain", "0", "train/loss")
    assert {r[:2] for r in rows[1:]} == {("finetune", "0")}
