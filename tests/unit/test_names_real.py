"""The resolution on the real tables of ../shared/data: Rare Species, ITIS, the Catalogue of Life's Brassicaceae. Only where that folder is."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from merian.core.delimited import read_delimited
from merian.core.tree import RANKS
from merian.names.backbone import Backbone
from merian.names.files import read_names
from merian.names.resolve import resolve

TABLES = Path(__file__).parents[2].parent / "shared" / "data" / "tables"

pytestmark = [pytest.mark.real, pytest.mark.skipif(not TABLES.is_dir(), reason=f"the real data are not at {TABLES}")]


@pytest.fixture(scope="module")
def itis(tmp_path_factory: pytest.TempPathFactory) -> Backbone:
    return Backbone.open(TABLES / "itis_dwc_sample.parquet", tmp_path_factory.mktemp("cache"))


@pytest.fixture(scope="module")
def crucifers(tmp_path_factory: pytest.TempPathFactory) -> Backbone:
    """The Brassicaceae of the Catalogue of Life (source 73), accepted species and synonyms, as a Darwin Core table."""
    accepted = read_delimited(TABLES / "col_acef73_accepted.txt").frame
    synonyms = read_delimited(TABLES / "col_acef73_synonyms.txt").frame
    words = ("Genus", "SpeciesEpithet", "InfraSpeciesMarker", "InfraSpeciesEpithet")
    above = {r: r.capitalize() for r in ("kingdom", "phylum", "class", "order", "family", "genus")}
    good = accepted.select(
        taxonID="AcceptedTaxonID",
        scientificName=pl.concat_str("Genus", "SpeciesEpithet", separator=" "),
        scientificNameAuthorship="AuthorString",
        taxonomicStatus=pl.lit("accepted"),
        taxonRank=pl.lit("species"),
        **above,
    )
    other = synonyms.select(
        taxonID="ID",
        acceptedNameUsageID="AcceptedTaxonID",
        scientificName=pl.concat_str(*words, separator=" ", ignore_nulls=True),
        scientificNameAuthorship=pl.coalesce("InfraSpeciesAuthorString", "AuthorString"),
        taxonomicStatus="Sp2000NameStatus",
        taxonRank=pl.when(pl.col("InfraSpeciesEpithet").is_null()).then(pl.lit("species")).otherwise(pl.lit("variety")),
    )
    folder = tmp_path_factory.mktemp("acef")
    pl.concat([good, other], how="diagonal").write_csv(folder / "taxon.csv")
    return Backbone.open(folder / "taxon.csv", folder / "cache")


def test_the_rare_species_are_themselves(tmp_path: Path) -> None:
    backbone = Backbone.open(TABLES / "names_rare_species_400.parquet", tmp_path)
    read = read_names(TABLES / "names_rare_species_400.parquet")
    found = resolve(read.input, backbone).frame
    assert found["decision"].unique().to_list() == ["accepted"]
    assert found["accepted_name"].to_list() == read.table["class"].to_list()
    again = resolve(found.select(pl.col("accepted_name").alias("verbatim_name"), *RANKS), backbone).frame
    assert again["accepted_id"].equals(found["accepted_id"])


def test_the_rare_species_against_primates_only_go_up_and_never_astray(itis: Backbone) -> None:
    read = read_names(TABLES / "names_rare_species_400.parquet")
    found = pl.concat([resolve(read.input, itis).frame, read.table.select(order_given="order")], how="horizontal")
    primates = found.filter(pl.col("order_given") == "Primates")
    assert primates.filter(pl.col("outcome") == "taken").height == 33
    assert set(primates["order"]) == {"Primates"}
    others = found.filter(pl.col("order_given") != "Primates")
    assert set(others["outcome"]) == {"raised"}
    assert set(others["accepted_name"]) <= {"Animalia", "Chordata", "Mammalia"}


def test_the_synonyms_of_itis_lead_to_their_accepted_names(itis: Backbone) -> None:
    table = pl.read_parquet(TABLES / "itis_dwc_sample.parquet")
    found = resolve(table.select(verbatim_name="scientificName"), itis)
    truth = table.select(pl.coalesce("acceptedNameUsageID", "taxonID")).to_series()
    decided = found.frame["outcome"] == "taken"
    assert found.frame["accepted_id"].filter(decided).equals(truth.filter(decided), check_names=False)
    # two names that are synonyms of two species each stay undecided
    assert set(table["scientificName"].filter(~decided)) == {"Cercopithecus poliophaeus", "Cheirogaleus minor"}


def test_the_authors_tell_the_homonyms_of_the_crucifers_apart(crucifers: Backbone) -> None:
    usages = crucifers.usages
    truth = usages["id"].gather(usages["accepted"])
    written = pl.concat_str("name", "authorship", separator=" ", ignore_nulls=True)
    bare = resolve(usages.select(verbatim_name="name"), crucifers).frame
    authored = resolve(usages.select(verbatim_name=written), crucifers).frame
    assert len(usages) > 10_000
    assert authored["accepted_id"].eq_missing(truth).sum() >= len(usages) - 5
    assert (bare["decision"] == "ambiguous synonym").sum() > 100
    assert (authored["decision"] == "ambiguous synonym").sum() < 10
    wrong = bare.filter(bare["accepted_id"].ne_missing(truth) & (bare["outcome"] == "taken"))
    assert set(wrong["decision"]) == {"accepted before synonym"}  # without its author a name is the accepted one's


@pytest.mark.parametrize("columns", [("name",), ("name", "authorship")])
def test_every_accepted_name_of_the_crucifers_is_itself(crucifers: Backbone, columns: tuple[str, ...]) -> None:
    rows = pl.int_range(pl.len(), dtype=pl.Int32)
    taxa = crucifers.usages.filter(rows == pl.col("accepted"), pl.col("name").is_not_null())
    written = taxa.select(verbatim_name=pl.concat_str(*columns, separator=" ", ignore_nulls=True))
    found = resolve(written, crucifers).frame
    assert len(taxa) > 3_700
    assert found["accepted_id"].equals(taxa["id"], check_names=False)
    assert set(found["outcome"]) == {"taken"}


def test_what_inaturalist_has_is_looked_up_in_seconds(tmp_path: Path) -> None:
    backbone = Backbone.open(TABLES / "names_rare_species_400.parquet", tmp_path)
    read = read_names(TABLES / "names_inat_sinr_47k.parquet")
    assert read.column == "scientific_name"
    found = resolve(read.input, backbone).frame
    assert len(found) == 47_375
    assert found.filter(pl.col("decision") == "accepted").height == 200
    taken = found.filter(pl.col("decision") == "accepted")["accepted_name"]
    assert set(taken) <= set(read.table["scientific_name"])
