"""Accuracy and costs of every subnetwork of a checkpoint.

    python -m reds_torch.evaluate runs/kws_dnn/latest/nested.ckpt [data.root=PATH ...] [--json FILE]

The checkpoint knows the data it was trained on: words, features and evaluation sets. ``data.KEY=VALUE`` changes
single settings, ``data=NAME`` chooses another data module. The results also go to a JSON file, by default beside the
checkpoint.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import lightning as L
from lightning.fabric.utilities.data import sized_len

from .. import costs
from ..checkpoint import CheckpointError, load
from ..checkpoint.plain import subnetworks_as_json
from ..nested.network import NestedNetwork
from ..reporting.table import subnetworks_table, terminal
from ..runs.checkpoint_data import data_module
from ..runs.command_line import DATA_MODULES, UsageError, as_option, quiet_lightning
from ..runs.folder import write_json
from ..runs.plugins import load_plugins, take_plugins
from ..system.optional import MissingPackageError
from ..training import NestedClassifier, accuracies

EPILOG = """\
settings of the data (key=value and --key=value mean the same):
  data.root=PATH        the folder of the data; any other setting of the data module in the same way
  data=NAME             another data module: {names}, or a class path
  The checkpoint holds the other settings. What there is to set for a module, here {example}, lists:
  python -m reds_torch.train recipe=NAME --data.help={class_path}
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit status."""
    options, further = _parser().parse_known_args(arguments)
    quiet_lightning()
    results = options.json or options.checkpoint.with_suffix(".evaluation.json")
    try:
        plugins, data_options = take_plugins([as_option(option) for option in further])
        load_plugins(plugins)
        net = load(options.checkpoint)
        check_writable(results)
        data = data_module(net, data_options)
        data.prepare_data()
        measured, confusions = measure(net, data, options.accelerator)
        # a checkpoint holds the costs that were searched for; older ones none of the full network
        subnetworks = [replace(s, costs={**costs.measure(net, s.widths), **s.costs}) for s in net.subnetworks]
        terminal().print(subnetworks_table(subnetworks, measured, str(options.checkpoint)))
        content = subnetworks_as_json(subnetworks, measured, classes=list(data.classes), confusions=confusions)
        write_json(results, content)
        print(f"results: {results}")
    except (CheckpointError, UsageError, MissingPackageError, ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


def _parser() -> argparse.ArgumentParser:
    names = ", ".join(DATA_MODULES)
    parser = argparse.ArgumentParser(
        prog="python -m reds_torch.evaluate",
        usage="%(prog)s [-h] [--json FILE] [--accelerator NAME] checkpoint [data.KEY=VALUE ...] [data=NAME] "
        "[plugins=[...]]",
        description="Accuracy and costs of every subnetwork of a checkpoint, on the data it was trained for.",
        epilog=EPILOG.format(names=names, example="speech_commands", class_path=DATA_MODULES["speech_commands"]),
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("checkpoint", type=Path, help="pretrained.ckpt, searched.ckpt or nested.ckpt of a run")
    parser.add_argument(
        "--json", type=Path, metavar="FILE", help="for the results; by default CHECKPOINT.evaluation.json beside it"
    )
    parser.add_argument("--accelerator", default="auto", metavar="NAME", help="Lightning's: auto, cpu, gpu")
    return parser


def check_writable(results: Path) -> None:
    """Refuse a place that the results can't be written to, before they are measured."""
    if results.is_dir():
        raise UsageError(f"the results can't go to {results}, which is a folder: give --json FILE")
    if not results.parent.is_dir():
        raise UsageError(f"the results can't go to {results}: there is no folder {results.parent}")
    if not os.access(results.parent, os.W_OK | os.X_OK):
        raise UsageError(f"the results can't go to {results.parent}, which is not writable: give --json FILE")


def measure(net: NestedNetwork, data: Any, accelerator: str) -> tuple[list[dict[str, float]], list[list[list[int]]]]:
    """Accuracy and confusion matrix of every subnetwork; on the test set alone where there is nothing to validate on.

    Rows of a matrix are the true classes of the test set, columns the answers.
    """
    module = NestedClassifier(net, len(data.classes))
    trainer = L.Trainer(
        accelerator=accelerator,
        devices=1,
        logger=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        enable_checkpointing=False,
    )
    data.setup("validate")
    if sized_len(data.val_dataloader()) != 0:  # None: it can't be told
        return accuracies(trainer, module, data), module.confusions()
    (metrics,) = trainer.test(module, datamodule=data, verbose=False)
    measured = [{"test": float(metrics[f"test/accuracy_{k}"])} for k in range(len(net.subnetworks))]
    return measured, module.confusions()
