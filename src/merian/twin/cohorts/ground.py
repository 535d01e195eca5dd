"""The ground that cohorts live on, and a landscape in coarser cells."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from merian.core.errors import BadSetting
from merian.twin.cohorts.settings import CohortSettings
from merian.twin.foodweb import Doubles
from merian.twin.grid.moving import Gates
from merian.twin.grid.weather import Air, season_mean
from merian.twin.landscape import Landscape

__all__ = ["Ground", "coarse"]


@dataclass(frozen=True, eq=False)
class Ground:
    """Where it lives: which cells are `land` [y, x], how wide they are, the `gates` between them, the rain of `months_mm` [12, y, x], the soil's `air`, its
    mean water over a year, its water at the start, mm [y, x], and how near to water that can be drunk, 1 at it, 0 far from it [y, x]."""

    land: npt.NDArray[np.bool_]
    width_m: float
    gates: Gates
    months_mm: Doubles
    air: Air
    mean: Doubles
    water: Doubles
    near_water: Doubles

    @classmethod
    def of(cls, landscape: Landscape, celsius: float, settings: CohortSettings) -> Ground:
        """The ground of a landscape. Raises BadSetting where it does not rain."""
        months = landscape.layers["rain"]
        if months.sum() <= 0:
            raise BadSetting("rain", 0.0, "nothing grows on a landscape without rain")
        air = Air(settings.latitude_deg, celsius, settings.range_c, settings.brim_mm)
        mean, water = season_mean(months, air, settings.days)
        land = landscape.land
        gates = Gates.of(land, landscape.layers["fences"], settings.crossing)
        near = landscape.layers["water"]
        return cls(land, landscape.frame.cell, gates, months * land, air, np.where(land, mean, 0.0), water, near)

    @property
    def cells(self) -> npt.NDArray[np.int64]:
        """The cells of land, row by row."""
        return np.flatnonzero(self.land)

    @property
    def cell_m2(self) -> float:
        """The area of a cell."""
        return self.width_m**2


def coarse(landscape: Landscape, rows: int) -> Landscape:
    """The landscape in at most so many rows (or columns, where it is wider) of square cells, each of whole cells (0: as it is).

    Layers are means; a cell is land where half of it is, has water where any of it has, and is fenced along an edge where most of that was: fences within new
    cells are lost. Raises BadSetting for a landscape that cannot be cut so.
    """
    frame = landscape.frame
    if rows == 0 or max(frame.rows, frame.columns) <= rows:
        return landscape
    least = -(-max(frame.rows, frame.columns) // rows)
    fits = [n for n in range(least, frame.rows + 1) if frame.rows % n == 0 and frame.columns % n == 0]
    if not fits:
        said = f"{frame.rows} x {frame.columns} cells cannot be put together in squares of {least} or more a side; 0 keeps them"
        raise BadSetting("rows", rows, said)
    times = fits[0]

    def cut(name: str) -> Doubles:
        values = landscape.layers[name]
        shape = (*values.shape[:-2], frame.rows // times, times, frame.columns // times, times)
        return values.reshape(shape)

    land = cut("elevation") > 0
    share = land.mean((1, 3))
    kept = share >= min(0.5, float(share.max()))
    height = np.where(land, cut("elevation"), 0.0).sum((1, 3)) / np.maximum(land.sum((1, 3)), 1)
    layers = {name: cut(name).mean((-3, -1)) for name in landscape.layers}
    layers["elevation"] = np.where(kept, height, np.minimum(layers["elevation"], 0.0))
    layers["water"] = cut("water").max((1, 3))
    if not (layers["water"][kept] > 0).any():
        layers["water"] = kept.astype(float)
    bits, fenced = cut("fences").astype(int), np.zeros(kept.shape)
    for bit, edge, axis in ((1, bits[:, 0], 2), (2, bits[..., -1], 1), (4, bits[:, -1], 2), (8, bits[..., 0], 1)):
        fenced += bit * (((edge & bit) > 0).mean(axis) > 0.5)
    layers["fences"] = fenced
    coarser = replace(frame, rows=kept.shape[0], columns=kept.shape[1], cell=frame.cell * times)
    return Landscape(coarser, layers)
