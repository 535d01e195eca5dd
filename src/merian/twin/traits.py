"""The traits of a twin's species: the field's terms with unit and bounds, and trait tables read into them, each value with its evidence and source.

A table is any CSV, TSV or Parquet file with a column of species: wide (a column per trait: EltonTraits, PanTHERIA, AVONET, COMBINE, AnAge are known by their
columns), long (scientificName, measurementType, measurementValue), or one that `merian traits impute` wrote, whose predictions are marked inferred and keep
their interval.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import NormalDist

import polars as pl

from merian.core.errors import BadData, BadSetting, Missing, nearest
from merian.core.tree import read_table

__all__ = [
    "CELLS",
    "DIET",
    "EVIDENCE",
    "TRAITS",
    "TraitTerm",
    "cells_of",
    "checked",
    "merged",
    "read_traits",
    "species_name",
]

CELLS: dict[str, pl.DataType | type[pl.DataType]] = {
    "species": pl.String,
    "trait": pl.String,
    "value": pl.Float64,
    "spread": pl.Float64,
    "evidence": pl.String,
    "source": pl.String,
}
"""Columns of trait values. spread: a standard deviation, of log10 value for amounts and of the value itself for shares; null where it is not known."""
EVIDENCE = ("observed", "inferred", "assumed")
"""Measured of this species; predicted from relatives or by a table itself; from body mass alone, or a default. Best first."""


@dataclass(frozen=True, slots=True)
class TraitTerm:
    """A trait's unit and meaning. `share`: between 0 and 1; else an amount from `low` up to `high`, whose spread is one of its log10."""

    unit: str
    meaning: str
    share: bool = False
    low: float = 0.0
    high: float = 1.0


def _amount(unit: str, meaning: str, low: float, high: float) -> TraitTerm:
    return TraitTerm(unit, meaning, False, low, high)


def _share(meaning: str) -> TraitTerm:
    return TraitTerm("1", meaning, True)


TRAITS: Mapping[str, TraitTerm] = {
    "mass_g": _amount("g", "Adult body mass", 1e-9, 2e8),
    "density_km2": _amount("km-2", "Individuals per area", 1e-9, 1e15),
    "home_range_km2": _amount("km2", "Home range of an individual or its group", 1e-9, 1e7),
    "group_size": _amount("1", "Animals that move together", 0.9, 1e7),
    "speed_km_h": _amount("km h-1", "Highest speed", 1e-6, 500),
    "litter_size": _amount("1", "Young at a birth, or eggs of a clutch", 0.1, 1e9),
    "litters_year": _amount("year-1", "Litters in a year", 0.01, 100),
    "gestation_days": _amount("day", "Length of gestation", 1, 1000),
    "maturity_days": _amount("day", "Age at sexual maturity", 0.1, 1e5),
    "longevity_years": _amount("year", "Greatest age known", 0.005, 600),
    "growth_year": _amount("year-1", "Highest rate of increase of a population", 1e-4, 1e4),
    "diet_invertebrates": _share("Share of the diet: invertebrates"),
    "diet_endotherms": _share("Share of the diet: mammals and birds"),
    "diet_ectotherms": _share("Share of the diet: reptiles and amphibians"),
    "diet_fish": _share("Share of the diet: fish"),
    "diet_vertebrates": _share("Share of the diet: vertebrates of any kind"),
    "diet_carrion": _share("Share of the diet: carrion"),
    "diet_fruit": _share("Share of the diet: fruit"),
    "diet_nectar": _share("Share of the diet: nectar and pollen"),
    "diet_seeds": _share("Share of the diet: seeds and grain"),
    "diet_plants": _share("Share of the diet: other parts of plants"),
    "grass": _share("Grass among the parts of plants that are eaten"),
    "stratum_water": _share("Share of foraging in the water"),
    "stratum_ground": _share("Share of foraging on the ground"),
    "stratum_trees": _share("Share of foraging in trees and shrubs"),
    "stratum_air": _share("Share of foraging in the air"),
    "active_night": _share("Active by night: 1 or 0"),
    "active_twilight": _share("Active at dusk and dawn: 1 or 0"),
    "active_day": _share("Active by day: 1 or 0"),
}
DIET = tuple(name for name in TRAITS if name.startswith("diet_"))
"""The ten classes of EltonTraits (Wilman et al. 2014)."""

COLUMNS: Mapping[str, tuple[str, float]] = {
    "AdultBodyMass_g": ("mass_g", 1),
    "BodyMass.Value": ("mass_g", 1),
    "adult_mass_g": ("mass_g", 1),
    "adult_body_mass_g": ("mass_g", 1),
    "Adult weight (g)": ("mass_g", 1),
    "Mass": ("mass_g", 1),
    "PopulationDensity_n.km2": ("density_km2", 1),
    "density_n_km2": ("density_km2", 1),
    "HomeRange_km2": ("home_range_km2", 1),
    "home_range_km2": ("home_range_km2", 1),
    "SocialGrpSize": ("group_size", 1),
    "social_group_n": ("group_size", 1),
    "LitterSize": ("litter_size", 1),
    "litter_size_n": ("litter_size", 1),
    "Litter/Clutch size": ("litter_size", 1),
    "LittersPerYear": ("litters_year", 1),
    "litters_per_year_n": ("litters_year", 1),
    "Litters/Clutches per year": ("litters_year", 1),
    "GestationLen_d": ("gestation_days", 1),
    "gestation_length_d": ("gestation_days", 1),
    "Gestation/Incubation (days)": ("gestation_days", 1),
    "SexualMaturityAge_d": ("maturity_days", 1),
    "maturity_d": ("maturity_days", 1),
    "MaxLongevity_m": ("longevity_years", 1 / 12),
    "max_longevity_d": ("longevity_years", 1 / 365.25),
    "Maximum longevity (yrs)": ("longevity_years", 1),
    "Rmax": ("growth_year", 1),
    "Diet.Inv": ("diet_invertebrates", 0.01),
    "Diet.Vend": ("diet_endotherms", 0.01),
    "Diet.Vect": ("diet_ectotherms", 0.01),
    "Diet.Vfish": ("diet_fish", 0.01),
    "Diet.Vunk": ("diet_vertebrates", 0.01),
    "Diet.Scav": ("diet_carrion", 0.01),
    "Diet.Fruit": ("diet_fruit", 0.01),
    "Diet.Nect": ("diet_nectar", 0.01),
    "Diet.Seed": ("diet_seeds", 0.01),
    "Diet.PlantO": ("diet_plants", 0.01),
    "Activity.Nocturnal": ("active_night", 1),
    "Activity.Crepuscular": ("active_twilight", 1),
    "Activity.Diurnal": ("active_day", 1),
    "ForStrat.ground": ("stratum_ground", 0.01),
    "ForStrat.aerial": ("stratum_air", 0.01),
}
"""Columns of published tables: the trait they hold and the factor to its unit."""
WORDS: Mapping[str, Mapping[str, Mapping[str, float]]] = {
    "ForStrat.Value": {
        "M": {"stratum_water": 1},
        "G": {"stratum_ground": 1},
        "S": {"stratum_ground": 0.5, "stratum_trees": 0.5},
        "Ar": {"stratum_trees": 1},
        "A": {"stratum_air": 1},
    },
    "ActivityCycle": {
        "1": {"active_night": 1, "active_twilight": 0, "active_day": 0},
        "2": {"active_night": 1, "active_twilight": 1, "active_day": 1},
        "3": {"active_night": 0, "active_twilight": 0, "active_day": 1},
    },
    "Nocturnal": {
        "1": {"active_night": 1, "active_twilight": 1, "active_day": 0},
        "0": {"active_night": 0, "active_twilight": 1, "active_day": 1},
    },
}
"""Codes of published tables: foraging stratum and activity (EltonTraits), activity (PanTHERIA: 2 is neither by day nor by night alone)."""
SUMS: Mapping[str, tuple[str, ...]] = {
    "stratum_water": ("ForStrat.watbelowsurf", "ForStrat.wataroundsurf"),
    "stratum_trees": ("ForStrat.understory", "ForStrat.midhigh", "ForStrat.canopy"),
}
"""Shares (in %) that several columns hold together."""
BELIEVED: Mapping[str, tuple[str, str]] = {
    "BodyMass.Value": ("BodyMass.SpecLevel", r"1(\.0)?"),
    "Diet.*": ("Diet.Certainty", r"[ABC]+"),
    "ForStrat.*": ("ForStrat.Certainty", r"[ABC]+"),
    "Activity.*": ("Activity.Certainty", r"[ABC]+"),
}
"""Columns that say how a value was got, and what they read where it was measured of the species; else the table took it from relatives."""
NAMES = ("scientificName", "scientificNameStd", "species", "binomial", "Binomial", "iucn2020_binomial", "Species")
MISSING = ("", "NA", "NaN", "nan", "null", "-999", "-999.0", "-999.00", "-9999")


def read_traits(path: Path, mapping: Mapping[str, str] | None = None) -> pl.DataFrame:
    """The trait values of one table: a frame of CELLS, a row per species and trait, in the table's order.

    mapping: further columns, name to trait (`{"body weight (kg)": "mass_g"}` takes the column as it is, in the trait's unit). Several rows of a species make
    one value: the median, with their standard deviation from three rows on. Raises Missing without the file, BadSetting for a mapping to what is no trait or
    no column, BadData when the table has no species, no trait, or a value out of bounds.
    """
    if not path.is_file():
        raise Missing("the table of traits", path, "give the path of a CSV, TSV or Parquet file")
    own = dict(mapping or {})
    unknown = [trait for trait in own.values() if trait not in TRAITS]
    if unknown:
        raise BadSetting("columns", unknown[0], f"is no trait; known are {', '.join(TRAITS)}")
    table = read_table(path)
    if {"trait", "source", "predicted"} <= set(table.columns):
        rows = _imputed(table, own)
    elif {"measurementType", "measurementValue"} <= set(table.columns):
        rows = _long(table, own)
    else:
        rows = _wide(table, own)
    if not len(rows):
        raise BadData(
            path,
            f"has no trait that is known by its column: say which is which with --columns COLUMN={next(iter(TRAITS))}",
            table.columns,
        )
    rows = _one_each(rows.with_columns(source=pl.concat_str(pl.lit(path.name + ": "), "source")))
    return checked(rows, path)


def species_name(table: pl.DataFrame, where: object = "table") -> pl.Series:
    """The name of the species of every row, "Genus epithet", null where there is none. Raises BadData when no column has it."""
    columns = set(table.columns)
    loose = (c for c in table.columns if c.casefold().replace("_", "") == NAMES[0].casefold())
    name = next((c for c in NAMES if c in columns), None) or next(loose, None)
    if name is None:
        raise BadData(
            where, f"no column has the names of species; such a column is called {', '.join(NAMES[:3])}", table.columns
        )
    text = pl.col(name).cast(pl.String).str.replace_all(r"[\s_]+", " ").str.strip_chars()
    if name.casefold() == "species" and "Genus" in columns:
        genus = pl.col("Genus").cast(pl.String).str.strip_chars()
        text = pl.when(text.str.contains(" ", literal=True)).then(text).otherwise(genus + " " + text)
    return table.select(pl.when(text.is_in(list(MISSING))).then(None).otherwise(text).alias("species")).to_series()


def cells_of(rows: Sequence[tuple[str, str, float, float | None, str, str]]) -> pl.DataFrame:
    """A frame of CELLS from rows (species, trait, value, spread, evidence, source)."""
    return pl.DataFrame(rows, schema=CELLS, orient="row")


def checked(cells: pl.DataFrame, where: object) -> pl.DataFrame:
    """The same cells, when every value lies within the bounds of its trait. Raises BadData with the first that does not (a negative mass, say)."""
    for name, term in TRAITS.items():
        column = cells.filter(pl.col("trait") == name)
        fits = pl.col("value").is_finite() & pl.col("value").is_between(term.low, term.high)
        wrong = column.filter(~fits)
        if len(wrong):
            said = [f"{row['species']}: {row['value']:g}" for row in wrong.iter_rows(named=True)]
            unit = "" if term.unit == "1" else f" {term.unit}"
            raise BadData(where, f"{name} lies between {term.low:g} and {term.high:g}{unit}", said)
    strange = sorted(set(cells["trait"]) - set(TRAITS))
    if strange:
        close = nearest(strange[0], TRAITS, 1)
        raise BadData(where, "is no trait of a twin" + (f"; nearest: {close[0]}" if close else ""), strange)
    return cells


def merged(tables: Sequence[pl.DataFrame], species: Sequence[str]) -> pl.DataFrame:
    """One value for each species and trait: the best evidence, and of equals the table that comes first. The diet of a species is taken whole from one."""
    rows = pl.concat([t.with_columns(place=pl.lit(k)) for k, t in enumerate(tables)]).filter(
        pl.col("species").is_in(list(species))
    )
    grade = pl.col("evidence").replace_strict({name: k for k, name in enumerate(EVIDENCE)}, return_dtype=pl.Int64)
    group = pl.when(pl.col("trait").is_in(DIET)).then(pl.lit("diet")).otherwise("trait")
    order = pl.DataFrame({"species": list(species), "at": range(len(species))})
    traits = pl.DataFrame({"trait": list(TRAITS), "nth": range(len(TRAITS))})
    best = rows.with_columns(rank=grade.max().over("species", group, "place") * (len(tables) + 1) + pl.col("place"))
    best = best.filter(pl.col("rank") == pl.col("rank").min().over("species", group))
    return best.join(order, on="species").join(traits, on="trait").sort("at", "nth").select(list(CELLS))


def _wide(table: pl.DataFrame, own: Mapping[str, str]) -> pl.DataFrame:
    """Cells of a table with a column per trait."""
    absent = [column for column in own if column not in table.columns]
    if absent:
        raise BadSetting("columns", absent[0], f"is no column of the table; it has {', '.join(table.columns)}")
    plain = {name: (trait, 1.0) for name, trait in own.items()}
    plain |= {c: COLUMNS[c] for c in table.columns if c in COLUMNS and c not in own}
    plain |= {c: (c, 1.0) for c in table.columns if c in TRAITS and c not in plain}
    table = table.with_columns(species_name(table).alias(".species"))
    parts = []
    for column, (trait, factor) in plain.items():
        value = _number(pl.col(column)) * factor
        parts.append(_cells(table, column, trait, value))
    for column, codes in WORDS.items():
        if column in table.columns and column not in own:
            code = pl.col(column).cast(pl.String).str.strip_chars().str.replace(r"\.0+$", "")
            for trait in sorted({trait for states in codes.values() for trait in states}):
                values = {state: float(states.get(trait, 0)) for state, states in codes.items()}
                parts.append(
                    _cells(table, column, trait, code.replace_strict(values, default=None, return_dtype=pl.Float64))
                )
    for trait, columns in SUMS.items():
        if set(columns) <= set(table.columns):
            parts.append(
                _cells(table, columns[0], trait, pl.sum_horizontal(_number(pl.col(c)) for c in columns) * 0.01)
            )
    return pl.concat(parts) if parts else pl.DataFrame(schema=CELLS)


def _number(column: pl.Expr) -> pl.Expr:
    """The column as numbers, what stands for missing as null; NaN stays, to be refused."""
    text = column.cast(pl.String).str.strip_chars()
    return pl.when(text.is_in(list(MISSING))).then(None).otherwise(text).cast(pl.Float64, strict=False)


def _cells(table: pl.DataFrame, column: str, trait: str, value: pl.Expr) -> pl.DataFrame:
    evidence = pl.lit("observed")
    for pattern, (said, measured) in BELIEVED.items():
        if column.startswith(pattern.removesuffix("*")) and said in table.columns:
            sure = pl.col(said).cast(pl.String).str.contains(f"^{measured}$").fill_null(False)
            evidence = pl.when(sure).then(pl.lit("observed")).otherwise(pl.lit("inferred"))
    found = table.select(
        pl.col(".species").alias("species"),
        pl.lit(trait).alias("trait"),
        value.alias("value"),
        pl.lit(None, pl.Float64).alias("spread"),
        evidence.alias("evidence"),
        pl.lit(column).alias("source"),
    )
    return found.drop_nulls(["species", "value"])


def _trait_of(own: Mapping[str, str]) -> Mapping[str, tuple[str, float]]:
    return dict(COLUMNS) | {name: (name, 1.0) for name in TRAITS} | {name: (trait, 1.0) for name, trait in own.items()}


def _long(table: pl.DataFrame, own: Mapping[str, str]) -> pl.DataFrame:
    known = _trait_of(own)
    table = table.with_columns(species_name(table).alias(".species")).filter(
        pl.col("measurementType").is_in(list(known))
    )
    name = pl.col("measurementType")
    factor = name.replace_strict({k: float(v[1]) for k, v in known.items()}, return_dtype=pl.Float64)
    found = table.select(
        pl.col(".species").alias("species"),
        name.replace_strict({k: v[0] for k, v in known.items()}, return_dtype=pl.String).alias("trait"),
        (_number(pl.col("measurementValue")) * factor).alias("value"),
        pl.lit(None, pl.Float64).alias("spread"),
        pl.lit("observed").alias("evidence"),
        name.alias("source"),
    )
    return found.drop_nulls(["species", "value"])


def _imputed(table: pl.DataFrame, own: Mapping[str, str]) -> pl.DataFrame:
    """Cells of a table of `merian traits impute`: known values observed, predictions inferred with the spread of their interval; withheld ones are none."""
    known = _trait_of(own)
    rows = []
    for row in table.filter(pl.col("trait").is_in(list(known)), pl.col("source").is_in(["known", "imputed"])).iter_rows(
        named=True
    ):
        trait, factor = known[row["trait"]]
        told = row["source"] == "known"
        value = row["value"] if told else row["predicted"]
        if value is None or row["scientificName"] is None:
            continue
        spread = None if told else _spread(row, TRAITS[trait].share, factor)
        rows.append(
            (row["scientificName"], trait, value * factor, spread, "observed" if told else "inferred", row["trait"])
        )
    return cells_of(rows)


def _spread(row: Mapping[str, float], share: bool, factor: float) -> float | None:
    """The standard deviation of a normal with this interval, on the trait's scale."""
    low, high, level = row["low"], row["high"], row["level"]
    if low is None or high is None or level is None or (low <= 0 and not share):
        return None
    width = (high - low) * factor if share else math.log10(high / low)
    return width / (2 * NormalDist().inv_cdf(0.5 + level / 2))


def _one_each(rows: pl.DataFrame) -> pl.DataFrame:
    """One cell per species and trait."""
    amount = pl.col("trait").is_in([name for name, term in TRAITS.items() if not term.share]) & (pl.col("value") > 0)
    scaled = pl.when(amount).then(pl.col("value").log(10)).otherwise("value")
    several = pl.when(pl.len() >= 3).then(scaled.std())
    told = pl.when((pl.col("evidence") == "observed").all()).then(pl.lit("observed")).otherwise(pl.lit("inferred"))
    one = rows.group_by("species", "trait", maintain_order=True).agg(
        pl.col("value").median(),
        pl.coalesce(pl.col("spread").mean(), several).alias("spread"),
        told.alias("evidence"),
        pl.col("source").first(),
    )
    return one.select(list(CELLS))
