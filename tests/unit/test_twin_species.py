"""Species of a twin: trait tables as they are, the best evidence, what is assumed, who is refused, and what the commands say."""

from __future__ import annotations

import json
import math
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from merian.cli.main import run
from merian.core.errors import BadData, BadSetting, Mismatch, Missing
from merian.core.store import read
from merian.core.tables import Records
from merian.explore.impute.gaps import ROWS
from merian.twin.allometry import fitted, prior, speed_km_h
from merian.twin.build import Inputs, build, pool_of
from merian.twin.ecosystem import Ecosystem, Facts, made
from merian.twin.feeding import LINKS, read_links, unfed
from merian.twin.landscape import generated
from merian.twin.pools import Climate, Pool, grass_crop_g_m2, npp_g_m2_year
from merian.twin.settings import TwinSettings
from merian.twin.species import completed, group_of, read_species
from merian.twin.traits import cells_of, merged, read_traits
from merian.twin.worked import drawn_ecosystem, shipped

ELTON = """scientificName,BodyMass.Value,BodyMass.SpecLevel,Diet.Vend,Diet.PlantO,Diet.Certainty,ForStrat.Value,Activity.Nocturnal,Activity.Diurnal
Lupus magnus,40000,1,100,0,ABC,G,1,0
Cervus alpha,120000,1,0,100,ABC,G,1,1
Cervus beta,90000,0,0,100,D1,S,0,1
"""
PANTHERIA = """Order,Genus,Species,AdultBodyMass_g,PopulationDensity_n.km2,MaxLongevity_m,ActivityCycle
Carnivora,Lupus,magnus,-999,0.02,180,1
Artiodactyla,Cervus,beta,95000,-999.00,240,2
Artiodactyla,Cervus,beta,97000,,,2
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "elton.csv").write_text(ELTON)
    (tmp_path / "pantheria.csv").write_text(PANTHERIA)
    names = "scientificName,class,vernacularName\nLupus magnus,Mammalia,wolf\nCervus alpha,Mammalia,\nCervus beta,Mammalia,\n"
    (tmp_path / "list.csv").write_text(names)
    return tmp_path


def row(cells: pl.DataFrame, species: str, trait: str) -> tuple[float, str, str]:
    found = cells.filter(pl.col("species") == species, pl.col("trait") == trait)
    value, evidence, source = found.select("value", "evidence", "source").row(0)
    return value, evidence, source


def test_tables_are_read_by_their_columns(folder: Path) -> None:
    elton, panther = read_traits(folder / "elton.csv"), read_traits(folder / "pantheria.csv")
    assert row(elton, "Lupus magnus", "mass_g") == (40_000.0, "observed", "elton.csv: BodyMass.Value")
    assert row(elton, "Cervus beta", "mass_g")[1] == "inferred"
    assert row(elton, "Cervus beta", "diet_plants")[:2] == (1.0, "inferred")
    assert row(elton, "Cervus beta", "stratum_trees")[0] == 0.5
    assert row(panther, "Lupus magnus", "longevity_years")[0] == 15.0
    assert row(panther, "Lupus magnus", "active_day")[0] == 0.0
    assert row(panther, "Cervus beta", "mass_g")[0] == 96_000.0
    assert not len(panther.filter(pl.col("species") == "Lupus magnus", pl.col("trait") == "mass_g"))


def test_the_best_evidence_wins_and_of_equals_the_first(folder: Path) -> None:
    both = [read_traits(folder / "elton.csv"), read_traits(folder / "pantheria.csv")]
    best = merged(both, ["Cervus beta", "Lupus magnus", "Cervus alpha"])
    assert row(best, "Cervus beta", "mass_g") == (96_000.0, "observed", "pantheria.csv: AdultBodyMass_g")
    assert row(best, "Lupus magnus", "active_night")[2] == "elton.csv: Activity.Nocturnal"
    assert best["species"].unique(maintain_order=True).to_list() == ["Cervus beta", "Lupus magnus", "Cervus alpha"]


def test_a_diet_is_taken_whole_from_one_table() -> None:
    first = cells_of(
        [("a b", "diet_plants", 0.6, None, "observed", "x"), ("a b", "diet_fruit", 0.4, None, "observed", "x")]
    )
    second = cells_of([("a b", "diet_seeds", 1.0, None, "observed", "y")])
    assert merged([first, second], ["a b"])["trait"].to_list() == ["diet_fruit", "diet_plants"]


def test_imputed_tables_have_the_columns_that_are_read() -> None:
    assert {"trait", "value", "source", "predicted", "low", "high", "level"} <= set(ROWS)


def test_imputed_tables_are_inferred_and_keep_their_interval(tmp_path: Path) -> None:
    rows = {
        "scientificName": ["a b", "a c", "a d"],
        "trait": ["AdultBodyMass_g"] * 3,
        "unit": ["g"] * 3,
        "value": [100.0, None, None],
        "source": ["known", "imputed", "withheld"],
        "predicted": [None, 200.0, 300.0],
        "low": [None, 100.0, None],
        "high": [None, 400.0, None],
        "level": [0.9] * 3,
    }
    pl.DataFrame(rows).write_parquet(tmp_path / "imputed.parquet")
    cells = read_traits(tmp_path / "imputed.parquet")
    assert cells.select("species", "value", "evidence").rows() == [
        ("a b", 100.0, "observed"),
        ("a c", 200.0, "inferred"),
    ]
    assert cells["spread"][1] == pytest.approx(math.log10(4) / (2 * 1.6448536), rel=1e-6)


def test_long_tables_and_columns_of_ones_own(tmp_path: Path) -> None:
    (tmp_path / "long.csv").write_text(
        "scientificName,measurementType,measurementValue\na b,weight,10\na b,weight,20\na b,weight,60\na b,colour,red\n"
    )
    cells = read_traits(tmp_path / "long.csv", {"weight": "mass_g"})
    assert cells.select("trait", "value").rows() == [("mass_g", 20.0)]
    assert cells["spread"][0] == pytest.approx(np.std(np.log10([10, 20, 60]), ddof=1))
    with pytest.raises(BadSetting, match="'mas_g': is no trait|is no trait"):
        read_traits(tmp_path / "long.csv", {"weight": "mas_g"})


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("scientificName,mass_g\na b,-5\n", r"mass_g lies between .* \(a b: -5\)"),
        ("scientificName,diet_plants\na b,7\n", r"diet_plants lies between 0 and 1 \(a b: 7\)"),
        ("scientificName,mass_g\na b,nan\na c,0\n", r"mass_g lies between .* \(a c: 0\)"),
        ("scientificName,mass_g\na b,inf\n", r"\(a b: inf\)"),
        ("scientificName,colour\na b,red\n", "has no trait that is known by its column"),
        ("name,mass_g\na b,5\n", "no column has the names of species"),
    ],
)
def test_tables_that_are_wrong_say_so(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "t.csv").write_text(text)
    with pytest.raises(BadData, match=said):
        read_traits(tmp_path / "t.csv")


def test_a_missing_table_is_said(tmp_path: Path) -> None:
    with pytest.raises(Missing, match="table of traits"):
        read_traits(tmp_path / "none.csv")
    with pytest.raises(Missing, match="list of species"):
        read_species(tmp_path / "none.csv")
    with pytest.raises(Missing, match="table of links"):
        read_links(tmp_path / "none.csv")


def test_species_from_records(tmp_path: Path) -> None:
    frame = pl.DataFrame(
        {
            "id": ["1", "2", "3", "4"],
            "scientific_name": ["Lupus magnus", "Cervus", "Lupus magnus", "Cervus alpha"],
            "rank": ["species", "genus", "species", "species"],
            "class_": ["Mammalia"] * 4,
            "common_name": [None, None, "wolf", None],
        }
    )
    Records(frame).write_csv(tmp_path / "records.csv")
    found = read_species(tmp_path / "records.csv")
    assert found.rows() == [("Lupus magnus", "Mammalia", "wolf"), ("Cervus alpha", "Mammalia", "")]


def test_species_from_answers_to_photos_are_those_that_are_safe(tmp_path: Path) -> None:
    columns = "file_name,class,species,common_name,score,safe_rank,safe_name"
    rows = [
        "a.jpg,Mammalia,Lupus magnus,wolf,0.95,species,Lupus magnus",
        "a.jpg,Aves,Pica pica,magpie,0.03,species,Lupus magnus",
        "b.jpg,Aves,Pica pica,magpie,0.4,class,Aves",
        "c.jpg,Mammalia,Lupus magnus,wolf,0.9,species,Lupus magnus",
    ]
    (tmp_path / "names.csv").write_text("\n".join([columns, *rows]))
    assert read_species(tmp_path / "names.csv").rows() == [("Lupus magnus", "Mammalia", "wolf")]
    (tmp_path / "names.csv").write_text("\n".join([columns, rows[2]]))
    with pytest.raises(BadData, match="no photo has a species as its safe answer"):
        read_species(tmp_path / "names.csv")


def test_names_with_their_authors_and_columns_in_capitals(tmp_path: Path) -> None:
    names = ["Panthera leo (Linnaeus, 1758)", "Ribes californicum Hook. & Arn.", "Canis lupus", "Alces alces, L."]
    pl.DataFrame({"ScientificName": names}).write_csv(tmp_path / "list.csv")
    found = read_species(tmp_path / "list.csv")["species"].to_list()
    assert found == ["Panthera leo", "Ribes californicum", "Canis lupus", "Alces alces"]


def test_gaps_are_filled_from_mass_and_marked(folder: Path) -> None:
    cells = merged([read_traits(folder / "elton.csv")], ["Lupus magnus", "Cervus alpha", "Cervus beta"])
    species = completed(read_species(folder / "list.csv"), cells)
    value, evidence, source = row(species.cells, "Lupus magnus", "density_km2")
    assert (evidence, source) == ("assumed", "power law of mass, carnivore (PanTHERIA, n = 101)")
    assert value == pytest.approx(10**3.819 * 40_000**-0.968)
    assert row(species.cells, "Cervus alpha", "grass")[:2] == (0.5, "assumed")
    assert np.isfinite(species["longevity_years"]).all()
    assert set(species.cells["evidence"]) == {"observed", "inferred", "assumed"}


def test_who_has_no_mass_or_diet_is_refused_with_the_reason() -> None:
    wanted = pl.DataFrame({"species": ["a b", "a c", "a d"], "class": [""] * 3, "common": [""] * 3})
    cells = cells_of(
        [
            ("a b", "diet_plants", 1.0, None, "observed", "x"),
            ("a c", "mass_g", 10.0, None, "observed", "x"),
            ("a d", "mass_g", 10.0, None, "observed", "x"),
        ]
    )
    species = completed(wanted, cells, fed=["a d"])
    assert species.names == ("a d",)
    assert species.refused.rows() == [
        ("a b", "its body mass is in none of the tables"),
        ("a c", "its diet is in none of the tables, and no observed link feeds it"),
    ]
    with pytest.raises(BadData, match=r"add up to 1 \(a b: 1\.3\)"):
        completed(
            wanted,
            cells_of(
                [
                    ("a b", "mass_g", 1.0, None, "observed", "x"),
                    ("a b", "diet_plants", 0.9, None, "observed", "x"),
                    ("a b", "diet_fruit", 0.4, None, "observed", "x"),
                ]
            ),
        )


def test_groups_and_laws() -> None:
    assert group_of({"diet_plants": 0.95, "diet_invertebrates": 0.05}) == "herbivore"
    assert group_of({"diet_plants": 0.5, "diet_fish": 0.5}) == "omnivore"
    assert group_of({}, "Aves") == "bird"
    assert group_of({}) == ""
    assert speed_km_h([282_500, 180_000, 3_940_000]) == pytest.approx([58, 61, 31], abs=2.5)
    assert prior("grass", 10.0) is None
    with pytest.raises(BadData, match="needs three species"):
        fitted([1.0, 1.0, math.nan], [1.0, 2.0, 3.0])


def test_rings_and_hunger_are_named() -> None:
    links = [("hare", "grass"), ("wolf", "dog"), ("dog", "wolf"), ("fox", "wolf"), ("owl", "vole")]
    said = unfed(links, ["hare", "wolf", "dog", "fox", "owl", "vole"], ["grass"])
    assert said == {
        "wolf": "eats a ring of eaters that no plant feeds: wolf eats dog eats wolf",
        "dog": "eats a ring of eaters that no plant feeds: dog eats wolf eats dog",
        "fox": "lives on a ring of eaters that no plant feeds: wolf eats dog eats wolf",
        "owl": "lives on vole, and nothing that vole eats is in this ecosystem",
        "vole": "nothing that it eats is in this ecosystem",
    }


def test_who_is_left_out_for_want_of_food_is_told_what_it_may_eat() -> None:
    wanted = pl.DataFrame({"species": ["Canis lupus", "Alces alces"], "class": ["Mammalia"] * 2, "common": [""] * 2})
    cells = cells_of(
        [
            ("Canis lupus", "mass_g", 32_000.0, None, "observed", "x"),
            ("Canis lupus", "diet_endotherms", 1.0, None, "observed", "x"),
            ("Alces alces", "mass_g", 400_000.0, None, "observed", "x"),
            ("Alces alces", "diet_plants", 1.0, None, "observed", "x"),
        ]
    )
    pools, none = (Pool("leaves", "browse", "", 1.0, 40.0),), pl.DataFrame(schema=LINKS)
    facts = Facts("isle", wanted, (cells,), none, pools, Climate(700.0, 4.0), 500.0)
    why = made(facts, generated("plain", 0, 8)).species.refused["reason"].item()
    said = re.fullmatch(
        r"nothing that it eats is in this ecosystem \(likeliest is Alces alces, with a probability of ([0-9.]+): .*, --link \1 believes it\)",
        why,
    )
    assert said, why
    believed = made(facts, generated("plain", 0, 8), link=float(said[1]))
    assert believed.species.names == ("Canis lupus", "Alces alces")


def two(links: pl.DataFrame, diet: str = "diet_plants") -> Ecosystem:
    wanted = pl.DataFrame({"species": ["Lupus magnus", "Cervus alpha"], "class": ["Mammalia"] * 2, "common": [""] * 2})
    cells = cells_of(
        [
            ("Lupus magnus", "mass_g", 40_000.0, None, "observed", "x"),
            ("Lupus magnus", "diet_endotherms", 1.0, None, "observed", "x"),
            ("Cervus alpha", "mass_g", 90_000.0, None, "observed", "x"),
            ("Cervus alpha", diet, 1.0, None, "observed", "x"),
        ]
    )
    facts = Facts("two", wanted, (cells,), links, (Pool("grass", "grass", "deshmukh"),), Climate(700.0, 20.0), 100.0)
    return made(facts, generated("plain", 0, 8))


def told(text: str, tmp_path: Path) -> pl.DataFrame:
    (tmp_path / "links.csv").write_text(text)
    return read_links(tmp_path / "links.csv")


def test_observed_links_are_never_overruled(tmp_path: Path) -> None:
    assert two(pl.DataFrame(schema=LINKS)).web_links.select("eater", "eaten", "evidence").rows() == [
        ("Lupus magnus", "Cervus alpha", "inferred"),
        ("Cervus alpha", "grass", "inferred"),
    ]
    absent = two(told("eater,eaten,eats\nLupus magnus,Cervus alpha,0\n", tmp_path))
    assert absent.species.names == ("Cervus alpha",)
    assert absent.species.refused["reason"].to_list() == ["nothing that it eats is in this ecosystem"]
    odd = two(told("eater,eaten,source\nCervus alpha,Lupus magnus,seen once\nnobody,grass,\n", tmp_path))
    link = odd.web_links.filter(pl.col("eater") == "Cervus alpha", pl.col("eaten") == "Lupus magnus").row(0, named=True)
    assert (link["probability"], link["evidence"], link["source"]) == (1.0, "observed", "seen once")
    assert link["size"] is not None
    assert odd.remarks[0] == "1 observed link is between species that are not in this ecosystem"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("eater,eaten\na,b\na,b\n", r"a link comes once \(a eats b\)"),
        ("eater,eaten,eats\na,b,0.5\n", "eats is 0 or 1"),
        ("eater,eaten,share\na,b,1.5\n", "share lies between them"),
        ("who,whom\na,b\n", "needs the columns eater and eaten"),
    ],
)
def test_tables_of_links_that_are_wrong(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(BadData, match=said):
        told(text, tmp_path)


def test_an_ecosystem_in_which_nobody_can_live(tmp_path: Path) -> None:
    with pytest.raises(BadData, match=r"no species can live in it \(Lupus magnus: lives on Cervus alpha"):
        two(pl.DataFrame(schema=LINKS), "diet_fish")


def test_more_is_eaten_than_can_grow_is_said() -> None:
    ecosystem = two(pl.DataFrame(schema=LINKS))
    crowd = ecosystem.species.cells.with_columns(
        value=pl.when((pl.col("species") == "Lupus magnus") & (pl.col("trait") == "density_km2"))
        .then(3.0)
        .otherwise("value")
    )
    many = replace(ecosystem, species=replace(ecosystem.species, cells=crowd)).balance()
    problems = dict(many.rates.select("species", "problem").drop_nulls().iter_rows())
    assert set(problems) == {"Cervus alpha"}
    assert "eaten in a year, more than it can make" in problems["Cervus alpha"]


@pytest.mark.parametrize("name", ["savanna", "isle-royale", "drawn"])
def test_worked_ecosystems_persist_at_plausible_densities(name: str, tmp_path: Path) -> None:
    report = build(name, tmp_path / "out", TwinSettings(rows=16))
    assert report["persist"].value == 1.0
    assert report["plausible"].value == 1.0
    assert report["refused"].value == 0
    assert report["persist.control"].value < 1.0
    ecosystem = Ecosystem.load(tmp_path / "out")
    assert read(tmp_path / "out").kind == "ecosystem"
    assert ecosystem.species.cells.drop_nulls("source").height == ecosystem.species.cells.height
    assert ecosystem.balance().rates.equals(Ecosystem.load(tmp_path / "out").balance().rates)


def test_the_savanna_has_its_grazers_and_hunters() -> None:
    worked = shipped("savanna")
    ecosystem = made(worked.facts, worked.landscape(0, 8))
    hunters = ecosystem.species["diet_endotherms"] >= 0.5
    assert hunters.sum() >= 4
    assert ((ecosystem.species["grass"] >= 0.5) & ~hunters).sum() >= 8
    eaten = ecosystem.web_links.filter(pl.col("eater") == "Panthera leo")["eaten"].to_list()
    assert "Connochaetes taurinus" in eaten
    assert "Syncerus caffer" in eaten
    assert "Loxodonta africana" not in eaten
    assert ecosystem.landscape.rain_mm == pytest.approx(sum(worked.months))
    unread = ecosystem.species.cells.filter(pl.col("source").str.contains("not re-read"))
    assert 0 < len(unread) < len(ecosystem.species.cells) / 4


def test_drawn_ecosystems_say_when_nobody_lives_there() -> None:
    with pytest.raises(BadData, match="lives there: ask for more species"):
        drawn_ecosystem("alpine", 8, 1)


def test_crops_by_rain() -> None:
    assert grass_crop_g_m2(700.0) == pytest.approx((8.4888 * 700 - 195.77) / 10)
    assert grass_crop_g_m2(10.0) == 0.0
    carbon = npp_g_m2_year(np.array([20, 20, 20, -5]), np.array([500, 800, 1200, 400])) * 0.476 / 1000
    assert carbon == pytest.approx([0.4297, 0.5887, 0.7294, 0.3105], abs=5e-5)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("grass", "must read NAME:FOOD=CROP"),
        ("g:hay=5", "FOOD one of"),
        ("g:grass=1e", "is no number"),
        ("g:grass=5*", "must read"),
    ],
)
def test_pools_that_are_none(text: str, said: str) -> None:
    with pytest.raises(BadSetting, match=said):
        pool_of(text)
    assert pool_of("trees:browse=miami*0.03").share == 0.03


def test_the_command_builds_and_says_who_is_refused(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with (folder / "list.csv").open("a") as file:
        file.write("Nemo nullus,Mammalia,\n")
    line = [
        "twin",
        "build",
        str(folder / "list.csv"),
        str(folder / "out"),
        "--traits",
        str(folder / "elton.csv"),
        "--traits",
    ]
    line += [str(folder / "pantheria.csv"), "--rain-mm", "700", "--rows", "8"]
    assert run(line) == 3
    said = " ".join("".join(capsys.readouterr()).split())
    assert "Nemo nullus: its body mass is in none of the tables" in said
    first = dict(read(folder / "out").files)
    assert run(line) == 3  # finished before: nothing is done again
    line[3] = str(folder / "again")
    assert run(line) == 3
    second = read(folder / "again").files
    assert first == second
    assert json.loads((folder / "out" / "ecosystem.json").read_text())["climate"]["rain_mm"] == 700


@pytest.mark.parametrize(
    ("flags", "code", "said"),
    [
        (["nowhere"], 2, "is neither a file nor a worked ecosystem"),
        (["savana"], 2, "(savanna, isle-royale, drawn)"),
        (["LIST"], 2, "say how much it rains"),
        (["LIST", "--rain-mm", "700", "--raster", "elevation"], 2, "must read LAYER=FILE"),
        (["LIST", "--rain-mm", "700", "--columns", "weight"], 2, "must read COLUMN=trait"),
        (["LIST", "--rain-mm", "700"], 1, "its body mass is in none of the tables"),
        (["LIST", "--rain-mm", "10", "--traits", "ELTON"], 1, "nothing grows at 10 mm of rain"),
    ],
)
def test_what_cannot_be_built_is_said(
    folder: Path, capsys: pytest.CaptureFixture[str], flags: list[str], code: int, said: str
) -> None:
    places = {"LIST": str(folder / "list.csv"), "ELTON": str(folder / "elton.csv")}
    first, *rest = (places.get(flag, flag) for flag in flags)
    assert run(["twin", "build", first, str(folder / "out"), *rest]) == code
    assert said in " ".join(capsys.readouterr().err.split())
    assert not (folder / "out" / "manifest.json").exists()


def test_another_run_in_the_folder_is_refused(folder: Path) -> None:
    build("isle-royale", folder / "out", TwinSettings(rows=8))
    with pytest.raises(Mismatch, match="seed: 0 -> 1"):
        build("isle-royale", folder / "out", TwinSettings(rows=8, seed=1), Inputs())


def test_sampled_ecosystems_differ_by_seed_alone() -> None:
    worked = shipped("savanna")
    ecosystem = made(worked.facts, worked.landscape(0, 8))
    one, again, other = ecosystem.sampled(1), ecosystem.sampled(1), ecosystem.sampled(2)
    assert one.species.cells.equals(again.species.cells)
    assert one.links.equals(again.links)
    assert not one.species.cells.equals(other.species.cells)
    assert set(one.links["eater"]) == set(ecosystem.species.names)
    assert one.links.group_by("eater").agg(pl.col("part").sum())["part"].to_list() == pytest.approx([1.0] * 18)
    assert one.balance().web.names == ecosystem.balance().web.names
