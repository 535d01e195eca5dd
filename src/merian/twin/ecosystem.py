"""An ecosystem: its species with their traits, what grows, who eats whom, its climate and ground; kept in a folder with a manifest."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from merian.core import store
from merian.core.chance import stream
from merian.core.errors import BadData
from merian.twin.balance import Balance, balanced
from merian.twin.feeding import LINKS, WEIGHTS, Weights, covered, feeding, portions, unfed
from merian.twin.landscape import Landscape
from merian.twin.pools import Climate, Pool
from merian.twin.species import REFUSED, Species, completed, valued
from merian.twin.traits import CELLS, TRAITS, checked, merged

__all__ = ["FORMAT", "KIND", "Ecosystem", "Facts", "made"]

KIND, FORMAT = "ecosystem", 1


@dataclass(frozen=True, eq=False)
class Facts:
    """What an ecosystem is made from: species `wanted` (columns species, class, common), `tables` of CELLS in order of belief, observed `links`, pools."""

    name: str
    wanted: pl.DataFrame
    tables: tuple[pl.DataFrame, ...]
    links: pl.DataFrame
    pools: tuple[Pool, ...]
    climate: Climate
    area_km2: float


@dataclass(frozen=True, eq=False)
class Ecosystem:
    """`species`, `pools`, `links` (columns LINKS and `part`, the share of the eater's energy, null of links that are not in the web), `climate`, `area_km2`,
    `landscape`, and what a person must know (`remarks`)."""

    name: str
    species: Species
    pools: tuple[Pool, ...]
    links: pl.DataFrame
    climate: Climate
    area_km2: float
    landscape: Landscape
    remarks: tuple[str, ...] = ()

    @property
    def web_links(self) -> pl.DataFrame:
        """The links that are in the food web."""
        return self.links.drop_nulls("part")

    def balance(self, half: float = 0.02, intake: str = "increase") -> Balance:
        """Its food web of tier P, balanced at its densities (balance.balanced)."""
        return balanced(self.species, self.pools, self.web_links, self.climate, half, intake)

    def spreads(self) -> dict[str, float]:
        """The standard deviation of log10 density of each species that has one."""
        rows = self.species.cells.filter(pl.col("trait") == "density_km2").drop_nulls("spread")
        return dict(rows.select("species", "spread").iter_rows())

    def sampled(self, seed: int) -> Ecosystem:
        """One ecosystem of those that the evidence allows: traits drawn from their spreads, links by their probability (each animal keeps its likeliest).

        Chance is by name: the value of one species' trait does not depend on what else is drawn.
        """
        rows = []
        for name, trait, value, spread, *rest in self.species.cells.iter_rows():
            if spread:
                step = spread * float(stream(seed, "trait", name, trait).standard_normal())
                term = TRAITS[trait]
                value = value + step if term.share else value * 10.0**step
                value = min(max(value, term.low), term.high)
            rows.append((name, trait, value, spread, *rest))
        drawn = replace(self.species, cells=pl.DataFrame(rows, schema=CELLS, orient="row"))
        best = pl.col("probability") == pl.col("probability").max().over("eater")
        chance = [
            float(stream(seed, "link", a, b).random()) for a, b in self.links.select("eater", "eaten").iter_rows()
        ]
        kept = self.links.drop("part").filter((pl.Series(chance, dtype=pl.Float64) < pl.col("probability")) | best)
        pools = [(pool.name, pool.food) for pool in self.pools]
        return replace(
            self, species=drawn, links=portions(kept, drawn, pools, _available(drawn, self.pools, self.climate))
        )

    def digest(self) -> str:
        """Hash of all that its food web is made of."""
        tables = [self.species.cells.write_csv(), self.links.write_csv()]
        words = [repr((self.pools, self.climate)), repr((self.species.names, self.species.classes))]
        return store.digest_bytes("\0".join([*tables, *words]).encode())[:24]

    def save(self, folder: Path) -> None:
        """Write the tables, the landscape and ecosystem.json."""
        names = self.species.names
        wide = pl.DataFrame({"species": names, "class": self.species.classes, "common": self.species.common})
        wide = wide.with_columns(
            pl.Series(trait, valued(self.species.cells, names, trait)).fill_nan(None) for trait in TRAITS
        )
        units = pl.col("trait").replace_strict(
            {name: term.unit for name, term in TRAITS.items()}, return_dtype=pl.String
        )
        frames = {
            "species": wide,
            "traits": self.species.cells.with_columns(unit=units),
            "links": self.links,
            "pools": pl.DataFrame([store.plain(pool) for pool in self.pools]),
            "refused": self.species.refused,
        }
        for name, frame in frames.items():
            with store.atomic(folder / f"{name}.parquet") as file:
                frame.write_parquet(file)
        self.landscape.save(folder / "landscape")
        told = {
            "format": FORMAT,
            "name": self.name,
            "climate": self.climate,
            "area_km2": self.area_km2,
            "remarks": self.remarks,
        }
        store.write_json(folder / "ecosystem.json", told)

    @classmethod
    def load(cls, folder: Path) -> Ecosystem:
        """The ecosystem that `merian twin build` wrote. Raises Missing when there is none or it is unfinished, Mismatch for another kind of store."""
        store.read(folder, KIND, FORMAT)
        told = json.loads((folder / "ecosystem.json").read_text(encoding="utf-8"))
        frames = {
            name: pl.read_parquet(folder / f"{name}.parquet", glob=False)
            for name in ("species", "traits", "links", "pools", "refused")
        }
        names, classes, common = (tuple(frames["species"][column]) for column in ("species", "class", "common"))
        species = Species(names, classes, common, frames["traits"].select(list(CELLS)), frames["refused"])
        pools = tuple(Pool(**row) for row in frames["pools"].iter_rows(named=True))
        climate, ground = Climate(**told["climate"]), Landscape.load(folder / "landscape")
        return cls(
            told["name"], species, pools, frames["links"], climate, told["area_km2"], ground, tuple(told["remarks"])
        )


def made(
    facts: Facts, landscape: Landscape, least: float = 0.05, link: float = 0.5, weights: Weights = WEIGHTS["hand"]
) -> Ecosystem:
    """The Ecosystem of these facts: traits merged and completed, links inferred (those of probability `link` or more, and observed ones, are in the web).

    least: links of less are not written down. weights: of the terms of links (feeding.WEIGHTS).

    Species without mass, diet or food are left out, each with its reason. Raises BadData for a value out of bounds, observed links whose shares of an eater add
    up to more than 1, a pool that is named like a species, or when nobody is left.
    """
    pools = [(pool.name, pool.food) for pool in facts.pools]
    wanted = facts.wanted["species"].to_list()
    names = [*wanted, *(name for name, _ in pools)]
    if len(set(names)) < len(names):
        raise BadData(
            facts.name, "each species and pool has a name of its own", sorted({n for n in names if names.count(n) > 1})
        )
    tables = [checked(table, facts.name) for table in facts.tables] or [pl.DataFrame(schema=CELLS)]
    seen = facts.links.filter(pl.col("eater").is_in(wanted), pl.col("eaten").is_in(names))
    over = seen.group_by("eater", maintain_order=True).agg(pl.col("share").sum()).filter(pl.col("share") > 1 + 1e-9)
    if len(over):
        raise BadData(
            "observed links", "shares of an eater add up to 1 at most", [f"{a}: {s:g}" for a, s in over.iter_rows()]
        )
    remarks = []
    if strangers := len(facts.links) - len(seen):
        many = "links are" if strangers > 1 else "link is"
        remarks.append(f"{strangers:,} observed {many} between species that are not in this ecosystem")
    fed = seen.filter(pl.col("probability") > 0)["eater"].unique().to_list()
    species = completed(facts.wanted, merged(tables, wanted), fed)
    links = pl.DataFrame(schema=LINKS)
    while species.names:
        links = _links(species, pools, seen, (least, weights))
        lives = links.filter(pl.col("probability") >= link).select("eater", "eaten").rows()
        hungry = unfed(lives, species.names, [name for name, _ in pools])
        if not hungry:
            break
        hungry = _likeliest(hungry, links, link)
        reasons = pl.DataFrame(list(hungry.items()), schema=REFUSED, orient="row")
        species = species.keep([name for name in species.names if name not in hungry], reasons)
    if not species.names:
        said = [f"{name}: {why}" for name, why in species.refused.iter_rows()]
        raise BadData(facts.name, "no species can live in it", said)
    inside = portions(
        links.filter(pl.col("probability") >= link), species, pools, _available(species, facts.pools, facts.climate)
    )
    links = links.join(
        inside.select("eater", "eaten", "part"), on=["eater", "eaten"], how="left", maintain_order="left"
    )
    remarks += _lacking(inside, species, pools)
    return Ecosystem(facts.name, species, facts.pools, links, facts.climate, facts.area_km2, landscape, tuple(remarks))


def _likeliest(hungry: Mapping[str, str], links: pl.DataFrame, link: float) -> dict[str, str]:
    """Why each of the hungry is left out, with the likeliest of what it might eat, for who knows that it does to say so."""
    told = {}
    for name, why in hungry.items():
        might = links.filter(pl.col("eater") == name, pl.col("probability") >= 0.01, pl.col("probability") < link)
        best = might.sort("probability", descending=True, maintain_order=True).select("eaten", "probability").head(1)
        for eaten, chance in best.iter_rows():
            known = math.floor(100 * chance) / 100
            why += f" (likeliest is {eaten}, with a probability of {known:g}: a table of --links can say that it is eaten, --link {known:g} believes it)"
        told[name] = why
    return told


def _links(
    species: Species, pools: Sequence[tuple[str, str]], seen: pl.DataFrame, how: tuple[float, Weights]
) -> pl.DataFrame:
    """Inferred links of some probability, and observed ones in their place, by eater and eaten."""
    names = [*species.names, *(name for name, _ in pools)]
    least, weights = how
    inferred = feeding(species, pools, weights).rows(species.names, names, 0.0)
    told = seen.filter(pl.col("eater").is_in(species.names), pl.col("eaten").is_in(names))
    terms = list(LINKS)[list(LINKS).index("diet") :]
    told = told.drop(terms).join(
        inferred.select("eater", "eaten", *terms), on=["eater", "eaten"], how="left", maintain_order="left"
    )
    others = inferred.filter(pl.col("probability") >= least).join(
        told, on=["eater", "eaten"], how="anti", maintain_order="left"
    )
    order = pl.DataFrame({"name": names, "at": range(len(names))})
    links = pl.concat([told.select(list(LINKS)), others])
    for column in ("eater", "eaten"):
        links = links.join(order.rename({"name": column, "at": f"{column}_at"}), on=column)
    return links.sort("eater_at", "eaten_at").select(list(LINKS))


def _available(species: Species, pools: Sequence[Pool], climate: Climate) -> Any:
    """Biomass of each species and crop of each pool, g m-2: [s + p]."""
    return np.concatenate([species["density_km2"] * species["mass_g"] / 1e6, [pool.crop(climate) for pool in pools]])


def _lacking(links: pl.DataFrame, species: Species, pools: Sequence[tuple[str, str]]) -> list[str]:
    """Whose diet holds what no link of the web gives, a twentieth of it or more."""
    lack = 1 - covered(links, species, pools)
    said = "of the diet of {} is not on any link of the food web; the rest stands for all"
    return [f"{100 * lack[k]:.0f} % {said.format(species.names[k])}" for k in np.flatnonzero(lack >= 0.05).tolist()]
