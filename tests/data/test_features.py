"""The features against TensorFlow's ops: against their definition in NumPy, and the ops where installed."""

import pickle
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from numpy.typing import NDArray

from reds_torch.data.speech.features import CLIP_SAMPLES, MFCC, SAMPLE_RATE, FeatureSettings

STRIDES = (20, 40)


def definition(wave: NDArray[np.float32], stride_ms: int, coefficients: int = 10) -> NDArray[np.float64]:
    """One clip's coefficients, loop by loop, from the ops' definition, in double precision."""
    window = 640
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(window) / window)

    def mel(hz: float) -> float:
        return 1127.0 * np.log1p(hz / 700.0)

    edges = np.linspace(mel(20.0), mel(4000.0), 42)  # the ends and 40 centres between them
    rows = []
    for start in range(0, len(wave) - window + 1, stride_ms * SAMPLE_RATE // 1000):
        magnitudes = np.abs(np.fft.rfft(wave[start : start + window].astype(np.float64) * hann, 1024))
        energies = np.zeros(40)
        for fft_bin in range(2, 257):  # 20 Hz, rounded up to the next half bin, to 4000 Hz
            place = mel(fft_bin * SAMPLE_RATE / 1024)
            for channel in range(40):
                below, centre, above = edges[channel : channel + 3]
                if below < place <= centre:
                    energies[channel] += magnitudes[fft_bin] * (place - below) / (centre - below)
                elif centre < place < above:
                    energies[channel] += magnitudes[fft_bin] * (above - place) / (above - centre)
        logarithms = np.log(np.maximum(energies, 1e-12))
        rows.append(
            [
                np.sqrt(2 / 40) * np.sum(logarithms * np.cos(np.pi * row * (np.arange(40) + 0.5) / 40))
                for row in range(coefficients)
            ]
        )
    return np.array(rows)


def generated_clips() -> NDArray[np.float32]:
    """Noise, chirp, a clip that ends early, clipped loudness, one loud sample, a constant, and silence."""
    rng = np.random.default_rng(0)
    time = np.arange(CLIP_SAMPLES) / SAMPLE_RATE
    noise = 0.1 * rng.standard_normal(CLIP_SAMPLES)
    chirp = 0.5 * np.sin(2 * np.pi * (100 + 1500 * time) * time) + 0.001 * rng.standard_normal(CLIP_SAMPLES)
    short = np.where(time < 0.3, noise, 0)
    loud = np.clip(20 * noise, -1, 1)
    impulse = np.where(np.arange(CLIP_SAMPLES) == 5000, 1.0, 0.0)
    constant = np.full(CLIP_SAMPLES, 0.25)
    clips = np.stack([noise, chirp, short, loud, impulse, constant, np.zeros(CLIP_SAMPLES)])
    # Sixteen bits, as recordings have.
    return (np.rint(clips * 32767) / 32768).astype(np.float32)


@pytest.fixture(scope="module")
def real_clips(real_speech: Path) -> NDArray[np.float32]:
    """Some clips of all words, the short ones among them, padded with zeros to a second."""
    paths = sorted(path for path in real_speech.glob("*/*.flac") if path.parent.name != "_background_noise_")
    short = [path for path in paths if soundfile.info(path).frames < CLIP_SAMPLES]
    clips = np.zeros((200, CLIP_SAMPLES), np.float32)
    for clip, path in zip(clips, [*short[:60], *paths[:: len(paths) // 140]], strict=False):
        samples, _ = soundfile.read(path, dtype="float32")
        clip[: len(samples)] = samples
    return clips


def features(clips: NDArray[np.float32], stride_ms: int, dtype: torch.dtype) -> NDArray[np.float64]:
    mfcc = MFCC(FeatureSettings(stride_ms=stride_ms), dtype)
    return mfcc(torch.from_numpy(clips).to(dtype)).double().numpy()


def ops(clips: NDArray[np.float32], stride_ms: int) -> NDArray[np.float32]:
    tensorflow = pytest.importorskip("tensorflow", reason="tensorflow, the oracle, is missing")
    spectrogram = tensorflow.raw_ops.AudioSpectrogram(
        input=clips.T, window_size=640, stride=stride_ms * 16, magnitude_squared=True
    )
    return tensorflow.raw_ops.Mfcc(spectrogram=spectrogram, sample_rate=SAMPLE_RATE, dct_coefficient_count=10).numpy()


@pytest.mark.parametrize("stride_ms", STRIDES)
@pytest.mark.parametrize("dtype, bound", [(torch.float32, 1e-3), (torch.float64, 1e-9)])
def test_equals_the_definition(stride_ms: int, dtype: torch.dtype, bound: float) -> None:
    # A constant is next to nothing in all but the lowest bins: only double precision resolves that.
    clips = generated_clips() if dtype == torch.float64 else np.delete(generated_clips(), 5, axis=0)
    expected = np.stack([definition(clip, stride_ms) for clip in clips])
    assert np.abs(features(clips, stride_ms, dtype) - expected).max() < bound


@pytest.mark.parametrize("stride_ms", STRIDES)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_equals_the_definition_on_speech(real_clips: NDArray[np.float32], stride_ms: int, dtype: torch.dtype) -> None:
    some = real_clips[::20]
    expected = np.stack([definition(clip, stride_ms) for clip in some])
    assert np.abs(features(some, stride_ms, dtype) - expected).max() < 1e-3


@pytest.mark.parametrize("stride_ms", STRIDES)
def test_equals_the_ops(stride_ms: int) -> None:
    clips = np.delete(generated_clips(), 5, axis=0)
    assert np.abs(features(clips, stride_ms, torch.float32) - ops(clips, stride_ms)).max() < 1e-3


@pytest.mark.parametrize("stride_ms", STRIDES)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_equals_the_ops_on_speech(real_clips: NDArray[np.float32], stride_ms: int, dtype: torch.dtype) -> None:
    assert np.abs(features(real_clips, stride_ms, dtype) - ops(real_clips, stride_ms)).max() < 1e-3


@pytest.mark.parametrize("stride_ms, frames", [(40, 25), (20, 49)])
def test_shapes(stride_ms: int, frames: int) -> None:
    settings = FeatureSettings(stride_ms=stride_ms, coefficients=13)
    mfcc = MFCC(settings)
    assert settings.frames == frames
    for batch in (1, 7, 100):
        assert mfcc(torch.zeros(batch, CLIP_SAMPLES)).shape == (batch, frames, 13)


def test_a_clip_does_not_depend_on_its_batch() -> None:
    # Batches larger and smaller than a block, one after the other, through the same scratch memory.
    clips = torch.from_numpy(generated_clips()).repeat(20, 1)
    mfcc = MFCC(FeatureSettings())
    together = mfcc(clips)
    alone = torch.cat([mfcc(clip[None]) for clip in clips[:7]]).repeat(20, 1, 1)
    assert torch.allclose(together, alone, atol=1e-4)
    assert torch.equal(together, mfcc(clips))


def test_results_stay_valid_and_are_usable_outside_inference_mode() -> None:
    mfcc = MFCC(FeatureSettings())
    clips = torch.from_numpy(generated_clips())
    with torch.inference_mode():
        mfcc(clips)
    first = mfcc(clips)
    kept = first.clone()
    mfcc(torch.zeros_like(clips))
    assert torch.equal(first, kept)
    restored = pickle.loads(pickle.dumps(mfcc))
    assert torch.equal(restored(clips), kept)


@pytest.mark.parametrize(
    "setting, value", [("window_ms", 10), ("window_ms", 2000), ("stride_ms", 0), ("coefficients", 41)]
)
def test_settings_out_of_range_are_refused_by_name(setting: str, value: int) -> None:
    with pytest.raises(ValueError, match=f"{setting} must lie in .* not be {value}"):
        FeatureSettings(**{setting: value})


@pytest.mark.parametrize(
    "waveforms",
    [torch.zeros(CLIP_SAMPLES), torch.zeros(2, 639), torch.zeros(2, CLIP_SAMPLES, dtype=torch.int16)],
)
def test_other_waveforms_are_refused(waveforms: torch.Tensor) -> None:
    with pytest.raises(ValueError, match=r"waveforms must be torch.float32 \(B, samples\)"):
        MFCC(FeatureSettings())(waveforms)
