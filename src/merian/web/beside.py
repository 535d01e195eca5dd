"""What may lie in a store beside its catalog: traits that `merian traits impute` filled in (`traits/`), ecosystems (`ecosystem/`, `ecosystems/*/`).

And who lives in ecosystems that have a twin: the worked ones, and the one that runs.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import polars as pl

from merian import twin
from merian.core import store
from merian.core.errors import MerianError
from merian.core.settings import read_toml
from merian.web.facts import Json

__all__ = ["SHIPPED", "Beside", "Web", "open_beside", "residents"]

SHIPPED = Path(twin.__file__).parent / "ecosystems"
"""The worked ecosystems, looked up without loading what runs them."""
IMPUTED: dict[str, pl.DataType | type[pl.DataType]] = {
    "scientificName": pl.String,
    "trait": pl.String,
    "unit": pl.String,
    "value": pl.Float64,
    "state": pl.String,
    "source": pl.String,
    "predicted": pl.Float64,
    "low": pl.Float64,
    "high": pl.Float64,
    "predicted_state": pl.String,
    "states": pl.List(pl.String()),
    "level": pl.Float64,
    "nearest": pl.String,
    "flag": pl.String,
}
"""The columns of imputed.parquet (`merian.explore.impute.gaps.ROWS`) that a page tells of."""
LINKS: dict[str, pl.DataType | type[pl.DataType]] = {
    "eater": pl.String,
    "eaten": pl.String,
    "probability": pl.Float64,
    "evidence": pl.String,
    "part": pl.Float64,
}
"""The columns of links.parquet (`merian.twin.ecosystem.Ecosystem`) that a page tells of."""
KINDS = {"traits": ("imputed traits", 1), "web": ("ecosystem", 1)}
"""Kind and format of the stores, as their makers write them."""


@dataclass(frozen=True, eq=False)
class Web:
    """The food web of an ecosystem: its name, its species with their common names, its links (LINKS)."""

    name: str
    species: dict[str, str]
    links: pl.DataFrame


@dataclass(frozen=True, eq=False)
class Beside:
    """Imputed traits (IMPUTED), None when there are none, and food webs."""

    traits: pl.DataFrame | None = None
    webs: list[Web] = field(default_factory=list)

    def traits_of(self, species: str) -> list[Json]:
        """The traits of a species by its name: what is known of it, what was imputed with its interval, what was withheld and why."""
        if self.traits is None:
            return []
        rows = self.traits.filter(pl.col("scientificName") == species)
        known = pl.col("source") == "known"
        told = rows.select(
            "trait",
            "unit",
            "source",
            pl.when(known).then("value").otherwise("predicted").alias("value"),
            pl.when(known).then("state").otherwise("predicted_state").alias("state"),
            *(pl.when(~known).then(c).alias(c) for c in ("low", "high", "states", "level", "nearest", "flag")),
        )
        return told.rows(named=True)


def open_beside(folder: Path, absent: dict[str, str]) -> Beside:
    """What lies beside the catalog of the store in `folder`; what cannot be read is `absent` with its reason."""
    webs = []
    several = folder / "ecosystems"
    places = [folder / "ecosystem", *(sorted(several.iterdir()) if several.is_dir() else ())]
    for place in places:
        if (place / "ecosystem.json").is_file():
            try:
                webs.append(_web(place))
            except (MerianError, OSError, ValueError, KeyError, pl.exceptions.PolarsError) as error:
                absent[f"ecosystem {place.name}"] = f"The ecosystem {place.name} cannot be read: {_first(error)}."
    traits = None
    if (folder / "traits").is_dir():
        try:
            store.read(folder / "traits", *KINDS["traits"])
            table = pl.read_parquet(folder / "traits" / "imputed.parquet", glob=False)
            traits = table.select(pl.col(c).cast(t) for c, t in IMPUTED.items())
        except (MerianError, OSError, pl.exceptions.PolarsError) as error:
            absent["traits"] = f"The imputed traits of this store cannot be read: {_first(error)}."
    return Beside(traits, webs)


def residents(running: str) -> dict[str, frozenset[str]]:
    """The animal species of each ecosystem with a twin by its name: the one that runs (a folder, or a worked one) first, then the worked ones."""
    found: dict[str, frozenset[str]] = {}
    if running and (Path(running) / "species.parquet").is_file():
        found[running] = frozenset(pl.read_parquet(Path(running) / "species.parquet", glob=False)["species"].to_list())
    worked = {file.stem: file for file in sorted(SHIPPED.glob("*.toml"))}
    for name in sorted(worked, key=lambda name: name != running):
        told: Any = read_toml(worked[name])
        found[name] = frozenset(one["name"] for one in told["species"])
    return found


def _web(folder: Path) -> Web:
    store.read(folder, *KINDS["web"])
    told = json.loads((folder / "ecosystem.json").read_text(encoding="utf-8"))
    species = pl.read_parquet(folder / "species.parquet", glob=False).select("species", "common")
    links = pl.read_parquet(folder / "links.parquet", glob=False).select(pl.col(c).cast(t) for c, t in LINKS.items())
    called = {name: common or "" for name, common in species.iter_rows()}
    return Web(str(told["name"]), called, links.drop_nulls("part"))


def _first(error: Exception) -> str:
    return str(error).splitlines()[0] if str(error) else type(error).__name__
