"""`merian twin calibrate`: what cameras say of an ecosystem, as densities in each period beside what was believed, and rates if they are asked for.

OUT/densities.parquet    a row per period, species and way of reading (believed, calibrated, labels as truth, truth), with quantiles
OUT/draws.parquet        the posterior draws; rates.parquet: those of the rates
OUT/calibration.html     the figure, in sentences
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from merian.core import store
from merian.core.errors import BadData, MerianError
from merian.core.report import Number, Report
from merian.twin.calibrate.counts import read_counts, read_package
from merian.twin.calibrate.labelled import Surveyed, read_confusion, surveyed, surveyed_world
from merian.twin.calibrate.named import Answers, read_watched
from merian.twin.calibrate.page import Told, calibration_page
from merian.twin.calibrate.rates import FALSE, chosen, fitted_rates
from merian.twin.calibrate.settings import CalibrateSettings
from merian.twin.calibrate.state import Members, Reading, believed, read, seen_as, trusting
from merian.twin.ecosystem import Ecosystem
from merian.twin.foodweb import Doubles
from merian.twin.observe.camera import Zone
from merian.twin.observe.labels import EMPTY

__all__ = ["BELIEVED", "CALIBRATED", "ENDS", "FORMAT", "KIND", "NAIVE", "PAGE", "TRUTH", "Given", "calibrate"]

KIND, FORMAT = "calibration", 1
PAGE = "calibration.html"
REMARKS = "remarks.json"
BELIEVED, CALIBRATED, NAIVE, TRUTH = "believed", "calibrated", "labels as truth", "truth"
ENDS = [0.05, 0.5, 0.95]
QUANTILES = {"q05": 0.05, "q25": 0.25, "median": 0.5, "q75": 0.75, "q95": 0.95}


@dataclass(frozen=True, slots=True)
class Given:
    """What there is: `source`, a table of counts, a Camtrap DP package or a watched world; `names`, what `merian identify` said of a watched world's photos;
    `confusion`, a table of held-out photos."""

    source: Path
    names: Path | None = None
    confusion: Path | None = None

    def hashes(self) -> dict[str, str]:
        """SHA-256 of each file that is read."""
        files: dict[str, Path | None] = {"source": self.source, "names": self.names, "confusion": self.confusion}
        if self.source.is_dir():
            inside = ("deployments.csv", "observations.csv", "media.csv", "held_out.csv", "cast.csv", "truth.parquet")
            del files["source"]
            files |= {name: self.source / name for name in inside}
        return {name: store.digest(path) for name, path in files.items() if path is not None and path.is_file()}


def calibrate(
    ecosystem: Ecosystem,
    given: Given,
    out: Path,
    settings: CalibrateSettings,
    command: str = "merian twin calibrate",
    overwrite: bool = False,
) -> Report:
    """The Report of an ecosystem calibrated by its cameras, written to `out`. A finished run is not repeated; a stopped one keeps the parts it has finished.

    Raises what reading raises (BadData, BadSetting, Missing), before anything is run.
    """
    Answers(settings.sure, settings.least)
    seen = _seen(ecosystem, given, settings)
    web = ecosystem.balance().web
    rates = chosen(settings.rates, web, seen.species)
    inputs = given.hashes() | {"ecosystem": ecosystem.digest()}
    work = store.begin(out, KIND, FORMAT, settings, inputs, overwrite)
    if work.done:
        return Report.load(out / "report.json")
    try:
        if not (out / "densities.parquet").is_file():
            _states(ecosystem, seen, settings, out)
        if rates and not (out / "rates.parquet").is_file():
            drawn, _ = fitted_rates(ecosystem, seen, rates, settings)
            names = [rate.said(web) for rate in rates] + [FALSE] * (drawn.shape[1] - len(rates))
            table = pl.DataFrame(drawn, schema=names, orient="row")
            _write(out / "rates.parquet", table)
    except MerianError:
        work.abandon()
        raise
    report = _told(ecosystem, seen, settings, out, (command, inputs))
    report.save(out / "report.json")
    work.finish(scratch=(REMARKS,))
    return report


def _seen(ecosystem: Ecosystem, given: Given, settings: CalibrateSettings) -> Surveyed:
    """The survey that was given, whichever form it has."""
    source, names = given.source, given.names
    if names is not None:
        if given.confusion is not None:
            raise BadData(given.confusion, "a watched world has its own held-out photos: leave --confusion out")
        how = Answers(settings.sure, settings.least)
        return surveyed_world(read_watched(source, names, how, settings.period_days), ecosystem)
    radius = settings.radius_m
    if source.is_dir():
        counts = read_package(source, settings.period_days, settings.gap_minutes)
        if not set(counts.labels) - {EMPTY}:
            raise BadData(
                source, "no animal of its photos is named; those of a watched world are, with --names NAMES.csv"
            )
    else:
        counts = read_counts(source)
    zone = Zone(radius / 1000.0, math.radians(settings.angle_deg))
    matrix = None if given.confusion is None else read_confusion(given.confusion, ecosystem, settings)
    return surveyed(counts, zone, ecosystem, settings, matrix, source)


def _states(ecosystem: Ecosystem, seen: Surveyed, settings: CalibrateSettings, out: Path) -> None:
    """Write draws.parquet, what there is to say of them, and, when all else is there, densities.parquet."""
    members = believed(ecosystem, settings.members, settings.seed)
    how = Reading(
        settings.method == "particle",
        settings.noise,
        settings.inflation,
        settings.parts,
        settings.seed,
        settings.inflow,
    )
    ways = {CALIBRATED: _read(members, seen, how, ecosystem), BELIEVED: _read(members, seen, how, ecosystem, True)}
    if seen.confusion is not None:
        ways[NAIVE] = _read(members, trusting(seen), how, ecosystem)
    names, failed = [ecosystem.species.names[at] for at in seen.species], list[str]()
    if seen.empty:
        failed = [f"{FALSE}: {_interval(np.quantile(ways[CALIBRATED][:, :, -1], ENDS, axis=1))}, mean of the periods"]
    ways = {way: draws[:, :, : len(names)] for way, draws in ways.items()}
    frames = [_quantiles(way, draws, seen, names) for way, draws in ways.items()]
    if seen.truth is not None:
        frames.append(
            seen.truth.select("begin", "species", way=pl.lit(TRUTH), median="density_km2").sort("begin", "species")
        )
    found = ways[CALIBRATED]
    periods, count, species = found.shape
    table = pl.DataFrame(
        {
            "begin": np.repeat(np.array(seen.counts.begins, "datetime64[D]"), count * species),
            "member": np.tile(np.repeat(np.arange(count, dtype=np.int32), species), periods),
            "species": names * (periods * count),
            "density_km2": np.exp(found).ravel(),
        }
    )
    _write(out / "draws.parquet", table)
    failed += [f"{members.failed} members do not balance and are left out"] if members.failed else []
    store.write_json(out / REMARKS, failed)
    _write(out / "densities.parquet", pl.concat(frames, how="diagonal"))


def _read(members: Members, seen: Surveyed, how: Reading, ecosystem: Ecosystem, blind: bool = False) -> Doubles:
    return read(members, seen, seen_as(seen, ecosystem), how, blind)


def _quantiles(way: str, draws: Doubles, seen: Surveyed, names: list[str]) -> pl.DataFrame:
    """A row per period and species: quantiles of animals km-2 from draws of their logarithm [t, m, s]."""
    values = np.exp(np.quantile(draws, list(QUANTILES.values()), axis=1, method="weibull"))
    begins = [begin for begin in seen.counts.begins for _ in names]
    labels = seen.counts.counts.sum(1)
    shown = [int(labels[t, seen.names == s].sum()) for t in range(len(labels)) for s in range(len(names))]
    columns = {name: values[at].ravel() for at, name in enumerate(QUANTILES)}
    return pl.DataFrame({"begin": begins, "species": names * len(labels), "way": way, **columns, "labels": shown})


def _told(
    ecosystem: Ecosystem, seen: Surveyed, settings: CalibrateSettings, out: Path, made: tuple[str, Mapping[str, str]]
) -> Report:
    """The page and the Report of what was written."""
    command, inputs = made
    table = pl.read_parquet(out / "densities.parquet", glob=False)
    rates = pl.read_parquet(out / "rates.parquet", glob=False) if (out / "rates.parquet").is_file() else None
    failed = json.loads((out / REMARKS).read_text(encoding="utf-8"))
    remarks = [*seen.counts.remarks, *failed, *_remarks(seen, settings)]
    if rates is not None and FALSE in rates.columns:
        remarks.append(f"with the rates, {FALSE}: {_interval(np.quantile(rates[FALSE].to_numpy(), ENDS)[:, None])}")
        rates = rates.drop(FALSE)
    common = {n: c or n for n, c in zip(ecosystem.species.names, ecosystem.species.common, strict=True)}
    told = Told(ecosystem.name, table, rates, settings.rate_sd, common, tuple(remarks), command)
    store.write_text(out / PAGE, calibration_page(told))
    numbers = []
    for name in dict.fromkeys(table["species"]):
        rows = table.filter(pl.col("species") == name)
        last = rows.filter(pl.col("begin") == rows["begin"].max())
        for row in last.iter_rows(named=True):
            low, high = row["q05"], row["q95"]
            note = f"{row['way']}, from {row['begin']}; interval: nine tenths"
            numbers.append(Number(f"{name}.{row['way']}", row["median"], low, high, "km-2", row["labels"], note, name))
    for column in [] if rates is None else rates.get_columns():
        drawn = column.to_numpy()
        low, middle, high = np.exp(np.quantile(drawn, ENDS)).tolist()
        left = min(float(drawn.std()) / settings.rate_sd, 1.0)
        note = f"times what was believed; {100 * left:.0f} % of the doubt is left"
        numbers.append(Number(column.name, middle, low, high, "times", len(drawn), note, "Rates"))
    title = f"{ecosystem.name}, calibrated by its cameras"
    return Report(title, command, dict(inputs), tuple(numbers), store.plain(settings), tuple(remarks))


def _interval(ends: Doubles) -> str:
    """A middle and the ends of its interval, from their logarithms in each period [3, t]."""
    low, middle, high = np.exp(ends).mean(1).tolist()
    return f"{middle:.2g} ({low:.2g} to {high:.2g})"


def _remarks(seen: Surveyed, settings: CalibrateSettings) -> list[str]:
    """What was assumed."""
    if not seen.off > 0:
        return []
    zone = f"{settings.day_km:g} km a day and {settings.radius_m:g} m unless given"
    return [
        f"speeds and zones of cameras are assumed, {zone}, within a factor of {settings.exposure_factor:g}",
        "random encounters hold for cameras at random places, not for those at roads, baits or water",
    ]


def _write(path: Path, table: pl.DataFrame) -> None:
    with store.atomic(path) as file:
        table.write_parquet(file)
