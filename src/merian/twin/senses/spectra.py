"""Light by wavelength: daylight of the CIE, and the spectra that stand for the red, green and blue of a screen or photo.

A photo holds three numbers a pixel, an eye catches a spectrum. Of all spectra a colour may have a smooth one is taken: the spectra of sRGB's three primaries
are from 0 on, add up to a flat white, give each primary its colour under D65 for the CIE 1931 observer, change little from one wavelength to the next, and go
to grey where the three numbers say nothing. So Mallett & Yuksel 2019 (Spectral Primary Decomposition for Rendering with sRGB Reflectance, EGSR) pose it; it is
solved here anew. What receptors catch differs by 0.035 at most between theirs and this (0.01 but for violet cones): so much is open about a photo's colours.
All on 380 to 780 nm every 5 nm; ultraviolet is no part of an RGB photo.
"""

from __future__ import annotations

import functools
from pathlib import Path

import numpy as np

from merian.twin.foodweb import Doubles

__all__ = ["VISIBLE_NM", "daylight", "observer", "primaries", "srgb_to_xyz"]

FOLDER = Path(__file__).parent
VISIBLE_NM = np.arange(380.0, 780.1, 5.0)
"""Wavelengths of the primaries and of the observer."""
D65_K = 6504.0
"""Correlated colour temperature of D65 on the scale of temperature in use since 1968 (CIE 015)."""
PRIMARIES = ((0.64, 0.33), (0.30, 0.60), (0.15, 0.06))
"""Chromaticities of sRGB's red, green and blue (IEC 61966-2-1)."""
GREY = 0.1
"""Weight of being grey (a third each) beside that of being smooth. From taste: the receptors of the published solution come out nearest."""
FIRM = 1e5
"""Weight of what must hold beside what is wished for: it then holds within 1e-9."""


@functools.cache
def observer() -> Doubles:
    """The colour matching functions of the CIE 1931 observer at VISIBLE_NM (CIE 018:2019): [81, 3]."""
    return np.asarray(np.loadtxt(FOLDER / "observer.csv", delimiter=",", skiprows=1)[:, 1:])


def daylight(nm: Doubles, kelvin: float = D65_K) -> Doubles:
    """Power of daylight of a colour temperature (4,000 to 25,000 K) by wavelength, 100 at 560 nm, between 300 and 780 nm.

    CIE 015: S0 + M1 S1 + M2 S2, the table of S at 10 nm, between its lines linear; M rounded to three places as the standard does.
    """
    table = np.loadtxt(FOLDER / "daylight.csv", delimiter=",", skiprows=1)
    t = 1000.0 / kelvin
    if kelvin <= 7000:
        x = ((-4.6070 * t + 2.9678) * t + 0.09911) * t + 0.244063
    else:
        x = ((-2.0064 * t + 1.9018) * t + 0.24748) * t + 0.237040
    y = (-3.000 * x + 2.870) * x - 0.275
    under = 0.0241 + 0.2562 * x - 0.7341 * y
    first = round((-1.3515 - 1.7703 * x + 5.9114 * y) / under, 3)
    second = round((0.0300 - 31.4424 * x + 30.0717 * y) / under, 3)
    power = table[:, 1] + first * table[:, 2] + second * table[:, 3]
    return np.asarray(np.interp(nm, table[:, 0], power))


def srgb_to_xyz() -> Doubles:
    """The matrix from linear sRGB to XYZ under the D65 of `daylight`, white of luminance 1: [3, 3]."""
    columns = np.array([[x / y, 1.0, (1 - x - y) / y] for x, y in PRIMARIES]).T
    return np.asarray(columns * np.linalg.solve(columns, _weights().sum(0)))


def _weights() -> Doubles:
    """What each wavelength of a white adds to X, Y and Z under D65, Y of white 1: [81, 3]."""
    found = observer() * daylight(VISIBLE_NM)[:, None]
    return np.asarray(found / found[:, 1].sum())


@functools.cache
def primaries() -> Doubles:
    """The share of light that sRGB's red, green and blue reflect at VISIBLE_NM: [81, 3], from 0 on, each row adding up to 1."""
    from scipy.optimize import nnls

    size = len(VISIBLE_NM)
    smooth = np.diff(np.eye(size), axis=0)
    rows = [np.kron(np.eye(3), smooth), GREY**0.5 * np.eye(3 * size)]
    rows.append(FIRM * np.kron(np.eye(3), _weights().T))
    rows.append(FIRM * np.kron(np.ones((1, 3)), np.eye(size)))
    wishes = [np.zeros(3 * (size - 1)), np.full(3 * size, GREY**0.5 / 3)]
    wanted = np.concatenate([*wishes, FIRM * srgb_to_xyz().T.ravel(), np.full(size, FIRM)])
    found, _ = nnls(np.concatenate(rows), wanted, maxiter=10_000)
    return np.asarray(found.reshape(3, size).T)
