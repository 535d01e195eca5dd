"""The Tree as it is browsed: a branch at a time, a page of rows at a time, and taxa found by the beginning of a name."""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from merian.core.tree import RANKS, Tree
from merian.web import facts
from merian.web.facts import Json
from merian.web.parts import Parts

__all__ = ["MOST_ROWS", "Branches"]

Ints = npt.NDArray[np.int64]
MOST_ROWS = 500
"""Rows of one page of a branch. From taste: a screen shows some 40."""


@dataclass(eq=False)
class Branches:
    """The first of a store's Trees, in pages. What is derived from it is made once, on use."""

    parts: Parts

    @functools.cached_property
    def tree(self) -> Tree | None:
        """The Tree that is browsed: the model's, else the catalog's."""
        return self.parts.trees[0] if self.parts.trees else None

    @property
    def size(self) -> tuple[int, int]:
        """How many taxa there are, and how many of them are species."""
        return (0, 0) if self.tree is None else (len(self.tree), int((self.tree.rank == RANKS.index("species")).sum()))

    def rows(self, taxon: str | None, start: int, count: int, deep: bool) -> Json:
        """Rows `start` to `start + count` of a branch: the children of a taxon (the roots for None), or with `deep` all below it in the Tree's order.

        Raises KeyError for a taxon that this Tree does not have.
        """
        if self.tree is None:
            return {"total": 0, "start": start, "rows": []}
        number = -1
        if taxon is not None:
            place = self.tree.ids.index_of(taxon)
            if place is None:
                raise KeyError(taxon)
            number = place
        if deep:
            total = int(self.tree.end[number]) - number - 1 if number >= 0 else len(self.tree)
            chosen = np.arange(number + 1 + start, number + 1 + min(start + count, total))
        else:
            order, first = self._children
            total = int(first[number + 2] - first[number + 1])
            chosen = order[first[number + 1] + start : first[number + 1] + min(start + count, total)]
        return {"total": total, "start": start, "rows": [self._row(self.tree, int(t)) for t in chosen]}

    def find(self, text: str, count: int) -> list[Json]:
        """The taxa whose scientific name, or a word of whose common names, begins with `text`: whole names and those with photos first."""
        asked = " ".join(text.split()).casefold()
        if self.tree is None or not asked:
            return []
        names, common = self._names
        hits = names.filter(pl.col("name").str.starts_with(asked)).with_columns(length=pl.col("name").str.len_chars())
        called = common.filter(
            pl.col("name").str.starts_with(asked) | pl.col("name").str.contains(f" {asked}", literal=True)
        ).with_columns(length=pl.col("name").str.len_chars() + 1)
        both = pl.concat([hits, called]).sort("length", "taxon").unique("taxon", keep="first", maintain_order=True)
        taxa = both["taxon"].to_numpy()
        pictured = np.zeros(len(taxa), bool) if self._images is None else self._images[taxa + 1] > 0
        whole = (both["name"] == asked).to_numpy()
        best = np.lexsort((taxa, both["length"].to_numpy(), ~pictured, ~whole))[:count]
        return [facts.taxon(self.tree, int(t)) for t in taxa[best]]

    def _row(self, tree: Tree, number: int) -> Json:
        _, first = self._children
        end = int(tree.end[number])
        return {
            **facts.taxon(tree, number),
            "number": number,
            "depth": int((tree.ancestors[number] >= 0).sum()) - 1,
            "child_count": int(first[number + 2] - first[number + 1]),
            "species_count": int(self._species[end] - self._species[number]),
            "below": end - number - 1,
            "image_count": None if self._images is None else int(self._images[number + 1]),
        }

    @functools.cached_property
    def _children(self) -> tuple[Ints, Ints]:
        """The taxa ordered by parent, and where each parent's begin: the children of `i` are `order[first[i + 1]:first[i + 2]]`, -1 having the roots."""
        assert self.tree is not None
        order = np.argsort(self.tree.parent, kind="stable")
        counts = np.bincount(self.tree.parent + 1, minlength=len(self.tree) + 1)
        return order, np.concatenate([[0], np.cumsum(counts)])

    @functools.cached_property
    def _species(self) -> Ints:
        """How many species there are before each taxon: [n + 1]."""
        assert self.tree is not None
        return np.concatenate([[0], np.cumsum(self.tree.rank == RANKS.index("species"))])

    @functools.cached_property
    def _images(self) -> Ints | None:
        """The photos of each taxon with all below it, the first entry those of none: [n + 1]; None without a catalog."""
        catalog, tree = self.parts.catalog, self.tree
        if catalog is None or tree is None:
            return None
        own = np.bincount(catalog.kept()["taxon"].to_numpy() + 1, minlength=len(catalog.tree) + 1)[1:]
        if catalog.tree.version != tree.version:
            matched = tree.match(catalog.tree.lineages())
            own = np.bincount(matched + 1, own, len(tree) + 1)[1:].astype(np.int64)
        before = np.concatenate([[0], np.cumsum(own)])
        return np.concatenate([[0], before[tree.end] - before[np.arange(len(tree))]])

    @functools.cached_property
    def _names(self) -> tuple[pl.DataFrame, pl.DataFrame]:
        """Scientific and common names in small letters, each with its taxon."""
        assert self.tree is not None
        names = pl.DataFrame({"taxon": np.arange(len(self.tree), dtype=np.int32), "name": self.tree.names})
        lowered = pl.col("name").str.to_lowercase()
        return names.with_columns(lowered), self.tree.common.select("taxon", lowered)
