"""Roll species probabilities up to a rank: one segment sum against a Python dict over the names.

The peer is our own rendering of how pybioclip does it: for every image, for every species, `sums[name of the clade] += probability`. pybioclip leaves
out species below a probability of 1e-9; here none is, which is its slowest case.

    .venv/bin/python bench/rollup.py [species] [images]
"""

from __future__ import annotations

import sys
from collections import defaultdict

import numpy as np

from merian.core.tree import RANKS, Tree
from merian.core.vectors import Clades
from tree import best, million


def main(species: int, images: int) -> None:
    """Both ways on the same numbers; they must agree."""
    tree = Tree.from_lineages(million(int(species / 0.9)))
    labels = tree.at("species")
    shares = np.random.default_rng(0).random((images, len(labels)), np.float32)
    shares /= shares.sum(1, keepdims=True)
    names = {rank: [row[0] for row in tree.lineages(labels).select(rank).iter_rows()] for rank in RANKS}
    print(f"{len(labels):,} species, {images} images")
    clades = Clades(tree, labels)
    for rank in ("kingdom", "family", "genus"):

        def ours(rank: str = rank) -> np.ndarray:
            return clades.at(rank, shares)

        def theirs(rank: str = rank) -> list[dict[str, float]]:
            found = []
            for row in shares[:2]:
                sums: dict[str, float] = defaultdict(float)
                for name, chance in zip(names[rank], row.tolist(), strict=True):
                    sums[name] += chance
                found.append(sums)
            return found

        mine = ours()
        for row, sums in zip(mine, theirs(), strict=False):
            expected = [sums[tree.names[int(t)]] for t in clades.taxa(rank)]
            np.testing.assert_allclose(row, expected, rtol=1e-9)
        a, b = best(ours) / images, best(theirs) / 2
        print(
            f"{rank:8} {len(clades.taxa(rank)):7,} clades   Clades {a * 1e3:8.3f} ms an image   dict {b * 1e3:8.2f} ms   {b / a:7.0f} x"
        )


if __name__ == "__main__":
    main(*(int(a) for a in (sys.argv[1:] + ["100000", "32"][len(sys.argv) - 1 :])))
