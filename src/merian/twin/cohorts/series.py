"""Logarithms, powers and turns of many numbers at once, as series: loops without a call or a branch, which a processor goes through several numbers at a time.

Each is right to a few units in the last place; the library's functions, one number after the other, take three to ten times as long.
"""

from __future__ import annotations

import math

import numpy as np

from merian.twin.compiled import compiled
from merian.twin.foodweb import Doubles

__all__ = ["logarithms", "powers", "turned"]

FRACTION, UNIT = np.int64(2**52 - 1), np.int64(1023 << 52)
"""The bits of a number after its first, and those of the exponent of 1."""
LN2_HIGH, LN2_LOW, PER_LN2 = 0.693147180369123816490, 1.90821492927058770002e-10, 1.0 / 0.6931471805599453
"""ln 2 in two parts, of which the first times a small whole number is exact."""
LARGEST = 44.0
TWOS = 2.0 ** np.arange(-64, 65)
A3, A5, A7, A9, A11, A13, A15, A17, A19, A21 = (2.0 / n for n in range(3, 22, 2))
E2, E3, E4, E5, E6, E7, E8, E9, E10, E11, E12, E13 = (1.0 / math.factorial(n) for n in range(2, 14))
S3, S5, S7, S9, S11, S13, S15 = (-1.0 / 6, 1.0 / 120, *((-1) ** (n // 2) / math.factorial(n) for n in range(7, 16, 2)))
C4, C6, C8, C10, C12, C14, C16 = ((-1) ** (n // 2) / math.factorial(n) for n in range(4, 17, 2))


@compiled
def logarithms(values: Doubles, out: Doubles) -> None:
    """The natural logarithms of `values` [n], above 1e-300, into `out` [n], another array.

    A number is 2^k (1 + s) / (1 - s) with s from -0.172 to 0.172, and its logarithm k ln 2 + 2 (s + s^3 / 3 + s^5 / 5 ...).
    """
    bits, whole = values.view(np.int64), out.view(np.int64)
    for at in range(len(values)):
        whole[at] = (bits[at] & FRACTION) | UNIT
    for at in range(len(values)):
        one = out[at]
        over = one > 1.4142135623730951
        times = float((bits[at] >> 52) - 1023) + (1.0 if over else 0.0)
        one = 0.5 * one if over else one
        s = (one - 1.0) / (one + 1.0)
        z = s * s
        high = ((((A21 * z + A19) * z + A17) * z + A15) * z + A13) * z + A11
        low = ((((high * z + A9) * z + A7) * z + A5) * z + A3) * z
        out[at] = times * LN2_HIGH + (times * LN2_LOW + (low * s + 2.0 * s))


@compiled
def powers(values: Doubles, exponents: Doubles, out: Doubles) -> None:
    """`values` to the power of `exponents` [n] into `out` [n], another array; values above 1e-300, results from 1e-19 to 1e19. 1 to any power is 1."""
    logarithms(values, out)
    for at in range(len(values)):
        x = min(max(exponents[at] * out[at], -LARGEST), LARGEST)
        times = math.floor(x * PER_LN2 + 0.5)
        r = (x - times * LN2_HIGH) - times * LN2_LOW
        high = (((((E13 * r + E12) * r + E11) * r + E10) * r + E9) * r + E8) * r + E7
        low = (((((high * r + E6) * r + E5) * r + E4) * r + E3) * r + E2) * r + 1.0
        out[at] = (low * r + 1.0) * TWOS[int(times) + 64]


@compiled
def turned(turns: Doubles, ahead: Doubles, aside: Doubles) -> None:
    """Cosine and sine of so many `turns` of the circle [n], from 0 to 1, into `ahead` and `aside` [n]."""
    for at in range(len(turns)):
        quarter = math.floor(4.0 * turns[at] + 0.5)
        r = (turns[at] - 0.25 * quarter) * (2.0 * math.pi)
        z = r * r
        sine = ((((((S15 * z + S13) * z + S11) * z + S9) * z + S7) * z + S5) * z + S3) * z * r + r
        cosine = ((((((C16 * z + C14) * z + C12) * z + C10) * z + C8) * z + C6) * z + C4) * z * z - 0.5 * z + 1.0
        which = int(quarter) & 3
        swaps = (which & 1) == 1
        x, y = (sine if swaps else cosine), (cosine if swaps else sine)
        ahead[at] = -x if which in (1, 2) else x
        aside[at] = -y if which >= 2 else y
