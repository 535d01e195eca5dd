"""Laws of filling traits: passes over the tree equal one dense matrix, components are found again, intervals cover, noise has no skill."""

from __future__ import annotations

import functools
from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from merian.core.chance import stream
from merian.core.errors import BadData
from merian.core.report import Number
from merian.explore.impute.conformal import cv_plus, cv_plus_sets, fewest, held_quantile, quantile
from merian.explore.impute.features import Seen, _expected, picture_design, seen
from merian.explore.impute.folds import relatives, schemes
from merian.explore.impute.gaps import Examined, examine, fill
from merian.explore.impute.measure import doubts_of, numbers_of
from merian.explore.impute.nest import Nest, krige, nest_of
from merian.explore.impute.probabilities import (
    answers,
    best_power,
    calibration_error,
    commonest,
    held_powers,
    held_probabilities,
    held_sets,
    new_sets,
    probabilities,
)
from merian.explore.impute.process import Components, Design, fit, likelihood, predict, shares
from merian.explore.impute.settings import ImputeSettings
from merian.explore.impute.skill import Groups, skills
from merian.explore.impute.states import Trait

QUICK = ImputeSettings(folds=5, resamples=200, log="never")


@functools.cache
def nest(n: int, genera: int = 0, seed: int = 0) -> Nest:
    """n species dealt to genera, four genera to a family, three families to an order."""
    genus = np.sort(stream(seed, "nest").integers(0, genera or max(n // 4, 1), n))
    table = {"order": genus // 12, "family": genus // 4, "genus": genus, "species": np.arange(n)}
    lineages = pl.DataFrame({rank: [f"{rank}{x:05d}" for x in column] for rank, column in table.items()})
    return nest_of(lineages)[0]


def brownian(of: Nest, variances: tuple[float, ...], seed: int) -> np.ndarray:
    """Effects of genus, family and order, and of the species (the last): Brownian motion on the taxonomy."""
    rng = stream(seed, "brownian")
    value = np.sqrt(variances[-1]) * rng.standard_normal(len(of))
    for group, variance in zip(of.group.T, variances, strict=False):
        value += np.sqrt(variance) * rng.standard_normal(group[-1] + 1)[group]
    return value


def design_of(n: int, d: int, seed: int) -> Design:
    rng = stream(seed, "features")
    return Design(nest(n, seed=seed), rng.standard_normal((n, d)) / np.sqrt(max(d, 1)), (rng.random(n) < 0.3) * 1.0)


def dense(design: Design, components: Components) -> np.ndarray:
    """The covariance [n, n] of the measurements relative to the noise, as one matrix: the slow twin of the passes over the tree."""
    matrix = np.diag(1 + components.features * design.slack)
    for column, variance in zip(design.nest.group.T, components.ranks, strict=True):
        matrix += variance * (column[:, None] == column)
    return np.asarray(matrix + components.features * design.features @ design.features.T)


def amount(values: np.ndarray, known: np.ndarray) -> Trait:
    return Trait("mass", "g", (), False, np.where(known, values, np.nan))


@settings(max_examples=15, deadline=None, derandomize=True)
@given(seed=st.integers(0, 10_000), d=st.sampled_from([0, 3]), n=st.sampled_from([12, 45]))
def test_passes_over_the_tree_equal_the_dense_matrix(seed: int, d: int, n: int) -> None:
    """Likelihood (with its constant) and prediction as Rasmussen & Williams 2006, equations 2.41 to 2.45, with one n x n inverse."""
    rng, design = stream(seed, "dense"), design_of(n, d, seed)
    parts = Components(rng.uniform(0.01, 3, 3), float(rng.uniform(0.1, 2)) if d else 0.0, np.array([1.0, 2.0]))
    y, one = rng.standard_normal((n, 2)), np.ones((n, 1))
    matrix = dense(design, parts)
    inverse = np.linalg.inv(matrix)
    project = inverse - inverse @ one @ one.T @ inverse / (one.T @ inverse @ one)
    logdet = np.linalg.slogdet(matrix)[1] + np.log((one.T @ inverse @ one).item())
    expected = -0.5 * (2 * logdet + (n - 1) * np.log(np.diag(y.T @ project @ y)).sum())
    assert likelihood(design, y, parts.ranks, parts.features)[0] == pytest.approx(expected)

    known = rng.random(n) < 0.6
    known[:3] = True
    inverse = np.linalg.inv(matrix[np.ix_(known, known)])
    shared = (matrix - np.diag(1 + parts.features * design.slack))[:, known]
    weight = inverse.sum()
    mean = (inverse @ y[known]).sum(0) / weight
    told = predict(design, np.where(known[:, None], y, np.nan), known, parts)
    assert told.mean == pytest.approx(mean + shared @ inverse @ (y[known] - mean))
    variance = np.diag(matrix) - np.einsum("ij,jk,ik->i", shared, inverse, shared)
    variance = variance + (1 - (shared @ inverse).sum(1)) ** 2 / weight
    assert told.sd == pytest.approx(np.sqrt(variance[:, None] * parts.scale))


@settings(max_examples=10, deadline=None, derandomize=True)
@given(seed=st.integers(0, 10_000), d=st.sampled_from([0, 4]))
def test_the_gradient_is_that_of_the_likelihood(seed: int, d: int) -> None:
    design, y = design_of(40, d, seed), stream(seed, "y").standard_normal((40, 2))
    at = stream(seed, "at").uniform(0.05, 2, 4) * np.array([1, 1, 1, d > 0])
    gradient = likelihood(design, y, at[:3], float(at[3]))[1]
    for k in range(4 if d else 3):
        step = 1e-5 * (np.arange(4) == k)
        ends = [likelihood(design, y, (at + s)[:3], float((at + s)[3]))[0] for s in (step, -step)]
        assert gradient[k] == pytest.approx((ends[0] - ends[1]) / 2e-5, rel=1e-4, abs=1e-5)


def test_a_pass_with_no_variance_moves_nothing() -> None:
    made = krige(nest(30), np.zeros(3), np.ones(30), stream(0).standard_normal((30, 2)))
    assert not made.mean.any()
    assert not made.variance.any()
    assert made.logdet == 0


def test_variance_components_are_found_again() -> None:
    of = nest(4000)
    truth = np.array([0.6, 1.0, 0.8])
    found = fit(Design.of(of), brownian(of, (*truth, 1.0), 1)[:, None])
    assert found.scale[0] == pytest.approx(1, rel=0.1)
    assert found.ranks * found.scale == pytest.approx(truth, rel=0.35)
    assert sum(shares(of, found, False).values()) == pytest.approx(1)


def certain(means: np.ndarray) -> Seen:
    """Pictures whose means are taken as they are."""
    return Seen(means, np.where(np.isnan(means).all(1), 0, 1), np.zeros((means.shape[1],) * 2))


def test_the_variance_of_pictures_is_found_again() -> None:
    of, rng = nest(1200), stream(3, "pictures")
    design = picture_design(of, certain(rng.standard_normal((1200, 8))), "linear", 8, rng)
    value = brownian(of, (0.5, 0.5, 0.5, 1.0), 2) + design.features @ rng.standard_normal(8) * np.sqrt(2.0)
    found = fit(design, value[:, None])
    # eight weights tell their variance to a factor of two
    assert 0.8 < found.features * found.scale[0] < 5
    assert found.scale[0] == pytest.approx(1, rel=0.15)
    nothing = fit(design, brownian(of, (0.5, 0.5, 0.5, 1.0), 2)[:, None])
    assert nothing.features < 0.02


def test_all_landmarks_give_the_rbf_kernel_itself() -> None:
    rng = stream(0, "rbf")
    means = rng.standard_normal((40, 5))
    means[7] = np.nan
    design = picture_design(nest(40), certain(means), "rbf", 100, rng)
    has = np.arange(40) != 7
    squares = ((means[has, None] - means[None, has]) ** 2).sum(-1)
    kernel = np.exp(-squares / (2 * np.median(squares[np.triu_indices(39, 1)])))
    assert design.features[has] @ design.features[has].T == pytest.approx(kernel, abs=1e-6)
    assert design.slack[7] == 1
    assert design.slack[has].max() < 1e-6
    fewer = picture_design(nest(40), certain(means), "rbf", 10, rng)
    assert fewer.slack[has] + (fewer.features[has] ** 2).sum(1) == pytest.approx(1)


def photographed(n: int, rng: np.random.Generator, noise: float = 1.5) -> tuple[np.ndarray, Seen]:
    """Where n species are [n, 6], and what two to 60 specimens of each show of it."""
    truth = rng.standard_normal((n, 6)) * [2, 1.5, 1, 1, 1, 1]
    of = np.repeat(np.arange(n), rng.choice([2, 60], n))
    return truth, seen(truth[of] + noise * rng.standard_normal((len(of), 6)), np.arange(len(of)), of)


def test_the_scatter_of_specimens_is_found_again_and_a_specimen_counts_once() -> None:
    rng = stream(0, "specimens")
    _, shown = photographed(400, rng)
    assert shown.scatter == pytest.approx(1.5**2 * np.eye(6), abs=0.12)
    # ten pictures of the first specimen weigh no more than one, and what differs between them is no scatter of specimens
    vectors = np.array([[1.0, 0]] * 10 + [[3.0, 0], [5.0, 1], [5.0, 1]])
    small = seen(vectors, np.array([0] * 10 + [1, 2, 2]), np.array([0, 0, 2]))
    assert small.means.tolist()[0] == [2, 0]
    assert np.isnan(small.means[1]).all()
    assert small.specimens.tolist() == [2, 0, 1]
    assert small.scatter.tolist() == [[2, 0], [0, 0]]


@pytest.mark.parametrize("kernel", ["linear", "rbf"])
def test_many_specimens_are_trusted_whole_and_few_less(kernel: Any) -> None:
    rng = stream(1, "specimens")
    _, shown = photographed(120, rng)
    whole = picture_design(nest(120), certain(shown.means), kernel, 200, stream(2))
    endless = picture_design(nest(120), replace(shown, specimens=shown.specimens * 10**9), kernel, 200, stream(2))
    assert endless.features @ endless.features.T == pytest.approx(whole.features @ whole.features.T, abs=1e-6)
    design = picture_design(nest(120), shown, kernel, 200, stream(2))
    few = shown.specimens == 2
    assert design.slack[few].min() > design.slack[~few].max() > 0
    lengths = (design.features**2).sum(1) + design.slack
    assert lengths.mean() == pytest.approx(1)
    if kernel == "rbf":
        assert lengths == pytest.approx(1)
    with pytest.raises(BadData, match="no more in their pictures"):
        picture_design(nest(120), replace(shown, scatter=shown.scatter * 1e6), kernel, 200, stream(2))


def test_the_rbf_kernel_is_its_mean_over_where_species_may_be() -> None:
    """Slow twin: 40,000 draws of each species from its distribution."""
    rng = stream(3, "expected")
    points, spread, landmarks = rng.standard_normal((4, 3)), rng.random((4, 3)), rng.standard_normal((5, 3))
    drawn = points + np.sqrt(spread) * rng.standard_normal((40_000, 4, 3))
    squares = ((drawn[:, :, None] - landmarks) ** 2).sum(-1)
    assert _expected(points, spread, landmarks, 1.7) == pytest.approx(np.exp(-squares / 3.4).mean(0), abs=0.01)


def test_weighed_pictures_fill_gaps_better_and_know_when_they_cannot() -> None:
    """A trait that is a direction of where species truly are: the errors of left-out species, and how far they are from what is said of them."""
    errors, surprise = [], []
    for seed in range(6):
        rng = stream(seed, "weighed")
        truth, shown = photographed(240, rng, noise=3.0)
        value = truth @ np.array([1, 1, 0.5, 0.5, 0.5, 0.5]) + 0.3 * rng.standard_normal(240)
        known = np.arange(240) % 3 > 0
        told = []
        for pictures in (shown, certain(shown.means)):
            design = picture_design(nest(240), pictures, "linear", 6, rng)
            said = predict(design, value[:, None], known, fit(design.take(known), value[known, None]))
            left = value[~known] - said.mean[~known, 0]
            told.append((left**2, np.log(said.sd[~known, 0]) + (left / said.sd[~known, 0]) ** 2 / 2))
        errors.append([float(square.mean()) for square, _ in told])
        surprise.append([float(lost.mean()) for _, lost in told])
    weighed, plain = np.mean(errors, 0)
    assert weighed < 0.9 * plain
    assert all(a < b for a, b in surprise), "and each answer's own uncertainty is nearer to the truth"


@pytest.mark.parametrize("pictures", [False, True])
def test_what_is_left_out_does_not_tell_of_itself(pictures: bool) -> None:
    """Spoiling the values of a fold changes nothing that is said of its species: not through variances, where their search starts, relatives or pictures."""
    of, three = nest(60), replace(QUICK, folds=3)
    value, known = brownian(of, (1, 1, 1, 1), 4), np.arange(60) % 5 > 0
    plain = Design.of(of)
    design = design_of(60, 4, 0) if pictures else plain
    first = examine(amount(value, known), plain, design, three)
    for scheme, at, groups in zip(schemes(of), first.left_out, (None, of.group[:, 0], of.group[:, 1]), strict=True):
        out = at.folds == at.folds[10]
        spoiled = value.copy()
        spoiled[np.flatnonzero(known)[out]] += 50
        again = examine(amount(spoiled, known), plain, design, three)
        second = next(x for x in again.left_out if x.scheme == scheme[0])
        for what in ("mean", "sd", "base", "nearest"):
            assert np.array_equal(getattr(at, what)[out], getattr(second, what)[out])
        assert not np.array_equal(at.mean[~out], second.mean[~out])
        # and a clade is left out whole
        if groups is not None:
            assert {len(set(at.folds[groups[known] == clade])) for clade in groups[known]} == {1}
        column = {"species": 0, "genus": 1, "family": 2}[scheme[0]]
        assert (at.nearest >= column).all()


def test_the_relatives_mean_is_that_of_the_finest_clade_with_a_value() -> None:
    of = nest(60)
    known, y = stream(0, "known").random(60) < 0.3, np.arange(60.0)[:, None]
    mean, depth = relatives(of, y, known)
    for i in range(60):
        for r in range(3):
            mine = known & (of.group[:, r] == of.group[i, r])
            if mine.any():
                assert depth[i] == r
                assert mean[i, 0] == pytest.approx(y[mine].mean())
                break
        else:
            assert depth[i] == 3
            assert mean[i, 0] == pytest.approx(y[known].mean())


@functools.cache
def examined(kind: str) -> tuple[Examined, np.ndarray]:
    """A trait of 1,500 species, of which a quarter, some whole genera and some whole families are hidden; and its true values."""
    of = nest(1500, genera=400, seed=7)
    variances = {"brownian": (0.5, 1.0, 1.5, 0.6), "noise": (0.0, 0.0, 0.0, 1.0)}[kind]
    value, rng = brownian(of, variances, 8), stream(9, "hidden")
    hidden = rng.random(1500) < 0.25
    for r, share in ((0, 0.2), (1, 0.2)):
        hidden |= (rng.random(of.group[-1, r] + 1) < share)[of.group[:, r]]
    plain = Design.of(of)
    return examine(amount(value, ~hidden), plain, plain, QUICK), value


def test_the_process_beats_the_relatives_mean_on_brownian_motion() -> None:
    made, value = examined("brownian")
    numbers = {n.name: n for n in numbers_of(made, QUICK)[0]}
    for scheme in ("species", "genus", "family"):
        skill, control = numbers[f"mass.{scheme}.skill"], numbers[f"mass.{scheme}.skill.shuffled"]
        assert skill.low is not None
        assert skill.value > 0.03
        assert numbers[f"mass.{scheme}.rmse"].value < numbers[f"mass.{scheme}.rmse.relatives"].value
        assert control.value < 0.04
    assert numbers["mass.species.skill"].value == pytest.approx(numbers["mass.species.skill.relatives"].value, abs=0.05)
    # the further the relatives, the less is known of all there is to know
    against_all = [numbers[f"mass.{s}.skill.all"].value for s in ("species", "genus", "family")]
    assert against_all == sorted(against_all, reverse=True)
    rows = fill(made, QUICK)
    answered = rows.with_columns(truth=value).filter(pl.col("source") == "imputed")
    error = ((answered["predicted"] - answered["truth"]) ** 2).mean()
    mean, _ = relatives(made.design.nest, made.y, made.known)
    simple = ((mean[:, 0] - value)[rows["source"] == "imputed"] ** 2).mean()
    assert error < simple


@pytest.mark.parametrize("kind", ["brownian", "noise"])
def test_intervals_cover_what_was_hidden_however_far_its_relatives(kind: str) -> None:
    made, value = examined(kind)
    rows = fill(made, QUICK).with_columns(truth=value).filter(pl.col("value").is_null())
    bounded = rows.filter(pl.col("low").is_not_null())
    inside = bounded.with_columns(held=(pl.col("low") <= pl.col("truth")) & (pl.col("truth") <= pl.col("high")))
    assert len(bounded) > 300
    assert 0.85 <= inside["held"].mean() <= 0.95
    by = {
        nearest: (held, n)
        for nearest, held, n in inside.group_by("nearest").agg(pl.col("held").mean(), n=pl.len()).rows()
    }
    assert set(by) == {"genus", "family", "order"}
    for held, n in by.values():
        # three standard errors of that many, and of the scores behind them
        assert abs(held - 0.9) < 3 * np.sqrt(0.09 / n + 0.09 / 300) + 0.03
    numbers = {n.name: n.value for n in numbers_of(made, QUICK)[0]}
    assert 0.85 <= numbers["mass.species.coverage"] <= 0.95
    assert 0.82 <= numbers["mass.genus.coverage"] <= 0.96


def test_pure_noise_has_no_skill_and_no_prediction() -> None:
    made, _ = examined("noise")
    numbers, remarks = numbers_of(made, QUICK)
    skill = {n.name: n for n in numbers}
    for scheme in ("species", "genus", "family"):
        assert abs(skill[f"mass.{scheme}.skill"].value) < 0.03
        assert any(
            "no skill" in r and {"genus": "genera", "family": "families"}.get(scheme, scheme) in r for r in remarks
        )
    # the relatives' mean is a worse guess than the mean of all, so beating it alone would mean nothing
    assert skill["mass.species.skill.relatives"].value > 0.1
    assert skill["mass.variance.species"].value > 0.9
    rows = fill(made, QUICK).filter(pl.col("value").is_null())
    assert rows["predicted"].null_count() > 0.9 * len(rows)
    assert rows.filter(pl.col("predicted").is_null())["flag"].str.contains("no better than the mean of all").sum() > 0
    # and what is not withheld has the measured doubt beside it
    doubts = doubts_of(made, list(skill.values()), QUICK)
    assert all("left out no better than the mean of all" in doubt for doubt in doubts)
    rows = fill(made, QUICK, doubts).filter((pl.col("value").is_null()) & (pl.col("nearest") != "none"))
    assert rows["flag"].str.contains("left out no better than the mean of all").all()


def test_intervals_that_break_their_promise_are_told_of() -> None:
    made, _ = examined("brownian")
    numbers = [n for n in numbers_of(made, QUICK)[0] if not n.name.startswith("mass.family")]
    assert doubts_of(made, numbers, QUICK)[:2] == ["", ""]
    assert "no skill can be tested" in doubts_of(made, numbers, QUICK)[2]
    assert "intervals rest on only" in doubts_of(made, numbers, QUICK)[2]
    bad = [Number("mass.family.skill.all", 0.4, 0.2, 0.5), Number("mass.family.coverage", 0.9, 0.88, 0.92)]
    bad.append(Number("mass.family.coverage.clades", 0.8, 0.7, 0.85, "share"))
    assert "with families left out intervals held 80.0 % (70.0 to 85.0)" in doubts_of(made, numbers + bad, QUICK)[2]
    assert doubts_of(made, numbers + bad[:2], QUICK)[2] == ""
    # worse for a species than its relatives' mean, unless it is better for a family
    worse, better = (
        Number("mass.family.skill.relatives", -0.3, -0.4, -0.2),
        Number("mass.family.skill.clades", 0.2, 0.1, 0.3),
    )
    assert "worse than the mean of the nearest relatives" in doubts_of(made, [*numbers, *bad[:2], worse], QUICK)[2]
    assert doubts_of(made, [*numbers, *bad[:2], worse, better], QUICK)[2] == ""


clades = st.lists(st.lists(st.integers(-50, 50), min_size=1, max_size=5), min_size=3, max_size=12)


@settings(max_examples=100, deadline=None)
@given(clades, st.sampled_from([0.5, 0.75, 0.9]))
def test_the_quantile_holds_a_new_clade_as_often_as_promised(values: list[list[int]], level: float) -> None:
    """Whatever the scores: of all clades that might have been the new one, each counted once, at least `level` is below the quantile of the rest."""
    of = np.repeat(np.arange(len(values)), [len(v) for v in values])
    scores = np.concatenate(values).astype(float)
    held = scores <= held_quantile(scores, of, of, level)
    assert np.mean([held[of == clade].mean() for clade in range(len(values))]) >= level - 1e-9


@settings(max_examples=60, deadline=None)
@given(clades, st.sampled_from([0.5, 0.75, 0.9]))
def test_intervals_and_sets_cover_whatever_the_model(values: list[list[int]], level: float) -> None:
    """Theorem 1 of Barber et al. 2021 for clades: however bad the model, CV+ holds the truth of at least 1 - 2a of what might have been the new clade."""
    count = len(values)
    of = np.repeat(np.arange(count), [len(v) for v in values])
    y = np.concatenate(values).astype(float)
    states = (y > 0).astype(int) + (y > 20)
    covered, held = np.zeros(len(y)), np.zeros(len(y))
    for new in range(count):
        rest = of != new
        folds = np.unique(of[rest], return_inverse=True)[1]
        # a model without the new clade and that of each fold: a mean, and an sd that is nonsense
        left = [y[rest & (of != k)] for k in range(count) if k != new]
        mean, sd = np.array([x.mean() for x in left]), np.array([1 + abs(x.min() - 7) % 5 for x in left])
        scores = np.abs(y[rest] - mean[folds]) / sd[folds]
        here = of == new
        shape = (len(left), int(here.sum()))
        ends = [np.broadcast_to(x[:, None], shape) for x in (mean, sd)]
        low, high = cv_plus(ends[0], ends[1], scores, folds, folds, level)
        covered[here] = (low <= y[here] + 1e-9) & (y[here] <= high + 1e-9)
        chance = np.array([np.bincount(states[rest & (of != k)], minlength=3) for k in range(count) if k != new]) + 1.0
        strange = 1 - chance / chance.sum(1, keepdims=True)
        inside = cv_plus_sets(
            np.broadcast_to(strange[:, None], (*shape, 3)), strange[folds, states[rest]], folds, folds, level
        )
        held[here] = inside[np.arange(shape[1]), states[here]]
    for each in (covered, held):
        assert np.mean([each[of == clade].mean() for clade in range(count)]) >= 1 - 2 * (1 - level) - 1e-9


def test_the_species_of_one_family_are_one_case() -> None:
    """Three families of many species each do not tell how far a fourth may be: no interval, and the reason."""
    n = 240
    ranks = {
        "order": np.zeros(n, int),
        "family": np.arange(n) // 60,
        "genus": np.arange(n) // 6,
        "species": np.arange(n),
    }
    of = nest_of(pl.DataFrame({rank: [f"{x:04d}" for x in column] for rank, column in ranks.items()}))[0]
    value = brownian(of, (0.3, 4.0, 0.0, 0.3), 11)
    plain, known = Design.of(of), np.arange(n) < 180
    made = examine(amount(value, known), plain, plain, QUICK)
    rows = fill(made, QUICK)[180:]
    assert rows["low"].null_count() == rows["high"].null_count() == 60
    assert rows["flag"].str.contains("no interval: only 3 families").all()
    assert not [n.name for n in numbers_of(made, QUICK)[0] if n.name.startswith("mass.family.coverage")]


@pytest.mark.parametrize("level", [0.5, 0.8, 0.9, 0.95])
def test_a_finite_interval_needs_as_many_scores_as_said(level: float) -> None:
    n = fewest(level)
    assert np.isfinite(quantile(np.arange(n * 1.0), np.arange(n), level))
    assert quantile(np.arange(n - 1.0), np.arange(n - 1), level) == np.inf
    if n > 1:
        assert quantile(np.arange(2.0 * n), np.arange(2 * n) % (n - 1), level) == np.inf
    # the definition: the ceil((n + 1) level)-th smallest
    scores = np.arange(1.0, 100)
    assert quantile(scores, np.arange(99), level) == np.ceil(100 * level)
    # copies of a species change nothing when they are of its clade
    twice = np.append(scores, scores[:40]), np.append(np.arange(99), np.arange(40))
    assert quantile(*twice, level) == quantile(scores, np.arange(99), level)


def test_cv_plus_of_one_model_is_the_split_interval() -> None:
    rng = stream(0, "split")
    scores, mean, sd = np.abs(rng.standard_normal(99)), rng.standard_normal((1, 7)), rng.random((1, 7)) + 0.5
    fold, each = np.zeros(99, int), np.arange(99)
    low, high = cv_plus(mean, sd, scores, fold, each, 0.9)
    reach = quantile(scores, each, 0.9)
    assert high == pytest.approx(mean[0] + reach * sd[0])
    assert low == pytest.approx(mean[0] - reach * sd[0])
    assert np.isinf(cv_plus(mean, sd, scores[:8], fold[:8], each[:8], 0.9)[0]).all()
    assert np.isinf(cv_plus(mean, sd, scores, fold, np.arange(99) // 13, 0.9)[1]).all()
    # sets of states too: those whose score the quantile reaches
    strange = rng.random((1, 50, 3)) * 2
    assert np.array_equal(cv_plus_sets(strange, scores, fold, each, 0.9), strange[0] <= reach)
    assert cv_plus_sets(strange, scores[:8], fold[:8], each[:8], 0.9).all()


def test_a_rounding_error_is_no_error_to_be_better_than() -> None:
    """The mean of three values of 0.1 is not 0.1, and 1 - 0.01 / 1e-34 would be a number that means nothing."""
    groups = Groups.draw(np.arange(20), stream(0, "rounding"), 50)
    missed = float((np.mean([0.1, 0.1, 0.1]) - 0.1) ** 2)
    assert missed > 0
    least, relatives_, overall = skills(np.tile([0.01, missed, 0.04], (20, 1)), groups)
    assert np.isnan(least[0])
    assert np.isnan(relatives_[0])
    assert overall == pytest.approx((0.75, 0.75, 0.75))


def test_skill_is_that_against_the_better_simple_answer() -> None:
    errors = np.array([[1.0, 2.0, 4.0], [1.0, 2.0, 4.0], [4.0, 2.0, 4.0]])
    groups = Groups.draw(np.array([0, 0, 1]), stream(0, "better"), 100)
    least, near, overall = skills(errors, groups)
    assert (least[0], near[0], overall[0]) == (0, 0, 0.5)
    assert groups.mean(errors[:, 0])[0] == 2
    assert groups.each(errors[:, 0])[0] == 2.5
    assert np.isnan(least[1:]).all()
    # whole groups are drawn: of five pairs and a third of five
    drawn = Groups.draw(np.repeat(np.arange(10), [2, 1] * 5), stream(0, "better"), 2000)
    low, high = skills(np.tile(errors, (5, 1)), drawn)[0][1:]
    assert -1 <= low < 0 < high <= 0.5
    assert (drawn.weights.sum(1) == 10).all()


def test_of_equally_common_states_the_one_that_is_commoner_among_all() -> None:
    frequencies = np.array([[0.5, 0.5, 0.0], [0.4, 0.0, 0.6]])
    assert commonest(frequencies, np.array([0.1, 0.6, 0.3])).tolist() == [1, 2]


def test_scores_of_states_sum_to_one_and_their_order_changes_no_score() -> None:
    of, rng = nest(200), stream(0, "states")
    code = np.digitize(brownian(of, (1, 1, 1, 0.3), 5), [-1, 0.3, 1.5])
    known = rng.random(200) < 0.7
    y = (code[:, None] == np.arange(4)).astype(float)
    parts = fit(Design.of(of).take(known), y[known])
    told = predict(Design.of(of), y, known, parts)
    assert told.mean.sum(1) == pytest.approx(1)
    above = predict(Design.of(of), np.cumsum(y, 1), known, parts)
    assert np.diff(above.mean, axis=1, prepend=0) == pytest.approx(told.mean)


def test_calibrated_probabilities_are_as_right_as_they_say() -> None:
    rng = stream(0, "calibration")
    truth_p = rng.dirichlet(np.ones(3), 4000)
    truth = (rng.random(4000)[:, None] > np.cumsum(truth_p, 1)).sum(1)
    timid = truth_p**0.5 / (truth_p**0.5).sum(1, keepdims=True)
    assert best_power(timid, truth, 1e-9) == pytest.approx(2, rel=0.2)
    folds = np.arange(4000) % 5
    chances = held_probabilities(timid, truth, folds, 1e-9)
    assert held_powers(timid, truth, folds, 1e-9) == pytest.approx(np.full(5, 2), rel=0.2)
    right = chances.argmax(1) == truth
    assert calibration_error(chances.max(1), right) < 0.03
    assert calibration_error(timid.max(1), right) > 2 * calibration_error(chances.max(1), right)
    assert probabilities(np.array([[1.2, -0.2]]), 1.0, 0.01).sum() == pytest.approx(1)


def test_sets_hold_the_truth_and_states_in_order_leave_no_hole() -> None:
    rng = stream(0, "sets")
    chances = rng.dirichlet(np.ones(4), 2000)
    truth = (rng.random(2000)[:, None] > np.cumsum(chances, 1)).sum(1)
    past, each = 1 - chances[np.arange(1000), truth[:1000]], np.arange(1000)
    new, places = chances[1000:], (np.zeros(1000, int), each)
    inside = new_sets(new, new[None], past, places, 0.9, False)
    assert inside[each, truth[1000:]].mean() == pytest.approx(0.9, abs=0.04)
    whole = new_sets(new, new[None], past, places, 0.9, True)
    measured = held_sets(chances, truth, np.arange(2000) % 4, np.arange(2000), 0.9, False)
    assert measured[np.arange(2000), truth].mean() == pytest.approx(0.9, abs=0.02)
    edges = np.abs(np.diff(np.pad(whole, ((0, 0), (1, 1))).astype(int), axis=1)).sum(1)
    assert (edges == 2).all()
    assert (whole >= inside).all()
    assert answers(np.array([[0.4, 0.2, 0.4]]), True).tolist() == [1]
    assert answers(np.array([[0.4, 0.2, 0.4]]), False).tolist() == [0]
