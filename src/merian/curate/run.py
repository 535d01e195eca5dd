"""From a source to a Catalog: look at every image, refuse with a reason, split without leaks, shuffle into shards."""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from merian.core import progress, store
from merian.core.chance import stream
from merian.core.errors import BadData, BadSetting, Missing
from merian.core.settings import knob
from merian.core.tables import CATALOG, FORMAT, Catalog, conform
from merian.core.tree import RANKS, Tree
from merian.curate.runner import LocalRunner, Runner
from merian.curate.shards import INDEX, write_shard
from merian.curate.sources import Source, open_source
from merian.curate.splits import Shares, assign, connected
from merian.encode.pixels import Unreadable, probe

__all__ = ["CurateSettings", "curate"]

Look = tuple[int | None, int | None, str | None, str | None, str | None]

LOOK = 256
"""Rows looked at between two words of progress."""


@dataclass(frozen=True, kw_only=True)
class CurateSettings:
    """What is kept of a source, and how it is split."""

    min_side: int = knob(32, "Refuse images whose shorter side is below this", unit="px", ge=1, le=4096)
    min_contrast: float = knob(
        3.0,
        "Refuse near-uniform images: standard deviation of the thumbnail's grey values (0-255) below this",
        ge=0,
        le=128,
    )
    max_side: int = knob(20_000, "Refuse images whose longer side is above this", unit="px", ge=64, le=65_535)
    duplicates: bool = knob(True, "Refuse an image whose bytes an earlier row has too")
    test: float = knob(0.2, "Share of each species' groups (specimens, events) for the test split", ge=0, lt=1)
    val: float = knob(0.05, "Share for the validation split", ge=0, lt=1)
    unseen: float = knob(0.0, "Share of the species kept out of training, for few-shot tests", ge=0, lt=1)
    unseen_images: int = knob(8, "A species needs this many images to be kept out of training", ge=1)
    test_fold: str = knob("", "When the source gives folds: the fold that is the test split")
    only: str = knob("", "Keep only the rows of this data set, when a table holds several")
    shard_images: int = knob(2_000, "Images in a shard", ge=1, le=100_000)
    seed: int = knob(0, "Seed of the splits and of the shuffle", ge=0)


def curate(
    source_path: Path,
    out: Path,
    settings: CurateSettings,
    taxa: Path | None = None,
    overwrite: bool = False,
    runner: Runner | None = None,
) -> Catalog:
    """The Catalog of the source at `source_path`, written to the store `out`.

    `taxa` names the taxonomy to match labels against; without one the source's own is taken, else the lineages its labels give. A run that was killed goes
    on where it stopped. Raises BadData when no image is kept, BadSetting when the splits leave nothing.
    """
    if settings.test + settings.val >= 1:
        raise BadSetting("test", settings.test, f"with val = {settings.val} nothing is left to train on")
    source = open_source(source_path)
    if taxa is not None and not taxa.is_file():
        raise Missing("the taxonomy", taxa, "give a tree.parquet, a Darwin Core taxon table or a table of lineages")
    inputs = {"source": source.hash} | ({"taxa": store.digest(taxa)} if taxa is not None else {})
    work = store.begin(out, "catalog", FORMAT, settings, inputs, overwrite)
    if work.done:
        return Catalog.open(out)
    runner = runner or LocalRunner()
    looked = _look(source, work.path, settings, runner)
    if looked.is_empty():
        work.abandon()
        raise BadData(source_path, f"has no rows{f' of the data set {settings.only!r}' if settings.only else ''}")
    tree, refused_taxa = _tree(source, taxa, looked)
    frame = _judge(looked, tree, settings)
    if frame["reason"].null_count() == 0:
        reasons = frame["reason"].value_counts().sort(["count", "reason"], descending=[True, False]).rows()
        work.abandon()
        raise BadData(source_path, "no image could be kept", [f"{n} {reason}" for reason, n in reasons])
    frame = _pack(frame, tree, source, work.path, settings)
    tree.save(out / "tree.parquet")
    if len(refused_taxa):
        with store.atomic(out / "refused_taxa.csv") as stream_:
            refused_taxa.write_csv(stream_)
    with store.atomic(out / "catalog.parquet") as stream_:
        frame.write_parquet(stream_)
    work.finish(scratch=("looked",))
    return Catalog.open(out)


def _look(source: Source, folder: Path, settings: CurateSettings, runner: Runner) -> pl.DataFrame:
    """All rows with width, height, hash and reason of their images, a file per shard so that a killed run keeps them."""
    looked = folder / "looked"
    files = [looked / f"part-{shard:05d}.parquet" for shard in range(source.shards)]
    total = sum(len(source.rows(s)) for s in range(source.shards))
    with progress.track("Looking at images", total, "images") as advance:

        def stage(shard: int) -> None:
            rows = source.rows(shard)
            if files[shard].is_file():
                advance(len(rows))
                return
            if settings.only:
                name = pl.col("source") if "source" in rows.columns else pl.lit(source.name)
                rows = rows.filter(name == settings.only)
            seen: list[Look] = []
            with ThreadPoolExecutor(2) as pool:
                for start in range(0, len(rows), LOOK):
                    paths = rows["path"].slice(start, LOOK).to_list()
                    seen += pool.map(lambda p: _look_at(source.root, p, settings), paths)
                    advance(len(paths))
            types = {
                "width": pl.Int32,
                "height": pl.Int32,
                "hash": pl.String,
                "extension": pl.String,
                "reason": pl.String,
            }
            with store.atomic(files[shard]) as stream_:
                rows.hstack(pl.DataFrame(seen, schema=types, orient="row").get_columns()).write_parquet(stream_)

        for _ in runner.map(stage, range(source.shards)):
            pass
    return pl.concat([pl.read_parquet(f, glob=False) for f in files], how="vertical")


def _look_at(root: Path, path: str | None, settings: CurateSettings) -> Look:
    """(width, height, hash, extension, reason) of one image file."""
    if not path:
        return None, None, None, None, "no path given"
    if Path(os.path.normpath(path)).parts[:1] == ("..",):
        return None, None, None, None, "path leaves the source's folder"
    try:
        if (root / path).exists() and not ((root / path).is_file() or (root / path).is_dir()):
            return None, None, None, None, "not a file"
        data = (root / path).read_bytes()
    except FileNotFoundError:
        return None, None, None, None, "file not found"
    except OSError as error:
        return None, None, None, None, f"file cannot be read: {error.strerror}"
    except ValueError:
        return None, None, None, None, "not a path"
    digest = store.digest_bytes(data)
    try:
        seen = probe(data)
    except Unreadable as error:
        return None, None, digest, None, error.reason
    short, long = sorted((seen.width, seen.height))
    reason = None
    if short < settings.min_side:
        reason = "too small"
    elif long > settings.max_side:
        reason = "too large"
    elif seen.thumbnail.mean(-1, dtype=np.float32).std() < settings.min_contrast:
        reason = "blank"
    return seen.width, seen.height, digest, seen.extension, reason


def _tree(source: Source, taxa: Path | None, rows: pl.DataFrame) -> tuple[Tree, pl.DataFrame]:
    if taxa is not None:
        return Tree.read(taxa)
    own = source.tree()
    if own is not None:
        return own
    tree = Tree.from_lineages(rows.select(RANKS))
    if "common_name" not in rows.columns:
        return tree, pl.DataFrame()
    called = rows.filter(pl.col("common_name").is_not_null()).select(
        *RANKS, pl.lit("en").alias("language"), name="common_name"
    )
    # the name most often used for a taxon comes first, ties by alphabet
    called = called.group_by(called.columns).len().sort(["len", "name"], descending=[True, False]).drop("len")
    return tree.with_common(called), pl.DataFrame()


def _judge(rows: pl.DataFrame, tree: Tree, settings: CurateSettings) -> pl.DataFrame:
    """The rows with taxon, group, split and the reason of every refusal."""
    taxon = pl.Series("taxon", tree.match(rows.select(RANKS)), pl.Int32)
    rows = rows.with_columns(taxon)
    named = pl.any_horizontal(pl.col(r).is_not_null() for r in RANKS)
    reason = (
        pl.when(pl.col("reason").is_not_null())
        .then("reason")
        .when(~pl.col("path").is_first_distinct())
        .then(pl.lit("path listed twice"))
        .when((pl.col("taxon") < 0) & named)
        .then(pl.lit("taxon not in the taxonomy"))
        .when(pl.col("taxon") < 0)
        .then(pl.lit("no organism named"))
    )
    rows = rows.with_columns(reason=reason)
    if settings.duplicates:
        kept = rows.filter(pl.col("reason").is_null())
        twice = kept.filter(~pl.col("hash").is_first_distinct())["id"]
        twin = pl.col("id").is_in(twice.to_list())
        rows = rows.with_columns(reason=pl.when(twin).then(pl.lit("duplicate bytes")).otherwise("reason"))
    number = connected(rows, ("group", "individual", "event_id", "hash"))
    rows = rows.with_columns(
        group=rows["id"].gather(number), fold=pl.col("fold") if "fold" in rows.columns else pl.lit(None, pl.String)
    )
    shares = Shares(settings.val, settings.test, settings.unseen, settings.unseen_images, settings.test_fold)
    kept = rows.filter(pl.col("reason").is_null())
    splits = kept.select("id").with_columns(split=assign(kept, tree, shares, settings.seed))
    return rows.join(splits, on="id", how="left", maintain_order="left")


def _pack(frame: pl.DataFrame, tree: Tree, source: Source, folder: Path, settings: CurateSettings) -> pl.DataFrame:
    """The catalog's frame, its kept images shuffled over all shards (so that no shard is all of one kind) and written."""
    kept = frame.filter(pl.col("reason").is_null())
    order = stream(settings.seed, "shards").permutation(len(kept))
    kept = kept[order.tolist()]
    indexes = []
    with progress.track("Writing shards", len(kept), "images") as advance:
        for number, start in enumerate(range(0, len(kept), settings.shard_images)):
            rows = kept.slice(start, settings.shard_images)
            path = folder / "shards" / f"shard-{number:05d}.tar"
            if path.with_suffix(".parquet").is_file():
                indexes.append(pl.read_parquet(path.with_suffix(".parquet"), glob=False))
            else:
                indexes.append(write_shard(path, number, _samples(rows, tree, source.root)))
            advance(len(rows))
    index = pl.concat(indexes) if indexes else pl.DataFrame(schema=INDEX)
    frame = frame.join(index, on="id", how="left", maintain_order="left")
    if "source" not in frame.columns:
        frame = frame.with_columns(source=pl.lit(source.name))
    return conform(frame.select(c.name for c in CATALOG if c.name in frame.columns), CATALOG)


def _samples(rows: pl.DataFrame, tree: Tree, root: Path) -> Iterator[tuple[str, str, bytes, dict[str, object]]]:
    lineages = tree.lineages(rows["taxon"].to_numpy()).rows(named=True)
    for row, lineage in zip(rows.iter_rows(named=True), lineages, strict=True):
        known = {
            "id": row["id"],
            "split": row["split"],
            **{rank: name for rank, name in lineage.items() if name is not None},
        }
        data = (root / row["path"]).read_bytes()
        if store.digest_bytes(data) != row["hash"]:
            raise BadData(root / row["path"], "the file changed while it was being curated; start again")
        yield row["id"], row["extension"], data, known
