"""The command: a stored problem in, a table, subnetworks.json and two pictures out."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

import reds_torch as reds
from reds_torch.commands import search as command
from reds_torch.commands.search import main
from reds_torch.knapsack import save_problem, solve
from reds_torch.models import dnn
from tests.knapsack.instances import random_problem

EXAMPLE = torch.zeros(1, 1, 25, 10)


@pytest.mark.parametrize("strategy", ["bottom_up", "independent"])
def test_results_are_those_of_solve(tmp_path: Path, capsys: pytest.CaptureFixture[str], strategy: str) -> None:
    problem = random_problem(1, "chain", peak=True)
    save_problem(problem, tmp_path / "p.npz")
    arguments = ["--budget", "macs=0.8,0.6", "--limit", "peak_memory=0.9", "--strategy", strategy]
    assert main([str(tmp_path / "p.npz"), *arguments, "--out", str(tmp_path / "out")]) == 0
    found = json.loads((tmp_path / "out" / "subnetworks.json").read_text())
    expected = solve(problem, {"macs": [0.8, 0.6]}, {"peak_memory": 0.9}, strategy=strategy)
    assert [entry["widths"] for entry in found["subnetworks"]] == [s.widths for s in expected.subnetworks]
    assert found["subnetworks"][1]["shares"]["macs"] <= 0.8
    assert found["independent_bounds"] == list(expected.independent_bounds)
    for name in ("widths.png", "value.png"):
        assert (tmp_path / "out" / name).read_bytes().startswith(b"\x89PNG")
    printed = capsys.readouterr().out
    assert "optimal" in printed
    assert "subnetworks.json" in printed


def test_integers_are_absolute_and_restrictions_hold(tmp_path: Path) -> None:
    problem = random_problem(1, "chain")
    save_problem(problem, tmp_path / "p.json")
    budget = int(0.9 * problem.costs(problem.full_widths)["macs"])
    arguments = ["--budget", f"macs={budget}", "--full", "g2", "--minimum", "g0=2"]
    assert main([str(tmp_path / "p.json"), *arguments, "--out", str(tmp_path)]) == 0
    (_, entry) = json.loads((tmp_path / "subnetworks.json").read_text())["subnetworks"]
    assert entry["budgets"] == {"macs": budget}
    assert entry["widths"]["g2"] == problem.full_widths["g2"]
    assert entry["widths"]["g0"] >= 2


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["absent.npz", "--budget", "macs=0.5"], "no file absent.npz"),
        (["{path}", "--budget", "flops=0.5"], "no such cost"),
        (["{path}", "--budget", "macs=1"], "smallest feasible value"),
        (["{path}", "--budget", "macs=0.5", "--full", "z"], "no group 'z'"),
        (["{path}", "--budget", "macs=0.5", "--budget", "macs=0.25"], "--budget is given more than once for 'macs'"),
        (["{path}", "--budget", "macs=0.5", "--limit", "macs=9", "--limit", "macs=8"], "--limit is given more than"),
        (["{path}", "--budget", "macs=0.5", "--minimum", "g0=1", "--minimum", "g0=2"], "--minimum is given more than"),
        (["{path}", "--budget", "macs=0.5", "--limit", "macs=9,8"], "give one number, not 2"),
        (["{path}", "--budget", "macs=0.5", "--multiple-of", "0"], "from 1; got multiple_of 0"),
        (["{checkpoint}", "--budget", "joules=0.5"], "no cost 'joules'"),
        (["absent.ckpt", "--budget", "macs=0.5"], "no checkpoint"),
    ],
)
def test_errors_are_one_sentence_and_leave_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], words: str
) -> None:
    save_problem(random_problem(1, "chain"), tmp_path / "p.npz")
    if "{checkpoint}" in arguments:
        reds.save(reds.nest(dnn("s"), EXAMPLE), tmp_path / "net.ckpt")
    names = {"path": tmp_path / "p.npz", "checkpoint": tmp_path / "net.ckpt"}
    filled = [argument.format(**names) for argument in arguments]
    assert main([*filled, "--out", str(tmp_path / "out")]) == 2
    error = capsys.readouterr().err
    assert words in error
    assert error.count("\n") == 1
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("place", ["file", "file/below", "locked/below"])
def test_a_folder_that_cannot_be_is_refused_before_the_search(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    (tmp_path / "file").write_text("mine")
    (tmp_path / "locked").mkdir()
    monkeypatch.setattr(command.os, "access", lambda path, _: Path(path).name != "locked")
    monkeypatch.setattr(command, "_problem", lambda *_: pytest.fail("the search has begun"))
    assert main(["p.npz", "--budget", "macs=0.5", "--out", str(tmp_path / place)]) == 2
    error = capsys.readouterr().err
    assert ("is a file" if place.startswith("file") else "no permission") in error
    assert error.count("\n") == 1
    assert (tmp_path / "file").read_text() == "mine"


def test_results_that_cannot_be_written_are_one_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    save_problem(random_problem(1, "chain"), tmp_path / "p.npz")
    (tmp_path / "widths.png" / "taken").mkdir(parents=True)
    assert main([str(tmp_path / "p.npz"), "--budget", "macs=0.8", "--out", str(tmp_path)]) == 2
    error = capsys.readouterr().err
    assert "widths.png" in error
    assert error.count("\n") == 1


@pytest.mark.parametrize("searched", [False, True])
def test_a_checkpoint_is_searched_by_l1_in_order(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], searched: bool
) -> None:
    net = reds.nest(dnn("s"), EXAMPLE)
    if searched:  # in the order of other scores, which must stay
        scores = reds.score(net, [(torch.randn(4, 1, 25, 10), torch.tensor([0, 1, 2, 3]))])
        net.subnetworks = reds.search(net, reds.order(net, scores), {"macs": [0.5]}).subnetworks
    reds.save(net, tmp_path / "net.ckpt")
    before = (tmp_path / "net.ckpt").read_bytes()
    arguments = [str(tmp_path / "net.ckpt"), "--budget", "latency=0.5", "--out", str(tmp_path / "out")]
    assert main(arguments) == 0
    scores = reds.score(net, criterion="l1")
    expected = reds.search(net, scores if searched else reds.order(net, scores), {"latency": [0.5]})
    found = json.loads((tmp_path / "out" / "subnetworks.json").read_text())["subnetworks"]
    assert [entry["widths"] for entry in found] == [s.widths for s in expected.subnetworks]
    assert found[1]["shares"]["latency"] <= 0.5
    assert (tmp_path / "net.ckpt").read_bytes() == before
    printed = " ".join(capsys.readouterr().out.split())
    assert "score: l1" in printed
    assert ("order of the checkpoint" if searched else "put in order") in printed
