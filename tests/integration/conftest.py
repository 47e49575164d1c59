"""Runs of the train command that can be killed and that don't each import torch anew."""

import multiprocessing
import socket
from collections.abc import Sequence
from multiprocessing.context import ForkServerProcess

import killable
import pytest


@pytest.fixture(scope="session")
def server():
    """Forks processes from one that has imported the command."""
    context = multiprocessing.get_context("forkserver")
    # the others are imported only when a network is traced and data are read
    context.set_forkserver_preload(
        ["reds_torch.train", "torch.export._trace", "reds_torch.data.speech.speech_commands"]
    )
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
        process = server.Process(target=killable.train, args=(arguments, str(tmp_path), environment, "output.txt"))
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
