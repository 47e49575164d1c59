"""HTML and SVG from Python, escaped unless it is markup already: names of classes and files can't break a page."""

from __future__ import annotations

import html
import json
from typing import Any


class Markup(str):
    """Text that is HTML already."""

    __slots__ = ()


def tag(name: str, *children: str | Markup | None, **attributes: Any) -> Markup:
    """An element. Children that are no `Markup` are escaped; None is left out.

    Attributes: ``class_`` means class, ``aria_label`` aria-label; True is an attribute without value, None and False
    are left out; numbers are written short.
    """
    given = "".join(_attribute(key, value) for key, value in attributes.items())
    inside = join(*children)
    return Markup(f"<{name}{given}>{inside}</{name}>") if name not in _VOID else Markup(f"<{name}{given}>")


def join(*children: str | Markup | None) -> Markup:
    """Children one after the other, escaped where they are no markup."""
    return Markup("".join(c if isinstance(c, Markup) else html.escape(c) for c in children if c is not None))


def embedded_json(content: Any) -> Markup:
    """JSON that may stand in a script element: whatever strings hold, neither it nor a comment can end there."""
    text = json.dumps(content, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return Markup(text)


_VOID = {"input", "br", "meta"}


def _attribute(key: str, value: Any) -> str:
    if value is None or value is False:
        return ""
    name = key.rstrip("_").replace("_", "-").replace("viewbox", "viewBox")
    if value is True:
        return f" {name}"
    text = f"{value:.2f}".rstrip("0").rstrip(".") if isinstance(value, float) else str(value)
    return f' {name}="{html.escape(text)}"'
