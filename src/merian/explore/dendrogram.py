"""A tree of embeddings beside the taxonomy: average linkage, an order of leaves with few crossings, and how far the two trees agree.

Agreement is told three ways, each with a 95 % interval from the jackknife over leaves (Efron & Tibshirani 1993, chapter 11) where it has one, beside what the
same trees give when the leaves of one are dealt anew: the correlation of cophenetic distances (Sokal & Rohlf 1962), the share of triplets that both trees join
alike (chance: one third), and how many taxa of the taxonomy are whole branches of the dendrogram.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from merian.core.errors import BadData, Mismatch
from merian.core.tree import RANKS, Tree
from merian.core.vectors import normalise
from merian.explore.axes import species_means

__all__ = ["LEAVES", "Agreement", "Tangle", "crossings", "gathered", "species_tangle", "tangle"]

Doubles = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
LEAVES = 72
"""More leaves than this cannot be read beside each other on a page; they are gathered into the next taxa up."""
ROUNDS = 12


@dataclass(frozen=True, slots=True)
class Agreement:
    """How far two trees agree, its 95 % interval (nan: none), and the 95 % point of shuffled leaves."""

    value: float
    low: float
    high: float
    shuffled: float


@dataclass(frozen=True, eq=False)
class Tangle:
    """Two trees over the same m leaves.

    leaves, a row each with its lineage, the last column its own name; merges [m - 1, 4] as scipy writes linkages; left and right [m], the leaves from top to
    bottom in the dendrogram and in the taxonomy; cophenetic and triplets (None: the taxonomy joins nothing, or everything alike); branches, the taxa of two
    leaves or more that are one branch, of `taxa` such taxa, and `branches_shuffled` the 95 % point of shuffled leaves.
    """

    leaves: pl.DataFrame
    merges: Doubles
    left: Ints
    right: Ints
    cophenetic: Agreement | None
    triplets: Agreement | None
    branches: int
    taxa: int
    branches_shuffled: float


def gathered(means: Doubles, lineages: pl.DataFrame, most: int = LEAVES) -> tuple[Doubles, pl.DataFrame]:
    """Means [s, d] and lineages [s rows, ranks from high to low], averaged within the lowest rank that has at most `most` taxa: [m, d], [m rows].

    Rows without a name at the rank they end in are left out. Raises BadData when even the highest rank has more taxa.
    """
    for width in range(lineages.width, 0, -1):
        held = lineages.select(lineages.columns[:width])
        keep = held.to_series(width - 1).is_not_null().to_numpy()
        paths = held.filter(keep).with_row_index("row")
        groups = paths.group_by(held.columns, maintain_order=True).agg("row")
        if len(groups) <= most:
            chosen = means[keep]
            merged = np.array([chosen[rows].mean(0) for rows in groups["row"].to_list()]).reshape(-1, means.shape[1])
            return merged, groups.drop("row")
    raise BadData("lineages", f"the highest rank has {len(groups):,} taxa, {most} at most can be drawn: choose some")


def _shared(lineages: pl.DataFrame) -> Ints:
    """How many ranks from the top each two leaves share at most: [m, m]; on the diagonal all.

    A missing name is shared by nobody; names that are alike below names that differ (homonyms) are not shared.
    """
    m = len(lineages)
    shared, parted = np.zeros((m, m), np.int64), np.zeros((m, m), bool)
    for depth, column in enumerate(lineages.columns, 1):
        codes = lineages[column].cast(pl.String).rank("dense").fill_null(0).to_numpy().astype(np.int64)
        known = (codes > 0)[:, None] & (codes > 0)
        alike = codes[:, None] == codes
        parted |= known & ~alike
        shared = np.where(known & alike & ~parted, depth, shared)
    np.fill_diagonal(shared, lineages.width)
    return shared


def tangle(means: Doubles, lineages: pl.DataFrame, rng: np.random.Generator, shuffles: int = 199) -> Tangle:
    """The Tangle of mean vectors [s, d] with their lineages (a row each, ranks from high to low, the last the leaf's own name).

    Distances are 1 - cosine, joined by average linkage (UPGMA, Sokal & Michener 1958). More than 72 leaves are gathered into their genera, families and so on.
    Raises Mismatch when the numbers of rows differ, BadData for fewer than 4 leaves and for means that are not numbers or zero.
    """
    from scipy.cluster.hierarchy import linkage
    from scipy.spatial.distance import squareform

    if len(means) != len(lineages):
        raise Mismatch("means and lineages", f"{len(means)} means", f"{len(lineages)} lineages")
    wrong = ~np.isfinite(means).all(1) | ~means.any(1)
    if wrong.any():
        raise BadData(
            "means", "rows that hold no direction have no place in a tree", np.flatnonzero(wrong)[:10].tolist()
        )
    points, leaves = gathered(np.asarray(means, np.float64), lineages)
    if len(leaves) < 4:
        raise BadData("leaves", f"{len(leaves)} are too few for a tree to be held against another: 4 at least")
    unit = normalise(points).astype(np.float64)
    gaps = (1 - unit @ unit.T).clip(min=0)
    np.fill_diagonal(gaps, 0)
    merges = linkage(squareform((gaps + gaps.T) / 2, checks=False), "average")
    shared = _shared(leaves)
    joined = _joined(merges)
    left, right = _ordered(merges, leaves)
    taxa = _taxa(leaves)
    deals = [rng.permutation(len(leaves)) for _ in range(shuffles)]
    branches = _branches(merges)
    dealt = [sum(frozenset(deal[list(taxon)].tolist()) in branches for taxon in taxa) for deal in deals]
    return Tangle(
        leaves,
        merges,
        left,
        right,
        _cophenetic(joined, leaves.width - shared, deals),
        _triplets(joined, shared, deals),
        sum(taxon in branches for taxon in taxa),
        len(taxa),
        float(np.quantile(dealt, 0.95)) if dealt else float("nan"),
    )


def species_tangle(
    vectors: npt.NDArray[np.floating],
    taxa: npt.NDArray[np.integer],
    tree: Tree,
    rng: np.random.Generator,
    shuffles: int = 199,
) -> Tangle:
    """The Tangle of the species that images show: vectors [n, d] and taxa [n]; images without a species are left out. Raises as `tangle` does."""
    species = tree.ancestors[taxa, RANKS.index("species")]
    names, means = species_means(vectors[species >= 0], species[species >= 0])
    return tangle(means, tree.lineages(names), rng, shuffles)


def _members(merges: Doubles) -> list[list[int]]:
    """The leaves below each node of a linkage, leaves first: 2 m - 1 lists."""
    m = len(merges) + 1
    below = [[leaf] for leaf in range(m)]
    for a, b in merges[:, :2].astype(int):
        below.append(below[a] + below[b])
    return below


def _joined(merges: Doubles) -> Doubles:
    """The height at which each two leaves meet (cophenetic distance): [m, m]."""
    below, m = _members(merges), len(merges) + 1
    heights = np.zeros((m, m))
    for a, b, height, _ in merges:
        here = np.ix_(below[int(a)], below[int(b)])
        heights[here] = height
    return heights + heights.T


def _branches(merges: Doubles) -> set[frozenset[int]]:
    return {frozenset(members) for members in _members(merges)}


def _taxa(leaves: pl.DataFrame) -> list[frozenset[int]]:
    """The different sets of two leaves or more, but not all, that a taxon above the leaves holds."""
    found: dict[frozenset[int], None] = {}
    for depth, column in enumerate(leaves.columns[:-1], 1):
        rows = leaves.with_row_index("row").drop_nulls(column)
        for members in rows.group_by(leaves.columns[:depth], maintain_order=True).agg("row")["row"].to_list():
            if 1 < len(members) < len(leaves):
                found[frozenset(members)] = None
    return list(found)


def _jackknife(value: float, without: Doubles, shuffled: Doubles) -> Agreement:
    n = len(without)
    error = float(np.sqrt((n - 1) / n * ((without - without.mean()) ** 2).sum()))
    control = float(np.quantile(shuffled, 0.95)) if len(shuffled) else float("nan")
    if error == 0:  # all leaves agree alike: the jackknife has nothing to go by
        return Agreement(value, float("nan"), float("nan"), control)
    return Agreement(value, max(value - 1.96 * error, -1.0), min(value + 1.96 * error, 1.0), control)


def _cophenetic(joined: Doubles, apart: Ints, deals: list[Ints]) -> Agreement | None:
    rows, columns = np.triu_indices(len(joined), 1)
    a, b = joined[rows, columns], apart[rows, columns].astype(np.float64)
    if np.ptp(a) == 0 or np.ptp(b) == 0:
        return None

    def correlation(x: Doubles, y: Doubles) -> float:
        return float(np.corrcoef(x, y)[0, 1]) if np.ptp(x) > 0 and np.ptp(y) > 0 else 0.0

    without = [(rows != leaf) & (columns != leaf) for leaf in range(len(joined))]
    shuffled = [correlation(joined[np.ix_(deal, deal)][rows, columns], b) for deal in deals]
    left_out = np.array([correlation(a[keep], b[keep]) for keep in without])
    return _jackknife(correlation(a, b), left_out, np.array(shuffled))


def _triplets(joined: Doubles, shared: Ints, deals: list[Ints]) -> Agreement | None:
    """The share of the triplets resolved by the taxonomy whose closest pair is the same in the dendrogram; None when it resolves none."""
    m = len(joined)
    i, j, k = np.array([(i, j, k) for i in range(m) for j in range(i + 1, m) for k in range(j + 1, m)]).T
    near = np.stack([shared[i, j], shared[i, k], shared[j, k]])
    best = near.argmax(0)
    resolved = (near == near.max(0)).sum(0) == 1
    if not resolved.any():
        return None
    i, j, k, best = i[resolved], j[resolved], k[resolved], best[resolved]

    def alike(heights: Doubles) -> npt.NDArray[np.bool_]:
        met = np.stack([heights[i, j], heights[i, k], heights[j, k]])
        return np.asarray((met.argmin(0) == best) & ((met == met.min(0)).sum(0) == 1))

    right = alike(joined)
    with_leaf = sum(np.bincount(t, minlength=m) for t in (i, j, k))
    right_with = sum(np.bincount(t[right], minlength=m) for t in (i, j, k))
    held = len(right) - np.asarray(with_leaf)
    left_out = (right.sum() - np.asarray(right_with))[held > 0] / held[held > 0]
    shuffled = np.array([alike(joined[np.ix_(deal, deal)]).mean() for deal in deals])
    return _jackknife(float(right.mean()), left_out.astype(np.float64), shuffled)


def crossings(left: Ints, right: Ints) -> int:
    """How many pairs of links cross when the same leaves stand in two orders [m]."""
    place = np.empty(len(right), np.int64)
    place[right] = np.arange(len(right))
    order = place[left]
    return int(np.triu(order[:, None] > order, 1).sum())


def _ordered(merges: Doubles, leaves: pl.DataFrame) -> tuple[Ints, Ints]:
    """Orders of the leaves in both trees, turned in turns about their nodes while crossings become fewer.

    The dendrogram's nodes are each turned the better way round, which is the best order of a binary tree against a fixed one (Dwyer & Schreiber 2004); the
    taxonomy's taxa stand by the mean place of their leaves.
    """
    paths = leaves.select(pl.all().cast(pl.String).fill_null("")).with_row_index("leaf")
    right = paths.sort(leaves.columns)["leaf"].to_numpy().astype(np.int64)
    left = _turned(merges, right)
    for _ in range(ROUNDS):
        other = _by_mean_place(leaves, left)
        again = _turned(merges, other)
        if crossings(again, other) >= crossings(left, right):
            break
        left, right = again, other
    return left, right


def _turned(merges: Doubles, right: Ints) -> Ints:
    place = np.empty(len(right), np.int64)
    place[right] = np.arange(len(right))
    below: list[Ints] = [np.array([leaf]) for leaf in range(len(right))]
    for a, b in merges[:, :2].astype(int):
        over = int((place[below[a]][:, None] > place[below[b]]).sum())
        swap = over > len(below[a]) * len(below[b]) - over
        below.append(np.concatenate([below[b], below[a]] if swap else [below[a], below[b]]))
    return below[-1]


def _by_mean_place(leaves: pl.DataFrame, left: Ints) -> Ints:
    place = np.empty(len(left), np.int64)
    place[left] = np.arange(len(left))
    table = leaves.with_columns(pl.Series("place", place)).with_row_index("leaf")
    keys = []
    for depth in range(1, leaves.width + 1):
        table = table.with_columns(pl.col("place").mean().over(leaves.columns[:depth]).alias(f"mean {depth}"))
        # taxa that tie must not mix
        table = table.with_columns(pl.col("leaf").min().over(leaves.columns[:depth]).alias(f"tie {depth}"))
        keys += [f"mean {depth}", f"tie {depth}"]
    return table.sort(keys)["leaf"].to_numpy().astype(np.int64)
