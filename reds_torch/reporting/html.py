"""report.html: one file that shows one run, or several beside each other, and fetches nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from importlib.resources import files
from pathlib import Path
from typing import Any

from ..system.atomic import replacing
from .comparison import Experiment, group_runs
from .day import INCOMES, LOADS, day_costs
from .markup import Markup, embedded_json, join, tag
from .numbers import percent
from .palette import oklch_to_hex, ramp
from .run_record import RunRecord, read_run
from .sections import accuracy_section, run_sections

_PAGE = files(__package__) / "page"


def write_report(run: Path) -> Path:
    """Write RUN/report.html and return its path; raises what `read_run` raises."""
    page = run / "report.html"
    write_page([read_run(run)], page)
    return page


def write_page(records: Sequence[RunRecord], path: Path) -> None:
    """Write the page of these runs; it appears whole or not at all."""
    page = report_page(records)
    with replacing(path) as temporary:
        temporary.write_text(page, encoding="utf-8")


def report_page(records: Sequence[RunRecord]) -> str:
    """The whole page."""
    experiments = group_runs(records)
    title = " · ".join(dict.fromkeys(e.name for e in experiments))
    slots = {
        "title": join(title),
        "style": Markup(_asset("report.css")),
        "palette": _palette(max((len(r.subnetworks) for r in records), default=1), len(experiments)),
        "header": _header(records, experiments),
        "picker": _picker(records),
        "missing": join(*(_missing(i, record) for i, record in enumerate(records))),
        "accuracy": accuracy_section(experiments, records) or Markup(),
        "runs": join(*(_run(i, record) for i, record in enumerate(records))),
        "data": embedded_json(page_data(records, experiments)),
        "script": Markup(_asset("report.js")),
    }
    page = _asset("report.html")
    before, *parts = page.split("{{")
    written = [before]
    for part in parts:
        name, _, rest = part.partition("}}")
        written += [slots[name], rest]
    return "".join(written)


def page_data(records: Sequence[RunRecord], experiments: Sequence[Experiment]) -> dict[str, Any]:
    """What the page's script works on: everything a run knows of its subnetworks, and the example days."""
    runs = []
    for record in records:
        day = day_costs(record)
        runs.append(
            {
                "name": record.name,
                "recipe": record.recipe,
                "seed": record.seed,
                "split": record.split,
                "costs": [asdict(cost) for cost in record.costs],
                "subnetworks": [_plain(asdict(s)) for s in record.subnetworks],
                "pretrained": dict(record.pretrained),
                "baselines": _plain(record.baselines),
                "classes": list(record.classes),
                "measured": [asdict(m) for m in record.deployment.measured],
                "missing": list(record.missing),
                "day": None if day is None else _plain(asdict(day)),
            }
        )
    return {
        "runs": runs,
        "experiments": [_plain(asdict(e)) for e in experiments],
        "loads": [_plain(asdict(t)) for t in LOADS],
        "incomes": [_plain(asdict(t)) for t in INCOMES],
    }


def _header(records: Sequence[RunRecord], experiments: Sequence[Experiment]) -> Markup:
    first = experiments[0]
    facts = []
    for experiment in experiments:
        record = records[experiment.runs[0]]
        seeds = f"seed{'s' if len(experiment.seeds) > 1 else ''} {', '.join(map(str, experiment.seeds))}"
        classes = f", {len(record.classes)} classes" if record.classes else ""
        about = f"{record.model} on {record.data}{classes}, {seeds}"
        facts.append(tag("p", tag("strong", experiment.name), f" {about}", class_="about"))
    return join(
        tag("h1", _headline(first) if len(experiments) == 1 else f"{len(experiments)} experiments compared"), *facts
    )


def _headline(experiment: Experiment) -> str:
    """The result in one sentence."""
    count = len(experiment.costs)
    accuracy = experiment.nested.accuracy
    if not count:
        return f"{experiment.name}: not searched yet"
    if len(accuracy) < count or count == 1:
        return f"{count} networks in one set of weights"
    share = experiment.costs[-1]["macs"] / experiment.costs[0]["macs"]
    return (
        f"{count} networks in one set of weights: {percent(accuracy[0].mean)} right at full width, "
        f"{percent(accuracy[count - 1].mean)} with {percent(share, 0)} of the MACs"
    )


def _picker(records: Sequence[RunRecord]) -> Markup:
    if len(records) == 1:
        return Markup()
    options = [tag("option", f"{r.name} (seed {r.seed})", value=str(i)) for i, r in enumerate(records)]
    return tag("label", "Run ", tag("select", *options, id="run"), class_="picker")


def _missing(number: int, record: RunRecord) -> Markup | None:
    if not record.missing:
        return None
    items = [tag("li", sentence) for sentence in record.missing]
    title = tag("h2", f"Not in the run folder {record.name}")
    return tag("aside", title, tag("ul", *items), class_="missing", data_run=str(number))


def _run(number: int, record: RunRecord) -> Markup:
    return tag("article", run_sections(record), data_run=str(number), aria_label=f"run {record.name}")


def _palette(subnetworks: int, experiments: int) -> Markup:
    """Colours as CSS variables: --k0 … for subnetworks, --e0 … for experiments."""
    light = _variables("k", ramp(subnetworks)) + _variables("e", _hues(experiments, 0.55))
    dark = _variables("k", ramp(subnetworks, dark=True)) + _variables("e", _hues(experiments, 0.75))
    return Markup(f":root{{{light}}}@media screen and (prefers-color-scheme:dark){{:root{{{dark}}}}}")


def _hues(count: int, lightness: float) -> tuple[str, ...]:
    return tuple(oklch_to_hex(lightness, 0.13, 278 + 360 * i / count) for i in range(count))


def _variables(letter: str, colors: Sequence[str]) -> str:
    return "".join(f"--{letter}{i}:{color};" for i, color in enumerate(colors))


def _plain(value: Any) -> Any:
    """Mappings and sequences as JSON has them; the keys of a mapping become strings."""
    if isinstance(value, Mapping):
        return {str(key): _plain(v) for key, v in value.items()}
    return [_plain(v) for v in value] if isinstance(value, list | tuple) else value


def _asset(name: str) -> str:
    return (_PAGE / name).read_text(encoding="utf-8")
