"""Every knob of the study of emergent properties, with its bound."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from merian.core.settings import knob

__all__ = ["EmergenceSettings"]


@dataclass(frozen=True, kw_only=True)
class EmergenceSettings:
    """What is asked of the vectors, of which images, and how much chance it is held against."""

    clade: str = knob("", "Only species of this taxon, as Aves; empty: all")
    traits: Path | None = knob(  # noqa: RUF009
        None,
        "Table of traits: scientificName, measurementType, measurementValue; or a column species and one per trait",
    )
    trait: str = knob("", "Trait whose axis is written out as coordinates; empty: the one known of most species")
    labels: Path | None = knob(  # noqa: RUF009
        None, "Table with id and sex, life_stage or health, in place of the catalog's; a drawn source's truth.parquet"
    )
    images: Literal["held-out", "all"] = knob("held-out", "Leave out the images of the split train, or use all")
    seed: int = knob(0, "Names all chance", ge=0)
    species: int = knob(10, "A trait known of fewer species is not tried", ge=6, le=100_000)
    per_species: int = knob(3, "A species with fewer images is left out", ge=2, le=100_000)
    cases: int = knob(3, "A species with fewer specimens of either variant is left out", ge=2, le=100_000)
    spans: tuple[int, ...] = knob(
        (2, 10), "Dimensions of the span of species that variation is held against", source="BioCLIP 2 draws 2"
    )
    most: int = knob(300, "Most species in pairwise measures and regressions; more are sampled", ge=20, le=5_000)
    triplets: int = knob(20_000, "Most triplets of species; more are sampled", ge=100, le=1_000_000)
    resamples: int = knob(1_000, "Bootstrap replicates behind each interval", ge=100, le=100_000)
    permutations: int = knob(499, "Deals of the species in Mantel tests", ge=19, le=99_999)
    shuffles: int = knob(
        199,
        "Traits dealt, traits evolved on the tree and variants dealt, that the real ones are held against",
        ge=19,
        le=9_999,
    )
    margin: float = knob(
        0.05,
        "A smaller effect counts as none, for correlations, AUROCs and triplets",
        ge=0,
        lt=1,
        source="a matter of taste",
    )
