"""`explore`: what the vectors know beyond names. A map of the images, and how well ranks and traits can be read."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl

from merian.core import store
from merian.core.chance import stream
from merian.core.errors import BadData, Missing
from merian.core.progress import track
from merian.core.report import Number, Report
from merian.core.tables import Catalog
from merian.core.tree import RANKS, Tree
from merian.core.vectors import Embeddings
from merian.explore.dendrogram import Tangle, species_tangle
from merian.explore.figures import Shown, draw
from merian.explore.ladder import climbed, figure
from merian.explore.layout import layout
from merian.explore.neighbours import kept_neighbours, mean_of, nearest, shared_rank
from merian.explore.reading import of_images, read, traits_of
from merian.explore.settings import ExploreSettings
from merian.explore.umap import installed, umap_layout

__all__ = ["FORMAT", "KIND", "explore"]

KIND, FORMAT = "exploration", 3
NEIGHBOURS = 10
ASKED = 20_000
"""Images whose neighbours are asked for their taxa; of more, so many are taken evenly."""
Doubles = npt.NDArray[np.float64]
Floats = npt.NDArray[np.float32]


def explore(
    catalog: Catalog,
    embeddings: Embeddings,
    out: Path,
    settings: ExploreSettings,
    command: str = "merian explore",
    overwrite: bool = False,
) -> Report:
    """The Report of the exploration, written to `out` with layout.html, layout.parquet (id, x, y, taxon), traits.parquet and figures/.

    Of the catalog only images with a taxon are used; those of species kept out of training too. A finished run is not repeated; `overwrite` replaces another
    one. Raises Mismatch and Missing for embeddings of another catalog, BadSetting for a trait that is not there, BadData for fewer than three images.
    """
    embeddings.belong_to(catalog.tree.version)
    inputs = {"catalog": catalog.hash, "embeddings": embeddings.hash}
    if settings.traits is not None:
        if not settings.traits.is_file():
            raise Missing("the table of traits", settings.traits, "give the path of a CSV, or leave --traits out")
        inputs["traits"] = store.digest(settings.traits)
    climb, lines = ([], {}) if settings.ladder is None else climbed(settings.ladder)
    if settings.ladder is not None:
        inputs["ladder"] = store.digest(settings.ladder)
    traits = traits_of(settings, catalog.tree)
    if settings.method == "umap":
        installed()
    # the places of the tables are no part of the run, their contents are
    work = store.begin(out, KIND, FORMAT, replace(settings, traits=None, ladder=None), inputs, overwrite)
    if work.done:
        return Report.load(out / "report.json")
    rows = catalog.kept().filter(pl.col("taxon") >= 0)
    if len(rows) < 3:
        raise BadData(catalog.path, f"{len(rows)} images with a taxon are too few to explore")
    vectors = embeddings.take(rows["id"]).vectors
    tree, taxa = catalog.tree, rows["taxon"].to_numpy()
    with track("Exploring", 4, "parts") as advance:
        numbers = _neighbours(vectors, rows, tree)
        advance(1, note="neighbours")
        readings = read(vectors, taxa, tree, traits, settings)
        found, remarks, table = of_images(readings)
        trees, said = _trees(vectors, taxa, tree, settings)
        advance(1, note="traits and trees")
        chosen = _sample(len(rows), settings)
        places = _laid_out(vectors[chosen], settings)
        numbers += [_kept(vectors[chosen], places), *found, *_agreed(trees), *climb]
        advance(1, note="layout")
        shown = Shown(catalog, rows[chosen.tolist()], places, readings)
        remarks += said + draw(out, shown, trees, settings)
        if lines:
            store.write_text(out / "figures" / "ladder.svg", figure(lines))
        advance(1, note="figures")
    columns = {"id": shown.rows["id"], "x": places[:, 0], "y": places[:, 1], "taxon": shown.rows["taxon"]}
    for name, frame in (("layout", pl.DataFrame(columns)), ("traits", table)):
        with store.atomic(out / f"{name}.parquet") as stream_:
            frame.write_parquet(stream_)
    known = _trained(rows) + remarks
    report = Report("What the vectors know", command, inputs, tuple(numbers), store.plain(work.settings), tuple(known))
    report.save(out / "report.json")
    work.finish()
    return report


def _trained(rows: pl.DataFrame) -> list[str]:
    shown = int((rows["split"] == "train").sum())
    if not shown:
        return []
    return [
        f"{shown:,} of {len(rows):,} images are of the split train: of those a model that was trained on them knows more than of others"
    ]


def _sample(n: int, settings: ExploreSettings) -> npt.NDArray[np.int64]:
    if n <= settings.images:
        return np.arange(n)
    return np.sort(stream(settings.seed, "layout", "sample").choice(n, settings.images, replace=False))


def _laid_out(vectors: Floats, settings: ExploreSettings) -> Doubles:
    if settings.method == "umap":
        return umap_layout(vectors, settings.neighbours, settings.min_dist, None, settings.seed)
    return layout(vectors, settings.perplexity, settings.iterations, settings.seed, settings.exaggeration)


def _kept(vectors: Floats, places: Doubles) -> Number:
    kept = kept_neighbours(vectors, places, NEIGHBOURS)
    n = len(vectors)
    note = f"of the {min(NEIGHBOURS, n - 1)} nearest; chance {min(NEIGHBOURS, n - 1) / (n - 1):.1%}"
    interval = mean_of(kept, np.arange(len(kept)))
    return Number("layout.neighbours_kept", *interval, unit="share", n=len(kept), note=note, group="Layout")


def _neighbours(vectors: Floats, rows: pl.DataFrame, tree: Tree) -> list[Number]:
    """How often the nearest images of other specimens share each rank, beside chance."""
    if len(rows) > ASKED:
        chosen = np.linspace(0, len(rows) - 1, ASKED).astype(np.int64)
        vectors, rows = vectors[chosen], rows[chosen.tolist()]
    groups = (rows.select(pl.coalesce("group", "id").rank("dense")).to_series() - 1).to_numpy().astype(np.int64)
    paths = tree.ancestors[rows["taxon"].to_numpy()]
    numbers: list[Number] = []
    sought: dict[bytes, npt.NDArray[np.int64]] = {}
    for r, rank in enumerate(RANKS):
        has = paths[:, r] >= 0
        if len(np.unique(paths[has, r])) < 2:
            continue
        own = np.unique(groups[has], return_inverse=True)[1]
        k = min(NEIGHBOURS, int(has.sum()) - int(np.bincount(own).max()))
        if k < 1:
            continue
        key = has.tobytes()  # ranks that the same images have share one search
        if key not in sought:
            sought[key] = nearest(vectors[has], k, own)[0]
        agree, chance = shared_rank(paths[has, r], own, sought[key])
        by_chance = float(chance.mean())
        note = f"chance {by_chance:.1%}; neighbours from other specimens only"
        group = "Nearest neighbours"
        numbers.append(Number(f"neighbours.{rank}", *mean_of(agree, own), "share", len(agree), note, group))
        numbers.append(Number(f"neighbours.{rank}.chance", by_chance, unit="share", group=group))
    return numbers


def _trees(
    vectors: Floats, taxa: npt.NDArray[np.integer], tree: Tree, settings: ExploreSettings
) -> tuple[Tangle | None, list[str]]:
    try:
        return species_tangle(vectors, taxa, tree, stream(settings.seed, "dendrogram")), []
    except BadData as error:
        return None, [f"no dendrogram: {error}"]


def _agreed(trees: Tangle | None) -> list[Number]:
    """How far the tree of the vectors and the taxonomy agree."""
    if trees is None:
        return []
    n, numbers = len(trees.leaves), []
    kinds = (("cophenetic", trees.cophenetic, "", ""), ("triplets", trees.triplets, "share", "one third by chance; "))
    for name, agreement, unit, chance in kinds:
        if agreement is not None:
            note = f"{n} {trees.leaves.columns[-1]} means; {chance}95 % of shuffled leaves are below {agreement.shuffled:.2f}"
            low, high = (agreement.low, agreement.high) if np.isfinite(agreement.low) else (None, None)
            numbers.append(Number(f"dendrogram.{name}", agreement.value, low, high, unit, n, note, "Dendrogram"))
    return numbers
