"""Field series in the panel: tables are read as they are, models of known worlds are found again, and what holds of real series is what the docs say."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from merian.core.errors import BadData
from merian.twin.ecosystem import Ecosystem, made
from merian.twin.fields.books import books
from merian.twin.fields.community import area_and_species, emergent, who_lives
from merian.twin.fields.cycles import HARE_TWIN, HARES, fit, hares_and_lynx, paramecium_and_didinium
from merian.twin.fields.epidemic import epidemic
from merian.twin.fields.isle import isle_royale, kill_rate
from merian.twin.fields.serengeti import recovered, serengeti, yellowstone
from merian.twin.fields.series import Series, pairs, peaks, read_series
from merian.twin.foodweb import FoodWeb
from merian.twin.solver import run
from merian.twin.theory import Row
from merian.twin.worked import shipped

DATA = Path(__file__).parents[3] / "shared" / "data" / "tables"
real = pytest.mark.real
there = pytest.mark.skipif(not DATA.is_dir(), reason=f"the real data are not at {DATA}")


def rows_of(found) -> dict[str, Row]:
    return {row.name: row for row in found if isinstance(row, Row)}


@pytest.fixture(scope="module")
def savanna() -> Ecosystem:
    worked = shipped("savanna")
    return made(worked.facts, worked.landscape(0, 8))


def test_series_are_read_as_they_are(tmp_path: Path) -> None:
    path = tmp_path / "isle_royale.csv"
    path.write_text(
        "\ufeff,WOLVES,,,\nyear,wolves,moose,kill rate,predation rate\n1959,20,538,N/A,NA yet\n1960, 22,564,0.6,0.05\n,,,,\n"
    )
    found = read_series(path, "isle_royale")
    assert found.times.tolist() == [1959, 1960]
    assert found["wolves"].tolist() == [20, 22]
    assert np.isnan(found["kills"][0])
    assert found.between(1960, 1990)["predation"].tolist() == [0.05]
    for kind in ("parquet", "tsv"):
        other = tmp_path / f"hare_lynx.{kind}"
        table = pl.DataFrame({"year": [1900, 1901], "hares": [5, None], "lynx": [1.5, 2.0]})
        if kind == "parquet":
            table.write_parquet(other)
        else:
            table.write_csv(other, separator="\t")
        both = read_series(other, "hare_lynx")
        assert both["lynx"].tolist() == [1.5, 2.0]
        assert np.isnan(both["hares"]).tolist() == [False, True]
    with pytest.raises(BadData, match="every winter"):
        isle_royale(path)
    path.write_text("year,wolves\n1959,20\n")
    with pytest.raises(BadData, match="moose"):
        read_series(path, "isle_royale")
    path.write_text("when,wolves\n1959,20\n")
    with pytest.raises(BadData, match="begins with 'year'"):
        read_series(path, "isle_royale")


def test_two_series_side_by_side_have_times_of_their_own(tmp_path: Path) -> None:
    path = tmp_path / "veilleux.csv"
    path.write_text("CC 0.5,,,\ntime,paramecium,time,didinium\n0,15,0,5\n0.5,50,0.4,9\n1,70,,\n")
    prey, eater = pairs(path)
    assert (prey.times.tolist(), eater.times.tolist()) == ([0, 0.5, 1], [0, 0.4])
    assert eater["number"].tolist() == [5, 9]
    path.write_text("nothing,here\n")
    with pytest.raises(BadData, match="prey"):
        pairs(path)


def test_peaks_are_higher_than_all_around() -> None:
    assert list(peaks(np.array([3.0, 1, 4, 2, 1, 3, 3, 0, 9]), 2)) == [2, 5]


@pytest.mark.parametrize("m", [0.0, 0.58, 1.0])
def test_a_kill_rate_is_found_again(m: float) -> None:
    rng = np.random.default_rng(2)
    prey, hunters = rng.uniform(300, 2500, 60), rng.uniform(5, 50, 60)
    met = 0.01 * prey * hunters**-m
    kills = met / (1 + 0.4 * met)
    found = kill_rate(kills, prey, hunters)
    assert (found.a, found.h, found.m) == (
        pytest.approx(0.01, rel=1e-3),
        pytest.approx(0.4, rel=1e-3),
        pytest.approx(m, abs=1e-3),
    )
    assert found.r2 == pytest.approx(1.0)
    other = kill_rate(kills, prey, hunters, 0.3)
    assert (other.m, other.m_error) == (0.3, 0.0)
    assert other.r2 < 1


def test_a_cycle_is_found_again() -> None:
    web = FoodWeb.of(
        ["prey", "eater"],
        [(1, 0)],
        {"growth": [0.6, 0.0], "capacity": [4000.0, np.inf], "loss": [0.0, 0.7]},
        {"attack": 0.02, "efficiency": 0.5},
    )
    times = np.linspace(0.0, 24.0, 25)
    course = run(web, [40.0, 15.0], times).biomass
    both = [Series(times, {"number": 1000 * course[:, k]}) for k in (0, 1)]
    found = fit(both[0], both[1], 9.0)
    assert found.explained > 0.999
    assert found.course(times) == pytest.approx(1000 * course, rel=0.02)
    assert found.length == pytest.approx(2 * np.pi / np.sqrt(0.6 * 0.7), rel=0.1)


def test_an_epidemic_is_what_theory_says() -> None:
    rows = epidemic()
    assert len(rows) == 4
    assert all(row.holds for row in rows)


def test_islands_keep_fewer_species_the_smaller_they_are(savanna: Ecosystem) -> None:
    balance = savanna.balance()
    kept = [who_lives(savanna, balance, area) for area in (0.001, 10.0, 300.0, 1e5)]
    assert kept[0] == 0
    assert kept == sorted(kept)
    assert kept[-1] == len(savanna.species.names)


def test_what_was_killed_comes_back(savanna: Ecosystem) -> None:
    found = recovered(savanna, savanna.balance(), "Connochaetes taurinus", 239_516, years=10)
    at = savanna.species.names.index("Connochaetes taurinus")
    assert found.heads[0, at] == pytest.approx(239_516, rel=1e-3)
    assert (np.diff(found.heads[:, at]) > 0).all()
    assert 0.1 < found.loss < 0.307


def test_what_the_twin_says_of_communities() -> None:
    rows = rows_of([*emergent(), *area_and_species(), *serengeti(), *yellowstone()])
    assert rows["density by mass, emergent"].found == pytest.approx(-0.75, abs=0.05)
    assert {name for name, row in rows.items() if not row.holds} == {
        "density by mass, savanna",
        "carnivores by mass",
        "wildebeest in 1977",
        "lions of 1961",
    }


@real
@there
def test_isle_royale_as_published_and_beside_the_twin() -> None:
    rows = rows_of(isle_royale(DATA / "isle_royale.csv"))
    assert {name for name, row in rows.items() if not row.holds} == {
        "moose eaten in a year",
        "a moose a wolf, a month",
        "twin's moose go with the counts",
        "twin's wolves go with the counts",
        "the next winter's wolves",
    }


@real
@there
def test_cycles_of_real_series() -> None:
    rows = rows_of([*hares_and_lynx(DATA / "hare_lynx.csv"), *paramecium_and_didinium(DATA / "veilleux.csv")])
    assert all(rows[asked.name].holds for asked in (*HARES, *HARE_TWIN[:3]))
    assert {name for name, row in rows.items() if not row.holds} == {
        "hares, the cycle lasts",
        "Paramecium, fitted web",
        "Paramecium, the cycle lasts",
    }


def test_biomass_is_accounted_for_in_every_tier() -> None:
    rows = books()
    assert len(rows) == 4
    assert all(row.holds for row in rows)
