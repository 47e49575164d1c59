"""The main job: from a recipe to a nested network.

    python -m reds_torch.train recipe=kws_dnn [key=value ...]
    python -m reds_torch.train resume=runs/kws_dnn/latest

Stages: pretrain, search (nest, score, order, choose widths), fine-tune, baselines, test. Each leaves its result
in the run folder and is not done again when the run is resumed.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import lightning as L
import torch
from lightning.pytorch.callbacks import ModelCheckpoint
from lightning.pytorch.utilities.exceptions import MisconfigurationException
from rich.console import Console
from torch import Tensor, nn

from .atomic import replacing
from .checkpoint import load, save
from .command_line import UsageError
from .costs import register_device
from .knapsack import save_problem, solve
from .knapsack.from_network import check_search, search_problem
from .models import build
from .nested.network import NestedNetwork, nest
from .ordering import order
from .pretrained import load_pretrained
from .recipes import RecipeCLI, parse
from .reporting.html import write_report
from .reporting.table import stages_line, subnetworks_as_json, subnetworks_table, terminal
from .run_folder import RunFolder, write_json
from .scores import score
from .settings import ObjectiveSettings, TrainingSettings
from .training import (
    MetricsFile,
    NestedClassifier,
    StageProgress,
    accuracies,
    keep_freed_memory,
    recalibrate,
    stage_progress,
)


@dataclass(frozen=True)
class Run:
    """What every stage needs: the settings, the data, the folder and the terminal."""

    cli: RecipeCLI
    folder: RunFolder
    console: Console

    @property
    def config(self) -> Any:
        """All settings, with the sections of `reds_torch.settings` as objects."""
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


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit status."""
    console = terminal()
    keep_freed_memory()
    folder: RunFolder | None = None
    try:
        cli = parse(sys.argv[1:] if arguments is None else arguments)
        check_settings(cli)
        cli.datamodule.prepare_data()
        cli.datamodule.setup("fit")
        folder = open_folder(cli)
        run(Run(cli, folder, console))
    except (UsageError, MisconfigurationException, ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        where = f": go on with resume={folder.path}" if folder else ""
        print(f"interrupted{where}", file=sys.stderr)
        return 130
    return 0


def check_settings(cli: RecipeCLI) -> None:
    """Refuse a model, a nesting or budgets that can't be, before any data are touched."""
    config, data = cli.config_init, cli.datamodule
    _check_trainer(config.trainer)
    register_device(config.search.device)
    net = new_network(cli, cli.config.pretrained)
    for settings in (config.pretrain, config.finetune):
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
    if trainer.devices not in (1, "1", "auto") or trainer.num_nodes != 1:
        raise UsageError("training on several devices or nodes is not supported yet: leave trainer.devices=1")
    if trainer.enable_checkpointing is False:
        raise UsageError("stages are resumed from checkpoints: leave trainer.enable_checkpointing on")
    for split in ("train", "val", "test"):
        if getattr(trainer, f"limit_{split}_batches") == 0:
            raise UsageError(f"trainer.limit_{split}_batches=0 leaves nothing to measure")


def open_folder(cli: RecipeCLI) -> RunFolder:
    """The folder to go on with, or a new one with the settings in it."""
    if cli.config.resume:
        return RunFolder(Path(cli.config.resume).resolve())
    name = Path(cli.config.recipe or "run").stem
    folder = RunFolder.create(name, cli.config.run_dir)
    with replacing(folder.config) as temporary:
        temporary.write_text(cli.parser.dump(cli.config))
    return folder


def run(run: Run) -> None:
    """All stages, each skipped where its result is there."""
    run.console.print(f"run folder: {run.folder.path}")
    pretrained = pretrain(run)
    searched = choose(run, pretrained)
    net = finetune(run, searched)
    for baseline in run.config.baselines:
        train_baseline(run, net, baseline)
    conclude(run, net)


def pretrain(run: Run) -> NestedNetwork:
    """Train the full network alone, or take the weights that ``pretrained`` names as they are."""
    if run.folder.pretrained.is_file():
        return load(run.folder.pretrained)
    source = run.cli.config.pretrained
    net = new_network(run.cli, source)
    settings = run.config.pretrain
    with run.folder.timed("pretrain"):
        module = fit(run, "pretrain", net, 0 if source else settings.max_epochs, settings)
        measured = accuracies(_tester(run), module, run.data)
    save(net, run.folder.pretrained, accuracies=measured, **_metadata(run))
    return net


def choose(run: Run, net: NestedNetwork) -> NestedNetwork:
    """Score and order the units, and search the subnetworks."""
    if run.folder.searched.is_file():
        return load(run.folder.searched)
    settings = run.config.search
    with run.folder.timed("search"):
        scores = score(net, _clean_batches(run, "score"), criterion=run.config.score.criterion)
        scores = order(net, scores)
        problem = search_problem(net, scores, settings.budgets_by_cost, settings.limits, settings.minimum)
        save_problem(problem, run.folder.problem)
        with run.console.status("search"):
            result = solve(
                problem,
                settings.budgets_by_cost,
                settings.limits,
                settings.strategy,
                settings.solver,
                settings.gap,
                settings.time_limit,
            )
    net.subnetworks = result.subnetworks
    for k, subnetwork in enumerate(net.subnetworks[1:], start=1):
        run.console.print(f"search: subnetwork {k}, {subnetwork.status}, {subnetwork.seconds:.2f} s")
    save(net, run.folder.searched, pretrained=net.metadata.get("accuracies"), **_metadata(run))
    write_json(run.folder.subnetworks, subnetworks_as_json(net.subnetworks))
    return load(run.folder.searched)


def finetune(run: Run, net: NestedNetwork) -> NestedNetwork:
    """Train all subnetworks together."""
    if run.folder.nested.is_file():
        return load(run.folder.nested)
    settings = run.config.finetune
    with run.folder.timed("finetune"):
        if settings.batch_norm == "separate":
            net.own_batch_norm("separate")
        module = fit(
            run,
            "finetune",
            net,
            run.config.trainer.max_epochs,
            settings,
            settings.objective,
            freeze_batch_norm=settings.batch_norm != "separate",
            batch_norm_share=settings.batch_norm_share,
        )
        if settings.batch_norm == "recalibrated":
            recalibrate(net, [inputs for inputs, _ in _clean_batches(run, "recalibrate")])
        measured = accuracies(_tester(run), module, run.data)
    save(net, run.folder.nested, accuracies=measured, confusions=module.confusions(), **_metadata(run))
    return load(run.folder.nested)


def train_baseline(run: Run, net: NestedNetwork, baseline: str) -> None:
    """Train without what is to be compared: each subnetwork alone, or nested from random weights.

    Baselines are trained as the full network is before nesting, and get the epochs of both stages.
    """
    done = run.folder.baselines().get(baseline, {})
    settings, epochs = run.config.pretrain, run.total_epochs
    if baseline == "alone":
        for k in range(len(net.subnetworks)):
            if str(k) in done:
                continue
            stage = f"alone_{k}"
            with run.folder.timed(stage):
                small = nest(_reinitialised(net.extract(k), run.seed), run.data.example_input, copy=False)
                module = fit(run, stage, small, epochs, settings)
                run.folder.add_baseline(baseline, k, accuracies(_tester(run), module, run.data)[0])
    elif len(done) < len(net.subnetworks):
        with run.folder.timed(baseline):
            scratch = new_network(run.cli)
            scratch.subnetworks = net.subnetworks
            module = fit(run, baseline, scratch, epochs, settings, run.config.finetune.objective)
            for k, measured in enumerate(accuracies(_tester(run), module, run.data)):
                run.folder.add_baseline(baseline, k, measured)


def conclude(run: Run, net: NestedNetwork) -> None:
    """Print the table, write subnetworks.json and report.html."""
    measured = net.metadata["accuracies"]
    pretrained = load(run.folder.pretrained).metadata["accuracies"][0]
    baselines, seconds = run.folder.baselines(), run.folder.seconds()
    write_json(
        run.folder.subnetworks,
        subnetworks_as_json(
            net.subnetworks,
            measured,
            pretrained=pretrained,
            baselines=baselines,
            seconds=seconds,
            seed=run.seed,
            classes=net.metadata["classes"],
            confusions=net.metadata.get("confusions"),  # older checkpoints have none
        ),
    )
    title = f"{run.folder.nested}"
    run.console.print(subnetworks_table(net.subnetworks, measured, title, pretrained, baselines))
    run.console.print(stages_line(seconds))
    run.console.print(f"report: {write_report(run.folder.path)}")


def fit(
    run: Run,
    stage: str,
    net: NestedNetwork,
    epochs: int,
    settings: TrainingSettings,
    objective: ObjectiveSettings = ObjectiveSettings(),  # noqa: B008 - it is frozen
    freeze_batch_norm: bool = False,
    batch_norm_share: float = 0.0,
) -> NestedClassifier:
    """Train a network for a stage, from where the stage was interrupted if it was."""
    module = NestedClassifier(
        net, len(run.data.classes), settings, objective, freeze_batch_norm, batch_norm_share, run.seed
    )
    if epochs == 0:
        return module
    folder = run.folder.training(stage)
    progress = StageProgress(stage, run.console)
    # one file, replaced at every epoch
    last = ModelCheckpoint(folder, filename="last", enable_version_counter=False)
    trainer = run.cli.stage_trainer(
        max_epochs=epochs,
        default_root_dir=str(folder),
        enable_model_summary=False,
        callbacks=[progress, last, MetricsFile(run.folder.metrics, stage)],
    )
    resumable = folder / "last.ckpt"
    module.train()
    try:
        trainer.fit(
            module, datamodule=run.data, ckpt_path=resumable if resumable.is_file() else None, weights_only=True
        )
    except SystemExit:  # Lightning's answer to ctrl-C
        if trainer.interrupted:
            raise KeyboardInterrupt from None
        raise
    return module


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


def _reinitialised(model: nn.Module, seed: int) -> nn.Module:
    """The same network with fresh random weights."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        for module in model.modules():
            if callable(reset := getattr(module, "reset_parameters", None)):
                reset()
    return model


def _clean_batches(run: Run, purpose: str) -> Iterable[tuple[Tensor, Tensor]]:
    """Training data without augmentation, as many batches as scoring uses."""
    wanted = 1 if run.config.trainer.fast_dev_run else run.config.score.batches
    with stage_progress(run.console) as progress:
        task = progress.add_task(purpose, total=wanted, note="")
        for batch in islice(run.data.calibration_dataloader(), wanted):
            yield batch
            progress.advance(task)
        progress.update(task, total=progress.tasks[0].completed)


def _tester(run: Run) -> L.Trainer:
    return run.cli.stage_trainer(
        logger=False, enable_progress_bar=False, enable_model_summary=False, enable_checkpointing=False
    )


def _metadata(run: Run) -> dict[str, Any]:
    """What makes a checkpoint self-contained beside the network: the data's settings and where it comes from."""
    return {
        "recipe": run.cli.config.recipe,
        "seed": run.seed,
        "classes": list(run.data.classes),
        "data": {"class_path": run.cli.config.data.class_path, "settings": run.data.settings},
    }


if __name__ == "__main__":
    sys.exit(main())
