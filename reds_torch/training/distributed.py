"""Several processes for one run: Lightning starts and connects them once, before the first stage.

Each of them runs the whole command, so all stages find the others there. The first one alone writes files.
"""

from __future__ import annotations

import os
import re
import signal
import threading
import time
from typing import NoReturn

import lightning as L
from lightning.pytorch.callbacks import Callback
from lightning.pytorch.strategies import DDPStrategy, SingleDeviceStrategy
from lightning.pytorch.strategies.launchers import _SubprocessScriptLauncher

from ..system.ranks import processes

# the process that started this one and without which it is of no use
PARENT = "REDS_TORCH_PARENT"


class StrategyError(ValueError):
    """A way to run several processes that a run of several stages can't take."""


def check_strategy(trainer: L.Trainer, given: object, is_command: bool) -> None:
    """Refuse strategies that don't run the whole command in each process.

    Args:
        trainer: made of the run's settings.
        given: which strategy they name.
        is_command: whether this process was started by the command line that it works on.
    """
    strategy = trainer.strategy
    if isinstance(strategy, SingleDeviceStrategy):
        return
    launcher = strategy.launcher
    if not (isinstance(strategy, DDPStrategy) and isinstance(launcher, _SubprocessScriptLauncher)):
        raise StrategyError(
            f"trainer.strategy={given} can't be used: each process runs the whole command and holds the network, so "
            "take trainer.strategy=ddp"
        )
    if not (is_command or launcher.num_processes == 1 or launcher.cluster_environment.creates_processes_externally):
        raise StrategyError(
            "several processes are started with the command line of the first one: run python -m reds_torch.train "
            "instead of calling it from a program"
        )


def start_processes(trainer: L.Trainer) -> None:
    """Start the run's other processes, unless torchrun or a cluster does, and connect to all of them.

    Trainers that are made later find the connection and start none. A process ends when the one that
    started it does, and where one fails Lightning's launcher, torchrun or the cluster ends the others.
    """
    strategy = trainer.strategy
    if isinstance(strategy.launcher, _SubprocessScriptLauncher):
        os.environ[PARENT] = str(os.getpid())
        strategy.launcher.launch(strategy.setup_environment)


def end_with_parent() -> None:
    """End this process within a second of the one that started it for its own purposes, if one did."""
    parent = os.environ.get(PARENT)
    if parent in (None, str(os.getpid())):  # this process was started by none, or is itself the one that starts them
        return

    def watch() -> None:
        while str(os.getppid()) == parent:
            time.sleep(0.5)
        os.kill(os.getpid(), signal.SIGKILL)

    threading.Thread(target=watch, daemon=True, name="end-with-parent").start()


def lost_another(error: RuntimeError) -> bool:
    """Whether an error says that another process of the run is gone."""
    return processes() > 1 and re.search(r"gloo|NCCL|Connection (closed|reset)", str(error)) is not None


class TerminationAsInterrupt(Callback):
    """SIGTERM ends a stage at once, as ctrl-C does: what it has done up to the latest epoch is on the disk.

    Lightning's own answer waits for the other processes, which may be waiting for this one.
    """

    def setup(self, trainer: L.Trainer, pl_module: L.LightningModule, stage: str) -> None:
        """Take the place of Lightning's answer, which it takes back itself."""
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, _interrupt)


def _interrupt(*_: object) -> NoReturn:
    raise KeyboardInterrupt
