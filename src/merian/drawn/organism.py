"""The nouns of the drawn tree of life: a trait, an organism, and the shot it is seen in.

`world` (phylogeny, taxonomy, ecology) produces them, `plans` and `scene` draw them; neither knows the other.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

__all__ = ["Habitat", "Organism", "PlanName", "Sex", "Shot", "Stage", "Style", "Subject", "Trait"]

PlanName = Literal["beetle", "butterfly", "bird", "fish", "hoofed", "leaf", "flower", "mushroom"]
Stage = Literal["adult", "juvenile", "larva", "pupa"]
Sex = Literal["female", "male", "undetermined"]
Style = Literal[
    "close-up",
    "museum drawer",
    "herbarium sheet",
    "camera trap day",
    "camera trap infrared",
    "label",
    "text page",
    "drawing",
    "drawer of many",
]
Subject = Literal["organism", "empty", "person"]
Habitat = Literal["forest", "grassland", "wetland", "desert", "alpine", "coast"]


@dataclass(frozen=True, slots=True)
class Trait:
    """One heritable property of a body plan, and how it evolves along the tree.

    A continuous trait evolves on an unbounded latent scale (Brownian motion or Ornstein-Uhlenbeck, stationary
    standard deviation about 1) and is mapped to `[low, high]` with a logistic curve; a discrete one is a state of `states`
    and evolves by the Mk model (Lewis 2001). `sd_within` is the standard deviation among individuals of one species, in units of
    the range `high - low`.
    """

    name: str
    meaning: str
    unit: str = "1"
    low: float = 0.0
    high: float = 1.0
    states: tuple[str, ...] = ()
    model: Literal["BM", "OU", "Mk"] = "BM"
    sd_within: float = 0.04


@dataclass(frozen=True, slots=True)
class Organism:
    """One individual at one moment, completely described: the same Organism always looks the same.

    `traits` holds this individual's value of every `Trait` of its plan: a float in `[low, high]`, or the index of the state for discrete ones.
    `lesion` is the kind of disease ("" is healthy) and `severity` the share of the surface it covers (0 to 1).
    """

    plan: PlanName
    traits: Mapping[str, float]
    sex: Sex = "undetermined"
    stage: Stage = "adult"
    lesion: str = ""
    severity: float = 0.0
    individual: int = 0
    """Seed of what makes this individual unlike its siblings (stripes, spots, small asymmetries)."""


@dataclass(frozen=True, slots=True)
class Shot:
    """How the organism is seen: everything in the picture that is not the organism. Draws nothing from chance but `seed`."""

    style: Style
    subject: Subject = "organism"
    habitat: Habitat = "grassland"
    label: str = ""
    """Text on the museum label or herbarium sheet (the scientific name, place, date)."""
    angle_deg: float = 0.0
    scale: float = 1.0
    """1 fills about 0.8 of the frame's short side."""
    dx: float = 0.0
    dy: float = 0.0
    """Displacement of the organism's centre, in units of the frame's side."""
    flip: bool = False
    exposure_ev: float = 0.0
    warmth: float = 0.0
    """Colour cast, -1 (blue) to 1 (orange)."""
    blur_px: float = 0.0
    """Standard deviation of the blur, in pixels of a 96-px frame."""
    smear_px: float = 0.0
    """How far the camera moved while the shutter was open, in pixels of a 96-px frame."""
    smear_deg: float = 0.0
    """The direction of that movement, from the x axis towards y."""
    stamp: str = ""
    """Text that a camera trap burns into its frame (date, temperature)."""
    seed: int = 0
