"""Accuracy of nested subnetworks beside the pretrained network and each subnetwork trained alone.

    python -m benchmarks.accuracy kws_dnn kws_dnn_l --seeds 0 1 2 --epochs 60 --set data.root=SPEECH
    python -m benchmarks.accuracy fashion_mnist_ds_cnn --epochs 10 --set data.root=FASHION data.train_limit=10000
    python -m benchmarks.accuracy --table

Every run is the train command with ``baselines=[alone]``: the same data, seed, subnetworks and number of epochs on both
sides. A finished run is one JSON line in --results, so that the script goes on where it stopped; an interrupted run is
resumed. ``--table`` only prints what is there: mean and standard deviation over the seeds.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from itertools import groupby
from pathlib import Path
from typing import Any

from rich.console import Console

from reds_torch.reporting.runs_table import runs_table

RESULTS = Path(__file__).parent / "results" / "accuracy.jsonl"


def experiment(result: dict[str, Any]) -> tuple[str, int, str]:
    """What the runs of one table have in common: recipe, epochs and settings other than where the data lie."""
    settings = [s for s in result["set"] if not s.startswith("data.root=")]
    return result["recipe"], result["epochs"], " ".join(settings)


def run(recipe: str, seed: int, options: argparse.Namespace) -> dict[str, Any]:
    result = {"recipe": recipe, "seed": seed, "epochs": options.epochs, "set": options.set}
    name = "_".join(str(part) for part in (*experiment(result), seed) if part)
    folder = options.runs / "".join(c if c.isalnum() or c in "._-=" else "_" for c in name)
    if (folder / "config.yaml").is_file():
        arguments = [f"resume={folder}"]
    else:
        arguments = [
            f"recipe={recipe}",
            f"seed_everything={seed}",
            f"run_dir={folder}",
            f"pretrain.max_epochs={options.epochs}",
            f"trainer.max_epochs={options.epochs}",
            f"baselines=[{','.join(options.baselines)}]",
            *options.set,
        ]
    subprocess.run([sys.executable, "-m", "reds_torch.train", *arguments], check=True)
    # where the data lie on this machine is nobody's business
    result["set"] = [s for s in options.set if not s.startswith("data.root=")]
    return result | json.loads((folder / "subnetworks.json").read_text())


def finished(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()] if path.is_file() else []


def title(result: dict[str, Any]) -> str:
    recipe, epochs, settings = experiment(result)
    return f"{recipe} {settings}, {epochs} + {epochs} epochs"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recipes", nargs="*")
    parser.add_argument("--table", action="store_true", help="print all finished runs and stop")
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--epochs", type=int, default=60, help="of each stage; baselines train for both")
    parser.add_argument("--baselines", nargs="*", default=["alone"], choices=["alone", "scratch"])
    parser.add_argument("--set", nargs="*", default=[], help="further key=value settings of the train command")
    parser.add_argument("--runs", type=Path, default=Path("runs/accuracy"), help="folder of the runs")
    parser.add_argument("--results", type=Path, default=RESULTS)
    options = parser.parse_args()
    for recipe in options.recipes:
        for seed in options.seeds:
            wanted = {"recipe": recipe, "seed": seed, "epochs": options.epochs, "set": options.set}
            if not any(experiment(r) == experiment(wanted) and r["seed"] == seed for r in finished(options.results)):
                options.runs.mkdir(parents=True, exist_ok=True)
                options.results.parent.mkdir(parents=True, exist_ok=True)
                result = run(recipe, seed, options)
                with options.results.open("a") as file:
                    file.write(json.dumps(result) + "\n")
    for _, runs in groupby(sorted(finished(options.results), key=experiment), key=experiment):
        every = list(runs)
        if options.table or every[0]["recipe"] in options.recipes:
            Console(width=140).print(runs_table(title(every[0]), every))


if __name__ == "__main__":
    main()
