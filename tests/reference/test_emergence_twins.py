"""The measures of emergent properties once more and slowly: by loops, explicit matrices and the papers' formulas."""

from __future__ import annotations

import itertools
import math

import numpy as np
import polars as pl
import pytest

from merian.core.chance import stream
from merian.core.tree import Tree
from merian.explore.axes import mean_ranks
from merian.explore.emergence.hierarchy import closer, triplets
from merian.explore.emergence.measures import adjusted, resampled
from merian.explore.emergence.probes import across, inside
from merian.explore.emergence.relations import (
    LAMBDAS,
    distances,
    kinship,
    mantel,
    pair_ranks,
    pgls,
    signal,
    tree_distance,
)
from merian.explore.emergence.within import Pairs, moments, overlap, retained, separation, sibling_overlap


def small_tree() -> tuple[Tree, np.ndarray]:
    """Eleven species whose genera and families are of different sizes; one genus stands in no family."""
    genus = ["A", "A", "A", "B", "B", "C", "D", "D", "E", "F", "F"]
    family = {"A": "Fa", "B": "Fa", "C": "Fb", "D": "Fb", "E": "Fc", "F": None}
    lineages = {
        "kingdom": ["Animalia"] * 9 + ["Plantae"] * 2,
        "family": [family[g] for g in genus],
        "genus": genus,
        "species": [f"{g} s{k:02}" for k, g in enumerate(genus)],
    }
    tree = Tree.from_lineages(pl.DataFrame(lineages))
    return tree, tree.at("species")


def shared(tree: Tree, a: int, b: int) -> list[int]:
    return [x for x, y in zip(tree.ancestors[a].tolist(), tree.ancestors[b].tolist(), strict=True) if x == y and x >= 0]


def test_tree_distance_and_grafen_s_branch_lengths_by_walking_the_tree() -> None:
    tree, taxa = small_tree()
    steps, kin = tree_distance(tree, taxa), kinship(tree, taxa)
    for i, a in enumerate(taxa.tolist()):
        for j, b in enumerate(taxa.tolist()):
            common = shared(tree, a, b)
            deepest = max((int(tree.rank[t]) for t in common), default=-1)
            assert steps[i, j] == (0 if i == j else 6 - deepest)
            below = [sum(t in tree.ancestors[x].tolist() for x in taxa) for t in common]
            height = (min(below) - 1) / (len(taxa) - 1) if below else 1.0
            assert kin.covariance[i, j] == pytest.approx(1.0 if i == j else 1 - height)
    assert (kin.values >= 0).all()
    assert np.allclose(kin.vectors * kin.values @ kin.vectors.T, kin.covariance)


def pearson(x: list[float], y: list[float]) -> float:
    mx, my = sum(x) / len(x), sum(y) / len(y)
    top = sum((a - mx) * (b - my) for a, b in zip(x, y, strict=True))
    return top / math.sqrt(sum((a - mx) ** 2 for a in x) * sum((b - my) ** 2 for b in y))


def residuals(y: list[float], x: list[float]) -> list[float]:
    mx, my = sum(x) / len(x), sum(y) / len(y)
    slope = sum((a - mx) * (b - my) for a, b in zip(x, y, strict=True)) / sum((a - mx) ** 2 for a in x)
    return [b - my - slope * (a - mx) for a, b in zip(x, y, strict=True)]


def test_mantel_by_loops_over_pairs_and_partial_by_residuals() -> None:
    rng = stream(0, "twin")
    s = 9
    a, b, c = (distances(rng.standard_normal((s, 2))) for _ in range(3))

    def of(matrix: np.ndarray, order: list[int]) -> list[float]:
        return [float(matrix[order[i], order[j]]) for i in range(s) for j in range(i)]

    same = list(range(s))
    for given in (None, c):
        fast = mantel(a, b, stream(3), 5, given)
        assert fast is not None
        again = stream(3)
        slow = []
        for order in (same, *(again.permutation(s).tolist() for _ in range(5))):
            x, y = of(a, same), of(b, order)
            if given is not None:
                z = of(c, same)
                x, y = residuals(x, z), residuals(y, z)
            slow.append(pearson(x, y))
        assert fast.r == pytest.approx(slow[0])
        assert fast.null == pytest.approx(slow[1:])


def test_bootstrap_of_mantel_by_listing_the_pairs_of_drawn_species() -> None:
    rng = stream(1, "twin")
    a, b, c = (distances(rng.standard_normal((7, 2))) for _ in range(3))
    weights = resampled(7, 6, stream(2))
    for given in (None, c):
        fast = mantel(a, b, stream(0), 1, given, weights)
        assert fast is not None
        for row, value in zip(weights.astype(int), fast.replicates, strict=True):
            drawn = np.repeat(np.arange(7), row)
            pairs = [(i, j) for i, j in itertools.permutations(drawn.tolist(), 2) if i != j]
            x, y, z = ([float(m[i, j]) for i, j in pairs] for m in (a, b, c))
            if given is not None:
                x, y = residuals(x, z), residuals(y, z)
            assert value == pytest.approx(pearson(x, y))


def test_ranks_of_pairs_give_spearman_s_correlation() -> None:
    from scipy.stats import rankdata, spearmanr

    rng = stream(2, "twin")
    a, b = distances(rng.standard_normal((8, 2))), np.round(distances(rng.standard_normal((8, 2))))
    upper = np.triu_indices(8, 1)
    test = mantel(pair_ranks(a), pair_ranks(b), stream(0), 1)
    assert test is not None
    assert test.r == pytest.approx(spearmanr(a[upper], b[upper]).statistic)
    values = rng.integers(0, 4, (30, 3)).astype(float)
    assert np.array_equal(mean_ranks(values), rankdata(values, axis=0))
    assert np.array_equal(mean_ranks(values[:, 0]), rankdata(values[:, 0]))


def likelihood(covariance: np.ndarray, design: np.ndarray, y: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
    """The log-likelihood of generalised least squares, the coefficients and their covariance, with explicit inverses."""
    n = len(y)
    inverse = np.linalg.inv(covariance)
    beta = np.linalg.inv(design.T @ inverse @ design) @ design.T @ inverse @ y
    left = y - design @ beta
    variance = float(left @ inverse @ left) / n
    value = -0.5 * (n * math.log(2 * math.pi * variance) + np.linalg.slogdet(covariance)[1] + n)
    free = float(left @ inverse @ left) / (n - design.shape[1])
    return value, beta, free * np.linalg.inv(design.T @ inverse @ design)


def test_pgls_and_lambda_by_explicit_matrices() -> None:
    from scipy.stats import t as student

    tree, taxa = small_tree()
    kin = kinship(tree, taxa)
    s = len(taxa)
    rng = stream(3, "twin")
    x, y = rng.standard_normal((s, 3)), rng.standard_normal((s, 3))
    y[:, 1] += 2 * x[:, 1]
    y[:, 2] = kin.evolved(y[:, 2], 1.0, 1, rng)[:, 0]
    fast = pgls(kin, x, y)
    for k in range(3):
        design = np.stack([np.ones(s), x[:, k]], 1)
        tried = [likelihood(lam * kin.covariance + (1 - lam) * np.eye(s), design, y[:, k]) for lam in LAMBDAS.tolist()]
        best = int(np.argmax([value for value, _, _ in tried]))
        _, beta, spread = tried[best]
        assert fast.strength[k] == pytest.approx(LAMBDAS[best])
        assert fast.slope[k] == pytest.approx(beta[1])
        assert fast.error[k] == pytest.approx(math.sqrt(spread[1, 1]))
        assert fast.p[k] == pytest.approx(2 * student.sf(abs(beta[1] / math.sqrt(spread[1, 1])), s - 2))
        own = signal(kin, y[:, k])
        values = [
            likelihood(lam * kin.covariance + (1 - lam) * np.eye(s), np.ones((s, 1)), y[:, k])[0]
            for lam in LAMBDAS.tolist()
        ]
        assert own is not None
        assert own.strength == pytest.approx(LAMBDAS[int(np.argmax(values))])
        inside_ = LAMBDAS[np.array(values) >= max(values) - 1.9207]
        assert (own.low, own.high) == pytest.approx((inside_.min(), inside_.max()))


def cases(d: int = 5) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = stream(4, "twin")
    counts = [(4, 5), (6, 4), (4, 4), (5, 7)]
    species = np.concatenate([np.full(a + b, k) for k, (a, b) in enumerate(counts)])
    first = np.concatenate([np.arange(a + b) < a for a, b in counts])
    x = (
        2 * rng.standard_normal((4, d))[species]
        + rng.standard_normal((len(species), d))
        + first[:, None] * rng.standard_normal(d)
    )
    return x, species, first


def variance(x: np.ndarray) -> float:
    """The trace of the covariance of the rows, divided by n - 1."""
    return sum(float(((row - x.mean(0)) ** 2).sum()) for row in x) / (len(x) - 1)


def test_fisher_s_ratio_by_its_formula() -> None:
    x, species, first = cases()
    found = separation(Pairs.of(x, species, first, stream(0), 3))
    for s in range(4):
        one, two = x[(species == s) & first], x[(species == s) & ~first]
        gap = float(((one.mean(0) - two.mean(0)) ** 2).sum())
        spread = variance(one) + variance(two)
        assert found.plain[s] == pytest.approx(gap / spread)
        assert found.unbiased[s] == pytest.approx((gap - variance(one) / len(one) - variance(two) / len(two)) / spread)
    pairs = Pairs.of(x, species, first, stream(0), 3)
    again = [
        separation(Pairs(pairs.vectors, pairs.species, row, pairs.half, row[None])).unbiased.mean()
        for row in pairs.dealt[1:]
    ]
    assert found.null == pytest.approx(again)


def test_rho_by_explicit_projection() -> None:
    x, species, first = cases()
    pairs = Pairs.of(x, species, first, stream(0), 1)
    tops, wholes = np.zeros(4), np.zeros(4)
    for half in (0, 1):
        here = pairs.half == half
        mids = []
        for s in range(4):
            own = here & (pairs.species == s)
            mids.append((pairs.vectors[own & pairs.first].mean(0) + pairs.vectors[own & ~pairs.first].mean(0)) / 2)
        centred = np.array(mids) - np.mean(mids, 0)
        values, directions = np.linalg.eigh(centred.T @ centred)
        projector = sum(np.outer(v, v) for v in directions.T[np.argsort(-values)[:2]])
        for s in range(4):
            own = ~here & (pairs.species == s)
            one, two = pairs.vectors[own & pairs.first], pairs.vectors[own & ~pairs.first]
            gap = one.mean(0) - two.mean(0)
            noise = np.cov(one.T) / len(one) + np.cov(two.T) / len(two)
            tops[s] += gap @ projector @ gap - np.trace(projector @ noise)
            wholes[s] += gap @ gap - np.trace(noise)
    found = overlap(pairs, 2)
    assert found is not None
    assert found.inside == pytest.approx(tops)
    assert found.whole == pytest.approx(wholes)
    assert found.share == pytest.approx(tops.sum() / wholes.sum())
    assert found.chance == pytest.approx(2 / 5)


def test_the_siblings_span_by_explicit_projection() -> None:
    x, species, first = cases()
    pairs = Pairs.of(x, species, first, stream(0), 1)
    # 0 and 1 are of one genus, 2 is of their family, 3 stands alone
    steps = np.array([[0, 1, 2, 7], [1, 0, 2, 7], [2, 2, 0, 7], [7, 7, 7, 0]])
    near = {0: [1], 1: [0], 2: [0, 1]}
    tops, wholes = dict.fromkeys(near, 0.0), dict.fromkeys(near, 0.0)
    for half in (0, 1):
        mids = {}
        for s in range(4):
            own = (pairs.half == half) & (pairs.species == s)
            mids[s] = (pairs.vectors[own & pairs.first].mean(0) + pairs.vectors[own & ~pairs.first].mean(0)) / 2
        for s, others in near.items():
            basis, _ = np.linalg.qr(np.stack([mids[t] - mids[s] for t in others], 1))
            own = (pairs.half != half) & (pairs.species == s)
            m = moments(pairs.vectors[own], pairs.first[own][None])
            inner = moments(pairs.vectors[own] @ basis, pairs.first[own][None])
            tops[s] += float(inner.gap[0] - inner.noise[0])
            wholes[s] += float(m.gap[0] - m.noise[0])
    found = sibling_overlap(pairs, steps)
    assert found is not None
    assert found.inside == pytest.approx(list(tops.values()))
    assert found.whole == pytest.approx(list(wholes.values()))
    assert "2 of the same genus, 1 of the same family" in found.note


def test_leaving_pairs_out_by_loops() -> None:
    x, species, first = cases()
    found = inside(Pairs.of(x, species, first, stream(0), 1))
    for s in range(4):
        one, two = x[(species == s) & first], x[(species == s) & ~first]
        right = []
        for i, j in itertools.product(range(len(one)), range(len(two))):
            direction = np.delete(one, i, 0).mean(0) - np.delete(two, j, 0).mean(0)
            right.append(float(direction @ (one[i] - two[j]) > 0))
        assert found[s] == pytest.approx(np.mean(right))


def test_the_probe_of_unseen_species_by_normal_equations() -> None:
    x, species, first = cases()
    pairs = Pairs.of(x, species, first, stream(0), 2)
    found = across(pairs, stream(5))
    assert found is not None
    for column, values in ((0, None), (1, found[1][0])):
        labels = pairs.dealt[column]
        aurocs = []
        for s in range(4):
            rows = [np.flatnonzero(pairs.species == t) for t in range(4) if t != s]
            a = np.concatenate([pairs.vectors[r] - pairs.vectors[r].mean(0) for r in rows])
            y = np.concatenate([np.where(labels[r], 1.0, -1.0) - np.where(labels[r], 1.0, -1.0).mean() for r in rows])
            tried = []
            for strength in 10.0 ** np.arange(-4, 4.5, 0.5):
                inverse = np.linalg.inv(a.T @ a + strength * np.trace(a.T @ a) / 5 * np.eye(5))
                left = y - a @ inverse @ a.T @ y
                tried.append((float(left @ left) / (len(y) - 3 - np.trace(a @ inverse @ a.T)) ** 2, inverse @ a.T @ y))
            weights = min(tried, key=lambda pair: pair[0])[1]
            own = pairs.species == s
            scores = pairs.vectors[own] @ weights
            wins = [float(u > v) for u in scores[labels[own]] for v in scores[~labels[own]]]
            aurocs.append(np.mean(wins))
        if values is None:
            assert found[0] == pytest.approx(aurocs)
        else:
            assert values == pytest.approx(np.mean(aurocs))


def test_retained_variance_by_its_components() -> None:
    x, species, _ = cases()
    counts = [int((species == s).sum()) for s in range(4)]
    inner = sum(variance(x[species == s]) * (counts[s] - 1) for s in range(4)) / (len(x) - 4)
    means = np.array([x[species == s].mean(0) for s in range(4)])
    outer = variance(means) - inner * float(np.mean([1 / n for n in counts]))
    found = retained(x, species).shares(np.ones((1, 4)))
    assert found[0] == pytest.approx(inner / (inner + max(outer, 0)))


def test_ranks_and_triplets_by_loops() -> None:
    tree, taxa = small_tree()
    s = len(taxa)
    gaps = distances(stream(6, "twin").standard_normal((s, 3)))
    weights = resampled(s, 4, stream(7))
    steps = tree_distance(tree, taxa)
    paths = tree.ancestors[taxa]
    for own in closer(tree, taxa, gaps, weights, stream(0), 2):
        r = ("kingdom", "phylum", "class", "order", "family", "genus").index(own.rank)
        within, apart = [], []
        for i, j in itertools.combinations(range(s), 2):
            up = [next((int(t) for t in path[:r][::-1] if t >= 0), -1) for path in (paths[i], paths[j])]
            above = up[0] == up[1]
            if above and paths[i, r] >= 0 and paths[j, r] >= 0:
                (within if paths[i, r] == paths[j, r] else apart).append(gaps[i, j])
        assert (own.within, own.across) == (len(within), len(apart))
        assert own.value == pytest.approx(np.mean([float(a < b) for a in within for b in apart]))
    rows = triplets(steps, 10**6, stream(0))
    slow = []
    for a, b, c in itertools.combinations(range(s), 3):
        for x, y, z in ((a, b, c), (a, c, b), (b, c, a)):
            if steps[x, y] < min(steps[x, z], steps[y, z]):
                slow.append((x, y, z, float(gaps[x, y] < min(gaps[x, z], gaps[y, z]))))
    assert sorted(map(tuple, rows.rows.tolist())) == sorted(t[:3] for t in slow)
    agreed = rows.agree(gaps)
    assert agreed.mean() == pytest.approx(np.mean([t[3] for t in slow]))
    for row, value in zip(weights, rows.replicates(agreed, weights), strict=True):
        amounts = [row[x] * row[y] * row[z] for x, y, z, _ in slow]
        assert value == pytest.approx(sum(w * t[3] for w, t in zip(amounts, slow, strict=True)) / sum(amounts))


def test_adjusted_p_values_by_the_step_up_rule() -> None:
    p = [0.001, 0.3, 0.011, 0.04, 0.012]
    order = sorted(range(5), key=lambda k: p[k])
    for k, value in enumerate(adjusted(p)):
        place = order.index(k) + 1
        assert value == pytest.approx(min(min(1.0, p[order[m - 1]] * 5 / m) for m in range(place, 6)))
