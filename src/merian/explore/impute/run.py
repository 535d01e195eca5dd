"""`traits impute`: values for the species that lack them, with intervals, the skill that they deserve, and a reason where there can be none."""

from __future__ import annotations

from dataclasses import dataclass
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
from merian.explore.impute.features import Seen, picture_design, seen
from merian.explore.impute.gaps import examine, fill, refused, unusable
from merian.explore.impute.measure import doubts_of, numbers_of
from merian.explore.impute.process import Design
from merian.explore.impute.settings import ImputeSettings
from merian.explore.impute.states import Trait
from merian.explore.impute.table import TraitTable, read_trait_table

__all__ = ["FORMAT", "KIND", "Pictures", "impute"]

KIND, FORMAT = "imputed traits", 2


@dataclass(frozen=True, eq=False)
class Pictures:
    """A catalog and its embeddings."""

    catalog: Catalog
    embeddings: Embeddings

    @property
    def hash(self) -> str:
        """Hash of what they hold."""
        return f"{self.embeddings.hash} {self.catalog.hash}"

    def of(self, taxa: npt.NDArray[np.int64], weigh: bool) -> Seen:
        """What they show of these species [n], with the scatter of specimens unless all are to be trusted alike. Raises Mismatch when the two do not belong
        together."""
        self.embeddings.belong_to(self.catalog.tree.version)
        rows = self.catalog.kept().filter(pl.col("taxon") >= 0)
        species = self.catalog.tree.ancestors[rows["taxon"].to_numpy(), RANKS.index("species")]
        rows = rows.with_columns(pl.Series("species", species)).join(
            pl.DataFrame({"species": taxa.astype(np.int32)}).with_row_index("place"),
            on="species",
            how="inner",
            maintain_order="left",
        )
        specimen = pl.struct("place", pl.coalesce("group", "id")).rank("dense")
        rows = rows.with_columns(specimen=specimen.cast(pl.Int64) - 1)
        of = rows.unique("specimen", keep="first").sort("specimen")["place"].to_numpy().astype(np.int64)
        shown = seen(self.embeddings.take(rows["id"]).vectors, rows["specimen"].to_numpy(), of)
        missing = len(taxa) - len(shown.means)
        means = np.concatenate([shown.means, np.full((missing, self.embeddings.dim), np.nan)])
        counts = np.concatenate([shown.specimens, np.zeros(missing, np.int64)])
        return Seen(means, counts, shown.scatter * weigh)


def impute(
    table: Path,
    out: Path,
    settings: ImputeSettings,
    tree: Tree | Pictures | None = None,
    command: str = "merian traits impute",
    overwrite: bool = False,
) -> Report:
    """The Report of filling the gaps of a trait table, written to `out` with imputed.parquet and figures/skill.svg.

    tree: the taxonomy whose species are wanted, or pictures with their catalog's (whose kernel is then part of the model); None: the species
    and ranks of the table itself. imputed.parquet has a row per species and trait (columns scientificName, taxon and `gaps.ROWS`). A finished run is not
    repeated; `overwrite` replaces another one. Raises what `table.read_trait_table` does, and BadData when no trait can be filled.
    """
    if not table.is_file():
        raise Missing("the table of traits", table, "give the path of a CSV, TSV or Parquet file")
    inputs = {"traits": store.digest(table)}
    if isinstance(tree, Pictures):
        inputs["pictures"] = tree.hash
    elif tree is not None:
        inputs["tree"] = tree.version
    work = store.begin(out, KIND, FORMAT, settings, inputs, overwrite)
    if work.done:
        return Report.load(out / "report.json")
    try:
        taxonomy = tree.catalog.tree if isinstance(tree, Pictures) else tree
        read = read_trait_table(table, settings, taxonomy)
        plain = Design.of(read.nest)
        design, remarks = plain, list(read.remarks)
        if isinstance(tree, Pictures):
            rng = stream(settings.seed, "landmarks")
            pictures = tree.of(read.taxa, settings.weigh)
            design = picture_design(read.nest, pictures, settings.kernel, settings.features, rng)
            remarks += _shown(pictures, design)
        rows, numbers, told = _traits(read, plain, design, settings)
    except BadData:
        work.abandon()
        raise
    with store.atomic(out / "imputed.parquet") as file:
        rows.write_parquet(file)
    numbers = _counts(rows) + numbers
    if any(n.name.endswith(".skill") for n in numbers):
        from merian.explore.plots.impute import skill_figure

        store.write_text(out / "figures" / "skill.svg", skill_figure(numbers, settings.level))
    remarks += [word for trait in read.traits for word in trait.remarks] + told
    report = Report("Traits filled in", command, inputs, tuple(numbers), store.plain(settings), tuple(remarks))
    report.save(out / "report.json")
    work.finish()
    return report


def _shown(pictures: Seen, design: Design) -> list[str]:
    """How many species have pictures, and how far these are trusted."""
    has = pictures.specimens > 0
    said = []
    if bare := int((~has).sum()):
        said.append(f"{bare:,} of {len(has):,} species have no picture: only their relatives tell of them")
    if pictures.scatter.any():
        trust = f"{1 - float(np.median(design.slack[has])):.0%}".replace("%", " %")
        said.append(
            f"pictures are weighed by their specimens: those of the median species ({np.median(pictures.specimens[has]):g} specimens) "
            f"tell {trust} of what endlessly many would"
        )
    return said


def _traits(
    read: TraitTable, plain: Design, design: Design, settings: ImputeSettings
) -> tuple[pl.DataFrame, list[Number], list[str]]:
    """The rows, numbers and remarks of every trait. Raises BadData when none can be filled."""
    numbers: list[Number] = []
    remarks: list[str] = []
    parts, filled = [], 0
    species = pl.DataFrame({"scientificName": read.names, "taxon": read.taxa})
    with track("Filling gaps", len(read.traits), "traits") as advance:
        for trait in read.traits:
            advance(0, note=trait.name)
            rows, found, words = _one(trait, plain, design, settings)
            numbers, remarks, filled = numbers + found, remarks + words, filled + bool(found)
            parts.append(pl.concat([species, rows], how="horizontal"))
            advance(1)
    if not filled:
        raise BadData("traits", "none can be filled", remarks)
    return pl.concat(parts), numbers, remarks


def _one(
    trait: Trait, plain: Design, design: Design, settings: ImputeSettings
) -> tuple[pl.DataFrame, list[Number], list[str]]:
    """The rows, numbers and remarks of one trait; no numbers, and why, when nothing can be said of it."""
    why = unusable(trait, settings)
    if not why:
        try:
            tested = examine(trait, plain, design, settings)
        except BadData as error:
            why = error.rule
        else:
            numbers, remarks = numbers_of(tested, settings)
            if tested.scale.log:
                remarks.append(f"{trait.name}: modelled as log10; what is predicted is a median")
            return fill(tested, settings, doubts_of(tested, numbers, settings)), numbers, remarks
    return refused(trait, plain.nest, why), [], [f"{trait.name}: {why}"]


def _counts(rows: pl.DataFrame) -> list[Number]:
    """The share of species whose value was known, filled in or withheld, per trait."""
    numbers = []
    counts = rows.group_by("trait", "source", maintain_order=True).len()
    for trait, source, count in counts.sort("trait", "source", maintain_order=True).iter_rows():
        total = rows["trait"].eq(trait).sum()
        note = f"{count:,} species"
        share = Number(f"{trait}.{source}", count / total, unit="share", n=total, note=note, group=f"Trait: {trait}")
        numbers.append(share)
    return numbers
