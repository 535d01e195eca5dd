"""Writes the drawn tree of life as an ordinary source: a folder of JPEG files and Darwin Core tables, with the truth apart."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl

from merian.core.chance import stream
from merian.core.store import atomic, write_text
from merian.core.workers import over_processes
from merian.drawn.detector import megadetector, true_boxes
from merian.drawn.faults import BROKEN, blank_frame, break_file, near_duplicate
from merian.drawn.mess import taxon_table
from merian.drawn.shots import organism_of, plan_images, shot_of
from merian.drawn.support import support_table
from merian.drawn.tables import occurrence_table, species_truth, trait_table, truth_table
from merian.drawn.world import DrawnTree, DrawSettings, draw_tree

__all__ = ["draw_images", "image_bytes", "image_path", "write_source", "write_support", "write_tables"]

CHUNK = 48
"""Images that a worker draws before it reports."""


def image_path(occurrence_id: str) -> str:
    """Where the image of a record lies, relative to the source folder."""
    return f"images/{occurrence_id[:2]}/{occurrence_id}.jpg"


def image_bytes(row: dict[str, object], settings: DrawSettings) -> bytes:
    """The file of one row of `shots.plan_images`, faults and all: a pure function of the row, the size and the quality."""
    from merian.drawn.scene import encode_jpeg, render

    fault = str(row["fault"])
    rng = stream(settings.seed, "file", str(row["occurrenceID"]))
    if fault == "blank":
        return encode_jpeg(blank_frame(settings.size, rng), settings.jpeg_quality)
    pixels = render(shot_of(row), organism_of(row), settings.size)
    if fault == "near duplicate":
        quality = int(np.clip(settings.jpeg_quality + rng.integers(-20, -5), 1, 100))
        return encode_jpeg(near_duplicate(pixels, rng), quality)
    data = encode_jpeg(pixels, settings.jpeg_quality)
    return break_file(data, fault, rng) if fault in BROKEN else data


def write_source(
    out: Path,
    settings: DrawSettings,
    progress: Callable[[int, int], None] | None = None,
    workers: int = 2,
) -> pl.DataFrame:
    """The truth table [images] of the source written at `out`; `progress` is called with the images done and their total.

    Images that stand there already are kept (they take their names only when complete), so a killed run goes on where it stopped and
    ends with the same bytes, whatever the number of `workers`. `out` must be new, or hold the same settings' earlier run.
    Raises BadSetting for settings that contradict each other.
    """
    world = draw_tree(settings)
    table = plan_images(world)
    draw_images(out, table, settings, progress, workers)
    write_support(out, world)
    return write_tables(out, world, table)


def draw_images(
    out: Path,
    table: pl.DataFrame,
    settings: DrawSettings,
    progress: Callable[[int, int], None] | None = None,
    workers: int = 2,
) -> int:
    """How many images were drawn: those of `table` (of `shots.plan_images`) that `out` lacked.

    Raises ChildProcessError when a worker was killed; what it drew stays.
    """
    for folder in sorted({image_path(i).rsplit("/", 1)[0] for i in table["occurrenceID"]}):
        (out / folder).mkdir(parents=True, exist_ok=True)
    for unfinished in (out / "images").glob("??/.*.part"):
        unfinished.unlink(missing_ok=True)
    there = {p.name for p in (out / "images").glob("??/*.jpg")}
    missing = table.filter(pl.Series([f"{i}.jpg" not in there for i in table["occurrenceID"]], dtype=pl.Boolean))
    total, done = len(table), len(table) - len(missing)
    chunks = list(missing.iter_slices(CHUNK))
    report = progress or (lambda done, total: None)
    report(done, total)
    for _, drawn in over_processes(functools.partial(_draw_chunk, out=out, settings=settings), chunks, workers):
        done += drawn
        report(done, total)
    return len(missing)


def _draw_chunk(chunk: pl.DataFrame, out: Path, settings: DrawSettings) -> int:
    for row in chunk.iter_rows(named=True):
        target = out / image_path(row["occurrenceID"])
        part = target.with_name(f".{target.name}.{os.getpid()}.part")
        # Renamed, but not flushed to the disk one by one as `store.atomic` does: that would take longer than drawing.
        part.write_bytes(image_bytes(row, settings))
        part.replace(target)
    return len(chunk)


def write_support(out: Path, world: DrawnTree) -> None:
    """Draw the pictures of `support.support_table` that `out` lacks."""
    for row in support_table(world).iter_rows(named=True):
        target = out / row["place"]
        if not target.is_file():
            with atomic(target) as stream_out:
                stream_out.write(image_bytes(row, world.settings))


def write_tables(out: Path, world: DrawnTree, table: pl.DataFrame) -> pl.DataFrame:
    """The truth table of `table` (of `shots.plan_images`), after writing it and all other tables of the source to `out`."""
    paths = [image_path(i) for i in table["occurrenceID"]]
    boxes = true_boxes(table)
    text = [",".join(f"{v:.4f}" for v in box) if box is not None else "" for box in boxes]
    truth = truth_table(table).with_columns(pl.Series("box", text, dtype=pl.String))
    csv = {
        "occurrence.csv": occurrence_table(world, table.with_columns(pl.Series("media", paths, dtype=pl.String))),
        "taxon.csv": taxon_table(world),
        "vernacular.csv": world.vernacular,
        "trait.csv": trait_table(world),
    }
    for name, frame in csv.items():
        write_text(out / name, frame.write_csv())
    for name, frame in {"truth.parquet": truth, "truth_species.parquet": species_truth(world)}.items():
        with atomic(out / name) as stream_out:
            frame.write_parquet(stream_out)
    write_text(out / "megadetector.json", megadetector(table, paths, boxes, world.settings.seed))
    write_text(out / "phylogeny.nwk", world.phylogeny.newick(world.species["scientificName"].to_list()))
    return truth
