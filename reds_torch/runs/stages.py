"""The stages of a run. Each leaves its result in the run folder and is not done again when the run is resumed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import wraps
from itertools import islice
from typing import Any, Concatenate, ParamSpec

import torch
from torch import nn

from ..checkpoint import load, save
from ..checkpoint.plain import subnetworks_as_json
from ..knapsack import SearchResult, WidthProblem, save_problem, solve
from ..knapsack.network_search import search_problem
from ..nested import Subnetwork
from ..nested.network import NestedNetwork, nest
from ..nested.ordering import order
from ..nested.scores import Scores, score
from ..system.ranks import once
from ..training import (
    Int8Training,
    SearchAgain,
    accuracies,
    recalibrate,
    search_epochs,
)
from .fitting import best_epoch, fit
from .folder import write_json
from .opening import keep_settings
from .run import Run, batches, new_network, range_batches, tester

# A network and what its checkpoint says about it.
Result = tuple[NestedNetwork, dict[str, Any]]
P = ParamSpec("P")


def run_stages(run: Run) -> tuple[NestedNetwork, NestedNetwork | None]:
    """All stages, each skipped where its result is there: the nested network, and the one for int8 if there is one."""
    run.console.print(f"run folder: {run.folder.path}")
    if run.cli.config.resume:
        once(lambda: keep_settings(run.cli, run.folder))
    net = finetune(run, choose(run, pretrain(run)))
    quantized = quantize(run, net) if run.config.quantize.max_epochs else None
    for baseline in run.config.baselines:
        train_baseline(run, net, baseline)
    return net, quantized


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
        measured = accuracies(tester(run), module, run.data)
    return module.net, {"accuracies": measured}


@leaves("searched")
def choose(run: Run, net: NestedNetwork) -> Result:
    """Score and order the units, and search the subnetworks."""
    settings = run.config.search
    with run.folder.timed("search"):
        scored = batches(run, run.data.calibration_dataloader(), "score")
        scores = score(net, scored, criterion=run.config.score.criterion)
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
    return solve(problem, settings.budgets_by_cost, settings.limits, settings)


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
            best=best_epoch(run, "finetune"),
        )
        if settings.batch_norm == "recalibrated":
            # batches as the weights know them
            augmented = batches(run, run.data.train_dataloader(), "recalibrate")
            recalibrate(module.net, [inputs for inputs, _ in augmented])
        measured = accuracies(tester(run), module, run.data)
    return module.net, {"accuracies": measured, "confusions": module.confusions()}


@leaves("quantized")
def quantize(run: Run, net: NestedNetwork) -> Result:
    """Train all subnetworks together as the int8 model computes that they will become."""
    settings = run.config.quantize
    int8 = Int8Training(lambda: range_batches(run))
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
            best=best_epoch(run, "quantize"),
        )
        rounded = accuracies(tester(run, callbacks=[int8]), module, run.data)
        measured = accuracies(tester(run), module, run.data)
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
                module = fit(run, stage, small, epochs, settings, best=best_epoch(run, stage))
                run.folder.add_baseline(baseline, k, accuracies(tester(run), module, run.data)[0])
    elif len(done) < len(net.subnetworks):
        with run.folder.timed(baseline):
            scratch = new_network(run.cli)
            scratch.subnetworks = net.subnetworks
            best = best_epoch(run, baseline)
            module = fit(run, baseline, scratch, epochs, settings, run.config.finetune.objective, best=best)
            for k, measured in enumerate(accuracies(tester(run), module, run.data)):
                run.folder.add_baseline(baseline, k, measured)


def _reinitialised(model: nn.Module, seed: int) -> nn.Module:
    """The same network with fresh random weights."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        for module in model.modules():
            if callable(reset := getattr(module, "reset_parameters", None)):
                reset()
    return model


def _metadata(run: Run) -> dict[str, Any]:
    """What makes a checkpoint self-contained beside the network: the data's settings and where it comes from."""
    return {
        "recipe": run.cli.config.recipe,
        "plugins": list(run.cli.config.plugins),
        "seed": run.seed,
        "classes": list(run.data.classes),
        "data": {"class_path": run.cli.config.data.class_path, "settings": run.data.settings},
    }
