"""Where the eight body plans sit in the tree of life, and how a clade is cut into orders, families and genera."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from merian.drawn.organism import PlanName
from merian.drawn.phylogeny import birth_death_depths

__all__ = ["CLADES", "Clade", "clades_of", "cut", "draw_depths", "share_species"]


@dataclass(frozen=True, slots=True)
class Clade:
    """The fixed part of a body plan's history: its named ancestors and their ages (rounded from timetree.org, Kumar et al. 2022)."""

    plan: PlanName
    kingdom: str
    phylum: str
    classis: str
    order: str
    """A real order that the whole plan is; empty when the simulated tree is cut into made-up orders."""
    crown_my: float
    """Age of the last common ancestor of the plan's species."""
    split_my: float
    """Age of the common ancestor with the plan before it in `CLADES` (0 for the first)."""
    weight: float
    """Share of all species that have this plan (a matter of taste, insects foremost)."""


CLADES: tuple[Clade, ...] = (
    Clade("beetle", "Animalia", "Arthropoda", "Insecta", "Coleoptera", 240.0, 0.0, 0.15),
    Clade("butterfly", "Animalia", "Arthropoda", "Insecta", "Lepidoptera", 190.0, 330.0, 0.15),
    Clade("bird", "Animalia", "Chordata", "Aves", "", 90.0, 600.0, 0.15),
    Clade("hoofed", "Animalia", "Chordata", "Mammalia", "", 65.0, 320.0, 0.11),
    Clade("fish", "Animalia", "Chordata", "Actinopterygii", "", 240.0, 430.0, 0.12),
    Clade("mushroom", "Fungi", "Basidiomycota", "Agaricomycetes", "", 180.0, 1050.0, 0.09),
    Clade("leaf", "Plantae", "Tracheophyta", "Magnoliopsida", "", 115.0, 1500.0, 0.11),
    Clade("flower", "Plantae", "Tracheophyta", "Magnoliopsida", "", 110.0, 150.0, 0.12),
)
"""In the order of the tips: neighbours in this row are neighbours in the tree."""


def clades_of(plans: Collection[PlanName]) -> tuple[Clade, ...]:
    """The clades of these body plans, of all when there are none: in the order of `CLADES`, each split from the one before it where the oldest of the splits
    between the two lies."""
    chosen: list[Clade] = []
    split = 0.0
    for clade in CLADES:
        split = max(split, clade.split_my)
        if not plans or clade.plan in plans:
            chosen.append(replace(clade, split_my=split if chosen else 0.0))
            split = 0.0
    return tuple(chosen)


def share_species(species: int, clades: Sequence[Clade] = CLADES) -> list[int]:
    """How many of `species` each of the clades gets, at least one: largest remainders of the weights."""
    weights = np.array([c.weight for c in clades])
    ideal = weights / weights.sum() * (species - len(clades))
    counts = np.floor(ideal).astype(int)
    for k in np.argsort(-(ideal - counts), kind="stable")[: species - len(clades) - int(counts.sum())]:
        counts[k] += 1
    return [int(c) + 1 for c in counts]


def draw_depths(
    counts: list[int], extinction: float, rng: np.random.Generator, clades: Sequence[Clade] = CLADES
) -> NDArray[np.float64]:
    """Ages of neighbours' ancestors over all species [n-1], million years: a birth-death tree per clade, joined by the scaffold."""
    row: list[NDArray[np.float64]] = []
    for clade, n in zip(clades, counts, strict=True):
        if row:
            row.append(np.array([clade.split_my]))
        row.append(birth_death_depths(n, clade.crown_my, extinction, rng))
    return np.concatenate(row)


def cut(depth_my: NDArray[np.float64], exponent: float) -> NDArray[np.int64]:
    """The group [n] of each tip when a clade of n tips is cut at the age that leaves about `n ** exponent` groups.

    A cut at one age makes the groups of a rank comparable and nested: a cut with a larger exponent is younger.
    """
    n = len(depth_my) + 1
    groups = min(n, max(1, round(n**exponent)))
    oldest = np.sort(depth_my)[::-1]
    age = oldest[groups - 1] if groups - 1 < len(oldest) else -1.0
    return np.concatenate([[0], np.cumsum(depth_my > age)]).astype(np.int64)
