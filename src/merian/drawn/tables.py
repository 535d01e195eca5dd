"""The tables of a drawn source: what it publishes in Darwin Core, and the truth that only evaluation and tests open."""

from __future__ import annotations

import polars as pl

from merian.core.chance import fraction
from merian.drawn import plans
from merian.drawn.captions import captions
from merian.drawn.mess import NO_HIGHER
from merian.drawn.organism import PlanName
from merian.drawn.sightings import SPECIMENS
from merian.drawn.world import LINEAGE, RANKS, DrawnTree

__all__ = ["occurrence_table", "species_truth", "trait_table", "truth_table"]

SEX_NOTED = 0.7
"""Share of records of animals whose sex shows and is written down."""

ANIMALS: tuple[PlanName, ...] = ("beetle", "butterfly", "bird", "hoofed", "fish")


def truth_table(table: pl.DataFrame) -> pl.DataFrame:
    """One row per image of `table` (of `shots.plan_images`): who it shows, how it was made, and what is wrong with it."""
    return table.drop("given_tip", "given_rank", "tip", "marks_seed", "label_text", "licence_given").with_columns(
        pl.col("plan", "sex", "stage", "lesion").fill_null(""), pl.col("severity").fill_null(0.0)
    )


def species_truth(world: DrawnTree) -> pl.DataFrame:
    """One row per species: its lineage, habitat, abundance, range, season, and mean traits, mapped and latent."""
    return world.species


def occurrence_table(world: DrawnTree, table: pl.DataFrame) -> pl.DataFrame:
    """The Darwin Core occurrences of `table` (of `shots.plan_images`, with `media`): what a collection would publish, planted wrong names included.

    With `captions` on, the column `caption` (Audubon Core) says what is seen.
    """
    seed = world.settings.seed
    style, subject = pl.col("style"), pl.col("subject")
    seen = subject == "organism"
    noted = pl.Series(
        "noted", [fraction(seed, f"sex noted {i}") < SEX_NOTED for i in table["occurrenceID"]], dtype=pl.Boolean
    )
    said = [captions(table, seed)] if world.settings.captions else []
    table = table.drop("scientificName", "taxonID", *LINEAGE).with_columns(noted, *said)
    table = table.join(_labels(world), on=["given_tip", "given_rank"], how="left", maintain_order="left")
    basis = pl.when(style.is_in(SPECIMENS)).then(pl.lit("PreservedSpecimen")).otherwise(pl.lit("HumanObservation"))
    machine = style.str.starts_with("camera trap")
    owner = pl.when(style.is_in(SPECIMENS)).then(pl.lit("The Drawn Cabinet")).otherwise(pl.col("recorded_by"))
    table = _as_written(table, seed)
    return table.select(
        "occurrenceID",
        pl.col("media").alias("associatedMedia"),
        pl.when(machine).then(pl.lit("MachineObservation")).otherwise(basis).alias("basisOfRecord"),
        "eventID",
        pl.col("day").dt.to_string("%Y-%m-%d").alias("eventDate"),
        pl.col("lat_deg").alias("decimalLatitude"),
        pl.col("lon_deg").alias("decimalLongitude"),
        "habitat",
        pl.when((pl.col("sex") != "undetermined") & pl.col("noted")).then("sex").alias("sex"),
        pl.when(pl.col("plan").is_in(ANIMALS)).then("stage").alias("lifeStage"),
        pl.when("known").then("individual").alias("organismID"),
        pl.when(seen).then(1).when(subject == "empty").then(0).alias("individualCount"),
        pl.col("recorded_by").alias("recordedBy"),
        pl.col("licence_given").alias("license"),
        owner.alias("rightsHolder"),
        "taxonID",
        "scientificName",
        *LINEAGE,
        pl.when(pl.col("given_rank") != "").then("given_rank").alias("taxonRank"),
        "vernacularName",
        *([] if not said else ["caption"]),
    )


def _as_written(table: pl.DataFrame, seed: int) -> pl.DataFrame:
    """The labels of `table` with the messy names in place; what a record with one does not know is null: the ranks between, ids, common names."""
    messy = pl.col("mess") != ""
    bare = pl.Series(
        [fraction(seed, f"no higher rank {i}") < NO_HIGHER for i in table["occurrenceID"]], dtype=pl.Boolean
    )
    higher = ("kingdom", "class", "family")
    unknown = [c for c in ("taxonID", "vernacularName", *LINEAGE) if c not in higher]
    return table.with_columns(
        pl.when(messy).then("written_name").otherwise("scientificName").alias("scientificName"),
        *(pl.when(~messy).then(c).alias(c) for c in unknown),
        *(pl.when(~(messy & bare)).then(c).alias(c) for c in higher),
    )


def _labels(world: DrawnTree) -> pl.DataFrame:
    """What a label says, by `given_tip` and `given_rank`: name, taxonID, lineage down to that rank, English name."""
    species = world.species.select(
        pl.int_range(pl.len(), dtype=pl.Int32).alias("given_tip"), "scientificName", *LINEAGE
    )
    ids = world.taxa.select("taxonID", "scientificName")
    english = world.vernacular.filter(pl.col("language") == "en").select("taxonID", "vernacularName")
    levels = []
    for rank in ("species", "genus", "family"):
        cut = RANKS.index(rank) + 1
        name = "scientificName" if rank == "species" else rank
        levels.append(
            species.with_columns(
                pl.lit(rank).alias("given_rank"),
                pl.col(name).alias("scientificName"),
                *[pl.lit(None, dtype=pl.String).alias(term) for term in LINEAGE[cut:]],
            )
        )
    labels = pl.concat(levels).join(ids, on="scientificName", how="left", maintain_order="left")
    return labels.join(english, on="taxonID", how="left", maintain_order="left")


def trait_table(world: DrawnTree) -> pl.DataFrame:
    """What a trait database would publish: one row per species and trait, the states of discrete traits and the habitat as text."""
    rows: list[tuple[str, str, str, str, str]] = []
    for row in world.species.iter_rows(named=True):
        who = row["taxonID"], row["scientificName"]
        rows.append((*who, "habitat", row["habitat"], ""))
        for trait in plans.TRAITS[row["plan"]]:
            value = row[f"trait_{trait.name}"]
            rows.append(
                (*who, trait.name, value if trait.states else f"{value:.5g}", "" if trait.states else trait.unit)
            )
    columns = ["taxonID", "scientificName", "measurementType", "measurementValue", "measurementUnit"]
    return pl.DataFrame(rows, schema=columns, orient="row")
