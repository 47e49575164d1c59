"""The sections of the report that are the same for every reader: tables and figures of one run."""

from __future__ import annotations

from collections.abc import Sequence

import yaml

from .axes import swatch
from .comparison import Experiment, Series, Spread
from .confusions import confusion_section
from .deployment import INT8
from .elements import SCROLLS, capital, chip, duration, section, table
from .figures import accuracy_figure, curves_figure, int8_figure, scores_figure, search_figure
from .markup import Markup, join, tag
from .numbers import percent, quantity, significant
from .run_record import RunRecord

SERIES = {
    "alone": "each trained alone",
    "scratch": "nested, not pretrained",
    "pretrained": "pretrained, before nesting",
}


def accuracy_section(experiments: Sequence[Experiment], records: Sequence[RunRecord]) -> Markup | None:
    """Accuracy against each cost, and all of it as a table."""
    shown = [e for e in experiments if e.nested.accuracy]
    if not shown:
        return None
    costs = [c for c in records[shown[0].runs[0]].costs if all(c.key in e.costs[0] for e in shown)]
    figures = [
        tag("figure", accuracy_figure(shown, cost), tag("figcaption", f"{capital(cost.label)} · {cost.basis}"))
        for cost in costs
    ]
    return section(
        "accuracy",
        "Accuracy and what it costs",
        tag("p", _accuracy_lead(shown)),
        _legend(shown),
        tag("div", *figures, class_="figures"),
        *(_accuracy_table(e, records[e.runs[0]]) for e in shown),
    )


def run_sections(record: RunRecord) -> Markup:
    """What one run says beside its accuracies."""
    parts = (
        _widths(record),
        _scores(record),
        _search(record),
        _training(record),
        confusion_section(record),
        _deployment(record),
        _settings(record),
    )
    return join(*parts)


def _accuracy_lead(shown: Sequence[Experiment]) -> str:
    seeds = {len(e.runs) for e in shown}
    where = "validation" if shown[0].split == "val" else "test"
    spread = " Points are means, whiskers standard deviations, dots single seeds." if max(seeds) > 1 else ""
    return f"Share of right answers on the {where} set; numbered discs are subnetworks, 0 is the full network.{spread}"


def _legend(shown: Sequence[Experiment]) -> Markup:
    kinds = dict.fromkeys(s.name for e in shown for s in e.baselines if s.accuracy)
    items = [tag("li", swatch("nested"), "nested")]
    items += [tag("li", swatch(kind), SERIES.get(kind, kind)) for kind in kinds]
    if any(e.pretrained for e in shown):
        items.append(tag("li", swatch("pretrained"), SERIES["pretrained"]))
    if len(shown) > 1:
        items += [
            tag("li", tag("i", class_="dash", style=f"background:var(--e{n})"), e.name) for n, e in enumerate(shown)
        ]
    return tag("ul", *items, class_="legend")


def _accuracy_table(experiment: Experiment, first: RunRecord) -> Markup:
    labels = [c for c in first.costs if c.key in experiment.costs[0]]
    series: list[Series] = [experiment.nested, *(s for s in experiment.baselines if s.accuracy)]
    head = ["", *(f"{capital(c.label)}" for c in labels), "MACs share", *(SERIES.get(s.name, s.name) for s in series)]
    rows = []
    for k, costs in enumerate(experiment.costs):
        cells = [quantity(costs[c.key], c.unit) for c in labels]
        cells += [percent(costs["macs"] / experiment.costs[0]["macs"])]
        cells += [spread_text(s.accuracy.get(k)) for s in series]
        rows.append((k, cells))
    caption = (
        experiment.name
        if len(experiment.seeds) == 1
        else (f"{experiment.name}: mean ± standard deviation over the seeds {', '.join(map(str, experiment.seeds))}")
    )
    return table(caption, head, rows)


def _widths(record: RunRecord) -> Markup | None:
    if not record.subnetworks:
        return None
    full = record.subnetworks[0].widths
    labels = {c.key: c.label for c in record.costs}
    budgets = [s.budgets for s in record.subnetworks]
    shares = [
        ", ".join(f"{percent(cap / record.subnetworks[0].costs[c], 0)} {labels.get(c, c)}" for c, cap in b.items())
        or "full"
        for b in budgets
    ]
    head = tag(
        "tr",
        tag("th", "Layer", scope="col", class_="first"),
        tag("th", "Units kept", scope="col", class_="wide"),
        *(tag("th", chip(k), tag("small", share), scope="col") for k, share in enumerate(shares)),
    )
    rows = []
    for group, size in full.items():
        bars = [
            tag("i", style=f"width:{100 * s.widths[group] / size:.2f}%;background:var(--k{k})")
            for k, s in enumerate(record.subnetworks)
        ]
        rows.append(
            tag(
                "tr",
                tag("th", group, scope="row"),
                tag("td", tag("div", *bars, class_="nest"), aria_hidden="true"),
                *(tag("td", str(s.widths[group])) for s in record.subnetworks),
            )
        )
    return section(
        "widths",
        "Widths",
        tag(
            "p", "How many units of each layer a subnetwork keeps: always the first ones, so each lies inside the next."
        ),
        tag("div", tag("table", tag("thead", head), tag("tbody", *rows), class_="widths"), class_="scroll", **SCROLLS),
    )


def _scores(record: RunRecord) -> Markup | None:
    if not record.scores or not record.subnetworks:
        return None
    figures = [
        tag(
            "figure", scores_figure(group, record.subnetworks), tag("figcaption", f"{group.group} · {group.size} units")
        )
        for group in record.scores
    ]
    return section(
        "scores",
        "Scores and their order",
        tag(
            "p",
            "What each unit is worth to the search, in the order in which units are kept. They are sorted by the "
            "scores of their own weights; the height also counts the weights that read them. A numbered line is where "
            "a subnetwork stops.",
        ),
        tag("div", *figures, class_="figures"),
    )


def _search(record: RunRecord) -> Markup | None:
    if not record.subnetworks:
        return None
    key = next((name for s in record.subnetworks for name in s.budgets), "macs")
    cost = next((c for c in record.costs if c.key == key), record.costs[0])
    head = ["", f"{capital(cost.label)} share", "Budget", "Score kept", "Value", "Bound", "Gap", "Status", "Time"]
    full = record.subnetworks[0]
    rows = [
        (
            k,
            [
                percent(s.costs[cost.key] / full.costs[cost.key], 2),
                percent(s.budgets[key] / full.costs[key], 2) if key in s.budgets else "–",
                percent(s.value / full.value) if full.value else "–",
                significant(s.value),
                significant(s.bound),
                f"{s.gap:.1e}" if s.gap else "0",
                s.status,
                f"{1000 * s.seconds:.0f} ms",
            ],
        )
        for k, s in enumerate(record.subnetworks)
    ]
    text = (
        "The search keeps as much score as a budget allows. Its bound is proven: no subnetwork of the same nesting is "
        "worth more."
    )
    if record.bounds:
        text += " The shaded region holds no subnetwork at all, nested or not."
    return section(
        "search",
        "Search",
        tag("p", text),
        tag(
            "div",
            tag("figure", search_figure(record.bounds, record.subnetworks, cost)),
            table(None, head, rows),
            class_="beside",
        ),
    )


def _training(record: RunRecord) -> Markup | None:
    if not record.curves:
        return None
    pairs = dict.fromkeys((c.stage, c.metric) for c in record.curves)
    figures = []
    for stage, metric in sorted(pairs, key=lambda p: ("accuracy" not in p[1], list(pairs).index(p))):
        curves = [c for c in record.curves if (c.stage, c.metric) == (stage, metric)]
        caption = _STAGES.get(stage, stage)
        figures.append(tag("figure", curves_figure(stage, metric, curves), tag("figcaption", caption)))
    totals: dict[str, float] = {}
    for stage, seconds in record.seconds.items():
        name = _STAGES.get(stage.partition("_")[0], stage).lower()
        totals[name] = totals.get(name, 0.0) + seconds
    spent = "; ".join(f"{name} {duration(seconds)}" for name, seconds in totals.items())
    count = max((c.subnetwork or 0) for c in record.curves) + 1
    return section(
        "training",
        "Training",
        tag("p", f"Time: {spent}." if spent else "Epoch by epoch."),
        tag(
            "ul",
            *(tag("li", chip(k), "full network" if k == 0 else f"subnetwork {k}") for k in range(count)),
            class_="legend",
        ),
        tag("div", *figures, class_="figures small"),
    )


_STAGES = {
    "pretrain": "Pretraining",
    "finetune": "Fine-tuning, all together",
    "alone": "Each alone",
    "scratch": "Nested, not pretrained",
}


def _deployment(record: RunRecord) -> Markup | None:
    measured = record.deployment.measured
    if not measured:
        return None
    columns = list(dict.fromkeys((m.what, m.unit) for m in measured))
    known = {(m.subnetwork, m.what): m for m in measured}
    rows = []
    for k in sorted({m.subnetwork for m in measured}):
        cells = []
        for what, unit in columns:
            m = known.get((k, what))
            cells.append("–" if m is None else percent(m.value) if unit == "%" else quantity(m.value, unit))
        rows.append((k, cells))
    numbers = table(None, ["", *(capital(what) for what, _ in columns)], rows)
    text = f"Measured after conversion; from {', '.join(record.deployment.sources)}."
    if not record.deployment.of(INT8):
        return section("deployment", "On the board", tag("p", text), numbers)
    return section(
        "deployment",
        "Int8 and the device",
        tag("p", text),
        tag("ul", tag("li", swatch("nested"), "float"), tag("li", swatch("int8"), "int8, TFLM"), class_="legend"),
        tag("figure", int8_figure(record), class_="alone"),
        numbers,
    )


def _settings(record: RunRecord) -> Markup:
    text = yaml.safe_dump(dict(record.settings), sort_keys=False, allow_unicode=True)
    return section(
        "settings",
        "Settings",
        tag("details", tag("summary", "config.yaml of this run"), tag("pre", text, tabindex="0")),
    )


def spread_text(s: Spread | None) -> str:
    """Mean, and deviation where there are several numbers, in percent."""
    if s is None:
        return "–"
    return f"{100 * s.mean:.1f} ± {percent(s.deviation)}" if len(s.values) > 1 else percent(s.mean)
