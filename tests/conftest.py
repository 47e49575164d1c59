"""Small networks and recordings that many tests share."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from torch import Tensor, nn

from reds_torch.costs import COSTS

WORDS = ("yes", "no")
OTHER = "cat"


@pytest.fixture(autouse=True)
def _one_thread_and_seed() -> None:
    torch.set_num_threads(1)
    torch.manual_seed(0)


@pytest.fixture(scope="session")
def test_data() -> Path:
    """Real data for tests that want some; they are skipped where it is absent."""
    folder = Path(os.environ.get("REDS_TEST_DATA", Path(__file__).parent.parent.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"no test data at {folder}: set REDS_TEST_DATA")
    return folder


@pytest.fixture(scope="session")
def tones(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data set in the layout of Speech Commands whose words are tones: 40 speakers, two words, one other."""
    root = tmp_path_factory.mktemp("tones")
    random = np.random.default_rng(0)
    time = np.arange(16_000) / 16_000
    lists: dict[str, list[str]] = {"validation_list.txt": [], "testing_list.txt": []}
    for speaker in range(40):
        for pitch, word in ((300, WORDS[0]), (1500, WORDS[1]), (800, OTHER)):
            (root / word).mkdir(exist_ok=True)
            clip = 0.3 * np.sin(2 * np.pi * pitch * (1 + 0.05 * random.standard_normal()) * time)
            name = f"{word}/{speaker:08x}_nohash_0.wav"
            soundfile.write(root / name, clip + 0.01 * random.standard_normal(16_000), 16_000, subtype="PCM_16")
            if speaker % 4 == 0:
                lists["validation_list.txt"].append(name)
            elif speaker % 4 == 1:
                lists["testing_list.txt"].append(name)
    for name, clips in lists.items():
        (root / name).write_text("\n".join(clips) + "\n")
    (root / "_background_noise_").mkdir()
    noise = 0.1 * random.standard_normal(48_000)
    soundfile.write(root / "_background_noise_" / "noise.wav", noise, 16_000, subtype="PCM_16")
    return root


@pytest.fixture(scope="session")
def whole_run(tones: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of an epoch that is through, with both baselines, on four classes of tones."""
    from reds_torch.commands import train  # here, for most tests need none of it

    folder = tmp_path_factory.mktemp("runs") / "first"
    arguments = [
        "recipe=kws_dnn",
        f"data.root={tones}",
        "data.words=[yes,no]",
        "data.batch_size=10",
        f"data.cache={tmp_path_factory.mktemp('cache')}",
        "pretrain.max_epochs=1",
        "trainer.max_epochs=1",
        "trainer.accelerator=cpu",
        "score.batches=2",
        "search.budgets=[0.6,0.3]",
        "baselines=[alone,scratch]",
        f"run_dir={folder}",
    ]
    assert train.main(arguments) == 0
    return folder


class Residual(nn.Module):
    """Branches, a residual sum, a depth-wise convolution, batch norm, pooling and a flatten into a linear layer."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(2, 6, 3, padding=1)
        self.norm = nn.BatchNorm2d(6)
        self.depthwise = nn.Conv2d(6, 6, 3, padding=1, groups=6)
        self.pointwise = nn.Conv2d(6, 6, 1, bias=False)
        self.pool = nn.MaxPool2d(2)
        self.hidden = nn.Linear(6 * 4 * 3, 7)
        self.head = nn.Linear(7, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = self.norm(self.stem(x)).relu()
        x = x + self.pointwise(self.depthwise(x).relu())
        x = self.pool(x).flatten(1)
        return self.head(self.hidden(x).relu())


@pytest.fixture
def costs_as_before() -> Iterator[None]:
    """Costs that a test registers are forgotten after it."""
    known = dict(COSTS)
    yield
    COSTS.clear()
    COSTS.update(known)


@pytest.fixture
def residual() -> Residual:
    """A small network with every kind of coupling; inputs are (B, 2, 8, 6)."""
    model = Residual()
    with torch.no_grad():
        model.norm.running_mean.normal_()
        model.norm.running_var.uniform_(0.5, 2)
        model.norm.weight.uniform_(0.5, 2)
        model.norm.bias.normal_()
    return model.eval()
