"""A picture as a species' eyes take it in, made from its optics in NumPy: what the viewer's shaders are held against.

light in (linear red, green, blue, and ultraviolet) -> blurred by acuity -> caught by receptors -> shown in colours of our own.

The last step is a translation. One receptor: grey. Two: red and green show the long one's catch, blue the short one's. Three: long, middle and short are shown
as red, green and blue, but for humans, who see the light itself. Four: the same with the three long ones, and magenta is added where the shortest catches more
than they. What it is like for the animal, nobody knows.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from merian.core.errors import BadData, BadSetting
from merian.twin.foodweb import Doubles
from merian.twin.senses.eyes import Eyes, eyes_of
from merian.twin.senses.optics import LIGHTS, blur_deg
from merian.twin.senses.receptors import ULTRAVIOLET_NM, receptor_matrix

__all__ = ["ROD_NM", "blurred", "caught", "optics_of", "seen", "shown", "to_linear", "to_srgb", "translation"]

HUMAN = "Homo sapiens"
ROD_NM = 498.0
"""Peak of the rods of most vertebrates (rhodopsin)."""
SHARP_PX = 0.5
"""A blur narrower than this, in pixels, is left out: the pixels themselves blur more."""
SEEN_SHARE = 0.05
"""A receptor that catches a larger share of a white in the ultraviolet is one of ultraviolet as well. From taste."""
GAIN = 0.3
"""How bright a white is shown at night to eyes as sensitive as ours. From taste."""


def to_linear(srgb: npt.NDArray[np.uint8]) -> Doubles:
    """Light from the 8 bits of sRGB: 0 to 1 (IEC 61966-2-1)."""
    value = np.arange(256) / 255.0
    table = np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)
    return np.asarray(table[srgb])


def to_srgb(linear: Doubles) -> npt.NDArray[np.uint8]:
    """The 8 bits of sRGB of light, clipped to 0 to 1."""
    value = np.clip(linear, 0.0, 1.0)
    coded = np.where(value <= 0.0031308, 12.92 * value, 1.055 * value ** (1 / 2.4) - 0.055)
    return np.round(255.0 * coded).astype(np.uint8)


def blurred(image: Doubles, sigma_px: float) -> Doubles:
    """An image [y, x] or [y, x, c] under a Gaussian of so many pixels, mirrored at its edges; the same below SHARP_PX.

    Done on its cosines, where a Gaussian is a product: exact for any width, and the mean stays.
    """
    from scipy.fft import dctn, idctn

    if sigma_px < SHARP_PX:
        return image
    waves = dctn(image, axes=(0, 1), norm="ortho")
    for axis in (0, 1):
        angle = np.pi * np.arange(image.shape[axis]) / image.shape[axis]
        fall = np.exp(-0.5 * (sigma_px * angle) ** 2)
        waves *= fall.reshape([-1 if k == axis else 1 for k in range(image.ndim)])
    return np.asarray(idctn(waves, axes=(0, 1), norm="ortho"))


def caught(image: Doubles, ultraviolet: Doubles | float, eyes: Eyes, rods: bool = False) -> Doubles:
    """What each receptor catches, 1 for a white: [y, x, r], of linear RGB [y, x, 3] and ultraviolet [y, x] (or the same everywhere).

    rods: by the rods alone, [y, x, 1]. Raises BadData for shapes that do not fit, or light below 0.
    """
    if image.ndim != 3 or image.shape[2] != 3:
        raise BadData("image", f"is [y, x, 3], not {image.shape}")
    dark = np.broadcast_to(np.asarray(ultraviolet, float), image.shape[:2]) if np.ndim(ultraviolet) in (0, 2) else None
    if dark is None or not (image >= 0).all() or not (dark >= 0).all():
        raise BadData("image", "has light from 0 on in each pixel, and ultraviolet one number for each or for all")
    matrix = eyes.matrix
    if rods:
        share = eyes.facts.get("ultraviolet")
        matrix = receptor_matrix([ROD_NM], 0.0 if share is None else share.value)
    return np.asarray(image @ matrix[:, :3].T + dark[..., None] * matrix[:, 3])


def translation(eyes: Eyes) -> str:
    """How the catches are shown in colours of ours, in words."""
    peaks = eyes.facts["receptors_nm"].values
    beyond = peaks[0] < ULTRAVIOLET_NM
    if len(peaks) == 1:
        return "one receptor: grey"
    if len(peaks) == 2:
        return "two receptors: yellow is the long one, blue the short one" + (" (ultraviolet)" if beyond else "")
    if eyes.name == HUMAN:
        return "three receptors, ours: the light itself"
    if len(peaks) == 3:
        return "three receptors, in false colours" + (": blue is ultraviolet" if beyond else "")
    more = "ultraviolet" if beyond or eyes.matrix[0, 3] > SEEN_SHARE else "violet"
    return f"four receptors, in false colours: magenta where there is more {more} than in white"


def optics_of(eyes: Eyes) -> dict[str, Any]:
    """The eyes of a species with what a shader needs ready made: acuity by light, the row of the rods, and how colours are translated."""
    share = eyes.facts.get("ultraviolet")
    rod = receptor_matrix([ROD_NM], 0.0 if share is None else share.value)[0]
    acuity = {light: round(float(eyes.acuity(light)), 6) for light in LIGHTS}
    return eyes.described() | {"acuity": acuity, "rod": rod.round(6).tolist(), "translation": translation(eyes)}


def shown(catches: Doubles, eyes: Eyes) -> Doubles:
    """Linear sRGB [y, x, 3] that stands for catches [y, x, r] on a screen (see above), not clipped. White is white."""
    count = catches.shape[2]
    if count == 1:
        return np.repeat(catches, 3, 2)
    if count == 2:
        return np.asarray(catches[..., [1, 1, 0]])
    if eyes.name == HUMAN:
        return np.asarray(catches @ np.linalg.inv(eyes.matrix[:, :3]).T)
    colours = catches[..., [-1, -2, -3]].copy()
    if count > 3:
        colours[..., [0, 2]] += np.maximum(catches[..., 0] - colours.mean(2), 0.0)[..., None]
    return np.asarray(colours)


def seen(
    image: Doubles,
    species: str | Eyes,
    px_per_degree: float,
    light: str = "day",
    ultraviolet: Doubles | float = 0.0,
    chance: np.random.Generator | None = None,
) -> Doubles:
    """What stands on a screen for linear RGB [y, x, 3] as a species' eyes take it in: linear sRGB [y, x, 3] from 0 to 1.

    px_per_degree: how many pixels fill a degree of its field. ultraviolet: [y, x] or one share for all. light: of LIGHTS. chance: draws the grain of dim light,
    none without. In dim light a picture is as bright and as smooth as the eyes need less light than ours. Raises BadSetting for a light or scale that is none.
    """
    eyes = eyes_of(species) if isinstance(species, str) else species
    if not px_per_degree > 0:
        raise BadSetting("px_per_degree", px_per_degree, "is above 0")
    sigma = float(blur_deg(eyes.acuity(light))) * px_per_degree
    rods = LIGHTS[light].rods and eyes.rods
    catches = np.maximum(blurred(caught(image, ultraviolet, eyes, rods), sigma), 0.0)
    photons = LIGHTS[light].photons
    if np.isfinite(photons):
        times = eyes.facts["dim"].value if "dim" in eyes.facts else 1.0
        if chance is not None:
            # one count for each patch that the eye tells apart; the grain is as coarse as its blur
            grain = blurred(chance.standard_normal(catches.shape), sigma) * max(2.0 * np.sqrt(np.pi) * sigma, 1.0)
            catches = np.maximum(catches + np.sqrt(catches / (photons * times)) * grain, 0.0)
        if LIGHTS[light].rods:
            catches = catches * min(GAIN * times, 1.0)
    return np.asarray(np.clip(shown(catches, eyes) if not rods else np.repeat(catches, 3, 2), 0.0, 1.0))
