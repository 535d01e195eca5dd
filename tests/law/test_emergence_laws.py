"""Laws of the measures of emergent properties: what they are when nothing is there, and what may not change them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from merian.core.chance import stream
from merian.core.tree import Tree
from merian.explore.axes import correlation, out_of_clade
from merian.explore.emergence.claims import judged
from merian.explore.emergence.hierarchy import closer, triplets
from merian.explore.emergence.measures import Measure, adjusted, difference, p_value
from merian.explore.emergence.probes import across, inside
from merian.explore.emergence.relations import distances, kinship, mantel, pgls, signal, tree_distance
from merian.explore.emergence.within import Pairs, angles, overlap, plain_overlap, retained, separation, sibling_overlap

QUICK = settings(max_examples=15, deadline=None)
seeds = st.integers(0, 2**20)


def tree_of(species: int, genus: int = 3, family: int = 9) -> tuple[Tree, np.ndarray]:
    lineages = {
        "kingdom": ["Animalia"] * species,
        "class": ["Aves"] * species,
        "family": [f"F{k // family:02}" for k in range(species)],
        "genus": [f"G{k // genus:02}" for k in range(species)],
        "species": [f"G{k // genus:02} s{k:03}" for k in range(species)],
    }
    tree = Tree.from_lineages(pl.DataFrame(lineages))
    return tree, tree.at("species")


def rotation(d: int, seed: int) -> np.ndarray:
    q, _ = np.linalg.qr(stream(seed, "turn").standard_normal((d, d)))
    return q


def variants(
    seed: int, species: int = 8, cases: int = 10, d: int = 12, push: float = 0.0, uneven: int = 0
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Cases whose variants differ by `push` along the last axis; species lie along the others."""
    rng = stream(seed, "variants")
    of = np.repeat(np.arange(species), cases)
    first = np.tile(np.arange(cases) < cases // 2 - uneven, species)
    centres = 2 * rng.standard_normal((species, d))
    centres[:, -1] = 0
    x = centres[of] + 0.3 * rng.standard_normal((len(of), d))
    x[:, -1] += push * first
    return x, of, first


def pairs_of(seed: int, permutations: int = 30, **how: float) -> Pairs:
    x, of, first = variants(seed, **how)
    return Pairs.of(x, of, first, stream(seed, "pairs"), permutations)


@QUICK
@given(seeds)
def test_turning_and_shifting_the_vectors_changes_nothing(seed: int) -> None:
    x, of, first = variants(seed, push=0.5)
    turned = x @ rotation(12, seed) + 3
    steps = tree_distance(*tree_of(8))
    a, b = (Pairs.of(v, of, first, stream(1), 9) for v in (x, turned))
    assert np.allclose(separation(a).unbiased, separation(b).unbiased)
    assert np.allclose(separation(a).null, separation(b).null)
    assert np.allclose(inside(a), inside(b))
    probes = across(a, stream(2)), across(b, stream(2))
    assert probes[0] is not None
    assert probes[1] is not None
    assert np.allclose(probes[0][0], probes[1][0], atol=0.05)
    for way in (lambda p: overlap(p, 2), lambda p: sibling_overlap(p, steps)):
        one, other = way(a), way(b)
        assert one is not None
        assert other is not None
        assert one.share == pytest.approx(other.share, abs=1e-6, nan_ok=True)  # null where all may be noise
        assert one.chance == pytest.approx(other.chance, nan_ok=True)
    assert retained(x, of).shares(np.ones((1, 8))) == pytest.approx(retained(turned, of).shares(np.ones((1, 8))))


def test_fisher_s_ratio_is_0_on_average_where_nothing_differs_however_few_the_cases() -> None:
    free = [separation(pairs_of(s, permutations=5, cases=6)) for s in range(30)]
    unbiased = np.mean([f.unbiased.mean() for f in free])
    plain = np.mean([f.plain.mean() for f in free])
    assert abs(unbiased) < 0.03
    assert plain > 0.25, "the plain ratio of three cases against three is far from 0"
    assert np.mean([f.null.mean() for f in free]) == pytest.approx(0, abs=0.03)


def test_probes_are_at_a_half_where_nothing_differs_and_far_from_it_where_something_does() -> None:
    nothing, something = [pairs_of(s, permutations=5) for s in range(12)], pairs_of(0, push=1.5)
    assert np.mean([inside(p).mean() for p in nothing]) == pytest.approx(0.5, abs=0.05)
    found = [across(p, stream(0)) for p in nothing]
    assert np.mean([f[0].mean() for f in found if f is not None]) == pytest.approx(0.5, abs=0.05)
    assert np.mean([f[1].mean() for f in found if f is not None]) == pytest.approx(0.5, abs=0.03)
    told = across(something, stream(0))
    assert told is not None
    assert told[0].mean() > 0.95
    assert inside(something).mean() > 0.95
    assert p_value(float(told[0].mean()), told[1]) == pytest.approx(1 / 31)


def test_a_variant_along_an_axis_of_its_own_is_orthogonal_and_one_along_the_species_is_not() -> None:
    apart = overlap(pairs_of(3, push=2.0, cases=12), 2)
    assert apart is not None
    assert apart.share < 0.05
    assert apart.chance == pytest.approx(2 / 12)
    x, of, first = variants(3, cases=12)
    x[:, 0] *= 5
    x[:, 0] += 4.0 * first
    along = overlap(Pairs.of(x, of, first, stream(0), 1), 2)
    assert along is not None
    assert along.share > 0.8
    turned = angles(Pairs.of(x, of, first, stream(0), 1), 2)
    assert turned is not None
    assert turned[0][0] < 20


def test_uneven_numbers_of_the_variants_do_not_turn_the_species_span() -> None:
    """Midpoints and halves: without them species with few males would differ along the direction of males, and noise would be shared."""
    shares = []
    for seed in range(12):
        found = overlap(pairs_of(seed, permutations=1, push=1.5, cases=14, uneven=2), 3)
        assert found is not None
        shares.append(found.share)
    assert np.mean(shares) < 0.05


def test_random_directions_overlap_by_k_over_d_on_average() -> None:
    rng = stream(0, "isotropic")
    shares, chances = [], []
    for seed in range(20):
        of = np.repeat(np.arange(10), 12)
        first = np.tile(np.arange(12) < 6, 10)
        x = 2 * rng.standard_normal((10, 16))[of] + 0.1 * rng.standard_normal((120, 16))
        x += first[:, None] * rng.standard_normal((10, 16))[of]
        pairs = Pairs.of(x, of, first, stream(seed), 1)
        for found in (overlap(pairs, 4), sibling_overlap(pairs, tree_distance(*tree_of(10, 5)))):
            assert found is not None
            shares.append(found.share)
            chances.append(found.chance)
    assert np.mean(shares) == pytest.approx(np.mean(chances), abs=0.03)


@QUICK
@given(seeds)
def test_shares_are_shares_and_dealt_labels_keep_their_numbers(seed: int) -> None:
    pairs = pairs_of(seed, permutations=7, uneven=1)
    counts = np.array([[pairs.dealt[:, rows].sum(1)] for rows in pairs.slices()])
    assert (counts == 4).all()
    assert np.array_equal(pairs.dealt[0], pairs.first)
    plain = plain_overlap(pairs, 3)
    assert plain is not None
    assert 0 <= plain[0] <= 1
    assert ((plain[1] >= 0) & (plain[1] <= 1)).all()
    share = retained(pairs.vectors, pairs.species).shares(np.ones((1, 8)))
    assert 0 <= share[0] <= 1
    assert overlap(pairs, 8) is None, "8 species span 7 dimensions"


def test_kept_variation_is_all_or_nothing_at_the_ends() -> None:
    of = np.repeat(np.arange(6), 8)
    rng = stream(0, "ends")
    point = rng.standard_normal((6, 5))[of]
    assert retained(point, of).shares(np.ones((1, 6)))[0] == pytest.approx(0)
    loose = retained(rng.standard_normal((48, 5)), of).shares(np.ones((1, 6)))[0]
    assert loose > 0.85


# ---- relations -----------------------------------------------------------------------------------------------------


@QUICK
@given(seeds)
def test_mantel_does_not_see_the_order_of_the_species_nor_the_scale(seed: int) -> None:
    rng = stream(seed, "mantel")
    a, b, c = (distances(rng.standard_normal((9, 3))) for _ in range(3))
    o = rng.permutation(9)
    for given_ in (None, c):
        turned = None if given_ is None else given_[np.ix_(o, o)]
        one = mantel(a, b, stream(1), 4, given_)
        other = mantel(3 * a[np.ix_(o, o)] + 1 - np.eye(9), b[np.ix_(o, o)], stream(1), 4, turned)
        assert one is not None
        assert other is not None
        assert one.r == pytest.approx(other.r)
        assert -1 <= one.r <= 1


def test_mantel_of_strangers_has_even_p_values() -> None:
    p = []
    for seed in range(60):
        rng = stream(seed, "even")
        test = mantel(distances(rng.standard_normal((12, 2))), distances(rng.standard_normal((12, 1))), rng, 39)
        assert test is not None
        p.append(p_value(test.r, test.null))
    assert 0.35 < np.mean(p) < 0.65
    assert np.mean(np.array(p) <= 0.1) < 0.25


def test_matrices_that_tell_no_pairs_apart_have_no_correlation() -> None:
    alike = 1 - np.eye(6)
    other = distances(stream(0).standard_normal((6, 2)))
    assert mantel(alike, other, stream(0), 3) is None
    assert mantel(other, other, stream(0), 3, alike) is None


def test_a_trait_that_follows_the_tree_fools_the_mantel_test_more_often_than_the_regression() -> None:
    """Guillot & Rousset (2013): two traits that evolved apart on one tree; the permutation calls them related too often, the regression does not."""
    tree, taxa = tree_of(36, 4, 12)
    kin = kinship(tree, taxa)
    like = np.sort(stream(0).standard_normal(36))
    x, y = (kin.evolved(like, 1.0, 60, stream(1, name)) for name in "xy")
    found = []
    for a, b in zip(x.T, y.T, strict=True):
        test = mantel(distances(a[:, None]), distances(b[:, None]), stream(2), 39)
        assert test is not None
        found.append(p_value(test.r, test.null))
    plain = np.mean(np.array(found) <= 0.05)
    controlled = np.mean(pgls(kin, x, y).p <= 0.05)
    assert controlled <= 0.15
    assert plain > controlled


def test_lambda_is_found_again_at_both_ends() -> None:
    tree, taxa = tree_of(45)
    kin = kinship(tree, taxa)
    like = stream(0).standard_normal(45)
    strong = [signal(kin, v) for v in kin.evolved(like, 1.0, 12, stream(1)).T]
    none = [signal(kin, v) for v in kin.evolved(like, 0.0, 12, stream(2)).T]
    assert np.mean([s.strength for s in strong if s]) > 0.7
    assert np.mean([s.strength for s in none if s]) < 0.3
    assert all(s.low <= s.strength <= s.high for s in strong if s)


def test_an_evolved_trait_has_the_values_of_the_real_one() -> None:
    tree, taxa = tree_of(12)
    like = np.array([0.0] * 7 + [1.0] * 5)
    made = kinship(tree, taxa).evolved(like, 0.5, 6, stream(0))
    assert np.array_equal(np.sort(made, 0), np.repeat(np.sort(like)[:, None], 6, 1))


def test_species_of_one_genus_leave_lambda_untold() -> None:
    tree, taxa = tree_of(6, 6, 6)
    kin = kinship(tree, taxa)
    assert kin.flat
    assert signal(kin, np.arange(6.0)) is None
    assert np.isnan(pgls(kin, np.arange(6.0)[:, None], stream(0).standard_normal((6, 1))).strength).all()


def test_the_mean_of_the_others_is_not_taken_for_what_was_read() -> None:
    """Species left out one by one from vectors that know nothing: with the mean of the others in it a prediction leans far below 0, and wholly where no vector
    differs from another."""
    read, predicted = [], []
    for seed in range(40):
        rng = stream(seed, "nothing")
        means, values = rng.standard_normal((14, 30)), rng.standard_normal((14, 1))
        told, own = out_of_clade(means, values, np.arange(14))
        predicted.append(float(correlation(values, told)[0]))
        read.append(float(correlation(values, own)[0]))
    assert np.mean(read) > np.mean(predicted) + 0.2
    flat, nothing = out_of_clade(np.zeros((14, 3)), values, np.arange(14))
    assert correlation(values, flat)[0] == pytest.approx(-1)
    assert np.isnan(correlation(values, nothing)[0])


# ---- hierarchy -----------------------------------------------------------------------------------------------------


def test_vectors_laid_out_by_the_tree_agree_with_it_in_everything() -> None:
    tree, taxa = tree_of(18)
    steps = tree_distance(tree, taxa)
    weights = np.ones((3, 18))
    rows = triplets(steps, 10**6, stream(0))
    gaps = steps.astype(float)
    assert rows.every
    assert rows.agree(gaps).mean() == 1
    assert rows.replicates(rows.agree(gaps), weights) == pytest.approx(np.ones(3))
    for own in closer(tree, taxa, gaps, weights, stream(0), 5):
        assert own.value == 1
    against = -gaps
    np.fill_diagonal(against, 0)
    assert rows.agree(against + 10).mean() == 0


def test_chance_is_a_third_for_triplets_and_a_half_for_ranks() -> None:
    tree, taxa = tree_of(27)
    steps = tree_distance(tree, taxa)
    weights = np.ones((2, 27))
    shares, ranks = [], []
    for seed in range(15):
        gaps = distances(stream(seed).standard_normal((27, 6)))
        rows = triplets(steps, 2_000, stream(seed))
        assert not rows.every
        shares.append(rows.agree(gaps).mean())
        ranks += [c.value for c in closer(tree, taxa, gaps, weights, stream(seed), 2)]
    assert np.mean(shares) == pytest.approx(1 / 3, abs=0.04)
    assert np.mean(ranks) == pytest.approx(0.5, abs=0.05)
    assert rows.agree(np.ones((27, 27)) - np.eye(27)).mean() == pytest.approx(1 / 3), "ties are shared"


def test_dealing_species_within_taxa_above_keeps_the_half() -> None:
    tree, taxa = tree_of(27)
    gaps = distances(stream(4).standard_normal((27, 4)) + np.repeat(3 * stream(5).standard_normal((3, 4)), 9, 0))
    own = {c.rank: c for c in closer(tree, taxa, gaps, np.ones((2, 27)), stream(0), 60)}
    assert own["family"].value > 0.9
    assert own["genus"].null.mean() == pytest.approx(0.5, abs=0.05)


# ---- claims --------------------------------------------------------------------------------------------------------


def one(
    value: float, low: float, high: float, name: str = "probe_across", chance: float = 0.5, p: float = 0.01
) -> dict:
    spread = np.linspace(low, high, 41)
    return {
        ("within", "sex", name): Measure("within", "sex", name, value, 20, low, high, chance, p=p, replicates=spread)
    }


@pytest.mark.parametrize(
    ("model", "control", "verdict", "reason"),
    [
        (one(0.9, 0.85, 0.95), one(0.6, 0.55, 0.65), "holds", "beyond every control"),
        (one(0.9, 0.85, 0.95), None, "not decided", "no control"),
        (one(0.51, 0.48, 0.54), one(0.5, 0.45, 0.54), "fails", "no more than 0.05 above chance"),
        (one(0.9, 0.89, 0.91), one(0.9, 0.89, 0.91), "fails", "does as well"),
        (one(0.7, 0.45, 0.95), one(0.3, 0.29, 0.31), "not decided", "holds the level of chance"),
        (one(0.9, 0.85, 0.95, p=0.3), one(0.6, 0.55, 0.65), "not decided", "q = 0.30"),
        (one(0.9, np.nan, np.nan), one(0.6, 0.55, 0.65), "not decided", "too few"),
        (one(0.02, 0.01, 0.03, "rho.k2", 0.1), None, "holds", "beyond chance"),
        (one(0.3, 0.2, 0.4, "rho.k2", 0.1), None, "fails", "not below chance"),
        (one(0.1, 0.05, 0.2, "rho.k2", 0.1), None, "not decided", "level of chance"),
    ],
)
def test_a_claim_is_decided_by_its_rule(model: dict, control: dict | None, verdict: str, reason: str) -> None:
    found = judged(model, {} if control is None else {"untrained": control}, 0.05)
    claim = "orthogonal" if "rho.k2" in next(iter(model)) else "shared"
    own = next(v for v in found if v.claim == claim)
    assert own.verdict == verdict
    assert reason in own.reason


def test_a_measure_that_leans_is_not_called_failed_for_leaning() -> None:
    """Readings out of clade lie below 0 where there is nothing to read: with few species that decides nothing."""
    lean = {k: replace(m, null_low=-0.9, null_high=0.1) for k, m in one(-0.4, -0.8, 0.02, chance=0.0).items()}
    assert judged(lean, {}, 0.05)[0].verdict == "not decided"
    even = {k: replace(m, null_low=-0.5, null_high=0.5) for k, m in one(-0.4, -0.8, 0.02, chance=0.0).items()}
    assert judged(even, {}, 0.05)[0].verdict == "fails"


def test_differences_are_paired_and_p_values_adjusted() -> None:
    a, b = (next(iter(one(v, v - 0.1, v + 0.1).values())) for v in (0.7, 0.6))
    assert difference(a, b) == pytest.approx((0.1, 0.1, 0.1)), "the same draws: what both share cancels"
    assert adjusted([0.01, 0.04, np.nan, 0.03]) == pytest.approx([0.03, 0.04, np.nan, 0.04], nan_ok=True)
