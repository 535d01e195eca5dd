"""A million 64-bit hashes, all pairs within 4 bits: Merian's multi-index hashing beside faiss' and NumPy's brute force, measured on a part of the queries."""

from __future__ import annotations

import argparse
import os
import time

import faiss
import numpy as np

from merian.curate.near import pairs_within

RADIUS, PLANTED, QUERIES = 4, 2_000, 400


def world(count: int) -> tuple[np.ndarray, set[tuple[int, int]]]:
    """Random hashes uint64 [count], among them PLANTED pairs that differ in 0 to RADIUS bits: (i, j) with i < j."""
    rng = np.random.default_rng(0)
    hashes = rng.integers(0, 2**64, count, np.uint64)
    chosen = rng.permutation(count)[: 2 * PLANTED].reshape(2, PLANTED)
    for i, j in chosen.T:
        flips = rng.permutation(64)[: rng.integers(0, RADIUS + 1)]
        hashes[j] = hashes[i] ^ np.bitwise_or.reduce(np.uint64(1) << flips.astype(np.uint64), initial=np.uint64(0))
    return hashes, {(min(i, j), max(i, j)) for i, j in chosen.T.tolist()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--hashes", type=int, default=1_000_000)
    count = parser.parse_args().hashes
    hashes, planted = world(count)
    start = time.perf_counter()
    pairs = pairs_within(hashes, RADIUS)
    ours = time.perf_counter() - start
    found = set(map(tuple, pairs.tolist()))
    print(
        f"{count:,} hashes, {len(pairs):,} pairs within {RADIUS} bits; planted found: {len(planted & found)} of {PLANTED}"
    )

    index = faiss.IndexBinaryFlat(64)
    index.add(hashes.view(np.uint8).reshape(-1, 8))
    queries = np.random.default_rng(1).permutation(count)[:QUERIES]
    start = time.perf_counter()
    index.range_search(hashes[queries].view(np.uint8).reshape(-1, 8), RADIUS + 1)
    flat = (time.perf_counter() - start) * count / QUERIES
    start = time.perf_counter()
    for query in queries[:40]:
        np.flatnonzero(np.bitwise_count(hashes ^ hashes[query]) <= RADIUS)
    numpy = (time.perf_counter() - start) * count / 40
    for name, seconds in (
        ("merian", ours),
        ("faiss IndexBinaryFlat, extrapolated", flat),
        ("NumPy scan, extrapolated", numpy),
    ):
        print(f"{name}: {seconds:.1f} s on {os.cpu_count()} cores, {seconds / ours:.0f} times Merian's")


if __name__ == "__main__":
    main()
