"""`explore`: what the vectors know beyond names. A layout coloured by a rank and by a trait, and how well traits can be read."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl

from merian.core import store
from merian.core.chance import stream
from merian.core.errors import BadData, BadSetting, Missing
from merian.core.progress import track
from merian.core.report import Number, Report
from merian.core.tables import Catalog
from merian.core.tree import RANKS, Tree, rank_number, read_table
from merian.core.vectors import Embeddings
from merian.explore.axes import Axis, species_means, trait_axis
from merian.explore.ladder import climbed, figure
from merian.explore.layout import layout, same_neighbours, shared_rank
from merian.explore.settings import ExploreSettings

__all__ = ["FORMAT", "KIND", "explore", "read_traits"]

KIND, FORMAT = "exploration", 1
NEIGHBOURS = 10
SPECIES = 10
"""A trait known of fewer species is not tried."""
Doubles = npt.NDArray[np.float64]


def explore(
    catalog: Catalog,
    embeddings: Embeddings,
    out: Path,
    settings: ExploreSettings,
    command: str = "merian explore",
    overwrite: bool = False,
) -> Report:
    """The Report of the exploration, written to `out` with layout.parquet (id, x, y, taxon), traits.parquet and figures/*.svg.

    Of the catalog only images with a taxon are used; those of species kept out of training too. A finished run is not repeated;
    `overwrite` replaces another one.
    """
    embeddings.belong_to(catalog.tree.version)
    inputs = {"catalog": catalog.hash, "embeddings": _hash(embeddings)}
    if settings.traits is not None:
        if not settings.traits.is_file():
            raise Missing("the table of traits", settings.traits, "give the path of a CSV, or leave --traits out")
        inputs["traits"] = store.digest(settings.traits)
    climb, lines = ([], {}) if settings.ladder is None else climbed(settings.ladder)
    if settings.ladder is not None:
        inputs["ladder"] = store.digest(settings.ladder)
    # the places of the tables are no part of the run, their contents are
    work = store.begin(out, KIND, FORMAT, replace(settings, traits=None, ladder=None), inputs, overwrite)
    if work.done:
        return Report.load(out / "report.json")
    rows = catalog.kept().filter(pl.col("taxon") >= 0)
    if len(rows) < 2:
        raise BadData(catalog.path, f"{len(rows)} images with a taxon are too few to explore")
    vectors = embeddings.take(rows["id"]).vectors
    tree, taxa = catalog.tree, rows["taxon"].to_numpy()
    with track("Exploring", 3, "parts") as advance:
        numbers = _neighbours(vectors, rows, tree)
        advance(1, note="neighbours")
        traits = _tables(settings, tree)
        found, table = _axes(vectors, taxa, tree, traits, settings)
        numbers += found
        table.write_parquet(out / "traits.parquet")
        advance(1, note="traits")
        chosen = _sample(len(rows), settings)
        places = layout(vectors[chosen], settings.perplexity, settings.iterations, settings.seed)
        kept = same_neighbours(vectors[chosen], places)
        numbers.append(
            Number(
                "layout.neighbours_kept", kept, unit="share", n=len(chosen), note="of the 10 nearest", group="Layout"
            )
        )
        shown = rows[chosen.tolist()]
        frame = pl.DataFrame({"id": shown["id"], "x": places[:, 0], "y": places[:, 1], "taxon": shown["taxon"]})
        with store.atomic(out / "layout.parquet") as stream_:
            frame.write_parquet(stream_)
        _figures(out / "figures", places, taxa[chosen], tree, traits, settings)
        advance(1, note="layout")
    if lines:
        store.write_text(out / "figures" / "ladder.svg", figure(lines))
    numbers += climb
    report = Report("What the vectors know", command, inputs, tuple(numbers), store.plain(work.settings))
    report.save(out / "report.json")
    work.finish()
    return report


def _hash(embeddings: Embeddings) -> str:
    words = "\n".join(embeddings.ids.to_list()).encode()
    return store.digest_bytes(embeddings.fingerprint.encode() + words + embeddings.vectors.tobytes())[:24]


def _sample(n: int, settings: ExploreSettings) -> npt.NDArray[np.int64]:
    if n <= settings.images:
        return np.arange(n)
    return np.sort(stream(settings.seed, "layout", "sample").choice(n, settings.images, replace=False))


def _neighbours(vectors: npt.NDArray[np.float32], rows: pl.DataFrame, tree: Tree) -> list[Number]:
    """How often the nearest images of other specimens share each rank, beside chance."""
    chosen = np.arange(len(rows)) if len(rows) <= 20_000 else np.linspace(0, len(rows) - 1, 20_000).astype(np.int64)
    groups = rows.select(pl.coalesce("group", "id").rank("dense")).to_series().to_numpy().astype(np.int64)[chosen]
    paths = tree.ancestors[rows["taxon"].to_numpy()[chosen]]
    numbers = []
    for r, rank in enumerate(RANKS):
        has = paths[:, r] >= 0
        if has.sum() < 2 or len(np.unique(paths[has, r])) < 2:
            continue
        agree, chance = shared_rank(vectors[chosen][has], paths[has, r], groups[has], NEIGHBOURS)
        if len(agree):
            note = f"chance {chance:.1%}; neighbours from other specimens only"
            mean = float(agree.mean())
            numbers.append(
                Number(f"neighbours.{rank}", mean, unit="share", n=len(agree), note=note, group="Nearest neighbours")
            )
            numbers.append(Number(f"neighbours.{rank}.chance", chance, unit="share", group="Nearest neighbours"))
    return numbers


def read_traits(path: Path, tree: Tree) -> pl.DataFrame:
    """The numeric traits in a table: columns trait, unit, taxon (a species of the tree), value (the mean, if there are several)."""
    table = read_table(path)
    needed = ["scientificName", "measurementType", "measurementValue"]
    absent = [c for c in needed if c not in table.columns]
    if absent:
        raise BadData(path, f"a table of traits needs the columns {', '.join(needed)}", absent)
    unit = pl.col("measurementUnit") if "measurementUnit" in table.columns else pl.lit("")
    name = pl.col("scientificName").str.to_lowercase()
    species = pl.DataFrame({"name": tree.names, "taxon": np.arange(len(tree), dtype=np.int32), "rank": tree.rank})
    species = species.filter((pl.col("rank") == RANKS.index("species")) & pl.col("name").is_unique())
    rows = table.select(
        pl.col("measurementType").alias("trait"),
        unit.fill_null("").alias("unit"),
        name.alias("name"),
        pl.col("measurementValue").cast(pl.Float64, strict=False).alias("value"),
    )
    named = species.select(pl.col("name").str.to_lowercase(), "taxon")
    rows = rows.drop_nulls(["value", "trait"]).filter(pl.col("value").is_finite()).join(named, on="name")
    return rows.group_by("trait", "unit", "taxon").agg(pl.col("value").mean()).sort("trait", "taxon")


def _tables(settings: ExploreSettings, tree: Tree) -> pl.DataFrame | None:
    """The traits, the chosen one first; None without a table. Raises BadSetting for a trait that the table does not have."""
    if settings.traits is None:
        if settings.trait:
            raise BadSetting("trait", settings.trait, "needs a table of traits: give --traits")
        return None
    table = read_traits(settings.traits, tree)
    counts = table.group_by("trait").len().sort(["len", "trait"], descending=[True, False])
    names = counts["trait"].to_list()
    if settings.trait and settings.trait not in names:
        raise BadSetting("trait", settings.trait, f"is no numeric trait of the table; it has {', '.join(names)}", names)
    first = settings.trait or (names[0] if names else "")
    order = [first, *(n for n in names if n != first)]
    place = pl.DataFrame({"trait": order, "place": range(len(order))}, schema_overrides={"trait": pl.String})
    return table.join(place, on="trait").sort("place", "taxon").drop("place")


def _axes(
    vectors: npt.NDArray[np.float32],
    taxa: npt.NDArray[np.integer],
    tree: Tree,
    traits: pl.DataFrame | None,
    settings: ExploreSettings,
) -> tuple[list[Number], pl.DataFrame]:
    """Every numeric trait that is known of enough species, read from the species' mean vectors; the predictions as a table."""
    empty = {"trait": pl.String, "unit": pl.String, "taxon": pl.Int32, "value": pl.Float64, "predicted": pl.Float64}
    tables, numbers = [pl.DataFrame(schema=empty)], []
    if traits is None:
        return [], tables[0]
    species = tree.ancestors[taxa, RANKS.index("species")]
    names, means = species_means(vectors[species >= 0], species[species >= 0])
    for (trait, _), rows in traits.group_by(["trait", "unit"], maintain_order=True):
        rows = rows.filter(pl.col("taxon").is_in(names.tolist()))
        clade_rank, clades = _folds(tree, rows["taxon"].to_numpy())
        if len(rows) < SPECIES or rows["value"].n_unique() < 3 or len(np.unique(clades)) < 3:
            continue
        own = means[np.searchsorted(names, rows["taxon"].to_numpy())]
        rng = stream(settings.seed, "trait", str(trait))
        axis = trait_axis(own, rows["value"].to_numpy(), clades, rng, settings.shuffles)
        numbers += _trait_numbers(str(trait), axis, len(rows), clade_rank)
        tables.append(rows.select(*list(empty)[:4]).with_columns(pl.Series("predicted", axis.predicted)))
    return numbers, pl.concat(tables)


def _folds(tree: Tree, species: npt.NDArray[np.integer]) -> tuple[str, npt.NDArray[np.int32]]:
    """The rank whose clades are left out in turn (families, or genera where there are fewer than three families), and each species' clade."""
    for rank in ("family", "genus"):
        clades = tree.ancestors[species, rank_number(rank)]
        if len(np.unique(clades)) >= 3:
            break
    return rank, clades


def _trait_numbers(trait: str, axis: Axis, n: int, rank: str) -> list[Number]:
    group = f"Trait: {trait}"
    note = f"out of {rank}; 95 % of shuffled traits are below {axis.shuffled_r2:.2f}; p = {axis.p:.3f}"
    rho = f"out of {rank}; 95 % of shuffled traits are below {axis.shuffled_rho:.2f}"
    return [
        Number(f"trait.{trait}.r2", *axis.r2, n=n, note=note, group=group),
        Number(f"trait.{trait}.rho", *axis.rho, n=n, note=rho, group=group),
    ]


def _figures(
    folder: Path,
    places: Doubles,
    taxa: npt.NDArray[np.integer],
    tree: Tree,
    traits: pl.DataFrame | None,
    settings: ExploreSettings,
) -> None:
    from merian.explore import plots

    rank = settings.color_by_rank
    at = tree.ancestors[taxa, rank_number(rank)]
    clades = [tree.names[int(t)] if t >= 0 else None for t in at]
    svg = plots.by_clade(places, clades, f"Each point is an image; colour is its {rank}", rank)
    store.write_text(folder / "layout_rank.svg", svg)
    if traits is None or traits.is_empty():
        return
    trait, unit = traits.row(0, named=True)["trait"], traits.row(0, named=True)["unit"]
    own = traits.filter(pl.col("trait") == trait)
    value = np.full(len(tree), np.nan)
    value[own["taxon"].to_numpy()] = own["value"].to_numpy()
    species = tree.ancestors[taxa, RANKS.index("species")]
    shown = np.where(species >= 0, value[species], np.nan)
    name = trait.replace("_", " ")
    svg = plots.by_value(places, shown, f"The same images; colour is {name}", name, unit)
    store.write_text(folder / "layout_trait.svg", svg)
    table = folder.parent / "traits.parquet"
    tested = pl.read_parquet(table, glob=False).filter(pl.col("trait") == trait)
    if len(tested):
        orders = tree.lineages(tested["taxon"].to_numpy())[rank].fill_null("none").to_list()
        values = tested["value"].to_numpy(), tested["predicted"].to_numpy()
        title = f"{name.capitalize()}, read from images of unseen families"
        store.write_text(folder / "trait.svg", plots.agreement(*values, orders, title, unit))
