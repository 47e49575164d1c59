"""From an engine's raw samples to a clip that sounds recorded: microphone, room, noise, level.

Plain numpy on one clip at a time, so that a clip is the same in whatever batch or thread it was made.
"""

import numpy as np
import numpy.typing as npt

SAMPLE_RATE = 16_000  # Hz
CLIP = SAMPLE_RATE  # samples: clips last 1 s
MARGIN = SAMPLE_RATE // 50  # samples of quiet before and after the word
# Room for a clip and the longest echo; its only prime factors are 2, 3 and 5.
SPECTRUM_LENGTH = 24_000

Samples = npt.NDArray[np.float64]


def resampled(samples: Samples, rate: int, tract: float = 1.0) -> Samples:
    """`samples` at `rate` Hz, brought to 16 kHz; `tract` scales all frequencies (and shortens the sound).

    A spectrum is resampled by how many of its frequencies are turned back into samples.
    """
    # In blocks of 20 ms a sound has whole numbers of samples at both rates; the last block, of silence, keeps the
    # end out of the beginning.
    block = round(rate * tract / 50)
    blocks = -(-samples.size // block) + 1
    spectrum = np.fft.rfft(samples, blocks * block)
    # Fading over the last 5 % avoids the ringing of a sharp edge.
    nyquist = SAMPLE_RATE / 2
    frequency = np.arange(spectrum.size) * (50 / blocks)
    spectrum *= np.cos(np.pi / 2 * np.clip((frequency / nyquist - 0.95) / 0.05, 0, 1)) ** 2
    length = blocks * SAMPLE_RATE // 50
    heard = np.fft.irfft(spectrum, length) * (length / (blocks * block))
    return heard[: -(-samples.size * SAMPLE_RATE // (50 * block))]


def trimmed(samples: Samples, threshold: float = 0.01) -> Samples:
    """Without the silence before and after; empty when nothing is to be heard."""
    loud = np.flatnonzero(np.abs(samples) > threshold * np.abs(samples).max(initial=1e-9))
    return samples[loud[0] : loud[-1] + 1] if loud.size else samples[:0]


def placed(word: Samples, shift: float) -> Samples:
    """A clip with `word`'s middle `shift` seconds after the clip's, or as near as leaves the word whole."""
    slack = CLIP - word.size
    margin = min(MARGIN, slack // 2)
    start = int(np.clip(slack // 2 + round(shift * SAMPLE_RATE), margin, slack - margin))
    return np.pad(word, (start, slack - start))


def microphone(tilt: float, band: tuple[float, float]) -> Samples:
    """Gain at the `SPECTRUM_LENGTH // 2 + 1` frequencies: `tilt` dB per octave, second-order band limits."""
    frequency = np.maximum(np.fft.rfftfreq(SPECTRUM_LENGTH, 1 / SAMPLE_RATE), 1.0)
    low, high = band
    slope = 10 ** (tilt * np.log2(frequency / 1000) / 20)
    return slope / np.sqrt((1 + (low / frequency) ** 4) * (1 + (frequency / high) ** 4))


def room(reverberation: float, echo: float, random: np.random.Generator) -> Samples:
    """Impulse response: the direct sound, then noise that decays by 60 dB in `reverberation` seconds.

    The echo's energy is `echo` dB relative to the direct sound's.
    """
    length = min(int(reverberation * SAMPLE_RATE), SPECTRUM_LENGTH - CLIP)
    decay = 10 ** (-3 * np.arange(length) / (reverberation * SAMPLE_RATE))
    tail = random.standard_normal(length) * decay
    tail[: SAMPLE_RATE // 500] = 0  # nothing comes back within 2 ms
    tail *= 10 ** (echo / 20) / np.linalg.norm(tail)
    tail[0] = 1
    return tail


def coloured_noise(length: int, colour: float, random: np.random.Generator) -> Samples:
    """Noise of unit power whose power density falls with frequency ** `colour`, above 20 Hz."""
    spectrum = np.fft.rfft(random.standard_normal(length))
    frequency = np.maximum(np.fft.rfftfreq(length, 1 / SAMPLE_RATE), 20.0)
    spectrum *= frequency ** (-colour / 2)
    spectrum[0] = 0
    noise = np.fft.irfft(spectrum, length)
    return noise / np.sqrt(np.mean(noise**2))


def recorded(clip: Samples, gains: Samples, response: Samples) -> Samples:
    """`clip` heard through the room's impulse `response` and the microphone's `gains`."""
    spectrum = np.fft.rfft(clip, SPECTRUM_LENGTH) * np.fft.rfft(response, SPECTRUM_LENGTH) * gains
    return np.fft.irfft(spectrum, SPECTRUM_LENGTH)[: clip.size]


def noisy(clip: Samples, word_length: int, snr: float, noise: Samples) -> Samples:
    """`clip` plus unit-power `noise`, `snr` dB below the word, which fills `word_length` of the clip."""
    power = np.sum(clip**2) / word_length
    return clip + noise * np.sqrt(power) * 10 ** (-snr / 20)


def pcm16(samples: Samples) -> bytes:
    """Little-endian 16-bit samples of a sound within [-1, 1]."""
    return np.round(samples * 32767).astype("<i2").tobytes()
