"""Keyword spotting on recordings in the layout of Google Speech Commands.

Source: Warden, "Speech Commands: A Dataset for Limited-Vocabulary Speech Recognition", arXiv 1804.03209.
"""

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from ..checks import check_at_least, check_recordings, check_test_set, check_words
from ..datasets import AugmentedClips, CleanClips
from ..download import DownloadError, fetch_folder
from ..epoch_module import SETS_OF_STAGE, EpochDataModule, SetName
from ..splits import SILENCE, SPLITS, UNKNOWN, Split, label_clips, read_lists, split_clips
from .augmentation import Augmentation, AugmentationSettings
from .cache import SILENCE_ROW, AudioCache, open_audio, open_features, user_cache
from .features import FeatureSettings
from .listing import Listing

URL = "https://storage.googleapis.com/download.tensorflow.org/data/speech_commands_v0.02.tar.gz"
SHA256 = "af14739ee7dc311471de98f5f9d2c9191b18aedfe957f4a6ff791c709868ff58"

TEN_WORDS = ("yes", "no", "up", "down", "left", "right", "on", "off", "stop", "go")

# Validation and test draw their unknown words with this seed, so that all runs are measured on the same
# clips.
EVALUATION_SEED = 0


class SpeechCommands(EpochDataModule):
    """Speech Commands, or any folder in its layout, as batches of MFCCs (B, 1, frames, coefficients) and
    classes (B,).

    The classes are silence, unknown (other words) and the words. Clips are assigned to training, validation
    and test by the folder's validation_list.txt and testing_list.txt, without them by the archive's file-
    name hash rule. Training clips are shifted in time and mixed with noise anew in each epoch, as a
    function of (seed, epoch, clip). Silence is a clip of zeros, in training mixed with noise as often and
    as loud as words are.

    Recordings may be WAV or FLAC. Clips shorter than a second are padded with zeros; longer ones are cut,
    stereo ones averaged and other sample rates resampled to 16 kHz, with a warning that names the first
    file. Damaged or empty files, samples that aren't finite, and background noise shorter than a second are
    refused by name.

    Args:
        root: the folder of recordings; by default the environment variable REDS_DATA, else a folder in the
            user's cache. Where it is missing or empty, Speech Commands v0.02 (2.3 GB) is downloaded to it.
        words: the words to tell apart; each is a folder of recordings.
        batch_size: clips per batch.
        window_ms: length of a frame of the features.
        stride_ms: distance between the starts of two frames: 40 gives 25 frames, 20 gives 49.
        coefficients: cepstral coefficients per frame.
        silence_percentage: how many silent clips are added, in percent of the words' clips.
        unknown_percentage: how many clips of other words are added, in percent of the words' clips.
        noise_probability: share of the training clips that get background noise.
        noise_volume: the noise's gain is drawn from 0 up to this.
        time_shift_ms: training clips are shifted by up to this, either way.
        seed: fixes the order, the variations, and which unknown words are trained on; those of validation
            and test are always the same.
        test_set: a folder with one subfolder per class, `_silence_` and `_unknown_` among them (the
            archive's canonical test set has this layout): tested on instead of the root's test clips.
        cache: the folder for decoded audio and features; by default one in the user's cache.
        download: whether missing data may be downloaded.
        workers: processes that prepare batches; 0 prepares them in the training process.

    Raises:
        ValueError: a setting is out of range; the message names it and the range.
    """

    def __init__(
        self,
        *,
        root: str | None = None,
        words: Sequence[str] = TEN_WORDS,
        batch_size: int = 100,
        window_ms: int = 40,
        stride_ms: int = 40,
        coefficients: int = 10,
        silence_percentage: float = 10,
        unknown_percentage: float = 10,
        noise_probability: float = 0.8,
        noise_volume: float = 0.1,
        time_shift_ms: int = 100,
        seed: int = 0,
        test_set: str | None = None,
        cache: str | None = None,
        download: bool = True,
        workers: int = 0,
    ) -> None:
        super().__init__(batch_size, seed, workers)
        check_words(words)
        check_at_least(0, silence_percentage=silence_percentage, unknown_percentage=unknown_percentage)
        self.feature_settings = FeatureSettings(window_ms, stride_ms, coefficients)
        self.augmentation_settings = AugmentationSettings(noise_probability, noise_volume, time_shift_ms)
        self.root = Path(root or os.environ.get("REDS_DATA") or user_cache() / "speech_commands_v0.02").expanduser()
        self.words = tuple(words)
        self.silence_percentage = silence_percentage
        self.unknown_percentage = unknown_percentage
        self.test_set = None if test_set is None else Path(test_set).expanduser().resolve()
        self.cache = user_cache() / "data" if cache is None else Path(cache).expanduser()
        self.download = download

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes, by label."""
        return (SILENCE, UNKNOWN, *self.words)

    @property
    def input_shape(self) -> tuple[int, ...]:
        """Shape of one clip's features: (1, frames, coefficients)."""
        return (1, self.feature_settings.frames, self.feature_settings.coefficients)

    @property
    def settings(self) -> dict[str, Any]:
        """Arguments that fix classes, features, variations and evaluation sets: `SpeechCommands(root=…, **settings)`.

        A canonical test set is among them by its absolute path, so that what was tested on it is not tested on
        other clips later.
        """
        return {
            "words": list(self.words),
            "window_ms": self.feature_settings.window_ms,
            "stride_ms": self.feature_settings.stride_ms,
            "coefficients": self.feature_settings.coefficients,
            "silence_percentage": self.silence_percentage,
            "unknown_percentage": self.unknown_percentage,
            **asdict(self.augmentation_settings),
            "test_set": None if self.test_set is None else str(self.test_set),
        }

    def prepare_data(self) -> None:
        """Download the recordings where they are missing, and make the caches.

        Raises:
            FileNotFoundError: there are no recordings and none may be downloaded.
            DownloadError: the download failed.
            ValueError: a word has no recordings, the test set has other classes, or recordings can't be used;
                the message names them.
        """
        if self.test_set and not self.test_set.is_dir():
            raise FileNotFoundError(
                f"data.test_set: there is no folder {self.test_set}; give data.test_set=PATH, or data.test_set=null "
                "to test on the test clips of data.root"
            )
        if self.root.exists() and not self.root.is_dir():
            raise NotADirectoryError(f"data.root: {self.root} is no folder")
        if not self.root.exists() or not any(self.root.iterdir()):
            self._download()
        # before the recordings are decoded, which takes longer
        check_recordings(self.root, self.words, Listing.of(self.root).clips)
        if self.test_set:
            check_test_set(self.test_set, self.classes, Listing.of(self.test_set).clips)
        for folder in filter(None, (self.root, self.test_set)):
            open_features(open_audio(folder, self.cache), self.feature_settings)

    def _download(self) -> None:
        choices = (
            "Choose: data.root=PATH, a folder in the layout of Google Speech Commands (or REDS_DATA=PATH); "
            f"or fetch {URL} elsewhere and unpack it there; or data=synthetic, spoken by a machine."
        )
        if not self.download:
            raise FileNotFoundError(f"there are no recordings in {self.root} and data.download is off. {choices}")
        try:
            fetch_folder(URL, SHA256, self.root)
        except DownloadError as error:
            raise DownloadError(f"there are no recordings in {self.root}, and {error}. {choices}") from error

    def setup(self, stage: str | None = None) -> None:
        """Make the sets of a stage ("fit", "validate" or "test"; None: all); call `prepare_data` before.

        Only training needs training clips and background noise, and the validation set is empty where the folder
        holds no validation clips and the stage is not "fit".

        Raises:
            ValueError: there are no clips for the stage, or no background noise to train with.
        """
        needed = [name for name in SETS_OF_STAGE[stage] if name not in self._sets]
        if not needed:
            return
        audio = open_audio(self.root, self.cache)
        split = split_clips(audio.rows, read_lists(self.root))
        # A run that trains goes on to validate and test: it should not fail there, after the training.
        required: dict[str | None, tuple[Split, ...]] = {"validate": (), "test": ("test",)}
        for kind in required.get(stage, SPLITS):
            if not (self.test_set and kind == "test") and not self._label(split[kind], kind):
                raise ValueError(f"{self.root} holds no {kind} clips of the words {', '.join(self.words)}")
        for name in needed:
            self._sets[name] = self._make_set(name, audio, split)

    def _make_set(
        self, name: SetName, audio: AudioCache, clips: Mapping[Split, list[str]]
    ) -> AugmentedClips | CleanClips:
        if name == "test" and self.test_set:
            return self._canonical(self.test_set)
        split: Split = "train" if name == "calibration" else name
        examples = self._label(clips[split], split)
        rows = np.array([SILENCE_ROW if clip is None else audio.rows[clip] for clip, _ in examples], dtype=np.int64)
        labels = np.array([label for _, label in examples], dtype=np.int64)
        if name == "train":
            augmentation = Augmentation(audio, self.augmentation_settings, self.seed)
            return AugmentedClips(augmentation, self.feature_settings, rows, labels)
        return CleanClips(open_features(audio, self.feature_settings), rows, labels)

    def _label(self, clips: Iterable[str], split: Split) -> list[tuple[str | None, int]]:
        seed = self.seed if split == "train" else EVALUATION_SEED
        return label_clips(clips, self.words, self.silence_percentage, self.unknown_percentage, seed)

    def _canonical(self, folder: Path) -> CleanClips:
        audio = open_audio(folder, self.cache)
        check_test_set(folder, self.classes, audio.rows)
        labels = [self.classes.index(clip.partition("/")[0]) for clip in audio.rows]
        features = open_features(audio, self.feature_settings)
        return CleanClips(features, np.array([*audio.rows.values()]), np.array(labels))
