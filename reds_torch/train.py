"""The main job: from a recipe to a nested network.

    python -m reds_torch.train recipe=kws_dnn [key=value ...]
    python -m reds_torch.train resume=runs/kws_dnn/latest [quantize.max_epochs=10]

Stages: pretrain, search (nest, score, order, choose widths), fine-tune, fine-tune for int8, baselines, test. Each
leaves its result in the run folder and is not done again when the run is resumed. A run of several processes goes
through them in step; the first process writes the files and the terminal.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from functools import wraps
from itertools import islice
from pathlib import Path
from typing import Any, Concatenate, ParamSpec

import lightning as L
import torch
from lightning.pytorch.callbacks import Callback, ModelCheckpoint
from lightning.pytorch.utilities.exceptions import MisconfigurationException
from rich.console import Console
from torch import Tensor, nn

from .atomic import replacing
from .checkpoint import load, save
from .command_line import UsageError, load_yaml
from .costs import register_device
from .knapsack import SearchResult, WidthProblem, save_problem, solve
from .knapsack.from_network import check_search, search_problem
from .models import build
from .nested import Subnetwork
from .nested.network import NestedNetwork, nest
from .ordering import order
from .pretrained import load_pretrained
from .ranks import FirstProcessError, once, processes, rank, together
from .recipes import RecipeCLI, parse
from .reporting.html import write_report
from .reporting.table import stages_line, subnetworks_as_json, subnetworks_table, terminal
from .run_folder import RunFolder, write_json
from .scores import Scores, score
from .settings import CALIBRATION_SAMPLES, ObjectiveSettings, TrainingSettings
from .training import (
    BestEpoch,
    DivergedError,
    FiniteTraining,
    Int8Training,
    MetricsFile,
    NestedClassifier,
    ReplacingCheckpointIO,
    SearchAgain,
    StageProgress,
    TerminationAsInterrupt,
    accuracies,
    check_strategy,
    end_with_parent,
    keep_freed_memory,
    lost_another,
    recalibrate,
    search_epochs,
    stage_progress,
    start_processes,
)

# A network and what its checkpoint says about it.
Result = tuple[NestedNetwork, dict[str, Any]]
P = ParamSpec("P")


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
    end_with_parent()
    keep_freed_memory()
    folder: RunFolder | None = None
    try:
        given = sys.argv[1:] if arguments is None else list(arguments)
        cli = parse(given)
        check_settings(cli)
        trainer = cli.stage_trainer(logger=False)
        check_strategy(trainer, cli.config_init.trainer.strategy, is_command=given == sys.argv[-len(given) :])
        # what is wrong with the data should be said before other processes are started; each node has its own disk
        if trainer.local_rank == 0:
            cli.datamodule.prepare_data()
            cli.datamodule.setup("fit")
        start_processes(trainer)
        cli.datamodule.setup("fit")
        folder = once(lambda: open_folder(cli))
        with folder.in_use() if rank() == 0 else nullcontext():
            run(Run(cli, folder, terminal(quiet=rank() > 0)))
    except (UsageError, MisconfigurationException, DivergedError, ValueError, OSError, ModuleNotFoundError) as error:
        where = f" (process {rank()})" if rank() > 0 else ""
        print(f"error{where}: {error}", file=sys.stderr)
        return 2
    except FirstProcessError:
        return 2
    except RuntimeError as error:
        if not lost_another(error):
            raise
        if rank() == 0:
            print(f"error: another process of the run has ended{_go_on(folder)}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        if rank() == 0:
            print(f"interrupted{_go_on(folder)}", file=sys.stderr)
        return 130
    return 0


def _go_on(folder: RunFolder | None) -> str:
    return f": go on with resume={folder.path}" if folder else ""


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


def open_folder(cli: RecipeCLI) -> RunFolder:
    """The folder to go on with, or a new one with the settings in it."""
    if cli.config.resume:
        folder = RunFolder(Path(cli.config.resume).resolve())
        _check_quantize(cli, folder)
        return folder
    name = Path(cli.config.recipe or "run").stem
    folder = RunFolder.create(name, cli.config.run_dir)
    _keep_settings(cli, folder)
    return folder


def _keep_settings(cli: RecipeCLI, folder: RunFolder) -> None:
    config = cli.config.clone()
    config.resume = None
    with replacing(folder.config) as temporary:
        temporary.write_text(cli.parser.dump(config))


def _check_quantize(cli: RecipeCLI, folder: RunFolder) -> None:
    """Refuse other settings for the fine-tuning for int8 than it was begun with."""
    before = load_yaml(folder.config.read_text()).get("quantize")
    begun = folder.quantized.is_file() or folder.state("quantize").is_file()
    if begun and before != cli.config.quantize.as_dict():
        raise UsageError(
            f"{folder.path} is fine-tuned for int8 with other settings: leave out those of quantize, or remove "
            f"{folder.quantized.name} and {folder.training('quantize').relative_to(folder.path)} to do it anew"
        )


def run(run: Run) -> None:
    """All stages, each skipped where its result is there."""
    run.console.print(f"run folder: {run.folder.path}")
    if run.cli.config.resume:
        once(lambda: _keep_settings(run.cli, run.folder))
    net = finetune(run, choose(run, pretrain(run)))
    quantized = quantize(run, net) if run.config.quantize.max_epochs else None
    for baseline in run.config.baselines:
        train_baseline(run, net, baseline)
    once(lambda: conclude(run, net, quantized))


def leaves(
    file: str,
) -> Callable[[Callable[Concatenate[Run, P], Result]], Callable[Concatenate[Run, P], NestedNetwork]]:
    """A stage whose result is that file of the run folder: it is made and written only where it is not there."""

    def decorate(make: Callable[Concatenate[Run, P], Result]) -> Callable[Concatenate[Run, P], NestedNetwork]:
        @wraps(make)
        def stage(run: Run, *arguments: P.args, **keywords: P.kwargs) -> NestedNetwork:
            path = getattr(run.folder, file)
            if not once(path.is_file):
                net, metadata = make(run, *arguments, **keywords)
                once(lambda: save(net, path, **metadata, **_metadata(run)))
            return load(path)

        return stage

    return decorate


@leaves("pretrained")
def pretrain(run: Run) -> Result:
    """Train the full network alone, or take the weights that ``pretrained`` names as they are."""
    source = run.cli.config.pretrained
    net = new_network(run.cli, source)
    settings = run.config.pretrain
    with run.folder.timed("pretrain"):
        module = fit(run, "pretrain", net, 0 if source else settings.max_epochs, settings)
        measured = accuracies(_tester(run), module, run.data)
    return module.net, {"accuracies": measured}


@leaves("searched")
def choose(run: Run, net: NestedNetwork) -> Result:
    """Score and order the units, and search the subnetworks."""
    settings = run.config.search
    with run.folder.timed("search"):
        batches = _batches(run, run.data.calibration_dataloader(), "score")
        scores = score(net, batches, criterion=run.config.score.criterion)
        scores = order(net, scores)
        problem = search_problem(net, scores, settings.budgets_by_cost, settings.limits, settings.minimum)
        net.subnetworks = once(lambda: first_search(run, problem))
    for k, subnetwork in enumerate(net.subnetworks[1:], start=1):
        run.console.print(f"search: subnetwork {k}, {subnetwork.status}, {subnetwork.seconds:.2f} s")
    return net, {"pretrained": net.metadata.get("accuracies")}


def first_search(run: Run, problem: WidthProblem) -> tuple[Subnetwork, ...]:
    """Search, and leave the problem and what was found in the run folder."""
    save_problem(problem, run.folder.problem)
    with run.console.status("search"):
        found = search(run, problem).subnetworks
    write_json(run.folder.subnetworks, subnetworks_as_json(found))
    return found


def search(run: Run, problem: WidthProblem) -> SearchResult:
    """The subnetworks that the settings ask for."""
    settings = run.config.search
    return solve(
        problem,
        settings.budgets_by_cost,
        settings.limits,
        settings.strategy,
        settings.solver,
        settings.gap,
        settings.time_limit,
    )


def search_again(run: Run) -> SearchAgain:
    """Score, order and search during the fine-tuning as before it."""
    config = run.config

    def scored(net: NestedNetwork) -> Scores:
        batches = islice(run.data.calibration_dataloader(), config.score.batches)
        return score(net, batches, criterion=config.score.criterion)

    def searched(net: NestedNetwork, scores: Scores) -> Sequence[Subnetwork]:
        budgets, limits, minimum = config.search.budgets_by_cost, config.search.limits, config.search.minimum
        return once(lambda: search(run, search_problem(net, scores, budgets, limits, minimum)).subnetworks)

    epochs = search_epochs(config.finetune.searches, config.trainer.max_epochs)
    return SearchAgain(epochs, scored, searched)


@leaves("nested")
def finetune(run: Run, net: NestedNetwork) -> Result:
    """Train all subnetworks together."""
    settings = run.config.finetune
    with run.folder.timed("finetune"):
        if settings.batch_norm != "frozen":
            net.own_batch_norm("separate" if settings.batch_norm == "separate" else "statistics")
        module = fit(
            run,
            "finetune",
            net,
            run.config.trainer.max_epochs,
            settings,
            settings.objective,
            freeze_batch_norm=settings.batch_norm == "frozen",
            batch_norm_share=settings.batch_norm_share,
            callbacks=[search_again(run)] if settings.searches else [],
            best=_best_epoch(run, "finetune"),
        )
        if settings.batch_norm == "recalibrated":
            # batches as the weights know them: augmented
            batches = _batches(run, run.data.train_dataloader(), "recalibrate")
            recalibrate(module.net, [inputs for inputs, _ in batches])
        measured = accuracies(_tester(run), module, run.data)
    return module.net, {"accuracies": measured, "confusions": module.confusions()}


@leaves("quantized")
def quantize(run: Run, net: NestedNetwork) -> Result:
    """Train all subnetworks together as the int8 model computes that they will become."""
    settings = run.config.quantize
    int8 = Int8Training(lambda: _range_batches(run))
    with run.folder.timed("quantize"):
        module = fit(
            run,
            "quantize",
            net,
            settings.max_epochs,
            settings,
            run.config.finetune.objective,
            freeze_batch_norm=True,
            callbacks=[int8],
            best=_best_epoch(run, "quantize"),
        )
        rounded = accuracies(_tester(run, callbacks=[int8]), module, run.data)
        measured = accuracies(_tester(run), module, run.data)
    found = {"input_range": int8.input_range, "accuracies": rounded}
    return module.net, {"accuracies": measured, "confusions": module.confusions(), "int8": found}


def train_baseline(run: Run, net: NestedNetwork, baseline: str) -> None:
    """Train without what is to be compared: each subnetwork alone, or nested from random weights.

    Baselines are trained as the full network is before nesting, and get the epochs of both stages.
    """
    done = once(lambda: run.folder.baselines().get(baseline, {}))
    settings, epochs = run.config.pretrain, run.total_epochs
    if baseline == "alone":
        for k in range(len(net.subnetworks)):
            if str(k) in done:
                continue
            stage = f"alone_{k}"
            with run.folder.timed(stage):
                small = nest(_reinitialised(net.extract(k), run.seed), run.data.example_input, copy=False)
                module = fit(run, stage, small, epochs, settings, best=_best_epoch(run, stage))
                run.folder.add_baseline(baseline, k, accuracies(_tester(run), module, run.data)[0])
    elif len(done) < len(net.subnetworks):
        with run.folder.timed(baseline):
            scratch = new_network(run.cli)
            scratch.subnetworks = net.subnetworks
            best = _best_epoch(run, baseline)
            module = fit(run, baseline, scratch, epochs, settings, run.config.finetune.objective, best=best)
            for k, measured in enumerate(accuracies(_tester(run), module, run.data)):
                run.folder.add_baseline(baseline, k, measured)


def conclude(run: Run, net: NestedNetwork, quantized: NestedNetwork | None) -> None:
    """Print the table, write subnetworks.json and report.html."""
    measured = net.metadata["accuracies"]
    rounded = quantized.metadata["int8"]["accuracies"] if quantized else None
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
            **({"int8": rounded} if rounded else {}),
        ),
    )
    if rounded:
        baselines = {"int8": {str(k): accuracy for k, accuracy in enumerate(rounded)}, **baselines}
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
        **_strategy(run, batch_norm_share > 0 or module.objective.leaves_parameters_out),
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


def _best_epoch(run: Run, stage: str) -> BestEpoch:
    """Fine-tuning and the baselines that it is compared with choose and end alike."""
    settings = run.config.finetune
    return BestEpoch(run.folder.best(stage) if settings.keep == "best" else None, settings.patience)


def _strategy(run: Run, leaves_parameters_out: bool) -> dict[str, str]:
    """Let DDP look for parameters without a gradient, which costs time, where there are some."""
    if together() and leaves_parameters_out and run.config.trainer.strategy in ("auto", "ddp"):
        return {"strategy": "ddp_find_unused_parameters_true"}
    return {}


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


def _batches(run: Run, loader: Iterable[tuple[Tensor, Tensor]], purpose: str) -> Iterable[tuple[Tensor, Tensor]]:
    """As many batches of a loader as scoring uses."""
    wanted = 1 if run.config.trainer.fast_dev_run else run.config.score.batches
    with stage_progress(run.console) as progress:
        task = progress.add_task(purpose, total=wanted, note="")
        for batch in islice(loader, wanted):
            yield batch
            progress.advance(task)
        progress.update(task, total=progress.tasks[0].completed)


def _range_batches(run: Run) -> Iterable[tuple[Tensor, Tensor]]:
    """This process' share of the examples that ranges of activations are measured on."""
    seen = 0
    for batch in run.data.calibration_dataloader():
        yield batch
        seen += len(batch[0]) * processes()
        if seen >= CALIBRATION_SAMPLES:
            break


def _tester(run: Run, callbacks: Sequence[Callback] = ()) -> L.Trainer:
    return run.cli.stage_trainer(
        logger=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        enable_checkpointing=False,
        callbacks=callbacks,
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
