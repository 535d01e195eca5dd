"""Whether a map says what the encoder does: scores while places vanish or appear in the map's order, and how much of a map lies on the organism.

Deletion and insertion (Petsiuk et al. 2018, BMVC): places are blurred away from the most to the least important, or brought back into the blurred photo in
that order. A good map makes the score fall soon and rise soon. The measure here is the mean score of insertion less that of deletion, in units of the score;
it is held against maps without knowledge: a blob in the middle (organisms stand there, people frame them so) and smooth maps of chance.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from merian.core.errors import BadData, Mismatch
from merian.core.progress import track
from merian.encode import Encoder, Pixels
from merian.explore.explain.saliency import AT_ONCE, blurred, enlarged

__all__ = ["Faithful", "Trial", "centre_map", "chance_maps", "faithful", "inside_share", "points_inside"]

Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]
GRAIN = 8
"""Cells across of the maps of chance, which are as smooth as those of small towers."""
BLUR = 1 / 8
"""Standard deviation of the blur that hides, as a share of the side: outlines go, the colours of a region stay. From taste."""


@dataclass(frozen=True, kw_only=True)
class Trial:
    """How finely the curves are walked, and how many maps of chance they are held against."""

    steps: int = 10
    chance: int = 9

    def passes(self, maps: int) -> int:
        """How many times a photo goes through the encoder to test so many maps."""
        return 2 + 2 * (self.steps - 1) * (maps + 1 + self.chance)


@dataclass(frozen=True, eq=False)
class Faithful:
    """The curves of one map: scores when 0, 1/steps ... 1 of the photo is deleted [steps + 1], and inserted; and the gap between their means.

    `centre` is the gap of a blob in the middle, `chance` [c] those of maps of chance, all on the same photo and question. A flat map, which gives no order, has
    a gap of nan.
    """

    deletion: Doubles
    insertion: Doubles
    gap: float
    centre: float
    chance: Doubles

    @property
    def beaten(self) -> int:
        """How many of the maps of chance have a smaller gap."""
        return int((self.chance < self.gap).sum())

    @property
    def words(self) -> str:
        """The finding in a sentence."""
        if not np.isfinite(self.gap):
            return "The map is flat: there is no order of places to test."
        centre = "more than" if self.gap > self.centre else "no more than"
        held = f"{centre} a blob in the middle ({self.centre:+.3f}) and more than {self.beaten} of {len(self.chance)} maps of chance"
        return f"Insertion less deletion is {self.gap:+.3f}, {held} (mean {self.chance.mean():+.3f})."


def centre_map(side: int) -> Floats:
    """A Gaussian blob [side, side] in the middle, its standard deviation a quarter of the side."""
    across = (np.arange(side) + 0.5) / side - 0.5
    return np.asarray(np.exp(-8 * (across[:, None] ** 2 + across**2)), np.float32)


def chance_maps(side: int, count: int, rng: np.random.Generator) -> Floats:
    """Smooth maps without knowledge [count, side, side]: normal draws on a coarse grid, bilinear between."""
    return enlarged(rng.standard_normal((count, GRAIN, GRAIN)), side)


def faithful(
    encoder: Encoder,
    pixels: Pixels,
    maps: npt.NDArray[np.floating],
    directions: npt.NDArray[np.floating],
    rng: np.random.Generator,
    how: Trial | None = None,
) -> list[Faithful]:
    """What deletion and insertion say of each map [m, s, s] of the photo `[s, s, 3]`, made for the direction of `[m, d]` in its place.

    The maps without knowledge are the same for all m. Raises Mismatch when maps, directions and photo do not fit, BadData for maps that are not finite.
    """
    how = how or Trial()
    side = len(pixels)
    if maps.shape != (len(directions), side, side):
        raise Mismatch("maps, directions and photo", list(maps.shape), f"[{len(directions)}, {side}, {side}]")
    if not np.isfinite(maps).all():
        raise BadData("maps", "must be finite numbers")
    every = np.concatenate([maps, centre_map(side)[None], chance_maps(side, how.chance, rng)])
    cover = blurred(pixels, BLUR * side)
    with track("Testing the maps", how.passes(len(maps)), "passes") as advance:
        ends = encoder.embed_images(np.stack([pixels, cover])).astype(np.float64)
        advance(2)
        curves = []
        for values in every:
            inner = _walked(encoder, pixels, cover, values, how.steps)
            advance(2 * (how.steps - 1))
            deleted = np.concatenate([ends[:1], inner[0], ends[1:]])
            inserted = np.concatenate([ends[1:], inner[1], ends[:1]])
            curves.append((deleted @ directions.T, inserted @ directions.T))
    found = []
    for number in range(len(maps)):
        gaps = np.array([_mean(inserted[:, number]) - _mean(deleted[:, number]) for deleted, inserted in curves])
        deleted, inserted = (curve[:, number] for curve in curves[number])
        gap = float(gaps[number]) if np.ptp(maps[number]) > 0 else float("nan")
        found.append(Faithful(deleted, inserted, gap, float(gaps[len(maps)]), gaps[len(maps) + 1 :]))
    return found


def _mean(curve: Doubles) -> float:
    """The mean of a curve over the share of the photo, by the trapezoid rule."""
    return float(((curve[1:] + curve[:-1]) / 2).mean())


def _walked(encoder: Encoder, pixels: Pixels, cover: Pixels, values: Floats, steps: int) -> tuple[Doubles, Doubles]:
    """The vectors [steps - 1, d] along deletion, and along insertion, without their ends."""
    order = np.argsort(-values.ravel(), kind="stable")
    place = np.empty(len(order), np.int64)
    place[order] = np.arange(len(order))
    gone = place.reshape(values.shape) < np.arange(1, steps)[:, None, None] / steps * len(order)
    images = np.concatenate([np.where(gone[..., None], cover, pixels), np.where(gone[..., None], pixels, cover)])
    parts = [encoder.embed_images(images[at : at + AT_ONCE]) for at in range(0, len(images), AT_ONCE)]
    vectors = np.concatenate(parts).astype(np.float64)
    return vectors[: steps - 1], vectors[steps - 1 :]


def inside_share(values: npt.NDArray[np.floating], mask: npt.NDArray[np.bool_]) -> float:
    """The share of a map's positive values [s, s] that lies on the mask [s, s]; chance is the mask's share of the photo. nan for a map without any."""
    positive = np.maximum(values, 0).astype(np.float64)
    return float(positive[mask].sum() / positive.sum()) if positive.any() else float("nan")


def points_inside(values: npt.NDArray[np.floating], mask: npt.NDArray[np.bool_]) -> bool:
    """Whether the highest place of a map [s, s] lies on the mask: the pointing game (Zhang et al. 2018, IJCV 126, 1084)."""
    return bool(mask.ravel()[int(np.argmax(values))])
