"""Load a tree of a million taxa: the promise is 2 seconds.

The peer is the way pybioclip keeps its names: one JSON file with, for each species, the seven ranks and a common name, read
whole with `json.load`. It gives lists of strings; the Tree also gives parents, ancestors and subtrees.

    .venv/bin/python bench/tree.py [taxa]
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl

from merian.core.tree import RANKS, Tree

PROMISE_S = 2.0
SHARES = (0.000_004, 0.000_03, 0.000_2, 0.001, 0.007, 0.09)
"""Taxa of each rank above the species as a share of all taxa: about those of TreeOfLife-200M."""


def million(taxa: int) -> pl.DataFrame:
    """Lineages of about `taxa` taxa, each name unique, with a common name for every third species."""
    rng = np.random.default_rng(0)
    species = int(taxa * (1 - sum(SHARES)))
    columns: dict[str, object] = {}
    below = np.arange(species)
    for r in reversed(range(6)):
        count = max(3, int(taxa * SHARES[r]))
        above = np.sort(rng.integers(0, count, below.max() + 1))
        below = above[below]
        columns[RANKS[r]] = [f"{RANKS[r].capitalize()}{k:x}" for k in below]
    columns["species"] = [f"{genus} s{k:x}" for k, genus in enumerate(columns["genus"])]  # type: ignore[arg-type]
    frame = pl.DataFrame({rank: columns[rank] for rank in RANKS})
    names = [f"the common one {k}" if k % 3 == 0 else None for k in range(species)]
    return frame.with_columns(pl.Series("name", names, pl.String), language=pl.lit("en"))


def best(run: Callable[[], object], times: int = 3) -> float:
    """The shortest of a few runs in seconds."""
    seconds = []
    for _ in range(times):
        start = time.perf_counter()
        run()
        seconds.append(time.perf_counter() - start)
    return min(seconds)


def main(taxa: int) -> None:
    """Build once, then time the loads."""
    rows = million(taxa)
    start = time.perf_counter()
    tree = Tree.from_lineages(rows, common=rows.filter(pl.col("name").is_not_null()))
    print(f"built                         {time.perf_counter() - start:7.2f} s   {len(tree):,} taxa")
    with tempfile.TemporaryDirectory() as folder:
        ours, theirs = Path(folder) / "tree.parquet", Path(folder) / "names.json"
        start = time.perf_counter()
        tree.save(ours)
        print(
            f"saved                         {time.perf_counter() - start:7.2f} s   {ours.stat().st_size / 1e6:.1f} MB"
        )
        names = [[list(row[:7]), row[7] or ""] for row in rows.select(*RANKS, "name").iter_rows()]
        theirs.write_text(json.dumps(names))

        def load() -> None:
            assert len(Tree.load(ours).ancestors) == len(tree)

        def read() -> None:
            with theirs.open() as stream:
                assert len(json.load(stream)) == len(rows)

        mine, json_s = best(load), best(read)
        print(
            f"Tree.load and its ancestors   {mine:7.2f} s   promise {PROMISE_S} s: {'kept' if mine <= PROMISE_S else 'BROKEN'}"
        )
        print(f"json.load of the names        {json_s:7.2f} s   {theirs.stat().st_size / 1e6:.1f} MB")
        print(f"ratio                         {json_s / mine:7.2f} x")
        sys.exit(mine > PROMISE_S)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000)
