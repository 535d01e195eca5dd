"""A page of the encyclopedia: pictures with their credit, kin, traits, variation inside the species, place and season, who eats whom."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import polars as pl

from merian.core.tree import RANKS, Tree
from merian.curate.licences import normalise
from merian.web import facts
from merian.web.beside import Beside, open_beside, residents
from merian.web.facts import Json
from merian.web.kin import Kin
from merian.web.parts import Parts

__all__ = ["Encyclopedia", "apart"]

SPECIES = RANKS.index("species")
CREDITED = 12
"""Photos that a page shows, as many as `facts.taxon_page` lists."""
INSIDE = ("sex", "life_stage", "health", "behaviour")
"""What individuals of a species differ in."""
SHOWN_GROUP, MOST_GROUPS = 6, 8
MOST_TRAITS, MOST_PLACES, MOST_LINKS = 60, 400, 24
"""What a page lists at most. From taste."""
CELL_DEG = 0.5
"""Side of the cells that places are counted in: exact places of rare species are nobody's business."""
FEWEST = 3
"""Photos of a group from which its spread is measured. From taste."""


@dataclass(eq=False)
class Encyclopedia:
    """The pages of one store. What lies beside its catalog (imputed traits, ecosystems) is opened once."""

    parts: Parts
    twin: str = ""
    """The ecosystem whose twin runs: a folder, or a worked one by its name."""
    kin: Kin = field(init=False)
    beside: Beside = field(init=False)
    _residents: dict[str, frozenset[str]] = field(init=False)

    def __post_init__(self) -> None:
        self.kin = Kin(self.parts)
        self.beside = open_beside(self.parts.folder, self.parts.absent)
        self._residents = residents(self.twin)

    def page(self, taxon: str) -> Json:
        """All that the store knows of a taxon, by its external id. Raises KeyError."""
        tree, number = facts.found(self.parts, taxon)
        own = facts.own_number(self.parts, tree, number)
        photos = facts.images_of(self.parts, own)
        return {
            **facts.taxon_page(self.parts, taxon),
            "credits": self._credits(photos),
            "relatives": self.kin.of(tree, number, own),
            "traits": self._traits(tree, number, own),
            "variation": self._variation(photos) if tree.rank[number] == SPECIES else [],
            "sightings": _sightings(photos),
            "webs": self._webs(tree, number),
            "twins": self._twins(tree, number),
        }

    def _twins(self, tree: Tree, number: int) -> list[Json]:
        """The ecosystems with a twin that a species lives in, the one that runs first."""
        if tree.rank[number] != SPECIES:
            return []
        lives = [name for name, animals in self._residents.items() if tree.names[number] in animals]
        return [{"ecosystem": Path(name).name, "served": name == self.twin} for name in lives]

    def _credits(self, photos: pl.DataFrame) -> list[Json]:
        if self.parts.catalog is None:
            return []
        shown = photos.head(CREDITED).select("id", "rights_holder", "licence")
        return shown.with_columns(licence=normalise(shown["licence"])["licence"]).rows(named=True)

    def _traits(self, tree: Tree, number: int, own: int) -> list[Json]:
        """Values of a species, known first, then imputed; of a higher taxon what the known values of its species span."""
        known = pl.DataFrame() if self.parts.layout is None or own < 0 else self.parts.layout.traits
        species = tree.rank[number] == SPECIES
        rows = self.beside.traits_of(tree.names[number]) if species else []
        catalog = self.parts.catalog
        if catalog is not None and not known.is_empty():
            inside = known.filter(pl.col("taxon").is_between(own, int(catalog.tree.end[own]) - 1))
            told = {row["trait"] for row in rows}
            rows = [row for row in (_own if species else _ranges)(inside) if row["trait"] not in told] + rows
        order = {"known": 0, "range": 0, "imputed": 1, "withheld": 2}
        return sorted((_trait(**row) for row in rows), key=lambda row: order[row["source"]])[:MOST_TRAITS]

    def _variation(self, photos: pl.DataFrame) -> list[Json]:
        """For each thing that individuals differ in: how many photos show which, some of them, and how far the model tells them apart."""
        found = []
        for column in INSIDE if self.parts.catalog is not None else ():
            rows = photos.filter(pl.col(column).is_not_null() & (pl.col(column) != ""))
            if rows.is_empty():
                continue
            groups = rows.group_by(column, maintain_order=True).agg("id").sort(pl.col("id").list.len(), descending=True)
            shown = [
                {"name": name, "count": len(ids), "images": ids[:SHOWN_GROUP]}
                for name, ids in groups.head(MOST_GROUPS).iter_rows()
            ]
            found.append({"column": column, "apart": self._apart(groups), "groups": shown})
        return found

    def _apart(self, groups: pl.DataFrame) -> float | None:
        embeddings, vector_rows = self.parts.embeddings, self.parts.vector_rows
        if embeddings is None:
            return None
        rows = [[vector_rows[i] for i in ids if i in vector_rows] for ids in groups["id"].to_list()]
        rows = [group for group in rows if len(group) >= FEWEST]
        return apart([embeddings.vectors[group] for group in rows]) if len(rows) > 1 else None

    def _webs(self, tree: Tree, number: int) -> list[Json]:
        """Who eats it and whom it eats, in each ecosystem of the store that has it."""
        name = tree.names[number]
        webs = []
        for web in self.beside.webs if tree.rank[number] == SPECIES else ():
            eats = web.links.filter(pl.col("eater") == name).select(pl.col("eaten").alias("name"), *LINK)
            eaten = web.links.filter(pl.col("eaten") == name).select(pl.col("eater").alias("name"), *LINK)
            if name in web.species or len(eaten):
                both = [[self._linked(row, web.species) for row in _strongest(t)] for t in (eats, eaten)]
                webs.append({"ecosystem": web.name, "eats": both[0], "eaten_by": both[1]})
        return webs

    def _linked(self, row: Json, called: dict[str, str]) -> Json:
        found = [(tree, t) for tree in self.parts.trees for t in tree.named(row["name"]) if tree.rank[t] == SPECIES]
        if not found:
            return {**row, "id": None, "common": called.get(row["name"]) or None, "called": {}}
        known = facts.taxon(*found[0])
        common = called.get(row["name"]) or known["common"]
        return {**row, "id": known["id"], "common": common, "called": known["called"]}


STATE = " = "
"""`merian explore` has a column for each state of a category, as in "habitat = coast"."""


def _own(known: pl.DataFrame) -> list[Json]:
    """The known values of one species."""
    rows: list[Json] = []
    for row in known.drop("taxon").rows(named=True):
        trait, category, state = row["trait"].partition(STATE)
        if not category:
            rows.append({"source": "known", **row})
        elif row["value"] == 1:
            rows.append({"source": "known", "trait": trait, "unit": "", "state": state})
    return rows


def _ranges(known: pl.DataFrame) -> list[Json]:
    """What the known values of several species span: least, median and most of amounts, of categories the states, the commonest first."""
    grouped = known.group_by("trait", "unit", maintain_order=True).agg(
        low=pl.col("value").min(), high=pl.col("value").max(), value=pl.col("value").median(), species=pl.len(),
        share=pl.col("value").mean(),
    )  # fmt: skip
    rows: list[Json] = []
    states: dict[str, list[tuple[float, str, int]]] = {}
    for row in grouped.rows(named=True):
        trait, category, state = row["trait"].partition(STATE)
        share = row.pop("share")
        if category:
            states.setdefault(trait, []).append((share, state, row["species"]))
        else:
            rows.append({"source": "range", **row})
    for trait, found in states.items():
        had = [state for share, state, _ in sorted(found, key=lambda one: (-one[0], one[1])) if share > 0]
        rows.append({"source": "range", "trait": trait, "unit": "", "states": had, "species": found[0][2]})
    return rows


LINK = ("probability", "evidence", "part")


def _strongest(links: pl.DataFrame) -> list[Json]:
    rows = links.sort("part", "probability", descending=True).head(MOST_LINKS).rename({"part": "share"})
    return rows.with_columns(pl.col("share", "probability").round(4)).rows(named=True)


EMPTY: Json = dict.fromkeys(("value", "state", "low", "high", "level", "nearest", "species", "flag")) | {"unit": ""}


def _trait(**row: object) -> Json:
    said = {**EMPTY, "states": [], **row}
    return {**said, "unit": said["unit"] or "", "states": said["states"] or []}


def _sightings(photos: pl.DataFrame) -> Json:
    """Photos by month and by place, places in cells of half a degree."""
    if "event_date" not in photos.columns:
        return {"months": [0] * 12, "dated": 0, "places": [], "placed": 0, "bounds": None}
    month = photos["event_date"].str.extract(r"^\d{4}-(\d{2})").cast(pl.Int64, strict=False)
    known = month.filter(month.is_between(1, 12)).to_numpy()
    placed = photos.filter(pl.col("latitude").is_between(-90, 90), pl.col("longitude").is_between(-180, 180))
    cells = (
        placed.select(((pl.col(c) / CELL_DEG).floor() + 0.5) * CELL_DEG for c in ("latitude", "longitude"))
        .group_by("latitude", "longitude")
        .agg(count=pl.len())
        .sort("count", "latitude", "longitude", descending=[True, False, False])
    )
    bounds = None
    if len(placed):
        ends = {"south": cells["latitude"].min(), "north": cells["latitude"].max()}
        bounds = ends | {"west": cells["longitude"].min(), "east": cells["longitude"].max()}
    return {
        "months": np.bincount(known, minlength=13)[1:].tolist(),
        "dated": len(known),
        "places": cells.head(MOST_PLACES).rows(named=True),
        "placed": len(placed),
        "bounds": bounds,
    }


def apart(groups: list[np.ndarray]) -> float:
    """The share of the vectors' variance that goes with the groups [n_i, d], corrected for chance: epsilon squared (Kelley 1935), 0 to 1."""
    whole = np.concatenate(groups).astype(np.float64)
    total = ((whole - whole.mean(0)) ** 2).sum()
    within = sum(((g - g.mean(0, dtype=np.float64)) ** 2).sum() for g in groups)
    free = len(whole) - len(groups)
    if total <= 0 or free <= 0:
        return 0.0
    return round(float(min(max((total - within - (len(groups) - 1) * within / free) / total, 0.0), 1.0)), 4)
