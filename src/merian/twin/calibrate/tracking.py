"""A known world followed through a drought by what cameras and a classifier say of it, month by month: filters with and without the confusion matrix.

The world is that of `known`, with a drought that is known (rain is measured) and with chance of its own each month. Each month cameras stand elsewhere; what is
filtered are the labels of the month added up over cameras (`seeing`). Members carry matrices drawn from held-out photos, which the ensemble filter corrects
along with the biomass, and the particle filter draws anew each month from what its particle has seen.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from merian.core.chance import stream
from merian.core.errors import BadSetting
from merian.twin import draws
from merian.twin.calibrate.kalman import Sight, filtered
from merian.twin.calibrate.known import ANIMALS, MASS_KG, NAMES, REST, TRUE_MATRIX, WEB, Survey, animals_km2
from merian.twin.calibrate.lasting import parted, placed
from merian.twin.calibrate.particle import Keeping, tracked
from merian.twin.calibrate.scores import Score, averaged, covered, crps
from merian.twin.calibrate.seeing import Look
from merian.twin.foodweb import Doubles, Integers
from merian.twin.observe.camera import counts
from merian.twin.observe.labels import dirichlet, recorded
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
    "look",
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
    `noise` each month; worlds begin `start_sd` about rest; `members` of the ensemble, `inflation` of its forecasts; `particles` of the particle filter.
    Of the scatter of counts over cameras the share `lasting` stays with the camera, who stand where they stood; filters know that where it is `heeded`. The
    classifier of the cameras is `TRUE_MATRIX`, or `drawn` from what its held-out photos say: a known truth of what the filters believe."""

    survey: Survey = field(default_factory=lambda: Survey(days=30.0))
    months: int = 24
    drought: float = 0.5
    dry: tuple[int, int] = (8, 16)
    noise: float = 0.1
    start_sd: float = 0.4
    members: int = 60
    inflation: float = 1.02
    particles: int = 2000
    lasting: float = 0.0
    heeded: bool = True
    drawn: bool = False

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
    """States [m, n] a month on; the first five are logarithms of biomass, what follows (`seeing.Look.begun`) stays. Chance by (member, species)."""
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
    photos = np.stack([rng.multinomial(plan.survey.held_out, row) for row in TRUE_MATRIX])
    held = np.asarray(photos + 1.0 / LABELS, np.float64)
    matrix = dirichlet(held, rng) if plan.drawn else TRUE_MATRIX
    biomass, labels = list[Doubles](), list[Integers]()
    for step in range(plan.months):
        state = month(state, step, draws.key(seed, "followed", "truth", step), plan)
        biomass.append(state[0])
        mean = animals_km2(np.exp(state[0])) * plan.survey.exposure
        if plan.lasting > 0:
            where = draws.key(seed, "followed", "places")
            shown = placed(mean, plan.survey.dispersion, plan.lasting, where, step)
        else:
            shown = counts(mean, plan.survey.dispersion, draws.key(seed, "followed", "cameras", step))
        labels.append(recorded(shown, matrix, draws.key(seed, "followed", "labels", step)).sum(0))
    return Course(np.array(biomass), np.array(labels), held)


def look(plan: Months, weights: Doubles, exact: bool = False) -> Look:
    """How the cameras of a plan see states whose first columns are the logarithms of biomass; `weights` [s, l] of the matrix's rows, or an exact matrix."""
    exposure = np.tile(plan.survey.exposure.sum(0), (plan.months, 1))
    lasts, fresh = parted(plan.survey.dispersion, plan.lasting if plan.heeded else 0.0)
    together = np.full_like(exposure, fresh / plan.survey.cameras)
    which, stays = np.arange(PLANTS, len(NAMES)), np.full(SPECIES, lasts / plan.survey.cameras)
    return Look(which, len(NAMES), 1000.0 / MASS_KG, exposure, together, weights, exact, stays)


def follow(found: Course, seed: int, method: str, operator: str, plan: Months = Months()) -> Doubles:
    """Equally weighted draws of ln animals km-2 [t, m, 3] by one of the METHODS, with one of the OPERATORS. Raises BadSetting for another name."""
    for name, value, allowed in (("method", method, METHODS), ("operator", operator, OPERATORS)):
        if value not in allowed:
            raise BadSetting(name, value, f"one of {', '.join(allowed)}", allowed)
    particles = method == "particle filter"
    members = plan.particles if particles else plan.members
    rng = stream(seed, "followed", "ensemble")
    biomass = np.log(REST) + rng.normal(0.0, plan.start_sd, (members, len(REST)))
    # who takes labels for truth has nothing to say of "unknown"
    trusting = operator == OPERATORS[0]
    eyes = look(plan, np.eye(SPECIES, LABELS) if trusting else found.weights, trusting)
    start = eyes.begun(biomass, 0.0, rng, particles)
    key = draws.key(seed, "followed", method)

    def forecast(states: Doubles, step: int, chance: draws.Key) -> Doubles:
        return month(states, step, chance, plan)

    if particles:
        keep = Keeping(move=lambda states, step, chance: eyes.learnt(states, step, found.labels[step], chance))
        tracks = tracked(
            start,
            forecast,
            lambda states, step: eyes.log_likelihood(states, step, found.labels[step]),
            plan.months,
            key,
            keep,
        )
        states = tracks.drawn(members, stream(seed, "followed", "drawn"))
    else:
        shown = eyes.root(found.labels)
        shown = np.full_like(shown, np.nan) if method == "no photos" else shown
        sight = Sight(eyes.predicted, lambda states, step: eyes.covariance(states, step).mean(0))
        states = filtered(start, forecast, sight, shown, key, plan.inflation).states
    return np.log(eyes.density(states))


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
