"""The captions of a run: each different text tokenised once, and for each what it names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from merian.core.captions import captions, trait_caption
from merian.core.tree import RANKS, Tree
from merian.encode.tokens import Tokens, train_tokenizer
from merian.train.settings import TrainSettings

__all__ = ["TRAITS", "Texts", "fitted", "general_texts", "taxon_texts", "trait_texts"]

Numbers = NDArray[np.int64]

TRAITS = ("sex", "life_stage", "habitat", "behaviour")
"""Columns of the catalog that trait captions tell."""


@dataclass(frozen=True, slots=True)
class Texts:
    """The texts that images may be given, and what each names."""

    words: Sequence[str]
    """The v different texts."""
    of: Numbers
    """`[n]`: what each image shows, a row of `text` and `path`; -1 for nothing that has a text."""
    text: Numbers
    """`[t, k]`: the k kinds of text of each thing, as rows of `words`."""
    path: Numbers
    """`[t, r]`: what each thing is, from the coarsest rank to the finest, -1 where it is silent."""
    named: Numbers
    """`[v, r]`: what each text names: the path of its thing, silent where things of one text differ."""
    above: Numbers
    """`[t, r]`: the text of each thing cut at each rank, -1 where it has none."""
    table: NDArray[np.integer[Any]]
    """`[v, context]`: token numbers; empty until `fitted`."""
    shortened: int = 0
    """How many of `words` are longer than the context and were cut at its end; known when `fitted`."""

    @property
    def kinds(self) -> int:
        """How many kinds of text a thing has."""
        return int(self.text.shape[1])

    @property
    def remark(self) -> str:
        """What a person should know of these texts, "" for nothing."""
        if not self.shortened:
            return ""
        return f"{self.shortened:,} of {len(self.words):,} captions are longer than {self.table.shape[1]} tokens and were cut"

    def path_of(self, text: Numbers) -> Numbers:
        """What texts `[u]` name `[u, r]`."""
        return self.named[text]

    def tokens(self, text: Numbers) -> NDArray[np.integer[Any]]:
        """Token numbers `[u, context]`."""
        return self.table[text]

    def cut(self, things: Numbers) -> tuple[Numbers, Numbers]:
        """The different texts `[c]` of `things` cut at each rank, and the ranks `[c]`."""
        found = [np.unique(self.above[things, level]) for level in range(self.above.shape[1])]
        found = [keys[keys >= 0] for keys in found]
        level = np.concatenate([np.full(len(keys), k, np.int64) for k, keys in enumerate(found)])
        return np.concatenate(found), level


def taxon_texts(tree: Tree, taxon: Numbers, settings: TrainSettings) -> Texts:
    """The captions of the taxa that images show `[n]`, of the kinds asked for; with objective = "levels" also the lineages cut at each rank."""
    taxa, of = np.unique(taxon, return_inverse=True)
    path = np.asarray(tree.ancestors[taxa], np.int64)
    kinds = [captions(tree, taxa.tolist(), kind) for kind in settings.text_types]
    whole, number = _numbered([word for kind in kinds for word in kind])
    text = np.ascontiguousarray(number.reshape(len(kinds), len(taxa)).T)
    named = _agreed(text, path, len(whole))
    above = np.full((len(taxa), len(RANKS)), -1, np.int64)
    if settings.objective == "levels":
        for level in range(len(RANKS)):
            here = path[:, level] >= 0
            at, back = np.unique(path[here, level], return_inverse=True)
            above[here, level] = len(whole) + back.reshape(-1)
            # a text cut at a rank is a text of its own, even where it reads like a whole one
            whole += captions(tree, at.tolist(), "taxon")
            cut = np.full((len(at), len(RANKS)), -1, np.int64)
            cut[:, : level + 1] = np.asarray(tree.ancestors[at], np.int64)[:, : level + 1]
            named = np.concatenate([named, cut])
    return Texts(whole, of.reshape(-1).astype(np.int64), text, path, named, above, np.empty((0, 0), np.int32))


def trait_texts(tree: Tree, frame: pl.DataFrame) -> Texts | None:
    """Captions that tell the traits of those rows of `frame` that have any; None when none has.

    The path of a caption: the seven ranks of the taxon, then a number for each of TRAITS.
    """
    told = frame.select("taxon", *(pl.col(c).str.strip_chars().str.to_lowercase().replace("", None) for c in TRAITS))
    has = told.select(pl.any_horizontal(pl.col(c).is_not_null() for c in TRAITS)).to_series().to_numpy()
    if not has.any():
        return None
    kinds = told.filter(pl.Series(has)).unique(maintain_order=True)
    place = kinds.with_row_index("thing").with_columns(pl.col("thing").cast(pl.Int64))
    of = told.join(place, on=["taxon", *TRAITS], how="left", maintain_order="left", nulls_equal=True)["thing"]
    # numbers by the alphabet: equal on all ranks, whatever else a process has read
    codes = [kinds[name].rank("dense").cast(pl.Int64).fill_null(0).to_numpy() - 1 for name in TRAITS]
    path = np.concatenate([np.asarray(tree.ancestors[kinds["taxon"].to_numpy()], np.int64), np.stack(codes, 1)], axis=1)
    said = [
        trait_caption(tree.lineage(taxon), sex=sex, life_stage=stage, habitat=habitat, behaviour=behaviour)
        for taxon, sex, stage, habitat, behaviour in kinds.iter_rows()
    ]
    return _plain(said, np.where(has, of.fill_null(-1).to_numpy(), -1).astype(np.int64), path)


def general_texts(said: Sequence[str]) -> Texts:
    """General captions, one an image `[n]`; images with the same words show the same."""
    words, of = _numbered(said)
    return _plain(words, of, np.arange(len(words), dtype=np.int64)[:, None])


def fitted(texts: Sequence[Texts], settings: TrainSettings, tokens: Tokens | None = None) -> tuple[Tokens, list[Texts]]:
    """The tokenizer, and `texts` with their token numbers.

    Without `tokens` a vocabulary is learned from all texts; the context is then what the longest needs, at most `settings.context`. Longer texts are cut
    at the end, and counted in `shortened`.
    """
    every = [word for t in texts for word in t.words]
    if tokens is None:
        tokens = train_tokenizer(every, settings.vocabulary, settings.context)
        longest = int(tokens.lengths(every).max())
        tokens = replace(tokens, context=min(settings.context, -(-longest // 8) * 8))
    kind = np.uint16 if tokens.size <= 1 << 16 else np.int32
    done = []
    for one in texts:
        table: NDArray[np.integer[Any]] = tokens.encode(one.words).astype(kind)
        full = [one.words[k] for k in np.flatnonzero(table[:, -1]).tolist()]
        cut = int((tokens.lengths(full) > tokens.context).sum()) if full else 0
        done.append(replace(one, table=table, shortened=cut))
    return tokens, done


def _numbered(said: Sequence[str]) -> tuple[list[str], Numbers]:
    """The different ones of the texts `[n]`, sorted, and which of them each is `[n]`."""
    series = pl.Series(said, dtype=pl.String)
    return series.unique().sort().to_list(), series.rank("dense").cast(pl.Int64).to_numpy() - 1


def _plain(said: Sequence[str], of: Numbers, path: Numbers) -> Texts:
    """Things `[t]` with one text each, which several may share."""
    words, text = _numbered(said)
    text = text[:, None]
    nothing = np.full((len(said), 0), -1, np.int64)
    return Texts(words, of, text, path, _agreed(text, path, len(words)), nothing, np.empty((0, 0), np.int32))


def _agreed(text: Numbers, path: Numbers, count: int) -> Numbers:
    """What each of `count` texts names `[count, r]`: the path of the things `[t, r]` that have it `[t, k]`, -1 where these differ."""
    flat, paths = text.reshape(-1), np.repeat(path, text.shape[1], axis=0)
    least = np.full((count, path.shape[1]), np.iinfo(np.int64).max)
    most = np.full((count, path.shape[1]), -1, np.int64)
    np.minimum.at(least, flat, paths)
    np.maximum.at(most, flat, paths)
    return np.where(least == most, most, -1)
