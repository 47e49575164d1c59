"""Makes a synthetic data set: once, completely, by one process at a time."""

import fcntl
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

from . import speech_folder, voices
from .speech_settings import SpeechSettings

MANIFEST = "synthetic.json"


def synthesise(root: str | os.PathLike[str], settings: SpeechSettings) -> Path:
    """Make the data set in folder `root` unless it is there already; returns the folder's absolute path.

    The folder appears when it is complete. An interrupted call is continued by the next with equal settings.

    Raises:
        FileExistsError: `root` holds something else, or synthetic speech with other settings.
        OSError: the disk is full.
        ValueError: a word can't be spoken within a clip.
    """
    root = Path(root).expanduser().resolve()
    if _is_complete(root, settings):
        return root
    root.parent.mkdir(parents=True, exist_ok=True)
    with _locked(root.with_name(f".{root.name}.synthetic-lock")):
        # Another process may have finished while this one waited.
        if not _is_complete(root, settings):
            _make(root, settings)
    return root


def _is_complete(root: Path, settings: SpeechSettings) -> bool:
    """True: the data is all there. False: nothing is. Anything else raises FileExistsError."""
    if not root.exists() or (root.is_dir() and not any(root.iterdir())):
        return False
    try:
        found = dict(json.loads((root / MANIFEST).read_text())["settings"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise FileExistsError(
            f"{root} holds something else than synthetic speech: choose a new or an empty folder"
        ) from error
    for name, value in settings.as_json().items():
        if found.get(name) != value:
            raise FileExistsError(
                f"{root} holds synthetic speech with {name} = {found.get(name)}, not {value}: "
                "choose another folder, or delete this one"
            )
    return True


def _make(root: Path, settings: SpeechSettings) -> None:
    partial = root.with_name(f".{root.name}.synthetic-partial")
    marker = partial / MANIFEST
    speakers = [asdict(voices.speaker(settings.seed, index)) for index in range(settings.speakers)]
    text = json.dumps({"settings": settings.as_json(), "speakers": speakers}, indent=1)
    if partial.exists() and not (marker.is_file() and marker.read_text() == text):
        shutil.rmtree(partial)  # left by an interrupted call with other settings
    if not partial.exists():
        speech_folder.check_words(settings)
        _check_space(root.parent, settings)
        partial.mkdir()
        marker.write_text(text)
    speech_folder.fill(partial, settings)
    if root.exists():
        root.rmdir()  # it is empty
    partial.replace(root)


def _check_space(folder: Path, settings: SpeechSettings) -> None:
    free = shutil.disk_usage(folder).free / 1e6
    if free < settings.megabytes:
        raise OSError(
            f"{folder} has {free:.0f} MB left, the speech needs {settings.megabytes:.0f} MB: "
            "make room or choose another folder"
        )


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """One process at a time; a process that is killed lets go."""
    while True:
        with path.open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            try:
                current = os.path.samestat(os.fstat(file.fileno()), path.stat())
            except FileNotFoundError:
                current = False
            if not current:  # its last holder removed the file while we waited: this lock protects nothing
                continue
            try:
                yield
            finally:
                path.unlink()
            return
