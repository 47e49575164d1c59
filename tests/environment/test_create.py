"""What goes into an environment, and which interpreter is taken."""

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
sys.path.insert(0, str(ROOT / "environment"))

import create  # noqa: E402

PROJECT = {
    "project": {
        "name": "toy",
        "dependencies": ["core-a", "core-b>=2"],
        "optional-dependencies": {"x": ["needs-x"], "y": ["needs-y", "core-a"], "all": ["toy[x,y]"]},
    },
    "dependency-groups": {"inner": ["tool"], "outer": ["checker", {"include-group": "inner"}]},
}


def fake(folder: Path, name: str, text: str) -> None:
    """An executable."""
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(f"#!/bin/sh\n{text}\n")
    (folder / name).chmod(0o755)


def chosen(tmp_path: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run the script with an empty folder of tools before the system's, and an interpreter that only says its name."""
    (tmp_path / "environment").mkdir(exist_ok=True)
    script = tmp_path / "environment" / "python"
    script.write_text((ROOT / "environment" / "python").read_text())
    script.chmod(0o755)
    path = f"{tmp_path / 'bin'}:{tmp_path / 'system'}"
    (tmp_path / "system").mkdir(exist_ok=True)
    for tool in ("sh", "dirname", "pwd"):
        (tmp_path / "system" / tool).unlink(missing_ok=True)
        (tmp_path / "system" / tool).symlink_to(f"/bin/{tool}" if tool != "dirname" else "/usr/bin/dirname")
    return subprocess.run(
        [script, "part"], env={"PATH": path, **variables}, capture_output=True, text=True, check=False
    )


RUNS = 'case "$1" in -c) exit 0;; esac; echo "$0" "$@"'
BROKEN_SHIM = 'echo "pyenv: command not found" >&2; exit 127'


def test_the_newest_that_runs_is_taken(tmp_path):
    fake(tmp_path / "bin", "python3.11", RUNS)
    fake(tmp_path / "bin", "python3.12", RUNS)
    fake(tmp_path / "bin", "python3.13", BROKEN_SHIM)
    done = chosen(tmp_path)
    assert done.stdout.split() == [
        str(tmp_path / "bin" / "python3.12"),
        str(tmp_path / "environment" / "create.py"),
        "part",
    ]


def test_versions_of_pyenv_are_seen_unless_its_user_chose_one(tmp_path):
    fake(tmp_path / "bin", "python3.11", RUNS)
    versions = tmp_path / "pyenv" / "versions" / "3.13.0"
    versions.mkdir(parents=True)
    fake(versions / "bin", "python", RUNS)
    assert str(versions / "bin" / "python") in chosen(tmp_path, PYENV_ROOT=str(tmp_path / "pyenv")).stdout
    done = chosen(tmp_path, PYENV_ROOT=str(tmp_path / "pyenv"), PYENV_VERSION="3.11.7")
    assert str(tmp_path / "bin" / "python3.11") in done.stdout


def test_one_that_is_named_is_taken_or_refused(tmp_path):
    fake(tmp_path / "bin", "python3.13", RUNS)
    fake(tmp_path / "bin", "mine", RUNS)
    fake(tmp_path / "bin", "old", "exit 1")
    assert str(tmp_path / "bin" / "mine") in chosen(tmp_path, PYTHON="mine").stdout
    refused = chosen(tmp_path, PYTHON="old")
    assert refused.returncode == 1 and refused.stderr.startswith("error: PYTHON=old is no Python 3.11 or newer")


def test_none_is_one_sentence(tmp_path):
    (tmp_path / "bin").mkdir()
    done = chosen(tmp_path)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1)
    assert "apt-get install python3 python3-venv" in done.stderr


def test_parts_are_taken_apart():
    contents = create.contents_of(PROJECT, ["core", "all", "outer"])
    assert contents.required == ("core-a", "core-b>=2", "needs-x", "needs-y", "checker", "tool")
    assert set(contents.parts) == {"core", "x", "y", "outer", "inner"}


def test_an_unknown_part_names_those_there_are():
    with pytest.raises(create.CreationError, match=r"no part 'z'.*core, x, y, all, inner, outer"):
        create.contents_of(PROJECT, ["core", "z"])


def test_parts_of_the_makefile_are_known():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    makefile = re.sub(r"^#.*$", "", (ROOT / "Makefile").read_text(), flags=re.M)
    calls = re.findall(r"\$\(call python,([\w -]+?)\)", makefile) + re.findall(
        r"^test-\w+: END := (.*)$", makefile, re.M
    )
    calls += re.findall(r"^(?:TESTS +:=|PARTS +\?=) (.*)$", makefile, re.M)
    assert len(calls) > 8
    for call in calls:
        create.contents_of(project, [part for part in call.split() if not part.startswith("--")])


def test_an_installed_torch_decides_about_its_companions(monkeypatch):
    lock = create.constraints({"torch": "2.13.0+cpu"}).splitlines()
    assert "torch==2.13.0+cpu" in lock
    assert not [line for line in lock if line.startswith(("torchvision==", "torchaudio==", "nvidia-", "triton=="))]
    assert [line for line in lock if line.startswith("torch-pruning==")]
    assert [line for line in lock if line.startswith("numpy==")]
    assert create.left_to_installed("torch>=2.12") and create.left_to_installed("torchaudio>=2.11.1")
    assert not create.left_to_installed("torchmetrics") and not create.left_to_installed("torch-pruning>=1.5")


@pytest.mark.parametrize(
    ("installed", "taken"),
    [({"torch": "2.13.0+cpu"}, {"torch": "2.13.0+cpu"}), ({"torch": "1.9.0"}, {}), ({"torchaudio": "2.11.1"}, {})],
)
def test_an_installed_torch_is_new_enough(installed, taken, monkeypatch):
    def version(name: str) -> str:
        if name not in installed:
            raise create.metadata.PackageNotFoundError(name)
        return installed[name]

    monkeypatch.setattr(create.metadata, "version", version)
    assert create.installed_torch() == taken


def test_it_says_how_much_is_downloaded(capsys):
    line = re.search(r"core (\d+), torch_with_cuda (\d+)", create.LOCK.read_text())
    assert line
    create.announce(Path("env"), ["core"], "pip", torch=None, backend=None)
    assert f"at most {sum(map(int, line.groups())) / 1000:.1f} GB, most of it CUDA" in capsys.readouterr().err
    create.announce(Path("env"), ["core"], "pip", torch="2.13.0+cpu", backend=None)
    assert f"at most {line[1]} MB, with the torch 2.13.0+cpu" in capsys.readouterr().err


def test_it_is_made_once_and_waits_for_nobody_afterwards(tmp_path):
    """A folder with its stamp is complete: only its path is printed."""
    (tmp_path / "env").mkdir()
    (tmp_path / "env" / ".ready").touch()
    command = [sys.executable, ROOT / "environment" / "create.py", "--folder", tmp_path / "env", "synthetic"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env={**os.environ, "PATH": ""})
    assert (done.stdout, done.stderr) == (f"{tmp_path / 'env' / 'bin' / 'python'}\n", "")
