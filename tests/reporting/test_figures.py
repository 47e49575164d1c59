"""What the figures are made of: scores, bounds, curves, spreads, numbers, colours; and plots as files."""

import itertools
import statistics
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

from reds_torch.commands import report
from reds_torch.knapsack import Group, Table, WidthProblem, load_problem
from reds_torch.reporting.comparison import spread
from reds_torch.reporting.curves import read_curves
from reds_torch.reporting.day import Trace, answered
from reds_torch.reporting.numbers import decades, quantity, ticks
from reds_torch.reporting.palette import oklch_to_hex, ramp
from reds_torch.reporting.run_record import read_run
from reds_torch.reporting.search_record import bound_curve, unit_scores


@pytest.fixture
def problem():
    """Two groups of five and four units, a table between them and one for each."""
    random = np.random.default_rng(3)
    pair = random.random((5, 4)).cumsum(0).cumsum(1)
    tables = (
        Table("first", ("a",), random.random(5).cumsum(), {"macs": np.arange(1.0, 6)}),
        Table("between", ("a", "b"), pair, {"macs": np.outer(np.arange(1.0, 6), np.arange(1.0, 5))}),
        Table("constant", (), np.array(0.5), {"macs": np.array(2.0)}),
    )
    return WidthProblem((Group("a", 5, (1, 2, 3, 4, 5)), Group("b", 4, (1, 2, 3, 4))), tables)


def test_no_choice_of_widths_passes_the_bound(problem):
    curve = bound_curve(problem, "macs")
    full_value, full_cost = problem.value(problem.full_widths), problem.costs(problem.full_widths)["macs"]
    assert curve.shares[-1] == pytest.approx(1) and curve.bounds[-1] == pytest.approx(1)
    assert list(curve.bounds) == sorted(curve.bounds)
    for a, b in itertools.product(range(1, 6), range(1, 5)):
        widths = {"a": a, "b": b}
        share = problem.costs(widths)["macs"] / full_cost
        above = min(bound for at, bound in zip(curve.shares, curve.bounds, strict=True) if at >= share - 1e-9)
        assert problem.value(widths) / full_value <= above + 1e-9


def test_scores_are_what_one_more_unit_is_worth(problem):
    for scores in unit_scores(problem):
        others = {g.name: g.size for g in problem.groups}
        values = [problem.value(others | {scores.group: width}) for width in scores.widths]
        assert scores.worth[1:] == pytest.approx(np.diff(values))


def test_scores_of_a_run_add_up_to_what_the_first_widths_are_worth(whole_run):
    problem = load_problem(whole_run / "problem.npz")
    full = problem.full_widths
    for scores in unit_scores(problem):
        worth = np.multiply(scores.worth, np.diff(scores.widths, prepend=0))
        for width in (1, scores.size // 2, scores.size):
            lost = problem.value(full) - problem.value(full | {scores.group: width})
            assert worth[width:].sum() == pytest.approx(lost)


def test_curves_are_the_rows_of_the_file(whole_run):
    curves = {(c.stage, c.metric, c.subnetwork): c for c in read_curves(whole_run / "metrics.csv")}
    rows = [line.split(",") for line in (whole_run / "metrics.csv").read_text().split()[1:]]
    assert sum(len(c.values) for c in curves.values()) == len(rows)
    for stage, epoch, metric, value in rows:
        name, _, k = metric.rpartition("_")
        key = (stage, name, int(k)) if k.isdigit() else (stage, metric, None)
        if stage.startswith("alone"):
            key = ("alone", key[1], int(stage.rpartition("_")[2]))
        curve = curves[key]
        assert curve.values[curve.epochs.index(int(epoch))] == float(value)


def test_what_is_not_a_number_is_left_out_of_a_curve(tmp_path):
    (tmp_path / "metrics.csv").write_text("stage,epoch,metric,value\na,0,train/loss,nan\na,1,train/loss,2\n")
    (curve,) = read_curves(tmp_path / "metrics.csv")
    assert (curve.epochs, curve.values) == ((1,), (2.0,))


def test_spread_is_mean_and_sample_deviation():
    values = [0.5, 0.7, 0.8]
    found = spread(values)
    assert (found.mean, found.deviation) == (statistics.mean(values), statistics.stdev(values))
    assert spread([0.5]).deviation == 0 and spread([]) is None


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (2_656_768, "", "2.66 M"),
        (79_200, "", "79.2 k"),
        (6_860, "", "6,860"),
        (394, "B", "394 B"),
        (16_000, "B", "16 kB"),
        (155_706.85, "µs", "156 ms"),
        (0.05, "µJ", "0.05 µJ"),
        (0, "", "0"),
        (1234.5, "cycles", "1,234 cycles"),
    ],
)
def test_quantities_are_short(value, unit, text):
    assert quantity(value, unit) == text


@pytest.mark.parametrize(("low", "high"), [(0, 1), (0.6, 0.91), (-3, 120), (1e-6, 3e-6), (5, 5), (0, 79_200)])
def test_ticks_are_few_round_and_inside(low, high):
    found = ticks(low, high)
    assert 1 <= len(found) <= 8
    assert all(low - 1e-12 <= t <= high + 1e-12 for t in found)
    steps = np.diff(found)
    assert steps == pytest.approx(steps[:1].repeat(len(steps)))


def test_logarithmic_ticks_are_inside():
    assert decades(0.02, 3) == pytest.approx((0.02, 0.05, 0.1, 0.2, 0.5, 1, 2))
    assert decades(2, 2e6) == pytest.approx((10, 100, 1e3, 1e4, 1e5, 1e6))


def test_colours_of_subnetworks_differ_and_white_is_white():
    assert oklch_to_hex(1, 0, 0) == "#ffffff" and oklch_to_hex(0, 0, 0) == "#000000"
    assert oklch_to_hex(0.627955, 0.257683, 29.2339) == "#ff0000"  # sRGB red in OKLCH
    for count in (1, 2, 4, 10):
        assert len(set(ramp(count))) == count


def test_the_largest_subnetwork_in_time_answers_or_none():
    times, trace = (8.0, 4.0, 2.0), Trace("rising", (0, 20, 21, 60, 75, 90))
    assert answered(times, 10.0, trace) == (0, 0, 1, 1, 2, None)
    assert answered(times, 10.0, trace, fixed=1) == (1, 1, 1, 1, None, None)


@pytest.fixture(scope="module")
def vector_plots(whole_run, tmp_path_factory):
    """The run's plots as SVG."""
    folder = tmp_path_factory.mktemp("plots")
    assert report.main([str(whole_run), "--plots", str(folder), "--format", "svg"]) == 0
    return folder


NAMES = ("accuracy_macs", "accuracy_latency", "accuracy_energy", "widths", "search", "day", "scores", "curves")


def test_plots_are_pictures(whole_run, tmp_path, capsys):
    folder = tmp_path / "plots"
    assert report.main([str(whole_run), "--plots", str(folder)]) == 0
    printed = capsys.readouterr().out
    for name in NAMES:
        path = folder / f"{name}.png"
        assert path.read_bytes().startswith(b"\x89PNG\r\n") and path.stat().st_size > 5_000
        assert f"plot: {path}" in printed


def test_plots_are_vectors_that_name_groups_and_shares(whole_run, vector_plots):
    texts = {path.stem: "".join(ElementTree.parse(path).getroot().itertext()) for path in vector_plots.iterdir()}
    assert set(NAMES) <= set(texts)
    for s in read_run(whole_run).subnetworks:
        assert f"{100 * s.shares['macs']:.0f} % MACs" in texts["widths"]
        assert all(group in texts["widths"] for group in s.widths)
    assert "scratch" in texts["accuracy_macs"] and "bound of any subnetwork" in texts["search"]


def test_the_same_run_gives_the_same_file(whole_run, vector_plots, tmp_path):
    assert report.main([str(whole_run), "--plots", str(tmp_path), "--format", "svg"]) == 0
    for path in vector_plots.iterdir():
        assert path.read_bytes() == (tmp_path / path.name).read_bytes()


def test_plots_of_several_runs_are_named_by_run(run, another, tmp_path):
    second = another(1, 0.1)
    assert report.main([str(run), str(second), "--plots", str(tmp_path / "plots")]) == 0
    names = {path.name for path in Path(tmp_path / "plots").iterdir()}
    assert {"accuracy_macs.png", "widths_run.png", "widths_run_1.png"} <= names
