"""What is kept of a source, and how it is split."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from merian.core.settings import knob
from merian.curate.filters import FilterSettings

__all__ = ["Aids", "CurateSettings"]


@dataclass(frozen=True, kw_only=True)
class CurateSettings(FilterSettings):
    """What is kept of a source, and how it is split."""

    subject: Literal["organism", "caption"] = knob(
        "organism",
        "What an image must have to be kept: the name of an organism, or a caption in general words, whether or not it names one",
        source="caption: experience replay of BioCLIP 2 (Gu et al. 2025)",
    )
    typos: int = knob(
        2, "Letters that may be wrong in a long name, 1 in a shorter one; 0: names must be spelt right", ge=0, le=2
    )
    min_name_score: float = knob(
        0.45,
        "Refuse images whose name was resolved with less certainty than this (docs/how/names.md lists the decisions and how certain each is)",
        ge=0,
        le=1,
    )
    cap: int = knob(0, "Keep at most this many training images of a taxon, spread over its groups; 0: all", ge=0)
    test: float = knob(0.2, "Share of each species' groups (specimens, events) for the test split", ge=0, lt=1)
    val: float = knob(0.05, "Share for the validation split", ge=0, lt=1)
    unseen: float = knob(0.0, "Share of the species kept out of training, for few-shot tests", ge=0, lt=1)
    unseen_images: int = knob(8, "A species needs this many images to be kept out of training", ge=1)
    test_fold: str = knob("", "When the source gives folds: the fold that is the test split")
    together: str = knob(
        "group, individual, specimen, event_id, camera, hash, cluster",
        "What must not be torn apart by the splits: images that agree in any of these columns are in one split",
        source="location leakage: Beery et al. 2018, arXiv:1807.04975",
    )
    vocabulary: Literal["all", "met"] = knob(
        "all", "Taxa of the catalog's tree: all of the taxonomy given, or those met in the kept images"
    )
    only: str = knob("", "Keep only the rows of this data set, when a table holds several")
    shard_images: int = knob(2_000, "Images in a shard", ge=1, le=100_000)
    seed: int = knob(0, "Seed of the splits, of what the cap leaves, and of the shuffle", ge=0)


@dataclass(frozen=True, kw_only=True)
class Aids:
    """Files that help to curate a source; each may be left out."""

    taxa: Path | None = None
    """A backbone to resolve the names against: ColDP, a Darwin Core checklist, a table of taxa, a Tree. Without one the source's own taxonomy is taken."""
    rare: Path | None = None
    """A list of species to keep out of training, as the split "rare"."""
    detections: Path | None = None
    """What MegaDetector found (batch JSON). Without it, `megadetector.json` in the source's folder if that is there."""
    support: Path | None = None
    """Example images, a folder a kind, that teach what to refuse; folders whose names begin with "keep" are what to keep."""
    model: Path | None = None
    """The encoder for `support` and for near duplicates by embedding; without one, the descriptor that needs no weights."""

    @property
    def given(self) -> dict[str, Path]:
        """Name -> path of those that are given."""
        return {name: path for name, path in vars(self).items() if path is not None}
