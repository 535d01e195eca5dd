"""Near duplicates: pairs of prints within a few bits, pairs of vectors within an angle, and the clusters that pairs make.

Bits are compared exactly by multi-index hashing: cut into b blocks, two prints that differ in at most r bits agree in at least b - r of the blocks, so that
it is enough to compare prints that agree in some choice of b - r blocks (Manku et al. 2007, "Detecting near-duplicates for web crawling"; Norouzi et al. 2012,
"Fast search in Hamming space with multi-index hashing").
"""

from __future__ import annotations

from itertools import combinations
from math import comb

import numpy as np
from numpy.typing import NDArray

from merian.core.chance import stream
from merian.core.errors import BadSetting

__all__ = ["EXACT_UP_TO", "clusters", "distances", "near_vectors", "nearest", "originals", "pairs_within"]

Pairs = NDArray[np.int64]
Hashes = NDArray[np.uint64]
Floats = NDArray[np.float32]

BLOCK = 1 << 20
"""Pairs compared at a time: bounds the memory at some tens of megabytes."""
EXACT_UP_TO = 200_000
"""Above so many vectors not every one is compared to every other, but to those of the same buckets."""
BUCKET = 2_000
"""Vectors that a bucket is meant to hold."""
PROBES = 3
"""Buckets that a vector is looked up in."""


def pairs_within(hashes: Hashes, radius: int) -> Pairs:
    """All pairs (i < j) of rows of `hashes` [n, w] (or [n]) that differ in at most `radius` bits: int64 [m, 2], sorted; exact for any radius.

    Rows with the very same hash are told as a star: the first of them paired with each other one, and only the first with different hashes,
    so that a million copies of one image make a million pairs and not their square. Raises BadSetting for a negative radius.
    """
    if radius < 0:
        raise BadSetting("radius", radius, "must be 0 or more")
    words = np.ascontiguousarray(hashes if hashes.ndim == 2 else hashes[:, None], np.uint64)
    first, star = _collapse(words.view(np.uint8).reshape(len(words), 8 * words.shape[1]))
    distinct = words[first]
    if radius == 0 or len(first) < 2:
        return star
    bits = 64 * words.shape[1]
    blocks, matched = _plan(len(first), bits, radius)
    if matched == 0:
        found = _scan(distinct, radius)
    else:
        tables = [
            _table(distinct, np.array_split(np.arange(bits), blocks), chosen, radius)
            for chosen in combinations(range(blocks), matched)
        ]
        found = np.unique(np.concatenate(tables))
    n = len(first)
    pairs = np.stack([first[found // n], first[found % n]], 1)
    return _sorted(np.concatenate([star, pairs]))


def distances(hashes: Hashes, pairs: Pairs) -> NDArray[np.int64]:
    """In how many bits the two rows of each pair [m, 2] of `hashes` [n, w] differ: int64 [m]."""
    found = np.empty(len(pairs), np.int64)
    for start in range(0, len(pairs), BLOCK):
        rows = pairs[start : start + BLOCK]
        found[start : start + BLOCK] = np.bitwise_count(hashes[rows[:, 0]] ^ hashes[rows[:, 1]]).sum(1, dtype=np.int64)
    return found


def clusters(n: int, pairs: Pairs) -> NDArray[np.int64]:
    """The connected component of each of `n` rows, named by its smallest member: int64 [n]."""
    label = np.arange(n)
    a, b = pairs[:, 0], pairs[:, 1]
    while len(a):
        # Every root takes the smallest root that it is paired with, then every row the root of its root.
        low, high = np.minimum(label[a], label[b]), np.maximum(label[a], label[b])
        apart = low != high
        a, b, low, high = a[apart], b[apart], low[apart], high[apart]
        np.minimum.at(label, high, low)
        while not np.array_equal(above := label[label], label):
            label = above
    return label


def originals(n: int, pairs: Pairs, worth: NDArray[np.generic] | None = None) -> NDArray[np.int64]:
    """For each of `n` rows the row that it is a copy of, itself when it is to be kept: int64 [n].

    Rows are asked by falling `worth` (say, pixels), then in their order: one is kept unless it is paired with one that is kept, so that every refused row
    has its very own original among the kept, however long the chain of likenesses.
    """
    order = np.arange(n) if worth is None else np.lexsort((np.arange(n), -np.asarray(worth, np.float64)))
    place = np.empty(n, np.int64)
    place[order] = np.arange(n)
    both = np.concatenate([pairs, pairs[:, ::-1]])
    both = both[np.lexsort((place[both[:, 1]], place[both[:, 0]]))]
    found = np.arange(n)
    for row, other in both.tolist():
        if place[other] < place[row] and found[row] == row and found[other] == other:
            found[row] = other
    return found


def near_vectors(vectors: Floats, cosine: float) -> Pairs:
    """All pairs (i < j) of unit vectors [n, d] whose cosine is at least `cosine`: int64 [m, 2], sorted.

    Equal vectors are told as a star, as in `pairs_within`. Exact up to EXACT_UP_TO vectors. Above that it is approximate: vectors are put into buckets
    around means found by k-means, and only those that share one of their PROBES nearest buckets are compared (as in SemDeDup, Abbas et al. 2023); pairs across
    the borders of buckets can be missed, pairs that are reported are always true.
    """
    if not 0 < cosine <= 1:
        raise BadSetting("near_cosine", cosine, "must be above 0 and at most 1")
    rows = np.ascontiguousarray(vectors, np.float32)
    first, star = _collapse(rows.view(np.uint8).reshape(len(rows), 4 * rows.shape[1]))
    rows = rows[first]
    parts = [star]
    for members, homes in _buckets(rows):
        step = max(1, 4 * BLOCK // max(1, len(members)))
        for start in range(0, homes, step):
            i, j = np.nonzero(rows[members[start : min(start + step, homes)]] @ rows[members].T >= cosine)
            a, b = members[i + start], members[j]
            apart = a != b
            a, b = first[a[apart]], first[b[apart]]
            parts.append(np.stack([np.minimum(a, b), np.maximum(a, b)], 1))
    return _sorted(np.concatenate(parts))


def nearest(vectors: Floats, count: int, queries: Floats | None = None) -> Pairs:
    """Each row paired with the `count` others whose unit vectors [n, d] are nearest to its own, or to its row of `queries` [n, d].

    int64 [m, 2], i < j, sorted, each pair once; exact up to EXACT_UP_TO, as `near_vectors`.
    """
    rows = np.ascontiguousarray(vectors, np.float32)
    asked = rows if queries is None else queries
    parts = [np.empty((0, 2), np.int64)]
    for members, homes in _buckets(rows):
        most = min(count + 1, len(members))
        step = max(1, 4 * BLOCK // max(1, len(members)))
        for start in range(0, homes, step):
            own = members[start : min(start + step, homes)]
            likeness = asked[own] @ rows[members].T
            best = np.argpartition(-likeness, most - 1, axis=1)[:, :most] if most < len(members) else None
            j = members[best if best is not None else np.broadcast_to(np.arange(most), (len(own), most))]
            i = np.broadcast_to(own[:, None], j.shape)
            apart = i != j
            parts.append(np.stack([np.minimum(i, j)[apart], np.maximum(i, j)[apart]], 1))
    return _sorted(np.concatenate(parts))


def _plan(n: int, bits: int, radius: int) -> tuple[int, int]:
    """(blocks, blocks that must agree) with the least expected work for `n` random hashes; 0 to agree means to compare all."""
    best, choice = n * n / 2.0 * (bits // 64), (0, 0)
    for matched in range(1, 5):
        blocks = radius + matched
        if blocks > bits or comb(blocks, matched) > 6_000:
            continue
        tables = comb(blocks, matched)
        # Sorting a table costs about as much as comparing some 40 pairs a row; a pair out of a table is dearer than one in a scan.
        cost = tables * (40.0 * n + 8.0 * n * n / 2 / 2.0 ** (bits * matched / blocks))
        if cost < best:
            best, choice = cost, (blocks, matched)
    return choice


def _table(words: Hashes, parts: list[NDArray[np.int64]], chosen: tuple[int, ...], radius: int) -> NDArray[np.int64]:
    """Pairs (as i * n + j) within `radius` among the hashes that agree in all bits of the `chosen` parts."""
    bits = np.concatenate([parts[c] for c in chosen])
    masked = words & _mask(bits, words.shape[1])
    key = masked[:, 0].copy()
    for word in masked.T[1:]:
        # Two keys may coincide by chance: then a few pairs more are compared, and none is lost.
        key = (key ^ (key >> np.uint64(29))) * np.uint64(0x9E3779B97F4A7C15) + word
    order = np.argsort(key, kind="stable")
    key, found = key[order], [np.empty(0, np.int64)]
    n, here = len(words), np.arange(len(words) - 1)
    step = 1
    while True:
        # Neighbours at a distance of `step` in the sorted table; those without one have none at a larger step either.
        here = here[: np.searchsorted(here, n - step)]
        here = here[key[here] == key[here + step]]
        if not len(here):
            return np.unique(np.concatenate(found))
        for start in range(0, len(here), BLOCK):
            i, j = order[here[start : start + BLOCK]], order[here[start : start + BLOCK] + step]
            close = np.bitwise_count(words[i] ^ words[j]).sum(1, dtype=np.int64) <= radius
            i, j = i[close], j[close]
            found.append(np.minimum(i, j) * n + np.maximum(i, j))
        step += 1


def _mask(bits: NDArray[np.int64], width: int) -> Hashes:
    mask = np.zeros(width, np.uint64)
    np.bitwise_or.at(mask, bits // 64, np.uint64(1) << (bits % 64).astype(np.uint64))
    return mask


def _scan(words: Hashes, radius: int) -> NDArray[np.int64]:
    """Pairs (as i * n + j) within `radius`, every one compared."""
    n, found = len(words), [np.empty(0, np.int64)]
    step = max(1, BLOCK // n)
    for start in range(0, n, step):
        block = words[start : start + step]
        apart = np.zeros((len(block), n - start), np.int64)
        for w in range(words.shape[1]):
            apart += np.bitwise_count(block[:, w, None] ^ words[None, start:, w])
        i, j = np.nonzero(apart <= radius)
        i, j = i + start, j + start
        found.append((i * n + j)[i < j])
    return np.concatenate(found)


def _collapse(rows: NDArray[np.uint8]) -> tuple[NDArray[np.int64], Pairs]:
    """The first row of each distinct content [k] in order, and the pairs of it with every later copy [m, 2], sorted."""
    n = len(rows)
    if n == 0:
        return np.empty(0, np.int64), np.empty((0, 2), np.int64)
    whole = rows.view(np.dtype((np.void, rows.shape[1]))).ravel()
    _, first, of = np.unique(whole, return_index=True, return_inverse=True)
    head = first[of]
    copies = np.flatnonzero(head != np.arange(n))
    return np.sort(first), _sorted(np.stack([head[copies], copies], 1))


def _sorted(pairs: Pairs) -> Pairs:
    """Each pair once, in order."""
    if not len(pairs):
        return np.empty((0, 2), np.int64)
    width = int(pairs.max()) + 1
    key = np.unique(pairs[:, 0] * width + pairs[:, 1])
    return np.stack([key // width, key % width], 1)


def _buckets(rows: Floats) -> list[tuple[NDArray[np.int64], int]]:
    """What is to be compared with what: rows, and how many of them (the first ones) are at home there and look for mates."""
    n = len(rows)
    if n <= EXACT_UP_TO:
        return [(np.arange(n), n)] if n else []
    means = _means(rows, n // BUCKET)
    homes = np.empty((n, PROBES), np.int64)
    for start in range(0, n, 4096):
        likeness = rows[start : start + 4096] @ means.T
        top = np.argpartition(-likeness, PROBES - 1, axis=1)[:, :PROBES]
        rank = np.argsort(-np.take_along_axis(likeness, top, 1), axis=1, kind="stable")
        homes[start : start + 4096] = np.take_along_axis(top, rank, 1)
    found = []
    for bucket in range(len(means)):
        own = np.flatnonzero(homes[:, 0] == bucket)
        guests = np.flatnonzero((homes[:, 1:] == bucket).any(1))
        if len(own):
            found.append((np.concatenate([own, guests]), len(own)))
    return found


def _means(rows: Floats, count: int, rounds: int = 8) -> Floats:
    """`count` unit means of the rows by spherical k-means on a sample."""
    chosen = stream(0, "near", "means").permutation(len(rows))[: 64 * count]
    sample = rows[np.sort(chosen)]
    means = sample[stream(0, "near", "start").permutation(len(sample))[:count]]
    for _ in range(rounds):
        of = np.concatenate([(sample[s : s + 8192] @ means.T).argmax(1) for s in range(0, len(sample), 8192)])
        order = np.argsort(of, kind="stable")
        starts = np.searchsorted(of[order], np.arange(count))
        counts = np.diff(np.append(starts, len(of)))
        sums = np.add.reduceat(sample[order], np.minimum(starts, len(of) - 1), axis=0)
        means = np.where((counts > 0)[:, None], sums, means)
        means = means / np.maximum(np.linalg.norm(means, axis=1, keepdims=True), 1e-9)
    return np.asarray(means, np.float32)
