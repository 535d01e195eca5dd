"""Every knob of filling gaps in traits, with its bound."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from merian.core.settings import knob
from merian.explore.trait_tables import MISSING

__all__ = ["ImputeSettings"]


@dataclass(frozen=True, kw_only=True)
class ImputeSettings:
    """What is a trait, how it is treated, and how it is tested."""

    columns: tuple[str, ...] = knob(
        (), "Traits of a wide table, each a column or a pattern (Diet.*), with a unit after = ; of a long table: all"
    )
    name: str = knob("", "Column of the species' names; empty: scientificName, else species with genus")
    categories: tuple[str, ...] = knob((), "Traits, or patterns, whose numbers are codes of states, not amounts")
    ordered: tuple[str, ...] = knob((), "States in order, as 'TRAIT: a < b < c'; threat categories of IUCN are known")
    only_if: tuple[str, ...] = knob(
        (), "Values to believe, as 'TRAIT if COLUMN=a|b' (those that a table filled in itself are no knowledge)"
    )
    missing: tuple[str, ...] = knob(
        MISSING, "What a table writes where it has no value; words in any case, numbers in any form"
    )
    log: Literal["auto", "never"] = knob(
        "auto", "Logarithms of traits that are all positive and less skewed so; never: values as they are"
    )
    level: float = knob(0.9, "Share of species whose value the interval shall hold", ge=0.5, le=0.99)
    kernel: Literal["linear", "rbf"] = knob("linear", "Kernel on the species' mean embeddings")
    weigh: bool = knob(True, "Trust a species' mean embedding by how many specimens it is of; without, all alike")
    features: int = knob(64, "Most features of the embedding kernel", ge=1, le=2000)
    folds: int = knob(10, "Parts in which species, genera and families are left out", ge=3, le=100)
    fewest: int = knob(10, "A trait known of fewer species is not tried", ge=4)
    states: int = knob(30, "A trait with more states than this is no category", ge=2, le=1000)
    resamples: int = knob(1000, "Replicates of the bootstrap over what was left out", ge=20, le=100_000)
    seed: int = knob(0, "Names all chance", ge=0)
