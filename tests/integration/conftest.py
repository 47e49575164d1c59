"""Runs of the train command that can be killed and that don't each import torch anew."""

import multiprocessing
import os
import signal
import socket
import sys
from collections.abc import Sequence
from multiprocessing.context import ForkServerProcess

import pytest


def _die_at_write(number: int, folder: str) -> None:
    """Kill this process when it is about to open, rename or remove this many files of a folder."""
    left = number

    def hook(event: str, details: tuple) -> None:
        nonlocal left
        writes = event == "open" and isinstance(details[2], int) and details[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)
        if (writes or event in ("os.rename", "os.remove", "os.mkdir")) and str(details[0]).startswith(folder):
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(hook)


def _train(arguments: Sequence[str], folder: str, environment: dict[str, str], output: str) -> None:
    os.chdir(folder)
    os.environ.update(environment)
    with open(output, "ab", buffering=0) as file:  # noqa: PTH123 - file descriptors are replaced
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    import torch

    from reds_torch import train

    torch.set_num_threads(1)
    if "DIE_AT_WRITE" in environment:
        _die_at_write(int(environment["DIE_AT_WRITE"]), folder)
    raise SystemExit(train.main(arguments))


@pytest.fixture(scope="session")
def server():
    """Forks processes from one that has imported the command."""
    context = multiprocessing.get_context("forkserver")
    # the others are imported only when a network is traced and data are read
    context.set_forkserver_preload(["reds_torch.train", "torch.export._trace", "reds_torch.data.speech_commands"])
    return context


@pytest.fixture
def settings(tones, tmp_path_factory):
    """Settings of short runs on tones."""
    return [
        f"data.root={tones}",
        "data.words=[yes,no]",
        f"data.cache={tmp_path_factory.getbasetemp() / 'cache'}",
        "trainer.accelerator=cpu",
        "search.budgets=[0.5,0.25]",
        "score.batches=2",
    ]


@pytest.fixture
def start(server, tmp_path):
    """Start the train command in the test's folder; its output goes to the file output.txt there."""
    started: list[ForkServerProcess] = []

    def run(arguments: Sequence[str], **environment: str) -> ForkServerProcess:
        process = server.Process(target=_train, args=(arguments, str(tmp_path), environment, "output.txt"))
        process.start()
        started.append(process)
        return process

    yield run
    for process in started:
        process.kill()
        process.join()


@pytest.fixture
def start_both(start):
    """Start the train command in two processes, as torchrun does."""

    def run(arguments: Sequence[str]) -> list[ForkServerProcess]:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = str(probe.getsockname()[1])
        place = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, "WORLD_SIZE": "2", "NODE_RANK": "0"}
        several = ["trainer.devices=2", "trainer.strategy=ddp"]
        arguments = arguments if arguments[0].startswith("resume=") else [*arguments, *several]
        return [start(arguments, LOCAL_RANK=str(rank), **place) for rank in range(2)]

    return run
