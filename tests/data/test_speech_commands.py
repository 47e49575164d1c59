"""The data module: classes, counts, batches, determinism, and what it refuses."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import lightning
import numpy as np
import pytest
import soundfile
import torch
from jsonargparse import ArgumentParser
from torch import Tensor, nn

from reds_torch.data.download import DownloadError
from reds_torch.data.speech import speech_commands
from reds_torch.data.speech.speech_commands import TEN_WORDS, SpeechCommands
from reds_torch.data.splits import split_by_hash

SILENT = 0.2236068 * 40 * np.log(1e-12)  # the first coefficient of a clip of zeros


def ready(root: Path, **arguments: Any) -> SpeechCommands:
    data = SpeechCommands(root=str(root), **{"words": ["yes", "no"], "batch_size": 8, **arguments})
    data.prepare_data()
    data.setup()
    return data


def labels(batches: Any) -> Counter[int]:
    return Counter(label for _, batch in batches for label in batch.tolist())


def epoch(data: SpeechCommands, number: int) -> list[tuple[Tensor, Tensor]]:
    loader = data.train_dataloader()
    loader.sampler.set_epoch(number)  # type: ignore[attr-defined]
    return list(loader)


def equal(left: list[tuple[Tensor, Tensor]], right: list[tuple[Tensor, Tensor]]) -> bool:
    return len(left) == len(right) and all(
        torch.equal(a, b) for one, other in zip(left, right, strict=True) for a, b in zip(one, other, strict=True)
    )


@pytest.mark.parametrize("stride_ms, frames", [(40, 25), (20, 49)])
def test_known_without_data(stride_ms: int, frames: int) -> None:
    data = SpeechCommands(root="/nowhere", stride_ms=stride_ms)
    assert data.classes == ("_silence_", "_unknown_", *TEN_WORDS)
    assert data.input_shape == (1, frames, 10)
    assert data.example_input.shape == (1, 1, frames, 10)
    assert SpeechCommands(root="/elsewhere", **data.settings).settings == data.settings


def test_sets_and_batches(make_folder: Callable[..., Path]) -> None:
    folder = make_folder()
    data = ready(folder, unknown_percentage=20)
    count = Counter(split_by_hash(f"yes/speaker{speaker}_nohash_0.wav") for speaker in range(30))
    loaders = {
        "val": data.val_dataloader(),
        "test": data.test_dataloader(),
        # batches of one, so that none is left out
        "train": ready(folder, unknown_percentage=20, batch_size=1).calibration_dataloader(),
    }
    for name, loader in loaders.items():
        words = 2 * count[name]
        expected = {0: -(-words // 10), 1: -(-words // 5), 2: count[name], 3: count[name]}
        assert labels(loader) == {label: number for label, number in expected.items() if number}
    batches = epoch(data, 0)
    for features, classes in batches:
        assert features.shape == (8, 1, 25, 10)
        assert features.dtype == torch.float32
        assert classes.dtype == torch.int64


def test_clean_sets_hold_the_clips_as_they_are(make_folder: Callable[..., Path]) -> None:
    data = ready(make_folder())
    for loader in (data.val_dataloader(), data.test_dataloader(), data.calibration_dataloader()):
        assert equal(list(loader), list(loader))
        for features, classes in loader:
            silent = features[classes == 0]
            assert torch.allclose(silent[..., 0], torch.tensor(SILENT, dtype=torch.float32))
            assert (features[classes != 0][..., 0] > SILENT + 10).all()


def test_training_clips_change_with_the_epoch(make_folder: Callable[..., Path]) -> None:
    data = ready(make_folder())
    first = epoch(data, 0)
    assert not equal(first, epoch(data, 1))
    # A new module in a new process after a resume would do the same as this: nothing depends on history.
    assert equal(first, epoch(data, 0))
    assert equal(epoch(ready(data.root), 5), epoch(data, 5))
    assert not equal(epoch(ready(data.root, seed=1), 0), first)


def test_workers_change_nothing(make_folder: Callable[..., Path]) -> None:
    data = ready(make_folder())
    assert equal(epoch(ready(data.root, workers=2), 3), epoch(data, 3))


def test_global_random_numbers_are_left_alone(make_folder: Callable[..., Path]) -> None:
    data = ready(make_folder())
    before = torch.random.get_rng_state(), np.random.get_state()[1].copy()  # type: ignore[union-attr, index]
    torch.manual_seed(1)
    state = torch.random.get_rng_state()
    first = epoch(data, 0)
    list(data.val_dataloader())
    assert torch.equal(torch.random.get_rng_state(), state)
    assert np.array_equal(np.random.get_state()[1], before[1])  # type: ignore[index]
    torch.manual_seed(2)
    assert equal(epoch(data, 0), first)
    torch.random.set_rng_state(before[0])


def test_evaluation_sets_are_the_same_for_every_seed(make_folder: Callable[..., Path]) -> None:
    data, other = (ready(make_folder(name=f"root{seed}"), seed=seed) for seed in (0, 1))
    assert equal(list(data.test_dataloader()), list(other.test_dataloader()))


def test_canonical_test_set(make_folder: Callable[..., Path]) -> None:
    root = make_folder()
    folders = ("_silence_", "_unknown_", "yes", "no")
    test_set = make_folder(words=folders, speakers=3, noise=False, name="canonical")
    data = ready(root, test_set=str(test_set))
    assert labels(data.test_dataloader()) == {0: 3, 1: 3, 2: 3, 3: 3}
    assert labels(data.val_dataloader()) == labels(ready(root).val_dataloader())
    with pytest.raises(ValueError, match="must have the folders _silence_, _unknown_, yes, cat"):
        ready(root, test_set=str(test_set), words=["yes", "cat"])
    with pytest.raises(ValueError, match=r"give it as data\.test_set"):
        ready(test_set)
    with pytest.raises(FileNotFoundError, match=r"data\.test_set: there is no folder .*data\.test_set=null"):
        ready(root, test_set=str(root / "nowhere"))


def test_settings_rebuild_what_was_tested(make_folder: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> None:
    root = make_folder(noise=False)
    test_set = make_folder(words=("_silence_", "_unknown_", "yes", "no"), speakers=3, noise=False, name="canonical")
    monkeypatch.chdir(test_set.parent)
    data = ready(root, test_set="canonical", noise_volume=0, time_shift_ms=50, unknown_percentage=20)
    monkeypatch.chdir(root)
    again = SpeechCommands(root=str(root), batch_size=8, **data.settings)
    again.prepare_data()
    again.setup()
    assert again.settings == data.settings
    assert equal(list(again.test_dataloader()), list(data.test_dataloader()))
    assert equal(epoch(again, 0), epoch(data, 0))


def test_each_stage_needs_its_own_clips_only(make_folder: Callable[..., Path]) -> None:
    whole = ready(make_folder())
    data = SpeechCommands(root=str(make_folder(name="without_noise", noise=False)), words=["yes", "no"], batch_size=8)
    data.prepare_data()
    data.setup("validate")
    data.setup("test")
    assert equal(list(data.val_dataloader()), list(whole.val_dataloader()))
    assert equal(list(data.test_dataloader()), list(whole.test_dataloader()))
    with pytest.raises(RuntimeError, match=r"call .* setup"):
        data.train_dataloader()
    with pytest.raises(ValueError, match="no background recordings"):
        data.setup("fit")


def test_a_folder_of_test_clips_can_be_tested_on(make_folder: Callable[..., Path]) -> None:
    root = make_folder(speakers=3, noise=False)
    (root / "validation_list.txt").write_text("")
    clips = [path.relative_to(root).as_posix() for path in root.glob("*/*.wav")]
    (root / "testing_list.txt").write_text("\n".join(clips))
    data = SpeechCommands(root=str(root), words=["yes", "no"])
    data.prepare_data()
    data.setup("validate")
    data.setup("test")
    assert len(data.val_dataloader()) == 0
    assert labels(data.test_dataloader()) == {0: 1, 1: 1, 2: 3, 3: 3}
    with pytest.raises(ValueError, match="holds no train clips"):
        data.setup("fit")


def test_training_is_refused_where_nothing_could_be_tested(make_folder: Callable[..., Path]) -> None:
    root = make_folder(speakers=3)
    (root / "validation_list.txt").write_text("yes/speaker0_nohash_0.wav\n")
    (root / "testing_list.txt").write_text("")
    with pytest.raises(ValueError, match="holds no test clips"):
        data = SpeechCommands(root=str(root), words=["yes", "no"])
        data.prepare_data()
        data.setup("fit")
    folders = ("_silence_", "_unknown_", "yes", "no")
    test_set = make_folder(words=folders, speakers=1, noise=False, name="canonical")
    assert labels(ready(root, test_set=str(test_set)).test_dataloader()) == {0: 1, 1: 1, 2: 1, 3: 1}


def test_unknown_words_are_refused_before_anything_is_decoded(make_folder: Callable[..., Path]) -> None:
    root = make_folder(speakers=1)
    (root / "yes" / "damaged_nohash_0.wav").write_bytes(b"no recording")
    with pytest.raises(ValueError, match=r"data\.words: .* no clips of nope; its words are cat, dog, no, yes"):
        SpeechCommands(root=str(root), words=["yes", "nope"]).prepare_data()


class Recorder(lightning.LightningModule):
    """Keeps what it was trained on, by epoch."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(250, 4)
        self.seen: list[tuple[int, Tensor]] = []

    def training_step(self, batch: tuple[Tensor, Tensor]) -> Tensor:
        self.seen.append((self.current_epoch, batch[0]))
        return self.layer(batch[0].flatten(1)).square().mean()

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), 0.0)


def test_lightning_sets_the_epoch_and_resumes(make_folder: Callable[..., Path], tmp_path: Path) -> None:
    data = ready(make_folder())
    options: dict[str, Any] = {
        "accelerator": "cpu",
        "logger": False,
        "enable_progress_bar": False,
        "enable_model_summary": False,
        "enable_checkpointing": False,
        "default_root_dir": tmp_path,
    }

    def train(epochs: int, checkpoint: Path | None) -> list[tuple[int, Tensor]]:
        recorder = Recorder()
        trainer = lightning.Trainer(max_epochs=epochs, **options)
        trainer.fit(recorder, datamodule=data, ckpt_path=checkpoint)
        trainer.save_checkpoint(tmp_path / "last.ckpt")
        return recorder.seen

    through = train(3, None)
    expected = [(number, batch[0]) for number in range(3) for batch in epoch(data, number)]
    parts = train(2, None) + train(3, tmp_path / "last.ckpt")
    for seen in (through, parts):
        assert [number for number, _ in seen] == [number for number, _ in expected]
        assert all(torch.equal(batch, other) for (_, batch), (_, other) in zip(seen, expected, strict=True))


def test_arguments_become_options() -> None:
    parser = ArgumentParser(exit_on_error=False)
    parser.add_class_arguments(SpeechCommands, "data")
    parsed = parser.parse_args(["--data.words=[lumos,nox]", "--data.stride_ms=20", "--data.root=/nowhere"])
    data = SpeechCommands(**parsed.data.as_dict())
    assert data.classes[2:] == ("lumos", "nox")
    assert data.input_shape == (1, 49, 10)
    defaults = SpeechCommands(**parser.parse_args([]).data.as_dict())
    assert defaults.words == TEN_WORDS


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"words": []}, "words must be a list of at least one word"),
        ({"words": "yes"}, "words must be a list"),
        ({"words": ["yes", "yes"]}, "words: yes is listed twice"),
        ({"words": ["_silence_"]}, "'_silence_' can't be a word"),
        ({"words": ["a/b"]}, "'a/b' can't be a word"),
        ({"batch_size": 0}, "batch_size must be a number from 1, not 0"),
        ({"seed": -1}, "seed must be a number from 0, not -1"),
        ({"workers": -1}, "workers must be a number from 0"),
        ({"unknown_percentage": float("nan")}, "unknown_percentage must be a number from 0, not nan"),
        ({"noise_probability": 80}, "noise_probability must lie in 0 ... 1, not be 80"),
        ({"window_ms": 5}, "window_ms must lie in"),
    ],
)
def test_bad_settings_are_refused_before_any_work(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        SpeechCommands(root="/nowhere", **arguments)


def test_missing_words_and_empty_sets_are_refused(make_folder: Callable[..., Path]) -> None:
    root = make_folder(speakers=3)
    with pytest.raises(ValueError, match=r"no clips of stop, go; its words are .*cat, dog, no, yes"):
        ready(root, words=["yes", "stop", "go"])
    (root / "validation_list.txt").write_text("")
    (root / "testing_list.txt").write_text("yes/speaker0_nohash_0.wav\n")
    with pytest.raises(ValueError, match="holds no val clips of the words yes, no"):
        ready(root)


def test_missing_data_names_the_choices(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def offline(url: str, sha256: str, folder: Path) -> None:
        raise DownloadError(f"{url} can't be fetched (no network)")

    monkeypatch.setattr(speech_commands, "fetch_folder", offline)
    root = tmp_path / "nowhere"
    with pytest.raises(DownloadError, match=r"no network.*data\.root=PATH.*data=synthetic"):
        SpeechCommands(root=str(root)).prepare_data()
    with pytest.raises(FileNotFoundError, match=r"data\.download is off.*data\.root=PATH.*data=synthetic"):
        SpeechCommands(root=str(root), download=False).prepare_data()
    (tmp_path / "file").write_text("")
    with pytest.raises(NotADirectoryError, match="is no folder"):
        SpeechCommands(root=str(tmp_path / "file")).prepare_data()
    with pytest.raises(RuntimeError, match=r"prepare_data\(\) and setup\(\)"):
        SpeechCommands(root=str(root)).train_dataloader()


def test_missing_data_is_fetched(
    make_folder: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = make_folder()
    monkeypatch.setattr(speech_commands, "fetch_folder", lambda url, sha256, folder: original.rename(folder))
    assert len(ready(tmp_path / "fetched").train_dataloader()) > 0


def test_where_the_data_is_looked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert SpeechCommands().root == tmp_path / "user-cache" / "reds-torch" / "speech_commands_v0.02"
    monkeypatch.setenv("REDS_DATA", str(tmp_path / "named"))
    assert SpeechCommands().root == tmp_path / "named"
    assert SpeechCommands(root="/given").root == Path("/given")


def test_real_speech(real_speech: Path, tmp_path: Path) -> None:
    data = ready(real_speech, words=TEN_WORDS, batch_size=100, cache=str(tmp_path / "cache"))
    test = labels(data.test_dataloader())
    assert (test.total(), test[0], test[1]) == (785, 66, 66)
    listed = (real_speech / "validation_list.txt").read_text().split()
    words = [line.partition("/")[0] for line in listed if line.partition("/")[0] in TEN_WORDS]
    val = labels(data.val_dataloader())
    assert {data.classes[label]: count for label, count in val.items() if label > 1} == Counter(words)
    assert all(torch.isfinite(features).all() for features, _ in epoch(data, 0))
    assert soundfile.info(next(real_speech.glob("yes/*"))).samplerate == 16_000
