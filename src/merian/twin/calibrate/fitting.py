"""Rates of a known world from what its cameras bring home, by ABC: with the confusion matrix in the simulator and without it.

Three rates of the world of `known` are not known: how fast grass grows (it feeds the grazer), how fast shrubs grow (they feed the browser), and how well
the hunter hunts. Each is given as the logarithm of itself over its true typical value, with a normal prior. A simulation runs ten years, photographs the world,
and counts labels; where the matrix is modelled, each simulation draws one from the held-out photos.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from merian.core.chance import stream
from merian.twin import draws
from merian.twin.calibrate.abc import Plan, Posterior, Simulate, adjusted, infer
from merian.twin.calibrate.known import ANIMALS, REST, TRUE_MATRIX, WEB, Survey, animals_km2
from merian.twin.calibrate.priors import Normal
from merian.twin.calibrate.scores import Score, averaged, covered, share
from merian.twin.foodweb import Doubles
from merian.twin.observe.camera import counts
from merian.twin.observe.labels import UNKNOWN, Confusion, recorded
from merian.twin.solver import Limits, run

__all__ = ["PRIOR", "RATES", "Fitted", "fit", "fitted", "simulator", "summaries"]

RATES = ("grass growth", "shrub growth", "hunting")
PRIOR = Normal(np.zeros(3), np.full(3, 0.4))
"""Of the logarithms: each rate within a factor of 2.2 with 95 %."""
YEARS = 10.0


@dataclass(frozen=True, slots=True)
class Fitted:
    """A rate over seeds, estimated with (`modelled`) or without the matrix: mean of ln(estimate / truth), standard deviation of the posterior over that of the
    prior (1: nothing was learnt), and how often the 90 % interval holds the truth."""

    rate: str
    modelled: bool
    bias: Score
    width: Score
    coverage: Score


def summaries(rates: Doubles, matrix: Doubles, survey: Survey, key: draws.Key) -> Doubles:
    """Square roots of the labels [l] that all cameras bring home from a world of these rates [3] after ten years."""
    growth, attack = WEB["growth"].copy(), WEB["attack"].copy()
    growth[:2] *= np.exp(rates[:2])
    attack[2:] *= np.exp(rates[2])
    web = WEB.changed(growth=growth, attack=attack)
    density = animals_km2(run(web, REST, [0.0, 365.25 * YEARS], Limits(1e-5, 1e-10)).biomass[-1])
    shown = counts(density * survey.exposure, survey.dispersion, draws.branch(key, "cameras"))
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


def fit(seed: int, modelled: bool, survey: Survey, plan: Plan) -> tuple[Doubles, Posterior]:
    """The true rates of a seed [3], drawn from the prior, and their adjusted posterior."""
    rng = stream(seed, "fitted")
    truth = PRIOR.draw(1, rng)[0]
    held = np.stack([rng.multinomial(survey.held_out, row) for row in TRUE_MATRIX])
    confusion = Confusion(ANIMALS, (*ANIMALS, UNKNOWN), held)
    seen = summaries(truth, TRUE_MATRIX, survey, draws.key(seed, "fitted", "truth"))
    seen = seen if modelled else seen[:-1]
    found = infer(PRIOR, simulator(confusion, survey, modelled), seen, seed, plan)
    return truth, adjusted(found, PRIOR, seen)


def fitted(seeds: range, survey: Survey = Survey(), plan: Plan = Plan(200, 0.5, 5, 4000)) -> list[Fitted]:
    """How well the rates of some seeds are found, with and without the matrix: a row for each rate and way, intervals over seeds."""
    rows = list[Fitted]()
    for modelled in (False, True):
        off, width, hit = list[Doubles](), list[Doubles](), list[np.ndarray]()
        for seed in seeds:
            truth, posterior = fit(seed, modelled, survey, plan)
            drawn = posterior.drawn(999, stream(seed, "fitted", "drawn"))
            off.append(np.median(drawn, 0) - truth)
            width.append(drawn.std(0) / PRIOR.sd)
            hit.append(covered(drawn, truth))
        rows += [
            Fitted(
                name,
                modelled,
                averaged(np.array(off)[:, at]),
                averaged(np.array(width)[:, at]),
                share(np.array(hit)[:, at]),
            )
            for at, name in enumerate(RATES)
        ]
    return rows
