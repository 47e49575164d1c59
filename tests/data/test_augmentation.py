"""Time shift and noise against clip-by-clip NumPy, and the ranges of what is drawn."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from reds_torch.data.speech.augmentation import Augmentation, AugmentationSettings
from reds_torch.data.speech.cache import FIRST_CLIP_ROW, SILENCE_ROW, AudioCache, open_audio
from reds_torch.data.speech.features import CLIP_SAMPLES


@pytest.fixture
def audio(make_folder: Callable[..., Path], tmp_path: Path) -> AudioCache:
    return open_audio(make_folder(words=("yes", "no"), speakers=6), tmp_path / "cache")


def test_equals_shifting_and_mixing_clip_by_clip(audio: AudioCache) -> None:
    augmentation = Augmentation(audio, AugmentationSettings(time_shift_ms=1000, noise_volume=1), seed=3)
    # The first and the last clip, and silence: their neighbours must not be heard.
    rows = np.array([FIRST_CLIP_ROW, SILENCE_ROW, FIRST_CLIP_ROW + 11, *range(FIRST_CLIP_ROW, FIRST_CLIP_ROW + 12)])
    for epoch in range(5):
        drawn = augmentation.draw(rows, np.full(len(rows), epoch), np.arange(len(rows)))
        mixed = augmentation.apply(drawn).numpy()
        for position, row in enumerate(rows):
            clip = audio.audio.array[row] / 32768
            moved = np.zeros(CLIP_SAMPLES)
            shift = drawn.shift[position]
            if shift >= 0:
                moved[shift:] = clip[: CLIP_SAMPLES - shift]
            else:
                moved[:shift] = clip[-shift:]
            start = drawn.noise[position]
            noise = audio.noise.array[start : start + CLIP_SAMPLES] / 32768
            expected = np.clip(moved + drawn.gain[position] * noise, -1, 1)
            assert np.abs(mixed[position] - expected).max() < 1e-6


def test_drawn_values_have_the_documented_ranges(audio: AudioCache) -> None:
    augmentation = Augmentation(audio, AugmentationSettings(), seed=0)
    clips = 20_000
    drawn = augmentation.draw(np.full(clips, FIRST_CLIP_ROW), np.zeros(clips, np.int64), np.arange(clips))
    assert drawn.shift.min() == -1600
    assert drawn.shift.max() == 1600
    assert np.abs(drawn.shift.mean()) < 30
    assert np.mean(drawn.gain > 0) == pytest.approx(0.8, abs=0.02)
    assert 0.0999 < drawn.gain.max() <= 0.1
    assert drawn.gain[drawn.gain > 0].mean() == pytest.approx(0.05, abs=0.002)
    # One second and three seconds of noise: a stretch never spans both, each is as likely as the other.
    first = drawn.noise == 0
    assert np.mean(first) == pytest.approx(0.5, abs=0.02)
    assert (drawn.noise[~first] >= CLIP_SAMPLES).all()
    assert drawn.noise.max() <= 3 * CLIP_SAMPLES


def test_variations_belong_to_epoch_and_index(audio: AudioCache) -> None:
    augmentation = Augmentation(audio, AugmentationSettings(), seed=0)
    rows = np.arange(FIRST_CLIP_ROW, FIRST_CLIP_ROW + 8)
    index = np.arange(8)
    together = augmentation.apply(augmentation.draw(rows, np.zeros(8, np.int64), index)).clone()
    backwards = augmentation.apply(augmentation.draw(rows[::-1], np.zeros(8, np.int64), index[::-1])).clone()
    later = augmentation.apply(augmentation.draw(rows, np.ones(8, np.int64), index))
    assert (together == backwards.flip(0)).all()
    assert not (together == later).all(dim=1).any()


def test_without_variation_clips_come_back(audio: AudioCache) -> None:
    settings = AugmentationSettings(noise_probability=0, time_shift_ms=0)
    augmentation = Augmentation(audio, settings, seed=0)
    rows = np.array([5, 3])
    clips = augmentation.apply(augmentation.draw(rows, np.zeros(2, np.int64), rows))
    assert np.array_equal(clips.numpy(), audio.audio.array[rows].astype(np.float32) / 32768)


def test_noise_without_recordings_is_refused(make_folder: Callable[..., Path], tmp_path: Path) -> None:
    quiet = open_audio(make_folder(words=("yes",), speakers=1, noise=False), tmp_path / "cache")
    with pytest.raises(ValueError, match=r"no background recordings .* data\.noise_volume=0"):
        Augmentation(quiet, AugmentationSettings(), seed=0)
    Augmentation(quiet, AugmentationSettings(noise_volume=0), seed=0)


@pytest.mark.parametrize(
    "setting, value",
    [
        ("noise_probability", 1.5),
        ("noise_volume", -0.1),
        ("noise_volume", float("nan")),
        ("time_shift_ms", 1001),
    ],
)
def test_settings_out_of_range_are_refused_by_name(setting: str, value: float) -> None:
    with pytest.raises(ValueError, match=f"{setting} must lie in"):
        AugmentationSettings(**{setting: value})
