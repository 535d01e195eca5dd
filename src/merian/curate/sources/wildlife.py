"""Wildlife Insights: the images.csv and deployments.csv of a download.

Columns: https://www.wildlifeinsights.org/get-started/data-download/public-data (data dictionary of the download). `location` is an address in Google's
storage (gs://): its web form is kept as url.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import polars as pl

from merian.core.errors import BadData
from merian.core.tree import RANKS
from merian.curate.sources.columns import labelled, located, taken
from merian.curate.sources.gather import Batch, Origin, content_digest, gathered
from merian.curate.sources.labels import KEY, iso_time, settled
from merian.curate.sources.seam import Source
from merian.curate.sources.text import LINE, need, text_file

__all__ = ["wildlife_insights"]

MARKS = frozenset(("image_id", "deployment_id", "wi_taxon_id"))
COLUMNS = (
    "image_id",
    "deployment_id",
    "location",
    "class",
    "order",
    "family",
    "genus",
    "species",
    "common_name",
    "timestamp",
)


def _is_ours(file: Path) -> bool:
    """Whether a table has this format's columns; one that cannot be read is not for us to complain of."""
    try:
        return set(text_file(file).names()) >= MARKS
    except BadData:
        return False


def wildlife_insights(path: Path) -> Source | None:
    """A folder with images.csv (or images_<project>.csv) and deployments.csv; several parts of images are one source."""
    if not path.is_dir():
        return None
    files = [f for f in sorted(path.glob("images*.csv")) if f.is_file() and _is_ours(f)]
    if not files:
        return None
    tables = [text_file(f, ",", '"') for f in files]
    for table in tables:
        need(table.names(), COLUMNS, table.where)
    places = path / "deployments.csv"
    where, bad = _deployments(places)

    def batches() -> Iterator[Batch]:
        for number, table in enumerate(tables):
            # the rows of one image stand together, but may be cut apart by a block: a part is read whole
            frame, refused = table.whole()
            rows, several = _rows(frame, where, table.label)
            yield Batch(rows, pl.concat([refused, several, *([bad] if number == 0 else [])]), table.size)

    digest = content_digest([*files, places], "wildlife insights")
    return gathered(Origin(path.name, path, digest, sum(t.size for t in tables)), batches)


def _deployments(file: Path) -> tuple[pl.DataFrame, pl.DataFrame]:
    if not file.is_file():
        empty = pl.DataFrame(schema={"deployment_id": pl.String, "latitude": pl.Float64, "longitude": pl.Float64})
        return empty, pl.DataFrame(schema={"file": pl.String, "row": pl.Int64, "reason": pl.String})
    table = text_file(file, ",", '"')
    need(table.names(), ("deployment_id", "latitude", "longitude"), table.where)
    frame, refused = table.whole()
    frame = frame.unique("deployment_id", keep="first", maintain_order=True)
    return frame.select("deployment_id").hstack(taken(frame, {c: (c,) for c in ("latitude", "longitude")})), refused


def _rows(frame: pl.DataFrame, where: pl.DataFrame, file: str) -> tuple[pl.DataFrame, pl.DataFrame]:
    given = {
        "sex": ("sex",),
        "life_stage": ("age",),
        "behaviour": ("behavior",),
        "individual": ("individualid",),
        "licence": ("license",),
    }
    name = pl.concat_str("genus", "species", separator=" ")
    own = pl.coalesce(name, *(pl.col(r) for r in ("genus", "family", "order", "class")), "common_name")
    kingdom = pl.when(pl.col("class").is_not_null()).then(pl.lit("Animalia"))
    rows = frame.select(
        pl.col("image_id").alias(KEY), LINE, "deployment_id", *(r for r in RANKS[2:]),
        id="image_id",
        path=pl.col("location").str.replace(r"^gs://", "https://storage.googleapis.com/"),
        verbatim_name=own,
        common_name="common_name",
        event_date=iso_time("timestamp"),
        camera="deployment_id",
        box=pl.lit(None, pl.String),
        kingdom=kingdom,
        phylum=pl.lit(None, pl.String),
        group="image_id",
        basis=pl.lit("MachineObservation"),
    ).hstack(taken(frame, given))  # fmt: skip
    rows = rows.join(where, on="deployment_id", how="left", maintain_order="left")
    rows, several = settled(rows, file, LINE)
    rows = located(rows)
    return labelled(rows.drop(*RANKS), rows), several
