import time

import numpy as np
import pytest

from reds_torch.data.synthetic.espeak import Engine, Utterance

# Voices that draw on the engine's hidden state: roughness, flutter, breath, echo, Klatt synthesis.
VOICES = ("en-us+m3", "en+f2", "en-us+klatt2", "en-029+Alicia")


def test_speech_does_not_depend_on_what_was_said_before() -> None:
    utterances = [Utterance(text, voice) for text in ("yes", "left") for voice in VOICES]
    with Engine() as engine:
        forward = {utterance: engine.speak(utterance) for utterance in utterances}
        again = {utterance: engine.speak(utterance) for utterance in utterances}
    time.sleep(1.1)  # left alone, the engine's noise starts from the time in seconds
    with Engine() as engine:
        backward = {utterance: engine.speak(utterance) for utterance in reversed(utterances)}
    assert forward == again == backward


def test_every_setting_is_heard() -> None:
    plain = Utterance("right", "en-us+m3")
    others = [
        Utterance("right", "en-us+f2"),
        Utterance("right", "en+m3"),
        Utterance("right", "en-us+m3", rate=230),
        Utterance("right", "en-us+m3", pitch=80),
        Utterance("right", "en-us+m3", pitch_range=5),
        Utterance("left", "en-us+m3"),
    ]
    with Engine() as engine:
        sounds = {engine.speak(utterance)[0] for utterance in (plain, *others)}
        slow, rate = engine.speak(Utterance("right", rate=100))
        fast, _ = engine.speak(Utterance("right", rate=250))
    assert len(sounds) == 1 + len(others)
    assert rate == 22_050
    assert len(slow) > 1.5 * len(fast)
    assert np.abs(np.frombuffer(slow, "<i2")).max() > 1000


def test_an_unknown_voice_is_refused_and_the_engine_goes_on() -> None:
    with Engine() as engine:
        with pytest.raises(RuntimeError, match="no such voice: xx-nowhere"):
            engine.speak(Utterance("yes", "xx-nowhere"))
        assert engine.speak(Utterance("yes"))[0]
