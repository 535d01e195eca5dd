"""What a hunter can see: how far off a body is more than a point to its eyes, by day and by night, and how far one can see at all among trees.

A body of size s fills 1 / acuity degrees, the finest that an eye of so many cycles per degree tells apart, at R = s acuity 180 / pi
(merian.twin.senses.optics: the same law as in the animal's own view), less at twilight and at night. Cover in the way lets a line of sight of x m through
with chance exp(-x / v), as obstacles at random do; a hunter that goes straight on then sees what lies within

    r = integral_0^R exp(-x / v) dx = v (1 - exp(-R / v))

to either side (the effective half-width of distance sampling: Buckland et al. 2001, Introduction to Distance Sampling), and meets 2 r u D prey in a day, u
being its speed past them and D their density (an ideal gas: Hutchinson & Waser 2007, Biol. Rev. 82:335).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from merian.core.errors import BadData, BadSetting, Mismatch
from merian.twin.engine import Moment
from merian.twin.foodweb import Doubles, FoodWeb
from merian.twin.ledger import Array, Flow, Variable
from merian.twin.senses.optics import LIGHTS, sees_body_at_m

__all__ = [
    "SEEN",
    "Seeing",
    "Sight",
    "acuity_of_mass",
    "body_m",
    "clear_m",
    "hours_of_light",
    "sight_of",
    "strip_m",
]

DARK_DEG = -12.0
"""Height of the sun below which twilight is over (nautical)."""
ACUITY = (-0.288, 0.239, 0.333)
"""Intercept, slope and sd of log10 acuity (cycles per degree) on log10 mass (g): least squares over 16 mammals of mouse to elephant in senses/species.toml."""
WATER = 1000.0
"""kg m-3, of bodies."""
SEEN = Variable(
    "seen",
    "1",
    ("link", "y", "x"),
    "Rate of meeting prey, as a multiple of its mean over days and land",
    0.0,
    1e6,
    "made",
)
"""The variable of sight."""


@dataclass(frozen=True, eq=False)
class Sight:
    """Eyes and bodies, each [s]: `acuity_cpd` in daylight (NaN: not known, its hunting does not depend on sight), `size_m` of the body, and how `active` it
    is by day, at twilight, at night [3, s], 0 to 1. One can see `open_m` far without trees, and `closed_m` under them (mean lengths of free lines of
    sight).

    Raises Mismatch when lengths differ, BadData for values out of bounds.
    """

    acuity_cpd: Doubles
    size_m: Doubles
    active: Doubles
    open_m: float = 1000.0
    closed_m: float = 30.0

    def __post_init__(self) -> None:
        if self.size_m.shape != self.acuity_cpd.shape or self.active.shape != (3, *self.size_m.shape):
            raise Mismatch("columns of sight", self.active.shape, (3, *self.size_m.shape))
        if not ((self.acuity_cpd > 0) | np.isnan(self.acuity_cpd)).all() or not (self.size_m >= 0).all():
            raise BadData("sight", "acuity is above 0 (or not known), and bodies are of 0 m or more")
        if not ((self.active >= 0) & (self.active <= 1)).all():
            raise BadData("sight", "animals are active from none to all of the time")
        if not 0 < self.closed_m <= self.open_m:
            raise BadData("sight", "under trees one sees no farther than without", [str((self.closed_m, self.open_m))])


def body_m(mass_g: npt.ArrayLike) -> Doubles:
    """The size of a body, m: the edge of a cube of water of its mass."""
    return np.asarray(np.cbrt(np.asarray(mass_g, float) / 1000.0 / WATER))


def acuity_of_mass(mass_g: npt.ArrayLike) -> Doubles:
    """Acuity, cycles per degree, of a mammal of which mass alone is known (ACUITY): a factor of two either way, and less than that of primates and birds of
    prey."""
    return np.asarray(10.0 ** ACUITY[0] * np.asarray(mass_g, float) ** ACUITY[1])


def sight_of(mass_g: Doubles, acuity_cpd: Doubles, active: Mapping[str, Doubles]) -> tuple[Sight, tuple[str, ...]]:
    """The Sight of animals of so many g (0: what grows) with what is known of their acuity (NaN: nothing), and the evidence of each: observed or assumed.

    active: active_day, active_twilight and active_night [s], as traits have them; one of which nothing is known (all 0) is active always.
    """
    known = np.isfinite(acuity_cpd)
    acuity = np.where(known, acuity_cpd, np.where(mass_g > 0, acuity_of_mass(np.maximum(mass_g, 1e-9)), np.nan))
    when = np.nan_to_num(np.stack([active["active_day"], active["active_twilight"], active["active_night"]]))
    when = np.where(when.sum(0) > 0, when, 1.0)
    evidence = tuple("observed" if one else "assumed" for one in known.tolist())
    return Sight(acuity, body_m(mass_g), when), evidence


def strip_m(range_m: npt.ArrayLike, clear: npt.ArrayLike) -> Doubles:
    """What a hunter sees to either side, m: v (1 - exp(-R / v)) for a range R and free lines of sight of mean length v."""
    far, free = np.asarray(range_m, float), np.asarray(clear, float)
    return np.asarray(free * -np.expm1(-far / free))


def clear_m(trees: Doubles, sight: Sight) -> Doubles:
    """The mean length of free lines of sight, m [y, x], where so large a share of the cell is under trees: from `open_m` to `closed_m`, in equal ratios."""
    return np.asarray(sight.open_m ** (1 - trees) * sight.closed_m**trees)


def hours_of_light(latitude_deg: float, day: float, days: float) -> Doubles:
    """The shares of day, twilight and night in a step [3]: sun above the horizon, at most 12 degrees below it, lower (declination: FAO-56, equation 24).

    day: of the year, whole numbers being midnights. The sun is looked at every quarter of an hour at least.
    """
    if not -90 <= latitude_deg <= 90:
        raise BadSetting("latitude_deg", latitude_deg, "from -90 to 90")
    looks = max(4, math.ceil(days * 96))
    at = day + days * (np.arange(looks) + 0.5) / looks
    tilt, angle = 0.409 * np.sin(2 * np.pi * (np.floor(at) + 1) / 365 - 1.39), math.radians(latitude_deg)
    height = math.sin(angle) * np.sin(tilt) - math.cos(angle) * np.cos(tilt) * np.cos(2 * np.pi * at)
    up = height > 0
    dark = height < math.sin(math.radians(DARK_DEG))
    return np.array([up.mean(), (~up & ~dark).mean(), dark.mean()])


class Seeing:
    """How well each hunter sees each of its prey in each cell in this step.

    For hunter i and prey j: r = v (1 - exp(-R / v)), R = size_j acuity_i light 180 / pi, v the free line of sight of the cell; light is 1 by day, 0.6 at
    twilight, 0.18 at night, when no eye has more than 2.86 (Melin et al. 2016, doi:10.1371/journal.pone.0145679). r is taken times how active the hunter is
    then, over its mean over a day of equal length of day and night and over the land, so that the rates of the food web hold in the mean. Plants, and prey
    of hunters of whose eyes nothing is known, are met at the same rate at all times.
    """

    name = "sight"
    reads = ()
    writes = ("seen",)

    def __init__(
        self, web: FoodWeb, sight: Sight, land: npt.NDArray[np.bool_], trees: Doubles, latitude_deg: float
    ) -> None:
        """land, trees: [y, x]. Raises Mismatch when columns do not fit the web, BadData for a hunter by sight that is never active."""
        if len(sight.size_m) != len(web.names):
            raise Mismatch("columns of sight and food web", len(sight.size_m), len(web.names))
        self.latitude_deg, clear = latitude_deg, clear_m(trees, sight)
        even = hours_of_light(latitude_deg, 80.0, 1.0)
        # cell by cell, as it is read
        self.strips = np.ones((3, *land.shape, len(web.eater)))
        for link, (own, food) in enumerate(zip(web.eater.tolist(), web.eaten.tolist(), strict=True)):
            if web.producer[food] or np.isnan(sight.acuity_cpd[own]) or sight.size_m[food] <= 0:
                continue
            for at, light in enumerate(LIGHTS.values()):
                acuity = min(sight.acuity_cpd[own] * light.acuity, light.most_cpd)
                far = sees_body_at_m(sight.size_m[food], acuity)
                self.strips[at, ..., link] = sight.active[at, own] * strip_m(far, clear)
            mean = float(even @ self.strips[..., link][:, land].mean(1))
            if mean <= 0:
                raise BadData("sight", "who hunts is active at some time of the day", [web.names[own]])
            self.strips[..., link] /= mean

    def step(self, values: dict[str, Array], moment: Moment) -> Mapping[str, Flow]:
        """Set what is seen."""
        shares = hours_of_light(self.latitude_deg, moment.day % 365.25, moment.days)
        full = np.flatnonzero(shares == 1.0)
        # most hours are all day or all night, of which everything is known
        seen = self.strips[full[0]] if len(full) else np.tensordot(shares, self.strips, 1)
        values["seen"] = np.moveaxis(seen, -1, 0)
        return {}
