"""How long augmentation and features of a batch of 100 clips take, next to a DNN L training step.

    python -m benchmarks.data [--root FOLDER] [--batches 100]

FOLDER is one in the layout of Google Speech Commands; by default `speech_commands_mini` in REDS_TEST_DATA.
Times are medians (and minima) over batches; the DNN takes 25 frames.
"""

import argparse
import collections
import itertools
import os
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from rich.console import Console
from rich.table import Table
from torch.nn.functional import cross_entropy

from reds_torch.data.speech.features import MFCC
from reds_torch.data.speech.speech_commands import SpeechCommands
from reds_torch.models import dnn

STRIDES_MS = (40, 20)
THREADS = (1, 2)


def milliseconds(work: Callable[[], object], repetitions: int) -> str:
    """Median time of a call, and the shortest, which a busy machine disturbs less."""
    times = []
    for _ in range(repetitions):
        start = time.perf_counter()
        work()
        times.append(1000 * (time.perf_counter() - start))
    return f"{statistics.median(times):.2f} ({min(times):.2f})"


def loader_time(data: SpeechCommands, batches: int) -> str:
    """Time of a batch of the training loader, once an epoch has mapped the clips into memory."""
    collections.deque(data.train_dataloader(), maxlen=0)
    endless = itertools.chain.from_iterable(data.train_dataloader() for _ in itertools.count())
    next(endless)
    return milliseconds(lambda: next(endless), batches)


def training_step() -> Callable[[], object]:
    """One Adam step of a plain DNN L on a batch of 100; the nested one, four subnetworks, takes longer."""
    network = dnn(size="l", classes=12)
    optimizer = torch.optim.Adam(network.parameters())
    features, labels = torch.randn(100, 1, 25, 10), torch.randint(12, (100,))

    def step() -> None:
        optimizer.zero_grad()
        cross_entropy(network(features), labels).backward()
        optimizer.step()

    return step


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    default = Path(os.environ.get("REDS_TEST_DATA", Path(__file__).parents[2] / "shared" / "data"))
    parser.add_argument("--root", type=Path, default=default / "speech_commands_mini")
    parser.add_argument("--batches", type=int, default=100)
    arguments = parser.parse_args()
    if not arguments.root.is_dir():
        parser.error(f"no folder {arguments.root}: set REDS_TEST_DATA or give --root")

    table = Table(title="milliseconds per batch of 100 clips, median (minimum)")
    for heading in (
        "stride",
        "threads",
        "augmentation + features",
        "features alone",
        "DNN L step",
    ):
        table.add_column(heading, justify="right")
    for stride_ms in STRIDES_MS:
        data = SpeechCommands(root=str(arguments.root), stride_ms=stride_ms)
        data.prepare_data()
        data.setup()
        clips = torch.from_numpy(np.random.default_rng(0).uniform(-1, 1, (100, 16_000)).astype(np.float32))
        mfcc = MFCC(data.feature_settings)
        for threads in THREADS:
            torch.set_num_threads(threads)
            times = (
                loader_time(data, arguments.batches),
                milliseconds(lambda: mfcc(clips), arguments.batches),  # noqa: B023
                milliseconds(training_step(), arguments.batches),
            )
            table.add_row(f"{stride_ms} ms", str(threads), *times)
    Console().print(table)


if __name__ == "__main__":
    main()
