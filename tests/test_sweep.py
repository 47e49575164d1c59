"""Many runs: which ones, what is kept of them, and that one bad run leaves the others alone."""

import json
import os
import re
import sys
from pathlib import Path

import pytest

from reds_torch.commands import sweep
from reds_torch.runs.cluster import Cluster
from reds_torch.runs.experiments import Experiment, Outcome, ResultsFile, all_experiments, execute, log_of


class HereAndNow:
    """Stands in for a cluster: calls the function, one argument after the other."""

    def __init__(self, *_):
        pass

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def calls(self, function, arguments):
        for key, given in arguments.items():
            yield key, function(*given)


def subnetworks(accuracies):
    return {
        "subnetworks": [
            {"shares": {"macs": 1 / (k + 1)}, "accuracy": {"val": a, "test": a}} for k, a in enumerate(accuracies)
        ],
        "pretrained": {"val": 0.5, "test": 0.5},
        "baselines": {"alone": {str(k): {"test": a - 0.1} for k, a in enumerate(accuracies)}},
        "confusions": [[[1]]],
    }


@pytest.fixture
def trained(monkeypatch, tmp_path):
    """Replaces training: seed 1 fails while the file "broken" is there. Returns the command lines of the runs."""
    called = []

    def run(experiment, folder, working_directory, threads):
        called.append(experiment.arguments(folder))
        folder.mkdir(exist_ok=True)
        (folder / "config.yaml").touch()
        if experiment.seed == 1 and (tmp_path / "broken").exists():
            return Outcome(2, "error: [no] luck")
        (folder / "subnetworks.json").write_text(json.dumps(subnetworks([0.8 + experiment.seed / 10, 0.6])))
        return Outcome(0, "")

    monkeypatch.setattr(sweep, "Cluster", HereAndNow)
    monkeypatch.setattr(sweep, "execute", run)
    monkeypatch.chdir(tmp_path)
    return called


def test_every_combination_is_an_experiment():
    found = all_experiments(["a", "b"], [0, 1], {"x": ["1", "[2,3]"]}, ["y=0"])
    assert len({e.name for e in found}) == len(found) == 8
    assert Experiment("b", 1, ("y=0", "x=[2,3]")) in found


def test_where_the_data_lie_makes_no_other_experiment():
    one, other = (Experiment("a", 0, (f"data.root={root}", "x=1")) for root in ("/here", "/there"))
    assert one.compared == other.compared
    assert one.name == other.name
    assert "data.root=/here" in one.arguments(Path("run"))


def test_long_settings_give_usable_names():
    first, second = (Experiment("a", seed, ("x=" + "/long" * 100,)).name for seed in (0, 1))
    assert first != second
    assert max(len(first), len(second)) < 200
    assert "/" not in first


def test_finished_runs_are_not_done_again_and_failed_ones_go_on(trained, tmp_path, capsys):
    command = ["recipe=kws_dnn", "seeds=[0,1]", "dir=out", "trainer.max_epochs=1"]
    (tmp_path / "broken").touch()
    assert sweep.main(command) == 1
    printed = capsys.readouterr().out
    assert "error: [no] luck" in printed
    assert "1 of 2 runs have failed; the same command tries them again" in printed
    (tmp_path / "broken").unlink()
    assert sweep.main(command) == 0
    assert len(trained) == 3
    (again,) = trained[2]
    assert re.fullmatch(r"resume=.*seed=1.*", again)
    lines = [json.loads(line) for line in (tmp_path / "out" / "results.jsonl").read_text().splitlines()]
    assert [(r["recipe"], r["seed"], r["set"]) for r in lines] == [
        ("kws_dnn", seed, ["trainer.max_epochs=1"]) for seed in (0, 1)
    ]
    assert all("confusions" not in line for line in lines)
    # mean and standard deviation of 80 and 90, and of the differences to the baseline
    printed = capsys.readouterr().out
    assert "85.0 ± 7.1" in printed
    assert "10.0 ± 0.0" in printed
    assert sweep.main(command) == 0
    assert len(trained) == 3


def test_a_line_that_was_cut_off_is_not_there(tmp_path):
    results = ResultsFile(tmp_path / "results.jsonl")
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / "subnetworks.json").write_text(json.dumps(subnetworks([0.5])))
    experiments = [Experiment("a", seed) for seed in (0, 1)]
    results.add(experiments[0], folder)
    whole = results.path.read_text()
    results.path.write_text(whole + whole[: len(whole) // 2])
    assert results.missing(experiments) == experiments[1:]
    results.add(experiments[1], folder)
    assert len(results.path.read_text().splitlines()) == 2


def test_the_train_command_is_run_and_its_last_words_are_kept(tmp_path):
    outcome = execute(Experiment("no_such_recipe", 0), tmp_path / "run", tmp_path, 1)
    assert outcome.status == 2
    assert outcome.last_words.startswith("error: there is no recipe 'no_such_recipe'")
    assert log_of(tmp_path / "run").read_text().strip() == outcome.last_words


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "which recipes"),
        (["recipe=kws_dn"], "no recipe 'kws_dn'"),
        (["recipe=kws_dnn", "seeds"], "'seeds' is no setting: write key=value"),
        (["recipe=kws_dnn", "seeds=[a]"], "seeds must be whole numbers from 0"),
        (["recipe=kws_dnn", "seeds=[1,1]"], "seeds names the same value twice: 1, 1"),
        (["recipe=kws_dnn", "seed_everything=3"], "give seeds="),
        (["recipe=kws_dnn", "run_dir=x"], "give dir="),
        (["recipe=kws_dnn", "at_once=0"], "at_once must be a number from 1, not 0"),
        (["recipe=kws_dnn", "each.score.criterion=l1"], "must be a list of values"),
        (["recipe=kws_dnn", "each.score.criterion=[l1,luck]"], "score.criterion must be one of"),
        (["recipe=kws_dnn", "pretrain.epochs=3"], "did you mean pretrain.max_epochs"),
    ],
)
def test_bad_command_lines_are_refused_in_one_sentence(arguments, message, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert sweep.main(arguments) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    assert error.count("\n") == 1
    assert re.search(message, error)
    assert list(tmp_path.iterdir()) == []


def test_without_ray_the_command_that_installs_it_is_named(monkeypatch, tmp_path, capsys):
    monkeypatch.setitem(sys.modules, "ray", None)
    assert sweep.main(["recipe=kws_dnn", f"dir={tmp_path}"]) == 2
    assert "pip install 'reds-torch[sweep]'" in capsys.readouterr().err


def test_ray_runs_calls_in_processes_of_their_own():
    pytest.importorskip("ray", reason="the extra 'sweep' is not installed")

    def call(what):
        if what == "fails":
            raise ValueError("as it should")
        if what == "dies":
            os._exit(1)
        return os.getpid()

    with Cluster(None, cpus=1, gpus=0, at_once=2) as cluster:
        found = dict(cluster.calls(call, {what: (what,) for what in ("works", "fails", "dies")}))
    assert found["works"] != os.getpid()
    assert "as it should" in str(found["fails"])
    assert isinstance(found["dies"], Exception)
