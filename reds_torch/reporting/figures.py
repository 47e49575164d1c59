"""The report's figures: accuracy against costs, scores, the search's bound, training curves. SVG, drawn here."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from .axes import BOTTOM, HEIGHT, RIGHT, WIDTH, Frame, disc, frame, mark, padded
from .comparison import Experiment, Spread
from .curves import Curve
from .deployment import FLOAT, INT8
from .markup import Markup, join, tag
from .numbers import percent, quantity, scale_of
from .run_record import RunRecord
from .search_record import GroupScores, SearchBound
from .subnetwork_record import CostName, SubnetworkRecord

PERCENT = 0.01
LOGARITHMIC = 20  # costs of several experiments that differ by more are shown by their magnitude


def accuracy_figure(experiments: Sequence[Experiment], cost: CostName) -> Markup:
    """Accuracy against one cost: nested subnetworks as numbered discs, single seeds as dots, baselines hollow."""
    every = [c[cost.key] for e in experiments for c in e.costs]
    spreads = [s for e in experiments for series in (e.nested, *e.baselines) for s in series.accuracy.values()]
    spreads += [e.pretrained for e in experiments if e.pretrained]
    values = [v for s in spreads for v in (*s.values, s.mean - s.deviation, s.mean + s.deviation)]
    divisor, unit = scale_of(max(every), cost.unit)
    wide = len(experiments) > 1 and max(every) > LOGARITHMIC * min(every) > 0
    x = (min(every) / 1.15, max(every) * 1.15) if wide else (0.0, max(every) * 1.05)
    axes = frame(x, padded(values), divisor, PERCENT, logarithmic=wide)
    marks = []
    for number, experiment in enumerate(experiments):
        color = f"var(--e{number})" if len(experiments) > 1 else None
        marks.append(_experiment_marks(axes, experiment, cost, color))
    label = f"Accuracy against {cost.label}. " + "; ".join(
        f"{e.name}: "
        + ", ".join(
            f"{quantity(e.costs[k][cost.key], cost.unit)} {percent(s.mean)}"
            for k, s in sorted(e.nested.accuracy.items())
        )
        for e in experiments
    )
    return axes.figure(label, f"{cost.label}, {unit}" if unit else cost.label, "accuracy, %", *marks)


def _experiment_marks(axes: Frame, experiment: Experiment, cost: CostName, color: str | None) -> Markup:
    """Lines first, then baselines, then the subnetworks' discs."""
    style = f"stroke:{color}" if color else None
    lines, marks = [], []
    for series in (*experiment.baselines, experiment.nested):
        points = [(experiment.costs[k][cost.key], s, k) for k, s in sorted(series.accuracy.items())]
        if not points:
            continue
        lines.append(axes.line([(x, s.mean) for x, s, _ in points], class_=f"line {series.name}", style=style))
        for x, s, k in reversed(points):
            hint = f"{experiment.name}, {series.name}, subnetwork {k}: {quantity(x, cost.unit)}, {_accuracy(s)}"
            at = axes.x(x), axes.y(s.mean)
            marks.append(_whisker(at[0], axes.y(s.mean - s.deviation), axes.y(s.mean + s.deviation)))
            if series is experiment.nested:
                marks += [mark("seed", at[0], axes.y(v)) for v in s.values if len(s.values) > 1]
                marks.append(disc(*at, k, hint, color))
            else:
                marks.append(mark(series.name, *at, hint, color))
    if experiment.pretrained:
        hint = f"{experiment.name}, pretrained: {_accuracy(experiment.pretrained)}"
        at = axes.x(experiment.costs[0][cost.key]), axes.y(experiment.pretrained.mean)
        marks.insert(0, mark("pretrained", *at, hint, color))
    return join(*lines, *marks)


def int8_figure(record: RunRecord) -> Markup:
    """Accuracy of the int8 model's subnetworks (squares) and the float ones (discs), on the bridge's test samples."""
    full = record.subnetworks[0].costs["macs"]
    share = {k: s.costs["macs"] / full for k, s in enumerate(record.subnetworks)}
    floats, stored = record.deployment.of(FLOAT), record.deployment.of(INT8)
    axes = frame((0.0, 1.05), padded([*floats.values(), *stored.values()], 0.12), PERCENT, PERCENT)
    lines = [axes.line([(share[k], v) for k, v in sorted(floats.items())], class_="line")]
    lines.append(axes.line([(share[k], v) for k, v in sorted(stored.items())], class_="line alone"))
    marks = [
        mark("int8", axes.x(share[k]), axes.y(v), f"subnetwork {k}, int8: {percent(v)}") for k, v in stored.items()
    ]
    marks += [disc(axes.x(share[k]), axes.y(v), k, f"subnetwork {k}, float: {percent(v)}") for k, v in floats.items()]
    label = "Accuracy in float and int8: " + ", ".join(
        f"subnetwork {k} {percent(floats[k])} and {percent(v)}" for k, v in stored.items()
    )
    return axes.figure(label, "MACs, % of the full network", "accuracy, %", *lines, *marks)


def scores_figure(scores: GroupScores, subnetworks: Sequence[SubnetworkRecord]) -> Markup:
    """What each unit of a group is worth, the best first, and where the subnetworks cut."""
    height = 150
    axes = frame((0.0, float(scores.size)), (0.0, max(scores.worth) * 1.02 or 1.0), height=height)
    edges = (0, *scores.widths)
    steps = []
    for (left, right), worth in zip(pairwise(edges), scores.worth, strict=True):
        steps += [(left, worth), (right, worth)]
    base = height - BOTTOM
    corners = "L".join(f"{axes.x(x):.1f} {axes.y(y):.1f}" for x, y in steps)
    area = tag("path", d=f"M{axes.x(0):.1f} {base}L{corners}L{axes.x(scores.size):.1f} {base}Z", class_="area")
    cuts = []
    for k in range(len(subnetworks) - 1, 0, -1):
        width = subnetworks[k].widths[scores.group]
        at = axes.x(width)
        style = f"stroke:var(--k{k})"
        cuts.append(tag("line", x1=at, x2=at, y1=18, y2=base, class_="cut", style=style))
        cuts.append(disc(at, 14 + 12 * (k % 2), k, f"subnetwork {k} keeps the first {width} of {scores.size}"))
    kept = ", ".join(f"subnetwork {k} keeps {s.widths[scores.group]}" for k, s in enumerate(subnetworks))
    label = f"Scores of the {scores.size} units of {scores.group}, the best first; {kept}."
    return axes.figure(label, "units, best first", "score", area, *cuts)


def search_figure(bounds: SearchBound | None, subnetworks: Sequence[SubnetworkRecord], cost: CostName) -> Markup:
    """Value of the subnetworks against the budgeted cost, below the curve that no subnetwork can pass."""
    full = subnetworks[0]
    axes = frame((0.0, 1.03), (0.0, 1.05), PERCENT, PERCENT, HEIGHT)
    marks = []
    if bounds:
        curve = list(zip(bounds.shares, bounds.bounds, strict=True))
        corners = "L".join(f"{axes.x(x):.1f} {axes.y(y):.1f}" for x, y in curve)
        right, top = WIDTH - RIGHT, axes.y(axes.y.high)
        beyond = f"M{axes.x(curve[0][0]):.1f} {top:.1f}L{corners}L{right} {axes.y(curve[-1][1]):.1f}L{right} {top:.1f}Z"
        marks.append(tag("path", d=beyond, class_="beyond"))
        marks.append(axes.line(curve, class_="line bound"))
    for k in range(len(subnetworks) - 1, -1, -1):
        s = subnetworks[k]
        share, value = s.costs[cost.key] / full.costs[cost.key], s.value / full.value
        hint = f"subnetwork {k}: {percent(share)} of {cost.label}, {percent(value)} of the score, gap {s.gap:.1e}"
        marks.append(disc(axes.x(share), axes.y(value), k, hint))
    label = f"Share of the score that each subnetwork keeps, against its share of {cost.label}: " + ", ".join(
        f"{percent(s.costs[cost.key] / full.costs[cost.key])} keeps {percent(s.value / full.value)}"
        for s in subnetworks
    )
    return axes.figure(label, f"{cost.label}, % of the full network", "score kept, %", *marks)


def curves_figure(stage: str, metric: str, curves: Sequence[Curve]) -> Markup:
    """A metric of a training stage by epoch, one line for each subnetwork."""
    share = "accuracy" in metric
    values = [v for c in curves for v in c.values]
    last = max(c.epochs[-1] for c in curves)
    axes = frame((0.0, float(max(last, 1))), padded(values, 0.05), y_divisor=PERCENT if share else 1.0, height=190)
    lines = []
    for curve in reversed(curves):
        points = list(zip(map(float, curve.epochs), curve.values, strict=True))
        style = "" if curve.subnetwork is None else f"stroke:var(--k{curve.subnetwork})"
        if len(points) == 1:
            (x, y), k = points[0], curve.subnetwork or 0
            lines.append(tag("circle", cx=axes.x(x), cy=axes.y(y), r=3, style=f"fill:var(--k{k})"))
        else:
            lines.append(axes.line(points, class_="line", style=style))
    shown = f"{_METRICS.get(metric, metric)}{', %' if share else ''}"
    ends = ", ".join(_end(curve, share) for curve in curves)
    return axes.figure(f"{stage}, {shown} by epoch; at the end: {ends}", "epoch", shown, *lines)


_METRICS = {"val/accuracy": "validation accuracy", "train/loss": "training loss", "val/loss": "validation loss"}


def _end(curve: Curve, share: bool) -> str:
    whose = "" if curve.subnetwork is None else f"subnetwork {curve.subnetwork} "
    return whose + (percent(curve.values[-1]) if share else f"{curve.values[-1]:.3g}")


def _whisker(x: float, bottom: float, top: float) -> Markup | None:
    if abs(bottom - top) < 0.5:
        return None
    return tag(
        "path",
        d=f"M{x:.1f} {bottom:.1f}V{top:.1f}M{x - 3:.1f} {bottom:.1f}h6M{x - 3:.1f} {top:.1f}h6",
        class_="whisker",
    )


def _accuracy(s: Spread) -> str:
    if len(s.values) == 1:
        return percent(s.mean)
    return f"{100 * s.mean:.1f} ± {percent(s.deviation)} over {len(s.values)} seeds"
