"""What lies inside a loop on the map: counts per taxon, a table of photos, and the whole of it as Darwin Core."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
from starlette.datastructures import QueryParams

from merian.core.tables import CATALOG
from merian.core.tree import RANKS
from merian.curate.licences import normalise
from merian.web import facts
from merian.web.explorer.board import Board
from merian.web.explorer.uncertainty import probabilities, rated
from merian.web.facts import Json
from merian.web.uploads import Refused

__all__ = ["CORNERS", "MOST_CSV", "Asked", "chosen", "csv", "read_asked", "selection"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
CORNERS = 200
"""Corners of a loop. From taste: one for every ten pixels of a loop around half a page."""
MOST_CSV = 100_000
"""Rows of a CSV. From taste: 30 MB."""
MOST_TAXA = 200
PART = 5_000
"""Rows of a CSV that are made at once."""
COPIED = ("licence", "rights_holder", "source", "event_date", "country", "latitude", "longitude")
TERMS = {c.name: c.term for c in CATALOG}
CSV_COLUMNS = (
    "id", "source", "licence", "rights_holder", "url", "references", "basis", "country", "latitude", "longitude", "event_date", "habitat", "sex",
    "life_stage", "health",
)  # fmt: skip
NAMES = dict.fromkeys(("scientificName", "taxonRank", "taxonID", *RANKS[:-1]), pl.String)
FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""Text that begins so is run as a formula by spreadsheets."""


@dataclass(frozen=True)
class Asked:
    """A selection: the corners of a loop [c, 2] (None: the whole map), and the code of a column that points must have."""

    loop: Floats | None
    by: str
    only: int | None
    start: int
    count: int


def read_asked(query: QueryParams, start: int, count: int) -> Asked:
    """What an address asks for. Raises Refused."""
    text = query.get("loop", "")
    loop = None
    if text:
        said = f"loop={text[:40]!r}"
        try:
            numbers = [float(part) for part in text.split(",", 2 * CORNERS + 1)]
        except ValueError as error:
            raise Refused(400, said, "give x,y,x,y,... as numbers between -1 and 1") from error
        if len(numbers) > 2 * CORNERS or len(numbers) < 6 or len(numbers) % 2:
            raise Refused(400, said, f"give 3 to {CORNERS} corners as x,y,x,y,...")
        if not all(math.isfinite(number) and abs(number) <= 100 for number in numbers):
            raise Refused(400, said, "give x,y,x,y,... as numbers between -1 and 1")
        loop = np.array(numbers).reshape(-1, 2)
    by, only = query.get("by", ""), query.get("only")
    if only is not None and not (only.isascii() and only.isdigit() and by):
        raise Refused(400, f"only={only[:40]!r}", "only is the code of a name of the colouring that `by` names")
    return Asked(loop, by, None if only is None else int(only[:9]), start, count)


def chosen(board: Board, asked: Asked) -> Ints:
    """The points asked for, by the order of the tree. Raises Refused."""
    n = len(board.rows)
    kept = np.ones(n, bool) if asked.loop is None else board.upright.inside(asked.loop)
    if asked.only is not None:
        try:
            codes = board.column(asked.by).codes
        except KeyError as error:
            raise Refused(404, f"no colouring is called {asked.by[:40]!r}", "take a key from /api/explorer") from error
        if codes is None:
            raise Refused(400, f"{asked.by[:40]} has no names", "leave `only` out, or colour by names")
        kept &= codes == asked.only
    found: Ints = board.by_taxon[kept[board.by_taxon]]
    return found


def selection(board: Board, asked: Asked) -> Json:
    """How many photos are selected, of which taxa, and a page of them."""
    rows = chosen(board, asked)
    tree = None if board.parts.catalog is None else board.parts.catalog.tree
    taxa, counts = np.unique(board.taxa[rows], return_counts=True)
    first = np.argsort(-counts, kind="stable")[:MOST_TAXA]
    said = [
        {"taxon": facts.taxon(tree, int(t)) if tree is not None and t >= 0 else None, "count": int(c)}
        for t, c in zip(taxa[first], counts[first], strict=True)
    ]
    page = rows[asked.start : asked.start + asked.count]
    return {
        "count": len(rows),
        "of": len(board.rows),
        "taxa": said,
        "taxa_count": len(taxa),
        "start": asked.start,
        "photos": [
            _told(board, row) for row in _table(board, page, rated(board.parts, len(page))).iter_rows(named=True)
        ],
        "most_csv": MOST_CSV,
    }


def _table(board: Board, points: Ints, most: int) -> pl.DataFrame:
    """What the catalog says of some points; with the probability of their label for at most so many, null where it is not known."""
    ids = [board.layout.ids[row] for row in board.rows[points].tolist()]
    table = pl.DataFrame({"id": ids, "point": points}, schema={"id": pl.String, "point": pl.Int64})
    chance = np.full(len(points), np.nan)
    few = min(len(points), max(most, 0))
    chance[:few] = probabilities(board.parts, board.vectors[points[:few]], board.taxa[points[:few]])
    table = table.with_columns(probability=pl.Series(chance).round(4).fill_nan(None), taxon=board.taxa[points])
    if board.parts.catalog is None:
        return table.with_columns(pl.lit(None, pl.String).alias(c) for c in CSV_COLUMNS if c != "id")
    at = pl.Series([board.parts.rows.get(i) for i in ids], dtype=pl.UInt32)
    known = board.parts.catalog.frame.select(c for c in CSV_COLUMNS if c != "id")
    return table.hstack(known.select(pl.all().gather(at)))


def _told(board: Board, row: dict[str, Any]) -> Json:
    catalog, number = board.parts.catalog, row["taxon"]
    said: Json = {name: row[name] for name in COPIED}
    said["licence"] = None if said["licence"] is None else normalise(pl.Series([said["licence"]]))["licence"][0]
    taxon = facts.taxon(catalog.tree, number) if catalog is not None and number >= 0 else None
    return {"id": row["id"], "point": row["point"], "taxon": taxon, "probability": row["probability"], **said}


def csv(board: Board, asked: Asked) -> Iterator[str]:
    """The selected photos as CSV under the terms of Darwin Core, in parts; `probability`, which has no term, is the model's for the label. Raises Refused."""
    rows = chosen(board, asked)[:MOST_CSV]
    return _parts(board, rows)


def _parts(board: Board, rows: Ints) -> Iterator[str]:
    most = rated(board.parts, len(rows))
    for start in range(0, max(len(rows), 1), PART):
        table = _table(board, rows[start : start + PART], most - start)
        own = table.select(pl.col(c).alias(TERMS[c]) for c in CSV_COLUMNS)
        named = pl.DataFrame([_named(board, number) for number in table["taxon"].to_list()], schema=NAMES)
        yield _safe(own.hstack(named).with_columns(table["probability"])).write_csv(include_header=start == 0)


def _named(board: Board, number: int) -> dict[str, str | None]:
    """Name, rank, id and lineage of a taxon, empty for -1."""
    catalog = board.parts.catalog
    if catalog is None or number < 0:
        return dict.fromkeys(NAMES)
    tree = catalog.tree
    above = {r: tree.names[c] if c >= 0 else None for r, c in zip(RANKS, tree.ancestors[number].tolist(), strict=True)}
    own = {"scientificName": tree.names[number], "taxonRank": RANKS[tree.rank[number]], "taxonID": tree.ids[number]}
    return own | {rank: above[rank] for rank in RANKS[:-1]}


def _safe(table: pl.DataFrame) -> pl.DataFrame:
    """The table with an apostrophe before text that a spreadsheet would run."""
    texts = [c for c, t in table.schema.items() if t == pl.String]
    runs = {c: pl.any_horizontal(pl.col(c).str.starts_with(mark) for mark in FORMULA) for c in texts}
    return table.with_columns(
        pl.when(runs[c]).then(pl.concat_str(pl.lit("'"), c)).otherwise(pl.col(c)).alias(c) for c in texts
    )
