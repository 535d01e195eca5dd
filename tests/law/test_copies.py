"""Laws of copies: whoever is refused has a kept original that it was paired with, and all that hang together share one cluster."""

from __future__ import annotations

import numpy as np
import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from merian.core.vectors import Embeddings
from merian.curate.judge import copies, likes
from merian.curate.settings import CurateSettings

N = 9
EDGES = st.lists(st.tuples(st.integers(0, N - 1), st.integers(0, N - 1)).filter(lambda e: e[0] < e[1]), max_size=12)


def components(edges: list[tuple[int, int]]) -> list[set[int]]:
    """For each row all that it hangs together with: the slow twin."""
    found = [{k} for k in range(N)]
    for a, b in edges:
        union = found[a] | found[b]
        for k in union:
            found[k] = union
    return found


@given(EDGES, st.permutations(range(N)), EDGES)
def test_copies_and_likes(edges: list[tuple[int, int]], order: list[int], more: list[tuple[int, int]]) -> None:
    rows = pl.DataFrame({"id": [f"i{k}" for k in range(N)], "reason": pl.Series([None] * N, dtype=pl.String)})
    best = rows.select("id")[order]
    place = {k: p for p, k in enumerate(order)}
    pairs = np.array(sorted(tuple(sorted((place[a], place[b]))) for a, b in edges), np.int64).reshape(-1, 2)
    told = copies(rows, best, pairs)
    assert told["id"].equals(rows["id"])
    linked = {frozenset(e) for e in edges}
    kept = {k for k, copy in enumerate(told["copy_of"]) if copy is None}
    for k, copy in enumerate(told["copy_of"]):
        if copy is not None:
            original = int(copy[1:])
            assert original in kept
            assert frozenset((k, original)) in linked
            assert place[original] < place[k]
    assert not any(set(e) <= kept for e in edges)
    for k, (name, together) in enumerate(zip(told["cluster"], components(edges), strict=True)):
        assert name == (None if together == {k} else f"i{min(together, key=place.__getitem__)}")

    # alike embeddings widen the clusters, and nothing that hung together falls apart
    told = told.with_columns(reason=pl.when(pl.col("copy_of").is_not_null()).then(pl.lit("near duplicate")))
    among = [(a, b) for a, b in more if a in kept and b in kept]
    widened = likes(told, _alike(among), CurateSettings(near_cosine=0.9))
    groups = components(edges + _merged(among))
    for k, (name, together) in enumerate(zip(widened["cluster"], groups, strict=True)):
        assert (name is None) == (together == {k})
        assert {j for j in range(N) if widened["cluster"][j] == name} == together or name is None
    assert all(int(like[1:]) in kept for like in widened["like"].drop_nulls())


def _merged(edges: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """What `_alike` makes alike: equal vectors are alike in chains."""
    return [(k, j) for k, together in enumerate(components(edges)) for j in together if k < j]


def _alike(edges: list[tuple[int, int]]) -> Embeddings:
    """Vectors that are the same for all that `edges` join and at right angles otherwise."""
    vectors = np.zeros((N, N), np.float32)
    for k, together in enumerate(components(edges)):
        vectors[k, min(together)] = 1.0
    return Embeddings(pl.Series([f"i{k}" for k in range(N)]), vectors, "made up", "")
