"""Finding classes that nobody has named: generalised category discovery (Vaze et al. 2022, CVPR, arXiv 2201.02609), as on Herbarium 19.

Some images of the old classes are labelled; all others, of old and of new classes, are put into as many clusters as there are classes by k-means
in which the labelled images stay in the cluster of their class. A cluster stands for one class at most: one matching over all classes (Kuhn 1955) decides for
which. Several published scores match old and new classes separately, so that one cluster may stand for two classes; that is measured as an extra, by name.

New centres are drawn with chances proportional to the squared distance from the nearest centre (k-means++, Arthur & Vassilvitskii 2007), by the block:
candidates from the chances at the start of a block are accepted with the ratio by which theirs have shrunk. That is the same distribution as one after
another (rejection sampling, Cohen-Addad et al. 2020, NeurIPS) and turns the distances into products of matrices.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from merian.core.errors import BadData
from merian.core.report import Number
from merian.evaluate.benchmarks.outcome import Images, Outcome, Terms
from merian.evaluate.intervals import Resamples

__all__ = ["Discovery", "cluster", "discover", "label_some", "matched", "spread_centres"]

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
CANDIDATES = 128
"""Candidates for centres whose distances are taken at once."""
ROWS = 4096
"""Images compared with all centres at once."""
SAME = np.float32(1e-6)
"""Below this share of their squared lengths a squared distance is rounding."""


@dataclass(frozen=True, kw_only=True)
class Discovery:
    """How classes are discovered: the share of each old class's images that is labelled, draws of labels and centres, and passes of k-means at most.

    The published passes are 10; then the search mostly has not ended.
    """

    labelled: float = 0.8
    seeds: int = 3
    passes: int = 100


def label_some(images: Images, old: Bools, share: float, rng: np.random.Generator) -> Bools:
    """Which images are labelled [n]: of each class marked `old` [n] about `share` of its groups, at least one and not all where it has two."""
    _, group = np.unique(images.grouping, return_inverse=True)
    _, kind = np.unique(images.classes, return_inverse=True)
    kinds, pair = np.unique(kind.astype(np.int64) * (int(group.max(initial=0)) + 1) + group, return_inverse=True)
    owner = kinds // (int(group.max(initial=0)) + 1)
    order = np.lexsort((rng.random(len(kinds)), owner))
    ordered = owner[order]
    first, last = np.searchsorted(ordered, ordered, "left"), np.searchsorted(ordered, ordered, "right")
    size = last - first
    wanted = np.where(size > 1, np.clip(np.round(share * size), 1, np.maximum(size - 1, 1)), 1)
    chosen = np.zeros(len(kinds), bool)
    chosen[order] = np.arange(len(kinds)) - first < wanted
    return np.asarray(chosen[pair] & old)


def spread_centres(points: Floats, centres: Floats, count: int, rng: np.random.Generator) -> Floats:
    """`count` further centres [count, d] among the points [n, d], after the given ones [c, d], distributed as by k-means++.

    Raises BadData when there are fewer different points than centres wanted.
    """
    found: list[Floats] = []
    if not len(centres) and count:
        found.append(points[rng.integers(len(points))][None])
    near = _least(points, np.concatenate([centres, *found]))
    while sum(map(len, found)) < count:
        total = np.cumsum(near, dtype=np.float64)
        if total[-1] <= 0:
            raise BadData("images", f"there are fewer different ones than the {count} new classes to find")
        places = np.searchsorted(total, rng.random(CANDIDATES) * total[-1], "right").clip(max=len(points) - 1)
        before, luck = near[places], rng.random(CANDIDATES)
        candidates = points[places]
        mutual, now = _squares(candidates, candidates), before.copy()
        taken: list[int] = []
        for i in range(CANDIDATES):
            if len(taken) + sum(map(len, found)) < count and luck[i] * before[i] < now[i]:
                taken.append(i)
                now = np.minimum(now, mutual[:, i])
                now[places == places[i]] = 0.0
        found.append(candidates[taken])
        near = np.minimum(near, _least(points, candidates[taken]))
        near[places[taken]] = 0.0
    return np.concatenate(found) if found else np.zeros((0, points.shape[1]), np.float32)


def _squares(a: Floats, b: Floats) -> Floats:
    """Squared distances [n, m] of the rows of a [n, d] and b [m, d]; 0 where they are within what single precision can tell apart."""
    lengths = np.einsum("nd,nd->n", a, a)[:, None] + np.einsum("nd,nd->n", b, b)
    apart = lengths - 2 * (a @ b.T)
    return np.where(apart > SAME * lengths, apart, np.float32(0))


def _least(points: Floats, centres: Floats) -> Floats:
    """The squared distance of each point [n, d] from the nearest centre [c, d]."""
    parts = [_squares(points[s : s + ROWS], centres).min(1) for s in range(0, len(points), ROWS)]
    return np.concatenate(parts)


def cluster(points: Floats, known: Ints, k: int, passes: int, rng: np.random.Generator) -> tuple[Ints, bool]:
    """k clusters of points [n, d] in which those with a `known` [n] cluster (0, 1, ... without a gap; -1 unknown) stay: the cluster of each [n],
    and whether it came to rest.

    The first centres are the means of the known clusters; an empty cluster keeps its centre. Only centres that moved are compared again with points whose
    own centre has not gone away from them: the others cannot win, as they did not before.
    """
    fixed, free = np.flatnonzero(known >= 0), np.flatnonzero(known < 0)
    sums, counts = _sums(points[fixed], known[fixed], k)
    given = int(known.max(initial=-1)) + 1
    centres = np.zeros((k, points.shape[1]), np.float32)
    centres[:given] = sums[:given] / counts[:given, None]
    loose = points[free]
    centres[given:] = spread_centres(loose, centres[:given], k - given, rng)
    labels, far = _nearest(loose, centres, np.arange(k))
    resting = False
    for _ in range(passes - 1):
        more, number = _sums(loose, labels, k)
        total = counts + number
        filled = total > 0
        before = centres.copy()
        centres[filled] = (sums + more)[filled] / total[filled, None]
        moved = np.flatnonzero((centres != before).any(1))
        after, far = _again(loose, centres, moved, labels, far)
        if np.array_equal(after, labels):
            resting = True
            break
        labels = after
    found = known.copy()
    found[free] = labels
    return found, resting


def _again(points: Floats, centres: Floats, moved: Ints, labels: Ints, far: Floats) -> tuple[Ints, Floats]:
    """The nearest centre of each point [n] and how far [n] it is, after the centres `moved` have moved, from what both were before."""
    if 2 * len(moved) > len(centres):
        return _nearest(points, centres, np.arange(len(centres)))
    labels, far = labels.copy(), far.copy()
    own = np.flatnonzero(np.isin(labels, moved))
    now = _distance(points[own], centres[labels[own]])
    fled = now > far[own]
    lost, same = own[fled], np.ones(len(points), bool)
    far[own] = now
    same[lost] = False
    rest = np.flatnonzero(same)
    for rows, among in ((lost, np.arange(len(centres))), (rest, moved)):
        label, distance = _nearest(points[rows], centres, among)
        nearer = distance < far[rows]
        labels[rows[nearer]], far[rows[nearer]] = label[nearer], distance[nearer]
    return labels, far


def _distance(points: Floats, centres: Floats) -> Floats:
    """Half the squared distance of each point [n, d] from its centre [n, d], less half the point's squared length: [n]."""
    return np.asarray(np.einsum("nd,nd->n", centres, centres / 2 - points))


def _nearest(points: Floats, centres: Floats, among: Ints) -> tuple[Ints, Floats]:
    """The nearest of some centres to each point [n, d], and how far it is as `_distance` has it: [n], [n]."""
    labels, far = np.zeros(len(points), np.int64), np.full(len(points), np.inf, np.float32)
    if not len(among):
        return labels, far
    some = centres if len(among) == len(centres) else centres[among]
    half = np.einsum("kd,kd->k", some, some) / 2
    for start in range(0, len(points), ROWS):
        rows = slice(start, start + ROWS)
        distance = half - points[rows] @ some.T
        best = distance.argmin(1)
        labels[rows], far[rows] = among[best], distance[np.arange(len(best)), best]
    return labels, far


def _sums(points: Floats, labels: Ints, k: int) -> tuple[Floats, npt.NDArray[np.float32]]:
    """The sum [k, d] and number [k] of the points of each label."""
    counts = np.bincount(labels, minlength=k)
    sums = np.zeros((k, points.shape[1]), np.float32)
    filled = np.flatnonzero(counts)
    if len(filled):
        order = np.argsort(labels, kind="stable")
        starts = (np.cumsum(counts) - counts)[filled]
        sums[filled] = np.add.reduceat(points[order], starts, axis=0)
    return sums, counts.astype(np.float32)


def matched(clusters: Ints, classes: Ints) -> Bools:
    """Whether each image [n] is in the cluster that stands for its class, under the one-to-one matching that makes most of them so (Kuhn 1955)."""
    from scipy.optimize import linear_sum_assignment

    _, row = np.unique(clusters, return_inverse=True)
    _, column = np.unique(classes, return_inverse=True)
    table = np.zeros((int(row.max(initial=-1)) + 1, int(column.max(initial=-1)) + 1), np.int64)
    np.add.at(table, (row, column), 1)
    rows, columns = linear_sum_assignment(table, maximize=True)
    stands = np.full(table.shape[0], -1, np.int64)
    stands[rows] = columns
    return np.asarray(stands[row] == column)


def discover(images: Images, old: Ints, names: tuple[str, ...], terms: Terms, how: Discovery | None = None) -> Outcome:
    """The share of unlabelled images in the cluster of their class, when the classes `old` [k] are known by labelled images and the others by nothing.

    The images' classes are numbers of `names`. Vectors are brought to length 1. Numbers: `all`, `old` and `new` under one matching, `macro` (every class counts
    the same), `chance` (the same clusters dealt at random), `separate.all`, `.old`, `.new`, `.chance` (the published way: two matchings), `seeds_sd`.
    Intervals: bootstrap over classes and images of the mean over seeds; the clustering itself is not repeated. Raises BadData without an old or a new
    class.
    """
    how = how or Discovery()
    kept = images.take(np.flatnonzero(images.classes >= 0))
    remarks = [] if len(kept) == len(images) else [f"{len(images) - len(kept)} images have no class and are left out."]
    present = np.unique(kept.classes)
    is_old = np.isin(kept.classes, old)
    known = present[np.isin(present, old)]
    if len(known) == len(present) or not len(known):
        raise BadData("classes", f"{len(known)} of {len(present)} are old; category discovery needs old and new ones")
    tally = np.zeros((len(TALLIES), len(kept)))
    asked, chances, single, rest = np.zeros(len(kept)), [], [], 0
    for seed in range(how.seeds):
        labelled = label_some(kept, is_old, how.labelled, terms.chance("labels", seed))
        start = np.where(labelled, np.searchsorted(known, kept.classes), -1)
        found, resting = cluster(kept.units, start, len(present), how.passes, terms.chance("centres", seed))
        rest += resting
        free = np.flatnonzero(~labelled)
        right = _right(found[free], kept.classes[free], is_old[free])
        tally[:, free] += right
        asked[free] += 1
        single.append(float(right[0].mean()))
        dealt = terms.chance("dealt", seed).permutation(found[free])
        chances.append(_right(dealt, kept.classes[free], is_old[free]).mean(1))
    if rest < how.seeds:
        remarks.append(f"{how.seeds - rest} of {how.seeds} clusterings had not come to rest after {how.passes} passes.")
    alone = sorted(set(present.tolist()) - set(kept.classes[asked > 0].tolist()))
    if alone:
        remarks.append(
            f"{len(alone)} old classes have one group of images only, all labelled: nothing is asked of them."
        )
    numbers = _numbers(kept, tally, asked, is_old, terms)
    counts = f"{len(known)} old and {len(present) - len(known)} new classes, {how.seeds} seeds"
    for name, level in zip(("chance", "separate.chance"), np.mean(chances, 0), strict=True):
        numbers.append(
            terms.plain(name, float(level), int((asked > 0).sum()), note="the same clusters dealt at random")
        )
    spread = float(np.std(single, ddof=1)) if how.seeds > 1 else float("nan")
    if np.isfinite(spread):
        numbers.append(terms.plain("seeds_sd", spread, how.seeds, note=f"standard deviation of `all`; {counts}"))
    return Outcome(numbers, remarks, _table(kept, tally, asked, is_old, names))


TALLIES = ("all", "separate.all")
"""What is counted of each image: right under one matching, and under a matching of its own for old and for new classes."""


def _right(clusters: Ints, classes: Ints, old: Bools) -> npt.NDArray[np.float64]:
    """Right answers [2, n] in the order of TALLIES."""
    apart = np.zeros(len(clusters), bool)
    for side in (old, ~old):
        apart[side] = matched(clusters[side], classes[side])
    return np.stack([matched(clusters, classes), apart]).astype(np.float64)


def _numbers(
    images: Images, tally: npt.NDArray[np.float64], asked: npt.NDArray[np.float64], old: Bools, terms: Terms
) -> list[Number]:
    resamples: Resamples = images.resamples(terms)
    sides = {"all": np.ones(len(images), bool), "old": old, "new": ~old}
    numbers = []
    for prefix, right, note in (
        ("", tally[0], "one matching over all classes"),
        ("separate.", tally[1], "published: two matchings"),
    ):
        values = np.stack([right * side for side in sides.values()], 1)
        counts = np.stack([asked * side for side in sides.values()], 1)
        for name, estimate in zip(sides, resamples.micro(values, counts), strict=True):
            if estimate.n:
                numbers.append(terms.number(f"{prefix}{name}", estimate, note=note))
        if not prefix:
            macro = resamples.macro(values[:, :1], counts[:, :1])[0]
            numbers.append(terms.number("macro", macro, note="every class counts the same"))
    return numbers


def _table(
    images: Images, tally: npt.NDArray[np.float64], asked: npt.NDArray[np.float64], old: Bools, names: tuple[str, ...]
) -> pl.DataFrame:
    """A row for each class: whether it was old, its images, how many answers were asked of it, and the share right."""
    rows = pl.DataFrame({"class": images.classes, "old": old, "asked": asked, "right": tally[0]})
    table = rows.group_by("class").agg(pl.col("old").first(), pl.len().alias("images"), pl.col("asked", "right").sum())
    share = pl.when(pl.col("asked") > 0).then(pl.col("right") / pl.col("asked"))
    return table.sort("class").with_columns(
        pl.col("class").map_elements(lambda c: names[c], return_dtype=pl.String), share.alias("right")
    )
