"""Which classes each subnetwork takes for which: matrices, and the most frequent mistakes."""

from __future__ import annotations

from collections.abc import Sequence

from .elements import chip, section
from .markup import Markup, join, tag
from .numbers import percent
from .run_record import RunRecord

MATRIX_CLASSES = 24  # more classes are shown by their most frequent confusions only
CONFUSIONS = 8
STRONG = {"right": 0.85, "wrong": 0.5}  # from this share on, numbers stand on a dark ground


def confusion_section(record: RunRecord) -> Markup | None:
    """One figure for each subnetwork; nothing where nothing was counted."""
    shown = [(k, s.confusion) for k, s in enumerate(record.subnetworks) if s.confusion]
    if not shown:
        return None
    figures = []
    for k, counts in shown:
        known = len(record.classes) == len(counts)
        names = [c.strip("_") for c in record.classes] if known else [str(i) for i in range(len(counts))]
        accuracy = record.subnetworks[k].accuracy.get(record.split)
        caption = join(
            chip(k), "full network" if k == 0 else f"subnetwork {k}", f" · {percent(accuracy)}" if accuracy else ""
        )
        matrix = _matrix(names, counts) if len(names) <= MATRIX_CLASSES else None
        figures.append(tag("figure", tag("figcaption", caption), matrix, _mistakes(names, counts)))
    return section(
        "confusions",
        "Confusions",
        tag(
            "p",
            "Rows are what was said or shown, columns what the subnetwork answered, in percent of the row; below, the "
            "most frequent mistakes.",
        ),
        tag("div", *figures, class_="figures matrices"),
    )


def _matrix(names: Sequence[str], counts: Sequence[Sequence[int]]) -> Markup:
    head = tag("tr", tag("td"), *(tag("th", tag("span", name), scope="col") for name in names))
    rows = []
    for i, row in enumerate(counts):
        total = sum(row) or 1
        cells = []
        for j, count in enumerate(row):
            share = count / total
            kind = "right" if i == j else "wrong"
            strong = " strong" if share > STRONG[kind] else ""
            text = f"{100 * share:.0f}" if count else ""
            hint = f"{names[i]} answered as {names[j]}: {count} of {sum(row)}"
            cells.append(tag("td", text, class_=kind + strong, style=f"--p:{share:.3f}", title=hint))
        rows.append(tag("tr", tag("th", names[i], scope="row"), *cells))
    return tag("table", tag("thead", head), tag("tbody", *rows), class_="matrix")


def _mistakes(names: Sequence[str], counts: Sequence[Sequence[int]]) -> Markup:
    wrong = [(count, i, j) for i, row in enumerate(counts) for j, count in enumerate(row) if i != j and count]
    wrong.sort(key=lambda entry: (-entry[0], entry[1:]))
    most = "; ".join(f"{names[i]} → {names[j]} {count}" for count, i, j in wrong[:CONFUSIONS])
    return tag("p", most or "no mistakes", class_="mistakes")
