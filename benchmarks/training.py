"""Strategies of nested training side by side: the same data, seeds, budgets and number of epochs.

    python -m benchmarks.training kws_dnn_paper --seeds 0 1 2 --epochs 60 --set data.root=SPEECH
    python -m benchmarks.training kws_dnn_paper --strategies paper default alone --set data.root=SPEECH
    python -m benchmarks.training --table

A strategy is a few settings on top of the recipe, which trains as the paper does. Strategies that pretrain alike share
the pretrained network, and all runs of a seed the training batches, which are kept on disk. ``alone`` trains each
subnetwork of the paper's scheme by itself, from random weights, for the epochs of both stages.

A finished run is one JSON line in --results, so that the script goes on where it stopped; an interrupted run is
resumed. The tables give mean accuracies, and the paired differences to ``alone`` and to ``paper`` with their standard
errors; the validation mean stands beside them.
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.recorded import RecordedData
from reds_torch.checkpoint import load
from reds_torch.runs import stages
from reds_torch.runs.folder import RunFolder
from reds_torch.runs.recipes import parse
from reds_torch.runs.run import Run
from reds_torch.training import keep_freed_memory

RESULTS = Path(__file__).parent / "results" / "training.jsonl"


def both(*settings: str) -> tuple[str, ...]:
    """Settings of both stages."""
    return tuple(f"{stage}.{setting}" for stage in ("pretrain", "finetune") for setting in settings)


@dataclass(frozen=True)
class Strategy:
    """Settings on top of the recipe, and the share of all epochs that is pretraining."""

    settings: tuple[str, ...] = ()
    pretraining: float = 0.5


COSINE = ("schedule=cosine", "learning_rates=[1e-3,1e-6]", "warmup=0.05")
FAST = ("schedule=cosine", "learning_rates=[3e-3,1e-6]", "warmup=0.05")
EQUAL = "finetune.objective.powers=[0]"
SMALL = "finetune.objective.powers=[-0.5]"
SMALLER = "finetune.objective.powers=[-1]"
IN_PLACE = "finetune.objective.teacher=full"
SANDWICH = "finetune.objective.subnetworks=sandwich"
FISHER = "score.criterion=fisher"
RECALIBRATED = ("finetune.batch_norm=recalibrated", "finetune.batch_norm_share=0")
DEFAULT = (*both(*FAST), SMALLER, IN_PLACE)
PRETRAINED = (
    *(f"finetune.{setting}" for setting in COSINE),
    SMALLER,
    "finetune.objective.teacher=pretrained",
    "finetune.objective.distillation=0.9",
    "finetune.objective.temperature=3",
)

STRATEGIES = {
    "paper": Strategy(),
    # the way from the paper's scheme to the default
    "sandwich": Strategy((EQUAL, SANDWICH)),
    "fisher scores": Strategy((FISHER,)),
    "top-down": Strategy(("search.strategy=top_down",)),
    "cosine": Strategy(both(*COSINE)),
    "cosine, equal weights": Strategy((*both(*COSINE), EQUAL)),
    "cosine, power -0.5": Strategy((*both(*COSINE), SMALL)),
    "cosine, power -0.5, pretraining 1/4": Strategy((*both(*COSINE), SMALL), 0.25),
    "cosine, equal weights, in-place distillation": Strategy((*both(*COSINE), EQUAL, IN_PLACE)),
    "cosine, power -0.5, in-place distillation": Strategy((*both(*COSINE), SMALL, IN_PLACE)),
    "fast cosine": Strategy(both(*FAST)),
    "fast cosine, power -1": Strategy((*both(*FAST), SMALLER)),
    "fast cosine, power -0.5, in-place distillation": Strategy((*both(*FAST), SMALL, IN_PLACE)),
    "default": Strategy(DEFAULT),
    # changes of the default: which subnetworks are trained on a batch, and how much each counts
    "default, sandwich": Strategy((*DEFAULT, SANDWICH)),
    "default, powers 0.5 to -1": Strategy((*DEFAULT, "finetune.objective.powers=[0.5,-1]")),
    # teachers
    "default, temperature 2": Strategy((*DEFAULT, "finetune.objective.temperature=2")),
    "default, next larger teaches": Strategy((*DEFAULT, "finetune.objective.teacher=larger")),
    "default, ensemble teaches": Strategy((*DEFAULT, "finetune.objective.teacher=ensemble")),
    "default, pretrained teaches": Strategy((*DEFAULT, "finetune.objective.teacher=pretrained")),
    # scores and search
    "default, scores of single examples": Strategy((*DEFAULT, "score.criterion=taylor_samples")),
    "default, fisher scores": Strategy((*DEFAULT, FISHER)),
    "default, magnitude scores": Strategy((*DEFAULT, "score.criterion=l1")),
    "default, top-down": Strategy((*DEFAULT, "search.strategy=top_down")),
    "default, joint search": Strategy((*DEFAULT, "search.strategy=joint")),
    "default, two more searches": Strategy((*DEFAULT, "finetune.searches=2")),
    # optimization and regularization
    "default, averaged": Strategy((*DEFAULT, *both("averaging=0.998"))),
    "default, weight decay": Strategy((*DEFAULT, *both("weight_decay=0.1"))),
    "default, label smoothing": Strategy((*DEFAULT, *both("label_smoothing=0.1"))),
    "default, mixup": Strategy((*DEFAULT, *both("mixup=0.2"))),
    "default, time mask": Strategy((*DEFAULT, *both("time_mask=4"))),
    # networks with batch norm
    "paper, all epochs train all weights": Strategy(("finetune.batch_norm_share=0",)),
    "default, batch norm recalibrated": Strategy((*DEFAULT, *RECALIBRATED)),
    "default, power -0.5, batch norm recalibrated": Strategy((*both(*FAST), SMALL, IN_PLACE, *RECALIBRATED)),
    # from networks that were trained on more data
    "pretrained teaches": Strategy(PRETRAINED),
    "pretrained teaches, mixup": Strategy((*PRETRAINED, "finetune.mixup=1")),
    "pretrained teaches, batch norm recalibrated": Strategy((*PRETRAINED, *RECALIBRATED)),
    "pretrained teaches, fisher scores, batch norm recalibrated": Strategy((*PRETRAINED, FISHER, *RECALIBRATED)),
}
# each network by itself, optimized like the strategy
ALONE = {"alone": "paper", "alone, cosine": "cosine", "alone, fast cosine": "fast cosine"}


def recorded(settings: Sequence[str]) -> list[str]:
    """Settings as they stand in the results: where data and weights lie on a machine is nobody's business."""
    others = [setting for setting in settings if not setting.startswith("data.root=")]
    return [re.sub(r"^(pretrained=(?:arm:)?).*/", r"\1", setting) for setting in others]


def experiment(result: dict[str, Any]) -> tuple[str, int, str]:
    """What the runs of one table have in common: recipe, epochs and settings."""
    return result["recipe"], result["epochs"], " ".join(result["set"])


def open_run(wanted: dict[str, Any], strategy: str, folder: Path, options: argparse.Namespace) -> Run:
    """A run of the train command with its batches recorded, new or to be gone on with."""
    chosen, epochs = STRATEGIES[strategy], 2 * wanted["epochs"]
    pretraining = round(chosen.pretraining * epochs)
    cli = parse(
        [
            f"recipe={wanted['recipe']}",
            f"seed_everything={wanted['seed']}",
            f"pretrain.max_epochs={pretraining}",
            f"trainer.max_epochs={epochs - pretraining}",
            f"trainer.check_val_every_n_epoch={epochs}",
            "trainer.accelerator=cpu",
            *chosen.settings,
            *options.set,
        ]
    )
    folder.mkdir(parents=True, exist_ok=True)
    cli.datamodule.prepare_data()
    cli.datamodule.setup("fit")
    batches = options.runs / "batches" / named(wanted["recipe"], wanted["set"], wanted["seed"])
    cli.datamodule = RecordedData(cli.datamodule, batches)
    return Run(cli, RunFolder(folder), Console(quiet=True))


def named(*parts: Any) -> str:
    """A name for a folder."""
    text = "_".join(str(p) for part in parts for p in (part if isinstance(part, tuple | list) else [part]) if p != "")
    return "".join(c if c.isalnum() or c in "._-=" else "_" for c in text)


def pretrained(wanted: dict[str, Any], strategy: str, options: argparse.Namespace) -> Path:
    """The file of the network before nesting, which strategies with equal settings of that stage share."""
    chosen = STRATEGIES[strategy]
    settings = [s for s in chosen.settings if s.startswith("pretrain.")]
    name = named(experiment(wanted), wanted["seed"], "pretrained", chosen.pretraining, settings)
    run = open_run(wanted, strategy, options.runs / name, options)
    stages.pretrain(run)
    return run.folder.pretrained


def nested(wanted: dict[str, Any], options: argparse.Namespace) -> dict[str, Any]:
    """Pretrain, search and fine-tune with a strategy."""
    strategy = wanted["strategy"]
    run = open_run(wanted, strategy, options.runs / named(experiment(wanted), wanted["seed"], strategy), options)
    if not run.folder.pretrained.is_file():
        shutil.copy(pretrained(wanted, strategy, options), run.folder.pretrained)
    net = stages.finetune(run, stages.choose(run, stages.pretrain(run)))
    return {
        "accuracy": net.metadata["accuracies"],
        "pretrained": load(run.folder.pretrained).metadata["accuracies"][0],
        "widths": [dict(s.widths) for s in net.subnetworks],
        "macs": [s.costs["macs"] for s in net.subnetworks],
        "seconds": run.folder.seconds(),
    }


def alone(wanted: dict[str, Any], options: argparse.Namespace) -> dict[str, Any]:
    """Each subnetwork of the paper's scheme by itself, optimized like a strategy."""
    strategy = ALONE[wanted["strategy"]]
    run = open_run(
        wanted, strategy, options.runs / named(experiment(wanted), wanted["seed"], wanted["strategy"]), options
    )
    if not run.folder.pretrained.is_file():
        shutil.copy(pretrained(wanted, "paper", options), run.folder.pretrained)
    net = stages.choose(run, stages.pretrain(run))
    stages.train_baseline(run, net, "alone")
    found = run.folder.baselines()["alone"]
    return {
        "accuracy": [found[str(k)] for k in range(len(net.subnetworks))],
        "widths": [dict(s.widths) for s in net.subnetworks],
        "macs": [s.costs["macs"] for s in net.subnetworks],
        "seconds": run.folder.seconds(),
    }


def finished(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()] if path.is_file() else []


def same(a: dict[str, Any], b: dict[str, Any]) -> bool:
    """Whether two results are of the same run."""
    return (experiment(a), a["seed"], a["strategy"]) == (experiment(b), b["seed"], b["strategy"])


def cell(values: Sequence[float], signed: bool = False) -> str:
    """Mean and standard error of accuracies, in percent."""
    mean = f"{100 * statistics.mean(values):{'+' if signed else ''}.1f}"
    return f"{mean} ± {100 * statistics.stdev(values) / len(values) ** 0.5:.1f}" if len(values) > 1 else mean


def with_mean(rows: list[list[float]]) -> list[list[float]]:
    """Columns of rows (runs, subnetworks), and one of the rows' means."""
    return [*map(list, zip(*rows, strict=True)), [statistics.mean(row) for row in rows]]


def accuracies(runs: list[dict[str, Any]], split: str) -> dict[int, list[float]]:
    """Accuracy of every subnetwork, by seed."""
    return {r["seed"]: [a[split] for a in r["accuracy"]] for r in runs}


def table(results: list[dict[str, Any]], reference: str | None) -> Table:
    """Test accuracies, or their paired differences to those of a reference strategy."""
    recipe, epochs, settings = experiment(results[0])
    names = [name for name in (*ALONE, *STRATEGIES) if any(r["strategy"] == name for r in results)]
    by_strategy = {name: [r for r in results if r["strategy"] == name] for name in names}
    what = f"paired differences to {reference}" if reference else "test accuracy"
    printed = Table(
        title=f"{recipe}{settings and ' ' + settings}: {what}, %, {epochs} + {epochs} epochs, mean ± standard error"
    )
    printed.title_justify = "left"
    macs = results[0]["macs"]
    shares = [f"{100 * m / macs[0]:.0f} %" for m in macs]
    for heading in ("strategy", "seeds", *shares, "mean", *(() if reference else ("validation mean", "seconds"))):
        printed.add_column(heading, justify="left" if heading == "strategy" else "right")
    for name, runs in by_strategy.items():
        found = accuracies(runs, "test")
        if reference:
            other = accuracies(by_strategy.get(reference, []), "test")
            rows = [[x - y for x, y in zip(found[s], other[s], strict=True)] for s in found if s in other]
            if rows and name != reference:
                printed.add_row(name, f"{len(rows)}", *(cell(column, signed=True) for column in with_mean(rows)))
            continue
        validation = with_mean(list(accuracies(runs, "val").values()))[-1]
        seconds = statistics.mean(sum(v for k, v in r["seconds"].items() if k != "pretrain") for r in runs)
        columns = with_mean(list(found.values()))
        printed.add_row(name, f"{len(runs)}", *map(cell, columns), cell(validation), f"{seconds:.0f}")
    return printed


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recipe", nargs="?", help="one that trains as the paper does")
    parser.add_argument("--strategies", nargs="+", default=[*ALONE, *STRATEGIES], choices=[*ALONE, *STRATEGIES])
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--epochs", type=int, default=60, help="of both stages on average; alone trains for both")
    parser.add_argument("--set", nargs="*", default=[], help="further key=value settings of the train command")
    parser.add_argument("--runs", type=Path, default=Path("runs/training"), help="folder of runs and recorded batches")
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument("--table", action="store_true", help="print all finished runs and stop")
    options = parser.parse_args()
    if not options.table and not options.recipe:
        parser.error("which recipe? or --table")
    keep_freed_memory()
    console = Console(width=160)
    for strategy in () if options.table else options.strategies:
        for seed in options.seeds:
            wanted = {"recipe": options.recipe, "seed": seed, "epochs": options.epochs, "strategy": strategy}
            wanted["set"] = recorded(options.set)
            if any(same(wanted, r) for r in finished(options.results)):
                continue
            result = wanted | (alone if strategy in ALONE else nested)(wanted, options)
            with options.results.open("a") as file:
                file.write(json.dumps(result) + "\n")
            console.print(f"{strategy}, seed {seed}: ", " ".join(f"{100 * a['test']:.1f}" for a in result["accuracy"]))
    for _, runs in groupby(sorted(finished(options.results), key=experiment), key=experiment):
        every = list(runs)
        if options.table or every[0]["recipe"] == options.recipe:
            for reference in (None, "alone", "paper"):
                if (printed := table(every, reference)).row_count:
                    console.print(printed)


if __name__ == "__main__":
    main()
