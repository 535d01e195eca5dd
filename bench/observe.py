"""What cameras and a classifier tell of a world: known worlds, where the answer is there to see, and a real table of events, where it is not.

    .venv/bin/python bench/observe.py walkers [--seeds 8]          random encounters against walkers, by how often cameras look
    .venv/bin/python bench/observe.py confusion [--seeds 100]      densities with and without the confusion matrix
    .venv/bin/python bench/observe.py follow [--seeds 30]          filters through a drought, with and without it
    .venv/bin/python bench/observe.py states [--seeds 40]          densities of a savanna by `merian twin calibrate`, worlds drawn from what is believed
    .venv/bin/python bench/observe.py fit [--seeds 100]            rates of the food web by ABC, with and without it
    .venv/bin/python bench/observe.py rates [--seeds 100]          rates of the savanna and of false triggers, as `merian twin calibrate --rates` finds them
    .venv/bin/python bench/observe.py ranks [--seeds 100]          simulation-based calibration of the samplers
    .venv/bin/python bench/observe.py lasting [--seeds 60]         cameras that keep good and bad places: with that heeded and without
    .venv/bin/python bench/observe.py empty [--seeds 60]           empty frames: counted as such, or thrown away
    .venv/bin/python bench/observe.py events --table camtrap.csv   stays, scatter and densities of real cameras

Nothing here is a promise of speed; intervals are 95 %, over seeds or cameras.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import polars as pl

from merian.core.chance import stream
from merian.twin import draws
from merian.twin.calibrate.abc import Plan, adjusted, infer
from merian.twin.calibrate.abundance import Beliefs, abundance
from merian.twin.calibrate.counts import Counts
from merian.twin.calibrate.fitting import fitted, tabled
from merian.twin.calibrate.known import WAYS, Survey, readings
from merian.twin.calibrate.labelled import Surveyed
from merian.twin.calibrate.lasting import gathered, placed
from merian.twin.calibrate.priors import Normal
from merian.twin.calibrate.rates import FALSE, Rate, chosen, fitted_rates, photographer, priors_of, simulator
from merian.twin.calibrate.sbc import Ranks, ranks
from merian.twin.calibrate.scores import Score, averaged, covered, crps, share
from merian.twin.calibrate.settings import CalibrateSettings
from merian.twin.calibrate.state import Members, Reading, believed, read, seen_as, trusting
from merian.twin.calibrate.survey import Known, densities, dispersion, over_cameras, stays
from merian.twin.calibrate.tables import Table
from merian.twin.calibrate.tracking import METHODS, OPERATORS, Months, followed
from merian.twin.ecosystem import Ecosystem, made
from merian.twin.foodweb import FoodWeb
from merian.twin.observe.camera import Zone, contacts, counts, density_km2
from merian.twin.observe.labels import EMPTY, UNKNOWN, Confusion, recorded, with_empty
from merian.twin.observe.walkers import Walk, entries
from merian.twin.solver import run
from merian.twin.worked import shipped

KNOWN = {
    "impala": ("Aepyceros melampus", Known((4.0, 2.0), (0.010, 1.6), (0.7, 1.3))),
    "kudu": ("Tragelaphus strepsiceros", Known((4.0, 2.0), (0.012, 1.6), (0.7, 1.3))),
    "lion": ("Panthera leo", Known((8.0, 2.0), (0.012, 1.6), (0.7, 1.3))),
    "wildebeestblue": ("Connochaetes taurinus", Known((6.0, 2.0), (0.012, 1.6), (0.7, 1.3))),
    "zebraburchells": ("Equus quagga", Known((8.0, 2.0), (0.012, 1.6), (0.7, 1.3))),
}
"""Assumed: km that an animal goes in a day (within a factor of 2), how far off a camera detects it (1.6), the angle of a passive infrared sensor (1.3)."""


PLACES, PERIODS = 12, 6
"""Cameras that stay where they are, and how often they are looked at."""


def told(score: Score, form: str = "+.2f") -> str:
    """A value and its interval."""
    return f"{score.value:{form}} ({score.low:{form}} to {score.high:{form}})"


def walkers(seeds: int) -> None:
    """Density found for a true 20 km-2, by the time between looks and by how straight the paths are."""
    zone = Zone(0.01, 0.7)
    walks = [(Walk(turning=turning), (1, 4, 16, 64)) for turning in (0.0, 200.0, 5000.0)]
    # a quarter of the square in steps an eighth as long: what is left of the bias goes
    walks.append((Walk(side_km=2.5, across=25, steps=131_072), (1, 8)))
    print("| heading's variance, rad2 a day | between looks | contacts | density found for 20 |\n|---|---|---|---|")
    for walk, looks in walks:
        seen = np.array([entries(walk, zone, looks, draws.key(seed, "bench walkers")) for seed in range(seeds)])
        per = float(contacts(walk.camera_days, 1.0, walk.speed_km_day, zone.width_km))
        for at, every in enumerate(looks):
            seconds = 86_400 * walk.days / walk.steps * every
            stride = walk.speed_km_day * walk.days / walk.steps * every * 1000
            mean = averaged(density_km2(seen[:, at], per))
            print(f"| {walk.turning:g} | {seconds:.1f} s, {stride:.2f} m | {seen[:, at].sum()} | {told(mean, '.2f')} |")


def confusion(seeds: int) -> None:
    """Bias and coverage of each way of reading, for three numbers of held-out photos."""
    print(
        "| held-out photos a species | way | species | ln(estimate / truth) | beside true species | in 90 % interval |"
    )
    print("|---|---|---|---|---|---|")
    for held in (300, 1000, 3000):
        for row in readings(Survey(held_out=held), range(seeds), WAYS if held == 300 else WAYS[3:]):
            if held == 300 or row.way != WAYS[0]:
                cells = (told(row.bias), told(row.shift), told(row.coverage, ".0%"))
                print(f"| {held} | {row.way} | {row.species} | {' | '.join(cells)} |", flush=True)


def follow(seeds: int) -> None:
    """Bias, coverage and CRPS of each filter: in worlds of one classifier, and in worlds whose classifier is drawn from what the held-out photos say."""
    print("| classifier | method | operator | species | ln(estimate / truth) | in 90 % interval | CRPS of ln density |")
    print("|---|---|---|---|---|---|---|")
    modelled = tuple((method, OPERATORS[1]) for method in METHODS[:2])
    for plan, ways in ((Months(drawn=True), modelled), (Months(), None)):
        for row in followed(range(seeds), ways, plan):
            cells = (told(row.bias), told(row.coverage, ".0%"), told(row.crps, ".3f"))
            one = "drawn" if plan.drawn else "one"
            print(f"| {one} | {row.method} | {row.operator} | {row.species} | {' | '.join(cells)} |", flush=True)


LABELLED = (
    "Connochaetes taurinus",
    "Alcelaphus buselaphus",
    "Equus quagga",
    "Aepyceros melampus",
    "Taurotragus oryx",
    "Panthera leo",
)
"""The hartebeest is taken for the far commoner wildebeest's like, and the other way round; the lion is looked for among them all."""
MIXED = np.array(
    [
        [0.80, 0.06, 0.02, 0.01, 0.01, 0.00, 0.10],
        [0.15, 0.65, 0.02, 0.02, 0.01, 0.00, 0.15],
        [0.01, 0.00, 0.90, 0.00, 0.00, 0.00, 0.09],
        [0.01, 0.02, 0.00, 0.82, 0.03, 0.00, 0.12],
        [0.02, 0.03, 0.00, 0.05, 0.75, 0.00, 0.15],
        [0.01, 0.01, 0.00, 0.02, 0.02, 0.74, 0.20],
    ]
)
MONTHS, OUT, MEMBERS = 4, 40, 200


def states(seeds: int) -> None:
    """Bias, coverage and CRPS of ln density in the last of four months, for each of six species: truths are members of the belief that the filter has not."""
    worked = shipped("savanna")
    ecosystem = made(worked.facts, worked.landscape(0, 8))
    every = believed(ecosystem, MEMBERS + seeds, 1)
    belief = Members(every.webs[:MEMBERS], every.start[:MEMBERS], 0)
    species = [ecosystem.species.names.index(name) for name in LABELLED]
    found: dict[str, list[tuple[np.ndarray, np.ndarray, np.ndarray]]] = {"matrix": [], "labels as truth": []}
    for seed in range(seeds):
        seen, truth = known_survey(ecosystem, species, (every, MEMBERS + seed), seed)
        for way, one in (("matrix", seen), ("labels as truth", trusting(seen))):
            drawn = read(belief, one, seen_as(one, ecosystem), Reading(seed=seed))[-1]
            found[way].append((np.median(drawn, 0) - truth, covered(drawn, truth), crps(drawn, truth)))
    print("| labels | species | ln(estimate / truth) | in 90 % interval | CRPS of ln density |\n|---|---|---|---|---|")
    for way, rows in found.items():
        for at, name in enumerate(LABELLED):
            bias, hits, score = (np.array([row[part][at] for row in rows]) for part in range(3))
            print(
                f"| {way} | {name} | {told(averaged(bias))} | {told(share(hits), '.0%')} | {told(averaged(score), '.2f')} |"
            )
        print(f"| {way} | all | | {told(share([row[1] for row in rows]), '.0%')} | |", flush=True)


def known_survey(
    ecosystem: Ecosystem, species: list[int], truth: tuple[Members, int], seed: int
) -> tuple[Surveyed, np.ndarray]:
    """What cameras and a classifier make of one member, month by month, and the logarithms of its densities in the last month."""
    members, number = truth
    rng, state = stream(seed, "states"), members.start[number].copy()
    heads = 1e6 / ecosystem.species["mass_g"][species]
    per = float(contacts(30.0, 1.0, 4.0, Zone(0.01, 0.7).width_km))
    said = np.zeros((MONTHS, OUT, len(species) + 1), np.int64)
    for month in range(MONTHS):
        if month:
            state = np.log(np.maximum(run(members.webs[number], np.exp(state), [0.0, 30.0]).biomass[-1], 1e-9))
            state += 0.1 * rng.standard_normal(len(state))
        shown = rng.poisson(np.exp(state[species]) * heads * per * rng.gamma(1.0, 1.0, (OUT, len(species))))
        said[month] = sum(rng.multinomial(shown[:, s], MIXED[s]) for s in range(len(species)))
    held = np.stack([rng.multinomial(300, row) for row in MIXED])
    confusion = Confusion(LABELLED, (*LABELLED, "unknown"), held)
    begins = tuple(date(2025, 1, 1) + timedelta(days=30 * month) for month in range(MONTHS))
    counted = Counts(begins, tuple(map(str, range(OUT))), confusion.labels, said, np.full((MONTHS, OUT), 30.0))
    exposure = np.full((MONTHS, OUT, len(species)), per)
    names = np.array([*range(len(species)), -1])
    return Surveyed(counted, confusion, names, tuple(species), exposure, 0.0), np.log(heads) + state[species]


def fit(seeds: int) -> None:
    """Bias, width beside the prior, ranks and coverage of rates: by rejection from tables of simulations, in which each is a known truth to the others, and by
    ABC-SMC for some seeds."""
    cells = "ln(estimate / truth) | sd beside the prior's | in 90 % interval | p of uniform ranks"
    print(f"| way | rate | matrix | truths | {cells} |\n|---|---|---|---|---|---|---|---|")
    ways = (
        ("tables", tabled),
        ("ABC-SMC", lambda: fitted(range(seeds), True)),
        ("ABC-SMC, the same matrix in all worlds", lambda: fitted(range(seeds), True, fixed=True)),
        ("ABC-SMC", lambda: fitted(range(seeds), False)),
    )
    for way, rows in ways:
        for row in rows():
            told_of = (told(row.bias), told(row.width, ".2f"), told(row.coverage, ".0%"), f"{row.even:.3g}")
            how = "modelled" if row.modelled else "ignored"
            print(f"| {way} | {row.rate} | {how} | {row.bias.n} | {' | '.join(told_of)} |", flush=True)


NOTHING = np.array([0.01, 0.02, 0.01, 0.01, 0.01, 0.00, 0.84, 0.10])
"""What photos of nothing are called: six species, empty, unknown; of each animal's photos two in a hundred that are not named are called empty."""


def savanna_rates(ecosystem: Ecosystem) -> Surveyed:
    """Forty cameras out for four months before the six species and nothing, with 300 held-out photos each."""
    matrix = np.insert(0.98 * MIXED, 6, 0.02 * MIXED.sum(1), axis=1)
    matrix = np.vstack([matrix / matrix.sum(1, keepdims=True), NOTHING])
    rng = stream(0, "savanna rates")
    held = np.stack([rng.multinomial(300, row) for row in matrix])
    confusion = Confusion((*LABELLED, EMPTY), (*LABELLED, EMPTY, UNKNOWN), held)
    species = [ecosystem.species.names.index(name) for name in LABELLED]
    per = float(contacts(120.0, 1.0, 4.0, Zone(0.01, 0.7).width_km))
    exposure = with_empty(np.full((1, OUT, len(species)), per), np.full((1, OUT), 120.0))
    density = ecosystem.balance().start[species] * 1e6 / ecosystem.species["mass_g"][species]
    key = draws.key(0, "savanna rates")
    said = recorded(counts(exposure[0] * np.append(density, 1.0), 1.0, key), matrix, draws.branch(key, "labels"))
    days = np.full((1, OUT), 120.0)
    counted = Counts((date(2025, 1, 1),), tuple(map(str, range(OUT))), confusion.labels, said[None], days)
    names = np.array([*range(len(species) + 1), -1])
    return Surveyed(counted, confusion, names, tuple(species), exposure, np.log(2.0) / 1.96)


def rates(worlds: int) -> None:
    """Ranks and coverage of fifteen rates of the savanna and of false triggers: by rejection from a table of ten thousand simulations, false triggers known
    within a factor of two; and of four of them by `merian twin calibrate`'s own ABC-SMC, from labels camera by camera, with what it believes."""
    worked = shipped("savanna")
    ecosystem = made(worked.facts, worked.landscape(0, 8))
    web, seen, settings = ecosystem.balance().web, savanna_rates(ecosystem), CalibrateSettings()
    cells = "doubt that is left | in 90 % interval | p of uniform ranks"
    print(f"| way | rate | truths | {cells} |\n|---|---|---|---|---|---|")
    wanted = chosen(("all",), web, seen.species)
    prior = Normal(np.zeros(len(wanted) + 1), np.append(np.full(len(wanted), settings.rate_sd), np.log(2.0) / 1.96))
    table = Table.of(prior, simulator(ecosystem, seen, wanted, settings)[0], 10_000, 1)
    told_rates("table", wanted, web, (table.answers(5 * worlds, 1000, 1), table.parameters[: 5 * worlds], prior))
    wanted = chosen([f"loss:{LABELLED[at]}" for at in (0, 1, 2, 5)], web, seen.species)
    prior, _ = priors_of(seen, wanted, settings)
    shoot, truths = photographer(ecosystem, seen, wanted, settings), prior.draw(worlds, stream(1, "rates"))
    drawn = []
    for seed, truth in enumerate(truths):
        said = shoot(truth, draws.key(seed, "rates", "truth"))[None]
        known = replace(seen, counts=replace(seen.counts, counts=said))
        found = fitted_rates(ecosystem, known, wanted, replace(settings, seed=seed))[1]
        drawn.append(found.drawn(99, stream(seed, "rates", "drawn")))
    told_rates("ABC-SMC", wanted, web, (np.array(drawn), truths, prior))


def told_rates(way: str, wanted: list[Rate], web: FoodWeb, found: tuple[np.ndarray, np.ndarray, Normal]) -> None:
    """A row for each rate."""
    drawn, truth, prior = found
    placed_at, left = Ranks.of(drawn, truth), drawn.std(1).mean(0) / prior.sd
    for at, name in enumerate([*(rate.said(web) for rate in wanted), FALSE]):
        cells = f"{left[at]:.0%} | {told(placed_at.coverage(0.9)[at], '.0%')} | {placed_at.p_value(10)[at]:.3g}"
        print(f"| {way} | {name} | {len(truth)} | {cells} |", flush=True)


SPREAD = Normal(np.array([0.5, 0.5]), np.array([0.7, 0.7]))


def two_species(parameters: np.ndarray, key: draws.Key) -> np.ndarray:
    """Labels of two species at ten cameras, and 20 held-out photos each; matrix and dispersion are drawn from what the sampler believes."""
    rng = stream(int(key[0]) | int(key[1]) << 32, "two species")
    matrix = rng.dirichlet(np.ones(3), 2)
    held = np.stack([rng.multinomial(20, row) for row in matrix])
    spread = np.tile(np.exp(rng.normal(size=2)), (10, 1))
    shown = counts(np.tile(3 * np.exp(parameters), (10, 1)), spread, draws.branch(key, "shown"))
    return np.concatenate([recorded(shown, matrix, draws.branch(key, "labels")).ravel(), held.ravel()]).astype(float)


def densities_of(summaries: np.ndarray, rng: np.random.Generator, trusting: bool = False) -> np.ndarray:
    """Draws of ln density for those labels; `trusting` takes them for truth."""
    labels, held = summaries[:30].reshape(10, 3).astype(int), summaries[30:].reshape(2, 3).astype(int)
    beliefs = Beliefs(0.5, 0.7, sweeps=900, thin=30)
    if trusting:
        labels[:, 2] = 0
    rows = np.eye(2, 3) if trusting else Confusion(("a", "b"), ("a", "b", "unknown"), held, 1.0)
    return np.log(abundance(labels, np.full((10, 2), 3.0), rows, rng, beliefs).density)[:19]


TRIGGERED = Normal(np.array([0.5, 0.0]), np.array([0.7, 0.7]))
OUT_DAYS = np.full(12, 5.0)


def one_and_nothing(parameters: np.ndarray, key: draws.Key) -> np.ndarray:
    """Labels of one species and of empty frames at twelve cameras, and 20 held-out photos each; matrix and dispersion are drawn from what is believed."""
    rng = stream(int(key[0]) | int(key[1]) << 32, "one and nothing")
    matrix = rng.dirichlet(np.ones(3), 2)
    held = np.stack([rng.multinomial(20, row) for row in matrix])
    mean = with_empty(np.full((12, 1), 3.0), OUT_DAYS) * np.exp(parameters)
    shown = counts(mean, np.tile(np.exp(rng.normal(size=2)), (12, 1)), draws.branch(key, "shown"))
    return np.concatenate([recorded(shown, matrix, draws.branch(key, "labels")).ravel(), held.ravel()]).astype(float)


def triggers_of(summaries: np.ndarray, rng: np.random.Generator, thrown_away: bool = False) -> np.ndarray:
    """Draws of ln density and ln false triggers a day; with `thrown_away` the empty are, and the rate is only believed."""
    labels, held = summaries[:36].reshape(12, 3).astype(int), summaries[36:].reshape(2, 3).astype(int)
    exposure = with_empty(np.full((12, 1), 3.0), OUT_DAYS)
    beliefs = Beliefs(0.5, 0.7, sweeps=900, thin=30)
    if thrown_away:
        whole = Confusion(("a",), ("a", UNKNOWN), held[:1][:, [0, 2]], 1.0)
        found = np.log(abundance(labels[:, [0, 2]], exposure[:, :1], whole, rng, beliefs).density)[:19]
        return np.column_stack([found, TRIGGERED.draw(19, rng)[:, 1]])
    # one belief for all densities: rates of nothing are written so that theirs is the same
    whole = Confusion(("a", EMPTY), ("a", EMPTY, UNKNOWN), held, 1.0)
    scaled = exposure * np.exp([0.0, -0.5])
    return np.log(abundance(labels, scaled, whole, rng, beliefs).density)[:19] - [0.0, 0.5]


TAKEN = Confusion(
    ("common", "rare", EMPTY),
    ("common", "rare", EMPTY, UNKNOWN),
    np.array([[425, 25, 0, 50], [50, 350, 0, 100], [0, 10, 450, 40]]),
)
"""500 held-out photos each: one of twenty of the common, and one of fifty of nothing, is taken for the rare."""
COMMON = np.array([20.0, 1.0, 2.0])
"""About how many there are: animals km-2 of the common and the rare, false triggers per camera and day."""
ABOUT = Normal(np.zeros(3), np.ones(3))
BESIDE = Beliefs(0.0, 1.0, np.log(2.0), 0.5, sweeps=900, thin=30)


def forty_cameras() -> np.ndarray:
    """Photos that as many as `COMMON` give at each of forty cameras in sixty days: [40, 3]."""
    per = np.full((40, 2), 60.0 * 4.0 * Zone(0.01, 0.7).width_km)
    return with_empty(per, np.full(40, 60.0)) * COMMON


def rare_beside(parameters: np.ndarray, key: draws.Key) -> np.ndarray:
    """Labels where a rare species stands beside what is taken for it; the matrix is drawn from what the held-out photos say, dispersions from belief."""
    rng = stream(int(key[0]) | int(key[1]) << 32, "rare beside")
    spread = np.exp(BESIDE.log_dispersion + BESIDE.log_dispersion_sd * rng.standard_normal(3))
    shown = counts(forty_cameras() * np.exp(parameters), np.tile(spread, (40, 1)), draws.branch(key, "shown"))
    return recorded(shown, TAKEN.drawn(rng), draws.branch(key, "labels")).ravel().astype(float)


def rare_of(summaries: np.ndarray, rng: np.random.Generator, exact: bool = False) -> np.ndarray:
    """Draws of their logarithms for those labels; `exact` takes the matrix for known."""
    rows = TAKEN.mean if exact else TAKEN
    return np.log(abundance(summaries.reshape(40, 4).astype(int), forty_cameras(), rows, rng, BESIDE).density)[:19]


def noisy(parameters: np.ndarray, key: draws.Key) -> np.ndarray:
    """One observation of variance 1."""
    return np.array([parameters[0] + draws.normal(key, 0, 0, 0)])


def by_abc(summaries: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Draws of its mean by adjusted ABC-SMC."""
    prior = Normal(np.zeros(1), np.ones(1))
    found = infer(prior, noisy, summaries, int(rng.integers(2**31)), Plan(200, 0.5, 3, 2000))
    return adjusted(found, prior, summaries).drawn(19, rng)


def calibrated(seeds: int) -> None:
    """Whether ranks are uniform: p value of chi-squared over ten bins, and how often the 90 % interval holds the truth."""

    def trusting(summaries: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        return densities_of(summaries, rng, True)

    def thrown_away(summaries: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        return triggers_of(summaries, rng, True)

    def exact(summaries: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        return rare_of(summaries, rng, True)

    one = Normal(np.zeros(1), np.ones(1))
    parts = {
        "common, rare and nothing, matrix with its uncertainty": (ABOUT, rare_beside, rare_of),
        "common, rare and nothing, matrix as exact": (ABOUT, rare_beside, exact),
        "density, matrix with its uncertainty": (SPREAD, two_species, densities_of),
        "density, labels as truth": (SPREAD, two_species, trusting),
        "density and false triggers": (TRIGGERED, one_and_nothing, triggers_of),
        "density, empty frames thrown away": (TRIGGERED, one_and_nothing, thrown_away),
        "normal mean by ABC": (one, noisy, by_abc),
    }
    print("| sampler | parameter | p of uniform ranks | in 90 % interval |\n|---|---|---|---|")
    for name, (prior, simulate, sample) in parts.items():
        found: Ranks = ranks(prior, simulate, sample, seeds, 1)
        for at, (p, cover) in enumerate(zip(found.p_value(10), found.coverage(0.9), strict=True)):
            print(f"| {name} | {at + 1} | {p:.3g} | {told(cover, '.0%')} |", flush=True)


def kept_places(counted: np.ndarray, rng: np.random.Generator, heeded: bool) -> np.ndarray:
    """Draws of ln density and ln dispersion from counts of CAMERAS in PERIODS: rows of a camera added up, or taken for cameras of their own."""
    labels = np.stack([counted.astype(np.int64), np.zeros(len(counted), np.int64)], 1)
    exposure = np.full((len(counted), 1), 4.0)
    rows = gathered(labels, exposure, np.tile(np.arange(PLACES), PERIODS)) if heeded else (labels, exposure)
    found = abundance(*rows, np.array([[1.0, 0.0]]), rng, Beliefs(0.0, 1.0, 0.0, 0.5, sweeps=300))
    return np.log(np.column_stack([found.density, found.dispersion]))[
        np.linspace(0, len(found.density) - 1, 19).astype(int)
    ]


def lasting(seeds: int) -> None:
    """Ranks and coverage of the sampler, and coverage and CRPS of the ensemble filter, at cameras that stay where they are."""

    def photographed(parameters: np.ndarray, key: draws.Key) -> np.ndarray:
        mean = np.full((PLACES, 1), 4.0 * np.exp(parameters[0]))
        dispersion = float(np.exp(parameters[1]))
        return np.concatenate([placed(mean, dispersion, 1.0, key, step)[:, 0] for step in range(PERIODS)]).astype(float)

    prior = Normal(np.zeros(2), np.array([1.0, 0.5]))
    print("| sampler, places that last are | parameter | p of uniform ranks | in 90 % interval |\n|---|---|---|---|")
    for heeded in (True, False):

        def sample(counted: np.ndarray, rng: np.random.Generator, heeded: bool = heeded) -> np.ndarray:
            return kept_places(counted, rng, heeded)

        found: Ranks = ranks(prior, photographed, sample, 5 * seeds, 1)
        for name, p, cover in zip(("density", "dispersion"), found.p_value(10), found.coverage(0.9), strict=True):
            print(f"| {'heeded' if heeded else 'ignored'} | {name} | {p:.3g} | {told(cover, '.0%')} |", flush=True)
    way = (("ensemble filter", "matrix with its uncertainty"),)
    print("\n| filter, a year | species | months in 90 % interval | CRPS of ln density |\n|---|---|---|---|")
    for survey in (Survey(days=30.0), Survey(cameras=12, days=30.0, dispersion=0.3)):
        plan = Months(survey=survey, months=12, lasting=1.0)
        for heeded in (True, False):
            for row in followed(range(seeds), way, replace(plan, heeded=heeded)):
                name = (
                    f"{survey.cameras} cameras, dispersion {survey.dispersion:g}, {'heeded' if heeded else 'ignored'}"
                )
                print(f"| {name} | {row.species} | {told(row.coverage, '.0%')} | {told(row.crps, '.3f')} |", flush=True)


def empty(seeds: int) -> None:
    """Densities where two of a hundred empty frames are taken for the rarer of two grazers: the empty counted with a row of the matrix from 500 photos of
    nothing and from 5,000, or thrown away."""
    matrix = np.array([[0.85, 0.05, 0.0, 0.1], [0.1, 0.7, 0.0, 0.2], [0.0, 0.02, 0.9, 0.08]])
    species, labels = ("common", "rare", EMPTY), ("common", "rare", EMPTY, UNKNOWN)
    per, days = np.full((40, 2), 60.0 * 4.0 * Zone(0.01, 0.7).width_km), np.full(40, 60.0)
    print(
        "| false triggers a day | empty frames | of | ln(estimate / truth) | in 90 % interval |\n|---|---|---|---|---|"
    )
    for rate in (0.1, 1.0, 5.0):
        truth = np.array([20.0, 1.0, rate])
        found: dict[str, list[tuple[np.ndarray, np.ndarray]]] = {}
        for seed in range(seeds):
            rng, key = stream(seed, "empty"), draws.key(seed, "empty")
            said = recorded(counts(with_empty(per, days) * truth, 2.0, key), matrix, draws.branch(key, "said"))
            for photos in (500, 5000):
                held = np.stack(
                    [rng.multinomial(500, row) for row in matrix[:2]] + [rng.multinomial(photos, matrix[2])]
                )
                whole = Confusion(species, labels, held)
                given = {f"counted, {photos} held out": (said, with_empty(per, days), whole)}
                if photos == 500:
                    rest = Confusion(species[:2], ("common", "rare", UNKNOWN), held[:2][:, [0, 1, 3]])
                    given["thrown away"] = (said[:, [0, 1, 3]], per, rest)
                for way, one in given.items():
                    drawn = abundance(*one, rng, Beliefs(sweeps=600)).density
                    there = truth[: drawn.shape[1]]
                    off = np.log(np.median(drawn, 0) / there)
                    found.setdefault(way, []).append((off, covered(drawn, there)))
        for way, rows in found.items():
            for at, name in enumerate(species[: len(rows[0][0])]):
                bias, hits = (np.array([row[part][at] for row in rows]) for part in (0, 1))
                print(
                    f"| {rate:g} | {way} | {name} | {told(averaged(bias))} | {told(share(hits), '.0%')} |", flush=True
                )


def events(table: Path) -> None:
    """Stays, groups, rates, scatter and densities by random encounters, for each species; days out are bracketed."""
    rows = pl.read_csv(table, infer_schema=False).with_columns(
        minute=pl.concat_str("eventDate", pl.lit("T"), "eventTime").str.to_datetime().dt.epoch("s") / 60,
        animals=pl.col("count").cast(pl.Int64),
    )
    # counts above ten were recorded as classes: 11 stands for 11 to 50, 51 for more
    rows = rows.with_columns(most=pl.when(pl.col("animals") == 11).then(50).otherwise(pl.col("animals")))
    rows = rows.with_columns(
        stay=stays(rows["cameraID"].to_numpy(), rows["snapshotName"].to_numpy(), rows["minute"].to_numpy())
    )
    days = (
        rows.group_by("cameraID")
        .agg(
            pl.col("locationID").first(),
            seen=pl.col("eventDate").n_unique(),
            whole=(pl.col("minute").max() - pl.col("minute").min()) / 1440 + 1,
        )
        .sort("cameraID")
    )
    print(
        f"{len(rows)} events, {rows['stay'].n_unique()} stays, {len(days)} cameras, {days['seen'].sum()} camera-days with"
    )
    print(
        f"an event, {days['whole'].sum():.0f} from each camera's first to last event; {(rows['animals'] > 10).mean():.1%} of events are classes"
    )
    measures = "animals a stay | scatter | dispersion k | km-2, days seen | km-2, whole span | of it cameras alone"
    print(f"| species | cameras | events | animals an event | stays | {measures} |")
    print("|---|---|---|---|---|---|---|---|---|---|---|")
    for name in sorted(KNOWN):
        of = rows.filter(pl.col("snapshotName") == name)
        sizes = (pl.col("animals").max(), pl.col("most").max())
        per_stay = of.group_by("cameraID", "stay").agg(pl.len().alias("events"), *sizes)
        per_camera = per_stay.group_by("cameraID").agg(pl.len().alias("stays"), pl.col("animals").sum())
        # cameras of reserves where the species never came say nothing of how its counts scatter where it lives
        home = days.filter(pl.col("locationID").is_in(of["locationID"].unique().to_list()))
        per = home.join(per_camera, "cameraID", "left").fill_null(0).sort("cameraID")
        print(_species_row(name, of, per_stay, per), flush=True)


def _species_row(name: str, of: pl.DataFrame, per_stay: pl.DataFrame, per: pl.DataFrame) -> str:
    found, seen, whole = (per[c].to_numpy().astype(float) for c in ("stays", "seen", "whole"))
    rng, known = stream(1, "events", name), KNOWN[name][1]
    mean = whole * found.sum() / whole.sum()
    scatter = over_cameras(
        lambda at: float(((found - mean)[at] ** 2 / mean[at]).sum() / (len(at) - 1)), len(found), rng
    )
    k = over_cameras(lambda at: dispersion(found[at], whole[at]), len(found), rng, 200)
    group = f"{per_stay['animals'].mean():.2f} to {per_stay['most'].mean():.2f}"
    most, least = (densities(per["animals"].to_numpy(), d, known, rng) for d in (seen, whole))
    cells = (told(scatter, ".0f"), told(k, ".2f"), told(most[0], ".2g"), told(least[0], ".2g"), told(least[1], ".2g"))
    each = f"{of['animals'].mean():.2f} to {of['most'].mean():.2f}"
    return f"| {name} | {len(per)} | {len(of)} | {each} | {len(per_stay)} | {group} | {' | '.join(cells)} |"


def main() -> None:
    """Run one part."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "part",
        choices=("walkers", "confusion", "follow", "states", "fit", "rates", "ranks", "lasting", "empty", "events"),
    )
    parser.add_argument("--seeds", type=int, default=0)
    parser.add_argument("--table", type=Path)
    given = parser.parse_args()
    if given.part == "events":
        if given.table is None:
            parser.error("events needs --table: a CSV of cameraID, eventDate, eventTime, snapshotName, count")
        return events(given.table)
    part, seeds = {
        "walkers": (walkers, 8),
        "confusion": (confusion, 100),
        "follow": (follow, 30),
        "states": (states, 40),
        "fit": (fit, 100),
        "rates": (rates, 100),
        "ranks": (calibrated, 100),
        "lasting": (lasting, 60),
        "empty": (empty, 60),
    }[given.part]
    return part(given.seeds or seeds)


if __name__ == "__main__":
    main()
