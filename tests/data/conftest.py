"""Small folders of recordings, and where the real ones lie."""

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from reds_torch.data.speech.features import SAMPLE_RATE


@pytest.fixture(autouse=True)
def private_caches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test reads or writes the user's own caches and data."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "user-cache"))
    monkeypatch.delenv("REDS_DATA", raising=False)


def noisy_tone(index: int, samples: int = SAMPLE_RATE) -> np.ndarray:
    """A noisy tone; another one for each index."""
    rng = np.random.default_rng(index)
    time = np.arange(samples) / SAMPLE_RATE
    wave = 0.3 * np.sin(2 * np.pi * rng.uniform(100, 3000) * time) + 0.02 * rng.standard_normal(samples)
    return wave.astype(np.float32)


@pytest.fixture
def tone() -> Callable[..., np.ndarray]:
    """Makes a second, or so many samples, of a noisy tone; another one for each index."""
    return noisy_tone


@pytest.fixture
def make_folder(tmp_path: Path) -> Callable[..., Path]:
    """Makes `<word>/<speaker>_nohash_0.wav` for so many speakers, and two background recordings."""

    def make(
        words: tuple[str, ...] = ("yes", "no", "cat", "dog"),
        speakers: int = 30,
        noise: bool = True,
        name: str = "recordings",
    ) -> Path:
        root = tmp_path / name
        for position, word in enumerate(words):
            (root / word).mkdir(parents=True)
            for speaker in range(speakers):
                path = root / word / f"speaker{speaker}_nohash_0.wav"
                soundfile.write(path, noisy_tone(1000 * position + speaker), SAMPLE_RATE)
        if noise:
            (root / "_background_noise_").mkdir()
            for position, seconds in enumerate((1, 3)):
                samples = noisy_tone(99_000 + position, seconds * SAMPLE_RATE)
                soundfile.write(root / "_background_noise_" / f"{position}.wav", samples, SAMPLE_RATE)
        return root

    return make


@pytest.fixture(scope="session")
def real_speech() -> Path:
    """A part of Speech Commands in the folder REDS_TEST_DATA; default `shared/data` beside the project."""
    default = Path(__file__).parents[3] / "shared" / "data"
    root = Path(os.environ.get("REDS_TEST_DATA", default)) / "speech_commands_mini"
    if not root.is_dir():
        pytest.skip(f"no real speech in {root}: REDS_TEST_DATA must name the folder above it")
    return root
