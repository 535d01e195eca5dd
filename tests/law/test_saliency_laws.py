"""Laws of maps: where a scorer does not look, hiding changes nothing; A against B is the negative of B against A; rollout passes all of what comes in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from merian.encode import Pixels, Preprocess
from merian.encode.gradients import Inside
from merian.encode.seam import Vectors, unit_rows
from merian.explore.explain.autoencoder import Weights, loss_and_slopes
from merian.explore.explain.faithful import centre_map, faithful, inside_share, points_inside
from merian.explore.explain.naming import Sets, area, strengths
from merian.explore.explain.saliency import Occlusion, cam, enlarged, occlusion, relevance, rolled_out, rollout

SIDE = 16
QUICK = settings(deadline=None, max_examples=15)
SEEDS = st.integers(0, 10_000)


@dataclass(frozen=True)
class Keyhole:
    """An encoder that sees a box alone: a random linear map of its pixels, and a constant."""

    box: tuple[slice, slice]
    dim: int = 5
    preprocess: Preprocess = field(default_factory=lambda: Preprocess(size=SIDE))
    logit_scale: float = 10.0
    fingerprint: str = "keyhole"

    def embed_images(self, pixels: Pixels) -> Vectors:
        seen = pixels[:, self.box[0], self.box[1]].reshape(len(pixels), -1) / 255.0
        weights = np.random.default_rng(0).normal(size=(seen.shape[1], self.dim - 1))
        return unit_rows(np.concatenate([np.einsum("nf,fd->nd", seen, weights), np.ones((len(pixels), 1))], 1))

    def embed_texts(self, texts: Sequence[str]) -> Vectors:
        raise AssertionError("no map reads words")


def photo(seed: int) -> Pixels:
    return np.random.default_rng(seed).integers(0, 256, (SIDE, SIDE, 3), np.uint8)


@QUICK
@given(SEEDS, st.integers(0, 10), st.integers(0, 10), st.sampled_from(["blur", "mean"]))
def test_what_a_scorer_does_not_look_at_has_no_weight(seed: int, top: int, left: int, fill: Any) -> None:
    box = slice(top, top + 5), slice(left, left + 5)
    how = Occlusion(fill=fill)
    directions = np.random.default_rng(seed).normal(size=(2, 5))
    values = occlusion(Keyhole(box), photo(seed), directions, how).values
    reach = max(how.places(SIDE, scale)[0] for scale in how.scales)
    near = np.zeros((SIDE, SIDE), bool)
    near[max(0, top - reach + 1) : top + 5 + reach - 1, max(0, left - reach + 1) : left + 5 + reach - 1] = True
    assert (values[:, ~near] == 0).all()
    assert np.abs(values[:, box[0], box[1]]).max() > 0


@QUICK
@given(SEEDS)
def test_a_against_b_is_the_negative_of_b_against_a(seed: int) -> None:
    rng = np.random.default_rng(seed)
    a, b = rng.normal(size=(2, 5))
    encoder = Keyhole((slice(2, 12), slice(3, 9)))
    one, other, both = occlusion(encoder, photo(seed), np.stack([a - b, b - a, a])).values
    np.testing.assert_array_equal(one, -other)
    alone = occlusion(encoder, photo(seed), b[None]).values[0]
    np.testing.assert_allclose(one, both - alone, atol=1e-6)


def towered(seed: int, pool: bool = False) -> Inside:
    """What a transformer of three blocks, two heads, 3 x 3 places and a class token might have done with a photo."""
    rng = np.random.default_rng(seed)
    weights = rng.dirichlet(np.ones(10), size=(3, 2, 10)).astype(np.float32)
    slopes = rng.normal(size=(3, 2, 2, 10, 10)).astype(np.float32)
    slopes[-1, :, :, 1:] = 0  # the class token alone is read
    gather = rng.dirichlet(np.ones(10), size=(2, 1)).astype(np.float32) if pool else None
    return Inside(
        vector=np.ones(1, np.float32),
        attention=tuple(weights),
        attention_slopes=tuple(slopes),
        pool=gather,
        pool_slopes=rng.normal(size=(2, 2, 1, 10)).astype(np.float32) if pool else None,
    )


def turned(seen: Inside) -> Inside:
    """The same tower, asked for the negative of each direction."""
    slopes = tuple(-layer for layer in seen.attention_slopes)
    return replace(
        seen,
        attention_slopes=slopes,
        pool_slopes=None if seen.pool is None else -seen.pool_slopes,
    )


@QUICK
@given(SEEDS, st.booleans())
def test_relevance_turns_with_the_question(seed: int, pool: bool) -> None:
    seen = towered(seed, pool)
    found = relevance(seen, (True, True))
    assert found.shape == (2, 3, 3)
    np.testing.assert_allclose(found, -relevance(turned(seen), (True, True)), atol=1e-6)
    assert np.abs(found).max() > 0
    plain, other = relevance(seen), relevance(turned(seen))
    assert plain.min() >= 0
    np.testing.assert_allclose(found, plain - other, atol=1e-6)


@QUICK
@given(SEEDS)
def test_rollout_passes_on_all_that_comes_in(seed: int) -> None:
    seen = towered(seed)
    passed = rolled_out(seen.attention)
    np.testing.assert_allclose(passed.sum(1), 1, atol=1e-6)
    assert (passed >= 0).all()
    # by hand for one block: half stays, half goes where the heads look on average
    one = rolled_out(seen.attention[:1])
    np.testing.assert_allclose(one, 0.5 * np.eye(10) + 0.5 * seen.attention[0].mean(0), atol=1e-6)
    np.testing.assert_allclose(rollout(seen)[0].ravel(), passed[0, 1:], atol=1e-6)


def test_relevance_of_one_block_is_what_the_paper_says() -> None:
    seen = towered(3)
    seen = replace(seen, attention=seen.attention[-1:], attention_slopes=seen.attention_slopes[-1:])
    product = seen.attention[0] * seen.attention_slopes[0]
    expected = np.maximum(product, 0).mean(1)[:, 0, 1:] - np.maximum(-product, 0).mean(1)[:, 0, 1:]
    np.testing.assert_allclose(relevance(seen, (True, True)).reshape(2, 9), expected, atol=1e-6)


@QUICK
@given(SEEDS)
def test_grad_cam_is_linear_in_the_question(seed: int) -> None:
    rng = np.random.default_rng(seed)
    features, slopes = rng.normal(size=(6, 4, 4)), rng.normal(size=(2, 6, 4, 4))
    one, other = cam(Inside(np.ones(1), features=features, feature_slopes=slopes))
    both = cam(Inside(np.ones(1), features=features, feature_slopes=slopes[:1] - slopes[1:]))
    np.testing.assert_allclose(both[0], one - other, atol=1e-5)


@QUICK
@given(st.integers(1, 64), st.floats(0.01, 1.0), st.integers(1, 4))
def test_patches_cover_a_photo_and_stay_inside(side: int, scale: float, overlap: int) -> None:
    patch, starts = Occlusion(overlap=overlap).places(side, scale)
    covered = np.zeros(side, int)
    for at in starts:
        assert 0 <= at <= side - patch
        covered[at : at + patch] += 1
    assert covered.min() >= 1


@QUICK
@given(SEEDS, st.integers(1, 7), st.integers(7, 40))
def test_an_enlarged_map_stays_within_its_values(seed: int, cells: int, side: int) -> None:
    maps = np.random.default_rng(seed).normal(size=(2, cells, cells))
    fine = enlarged(maps, side)
    assert fine.shape == (2, side, side)
    assert fine.min() >= maps.min() - 1e-6
    assert fine.max() <= maps.max() + 1e-6
    np.testing.assert_allclose(enlarged(np.full((1, cells, cells), 2.5), side), 2.5, atol=1e-6)


@dataclass(frozen=True)
class Lamp(Keyhole):
    """An encoder whose first entry is how bright its box is."""

    def embed_images(self, pixels: Pixels) -> Vectors:
        bright = pixels[:, self.box[0], self.box[1]].mean((1, 2, 3)) / 255.0
        return unit_rows(np.stack([bright, np.ones(len(pixels))], 1))


def test_the_true_map_beats_the_middle_and_chance_and_its_negative_loses() -> None:
    box = slice(0, 4), slice(11, 16)
    pixels = np.zeros((SIDE, SIDE, 3), np.uint8)
    pixels[box] = 255
    truth = np.zeros((SIDE, SIDE), np.float32)
    truth[box] = 1
    maps = np.stack([truth, -truth, np.zeros_like(truth)])
    asked = np.repeat([[1.0, 0.0]], 3, 0)
    best, worst, flat = faithful(Lamp(box, 2), pixels, maps, asked, np.random.default_rng(0))
    assert best.gap > best.centre > worst.gap
    assert best.beaten == len(best.chance)
    assert worst.beaten == 0
    assert np.isnan(flat.gap)
    assert "flat" in flat.words
    assert best.deletion[0] == pytest.approx(best.insertion[-1])
    assert best.deletion[-1] == pytest.approx(best.insertion[0])
    assert points_inside(truth, truth > 0)
    assert inside_share(truth, truth > 0) == 1
    assert inside_share(centre_map(SIDE), truth > 0) < 0.1
    assert np.isnan(inside_share(-truth, truth > 0))


@pytest.mark.parametrize("active", [2, 7])
def test_slopes_of_the_autoencoder_are_finite_differences(active: int) -> None:
    rng = np.random.default_rng(active)
    weights = Weights(rng.normal(size=(4, 7)), rng.normal(size=7), rng.normal(size=(7, 4)), rng.normal(size=4))
    seen, step = rng.normal(size=(9, 4)), 1e-6
    _, slopes, kept = loss_and_slopes(weights, seen, active)
    assert (kept > 0).sum(1).max() <= active
    for part, slope in zip(weights.parts(), slopes, strict=True):
        for place in np.ndindex(part.shape):
            ends = []
            for way in (step, -step):
                part[place] += way
                ends.append(loss_and_slopes(weights, seen, active)[0])
                part[place] -= way
            assert slope[place] == pytest.approx((ends[0] - ends[1]) / (2 * step), rel=1e-4, abs=1e-6)


@QUICK
@given(SEEDS)
def test_strength_and_area_are_what_slow_code_says(seed: int) -> None:
    rng = np.random.default_rng(seed)
    values = np.maximum(rng.normal(size=30), 0).astype(np.float32)
    member, strata = rng.random(30) < 0.4, rng.integers(0, 3, 30)
    member[:2] = True, False
    strata[:2] = 0
    drawn = rng.multinomial(30, np.full(30, 1 / 30), size=50).astype(float)
    found, low, high = area(values, member, strata, drawn)

    def pairs(times: Any) -> list[float]:
        rows = np.repeat(np.arange(30), times)
        both = [(a, b) for a in rows for b in rows if member[a] and not member[b] and strata[a] == strata[b]]
        return [(values[a] > values[b]) + 0.5 * (values[a] == values[b]) for a, b in both]

    assert found == pytest.approx(np.mean(pairs(1)))
    slow = [np.mean(one) for times in drawn.astype(int) if (one := pairs(times))]
    assert (low, high) == pytest.approx(tuple(np.quantile(slow, [0.025, 0.975])))
    ranks = np.array([(values < v).sum() + ((values == v).sum() - 1) / 2 for v in values], float)
    inside = member.astype(float)
    for stratum in range(3):
        own = strata == stratum
        ranks[own] -= ranks[own].mean() if own.any() else 0
        inside[own] -= inside[own].mean() if own.any() else 0
    size = np.sqrt((ranks**2).sum() * (inside**2).sum())
    sets = Sets("sex", ("male",), np.arange(30), member[:, None], strata.astype(np.int64))
    expected = float(ranks @ inside / size) if size > 1e-9 else 0.0
    assert strengths(values[:, None], sets)[0, 0] == pytest.approx(expected, abs=1e-4)
