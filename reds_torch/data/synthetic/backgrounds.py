"""Background noise for synthetic speech: coloured noises, mains hum, and a babble of synthetic voices."""

from itertools import count, islice

import numpy as np

from . import acoustics, voices
from .acoustics import SAMPLE_RATE, Samples
from .espeak import Engine, Utterance

SECONDS = 30
LENGTH = SECONDS * SAMPLE_RATE
LEVEL = 0.05  # root mean square

COLOURS = {"white_noise": 0.0, "pink_noise": 1.0, "brown_noise": 2.0}
NAMES = (*COLOURS, "hum", "babble")

BABBLE_VOICES = 12
# None of these words is a default keyword.
BABBLE = (
    "the quick brown fox jumps over the lazy dog and runs across the fields to reach the river",
    "she sells fresh bread and honey at the corner of the market every other morning",
    "we walked along the harbour while heavy rain was falling over the old wooden boats",
    "please bring me a large cup of tea with milk and two of those almond biscuits",
)


def hum(random: np.random.Generator) -> Samples:
    """A 50 Hz motor: forty harmonics whose strength wavers, over a little pink noise."""
    time = np.arange(LENGTH) / SAMPLE_RATE
    sound = 0.1 * acoustics.coloured_noise(LENGTH, 1.0, random)
    for harmonic in range(1, 41):
        waver = 1 + 0.5 * np.sin(2 * np.pi * (random.uniform(0.05, 0.5) * time + random.uniform()))
        sound += waver * np.sin(2 * np.pi * (50 * harmonic * time + random.uniform())) / harmonic
    return sound


def babble(seed: int, random: np.random.Generator) -> Samples:
    """Twelve training speakers who talk at once, without a pause."""
    sound = np.zeros(LENGTH)
    training = (who for who in (voices.speaker(seed, index) for index in count()) if who.split == "train")
    with Engine() as engine:
        for number, who in enumerate(islice(training, BABBLE_VOICES)):
            utterance = Utterance(BABBLE[number % len(BABBLE)], who.voice, round(who.rate), round(who.pitch))
            samples, rate = engine.speak(utterance)
            speech = acoustics.resampled(np.frombuffer(samples, "<i2") / 32768, rate, who.tract)
            sound += np.roll(np.resize(speech, LENGTH), int(random.integers(LENGTH))) / np.std(speech)
    return sound


def background(name: str, seed: int) -> Samples:
    """The noise with this name, one of `NAMES`, at `LEVEL`: (LENGTH,) at 16 kHz."""
    random = np.random.default_rng([seed, NAMES.index(name)])
    if name == "hum":
        sound = hum(random)
    elif name == "babble":
        sound = babble(seed, random)
    else:
        sound = acoustics.coloured_noise(LENGTH, COLOURS[name], random)
    return sound * LEVEL / np.std(sound)
