"""How well curation's filters and names do on a drawn source: precision and recall of each against what was planted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from merian.core.errors import BadData
from merian.core.report import Number
from merian.core.tables import Catalog
from merian.curate.licences import allowed

__all__ = ["CHECKS", "Check", "filter_numbers", "filter_table", "name_table", "wilson"]

UNREADABLE = ("empty file", "not an image", "truncated image", "damaged image", "too many pixels")
"""What curation says of files that cannot be decoded."""
BROKEN = ("truncated", "zero bytes", "not an image")
"""The planted faults that make a file so."""
NEAR = ("near duplicate", "near duplicate by embedding")
NO_MESS = "as in the taxonomy"
"""The kind of names that are written well."""
Z = 1.959963984540054
"""The normal quantile that leaves 2.5 % on either side."""
NEEDED = ("occurrenceID", "fault", "fault_of", "subject", "style", "stage")


@dataclass(frozen=True, slots=True)
class Check:
    """One filter: the words with which it refuses, and which rows of the truth it ought to refuse."""

    name: str
    reasons: tuple[str, ...]
    planted: pl.Expr


def _fault(name: str) -> Check:
    return Check(name, (name,), pl.col("fault") == name)


CHECKS = (
    Check("unreadable", UNREADABLE, pl.col("fault").is_in(BROKEN)),
    _fault("blank"),
    _fault("blurred"),
    Check("duplicate bytes", ("duplicate bytes",), pl.col("fault") == "exact duplicate"),
    Check("near duplicate", NEAR, pl.col("fault") == "near duplicate"),
    # a blank frame of a camera trap shows no animal either
    Check("no animal found", ("no animal found",), pl.col("subject") == "empty"),
    Check("person", ("person",), pl.col("subject") == "person"),
    _fault("drawing"),
    _fault("label"),
    _fault("text page"),
    _fault("museum drawer"),
    Check("licence not allowed", ("licence not allowed",), ~pl.col("permitted")),
)
"""The filters with the words that they leave in the catalog, in the order of the table."""


def wilson(hits: int, n: int) -> tuple[float, float]:
    """The 95 % interval of a share of `hits` in `n`, (0, 1) when n is 0 (Wilson 1927, J. Am. Stat. Assoc. 22: 209)."""
    if n == 0:
        return 0.0, 1.0
    share, square = hits / n, Z * Z / n
    middle, half = share + square / 2, Z * np.sqrt(share * (1 - share) / n + square / (4 * n))
    low, high = (middle - half) / (1 + square), (middle + half) / (1 + square)
    # at the ends the interval touches 0 or 1; rounding must not leave the value outside of it
    return (0.0 if hits == 0 else float(low)), (1.0 if hits == n else float(high))


def filter_table(catalog: Catalog, truth: pl.DataFrame, licences: str = "any") -> pl.DataFrame:
    """One row per filter that had something to find or refused something: what it found of what was planted.

    Columns: `filter`; `planted` images; `found`, refused by this filter (a duplicate: it or its original; near duplicates also when they were put into one
    cluster; people also when they were made unrecognisable); `elsewhere`, planted ones that another reason had refused before; `recall` with
    `recall_low`, `recall_high`: found of those that were not refused elsewhere; `refused` images and how many of them `right`ly; `precision`,
    `precision_low`, `precision_high`; `mistaken`: what those refused wrongly truly are. Shares of nothing are null. `licences` is the rule that the
    catalog was made with. Raises BadData when the truth lacks a column.
    """
    absent = [c for c in NEEDED if c not in truth.columns]
    if absent:
        raise BadData("truth table", "it was drawn by an older Merian: draw again", absent)
    rows = _joined(catalog, truth, licences)
    found = [_measured(check, rows) for check in CHECKS]
    return pl.DataFrame([row for row in found if row["planted"] or row["refused"]], schema=_SCHEMA, orient="row")


_SCHEMA: dict[str, Any] = {
    "filter": pl.String,
    "planted": pl.Int64,
    "found": pl.Int64,
    "elsewhere": pl.Int64,
    "recall": pl.Float64,
    "recall_low": pl.Float64,
    "recall_high": pl.Float64,
    "refused": pl.Int64,
    "right": pl.Int64,
    "precision": pl.Float64,
    "precision_low": pl.Float64,
    "precision_high": pl.Float64,
    "mistaken": pl.String,
}


_NAMES: dict[str, Any] = {
    "mess": pl.String,
    "names": pl.Int64,
    "right": pl.Int64,
    "otherwise": pl.Int64,
    "unresolved": pl.Int64,
    "resolved": pl.Float64,
    "low": pl.Float64,
    "high": pl.Float64,
}


def _joined(catalog: Catalog, truth: pl.DataFrame, licences: str) -> pl.DataFrame:
    """The truth with what the catalog did to each image and to the original of each duplicate."""
    fate = catalog.frame.select("id", "reason", "cluster", "altered").unique("id", keep="first", maintain_order=True)
    known = truth.with_columns(pl.col("fault", "fault_of", "stage").fill_null(""))
    licence = known["licence"] if "licence" in known.columns else pl.Series([None] * len(known), dtype=pl.String)
    known = known.with_columns(permitted=allowed(licence.replace("", None), licences))
    first = fate.select(pl.col("id"), pl.col("reason").alias("first_reason"), pl.col("cluster").alias("first_cluster"))
    rows = known.join(fate, left_on="occurrenceID", right_on="id", how="inner", maintain_order="left")
    return rows.join(first, left_on="fault_of", right_on="id", how="left", maintain_order="left")


def _measured(check: Check, rows: pl.DataFrame) -> dict[str, object]:
    planted, mine = _flags(rows, check.planted), _flags(rows, pl.col("reason").is_in(check.reasons))
    hit, elsewhere = mine.copy(), _flags(rows, pl.col("reason").is_not_null()) & ~mine
    right = planted.copy()
    if check.name.endswith("duplicate") or check.name == "duplicate bytes":
        # which of two twins comes first is no matter
        hit |= _flags(rows, pl.col("first_reason").is_in(check.reasons))
        right |= _originals(rows, check)
        if check.reasons == NEAR:
            hit |= _flags(rows, pl.col("cluster") == pl.col("first_cluster"))
    if check.name == "person":
        hit |= _flags(rows, pl.col("altered").str.contains("people"))
    if check.name == "no animal found":
        right |= _flags(rows, pl.col("fault") == "blank")
    hit &= planted
    elsewhere &= planted & ~hit
    judged, refused = int(planted.sum() - elsewhere.sum()), int(mine.sum())
    wrong = rows.filter(pl.Series(mine & ~right))
    return {
        "filter": check.name,
        "planted": int(planted.sum()),
        "found": int(hit.sum()),
        "elsewhere": int(elsewhere.sum()),
        **_share("recall", int(hit.sum()), judged),
        "refused": refused,
        "right": int((mine & right).sum()),
        **_share("precision", int((mine & right).sum()), refused),
        "mistaken": _kinds(wrong),
    }


def _flags(rows: pl.DataFrame, flag: pl.Expr) -> npt.NDArray[np.bool_]:
    """An expression over the rows as booleans [n], unknown being False."""
    return rows.select(flag.fill_null(False)).to_series().to_numpy(writable=True).astype(bool)


def _originals(rows: pl.DataFrame, check: Check) -> npt.NDArray[np.bool_]:
    """Which rows are the original of a planted twin [n]; for near duplicates an exact twin is as good."""
    wanted = ("exact duplicate", "near duplicate") if check.reasons == NEAR else ("exact duplicate",)
    twins = rows.filter(pl.col("fault").is_in(wanted))
    return _flags(rows, pl.col("occurrenceID").is_in(twins["fault_of"].to_list()) | pl.col("fault").is_in(wanted))


def _share(name: str, hits: int, n: int) -> dict[str, float | None]:
    low, high = wilson(hits, n) if n else (None, None)
    return {name: hits / n if n else None, f"{name}_low": low, f"{name}_high": high}


def _kinds(wrong: pl.DataFrame) -> str:
    """What the rows are, the commonest first: "12 camera trap infrared, 3 blurred"."""
    what = (
        pl.when(pl.col("fault") != "")
        .then("fault")
        .when(pl.col("subject") != "organism")
        .then("subject")
        .when(pl.col("stage").is_in(["larva", "pupa"]))
        .then(pl.format("{} ({})", "style", "stage"))
        .otherwise("style")
    )
    counts = wrong.group_by(what.alias("what")).len().sort(["len", "what"], descending=[True, False])
    return ", ".join(f"{n} {kind}" for kind, n in counts.iter_rows())


def name_table(catalog: Catalog, truth: pl.DataFrame) -> pl.DataFrame:
    """One row per kind of mess in names: how many were resolved to the taxon that the label stands for.

    Columns: `mess`, `names`, `right`, `otherwise` (resolved to another taxon), `unresolved`, `resolved` (the share that is right) with `low` and `high`. A
    label "Aus cf. bus" stands for its genus. Names are counted once per record. Empty for a truth table without names.
    """
    if not {"mess", "label_name"} <= set(truth.columns):
        return pl.DataFrame(schema=_NAMES)
    found = catalog.frame.select("id", "taxon").unique("id", keep="first", maintain_order=True)
    rows = truth.filter(pl.col("label_name") != "").select("occurrenceID", "mess", "label_name")
    rows = rows.join(found, left_on="occurrenceID", right_on="id", how="inner", maintain_order="left")
    names = pl.DataFrame({"taxon": np.arange(len(catalog.tree), dtype=np.int32), "name": catalog.tree.names})
    rows = rows.join(names, on="taxon", how="left", maintain_order="left")
    right = (pl.col("name") == pl.col("label_name")).fill_null(False)
    mess = pl.when(pl.col("mess") == "").then(pl.lit(NO_MESS)).otherwise("mess").alias("mess")
    counts = rows.group_by(mess).agg(
        pl.len().alias("names"),
        right.sum().alias("right"),
        (~right & pl.col("name").is_not_null()).sum().alias("otherwise"),
        pl.col("name").is_null().sum().alias("unresolved"),
    )
    table = []
    for row in counts.sort("mess").iter_rows(named=True):
        low, high = wilson(row["right"], row["names"])
        table.append({**row, "resolved": row["right"] / row["names"], "low": low, "high": high})
    return pl.DataFrame(table, schema=_NAMES, orient="row")


def filter_numbers(catalog: Catalog, truth: pl.DataFrame, licences: str = "any") -> list[Number]:
    """The tables as Numbers: `filter.<name>.recall`, `filter.<name>.precision` and `names.<mess>.resolved`, with Wilson intervals."""
    group, numbers = "Filters against what was planted", []
    for row in filter_table(catalog, truth, licences).iter_rows(named=True):
        slug = row["filter"].replace(" ", "_")
        late = f"; another {row['elsewhere']} refused for other reasons" if row["elsewhere"] else ""
        wrong = f"; mistaken: {row['mistaken']}" if row["mistaken"] else ""
        for name, n, note in (
            ("recall", row["planted"] - row["elsewhere"], f"of {row['planted']} planted{late}"),
            ("precision", row["refused"], f"of {row['refused']} refused{wrong}"),
        ):
            if row[name] is not None:
                ends = row[f"{name}_low"], row[f"{name}_high"]
                numbers.append(
                    Number(f"filter.{slug}.{name}", row[name], *ends, unit="share", n=n, note=note, group=group)
                )
    for row in name_table(catalog, truth).iter_rows(named=True):
        note = f"{row['otherwise']} to another taxon, {row['unresolved']} to none"
        name = f"names.{row['mess'].replace(' ', '_').rstrip('.')}.resolved"
        ends = row["low"], row["high"]
        numbers.append(
            Number(
                name,
                row["resolved"],
                *ends,
                unit="share",
                n=row["names"],
                note=note,
                group="Names resolved to the true taxon",
            )
        )
    return numbers
