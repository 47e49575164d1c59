"""From a checkpoint to a board: each step, and what is said where one can't be taken. Commands are noted, not run."""

import importlib.util
import os
from collections.abc import Sequence
from pathlib import Path

import pytest

from firmware import flash


class Commands:
    """Notes commands in the place of running them; the bridge leaves what it leaves."""

    def __init__(self, status: int = 0) -> None:
        self.status = status
        self.noted: list[list[str]] = []

    def __call__(self, command: Sequence[str]) -> int:
        self.noted.append(list(command))
        if "bridge" in command and not self.status:
            folder = Path(command[command.index("--out") + 1]) / "firmware"
            folder.mkdir(parents=True)
            (folder / "reds_generated_model.c").write_text("")
        return self.status


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    path = tmp_path / "nested.ckpt"
    path.write_bytes(b"weights")
    return path


def test_boards_are_the_environments_of_the_project() -> None:
    assert {"nano33ble", "rpipico", "nucleo_f446re"} <= set(flash.boards())


def test_an_unknown_board_is_refused_before_any_work(capsys: pytest.CaptureFixture[str]) -> None:
    assert flash.main(["toaster"]) == 2
    assert "there is no board 'toaster'; there are: nano33ble" in capsys.readouterr().err


def test_the_newest_network_is_taken(tmp_path: Path) -> None:
    for age, name in enumerate(("new", "older", "oldest")):
        path = tmp_path / name / "latest" / "nested.ckpt"
        path.parent.mkdir(parents=True)
        path.write_bytes(b"")
        os.utime(path, (1e9 - age, 1e9 - age))
    assert flash.latest_checkpoint(tmp_path).parent.parent.name == "new"


def test_nothing_was_trained(tmp_path: Path) -> None:
    with pytest.raises(flash.FlashError, match=r"no trained network.*make demo"):
        flash.latest_checkpoint(tmp_path)


def test_conversion_happens_once_for_a_checkpoint(tmp_path: Path, checkpoint: Path) -> None:
    run, folder = Commands(), tmp_path / "build" / "flash"
    flash.convert(checkpoint, folder, run)
    flash.convert(checkpoint, folder, run)
    assert len(run.noted) == 1
    assert run.noted[0][1:] == ["-m", "bridge", str(checkpoint), "--out", str(folder)]
    checkpoint.write_bytes(b"other weights")
    flash.convert(checkpoint, folder, run)
    flash.convert(checkpoint, folder, run, ["data.root=speech"])
    assert len(run.noted) == 3
    assert run.noted[2][-1] == "data.root=speech"


def test_a_failed_conversion_is_not_taken_for_done(tmp_path: Path, checkpoint: Path) -> None:
    with pytest.raises(flash.FlashError, match="bridge could not convert"):
        flash.convert(checkpoint, tmp_path / "flash", Commands(status=2))
    run = Commands()
    flash.convert(checkpoint, tmp_path / "flash", run)
    assert len(run.noted) == 1
    with pytest.raises(flash.FlashError, match="there is no checkpoint"):
        flash.convert(tmp_path / "none.ckpt", tmp_path / "flash", run)


def test_build_and_upload_name_board_and_port() -> None:
    run = Commands()
    flash.build("nano33ble", run)
    flash.upload("nano33ble", "/dev/ttyACM0", run)
    assert run.noted[0][-2:] == ["--environment", "nano33ble"]
    assert run.noted[1][-6:] == ["--environment", "nano33ble", "--target", "upload", "--upload-port", "/dev/ttyACM0"]
    with pytest.raises(flash.FlashError, match=r"could not build .* nano33ble: see above .*network once"):
        flash.build("nano33ble", Commands(status=1))
    with pytest.raises(flash.FlashError, match="could not upload to COM3"):
        flash.upload("nano33ble", "COM3", Commands(status=1))


def test_without_platformio(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(flash.FlashError, match="pip install platformio"):
        flash.build("nano33ble", Commands())


@pytest.mark.parametrize(
    ("vendors", "expected"), [([None, 0x2341], "port1"), ([None], "connect it by USB"), ([1, 2], "port0, port1; give")]
)
def test_the_board_on_usb_is_found(monkeypatch: pytest.MonkeyPatch, vendors: list[int | None], expected: str) -> None:
    list_ports = pytest.importorskip("serial.tools.list_ports")
    ports = [type("Port", (), {"device": f"port{i}", "vid": vendor}) for i, vendor in enumerate(vendors)]
    monkeypatch.setattr(list_ports, "comports", lambda: ports)
    if expected == "port1":
        assert flash.board_port() == expected
    else:
        with pytest.raises(flash.FlashError, match=expected):
            flash.board_port()
