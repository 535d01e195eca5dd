"""`merian twin watch`: a window of an ecosystem runs, and cameras photograph who walks past; what they bring home is written, and the truth apart.

OUT/                  deployments.csv, media.csv, observations.csv, datapackage.json    a camera-trap project in which no photo is named yet
OUT/photos/           the photos; for a classifier: `merian identify OUT/photos OUT/held_out`
OUT/held_out/         labelled drawings to try a classifier on (held_out.csv); taught/ and taught.csv to teach one
OUT/cast.csv          what each species is drawn as, how far it goes in a day, and what share of those who enter is photographed
OUT/truth.parquet     animals and density of each species on each day; truth_photos.parquet: what each photo shows
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import numpy as np
import polars as pl

from merian.core import store
from merian.core.chance import stream
from merian.core.errors import BadData, BadSetting, MerianError
from merian.core.progress import track
from merian.core.report import Number, Report
from merian.twin import draws
from merian.twin.ecosystem import Ecosystem
from merian.twin.engine import Engine
from merian.twin.foodweb import Doubles
from merian.twin.observe.camera import Zone, contacts, counts
from merian.twin.observe.cast import NOBODY, Cast, Moment
from merian.twin.observe.labels import EMPTY
from merian.twin.observe.package import BEGAN, written
from merian.twin.observe.passing import Stands, passed
from merian.twin.observe.photographs import Photo, draw
from merian.twin.observe.settings import WatchSettings
from merian.twin.observe.stage import staged

__all__ = ["FORMAT", "HELD_OUT", "KIND", "Watched", "ran", "watch"]

KIND, FORMAT = "watched world", 1
HELD_OUT = "held_out"
LABELLED = 1_000_000_000
"""Numbers from which animals stand for labelled drawings only: no walker has them."""
HERD = 10_000
"""Numbers that an animal of a herd may have within it."""
EVEN = 1.0
"""Dispersion of frames of nothing over cameras. A choice."""
BURST_S = 2
"""Seconds between the photos of two animals of a herd. A choice."""


@dataclass(eq=False)
class Watched:
    """What came of a run: for each species [s] the animals of each day [d, s] and how far one goes in a day, km [s]; and the photos as columns."""

    animals: Doubles
    day_km: Doubles
    photos: Mapping[str, list[float]] = field(default_factory=dict)


def watch(
    ecosystem: Ecosystem,
    out: Path,
    settings: WatchSettings,
    inputs: Mapping[str, str],
    command: str = "merian twin watch",
    overwrite: bool = False,
) -> Report:
    """The Report of a watched world, written to `out`. A finished run is not repeated; a stopped one goes on and ends with the same bytes.

    inputs: hashes of what the ecosystem was read from. Raises BadSetting when more photos would be taken than `most`, or the drawn tree is too small; BadData
    when no animal is photographed.
    """
    work = store.begin(out, KIND, FORMAT, settings, inputs, overwrite)
    if work.done:
        return Report.load(out / "report.json")
    try:
        report = _watched(ecosystem, out, settings, dict(inputs), command)
    except MerianError:
        work.abandon()
        raise
    report.save(out / "report.json")
    work.finish()
    return report


def _watched(ecosystem: Ecosystem, out: Path, settings: WatchSettings, inputs: dict[str, str], command: str) -> Report:
    from merian.drawn.world import DrawSettings, draw_tree

    tree = draw_tree(DrawSettings(species=settings.drawn_species, seed=settings.drawn_seed))
    cast = Cast.of(ecosystem.species.names, ecosystem.species.classes, tree)
    zone = Zone(settings.radius_m / 1000.0, math.radians(settings.angle_deg))
    stands = Stands.at_random(
        settings.cameras, 1000.0 * settings.window_km, zone, stream(settings.seed, "watch", "cameras")
    )
    engine = staged(ecosystem, cast, settings)
    _affordable(engine, cast, stands, settings)
    found = ran(engine, stands, settings, len(cast.names))
    columns = found.photos
    if not columns["day"]:
        raise BadData("cameras", f"photographed nobody in {settings.days:g} days: more cameras, days or animals")
    _nothing(columns, len(stands.places), settings)
    count = len(columns["day"])
    moments = [
        Moment(
            int(columns["species"][at]),
            int(columns["animal"][at]),
            columns["distance"][at],
            columns["bearing"][at] / (0.5 * zone.angle_rad),
            BEGAN + timedelta(seconds=round(86_400 * columns["day"][at])),
            f"photo {at}",
        )
        for at in range(count)
    ]
    cameras = [int(camera) for camera in columns["camera"]]
    places = [f"photos/d{cameras[at]:04d}/m{at:07d}.jpg" for at in range(count)]
    photos: list[Photo] = list(zip(places, moments, strict=True))
    for kind, number in ((HELD_OUT, settings.held_out), ("taught", settings.taught)):
        photos += _labelled(out, kind, number, moments, cast, settings.seed)
    draw(out, photos, cast, settings.seed, settings.size)
    taken = [(f"m{at:07d}", cameras[at], moments[at].when, places[at]) for at in range(count)]
    written(out, stands, settings.days, taken, f"A watched window of {ecosystem.name}")
    _truth(out, cast, found, moments, places, settings)
    return _report(ecosystem, cast, found, moments, settings, inputs, command)


def _affordable(engine: Engine, cast: Cast, stands: Stands, settings: WatchSettings) -> None:
    """Raise BadSetting where more photos are to be expected than `most`."""
    values = engine.world.values
    heads = np.bincount(values["species"], values["number"], len(engine.world.values["biomass"]))
    per = contacts(settings.days, 1.0, settings.day_km, stands.zone.width_km, seen=settings.detected)
    animals = float(per) * heads[cast.seen].sum() / settings.window_km**2
    expected = len(stands.places) * (animals + settings.days * settings.false_day)
    if expected > settings.most:
        allowed = f"about {expected:,.0f} photos are to be expected: fewer cameras or days, or a larger --most"
        raise BadSetting("most", settings.most, allowed)


def ran(engine: Engine, stands: Stands, settings: WatchSettings, species: int) -> Watched:
    """Run the world for as many days, and note who passes whom: photos have the columns day, camera, species, animal, distance (m) and bearing (rad)."""
    steps = max(round(settings.days * 24 / settings.step_hours), 1)
    columns: dict[str, list[float]] = {
        name: [] for name in ("day", "camera", "species", "animal", "distance", "bearing")
    }
    daily = np.zeros((math.ceil(engine.days * steps - 1e-9), species))
    visits, far, walked = np.zeros(len(daily)), np.zeros(species), np.zeros(species)
    chance = draws.key(settings.seed, "watch", "detected")
    with track("Running the world", steps, "steps") as advance:
        for step in range(steps):
            before = {name: engine.world.values[name].copy() for name in ("who", "x", "y")}
            engine.step()
            values = engine.world.values
            _, old, new = np.intersect1d(before["who"], values["who"], assume_unique=True, return_indices=True)
            start = np.column_stack([before["x"][old], before["y"][old]])
            end = np.column_stack([values["x"][new], values["y"][new]])
            own, number = values["species"][new], values["number"][new]
            far += np.bincount(own, number * np.hypot(*(end - start).T), species)[:species]
            walked += np.bincount(own, number, species)[:species]
            today = min(int(step * engine.days + 1e-9), len(daily) - 1)
            daily[today] += np.bincount(values["species"], values["number"], species)[:species]
            visits[today] += 1
            found = passed(start, end, stands)
            for at in range(len(found.walker)):
                herd = int(new[found.walker[at]])
                who = int(values["who"][herd])
                for animal in range(int(values["number"][herd])):
                    if draws.uniform(chance, who * HERD + animal, step, int(found.camera[at])) >= settings.detected:
                        continue
                    columns["day"].append((step + found.when[at]) * engine.days + animal * BURST_S / 86_400)
                    columns["camera"].append(int(found.camera[at]))
                    columns["species"].append(int(values["species"][herd]))
                    columns["animal"].append(who * HERD + animal)
                    columns["distance"].append(float(found.distance[at]))
                    columns["bearing"].append(float(found.bearing[at]))
            advance()
    gone = np.divide(far, walked, out=np.zeros(species), where=walked > 0) / 1000.0 / engine.days
    # of a species that has no animal in the window nothing is known but what was meant
    return Watched(daily / visits[:, None], np.where(walked > 0, gone, settings.day_km), columns)


def _nothing(columns: Mapping[str, list[float]], cameras: int, settings: WatchSettings) -> None:
    """Add the frames of nothing: at any time, at some cameras more than at others (as grassy as they are), a gamma factor of dispersion 1."""
    key = draws.key(settings.seed, "watch", "nothing")
    shots = counts(np.full(cameras, settings.days * settings.false_day), EVEN, key)
    for camera, many in enumerate(shots.tolist()):
        for number in range(many):
            columns["day"].append(draws.uniform(key, number, camera, 2) * settings.days)
            columns["camera"].append(camera)
            columns["species"].append(NOBODY)
            for name in ("animal", "distance", "bearing"):
                columns[name].append(0.0)


def _labelled(out: Path, kind: str, number: int, moments: list[Moment], cast: Cast, seed: int) -> list[Photo]:
    """Labelled drawings of each species, at distances, angles and hours of the photos themselves, and held out also of nothing, where cameras shoot that; their
    table is written."""
    animals = [moment for moment in moments if moment.species != NOBODY]
    shown = [*cast.seen, NOBODY] if kind == HELD_OUT and len(animals) < len(moments) else cast.seen
    photos: list[Photo] = []
    names: list[str] = []
    first = LABELLED * (1 if kind == HELD_OUT else 2)
    for at in shown:
        rng = stream(seed, "watch", kind, _name(cast, at))
        for k, like in enumerate(rng.integers(0, len(animals), number).tolist()):
            model = animals[like]
            moment = Moment(at, first + k, model.distance_m, model.aside, model.when, f"{kind} {at} {k}")
            folder = EMPTY if at == NOBODY else f"s{at:03d}"
            photos.append((f"{kind}/{folder}/{kind[0]}{k:05d}.jpg", moment))
            names.append(_name(cast, at))
    if photos:
        table = pl.DataFrame({"filePath": [place for place, _ in photos], "scientificName": names})
        store.write_text(out / f"{kind}.csv", table.write_csv())
    return photos


def _name(cast: Cast, at: int) -> str:
    """What is there, by its place in the cast."""
    return EMPTY if at == NOBODY else cast.names[at]


def _truth(
    out: Path, cast: Cast, found: Watched, moments: list[Moment], places: list[str], settings: WatchSettings
) -> None:
    """Write what only the simulation knows, and cast.csv."""
    seen, days = cast.seen, len(found.animals)
    animals = found.animals[:, seen]
    truth = pl.DataFrame(
        {
            "day": np.repeat(np.arange(days), len(seen)),
            "scientificName": [cast.names[at] for at in seen] * days,
            "animals": animals.ravel(),
            "density_km2": animals.ravel() / settings.window_km**2,
        }
    )
    shown = pl.DataFrame(
        {
            "filePath": places,
            "scientificName": [_name(cast, m.species) for m in moments],
            "animal": [m.animal for m in moments],
            "distance_m": [m.distance_m for m in moments],
            "dark": [m.dark for m in moments],
        }
    )
    for name, frame in (("truth", truth), ("truth_photos", shown)):
        with store.atomic(out / f"{name}.parquet") as file:
            frame.write_parquet(file)
    table = cast.table().with_columns(
        day_km=pl.Series(found.day_km[seen]), detected=pl.lit(settings.detected), angle_deg=pl.lit(settings.angle_deg)
    )
    store.write_text(out / "cast.csv", table.write_csv())


def _report(
    ecosystem: Ecosystem,
    cast: Cast,
    found: Watched,
    moments: list[Moment],
    settings: WatchSettings,
    inputs: dict[str, str],
    command: str,
) -> Report:
    """How many photos of whom, and the true mean densities."""
    numbers = [
        Number("photos", len(moments), unit="count", group="Photos"),
        Number(
            "photos.dark", sum(m.dark for m in moments) / len(moments), unit="share", n=len(moments), group="Photos"
        ),
    ]
    if settings.false_day > 0:
        empty = sum(m.species == NOBODY for m in moments)
        numbers.append(Number("photos.empty", empty / len(moments), unit="share", n=len(moments), group="Photos"))
    for at in cast.seen:
        name, count = cast.names[at], sum(m.species == at for m in moments)
        density = float(found.animals[:, at].mean()) / settings.window_km**2
        note = f"true mean density; {count:,} {'photo' if count == 1 else 'photos'}"
        numbers.append(Number(name, density, unit="km-2", n=count, note=note, group="Truth"))
    drawn = cast.table().filter(pl.col("scientificName") != pl.col("drawnAs"))
    remarks = []
    if len(drawn):
        pairs = ", ".join(f"{a} by {b}" for a, b in drawn.head(4).iter_rows())
        more = f" and {len(drawn) - 4} more" if len(drawn) > 4 else ""
        remarks.append(f"no drawn species of their name: {len(drawn)} are played by others ({pairs}{more})")
    unseen = [name for name, tip in zip(cast.names, cast.tips, strict=True) if tip < 0]
    if unseen:
        remarks.append(f"cameras do not photograph {len(unseen)} species, neither mammals nor birds")
    remarks.append(f"all animals go {settings.day_km:g} km a day by assumption, day and night alike")
    return Report(f"{ecosystem.name}, watched", command, inputs, tuple(numbers), store.plain(settings), tuple(remarks))
