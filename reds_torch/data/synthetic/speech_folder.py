"""Fills a folder with synthetic speech in the layout of the Google Speech Commands archive.

Every clip is a function of (seed, word, speaker, take) alone: more words, speakers or takes add clips and
change none. Hence what an interrupted call wrote is kept by the next.
"""

import os
import wave
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from ..speech.listing import BACKGROUND
from . import acoustics, backgrounds, voices
from .espeak import Engine
from .recording import clip_of
from .speech_settings import SpeechSettings
from .voices import Speaker


def check_words(settings: SpeechSettings) -> None:
    """Let one speaker try all words.

    Raises:
        ValueError: a word makes no sound, or doesn't fit a clip.
    """
    who = voices.speaker(settings.seed, 0)
    with Engine() as engine:
        for word in settings.all_words:
            clip_of(engine, who, voices.take(settings.seed, 0, who, word, 0))


def fill(folder: Path, settings: SpeechSettings) -> None:
    """Write the lists, the clips and the background noise that aren't there; shows progress."""
    speakers = [voices.speaker(settings.seed, index) for index in range(settings.speakers)]
    for word in (*settings.all_words, BACKGROUND):
        (folder / word).mkdir(exist_ok=True)
    for split, name in voices.LISTS.items():
        clips = (_clips_of(who, settings) for who in speakers if who.split == split)
        lines = sorted(f"{word}/{file}\n" for clip in clips for word, _, file in clip)
        (folder / name).write_text("".join(lines))

    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    progress = Progress(*columns, console=Console(stderr=True))
    with progress, ThreadPoolExecutor(os.cpu_count()) as pool:
        bar = progress.add_task("synthetic speech: speakers", total=settings.speakers)
        work = [pool.submit(_speak_all, folder, settings, index, who) for index, who in enumerate(speakers)]
        try:
            _make_backgrounds(folder, settings.seed)
            for done in as_completed(work):
                done.result()
                progress.advance(bar)
        finally:  # after an error or ctrl-C, only the speakers at work are finished
            pool.shutdown(cancel_futures=True)


def _clips_of(who: Speaker, settings: SpeechSettings) -> list[tuple[str, int, str]]:
    """Word, number and file name of each of the speaker's takes."""
    return [
        (word, number, f"{who.id}_nohash_{number}.wav")
        for word in settings.all_words
        for number in range(settings.takes_of(word))
    ]


def _speak_all(folder: Path, settings: SpeechSettings, index: int, who: Speaker) -> None:
    with Engine() as engine:
        for word, number, file in _clips_of(who, settings):
            path = folder / word / file
            if not path.exists():
                take = voices.take(settings.seed, index, who, word, number)
                _write_wav(path, clip_of(engine, who, take))


def _make_backgrounds(folder: Path, seed: int) -> None:
    for name in backgrounds.NAMES:
        path = folder / BACKGROUND / f"{name}.wav"
        if not path.exists():
            _write_wav(path, acoustics.pcm16(backgrounds.background(name, seed)))


def _write_wav(path: Path, samples: bytes) -> None:
    # A recording that is there is whole; what a killed call left half-written is overwritten by the next.
    part = path.with_suffix(".part")
    with wave.open(str(part), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(acoustics.SAMPLE_RATE)
        file.writeframes(samples)
    part.replace(path)
