"""The drawn tree of life as a store: its source folder with a manifest, and the plate of its species."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl

from merian.core import progress, store
from merian.core.workers import cores
from merian.drawn.organism import Organism
from merian.drawn.shots import organism_of, plan_images
from merian.drawn.source import draw_images, write_support, write_tables
from merian.drawn.world import DrawnTree, DrawSettings, draw_tree

__all__ = ["SHEET", "draw_source", "plate"]

FORMAT = 1
SHEET = "contact_sheet.png"
COLUMNS = 8
CELL_PX = 230


def draw_source(out: Path, settings: DrawSettings, overwrite: bool = False) -> pl.DataFrame:
    """The truth table of the drawn source at `out`, drawn unless it is there already; a killed run goes on."""
    work = store.begin(out, "source", FORMAT, settings, {}, overwrite)
    if work.done:
        return pl.read_parquet(out / "truth.parquet", glob=False)
    world = draw_tree(settings)
    table = plan_images(world)
    with progress.track("Drawing organisms", len(table), "images") as advance:
        seen = 0

        def report(done: int, total: int) -> None:
            nonlocal seen
            advance(done - seen)
            seen = done

        draw_images(out, table, settings, report, cores())
    write_support(out, world)
    with store.atomic(out / SHEET) as stream:
        stream.write(plate(world, table))
    truth = write_tables(out, world, table)
    work.finish()
    return truth


def plate(world: DrawnTree, table: pl.DataFrame, columns: int = COLUMNS) -> bytes:
    """A plate of the world as PNG: a row for each body plan, its species spread over its families, one of them young, larval or ill.

    `table` is that of `shots.plan_images`; each organism shown is the first healthy adult of its species in it.
    """
    from merian.drawn.sheet import contact_sheet, encode_png

    cells: list[tuple[Organism, None, str]] = []
    clean = table.filter((pl.col("subject") == "organism") & (pl.col("fault") == ""))
    for _, rows in clean.group_by("plan", maintain_order=True):
        chosen = _spread(rows, columns)
        for row in chosen:
            organism = organism_of(row)
            if organism is not None:
                name = world.species["vernacular_en"][row["tip"]]
                state = row["lesion"] or (row["stage"] if row["stage"] != "adult" else "")
                cells.append((organism, None, f"{row['scientificName']}\n{name}" + (f", {state}" if state else "")))
    subtitle = f"{len(world.species)} species that never lived, drawn from a phylogeny with seed {world.settings.seed}"
    sheet = contact_sheet(cells, columns=columns, cell_px=CELL_PX, title="The Drawn Tree of Life", subtitle=subtitle)
    return encode_png(sheet)


def _spread(rows: pl.DataFrame, places: int) -> list[dict[str, Any]]:
    """Rows for `places`: healthy adults of different species, family by family, and last one that shows another stage or a disease."""
    special = rows.filter((pl.col("stage") != "adult") | (pl.col("lesion") != "")).sort("severity", descending=True)
    adults = rows.filter((pl.col("stage") == "adult") & (pl.col("lesion") == "")).unique(
        "tip", keep="first", maintain_order=True
    )
    within = adults.with_columns(turn=pl.int_range(pl.len()).over("family")).sort("turn", "order", "family", "tip")
    last = special.head(1) if len(special) else special
    stages = special.unique("stage", keep="first", maintain_order=True) if "pupa" in special["stage"] else last
    last = stages.filter(pl.col("stage").is_in(["larva", "pupa"])) if len(stages) > 1 else last
    first = within.drop("turn").head(places - len(last))
    return [*first.sort("tip").rows(named=True), *last.rows(named=True)]
