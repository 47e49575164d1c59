"""What every stage of a run needs, and the network that it begins with."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import lightning as L
import torch
from lightning.pytorch.callbacks import Callback
from rich.console import Console
from torch import Tensor

from ..models import build
from ..nested.network import NestedNetwork, nest
from ..pretrained import load_pretrained
from ..system.ranks import processes
from ..training import (
    stage_progress,
)
from ..training.settings import CALIBRATION_SAMPLES
from .folder import RunFolder
from .recipes import RecipeCLI


@dataclass(frozen=True)
class Run:
    """What every stage needs: the settings, the data, the folder and the terminal."""

    cli: RecipeCLI
    folder: RunFolder
    console: Console

    @property
    def config(self) -> Any:
        """All settings, with the sections of `reds_torch.runs.settings` as objects."""
        return self.cli.config_init

    @property
    def data(self) -> Any:
        """The data module."""
        return self.cli.datamodule

    @property
    def seed(self) -> int:
        """The seed of everything."""
        return int(self.cli.config.seed_everything)

    @property
    def total_epochs(self) -> int:
        """Epochs that a network gets which is not pretrained: those of both stages."""
        return int(self.config.pretrain.max_epochs) + int(self.config.trainer.max_epochs)


def new_network(cli: RecipeCLI, pretrained: str | None = None) -> NestedNetwork:
    """The recipe's model, with weights that depend on the seed alone or those of a file, ready to be cut."""
    config, data = cli.config_init, cli.datamodule
    arguments = {
        "classes": len(data.classes),
        "input_shape": tuple(data.input_shape),
        **config.model.arguments,
    }
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(int(cli.config.seed_everything))
        model = build(config.model.name, **arguments)
    if pretrained:
        load_pretrained(model, pretrained)
    return nest(model, data.example_input, config.nest.ignore, config.nest.round_to, copy=False)


def tester(run: Run, callbacks: Sequence[Callback] = ()) -> L.Trainer:
    """A trainer that only measures."""
    return run.cli.stage_trainer(
        logger=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        enable_checkpointing=False,
        callbacks=callbacks,
    )


def batches(run: Run, loader: Iterable[tuple[Tensor, Tensor]], purpose: str) -> Iterable[tuple[Tensor, Tensor]]:
    """As many batches of a loader as scoring uses."""
    wanted = 1 if run.config.trainer.fast_dev_run else run.config.score.batches
    with stage_progress(run.console) as progress:
        task = progress.add_task(purpose, total=wanted, note="")
        for batch in islice(loader, wanted):
            yield batch
            progress.advance(task)
        progress.update(task, total=progress.tasks[0].completed)


def range_batches(run: Run) -> Iterable[tuple[Tensor, Tensor]]:
    """This process' share of the examples that ranges of activations are measured on."""
    seen = 0
    for batch in run.data.calibration_dataloader():
        yield batch
        seen += len(batch[0]) * processes()
        if seen >= CALIBRATION_SAMPLES:
            break
