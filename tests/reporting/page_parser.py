"""Reads a page as a browser does, and complains about elements that are not closed in order."""

from __future__ import annotations

import json
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

VOID = {"meta", "input", "br", "link"}


class Page(HTMLParser):
    """Elements with their attributes, the text, table rows as lists of texts, and the embedded JSON."""

    def __init__(self, path: Path) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.rows: list[list[str]] = []
        self.text = ""
        self._json = ""
        self._in_json = False
        self.feed(path.read_text(encoding="utf-8"))
        self.close()
        assert self.open == []

    @property
    def data(self) -> Any:
        return json.loads(self._json)

    def named(self, name: str) -> list[dict[str, str | None]]:
        return [attributes for tag, attributes in self.elements if tag == name]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = dict(attrs)
        assert len(attributes) == len(attrs), f"an attribute of <{tag}> is given twice"
        self.elements.append((tag, attributes))
        if tag not in VOID:
            self.open.append(tag)
        self._in_json = attributes.get("type") == "application/json"
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th") and self.rows:
            self.rows[-1].append("")

    def handle_endtag(self, tag: str) -> None:
        assert self.open and self.open[-1] == tag, f"</{tag}> closes <{self.open[-1:]}>"
        self.open.pop()
        self._in_json = False

    def handle_data(self, data: str) -> None:
        if self._in_json:
            self._json += data
        elif self.open and self.open[-1] not in ("script", "style"):
            self.text += data
            if {"td", "th"} & set(self.open) and self.rows:
                self.rows[-1][-1] += data
