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
        "order", "Rank that colours the map at first, and the first figure"
    )
    trait: str = knob("", "Trait that colours the second figure; empty: the one known of most species")
    traits: Path | None = knob(  # noqa: RUF009
        None,
        "Table of traits: scientificName, measurementType, measurementValue; or a column species and one per trait",
    )
    ladder: Path | None = knob(None, "Report of a data ladder (merian train --ladder): ladder.json")  # noqa: RUF009
    seed: int = knob(0, "Names all chance", ge=0)
    method: Literal["tsne", "umap"] = knob("tsne", "How images are laid out; umap needs the extra 'umap'")
    images: int = knob(10_000, "Most images in the layout; more are sampled", ge=2, le=200_000)
    perplexity: float = knob(30.0, "Neighbours that t-SNE attends to", gt=1, le=1000)
    exaggeration: float = knob(1.0, "t-SNE: above 1 neighbours are drawn closer; 4 looks like UMAP", ge=1, le=12)
    iterations: int = knob(500, "Steps of t-SNE after the early ones", ge=50, le=10_000)
    neighbours: int = knob(15, "Neighbours that UMAP attends to, the image itself among them", ge=2, le=1000)
    min_dist: float = knob(0.1, "UMAP: how near two images may come", ge=0, le=1)
    thumbnails: int = knob(1600, "Most images that the map shows as pictures; 0: none", ge=0, le=20_000)
    thumbnail_px: int = knob(64, "Side of a picture", unit="px", ge=16, le=256)
    shuffles: int = knob(99, "Traits dealt at random that a real one is held against", ge=0, le=9999)
