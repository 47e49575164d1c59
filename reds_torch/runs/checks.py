"""What is refused in the settings of a run before any work."""

from __future__ import annotations

from typing import Any

from ..costs import register_device
from ..knapsack.network_search import check_search
from ..training import (
    NestedClassifier,
)
from .command_line import UsageError
from .recipes import RecipeCLI
from .run import new_network


def check_settings(cli: RecipeCLI) -> None:
    """Refuse a model, a nesting or budgets that can't be, before any data are touched."""
    config, data = cli.config_init, cli.datamodule
    _check_trainer(config.trainer)
    if "scratch" in config.baselines and config.finetune.objective.teacher == "pretrained":
        raise UsageError(
            "baselines=[scratch] has no pretrained network that could teach it, which finetune.objective.teacher asks "
            "for: leave scratch out, or take another teacher"
        )
    register_device(config.search.device)
    net = new_network(cli, cli.config.pretrained)
    for settings in (config.pretrain, config.finetune, config.quantize):
        share = config.finetune.batch_norm_share
        NestedClassifier(net, len(data.classes), settings, config.finetune.objective, batch_norm_share=share)
    check_search(
        net,
        config.search.budgets_by_cost,
        config.search.limits,
        config.search.minimum,
    )


def _check_trainer(trainer: Any) -> None:
    """Refuse trainer settings that a run of several resumable stages can't honour."""
    if (trainer.max_epochs or 0) < 0 or trainer.max_epochs is None:
        raise UsageError(f"trainer.max_epochs must be a number from 0, not {trainer.max_epochs}")
    if trainer.sync_batchnorm:
        raise UsageError(
            "subnetworks share their batch norms, which can't be replaced: leave trainer.sync_batchnorm off"
        )
    if trainer.enable_checkpointing is False:
        raise UsageError("stages are resumed from checkpoints: leave trainer.enable_checkpointing on")
    for split in ("train", "val", "test"):
        if getattr(trainer, f"limit_{split}_batches") == 0:
            raise UsageError(f"trainer.limit_{split}_batches=0 leaves nothing to measure")
