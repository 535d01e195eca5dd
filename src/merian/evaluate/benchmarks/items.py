"""The images of a benchmark, however its data set is distributed: one table of paths, labels, splits and lineages, and what was odd about them.

A layout (layouts.py) lists what a data set says; `settle` checks the list in one place, the same for all: no path leaves the folder, no image stands twice,
every file is there, every class has a name.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl

from merian.core.errors import BadData, Missing
from merian.core.tree import RANKS, Lineage, normal_lineages
from merian.evaluate.benchmarks.prompts import Rule, Subject, listed, prompts_of

__all__ = ["ATTRIBUTE", "Items", "Listing", "image_bytes", "settle"]

ATTRIBUTE = "attribute:"
"""Begins the names of a Listing's attribute columns, which may be called anything ("group", "tree")."""
ESCAPES = r"^[/\\~]|^[A-Za-z]:|(^|[/\\])\.\.([/\\]|$)|\x00"
"""What a path that stays in its folder does not have: a root, a drive, a home, a step up."""
OWN = ("id", "path", "label", "split", "group", "fold")


@dataclass(frozen=True, eq=False)
class Items:
    """One benchmark's images, as its data set is distributed.

    frame: one row an image: id (unique), path (absolute; "file.parquet#row/column" for an image inside a Parquet file, see `image_bytes`), label (Int32, index
    into classes; -1: none), split ("train", "test", another word of the set, "" when it has none), group (what must stay together, or null), fold (or
    null); where the set tells them the seven ranks, common (a name), task (of a collection of tasks), known (whether category discovery is given the
    class's labels) and further columns that a task keeps.
    classes [k]: labels as distributed. prompts [k]: the text of each class, without a template. lineages [k]: the ranks that all images of a class share, down
    to the first that differs; None where the set tells none. attributes [n, m]: 0 or 1, with attribute_names [m]. remarks: what was odd.
    """

    frame: pl.DataFrame
    classes: tuple[str, ...]
    prompts: tuple[str, ...]
    lineages: tuple[Lineage | None, ...]
    attributes: npt.NDArray[np.int8] | None
    attribute_names: tuple[str, ...]
    remarks: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.frame)


@dataclass(frozen=True, eq=False)
class Listing:
    """What a layout reads off a data set, not yet checked.

    frame: path (below the data set's folder, forward slashes) and label (String or null), and of the columns of `Items.frame` those that the set tells;
    ranks as they are written. classes: their order, when the set has one. attribute_names [m]: their values stand in columns that begin with ATTRIBUTE.
    there: whether the files themselves were listed, so that none can be missing.
    """

    frame: pl.DataFrame
    classes: tuple[str, ...] = ()
    attribute_names: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()
    there: bool = False


def settle(listing: Listing, root: Path, rule: Rule) -> Items:
    """The Items of a data set in the folder `root`, prompts made by `rule`.

    Raises BadData when a path leads out of the folder, an image has two labels, ids repeat, nothing is listed or labelled; Missing when no file is there.
    """
    if not len(listing.frame):
        raise BadData(root, "the data set lists no image")
    remarks = list(listing.remarks)
    frame = _whole(listing.frame, root, remarks)
    _refuse_escapes(frame, root)
    frame = _single(frame, root, remarks)
    if frame["id"].is_duplicated().any() or frame["id"].null_count():
        twice = frame.filter(pl.col("id").is_duplicated() | pl.col("id").is_null())["id"].unique(maintain_order=True)
        raise BadData(root, "an id that is empty or stands for several images", twice.to_list())
    classes = listing.classes or tuple(sorted(frame["label"].drop_nulls().unique().to_list()))
    if not classes:
        raise BadData(root, "no image has a label")
    subjects = _subjects(frame, classes, remarks)
    prompts, said = prompts_of(rule, subjects)
    if not listing.there:
        frame = _present(frame, root, remarks)
    numbers = {label: k for k, label in enumerate(classes)}
    frame = frame.with_columns(label=pl.col("label").replace_strict(numbers, default=-1, return_dtype=pl.Int32))
    _count(frame, classes, remarks)
    attributes = None
    if listing.attribute_names:
        columns = [ATTRIBUTE + name for name in listing.attribute_names]
        attributes = np.ascontiguousarray(frame.select(columns).to_numpy().astype(np.int8))
        frame = frame.drop(columns)
    base = root.absolute()
    frame = frame.with_columns(path=pl.lit(f"{base.as_posix().rstrip('/')}/") + pl.col("path"))
    rest = [c for c in frame.columns if c not in (*OWN, *RANKS)]
    frame = frame.select(*OWN, *(r for r in RANKS if r in frame.columns), *rest)
    lineages = tuple(subject.lineage for subject in subjects)
    return Items(frame, classes, prompts, lineages, attributes, listing.attribute_names, (*remarks, *said))


def image_bytes(path: str) -> bytes:
    """The bytes of an image of `Items.frame`, also when it lies in a Parquet file; raises BadData when it cannot be read."""
    from merian.curate.sources.huggingface import PLACE, Columnar
    from merian.curate.sources.seam import NoBytes

    place = PLACE.match(path)
    try:
        if place is None or Path(path).is_file():
            return Path(path).read_bytes()
        file = Path(place[1])
        return Columnar(file.parent).read(f"{file.name}{path[len(place[1]) :]}")
    except (OSError, NoBytes) as error:
        raise BadData(path, f"an image that cannot be read: {error}") from error


def _whole(frame: pl.DataFrame, root: Path, remarks: list[str]) -> pl.DataFrame:
    """The rows with a path, all of the columns OWN, text trimmed and "" as null, and the ranks as the rest of the software writes them."""
    pathless = frame["path"].is_null() | (frame["path"] == "")
    if pathless.all():
        raise BadData(root, "no row has a path")
    if pathless.any():
        remarks.append(f"{pathless.sum():,} rows have no path and are left out.")
        frame = frame.filter(~pathless)
    text = [c for c in ("id", "label", "group", "fold", "common", "task") if c in frame.columns]
    trimmed = (pl.col(c).cast(pl.String).str.strip_chars() for c in text)
    frame = frame.with_columns(pl.when(t != "").then(t) for t in trimmed)
    missing = [c for c in ("label", "group", "fold") if c not in frame.columns]
    frame = frame.with_columns(pl.lit(None, pl.String).alias(c) for c in missing)
    if "id" not in frame.columns:
        frame = frame.with_columns(id=pl.col("path"))
    split = pl.col("split").str.strip_chars().fill_null("") if "split" in frame.columns else pl.lit("")
    frame = frame.with_columns(split=split)
    ranks = [r for r in RANKS if r in frame.columns]
    if not ranks:
        return frame
    lineage = normal_lineages(frame.select(ranks))
    initial = (
        pl.when(pl.col(r).str.to_lowercase() == pl.col(r))
        .then(pl.col(r).str.slice(0, 1).str.to_uppercase() + pl.col(r).str.slice(1))
        .otherwise(r)
        .alias(r)
        for r in RANKS
    )
    return frame.drop(ranks).hstack(lineage.select(initial))


def _refuse_escapes(frame: pl.DataFrame, root: Path) -> None:
    """Raise BadData when a path is absolute, has a step up, or holds what no path can."""
    odd = frame["path"].str.contains(ESCAPES)
    if odd.any():
        bad = [repr(path) for path in frame["path"].filter(odd).to_list()]
        raise BadData(root, "a path must lead to a file below the data set's folder", bad)


def _single(frame: pl.DataFrame, root: Path, remarks: list[str]) -> pl.DataFrame:
    """The frame with every image once; raises BadData for one that is listed with two labels."""
    twice = frame.filter(pl.col("path").is_duplicated())
    if not len(twice):
        return frame
    what = [pl.struct("label", "split", *(c for c in ("task",) if c in frame.columns)).n_unique().alias("kinds")]
    kinds = twice.group_by("path", maintain_order=True).agg(what)
    torn = kinds.filter(pl.col("kinds") > 1)["path"].to_list()
    if torn:
        raise BadData(root, "an image is listed more than once, with different labels, splits or tasks", torn)
    single = frame.unique("path", keep="first", maintain_order=True)
    remarks.append(f"{len(frame) - len(single):,} rows repeat an image and are left out.")
    return single


def _subjects(frame: pl.DataFrame, classes: Sequence[str], remarks: list[str]) -> list[Subject]:
    """What the images of each class agree on: the ranks down to the first that differs, and the common name."""
    known = [c for c in (*RANKS, "common") if c in frame.columns]
    if not known:
        return [Subject(label) for label in classes]
    agreed = (
        frame.filter(pl.col("label").is_not_null())
        .group_by("label")
        .agg(
            *(pl.when(pl.col(c).n_unique() == 1).then(pl.col(c).first()).alias(c) for c in known),
            *((pl.col(c).n_unique() > 1).alias(f"torn {c}") for c in known),
        )
    )
    rows = {row["label"]: row for row in agreed.iter_rows(named=True)}
    subjects, mixed = [], []
    for label in classes:
        row = rows.get(label, {})
        path: list[str | None] = []
        torn = False
        for rank in RANKS:
            torn = torn or bool(row.get(f"torn {rank}"))
            path.append(None if torn else row.get(rank))
        if torn:
            mixed.append(label)
        subjects.append(Subject(label, Lineage(*path) if any(path) else None, row.get("common")))
    if mixed:
        remarks.append(
            f"{len(mixed)} classes hold several lineages and are known by what these share: {listed(mixed)}."
        )
    return subjects


def _present(frame: pl.DataFrame, root: Path, remarks: list[str]) -> pl.DataFrame:
    """The rows whose file is there; raises Missing when none is."""
    files = frame["path"].str.replace(r"(\.parquet)#\d+/[^/]+$", "$1")
    there = {name: (root / name).is_file() for name in files.unique().to_list()}
    found = pl.Series([there[name] for name in files.to_list()], dtype=pl.Boolean)
    if not found.any():
        raise Missing(
            "any of the listed images", root / files[0], "unpack the images there, as the data set's page says"
        )
    if not found.all():
        lost = frame["path"].filter(~found).to_list()
        remarks.append(f"{len(lost):,} of {len(frame):,} listed images are not there and are left out: {listed(lost)}.")
    return frame.filter(found)


def _count(frame: pl.DataFrame, classes: Sequence[str], remarks: list[str]) -> None:
    """Remarks on images without a label, and on classes with no image or one."""
    counts = np.bincount(frame["label"].to_numpy() + 1, minlength=len(classes) + 1)
    if counts[0]:
        remarks.append(f"{counts[0]:,} images have no label.")
    for number, what in ((0, "no image"), (1, "one image, so they cannot be both shown and asked about")):
        few = [classes[k] for k in np.flatnonzero(counts[1:] == number).tolist()]
        if few:
            remarks.append(f"{len(few)} classes have {what}: {listed(few)}.")
