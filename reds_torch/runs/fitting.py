"""The training of one stage, from where it was interrupted if it was."""

from __future__ import annotations

from collections.abc import Sequence

from lightning.pytorch.callbacks import Callback, ModelCheckpoint

from ..nested.network import NestedNetwork
from ..system.ranks import once, together
from ..training import (
    BestEpoch,
    FiniteTraining,
    MetricsFile,
    NestedClassifier,
    ReplacingCheckpointIO,
    StageProgress,
    TerminationAsInterrupt,
)
from ..training.settings import ObjectiveSettings, TrainingSettings
from .run import Run


def fit(
    run: Run,
    stage: str,
    net: NestedNetwork,
    epochs: int,
    settings: TrainingSettings,
    objective: ObjectiveSettings = ObjectiveSettings(),  # noqa: B008 - it is frozen
    freeze_batch_norm: bool = False,
    batch_norm_share: float = 0.0,
    callbacks: Sequence[Callback] = (),
    best: BestEpoch | None = None,
) -> NestedClassifier:
    """Train a network for a stage, from where the stage was interrupted if it was."""
    module = NestedClassifier(
        net, len(run.data.classes), settings, objective, freeze_batch_norm, batch_norm_share, run.seed
    )
    if epochs == 0:
        return module
    folder, state = run.folder.training(stage), run.folder.state(stage)
    trainer = run.cli.stage_trainer(
        max_epochs=epochs,
        default_root_dir=str(folder),
        enable_model_summary=False,
        callbacks=[
            StageProgress(stage, run.console),
            # one file, replaced at every epoch, after the metrics are written
            ModelCheckpoint(folder, filename=state.stem, enable_version_counter=False, save_on_train_epoch_end=True),
            MetricsFile(run.folder.metrics, stage),
            FiniteTraining(stage, state),
            TerminationAsInterrupt(),
            *callbacks,
            *([best] if best else []),
        ],
        plugins=[ReplacingCheckpointIO()],
        **_strategy(run, leaves_parameters_out=batch_norm_share > 0),
    )
    resumable = once(state.is_file)
    module.train()
    try:
        trainer.fit(module, datamodule=run.data, ckpt_path=state if resumable else None, weights_only=True)
    except SystemExit:  # Lightning's answer to ctrl-C
        if trainer.interrupted:
            raise KeyboardInterrupt from None
        raise
    for logger in trainer.loggers:  # W&B's run would stay open and take the next stage's metrics
        if callable(finish := getattr(getattr(logger, "experiment", None), "finish", None)):
            finish()
    if best:
        best.restore(module)
    return module


def best_epoch(run: Run, stage: str) -> BestEpoch:
    """Fine-tuning and the baselines that it is compared with choose and end alike."""
    settings = run.config.finetune
    return BestEpoch(run.folder.best(stage) if settings.keep == "best" else None, settings.patience)


def _strategy(run: Run, leaves_parameters_out: bool) -> dict[str, str]:
    """Let DDP look for parameters without a gradient, which costs time, where there are some."""
    if together() and leaves_parameters_out and run.config.trainer.strategy in ("auto", "ddp"):
        return {"strategy": "ddp_find_unused_parameters_true"}
    return {}
