"""Pigments: colours named by lightness, chroma and hue in OKLCH, where equal steps look equal (Ottosson 2020)."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

__all__ = ["INK", "PAPER", "Pigment", "natural_hue"]


def _linear_rgb(lightness: float, a: float, b: float) -> tuple[float, float, float]:
    """Linear sRGB of an OKLab colour; components outside [0, 1] are out of gamut. Source: Ottosson 2020, 'Oklab'."""
    long = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3
    medium = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3
    short = (lightness - 0.0894841775 * a - 1.2914855480 * b) ** 3
    return (
        4.0767416621 * long - 3.3077115913 * medium + 0.2309699292 * short,
        -1.2684380046 * long + 2.6097574011 * medium - 0.3413193965 * short,
        -0.0041960863 * long - 0.7034186147 * medium + 1.7076147010 * short,
    )


def _encode(value: float) -> int:
    """The sRGB byte of a linear component (IEC 61966-2-1)."""
    value = min(1.0, max(0.0, value))
    curved = 12.92 * value if value <= 0.0031308 else 1.055 * value ** (1 / 2.4) - 0.055
    return int(curved * 255 + 0.5)


class Pigment(NamedTuple):
    """A colour: lightness 0 to 1, chroma 0 to about 0.3, hue in degrees (30 red, 90 yellow, 145 green, 255 blue)."""

    lightness: float
    chroma: float
    hue_deg: float

    def argb(self, alpha: float = 1.0) -> int:
        """This colour as 0xAARRGGBB; chroma gives way until it fits into sRGB, lightness and hue stay."""
        lightness = min(1.0, max(0.0, self.lightness))
        angle = math.radians(self.hue_deg)
        cos, sin, chroma = math.cos(angle), math.sin(angle), max(0.0, self.chroma)
        rgb = _linear_rgb(lightness, chroma * cos, chroma * sin)
        while chroma > 0.004 and (min(rgb) < -0.002 or max(rgb) > 1.002):
            chroma *= 0.88
            rgb = _linear_rgb(lightness, chroma * cos, chroma * sin)
        red, green, blue = (_encode(c) for c in rgb)
        return int(min(1.0, max(0.0, alpha)) * 255 + 0.5) << 24 | red << 16 | green << 8 | blue

    def tone(self, step: float) -> Pigment:
        """This colour lighter (or darker, if negative) by `step`; shadows turn a little to violet, lights to yellow."""
        lightness = min(0.99, max(0.06, self.lightness + step))
        return Pigment(lightness, self.chroma * (1.0 - 0.35 * abs(step)), self.hue_deg)

    def dull(self, share: float) -> Pigment:
        """This colour with the given share of its chroma."""
        return Pigment(self.lightness, self.chroma * share, self.hue_deg)

    def turn(self, degrees: float) -> Pigment:
        """This colour with its hue turned."""
        return Pigment(self.lightness, self.chroma, self.hue_deg + degrees)

    def mix(self, other: Pigment, share: float) -> Pigment:
        """This colour with `share` of another, mixed in OKLab so that no hue in between appears from nowhere."""
        mine, theirs = math.radians(self.hue_deg), math.radians(other.hue_deg)
        a = (1 - share) * self.chroma * math.cos(mine) + share * other.chroma * math.cos(theirs)
        b = (1 - share) * self.chroma * math.sin(mine) + share * other.chroma * math.sin(theirs)
        lightness = (1 - share) * self.lightness + share * other.lightness
        return Pigment(lightness, math.hypot(a, b), math.degrees(math.atan2(b, a)))


INK = Pigment(0.2, 0.02, 60.0)
"""Iron-gall ink: what outlines, eyes and captions are drawn with."""
PAPER = Pigment(0.945, 0.022, 88.0)
"""Old laid paper."""


def natural_hue(hue_deg: float) -> float:
    """The OKLCH hue of a place on the circle of animal pigments: browns, reds and yellows (melanins, carotenoids, pterins) take
    up to 150 degrees, greens little, structural blues the rest to 290. Monotone, so that relatives stay alike.
    """
    return float(np.interp(hue_deg, (15.0, 150.0, 185.0, 290.0), (15.0, 108.0, 205.0, 292.0)))
