"""The plain sources: a table of photos, a folder with a Darwin Core occurrence table, a folder of photos."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import polars as pl

from merian.core.errors import BadData
from merian.core.tree import read_table
from merian.curate.sources.columns import ALIASES, hash_of, labelled, located, taken
from merian.curate.sources.files import parquet_schema
from merian.curate.sources.gather import Batch, Origin, content_digest, gathered
from merian.curate.sources.seam import REFUSED, Source
from merian.curate.sources.text import text_file

__all__ = ["darwin_core", "folder_of_photos", "labelled_rows", "photo_table"]

TABLES = (".csv", ".tsv", ".txt", ".csv.gz", ".tsv.gz", ".parquet")
WHOLE = 64 << 20
"""Bytes of a Parquet table that is read at once."""
STEP = 100_000
"""Rows of a Parquet table that are read at once."""

IMAGES = frozenset((".jpg", ".jpeg", ".png", ".gif", ".webp", ".tif", ".tiff", ".bmp", ".jp2", ".avif"))


def darwin_core(path: Path) -> Source | None:
    """A folder with occurrence.csv or occurrence.txt that has an associatedMedia column of local paths."""
    for name in ("occurrence.csv", "occurrence.txt"):
        file = path / name
        if file.is_file():
            taxa = next((t for t in (path / "taxon.csv", path / "taxon.txt") if t.is_file()), None)
            return _from_table(file, path, path.name, taxa)
    return None


def photo_table(path: Path) -> Source | None:
    """A CSV, TSV (also gzipped) or Parquet with a path column, relative to the table's folder, or with a url column."""
    if not path.is_file() or not path.name.endswith(TABLES):
        return None
    return _from_table(path, path.parent, path.stem, None)


def folder_of_photos(path: Path) -> Source | None:
    """A folder of image files; the folder a file lies in is its class ("Pica hudsonia", "Pica_hudsonia", any label), "" at the top."""
    if not path.is_dir():
        return None
    files = sorted(p for p in path.rglob("*") if p.is_file() and not p.name.startswith("."))
    chosen = [p for p in files if p.suffix.lower() in IMAGES]
    if not chosen:
        found = f"but {len(files)} other files" if files else "it is empty"
        raise BadData(path, f"no images in this folder, {found}; looked for {' '.join(sorted(IMAGES))}")
    # a file name need not be text; what is not becomes \xff, and a row that is refused: no table could name the file
    paths = [_text(p.relative_to(path)) for p in chosen]
    labels = [_text(p.parent.name).replace("_", " ").strip() if p.parent != path else None for p in chosen]
    table = pl.DataFrame(
        {"path": paths, "verbatim_name": labels}, schema={"path": pl.String, "verbatim_name": pl.String}
    )
    content = "\n".join(f"{p} {f.stat().st_size}" for p, f in zip(paths, chosen, strict=True))
    origin = Origin(path.name or "photos", path, hash_of(content.encode())[:24], own=True)
    return gathered(origin, lambda: iter([Batch(labelled(table, table), pl.DataFrame(schema=REFUSED))]))


def _from_table(file: Path, root: Path, name: str, taxa: Path | None) -> Source:
    parquet = file.suffix == ".parquet"
    names = list(parquet_schema(file)) if parquet else text_file(file).names()
    if not names:
        raise BadData(file, "the file is empty" if not parquet else "has no columns")
    known = taken(pl.DataFrame(schema=dict.fromkeys(names, pl.String))).columns
    if "path" not in known and "url" not in known:
        raise BadData(
            file, f"no column says where the images are; it may be called {', '.join(ALIASES['path'])}", names
        )

    def batches() -> Iterator[Batch]:
        for raw, refused, size in _frames(file):
            yield Batch(labelled_rows(raw, many=taxa is not None or file.stem == "occurrence"), refused, size)

    inputs = [file, *([taxa] if taxa is not None else [])]
    digest = content_digest(inputs, "table")
    return gathered(Origin(name, root, digest, file.stat().st_size, None, taxa, own=True), batches)


def labelled_rows(raw: pl.DataFrame, many: bool = False) -> pl.DataFrame:
    """The rows of a table of photos, a row each: columns of the catalog found by their names, and the lineages of the labels."""
    raw = raw.with_row_index("_raw")
    table = located(taken(raw).with_columns(raw["_raw"]), many)
    return labelled(table.drop("_raw"), raw[table["_raw"]])


def _frames(file: Path) -> Iterator[tuple[pl.DataFrame, pl.DataFrame, int]]:
    nothing = pl.DataFrame(schema=REFUSED)
    if file.suffix != ".parquet":
        for block in text_file(file).blocks():
            yield block.frame, block.refused, block.size
        return
    if file.stat().st_size <= WHOLE:
        yield read_table(file), nothing, file.stat().st_size
        return
    scan = pl.scan_parquet(file, glob=False)
    total = scan.select(pl.len()).collect().item()
    for start in range(0, total, STEP):
        yield scan.slice(start, STEP).collect(), nothing, file.stat().st_size * STEP // total


def _text(path: Path | str) -> str:
    return os.fsencode(path).decode(errors="backslashreplace")
