"""A small nested network, batches for it, and a trainer that writes nothing."""

import lightning as L
import pytest
import torch
from torch.utils.data import DataLoader, TensorDataset

import reds_torch as reds

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
    """Two batches of five an epoch, for all sets."""

    def __init__(self, inputs, targets):
        super().__init__()
        self.loader = DataLoader(TensorDataset(inputs, targets), batch_size=5)

    def train_dataloader(self):
        return self.loader

    val_dataloader = test_dataloader = train_dataloader


@pytest.fixture
def data(batch):
    return Batches(*batch)


@pytest.fixture
def trainer():
    def make(**settings):
        quiet = {"logger": False, "enable_progress_bar": False, "enable_model_summary": False}
        return L.Trainer(accelerator="cpu", **{"enable_checkpointing": False, **quiet, **settings})

    return make
