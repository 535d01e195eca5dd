"""Every knob of exploration, with its bound."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from merian.core.settings import knob

__all__ = ["ExploreSettings"]


@dataclass(frozen=True, kw_only=True)
class ExploreSettings:
    """What the layout shows, and how it is made."""

    color_by_rank: Literal["kingdom", "phylum", "class", "order", "family", "genus", "species"] = knob(
        "order", "Rank that colours the first layout"
    )
    trait: str = knob("", "Trait that colours the second layout; empty: the one known of most species")
    traits: Path | None = knob(None, "Table of traits: scientificName, measurementType, measurementValue, ...Unit")  # noqa: RUF009
    ladder: Path | None = knob(None, "Report of a data ladder (merian train --ladder): ladder.json")  # noqa: RUF009
    seed: int = knob(0, "Names all chance", ge=0)
    images: int = knob(1500, "Most images in the layout; more are sampled", ge=2, le=200_000)
    perplexity: float = knob(30.0, "Neighbours that t-SNE attends to", gt=1, le=1000)
    iterations: int = knob(500, "Steps of t-SNE after the early ones", ge=50, le=10_000)
    shuffles: int = knob(99, "Traits dealt at random that a real one is held against", ge=0, le=9999)
