"""Leakage: how many images of one data set another one holds as well: by record, bytes, near duplicate, embedding, and by what they show or were taken with.

A benchmark whose images were in the training set measures memory: 65.4 % of a moth benchmark's test images turned out to be in a public training set once their
occurrence ids were compared (G. Mougeot, lepinet, paper draft of August 2026, 4.14). The same comparison of a catalog's own splits with one another audits
the catalog.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from merian.core import store
from merian.core.errors import BadData
from merian.core.report import Number, Report
from merian.core.settings import knob
from merian.core.tables import SPLITS
from merian.core.vectors import Embeddings
from merian.curate.identity import EVERYWHERE, identifiers, image_addresses
from merian.curate.near import pairs_within

__all__ = ["LEAKS", "WAYS", "Leakage", "LeakageSettings", "Side", "leakage"]

Prints = npt.NDArray[np.uint64]
WAYS = {
    "record": "the same record",
    "address": "the same image on the web",
    "hash": "the same bytes",
    "near": "a near duplicate",
    "embedding": "nearly the same vector",
    "specimen": "the same specimen",
    "individual": "the same individual",
    "event_id": "the same event",
    "camera": "the same camera",
    "group": "the same group",
    "cluster": "the same cluster of near duplicates",
}
"""The ways in which an image can be shared, and what each says of the two images."""
SAME_IMAGE = ("record", "address", "hash", "near", "embedding")
"""Ways that say that the record or the picture is the same; the others say that two pictures have something in common."""
LEAKS = {
    "b": pl.String,
    "split_b": pl.String,
    "by": pl.String,
    "a": pl.String,
    "split_a": pl.String,
    "images_a": pl.Int64,
    "distance": pl.Float64,
}
"""Columns of the leaks: an image of B and the first (or nearest) image of one split of A that shares `by` with it, of how many, and how far away."""
BLOCK = 1 << 24
"""Cosines in memory at once."""


@dataclass(frozen=True, kw_only=True)
class LeakageSettings:
    """How alike two images may be before they count as one."""

    radius: int = knob(
        16,
        "Bits of the 256 of two fingerprints that may differ in near duplicates; -1: do not look for any",
        unit="bit",
        ge=-1,
        le=64,
        source="120 real photos at half size and JPEG quality 50 to 85: all within 16, no two different ones within 80",
    )
    cosine: float = knob(0.98, "Cosine from which two embeddings are of one picture", gt=0, le=1)


@dataclass(frozen=True, eq=False)
class Side:
    """One of the two data sets: a row per image with id and, as far as known, source, publisher, url, references, split, hash and what keeps rows together.

    prints [n, 4] uint64 of the images with `has_print` [n]; vectors of those whose ids they hold. `bare`: a list of ids or hashes that says nothing of
    where they come from. Raises BadData when it has no rows, or an id twice.
    """

    name: str
    rows: pl.DataFrame
    digest: str = ""
    bare: bool = False
    prints: Prints | None = None
    has_print: npt.NDArray[np.bool_] | None = None
    vectors: Embeddings | None = None
    remarks: tuple[str, ...] = ()
    """What of the data set could not be compared, for the report."""

    def __post_init__(self) -> None:
        if self.rows.is_empty():
            raise BadData(self.name, "has no rows: there is nothing to compare")
        if self.rows["id"].n_unique() < len(self.rows):
            raise BadData(
                self.name, "an id stands twice", self.rows.filter(pl.col("id").is_duplicated())["id"].head(10).to_list()
            )

    @property
    def split(self) -> pl.Series:
        """[n] the split of each row, "all" in a data set without."""
        if "split" not in self.rows.columns:
            return pl.Series("split", ["all"]).new_from_index(0, len(self.rows))
        return self.rows["split"].fill_null("none")


@dataclass(frozen=True, eq=False)
class Leakage:
    """What two data sets share: a Report of numbers, the leaks (columns of LEAKS), and the ids of B that share nothing with A."""

    report: Report
    leaks: pl.DataFrame
    clean: pl.Series

    @property
    def found(self) -> bool:
        """Whether anything is shared."""
        return len(self.leaks) > 0


def leakage(a: Side, b: Side | None, settings: LeakageSettings | None = None, command: str = "") -> Leakage:
    """How many images of B are in A, per way and split of A, each with where. Without B the splits of A are held against one another.

    Counts are complete, not samples, so they carry no interval. Raises Mismatch when the two sides were embedded by different encoders.
    """
    settings = settings or LeakageSettings()
    own = b is None
    other = a if b is None else b
    remarks = [*a.remarks, *(() if own else other.remarks)]
    parts = [pl.DataFrame(schema=LEAKS)]
    for way in WAYS:
        found = _shared(way, a, other, own, settings, remarks)
        if found is not None:
            parts.append(_leaks(found, a, other, way, own))
    leaks = pl.concat(parts).sort("b", "by", "split_a", maintain_order=True)
    clean = other.rows["id"].filter(~other.rows["id"].is_in(leaks["b"].unique().implode()))
    inputs = {"a": a.digest} if own else {"a": a.digest, "b": other.digest}
    numbers = tuple(_numbers(leaks, a, other, own))
    title = f"Leakage between the splits of {a.name}" if own else f"Leakage of {other.name} into {a.name}"
    report = Report(title, command, inputs, numbers, dict(store.plain(settings)), tuple(remarks))
    return Leakage(report, leaks, clean)


def _shared(
    way: str, a: Side, b: Side, own: bool, settings: LeakageSettings, remarks: list[str]
) -> pl.DataFrame | None:
    """(row_b, row_a, split_a, images_a, distance): for each row of B the first or nearest row of each split of A; None when the way cannot be looked at."""
    if way == "record":
        found = [_by_identifier(a, b, "id", "id")]
        # the page of a record names it too, but only what means the same everywhere
        for one, two in (("references", "id"), ("id", "references"), ("references", "references")):
            if one in a.rows.columns and two in b.rows.columns:
                found.append(_by_identifier(a, b, one, two, everywhere=True))
        return pl.concat(found)
    if way == "address":
        return _by_value(image_addresses(a.rows), image_addresses(b.rows), a)
    if way == "near":
        if settings.radius < 0 or a.prints is None or b.prints is None:
            lacking = [s.name for s in ((a,) if own else (a, b)) if s.prints is None]
            if settings.radius >= 0:
                remarks.append(f"near duplicates were not looked for: no fingerprints of {' and '.join(lacking)}")
            return None
        return _by_print(a, b, settings.radius)
    if way == "embedding":
        if a.vectors is None or b.vectors is None:
            return None
        return _by_vector(a, b, (a.vectors, b.vectors), settings.cosine, remarks)
    if way in ("group", "cluster") and not own:
        return None  # numbers of one catalog mean nothing in another
    if way not in a.rows.columns or way not in b.rows.columns:
        return None
    if way in ("hash", "group", "cluster"):
        return _by_value(a.rows[way].str.to_lowercase(), b.rows[way].str.to_lowercase(), a)
    return _by_identifier(a, b, way, way)


def _by_identifier(a: Side, b: Side, of_a: str, of_b: str, everywhere: bool = False) -> pl.DataFrame:
    """Rows that share an identifier: the same value in the same scope, or a plain value where one side is a bare list."""
    # a specimen is known to its publisher, whatever the data set is called; an id means less
    owner = ("publisher", "source") if "id" in (of_a, of_b) else ("publisher",)
    sides = ((a, of_a), (b, of_b))
    mine, yours = (identifiers(s.rows, c, () if s.bare else _owner(s, owner)) for s, c in sides)
    left = pl.DataFrame({"value": mine.value, "scope": mine.scope, "split_a": a.split}).with_row_index("row_a")
    right = pl.DataFrame({"value": yours.value, "scope_b": yours.scope}).with_row_index("row_b")
    left = (
        left.drop_nulls("value")
        .group_by("value", "scope", "split_a")
        .agg(pl.col("row_a").min(), images_a=pl.len().cast(pl.Int64))
    )
    pairs = right.drop_nulls("value").join(left, on="value")
    same = pl.col("scope") == pl.col("scope_b")
    if everywhere:
        same &= pl.col("scope") == EVERYWHERE
    elif a.bare or b.bare:
        plain = (pl.col("scope") != EVERYWHERE) | pl.col("scope").is_null()
        same |= plain & (pl.col("scope").is_null() | pl.col("scope_b").is_null())
    else:
        same |= pl.col("scope").is_null() & pl.col("scope_b").is_null()
    return pairs.filter(same.fill_null(False)).select("row_b", "row_a", "split_a", "images_a", distance=pl.lit(0.0))


def _owner(side: Side, wanted: tuple[str, ...]) -> tuple[str, ...]:
    """The columns that say whose a plain value is: those wanted, else the source."""
    known = [c for c in wanted if c in side.rows.columns and side.rows[c].null_count() < len(side.rows)]
    return tuple(known) or ("source",)


def _by_value(of_a: pl.Series, of_b: pl.Series, a: Side) -> pl.DataFrame:
    left = pl.DataFrame({"value": of_a, "split_a": a.split}).with_row_index("row_a").drop_nulls("value")
    left = left.group_by("value", "split_a").agg(pl.col("row_a").min(), images_a=pl.len().cast(pl.Int64))
    right = pl.DataFrame({"value": of_b}).with_row_index("row_b").drop_nulls("value")
    return right.join(left, on="value").select("row_b", "row_a", "split_a", "images_a", distance=pl.lit(0.0))


def _by_print(a: Side, b: Side, radius: int) -> pl.DataFrame:
    """Rows whose fingerprints differ in at most `radius` bits. Equal prints are looked up once, so that many copies of one picture cost nothing."""
    sides = [(s.prints, s.has_print) for s in (a, b)]
    rows = [np.flatnonzero(has if has is not None else np.ones(len(p or ()), bool)) for p, has in sides]
    prints = [np.ascontiguousarray(p[r], np.uint64) for (p, _), r in zip(sides, rows, strict=True) if p is not None]
    every = np.concatenate(prints)
    whole = np.ascontiguousarray(every).view(np.dtype((np.void, every.shape[1] * 8))).ravel()
    _, first, number = np.unique(whole, return_index=True, return_inverse=True)
    unique = every[first]
    pairs = pairs_within(unique, radius) if len(unique) else np.zeros((0, 2), np.int64)
    apart = np.bitwise_count(unique[pairs[:, 0]] ^ unique[pairs[:, 1]]).sum(1, dtype=np.int64)
    itself = np.arange(len(unique))
    table = pl.DataFrame(
        {
            "print_b": np.concatenate([itself, pairs[:, 0], pairs[:, 1]]),
            "print_a": np.concatenate([itself, pairs[:, 1], pairs[:, 0]]),
            "distance": np.concatenate([np.zeros(len(itself)), apart, apart]).astype(np.float64),
        }
    )
    split = a.split.gather(rows[0])
    left = pl.DataFrame({"print_a": number[: len(rows[0])], "row_a": rows[0].astype(np.uint32), "split_a": split})
    left = left.group_by("print_a", "split_a").agg(pl.col("row_a").min(), images_a=pl.len().cast(pl.Int64))
    right = pl.DataFrame({"print_b": number[len(rows[0]) :], "row_b": rows[1].astype(np.uint32)})
    met = right.join(table, on="print_b").join(left, on="print_a")
    return met.select("row_b", "row_a", "split_a", "images_a", "distance")


def _by_vector(
    a: Side, b: Side, vectors: tuple[Embeddings, Embeddings], cosine: float, remarks: list[str]
) -> pl.DataFrame:
    """Rows whose vectors have at least that cosine: every pair is compared, a block at a time; `distance` is 1 - cosine."""
    of_a, of_b = vectors
    of_a.agree_with(of_b.fingerprint)
    rows_a, at_a = _embedded(a, of_a, remarks)
    rows_b, at_b = (rows_a, at_a) if a is b else _embedded(b, of_b, remarks)
    split = a.split.gather(rows_a)
    parts = []
    for name in split.unique().sort().to_list():
        mine = np.flatnonzero((split == name).to_numpy())
        theirs = of_a.vectors[at_a[mine]]
        step = max(1, BLOCK // max(1, len(theirs)))
        for start in range(0, len(rows_b), step):
            likeness = of_b.vectors[at_b[start : start + step]] @ theirs.T
            best, count = likeness.argmax(1), (likeness >= cosine).sum(1)
            near = np.flatnonzero(count)
            top = likeness[near, best[near]]
            parts.append(
                pl.DataFrame(
                    {
                        "row_b": rows_b[start + near].astype(np.uint32),
                        "row_a": rows_a[mine[best[near]]].astype(np.uint32),
                        "split_a": pl.Series([name], dtype=pl.String).new_from_index(0, len(near)),
                        "images_a": count[near].astype(np.int64),
                        "distance": np.clip(1 - top.astype(np.float64), 0, None),
                    }
                )
            )
    schema = {
        "row_b": pl.UInt32,
        "row_a": pl.UInt32,
        "split_a": pl.String,
        "images_a": pl.Int64,
        "distance": pl.Float64,
    }
    return pl.concat([pl.DataFrame(schema=schema), *parts])


def _embedded(
    side: Side, vectors: Embeddings, remarks: list[str]
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """The rows of a side that have a vector, and where those are."""
    place = pl.DataFrame({"id": vectors.ids}).with_row_index("at").unique("id", keep="first")
    found = side.rows.select("id").with_row_index("row").join(place, on="id", how="inner", maintain_order="left")
    if len(found) < len(side.rows):
        remarks.append(
            f"{len(side.rows) - len(found):,} of {len(side.rows):,} images of {side.name} have no embedding and were not compared by it"
        )
    return found["row"].cast(pl.Int64).to_numpy(), found["at"].cast(pl.Int64).to_numpy()


def _leaks(found: pl.DataFrame, a: Side, b: Side, way: str, own: bool) -> pl.DataFrame:
    """The pairs as leaks: one for each row of B and split of A, the nearest; within one data set only what two of its splits share."""
    found = found.with_columns(
        split_b=b.split.gather(found["row_b"]),
        a=a.rows["id"].gather(found["row_a"]),
        b=b.rows["id"].gather(found["row_b"]),
    )
    if own:
        order = {name: k for k, name in enumerate(SPLITS)}
        place = [pl.col(c).replace_strict(order, default=-1, return_dtype=pl.Int8) for c in ("split_a", "split_b")]
        found = found.filter((place[0] >= 0) & (place[0] < place[1]))
    nearest = found.sort("row_b", "split_a", "distance", "row_a").unique(
        ["row_b", "split_a"], keep="first", maintain_order=True
    )
    return nearest.with_columns(by=pl.lit(way)).select(pl.col(c).cast(t) for c, t in LEAKS.items())


def _numbers(leaks: pl.DataFrame, a: Side, b: Side, own: bool) -> Iterator[Number]:
    """Shares of B's images: in all and per way, then the same for each split of A (and, within one data set, of B)."""
    pairs: list[tuple[str, pl.DataFrame, int]] = []
    if own:
        sizes = dict(b.split.value_counts().iter_rows())
        names = [s for s in SPLITS if s in sizes]
        for i, one in enumerate(names):
            for two in names[i + 1 :]:
                some = leaks.filter((pl.col("split_a") == one) & (pl.col("split_b") == two))
                pairs.append((f"{two} in {one}", some, sizes[two]))
    else:
        pairs.append(("all", leaks, len(b.rows)))
        splits = a.split.unique().sort().to_list()
        if splits != ["all"]:
            for one in [s for s in (*SPLITS, "none") if s in splits]:
                pairs.append((one, leaks.filter(pl.col("split_a") == one), len(b.rows)))
    for group, some, n in pairs:
        ways = [w for w in WAYS if w in some["by"]]
        same = some.filter(pl.col("by").is_in(SAME_IMAGE))
        for name, part in [("any", some), ("image", same), *((w, some.filter(pl.col("by") == w)) for w in ways)]:
            count = part["b"].n_unique() if len(part) else 0
            yield Number(
                f"{group}.{name}", count / n if n else 0.0, None, None, "share", n, f"{count:,} of {n:,} images", group
            )
