import json
import shutil
import subprocess
import sys
import wave
from pathlib import Path

import numpy as np
import pytest

from reds_torch.commands.synthetic import main
from reds_torch.data.speech.speech_commands import SpeechCommands
from reds_torch.data.synthetic import speech_folder, synthesis, voices
from reds_torch.data.synthetic.espeak import Engine, Utterance
from reds_torch.data.synthetic.recording import clip_of, spoken
from reds_torch.data.synthetic.speech_settings import SpeechSettings, other_words
from reds_torch.data.synthetic.synthesis import synthesise
from reds_torch.data.synthetic.synthetic_speech import SyntheticSpeech

SETTINGS = SpeechSettings(("lumos", "nox"), ("bird",), speakers=5, takes=2, seed=1)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return synthesise(tmp_path_factory.mktemp("speech") / "set", SETTINGS)


@pytest.fixture
def no_backgrounds(monkeypatch: pytest.MonkeyPatch) -> None:
    """They take most of the time of a tiny set."""
    monkeypatch.setattr(speech_folder, "_make_backgrounds", lambda folder, seed: None)


def samples_of(path: Path) -> bytes:
    with wave.open(str(path), "rb") as file:
        assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (1, 2, 16_000)
        return file.readframes(file.getnframes())


def contents(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*.wav")}


def test_the_layout_is_the_archives(made: Path) -> None:
    people = [voices.speaker(SETTINGS.seed, index) for index in range(SETTINGS.speakers)]
    expected = {
        f"{word}/{who.id}_nohash_{number}.wav": who.split
        for who in people
        for word, takes in (("lumos", 2), ("nox", 2), ("bird", 1))
        for number in range(takes)
    }
    clips = {str(path.relative_to(made)) for path in made.glob("*/*_nohash_*.wav")}
    assert clips == expected.keys()
    assert len(clips) == SETTINGS.clips
    for name, split in (("validation_list.txt", "validation"), ("testing_list.txt", "test")):
        listed = (made / name).read_text().splitlines()
        assert listed == sorted(clip for clip in clips if expected[clip] == split)
    assert all(len(samples_of(made / clip)) == 2 * 16_000 for clip in clips)
    assert len(list((made / "_background_noise_").glob("*.wav"))) == 5
    assert not [path for path in made.rglob("*") if path.suffix == ".part"]
    assert [path.name for path in made.parent.iterdir()] == ["set"]


def test_no_clip_is_clipped_or_faint_and_no_two_are_equal(made: Path) -> None:
    clips = [samples_of(path) for path in made.rglob("*.wav")]
    assert len(set(clips)) == len(clips)
    peaks = [np.abs(np.frombuffer(clip, "<i2").astype(int)).max() / 32768 for clip in clips]
    assert min(peaks) > 0.1 and max(peaks) < 0.95


def test_a_clip_depends_on_seed_word_speaker_and_take_only(made: Path) -> None:
    takes = [(index, word, number) for index in range(3) for word in ("lumos", "nox") for number in range(2)]
    with Engine() as engine:
        for index, word, number in reversed(takes):
            who = voices.speaker(SETTINGS.seed, index)
            clip = clip_of(engine, who, voices.take(SETTINGS.seed, index, who, word, number))
            assert clip == samples_of(made / word / f"{who.id}_nohash_{number}.wav")


@pytest.mark.usefixtures("no_backgrounds")
def test_more_words_speakers_and_takes_change_no_clip(tmp_path: Path, made: Path) -> None:
    larger = synthesise(tmp_path / "set", SpeechSettings(("nox", "accio", "lumos"), ("bird",), 6, 3, 1))
    small, large = contents(made), contents(larger)
    assert {name: large.get(name) for name in small if "nohash" in name} == {
        name: data for name, data in small.items() if "nohash" in name
    }


@pytest.mark.parametrize("text", ["yes", "forward", "internationalisation"])
def test_words_are_spoken_to_their_end(text: str) -> None:
    """The word, trimmed, has all but nothing less energy than the engine's whole output; it fits a clip."""
    with Engine() as engine:
        word = spoken(engine, Utterance(text, "en-us+m3", rate=110), tract=1.0)
        assert 1000 < word.size <= 16_000 - 2 * 320
        if text != "internationalisation":  # that one is said faster, to fit
            raw, rate = engine.speak(Utterance(text, "en-us+m3", rate=110))
            whole = np.frombuffer(raw, "<i2") / 32768
            assert np.sum(word**2) / 16_000 == pytest.approx(np.sum(whole**2) / rate, rel=0.05)


def test_made_once(made: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in made.rglob("*")}
    assert synthesise(made, SETTINGS) == made
    assert {path: path.stat().st_mtime_ns for path in made.rglob("*")} == before


def test_other_settings_and_foreign_folders_are_refused(made: Path, tmp_path: Path) -> None:
    with pytest.raises(FileExistsError, match=r"set holds synthetic speech with seed = 1, not 2"):
        synthesise(made, SpeechSettings(("lumos", "nox"), ("bird",), speakers=5, takes=2, seed=2))
    (tmp_path / "thesis.tex").write_text("irreplaceable")
    with pytest.raises(FileExistsError, match="holds something else"):
        synthesise(tmp_path, SETTINGS)
    with pytest.raises(FileExistsError, match="holds something else"):
        synthesise(tmp_path / "thesis.tex", SETTINGS)
    assert (tmp_path / "thesis.tex").read_text() == "irreplaceable"


@pytest.mark.usefixtures("no_backgrounds")
def test_an_interrupted_call_is_continued(tmp_path: Path, made: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[Path] = []
    write = speech_folder._write_wav

    def write_ten(path: Path, samples: bytes) -> None:
        if len(written) >= 10:
            raise KeyboardInterrupt
        written.append(path)
        write(path, samples)

    monkeypatch.setattr(speech_folder, "_write_wav", write_ten)
    with pytest.raises(KeyboardInterrupt):
        synthesise(tmp_path / "set", SETTINGS)
    assert not (tmp_path / "set").exists()
    # What a kill in the middle of a file leaves.
    written[0].rename(written[0].with_suffix(".part"))

    rewritten: list[Path] = []

    def write_and_count(path: Path, samples: bytes) -> None:
        rewritten.append(path)
        write(path, samples)

    monkeypatch.setattr(speech_folder, "_write_wav", write_and_count)
    root = synthesise(tmp_path / "set", SETTINGS)
    assert not {*written[1:]} & {*rewritten}
    assert contents(root) == {name: data for name, data in contents(made).items() if "nohash" in name}
    assert not list(root.rglob("*.part"))


@pytest.mark.usefixtures("no_backgrounds")
def test_what_an_interrupted_call_left_with_other_settings_is_not_mixed_in(tmp_path: Path) -> None:
    partial = tmp_path / ".set.synthetic-partial"
    (partial / "crucio").mkdir(parents=True)
    (partial / synthesis.MANIFEST).write_text("{}")
    root = synthesise(tmp_path / "set", SpeechSettings(("nox",), (), speakers=3, takes=1))
    assert sorted(path.name for path in root.iterdir() if path.is_dir()) == ["_background_noise_", "nox"]
    assert not partial.exists()


def test_two_processes_make_one_set(tmp_path: Path) -> None:
    code = """if True:
        import sys
        from reds_torch.data.synthetic.speech_settings import SpeechSettings
        from reds_torch.data.synthetic.synthesis import synthesise
        synthesise(sys.argv[1], SpeechSettings(("nox",), (), speakers=3, takes=1))
    """
    command = [sys.executable, "-c", code, str(tmp_path / "set")]
    both = [subprocess.Popen(command, stderr=subprocess.PIPE) for _ in range(2)]
    for process in both:
        _, errors = process.communicate()
        assert process.returncode == 0, errors.decode()
    assert [path.name for path in tmp_path.iterdir()] == ["set"]
    assert len(list((tmp_path / "set" / "nox").iterdir())) == 3


def test_a_full_disk_is_found_before_any_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = shutil.disk_usage(tmp_path)._replace(free=3_000_000)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage)
    with pytest.raises(OSError, match="3 MB left, the speech needs"):
        synthesise(tmp_path / "set", SETTINGS)
    assert not list(tmp_path.iterdir())


def test_a_word_that_is_too_long_is_found_before_any_work(tmp_path: Path) -> None:
    word = "supercalifragilisticexpialidociousantidisestablish"
    with pytest.raises(ValueError, match=rf"{word}.* takes 1\.\d s at the fastest"):
        synthesise(tmp_path / "set", SpeechSettings((word,), (), speakers=3))
    assert not list(tmp_path.iterdir())


def test_a_word_without_a_sound_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Engine, "speak", lambda engine, utterance: (bytes(2000), 22_050))
    with Engine() as engine, pytest.raises(ValueError, match="no sound for 'hush'"):
        spoken(engine, Utterance("hush"), tract=1.0)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"words": ()}, "words is empty"),
        ({"words": ("",)}, "'' can't be a word"),
        ({"words": ("_silence_",)}, "'_silence_' can't be a word"),
        ({"words": ("a/b",)}, "'a/b' can't be a word"),
        ({"words": ("..",)}, r"'\.\.' can't be a word"),
        ({"words": ("two words",)}, "'two words' can't be a word"),
        ({"words": ("e\u0301",)}, "can't be a word"),  # e and a combining accent: two names for one folder
        ({"words": ("nox", "Nox")}, "'Nox' is given twice"),
        ({"unknown_words": ("nox",)}, "'nox' is given twice"),
        ({"speakers": 2}, "speakers must be at least 3, not 2"),
        ({"takes": 0}, "takes must be at least 1, not 0"),
        ({"seed": -1}, "seed must be at least 0, not -1"),
    ],
)
def test_settings_are_checked(settings: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        SpeechSettings(**{"words": ("nox",), "unknown_words": (), **settings})


def test_unknown_words_leave_out_the_words() -> None:
    assert "bird" in other_words(("nox",))
    assert "bird" not in other_words(("nox", "Bird"))


def test_the_command_prints_a_summary(made: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = [
        "--words",
        "lumos,nox",
        "--unknown",
        "bird",
        "--speakers",
        "5",
        "--takes",
        "2",
        "--seed",
        "1",
    ]
    assert main([*arguments, "--out", str(made)]) == 0
    output = capsys.readouterr().out
    for part in ("lumos, nox", "bird", "3 train, 1 validation, 1 test", "25 of 1 s"):
        assert part in output


def test_the_command_says_what_is_wrong(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--words", "_silence_", "--out", str(tmp_path / "set")]) == 1
    assert capsys.readouterr().err.startswith("error: '_silence_' can't be a word")
    assert not list(tmp_path.iterdir())


def test_the_data_module_reads_what_it_spoke(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    data = SyntheticSpeech(words=["lumos", "nox"], unknown_words=["bird"], speakers=5, takes=2, batch_size=4)
    assert isinstance(data, SpeechCommands)
    assert data.root.parent == tmp_path / "reds-torch" / "synthetic"
    data.prepare_data()
    data.setup("fit")
    features, labels = next(iter(data.train_dataloader()))
    assert features.shape == (4, 1, 25, 10)
    assert {*labels.tolist()} <= {0, 1, 2, 3}
    assert json.loads((data.root / synthesis.MANIFEST).read_text())["settings"]["words"] == ["lumos", "nox"]


def test_other_speech_has_another_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    modules = [
        SyntheticSpeech(),
        SyntheticSpeech(seed=5),
        SyntheticSpeech(speech_seed=5),
        SyntheticSpeech(takes=4),
    ]
    roots = [module.root for module in modules]
    assert roots[0] == roots[1]  # `seed` is the training's
    assert len({*roots}) == 3
    assert not list(tmp_path.iterdir())


def test_settings_rebuild_the_same_speech() -> None:
    data = SyntheticSpeech(words=["nox"], unknown_words=["bird"], speakers=5, takes=2, speech_seed=3, time_shift_ms=50)
    again = SyntheticSpeech(**data.settings)
    assert again.speech == data.speech
    assert again.settings == data.settings
