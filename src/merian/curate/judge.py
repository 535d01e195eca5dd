"""The verdicts: which taxon each row is of, why it is refused if it is, and in which split it stands."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from merian.core.tree import RANKS, Tree
from merian.core.vectors import Embeddings
from merian.curate import cap
from merian.curate.filters import refusals
from merian.curate.near import clusters, near_vectors, originals
from merian.curate.settings import CurateSettings
from merian.curate.splits import Shares, achieved, assign, grouping, rare_species
from merian.names.backbone import Backbone
from merian.names.resolve import resolve
from merian.names.settings import NamesSettings

__all__ = ["Named", "copies", "likes", "named", "placed", "refuse", "split"]

NAMELESS, STRANGE, UNSURE = "no organism named", "taxon not in the taxonomy", "name not certain"
TWICE = "path listed twice"
CAPTIONLESS = "no caption"


@dataclass(frozen=True, eq=False)
class Named:
    """The rows with `taxon` and `name_decision`, the Tree of their taxa, the rows of the taxonomy that were refused, and the backbone's version."""

    rows: pl.DataFrame
    tree: Tree
    refused: pl.DataFrame
    version: str


def named(rows: pl.DataFrame, backbone: Backbone | None, settings: CurateSettings) -> Named:
    """Each row's taxon: its name resolved against the backbone, or, without one, the lineage that its label gives."""
    if backbone is None:
        tree = _with_common(Tree.from_lineages(rows.select(RANKS)), rows)
        given = rows.with_columns(name_decision=pl.lit(None, pl.String), name_score=pl.lit(None, pl.Float64))
        return Named(_matched(given, tree), tree, pl.DataFrame(), "")
    asked = rows.select(c for c in ("verbatim_name", *RANKS) if c in rows.columns)
    found = resolve(asked, backbone, NamesSettings(typos=settings.typos)).frame
    rows = rows.with_columns(
        found["decision"].alias("name_decision"), found["score"].alias("name_score"), *(found[rank] for rank in RANKS)
    )
    met = None
    if settings.vocabulary == "met":
        met = backbone.usages.with_row_index("row").join(found.select(id="accepted_id"), on="id", how="semi")["row"]
    tree = backbone.tree(None if met is None else met.to_numpy())
    return Named(_matched(rows, tree), tree, backbone.refused, backbone.version)


def _matched(rows: pl.DataFrame, tree: Tree) -> pl.DataFrame:
    return rows.with_columns(taxon=pl.Series(tree.match(rows.select(RANKS)), dtype=pl.Int32))


def _with_common(tree: Tree, rows: pl.DataFrame) -> Tree:
    """`tree` with the common names that the rows give; the name most often used for a taxon comes first, ties by alphabet.

    A taxon with others below it is given none: what is labelled "Lepidoptera" and called a clearwing moth is one moth, and no name for all of them.
    """
    if "common_name" not in rows.columns:
        return tree
    called = rows.filter(pl.col("common_name").is_not_null()).select(
        *RANKS, pl.lit("en").alias("language"), name="common_name"
    )
    called = called.with_columns(taxon=pl.Series(tree.match(called), dtype=pl.Int32))
    own, below = called["taxon"].to_numpy(), np.append(tree.end, 0)  # no taxon is -1, the last
    called = called.filter(pl.Series(below[own] == own + 1) & (pl.col("taxon") >= 0))
    called = called.group_by(called.columns).len().sort(["len", "name"], descending=[True, False]).drop("len")
    return tree.with_common(called)


def placed(rows: pl.DataFrame, asked: pl.Series, settings: CurateSettings) -> pl.DataFrame:
    """`rows` with the reason of those whose image is listed twice and those that stand for no certain taxon; with subject = "caption", that have no caption.

    `asked` [n]: whether their source named an organism. With subject = "caption" a row whose name is not certain is one without a taxon.
    """
    whole = pl.col("box").is_null() if "box" in rows.columns else pl.lit(True)
    again = pl.col("path").is_not_null() & whole & ~pl.struct("path", whole).is_first_distinct()
    before = pl.when(pl.col("reason").is_not_null()).then("reason").when(again).then(pl.lit(TWICE))
    if settings.subject == "caption":
        if "caption" not in rows.columns:
            rows = rows.with_columns(caption=pl.lit(None, pl.String))
        said = pl.col("caption").str.strip_chars()
        rows = rows.with_columns(
            caption=pl.when(said != "").then(said),
            taxon=pl.when((pl.col("name_score") >= settings.min_name_score).fill_null(True))
            .then("taxon")
            .otherwise(-1),
        )
        return rows.with_columns(reason=before.when(pl.col("caption").is_null()).then(pl.lit(CAPTIONLESS)))
    reason = (
        before.when((pl.col("taxon") < 0) & asked)
        .then(pl.lit(STRANGE))
        .when(pl.col("taxon") < 0)
        .then(pl.lit(NAMELESS))
        .when(pl.col("name_score") < settings.min_name_score)
        .then(pl.lit(UNSURE))
    )
    return rows.with_columns(reason=reason)


def copies(rows: pl.DataFrame, best: pl.DataFrame, pairs: NDArray[np.int64]) -> pl.DataFrame:
    """`rows` with `copy_of`, the id of the kept image that an image is a near duplicate of, and `cluster`, the first id of all that hang together.

    `best` [k] has the `id` of the kept rows, those to stay first; `pairs` [m, 2] are the places of copies in it. In a chain a - b - c the ends may differ:
    b is a copy of a, and c stays, though the three must stand in one split.
    """
    n, ids = len(best), best["id"]
    found = pl.DataFrame({"id": ids, "cluster": ids.gather(clusters(n, pairs)), "copy_of": _copied(ids, pairs)})
    found = found.with_columns(cluster=pl.when(pl.len().over("cluster") > 1).then("cluster"))
    return rows.join(found, on="id", how="left", maintain_order="left")


def likes(rows: pl.DataFrame, vectors: Embeddings, settings: CurateSettings) -> pl.DataFrame:
    """`rows` with `like`, the id of the kept image whose embedding has the asked cosine to that of another, and with `cluster` widened by what is alike."""
    kept = rows.with_row_index("row").filter(pl.col("reason").is_null())
    if settings.near_cosine == 0 or len(kept) < 2:
        return rows.with_columns(like=pl.lit(None, pl.String))
    pairs = near_vectors(vectors.take(kept["id"]).vectors, settings.near_cosine)
    told = kept.select("id", like=_copied(kept["id"], pairs))
    called = rows.select(cluster=pl.coalesce("cluster", "id")).with_row_index("row")
    first = called.select(pl.col("row").first().over("cluster")).to_series().to_numpy().astype(np.int64)
    same = np.stack([np.arange(len(rows)), first], 1)
    label = clusters(len(rows), np.concatenate([same, kept["row"].to_numpy().astype(np.int64)[pairs]]))
    rows = rows.with_columns(cluster=called["cluster"].gather(label))
    rows = rows.with_columns(cluster=pl.when(pl.len().over("cluster") > 1).then("cluster"))
    return rows.join(told, on="id", how="left", maintain_order="left")


def _copied(ids: pl.Series, pairs: NDArray[np.int64]) -> pl.Series:
    """For each of `ids` the id of its original by `pairs` [m, 2], null for one that is kept."""
    original = originals(len(ids), pairs)
    return ids.gather(original).set(pl.Series(original == np.arange(len(ids))), None)


def refuse(rows: pl.DataFrame, settings: CurateSettings) -> pl.DataFrame:
    """`rows` with the reasons of the filters whose columns are there."""
    return rows.with_columns(reason=refusals(rows, settings))


def split(
    rows: pl.DataFrame, tree: Tree, settings: CurateSettings, rare: Path | None
) -> tuple[pl.DataFrame, tuple[str, ...]]:
    """The rows with group, split and the reason "over the cap", and remarks for a person."""
    keys = [k.strip() for k in settings.together.split(",") if k.strip()]
    if "box" in rows.columns and rows["box"].null_count() < len(rows):
        keys.append("path")  # samples cut out of one photo show the same place at the same moment
    bound = grouping(rows, list(dict.fromkeys(keys)))
    rows = rows.with_columns(group=bound.group)
    if "fold" not in rows.columns:
        rows = rows.with_columns(fold=pl.lit(None, pl.String))
    remarks: Sequence[str] = bound.remarks
    listed: tuple[int, ...] = ()
    if rare is not None:
        found = rare_species(rare, tree)
        listed = tuple(t for t in found["taxon"].to_list() if t >= 0)
        if len(listed) < len(found):
            remarks = (*remarks, f"{len(found) - len(listed)} of the {len(found)} rare species are not in the taxonomy")
    shares = Shares(settings.val, settings.test, settings.unseen, settings.unseen_images, settings.test_fold, listed)
    kept = rows.filter(pl.col("reason").is_null())
    kept = kept.with_columns(split=assign(kept, tree, shares, settings.seed, settings.subject == "caption"))
    over = cap.over_cap(kept, settings.cap, settings.seed)
    told = achieved(kept.filter(~over), shares)[1]
    kept = kept.select("id", split=pl.when(~over).then("split"), over=over)
    rows = rows.join(kept, on="id", how="left", maintain_order="left")
    rows = rows.with_columns(reason=pl.when("over").then(pl.lit(cap.REASON)).otherwise("reason")).drop("over")
    return rows, (*remarks, *told)
