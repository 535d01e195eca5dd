"""Where in a photo an encoder finds what it says: maps of how much each place holds for a direction of the vector space.

A direction w [d] stands for a question: the score of a photo is w·v, v its unit vector. With a label's vector the score is the cosine with that label; with the
difference of two labels' vectors it is what tells one from the other (the target of Finer-CAM, Zhang et al. 2025, CVPR, for one other class and with a
comparison strength of 1).

- occlusion (Zeiler & Fergus 2014, ECCV): patches are blurred one at a time, and how far the score falls is laid where the patch was. For any encoder.
- attention: rollout (Abnar & Zuidema 2020, ACL): which places the tokens that are read came from. It asks no question: one map for all.
- gradient: relevance in transformers (Chefer et al. 2021, ICCV, equations 5 and 6), Grad-CAM in convolutional towers (Selvaraju et al. 2017, ICCV).

Occlusion and Grad-CAM (without its rectifier) are signed: places that speak for w are positive, places that speak against it negative, and the map of -w is
the negative of that of w. Relevance has positive values alone; where w is a difference of two taxa, that of -w is subtracted, which makes it signed too.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Literal, Protocol, get_args

import numpy as np
import numpy.typing as npt

from merian.core.errors import BadSetting, Mismatch
from merian.core.progress import track
from merian.encode import Encoder, Pixels
from merian.encode.folder import WEIGHTS, FolderEncoder
from merian.encode.seam import check_pixels

if TYPE_CHECKING:
    from merian.encode.gradients import Inside

__all__ = [
    "METHODS",
    "Lens",
    "Maps",
    "Method",
    "Occlusion",
    "blurred",
    "cam",
    "enlarged",
    "occlusion",
    "open_lens",
    "relevance",
    "rolled_out",
    "rollout",
]

Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]
Method = Literal["occlusion", "gradient", "attention"]
METHODS = get_args(Method)
AT_ONCE = 64
"""Occluded copies of a photo in memory at once."""


@dataclass(frozen=True, eq=False)
class Maps:
    """`values` [m, s, s] float32, a map for each of m directions; `method` in words; `passes` through the encoder; `cells` across that it resolves."""

    values: Floats
    method: str
    passes: int
    cells: int


class Lens(Protocol):
    """A way of looking: the Maps of a photo `pixels [s, s, 3]` for `directions [m, d]`."""

    @property
    def asks(self) -> bool:
        """Whether its maps depend on the direction."""
        ...

    def __call__(self, pixels: Pixels, directions: npt.NDArray[np.floating], against: Sequence[bool] = ()) -> Maps:
        """The maps; `against` [m] says which directions are differences of two taxa (none, when it is empty)."""
        ...


@dataclass(frozen=True, kw_only=True)
class Occlusion:
    """How patches hide parts of a photo. From taste: two scales find small parts and large ones; steps of half a patch leave no seam."""

    scales: tuple[float, ...] = (0.25, 0.125)
    """Sides of the patches, as shares of the photo's."""
    overlap: int = 2
    """Steps to a patch's side."""
    fill: Literal["blur", "mean"] = "blur"
    """What takes a patch's place: the photo blurred by half the patch's side, which is its local mean, or the mean colour of the whole photo."""

    def places(self, side: int, scale: float) -> tuple[int, list[int]]:
        """The side of a patch, and where patches begin along one side of a photo, in pixels: they cover it whole."""
        patch = min(side, max(1, round(scale * side)))
        steps = max(1, int(np.ceil((side - patch) / max(1.0, patch / self.overlap))))
        return patch, sorted({round(at) for at in np.linspace(0, side - patch, steps + 1).tolist()})

    def passes(self, side: int) -> int:
        """How many times a photo of that side goes through the encoder."""
        return 1 + sum(len(self.places(side, scale)[1]) ** 2 for scale in self.scales)


def blurred(pixels: Pixels, sigma: float) -> Pixels:
    """The photo `[s, s, 3]` under a Gaussian blur with a standard deviation in pixels."""
    from PIL import Image, ImageFilter

    return np.array(Image.fromarray(pixels).filter(ImageFilter.GaussianBlur(sigma)), np.uint8)


def occlusion(
    encoder: Encoder, pixels: Pixels, directions: npt.NDArray[np.floating], how: Occlusion | None = None
) -> Maps:
    """How far the score w·v of a photo `[s, s, 3]` falls when a place is hidden, for each direction w of `[m, d]`, in units of the score.

    At a pixel: the mean over the patches that cover it, those whose middle is near counting more, and over the scales. One embedding serves all directions.
    Raises Mismatch for pixels or directions of another size than the encoder's.
    """
    how = how or Occlusion()
    check_pixels(pixels[None], encoder.preprocess)
    if directions.ndim != 2 or directions.shape[1] != encoder.dim:
        raise Mismatch("directions and encoder", list(directions.shape), f"[m, {encoder.dim}]")
    side, wide = encoder.preprocess.size, directions.astype(np.float64)
    total, finest = np.zeros((len(wide), side, side)), 1
    with track("Occluding", how.passes(side), "passes") as advance:
        whole = _scores(encoder.embed_images(pixels[None]), wide)
        advance(1)
        for scale in how.scales:
            patch, starts = how.places(side, scale)
            finest = max(finest, len(starts))
            cover, window = _filling(pixels, patch, how.fill), _window(patch)
            fallen, covered = np.zeros_like(total), np.zeros((side, side))
            corners = [(top, left) for top in starts for left in starts]
            for at in range(0, len(corners), AT_ONCE):
                part = corners[at : at + AT_ONCE]
                hidden = np.repeat(pixels[None], len(part), 0)
                for image, (top, left) in zip(hidden, part, strict=True):
                    box = slice(top, top + patch), slice(left, left + patch)
                    image[box] = cover[box]
                falls = whole - _scores(encoder.embed_images(hidden), wide)
                for fall, (top, left) in zip(falls, part, strict=True):
                    fallen[:, top : top + patch, left : left + patch] += fall[:, None, None] * window
                    covered[top : top + patch, left : left + patch] += window
                advance(len(part))
            total += fallen / covered
    words = f"occlusion, {how.fill}, patches of " + " and ".join(f"{100 * scale:g} %" for scale in how.scales)
    return Maps((total / len(how.scales)).astype(np.float32), words, how.passes(side), finest)


def _scores(vectors: npt.NDArray[np.floating], directions: Doubles) -> Doubles:
    """Products [n, m], added in one order for any n: a vector that did not change has a score that did not."""
    return np.asarray(np.einsum("nd,md->nm", vectors.astype(np.float64), directions))


def _window(patch: int) -> Doubles:
    """How much a patch says of the places under it [patch, patch]: most of its middle, a little of its rim (Hann), so that maps have no edges of patches."""
    rise = np.hanning(patch + 2)[1:-1]
    return np.asarray(np.outer(rise, rise))


def _filling(pixels: Pixels, patch: int, fill: str) -> Pixels:
    if fill == "blur":
        return blurred(pixels, patch / 2)
    return np.broadcast_to(pixels.mean((0, 1)).round().astype(np.uint8), pixels.shape)


def rolled_out(attention: Sequence[npt.NDArray[np.floating]]) -> Doubles:
    """Attention rollout [q, q]: the product over the blocks, first to last, of half the mean over heads of [h, q, q] and half the identity.

    Row i says from which tokens of the input token i of the output came; rows sum to 1.
    """
    passed = np.eye(attention[0].shape[1])
    for weights in attention:
        passed = (weights.mean(0, dtype=np.float64) + np.eye(len(passed))) / 2 @ passed
    return np.asarray(passed)


def rollout(seen: Inside) -> Floats:
    """Rollout to the tokens that are read at the end, as a map [1, y, x] over the places of the photo."""
    passed = rolled_out(seen.attention)
    read = passed[_read(seen.attention_slopes)].mean(0)
    if seen.pool is not None:
        read = seen.pool[:, _read([seen.pool_slopes])].mean((0, 1), dtype=np.float64) @ passed
    return _grid(read[None])


def relevance(seen: Inside, against: Sequence[bool] = ()) -> Floats:
    """The relevance of each place to each score, less that to its negative for those that are `against` something: [m, y, x].

    R starts as the identity and becomes R + A R in every block, A the mean over heads of the positive part of weights times slopes (Chefer et al. 2021,
    equations 5 and 6); of R less the identity the rows of the tokens that are read are taken.
    """
    found = []
    for number in range(len(seen.attention_slopes[0])):
        own = _relevant(seen, number, 1)
        found.append(own - _relevant(seen, number, -1) if against and against[number] else own)
    return _grid(np.stack(found))


def _relevant(seen: Inside, number: int, sign: int) -> Doubles:
    passed = np.eye(seen.attention[0].shape[1])
    for weights, slopes in zip(seen.attention, seen.attention_slopes, strict=True):
        passed += np.maximum(sign * weights * slopes[number], 0).mean(0, dtype=np.float64) @ passed
    if seen.pool is not None and seen.pool_slopes is not None:
        return np.asarray(np.maximum(sign * seen.pool * seen.pool_slopes[number], 0).mean(0).sum(0) @ passed)
    return np.asarray((passed - np.eye(len(passed)))[_read(seen.attention_slopes)].mean(0))


def _read(slopes: Sequence[Floats | None]) -> npt.NDArray[np.bool_]:
    """Which tokens [q] are read behind the last attention: those on whose row a score depends."""
    last = slopes[-1]
    assert last is not None
    depends = np.abs(last).max((0, 1, 3)) > 0
    return depends if depends.any() else np.ones_like(depends)


def _grid(tokens: npt.NDArray[np.floating]) -> Floats:
    """Values of tokens [m, q] as maps [m, y, x]: the last y * y of them are the places of the photo, any before are not."""
    side = int(np.sqrt(tokens.shape[1]))
    return np.asarray(tokens[:, tokens.shape[1] - side * side :].reshape(-1, side, side), np.float32)


def cam(seen: Inside) -> Floats:
    """Grad-CAM without its rectifier: the feature maps [c, y, x], each weighted by the mean of its slope, summed: [m, y, x]."""
    assert seen.features is not None
    assert seen.feature_slopes is not None
    weights = seen.feature_slopes.mean((2, 3), dtype=np.float64)
    return np.asarray(np.einsum("mc,cyx->myx", weights, seen.features.astype(np.float64)), np.float32)


def enlarged(maps: npt.NDArray[np.floating], side: int) -> Floats:
    """Maps [m, y, y] on a finer grid [m, side, side], bilinear between the middles of the cells."""
    cells = maps.shape[1]
    at = np.clip((np.arange(side) + 0.5) * cells / side - 0.5, 0, cells - 1)
    low = np.minimum(at.astype(np.int64), max(cells - 2, 0))
    mix = np.zeros((side, cells))
    mix[np.arange(side), low] += 1 - (at - low)
    mix[np.arange(side), np.minimum(low + 1, cells - 1)] += at - low
    return np.asarray(np.einsum("sy,myx,tx->mst", mix, maps, mix, optimize=True), np.float32)


@dataclass(frozen=True, eq=False)
class _Occluded:
    encoder: Encoder
    how: Occlusion
    asks: bool = True

    def __call__(self, pixels: Pixels, directions: npt.NDArray[np.floating], against: Sequence[bool] = ()) -> Maps:
        return occlusion(self.encoder, pixels, directions, self.how)


@dataclass(frozen=True, eq=False)
class _Read:
    """The maps that come from inside a tower on torch: `look` is `merian.encode.gradients.inside` of that tower."""

    look: Callable[[Pixels, npt.NDArray[np.floating]], Inside]
    rolls: bool

    @property
    def asks(self) -> bool:
        return not self.rolls

    def __call__(self, pixels: Pixels, directions: npt.NDArray[np.floating], against: Sequence[bool] = ()) -> Maps:
        seen = self.look(pixels, directions)
        transformer = seen.kind == "transformer"
        if self.rolls and not transformer:
            raise BadSetting(
                "method", "attention", "is for transformers, and this tower is convolutional; take gradient"
            )
        found = rollout(seen) if self.rolls else relevance(seen, against) if transformer else cam(seen)
        words = "attention rollout" if self.rolls else "gradient-weighted attention" if transformer else "Grad-CAM"
        whole = np.repeat(found, len(directions), 0) if self.rolls else found
        return Maps(enlarged(whole, len(pixels)), words, 1 + len(directions), found.shape[1])


def open_lens(method: str, encoder: Encoder, how: Occlusion | None = None) -> Lens:
    """The Lens of one of METHODS. Attention and gradient need torch and the weights in the model's folder.

    Raises BadSetting for an unknown method, or an encoder without weights to look into; MissingExtra without torch.
    """
    if method not in METHODS:
        raise BadSetting("method", method, f"must be one of {', '.join(METHODS)}", METHODS)
    if method == "occlusion":
        return _Occluded(encoder, how or Occlusion())
    if not isinstance(encoder, FolderEncoder):
        raise BadSetting("method", method, "needs a tower to look into, and this encoder has none: take occlusion")
    if not (encoder.folder.path / WEIGHTS).is_file():
        told = f"needs the weights, and {encoder.folder.path} holds none (a conversion does not): take occlusion"
        raise BadSetting("method", method, told)
    from merian.encode.gradients import inside, open_tower

    return _Read(partial(inside, open_tower(encoder.folder.path)), method == "attention")
