"""Portal: what becomes of small seed-eaters where gates keep kangaroo rats out, an experiment since 1977 on plots of 0.25 ha in the Chihuahuan desert.

Read are the tables of the Portal Project as they are (weecology/PortalData, CC0; Ernest et al. 2020, doi:10.1101/332783): `Portal_rodent`, a row for each
animal caught; `Portal_rodent_trapping`, how many traps stood on which plot in which month; `Portal_plots`, what was done to a plot in a month. Plots are the
units of the experiment: rates are captures per 100 traps and nights of a plot over years, and intervals are over plots.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from merian.core.chance import stream
from merian.core.errors import BadData
from merian.core.tree import read_table
from merian.twin.foodweb import Doubles

__all__ = [
    "KANGAROO",
    "SMALL",
    "TABLES",
    "Caught",
    "Effect",
    "PortalTables",
    "caught",
    "changed",
    "effect",
    "made_up_for",
]

TABLES = ("Portal_rodent", "Portal_rodent_trapping", "Portal_plots")
"""What the tables are called."""
KANGAROO: Mapping[str, str] = {
    "DM": "Dipodomys merriami",
    "DO": "Dipodomys ordii",
    "DS": "Dipodomys spectabilis",
    "DX": "Dipodomys sp.",
}
"""Codes of kangaroo rats in the table of species of the project."""
SMALL: Mapping[str, str] = {
    "BA": "Baiomys taylori",
    "PB": "Chaetodipus baileyi",
    "PH": "Chaetodipus hispidus",
    "PI": "Chaetodipus intermedius",
    "PP": "Chaetodipus penicillatus",
    "PX": "Chaetodipus sp.",
    "PF": "Perognathus flavus",
    "PE": "Peromyscus eremicus",
    "PL": "Peromyscus leucopus",
    "PM": "Peromyscus maniculatus",
    "RF": "Reithrodontomys fulvescens",
    "RM": "Reithrodontomys megalotis",
    "RO": "Reithrodontomys montanus",
    "RX": "Reithrodontomys sp.",
}
"""Codes of the other seed-eaters (granivore there), all smaller."""
KJ_DAY, POWER = 5.69, 0.75
"""What a rodent of so many g burns, kJ day-1: 5.69 M^0.75 (White et al. 2004, as the project's own portalr computes it)."""
CONTROL, SHUT = "control", "exclosure"
TIMES = 4000
"""Resamplings of plots."""


@dataclass(frozen=True, slots=True)
class PortalTables:
    """Paths of the animals caught, of the trapping, and of what was done to the plots."""

    rodents: Path
    trapping: Path
    plots: Path


@dataclass(frozen=True, eq=False)
class Caught:
    """What was caught: `nights`, a row for each plot and month that was trapped (year, month, plot, treatment, traps), and `animals`, a row for each capture
    of a seed-eater (year, month, plot, species, grams or null)."""

    nights: pl.DataFrame
    animals: pl.DataFrame

    def rates(self, codes: Sequence[str], years: tuple[int, int], energy: bool = False) -> pl.DataFrame:
        """Of each plot that had one treatment in all those years: columns plot, treatment, rate (captures per 100 traps, or kJ a day of them)."""
        inside = pl.col("year").is_between(*years)
        whole = (
            self.nights.filter(inside, pl.col("treatment") != "setup")
            .group_by("plot")
            .agg(pl.col("treatment").n_unique().alias("kinds"), pl.col("treatment").first(), pl.col("traps").sum())
            .filter(pl.col("kinds") == 1, pl.col("treatment").is_in([CONTROL, SHUT]))
        )
        # the mean animal of its species where one was not weighed
        spent = KJ_DAY * pl.col("grams").fill_null(pl.col("grams").mean().over("species")).pow(POWER)
        worth = spent.fill_null(0.0) if energy else pl.lit(1.0)
        heap = (
            self.animals.with_columns(worth=worth)
            .filter(inside, pl.col("species").is_in(list(codes)))
            .join(self.nights, on=["year", "month", "plot"])
            .group_by("plot")
            .agg(pl.col("worth").sum())
        )
        return (
            whole.join(heap, on="plot", how="left")
            .select("plot", "treatment", rate=100.0 * pl.col("worth").fill_null(0.0) / pl.col("traps"))
            .sort("plot")
        )


@dataclass(frozen=True, slots=True)
class Effect:
    """A number over plots with the ends of its 95 % interval, and how many plots were shut and open."""

    value: float
    low: float
    high: float
    shut: int
    open: int

    @property
    def said(self) -> str:
        """In words."""
        return f"{self.value:.2f} ({self.low:.2f} to {self.high:.2f}), {self.shut} plots against {self.open}"


def caught(tables: PortalTables) -> Caught:
    """The tables, joined. Animals of months with a negative period are no census and are left out; so are plots that were not sampled.

    Raises BadData for columns that are not there, and where nothing is left.
    """
    nights = _numbers(tables.trapping, ("year", "month", "plot", "sampled", "effort"))
    nights = (
        nights.filter(pl.col("sampled") == 1, pl.col("effort") > 0)
        .group_by("year", "month", "plot")
        .agg(traps=pl.col("effort").sum())
    )
    plots = _numbers(tables.plots, ("year", "month", "plot"), ("treatment",))
    nights = nights.join(plots.unique(["year", "month", "plot"], keep="first"), on=["year", "month", "plot"])
    animals = _numbers(tables.rodents, ("year", "month", "plot", "period"), ("species",), ("wgt",))
    animals = animals.filter(pl.col("period") > 0, pl.col("species").is_in([*KANGAROO, *SMALL]))
    if not len(nights) or not len(animals):
        raise BadData(
            tables.rodents, "has seed-eaters, caught in months that the table of trapping and that of plots have"
        )
    return Caught(
        nights.select("year", "month", "plot", "treatment", "traps").sort("year", "month", "plot"),
        animals.select("year", "month", "plot", "species", grams=pl.col("wgt")),
    )


def _numbers(path: Path, numbers: Sequence[str], words: Sequence[str] = (), maybe: Sequence[str] = ()) -> pl.DataFrame:
    """Columns of a table as numbers (whole ones; rows without are left out), as words, and as numbers that may be missing (NA)."""
    table = read_table(path)
    lacking = [name for name in (*numbers, *words, *maybe) if name not in table.columns]
    if lacking:
        raise BadData(path, "needs these columns", lacking)
    return table.select(
        *(pl.col(name).cast(pl.Float64, strict=False).cast(pl.Int64, strict=False) for name in numbers),
        *(pl.col(name).cast(pl.String).str.strip_chars() for name in words),
        *(pl.col(name).cast(pl.Float64, strict=False) for name in maybe),
    ).drop_nulls([*numbers, *words])


def effect(found: Caught, codes: Sequence[str], years: tuple[int, int], energy: bool = False) -> Effect:
    """The rate on plots where kangaroo rats are shut out over that on control plots, with the interval over plots drawn again (Efron & Tibshirani 1993).

    Raises BadData with fewer than two plots of either kind.
    """
    rates = found.rates(codes, years, energy)
    both = [rates.filter(pl.col("treatment") == kind)["rate"].to_numpy()[:, None] for kind in (SHUT, CONTROL)]
    return _drawn(both, lambda shut, control: np.asarray(shut[..., 0] / control[..., 0]), years)


def made_up_for(found: Caught, years: tuple[int, int]) -> Effect:
    """Which share of the energy that kangaroo rats burn on control plots, and not where they are shut out, small seed-eaters burn more there."""
    small = found.rates(list(SMALL), years, energy=True)
    large = found.rates(list(KANGAROO), years, energy=True)
    kinds = [small["treatment"] == kind for kind in (SHUT, CONTROL)]
    both = [
        np.column_stack([small.filter(own)["rate"].to_numpy(), large.filter(own)["rate"].to_numpy()]) for own in kinds
    ]

    def share(shut: Doubles, control: Doubles) -> Doubles:
        gained, lost = shut[..., 0] - control[..., 0], control[..., 1] - shut[..., 1]
        return np.asarray(gained / lost)

    return _drawn(both, share, years)


def changed(found: Caught, codes: Sequence[str], before: tuple[int, int], after: tuple[int, int]) -> Effect:
    """The same plots before and after: how many times more there are on plots that were controls and then were shut, over how many times more on those that
    stayed controls (geometric means over plots).

    Raises BadData with fewer than two plots of either kind.
    """
    then, later = (found.rates(codes, years).rename({"rate": word}) for word, years in (("b", before), ("a", after)))
    pairs = then.join(later, on="plot", suffix="_later").filter(pl.col("treatment") == CONTROL)
    pairs = pairs.filter(pl.col("b") > 0, pl.col("a") > 0).with_columns(grown=(pl.col("a") / pl.col("b")).log())
    both = [pairs.filter(pl.col("treatment_later") == kind)["grown"].to_numpy()[:, None] for kind in (SHUT, CONTROL)]
    return _drawn(both, lambda shut, control: np.exp(shut[..., 0] - control[..., 0]), (before[0], after[1]))


def _drawn(both: Sequence[Doubles], of: Callable[[Doubles, Doubles], Doubles], years: tuple[int, int]) -> Effect:
    """The effect `of` means over the plots that were shut and that were open, each [n, k], and its interval."""
    if min(map(len, both)) < 2:
        told = f"{len(both[0])} plots shut and {len(both[1])} open from {years[0]} to {years[1]}"
        raise BadData("Portal", f"needs two plots or more of each kind, not {told}")
    rng = stream(1, "portal", str(years))
    means = [own[rng.integers(0, len(own), (TIMES, len(own)))].mean(1) for own in both]
    with np.errstate(divide="ignore", invalid="ignore"):
        value = float(of(both[0].mean(0), both[1].mean(0)))
        low, high = np.nanquantile(of(means[0], means[1]), [0.025, 0.975])
    return Effect(value, float(low), float(high), len(both[0]), len(both[1]))
