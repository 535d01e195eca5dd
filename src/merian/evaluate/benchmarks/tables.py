"""Data sets that are a table with a row for each image: CSV, TSV or Parquet. Most are, so most tasks need no code.

The task names the columns (TableOptions). In Parquet, as the Hugging Face hub keeps it, the path column may hold the images themselves.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import polars as pl

from merian.core.delimited import read_delimited
from merian.core.errors import BadData, BadSetting, Missing
from merian.core.settings import knob
from merian.core.tree import RANKS
from merian.evaluate.benchmarks.items import ATTRIBUTE, Listing
from merian.evaluate.benchmarks.prompts import listed

__all__ = ["TableOptions", "flags", "read_columns", "table_listing"]


PLACE, ROW = "path of the image", "number of the row"
"""Columns that are made here."""
GIVEN = ("id", "split", "group", "fold", "task", "common")
"""Columns of Items that a table may have under another name."""


@dataclass(frozen=True, kw_only=True)
class TableOptions:
    """Which columns of a table tell what."""

    table: tuple[str, ...] = knob(
        (), "The table, or several of which the first that is there counts; * stands for any letters"
    )
    path: str = knob("", "Column with the path of the image; in Parquet it may hold the image itself")
    images: str = knob("", "Folder, below the data set's, that the paths begin in")
    suffix: str = knob("", "What the file's name has beyond the path column, such as .jpg")
    label: tuple[str, ...] = knob((), "Column with the label; several are joined with a blank")
    id: str = knob("", "Column with the image's own identifier")
    split: str = knob("", "Column with the split: train, test or another word")
    group: str = knob("", "Column that names what must stay together")
    fold: str = knob("", "Column with the fold of a cross-validation")
    task: str = knob("", "Column with the task, in a collection of tasks")
    common: str = knob("", "Column with a common name")
    ranks: tuple[str, ...] = knob(
        (), 'Columns of kingdom, phylum, class, order, family, genus and species; "" for none'
    )
    where: tuple[str, ...] = knob((), 'The rows that count: "column = value", several values with | between')
    attributes: tuple[str, ...] = knob((), "Columns of attributes: 1 or 0, yes or no, true or false")
    keep: tuple[str, ...] = knob((), "Further columns to keep")


def table_listing(root: Path, options: TableOptions) -> Listing:
    """The Listing of a data set in `root` that is a table.

    Raises Missing when the table is not there, BadData when it cannot be read or lacks a named column, BadSetting for options that make no sense.
    """
    for name in ("table", "path", "label"):
        if not getattr(options, name):
            raise BadSetting(f"options.{name}", getattr(options, name), "must be given in a task of layout table")
    if options.ranks and len(options.ranks) != len(RANKS):
        raise BadSetting(
            "options.ranks", options.ranks, f'must name {len(RANKS)} columns, {", ".join(RANKS)}; "" for none'
        )
    taken = [name for name in options.keep if name in (*RANKS, "path", "label", "known") or name in GIVEN]
    if taken:
        raise BadSetting("options.keep", taken, "would take the place of a column of the task's own")
    files, where = _files(root, options.table), [_condition(text) for text in options.where]
    ranks = dict(zip(RANKS, options.ranks, strict=False))
    needed = [options.path, *options.label, options.id, options.split, options.group, options.fold, options.task]
    needed += [options.common, *ranks.values(), *options.attributes, *options.keep, *(column for column, _ in where)]
    tables, remarks = [], list[str]()
    for file in files:
        table, notes = read_columns(file, [c for c in dict.fromkeys(needed) if c])
        place = file.relative_to(root).as_posix()
        tables.append(_paths(table, place, options))
        remarks += [f"{place}: {note}." for note in notes]
    frame = pl.concat(tables)
    for column, values in where:
        frame = frame.filter(pl.col(column).str.strip_chars().is_in(values))
    if not len(frame):
        raise BadData(files[0], "no row is left" + (f" with {' and '.join(options.where)}" if where else ""))
    given: dict[str, str] = {
        **{name: getattr(options, name) for name in GIVEN},
        **{str(rank): column for rank, column in ranks.items()},
        **{name: name for name in options.keep},
    }
    columns = [pl.col(PLACE).alias("path"), _label(options.label)]
    columns += [pl.col(column).alias(name) for name, column in given.items() if column]
    marks = [flags(column, files[0], frame[column]).alias(ATTRIBUTE + column) for column in options.attributes]
    chosen = frame.select(columns).hstack(marks)
    return Listing(chosen, attribute_names=options.attributes, remarks=tuple(remarks))


def read_columns(file: Path, needed: Sequence[str]) -> tuple[pl.DataFrame, list[str]]:
    """These columns of a table, text as text, and what was mended in it or left out; raises BadData when one is absent."""
    if file.suffix == ".parquet":
        try:
            schema = pl.read_parquet_schema(file)
            rows = pl.scan_parquet(file, glob=False).with_row_index(ROW)
            frame = rows.select(_in_parquet(c, schema[c]) for c in needed if c in schema).collect()
        except (pl.exceptions.PolarsError, OSError) as error:
            raise BadData(file, f"not a readable Parquet file: {str(error).splitlines()[0]}") from error
        names, notes = list(schema), list[str]()
    else:
        read = read_delimited(file)
        frame, names, notes = read.frame, read.frame.columns, list(read.notes)
        if len(read.refused):
            lines = listed([f"line {line}: {why}" for line, _, why in read.refused.rows()], 3)
            notes.append(f"{len(read.refused):,} lines are no rows and are left out ({lines})")
    absent = [c for c in needed if c not in names]
    if absent:
        raise BadData(file, f"lacks columns that the task names; it has {listed(names, 30)}", absent)
    return frame.select(needed), notes


def flags(name: str, file: Path, column: pl.Series) -> pl.Series:
    """A column of attributes as Int8, 0 or 1; raises BadData for a row that says neither."""
    words = {"1": 1, "1.0": 1, "true": 1, "yes": 1, "0": 0, "0.0": 0, "false": 0, "no": 0}
    text = column.cast(pl.String).str.strip_chars().str.to_lowercase()
    found = text.replace_strict(words, default=None, return_dtype=pl.Int8)
    if found.null_count():
        bad = text.filter(found.is_null()).unique(maintain_order=True).to_list()
        raise BadData(file, f"attribute {name!r} must be 1 or 0, yes or no, true or false in every row", bad)
    return found.alias(name)


def _in_parquet(column: str, kind: pl.DataType) -> pl.Expr:
    """A column as text; one of images as the place of each: its bytes are read when they are wanted."""
    if isinstance(kind, pl.Struct) or kind == pl.Binary:
        return (pl.lit("#") + pl.col(ROW).cast(pl.String) + pl.lit(f"/{column}")).alias(column)
    return pl.col(column).cast(pl.String)


def _files(root: Path, patterns: Sequence[str]) -> list[Path]:
    """The files of the first pattern that any fits."""
    for pattern in patterns:
        if PurePosixPath(pattern).is_absolute() or ".." in PurePosixPath(pattern).parts:
            raise BadSetting("options.table", pattern, "must lie below the data set's folder")
        found = [root / pattern] if (root / pattern).is_file() else sorted(f for f in root.glob(pattern) if f.is_file())
        if found:
            return found
    raise Missing("the table of the data set", root / patterns[0], f"the task looks for {' or '.join(patterns)} there")


def _paths(table: pl.DataFrame, place: str, options: TableOptions) -> pl.DataFrame:
    """The table with the column PLACE: below the data set's folder, or inside the Parquet file `place`."""
    column = pl.col(options.path)
    inside = table[options.path].str.starts_with("#") if place.endswith(".parquet") else pl.Series([False])
    if len(table) and inside.all():
        made = pl.lit(place) + column
    else:
        folder = f"{options.images.rstrip('/')}/" if options.images else ""
        # a path that begins at the root must not be made a harmless one by what is put before it
        whole = pl.lit(folder) + column.str.strip_chars() + pl.lit(options.suffix)
        made = pl.when(column.str.contains(r"^\s*([/\\~]|[A-Za-z]:)")).then(column).otherwise(whole)
    return table.with_columns(made.alias(PLACE))


def _condition(text: str) -> tuple[str, list[str]]:
    column, equals, values = text.partition("=")
    if not equals or not column.strip():
        raise BadSetting("options.where", text, 'must read "column = value", several values with | between')
    return column.strip(), [value.strip() for value in values.split("|")]


def _label(columns: Sequence[str]) -> pl.Expr:
    trimmed = (pl.col(c).str.strip_chars() for c in columns)
    return pl.concat_str([pl.when(t != "").then(t) for t in trimmed], separator=" ").alias("label")
