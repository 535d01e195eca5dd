"""Data sets that are folders: one for each class, with or without one for each split around them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import polars as pl

from merian.core.errors import BadData, BadSetting, Missing
from merian.core.settings import knob
from merian.core.tree import RANKS
from merian.evaluate.benchmarks.items import Listing
from merian.evaluate.benchmarks.prompts import listed

__all__ = ["FolderOptions", "InatOptions", "class_images", "folder_listing", "inat_listing"]

SUFFIXES = frozenset((".bmp", ".gif", ".jfif", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"))
"""Ends of file names that say image."""
DEPTH = 8
"""Words of an iNat21 class folder: its number and the seven ranks."""


@dataclass(frozen=True, kw_only=True)
class FolderOptions:
    """Where the class folders are."""

    splits: tuple[str, ...] = knob(
        ("",), 'Folders of class folders: "train=small-train|train" is the first there; "" the set\'s own'
    )
    known: tuple[str, ...] = knob(
        (), "Classes whose labels category discovery is given; all others are to be discovered"
    )


@dataclass(frozen=True, kw_only=True)
class InatOptions:
    """Where an iNaturalist 2021 split lies."""

    annotations: tuple[str, ...] = knob(("val.json",), "The annotations; without them the folders' names tell the taxa")
    folder: str = knob("val", "Folder of the class folders")
    split: str = knob("test", "What the split is to the protocols")


def folder_listing(root: Path, options: FolderOptions) -> Listing:
    """The Listing of a data set in `root` with a folder for each class. Raises Missing when a split's folder is not there, BadData when it has no class."""
    rows: list[tuple[str, str, str]] = []
    classes: dict[str, None] = {}
    remarks: list[str] = []
    for text in options.splits:
        word, equals, places = text.partition("=")
        split, places = (word.strip(), places) if equals else ("", word)
        choice = [place.strip() for place in places.split("|")]
        for place in choice:
            if PurePosixPath(place).is_absolute() or ".." in PurePosixPath(place).parts:
                raise BadSetting("options.splits", text, "must lie below the data set's folder")
        found = next((place for place in choice if (root / place).is_dir()), None)
        if found is None:
            raise Missing(f"the folder of split {split!r}", root / choice[0], "unpack that part of the data set there")
        for label, images in class_images(root / found, remarks):
            classes[label] = None
            rows += [(f"{found}/{label}/{image}".lstrip("/"), label, split) for image in images]
    frame = pl.DataFrame(rows, schema={"path": pl.String, "label": pl.String, "split": pl.String}, orient="row")
    if options.known:
        frame = frame.with_columns(known=pl.col("label").is_in(list(options.known)))
        stray = [label for label in options.known if label not in classes]
        if stray:
            remarks.append(f"{len(stray)} of the {len(options.known)} known classes are not there: {listed(stray)}.")
    return Listing(frame, tuple(sorted(classes)), remarks=tuple(remarks), there=True)


def class_images(folder: Path, remarks: list[str]) -> Iterator[tuple[str, list[str]]]:
    """The class folders of `folder` by name, each with its images by name; remarks on what is neither. Raises BadData when there is no class folder."""
    classes = sorted(p for p in folder.iterdir() if p.is_dir() and not p.name.startswith("."))
    if not classes:
        raise BadData(folder, "has no class folders")
    odd: list[str] = []
    for place in classes:
        if not _utf8(place.name):
            odd.append(repr(place.name))
            continue
        images = []
        for file in sorted(p.name for p in place.iterdir() if p.is_file() and not p.name.startswith(".")):
            if _utf8(file) and PurePosixPath(file).suffix.casefold() in SUFFIXES:
                images.append(file)
            else:
                odd.append(f"{place.name}/{file if _utf8(file) else file.encode(errors='surrogateescape')!r}")
        yield place.name, images
    if odd:
        remarks.append(
            f"{len(odd):,} files or folders of {folder.name} are no images or not named in UTF-8: {listed(odd)}."
        )


def inat_listing(root: Path, options: InatOptions) -> Listing:
    """The Listing of an iNat21 split: by its annotations when they are there (they have common names), else by its class folders.

    Format: https://github.com/visipedia/inat_comp/tree/master/2021. Classes are called by genus and epithet. Raises Missing when neither is there, BadData
    when one cannot be read.
    """
    file = next((root / name for name in options.annotations if (root / name).is_file()), None)
    if file is not None:
        return _annotated(file, options)
    folder = root / options.folder
    if not folder.is_dir():
        raise Missing(
            "the images of iNat21", folder, f"unpack the split and its annotations ({options.annotations[0]}) there"
        )
    rows: list[tuple[str | None, ...]] = []
    remarks = [
        f"{options.annotations[0]} is not there: the taxa are read off the folders' names, without common names."
    ]
    bad, classes = [], set()
    for name, images in class_images(folder, remarks):
        # 00000_Animalia_Annelida_Clitellata_Haplotaxida_Lumbricidae_Lumbricus_terrestris
        words = name.split("_", DEPTH - 1)
        if len(words) != DEPTH or not words[0].isdigit():
            bad.append(name)
            continue
        genus, epithet = words[-2], words[-1].replace("_", " ")
        lineage = (*words[1:-1], f"{genus} {epithet}")
        classes.add(lineage[-1])
        rows += [(f"{options.folder}/{name}/{image}", f"{genus} {epithet}", *lineage) for image in images]
    if bad:
        raise BadData(folder, "a class folder must be called <number>_<seven ranks>", bad)
    frame = pl.DataFrame(rows, schema=dict.fromkeys(("path", "label", *RANKS), pl.String), orient="row")
    frame = frame.with_columns(split=pl.lit(options.split))
    return Listing(frame, tuple(sorted(classes)), remarks=tuple(remarks), there=True)


def _annotated(file: Path, options: InatOptions) -> Listing:
    data = _json(file)
    images = _records(data, "images", ("id", "file_name"), file)
    labels = _records(data, "annotations", ("image_id", "category_id"), file)
    names = ("kingdom", "phylum", "class", "order", "family", "genus", "specific_epithet")
    categories = _records(data, "categories", ("id", "name", *names), file, ("common_name",))
    taxa = categories.select(
        pl.col("id").alias("category_id"),
        pl.col("name").alias("label"),
        *names[:-1],
        species=pl.col("genus") + " " + pl.col("specific_epithet"),
        common="common_name",
    )
    if taxa["category_id"].is_duplicated().any():
        raise BadData(
            file,
            "a category's id stands twice",
            taxa.filter(pl.col("category_id").is_duplicated())["category_id"].to_list(),
        )
    images = images.rename({"id": "image_id", "file_name": "path"})
    frame = images.join(labels, on="image_id", how="left", maintain_order="left")
    frame = frame.join(taxa, on="category_id", how="left", maintain_order="left")
    remarks = []
    stray = labels.filter(~pl.col("image_id").is_in(images["image_id"].implode()))
    if len(stray):
        remarks.append(f"{len(stray):,} annotations are of images that are not listed.")
    nameless = frame.filter(pl.col("category_id").is_not_null() & pl.col("label").is_null())["category_id"]
    if len(nameless):
        remarks.append(
            f"{len(nameless):,} images have a category without a name: {listed(nameless.unique().sort().to_list())}."
        )
    frame = frame.drop("image_id", "category_id").with_columns(split=pl.lit(options.split))
    return Listing(frame, tuple(sorted(set(taxa["label"].to_list()))), remarks=tuple(remarks))


def _json(file: Path) -> dict[str, Any]:
    try:
        data = json.loads(file.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise BadData(file, f"not sound JSON: {str(error).splitlines()[0]}") from error
    if not isinstance(data, dict):
        raise BadData(file, "must be a JSON object with images, annotations and categories")
    return data


def _records(
    data: dict[str, Any], key: str, needed: Sequence[str], file: Path, more: Sequence[str] = ()
) -> pl.DataFrame:
    """A list of JSON objects as a table of text; raises BadData when it is absent or an object lacks a key."""
    records = data.get(key)
    if not isinstance(records, list):
        raise BadData(file, f"has no list {key!r}")
    bad = [k for k, r in enumerate(records) if not isinstance(r, dict) or any(r.get(n) in (None, "") for n in needed)]
    if bad:
        raise BadData(file, f"each of {key!r} needs {', '.join(needed)}", [f"number {k}" for k in bad])
    columns = {name: [None if (v := r.get(name)) is None else str(v) for r in records] for name in (*needed, *more)}
    return pl.DataFrame(columns, schema=dict.fromkeys(columns, pl.String))


def _utf8(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True
