"""The shipped scenarios in one tier beside the other: what is left of the species that they name, as a share of what there is without the change.

    .venv/bin/python bench/tiers.py [--years 6] [--members 1] [--rows 8] [--tiers web grid cohorts] [--only rinderpest fire-every-year]

Members draw the same rates in every tier. A number is the mean of the last third of the years with the scenario over that without it, the geometric mean over
members; "-" where a tier cannot know the scenario. A run goes on for two years after the last change at the least. Prints the table of docs/how/simulate.md.
"""

from __future__ import annotations

import argparse
import time
from functools import cache

import numpy as np

from merian.core.errors import BadSetting
from merian.twin.cohorts.ensembles import cohort_pair
from merian.twin.ecosystem import Ecosystem
from merian.twin.ensemble import EnsembleSettings, Setting, outcomes, ready
from merian.twin.foodweb import Doubles
from merian.twin.placeless import placeless
from merian.twin.scenario import Scenario
from merian.twin.shipped import SCENARIOS, shipped_scenario
from merian.twin.space.pairs import Field, pair
from merian.twin.space.settings import MapSettings
from merian.twin.worked import opened

TIERS = ("web", "grid", "cohorts")
LATE = 1 / 3


@cache
def place(name: str) -> tuple[Ecosystem, Setting, tuple[str, ...]]:
    """A worked ecosystem, its setting and common names."""
    own = opened(name, 0)
    common = (*own.species.common, *(pool.name for pool in own.pools))
    return own, Setting.of_ecosystem(own), common


def courses(tier: str, name: str, scenario: Scenario, settings: MapSettings) -> list[tuple[Doubles, Doubles]]:
    """Biomass [t, s] of each member without the scenario and with it. Raises BadSetting for a tier that cannot know it."""
    own, setting, _ = place(name)
    members = range(settings.members)
    if tier == "grid":
        field = Field.of_ecosystem(own, settings)
        pairs = [pair(field, scenario, settings, member) for member in members]
        return [(without.rows, with_it.rows) for without, with_it in pairs]
    assert setting.known is not None
    if tier == "cohorts":
        asked = placeless(scenario, setting.known)
        return [cohort_pair(own, asked, settings, settings.of_cohorts, member) for member in members]
    plain = EnsembleSettings(members=settings.members, years=settings.years, settle=settings.settle, threads=1)
    ready(setting, scenario, plain)
    found = outcomes(setting, scenario, plain, members, lambda n=1, note="": None)
    return [one for one in found if not isinstance(one, str)]


def left(found: list[tuple[Doubles, Doubles]]) -> Doubles:
    """What is left of each species [s]."""
    with np.errstate(divide="ignore", invalid="ignore"):
        late = [[course[-max(round(len(course) * LATE), 1) :].mean(0) for course in one] for one in found]
        return np.exp(np.mean([np.log(with_it / without) for without, with_it in late], 0))


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--years", type=float, default=6.0)
    parser.add_argument("--members", type=int, default=1)
    parser.add_argument("--rows", type=int, default=8)
    parser.add_argument("--tiers", nargs="+", choices=TIERS, default=list(TIERS))
    parser.add_argument("--only", nargs="+", choices=SCENARIOS, default=list(SCENARIOS))
    given = parser.parse_args()
    print("| scenario | species | " + " | ".join(given.tiers) + " |")
    print("|---" * (2 + len(given.tiers)) + "|", flush=True)
    begun = time.perf_counter()
    for name in given.only:
        told = shipped_scenario(name)
        _, setting, common = place(told.ecosystem)
        scenario = told.scenario.named(dict(zip(common, setting.web.names, strict=True)))
        years = max(given.years, 2 + max(change.year for change in scenario.changes))
        shares = {}
        for tier in given.tiers:
            settings = MapSettings(tier=tier, years=years, members=given.members, rows=given.rows, settle=20, threads=1)
            try:
                shares[tier] = left(courses(tier, told.ecosystem, scenario, settings))
            except BadSetting:
                shares[tier] = np.full(len(common), np.nan)
        for species in told.expect:
            row = [shares[tier][common.index(species)] for tier in given.tiers]
            cells = ["-" if np.isnan(share) else f"{share:.2f}" for share in row]
            print(f"| `{name}` | {species} | " + " | ".join(cells) + " |", flush=True)
    print(f"\n{given.members} member(s), {given.years:g} years, {time.perf_counter() - begun:.0f} s")


if __name__ == "__main__":
    main()
