"""`merian twin build`: an ecosystem in a folder, from a list of species with trait tables, or from a worked example, and the trial of its food web."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import polars as pl

from merian.core import store
from merian.core.errors import BadSetting, MerianError
from merian.core.report import Number, Report
from merian.twin.balance import persistence
from merian.twin.ecosystem import FORMAT, KIND, Ecosystem, Facts, made
from merian.twin.feeding import FOODS, LINKS, WEIGHTS, read_links
from merian.twin.landscape import Landscape, generated, read_landscape
from merian.twin.pools import Climate, Pool
from merian.twin.regulation import regulated
from merian.twin.settings import TwinSettings
from merian.twin.species import read_species
from merian.twin.traits import EVIDENCE, TRAITS, read_traits
from merian.twin.worked import WORKED, Worked, drawn_ecosystem, facts_of, shipped

__all__ = ["Inputs", "build", "pool_of", "trial"]

POOL = re.compile(r"([^:]+):(\w+)=(deshmukh|miami|[0-9.eE+-]+)(?:\*([0-9.eE+-]+))?")


@dataclass(frozen=True)
class Inputs:
    """Files beside the list of species: trait `tables` in order of belief, a table of observed `links`, a raster for each of some `layers`."""

    tables: tuple[Path, ...] = ()
    links: Path | None = None
    layers: Mapping[str, Path] = field(default_factory=dict)

    def hashes(self) -> dict[str, str]:
        """SHA-256 of each, by what it is."""
        named = {f"traits {path.name}": path for path in self.tables} | {
            f"layer {name}": path for name, path in self.layers.items()
        }
        for name, path in self.layers.items():
            if path.is_dir():
                named |= {f"layer {name} {file.name}": file for file in sorted(path.iterdir())}
        if self.links is not None:
            named["links"] = self.links
        return {name: store.digest(path) for name, path in named.items() if path.is_file()}


def build(
    source: str,
    out: Path,
    settings: TwinSettings,
    inputs: Inputs = Inputs(),
    command: str = "merian twin build",
    overwrite: bool = False,
) -> Report:
    """The Report of building an ecosystem in `out`: how many species, links and values of which evidence, and which species persist.

    source: a file with a list of species or records, the name of a worked ecosystem, or a TOML file of one. OUT gets species.parquet, traits.parquet,
    links.parquet, pools.parquet, refused.parquet, persistence.parquet, landscape/, ecosystem.json and report.json. A finished run is not repeated. Raises what
    reading the inputs raises, and BadData when no species can live there.
    """
    read = Path(source) if Path(source).is_file() else facts_of(source)
    hashes = inputs.hashes() | ({"worked": source} if read is None else {"species": store.digest(read)})
    work = store.begin(out, KIND, FORMAT, settings, hashes, overwrite)
    if work.done:
        return Report.load(out / "report.json")
    try:
        ecosystem = _ecosystem(source, settings, inputs)
    except MerianError:
        work.abandon()
        raise
    ecosystem.save(out)
    course, numbers, remarks = trial(ecosystem, settings)
    with store.atomic(out / "persistence.parquet") as file:
        course.write_parquet(file)
    numbers = _counts(ecosystem) + numbers
    remarks = [*ecosystem.remarks, *remarks, *(f"{name}: {why}" for name, why in ecosystem.species.refused.iter_rows())]
    report = Report(
        f"Ecosystem {ecosystem.name}", command, hashes, tuple(numbers), store.plain(settings), tuple(remarks)
    )
    report.save(out / "report.json")
    work.finish()
    return report


def trial(ecosystem: Ecosystem, settings: TwinSettings) -> tuple[pl.DataFrame, list[Number], list[str]]:
    """What becomes of the food web: the rates and persistence of every species, numbers of them, and who does not persist or does not balance.

    Beside it, as a control, the same web without interference or crowding among an eater's own kind: how much of the persistence it makes.
    """
    balance = regulated(ecosystem.balance(settings.half, settings.intake), settings.regulation, settings.exponent)
    found = persistence(balance, ecosystem.spreads(), settings.years)
    none = np.zeros(len(balance.web.names))
    bare = replace(balance, web=balance.web.changed(interference=none, crowding=none))
    control = persistence(bare, ecosystem.spreads(), settings.years)
    animal = ~balance.web.producer
    count, group = int(animal.sum()), "Food web"
    numbers = [
        Number(
            "persist",
            float(found["persists"].to_numpy()[animal].mean()),
            unit="share",
            n=count,
            note=f"of animals, in {settings.years} years from half of today",
            group=group,
        ),
        Number(
            "plausible",
            float(found["plausible"].to_numpy()[animal].mean()),
            unit="share",
            n=count,
            note="and end within the 95 % interval of the density that is known",
            group=group,
        ),
        Number(
            "persist.control",
            float(control["persists"].to_numpy()[animal].mean()),
            unit="share",
            n=count,
            note="the same without interference",
            group=group,
        ),
    ]
    course = found.with_columns(balance.rates.drop("species", "biomass_g_m2"), control=control["ratio"])
    remarks = [f"{name}: {why}" for name, why in course.select("species", "problem").drop_nulls().iter_rows()]
    gone = course.filter(~pl.col("plausible"))
    for row in gone.iter_rows(named=True):
        how = "does not persist" if not row["persists"] else "persists, but not at a plausible density"
        remarks.append(
            f"{row['species']} {how}: {row['ratio']:.2g} times today's biomass at the end, {row['lowest']:.2g} at the lowest"
        )
    return course, numbers, remarks


def _counts(ecosystem: Ecosystem) -> list[Number]:
    species, cells, links = ecosystem.species, ecosystem.species.cells, ecosystem.links
    numbers = [
        Number("species", len(species.names), unit="count", group="Species"),
        Number("refused", len(species.refused), unit="count", group="Species"),
        Number("pools", len(ecosystem.pools), unit="count", group="Species"),
    ]
    for grade in EVIDENCE:
        numbers.append(
            Number(
                f"values.{grade}",
                float((cells["evidence"] == grade).sum()) / max(len(cells), 1),
                unit="share",
                n=len(cells),
                group="Traits",
            )
        )
    inside = ecosystem.web_links
    numbers.append(
        Number("links", len(inside), unit="count", note=f"in the web, of {len(links):,} written down", group="Links")
    )
    observed = int((inside["evidence"] == "observed").sum())
    numbers.append(Number("links.observed", observed, unit="count", group="Links"))
    numbers.append(
        Number(
            "links.expected",
            float(links["probability"].to_numpy().sum()),
            unit="count",
            note="the sum of all probabilities",
            group="Links",
        )
    )
    return numbers


def _ecosystem(source: str, settings: TwinSettings, inputs: Inputs) -> Ecosystem:
    """The ecosystem that is asked for."""
    mapping = {}
    for text in settings.columns:
        column, sign, trait = text.rpartition("=")
        if not sign or not column.strip():
            raise BadSetting("columns", text, f"must read COLUMN=trait; traits are {', '.join(TRAITS)}")
        mapping[column.strip()] = trait.strip()
    tables = tuple(read_traits(path, _of_table(path, mapping, inputs.tables)) for path in inputs.tables)
    links = read_links(inputs.links) if inputs.links is not None else pl.DataFrame(schema=LINKS)
    path = Path(source)
    if source in WORKED or (path.is_file() and path.suffix == ".toml"):
        worked = (
            drawn_ecosystem(settings.habitat, settings.drawn_species, settings.seed)
            if source == "drawn"
            else shipped(source)
        )
        return _of_worked(worked, settings, inputs, (tables, links))
    if not path.is_file():
        raise BadSetting("species", source, f"is neither a file nor a worked ecosystem ({', '.join(WORKED)})")
    ground = _ground(settings, inputs)
    rain = settings.rain_mm or ground.rain_mm
    if not rain > 0:
        raise BadSetting("rain_mm", settings.rain_mm, "say how much it rains in a year, or give a raster of rain")
    pools = tuple(pool_of(text) for text in settings.pools)
    climate = Climate(rain, settings.celsius)
    facts = Facts(path.stem, read_species(path), tables, links, pools, climate, settings.area_km2)
    return made(facts, ground, settings.least, settings.link, WEIGHTS[settings.weights])


def _of_worked(
    worked: Worked, settings: TwinSettings, inputs: Inputs, given: tuple[tuple[pl.DataFrame, ...], pl.DataFrame]
) -> Ecosystem:
    """A worked ecosystem with what else was given: tables fill what its facts leave open, links of one's own take the place of its own."""
    tables, links = given
    facts = worked.facts
    own = facts.links.join(links, on=["eater", "eaten"], how="anti", maintain_order="left")
    months = np.asarray(worked.months)
    if settings.rain_mm:
        months = months * settings.rain_mm / months.sum()
        facts = replace(facts, climate=Climate(settings.rain_mm, facts.climate.celsius))
    facts = replace(facts, tables=(*facts.tables, *tables), links=pl.concat([links, own]))
    if inputs.layers:
        ground = read_landscape(inputs.layers, settings.cell_m, months.tolist())
    else:
        ground = replace(worked, months=tuple(months.tolist())).landscape(settings.seed, settings.rows)
    return made(facts, ground, settings.least, settings.link, WEIGHTS[settings.weights])


def _ground(settings: TwinSettings, inputs: Inputs) -> Landscape:
    months = (settings.rain_mm / 12,) * 12
    if inputs.layers:
        return read_landscape(inputs.layers, settings.cell_m, months)
    return generated(settings.land, settings.seed, settings.rows, settings.cell_m, months)


def _of_table(path: Path, mapping: Mapping[str, str], tables: tuple[Path, ...]) -> dict[str, str]:
    """The columns of the mapping that this table has; with a single table all of them, so that a wrong name is said."""
    from merian.core.tree import read_table

    if not mapping or len(tables) == 1:
        return dict(mapping)
    table = read_table(path)
    names = set(table.columns) | (set(table["trait"]) if "trait" in table.columns else set())
    return {column: trait for column, trait in mapping.items() if column in names}


def pool_of(text: str) -> Pool:
    """The pool that NAME:FOOD=CROP stands for: CROP a number of g m-2, deshmukh or miami, perhaps times a share (trees:browse=miami*0.03)."""
    match = POOL.fullmatch(text.strip())
    if match is None or match[2] not in FOODS:
        raise BadSetting(
            "pools",
            text,
            f"must read NAME:FOOD=CROP, FOOD one of {', '.join(FOODS)}, CROP a number, deshmukh or miami, perhaps *SHARE",
        )
    name, food, crop, share = match.groups()
    law = crop if crop in ("deshmukh", "miami") else ""
    try:
        amount, part = 0.0 if law else float(crop), float(share or 1)
    except ValueError as error:
        raise BadSetting("pools", text, f"its crop or share is no number: {error}") from error
    return Pool(name.strip(), food, law, part, amount, source="given with --pools")
