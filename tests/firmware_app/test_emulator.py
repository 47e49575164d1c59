"""The whole application on a small model, on this machine and on an emulated Cortex-M4F, through its serial line."""

import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path

import pytest
from pseudo_terminal import on_a_port

from reds_torch.boards.board import Board
from reds_torch.commands import device
from reds_torch.costs.device_table import read_device

pytest.importorskip("serial", reason="pyserial is not installed")

SOURCES = Path(__file__).parents[2] / "firmware" / "src"
QEMU = (
    "qemu-system-arm -machine mps2-an386 -display none -monitor none -serial pty "
    "-semihosting-config enable=on,target=native -icount shift=6,align=off,sleep=off -kernel"
)


def make(*arguments: str) -> None:
    subprocess.run(["make", "-C", SOURCES, *arguments], check=True, capture_output=True, text=True)


@contextmanager
def in_qemu(program: Path) -> Iterator[str]:
    process = subprocess.Popen([*QEMU.split(), program], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        assert process.stdout is not None
        announced = re.search(r"redirected to (\S+)", process.stdout.readline())
        assert announced, "QEMU has no pseudo-terminal"
        yield announced[1]
    finally:
        process.kill()
        process.wait()


@pytest.fixture(scope="module", params=["host", "qemu"])
def port(request: pytest.FixtureRequest, model_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    needed = {"host": ("cc",), "qemu": ("arm-none-eabi-gcc", "qemu-system-arm")}[request.param]
    if missing := [tool for tool in needed if not shutil.which(tool)]:
        pytest.skip(f"{missing[0]} is not installed")
    folder = tmp_path_factory.mktemp(request.param)
    make(request.param, f"MODEL={model_folder}", f"BUILD={folder}", "SANITIZE=1")
    if request.param == "host":
        with on_a_port(folder / "application") as name:
            yield name
    else:
        with in_qemu(folder / "application.elf") as name:
            yield name


def test_every_subnetwork_answers_as_tensorflow_lite_micro(
    port: str, model_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    csv = tmp_path / "board.csv"
    arguments = [
        "--data",
        str(model_folder / "test_data.npz"),
        "--csv",
        str(csv),
        "--clock-mhz",
        "64",
        "--repeats",
        "1",
    ]
    assert device.main([port, *arguments]) == 0  # all outputs equal in all bits
    assert capsys.readouterr().out.count("20/20") == 4
    assert {"conv", "grouped", "linear"} <= read_device(csv).kinds.keys()


def test_layers_shrink_with_the_subnetwork(port: str) -> None:
    with Board(port) as board:
        macs = []
        for k in range(board.description.subnetworks):
            board.select(k)
            board.run()
            macs.append([layer.macs for layer in board.layers()])
    for larger, smaller in pairwise(macs):
        assert all(theirs <= ours for ours, theirs in zip(larger, smaller, strict=True))
    assert sum(macs[-1]) < sum(macs[0])
