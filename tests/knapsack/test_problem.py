"""Problems by hand: what they cost, how they are narrowed, and what is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from reds_torch.knapsack import Group, ProblemError, Step, Table, WidthProblem, load_problem, save_problem, solve
from tests.knapsack.instances import random_problem

A, B = Group("a", 4, (1, 2, 4)), Group("b", 3, (2, 3))


def by_hand() -> WidthProblem:
    pair = np.array([[1.0, 2], [3, 4], [5, 6]])
    tables = (
        Table("layer", ("a", "b"), pair, {"macs": 10 * pair}),
        Table("back", ("b", "a"), 100 * pair.T, {"macs": pair.T}),
        Table("norm", ("b",), np.array([0.5, 0.75]), {"parameters": np.array([2.0, 3])}),
        Table("stem", (), np.array(7.0), {"macs": np.array(1000.0)}),
    )
    steps = (
        Step("in", 5.0, {"a": np.array([1.0, 2, 4])}),
        Step("out", 0.0, {"a": np.array([1.0, 2, 4]), "b": np.array([20.0, 3])}),
    )
    return WidthProblem((A, B), tables, {"peak_memory": steps})


def test_value_and_costs_are_the_sums_of_the_entries() -> None:
    problem = by_hand()
    assert problem.value({"a": 2, "b": 3}) == 4 + 400 + 0.75 + 7
    assert problem.costs({"a": 2, "b": 3}) == {"macs": 1044.0, "parameters": 3.0, "peak_memory": 7.0}
    assert problem.costs({"a": 1, "b": 2})["peak_memory"] == 21.0
    assert problem.full_widths == {"a": 4, "b": 3}


def test_restrictions_narrow_what_may_be_chosen_and_keep_the_full_network() -> None:
    problem = random_problem(5, "chain")
    assert by_hand().restricted(minimum={"a": 2}).groups[0].allowed == (2, 4)
    assert by_hand().restricted(maximum={"a": 2}).groups[0].allowed == (1, 2)
    assert by_hand().restricted(multiple_of=2).groups[1].allowed == (2, 3)
    assert by_hand().restricted(multiple_of={"a": 3}).groups[0].allowed == (4,)
    assert by_hand().restricted(explicit={"a": [1, 4]}).groups[0].allowed == (1, 4)
    forced = problem.restricted(full=["g1"])
    result = solve(forced, {"macs": [0.8]})
    assert result.subnetworks[1].widths["g1"] == problem.full_widths["g1"]
    assert result.subnetworks[0].widths == problem.full_widths


@pytest.mark.parametrize("suffix", [".npz", ".json"])
def test_a_saved_problem_is_the_same_problem(tmp_path: Path, suffix: str) -> None:
    problem = random_problem(2, "residual", peak=True).restricted(minimum={"g0": 2})
    path = tmp_path / f"problem{suffix}"
    save_problem(problem, path)
    again = load_problem(path)
    assert again.groups == problem.groups
    assert again.value(problem.full_widths) == problem.value(problem.full_widths)
    assert again.costs(problem.full_widths) == problem.costs(problem.full_widths)
    for first, second in zip(problem.tables, again.tables, strict=True):
        np.testing.assert_array_equal(first.value, second.value)
    limits = {"peak_memory": 0.8}
    found = [s.widths for s in solve(problem, {"macs": [0.7]}, limits).subnetworks]
    assert found == [s.widths for s in solve(again, {"macs": [0.7]}, limits).subnetworks]
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


def test_damaged_and_foreign_files_are_refused(tmp_path: Path) -> None:
    good = tmp_path / "good.npz"
    save_problem(by_hand(), good)
    cut = tmp_path / "cut.npz"
    cut.write_bytes(good.read_bytes()[:200])
    foreign = tmp_path / "foreign.json"
    foreign.write_text('{"subnetworks": []}')
    newer = tmp_path / "newer.json"
    newer.write_text('{"format": "reds_torch width problem", "version": 99}')
    for path, words in (
        (cut, "damaged"),
        (foreign, "holds no width problem"),
        (newer, "version 99"),
        (tmp_path / "absent.npz", "no file"),
        (tmp_path / "absent.pkl", "no file"),
    ):
        with pytest.raises(ProblemError, match=words):
            load_problem(path)
    with pytest.raises(ProblemError, match=r"\.npz or a \.json"):
        save_problem(by_hand(), tmp_path / "problem.pkl")


ONE = np.ones(3)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Group("a", 4, ()), "no candidate widths"),
        (lambda: Group("a", 4, (2, 1, 4)), "must ascend"),
        (lambda: Group("a", 4, (1, 2)), "end with its size 4"),
        (lambda: Group("a", 4, (0, 4)), r"1\.\.4"),
        (lambda: Group("a", 4, (1, 4), (2,)), "allowed widths"),
        (lambda: Table("t", ("a",), np.array([1.0, np.nan, 1]), {}), "value of table 't'.*NaN"),
        (lambda: Table("t", ("a",), np.array([1.0, -2, 1]), {}), "value of table 't'.*-2"),
        (lambda: Table("t", ("a",), ONE, {"macs": np.array([1.0, np.inf, 1])}), "cost 'macs'.*infinity"),
        (lambda: Table("t", ("a", "a"), np.ones((3, 3)), {}), "different groups"),
        (lambda: Step("s", -1.0, {}), "fixed amount"),
        (lambda: WidthProblem((), ()), "at least one"),
        (lambda: WidthProblem((A, A), ()), "must differ"),
        (lambda: WidthProblem((A,), (Table("t", ("z",), ONE, {}),)), "names the group 'z'"),
        (lambda: WidthProblem((A,), (Table("t", ("a",), np.ones(2), {}),)), r"shape \(2,\)"),
        (lambda: WidthProblem((A,), (Table("t", ("a",), ONE, {"m": ONE}),), {"m": ()}), "both"),
        (lambda: WidthProblem((A,), (), {"m": ()}), "no steps"),
        (lambda: WidthProblem((A,), (), {"m": (Step("s", 0, {"a": np.ones(2)}),)}), r"step 's' of 'm'"),
        (lambda: by_hand().value({"a": 2}), "missing or unknown: b"),
        (lambda: by_hand().value({"a": 3, "b": 3}), "width 3 is no candidate of group 'a'"),
        (lambda: by_hand().restricted(minimum={"z": 2}), "no group 'z'"),
        (lambda: by_hand().restricted(multiple_of=0), "a number from 1; got multiple_of 0"),
        (lambda: by_hand().restricted(multiple_of={"a": -2}), "a number from 1; got multiple_of -2"),
        (lambda: by_hand().restricted(explicit={"a": [3]}), "no width of group 'a'"),
    ],
)
def test_what_cannot_be_meant_is_refused_by_name(make, words: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(ProblemError, match=words):
        make()
