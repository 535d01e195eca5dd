"""Known worlds: labels taken for truth mislead and the matrix mends it; filters follow; samplers that claim a posterior are ranked; a table of events."""

from __future__ import annotations

import csv
import math
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest

from merian.core.chance import stream
from merian.core.errors import BadData, BadSetting, Mismatch, Unstable
from merian.twin import draws
from merian.twin.calibrate.abc import Plan, adjusted, infer
from merian.twin.calibrate.abundance import Beliefs, abundance
from merian.twin.calibrate.kalman import analysis, taper
from merian.twin.calibrate.known import REST, WEB, Survey, photographed, read, readings
from merian.twin.calibrate.particle import Keeping, systematic, tracked
from merian.twin.calibrate.priors import Normal, Uniform
from merian.twin.calibrate.sbc import Ranks, ranks
from merian.twin.calibrate.scores import averaged, covered, crps, share
from merian.twin.calibrate.survey import Known, densities, dispersion, over_cameras, stays
from merian.twin.calibrate.tracking import Months, course, follow
from merian.twin.observe.labels import Confusion
from merian.twin.solver import run, slopes

EVENTS = Path(__file__).parents[2].parent / "shared" / "data" / "tables" / "camtrap_snapshot_safari_5spp.csv"


def test_the_known_world_comes_to_rest_where_it_says() -> None:
    assert np.abs(slopes(WEB, REST)[:5] / REST).max() < 2e-4
    assert run(WEB, 1.5 * REST, [0.0, 73_000.0]).biomass[-1] == pytest.approx(REST, rel=0.01)


def test_labels_taken_for_truth_mislead_and_the_matrix_mends_it() -> None:
    """Eight worlds: the browser, which the common grazer is taken for, comes out far more than it is, and with the matrix about as many."""
    ways = ("labels as truth", "matrix with its uncertainty")
    rows = readings(Survey(held_out=3000), range(8), ways, Beliefs(sweeps=240))
    found = {(row.way, row.species): row for row in rows}
    wrong, right = (found[way, "browser"] for way in ways)
    assert wrong.shift.low > 0.1
    assert wrong.coverage.value < 0.5
    # the posterior of a rare species is skewed, and its median leans low
    assert abs(right.shift.value) < min(0.25, 0.5 * wrong.shift.value)
    assert right.coverage.value >= 0.6
    assert [row.way for row in rows[::3]] == ["true species", *ways]
    assert all(row.shift.value == 0 for row in rows[:3])
    assert all(row.bias.n == row.coverage.n == 8 for row in rows)


def test_the_same_seed_is_the_same_world_and_pairs_share_photos() -> None:
    first, again = photographed(Survey(), 3), photographed(Survey(), 3)
    assert (first.recorded == again.recorded).all()
    assert (first.density == again.density).all()
    harder = photographed(Survey(), 3, np.eye(3, 4))
    assert (harder.shown == first.shown).all()
    assert (harder.recorded[:, :3] == first.shown).all()
    assert (harder.confusion.photos == first.confusion.photos).all()


def test_ways_and_surveys_that_are_none() -> None:
    with pytest.raises(BadSetting, match="one of true species, labels as truth"):
        read(photographed(Survey(), 0), "by hand", Survey(), stream(0, "x"))
    with pytest.raises(BadSetting, match="2 or more"):
        Survey(cameras=1)
    with pytest.raises(BadSetting, match="30 or more"):
        Beliefs(sweeps=3)
    with pytest.raises(BadSetting, match="above 0"):
        Beliefs(log_density_sd=0)


def test_labels_that_no_species_can_have_got() -> None:
    labels, exposure = np.array([[3, 2, 1], [4, 0, 0]]), np.ones((2, 2))
    with pytest.raises(BadData, match=r"can have got \(1 photos\)"):
        abundance(labels, exposure, np.eye(2, 3), stream(0, "x"))
    with pytest.raises(Mismatch, match="labels, exposure and matrix"):
        abundance(labels, exposure, np.eye(2, 2), stream(0, "x"))
    with pytest.raises(BadData, match="exposure above 0 for each species"):
        abundance(labels, np.array([[1.0, 0.0], [1.0, 0.0]]), np.eye(2, 3), stream(0, "x"))


SPREAD = Normal(np.array([0.5, 0.5]), np.array([0.7, 0.7]))


def two_species(parameters: np.ndarray, key: draws.Key) -> np.ndarray:
    """Labels of two species at ten cameras, and held-out photos whose matrix is drawn from the prior that the sampler believes."""
    from merian.twin.observe.camera import counts
    from merian.twin.observe.labels import recorded

    rng = np.random.default_rng(key)
    matrix = rng.dirichlet(np.ones(3), 2)
    held = np.stack([rng.multinomial(20, row) for row in matrix])
    dispersion = np.exp(rng.normal(size=2))
    shown = counts(np.tile(3 * np.exp(parameters), (10, 1)), np.tile(dispersion, (10, 1)), draws.branch(key, "shown"))
    return np.concatenate([recorded(shown, matrix, draws.branch(key, "labels")).ravel(), held.ravel()]).astype(float)


def sampled(summaries: np.ndarray, rng: np.random.Generator, matrix: np.ndarray | None = None) -> np.ndarray:
    labels, held = summaries[:30].reshape(10, 3).astype(int), summaries[30:].reshape(2, 3).astype(int)
    confusion = Confusion(("a", "b"), ("a", "b", "unknown"), held, 1.0)
    beliefs = Beliefs(0.5, 0.7, sweeps=300, thin=10)
    found = abundance(labels, np.full((10, 2), 3.0), confusion if matrix is None else matrix, rng, beliefs)
    return np.log(found.density)[:19]


def test_the_sampler_of_abundance_is_calibrated_and_one_that_ignores_the_matrix_is_not() -> None:
    """30 known worlds, 19 draws each: ranks uniform for the right model; for labels taken as truth 40 show that they are not (fixed seed)."""
    right = ranks(SPREAD, two_species, sampled, 30, 1)
    assert right.draws == 19
    assert (right.p_value(5) > 0.005).all()
    for cover in right.coverage(0.9):
        assert cover.low < 0.9 < cover.high

    def trusting(summaries: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        named = summaries.copy()
        named[2:30:3] = 0
        return sampled(named, rng, np.eye(2, 3))

    wrong = ranks(SPREAD, two_species, trusting, 40, 1)
    assert (wrong.p_value(5) < 1e-3).all()


def test_draws_of_a_rare_species_among_many_that_are_taken_for_it_are_nearly_independent() -> None:
    """2,000 photos of nothing, of which one in fifty is called the rare one, known from 500: by Gibbs' steps alone the correlation with the tenth draw
    behind is 0.6 to 0.7 (6 seeds), by trades -0.04 to 0.1."""
    held = np.array([[425, 25, 0, 50], [50, 350, 0, 100], [0, 10, 450, 40]])
    confusion = Confusion(("common", "rare", "empty"), ("common", "rare", "empty", "unknown"), held)
    labels = np.array([[35, 5, 46, 8]] * 40)
    exposure = np.array([[2.0, 2.0, 60.0]] * 40)
    found = np.log(abundance(labels, exposure, confusion, stream(3, "mixed"), Beliefs(sweeps=900)).density[:, 1])
    away = found - found.mean()
    assert float(away[10:] @ away[:-10] / (away @ away)) < 0.3


def conjugate(narrow: float, off: float):
    """Posterior draws of a normal mean, prior N(0, 1), one observation of variance 1: right for (1, 0)."""

    def sample(summaries: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        return off + summaries / 2 + narrow * math.sqrt(0.5) * rng.normal(size=(19, 1))

    return sample


def noisy(parameters: np.ndarray, key: draws.Key) -> np.ndarray:
    return np.array([parameters[0] + draws.normal(key, 0, 0, 0)])


@pytest.mark.parametrize(("narrow", "off", "right"), [(1, 0, True), (0.5, 0, False), (2, 0, False), (1, 0.5, False)])
def test_ranks_tell_a_right_sampler_from_a_wrong_one(narrow: float, off: float, right: bool) -> None:
    """400 worlds; a posterior half as wide, twice as wide, or moved by 0.7 of its standard deviations is found out (fixed seed)."""
    found = ranks(Normal(np.zeros(1), np.ones(1)), noisy, conjugate(narrow, off), 400, 3)
    assert bool(found.p_value(10)[0] > 0.01) is right
    cover = found.coverage(0.9)[0]
    if off == 0:
        assert (0.85 < cover.value < 0.95) is right
    assert found.histogram(4).sum() == 400
    with pytest.raises(BadSetting, match="divides the 20 possible ranks"):
        found.histogram(7)


def test_abc_is_calibrated_on_a_known_posterior() -> None:
    """60 worlds, adjusted ABC of a normal mean, 19 draws each: ranks uniform, 90 % intervals hold the truth as often as they say (fixed seed)."""
    prior = Normal(np.zeros(1), np.ones(1))

    def sample(summaries: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        found = infer(prior, noisy, summaries, int(rng.integers(2**31)), Plan(100, 0.5, 2, 600))
        return adjusted(found, prior, summaries).drawn(19, rng)

    found = ranks(prior, noisy, sample, 60, 5)
    assert found.p_value(5)[0] > 0.01
    assert found.coverage(0.9)[0].low < 0.9 < found.coverage(0.9)[0].high


def test_abc_keeps_to_its_bounds_and_its_budget() -> None:
    prior = Uniform(np.array([0.0]), np.array([2.0]))
    plan = Plan(50, 0.5, 4, 450)
    first = infer(prior, noisy, [3.0], 1, plan)
    again = infer(prior, noisy, [3.0], 1, plan)
    assert (first.parameters == again.parameters).all()
    assert ((first.parameters > 0) & (first.parameters < 2)).all()
    moved = adjusted(first, prior, [3.0]).parameters
    assert ((moved > 0) & (moved < 2)).all()
    assert moved.mean() > 1
    assert 100 <= first.simulations <= 450
    assert infer(prior, noisy, [1.0], 1, Plan(50, 0.5, 4, 100)).simulations == 100
    assert len(first.tolerances) < 4
    # a generation in which the simulations are spent keeps the best of fewer than it wanted
    cut = infer(Normal(np.ones(1), np.ones(1)), noisy, [1.0], 1, Plan(50, 0.5, 2, 230))
    assert cut.simulations == 230
    assert len(cut.tolerances) == 2
    assert len(cut.weights) == 50
    assert cut.tolerances[1] < cut.tolerances[0]


def test_abc_that_cannot_be() -> None:
    prior = Normal(np.zeros(1), np.ones(1))
    with pytest.raises(BadData, match="gives numbers; parameters"):
        infer(prior, lambda parameters, key: np.array([math.nan]), [0.0], 1)
    with pytest.raises(BadData, match="do not depend on parameters nor chance"):
        infer(prior, lambda parameters, key: np.ones(1), [0.0], 1)
    with pytest.raises(Mismatch, match="simulated and observed"):
        infer(prior, lambda parameters, key: np.ones(2), [0.0], 1)
    with pytest.raises(BadData, match="numbers in one row"):
        infer(prior, noisy, [math.nan], 1)
    with pytest.raises(BadSetting, match="proposes parameters that can be, 50 or more of 100"):
        infer(Uniform(np.zeros(1), np.ones(1)), noisy, [0.5], 1, Plan(50), Normal(np.full(1, 3.0), np.ones(1)))
    with pytest.raises(BadSetting, match="20 or more"):
        Plan(10, 0.5, 2, 5)
    with pytest.raises(BadSetting, match="10 or more"):
        Plan(3)
    with pytest.raises(BadSetting, match="below 1"):
        Plan(share=1.0)
    with pytest.raises(BadSetting, match="above low"):
        Uniform(np.ones(1), np.ones(1))
    with pytest.raises(BadSetting, match="one above 0"):
        Normal(np.ones(1), np.zeros(1))


SMALL = Months(survey=Survey(days=30.0, held_out=3000), months=10, dry=(3, 7), members=40)


def test_filters_follow_a_known_world_and_the_matrix_matters_to_them() -> None:
    """Six worlds of ten months: with the matrix the filter is nearer to the browser than one that takes labels for truth, and than one without photos."""
    away = dict.fromkeys((("ensemble filter", 0), ("ensemble filter", 1), ("no photos", 1)), 0.0)
    for seed in range(6):
        known = course(seed, SMALL)
        truth = known.biomass[:, 3] + math.log(1000 / 180)
        for method, operator in away:
            way = ("labels as truth", "matrix with its uncertainty")[operator]
            drawn = follow(known, seed, method, way, SMALL)
            assert drawn.shape == (10, 40, 3)
            away[method, operator] += float(np.abs(drawn[..., 1].mean(1) - truth).mean())
    assert away["ensemble filter", 1] < 0.8 * away["ensemble filter", 0]
    assert away["ensemble filter", 1] < away["no photos", 1]


def test_a_classifier_may_be_drawn_from_what_its_held_out_photos_say() -> None:
    """Ten held-out photos say little: the same photos of the same world get other labels."""
    plan = replace(SMALL, months=2, survey=Survey(days=30.0, held_out=10))
    drawn, one = (course(3, replace(plan, drawn=way)) for way in (True, False))
    assert (drawn.weights == one.weights).all()
    assert (drawn.labels.sum(0) != one.labels.sum(0)).any()
    assert (drawn.biomass == one.biomass).all()
    assert (drawn.labels.sum(1) == one.labels.sum(1)).all()


def test_the_particle_filter_follows_too() -> None:
    plan = Months(survey=Survey(days=30.0, held_out=1000), months=4, dry=(1, 3), particles=160)
    known = course(5, plan)
    drawn = follow(known, 5, "particle filter", "matrix with its uncertainty", plan)
    truth = known.biomass[:, 2:] + np.log(1000 / np.array([45, 180, 60]))
    assert drawn.shape == (4, 160, 3)
    assert np.abs(drawn.mean(1) - truth)[:, 0].max() < 0.5
    again = follow(known, 5, "particle filter", "matrix with its uncertainty", plan)
    assert (drawn == again).all()
    with pytest.raises(BadSetting, match="one of ensemble filter"):
        follow(known, 5, "filter", "labels as truth", plan)
    with pytest.raises(BadSetting, match="10 or more"):
        Months(members=2)
    with pytest.raises(BadSetting, match="a share above 0"):
        Months(drought=0)


def test_filters_that_break_say_where() -> None:
    start = np.zeros((10, 1))
    key = draws.key(0, "x")
    with pytest.raises(Unstable, match="no world explains"):
        tracked(start, lambda s, t, k: s, lambda s, t: np.full(10, -np.inf), 1, key)
    with pytest.raises(Unstable, match="'state' unphysical"):
        tracked(start, lambda s, t, k: s * np.nan, lambda s, t: np.zeros(10), 1, key)
    with pytest.raises(Mismatch, match="worlds and log likelihoods"):
        tracked(start, lambda s, t, k: s, lambda s, t: np.zeros(3), 1, key)
    with pytest.raises(BadSetting, match="a share"):
        tracked(start, lambda s, t, k: s, lambda s, t: np.zeros(10), 1, key, Keeping(least=2))
    with pytest.raises(BadData, match="not all 0"):
        systematic(np.zeros(3), 2, 0.5)
    with pytest.raises(BadSetting, match="below 1"):
        systematic(np.ones(3), 2, 1.0)
    with pytest.raises(BadData, match="error variances above 0"):
        analysis(start, start, [1.0], [0.0])
    with pytest.raises(Mismatch, match="ensemble, predictions"):
        analysis(start, start, [1.0, 2.0], [1.0, 1.0])
    with pytest.raises(BadData, match="positive definite"):
        analysis(start, np.ones((10, 2)), [1.0, 2.0], [[1.0, 2.0], [2.0, 1.0]])
    with pytest.raises(Mismatch, match="depend on each other"):
        analysis(start, start, [1.0], [[1.0]], np.ones((2, 1)))
    with pytest.raises(Mismatch, match="weights of covariances"):
        analysis(start, start, [1.0], [1.0], np.ones((1, 1)))
    with pytest.raises(BadSetting, match="above 0"):
        taper(1.0, 0.0)


def test_scores_that_cannot_be() -> None:
    with pytest.raises(BadData, match="two draws"):
        crps([1.0], 1.0)
    with pytest.raises(Mismatch, match="draws and truth"):
        crps(np.ones((3, 2)), 1.0)
    with pytest.raises(BadSetting, match="below 1"):
        covered([1.0, 2.0], 1.0, 1.0)
    with pytest.raises(BadData, match="of nothing"):
        share([])
    with pytest.raises(BadData, match="needs numbers"):
        averaged([math.nan])
    assert math.isnan(averaged([2.0]).low)
    assert Ranks(np.array([[0], [3], [18], [19]]), 19).coverage(0.9)[0].value == 0.5
    with pytest.raises(BadSetting, match="whole ranks of the 4 possible"):
        Ranks(np.array([[0], [3]]), 3).coverage(0.9)


def test_stays_by_hand() -> None:
    camera = ["b", "a", "a", "a", "a", "b"]
    species = ["kudu", "lion", "lion", "kudu", "lion", "kudu"]
    minute = [0, 31, 0, 5, 62, 30]
    assert stays(camera, species, minute, 30).tolist() == [4, 2, 1, 0, 3, 4]
    assert stays(camera, species, minute, 31).tolist() == [2, 1, 1, 0, 1, 2]
    assert stays([], [], []).tolist() == []
    with pytest.raises(Mismatch):
        stays(["a"], ["b"], [1, 2])
    with pytest.raises(BadData, match=r"are numbers \(1\)"):
        stays(["a", "a"], ["b", "b"], [1, math.nan])
    with pytest.raises(BadSetting):
        stays(["a"], ["b"], [1], -1)


def test_dispersion_is_found_again() -> None:
    rng = np.random.default_rng(4)
    days = rng.uniform(10, 200, 3000)
    assert dispersion(rng.poisson(0.1 * days * rng.gamma(0.6, 1 / 0.6, 3000)), days) == pytest.approx(0.6, rel=0.1)
    assert dispersion(np.full(50, 7), np.ones(50)) == math.inf
    with pytest.raises(BadData, match="a count above 0"):
        dispersion([0, 0], [1, 1])


def test_a_density_from_counts_holds_what_is_not_known() -> None:
    known = Known((5.0, 2.0), (0.01, 1.5), (0.7, 1.2))
    animals, days = np.array([3, 0, 5, 2, 9, 1]), np.full(6, 30.0)
    whole, cameras = densities(animals, days, known, stream(1, "d"))
    assert whole.value == cameras.value == pytest.approx(20 / 180 * math.pi / (5 * 0.01 * 2.7))
    assert whole.low < cameras.low < cameras.value < cameras.high < whole.high
    exact = Known((5.0, 1.0), (0.01, 1.0), (0.7, 1.0))
    alone, same = densities(animals, days, exact, stream(1, "d"))
    assert (alone.low, alone.high) == pytest.approx((same.low, same.high))
    mean = over_cameras(lambda at: float(animals[at].mean()), 6, stream(2, "d"))
    assert mean.low < mean.value < mean.high
    assert math.isnan(over_cameras(lambda at: 1.0, 4, stream(2, "d")).low)
    with pytest.raises(BadData, match="days above 0"):
        densities(animals, 0 * days, known, stream(1, "d"))
    with pytest.raises(BadSetting, match="a factor of 1 or more"):
        Known((5.0, 0.5), (0.01, 1.5), (0.7, 1.2))


@pytest.mark.real
@pytest.mark.skipif(not EVENTS.is_file(), reason=f"the real data are not at {EVENTS}")
def test_real_cameras_scatter_far_more_than_poisson() -> None:
    """Five mammals of six South African reserves, 2017-2019 (Snapshot Safari, CC BY 4.0): dispersion over cameras far below 10 for each."""
    with EVENTS.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 72_710
    camera = np.array([row["cameraID"] for row in rows])
    species = np.array([row["snapshotName"] for row in rows])
    start = datetime(2017, 1, 1)
    minute = [(datetime.fromisoformat(f"{r['eventDate']}T{r['eventTime']}") - start).total_seconds() / 60 for r in rows]
    found = stays(camera, species, minute)
    stay, first = np.unique(found, return_index=True)
    assert 20_000 < len(stay) < 60_000
    names, place = np.unique(camera, return_inverse=True)
    day = np.floor(np.array(minute) / 1440)
    days = np.array([len(np.unique(day[place == at])) for at in range(len(names))])
    for name in np.unique(species):
        counted = np.bincount(place[first[species[first] == name]], minlength=len(names))
        assert dispersion(counted, days) < 3
