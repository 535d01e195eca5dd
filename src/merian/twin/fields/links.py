"""Weights of the terms of links, fitted to who was seen to eat whom, and how well they say it of eaters that were left out.

A link of an observed food web is a 1, every other pair of its animals a 0: a web says who eats whom, and what it does not say is taken as not so. The logarithm
of the odds is a constant and a weighted sum of the terms of feeding.feeding (logistic regression, by Newton's method; a ridge of 1e-3 keeps it from running
away).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl

from merian.core.errors import BadData
from merian.core.tree import read_table
from merian.twin.feeding import TERMS, WEIGHTS, Weights, feeding
from merian.twin.fields.asked import Asked, absent
from merian.twin.foodweb import Doubles
from merian.twin.species import Species, completed
from merian.twin.theory import Row
from merian.twin.traits import merged, read_traits

__all__ = ["Score", "Web", "fitted_weights", "left_out", "links", "observed_web", "score"]

Mask = npt.NDArray[np.bool_]
PAIRS = (
    ("eater", "eaten"),
    ("predator", "prey"),
    ("consumer", "resource"),
    ("consumer_species", "resource_species"),
)
"""Columns that say who eats whom, whatever their case."""
RIDGE, STEPS, LEAST = 1e-3, 30, 1e-6
WEB = "the web that is given as the table food_web"
ROWS = (
    Asked("links, fitted weights", "area under the curve of eaters that were left out: 0.75 or more", WEB, 1.0, 0.25),
    Asked("links, weights by hand", "area under the curve, all eaters: 0.75 or more", WEB, 1.0, 0.25),
    Asked(
        "links, fitted weights: loss",
        "of eaters that were left out, over that of saying how common links are: 1 or less",
        WEB,
        0.5,
        0.5,
    ),
    Asked("links, weights by hand: loss", "over that of saying how common links are: 1 or less", WEB, 0.5, 0.5),
)


@dataclass(frozen=True, eq=False)
class Web:
    """Observed links of animals: the `species`, the `terms` of each pair [s, s, 5] and whether the one `eats` the other [s, s]."""

    species: Species
    terms: Doubles
    eats: Mask

    @property
    def pairs(self) -> Mask:
        """Pairs of two kinds: [s, s]."""
        return ~np.eye(len(self.eats), dtype=bool)


@dataclass(frozen=True, slots=True)
class Score:
    """How well probabilities say who eats whom: area under the curve, mean logarithmic `loss`, and that of the web's share of links alone (`common`)."""

    area: float
    loss: float
    common: float


def observed_web(path: Path, mammals: Path, birds: Path) -> Web:
    """The web in a table of links whose animals are in EltonTraits' tables of mammals and birds; animals that are in neither are left out.

    Raises BadData when no two columns say who eats whom (PAIRS), or fewer than three animals are known.
    """
    table = read_table(path)
    lower = {column.lower(): column for column in table.columns}
    named = next(((lower[a], lower[b]) for a, b in PAIRS if a in lower and b in lower), None)
    if named is None:
        raise BadData(path, f"has two columns {' or '.join(f'{a}, {b}' for a, b in PAIRS)}", table.columns)
    seen = table.select(
        *(pl.col(c).cast(pl.String).str.replace_all(r"[\s_]+", " ").str.strip_chars() for c in named)
    ).drop_nulls()
    names = pl.concat([seen.to_series(0), seen.to_series(1)]).unique(maintain_order=True).to_list()
    known = [(read_traits(mammals), "Mammalia"), (read_traits(birds), "Aves")]
    of = {name: kind for cells, kind in known for name in set(cells["species"]) & set(names)}
    wanted = pl.DataFrame(
        [(name, of[name], "") for name in names if name in of], schema=["species", "class", "common"], orient="row"
    )
    if len(wanted) < 3:
        raise BadData(path, "links animals whose traits are known", names)
    species = completed(wanted, merged([cells for cells, _ in known], wanted["species"].to_list()), [])
    at = {name: place for place, name in enumerate(species.names)}
    eats = np.zeros((len(at), len(at)), bool)
    for eater, eaten in seen.iter_rows():
        if eater in at and eaten in at and eater != eaten:
            eats[at[eater], at[eaten]] = True
    found = feeding(species, [])
    return Web(species, np.stack([found.terms[name] for name in TERMS], -1), eats)


def fitted_weights(web: Web, eaters: Mask | None = None, begin: Weights | None = None) -> Weights:
    """The weights that make the links of these eaters ([s], all where None) likeliest, searched from `begin` on."""
    chosen = web.pairs & (np.ones(len(web.eats), bool) if eaters is None else eaters)[:, None]
    x = np.concatenate([np.ones((int(chosen.sum()), 1)), web.terms[chosen]], 1)
    y = web.eats[chosen].astype(float)
    weights = np.zeros(x.shape[1]) if begin is None else np.array(_numbers(begin))

    def likely(at: Doubles) -> float:
        odds = x @ at
        return float((y * odds - np.logaddexp(0.0, odds)).sum() - 0.5 * RIDGE * at @ at)

    now = likely(weights)
    for _ in range(STEPS):
        chance = _chance(x @ weights)
        slope = x.T @ (y - chance) - RIDGE * weights
        bend = (x * (chance * (1 - chance))[:, None]).T @ x + RIDGE * np.eye(len(weights))
        step = np.linalg.solve(bend, slope)
        # far from the best a whole step may overshoot
        part, after = 1.0, likely(weights + step)
        while after < now and part > 1e-6:
            part *= 0.5
            after = likely(weights + part * step)
        weights, now = weights + part * step, after
        if np.abs(step).max() < 1e-9:
            break
    return Weights(*weights.tolist())


def score(web: Web, chance: Doubles) -> Score:
    """The Score of probabilities [s, s]."""
    from scipy.stats import rankdata

    y, p = web.eats[web.pairs], np.clip(chance[web.pairs], LEAST, 1 - LEAST)
    count, share = int(y.sum()), float(y.mean())
    ranks = float(rankdata(chance[web.pairs])[y].sum())
    area = (ranks - count * (count + 1) / 2) / (count * (len(y) - count))
    loss = -float(np.where(y, np.log(p), np.log1p(-p)).mean())
    return Score(area, loss, -(share * np.log(share) + (1 - share) * np.log1p(-share)))


def left_out(web: Web) -> Doubles:
    """The probability of each pair by the weights fitted to all other eaters: [s, s]."""
    whole, chance = fitted_weights(web), np.zeros(web.eats.shape)
    for eater in range(len(web.eats)):
        others = np.arange(len(web.eats)) != eater
        weights = _numbers(fitted_weights(web, others, whole))
        chance[eater] = _chance(weights[0] + web.terms[eater] @ np.array(weights[1:]))
    return chance


def links(path: Path | None, mammals: Path | None = None, birds: Path | None = None) -> list[Row]:
    """The rows of links: weights fitted to a food web, and those set by hand, held against it."""
    if path is None or mammals is None or birds is None:
        return absent(ROWS, "food_web (with EltonTraits)")
    web = observed_web(path, mammals, birds)
    fitted = score(web, left_out(web))
    hand = _numbers(WEIGHTS["hand"])
    by_hand = score(web, _chance(hand[0] + web.terms @ np.array(hand[1:])))
    whole = fitted_weights(web)
    said = f"{len(web.eats)} animals, {int(web.eats.sum()):,} links"
    words = ", ".join(f"{name} {value:.2g}" for name, value in zip(("constant", *TERMS), _numbers(whole), strict=True))
    found = (fitted.area, by_hand.area, fitted.loss / fitted.common, by_hand.loss / by_hand.common)
    told = (f"{said}; {words}", said, "", "")
    return [asked.row(value, text) for asked, value, text in zip(ROWS, found, told, strict=True)]


def _numbers(weights: Weights) -> list[float]:
    return [weights.constant, *(getattr(weights, name) for name in TERMS)]


def _chance(odds: Doubles) -> Doubles:
    return np.asarray(1 / (1 + np.exp(-np.clip(odds, -700.0, 700.0))))
