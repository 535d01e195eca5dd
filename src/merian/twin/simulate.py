"""`merian simulate`: a scenario in an ecosystem, with and without it in pairs of runs of any tier, as tables, a page and a report."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from merian.core import store
from merian.core.errors import MerianError
from merian.core.report import Number, Report
from merian.twin.ecosystem import Ecosystem
from merian.twin.ensemble import Effect, Ensemble, effects
from merian.twin.foodweb import FoodWeb
from merian.twin.herds.edges import larger, wide
from merian.twin.page import Simulated, simulation_page
from merian.twin.placeless import left_out
from merian.twin.scenario import EVEN, Scenario
from merian.twin.space.drawing import Drawn, drawn
from merian.twin.space.members import MAPS, Job, Maps, Over, collected, spread
from merian.twin.space.settings import MapSettings
from merian.twin.space.where import pieces

__all__ = ["FORMAT", "KIND", "PAGE", "Call", "simulate"]

KIND, FORMAT = "simulation", 3
PAGE = "simulation.html"
PARTS = "parts"
STRIP = 0.02
"""Share of the landscape's rows or columns from which on it is said that they are cut off."""


@dataclass(frozen=True)
class Call:
    """How a simulation was asked for: the `command`, whether it may `overwrite` another, and what runs its parts (`over`; default: this machine)."""

    command: str = "merian simulate"
    overwrite: bool = False
    over: Over | None = None


def simulate(ecosystem: Ecosystem, scenario: Scenario, out: Path, settings: MapSettings, call: Call = Call()) -> Report:
    """The Report of what a scenario does to an ecosystem, written to `out` with ensemble.parquet, effects.parquet and simulation.html; maps.parquet on a map.

    ensemble.parquet has a row per member, year (quarters; weeks among herds) and species: biomass g m-2 `without` the scenario and `with` it; maps.parquet one
    per species and cell. A finished run is not repeated, one that was ended goes on with the members that are missing; `overwrite` replaces another one.
    Raises BadSetting when the scenario does not fit the ecosystem, Unstable when no member could be run.
    """
    balance = ecosystem.balance()
    common = [*ecosystem.species.common, *(pool.name for pool in ecosystem.pools)]
    scenario = scenario.named(dict(zip(common, balance.web.names, strict=True)))
    scenario.checked(balance.web, settings.years, common)
    inputs = {
        "ecosystem": _digest(ecosystem, settings, bool(scenario.mapped)),
        "scenario": store.digest_bytes(repr(scenario).encode())[:24],
    }
    work = store.begin(out, KIND, FORMAT, settings, inputs, call.overwrite)
    if work.done:
        return Report.load(out / "report.json")
    job = Job(ecosystem, scenario, settings, out / PARTS)
    try:
        spread(job, call.over)
        found, maps = collected(job)
    except MerianError:
        work.abandon()
        raise
    said, evidence = effects(found), _evidence(ecosystem, balance.web)
    remarks = (*_remarks(ecosystem, scenario, found, balance.rates), *_of_tier(job))
    frames = {"ensemble": _rows(found), "effects": _told(said, common)}
    shown = None
    if maps is not None:
        altered = job.altered
        shown = drawn(altered, maps, settings.years)
        frames["maps"] = _cells(maps, shown, found.names)
    for name, frame in frames.items():
        with store.atomic(out / f"{name}.parquet") as file:
            frame.write_parquet(file)
    told = Simulated(scenario, found, said, balance.web, evidence, call.command, remarks, common, shown)
    store.write_text(out / PAGE, simulation_page(told))
    numbers = tuple(number for effect in said for number in _numbers(effect))
    report = Report(
        f"{scenario.title}: {ecosystem.name}", call.command, inputs, numbers, store.plain(settings), remarks
    )
    report.save(out / "report.json")
    work.finish(scratch=(PARTS,))
    return report


def _of_tier(job: Job) -> list[str]:
    """What a reader must know of the tier in which it was asked."""
    said, changes = [], job.scenario.changes
    lost = [change for change in changes if change.pattern != EVEN]
    if job.settings.tier != "herds" and any(
        c.what == "poaching" and any("males" in how for how in c.how) for c in changes
    ):
        said.append("this tier knows no sexes: who is poached is taken of both alike; --tier herds tells them apart")
    if job.settings.tier not in MAPS:
        said += left_out(changes, job.settings.tier == "cohorts")
        if lost:
            said.append("this tier has no places: habitat is lost evenly, whatever its pattern; --tier grid shows it")
        return said
    if lost:
        state = job.altered.at(math.nextafter(job.settings.years, 0.0))
        land = job.altered.ground.landscape.land
        left = pieces(land & ~state.lost, state.gates)
        if len(left):
            share = 100 * left[0] / left.sum()
            said.append(
                f"{int(left.sum()):,} of {int(land.sum()):,} cells keep their habitat, in {len(left):,} "
                f"{'piece' if len(left) == 1 else 'pieces'}, the largest of {share:.0f} % of them"
            )
    return said + (_of_edges(job) if job.settings.tier == "herds" else _of_strips(job))


def _of_strips(job: Job) -> list[str]:
    """What of the landscape does not fill a cell of the map."""
    fine, wide = job.ecosystem.landscape.frame, job.altered.ground.landscape.frame
    factor = round(wide.cell / fine.cell)
    south, east = fine.rows - factor * wide.rows, fine.columns - factor * wide.columns
    if south < STRIP * fine.rows and east < STRIP * fine.columns:
        return []
    strips = [f"{south} of {fine.rows} rows in the south"] * bool(south) + [
        f"{east} of {fine.columns} columns in the east"
    ] * bool(east)
    return [
        f"{' and '.join(strips)} of the landscape are cut off, since {factor} x {factor} of its cells make one of the map (--rows)"
    ]


def _of_edges(job: Job) -> list[str]:
    """What a reader must know of the edges of a window of herds."""
    ecosystem = job.ecosystem
    if not (job.settings.open_edges and larger(ecosystem.landscape.land)):
        return [
            "the window is closed: no animal comes in or leaves, so a rare species may hang on a handful of animals"
        ]
    frame = job.altered.ground.landscape.frame
    width_km = min(frame.rows, frame.columns) * frame.cell / 1000.0
    return [
        "the window is open: the land beyond, which stays as full as at the start, sets the numbers of who ranges far, hunters first (--no-open-edges: closed)",
        "beyond the window only what is removed or set free everywhere happens too; all else of the scenario happens within alone",
        *wide(ecosystem.species.common, ecosystem.species["home_range_km2"], width_km),
    ]


def _cells(maps: Maps, shown: Drawn, names: Sequence[str]) -> pl.DataFrame:
    """The maps as a long table: a row per species and cell of the land."""
    y, x = np.nonzero(shown.land)
    km = shown.frame.cell / 1000.0
    return pl.DataFrame(
        {
            "species": pl.Series(np.repeat(np.array(names), len(y)).tolist(), dtype=pl.Categorical),
            "row": np.tile(y.astype(np.int32), len(names)),
            "column": np.tile(x.astype(np.int32), len(names)),
            "east_km": np.tile((x + 0.5) * km, len(names)),
            "south_km": np.tile((y + 0.5) * km, len(names)),
            "without": maps.without[:, y, x].ravel(),
            "with": maps.with_it[:, y, x].ravel(),
            "agree": maps.agree[:, y, x].ravel(),
        }
    )


def _digest(ecosystem: Ecosystem, settings: MapSettings, mapped: bool) -> str:
    """Hash of all that the food web is made of, and of its landscape in a tier with a map, or where a change has a place (`mapped`)."""
    parts = [
        ecosystem.species.cells.write_csv(),
        ecosystem.links.write_csv(),
        repr((ecosystem.pools, ecosystem.climate)),
    ]
    parts.append(repr((ecosystem.species.names, ecosystem.species.classes)))
    if settings.tier != "web" or mapped:
        ground = ecosystem.landscape
        parts.append(repr(ground.frame))
        parts += [
            store.digest_bytes(np.ascontiguousarray(ground.layers[name]).tobytes()) for name in sorted(ground.layers)
        ]
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
                "far_times": effect.far,
                "far_year": effect.far_year,
                "far_runs": effect.far_runs,
                "moved": effect.moved,
                "furthest": effect.furthest,
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
        note = "with the scenario over without it, mean of the last years; interval: nine tenths of members"
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
