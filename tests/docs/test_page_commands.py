"""Blocks for a shell are run by a shell, in which `python`, `make` and others only note how they were called.

Each of these calls is then made, on small data:

- commands of the package run in this process, training as one step on a batch;
- what needs hardware (a board), a second process (Ray, several devices) or hours (benchmarks) only reads its arguments,
  and so does the bridge, which converts one network for all pages;
- `make` says what it would do, and a training that it would start is started like any other;
- what is installed is left to tests/test_packaging.py.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
import torch
from pages import PAGES, ROOT, blocks, text
from tiny_data import write_image_folder

from bridge import __main__ as bridge
from reds_torch.commands import evaluate, report, search, sweep, synthetic, train
from reds_torch.models import dnn
from reds_torch.runs.recipes import parse

STUB = """#!{python} -IS
import json, sys
print(json.dumps([{name!r}, *sys.argv[1:]]), file=open({log!r}, "a"))
if {name!r} == "make" and "env" in sys.argv:
    print("python")
"""

# What calls with such an argument need beside the package itself; they are skipped where it is not installed.
NEEDS = {
    "bridge": "onnx2tf",
    "benchmarks.bridge_accuracy": "onnx2tf",
    "benchmarks.firmware": "onnx2tf",
    "benchmarks.kernels": "onnx2tf",
    "trainer.logger=tensorboard": "tensorboard",
}


def called(page: str) -> list[list[str]]:
    """What the page's blocks call, in a shell that remembers its variables from block to block."""
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder, "log")
        for name in ("python", "reds", "make", "pip", "srun", "tensorboard"):
            stub = Path(folder, name)
            stub.write_text(STUB.format(python=sys.executable, name=name, log=str(log)))
            stub.chmod(0o755)
        script = "set -eu\n" + "\n".join(blocks(page, "sh"))
        environment = {"PATH": f"{folder}:/usr/bin:/bin", "HOME": folder}
        subprocess.run(["bash", "-c", script], cwd=folder, env=environment, check=True)
        calls = [json.loads(line) for line in log.read_text().splitlines()] if log.is_file() else []
        return [[argument.replace(folder, "{here}") for argument in call] for call in calls]


CALLS = {(page, *call): call for page in PAGES for call in called(page)}


MAINS = {
    "reds_torch.evaluate": evaluate,
    "reds_torch.report": report,
    "reds_torch.knapsack": search,
    "reds_torch.data.synthetic": synthetic,
}
# what makes them quick
SMALL = {
    "reds_torch.evaluate": ["data.root=SPEECH"],
    "reds_torch.data.synthetic": ["--speakers", "5"],
}


class HasReadError(Exception):
    """A command line has been read."""


def only_read(module: str, arguments: list[str], monkeypatch) -> None:
    """Let a command read its arguments, and no more."""

    def stop(parser, *given):
        original(parser, *given)
        raise HasReadError

    original = argparse.ArgumentParser.parse_args
    monkeypatch.setattr(argparse.ArgumentParser, "parse_args", stop)
    monkeypatch.setattr(sys, "argv", [module, *arguments])
    with pytest.raises(HasReadError):
        importlib.import_module(module).main()


def run_train(arguments: list[str], monkeypatch, place: Path) -> None:
    if arguments[0].startswith("resume=") or any("devices=" in a or "num_nodes=" in a for a in arguments):
        parse(arguments)
        return
    given = {argument.partition("=")[0] for argument in arguments}
    if "data=synthetic" in arguments or "recipe=kws_demo" in arguments:
        arguments += ["data.words=[lumos,nox]", "data.unknown_words=[bird]", "data.speakers=5", "data.takes=1"]
    elif "data" not in given:
        small = {"data.root": "SPEECH", "data.words": "[yes,no]"}
        arguments += [f"{key}={value}" for key, value in small.items() if key not in given]
    run_dir = Path(tempfile.mkdtemp(dir=place)) / "run"
    assert train.main([*arguments, "trainer.fast_dev_run=true", "trainer.accelerator=cpu", f"run_dir={run_dir}"]) == 0
    assert (run_dir / "nested.ckpt").is_file()


def run_bridge(arguments: list[str], monkeypatch) -> None:
    """Up to the conversion: one, the fixture `converted`, has to do for all pages."""

    def stop(*_):
        raise HasReadError

    monkeypatch.setattr("bridge.build.build", stop)
    with pytest.raises(HasReadError):
        bridge.main([*arguments, "data.root=SPEECH"])


def run_make(arguments: list[str], monkeypatch, place: Path) -> None:
    if "env" in arguments:
        return
    # not with the settings of a make that runs the tests
    own = {key: value for key, value in os.environ.items() if key not in ("MAKEFLAGS", "MAKEOVERRIDES", "ARGS")}
    command = ["make", "--dry-run", "python=", *arguments]
    made = subprocess.run(command, cwd=place, env=own, capture_output=True, text=True, check=True)
    assert made.stdout
    for line in made.stdout.splitlines():
        if line.strip().startswith("$PY -m reds_torch.train"):
            run_python(shlex.split(line)[1:], monkeypatch, place)


def run_reds(arguments: list[str], monkeypatch, place: Path) -> None:
    command, *rest = arguments
    door = {"search": "knapsack", "synthetic": "data.synthetic"}.get(command, command)
    run_python(["-m", "bridge" if command == "bridge" else f"reds_torch.{door}", *rest], monkeypatch, place)


def run_python(arguments: list[str], monkeypatch, place: Path) -> None:
    assert arguments[0] == "-m"
    module, *arguments = arguments[1:]
    if module == "reds_torch.train":
        run_train(arguments, monkeypatch, place)
    elif module == "reds_torch.sweep":
        sweep.check(sweep.read(arguments))
    elif module == "benchmarks.search_trained":
        parse(arguments[1:])
    elif module == "bridge":
        run_bridge(arguments, monkeypatch)
    elif module in MAINS:
        assert MAINS[module].main([*arguments, *SMALL.get(module, ())]) == 0
    else:
        only_read(module, arguments, monkeypatch)


@pytest.fixture(scope="module")
def place(whole_run, tones, tmp_path_factory):
    """Where commands are given: the project's folders, data under the pages' names for them, and finished runs."""
    folder = tmp_path_factory.mktemp("place")
    for name in ("Makefile", "pyproject.toml", "firmware", "recipes"):
        (folder / name).symlink_to(ROOT / name)
    for name in ("SPEECH", "PATH"):
        (folder / name).symlink_to(tones)
    write_image_folder(folder / "IMAGES", {"ants": 20, "bees": 20, "flies": 20})
    for name in ("runs/kws_demo/latest", "runs/kws_dnn/latest", "runs/kws_ds_cnn/latest", "RUN", "RUN_SEED_0"):
        shutil.copytree(whole_run, folder / name)
        shutil.copy(folder / name / "nested.ckpt", folder / name / "quantized.ckpt")  # as if it had been that, too
    for seed in (1, 2):
        shutil.copytree(whole_run, folder / f"RUN_SEED_{seed}")
        settings = folder / f"RUN_SEED_{seed}" / "config.yaml"
        settings.write_text(settings.read_text().replace("seed_everything: 0", f"seed_everything: {seed}"))
    for name in ("my_board.csv", "my_laptop.csv"):
        shutil.copy(ROOT / "reds_torch/costs/devices/cortex_m4.csv", folder / name)
    shutil.copy(whole_run / "problem.npz", folder)
    torch.save(dnn(size="s", classes=4).state_dict(), folder / "WEIGHTS.pt")
    return folder


@pytest.fixture(scope="module")
def converted(place):
    """What the bridge makes of the run, under the names that later commands read it from."""
    pytest.importorskip(NEEDS["bridge"])
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(place)
        given = ["runs/kws_ds_cnn/latest/nested.ckpt", "--out", "build/kws_ds_cnn", "data.root=SPEECH"]
        assert bridge.main([*given, "--calibration-samples", "8"]) == 0
    for name in ("kws_demo", "kws_dnn", "kws_cnn"):
        shutil.copytree(place / "build/kws_ds_cnn", place / "build" / name)


@pytest.mark.slow
@pytest.mark.parametrize("call", CALLS.values(), ids=[f"{page}: {' '.join(call)[:60]}" for page, *call in CALLS])
def test_commands(call, place, monkeypatch, request):
    monkeypatch.chdir(place)
    monkeypatch.setenv("XDG_CACHE_HOME", str(place / "cache"))
    monkeypatch.setattr(sys, "path", [*sys.path, str(place)])
    name, *arguments = (argument.replace("{here}", str(place)) for argument in call)
    if name == "srun":
        name, *arguments = arguments
    for argument, needed in NEEDS.items():
        if argument in arguments:
            pytest.importorskip(needed)
    if any("build/" in argument for argument in arguments):
        request.getfixturevalue("converted")
    for page in PAGES:  # a module that a page asks its reader to save
        for code, file in re.findall(r"```python\n((?:(?!```).)*?)```\n\nsaved as `(\w+\.py)`", text(page), re.S):
            (place / file).write_text(code)
    if name == "python":
        run_python(arguments, monkeypatch, place)
    elif name == "reds":
        run_reds(arguments, monkeypatch, place)
    elif name == "make":
        run_make(arguments, monkeypatch, place)
    else:
        assert name in ("pip", "tensorboard")
