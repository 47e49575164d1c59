"""A synthetic speaker's take, as the clip that a phone in the room would have recorded."""

import numpy as np

from . import acoustics, voices
from .acoustics import Samples
from .espeak import Engine, Utterance
from .voices import Speaker, Take


def clip_of(engine: Engine, who: Speaker, take: Take) -> bytes:
    """One second of 16 kHz 16-bit samples: the word spoken, placed, and recorded in the speaker's room."""
    word = spoken(engine, take.utterance, who.tract)
    random = np.random.default_rng(take.noise_seed)
    # The room belongs to the speaker, so its noise does too.
    response = acoustics.room(who.reverberation, who.echo, np.random.default_rng(int(who.id, 16)))
    heard = acoustics.recorded(acoustics.placed(word, take.shift), acoustics.microphone(who.tilt, who.band), response)
    noise = acoustics.coloured_noise(acoustics.CLIP, take.colour, random)
    clip = acoustics.noisy(heard, word.size, take.snr, noise)
    return acoustics.pcm16(clip * take.peak / np.abs(clip).max())


def spoken(engine: Engine, utterance: Utterance, tract: float) -> Samples:
    """The word at 16 kHz without silence around it; said faster when it wouldn't fit a clip."""
    longest = acoustics.CLIP - 2 * acoustics.MARGIN
    for _ in range(4):
        samples, rate = engine.speak(utterance)
        word = acoustics.trimmed(acoustics.resampled(np.frombuffer(samples, "<i2") / 32768, rate, tract))
        if word.size == 0:
            raise ValueError(f"espeak-ng makes no sound for {utterance.text!r}: choose another word")
        if word.size <= longest:
            return word
        utterance = voices.hurried(utterance, 1.1 * word.size / longest)
    seconds = word.size / acoustics.SAMPLE_RATE
    raise ValueError(f"{utterance.text!r} takes {seconds:.1f} s at the fastest, a clip is 1 s: choose a shorter word")
