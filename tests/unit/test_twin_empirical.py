"""Field data of body mass: the laws that stand in the code come out of the tables, and the rows of the panel say what holds and what does not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from merian.twin.allometry import PRIORS, fitted
from merian.twin.build import Inputs, build
from merian.twin.ecosystem import Ecosystem, made
from merian.twin.empirical import EMPIRICAL, Tables, law_of, predators_and_prey, rainfall
from merian.twin.fields.groups import tables
from merian.twin.settings import TwinSettings
from merian.twin.worked import shipped

DATA = Path(__file__).parents[3] / "shared" / "data" / "tables"
real = [pytest.mark.real, pytest.mark.skipif(not DATA.is_dir(), reason=f"the real data are not at {DATA}")]
COLUMNS = {
    "density_km2": ("PopulationDensity_n.km2", 1.0),
    "home_range_km2": ("HomeRange_km2", 1.0),
    "maturity_days": ("SexualMaturityAge_d", 1.0),
    "gestation_days": ("GestationLen_d", 1.0),
    "longevity_years": ("MaxLongevity_m", 1 / 12),
    "litter_size": ("LitterSize", 1.0),
    "litters_year": ("LittersPerYear", 1.0),
    "group_size": ("SocialGrpSize", 1.0),
}
MISSES = {"Damuth's -3/4: carnivores", "Damuth's -3/4: birds", "Kleiber's 3/4"}


def test_a_fit_is_that_of_numpy() -> None:
    rng = np.random.default_rng(3)
    mass = 10 ** rng.uniform(0, 6, 80)
    values = 3.0 * mass**-0.7 * 10 ** rng.normal(0, 0.3, 80)
    found = fitted([*mass, np.nan, 5.0], [*values, 1.0, 0.0])
    slope, intercept = np.polyfit(np.log10(mass), np.log10(values), 1)
    assert (found.slope, found.intercept, found.n) == (pytest.approx(slope), pytest.approx(intercept), 80)
    rest = np.log10(values) - intercept - slope * np.log10(mass)
    assert found.sd == pytest.approx(rest.std(ddof=2))
    assert found.half_width == pytest.approx(
        1.959964 * found.sd / np.sqrt(((np.log10(mass) - np.log10(mass).mean()) ** 2).sum())
    )


def test_more_rain_feeds_more_prey_and_more_predators() -> None:
    worked = shipped("savanna")
    ecosystem = made(worked.facts, worked.landscape(0, 8))
    prey, predators = rainfall(ecosystem, [500.0, ecosystem.climate.rain_mm, 1000.0])
    assert (np.diff(prey) > 0).all()
    assert (np.diff(predators) > 0).all()
    assert prey[1] == pytest.approx(ecosystem.balance().start[:13].sum(), rel=1e-3)


def test_the_rows_of_predators_and_prey_say_what_does_not_hold() -> None:
    rows = {row.name: row for row in predators_and_prey()}
    assert rows["predators on prey"].found == pytest.approx(1.23, abs=0.05)
    assert {name for name, row in rows.items() if row.holds} == set()


@pytest.mark.parametrize(
    "law", [pytest.param(key, marks=real) for key in PRIORS if key[1] != "bird"], ids=lambda k: " ".join(k).strip()
)
def test_priors_come_out_of_the_tables(law: tuple[str, str]) -> None:
    column, factor = COLUMNS[law[0]]
    found, written = law_of(DATA / "trait_pantheria.parquet", column, law[1]), PRIORS[law]
    assert found.n == written.n
    assert found.intercept + np.log10(factor) == pytest.approx(written.intercept, abs=6e-4)
    assert (found.slope, found.half_width, found.sd) == pytest.approx(
        (written.slope, written.half_width, written.sd), abs=6e-4
    )


@pytest.mark.real
@pytest.mark.skipif(not DATA.is_dir(), reason=f"the real data are not at {DATA}")
def test_the_published_slopes_come_out_of_the_tables() -> None:
    given = tables(DATA)
    found = Tables(*(given[name] for name in ("pantheria", "tetra_density", "elton_mammals", "elton_birds")))
    rows = [row for family in EMPIRICAL for row in family(found)]
    assert {row.name for row in rows if not row.holds} == MISSES
    assert len(rows) == 17


@pytest.mark.real
@pytest.mark.skipif(not DATA.is_dir(), reason=f"the real data are not at {DATA}")
def test_an_ecosystem_of_real_tables(tmp_path: Path) -> None:
    names = ["Connochaetes taurinus", "Aepyceros melampus", "Lepus capensis", "Panthera leo", "Canis mesomelas"]
    (tmp_path / "list.csv").write_text("scientificName,class\n" + "".join(f"{name},Mammalia\n" for name in names))
    tables = (DATA / "trait_elton_mammals.parquet", DATA / "trait_pantheria.parquet")
    pools = ("grass:grass=deshmukh", "shrubs:browse=40", "insects:invertebrates=1", "fruit:fruit=2")
    report = build(
        str(tmp_path / "list.csv"),
        tmp_path / "out",
        TwinSettings(rain_mm=700, rows=8, pools=pools, least=0.01),
        Inputs(tables),
    )
    ecosystem = Ecosystem.load(tmp_path / "out")
    assert ecosystem.species.names == tuple(names)
    assert report["values.observed"].value > 0.7
    assert report["persist"].value == 1.0
    links = set(ecosystem.web_links.select("eater", "eaten").iter_rows())
    assert ("Panthera leo", "Connochaetes taurinus") in links
    assert ("Panthera leo", "Lepus capensis") not in links
    hare = ecosystem.links.filter(eater="Canis mesomelas", eaten="Lepus capensis").row(0, named=True)
    # jackals do eat hares: Madingley's optimum of a tenth of their mass is narrow
    assert hare["probability"] == pytest.approx(0.044, abs=0.001)
    assert ("Canis mesomelas", "Connochaetes taurinus") not in links
