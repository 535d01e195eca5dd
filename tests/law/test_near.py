"""Near duplicates: multi-index hashing finds what brute force finds, clusters are connected components, aligned copies are copies."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from merian.core.errors import BadSetting
from merian.curate import near
from merian.curate.near import clusters, distances, near_vectors, nearest, originals, pairs_within


def brute(hashes: np.ndarray, radius: int) -> set[tuple[int, int]]:
    """Every pair within the radius, equal hashes included, one by one."""
    rows = [int.from_bytes(h.tobytes(), "little") for h in hashes]
    return {
        (i, j) for i in range(len(rows)) for j in range(i + 1, len(rows)) if (rows[i] ^ rows[j]).bit_count() <= radius
    }


def spelled_out(hashes: np.ndarray, pairs: np.ndarray) -> set[tuple[int, int]]:
    """The pairs with every star of equal hashes put in full: each member stands for its first."""
    rows = [h.tobytes() for h in hashes]
    members: dict[bytes, list[int]] = {}
    for k, row in enumerate(rows):
        members.setdefault(row, []).append(k)
    told = set(map(tuple, pairs.tolist()))
    assert all(i == members[rows[i]][0] for i, _ in told), "only the first of equal hashes has mates"
    stars = {(m[0], other) for m in members.values() for other in m[1:]}
    assert stars <= told
    full = {(min(a, b), max(a, b)) for i, j in told - stars for a in members[rows[i]] for b in members[rows[j]]}
    return full | {(a, b) for m in members.values() for x, a in enumerate(m) for b in m[x + 1 :]}


@given(
    n=st.integers(0, 60),
    words=st.sampled_from([1, 4]),
    radius=st.integers(0, 31),
    spread=st.integers(0, 40),
    seed=st.integers(0, 10**6),
)
@settings(max_examples=60, deadline=None)
def test_pairs_within_are_those_of_brute_force(n: int, words: int, radius: int, spread: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    centres = rng.integers(0, 2**64, (max(1, n // 6), words), np.uint64)
    hashes = centres[rng.integers(0, len(centres), n)]
    for row in hashes:
        for bit in rng.integers(0, 64 * words, rng.integers(0, spread + 1)):
            row[bit // 64] ^= np.uint64(1) << np.uint64(bit % 64)
    pairs = pairs_within(hashes, radius)
    assert (pairs[:, 0] < pairs[:, 1]).all()
    assert pairs.tolist() == sorted(map(list, set(map(tuple, pairs.tolist()))))
    assert spelled_out(hashes, pairs) == brute(hashes, radius)
    assert (distances(hashes, pairs) <= radius).all()


@pytest.mark.parametrize(("words", "radius"), [(1, 1), (1, 4), (1, 6), (4, 4), (4, 10)])
def test_the_index_finds_what_the_scan_finds(words: int, radius: int) -> None:
    """Enough hashes that blocks are indexed, and few distinct words, so that buckets are crowded."""
    rng = np.random.default_rng(radius)
    hashes = rng.integers(0, 2**64, (3000, words), np.uint64)
    hashes[1000:, 0] &= np.uint64(0xFFFF)
    for k in range(0, 2000, 2):
        hashes[k + 1] = hashes[k]
        for bit in rng.integers(0, 64 * words, rng.integers(0, radius + 3)):
            hashes[k + 1, bit // 64] ^= np.uint64(1) << np.uint64(bit % 64)
    found = pairs_within(hashes, radius)
    blocks, matched = near._plan(len(hashes), 64 * words, radius)
    assert matched > 0, "this must not be the scan compared to itself"
    assert blocks - matched == radius
    first, _ = near._collapse(hashes.view(np.uint8).reshape(len(hashes), -1))
    keys = near._scan(hashes[first], radius)
    scanned = set(zip(first[keys // len(first)].tolist(), first[keys % len(first)].tolist(), strict=True))
    assert scanned <= set(map(tuple, found.tolist()))
    assert len(found) == len(scanned) + len(hashes) - len(first)


def test_a_million_equal_hashes_are_a_star() -> None:
    hashes = np.full((300_000, 4), 7, np.uint64)
    pairs = pairs_within(hashes, 31)
    assert len(pairs) == 299_999
    assert not pairs[:, 0].any()
    with pytest.raises(BadSetting, match="radius"):
        pairs_within(hashes, -1)


@given(st.integers(1, 40), st.lists(st.tuples(st.integers(0, 39), st.integers(0, 39)), max_size=60))
@settings(max_examples=80, deadline=None)
def test_clusters_are_connected_components(n: int, edges: list[tuple[int, int]]) -> None:
    edges = [(a % n, b % n) for a, b in edges]
    label = list(range(n))
    for _ in range(n):
        for a, b in edges:
            label[a] = label[b] = min(label[a], label[b])
    assert clusters(n, np.array(edges, np.int64).reshape(-1, 2)).tolist() == label


@given(st.integers(1, 30), st.lists(st.tuples(st.integers(0, 29), st.integers(0, 29)), max_size=50), st.booleans())
@settings(max_examples=80, deadline=None)
def test_every_copy_has_a_kept_original_and_no_two_kept_are_copies(
    n: int, edges: list[tuple[int, int]], weighed: bool
) -> None:
    edges = sorted({(min(a % n, b % n), max(a % n, b % n)) for a, b in edges if a % n != b % n})
    worth = np.arange(n) % 5 if weighed else None
    found = originals(n, np.array(edges, np.int64).reshape(-1, 2), worth)
    kept = found == np.arange(n)
    for row, origin in enumerate(found.tolist()):
        assert kept[origin]
        assert row == origin or (min(row, origin), max(row, origin)) in edges
        if worth is not None:
            assert worth[origin] >= worth[row]
    assert not any(kept[a] and kept[b] for a, b in edges)


def unit(n: int, d: int, seed: int) -> np.ndarray:
    rows = np.random.default_rng(seed).standard_normal((n, d)).astype(np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def test_near_vectors_are_exact_and_equal_ones_a_star() -> None:
    rows = unit(200, 8, 0)
    rows[50:60] = rows[3]
    pairs = set(map(tuple, near_vectors(rows, 0.9).tolist()))
    likeness = rows @ rows.T
    alone = [i for i in range(200) if not 50 <= i < 60]
    wanted = {(i, j) for i in alone for j in alone if i < j and likeness[i, j] >= 0.9} | {(3, k) for k in range(50, 60)}
    assert pairs == wanted
    with pytest.raises(BadSetting):
        near_vectors(rows, 1.5)


def test_buckets_miss_few_pairs_and_invent_none(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = unit(3000, 16, 1)
    rows[1500:] = rows[:1500] + 0.1 * unit(1500, 16, 2)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    exact = set(map(tuple, near_vectors(rows, 0.97).tolist()))
    monkeypatch.setattr(near, "EXACT_UP_TO", 1000)
    monkeypatch.setattr(near, "BUCKET", 100)
    found = set(map(tuple, near_vectors(rows, 0.97).tolist()))
    assert found <= exact
    assert len(found) > 0.98 * len(exact) > 1000


def test_nearest_are_the_nearest() -> None:
    rows = unit(50, 6, 3)
    likeness = rows @ rows.T - 2 * np.eye(50)
    wanted = {tuple(sorted((i, int(j)))) for i in range(50) for j in np.argsort(-likeness[i])[:3]}
    assert set(map(tuple, nearest(rows, 3).tolist())) == wanted
    assert nearest(rows[:1], 3).shape == (0, 2)
    assert nearest(rows[:0], 3).shape == (0, 2)
