"""Data sets of several text lists: NABirds' (the form of CUB-200 too) and Animals with Attributes 2; and FishNet's pair of tables with traits."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl

from merian.core import lines
from merian.core.errors import BadData, Missing
from merian.core.settings import knob
from merian.evaluate.benchmarks.folders import class_images
from merian.evaluate.benchmarks.items import ATTRIBUTE, Listing
from merian.evaluate.benchmarks.prompts import listed
from merian.evaluate.benchmarks.tables import flags, read_columns

__all__ = ["FishNetOptions", "NoOptions", "awa2_listing", "fishnet_listing", "nabirds_listing"]

FISHNET_TRAITS = (
    "FeedingPath",
    "Tropical",
    "Temperate",
    "Subtropical",
    "Boreal",
    "Polar",
    "freshwater",
    "saltwater",
    "brackish",
)
"""The columns of FishNet's functional traits; FeedingPath is "pelagic" (1) or "benthic" (0)."""
FISHNET_RANKS = {"class": "Class", "order": "Order", "family": "Family", "genus": "Genus", "species": "species"}


@dataclass(frozen=True, kw_only=True)
class NoOptions:
    """A layout whose files always have the same names."""


@dataclass(frozen=True, kw_only=True)
class FishNetOptions:
    """Where FishNet's annotations are: in its repository they lie in anns/, copies often lie beside the images."""

    folders: tuple[str, ...] = knob(("anns", ""), "Folders with train.csv and test.csv; the first that has both counts")
    images: str = knob("Image_Library", "Folder of the images")


def nabirds_listing(root: Path, options: NoOptions) -> Listing:
    """The Listing of NABirds: images.txt, image_class_labels.txt, classes.txt and train_test_split.txt; each line an identifier, a blank and the rest.

    Only the 555 visual categories have images; hierarchy.txt, whose groups are not the seven ranks, is not read. Raises Missing when one of the
    first three is not there, BadData for a line without a blank or an identifier with two values.
    """
    remarks: list[str] = []
    paths = _pairs(root / "images.txt", remarks)
    labels = _pairs(root / "image_class_labels.txt", remarks)
    names = _pairs(root / "classes.txt", remarks)
    frame = pl.DataFrame({"id": list(paths), "path": [f"images/{p}" for p in paths.values()]})
    number = [labels.get(image) for image in paths]
    frame = frame.with_columns(label=pl.Series([names.get(n or "") for n in number], dtype=pl.String))
    nameless = sorted({n for n in number if n is not None and n not in names})
    if nameless:
        count = sum(n in nameless for n in number)
        remarks.append(f"{len(nameless)} classes of {count:,} images have no name in classes.txt: {listed(nameless)}.")
    stray = len(labels.keys() - paths.keys())
    if stray:
        remarks.append(f"{stray:,} labels are of images that images.txt does not list.")
    called: dict[str, set[str]] = {}
    for n in number:
        if n in names:
            called.setdefault(names[n], set()).add(n)
    several = [name for name, numbers in called.items() if len(numbers) > 1]
    if several:
        remarks.append(
            f"{len(several)} names stand for several class numbers and are taken for one class: {listed(several)}."
        )
    if not (root / "train_test_split.txt").is_file():
        remarks.append("train_test_split.txt is not there: the images have no split.")
        return Listing(frame, remarks=tuple(remarks))
    sides = _pairs(root / "train_test_split.txt", remarks)
    words = {"1": "train", "0": "test"}
    odd = [f"{image} {side}" for image, side in sides.items() if side not in words]
    if odd:
        raise BadData(root / "train_test_split.txt", "must say 1 (train) or 0 (test) of an image", odd)
    split = [words.get(sides.get(image, ""), "") for image in paths]
    if "" in split:
        remarks.append(f"{split.count(''):,} images are in neither train nor test.")
    return Listing(frame.with_columns(split=pl.Series(split)), remarks=tuple(remarks))


def awa2_listing(root: Path, options: NoOptions) -> Listing:
    """The Listing of Animals with Attributes 2: JPEGImages/<class>/, classes.txt, predicates.txt, their binary matrix, trainclasses.txt, testclasses.txt.

    Attributes are those of the class; the split is by class, so that they are asked of animals never shown. Lines of classes.txt and predicates.txt are a
    number and a name, copies without the number are read too. Raises Missing, and BadData when the matrix does not fit the lists.
    """
    classes, predicates = (_names(root / f"{name}.txt") for name in ("classes", "predicates"))
    sides = {word: _names(root / f"{word}classes.txt") for word in ("train", "test")}
    both = sorted(set(sides["train"]) & set(sides["test"]))
    if both:
        raise BadData(root, "a class is in trainclasses.txt and in testclasses.txt", both)
    stray = sorted(set(sides["train"] + sides["test"]) - set(classes))
    if stray:
        raise BadData(root / "classes.txt", "lacks classes of trainclasses.txt or testclasses.txt", stray)
    matrix = _matrix(root / "predicate-matrix-binary.txt", (len(classes), len(predicates)))
    remarks: list[str] = []
    folder = root / "JPEGImages"
    if not folder.is_dir():
        raise Missing("the images", folder, "unpack AwA2-data.zip")
    split = {name: word for word, names in sides.items() for name in names}
    rows, unknown = [], []
    for name, images in class_images(folder, remarks):
        if name not in classes:
            unknown.append(name)
            continue
        rows += [(f"JPEGImages/{name}/{image}", name, split.get(name, "")) for image in images]
    if unknown:
        remarks.append(
            f"{len(unknown)} folders of JPEGImages are not in classes.txt and are left out: {listed(unknown)}."
        )
    frame = pl.DataFrame(rows, schema={"path": pl.String, "label": pl.String, "split": pl.String}, orient="row")
    of_class = pl.DataFrame({"label": classes}).hstack(
        [pl.Series(ATTRIBUTE + name, matrix[:, k], pl.Int8) for k, name in enumerate(predicates)]
    )
    frame = frame.join(of_class, on="label", how="left", maintain_order="left")
    return Listing(frame, classes, predicates, tuple(remarks), there=True)


def fishnet_listing(root: Path, options: FishNetOptions) -> Listing:
    """The Listing of FishNet: train.csv and test.csv, images at Image_Library/<Folder>/<name>, nine traits, families as classes.

    Rows that lack a trait are left out, as in the published protocol. Images of one genus are in both splits: a remark counts them, since traits belong to the
    species and not to the image. Raises Missing when a table is not there, BadData when it lacks a column or a trait has a strange value.
    """
    place = next(
        (p for p in options.folders if all((root / p / f"{w}.csv").is_file() for w in ("train", "test"))), None
    )
    if place is None:
        where = root / options.folders[0] / "train.csv"
        raise Missing("FishNet's annotations", where, "copy train.csv and test.csv from anns/ of its repository there")
    parts, remarks = [], list[str]()
    for word in ("train", "test"):
        file = root / place / f"{word}.csv"
        table, notes = read_columns(file, ["image", "Folder", *FISHNET_RANKS.values(), *FISHNET_TRAITS])
        remarks += [f"{word}.csv: {note}." for note in notes]
        blank = pl.any_horizontal(pl.col(c).is_null() | (pl.col(c).str.strip_chars() == "") for c in FISHNET_TRAITS)
        whole = table.filter(~blank)
        if len(whole) < len(table):
            remarks.append(
                f"{len(table) - len(whole):,} of {len(table):,} rows of {word}.csv lack a trait and are left out."
            )
        paths = {"pelagic": "1", "benthic": "0"}
        whole = whole.with_columns(pl.col("FeedingPath").str.strip_chars().str.to_lowercase().replace(paths))
        values = [flags(name, file, whole[name]).alias(ATTRIBUTE + name) for name in FISHNET_TRAITS]
        file_name = pl.col("image").str.strip_chars().str.split("/").list.last()
        parts.append(
            whole.select(
                (pl.lit(f"{options.images}/") + pl.col("Folder").str.strip_chars() + "/" + file_name).alias("path"),
                pl.col("Family").alias("label"),
                pl.lit(word).alias("split"),
                *(pl.col(column).alias(rank) for rank, column in FISHNET_RANKS.items()),
            ).hstack(values)
        )
    frame = pl.concat(parts)
    shown = frame.filter(pl.col("split") == "train")["genus"].drop_nulls().unique().implode()
    asked = frame.filter((pl.col("split") == "test") & pl.col("genus").is_not_null())
    shared = asked.filter(pl.col("genus").is_in(shown))
    if len(shared):
        remarks.append(
            f"{len(shared):,} of {len(asked):,} test images are of a genus that is in train too: traits can be learned by name."
        )
    return Listing(frame, attribute_names=FISHNET_TRAITS, remarks=tuple(remarks))


def _text(file: Path, remarks: list[str] | None = None) -> Iterator[tuple[int, str]]:
    """The lines of a list that are not blank, with their numbers; a remark when some are not UTF-8 (they are read as Windows-1252)."""
    if not file.is_file():
        raise Missing("a list of the data set", file, "unpack the data set whole")
    odd = 0
    with file.open("rb") as stream:
        for number, (line, strange) in enumerate(lines.lines_of(stream, None), 1):
            odd += strange
            if line.strip():
                yield number, line.replace("\0", "").strip()
    if odd and remarks is not None:
        remarks.append(f"{odd:,} lines of {file.name} are no UTF-8 and were read as Windows-1252.")


def _pairs(file: Path, remarks: list[str]) -> dict[str, str]:
    """Identifier -> the rest of its line; a remark on lines that repeat. Raises BadData for a line without a rest, or an identifier with two."""
    found: dict[str, str] = {}
    bare, torn, again = [], [], 0
    for number, line in _text(file, remarks):
        key, _, rest = line.partition(" ")
        if not rest.strip():
            bare.append(f"line {number}: {line[:60]!r}")
        elif key not in found:
            found[key] = rest.strip()
        elif found[key] == rest.strip():
            again += 1
        else:
            torn.append(f"line {number}: {line[:60]!r}")
    if bare:
        raise BadData(file, "a line must be an identifier, a blank and its value", bare)
    if torn:
        raise BadData(file, "an identifier has two values", torn)
    if again:
        remarks.append(f"{again:,} lines of {file.name} repeat another and are left out.")
    return found


def _names(file: Path) -> tuple[str, ...]:
    """The names in a list, one a line, with or without a number before; raises BadData for a name that stands twice."""
    names = []
    for _, line in _text(file):
        words = line.split(None, 1)
        names.append(words[1].strip() if len(words) == 2 and words[0].isdigit() else line)
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise BadData(file, "a name stands twice", twice)
    if not names:
        raise BadData(file, "the list is empty")
    return tuple(names)


def _matrix(file: Path, shape: tuple[int, int]) -> npt.NDArray[np.int8]:
    """The 0 and 1 of a matrix in text [classes, predicates]; raises BadData when a line does not fit."""
    rows, bad = [], []
    for number, line in _text(file):
        words = line.split()
        if len(words) != shape[1] or set(words) - {"0", "1"}:
            bad.append(f"line {number}")
        rows.append([word == "1" for word in words])
    if bad:
        raise BadData(file, f"a line must be {shape[1]} times 0 or 1, one for each predicate", bad)
    if len(rows) != shape[0]:
        raise BadData(file, f"has {len(rows)} lines for {shape[0]} classes")
    return np.array(rows, np.int8)
