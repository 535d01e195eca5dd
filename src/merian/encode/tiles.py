"""Products of rows stored in float16, in a tile of four by four: the only home of Numba here. Importing it compiles, once for a machine."""

from __future__ import annotations

from typing import Any, cast

import numba
import numpy as np

__all__ = ["dots"]

u4, f4 = np.uint32, np.float32


def _widen(bits: Any) -> Any:
    """The float32 of a normal float16 given by its bits; smaller ones are zero."""
    h = u4(bits)
    size = ((h & u4(0x7FFF)) << u4(13)) + u4(112 << 23)
    size = u4(size) if (h & u4(0x7C00)) != u4(0) else u4(0)
    return u4(size | ((h & u4(0x8000)) << u4(16))).view(np.float32)


_widened = numba.njit(inline="always")(_widen)


def _dots(rows: Any, vectors: Any, out: Any) -> None:
    d = rows.shape[1]
    wide = np.empty((64, d), np.float32)
    for low in range(0, len(rows), 64):
        count = min(64, len(rows) - low)
        for i in range(count):
            for k in range(d):
                wide[i, k] = _widened(rows[low + i, k])
        for j in range(0, len(vectors), 4):
            for i in range(0, count, 4):
                a0 = a1 = a2 = a3 = b0 = b1 = b2 = b3 = f4(0)
                c0 = c1 = c2 = c3 = d0 = d1 = d2 = d3 = f4(0)
                for k in range(d):
                    x0, x1, x2, x3 = vectors[j, k], vectors[j + 1, k], vectors[j + 2, k], vectors[j + 3, k]
                    a, b, c, e = wide[i, k], wide[i + 1, k], wide[i + 2, k], wide[i + 3, k]
                    a0, a1, a2, a3 = a0 + a * x0, a1 + a * x1, a2 + a * x2, a3 + a * x3
                    b0, b1, b2, b3 = b0 + b * x0, b1 + b * x1, b2 + b * x2, b3 + b * x3
                    c0, c1, c2, c3 = c0 + c * x0, c1 + c * x1, c2 + c * x2, c3 + c * x3
                    d0, d1, d2, d3 = d0 + e * x0, d1 + e * x1, d2 + e * x2, d3 + e * x3
                at = low + i
                out[j, at], out[j, at + 1], out[j, at + 2], out[j, at + 3] = a0, b0, c0, d0
                out[j + 1, at], out[j + 1, at + 1], out[j + 1, at + 2], out[j + 1, at + 3] = a1, b1, c1, d1
                out[j + 2, at], out[j + 2, at + 1], out[j + 2, at + 2], out[j + 2, at + 3] = a2, b2, c2, d2
                out[j + 3, at], out[j + 3, at + 1], out[j + 3, at + 2], out[j + 3, at + 3] = a3, b3, c3, d3


MAY = {"reassoc", "contract", "nsz"}
"""What the compiler may assume of sums, so that it can run sixteen at once."""
dots = cast(
    Any, numba.njit("void(uint16[:, ::1], float32[:, ::1], float32[:, :])", nogil=True, cache=True, fastmath=MAY)(_dots)
)
