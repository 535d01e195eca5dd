"""How images are shown while training: crops, turns, mirrors, colours, erased patches, and pairs mixed into one (strong augmentation).

All of it is drawn on the processor with the batch, and applied wherever the images are.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional as F

from merian.encode.pixels import Preprocess
from merian.train.settings import TrainSettings

__all__ = ["Mix", "Views", "augment", "shown"]

ERASED = (0.02, 1 / 3)
"""Smallest and largest share of an image that an erased patch takes; its sides are as 1 to 3 at most (Zhong et al. 2020, "Random Erasing")."""
BLENDED, PASTED = 0.8, 1.0
"""Parameters of the Beta distributions of mixup and CutMix, as ImageNet recipes have them (Wightman et al. 2021, "ResNet strikes back", table 2)."""


@dataclass(frozen=True, slots=True)
class Mix:
    """Images of a batch in pairs: blended (mixup, Zhang et al. 2018), or a rectangle of one in the other (CutMix, Yun et al. 2019)."""

    partner: torch.Tensor
    """`int64 [n]`: which image of the batch each is mixed with."""
    share: float
    """How much of each image is its own: the weight of its own captions, beside 1 - share for its partner's."""
    box: tuple[float, float, float, float] | None = None
    """Left, top, right, bottom of the partner's rectangle as shares of the side; None: the two are blended."""

    @classmethod
    def draw(cls, parts: list[int], settings: TrainSettings, common: np.random.Generator, own: Any) -> Mix | None:
        """For a batch that has so many images of each stock, which are mixed among themselves; None when it is not to be mixed.

        What is drawn from `common` must be the same on all ranks.
        """
        if common.random() >= settings.mix:
            return None
        start, partner = 0, []
        for many in parts:
            partner.append(start + own.permutation(many))
            start += many
        pairs = torch.from_numpy(np.concatenate(partner).astype(np.int64))
        if common.random() < 0.5:
            return cls(pairs, float(common.beta(BLENDED, BLENDED)))
        side = np.sqrt(1.0 - common.beta(PASTED, PASTED))
        x, y = common.uniform(0.0, 1.0, 2)
        left, right = (float(np.clip(x + half, 0, 1)) for half in (-side / 2, side / 2))
        top, bottom = (float(np.clip(y + half, 0, 1)) for half in (-side / 2, side / 2))
        return cls(pairs, 1.0 - (right - left) * (bottom - top), (left, top, right, bottom))

    def mixed(self, own: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
        """Images `[n, 3, s, s]` mixed with those of their partners."""
        if self.box is None:
            return torch.lerp(other, own, self.share)
        return torch.where(_inside(torch.tensor([self.box], device=own.device), own.shape[-1]), other, own)


@dataclass(frozen=True, slots=True)
class Views:
    """How each image of a batch is shown."""

    theta: torch.Tensor
    """`float32 [n, 2, 3]`: the affine map of crop, turn and mirror."""
    factors: torch.Tensor
    """`float32 [3, n]`: brightness, contrast, saturation."""
    erased: torch.Tensor | None = None
    """`float32 [n, 4]`: left, top, right, bottom of a patch that is taken out, as shares of the side; all 0 for none."""
    mix: Mix | None = None

    @classmethod
    def draw(cls, n: int, settings: TrainSettings, rng: np.random.Generator) -> Views:
        """Views for `n` images. The crop keeps `crop` to 1 of the area at a ratio of 3/4 to 4/3 (Szegedy et al. 2015)."""
        area = rng.uniform(settings.crop, 1.0, n)
        ratio = np.exp(rng.uniform(-np.log(4 / 3), np.log(4 / 3), n) / 2)
        across, down = np.minimum(np.sqrt(area) * ratio, 1.0), np.minimum(np.sqrt(area) / ratio, 1.0)
        theta = np.zeros((n, 2, 3), np.float32)
        theta[:, 0, 0] = across * np.where(rng.random(n) < settings.flip, -1.0, 1.0)
        theta[:, 1, 1] = down
        theta[:, 0, 2] = rng.uniform(-1.0, 1.0, n) * (1.0 - across)
        theta[:, 1, 2] = rng.uniform(-1.0, 1.0, n) * (1.0 - down)
        factors = rng.uniform(1.0 - settings.colour, 1.0 + settings.colour, (3, n)).astype(np.float32)
        # asked for last, and only where wanted, so that runs without them draw what they always drew
        if settings.turn:
            theta[:, :, :2] = _turns(rng.uniform(-settings.turn, settings.turn, n)) @ theta[:, :, :2]
        erased = torch.from_numpy(_patches(n, settings.erase, rng)) if settings.erase else None
        return cls(torch.from_numpy(theta), torch.from_numpy(factors), erased)

    @classmethod
    def plain(cls, n: int, device: torch.device) -> Views:
        """Views of `n` images as they are."""
        theta = torch.eye(2, 3, device=device).expand(n, 2, 3)
        return cls(theta, torch.ones(3, n, device=device))

    def of(self, rows: slice | torch.Tensor) -> Views:
        """The views of some images, unmixed."""
        return Views(self.theta[rows], self.factors[:, rows], None if self.erased is None else self.erased[rows])

    def to(self, move: Any) -> Views:
        """Each tensor as `move` gives it."""
        erased = None if self.erased is None else move(self.erased)
        mix = None if self.mix is None else replace(self.mix, partner=move(self.mix.partner))
        return Views(move(self.theta), move(self.factors), erased, mix)


def shown(pixels: torch.Tensor, views: Views, rows: slice, preprocess: Preprocess) -> torch.Tensor:
    """Images `rows` of a batch as the tower takes them, mixed with their partners where the views say so."""
    image = augment(pixels[rows], views.of(rows), preprocess)
    if views.mix is None:
        return image
    other = views.mix.partner[rows]
    return views.mix.mixed(image, augment(pixels[other], views.of(other), preprocess))


def augment(pixels: torch.Tensor, views: Views, preprocess: Preprocess) -> torch.Tensor:
    """Images `[n, 3, s, s]` as the tower takes them, of pixels `uint8 [n, c, c, 3]` and their views, each for itself.

    Colour changes brightness, contrast and saturation by the factors of the views; an erased patch has the mean colour.
    """
    n, side = len(pixels), preprocess.size
    image = pixels.permute(0, 3, 1, 2).float() / 255.0
    grid = F.affine_grid(views.theta, [n, 3, side, side], align_corners=False)
    image = F.grid_sample(image, grid, padding_mode="reflection", align_corners=False)
    bright, contrast, saturation = (f.view(n, 1, 1, 1) for f in views.factors)
    image = image * bright
    image = torch.lerp(image.mean(dim=(1, 2, 3), keepdim=True), image, contrast)
    image = torch.lerp(image.mean(dim=1, keepdim=True), image, saturation).clamp(0.0, 1.0)
    mean, std = (torch.tensor(v, device=image.device).view(1, 3, 1, 1) for v in (preprocess.mean, preprocess.std))
    image = (image - mean) / std
    return image if views.erased is None else image.masked_fill(_inside(views.erased, side), 0.0)


def _inside(boxes: torch.Tensor, side: int) -> torch.Tensor:
    """Which pixels `[n, 1, side, side]` have their middle in boxes `[n, 4]`."""
    middle = (torch.arange(side, device=boxes.device) + 0.5) / side
    left, top, right, bottom = (edge[:, None] for edge in boxes.T)
    across, down = (middle >= left) & (middle < right), (middle >= top) & (middle < bottom)
    return torch.as_tensor((down[:, :, None] & across[:, None, :])[:, None])


def _turns(degrees: NDArray[np.float64]) -> NDArray[np.float32]:
    """Rotations `[n, 2, 2]`."""
    angle = np.deg2rad(degrees)
    rows = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    return np.array(rows, np.float32).transpose(2, 0, 1)


def _patches(n: int, often: float, rng: np.random.Generator) -> NDArray[np.float32]:
    """Patches `[n, 4]` to erase, of which a share `often` is not empty."""
    area, ratio = rng.uniform(*ERASED, n), np.exp(rng.uniform(-np.log(3), np.log(3), n))
    width, height = np.minimum(np.sqrt(area * ratio), 1.0), np.minimum(np.sqrt(area / ratio), 1.0)
    left, top = rng.uniform(0.0, 1.0, n) * (1.0 - width), rng.uniform(0.0, 1.0, n) * (1.0 - height)
    boxes = np.stack([left, top, left + width, top + height], 1)
    return np.asarray(boxes * (rng.random(n) < often)[:, None], np.float32)
