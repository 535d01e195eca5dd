"""`merian simulate`: a scenario in an ecosystem, with and without it in pairs of runs, as tables, a page and a report."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import polars as pl

from merian.core import store
from merian.core.errors import MerianError
from merian.core.report import Number, Report
from merian.twin.ecosystem import Ecosystem
from merian.twin.ensemble import Effect, Ensemble, EnsembleSettings, Setting, effects, ensemble
from merian.twin.foodweb import FoodWeb
from merian.twin.page import Simulated, simulation_page
from merian.twin.scenario import Scenario

__all__ = ["FORMAT", "KIND", "PAGE", "simulate"]

KIND, FORMAT = "simulation", 1
PAGE = "simulation.html"


def simulate(
    ecosystem: Ecosystem,
    scenario: Scenario,
    out: Path,
    settings: EnsembleSettings,
    command: str,
    overwrite: bool = False,
) -> Report:
    """The Report of what a scenario does to an ecosystem, written to `out` with ensemble.parquet, effects.parquet and simulation.html.

    ensemble.parquet has a row per member, year (quarters) and species: biomass g m-2 `without` the scenario and `with` it. A finished run is not repeated;
    `overwrite` replaces another one. Raises BadSetting when the scenario does not fit the ecosystem, Unstable when no member could be run.
    """
    balance = ecosystem.balance()
    common = [*ecosystem.species.common, *(pool.name for pool in ecosystem.pools)]
    scenario = scenario.named(dict(zip(common, balance.web.names, strict=True)))
    scenario.checked(balance.web, settings.years)
    inputs = {"ecosystem": _digest(ecosystem), "scenario": store.digest_bytes(repr(scenario).encode())[:24]}
    work = store.begin(out, KIND, FORMAT, settings, inputs, overwrite)
    if work.done:
        return Report.load(out / "report.json")
    try:
        found = ensemble(Setting.of_ecosystem(ecosystem), scenario, settings)
    except MerianError:
        work.abandon()
        raise
    said = effects(found)
    remarks = tuple(_remarks(ecosystem, scenario, found, balance.rates))
    with store.atomic(out / "ensemble.parquet") as file:
        _rows(found).write_parquet(file)
    with store.atomic(out / "effects.parquet") as file:
        _told(said, common).write_parquet(file)
    told = Simulated(scenario, found, said, balance.web, _evidence(ecosystem, balance.web), command, remarks, common)
    store.write_text(out / PAGE, simulation_page(told))
    numbers = tuple(number for effect in said for number in _numbers(effect))
    report = Report(f"{scenario.title}: {ecosystem.name}", command, inputs, numbers, store.plain(settings), remarks)
    report.save(out / "report.json")
    work.finish()
    return report


def _digest(ecosystem: Ecosystem) -> str:
    """Hash of all that the food web is made of."""
    parts = [
        ecosystem.species.cells.write_csv(),
        ecosystem.links.write_csv(),
        repr((ecosystem.pools, ecosystem.climate)),
    ]
    parts.append(repr((ecosystem.species.names, ecosystem.species.classes)))
    return store.digest_bytes("\0".join(parts).encode())[:24]


def _evidence(ecosystem: Ecosystem, web: FoodWeb) -> list[str]:
    """How each link of the web is known, in the web's order."""
    known = {(a, b): e for a, b, e in ecosystem.links.select("eater", "eaten", "evidence").iter_rows()}
    return [known[web.names[a], web.names[b]] for a, b in zip(web.eater.tolist(), web.eaten.tolist(), strict=True)]


def _told(said: Sequence[Effect], common: Sequence[str]) -> pl.DataFrame:
    """A row for each species: its effect, and the sentence by its common name."""
    rows = []
    for effect, name in zip(said, common, strict=True):
        rows.append(
            {
                "species": effect.species,
                "times_low": effect.low,
                "times_median": effect.median,
                "times_high": effect.high,
                "fell": effect.fell,
                "rose": effect.rose,
                "gone": effect.gone,
                "gone_without": effect.gone_without,
                "members": effect.members,
                "words": effect.said(name or effect.species),
            }
        )
    return pl.DataFrame(rows)


def _remarks(ecosystem: Ecosystem, scenario: Scenario, found: Ensemble, rates: pl.DataFrame) -> list[str]:
    """What a reader must know beside the numbers."""
    said = [*scenario.beyond(), *ecosystem.remarks]
    for name, problem in rates.drop_nulls("problem").select("species", "problem").iter_rows():
        said.append(f"{name} does not balance: {problem}")
    if found.failed:
        said.append(f"{len(found.failed):,} members could not be run and are left out; the first: {found.failed[0][1]}")
    lost = [name for at, name in enumerate(found.names) if (found.baseline[:, -1, at] <= 0).mean() > 0.5]
    if lost:
        said.append(f"gone in most runs even without the change: {', '.join(lost)}")
    said.append("rates are not calibrated to counts of this place: read the direction before the size")
    return said


def _rows(found: Ensemble) -> pl.DataFrame:
    """The ensemble as a long table."""
    members, times, species = found.baseline.shape
    failed = {member for member, _ in found.failed}
    kept = [member for member in range(members + len(failed)) if member not in failed]
    return pl.DataFrame(
        {
            "member": np.repeat(np.array(kept, np.int32), times * species),
            "year": np.tile(np.repeat(found.years, species), members),
            "species": pl.Series(list(found.names) * (members * times), dtype=pl.Categorical),
            "without": found.baseline.ravel(),
            "with": found.scenario.ravel(),
        }
    )


def _numbers(effect: Effect) -> Sequence[Number]:
    """The numbers of one effect: how much (where the species was there), and in what share of members."""
    shares = {"fell": effect.fell, "rose": effect.rose, "gone": effect.gone, "gone_without": effect.gone_without}
    numbers = [
        Number(f"{effect.species}.{name}", count / effect.members, unit="share", n=effect.members, group=effect.species)
        for name, count in shares.items()
    ]
    if math.isfinite(effect.median):
        note = "with the scenario over without it, mean of the last ten years; interval: nine tenths of members"
        numbers.insert(
            0,
            Number(
                f"{effect.species}.times",
                effect.median,
                effect.low,
                effect.high,
                "times",
                effect.members,
                note,
                effect.species,
            ),
        )
    return numbers
