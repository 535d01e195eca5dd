"""Young weigh what they weigh: how heavy they are born, weaned and grown up, and what a herd that has young in it should weigh.

A herd carries the share of its animals that are `young`, and by how much its animals are `ungrown`: what grown-ups in good condition weigh more than animals
of the herd's ages do, g, on the mean. The frame of the herd, F = A - ungrown, is what its animals would weigh, on the mean, if they were well fed; what they
do weigh is kept beside it, and they starve, breed and seek by the ratio of both. Growth is monomolecular, dW/dt = k (A - W) for each young (Brody 1945,
Bioenergetics and Growth), so that the mean of any mixture of ages follows the same law and no age need be kept: ungrown' = -k ungrown. With k = 3 / maturity
a young has put on 95 % of what it lacked at birth when it matures.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from merian.core.errors import BadData, Mismatch
from merian.twin.engine import Moment
from merian.twin.foodweb import Doubles
from merian.twin.herds.living import steps_of_day
from merian.twin.ledger import Array, Flow, Variable

__all__ = ["GROWING", "Growth", "Maturing", "growth_of"]

BIRTH = (-0.453, 0.823, -0.866)
"""Intercept, slope on log10 adult mass (g) and slope on log10 litter of log10 mass at birth (g): least squares over 985 placental mammals of PanTHERIA (Jones
et al. 2009, Ecology 90:2648); sd 0.245; `bench/young.py` fits it anew."""
WEANED = (0.005, 0.863, -0.322)
"""The same of mass at weaning, over 385 of them; sd 0.201."""
GROWN = 3.0
"""Growth over a time of maturity: exp(-3) = 5 % is left."""
GROWING = (
    Variable("young", "1", ("animal",), "Share of the herd that has not matured", 0.0, 1.0),
    Variable(
        "ungrown", "g", ("animal",), "What grown-ups weigh more than well-fed animals of its ages, mean", 0.0, 1e9
    ),
)
"""The variables of growing up; 0: all are grown up."""


@dataclass(frozen=True, eq=False)
class Growth:
    """How species grow up, each [s]: mass at birth and when they are weaned, g, and the age at which they mature, days. Where one of them is not known (NaN)
    the young are born grown up.

    Raises Mismatch when lengths differ, BadData for what cannot be.
    """

    birth_g: Doubles
    weaned_g: Doubles
    maturity_days: Doubles

    def __post_init__(self) -> None:
        columns = self.birth_g, self.weaned_g, self.maturity_days
        for column in columns:
            if column.shape != self.birth_g.shape:
                raise Mismatch("columns of growth", column.shape, self.birth_g.shape)
        known = self.known
        if not all((column[known] > 0).all() for column in columns):
            raise BadData("growth", "masses and ages are above 0 where they are known")
        if not (self.birth_g[known] <= self.weaned_g[known]).all():
            raise BadData("growth", "the young weigh no less when they are weaned than at birth")

    @property
    def known(self) -> npt.NDArray[np.bool_]:
        """Of which species all is known: bool [s]."""
        return np.asarray(np.isfinite(self.birth_g) & np.isfinite(self.weaned_g) & np.isfinite(self.maturity_days))

    def masses(self, adult_g: Doubles) -> tuple[Doubles, Doubles]:
        """Mass at birth and at weaning [s], no more than an adult's, and an adult's where nothing is known."""
        known = self.known
        weaned = np.where(known, np.fmin(self.weaned_g, adult_g), adult_g)
        return np.where(known, np.fmin(self.birth_g, weaned), adult_g), weaned


def growth_of(adult_g: Doubles, litter: Doubles, maturity_days: Doubles) -> Growth:
    """The Growth of mammals, and of birds as if they were mammals, by adult mass and litter [s] (BIRTH, WEANED); unknown where litter or maturity are."""
    known = (adult_g > 0) & (litter > 0) & (maturity_days > 0)
    mass, each = np.log10(np.where(known, adult_g, 1.0)), np.log10(np.where(known, litter, 1.0))
    found = [np.where(known, 10 ** (a + b * mass + c * each), np.nan) for a, b, c in (BIRTH, WEANED)]
    weaned = np.fmin(found[1], adult_g)
    return Growth(np.fmin(found[0], weaned), weaned, np.where(known, maturity_days, np.nan))


class Maturing:
    """The young grow up: what a herd's animals lack of a grown-up's frame falls by 3 / maturity a day, the share of young by 1 / maturity.

    Nothing is weighed here: what they put on they must eat. By the day, where steps are shorter.
    """

    name = "maturing"
    reads = ("species",)
    writes = ("young", "ungrown")

    def __init__(self, growth: Growth) -> None:
        with np.errstate(divide="ignore"):
            self.rate = np.where(growth.known, 1.0 / growth.maturity_days, math.inf)

    def step(self, values: dict[str, Array], moment: Moment) -> Mapping[str, Flow]:
        """Grow."""
        every = steps_of_day(moment.days)
        if moment.step % every:
            return {}
        left = np.exp(-self.rate * moment.days * every)
        values["young"] *= left[values["species"]]
        values["ungrown"] *= (left**GROWN)[values["species"]]
        return {}
