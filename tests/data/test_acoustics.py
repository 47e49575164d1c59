import numpy as np
import pytest

from reds_torch.data.synthetic import acoustics
from reds_torch.data.synthetic.acoustics import CLIP, MARGIN, SAMPLE_RATE


def tone(frequency: float, rate: int, seconds: float = 0.5) -> np.ndarray:
    return np.sin(2 * np.pi * frequency * np.arange(int(rate * seconds)) / rate)


@pytest.mark.parametrize("tract", [1.0, 1.06])
def test_resampling_keeps_a_tone_but_for_the_scaled_frequency(tract: float) -> None:
    rate = 22_050
    heard = acoustics.resampled(tone(1000, rate), rate, tract)
    played_at = 50 * round(rate * tract / 50)  # the documented grid
    wanted = tone(1000 * played_at / rate, SAMPLE_RATE)[: heard.size]
    inner = slice(200, min(heard.size, wanted.size) - 200)
    assert np.abs(heard[inner] - wanted[inner]).max() < 0.01


def test_resampling_removes_what_16_khz_cannot_hold() -> None:
    heard = acoustics.resampled(tone(9500, 22_050), 22_050)
    assert np.abs(heard[200:-200]).max() < 0.02


def test_trimming_removes_silence_only() -> None:
    word = np.array([0.5, 0.0, -0.3])
    assert np.array_equal(acoustics.trimmed(np.pad(word, (40, 70))), word)
    assert acoustics.trimmed(np.zeros(100)).size == 0


@pytest.mark.parametrize("length", [1, 5000, CLIP - 2 * MARGIN, CLIP])
@pytest.mark.parametrize("shift", [-2.0, -0.1, 0.0, 0.1, 2.0])
def test_a_placed_word_is_whole_wherever_it_goes(length: int, shift: float) -> None:
    clip = acoustics.placed(np.ones(length), shift)
    assert clip.size == CLIP
    start = int(np.flatnonzero(clip)[0])
    assert clip[start : start + length].sum() == length == clip.sum()
    if length <= CLIP - 2 * MARGIN:
        assert start >= MARGIN and start + length <= CLIP - MARGIN


def test_a_placed_word_is_shifted_as_asked() -> None:
    middle = np.flatnonzero(acoustics.placed(np.ones(4000), 0.1)).mean()
    assert middle == pytest.approx(CLIP / 2 + 0.1 * SAMPLE_RATE, abs=1)


def test_the_microphone_is_at_half_power_at_its_band_limits() -> None:
    gains = acoustics.microphone(0.0, (200.0, 4000.0))
    hertz = acoustics.SPECTRUM_LENGTH / SAMPLE_RATE
    for limit in (200, 4000):
        assert gains[round(limit * hertz)] ** 2 == pytest.approx(0.5, rel=0.02)
    tilted = acoustics.microphone(3.0, (1.0, 1e6))
    octave = tilted[round(2000 * hertz)] / tilted[round(1000 * hertz)]
    assert 20 * np.log10(octave) == pytest.approx(3.0, abs=0.01)


def test_the_echo_has_the_energy_asked_for_and_decays() -> None:
    response = acoustics.room(0.3, -10.0, np.random.default_rng(0))
    echo = response[1:]
    assert response[0] == 1
    assert 10 * np.log10(np.sum(echo**2)) == pytest.approx(-10.0, abs=1e-6)
    half = echo.size // 2
    fall = 10 * np.log10(np.sum(echo[:half] ** 2) / np.sum(echo[half:] ** 2))
    assert 25 < fall < 35  # 60 dB in all


def test_recording_equals_plain_convolution() -> None:
    random = np.random.default_rng(0)
    clip, response = random.standard_normal(CLIP), acoustics.room(0.1, -6.0, random)
    heard = acoustics.recorded(clip, np.ones(acoustics.SPECTRUM_LENGTH // 2 + 1), response)
    assert np.allclose(heard, np.convolve(clip, response)[:CLIP], atol=1e-9)


@pytest.mark.parametrize("colour", [0.0, 1.0, 2.0])
def test_noise_falls_by_its_colour(colour: float) -> None:
    noise = acoustics.coloured_noise(2**17, colour, np.random.default_rng(0))
    assert np.mean(noise**2) == pytest.approx(1)
    power = np.abs(np.fft.rfft(noise)) ** 2
    frequency = np.fft.rfftfreq(noise.size, 1 / SAMPLE_RATE)
    bands = [power[(frequency > low) & (frequency < 2 * low)].mean() for low in (500, 1000, 2000, 4000)]
    slope = np.polyfit(np.arange(4), np.log2(bands), 1)[0]
    assert slope == pytest.approx(-colour, abs=0.1)


def test_noise_lies_the_given_decibels_below_the_word() -> None:
    word = np.random.default_rng(0).standard_normal(4000)
    noise = np.random.default_rng(1).standard_normal(CLIP)
    noise /= np.sqrt(np.mean(noise**2))
    clip = acoustics.placed(word, 0.0)
    added = acoustics.noisy(clip, word.size, 20.0, noise) - clip
    assert 10 * np.log10(np.mean(word**2) / np.mean(added**2)) == pytest.approx(20.0)
