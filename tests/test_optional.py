"""What only some of the work needs is missed only by that work, and in one sentence."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from reds_torch.data.audio import read_recording
from reds_torch.data.espeak import Engine
from reds_torch.data.resampling import resampled
from reds_torch.data.vision import CIFAR10
from reds_torch.knapsack import __main__ as search
from reds_torch.knapsack import save_problem
from reds_torch.optional import MissingPackageError, needed
from tests.knapsack.instances import random_problem

ROOT = Path(__file__).parent.parent
ABSENT = ("torchvision", "espeakng_loader", "matplotlib", "PIL", "ray", "serial", "onnx", "tensorflow")
# Python runs this when it starts: packages are found neither by import nor by their metadata.
WITHOUT = f"""
import importlib.machinery, sys

class Without(importlib.machinery.PathFinder):
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        return None if name.partition(".")[0] in {ABSENT} else super().find_spec(name, path, target)

    @classmethod
    def find_distributions(cls, *context):
        return (found for found in super().find_distributions(*context) if found.name not in {ABSENT})

sys.meta_path[sys.meta_path.index(importlib.machinery.PathFinder)] = Without
"""
# as of a library that was built for another torch
BROKEN = 'raise OSError("libbroken.so: undefined symbol\\nand what else the loader says")'


@pytest.fixture
def missing(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] == request.param]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, request.param, None)


@pytest.fixture
def broken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Make torchaudio a package whose import fails."""
    for name in [name for name in sys.modules if name.partition(".")[0] == "torchaudio"]:
        monkeypatch.delitem(sys.modules, name)
    (tmp_path / "torchaudio").mkdir()
    (tmp_path / "torchaudio" / "__init__.py").write_text(BROKEN)
    monkeypatch.syspath_prepend(tmp_path)
    return "torchaudio"


def one_sentence(error: pytest.ExceptionInfo[MissingPackageError]) -> str:
    text = str(error.value)
    assert "\n" not in text
    return text


def test_what_is_there_is_imported() -> None:
    assert needed("json.decoder", "this test", "").JSONDecoder().decode("[1]") == [1]


def test_a_package_that_misses_another_is_not_called_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "halfway.py").write_text("import surely_absent")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(MissingPackageError, match=r"halfway, which does not load \(No module named 'surely_absent'\)"):
        needed("halfway", "this test", "repair it")


@pytest.mark.parametrize("missing", ["torchaudio"], indirect=True)
def test_resampling_says_which_torchaudio_to_install(missing: None) -> None:
    with pytest.raises(MissingPackageError) as error:
        resampled(np.zeros(100, np.float32), 44_100, 16_000)
    assert one_sentence(error).startswith(
        "resampling from 44100 Hz to 16000 Hz needs torchaudio, which is not installed"
    )
    assert "pip install 'torchaudio" in str(error.value)


def test_resampling_says_why_torchaudio_does_not_load(broken: str) -> None:
    with pytest.raises(MissingPackageError) as error:
        resampled(np.zeros(100, np.float32), 44_100, 16_000)
    assert "torchaudio, which does not load (libbroken.so: undefined symbol): pip install" in one_sentence(error)


def test_recordings_at_16_khz_need_no_torchaudio(broken: str, tones: Path) -> None:
    assert read_recording(next((tones / "yes").iterdir())).samples.size == 16_000


@pytest.mark.parametrize("missing", ["espeakng_loader"], indirect=True)
def test_synthetic_speech_says_what_to_install(missing: None) -> None:
    with pytest.raises(MissingPackageError, match=r"pip install 'reds-torch\[synthetic\]'") as error:
        Engine()
    one_sentence(error)


@pytest.mark.parametrize("missing", ["torchvision"], indirect=True)
def test_images_say_what_to_install(missing: None, tmp_path: Path) -> None:
    with pytest.raises(MissingPackageError, match=r"reds-torch\[images\]") as error:
        CIFAR10(root=str(tmp_path)).prepare_data()
    one_sentence(error)


@pytest.mark.parametrize("missing", ["matplotlib"], indirect=True)
def test_a_search_without_plots_leaves_its_result(
    missing: None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    save_problem(random_problem(0, "chain", groups=3, peak=False), tmp_path / "problem.npz")
    arguments = [str(tmp_path / "problem.npz"), "--budget", "macs=0.5", "--out", str(tmp_path / "out")]
    assert search.main(arguments) == 0
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["subnetworks.json"]
    assert "drawing plots needs matplotlib, which is not installed: pip install matplotlib" in capsys.readouterr().out


@pytest.fixture
def poor(tmp_path: Path) -> dict[str, str]:
    """An environment in which torchaudio is broken, and all else that is optional absent."""
    (tmp_path / "torchaudio").mkdir()
    (tmp_path / "torchaudio" / "__init__.py").write_text(BROKEN)
    (tmp_path / "sitecustomize.py").write_text(WITHOUT)
    return {**os.environ, "PYTHONPATH": os.pathsep.join((str(tmp_path), str(ROOT)))}


def run(arguments: Sequence[str], environment: dict[str, str]) -> str:
    """What Python prints."""
    command = [sys.executable, *arguments]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_poor_environment_is_poor(poor: dict[str, str]) -> None:
    code = f"from importlib.util import find_spec; print([name for name in {ABSENT} if find_spec(name)])"
    assert run(["-c", code], poor) == "[]\n"


def test_the_package_is_imported_without_what_is_optional(poor: dict[str, str]) -> None:
    run(["-c", "import reds_torch; [getattr(reds_torch, name) for name in reds_torch.__all__]"], poor)


def test_the_command_starts_without_what_is_optional(poor: dict[str, str]) -> None:
    assert "usage" in run(["-m", "reds_torch.train", "--help"], poor)


@pytest.mark.slow
def test_speech_is_learned_without_what_is_optional(tones: Path, tmp_path: Path, poor: dict[str, str]) -> None:
    settings = [
        "recipe=kws_dnn",
        f"data.root={tones}",
        "data.words=[yes,no]",
        "data.batch_size=10",
        f"data.cache={tmp_path / 'cache'}",
        f"run_dir={tmp_path / 'run'}",
        "pretrain.max_epochs=1",
        "trainer.max_epochs=1",
        "trainer.accelerator=cpu",
        "search.budgets=[0.5]",
    ]
    run(["-m", "reds_torch.train", *settings], poor)
    run(["-m", "reds_torch.report", str(tmp_path / "run")], poor)
