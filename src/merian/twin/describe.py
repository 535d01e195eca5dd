"""`merian twin odd`: the ODD page of an ecosystem as a twin, on its landscape, by age and stage or animal by animal, as Markdown and HTML."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np

from merian.core import store
from merian.core.errors import BadSetting
from merian.twin.cohorts.ensembles import cohort_engine
from merian.twin.cohorts.settings import CohortSettings
from merian.twin.cohorts.species import cohorts
from merian.twin.ecosystem import Ecosystem
from merian.twin.engine import Engine
from merian.twin.grid.land import GridSettings, gridded
from merian.twin.herds.known import behaving
from merian.twin.herds.window import Animals, WindowSettings, window
from merian.twin.observe.cast import PLANS
from merian.twin.observe.stage import narrowed
from merian.twin.odd import Purpose, odd, odd_page
from merian.twin.placeless import BY_STATE
from merian.twin.pools import YEAR_DAYS
from merian.twin.scenario import Scenario
from merian.twin.space.cells import Begin
from merian.twin.space.clock import Clock
from merian.twin.space.pairs import Field, engine_under
from merian.twin.space.settings import MapSettings

__all__ = ["FORMAT", "KIND", "PAGE", "changed_engine", "described", "engine_of"]

KIND, FORMAT = "description", 1
PAGE = "odd.html"
Tier = Literal["grid", "cohorts", "herds"]
TIERS = {
    "grid": ("on its landscape", "Densities of species in the cells of a landscape"),
    "cohorts": (
        "by age and stage",
        "Cohorts of animals of one age and stage in the cells of a landscape, made coarser",
    ),
    "herds": ("animal by animal", "Mammals and birds one by one or in herds, all others as what grows"),
}


def described(
    ecosystem: Ecosystem, out: Path, tier: Tier, overwrite: bool = False, scenario: Scenario | None = None
) -> None:
    """Write odd.md and odd.html to `out`, of the twin as it is or as it is under a scenario; a page that is there already is not made again.

    Raises BadData for what does not describe itself, BadSetting for a scenario that does not fit.
    """
    inputs = {"ecosystem": ecosystem.digest()}
    if scenario is not None:
        common = [*ecosystem.species.common, *(pool.name for pool in ecosystem.pools)]
        web = ecosystem.balance().web
        scenario = scenario.named(dict(zip(common, web.names, strict=True)))
        scenario.checked(web, math.inf, common)
        inputs["scenario"] = store.digest_bytes(repr(scenario).encode())[:24]
    work = store.begin(out, KIND, FORMAT, {"tier": tier}, inputs, overwrite)
    if work.done:
        return
    engine = engine_of(ecosystem, tier) if scenario is None else changed_engine(ecosystem, tier, scenario)
    purpose = _purpose(ecosystem, tier)
    if scenario is not None:
        told = "; ".join(change.words for change in scenario.changes)
        purpose = replace(purpose, title=f"{purpose.title}: {scenario.title}", data=f"{purpose.data} Changes: {told}.")
    store.write_text(out / "odd.md", odd(engine, purpose))
    store.write_text(out / PAGE, odd_page(engine, purpose))
    work.finish()


def engine_of(ecosystem: Ecosystem, tier: Tier) -> Engine:
    """The Engine of a tier at its start. It is made to be described: how far animals move is not said by any variable, and set to nothing."""
    if tier == "cohorts":
        return cohorts(ecosystem, CohortSettings())
    balance, species, plants = ecosystem.balance(), ecosystem.species, len(ecosystem.pools)
    celsius, still = ecosystem.climate.celsius, np.zeros(len(balance.web.names))
    if tier == "grid":
        return gridded(balance.web, balance.start, still, ecosystem.landscape, celsius, GridSettings())
    # as in a watched window, insects and fish are too many to be counted one by one
    counted = [at for at, name in enumerate(species.classes) if name in PLANS] or list(range(len(species.names)))
    web = narrowed(balance.web, balance.start, counted)
    animals = Animals(
        np.concatenate([species["mass_g"], np.ones(plants)]),
        np.concatenate([1 / (species["longevity_years"] * YEAR_DAYS), np.zeros(plants)]),
        still,
        np.concatenate([np.fmax(species["group_size"], 1.0), np.ones(plants)]),
    )
    how = WindowSettings()
    animals, _ = behaving(animals, species, ecosystem.landscape, how.latitude_deg)
    return window(web, balance.start, animals, ecosystem.landscape, celsius, how)


def changed_engine(ecosystem: Ecosystem, tier: Tier, scenario: Scenario) -> Engine:
    """The Engine of a tier at its start, in which a scenario happens. Raises BadSetting for a scenario that does not fit the ecosystem or the tier."""
    if tier == "cohorts":
        scenario.checked(ecosystem.balance().web, math.inf)
        found = cohort_engine(ecosystem, scenario, CohortSettings())
        if not any(change.what in BY_STATE for change in scenario.changes):
            said = "changes rates of cohorts and none of their processes: --tier grid, or herds"
            raise BadSetting("scenario", scenario.title, said)
        return found
    settings = MapSettings(tier=tier, threads=1)
    field, clock = Field.of_ecosystem(ecosystem, settings), Clock.of(settings)
    scenario.checked(field.setting.web, math.inf)
    start = ecosystem.balance().start
    return engine_under(field, scenario, Begin(start, 0, field.bodies(start)), clock, settings)


def _purpose(ecosystem: Ecosystem, tier: Tier) -> Purpose:
    """What the code does not tell: what goes in, and how the world begins."""
    where, what = TIERS[tier]
    names, pools = ecosystem.species.names, ", ".join(pool.name for pool in ecosystem.pools)
    links = ecosystem.web_links
    observed = int((links["evidence"] == "observed").sum())
    start = (
        f"{what}. {len(names)} species ({', '.join(names)}) begin at the densities that are known of them, in balance with their food ({pools}): "
        "what each animal could gain beyond what it loses is taken by interference among its own kind."
    )
    known = f"{observed} of them observed and the others inferred"
    if observed in (0, len(links)):
        known = "all of them observed" if observed else "all of them inferred"
    data = (
        f"Traits of species with the evidence of each value; {len(links)} feeding links, {known}; a climate of "
        f"{ecosystem.climate.rain_mm:.0f} mm of rain a year and {ecosystem.climate.celsius:g} degrees C; a landscape of {ecosystem.landscape.frame.rows} x "
        f"{ecosystem.landscape.frame.columns} cells with elevation, water, rain by month, trees and fences. "
        + " ".join(f"{remark}." for remark in ecosystem.remarks)
    )
    patterns = [
        "predators follow prey along a gradient of rain (merian twin validate)",
        "densities fall with body mass",
        "species persist from half of today's densities (merian twin build)",
    ]
    return Purpose(f"{ecosystem.name} {where}", patterns=patterns, start=start, data=data.strip())
