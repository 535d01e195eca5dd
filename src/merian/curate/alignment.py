"""Whether two pictures are copies of one photo, though one was cropped, turned by a few degrees, brightened or compressed again.

A hash of 256 bits finds copies of other size and quality; a slight turn or crop already changes a third of its bits, as many as two herbarium sheets differ
in. So likely pairs are laid upon each other (Lucas & Kanade 1981; forward-additive Gauss-Newton as in Baker & Matthews 2004)
and then compared pixel by pixel.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from merian.curate.measures import SKETCH, dct, fingerprints
from merian.curate.near import distances, nearest, pairs_within

__all__ = ["Agreement", "agreement", "differences", "likely_copies", "sketch_vectors"]

Floats = NDArray[np.float32]
Pairs = NDArray[np.int64]

WAVES = 8
"""Sketches are ranked by their WAVES x WAVES lowest frequencies."""
NEIGHBOURS = 5
"""Nearest sketches of each that are laid upon it."""
CROP = 0.95
"""Share of the side of the crop that neighbours are looked for with."""
UNLIKE = 104
"""Bits of 256 by which the fingerprints of worthwhile pairs differ at most (those of random pairs differ in 128 +- 8)."""
COARSE = 0.93
"""Least agreement at half resolution of pairs that are compared at full resolution."""
ALIKE = 0.97
"""Least agreement of copies at full resolution."""
PATCHES = 8
"""The worst of PATCHES x PATCHES patches tells a copy from another frame of the same scene."""
ROUNDS = 8
"""Gauss-Newton steps at half resolution."""
REFINE = 2
"""Gauss-Newton steps at full resolution."""
MOST = (0.2, 0.2, 0.15, 0.15)
"""Bounds of the change of scale, of the turn (rad) and of the shifts (shares of the side)."""
PAIRS, CHUNK = 256, 4096
"""Pairs aligned, and sketches turned into vectors, at a time."""
MARGIN = 2
"""Pixels at the border that are not compared."""
KERNEL = (1 / 16, 4 / 16, 6 / 16, 4 / 16, 1 / 16)


class Agreement(NamedTuple):
    """What aligning pairs of sketches tells."""

    correlation: Floats
    """[m]: of the grey values where they overlap; 1 for copies."""
    difference: Floats
    """[m]: grey levels (0 to 255) by which they differ in the worst of 8 x 8 patches, after brightness and contrast are fitted; 0 for copies."""


def differences(sketches: NDArray[np.uint8], pairs: Pairs) -> Floats:
    """By how many grey levels the two of each pair [m, 2] of sketches [n, 64, 64] differ: float32 [m], infinity where they are no copies."""
    found = np.full(len(pairs), np.inf, np.float32)
    for start in range(0, len(pairs), PAIRS):
        rows = pairs[start : start + PAIRS]
        seen = agreement(sketches[rows[:, 0]], sketches[rows[:, 1]])
        found[start : start + PAIRS] = np.where(seen.correlation >= ALIKE, seen.difference, np.inf)
    return found


def likely_copies(sketches: NDArray[np.uint8], radius: int) -> Pairs:
    """Pairs of sketches [n, 64, 64] that may show the same photo: int64 [m, 2] with i < j, sorted; `differences` decides.

    These are pairs whose fingerprints lie within `radius` bits (-1: none) and each sketch's NEIGHBOURS nearest.
    """
    if len(sketches) < 2:
        return np.empty((0, 2), np.int64)
    parts = [sketches[i : i + CHUNK] for i in range(0, len(sketches), CHUNK)]
    hashes = np.concatenate([fingerprints(part) for part in parts])
    vectors = np.concatenate([sketch_vectors(part) for part in parts])
    # A copy is mostly a crop of its original: asking with a slight crop of each finds both equals and crops.
    queries = np.concatenate([sketch_vectors(_cropped(part)) for part in parts])
    near = nearest(vectors, NEIGHBOURS, queries)
    near = near[distances(hashes, near) <= UNLIKE]
    if radius < 0:
        return near
    return np.unique(np.concatenate([pairs_within(hashes, radius), near]), axis=0)


def sketch_vectors(sketches: NDArray[Any]) -> Floats:
    """Unit vectors [n, 63] of sketches [n, 64, 64]: their lowest frequencies without the mean, the finer ones raised to the strength of the coarser.

    Brightness and contrast fall out. Natural images have amplitudes that fall as one over the frequency (Field 1987), hence the factor.
    """
    step = np.arange(WAVES, dtype=np.float32)
    rise = np.hypot(step[:, None], step)
    flat = (dct(sketches, WAVES) * rise).reshape(-1, WAVES * WAVES)[:, 1:]
    return np.asarray(flat / np.maximum(np.linalg.norm(flat, axis=1, keepdims=True), 1e-6), np.float32)


def agreement(first: NDArray[np.uint8], second: NDArray[np.uint8]) -> Agreement:
    """How well sketches [m, 64, 64] agree with sketches [m, 64, 64] when the second are laid upon the first.

    Scale, turn and shift are found at half resolution and refined at full resolution; pairs that correlate less than COARSE at half resolution are not
    refined and differ by infinity.
    """
    a, b = first.astype(np.float32), second.astype(np.float32)
    low, high = _half(a), _half(b)
    change = _align(_blur(low), _blur(high), np.zeros((len(a), 4), np.float32), ROUNDS)
    correlation = _fit(low, *_warp(high, change))[0]
    difference = np.full(len(a), np.inf, np.float32)
    close = np.flatnonzero(correlation >= COARSE)
    if len(close):
        a, b = a[close], b[close]
        fine = _align(a, b, change[close] * np.array([1, 1, 2, 2], np.float32), REFINE)
        moved, inside = _warp(b, fine)
        correlation[close], apart = _fit(a, moved, inside)
        difference[close] = _worst(apart, inside)
    return Agreement(correlation, difference)


def _align(first: Floats, second: Floats, change: Floats, rounds: int) -> Floats:
    """Change of scale, turn, shifts [m, 4] that lay each image of `second` [m, s, s] upon that of `first`, starting from `change`; contrast is free."""
    m, side = first.shape[:2]
    y, x = _places(side)
    bound = np.array(MOST, np.float32) * np.array([1, 1, side, side], np.float32)
    # A weak pull to rest keeps images without structure from drifting; in squares of pixels, as the sums of gradients below.
    rest = np.diag(np.array([10 * side**2] * 4 + [1, 1]) * 1e-3).astype(np.float32)
    for _ in range(rounds):
        moved, inside = _warp(second, change)
        down, right = np.gradient(moved, axis=(1, 2))
        slopes = np.stack([right * x + down * y, down * x - right * y, right, down, moved, np.ones_like(moved)], 1)
        slopes = slopes.reshape(m, 6, -1)
        weighted = slopes * inside.reshape(m, 1, -1)
        normal = weighted @ slopes.transpose(0, 2, 1) + rest
        solved = np.linalg.solve(normal.astype(np.float64), weighted @ first.reshape(m, -1, 1))[:, :, 0]
        gain = np.maximum(np.abs(solved[:, 4:5]), 0.1)
        step = np.clip(solved[:, :4] / gain, -bound / 4, bound / 4)
        change = np.clip(change + step, -bound, bound).astype(np.float32)
    return change


def _warp(images: Floats, change: Floats) -> tuple[Floats, Floats]:
    """Images [m, s, s] scaled, turned and shifted about their centre (bilinear), and 1 where a pixel came from inside, else 0."""
    m, side = images.shape[:2]
    y, x = _places(side)
    centre = (side - 1) / 2
    grow, turn, right, down = (change[:, k, None, None] for k in range(4))
    u = (1 + grow) * x - turn * y + (right + centre)
    v = turn * x + (1 + grow) * y + (down + centre)
    inside = (u >= 0) & (u <= side - 1) & (v >= 0) & (v <= side - 1)
    u, v = np.clip(u, 0, side - 1.001), np.clip(v, 0, side - 1.001)
    j, i = u.astype(np.int32), v.astype(np.int32)
    u -= j
    v -= i
    place = (np.arange(m, dtype=np.int32) * side * side)[:, None, None] + i * np.int32(side) + j
    flat = images.ravel()
    corner = flat[place]
    top = corner + u * (flat[place + 1] - corner)
    corner = flat[place + side]
    bottom = corner + u * (flat[place + side + 1] - corner)
    return np.asarray(top + v * (bottom - top), np.float32), inside.astype(np.float32)


def _fit(first: Floats, second: Floats, inside: Floats) -> tuple[Floats, Floats]:
    """Pearson's correlation [m] of images [m, s, s] over the pixels `inside`, and what is left [m, s, s] of the first after fitting the second's contrast."""
    share = inside.copy()
    share[:, :MARGIN], share[:, -MARGIN:], share[:, :, :MARGIN], share[:, :, -MARGIN:] = 0, 0, 0, 0
    share /= np.maximum(share.sum((1, 2), keepdims=True), 1)
    a = first - (first * share).sum((1, 2), keepdims=True)
    b = second - (second * share).sum((1, 2), keepdims=True)
    both, own = (a * b * share).sum((1, 2)), (b * b * share).sum((1, 2))
    # The constants are far below the noise of one grey level: images without contrast agree with nothing.
    correlation = both / np.sqrt((a * a * share).sum((1, 2)) * own + 1e-6)
    left = (a - (both / (own + 1e-3))[:, None, None] * b) * (share > 0)
    return np.asarray(correlation, np.float32), np.asarray(left, np.float32)


def _worst(left: Floats, inside: Floats) -> Floats:
    """The largest root mean square [m] of what is `left` [m, s, s], slightly blurred, over PATCHES x PATCHES patches; those half outside do not count."""
    m, side = left.shape[:2]
    patches = (m, PATCHES, side // PATCHES, PATCHES, side // PATCHES)
    power = (_blur(left) ** 2).reshape(patches).sum((2, 4))
    count = inside.reshape(patches).sum((2, 4))
    whole = count > 0.5 * (side // PATCHES) ** 2
    return np.asarray(np.sqrt(np.where(whole, power / np.maximum(count, 1), 0).max((1, 2))), np.float32)


def _cropped(sketches: NDArray[np.uint8]) -> Floats:
    """The middle of sketches [n, s, s], CROP of their sides, at the same size."""
    change = np.zeros((len(sketches), 4), np.float32)
    change[:, 0] = CROP - 1
    return _warp(sketches.astype(np.float32), change)[0]


def _places(side: int) -> tuple[Floats, Floats]:
    here = np.arange(side, dtype=np.float32) - np.float32((side - 1) / 2)
    return here[:, None], here[None, :]


def _half(images: Floats) -> Floats:
    half = SKETCH // 2
    return np.asarray(images.reshape(-1, half, 2, half, 2).mean((2, 4)), np.float32)


def _blur(images: Floats) -> Floats:
    """A binomial blur of 5 x 5 pixels."""
    for axis in (1, 2):
        width = [(0, 0), (0, 0), (0, 0)]
        width[axis] = (2, 2)
        padded = np.pad(images, width, mode="edge")
        side = images.shape[axis]
        images = np.asarray(
            sum(k * np.take(padded, np.arange(t, t + side), axis) for t, k in enumerate(KERNEL)), np.float32
        )
    return images
