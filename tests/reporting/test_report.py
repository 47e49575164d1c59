"""The page and the command, against the files of a run."""

import json
import re
from pathlib import Path

import pytest

from reds_torch.commands import report
from reds_torch.reporting.comparison import group_runs
from reds_torch.reporting.html import page_data, report_page
from reds_torch.reporting.run_record import read_run
from reds_torch.reporting.subnetwork_record import ReportError

from .conftest import stored
from .page_parser import Page

COEFFICIENTS = "kind,cycles_per_mac,cycles_per_output,cycles_per_layer"


def written(path, text):
    path.write_text(text, encoding="utf-8")
    return path


def test_a_run_ends_with_its_report(whole_run):
    page = Page(whole_run / "report.html")
    results = stored(whole_run)
    for k, entry in enumerate(results["subnetworks"]):
        accuracy = f"{100 * entry['accuracy']['test']:.1f}\u202f%"
        alone, scratch = (f"{100 * results['baselines'][b][str(k)]['test']:.1f}\u202f%" for b in ("alone", "scratch"))
        row = next(row for row in page.rows if row[0] == str(k) and accuracy in row)
        assert row[-3:] == [accuracy, alone, scratch]
        assert f"{100 * entry['shares']['macs']:.1f}\u202f%" in row
    for group, size in results["subnetworks"][0]["widths"].items():
        assert [group, "", *(str(e["widths"][group]) for e in results["subnetworks"])] in page.rows
        assert f"{group} · {size} units" in page.text
    for title in ("What would the device run?", "A day on the device", "Search", "Training", "Confusions", "Settings"):
        assert title in page.text
    assert "recipe: kws_dnn" in page.text


def test_the_embedded_data_are_the_runs(whole_run):
    (given,) = Page(whole_run / "report.html").data["runs"]
    results = stored(whole_run)
    for shown, entry, counts in zip(given["subnetworks"], results["subnetworks"], results["confusions"], strict=True):
        assert shown["costs"].items() >= entry["costs"].items()
        assert shown["confusion"] == counts
        for key in ("widths", "accuracy", "budgets", "value", "bound", "gap", "status", "binaries"):
            assert shown[key] == entry[key]
    assert given["baselines"] == results["baselines"]
    assert given["classes"] == ["_silence_", "_unknown_", "yes", "no"]
    records = [read_run(whole_run)]
    assert Page(whole_run / "report.html").data == json.loads(json.dumps(page_data(records, group_runs(records))))


def test_confusions_count_the_test_set(whole_run):
    results = stored(whole_run)
    for counts, entry in zip(results["confusions"], results["subnetworks"], strict=True):
        right = sum(counts[i][i] for i in range(4))
        assert right / sum(map(sum, counts)) == pytest.approx(entry["accuracy"]["test"])


def test_the_page_fetches_nothing(whole_run):
    page = Page(whole_run / "report.html")
    for name, attributes in page.elements:
        assert name not in ("link", "img", "iframe", "object", "embed")
        assert not {"src", "href", "srcset", "action"} & set(attributes)
    style = (whole_run / "report.html").read_text()
    assert "@import" not in style and not re.search(r"url\(|fetch\(|XMLHttpRequest|https?://(?!www\.w3\.org)", style)
    (policy,) = (m["content"] for m in page.named("meta") if m.get("http-equiv") == "Content-Security-Policy")
    assert policy.startswith("default-src 'none'")


def test_every_figure_and_control_says_what_it_is(whole_run):
    page = Page(whole_run / "report.html")
    figures = [svg for svg in page.named("svg") if svg.get("role") == "img"]
    assert len(figures) > 10 and all(svg["aria-label"] for svg in figures)
    assert all(svg.get("aria-hidden") or svg.get("role") for svg in page.named("svg") if svg.get("id") != "stairs")
    ids = [a["id"] for _, a in page.elements if "id" in a]
    assert len(ids) == len(set(ids))
    assert {a["for"] for _, a in page.elements if "for" in a} <= set(ids)


def test_names_can_not_break_the_page(run):
    """Class names, recipe and settings that look like markup are shown as they are."""
    evil = ["</script><script>alert(1)</script>", "<!--", "a&amp;b\u2028", "\"'><b>"]
    results = stored(run) | {"classes": evil}
    written(run / "subnetworks.json", json.dumps(results))
    config = (run / "config.yaml").read_text()
    written(run / "config.yaml", config.replace("recipe: kws_dnn", "recipe: '<i>x</i>'"))
    (run / "nested.ckpt").unlink()  # it would know the real names
    page = Page(written(run / "report.html", report_page([read_run(run)])))
    assert page.data["runs"][0]["classes"] == evil
    assert len(page.named("script")) == 2
    assert "a&amp;b" in page.text and "<i>x" not in (run / "report.html").read_text()


def test_several_runs_stand_beside_each_other(run, another):
    runs = [run, another(1, 0.1), another(2, -0.04, max_epochs="max_epochs")]
    assert report.main([*map(str, runs), "--out", str(run / "all.html")]) == 0
    page = Page(run / "all.html")
    (experiment,) = page.data["experiments"]
    assert experiment["seeds"] == [0, 1, 2]
    first = stored(run)["subnetworks"][1]["accuracy"]["test"]
    values = [first, first + 0.1, first - 0.04]
    mean = sum(values) / 3
    deviation = (sum((v - mean) ** 2 for v in values) / 2) ** 0.5
    assert experiment["nested"]["accuracy"]["1"]["mean"] == pytest.approx(mean)
    assert f"{100 * mean:.1f} ± {100 * deviation:.1f}\u202f%" in page.text
    assert [o["value"] for o in page.named("option")] == ["0", "1", "2"]


def test_runs_with_other_settings_are_other_experiments(run, another, capsys):
    other = another(1, 0.1, **{"criterion: taylor": "criterion: l1"})
    assert report.main([str(run), str(other), "--out", str(run / "all.html")]) == 0
    names = [e["name"] for e in Page(run / "all.html").data["experiments"]]
    assert names == ["kws_dnn (score.criterion=taylor)", "kws_dnn (score.criterion=l1)"]


@pytest.mark.parametrize(
    ("gone", "sentence", "shown"),
    [
        (["nested.ckpt", "subnetworks.json"], "The search has not been made yet", "Training"),
        (["problem.npz"], "There is no problem.npz", "Widths"),
        (["metrics.csv"], "There is no metrics.csv", "Confusions"),
        (["subnetworks.json", "nested.ckpt", "searched.ckpt", "metrics.csv"], "nothing has been trained", "Settings"),
    ],
)
def test_an_unfinished_run_is_reported_as_far_as_it_is(run, gone, sentence, shown, capsys):
    for name in gone:
        (run / name).unlink()
    assert report.main([str(run)]) == 0
    page = Page(run / "report.html")
    assert sentence in page.text and sentence in capsys.readouterr().out
    assert shown in page.text


def test_a_run_without_fine_tuning_has_widths_and_no_accuracies(run):
    results = stored(run)
    searched = {"subnetworks": [{k: v for k, v in e.items() if k != "accuracy"} for e in results["subnetworks"]]}
    written(run / "subnetworks.json", json.dumps(searched))
    (run / "nested.ckpt").unlink()
    (run / "baselines.json").unlink()
    assert report.main([str(run)]) == 0
    page = Page(run / "report.html")
    assert "has not been fine-tuned yet" in page.text
    assert "Baseline “alone” has not been trained yet for subnetwork 0, 1, 2." in page.text
    assert "Widths" in page.text and page.data["runs"][0]["day"] is None
    assert "Accuracy and what it costs" not in page.text


def test_accuracies_come_from_the_checkpoint_until_the_run_is_through(run):
    results = stored(run)
    searched = {"subnetworks": [{k: v for k, v in e.items() if k != "accuracy"} for e in results["subnetworks"]]}
    written(run / "subnetworks.json", json.dumps(searched))
    record = read_run(run)
    assert [s.accuracy for s in record.subnetworks] == [e["accuracy"] for e in results["subnetworks"]]
    assert record.baselines == results["baselines"] and record.classes[2:] == ("yes", "no")
    assert [[list(row) for row in s.confusion] for s in record.subnetworks] == results["confusions"]


def verification(widths, k):
    """What the bridge writes of a subnetwork."""
    return {
        "widths": widths,
        "accuracy": {"torch": 0.6 + k / 10, "micro": 0.5 + k / 10, "litert": 0.51 + k / 10},
        "agreement": {"micro_torch": 0.97, "litert_micro": 1.0},
        "size": 20_000 - k,
        "arena": {"activations": 512, "persistent": 4096},
    }


@pytest.mark.parametrize("first", [0, 1])
def test_what_bridge_and_board_measured_is_shown(run, first):
    """Also where the bridge's full network is a smaller one of the run (--from 1)."""
    (run / "bridge").mkdir()
    widths = [entry["widths"] for entry in stored(run)["subnetworks"]]
    entries = [verification(widths[k], k) for k in range(first, 3)]
    written(run / "bridge" / "verification.json", json.dumps({"subnetworks": entries}))
    table = ("# subnetwork 1: 1234.5 us an inference", "# clock_mhz = 64", COEFFICIENTS, "linear,2,0,0")
    written(run / "device.csv", "\n".join(table) + "\n")
    assert report.main([str(run)]) == 0
    page = Page(run / "report.html")
    shares = [f"{share}\u202f%" for share in ("70.0", "60.0", "61.0", "97.0", "100.0")]
    assert ["1", *shares, "20 kB", "512 B", "4.1 kB", "1.23 ms"] in page.rows
    assert any(row[:3] == ["0", "60.0\u202f%", "50.0\u202f%"] for row in page.rows) == (first == 0)
    assert any("subnetwork 2 80.0\u202f% and 70.0\u202f%" in (s.get("aria-label") or "") for s in page.named("svg"))
    (given,) = page.data["runs"]
    macs = given["subnetworks"][0]["costs"]["macs"]
    assert given["subnetworks"][0]["costs"]["latency"] == pytest.approx(macs * 2 / 64, rel=0.01)
    assert "device table device" in page.text


def test_what_the_bridge_made_of_another_network_is_refused(run, capsys):
    (run / "bridge").mkdir()
    entries = [verification({"fc1": 1, "fc2": 1, "fc3": 1}, 0)]
    written(run / "bridge" / "verification.json", json.dumps({"subnetworks": entries}))
    assert report.main([str(run)]) == 2
    assert "is about another network" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nowhere"], "nowhere is no folder: give the folder of a run"),
        (["."], "is no run folder: there is no config.yaml"),
        (["run", "--out", "nowhere/report.html"], "there is no folder nowhere"),
        (["run", "--out", "run"], "which is a folder"),
        (["run", "--bridge", "nowhere"], "there is no folder nowhere"),
        (["run", "--bridge", "run"], "is no folder of python -m bridge"),
        (["run", "--device", "nowhere"], "there is no device table 'nowhere'"),
        (["run", "run", "--bridge", "run"], "--bridge says what one run became"),
        (["run", "--plots", "run/config.yaml"], "is a file: give a folder"),
    ],
)
def test_what_can_not_be_is_refused_in_a_sentence(run, arguments, message, monkeypatch, capsys):
    monkeypatch.chdir(run.parent)
    before = (run / "report.html").read_bytes()
    assert report.main(arguments) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ") and message in error and error.count("\n") == 1
    assert (run / "report.html").read_bytes() == before


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("config.yaml", "{"),
        ("config.yaml", "- 1"),
        ("subnetworks.json", "{"),
        ("subnetworks.json", "[]"),
        ("subnetworks.json", '{"subnetworks": [{}]}'),
        ("subnetworks.json", '{"subnetworks": [7]}'),
        ("subnetworks.json", '{"subnetworks": 7}'),
        ("metrics.csv", "a,b\n1,2\n"),
        ("metrics.csv", "stage,epoch,metric,value\nfinetune,x,val/accuracy_0,1\n"),
        ("problem.npz", "no zip"),
        ("stages.json", "{"),
        ("baselines.json", "{"),
        ("bridge/verification.json", "{}"),
    ],
)
def test_damaged_files_are_named(run, name, content, capsys):
    if name in ("stages.json", "baselines.json"):  # read where the results are not there yet
        written(run / "subnetworks.json", "{}")
    (run / name).parent.mkdir(exist_ok=True)
    written(run / name, content)
    assert report.main([str(run)]) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ") and Path(name).name in error and error.count("\n") == 1


def test_a_run_of_someone_elses_model_is_shown_without_its_checkpoint(run):
    written(run / "nested.ckpt", "damaged")
    record = read_run(run)
    assert "latency" not in record.subnetworks[0].costs
    assert any("nested.ckpt can't be read" in sentence for sentence in record.missing)
    assert "A day on the device" in report_page([record])


def test_confusions_without_class_names_are_numbered(run):
    results = stored(run)
    written(run / "subnetworks.json", json.dumps(results | {"classes": ["a", "b"]}))
    page = Page(written(run / "report.html", report_page([read_run(run)])))
    assert ["", "0", "1", "2", "3"] in page.rows


def test_a_confusion_matrix_that_is_not_square_is_refused(run, capsys):
    results = stored(run)
    results["confusions"][1][2].pop()
    written(run / "subnetworks.json", json.dumps(results))
    assert report.main([str(run)]) == 2
    assert "as many columns as rows" in capsys.readouterr().err


def test_reading_a_file_as_a_run_is_refused(run):
    with pytest.raises(ReportError, match="give the folder of a run"):
        read_run(run / "nested.ckpt")
