"""Colours of the report and the plots: one ramp from the full network to the smallest subnetwork.

The ramp runs evenly in OKLCH (Ottosson, "A perceptual color space for image processing", 2020), so neighbours differ
as much at its beginning as at its end. Colour never speaks alone: points and bars also carry the subnetwork's number.
"""

from __future__ import annotations

import math

# lightness, chroma and hue at the full network, in the middle, and at the smallest subnetwork
_LIGHT = ((0.42, 0.17, 278.0), (0.58, 0.11, 205.0), (0.70, 0.15, 65.0))
_DARK = ((0.70, 0.15, 285.0), (0.78, 0.11, 205.0), (0.84, 0.14, 80.0))


def ramp(count: int, dark: bool = False) -> tuple[str, ...]:
    """Hex colours of ``count`` subnetworks, the full network's first."""
    stops = _DARK if dark else _LIGHT
    colors = []
    for k in range(count):
        at = 2 * k / max(count - 1, 1)
        left = min(int(at), 1)
        mixed = (a + (b - a) * (at - left) for a, b in zip(stops[left], stops[left + 1], strict=True))
        colors.append(oklch_to_hex(*mixed))
    return tuple(colors)


def oklch_to_hex(lightness: float, chroma: float, hue: float) -> str:
    """The sRGB colour nearest to an OKLCH colour (hue in degrees); the matrices are Ottosson's."""
    a, b = chroma * math.cos(math.radians(hue)), chroma * math.sin(math.radians(hue))
    long = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3
    medium = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3
    short = (lightness - 0.0894841775 * a - 1.2914855480 * b) ** 3
    linear = (
        4.0767416621 * long - 3.3077115913 * medium + 0.2309699292 * short,
        -1.2684380046 * long + 2.6097574011 * medium - 0.3413193965 * short,
        -0.0041960863 * long - 0.7034186147 * medium + 1.7076147010 * short,
    )
    return "#" + "".join(f"{round(255 * _encoded(min(max(x, 0.0), 1.0))):02x}" for x in linear)


def _encoded(linear: float) -> float:
    """The sRGB transfer function."""
    return 12.92 * linear if linear <= 0.0031308 else 1.055 * linear ** (1 / 2.4) - 0.055
