"""What receptors catch of a picture: matrices from linear red, green, blue and ultraviolet to the catch of each, made from the wavelength of its peak.

A receptor's sensitivity is the template of Govardovskii et al. 2000 (Vis. Neurosci. 17:509, visual pigments of vitamin A1), whose one number is the peak. Its
catch is counted in photons under D65 and divided by that of a white, so every row adds up to 1 and white looks white to every animal (von Kries). The fourth
column is ultraviolet below 400 nm, which no photo holds: it must be authored. Filters of the eye (oil droplets, macula, a yellow lens) are not in it, but for
the share of ultraviolet that the eye lets through.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence

import numpy as np

from merian.core.errors import BadSetting
from merian.twin.foodweb import Doubles
from merian.twin.senses.spectra import VISIBLE_NM, daylight, primaries

__all__ = ["PEAKS_NM", "ULTRAVIOLET_NM", "receptor_matrix", "template", "ultraviolet_share"]

ULTRAVIOLET_NM = 400.0
"""Light below this is ultraviolet here, and the fourth column."""
PEAKS_NM = (330.0, 640.0)
"""Peaks that are taken: about those of the pigments that the template was fitted to, and of insects' ultraviolet receptors below."""
FINE_NM = np.arange(300.0, 780.1, 1.0)


def template(nm: Doubles, peak_nm: float) -> Doubles:
    """The sensitivity at wavelengths (relative, about 1 at the peak) of an A1 pigment, alpha and beta band."""
    ratio = peak_nm / nm
    a = 0.8795 + 0.0459 * np.exp(-((peak_nm - 300.0) ** 2) / 11940.0)
    falls = np.exp(69.7 * (a - ratio)) + np.exp(28.0 * (0.922 - ratio)) + np.exp(-14.9 * (1.104 - ratio)) + 0.674
    beta = 0.26 * np.exp(-(((nm - (189.0 + 0.315 * peak_nm)) / (-40.5 + 0.195 * peak_nm)) ** 2))
    return np.asarray(1.0 / falls + beta)


@functools.cache
def ultraviolet_share(peak_nm: float, through: float = 1.0) -> float:
    """The share of the catch of a white under D65 that lies below 400 nm, when the eye lets `through` that share of it (0 to 1)."""
    if not PEAKS_NM[0] <= peak_nm <= PEAKS_NM[1]:
        raise BadSetting("peak_nm", peak_nm, f"a receptor peaks between {PEAKS_NM[0]:g} and {PEAKS_NM[1]:g} nm")
    if not 0.0 <= through <= 1.0:
        raise BadSetting("through", through, "is a share from 0 to 1")
    photons = template(FINE_NM, peak_nm) * daylight(FINE_NM) * FINE_NM
    below = FINE_NM < ULTRAVIOLET_NM
    dark = through * photons[below].sum()
    return float(dark / (dark + photons[~below].sum()))


def receptor_matrix(peaks_nm: Sequence[float], through: float = 0.0) -> Doubles:
    """The matrix [r, 4] from linear sRGB and ultraviolet (each 1 for a white) to the catches of r receptors; each row adds up to 1.

    through: share of ultraviolet that reaches the receptors. Raises BadSetting for a peak or share that is none.
    """
    rows = []
    for peak in peaks_nm:
        beyond = ultraviolet_share(float(peak), through)
        photons = template(VISIBLE_NM, peak) * daylight(VISIBLE_NM) * VISIBLE_NM
        rows.append([*((1.0 - beyond) * (photons @ primaries()) / photons.sum()), beyond])
    return np.array(rows).reshape(-1, 4)
