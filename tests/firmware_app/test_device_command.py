"""The companion against the application at the far end of a pseudo-terminal."""

import builtins
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from pseudo_terminal import on_a_port

from reds_torch.boards.board import Board, BoardError
from reds_torch.commands import device
from reds_torch.costs.device_table import read_device

pytest.importorskip("serial", reason="pyserial is not installed")


@pytest.fixture
def port(fake: Path) -> Iterator[str]:
    with on_a_port(fake) as name:
        yield name


def test_board_describes_itself(port: str) -> None:
    with Board(port) as board:
        assert (board.description.subnetworks, board.description.classes, board.description.inputs) == (3, 4, 6)
        assert board.description.macs == (4000, 3000, 1000)
        assert board.description.peak_memory == (900, 800, 700)


def test_a_second_companion_takes_over(port: str) -> None:
    with Board(port) as first:
        first.select(2)
    with Board(port) as second:
        assert second.run().microseconds == 1000


def test_select_run_layers_classify(port: str) -> None:
    with Board(port) as board:
        assert board.select_for(2500) == 1
        board.select(2)
        run = board.run()
        assert (run.inferences, run.matches, run.correct, run.microseconds) == (2, 1, 1, 1000.0)
        assert [(layer.kind, layer.macs) for layer in board.layers()] == [("CONV_2D", 600), ("FULLY_CONNECTED", 400)]
        answer = board.classify(np.array([5, -7, 100, 0, 0, 0], dtype=np.int8))
        assert answer.label == 2
        assert answer.outputs.tolist() == [3, -9, 98, -2]
        with pytest.raises(ValueError, match="takes 6 int8 values; got 5"):
            board.classify(np.zeros(5, dtype=np.int8))
        with pytest.raises(BoardError, match="says: there is no subnetwork"):
            board.select(3)


def test_csv_is_a_device_table(port: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    csv = tmp_path / "fake.csv"
    # one expected output of the pretended model is wrong, which the exit status says
    assert device.main([port, "--csv", str(csv), "--clock-mhz", "64", "--repeats", "2"]) == 1
    table = read_device(csv)
    assert table.clock_mhz == 64
    # all layers of a kind take the same time, whatever their MACs
    assert table.kinds["conv"].per_mac == 0
    assert 40 * table.kinds["conv"].per_output + table.kinds["conv"].per_layer == pytest.approx(10 * 64)
    assert "2/4" in capsys.readouterr().out


def samples(path: Path, inputs: int = 6, subnetworks: int = 3) -> Path:
    rng = np.random.default_rng(0)
    features = rng.integers(-100, 100, (5, 1, inputs, 1), dtype=np.int8)
    outputs = np.stack([features[:, 0, :4, 0] - k for k in range(subnetworks)]).astype(np.int8)
    labels = outputs[0].argmax(axis=1)
    np.savez(path, inputs=features, labels=labels, outputs=outputs)
    return path


def test_sent_samples_are_compared_bit_for_bit(port: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = samples(tmp_path / "test_data.npz")
    device.main([port, "--data", str(path), "--repeats", "1"])
    assert capsys.readouterr().out.count("5/5") == 3


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["--csv", "table.csv"], "does not say how fast its clock is"),
        (["--csv", "missing/table.csv", "--clock-mhz", "64"], "there is no folder missing"),
        (["--data", "missing.npz"], "missing.npz"),
        (["--data", "text.npz"], "text.npz is not a test_data.npz"),
        (["--data", "other.npz"], "3 subnetworks, 4 classes and 7 inputs, the one on the board has"),
    ],
)
def test_what_cannot_be_is_one_sentence(
    port: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    reason: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "text.npz").write_text("no archive")
    samples(tmp_path / "other.npz", inputs=7)
    assert device.main([port, *arguments]) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ") and reason in error and error.count("\n") == 1
    assert not list(tmp_path.glob("*.csv"))


def failure(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert device.main(arguments) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ") and error.count("\n") == 1
    return error


def test_no_such_port(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    error = failure(capsys, str(tmp_path / "tty"))
    assert "can't be opened" in error and "ports" in error


def test_nobody_answers(capsys: pytest.CaptureFixture[str]) -> None:
    with on_a_port("sleep", "60") as port:
        assert "nothing on" in failure(capsys, port, "--timeout", "0.3")


def test_somebody_else_answers(capsys: pytest.CaptureFixture[str]) -> None:
    with on_a_port("sh", "-c", "while true; do echo Ready to print; sleep 0.05; done") as port:
        assert "not the firmware of reds-torch: it says 'Ready to print'" in failure(capsys, port, "--timeout", "0.3")


def test_another_version_answers(capsys: pytest.CaptureFixture[str]) -> None:
    greeting = "reds-torch firmware=9 subnetworks=1\\ncolumns\\nok subnetwork=0"
    with on_a_port("sh", "-c", f"read a; read b; printf '{greeting}\\n'; sleep 60") as port:
        assert "version 9, this program version 1" in failure(capsys, port)


def test_a_garbled_line(capsys: pytest.CaptureFixture[str]) -> None:
    greeting = "reds-torch firmware=1 subnetworks=one\\ncolumns\\nok subnetwork=0"
    with on_a_port("sh", "-c", f"read a; read b; printf '{greeting}\\n'; sleep 60") as port:
        assert "garbled" in failure(capsys, port)


def test_a_broken_model_is_reported(build_fake: Callable[..., Path], capsys: pytest.CaptureFixture[str]) -> None:
    with on_a_port(build_fake('-DFAILURE="the model is broken"')) as port:
        assert "says: the model is broken" in failure(capsys, port)


def test_without_pyserial(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    imported = builtins.__import__

    def without(name: str, *arguments: object, **keywords: object) -> object:
        if name == "serial":
            raise ImportError(name)
        return imported(name, *arguments, **keywords)

    monkeypatch.delitem(sys.modules, "serial", raising=False)
    monkeypatch.setattr(builtins, "__import__", without)
    assert "pip install 'reds-torch[device]'" in failure(capsys, "/dev/null")
