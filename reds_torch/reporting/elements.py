"""Elements that the sections of the report are made of."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from .markup import Markup, tag

# a table that is wider than a phone scrolls, also by keyboard
SCROLLS = {"tabindex": "0", "role": "region", "aria_label": "table"}


def section(name: str, title: str, *content: Markup | None) -> Markup:
    """A part of the page under a heading."""
    return tag("section", tag("h2", title), *content, class_=name)


def table(caption: str | None, head: Sequence[str], rows: Iterable[tuple[int, Sequence[str]]]) -> Markup:
    """A table with one row for each subnetwork."""
    first, *others = head
    return tag(
        "div",
        tag(
            "table",
            tag("caption", caption) if caption else None,
            tag("thead", tag("tr", tag("td", first), *(tag("th", name, scope="col") for name in others))),
            tag(
                "tbody",
                *(tag("tr", tag("th", chip(k), scope="row"), *(tag("td", c) for c in cells)) for k, cells in rows),
            ),
        ),
        class_="scroll",
        **SCROLLS,
    )


def chip(k: int) -> Markup:
    """A subnetwork's number in its colour."""
    return tag("b", str(k), class_="chip", style=f"background:var(--k{k})")


def capital(text: str) -> str:
    """With a capital first letter; others, as in MACs, stay."""
    return text[:1].upper() + text[1:]


def duration(seconds: float) -> str:
    """A time in the unit that fits."""
    if seconds < 90:
        return f"{seconds:.1f} s"
    return f"{seconds / 60:.1f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
