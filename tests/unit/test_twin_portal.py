"""Portal's tables in their true form: what is no census is left out, rates are per trap, plots are the units; what a web of seed-eaters says of a removal."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from merian.core.errors import BadData
from merian.twin.fields.groups import groups, tables
from merian.twin.fields.portal import KANGAROO, SMALL, TABLES, PortalTables, caught, changed, effect, made_up_for
from merian.twin.fields.rodents import ASKED, TWIN, portal, removal, seed_web

YEARS = (1978, 1980)
SHUT, SWITCHED, OPEN = (3, 15), (6, 13), (4, 11, 14)
GRAMS = {"DM": 43.5, "DO": 49.0, "PP": 17.6, "NA": 162.0}


def heaps(plot: int, year: int) -> dict[str, int]:
    """What is caught in a month: three times the mice where kangaroo rats are shut out, and on one plot more of all."""
    shut = plot in SHUT or (plot in SWITCHED and year > YEARS[1])
    more = 2 if plot == OPEN[0] else 1
    return {"DM": 0 if shut else 4 * more, "DO": 0 if shut else 2 * more, "PP": (3 if shut else 1) * more, "NA": 1}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    animals, nights, plots = [], [], []
    for year in range(1977, 1984):
        for month in (1, 7):
            period = (year - 1977) * 2 + month // 7 + 1
            for plot in (*SHUT, *SWITCHED, *OPEN):
                closed = plot in SHUT or (plot in SWITCHED and year > YEARS[1])
                kind = "setup" if year == 1977 else "exclosure" if closed else "control"
                plots.append((year, month, plot, kind, "NA", "none"))
                there = not (plot == 11 and year == 1979 and month == 7)
                nights.append((16, month, year, period, plot, int(there), 49 if there else 0, 1))
                for code, number in heaps(plot, year).items():
                    grams = GRAMS[code] if there else None
                    animals += [(month, 16, year, period, plot, code, "M", 36, grams)] * number
                # a capture outside of a census, and an animal that was not weighed
                animals.append((month, 16, year, -period, plot, "PP", "F", 20, 17.0))
    animals[0] = (*animals[0][:-1], None)
    frames = {
        "Portal_rodent": (animals, ["month", "day", "year", "period", "plot", "species", "sex", "hfl", "wgt"]),
        "Portal_rodent_trapping": (nights, ["day", "month", "year", "period", "plot", "sampled", "effort", "qcflag"]),
        "Portal_plots": (plots, ["year", "month", "plot", "treatment", "resourcetreatment", "anttreatment"]),
    }
    for name, (rows, columns) in frames.items():
        pl.DataFrame(rows, schema=columns, orient="row").write_csv(tmp_path / f"{name}.csv", null_value="NA")
    (tmp_path / "Portal_rodent_species.csv").write_text("speciescode,scientificname\nDM,Dipodomys merriami\n")
    return tmp_path


def opened(folder: Path) -> PortalTables:
    return PortalTables(*(folder / f"{name}.csv" for name in TABLES))


def test_rates_are_per_trap_of_plots_with_one_treatment(folder: Path) -> None:
    found = caught(opened(folder))
    assert "NA" not in set(found.animals["species"])
    rates = found.rates(list(SMALL), YEARS)
    assert dict(rates.select("plot", "rate").iter_rows()) == pytest.approx(
        {3: 300 / 49, 15: 300 / 49, 6: 100 / 49, 13: 100 / 49, 4: 200 / 49, 11: 100 / 49, 14: 100 / 49}
    )
    # whose treatment changed within the years is left out
    assert set(found.rates(list(SMALL), (1978, 1983))["plot"]) == {*SHUT, *OPEN}
    energy = found.rates(list(KANGAROO), YEARS, energy=True).filter(pl.col("plot") == 14)["rate"][0]
    assert energy == pytest.approx(100 / 49 * 5.69 * (4 * 43.5**0.75 + 2 * 49.0**0.75), rel=1e-6)


def test_effects_are_over_plots(folder: Path) -> None:
    found = caught(opened(folder))
    gain = effect(found, list(SMALL), YEARS)
    assert (gain.shut, gain.open) == (2, 5)
    assert gain.value == pytest.approx(3 / 1.2)
    assert gain.low < gain.value < gain.high <= 3.0 + 1e-9
    assert effect(found, list(KANGAROO), YEARS).value == 0
    again = changed(found, list(SMALL), YEARS, (1981, 1983))
    assert (again.value, again.low, again.high) == pytest.approx((3.0, 3.0, 3.0))
    mice, rats = 17.6**0.75, 4 * 43.5**0.75 + 2 * 49.0**0.75
    assert made_up_for(found, (1981, 1983)).value == pytest.approx((3 - 4 / 3) * mice / (4 / 3 * rats), rel=1e-6)
    with pytest.raises(BadData, match="two plots"):
        effect(found, list(SMALL), (1990, 1999))


def test_the_web_of_seed_eaters_rests_at_its_counts_and_is_freed_by_a_removal(folder: Path) -> None:
    balance, grams, gone = seed_web(caught(opened(folder)), YEARS)
    assert balance.web.names == ("Dipodomys merriami", "Dipodomys ordii", "Chaetodipus penicillatus", "seeds")
    assert gone.tolist() == [True, True, False]
    # 35 mice in 29 nights of a plot, for one plot was not trapped once
    heads = balance.start[:3] / grams * 1e6
    assert heads[2] == pytest.approx(35 / 29 / 0.0025)
    eaten = balance.rates["eaten_year"][-1] * balance.start[-1]
    assert eaten / balance.web["capacity"][-1] == pytest.approx(0.86, rel=1e-6)
    found = removal(balance, grams, gone)
    assert 1.0 < found.gain < 10.0
    assert 0.0 < found.made_up < 1.0
    nobody = removal(balance, grams, np.zeros(3, bool))
    assert nobody.gain == pytest.approx(1.0, rel=1e-4)
    # where seeds grow back a thousand times faster they are as many with as without kangaroo rats, and nobody is set free
    quick = balance.web.changed(growth=1000 * balance.web["growth"], capacity=balance.start)
    calm = removal(replace(balance, web=quick), grams, gone)
    assert calm.gain == pytest.approx(1.0, abs=0.01)


def test_rows_with_and_without_the_tables(folder: Path) -> None:
    names = [asked.name for asked in (*ASKED, *TWIN)]
    without = portal(None)
    assert [row.name for row in without] == names
    assert all(row.missing and not row.holds for row in without)
    given = tables(folder)
    assert {name: path.name for name, path in given.items()} == {name: f"{name}.csv" for name in TABLES}
    (folder / "Portal_plots.csv").unlink()
    rows = groups(folder)["portal"].families[0]()
    assert all(row.missing for row in rows)
    with pytest.raises(BadData, match="needs these columns"):
        caught(
            PortalTables(
                folder / "Portal_rodent_species.csv",
                folder / "Portal_rodent_trapping.csv",
                folder / "Portal_rodent_species.csv",
            )
        )
