"""The caches: what goes in comes out, and nothing stale or damaged is ever used."""

import logging
import os
import pickle
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from reds_torch.data.speech import cache
from reds_torch.data.speech.audio import UnreadableRecordingError, read_recording
from reds_torch.data.speech.cache import SILENCE_ROW, AudioCache, open_audio, open_features
from reds_torch.data.speech.features import CLIP_SAMPLES, MFCC, SAMPLE_RATE, FeatureSettings


@pytest.fixture
def root(make_folder: Callable[..., Path]) -> Path:
    return make_folder(words=("yes", "no"), speakers=4)


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return tmp_path / "store"


def clip(audio: AudioCache, name: str) -> np.ndarray:
    return np.asarray(audio.audio.array[audio.rows[name]])


def test_holds_every_recording_bit_by_bit(root: Path, store: Path) -> None:
    audio = open_audio(root, store)
    names = {path.relative_to(root).as_posix() for path in root.glob("[!_]*/*")}
    assert {*audio.rows} == names
    for name in names:
        assert np.array_equal(clip(audio, name), soundfile.read(root / name, dtype="int16")[0])
    noise = [soundfile.read(path, dtype="int16")[0] for path in sorted(root.glob("_background_noise_/*"))]
    for (start, length), expected in zip(audio.noise_spans, noise, strict=True):
        assert np.array_equal(audio.noise.array[start : start + length], expected)
    for row in (0, SILENCE_ROW, -1):
        assert not audio.audio.array[row].any()


def test_clips_that_are_not_a_second_long(
    tone: Callable[..., np.ndarray], root: Path, store: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for name, samples in (("short", 5000), ("long", 20_000)):
        soundfile.write(root / "yes" / f"{name}.flac", tone(1, samples), SAMPLE_RATE, subtype="PCM_16")
    audio = open_audio(root, store)
    expected = np.rint(tone(1, 20_000) * 32767)
    assert np.abs(clip(audio, "yes/short.flac")[:5000] - expected[:5000]).max() <= 1
    assert not clip(audio, "yes/short.flac")[5000:].any()
    assert np.abs(clip(audio, "yes/long.flac") - np.rint(tone(1, 20_000) * 32767)[:CLIP_SAMPLES]).max() <= 1
    assert "1 clips were longer than a second: cut (the first: yes/long.flac)" in caplog.text


def test_stereo_is_averaged(
    tone: Callable[..., np.ndarray], root: Path, store: Path, caplog: pytest.LogCaptureFixture
) -> None:
    left, right = tone(1), tone(2)
    soundfile.write(root / "yes" / "stereo.wav", np.stack([left, right], 1), SAMPLE_RATE, subtype="FLOAT")
    audio = open_audio(root, store)
    assert np.abs(clip(audio, "yes/stereo.wav") - (left + right) / 2 * 32768).max() <= 1
    assert "2 channels averaged to one (the first: yes/stereo.wav)" in caplog.text


@pytest.mark.parametrize("rate", [8000, 44_100])
def test_other_rates_are_resampled(root: Path, store: Path, rate: int, caplog: pytest.LogCaptureFixture) -> None:
    # Missing it may be; but one that does not load is installed wrongly.
    pytest.importorskip("torchaudio", exc_type=ModuleNotFoundError)

    def sine(samples: int, rate: int) -> np.ndarray:
        return 0.5 * np.sin(2 * np.pi * 440 * np.arange(samples) / rate)

    soundfile.write(root / "yes" / "other.wav", sine(rate, rate), rate, subtype="FLOAT")
    audio = open_audio(root, store)
    middle = slice(1000, -1000)
    difference = clip(audio, "yes/other.wav")[middle] / 32768 - sine(CLIP_SAMPLES, SAMPLE_RATE)[middle]
    assert np.abs(difference).max() < 2e-3
    assert f"resampled from {rate} Hz to 16000 Hz (the first: yes/other.wav)" in caplog.text


def test_loud_float_files_are_clipped(tmp_path: Path) -> None:
    path = tmp_path / "loud.wav"
    soundfile.write(path, np.array([2.0, -2.0, 0.5]), SAMPLE_RATE, subtype="FLOAT")
    assert read_recording(path).samples.tolist() == [32767, -32768, 16384]


def test_unusable_clips_are_refused_by_name(root: Path, store: Path) -> None:
    (root / "yes" / "noise.wav").write_bytes(b"RIFF and then nothing")
    (root / "no" / "nothing.flac").write_bytes(b"")
    soundfile.write(root / "yes" / "empty.wav", np.zeros(0), SAMPLE_RATE)
    soundfile.write(root / "yes" / "nan.wav", np.full(100, np.nan), SAMPLE_RATE, subtype="FLOAT")
    with pytest.raises(UnreadableRecordingError) as raised:
        open_audio(root, store)
    message = str(raised.value)
    assert "4 of 12 clips can't be used" in message
    for name in (
        "yes/noise.wav: not a readable",
        "no/nothing.flac: not a readable",
        "yes/empty.wav: holds no",
    ):
        assert name in message
    assert "yes/nan.wav: holds samples that aren't finite" in message
    # Once repaired, the same call succeeds.
    for name in ("yes/noise.wav", "no/nothing.flac", "yes/empty.wav", "yes/nan.wav"):
        (root / name).unlink()
    assert len(open_audio(root, store).rows) == 8


def test_short_noise_is_refused_by_name(tone: Callable[..., np.ndarray], root: Path, store: Path) -> None:
    soundfile.write(root / "_background_noise_" / "blip.wav", tone(1, 100), SAMPLE_RATE)
    with pytest.raises(UnreadableRecordingError, match=r"blip\.wav: background noise must last at least a second"):
        open_audio(root, store)


def test_folder_without_clips_is_refused(tmp_path: Path, store: Path) -> None:
    (tmp_path / "empty" / "yes").mkdir(parents=True)
    with pytest.raises(ValueError, match="empty holds no clips: there should be"):
        open_audio(tmp_path / "empty", store)


def test_used_again_until_the_folder_changes(
    tone: Callable[..., np.ndarray], root: Path, store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = open_audio(root, store)
    with monkeypatch.context() as patch:
        patch.setattr(cache, "read_recording", lambda path: pytest.fail(f"{path} was read again"))
        assert open_audio(root, store).rows == first.rows
    path = next(root.glob("yes/*"))
    for change in (
        lambda: soundfile.write(path, tone(4), SAMPLE_RATE),
        lambda: os.utime(path, ns=(0, 1)),
        lambda: soundfile.write(root / "yes" / "new.wav", tone(5), SAMPLE_RATE),
        path.unlink,
    ):
        change()
        with monkeypatch.context() as patch:
            patch.setattr(cache, "read_recording", lambda path: pytest.fail("outdated"))
            with pytest.raises(pytest.fail.Exception, match="outdated"):
                open_audio(root, store)
        open_audio(root, store)
    # What was outdated is gone.
    assert len([path for path in store.glob("*/*") if path.is_dir()]) == 1


@pytest.mark.parametrize("name", ["audio.npy", "noise.npy", "index.json", "features-40-40-10.npy"])
@pytest.mark.parametrize("damage", ["cut", "overwritten", "removed"])
def test_damaged_files_are_made_again(
    root: Path, store: Path, name: str, damage: str, caplog: pytest.LogCaptureFixture
) -> None:
    settings = FeatureSettings()
    before = open_audio(root, store)
    rows, features = before.audio.array.copy(), open_features(before, settings).array.copy()
    path = before.folder / name
    content = path.read_bytes()
    path.unlink()
    if damage != "removed":
        path.write_bytes(content[: len(content) // 2] if damage == "cut" else b"x" * len(content))
    after = open_audio(root, store)
    assert np.array_equal(after.audio.array, rows)
    assert np.array_equal(open_features(after, settings).array, features)
    assert ("damaged" in caplog.text) == (damage != "removed")


def test_features_are_those_of_the_clips(root: Path, store: Path) -> None:
    audio = open_audio(root, store)
    settings = FeatureSettings(stride_ms=20, coefficients=7)
    clips = torch.from_numpy(audio.audio.array.astype(np.float32) / 32768)
    expected = MFCC(settings)(clips).numpy()
    features = open_features(audio, settings).array
    assert features.shape == (len(clips), 49, 7)
    assert np.abs(features - expected).max() < 1e-3


def test_an_interrupted_build_leaves_nothing_that_counts(
    root: Path, store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(path: Path) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(cache, "_read_noise", interrupt)
        with pytest.raises(KeyboardInterrupt):
            open_audio(root, store)
    audio = open_audio(root, store)
    assert len(audio.rows) == 8
    assert not list(store.rglob("*.partial"))


def test_too_little_room_is_said(root: Path, store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = type("Usage", (), {"free": 1000})
    monkeypatch.setattr(cache.shutil, "disk_usage", lambda path: usage)
    with pytest.raises(OSError, match=r"data\.cache=PATH"):
        open_audio(root, store)


def test_travels_to_workers_as_a_path(root: Path, store: Path) -> None:
    audio = open_audio(root, store)
    pickled = pickle.dumps(audio)
    assert len(pickled) < 2000
    assert np.array_equal(pickle.loads(pickled).audio.array, audio.audio.array)


@pytest.fixture(autouse=True)
def heard(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
