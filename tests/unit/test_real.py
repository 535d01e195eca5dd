"""The real photos and tables of ../shared/data: only where that folder is."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from merian.core.captions import caption, taxon_of
from merian.core.tables import Catalog, Records
from merian.core.tree import Lineage, Tree
from merian.curate.run import curate
from merian.curate.settings import CurateSettings

DATA = Path(__file__).parents[2].parent / "shared" / "data"
TABLES = DATA / "tables"

pytestmark = [pytest.mark.real, pytest.mark.skipif(not DATA.is_dir(), reason=f"the real data are not at {DATA}")]


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Catalog:
    return curate(DATA / "photos.csv", tmp_path_factory.mktemp("real") / "out", CurateSettings())


def test_the_photos_are_all_there(photos: Catalog) -> None:
    assert len(photos) == 8001
    assert photos.refused().rows() == [("blurred", 17), ("near duplicate", 4), ("too small", 1)]
    kept = photos.kept()
    assert kept["licence"].null_count() == kept["split"].null_count() == kept["taxon"].null_count() == 0
    assert dict(kept["source"].value_counts().rows()) == {
        "butterflies_moths_100": 3302,
        "caltech101_organisms_45": 1143,
        "danube_fish_7": 554,
        "grocery_plants_50": 994,
        "leaf_silhouettes_99": 679,
        "plantvillage_apple_4": 256,
        "plantvillage_pepper_potato_5": 36,
        "plantvillage_tomato_10": 642,
        "seals_age_sex": 373,
    }


def test_the_lineages_are_those_of_the_table(photos: Catalog) -> None:
    assert len(photos.tree.at("species")) == 208
    table = pl.read_csv(DATA / "photos.csv", infer_schema=False)
    ranks = ["kingdom", "phylum", "class", "order", "family", "genus", "species"]
    found = photos.tree.lineages(photos.frame["taxon"].to_numpy())
    assert found.equals(table.select(pl.when(pl.col(r) != "").then(r).alias(r) for r in ranks))
    butterfly = photos.tree.find("Polyommatus bellargus")
    assert photos.tree.common_name(butterfly) == "Adonis"


def test_what_shows_the_same_fish_or_tile_stays_together(photos: Catalog) -> None:
    table = pl.read_csv(DATA / "photos.csv", infer_schema=False)
    rows = photos.frame.with_columns(given=table["group"]).filter(
        pl.col("split").is_not_null() & pl.col("given").is_not_null()
    )
    assert len(rows) > 500
    assert (rows.group_by("given").agg(pl.col("split").n_unique())["split"] == 1).all()
    hashes = photos.kept().group_by("hash").agg(pl.col("split").n_unique())
    assert (hashes["split"] == 1).all()
    shares = photos.kept()["split"].value_counts(normalize=True)
    assert dict(shares.rows())["test"] == pytest.approx(0.2, abs=0.02)


def test_the_images_come_back_from_the_shards(photos: Catalog) -> None:
    rows = photos.kept().sample(50, seed=0)
    for path, data in zip(rows["path"], photos.images(rows), strict=True):
        assert data == (DATA / path).read_bytes()


def test_the_rare_species_are_a_taxonomy() -> None:
    tree, refused = Tree.read(TABLES / "names_rare_species_400.parquet")
    assert refused.is_empty()
    # its column "class" is the label; the rank is called "cls"
    assert len(tree.at("class")) == 15
    assert len(tree.at("species")) == 400
    mussel = tree.find("Cyclonaias tuberculata")
    assert tree.lineage(mussel) == Lineage(
        "Animalia", "Mollusca", "Bivalvia", "Unionida", "Unionidae", "Cyclonaias", "Cyclonaias tuberculata"
    )
    assert caption(tree, mussel, "taxon_com") == (
        "a photo of Animalia Mollusca Bivalvia Unionida Unionidae Cyclonaias tuberculata with common name purple wartyback."
    )
    assert all(taxon_of(tree, caption(tree, int(t), "taxon")) == t for t in tree.at("species"))


def test_the_itis_sample_is_a_list_of_lineages() -> None:
    # Darwin Core columns, but the lineage is spelled out and no parent is named
    tree, refused = Tree.read(TABLES / "itis_dwc_sample.parquet")
    assert refused.is_empty()
    assert [len(tree.at(r)) for r in ("kingdom", "phylum", "class", "order", "family", "genus", "species")] == [
        1,
        1,
        1,
        1,
        16,
        80,
        508,
    ]
    assert tree.lineage(tree.find("Leontocebus fuscus")).family == "Callitrichidae"


def test_the_inaturalist_sample_is_a_taxon_table() -> None:
    table = pl.read_csv(TABLES / "inat_taxonomy_sample.csv", infer_schema=False)
    names = {"id": "taxonID", "parent_id": "parentNameUsageID", "name": "scientificName", "rank": "taxonRank"}
    tree, refused = Tree.from_taxa(table.rename(names))
    assert refused.is_empty()
    for rank in ("kingdom", "phylum", "class", "order", "family", "genus", "species"):
        assert len(tree.at(rank)) == (table["rank"] == rank).sum()
    assert dict(zip(tree.ids, tree.names, strict=True)).items() <= dict(table.select("id", "name").rows()).items()


def test_real_occurrences_are_records() -> None:
    for name, rows in (("inat_observations_dwc_sample.csv", 50), ("occ_gbif_puma.csv", 3391)):
        records = Records.read_csv(TABLES / name)
        assert len(records) == rows
        assert records.frame["scientific_name"].null_count() == 0
        assert records.frame["latitude"].null_count() < rows
        again = Records.from_darwin_core(records.to_darwin_core())
        assert again.frame.equals(records.frame)
