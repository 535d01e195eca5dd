"""Rates of a known world from what its cameras bring home, by ABC: with the confusion matrix in the simulator and without it.

Three rates of the world of `known` are not known: how fast grass grows (it feeds the grazer), how fast shrubs grow (they feed the browser), and how well
the hunter hunts. Each is given as the logarithm of itself over its true typical value, with a normal prior. A simulation runs ten years, photographs the world,
and counts labels; where the matrix is modelled, each simulation draws one from the held-out photos. Known truths are drawn from the same: rates from the prior,
and the matrix of the cameras from what the held-out photos say.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from merian.core.chance import stream
from merian.twin import draws
from merian.twin.calibrate.abc import Plan, Posterior, Simulate, adjusted, infer
from merian.twin.calibrate.known import ANIMALS, REST, TRUE_MATRIX, WEB, Survey, animals_km2
from merian.twin.calibrate.priors import Normal
from merian.twin.calibrate.sbc import Ranks
from merian.twin.calibrate.scores import Score, averaged
from merian.twin.calibrate.tables import DRAWN, Table
from merian.twin.foodweb import Doubles, Integers
from merian.twin.observe.camera import counts
from merian.twin.observe.labels import UNKNOWN, Confusion, recorded
from merian.twin.solver import Limits, run

__all__ = ["PRIOR", "RATES", "Fitted", "Tables", "fit", "fitted", "held_out", "simulator", "summaries", "tabled"]

RATES = ("grass growth", "shrub growth", "hunting")
PRIOR = Normal(np.zeros(3), np.full(3, 0.4))
"""Of the logarithms: each rate within a factor of 2.2 with 95 %."""
YEARS = 10.0
BINS = 10


@dataclass(frozen=True, slots=True)
class Fitted:
    """A rate over known truths, estimated with (`modelled`) or without the matrix: mean of ln(estimate / truth), standard deviation of the posterior over that
    of the prior (1: nothing was learnt), how often the 90 % interval holds the truth, and the chance `even` of ranks as uneven as these were they uniform."""

    rate: str
    modelled: bool
    bias: Score
    width: Score
    coverage: Score
    even: float


@dataclass(frozen=True, slots=True)
class Tables:
    """How many `tables` of how many `simulations`, each with held-out photos of its own; how many of them are `kept`, and how many `worlds` are looked at."""

    tables: int = 4
    simulations: int = 10_000
    kept: int = 400
    worlds: int = 250


def held_out(survey: Survey, rng: np.random.Generator) -> Confusion:
    """What the classifier of `TRUE_MATRIX` says of the held-out photos."""
    photos = np.stack([rng.multinomial(survey.held_out, row) for row in TRUE_MATRIX])
    return Confusion(ANIMALS, (*ANIMALS, UNKNOWN), photos)


def _shown(rates: Doubles, survey: Survey, key: draws.Key) -> Integers:
    """Photos of each species at each camera [c, 3] in a world of these rates [3] after ten years."""
    growth, attack = WEB["growth"].copy(), WEB["attack"].copy()
    growth[:2] *= np.exp(rates[:2])
    attack[2:] *= np.exp(rates[2])
    web = WEB.changed(growth=growth, attack=attack)
    density = animals_km2(run(web, REST, [0.0, 365.25 * YEARS], Limits(1e-5, 1e-10)).biomass[-1])
    return counts(density * survey.exposure, survey.dispersion, draws.branch(key, "cameras"))


def summaries(rates: Doubles, matrix: Doubles, survey: Survey, key: draws.Key) -> Doubles:
    """Square roots of the labels [l] that all cameras bring home from a world of these rates [3] after ten years."""
    shown = _shown(rates, survey, key)
    return np.asarray(np.sqrt(recorded(shown, matrix, draws.branch(key, "labels")).sum(0)))


def simulator(confusion: Confusion, survey: Survey, modelled: bool) -> Simulate:
    """Summaries of a simulation: of all labels, through a matrix drawn from the held-out photos; or of the named alone, as if labels were true."""
    if not modelled:
        true = np.eye(len(ANIMALS), len(ANIMALS) + 1)
        return lambda rates, key: summaries(rates, true, survey, key)[:-1]

    def simulate(rates: Doubles, key: draws.Key) -> Doubles:
        rng = stream(int(key[0]) | int(key[1]) << 32, "matrix")
        return summaries(rates, confusion.drawn(rng), survey, key)

    return simulate


def fit(seed: int, modelled: bool, survey: Survey, plan: Plan, fixed: bool = False) -> tuple[Doubles, Posterior]:
    """The true rates of a seed [3], drawn from the prior, and their adjusted posterior by ABC-SMC; the matrix of its cameras is drawn from what the held-out
    photos say, or is `TRUE_MATRIX` (`fixed`)."""
    rng = stream(seed, "fitted")
    truth = PRIOR.draw(1, rng)[0]
    confusion = held_out(survey, rng)
    matrix = TRUE_MATRIX if fixed else confusion.drawn(rng)
    seen = summaries(truth, matrix, survey, draws.key(seed, "fitted", "truth"))
    seen = seen if modelled else seen[:-1]
    found = infer(PRIOR, simulator(confusion, survey, modelled), seen, seed, plan)
    return truth, adjusted(found, PRIOR, seen)


def fitted(
    seeds: range,
    modelled: bool,
    survey: Survey = Survey(),
    plan: Plan = Plan(400, 0.5, 5, 4000),
    fixed: bool = False,
) -> list[Fitted]:
    """How well ABC-SMC finds the rates of some seeds, with or without the matrix: a row for each rate, intervals over seeds."""
    found = [fit(seed, modelled, survey, plan, fixed) for seed in seeds]
    drawn = [
        posterior.drawn(DRAWN, stream(seed, "fitted", "drawn"))
        for seed, (_, posterior) in zip(seeds, found, strict=True)
    ]
    return _rows(np.array(drawn), np.array([truth for truth, _ in found]), modelled)


def tabled(survey: Survey = Survey(), plan: Tables = Tables(), seed: int = 0) -> list[Fitted]:
    """The same by rejection from tables of simulations, each row of which is a known truth to the others: with the matrix, and without it."""
    answers: dict[bool, list[Doubles]] = {True: [], False: []}
    truths = list[Doubles]()
    species = len(ANIMALS)
    for number in range(plan.tables):
        confusion = held_out(survey, stream(seed, "tabled", number))

        def simulate(rates: Doubles, key: draws.Key, confusion: Confusion = confusion) -> Doubles:
            rng = stream(int(key[0]) | int(key[1]) << 32, "matrix")
            shown = _shown(rates, survey, key)
            said = recorded(shown, confusion.drawn(rng), draws.branch(key, "labels"))
            return np.asarray(np.sqrt(np.concatenate([said.sum(0), shown.sum(0)])))

        whole = Table.of(PRIOR, simulate, plan.simulations, draws.key(seed, "tabled", number)[0])
        said, shown = whole.summaries[:, : species + 1], whole.summaries[:, species + 1 :]
        truths.append(whole.parameters[: plan.worlds])
        for modelled, own, seen in ((True, said, said), (False, shown, said[:, :species])):
            table = Table(PRIOR, whole.parameters, own)
            answers[modelled].append(table.answers(plan.worlds, plan.kept, number, seen))
    true = np.concatenate(truths)
    return [row for modelled in (False, True) for row in _rows(np.concatenate(answers[modelled]), true, modelled)]


def _rows(drawn: Doubles, truth: Doubles, modelled: bool) -> list[Fitted]:
    """A row for each rate from draws [w, DRAWN, 3] of as many truths [w, 3]."""
    off, width = np.median(drawn, 1) - truth, drawn.std(1) / PRIOR.sd
    found = Ranks.of(drawn, truth)
    held, even = found.coverage(0.9), found.p_value(BINS)
    return [
        Fitted(name, modelled, averaged(off[:, at]), averaged(width[:, at]), held[at], float(even[at]))
        for at, name in enumerate(RATES)
    ]
