"""Old identifiers to new ones: the frozen GBIF backbone's integer keys to the Catalogue of Life's, or any two backbones.

Only what is certain crosses: an identifier that the new backbone itself names as its own of old, or a name spelt the same that is accepted there with the
same rank and kingdom, once. The rest stay, each with a reason (formats.md 4.7: EXACT and ACCEPTED only).
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from merian.core.errors import BadData, Missing
from merian.core.tree import read_table
from merian.names.usages import ACCEPTED

if TYPE_CHECKING:
    from merian.names.backbone import Backbone

__all__ = ["CROSSED", "crosswalk", "read_crosswalk"]

CROSSED = {"old": pl.String, "id": pl.String, "how": pl.String, "reason": pl.String}
"""Columns of a crosswalk: the old identifier, the new one (null when it does not cross), how it crossed ("identifier", "name", "table"), or why not."""

_COLUMNS = {
    "old": ("old", "old_id", "gbif", "gbif_id", "gbifid", "gbif_key", "taxonkey", "old_key", "from"),
    "new": ("new", "new_id", "col", "col_id", "colid", "id", "to", "accepted_id"),
}


def crosswalk(old: Backbone, new: Backbone, scope: str = "gbif") -> pl.DataFrame:
    """Where each identifier of `old` is in `new`: columns CROSSED, one row per usage of `old`, in its order.

    `scope` is the prefix of old identifiers among the alternative ones of `new` (`gbif:2435099`).
    """
    mine = old.usages.select(pl.col("id").alias("old"), "name", "rank", "kingdom", "status")
    named = _alternatives(new.usages, scope)
    exact = _exact(mine, new.usages)
    joined = mine.join(named, on="old", how="left", maintain_order="left")
    joined = joined.join(exact, on="old", how="left", maintain_order="left")
    return joined.select(
        "old",
        id=pl.coalesce("named", pl.when(pl.col("several").is_null()).then("same")),
        how=pl.when(pl.col("named").is_not_null())
        .then(pl.lit("identifier"))
        .when(pl.col("same").is_not_null() & pl.col("several").is_null())
        .then(pl.lit("name")),
        reason=pl.when(pl.col("named").is_not_null())
        .then(None)
        .when(pl.col("several").is_not_null())
        .then(pl.col("several"))
        .otherwise("why"),
    )


def read_crosswalk(path: Path) -> pl.DataFrame:
    """A ready table of two columns (CSV, TSV or Parquet), old and new, as CROSSED. An old identifier with two new ones does not cross.

    Raises Missing when it is not there, BadData when its two columns cannot be told.
    """
    if not path.is_file():
        raise Missing("the crosswalk", path, "give a table with the columns old and new, or the old backbone itself")
    table = read_table(path)
    names = {c.strip().lower(): c for c in table.columns}
    found = {}
    for role, usual in _COLUMNS.items():
        at = [names[u] for u in usual if u in names]
        if not at and len(table.columns) != 2:
            raise BadData(
                path, f"has no column for the {role} identifiers; known are {', '.join(usual)}", table.columns
            )
        found[role] = at[0] if at else table.columns[role == "new"]
    if found["old"] == found["new"]:
        raise BadData(path, "needs two columns, the old and the new identifiers", table.columns)
    pairs = table.select(
        old=pl.col(found["old"]).cast(pl.String).str.strip_chars(),
        id=pl.col(found["new"]).cast(pl.String).str.strip_chars(),
    )
    pairs = pairs.filter(pl.col("old").is_not_null() & (pl.col("old") != ""))
    pairs = pairs.group_by("old", maintain_order=True).agg(pl.col("id").drop_nulls().unique().sort().alias("ids"))
    one = pl.col("ids").list.len() == 1
    none = pl.col("ids").list.len() == 0
    return pairs.select(
        "old",
        id=pl.when(one).then(pl.col("ids").list.first()),
        how=pl.when(one).then(pl.lit("table")),
        reason=pl.when(none)
        .then(pl.lit("the table gives no new identifier"))
        .when(~one)
        .then(pl.lit("the table gives several: ") + pl.col("ids").list.join(", ")),
    )


def _alternatives(usages: pl.DataFrame, scope: str) -> pl.DataFrame:
    """Columns old, named: the old identifiers that accepted usages name as their own; one that several name is left out."""
    if "alternative" not in usages.columns:
        return pl.DataFrame(schema={"old": pl.String, "named": pl.String})
    frame = usages.filter(pl.col("alternative").is_not_null(), pl.col("status").is_in(ACCEPTED))
    one = (
        pl.col("alternative")
        if usages.schema["alternative"] == pl.List(pl.String)
        else pl.col("alternative").str.split(",")
    )
    frame = frame.select("id", one.alias("alternative")).explode("alternative").drop_nulls()
    old = pl.col("alternative").str.strip_chars().str.extract(rf"(?i)^{scope}:(\S+)$")
    frame = frame.select(old.alias("old"), named="id").drop_nulls().unique()
    return frame.filter(pl.len().over("old") == 1)


def _exact(mine: pl.DataFrame, usages: pl.DataFrame) -> pl.DataFrame:
    """Columns old, same (the new identifier by name), several (why not, when more than one fits), why (when none does)."""
    theirs = usages.select(
        "name", new="id", new_rank="rank", new_kingdom="kingdom", good=pl.col("status").is_in(ACCEPTED)
    )
    pairs = mine.filter(pl.col("status").is_in(ACCEPTED)).join(theirs, on="name", how="left", maintain_order="left")
    ranked, placed = pl.col("rank") == pl.col("new_rank"), pl.col("kingdom").eq_missing(pl.col("new_kingdom"))
    fits = (pl.col("good") & ranked & placed).fill_null(False)
    facts = pairs.group_by("old", maintain_order=True).agg(
        same=pl.col("new").filter(fits).sort().first(),
        n=fits.sum(),
        none=pl.col("new").is_null().all(),
        good=pl.col("good").any(),
        ranked=(pl.col("good") & ranked).any(),
    )
    why = (
        pl.when("none")
        .then(pl.lit("no name is spelt so in the new backbone"))
        .when(~pl.col("good"))
        .then(pl.lit("not an accepted name in the new backbone"))
        .when(~pl.col("ranked"))
        .then(pl.lit("of another rank in the new backbone"))
        .when(pl.col("n") == 0)
        .then(pl.lit("in another kingdom in the new backbone"))
    )
    good = mine.filter(pl.col("status").is_in(ACCEPTED))
    twice = good.filter(pl.len().over("name", "rank", "kingdom") > 1)["old"]
    facts = facts.select(
        "old",
        "same",
        several=pl.when(pl.col("n") > 1)
        .then(pl.lit("several accepted names are spelt so in the new backbone"))
        .when((pl.col("n") == 1) & pl.col("old").is_in(twice.implode()))
        .then(pl.lit("several accepted names are spelt so in the old backbone")),
        why=why,
    )
    rest = mine.filter(~pl.col("status").is_in(ACCEPTED)).select(
        "old", why=pl.col("status") + pl.lit(" in the old backbone, not an accepted name")
    )
    return pl.concat([facts, rest], how="diagonal")
