"""What a run trains on: the images and texts of its catalogs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from merian.core.errors import BadData
from merian.core.tables import Catalog
from merian.encode.pixels import Preprocess
from merian.encode.tokens import Tokens
from merian.train.batches import Stock
from merian.train.images import Cache, Images, Stream, check_shards, grown
from merian.train.ranks import Ranks
from merian.train.settings import TrainSettings
from merian.train.texts import fitted, general_texts, taxon_texts, trait_texts

__all__ = ["Stocks", "stocks"]

CACHE_BYTES = 20e9
"""Decoded images that cache = "auto" keeps on the disk."""


@dataclass(frozen=True, slots=True)
class Stocks:
    """What a run trains on."""

    tokens: Tokens
    bio: Stock
    replay: Stock | None
    remarks: tuple[str, ...] = ()
    """What a person should know of the texts."""


def stocks(
    source: Catalog,
    replay: Catalog | None,
    settings: TrainSettings,
    look: Preprocess,
    scratch: Path,
    threads: int,
    ranks: Ranks,
    tokens: Tokens | None = None,
) -> Stocks:
    """The images and texts of the catalogs; `tokens` is the tokenizer of a model to go on from. Raises BadData when there is too little to train on."""
    frame = source.kept("train").filter(pl.col("taxon") >= 0)
    if len(frame) < 2:
        raise BadData(source.path, f"training needs at least 2 images with a taxon; the split 'train' has {len(frame)}")
    if frame["taxon"].n_unique() < 2:
        raise BadData(source.path, "training needs images of at least 2 taxa; all are of one")
    every = [taxon_texts(source.tree, frame["taxon"].to_numpy().astype(np.int64), settings)]
    traits = trait_texts(source.tree, frame) if settings.traits > 0 else None
    every += [traits] if traits is not None else []
    general = None
    if replay is not None and settings.replay_batch:
        general = replay.kept("train").filter(pl.col("caption").is_not_null())
        if len(general) < 2:
            raise BadData(
                replay.path, f"replay needs at least 2 images with a caption; the split 'train' has {len(general)}"
            )
        every.append(general_texts(general["caption"].to_list()))
    tokens, done = fitted(every, settings, tokens)
    remarks = tuple(texts.remark for texts in done if texts.remark)
    images = _images(source, frame, settings, look, scratch / "bio", threads, ranks)
    bio = Stock(images, done[0], done[1] if traits is not None else None, frame["shard"].to_numpy().astype(np.int64))
    if replay is None or general is None:
        return Stocks(tokens, bio, None, remarks)
    images = _images(replay, general, settings, look, scratch / "replay", threads, ranks)
    again = Stock(images, done[-1], None, general["shard"].to_numpy().astype(np.int64))
    return Stocks(tokens, bio, again, remarks)


def _images(
    catalog: Catalog,
    frame: pl.DataFrame,
    settings: TrainSettings,
    look: Preprocess,
    folder: Path,
    threads: int,
    ranks: Ranks,
) -> Images:
    """The images of `frame`, decoded once if they fit; the first rank decodes."""
    check_shards(catalog, frame)
    fits = len(frame) * grown(look).size ** 2 * 3 < CACHE_BYTES
    if settings.cache == "off" or (settings.cache == "auto" and not fits):
        return Stream(catalog, frame, look, threads)
    if ranks.first:
        Cache.build(catalog.images(frame), len(frame), folder, look, threads)
    ranks.wait()
    return Cache.open(len(frame), folder)
