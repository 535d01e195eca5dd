"""What kind of trait it is: an amount, a state, or a state in an order; and one value of it per species."""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase

import numpy as np
import numpy.typing as npt
import polars as pl

from merian.core.errors import BadSetting
from merian.explore.impute.settings import ImputeSettings
from merian.explore.trait_tables import absent

__all__ = ["IUCN", "Trait", "trait_of"]

Doubles = npt.NDArray[np.float64]
NUMBERS = 0.95
"""From this share of values that are numbers on, a trait is an amount."""
IUCN = ("LC", "NT", "VU", "EN", "CR", "EW", "EX")
"""Threat categories in their order (IUCN 2012, Red List Categories and Criteria 3.1)."""
UNASSESSED = ("DD", "NE", "NR")
"""Data deficient, not evaluated, not recognised: no knowledge of the threat but the lack of it."""
SPELT = {
    "LEAST CONCERN": "LC",
    "NEAR THREATENED": "NT",
    "VULNERABLE": "VU",
    "ENDANGERED": "EN",
    "CRITICALLY ENDANGERED": "CR",
    "CR (PE)": "CR",
    "CR(PE)": "CR",
    "EXTINCT IN THE WILD": "EW",
    "EXTINCT": "EX",
    "DATA DEFICIENT": "DD",
    "NOT EVALUATED": "NE",
    "NOT RECOGNISED": "NR",
    "NOT RECOGNIZED": "NR",
}


@dataclass(frozen=True, eq=False)
class Trait:
    """One trait over n species: values [n] amounts in `unit`, or numbers of `states`; NaN where none is known.

    states is empty for amounts; `ordered`: they have an order. remarks: what was dropped on the way.
    """

    name: str
    unit: str
    states: tuple[str, ...]
    ordered: bool
    values: Doubles
    remarks: tuple[str, ...] = ()

    @property
    def kind(self) -> str:
        """number, ordered or category."""
        return "number" if not self.states else "ordered" if self.ordered else "category"


def trait_of(name: str, unit: str, rows: pl.DataFrame, n: int, settings: ImputeSettings) -> Trait:
    """The Trait that rows of `place` (the species' number, below n) and `value` (text) give.

    An amount when at least 95 % of the values are numbers, more than two of them different, and the settings do not call it a category; a state otherwise.
    """
    text = pl.col("value").str.strip_chars()
    number = text.cast(pl.Float64, strict=False)
    rows = rows.filter(~absent("value", settings.missing))
    rows = rows.select("place", text.alias("value"), number.alias("number"))
    parsed = rows["number"].drop_nulls()
    coded = any(fnmatchcase(name, pattern) for pattern in settings.categories)
    ranked = _order_of(name, settings)
    if len(parsed) >= NUMBERS * len(rows) and parsed.n_unique() > 2 and not coded and ranked is None:
        return _amount(name, unit, rows, n)
    if len(parsed) == len(rows):
        rows = rows.with_columns(value=pl.col("number").map_elements(lambda x: f"{x:g}", return_dtype=pl.String))
    return _state(name, unit, rows, n, ranked)


def _amount(name: str, unit: str, rows: pl.DataFrame, n: int) -> Trait:
    good = rows.filter(pl.col("number").is_finite().fill_null(False))
    remarks = []
    if dropped := len(rows) - len(good):
        remarks.append(f"{name}: {dropped:,} values are no numbers and were left out")
    means = good.group_by("place", maintain_order=True).agg(pl.col("number").mean())
    values = np.full(n, np.nan)
    values[means["place"].to_numpy()] = means["number"].to_numpy()
    return Trait(name, unit, (), False, values, tuple(remarks))


def _state(name: str, unit: str, rows: pl.DataFrame, n: int, ranked: tuple[str, ...] | None) -> Trait:
    spelt = pl.col("value").str.to_uppercase().str.replace_all("_", " ")
    threat = rows.select(spelt.replace(SPELT))["value"]
    if ranked is None and len(rows) and threat.is_in([*IUCN, *UNASSESSED]).all():
        rows = rows.with_columns(value=threat).filter(~pl.col("value").is_in(UNASSESSED))
        ranked = tuple(state for state in IUCN if state in set(rows["value"].to_list()))
    if ranked is not None and (strange := sorted(set(rows["value"].to_list()) - set(ranked))):
        raise BadSetting("ordered", name, f"has states that the order leaves out: {', '.join(strange)}")
    counts = rows.group_by("place", "value").len().sort("place", "len", "value", descending=[False, True, False])
    best = counts.group_by("place", maintain_order=True).agg(
        pl.col("value").first(), tied=(pl.col("len") == pl.col("len").first()).sum() > 1
    )
    remarks = []
    if tied := int(best["tied"].sum()):
        remarks.append(f"{name}: {tied:,} species have two states equally often and count as unknown")
    best = best.filter(~pl.col("tied"))
    seen = set(best["value"].to_list())
    states = tuple(s for s in ranked if s in seen) if ranked is not None else tuple(sorted(seen))
    numbers = {state: k for k, state in enumerate(states)}
    values = np.full(n, np.nan)
    values[best["place"].to_numpy()] = [numbers[state] for state in best["value"].to_list()]
    return Trait(name, unit, states, ranked is not None, values, tuple(remarks))


def _order_of(name: str, settings: ImputeSettings) -> tuple[str, ...] | None:
    """The states of a trait in the order that the settings give, None when they give none."""
    for text in settings.ordered:
        trait, separator, states = text.partition(":")
        words = tuple(word.strip() for word in states.split("<"))
        if not separator or len(words) < 2 or len(set(words)) < len(words) or not all(words):
            raise BadSetting("ordered", text, "must read as 'TRAIT: a < b < c'")
        if trait.strip() == name:
            return words
    return None
