"""Synthetic speakers and what they say: pure functions of (seed, speaker, word, take).

A speaker is an espeak-ng variant (timbre), an English accent, a pitch, a pace, a vocal-tract length, a
microphone and a room. Each variant serves one split only, so validation and test measure how well a network
knows words from timbres it never heard.
"""

import zlib
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from .espeak import Utterance

Split = Literal["train", "validation", "test"]

# Speaker i belongs to SPLITS[i % 7]: three speakers fill all splits, and more speakers change none of them.
SPLITS: tuple[Split, ...] = ("train", "validation", "test", "train", "train", "train", "train")

# The archive's names for the lists of held-out clips.
LISTS: dict[Split, str] = {"validation": "validation_list.txt", "test": "testing_list.txt"}

ACCENTS = (
    "en-us",
    "en",
    "en-us-nyc",
    "en-gb-scotland",
    "en-gb-x-rp",
    "en-gb-x-gbclan",
    "en-gb-x-gbcwmd",
    "en-029",
)

# espeak-ng's variants without whispers, robots, echoes and effects; near-twins (iven, iven2) share a split.
VARIANTS: dict[Split, tuple[str, ...]] = {
    "train": (
        *(
            "m1",
            "f1",
            "m3",
            "f2",
            "Mike",
            "Andrea",
            "klatt",
            "f4",
            "adam",
            "linda",
            "Diogo",
            "Alicia",
            "gustave",
        ),
        *("grandma", "quincy", "steph", "Jacky", "shelby", "m5", "aunty", "Reed", "belinda", "ed", "michel"),
        *("iven", "steph2", "norbert", "Denis", "m8", "sandro", "Lee", "benjamin", "boris", "david", "iven3"),
    ),
    "validation": ("m2", "f3", "paul", "Annie", "klatt2", "travis", "edward"),
    "test": ("m4", "f5", "john", "anika", "klatt3", "m7", "Alex", "miguel"),
}

# How a speaker ends a word: it bends the melody.
ENDINGS = ("", "!", "?", ",")


@dataclass(frozen=True)
class Speaker:
    """One synthetic person with one recording device in one room."""

    id: str  # eight hex digits, as in the archive's file names
    split: Split
    voice: str  # espeak-ng's language+variant
    rate: float  # words per minute
    pitch: float  # 0 to 99, relative to the variant's own
    pitch_range: float  # 0 to 100
    tract: float  # formants and pitch are scaled by it; 1 is the voice as made
    tilt: float  # dB per octave
    band: tuple[float, float]  # Hz, the half-power limits of the microphone
    reverberation: float  # seconds until the room's echo fell by 60 dB
    echo: float  # dB, the energy of the echo relative to the direct sound


@dataclass(frozen=True)
class Take:
    """One way of saying a word once, and how it is recorded."""

    utterance: Utterance
    peak: float  # largest sample of the clip, of 1
    shift: float  # seconds from the clip's middle
    snr: float  # dB, speech to noise
    colour: float  # the noise's power falls with frequency ** colour: 0 white, 1 pink, 2 brown
    noise_seed: int


def speaker(seed: int, index: int) -> Speaker:
    """The speaker with this index; the same whatever the number of speakers."""
    random = np.random.default_rng([seed, index])
    split = SPLITS[index % len(SPLITS)]
    # The how-manieth speaker of the split: variants are used equally often.
    rank = SPLITS.count(split) * (index // len(SPLITS)) + SPLITS[: index % len(SPLITS)].count(split)
    variant = VARIANTS[split][rank % len(VARIANTS[split])]
    # An odd factor makes the map from index to identity one-to-one.
    identity = (zlib.crc32(str(seed).encode()) + index * 0x9E3779B1) % 2**32
    return Speaker(
        id=f"{identity:08x}",
        split=split,
        voice=f"{random.choice(ACCENTS)}+{variant}",
        rate=random.uniform(120, 210),
        pitch=random.uniform(25, 75),
        pitch_range=random.uniform(20, 90),
        tract=random.uniform(0.92, 1.08),
        tilt=random.uniform(-2, 2),
        band=(random.uniform(50, 250), random.uniform(3600, 7600)),
        reverberation=random.uniform(0.08, 0.4),
        echo=random.uniform(-24, -6),
    )


def take(seed: int, index: int, who: Speaker, word: str, number: int) -> Take:
    """How speaker `who` (the one with this index) says `word` the `number`-th time."""
    random = np.random.default_rng([seed, index, zlib.crc32(word.encode()), number])
    utterance = Utterance(
        text=word.replace("_", " ") + str(random.choice(ENDINGS)),
        voice=who.voice,
        rate=round(who.rate * random.uniform(0.85, 1.15)),
        pitch=round(np.clip(who.pitch + random.uniform(-12, 12), 0, 99)),
        pitch_range=round(np.clip(who.pitch_range + random.uniform(-15, 15), 0, 100)),
    )
    return Take(
        utterance=utterance,
        peak=10 ** (random.uniform(-18, -1) / 20),
        shift=random.uniform(-0.12, 0.12),
        snr=random.uniform(15, 45),
        colour=random.uniform(0, 2),
        noise_seed=int(random.integers(2**63)),
    )


def hurried(utterance: Utterance, factor: float) -> Utterance:
    """The same, `factor` times as fast, within what the engine can do."""
    return replace(utterance, rate=min(round(utterance.rate * factor), 450))
