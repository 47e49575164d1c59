"""Axes of the report's SVG figures: a frame 360 wide, which is a phone's width and a third of a page's."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from .markup import Markup, tag
from .numbers import decades, ticks

WIDTH, HEIGHT = 360, 236
LEFT, RIGHT, TOP, BOTTOM = 42, 12, 12, 38


@dataclass(frozen=True)
class Axis:
    """Data from ``low`` to ``high`` on pixels from ``start`` to ``end``; shown divided by ``divisor``."""

    low: float
    high: float
    start: float
    end: float
    divisor: float = 1.0
    logarithmic: bool = False

    def __call__(self, value: float) -> float:
        """The pixel of a number."""
        low, high = self.low, self.high
        if self.logarithmic:
            value, low, high = math.log(value), math.log(low), math.log(high)
        return self.start + (value - low) / (high - low) * (self.end - self.start)

    def ticks(self) -> Sequence[float]:
        """Round numbers in the unit that is shown, as data."""
        low, high = self.low / self.divisor, self.high / self.divisor
        return [t * self.divisor for t in (decades(low, high) if self.logarithmic else ticks(low, high))]

    def text(self, value: float) -> str:
        """A tick's label."""
        return f"{value / self.divisor:,.10g}"


@dataclass(frozen=True)
class Frame:
    """Two axes, and what is drawn between them."""

    x: Axis
    y: Axis
    height: int = HEIGHT

    def figure(self, label: str, x_title: str, y_title: str, *marks: Markup) -> Markup:
        """The SVG: grid, ticks, titles and marks; ``label`` says in words what it shows."""
        return tag(
            "svg",
            self._grid(),
            *marks,
            tag("text", y_title, x=0, y=9, class_="axis-title"),
            tag("text", x_title, x=WIDTH - RIGHT, y=self.height - 4, text_anchor="end", class_="axis-title"),
            viewbox=f"0 0 {WIDTH} {self.height}",
            role="img",
            aria_label=label,
        )

    def line(self, points: Sequence[tuple[float, float]], **attributes: str | None) -> Markup:
        """A polyline through data points."""
        d = "M" + "L".join(f"{self.x(x):.1f} {self.y(y):.1f}" for x, y in points)
        return tag("path", d=d, fill="none", **attributes)

    def _grid(self) -> Markup:
        lines = []
        for y in self.y.ticks():
            at = self.y(y)
            lines.append(tag("line", x1=LEFT, x2=WIDTH - RIGHT, y1=at, y2=at))
            lines.append(tag("text", self.y.text(y), x=LEFT - 6, y=at + 3.5, text_anchor="end"))
        base = self.height - BOTTOM
        for x in self.x.ticks():
            at = self.x(x)
            lines.append(tag("line", x1=at, x2=at, y1=base, y2=base + 4, class_="tick"))
            lines.append(tag("text", self.x.text(x), x=at, y=base + 16, text_anchor="middle"))
        return tag("g", *lines, class_="grid")


def frame(
    x: tuple[float, float],
    y: tuple[float, float],
    x_divisor: float = 1.0,
    y_divisor: float = 1.0,
    height: int = HEIGHT,
    logarithmic: bool = False,
) -> Frame:
    """A frame for data in these ranges; a range without extent is widened. ``logarithmic``: the x axis."""
    x, y = _widened(x), _widened(y)
    return Frame(
        Axis(*x, LEFT, WIDTH - RIGHT, x_divisor, logarithmic), Axis(*y, height - BOTTOM, TOP + 8, y_divisor), height
    )


def padded(values: Sequence[float], share: float = 0.08) -> tuple[float, float]:
    """The range of values, and a little more at both ends."""
    low, high = min(values), max(values)
    return low - share * (high - low), high + share * (high - low)


def disc(x: float, y: float, number: int, hint: str, color: str | None = None) -> Markup:
    """A subnetwork as a numbered disc, in its colour unless another is given; the hint shows under the mouse."""
    return tag(
        "g",
        tag("title", hint),
        tag("circle", r=8, class_="disc", style=f"fill:{color or f'var(--k{number})'}"),
        tag("text", str(number), y=3.5, class_="number"),
        transform=f"translate({x:.1f} {y:.1f})",
    )


def swatch(kind: str) -> Markup:
    """A mark for the legend."""
    small = tag("g", mark(kind, 0, 0), transform="translate(9 7) scale(.7)") if kind == "int8" else mark(kind, 9, 7)
    return tag("svg", small, class_="swatch", viewbox="0 0 18 14", aria_hidden="true")


def mark(kind: str, x: float, y: float, hint: str | None = None, color: str | None = None) -> Markup:
    """What is no subnetwork's disc: baselines, the pretrained network, single seeds, int8."""
    shapes = {
        "alone": tag("circle", r=5, class_="hollow"),
        "scratch": tag("path", d="M-4-4L4 4M-4 4L4-4", class_="hollow"),
        "pretrained": tag("path", d="M0-6L6 0L0 6L-6 0Z", class_="hollow"),
        "int8": tag("path", d="M-9-9H9V9H-9Z", class_="hollow around"),
        "seed": tag("circle", r=2, class_="seed"),
        "nested": tag("circle", r=6, class_="disc plain"),
    }
    shape = shapes.get(kind, tag("path", d="M0-5L5 4L-5 4Z", class_="hollow"))
    title = tag("title", hint) if hint else Markup()
    style = f"--mark:{color}" if color else None
    return tag("g", title, shape, transform=f"translate({x:.1f} {y:.1f})", style=style)


def _widened(limits: tuple[float, float]) -> tuple[float, float]:
    low, high = limits
    return (low, high) if high > low else (low - 0.05 * abs(low) - 0.01, high + 0.05 * abs(high) + 0.01)
