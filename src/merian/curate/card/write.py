"""The data card of a catalog, written: card.html, croissant.json, attribution.parquet and attribution.csv."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from merian import __version__
from merian.core import store
from merian.core.tables import Catalog
from merian.core.tree import RANKS
from merian.curate.card.about import About
from merian.curate.card.attribution import attribution, holders
from merian.curate.card.charts import density_map, lorenz, rank_abundance, year_bars
from merian.curate.card.counts import FEW, gaps, licences, ranks, splits, tail, top, years
from merian.curate.card.croissant import croissant

__all__ = ["About", "card_page", "write_card"]

SPLIT_WORDS = {
    "train": "to learn from",
    "val": "to calibrate on",
    "test": "to be tested on",
    "unseen": "species kept out of training",
    "rare": "rare species kept out of training",
    "none": "in no split",
}
MOST = 12
"""Rows of a table on the page; the attribution table and the catalog have all."""


def write_card(catalog: Catalog, out: Path, about: About | None = None, remarks: Sequence[str] = ()) -> None:
    """Write the card of `catalog` into the folder `out`: card.html, croissant.json, attribution.parquet, attribution.csv, holders.csv.

    `remarks` are sentences that a reader must not miss (of the splits, of the run). The same catalog gives the same bytes: no clock is read. Within a run,
    call it when catalog.parquet and the shards are written and before the store is finished, so that the manifest covers the card.
    """
    about = about or About()
    kept = catalog.kept()
    credit = attribution(kept)
    title, description = _called(catalog, kept, about)
    about = replace(about, cite=about.cite or _citation(catalog, about, title))
    store.write_text(out / "card.html", card_page(catalog, about, remarks))
    store.write_json(out / "croissant.json", croissant(catalog, kept, about, title, description))
    with store.atomic(out / "attribution.parquet") as stream:
        credit.write_parquet(stream)
    with store.atomic(out / "attribution.csv") as stream:
        credit.write_csv(stream)
    with store.atomic(out / "holders.csv") as stream:
        holders(credit).write_csv(stream)


def card_page(catalog: Catalog, about: About, remarks: Sequence[str] = ()) -> str:
    """The card as one HTML document: its style and drawings inside, nothing fetched."""
    from jinja2 import Environment, StrictUndefined

    files = resources.files("merian.curate.card") / "templates"
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters |= {"count": lambda n: f"{n:,}", "percent": _percent}
    template = environment.from_string((files / "card.html.j2").read_text(encoding="utf-8"))
    kept = catalog.kept()
    title, description = _called(catalog, kept, about)
    settings, inputs = _provenance(catalog)
    return template.render(
        **_contents(catalog, kept),
        **_places(kept),
        **_rights(kept),
        title=title,
        description=description,
        remarks=list(remarks),
        cite=about.cite or _citation(catalog, about, title),
        settings=settings,
        inputs=inputs,
        style=(files / "card.css").read_text(encoding="utf-8"),
        version=__version__,
    )


def _called(catalog: Catalog, kept: pl.DataFrame, about: About) -> tuple[str, str]:
    """Title and description: those given, else what the catalog says of itself."""
    taxa = kept["taxon"].unique().to_numpy()
    path = catalog.tree.ancestors[taxa[taxa >= 0], len(RANKS) - 1]
    species = len(np.unique(path[path >= 0]))
    names = kept["source"].drop_nulls().unique().sort().to_list()
    title = about.title or (names[0] if len(names) == 1 else catalog.path.resolve().name) or "Catalog"
    from_ = f"from {names[0]}" if len(names) == 1 else f"from {len(names):,} sources"
    words = about.description or f"{len(kept):,} images of {species:,} species, {from_}."
    return title, words


def _citation(catalog: Catalog, about: About, title: str) -> str:
    authors = ", ".join(about.authors)
    hashed = f" Catalog {catalog.hash}." if catalog.hash else ""
    where = f" {about.url}." if about.url else ""
    who = f"{authors}. " if authors else ""
    return f"{who}{title}, version {about.version}.{hashed} Curated with Merian {__version__}.{where} Credit the photographers too: attribution.csv."


def _contents(catalog: Catalog, kept: pl.DataFrame) -> dict[str, Any]:
    """What the page says of taxa, splits, tail, gaps and refusals."""
    counted, spread = ranks(kept, catalog.tree), tail(kept, catalog.tree)
    met = {rank: n for rank, n, _, _ in counted}
    basis = top(kept, "basis") if kept["basis"].null_count() < len(kept) else None
    decided = catalog.frame.filter(pl.col("name_decision").is_not_null())
    curve, even = rank_abundance(spread.images, FEW), lorenz(spread.images, spread.gini)
    read = licences(kept)
    open_share = int(read.filter("open")["images"].sum()) / max(len(kept), 1)
    heads = [
        (f"{len(kept):,}", f"images kept of {len(catalog):,}"),
        (f"{met['species']:,}", "species" + (f" of {met['family']:,} families" if met["family"] else "")),
        (_percent(spread.few), f"of the species have at most {FEW} images"),
        (_percent(open_share), "of the images under an open licence"),
    ]
    rows = splits(kept).with_columns(words=pl.col("split").replace_strict(SPLIT_WORDS, default=pl.col("split")))
    return {
        "heads": heads,
        "kept": max(len(kept), 1),
        "total": max(len(catalog), 1),
        "ranks": counted,
        "wider": any(all_ > n for _, n, all_, _ in counted),
        "splits": rows.rows(named=True),
        "basis": basis,
        "tail": {
            "species": len(spread.images),
            "half": spread.half,
            "few": spread.few,
            "limit": FEW,
            "gini": f"{spread.gini:.2f}",
            "curve": curve,
            "lorenz": even,
        },
        "gaps": [(f"{what}", n) for what, n in gaps(kept, catalog.tree) if n],
        "absent": [(rank, all_ - n, all_) for rank, n, all_, _ in counted if all_ > n],
        "refused": [tuple(row) for row in catalog.refused().rows()],
        "decisions": top(decided, "name_decision") if len(decided) else None,
        "altered": kept["altered"].drop_nulls().value_counts(sort=True).rows(),
    }


def _places(kept: pl.DataFrame) -> dict[str, Any]:
    placed = kept.filter(pl.col("latitude").is_finite() & pl.col("longitude").is_finite())
    drawn, words = density_map(
        placed["latitude"].to_numpy().astype(np.float64), placed["longitude"].to_numpy().astype(np.float64)
    )
    dated = years(kept)
    return {
        "map": drawn,
        "map_words": words,
        "placed": len(placed),
        "years": year_bars(dated),
        "first_year": dated[0][0] if dated else "",
        "last_year": dated[-1][0] if dated else "",
        "countries": top(kept, "country", MOST) if kept["country"].null_count() < len(kept) else None,
    }


def _rights(kept: pl.DataFrame) -> dict[str, Any]:
    read = licences(kept)
    named = holders(attribution(kept)).group_by("rights_holder").agg(pl.col("images").sum())
    named = named.sort("images", "rights_holder", descending=[True, False])
    return {
        "sources": top(kept, "source", MOST),
        "holders": (named.head(MOST).rows(), max(0, len(named) - MOST)),
        "licences": read.head(MOST).rows(named=True),
        "more_licences": max(0, len(read) - MOST),
    }


def _provenance(catalog: Catalog) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
    """Settings and inputs of the run, from the manifest, or from what an unfinished run noted when it began."""
    for name in (store.MANIFEST, store.BEGUN):
        file = catalog.path / name
        if file.is_file():
            known = json.loads(file.read_text(encoding="utf-8"))
            settings = [(key, json.dumps(value, ensure_ascii=False)) for key, value in known["settings"].items()]
            return settings, [(key, str(value)) for key, value in known["inputs"].items()]
    return [], []


def _percent(share: float) -> str:
    digits = 0 if share in (0, 1) or share >= 0.1 else 1
    return f"{share * 100:.{digits}f}\u00a0%"
