import lightning as L
import pytest
import torch
import torch.nn.functional as F
from torch.utils.data import DataLoader, TensorDataset

import reds_torch as reds
from reds_torch.models import dnn
from reds_torch.settings import TrainingSettings
from reds_torch.training import NestedClassifier, accuracies

SUBNETWORKS = [{"stem": 6, "hidden": 7}, {"stem": 4, "hidden": 5}, {"stem": 1, "hidden": 2}]


@pytest.fixture
def net(residual):
    net = reds.nest(residual, torch.zeros(1, 2, 8, 6))
    net.subnetworks = [reds.Subnetwork(widths, reds.measure(net, widths)) for widths in SUBNETWORKS]
    return net


@pytest.fixture
def batch():
    return torch.randn(10, 2, 8, 6), torch.randint(0, 5, (10,))


class Batches(L.LightningDataModule):
    def __init__(self, inputs, targets):
        super().__init__()
        self.loader = DataLoader(TensorDataset(inputs, targets), batch_size=5)

    def train_dataloader(self):
        return self.loader

    val_dataloader = test_dataloader = train_dataloader


def trainer(**settings):
    return L.Trainer(
        accelerator="cpu",
        logger=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        enable_checkpointing=False,
        **settings,
    )


def test_accuracies_are_those_of_the_extracted_networks(net, batch):
    found = accuracies(trainer(), NestedClassifier(net, 5), Batches(*batch))
    inputs, targets = batch
    for k in range(3):
        right = (net.extract(k)(inputs).argmax(1) == targets).float().mean().item()
        assert found[k] == {"val": pytest.approx(right), "test": pytest.approx(right)}


def test_learning_rates_take_equal_parts_of_the_epochs(net, batch):
    seen = []

    class Spy(L.Callback):
        def on_train_epoch_start(self, trainer, pl_module):
            seen.append(trainer.optimizers[0].param_groups[0]["lr"])

    module = NestedClassifier(net, 5, TrainingSettings([1e-2, 1e-3, 1e-4]))
    trainer(max_epochs=6, callbacks=[Spy()]).fit(module, Batches(*batch))
    assert seen == pytest.approx([1e-2, 1e-2, 1e-3, 1e-3, 1e-4, 1e-4])


@pytest.mark.parametrize("freeze", [True, False])
def test_frozen_batch_norm_keeps_its_statistics_and_trains_its_scale(net, batch, freeze):
    mean, scale = net.model.norm.running_mean.clone(), net.model.norm.weight.clone()
    module = NestedClassifier(net, 5, freeze_batch_norm=freeze).train()
    trainer(max_epochs=2).fit(module, Batches(*batch))
    assert torch.equal(net.model.norm.running_mean, mean) == freeze
    assert not torch.equal(net.model.norm.weight, scale)


def test_training_lowers_the_loss_of_every_subnetwork(net, batch):
    inputs, targets = batch

    def losses():
        return [F.cross_entropy(net.extract(k)(inputs), targets).item() for k in range(3)]

    before = losses()
    trainer(max_epochs=20).fit(NestedClassifier(net, 5, TrainingSettings([1e-2])).train(), Batches(*batch))
    assert all(b < a for a, b in zip(before, losses(), strict=True))


def test_in_the_last_epochs_only_batch_norm_is_trained(net, batch):
    seen = []

    class Spy(L.Callback):
        def on_train_epoch_end(self, trainer, pl_module):
            seen.append({name: p.detach().clone() for name, p in net.model.named_parameters()})

    module = NestedClassifier(net, 5, freeze_batch_norm=True, batch_norm_share=0.5).train()
    trainer(max_epochs=2, callbacks=[Spy()]).fit(module, Batches(*batch))
    changed = {name for name in seen[0] if not torch.equal(seen[0][name], seen[1][name])}
    assert changed == {"norm.weight", "norm.bias"}


def test_training_only_batch_norm_needs_one():
    net = reds.nest(dnn("s"), torch.zeros(1, 1, 25, 10))
    with pytest.raises(ValueError, match="no batch norm to train"):
        NestedClassifier(net, 12, batch_norm_share=0.2)
