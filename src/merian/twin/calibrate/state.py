"""Where an ecosystem stands, from the labels of its cameras: members of what is believed of it, run on by the food-web equations and corrected in each period.

A member is one ecosystem of those that the evidence allows, with a web of its own that balances at its own densities (`Ecosystem.sampled`); between two
periods it runs by tier P, and its logarithms of biomass gain noise for all that is not modelled.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import polars as pl

from merian.core.chance import stream
from merian.core.errors import BadData, Unstable
from merian.core.progress import track
from merian.twin import draws
from merian.twin.balance import UNSURE_SD
from merian.twin.calibrate.kalman import Sight, filtered
from merian.twin.calibrate.labelled import Surveyed
from merian.twin.calibrate.lasting import lasting_share, overlap, parted
from merian.twin.calibrate.particle import Keeping, tracked
from merian.twin.calibrate.seeing import Look
from merian.twin.calibrate.survey import dispersion
from merian.twin.ecosystem import Ecosystem
from merian.twin.ensemble import Setting
from merian.twin.foodweb import Doubles, FoodWeb, Integers
from merian.twin.pools import YEAR_DAYS
from merian.twin.solver import Limits, run

__all__ = [
    "FALSE_DAY",
    "Members",
    "Reading",
    "believed",
    "lasting_shares",
    "read",
    "scatters",
    "seen_as",
    "trusting",
    "truthful",
]

LIMITS = Limits(1e-5, 1e-12)
MONTH_DAYS = 30.0
TINY = 2.0**-54
LEAST = 1e-9
"""No logarithm is taken of less."""
FEW = 20
"""Animals counted from which the scatter of counts over cameras is estimated; below it is taken as `EVEN`."""
EVEN = 1.0
"""Dispersion where nothing is known: counts scatter by as much again as their mean. A choice."""
FALSE_DAY = (-1.0, 2.0)
"""What is believed of the logarithm of false triggers per camera and day, mean and sd: 0.4, within a factor of 50 either way. A choice."""
CLUMPED = (0.05, 1000.0)
"""Dispersions that are believed."""


@dataclass(frozen=True, eq=False)
class Members:
    """Members of a belief: the web of each, the logarithms of biomass g m-2 at which it starts [m, b], and how many could not be balanced."""

    webs: tuple[FoodWeb, ...]
    start: Doubles
    failed: int


@dataclass(frozen=True, slots=True)
class Reading:
    """How states are found: by the ensemble filter (`particles` False) or the particle filter; `noise` of logarithms of biomass in a month, `inflation`, and in
    how many `parts` the ensemble filter takes in an observation."""

    particles: bool = False
    noise: float = 0.1
    inflation: float = 1.02
    parts: int = 32
    seed: int = 0
    inflow: float = 0.01


def believed(ecosystem: Ecosystem, count: int, seed: int) -> Members:
    """So many members of what is believed of an ecosystem before its cameras. A density that comes without a spread is believed within UNSURE_SD of its log10.

    Raises Unstable when too few can be balanced.
    """
    drawn = Setting.of_ecosystem(_unsure(ecosystem)).drawn
    webs, starts, number = list[FoodWeb](), list[Doubles](), 0
    with track("Drawing ecosystems", count, "members") as advance:
        while len(webs) < count and number < 2 * count + 20:
            try:
                web, start = drawn(seed, number)
            except (BadData, Unstable):
                number += 1
                continue
            number += 1
            webs.append(web)
            starts.append(start)
            advance()
    if len(webs) < count:
        raise Unstable("balance", "biomass", f"all ({number - len(webs)} of {number} members do not balance)", 0)
    return Members(tuple(webs), np.log(np.maximum(np.array(starts), LEAST)), number - count)


def _unsure(ecosystem: Ecosystem) -> Ecosystem:
    """The ecosystem in which no density is certain."""
    certain = (pl.col("trait") == "density_km2") & ~(pl.col("spread") > 0).fill_null(False)
    cells = ecosystem.species.cells.with_columns(
        spread=pl.when(certain).then(pl.lit(UNSURE_SD)).otherwise(pl.col("spread"))
    )
    return replace(ecosystem, species=replace(ecosystem.species, cells=cells))


def scatters(counts: Integers, names: Integers, exposure: Doubles) -> Doubles:
    """The dispersion of each species [s] over cameras within a period, from the labels that name it: counts int64 [t, c, l], names [l], exposure [t, c, s]."""
    every = range(exposure.shape[2])
    return np.array([_scattered(counts[:, :, names == at].sum(2), exposure[:, :, at]) for at in every])


def _scattered(counts: Integers, exposure: Doubles) -> float:
    """The dispersion of counts [t, c] about the mean of their period, at cameras of some exposure [t, c]; EVEN for few."""
    rate = _rate(counts, exposure)
    there = exposure * rate > 0
    if counts[there].sum() < FEW or there.sum() < 5:
        return EVEN
    return float(np.clip(dispersion(counts[there], (exposure * rate)[there]), *CLUMPED))


def seen_as(seen: Surveyed, ecosystem: Ecosystem) -> Look:
    """How states of the ecosystem's web look to the cameras of a survey."""
    k, total = scatters(seen.counts.counts, seen.names, seen.exposure), seen.exposure.sum(1)
    parts = [parted(own, share) for own, share in zip(k.tolist(), lasting_shares(seen, k).tolist(), strict=True)]
    lasts, fresh = np.array(parts).T
    together = np.divide((seen.exposure**2).sum(1) * fresh, total**2, out=np.zeros_like(total), where=total > 0)
    heads = 1e6 / ecosystem.species["mass_g"][list(seen.species)]
    size = len(ecosystem.species.names) + len(ecosystem.pools)
    which = np.array(seen.species)
    if seen.empty:
        # the rate of false triggers is a column behind those of the web
        which, heads, size = np.append(which, size), np.append(heads, 1.0), size + 1
    weights = truthful(seen.names, len(seen.species)) if seen.confusion is None else seen.confusion.weights
    stays = lasts * overlap(seen.exposure)
    return Look(which, size, heads, total, together, weights, seen.confusion is None, stays)


def lasting_shares(seen: Surveyed, k: Doubles) -> Doubles:
    """Which share of the variance over cameras lasts from period to period [s], for dispersions k [s]."""
    found = []
    for at in range(seen.exposure.shape[2]):
        counts, exposure = seen.counts.counts[:, :, seen.names == at].sum(2), seen.exposure[:, :, at]
        found.append(lasting_share(counts, exposure * _rate(counts, exposure), float(k[at])))
    return np.array(found)


def _rate(counts: Integers, exposure: Doubles) -> Doubles:
    """Animals per km2 in each period [t, 1] if all places were alike."""
    total = exposure.sum(1, keepdims=True)
    return np.asarray(np.divide(counts.sum(1, keepdims=True), total, out=np.zeros_like(total), where=total > 0))


def truthful(names: Integers, species: int) -> Doubles:
    """The matrix [s, l] of one who takes labels for truth: each species gets the first label that names it."""
    matrix = np.zeros((species, len(names)))
    matrix[np.arange(species), [int(np.argmax(names == at)) for at in range(species)]] = 1.0
    return matrix


def trusting(seen: Surveyed) -> Surveyed:
    """The survey as one sees it who takes labels for truth, doubts and all, and leaves out the unknown and what is said to be empty."""
    named = [int(np.argmax(seen.names == at)) for at in range(len(seen.species))]
    counts = np.zeros_like(seen.counts.counts)
    for label, at in enumerate(seen.names.tolist()):
        if 0 <= at < len(named):
            counts[:, :, named[at]] += seen.counts.counts[:, :, label]
    names = np.where(seen.names < len(named), seen.names, -1)
    exposure = seen.exposure[:, :, : len(named)]
    return replace(seen, counts=replace(seen.counts, counts=counts), confusion=None, names=names, exposure=exposure)


def read(members: Members, seen: Surveyed, look: Look, how: Reading, blind: bool = False) -> Doubles:
    """Equally weighted draws of ln animals km-2 [t, m, s] of the species photographed, from a survey and its look (behind them ln false triggers per camera and
    day, where empty frames are counted); `blind`: as members run on when nobody looks at the photos.

    Raises Unstable when states stop being numbers or no member explains what was seen.
    """
    rng, key = stream(how.seed, "calibrate", "start"), draws.key(how.seed, "calibrate", "states")
    labels, gaps = seen.counts.counts.sum(1), seen.counts.gaps
    web = members.webs[0]
    walks_in = how.inflow / YEAR_DAYS * np.where(web.producer, 0.0, np.exp(np.median(members.start, axis=0)))
    off, start = np.full(len(seen.species), seen.off), members.start
    if seen.empty:
        rate = FALSE_DAY[0] + FALSE_DAY[1] * rng.standard_normal((len(start), 1))
        off, start = np.append(off, 0.0), np.column_stack([start, rate])
    states = look.begun(start, off, rng, how.particles)
    # particles are copied and change places: each brings the number of its web along
    states = np.column_stack([states, np.arange(len(states))]) if how.particles else states
    with track("Following the cameras", len(gaps), "periods") as advance:

        def forecast(states: Doubles, step: int, chance: draws.Key) -> Doubles:
            numbers = states[:, -1].astype(int) if how.particles else range(len(states))
            out = _ahead(
                states,
                [members.webs[at] for at in numbers],
                (look.size, walks_in),
                (float(gaps[step]), how.noise),
                chance,
            )
            advance()
            return out

        def likelihood(states: Doubles, step: int) -> Doubles:
            return look.log_likelihood(states, step, labels[step])

        def move(states: Doubles, step: int, chance: draws.Key) -> Doubles:
            return look.learnt(states, step, labels[step], chance)

        if how.particles and not blind:
            found = tracked(states, forecast, likelihood, len(gaps), key, Keeping(move=move)).drawn(len(states), rng)
        else:
            roots = look.root(labels)
            sight = Sight(look.predicted, lambda states, step: look.covariance(states, step).mean(0), parts=how.parts)
            unseen = np.full_like(roots, np.nan)
            given = (replace(sight, parts=1), unseen, 1.0) if blind else (sight, roots, how.inflation)
            found = filtered(states, forecast, given[0], given[1], key, given[2]).states
    return np.log(np.maximum(look.density(found), LEAST))


def _ahead(
    states: Doubles, webs: Sequence[FoodWeb], of: tuple[int, Doubles], over: tuple[float, float], chance: draws.Key
) -> Doubles:
    """States `over` so many days, with so much noise in a month: biomass run on by each member's own web, with what walks in, g m-2 a day. No day leaves them
    as they are. `of`: the columns that have noise, and what walks in [b]."""
    from scipy.special import ndtri

    days, noise = over
    size, walks_in = of
    if not days > 0:
        return states
    out = np.array(states, float)
    for member, web in zip(out, webs, strict=True):
        own = len(web.names)
        grown = run(web, np.exp(member[:own]), [0.0, days], LIMITS).biomass[-1] + days * walks_in
        member[:own] = np.log(np.maximum(grown, LEAST))
    wobble = ndtri(draws.row(chance, len(out) * size, 0, 0) + TINY).reshape(len(out), size)
    out[:, :size] += noise * np.sqrt(days / MONTH_DAYS) * wobble
    return out
