"""The nearest relatives of a taxon by the Tree and by the embedding, and where the two disagree."""

from __future__ import annotations

from dataclasses import dataclass, field
from threading import Lock

import numpy as np
import numpy.typing as npt
import polars as pl

from merian.core.tree import RANKS, Tree
from merian.core.vectors import normalise
from merian.explore.axes import species_means
from merian.web import facts
from merian.web.facts import Json
from merian.web.parts import Parts

__all__ = ["Kin", "shared_ranks"]

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float32]
SHOWN = 6
"""Relatives of each kind that a page lists. From taste."""
NOTED = 3
"""Disagreements of each kind that a page lists, and look-alikes among which they are sought. From taste."""
FEWEST = 10
"""Taxa to compare with from which a place among them says something. From taste."""
STEPS = 2
"""A look-alike disagrees with the Tree when its shared rank is at least so many ranks above that of the nearest kin, from taste; or when it is above it at all
and no nearest kin looks as like, as with the monarch and the viceroy."""


@dataclass(frozen=True, eq=False)
class _Peers:
    """The taxa [k] of one rank that have photos with vectors, their unit mean vectors [k, d], and a photo of each."""

    taxa: Ints
    means: Floats
    images: list[str]


@dataclass(eq=False)
class Kin:
    """Relatives by the catalog's Tree and by the mean vectors of its photos; what a rank needs is computed on use."""

    parts: Parts
    _peers: dict[int, _Peers] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)

    def of(self, tree: Tree, number: int, own: int) -> Json:
        """The relatives of a taxon, `number` in any Tree and `own` in the catalog's (-1: not there); only those of its own rank are told of."""
        catalog = self.parts.catalog
        peers = self._at(int(tree.rank[number])) if own >= 0 and catalog is not None else None
        if peers is None or catalog is None or own not in peers.taxa:
            return {"tree": _siblings(tree, number), "looks": [], "compared": 0, "far": [], "near": []}
        tree, at = catalog.tree, int(np.flatnonzero(peers.taxa == own)[0])
        others = np.flatnonzero(peers.taxa != own)
        cosines = (peers.means @ peers.means[at])[others]
        shared = shared_ranks(tree, own, peers.taxa[others])
        places = np.empty(len(others), np.int64)
        places[np.argsort(-cosines, kind="stable")] = np.arange(1, len(others) + 1)

        def told(rows: npt.NDArray[np.integer]) -> list[Json]:
            return [
                {
                    "taxon": facts.taxon(tree, int(peers.taxa[others[row]])),
                    "shared": RANKS[shared[row]] if shared[row] >= 0 else None,
                    "cosine": round(float(cosines[row]), 4),
                    "place": int(places[row]),
                    "image": peers.images[others[row]],
                }
                for row in rows.tolist()
            ]

        by_tree, by_looks = np.lexsort((places, -shared)), np.argsort(places)
        best = int(shared.max()) if len(shared) else -1
        kin = by_tree[shared[by_tree] == best]
        far = kin[2 * places[kin] > len(others)] if best >= 0 and len(others) >= FEWEST else kin[:0]
        top = by_looks[:NOTED]
        before = places[top] < places[kin].min(initial=len(others) + 1)
        near = top[(shared[top] <= best - STEPS) | (before & (shared[top] < best))]
        return {
            "tree": told(by_tree[:SHOWN]),
            "looks": told(by_looks[:SHOWN]),
            "compared": len(others),
            "far": told(far[::-1][:NOTED]),
            "near": told(near),
        }

    def _at(self, rank: int) -> _Peers | None:
        """The taxa of a rank with their mean vectors; None when the store has no vectors of this catalog's photos."""
        catalog, embeddings = self.parts.catalog, self.parts.embeddings
        if catalog is None or embeddings is None or embeddings.tree_version not in ("", catalog.tree.version):
            return None
        with self._lock:
            if rank not in self._peers:
                rows = catalog.kept().filter(pl.col("id").is_in(list(self.parts.vector_rows)), pl.col("taxon") >= 0)
                clades = catalog.tree.ancestors[rows["taxon"].to_numpy(), rank].astype(np.int64)
                rows, clades = rows.filter(pl.Series(clades >= 0)), clades[clades >= 0]
                if not len(rows):
                    return None
                places = np.array([self.parts.vector_rows[i] for i in rows["id"]], np.int64)
                taxa, means = species_means(embeddings.vectors[places], clades)
                _, first = np.unique(clades, return_index=True)
                images = rows["id"].gather(first.tolist()).to_list()
                self._peers[rank] = _Peers(taxa, normalise(means.astype(np.float32)), images)
            return self._peers[rank]


def shared_ranks(tree: Tree, number: int, others: npt.NDArray[np.integer]) -> Ints:
    """The number of the deepest rank at which each of `others` [k] has the same ancestor as `number`, above its own rank; -1 for none: [k]."""
    above = int(tree.rank[number])
    mine, theirs = tree.ancestors[number, :above], tree.ancestors[others, :above]
    same = (theirs == mine) & (mine >= 0)
    return np.asarray(np.where(same, np.arange(above), -1).max(1, initial=-1), np.int64)


def _siblings(tree: Tree, number: int) -> list[Json]:
    """The next taxa of its rank under its parent, without photos to compare."""
    parent = int(tree.parent[number])
    low, high = (parent + 1, int(tree.end[parent])) if parent >= 0 else (0, len(tree))
    siblings = np.flatnonzero(tree.parent[low:high] == parent) + low
    siblings = siblings[(siblings != number) & (tree.rank[siblings] == tree.rank[number])]
    near = siblings[np.argsort(np.abs(siblings - number), kind="stable")][:SHOWN]
    shared = RANKS[tree.rank[parent]] if parent >= 0 else None
    return [
        {"taxon": facts.taxon(tree, t), "shared": shared, "cosine": None, "place": None, "image": None}
        for t in np.sort(near).tolist()
    ]
