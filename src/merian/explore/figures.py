"""The figures of an exploration: the map to walk through, and as SVG the map by rank, trait and place, traits read, the tree of the vectors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl

from merian.core import store
from merian.core.progress import track
from merian.core.tables import Catalog
from merian.core.tree import RANKS
from merian.encode.pixels import Pixels, Preprocess, decode_many
from merian.explore.atlas_page import AtlasLook, atlas_page
from merian.explore.dendrogram import Tangle
from merian.explore.emergence.variants import labelled
from merian.explore.reading import Reading, Trait
from merian.explore.settings import ExploreSettings
from merian.explore.thumbnails import LONG, barred, chosen, sheets, spread

__all__ = ["MAP", "Shown", "draw", "points_of"]

Doubles = npt.NDArray[np.float64]
MAP = "layout.html"
TRAITS = 8
"""Traits that the map can be coloured by: the chosen one and those known of most species."""
VARIANTS = ("sex", "life_stage", "health")
ASPECTS = ("behaviour", "habitat", "country", "source", "split")
"""Columns of a catalog that the map can be coloured by where they are not the same everywhere."""
NOTES = ("common_name", "rights_holder", "licence", "references", "id")
"""Columns that only the card of an image tells."""
WORDS = {
    "life_stage": "life stage",
    "source": "data set",
    "rights_holder": "photo by",
    "common_name": "called",
    "references": "page",
}
METHODS = {"tsne": "t-SNE", "umap": "UMAP"}
BATCH = 64
ACROSS, SIDE = 24, 82
"""Pictures across the plate of pictures, and the pixels of each: 300 dpi on 168 mm."""


@dataclass(frozen=True, eq=False)
class Shown:
    """The images laid out: their rows of the catalog [n], their places [n, 2], and the traits of their species."""

    catalog: Catalog
    rows: pl.DataFrame
    places: Doubles
    readings: Sequence[Reading]


def draw(out: Path, shown: Shown, trees: Tangle | None, settings: ExploreSettings) -> list[str]:
    """Write layout.html and figures/ below `out`; remarks on what could not be drawn."""
    from merian.explore import plots

    folder, remarks = out / "figures", []
    with track("Drawing", 4, "figures") as advance:
        rows = chosen(shown.places, settings.thumbnails)
        read = _decoded(shown, rows, settings.thumbnail_px, "Reading thumbnails")
        if len(read) < len(rows):
            remarks.append(f"{len(rows) - len(read):,} images could not be read for the map")
        pictures = sheets(read, settings.thumbnail_px) if read else None
        store.write_text(out / MAP, atlas_page(*points_of(shown, settings), pictures))
        advance(1, note=MAP)
        _layouts(folder, shown, settings)
        advance(1, note="layouts")
        _trait(folder, shown, settings.color_by_rank)
        advance(1, note="trait")
        if trees is not None:
            store.write_text(
                folder / "dendrogram.svg", plots.tanglegram(trees, "Likeness of the vectors beside the taxonomy")
            )
        advance(1, note="dendrogram")
    return remarks


def points_of(shown: Shown, settings: ExploreSettings) -> tuple[pl.DataFrame, AtlasLook]:
    """The table of the map and its look: places, lineage, what the catalog says of each image, and traits of its species."""
    tree, taxa = shown.catalog.tree, shown.rows["taxon"].to_numpy()
    ranks = tree.lineages(taxa)
    about = labelled(shown.rows)
    columns = [pl.Series("x", shown.places[:, 0]), pl.Series("y", shown.places[:, 1])]
    columns += [ranks[rank] for rank in RANKS if ranks[rank].null_count() < len(ranks)]
    columns += [about[c] for c in (*VARIANTS, *ASPECTS) if about[c].drop_nulls().n_unique() > 1]
    traits = _traits(shown)
    columns += [series.alias(f"trait {name}") for name, (series, _) in traits.items()]
    units = {f"trait {name}": unit for name, (_, unit) in traits.items()}
    words = WORDS | {
        f"trait {name}": name.replace("_", " ") + (" of the species" if name in about.columns else "")
        for name in traits
    }
    columns += [about[c] for c in NOTES if about[c].null_count() < len(about)]
    points = pl.DataFrame(columns).with_columns(about["latitude"], about["longitude"])
    varied = [r for r in RANKS if r in points.columns and points[r].n_unique() > 1]
    first = settings.color_by_rank if settings.color_by_rank in varied else ""
    title = f"{len(points):,} images as the model sees them"
    how = (
        f"laid out by {METHODS[settings.method]}: those it finds alike stand near each other; far distances mean little"
    )
    return points, AtlasLook(title, how, first, units, words, NOTES)


def _traits(shown: Shown) -> dict[str, tuple[pl.Series, str]]:
    """Name -> values of each image's species and their unit, of the first TRAITS traits; those of 0 and 1 for the words of one trait become its words."""
    tree, taxa = shown.catalog.tree, shown.rows["taxon"].to_numpy()
    named: dict[str, list[Trait]] = {}
    for trait in (reading.trait for reading in shown.readings):
        named.setdefault(trait.name.removesuffix(f" = {trait.word}"), []).append(trait)
    found: dict[str, tuple[pl.Series, str]] = {}
    for name, own in list(named.items())[:TRAITS]:
        values = np.stack([trait.of(tree, taxa) for trait in own])
        if not own[0].word:
            found[name] = pl.Series(values[0]), own[0].unit
            continue
        share = np.nan_to_num(values, nan=-1.0)
        best, most = share.argmax(0), share.max(0)
        other = f"not {own[0].word}" if len(own) == 1 else None  # of several words none may hold for most of a species
        told = [own[k].word if m > 0.5 else other if m >= 0 else None for k, m in zip(best, most, strict=True)]
        found[name] = pl.Series(told, dtype=pl.String), ""
    return found


def _decoded(shown: Shown, rows: npt.NDArray[np.integer], side: int, title: str) -> list[tuple[int, Pixels]]:
    """The images in these rows as squares [side, side, 3], each with its row: their middle, or whole when they are long; the unreadable are left out."""
    chosen = shown.rows[rows.tolist()]
    width, height = (chosen[c].fill_null(1).to_numpy() for c in ("width", "height"))
    long = np.maximum(width, height) >= LONG * np.minimum(width, height)
    found: list[tuple[int, Pixels]] = []
    images = shown.catalog.images(chosen)
    with track(title, len(rows), "images") as advance:
        for start in range(0, len(rows), BATCH):
            at = np.arange(start, min(start + BATCH, len(rows)))
            data = {int(k): next(images) for k in at}
            cut = decode_many([data[k] for k in at[~long[at]]], Preprocess(size=side, mode="shortest"))
            found += zip(rows[at[~long[at]][cut.rows]].tolist(), cut.pixels, strict=True)
            whole = decode_many([data[k] for k in at[long[at]]], Preprocess(size=side, mode="squash"))
            for k, pixels in zip(at[long[at]][whole.rows], whole.pixels, strict=True):
                found.append((int(rows[k]), barred(pixels, width[k], height[k])))
            advance(len(at))
    return found


def _layouts(folder: Path, shown: Shown, settings: ExploreSettings) -> None:
    from merian.explore import plots

    rank, places = settings.color_by_rank, shown.places
    tree, taxa = shown.catalog.tree, shown.rows["taxon"].to_numpy()
    clades = tree.lineages(taxa)[rank].to_list()
    title = f"Each point is an image; colour is its {rank}"
    store.write_text(folder / "layout_rank.svg", plots.by_clade(places, clades, title, rank))
    if settings.thumbnails:
        read = _decoded(shown, spread(places, ACROSS)[0], SIDE, "Reading the plate")
        svg = plots.with_thumbnails(places, read, "The images where their vectors lie", ACROSS, clades)
        store.write_text(folder / "layout_images.svg", svg)
    if shown.readings:
        trait = shown.readings[0].trait
        value, name = trait.of(tree, taxa), trait.name.replace("_", " ")
        if len(np.unique(value[np.isfinite(value)])) > 1:
            svg = plots.by_value(places, value, f"The same images; colour is {name}", name, trait.unit)
            store.write_text(folder / "layout_trait.svg", svg)
    lat, lon = (shown.rows[c].fill_null(np.nan).to_numpy() for c in ("latitude", "longitude"))
    if np.isfinite(lat + lon).sum() > 2 and max(np.nanmax(lat) - np.nanmin(lat), np.nanmax(lon) - np.nanmin(lon)) > 0:
        svg = plots.by_place(places, lat, lon, "The same images; colour is where they were taken")
        store.write_text(folder / "layout_place.svg", svg)


def _trait(folder: Path, shown: Shown, rank: str) -> None:
    """Predicted against measured values of the first trait, where it can be read."""
    from merian.explore import plots

    reading = shown.readings[0] if shown.readings else None
    if reading is None or reading.axis is None or reading.trait.word:
        return
    name = reading.trait.name.replace("_", " ")
    orders = shown.catalog.tree.lineages(reading.taxa)[rank].fill_null("none").to_list()
    families = {"family": "families", "genus": "genera"}[reading.rank]
    title = f"{name.capitalize()}, read from images of unseen {families}"
    svg = plots.agreement(reading.values, reading.axis.predicted, orders, title, reading.trait.unit)
    store.write_text(folder / "trait.svg", svg)
