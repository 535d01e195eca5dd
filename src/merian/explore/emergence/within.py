"""Variation inside species (sex, life stage, health): how far the variants lie apart, along which directions, and whether those are the species' own.

A case is the mean vector of one specimen's images of one variant; all measures are over cases. What finite samples inflate is told without that bias: the
squared length of a difference of two means grows by tr S1 / n1 + tr S2 / n2 from noise alone, and that much is taken off wherever it enters.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from merian.explore.emergence.hierarchy import meeting

__all__ = [
    "Moments",
    "Overlap",
    "Pairs",
    "Retained",
    "Separation",
    "angles",
    "moments",
    "overlap",
    "plain_overlap",
    "retained",
    "separation",
    "sibling_overlap",
]

Doubles = npt.NDArray[np.float64]
Ints = npt.NDArray[np.integer]
Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Pairs:
    """Cases of two variants in several species, sorted by species.

    vectors [u, d], species [u] 0 to S - 1, first [u] True for the first variant, half [u] 0 or 1: two disjoint halves of each species' cases of either variant.
    dealt [p + 1, u]: `first`, and p times the same dealt anew among the cases of each species.
    """

    vectors: Doubles
    species: npt.NDArray[np.int64]
    first: Flags
    half: npt.NDArray[np.int64]
    dealt: Flags

    @classmethod
    def of(
        cls, vectors: Doubles, species: Ints, first: Flags, rng: np.random.Generator, permutations: int = 199
    ) -> Pairs:
        """Cases in any order, brought into order; species may have any numbers. The draws depend on species and variants alone, not on the vectors."""
        order = np.lexsort((~first, species))
        _, of = np.unique(species[order], return_inverse=True)
        variant = first[order]
        chance = rng.random(len(of))
        # in the random order within each variant of each species every other case goes to the second half
        shuffled = np.lexsort((chance, variant, of))
        half = np.empty(len(of), np.int64)
        half[shuffled] = np.arange(len(of)) % 2
        dealt = np.empty((permutations + 1, len(of)), bool)
        dealt[0] = variant
        for k in range(1, permutations + 1):
            dealt[k] = variant[np.argsort(of + 0.999 * rng.random(len(of)))]
        return cls(np.asarray(vectors, np.float64)[order], of.astype(np.int64), variant, half, dealt)

    def __len__(self) -> int:
        return int(self.species.max(initial=-1)) + 1

    def slices(self) -> Iterator[slice]:
        """The cases of each species."""
        ends = np.searchsorted(self.species, np.arange(len(self) + 1))
        return (slice(int(a), int(b)) for a, b in pairwise(ends))

    @functools.cached_property
    def halves(self) -> list[tuple[Doubles, list[tuple[Doubles, Flags]]]]:
        """Both ways round, of the species that can be split: their midpoints [E, d] by one half of the cases, and the cases of the other half."""
        return _halves(self)

    def splittable(self) -> Flags:
        """Which species have two cases of either variant in both halves, as cross-fitting needs: bool [S]."""
        counts = np.zeros((len(self), 2, 2), np.int64)
        np.add.at(counts, (self.species, self.first.astype(int), self.half), 1)
        return np.asarray((counts >= 2).all((1, 2)))


@dataclass(frozen=True, eq=False)
class Moments:
    """For each way of labelling [p]: the squared length of the difference of the variants' means, what noise adds to it (tr S1 / n1 + tr S2 / n2), and the
    summed variances (tr S1 + tr S2)."""

    gap: Doubles
    noise: Doubles
    spread: Doubles


def moments(x: Doubles, dealt: Flags) -> Moments:
    """The Moments of the cases x [u, d] of one species for labellings [p, u]; covariances divide by n - 1, so each variant needs two cases."""
    labels = dealt.astype(np.float64)
    n1 = labels.sum(1)
    n2 = x.shape[0] - n1
    sums, squares = labels @ x, (x**2).sum(1)
    own = labels @ squares
    rest, left = x.sum(0) - sums, squares.sum() - own
    first = np.maximum(own - (sums**2).sum(1) / n1, 0) / (n1 - 1)
    second = np.maximum(left - (rest**2).sum(1) / n2, 0) / (n2 - 1)
    gap = ((sums / n1[:, None] - rest / n2[:, None]) ** 2).sum(1)
    return Moments(np.asarray(gap), np.asarray(first / n1 + second / n2), np.asarray(first + second))


@dataclass(frozen=True, eq=False)
class Separation:
    """Fisher's discriminant ratio of each species [S]: plain ||m1 - m2||^2 / (tr S1 + tr S2), `unbiased` with what noise adds taken off, which is 0 on average
    where the variants do not differ; null, plain_null [p]: the mean over species of the latter and the former when variants are dealt anew."""

    plain: Doubles
    unbiased: Doubles
    null: Doubles
    plain_null: Doubles


def separation(pairs: Pairs) -> Separation:
    """How far the variants lie apart within each species, in units of their variance; nan for a species whose cases are all the same."""
    plain, unbiased = [], []
    for rows in pairs.slices():
        found = moments(pairs.vectors[rows], pairs.dealt[:, rows])
        size = np.where(found.spread > 1e-12, found.spread, np.nan)
        plain.append(found.gap / size)
        unbiased.append((found.gap - found.noise) / size)
    raw, free = np.array(plain), np.array(unbiased)
    known = np.isfinite(free[:, 0])
    nulls = [values[known, 1:].mean(0) if known.any() else np.zeros(0) for values in (free, raw)]
    return Separation(raw[:, 0], free[:, 0], nulls[0], nulls[1])


@dataclass(frozen=True, eq=False)
class Overlap:
    """What share of the variants' difference lies inside a span: `inside` and `whole` [S] are squared lengths without what noise adds, so that a share is
    sum(inside) / sum(whole) over the species asked. chance: k / d (of the span's own rank, weighted as the share is); variance: the share of the spread
    within variants that lies inside, which is what any direction of that spread gives; explained: how much of the species means' variance the span holds."""

    inside: Doubles
    whole: Doubles
    chance: float
    variance: float
    explained: float
    note: str = ""

    @property
    def share(self) -> float:
        """The share over all species; nan when the differences are no longer than noise makes them."""
        total = float(self.whole.sum())
        return float(self.inside.sum()) / total if total > 0 else np.nan

    def replicates(self, weights: Doubles) -> Doubles:
        """The share in each replicate [b] of multiplicities of the species [b, S]."""
        total = weights @ self.whole
        return np.asarray(np.divide(weights @ self.inside, total, out=np.full(len(total), np.nan), where=total > 0))


def _means(vectors: Doubles, species: Ints, count: int) -> Doubles:
    """The mean vector of each of `count` species, whose rows stand together: [S, d]; 0 where there is none."""
    ends = np.searchsorted(species, np.arange(count + 1))
    means = np.zeros((count, vectors.shape[1]))
    for s, (start, stop) in enumerate(pairwise(ends)):
        if stop > start:
            means[s] = vectors[start:stop].mean(0)
    return means


def _midpoints(pairs: Pairs, chosen: Flags) -> Doubles:
    """The point midway between the two variants' means of the cases `chosen` [u] in each species: [S, d]. It does not move when one variant has more images."""
    sides = [np.flatnonzero(variant & chosen) for variant in (pairs.first, ~pairs.first)]
    first, second = (_means(pairs.vectors[rows], pairs.species[rows], len(pairs)) for rows in sides)
    return np.asarray((first + second) / 2)


def _span(centres: Doubles, k: int) -> tuple[Doubles, float]:
    """The first k principal directions of the centres [S, d], as rows, and the share of their variance that these hold; fewer where there is no more."""
    _, size, rows = np.linalg.svd(centres - centres.mean(0), full_matrices=False)
    k = min(k, int((size > 1e-9 * max(float(size.max(initial=0)), 1e-30)).sum()))
    return rows[:k], float((size[:k] ** 2).sum() / max(float((size**2).sum()), 1e-30))


def _halves(pairs: Pairs) -> list[tuple[Doubles, list[tuple[Doubles, Flags]]]]:
    """Both ways round: the midpoints [E, d] by one half of the cases of the species that can be split, and the cases of the other half, species by species."""
    able = np.flatnonzero(pairs.splittable())
    slices = list(pairs.slices())
    found = []
    for half in (0, 1):
        centres = _midpoints(pairs, pairs.half == half)[able]
        other = []
        for s in able:
            rows = np.arange(slices[s].start, slices[s].stop)
            rows = rows[pairs.half[rows] != half]
            other.append((pairs.vectors[rows], pairs.first[rows][None]))
        found.append((centres, other))
    return found


def _summed(
    spans: Iterator[tuple[list[Doubles], list[tuple[Doubles, Flags]], float]], d: int, note: str = ""
) -> Overlap:
    """The Overlap over both halves, species by species with the span [k, d] of each."""
    inside, whole, ranks, spread, explained = [], [], [], [], []
    for bases, cases, held in spans:
        parts = [(moments(x, f), moments(x @ v.T, f)) for (x, f), v in zip(cases, bases, strict=True)]
        whole.append(np.array([a.gap[0] - a.noise[0] for a, _ in parts]))
        inside.append(np.array([b.gap[0] - b.noise[0] for _, b in parts]))
        ranks.append(np.array([len(v) for v in bases]))
        spread.append((sum(b.spread[0] for _, b in parts), sum(a.spread[0] for a, _ in parts)))
        explained.append(held)
    weight = np.maximum(np.concatenate(whole), 0) + 1e-30
    chance = float((np.concatenate(ranks) * weight).sum() / weight.sum() / d)
    top, bottom = (sum(s[k] for s in spread) for k in (0, 1))
    held = float(np.mean(explained))
    return Overlap(inside[0] + inside[1], whole[0] + whole[1], chance, float(top / max(bottom, 1e-30)), held, note)


def overlap(pairs: Pairs, k: int) -> Overlap | None:
    """The share of the variants' differences inside the first k principal directions of the species, cross-fitted; None with fewer than k + 1 species.

    The span is that of the midpoints by one half of the cases, the differences are by the other half, and the other way round: noise that both had in common
    would look like overlap.
    """
    if pairs.splittable().sum() <= k or pairs.vectors.shape[1] < k:
        return None

    def spans() -> Iterator[tuple[list[Doubles], list[tuple[Doubles, Flags]], float]]:
        for centres, cases in pairs.halves:
            basis, held = _span(centres, k)
            yield [basis] * len(cases), cases, held

    return _summed(spans(), pairs.vectors.shape[1])


def sibling_overlap(pairs: Pairs, steps: Ints, most: int = 5) -> Overlap | None:
    """As `overlap`, but inside each species' own span: the differences to its nearest relatives, `steps` [S, S] being tree distances.

    Relatives are those species of the comparison at the least tree distance, the `most` nearest by their midpoints. None when no two of them share a taxon.
    """
    able = np.flatnonzero(pairs.splittable())
    near = steps[np.ix_(able, able)].astype(np.float64)
    np.fill_diagonal(near, np.inf)
    asked = (
        np.isfinite(near.min(1, initial=np.inf)) & (near.min(1, initial=np.inf) < 7)
        if len(able) > 1
        else np.zeros(0, bool)
    )
    if not asked.any():
        return None
    ranks = near.min(1)[asked]

    def spans() -> Iterator[tuple[list[Doubles], list[tuple[Doubles, Flags]], float]]:
        for centres, cases in pairs.halves:
            bases = []
            for s in np.flatnonzero(asked):
                others = np.flatnonzero(near[s] == near[s].min())
                gaps = centres[others] - centres[s]
                gaps = gaps[np.argsort((gaps**2).sum(1), kind="stable")[:most]]
                _, size, rows = np.linalg.svd(gaps, full_matrices=False)
                bases.append(rows[size > 1e-9 * size.max()])
            yield bases, [cases[s] for s in np.flatnonzero(asked)], np.nan

    told = ", ".join(
        f"{count} of the same {meeting(int(r))}" for r, count in zip(*np.unique(ranks, return_counts=True), strict=True)
    )
    return _summed(spans(), pairs.vectors.shape[1], told)


def plain_overlap(pairs: Pairs, k: int) -> tuple[float, Doubles] | None:
    """The mean over species of ||V_k (m1 - m2)||^2 / ||m1 - m2||^2 as the papers draw it, all from the same cases, and its values with variants dealt anew [p].

    V_k are the first k principal directions of the species means. Nothing is taken off for noise, so a difference that is mostly noise goes to the share of
    noise inside the span, which the dealt variants tell. None with fewer than k + 1 species.
    """
    if len(pairs) <= k or pairs.vectors.shape[1] < k:
        return None
    means = np.stack([pairs.vectors[rows].mean(0) for rows in pairs.slices()])
    basis, _ = _span(means, k)
    shares = []
    for rows in pairs.slices():
        x, dealt = pairs.vectors[rows], pairs.dealt[:, rows]
        whole = moments(x, dealt).gap
        shares.append(
            np.divide(moments(x @ basis.T, dealt).gap, whole, out=np.full(len(whole), np.nan), where=whole > 1e-18)
        )
    each = np.array(shares)
    each = each[np.isfinite(each).all(1)]
    return (float(each[:, 0].mean()), each[:, 1:].mean(0)) if len(each) else None


def angles(pairs: Pairs, k: int) -> tuple[Doubles, float] | None:
    """The principal angles in degrees, smallest first [k], between the first k directions of the species and the first k of the variants' differences, and the
    mean of their squared cosines, which for random spans is k / d. Cross-fitted (the mean of both ways round); None with fewer than k + 1 species."""
    if pairs.splittable().sum() <= k or pairs.vectors.shape[1] < k:
        return None
    found = []
    for centres, cases in pairs.halves:
        basis, _ = _span(centres, k)
        gaps = np.stack([x[f[0]].mean(0) - x[~f[0]].mean(0) for x, f in cases])
        _, _, rows = np.linalg.svd(gaps, full_matrices=False)
        cosines = np.linalg.svd(basis @ rows[:k].T, compute_uv=False)
        found.append(np.clip(cosines, 0, 1)[: min(k, len(basis))])
    cosines = np.mean([c[: min(map(len, found))] for c in found], 0)
    return np.degrees(np.arccos(cosines)), float(np.mean([(c**2).mean() for c in found]))


@dataclass(frozen=True, eq=False)
class Retained:
    """What variance there is: sums of squares [S] and degrees of freedom [S] within species, means [S, d] and counts [S] of cases."""

    squares: Doubles
    freedom: Doubles
    means: Doubles
    counts: Doubles

    def shares(self, weights: Doubles) -> Doubles:
        """The share of all variance that lies within species, in each replicate [b] of multiplicities [b, S]; the noise of means is taken off between them."""
        total = weights.sum(1)
        inner = (weights @ self.squares) / np.maximum(weights @ self.freedom, 1)
        about = weights @ (self.means**2).sum(1) - ((weights @ self.means) ** 2).sum(1) / total
        outer = about / np.maximum(total - 1, 1) - inner * (weights @ (1 / self.counts)) / total
        both = inner + np.maximum(outer, 0)
        return np.asarray(np.divide(inner, both, out=np.full(len(both), np.nan), where=both > 1e-18))


def retained(vectors: Doubles, species: Ints) -> Retained:
    """The variance of cases [u, d] within and between species [u], of which at least one has two cases."""
    order = np.argsort(species, kind="stable")
    _, of = np.unique(species[order], return_inverse=True)
    own = vectors[order]
    counts = np.asarray(np.bincount(of), np.float64)
    means = _means(own, of, len(counts))
    squares = np.asarray(np.bincount(of, ((own - means[of]) ** 2).sum(1), len(counts)), np.float64)
    return Retained(squares, counts - 1, means, counts)
