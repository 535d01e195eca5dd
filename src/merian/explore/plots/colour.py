"""Colours for figures: pigments that tell clades apart, a ramp for values, a chart for places, and what colour-blind eyes see of them.

Oklab is by Ottosson (2020, "A perceptual color space for image processing"); its distances are near those that people see. Colour-vision deficiency is
simulated in linear RGB by the matrices of Machado, Oliveira & Fernandes (2009, IEEE Transactions on Visualization and Computer Graphics 15:1291, table of
severity 1.0). Of the pigments and the grey, no two come nearer than 0.07 in Oklab to normal, protan and deutan eyes, and 0.05 to the rare tritan ones.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.colors import LinearSegmentedColormap, to_rgb

__all__ = [
    "FAINT",
    "GREY",
    "INK",
    "NIGHT",
    "NIGHT_GREY",
    "PAPER",
    "PIGMENTS",
    "RAMP",
    "RULE",
    "SEEN_BY",
    "clade_colours",
    "oklab",
    "place_colours",
    "ramp_hex",
    "seen",
    "srgb",
]

Doubles = npt.NDArray[np.floating[Any]]
PAPER, INK, FAINT, RULE, GREY = "#fbf8f1", "#2b2a28", "#7b766c", "#d9d2c3", "#b9b2a4"
PIGMENTS = {
    "indigo": "#32496f",
    "madder": "#ab3d0c",
    "verdigris": "#3f9268",
    "ochre": "#d4993c",
    "plum": "#715390",
    "sky": "#78a6cd",
    "olive": "#838a23",
    "rose": "#bb8d9b",
    "umber": "#7c534c",
    "slate": "#627582",
}
"""Ten colours that tell clades apart; further clades share the grey. Moved from their first places by the least that keeps them apart for all eyes."""
NIGHT = {
    "indigo": "#748db6",
    "madder": "#f7804f",
    "verdigris": "#7bc492",
    "ochre": "#f4e08d",
    "plum": "#b195e3",
    "sky": "#b5e1fe",
    "olive": "#c5cb5e",
    "rose": "#fac3c6",
    "umber": "#bc8a86",
    "slate": "#a5b3c8",
}
"""The same ten for a dark page."""
NIGHT_GREY = "#655f55"
SEEN_BY: dict[str, npt.NDArray[np.float64]] = {
    "normal": np.eye(3),
    "protan": np.array(
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]
    ),
    "deutan": np.array(
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]
    ),
    "tritan": np.array(
        [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]]
    ),
}
"""Kind of eyes -> what they make of linear RGB, at full severity."""
_LMS = np.array(
    [
        [0.4122214708, 0.5363325363, 0.0514459929],
        [0.2119034982, 0.6806995451, 0.1073969566],
        [0.0883024619, 0.2817188376, 0.6299787005],
    ]
)
_LAB = np.array(
    [
        [0.2104542553, 0.7936177850, -0.0040720468],
        [1.9779984951, -2.4285922050, 0.4505937099],
        [0.0259040371, 0.7827717662, -0.8086757660],
    ]
)


def _linear(rgb: Doubles) -> Doubles:
    return np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)


def _encoded(linear: Doubles) -> Doubles:
    linear = np.clip(linear, 0, 1)
    return np.where(linear <= 0.0031308, linear * 12.92, 1.055 * linear ** (1 / 2.4) - 0.055)


def oklab(rgb: Doubles) -> Doubles:
    """Lightness, green-red and blue-yellow of sRGB colours [n, 3] in 0 to 1 (Ottosson 2020): [n, 3]."""
    return np.asarray(np.cbrt(_linear(rgb) @ _LMS.T) @ _LAB.T)


def srgb(lab: Doubles) -> Doubles:
    """sRGB colours in 0 to 1 from Oklab [n, 3], cut where the screen has no such colour: [n, 3]."""
    return _encoded((lab @ np.linalg.inv(_LAB).T) ** 3 @ np.linalg.inv(_LMS).T)


def seen(rgb: Doubles, by: str) -> Doubles:
    """What sRGB colours [n, 3] look like to eyes of a kind (a key of SEEN_BY), after Machado et al. (2009): [n, 3]."""
    return _encoded(_linear(rgb) @ SEEN_BY[by].T)


def _ramp() -> LinearSegmentedColormap:
    """Ochre to verdigris to indigo, equally stepped in Oklab with lightness falling evenly: for values."""
    lab = oklab(np.array([to_rgb(c) for c in ("#e9bf62", "#86ab6f", "#3f8a86", "#345f8d", "#2c2f5e")]))
    lab[:, 0] = np.linspace(lab[0, 0], lab[-1, 0], len(lab))
    along = np.linspace(0, 1, 64)
    fine = np.stack([np.interp(along, np.linspace(0, 1, len(lab)), column) for column in lab.T], 1)
    return LinearSegmentedColormap.from_list("merian", srgb(fine).tolist())


RAMP = _ramp()


def ramp_hex(steps: int = 9, night: bool = False) -> list[str]:
    """Colours along the ramp as #rrggbb; for a dark page it runs from dim to light, so that more is always further from the paper."""
    rgb = RAMP(np.linspace(0, 1, steps))[:, :3]
    if night:
        lab = oklab(rgb)[::-1]
        lab[:, 0] = np.linspace(0.46, 0.9, steps)
        rgb = srgb(lab)
    return ["#" + "".join(f"{round(255 * float(c)):02x}" for c in colour) for colour in rgb]


def clade_colours(names: list[str], night: bool = False) -> dict[str, str]:
    """A colour for each of the first ten names, in their order; the others share the grey."""
    return dict(zip(names, (NIGHT if night else PIGMENTS).values(), strict=False))


def place_colours(lat: Doubles, lon: Doubles, box: tuple[float, float, float, float] | None = None) -> Doubles:
    """sRGB colours [n, 3] of places in degrees: lightness rises from south to north, blue turns into orange from west to east.

    Both directions stay visible to protan and deutan eyes, which lack red against green alone. `box` is south, north, west, east: the edges of the scheme
    (the data's own when None). Longitude is cut at 180 degrees: places on its two sides get opposite colours. Unknown places (nan) give nan.
    """
    south, north, west, east = box or (np.nanmin(lat), np.nanmax(lat), np.nanmin(lon), np.nanmax(lon))
    up = np.clip((lat - south) / max(north - south, 1e-9), 0, 1)
    right = 2 * np.clip((lon - west) / max(east - west, 1e-9), 0, 1) - 1
    lab = np.stack([0.40 + 0.38 * up, 0.045 * right * np.abs(right) + 0.01, 0.12 * right - 0.01], -1)
    return np.where(np.isfinite(lat + lon)[..., None], srgb(np.nan_to_num(lab)), np.nan)
