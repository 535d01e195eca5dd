"""Acuity as blur and as distance, the lights of day and night, and how a wide field is laid on a flat picture.

Acuity is given as a, the finest grating that is told apart, in cycles per degree. Contrast at frequency f passes as exp(-3.56 (f/a)^2) (AcuityView: Caves &
Johnsen 2018, doi:10.1111/2041-210X.12911), which is a Gaussian blur of deviation sqrt(3.56 / 2) / (pi a) = 0.4247 / a degrees, 1/a wide at half height.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from merian.core.errors import BadSetting
from merian.twin.foodweb import Doubles

__all__ = [
    "LIGHTS",
    "PASSES",
    "Light",
    "Projection",
    "angle_of",
    "blur_deg",
    "degrees_across",
    "passes",
    "place_of",
    "projection",
    "sees_body_at_m",
    "sees_stripes_at_m",
]

PASSES = 3.56
"""Exponent of the contrast that passes at the limit of acuity: 3 % (AcuityView)."""
DEGREE = math.pi / 180.0
Projection = Literal["rectilinear", "stereographic", "equirectangular"]
FLAT_DEG, ROUND_DEG = 120.0, 200.0
"""Widest field that is shown as a photo would, and widest that is shown as by a fisheye. From taste."""


@dataclass(frozen=True, slots=True)
class Light:
    """How much of the acuity of daylight is left and the most that is left to any eye (cycles per degree), whether rods alone see, and `photons`: those counted
    for a white on each patch that a human eye tells apart."""

    acuity: float
    most_cpd: float
    rods: bool
    photons: float
    meaning: str


LIGHTS: Mapping[str, Light] = {
    "day": Light(1.0, math.inf, False, math.inf, "daylight"),
    "twilight": Light(0.6, math.inf, False, 1000.0, "twilight"),
    "night": Light(0.18, 2.86, True, 80.0, "a night without moon"),
}
"""Lights by name. Carnivores see a zebra's stripes to 50 m by day and 30 m at twilight, and on a moonless night no species sees them beyond 9 m (Melin et al.
2016): 30 and 9 of 50, and 9 m of stripes of 5.5 cm are 2.86 cycles per degree. Other species follow for want of figures. Photons are from taste."""


def blur_deg(acuity_cpd: npt.ArrayLike) -> Doubles:
    """Standard deviation of the Gaussian that stands for an eye of this acuity, degrees."""
    return np.asarray(math.sqrt(PASSES / 2.0) / math.pi / np.asarray(acuity_cpd, float))


def passes(cycles_per_degree: npt.ArrayLike, acuity_cpd: npt.ArrayLike) -> Doubles:
    """The share of contrast that passes at a frequency."""
    return np.asarray(np.exp(-PASSES * (np.asarray(cycles_per_degree, float) / np.asarray(acuity_cpd, float)) ** 2))


def sees_stripes_at_m(period_m: npt.ArrayLike, acuity_cpd: npt.ArrayLike) -> Doubles:
    """How far off stripes of this period (a dark and a light one) are still told apart: where one cycle fills 1 / acuity degrees."""
    return np.asarray(np.asarray(period_m, float) * np.asarray(acuity_cpd, float) / DEGREE)


def sees_body_at_m(size_m: npt.ArrayLike, acuity_cpd: npt.ArrayLike) -> Doubles:
    """How far off a body of this size is more than a blurred point: where it fills 1 / acuity degrees.

    An upper bound: contrast, cover and attention come on top. size_m and acuity_cpd may be arrays (they are broadcast): metres by cycles per degree.
    """
    return sees_stripes_at_m(size_m, acuity_cpd)


def degrees_across(span_m: float, distance_m: float) -> float:
    """The angle that something `span_m` wide fills at a distance."""
    if not (span_m > 0 and distance_m > 0):
        raise BadSetting("distance", distance_m, f"a span ({span_m:g} m) and a distance are above 0")
    return 2.0 * math.atan2(span_m, 2.0 * distance_m) / DEGREE


def projection(field_deg: float) -> Projection:
    """How a field so wide is laid on a flat picture: as a photo to 120 degrees, stereographic to 200, as a strip of equal degrees beyond."""
    if field_deg <= FLAT_DEG:
        return "rectilinear"
    return "stereographic" if field_deg <= ROUND_DEG else "equirectangular"


def place_of(angle_deg: npt.ArrayLike, field_deg: float, how: Projection | None = None) -> Doubles:
    """Where a direction so far from straight ahead falls across the picture of a field: -1 at the left edge, 1 at the right one."""
    how = how or projection(field_deg)
    edge, angle = field_deg * DEGREE / 2.0, np.asarray(angle_deg, float) * DEGREE
    if how == "equirectangular":
        return np.asarray(angle / edge)
    half = 1.0 if how == "rectilinear" else 2.0
    return np.asarray(np.tan(angle / half) / math.tan(edge / half))


def angle_of(place: npt.ArrayLike, field_deg: float, how: Projection | None = None) -> Doubles:
    """The other way round: the degrees from straight ahead of a place between -1 and 1 across the picture."""
    how = how or projection(field_deg)
    edge, at = field_deg * DEGREE / 2.0, np.asarray(place, float)
    if how == "equirectangular":
        return np.asarray(at * edge / DEGREE)
    half = 1.0 if how == "rectilinear" else 2.0
    return np.asarray(half * np.arctan(at * math.tan(edge / half)) / DEGREE)
