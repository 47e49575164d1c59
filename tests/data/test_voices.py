import re

from reds_torch.data.synthetic import voices


def test_no_timbre_and_no_identity_is_in_two_splits() -> None:
    people = [voices.speaker(0, index) for index in range(300)]
    assert len({who.id for who in people}) == len(people)
    assert all(re.fullmatch(r"[0-9a-f]{8}", who.id) for who in people)
    timbres: dict[str, set[str]] = {}
    for who in people:
        timbres.setdefault(who.split, set()).add(who.voice.split("+")[1])
    train, validation, test = timbres["train"], timbres["validation"], timbres["test"]
    assert not (train & validation or train & test or validation & test)
    # All are used.
    assert {split: len(names) for split, names in timbres.items()} == {
        split: len(names) for split, names in voices.VARIANTS.items()
    }


def test_three_speakers_fill_all_splits() -> None:
    assert {voices.speaker(3, index).split for index in range(3)} == {"train", "validation", "test"}


def test_a_seed_gives_other_people() -> None:
    assert not {voices.speaker(0, index).id for index in range(100)} & {
        voices.speaker(1, index).id for index in range(100)
    }


def test_takes_differ_and_repeat() -> None:
    who = voices.speaker(0, 0)
    takes = [voices.take(0, 0, who, word, number) for word in ("yes", "no") for number in range(20)]
    assert len({take.noise_seed for take in takes}) == len(takes)
    assert takes == [voices.take(0, 0, who, word, number) for word in ("yes", "no") for number in range(20)]


def test_an_underscore_is_spoken_as_a_space() -> None:
    assert voices.take(0, 0, voices.speaker(0, 0), "turn_on", 0).utterance.text.startswith("turn on")
