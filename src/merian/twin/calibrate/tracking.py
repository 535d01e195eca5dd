"""A known world followed through a drought by what cameras and a classifier say of it, month by month: filters with and without the confusion matrix.

The world is that of `known`, with a drought that is known (rain is measured) and with chance of its own each month. Each month cameras stand elsewhere; what is
filtered are the labels of the month added up over cameras, as square roots, whose variance depends little on their mean (Bartlett 1936). Members carry matrices
drawn from held-out photos, as shares of each label but "unknown", which the filter corrects along with the biomass.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from merian.core.chance import stream
from merian.core.errors import BadSetting
from merian.twin import draws
from merian.twin.calibrate.kalman import Sight, filtered
from merian.twin.calibrate.known import ANIMALS, NAMES, REST, TRUE_MATRIX, WEB, Survey, animals_km2
from merian.twin.calibrate.particle import tracked
from merian.twin.calibrate.scores import Score, averaged, covered, crps
from merian.twin.foodweb import Doubles, Integers
from merian.twin.observe.camera import counts
from merian.twin.observe.labels import recorded
from merian.twin.solver import Limits, run

__all__ = [
    "METHODS",
    "OPERATORS",
    "Course",
    "Followed",
    "Months",
    "course",
    "follow",
    "followed",
    "labels_expected",
    "month",
]

METHODS = ("ensemble filter", "particle filter", "no photos")
OPERATORS = ("labels as truth", "matrix with its uncertainty")
PLANTS, SPECIES, LABELS = 2, len(ANIMALS), len(ANIMALS) + 1
TINY = 2.0**-54
LIMITS = Limits(1e-5, 1e-10)


@dataclass(frozen=True, slots=True)
class Months:
    """How a world is followed: for `months` of 30 days, grass with `drought` of its room in those from `dry[0]` to `dry[1]`, logarithms of biomass off by
    `noise` each month; worlds begin `start_sd` about rest; `members` of the ensemble, `inflation` of its forecasts; `particles` of the particle filter."""

    survey: Survey = field(default_factory=lambda: Survey(days=30.0))
    months: int = 24
    drought: float = 0.5
    dry: tuple[int, int] = (8, 16)
    noise: float = 0.1
    start_sd: float = 0.4
    members: int = 60
    inflation: float = 1.02
    particles: int = 2000

    def __post_init__(self) -> None:
        if self.months < 1 or self.members < 10 or self.particles < 10:
            raise BadSetting("members", self.members, "10 or more, as of particles, and one month or more")
        if not (0 < self.drought <= 1 and self.noise >= 0 and self.start_sd > 0):
            raise BadSetting("drought", self.drought, "a share above 0, with noise from 0 on and start_sd above 0")


@dataclass(frozen=True, eq=False)
class Course:
    """A known course: logarithms of `biomass` g m-2 [t, 5], `labels` int64 [t, l] over all cameras, and the `weights` of the matrix's rows [s, l]."""

    biomass: Doubles
    labels: Integers
    weights: Doubles


@dataclass(frozen=True, slots=True)
class Followed:
    """A way of following, for one species over seeds: mean ln(estimate / truth), share of months in 90 % intervals, CRPS of ln density; means over months,
    intervals over seeds."""

    method: str
    operator: str
    species: str
    bias: Score
    coverage: Score
    crps: Score


def month(states: Doubles, step: int, key: draws.Key, plan: Months = Months()) -> Doubles:
    """States [m, n] a month on; the first five are logarithms of biomass, what follows (shares of a matrix) stays. Chance by (member, species)."""
    from scipy.special import ndtri

    dry = plan.dry[0] <= step < plan.dry[1]
    web = (
        WEB.changed(capacity=WEB["capacity"] * np.where(np.arange(len(NAMES)) == 0, plan.drought, 1.0)) if dry else WEB
    )
    out = np.array(states, float)
    for member in out:
        grown = run(web, np.exp(member[: len(NAMES)]), [0.0, 30.0], LIMITS).biomass[-1]
        member[: len(NAMES)] = np.log(np.maximum(grown, 1e-9))
    wobble = ndtri(draws.row(key, len(out) * len(NAMES), step, 0) + TINY).reshape(len(out), len(NAMES))
    out[:, : len(NAMES)] += plan.noise * wobble
    return out


def course(seed: int, plan: Months = Months()) -> Course:
    """The known course of a seed and what its cameras bring home each month."""
    rng = stream(seed, "followed")
    state = np.log(REST) + rng.normal(0.0, plan.start_sd, (1, len(REST)))
    held = np.stack([rng.multinomial(plan.survey.held_out, row) for row in TRUE_MATRIX]) + 1.0 / LABELS
    biomass, labels = list[Doubles](), list[Integers]()
    for step in range(plan.months):
        state = month(state, step, draws.key(seed, "followed", "truth", step), plan)
        biomass.append(state[0])
        mean = animals_km2(np.exp(state[0])) * plan.survey.exposure
        shown = counts(mean, plan.survey.dispersion, draws.key(seed, "followed", "cameras", step))
        labels.append(recorded(shown, TRUE_MATRIX, draws.key(seed, "followed", "labels", step)).sum(0))
    return Course(np.array(biomass), np.array(labels), np.asarray(held, float))


def labels_expected(states: Doubles, plan: Months, matrix: Doubles | None = None) -> tuple[Doubles, Doubles]:
    """Mean [m, l] and covariance [m, l, l] of a month's labels over all cameras for states [m, n]; the matrix is the member's own, or the one given.

    Labels of one species vary together: a camera that many of them pass gets more of each.
    """
    photos = animals_km2(np.exp(states[:, : len(NAMES)])) * plan.survey.exposure.sum(0)
    if matrix is None:
        shares = np.maximum(states[:, len(NAMES) :].reshape(len(states), SPECIES, LABELS - 1), 0.0)
        rows = np.concatenate([shares, np.maximum(1.0 - shares.sum(2, keepdims=True), 0.0)], 2)
        rows /= rows.sum(2, keepdims=True)
    else:
        rows = np.broadcast_to(matrix, (len(states), *matrix.shape))
    parts = photos[:, :, None] * rows
    together = np.einsum("msl,msk->mlk", parts, parts) / (plan.survey.dispersion * plan.survey.cameras)
    mean = parts.sum(1)
    return mean, together + mean[:, :, None] * np.eye(mean.shape[1])


def follow(found: Course, seed: int, method: str, operator: str, plan: Months = Months()) -> Doubles:
    """Equally weighted draws of ln animals km-2 [t, m, 3] by one of the METHODS, with one of the OPERATORS. Raises BadSetting for another name."""
    for name, value, allowed in (("method", method, METHODS), ("operator", operator, OPERATORS)):
        if value not in allowed:
            raise BadSetting(name, value, f"one of {', '.join(allowed)}", allowed)
    members = plan.particles if method == "particle filter" else plan.members
    rng = stream(seed, "followed", "ensemble")
    start = np.log(REST) + rng.normal(0.0, plan.start_sd, (members, len(REST)))
    trusting = None if operator != OPERATORS[0] else np.eye(SPECIES, LABELS)
    if trusting is None:
        gammas = rng.standard_gamma(found.weights, (members, *found.weights.shape))
        shares = (gammas / gammas.sum(2, keepdims=True))[..., :-1]
        start = np.concatenate([start, shares.reshape(members, -1)], 1)
    # who takes labels for truth has nothing to say of "unknown"
    seen = np.sqrt(found.labels + 0.375)[:, : None if trusting is None else -1]
    key, width = draws.key(seed, "followed", method), seen.shape[1]

    def forecast(states: Doubles, step: int, chance: draws.Key) -> Doubles:
        return month(states, step, chance, plan)

    def predict(states: Doubles) -> Doubles:
        return np.asarray(np.sqrt(labels_expected(states, plan, trusting)[0][:, :width] + 0.375))

    def covariance(states: Doubles) -> Doubles:
        """Of square roots, by the slope of the root at the mean: [m, k, k]."""
        mean, spread = labels_expected(states, plan, trusting)
        root = 2.0 * np.sqrt(mean[:, :width] + 0.375)
        whole = spread[:, :width, :width] + 0.375 * np.eye(width)
        return np.asarray(whole / (root[:, :, None] * root[:, None, :]))

    def likelihood(states: Doubles, step: int) -> Doubles:
        spread, away = covariance(states), seen[step] - predict(states)
        chi = (away * np.linalg.solve(spread, away[..., None])[..., 0]).sum(1)
        return np.asarray(-0.5 * (chi + np.linalg.slogdet(spread)[1]))

    if method == "particle filter":
        states = tracked(start, forecast, likelihood, plan.months, key).drawn(
            members, stream(seed, "followed", "drawn")
        )
    else:
        shown = np.full_like(seen, np.nan) if method == "no photos" else seen
        sight = Sight(predict, lambda members: covariance(members).mean(0))
        states = filtered(start, forecast, sight, shown, key, plan.inflation).states
    return np.log(animals_km2(np.exp(states[..., : len(NAMES)])))


def followed(
    seeds: range, methods: tuple[tuple[str, str], ...] | None = None, plan: Months = Months()
) -> list[Followed]:
    """How well each (method, operator) follows the courses of some seeds: a row for each and each species; all see the same labels."""
    pairs = methods or tuple((method, operator) for method in METHODS[:2] for operator in OPERATORS) + (
        (METHODS[2], OPERATORS[1]),
    )
    rows = list[Followed]()
    truths = {seed: course(seed, plan) for seed in seeds}
    for method, operator in pairs:
        found = np.empty((3, len(seeds), SPECIES))
        for at, seed in enumerate(seeds):
            truth = np.log(animals_km2(np.exp(truths[seed].biomass)))
            drawn = follow(truths[seed], seed, method, operator, plan).transpose(1, 0, 2)
            found[0, at] = (np.median(drawn, 0) - truth).mean(0)
            found[1, at] = covered(drawn, truth).mean(0)
            found[2, at] = crps(drawn, truth).mean(0)
        rows += [
            Followed(method, operator, name, *(averaged(found[part, :, at]) for part in range(3)))
            for at, name in enumerate(ANIMALS)
        ]
    return rows
