"""Worked ecosystems: two that ship as facts, each number with its source (ecosystems/*.toml), and one made from the drawn tree of life.

What was not read again but written from memory says so in its source.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, cast

import numpy as np
import polars as pl

from merian.core.chance import stream
from merian.core.errors import BadData, BadSetting
from merian.core.settings import read_toml
from merian.twin.allometry import prior
from merian.twin.ecosystem import Ecosystem, Facts, made
from merian.twin.feeding import LINKS, observed
from merian.twin.landscape import Landscape, generated
from merian.twin.pools import Climate, Pool
from merian.twin.traits import TRAITS, cells_of

__all__ = ["WORKED", "Worked", "drawn_ecosystem", "facts_of", "opened", "shipped"]

FOLDER = Path(__file__).parent / "ecosystems"
WORKED = ("savanna", "isle-royale", "drawn")
"""Names that `merian twin build` takes in place of a list of species."""
Land = Literal["plain", "island"]
Rows = list[tuple[str, str, float, float | None, str, str]]


@dataclass(frozen=True, eq=False)
class Worked:
    """Facts of an ecosystem, with its `title`, rain of the twelve `months` (mm) and the kind of `land` it lies on."""

    title: str
    facts: Facts
    months: tuple[float, ...]
    land: Land

    def landscape(self, seed: int, rows: int = 64, cell_m: float = 0.0) -> Landscape:
        """A ground of its area (or of cells so wide), made by seed."""
        width = cell_m or 1000.0 * (self.facts.area_km2**0.5) / rows
        return generated(self.land, seed, rows, width, self.months)


def facts_of(name: str) -> Path | None:
    """The file of a shipped ecosystem, None for a name that has none."""
    path = FOLDER / f"{name}.toml"
    return path if name in WORKED and path.is_file() else None


def shipped(name: str) -> Worked:
    """A worked ecosystem by name, or the TOML file of one's own in the same form. Raises BadSetting for another name, BadData for a file that is none."""
    path = facts_of(name) or Path(name)
    if not path.is_file():
        raise BadSetting("ecosystem", name, f"is none of {', '.join(WORKED)}")
    document = cast(dict[str, Any], read_toml(path))
    try:
        return _worked(document, path)
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise BadData(path, f"is no ecosystem: {type(error).__name__} {error}") from error


def opened(name: str, seed: int) -> Ecosystem:
    """The ecosystem in a folder that `merian twin build` wrote, or the worked one of this name on a ground made by seed.

    Raises BadSetting for what is neither, and what Ecosystem.load raises.
    """
    if Path(name).is_dir():
        return Ecosystem.load(Path(name))
    there = [known for known in WORKED if facts_of(known) is not None]
    if name in WORKED and name not in there:
        raise BadSetting("ecosystem", name, f"is made first: merian twin build {name} FOLDER; then give the folder")
    if name not in there:
        raise BadSetting(
            "ecosystem", name, f"is a folder made by `merian twin build`, or one of {', '.join(there)}", there
        )
    worked = shipped(name)
    return made(worked.facts, worked.landscape(seed))


def _worked(document: dict[str, Any], path: Path) -> Worked:
    sources = {key: _cited(entry) for key, entry in document["sources"].items()}
    area = float(document["area_km2"][0])
    rows: Rows = []
    for entry in document["species"]:
        rows += _traits(entry, area, sources, path)
    pools = []
    for entry in document["pools"]:
        source = entry["source"]
        evidence = "assumed" if source == "taste" else "observed"
        pools.append(Pool(**entry | {"source": sources[source], "evidence": evidence}))
    links = [
        (x["eater"], x["eaten"], float(x.get("eats", 1)), x.get("share"), sources[x["source"]])
        for x in document.get("links", [])
    ]
    names = ["eater", "eaten", "eats", "share", "source"]
    types = [pl.String, pl.String, pl.Float64, pl.Float64, pl.String]
    told = observed(pl.DataFrame(links, schema=dict(zip(names, types, strict=True)), orient="row"), path)
    wanted = pl.DataFrame(
        [(x["name"], x["class"], x["common"]) for x in document["species"]],
        schema=["species", "class", "common"],
        orient="row",
    )
    months = tuple(float(mm) for mm in document["rain_mm_month"])
    climate = Climate(sum(months), float(document["celsius"][0]))
    facts = Facts(document["name"], wanted, (cells_of(rows),), told, tuple(pools), climate, area)
    return Worked(document["title"], facts, months, document["land"])


def _cited(entry: Mapping[str, Any]) -> str:
    return str(entry["cite"]) + ("" if entry["read"] else " (from memory, not re-read)")


def _traits(entry: Mapping[str, Any], area: float, sources: Mapping[str, str], path: Path) -> Rows:
    """The trait values of one species; its count becomes a density."""
    rows: Rows = []
    for trait, fact in entry.items():
        if trait in ("name", "class", "common"):
            continue
        known = "density_km2" if trait == "count" else trait
        if known not in TRAITS:
            raise BadData(path, f"{entry['name']}: {trait!r} is no trait")
        value, source = float(fact[0]), fact[1]
        spread = float(fact[2]) if len(fact) > 2 else None
        evidence = "assumed" if source == "taste" else "observed"
        rows.append(
            (entry["name"], known, value / area if trait == "count" else value, spread, evidence, sources[source])
        )
    return rows


CLIMATES: Mapping[str, tuple[float, float]] = {
    "forest": (1200.0, 15.0),
    "grassland": (600.0, 18.0),
    "wetland": (900.0, 14.0),
    "desert": (200.0, 22.0),
    "alpine": (900.0, 3.0),
    "coast": (800.0, 14.0),
}
"""Yearly rain in mm and mean warmth of the drawn habitats. A matter of taste."""
GRASS: Mapping[str, float] = {
    "grassland": 0.8,
    "forest": 0.1,
    "wetland": 0.6,
    "desert": 0.5,
    "alpine": 0.7,
    "coast": 0.6,
}
PLANS: Mapping[str, tuple[str, float, float]] = {
    "beetle": ("Insecta", 0.5, 0.3),
    "butterfly": ("Insecta", 0.3, 0.2),
    "bird": ("Aves", 30.0, 0.0),
    "hoofed": ("Mammalia", 60_000.0, 0.0),
    "fish": ("Actinopterygii", 100.0, 0.5),
}
"""Class, typical mass in g, and the biomass in g m-2 that all species of a plan share (0: each has the density of its mass). Drawn species have shapes and
no size, so all of it is a matter of taste."""
MASS_SD = 0.3
"""sd of log10 mass of the species of a plan."""
WATER = ("wetland", "coast")
TASTE = "drawn: a matter of taste"


def drawn_ecosystem(habitat: str, species: int, seed: int) -> Worked:
    """The drawn species of one habitat: animals eat as their shape suggests (deep beaks seeds, long jaws insects), leaves and flowers are pools by abundance.

    Mushrooms are left out, and fish where there is no water. Everything but the species, their abundance and their shape is assumed. Raises BadData when no
    animal or no plant lives there.
    """
    from merian.drawn.world import DrawSettings, draw_tree

    table = draw_tree(DrawSettings(species=species, seed=seed)).species.filter(pl.col("habitat") == habitat)
    kinds = [plan for plan in PLANS if plan != "fish" or habitat in WATER]
    animals = table.filter(pl.col("plan").is_in(kinds))
    plants = table.filter(pl.col("plan").is_in(["leaf", "flower"]))
    if not len(animals) or not len(plants):
        raise BadData(
            f"drawn {habitat}",
            f"of {species} species no {'plant' if len(animals) else 'animal'} lives there: ask for more species",
        )
    rain, celsius = CLIMATES[habitat]
    rows: Rows = []
    total = dict(animals.group_by("plan").agg(pl.col("abundance").sum()).iter_rows())
    for row in animals.iter_rows(named=True):
        rows += _drawn_traits(row, total[row["plan"]], seed, habitat)
    pools = [Pool("grass", "grass", "miami", GRASS[habitat] * 0.5, evidence="assumed", source=TASTE)]
    every = float(plants["abundance"].sum())
    for row in plants.iter_rows(named=True):
        share = row["abundance"] / every
        if row["plan"] == "leaf":
            pools.append(Pool(row["scientificName"], "browse", "miami", 0.2 * share, evidence="assumed", source=TASTE))
        else:
            pools.append(Pool(row["scientificName"], "nectar", "miami", 0.02 * share, evidence="assumed", source=TASTE))
    if "leaf" not in plants["plan"].to_list():
        pools.append(Pool("leaves", "browse", "miami", 0.2, evidence="assumed", source=TASTE))
    pools.append(Pool("seeds", "seeds", "miami", 0.02, evidence="assumed", source=TASTE))
    pools.append(Pool("small insects", "invertebrates", crop_g_m2=0.5, turnover=4.0, evidence="assumed", source=TASTE))
    classes = [PLANS[plan][0] for plan in animals["plan"]]
    wanted = animals.select(
        pl.col("scientificName").alias("species"), pl.Series("class", classes), pl.col("vernacular_en").alias("common")
    )
    facts = Facts(
        "drawn", wanted, (cells_of(rows),), pl.DataFrame(schema=LINKS), tuple(pools), Climate(rain, celsius), 100.0
    )
    return Worked(f"The drawn tree of life: {habitat}", facts, (rain / 12,) * 12, "plain")


def _drawn_traits(row: Mapping[str, Any], total: float, seed: int, habitat: str) -> Rows:
    """Mass, density, diet and stratum of a drawn animal."""
    name, (animal_class, typical, shared) = row["scientificName"], PLANS[row["plan"]]
    mass = typical * 10.0 ** (MASS_SD * float(stream(seed, "drawn mass", name).standard_normal()))
    share = row["abundance"] / total
    if shared:
        density = shared * share / mass * 1e6
    else:
        law = prior("density_km2", mass, "bird" if animal_class == "Aves" else "herbivore")
        density = (law[0] if law else 1.0) * min(max(share * 10, 0.3), 3.0)
    values = {"mass_g": mass, "density_km2": density}
    if row["plan"] == "bird":
        seeds = float(np.clip((row["trait_beak_depth"] - 0.12) / 0.5, 0.0, 1.0))
        values |= {
            "diet_seeds": seeds,
            "diet_invertebrates": 1 - seeds,
            "stratum_trees": 0.5,
            "stratum_ground": 0.5,
            "active_day": 1.0,
        }
    elif row["plan"] == "beetle":
        hunts = 0.8 if row["trait_mandible_size"] > 0.8 else 0.0
        values |= {
            "diet_invertebrates": hunts,
            "diet_plants": 1 - hunts,
            "grass": 0.2,
            "stratum_ground": 0.5,
            "stratum_trees": 0.5,
        }
    elif row["plan"] == "butterfly":
        values |= {"diet_nectar": 1.0, "stratum_air": 0.5, "stratum_trees": 0.5, "active_day": 1.0}
    elif row["plan"] == "fish":
        values |= {"diet_invertebrates": 0.5, "diet_plants": 0.5, "grass": 0.3, "stratum_water": 1.0}
    else:
        values |= {"diet_plants": 1.0, "grass": GRASS[habitat], "stratum_ground": 1.0}
    return [(name, trait, float(value), None, "assumed", TASTE) for trait, value in values.items()]
