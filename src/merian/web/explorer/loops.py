"""Which points of the map lie inside a loop."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

__all__ = ["Upright"]

Doubles = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Upright:
    """Points by their height: `rows` [n] of what they were made of, `x` and `y` [n]."""

    rows: npt.NDArray[np.int64]
    x: Doubles
    y: Doubles

    @classmethod
    def of(cls, points: Doubles) -> Upright:
        """Those of places [n, 2]."""
        rows = np.argsort(points[:, 1], kind="stable")
        x, y = np.ascontiguousarray(points[rows].T)
        return cls(rows, x, y)

    def inside(self, loop: Doubles) -> npt.NDArray[np.bool_]:
        """Whether each point lies inside a loop [c, 2], its last corner joined to its first, by the even-odd rule: [n], in the order of the places.

        By crossings of a ray (Shimrat 1962, Communications of the ACM 5:434, algorithm 112); an edge is compared with the points of its own heights
        only, so that a loop of many short edges costs no more than one of few.
        """
        odd = np.zeros(len(self.y), bool)
        for (ax, ay), (bx, by) in zip(loop, np.roll(loop, -1, 0), strict=True):
            # the lower end of an edge belongs to it, the upper one to the next
            low, high = np.searchsorted(self.y, (min(ay, by), max(ay, by)))
            if low < high:
                odd[low:high] ^= self.x[low:high] < (bx - ax) * (self.y[low:high] - ay) / (by - ay) + ax
        found = np.zeros(len(odd), bool)
        found[self.rows[odd]] = True
        return found
