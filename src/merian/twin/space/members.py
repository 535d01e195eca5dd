"""An ensemble in parts: each a file that any process or machine can make, so that a run that was ended goes on, to the same bytes wherever it is made."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from merian.core import store
from merian.core.errors import BadData, Unstable
from merian.core.progress import track
from merian.core.workers import cores, over_processes
from merian.twin.cohorts.ensembles import cohort_pair, cohort_ready
from merian.twin.ecosystem import Ecosystem
from merian.twin.ensemble import Ensemble, Setting, gathered, kept_years, outcomes, ready
from merian.twin.foodweb import Doubles
from merian.twin.hazards.asked import threats
from merian.twin.memory import room_for
from merian.twin.placeless import placeless
from merian.twin.scenario import Scenario
from merian.twin.space.altered import Altered, fits
from merian.twin.space.animals import herded
from merian.twin.space.clock import Clock
from merian.twin.space.pairs import Field, pair
from merian.twin.space.settings import MapSettings

__all__ = ["MAPS", "Job", "Maps", "Over", "collected", "estimated", "spread"]

BLOCK = 16
"""Members of the food web in one part."""
MAPS = ("grid", "herds")
"""Tiers whose cells are kept and drawn."""
HERD_BYTES = 8 * 8 * 3
"""Memory that a herd takes (as of merian.twin.herds.window)."""
Over = Callable[[Callable[[int], int], Sequence[int]], Iterator[tuple[int, int]]]
"""Runs a job on each of some parts, wherever, and gives (part, members) as they finish."""


@dataclass(frozen=True, eq=False)
class Maps:
    """Mean biomass over members and the last years in each cell, g m-2 [s, y, x], without the scenario and with it, and in what share of members the change
    goes the way of the mean (`agree`)."""

    without: Doubles
    with_it: Doubles
    agree: Doubles


@dataclass(frozen=True, eq=False)
class Job:
    """The parts of an ensemble of an `ecosystem`, as files in `folder`. It pickles; a part has the same bytes whoever makes it."""

    ecosystem: Ecosystem
    scenario: Scenario
    settings: MapSettings
    folder: Path

    @property
    def parts(self) -> int:
        """How many parts there are: a member each, or a block of members of the food web."""
        return -(-self.settings.members // BLOCK) if self.settings.tier == "web" else self.settings.members

    def members(self, part: int) -> range:
        """The members of a part."""
        if self.settings.tier != "web":
            return range(part, part + 1)
        return range(part * BLOCK, min((part + 1) * BLOCK, self.settings.members))

    @property
    def altered(self) -> Altered:
        """The scenario on the map of the ecosystem. Raises BadSetting where it does not fit."""
        field = Field.of_ecosystem(self.ecosystem, self.settings)
        return Altered(self.scenario, field.setting, field.ground(self.settings))

    @property
    def unplaced(self) -> Scenario:
        """The scenario without its places, for cohorts. Raises BadSetting where nothing of it is left."""
        known = Setting.of_ecosystem(self.ecosystem).known
        return self.scenario if known is None else placeless(self.scenario, known)

    def place(self, part: int) -> Path:
        """The file of a part."""
        return self.folder / f"part-{part:06d}.npz"

    def __call__(self, part: int) -> int:
        """Make a part, unless it is there: how many members it holds."""
        members = self.members(part)
        if not self.place(part).is_file():
            arrays = self._web(members) if self.settings.tier == "web" else self._one(members[0])
            with store.atomic(self.place(part)) as file:
                np.savez(file, allow_pickle=False, **arrays)
        return len(members)

    def _web(self, members: range) -> dict[str, Doubles]:
        setting = Setting.of_ecosystem(self.ecosystem)
        arrays: dict[str, Doubles] = {}
        found = outcomes(setting, self.scenario, self.settings, members, lambda n=1, note="": None)
        for member, outcome in zip(members, found, strict=True):
            arrays |= _failure(member, outcome) if isinstance(outcome, str) else _courses(member, *outcome)
        return arrays

    def _one(self, member: int) -> dict[str, Doubles]:
        try:
            if self.settings.tier == "cohorts":
                own, asked = self.settings.of_cohorts, self.unplaced
                return _courses(member, *cohort_pair(self.ecosystem, asked, self.settings, own, member))
            without, with_it = pair(
                Field.of_ecosystem(self.ecosystem, self.settings), self.scenario, self.settings, member
            )
        except (BadData, Unstable) as error:
            return _failure(member, str(error))
        late = {f"{member} late": np.stack([without.late, with_it.late])}
        return _courses(member, without.rows, with_it.rows) | late


def _failure(member: int, reason: str) -> dict[str, Doubles]:
    return {f"{member} failed": np.frombuffer(reason.encode(), np.uint8).astype(float)}


def _courses(member: int, without: Doubles, with_it: Doubles) -> dict[str, Doubles]:
    return {f"{member} rows": np.stack([without, with_it])}


def estimated(job: Job) -> float:
    """Bytes that the run takes at its most, before it starts: the courses of all members, maps, and the worlds of those that run at once."""
    settings, species = job.settings, len(job.ecosystem.species.names) + len(job.ecosystem.pools)
    if settings.tier not in MAPS:
        return 8.0 * 8 * settings.members * len(kept_years(settings.years)) * species
    field, clock = Field.of_ecosystem(job.ecosystem, settings), Clock.of(settings)
    cells = field.landscape.land.size
    courses = 8.0 * settings.members * len(clock.years) * species * 8
    worlds = 8.0 * cells * (5 * species + 20)
    if settings.tier == "herds" and field.animals is not None:
        area = float(field.landscape.land.sum()) * field.landscape.frame.cell**2
        animal = ~field.setting.web.producer
        heads = job.ecosystem.balance().start * area / field.animals.adult_g
        worlds += float(HERD_BYTES * np.ceil(heads / field.animals.group)[animal].sum())
    at_once = min(settings.threads or cores(), settings.members)
    return courses + 8.0 * 6 * species * cells + 2 * at_once * worlds


def spread(job: Job, over: Over | None = None) -> None:
    """Make all parts that are not there, by `over` (default: processes of this machine; the food web here, by threads).

    Raises BadSetting when the scenario does not fit the ecosystem or its map, or when memory will not suffice: before anything is run.
    """
    settings, setting = job.settings, Setting.of_ecosystem(job.ecosystem)
    if settings.tier == "web":
        ready(setting, job.scenario, settings)
    elif settings.tier == "cohorts":
        cohort_ready(job.ecosystem, job.unplaced, settings, settings.of_cohorts)
    else:
        job.scenario.checked(setting.web, settings.years)
        field = Field.of_ecosystem(job.ecosystem, settings)
        fits(job.scenario, field.landscape)
        threats(job.scenario, field.grass)
        if settings.tier == "herds":
            herded(job.scenario, setting.web)
    remedy = "fewer members, years or threads, a coarser map (--rows) or a smaller window (--window-km)"
    room_for(estimated(job), "members", settings.members, remedy)
    wanted = [part for part in range(job.parts) if not job.place(part).is_file()]
    done = settings.members - sum(len(job.members(part)) for part in wanted)
    with track("members", settings.members, "members", done) as advance:
        for _, members in (over or _here(settings))(job, wanted):
            advance(members)


def _here(settings: MapSettings) -> Over:
    """Processes of this machine for maps; for the food web, whose threads do better, this one."""
    workers = 1 if settings.tier == "web" else settings.threads

    def over(job: Callable[[int], int], parts: Sequence[int]) -> Iterator[tuple[int, int]]:
        return over_processes(job, parts, workers)

    return over


def collected(job: Job) -> tuple[Ensemble, Maps | None]:
    """The Ensemble of all parts, and the maps where there are any. Raises Unstable when all members failed."""
    settings, names = job.settings, Setting.of_ecosystem(job.ecosystem).web.names
    found: list[tuple[int, tuple[Doubles, Doubles] | str]] = []
    sums: list[Doubles] = []
    for part in range(job.parts):
        with np.load(job.place(part), allow_pickle=False) as arrays:
            for member in job.members(part):
                if f"{member} failed" in arrays:
                    found.append((member, arrays[f"{member} failed"].astype(np.uint8).tobytes().decode()))
                    continue
                without, with_it = arrays[f"{member} rows"]
                found.append((member, (without, with_it)))
                if settings.tier in MAPS:
                    late = arrays[f"{member} late"]
                    ups, downs = late[1] > late[0], late[1] < late[0]
                    added = np.stack([late[0], late[1], ups, downs, np.ones_like(ups)]).astype(float)
                    sums = [sums[0] + added] if sums else [added]
    years = Clock.of(settings).years if settings.tier in MAPS else kept_years(settings.years)
    ensemble = gathered(years, names, found)
    if not sums:
        return ensemble, None
    without, with_it, ups, downs, count = sums[0]
    agree = np.where(with_it >= without, ups, downs) / count
    return ensemble, Maps(without / count, with_it / count, agree)
