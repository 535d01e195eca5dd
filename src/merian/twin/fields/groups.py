"""The groups of the validation panel: which families of rows there are, and which tables they read."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from merian.core.errors import Missing
from merian.twin.cohorts.theory import COHORTS
from merian.twin.empirical import EMPIRICAL, Tables, predators_and_prey
from merian.twin.fields.asked import Picture
from merian.twin.fields.books import books
from merian.twin.fields.community import area_and_species, emergent, regulation
from merian.twin.fields.cycles import hares_and_lynx, paramecium_and_didinium
from merian.twin.fields.epidemic import epidemic
from merian.twin.fields.following import following
from merian.twin.fields.isle import isle_royale
from merian.twin.fields.links import links
from merian.twin.fields.portal import TABLES as PORTAL
from merian.twin.fields.portal import PortalTables
from merian.twin.fields.rinderpest import rinderpest
from merian.twin.fields.rodents import portal
from merian.twin.fields.serengeti import serengeti, yellowstone
from merian.twin.fields.series import SERIES, find
from merian.twin.grid.theory import SPACE
from merian.twin.hazards.theory import HAZARDS
from merian.twin.herds.theory import MIXED
from merian.twin.theory import THEORY, Row

__all__ = ["READS", "TABLES", "TITLES", "Family", "Group", "groups", "tables"]

Found = Sequence[Row | Picture]
Family = Callable[[], Found]


@dataclass(frozen=True, slots=True)
class Group:
    """A group of the panel: its `title`, the `families` of its rows, and whether a folder of tables changes what it can say (`reads`)."""

    title: str
    families: tuple[Family, ...]
    reads: bool = False


TITLES: Mapping[str, str] = {
    "food-webs": "Theory of food webs and of disease",
    "space": "Theory of space and fire, and the tiers beside each other",
    "books": "Biomass is accounted for",
    "cohorts": "Theory of cohorts",
    "mass": "Body mass",
    "community": "Predators and prey, density and area",
    "isle-royale": "Isle Royale",
    "cycles": "Cycles: hare and lynx, Paramecium and Didinium",
    "serengeti": "Serengeti and Yellowstone",
    "portal": "Portal: kangaroo rats shut out",
    "links": "Who eats whom: weights of the terms, held against an observed food web",
    "regulation": "Predators and prey if hunters were regulated otherwise: options, not the default",
}
"""Keys of the groups and what they are called."""
READS = ("mass", "isle-royale", "cycles", "portal", "links")
"""Groups whose rows need tables."""


TABLES = ("pantheria", "tetra_density", "elton_mammals", "elton_birds", *SERIES, "veilleux", "food_web", *PORTAL)
"""What tables of the panel are called, somewhere in the names of their files."""


def tables(folder: Path) -> dict[str, Path]:
    """The tables of the panel in a folder, by what they are called. Raises Missing when there is none."""
    found = {name: path for name in TABLES if (path := find(folder, name, name in PORTAL)) is not None}
    if not found:
        raise Missing(
            "a table of the panel",
            folder,
            f"give a folder with files whose names hold {', '.join(TABLES)}, as Parquet, CSV or TSV",
        )
    return found


def groups(folder: Path | None = None) -> dict[str, Group]:
    """The groups by key; those that read tables find them in `folder` by their names, and say which rows were not run without."""
    given = tables(folder) if folder is not None else {}
    traits = Tables(*(given[name] for name in TABLES[:4])) if all(name in given for name in TABLES[:4]) else None
    rodents = PortalTables(*(given[name] for name in PORTAL)) if all(name in given for name in PORTAL) else None
    families: dict[str, tuple[Family, ...]] = {
        "food-webs": (*THEORY, epidemic),
        "space": (*SPACE, *MIXED, *HAZARDS),
        "books": (books,),
        "cohorts": tuple(COHORTS),
        "mass": tuple(partial(family, traits) for family in EMPIRICAL),
        "community": (predators_and_prey, emergent, area_and_species),
        "isle-royale": tuple(partial(family, given.get("isle_royale")) for family in (isle_royale, following)),
        "cycles": (
            partial(hares_and_lynx, given.get("hare_lynx")),
            partial(paramecium_and_didinium, given.get("veilleux")),
        ),
        "serengeti": (serengeti, rinderpest, yellowstone),
        "portal": (partial(portal, rodents),),
        "links": (partial(links, *(given.get(name) for name in ("food_web", "elton_mammals", "elton_birds"))),),
        "regulation": (regulation,),
    }
    return {key: Group(title, families[key], key in READS) for key, title in TITLES.items()}
