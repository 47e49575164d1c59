"""The main job: from a recipe to a nested network.

    python -m reds_torch.train recipe=kws_dnn [key=value ...]
    python -m reds_torch.train resume=runs/kws_dnn/latest [quantize.max_epochs=10]

Stages: pretrain, search (nest, score, order, choose widths), fine-tune, fine-tune for int8, baselines, test. Each
leaves its result in the run folder and is not done again when the run is resumed. A run of several processes goes
through them in step; the first process writes the files and the terminal.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextlib import nullcontext

from lightning.pytorch.utilities.exceptions import MisconfigurationException

from ..checkpoint import load
from ..checkpoint.plain import subnetworks_as_json
from ..nested.network import NestedNetwork
from ..reporting.html import write_report
from ..reporting.table import stages_line, subnetworks_table, terminal
from ..runs.checks import check_settings
from ..runs.command_line import UsageError
from ..runs.folder import RunFolder, write_json
from ..runs.opening import open_folder
from ..runs.recipes import parse
from ..runs.run import Run
from ..runs.stages import run_stages
from ..system.ranks import FirstProcessError, once, rank
from ..training import (
    DivergedError,
    check_strategy,
    end_with_parent,
    keep_freed_memory,
    lost_another,
    start_processes,
)


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
            run = Run(cli, folder, terminal(quiet=rank() > 0))
            net, quantized = run_stages(run)
            once(lambda: conclude(run, net, quantized))
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
