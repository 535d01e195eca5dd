"""Who eats whom, and the rates at which it happens: what tier P (the food-web equations) is made of.

Biomass is a density in g m-2 (1 g m-2 is 1,000 kg km-2), time in days.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from merian.core.errors import BadData, Mismatch

__all__ = ["LINK", "SPECIES", "Doubles", "FoodWeb", "fed_by", "trophic_levels"]

Doubles = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

SPECIES = {
    "growth": 0.0,
    "capacity": np.inf,
    "rivalry": 0.0,
    "loss": 0.0,
    "interference": 0.0,
    "harvest": 0.0,
    "mutual": 1.0,
    "crowding": 0.0,
}
"""What is known of each species, and what holds where it is not said. growth: day-1, of what need not eat; capacity: g m-2; rivalry: the share of every
other producer's biomass that fills a producer's capacity too; loss: day-1, metabolism; interference: m2 g-1; harvest: day-1, taken from outside;
mutual: the exponent of interference (Arditi and Akcakaya's m where interference is strong); crowding: m2 g-1 day-1, deaths for want of room."""
LINK = {"share": 1.0, "attack": 0.0, "handling": 0.0, "efficiency": 1.0, "exponent": 1.0}
"""The same of each link. share: of the eater's effort; attack: m2 g-1 day-1 (g^(1-exponent) with an exponent that is not 1); handling: days;
efficiency: biomass made of biomass eaten; exponent: of the prey's biomass (1: Holling's type II, 2: type III)."""


@dataclass(frozen=True, eq=False)
class FoodWeb:
    """Species and links as columns.

    `names` [s]; `species` float64 [8, s], rows as in SPECIES; `eater`, `eaten` int64 [l], ordered by eater; `links` float64 [5, l], rows as in LINK.
    """

    names: tuple[str, ...]
    species: Doubles
    eater: Integers
    eaten: Integers
    links: Doubles

    @classmethod
    def of(
        cls,
        names: Sequence[str],
        eats: Sequence[tuple[int, int]],
        species: Mapping[str, Any],
        links: Mapping[str, Any] | None = None,
    ) -> FoodWeb:
        """A food web of named columns; `eats` are pairs (eater, eaten), in any order, and the columns of `links` are in that order.

        Raises BadData when a rate is no number or negative, a pair comes twice, or a species neither grows nor eats.
        """
        pairs = np.asarray(eats, np.int64).reshape(-1, 2)
        order = np.lexsort((pairs[:, 1], pairs[:, 0]))
        web = cls(
            tuple(names),
            _columns(SPECIES, species, len(names)),
            pairs[order, 0],
            pairs[order, 1],
            _columns(LINK, links or {}, len(pairs))[:, order],
        )
        _checked(web)
        return web

    def __getitem__(self, name: str) -> Doubles:
        """The column of this name: [s] or [l]."""
        table, known = (self.species, SPECIES) if name in SPECIES else (self.links, LINK)
        column: Doubles = table[list(known).index(name)]
        return column

    def changed(self, **columns: npt.ArrayLike) -> FoodWeb:
        """The same web with other values in some columns (links in this web's order)."""
        species, links = self.species.copy(), self.links.copy()
        for name, values in columns.items():
            if name in SPECIES:
                species[list(SPECIES).index(name)] = values
            else:
                links[list(LINK).index(name)] = values
        web = replace(self, species=species, links=links)
        _checked(web)
        return web

    @property
    def first(self) -> Integers:
        """Where the links of each eater begin: int64 [s + 1]."""
        return np.searchsorted(self.eater, np.arange(len(self.names) + 1))

    @property
    def producer(self) -> npt.NDArray[np.bool_]:
        """Which species grow without eating: bool [s]."""
        return self["growth"] > 0


def _columns(known: Mapping[str, float], given: Mapping[str, Any], length: int) -> Doubles:
    """The columns in their order, defaults where nothing is given: float64 [c, length]."""
    strange = sorted(set(given) - set(known))
    if strange:
        raise BadData("food web", f"knows the columns {', '.join(known)}", strange)
    table = np.empty((len(known), length))
    for row, (name, default) in zip(table, known.items(), strict=True):
        values = np.asarray(given.get(name, default), float)
        if values.shape not in ((), (length,)):
            raise Mismatch(f"column {name!r} and the food web", values.shape, (length,))
        row[:] = values
    return table


def _checked(web: FoodWeb) -> None:
    """Raise where a food web is none."""
    if len(set(web.names)) < len(web.names):
        raise BadData("food web", "a species comes once", sorted({n for n in web.names if web.names.count(n) > 1}))
    inside = (web.eater >= 0) & (web.eater < len(web.names)) & (web.eaten >= 0) & (web.eaten < len(web.names))
    if not inside.all():
        raise BadData("food web", "a link leads from one species to another", np.flatnonzero(~inside).tolist())
    twice = (np.diff(web.eater) == 0) & (np.diff(web.eaten) == 0)
    if twice.any():
        raise BadData("food web", "a link comes once", _said(web, twice))
    for name in SPECIES:
        wrong = ~(web[name] >= 0) | (np.isinf(web[name]) & (name != "capacity"))
        if wrong.any():
            raise BadData("food web", f"{name} is a number from 0 on", _named(web, wrong))
    for name in LINK:
        wrong = ~(np.isfinite(web[name]) & (web[name] >= 0))
        if wrong.any():
            raise BadData("food web", f"{name} is a number from 0 on", _said(web, wrong))
    if (web["efficiency"] > 1).any():
        raise BadData("food web", "no more than what is eaten becomes biomass", _said(web, web["efficiency"] > 1))
    dead = web.producer & (web["capacity"] == 0)
    if dead.any():
        raise BadData("food web", "what grows needs room (capacity)", _named(web, dead))
    fed = fed_by(web)
    if not fed.all():
        raise BadData(
            "food web",
            "each species grows by itself or eats, by whatever way, of something that does; these have no food",
            _named(web, ~fed),
        )


def fed_by(web: FoodWeb) -> npt.NDArray[np.bool_]:
    """Which species get anything that a producer made, by whatever chain of links: bool [s]. A ring of eaters that no producer feeds gets nothing."""
    fed = web.producer.copy()
    live = (web["share"] > 0) & (web["attack"] > 0)
    while True:
        more = np.unique(web.eater[live & fed[web.eaten]])
        if fed[more].all():
            return fed
        fed[more] = True


def _named(web: FoodWeb, species: npt.NDArray[np.bool_]) -> list[str]:
    return [web.names[at] for at in np.flatnonzero(species).tolist()]


def _said(web: FoodWeb, links: npt.NDArray[np.bool_]) -> list[str]:
    """Those links in words."""
    return [f"{web.names[web.eater[at]]} eats {web.names[web.eaten[at]]}" for at in np.flatnonzero(links).tolist()]


def trophic_levels(web: FoodWeb, flows: Doubles) -> Doubles:
    """The trophic level of each species: 1 for what grows, else 1 more than the mean level of what it eats, weighted by what it eats of it (`flows` [l], or
    any weights): Levine 1980, J. Theor. Biol. 83:195. Species that eat nothing at the moment weigh their links evenly."""
    count = len(web.names)
    eaten = np.bincount(web.eater, flows, count)
    even = np.bincount(web.eater, minlength=count)
    share = np.where(eaten[web.eater] > 0, flows, 1.0) / np.where(eaten > 0, eaten, even)[web.eater]
    diet = np.zeros((count, count))
    diet[web.eater, web.eaten] = share
    # what grows and also eats stands at its own level among eaters, with the weight that its food has; most webs have none
    diet[web.producer] = 0.0
    return np.asarray(np.linalg.solve(np.eye(count) - diet, np.ones(count)))
