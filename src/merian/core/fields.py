"""A Field is values on a Grid, with a name and a unit. Resampling conserves totals."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from merian.core.errors import BadData, Mismatch

__all__ = ["Field", "Grid"]

Doubles = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Grid:
    """A raster of `rows` x `columns` equal cells in degrees (WGS 84); row 0 is the northernmost, column 0 the westernmost."""

    west_deg: float
    south_deg: float
    cell_deg: float
    rows: int
    columns: int

    def __post_init__(self) -> None:
        if not self.cell_deg > 0 or self.rows < 1 or self.columns < 1:
            raise BadData("grid", f"{self.rows} x {self.columns} cells of {self.cell_deg} degrees is no grid")

    @classmethod
    def around(cls, latitude: npt.ArrayLike, longitude: npt.ArrayLike, cell_deg: float) -> Grid:
        """The smallest grid of such cells, aligned to multiples of the cell, that holds all the points."""
        lat, lon = np.asarray(latitude, float), np.asarray(longitude, float)
        if not lat.size or not (np.isfinite(lat).all() and np.isfinite(lon).all()):
            raise BadData("grid", "needs at least one point, and finite ones")
        west, south = (np.floor(v.min() / cell_deg) * cell_deg for v in (lon, lat))
        columns, rows = (int(np.floor((v.max() - o) / cell_deg)) + 1 for v, o in ((lon, west), (lat, south)))
        return cls(float(west), float(south), cell_deg, rows, columns)

    @property
    def shape(self) -> tuple[int, int]:
        """(rows, columns)."""
        return self.rows, self.columns

    def cells(self, latitude: npt.ArrayLike, longitude: npt.ArrayLike) -> npt.NDArray[np.int64]:
        """The flat number of each point's cell, -1 outside the grid: int64 [n]."""
        x = np.floor((np.asarray(longitude, float) - self.west_deg) / self.cell_deg)
        y = self.rows - 1 - np.floor((np.asarray(latitude, float) - self.south_deg) / self.cell_deg)
        inside = (x >= 0) & (x < self.columns) & (y >= 0) & (y < self.rows)
        return np.where(inside, y * self.columns + x, -1).astype(np.int64)


@dataclass(frozen=True, eq=False)
class Field:
    """`values` [rows, columns] on `grid`, called `name`, in `unit` ("1" for a pure number)."""

    grid: Grid
    values: Doubles
    name: str
    unit: str

    def __post_init__(self) -> None:
        if self.values.shape != self.grid.shape:
            raise Mismatch("values and grid", self.values.shape, self.grid.shape)
        if not self.unit:
            raise BadData(self.name, "a field needs a unit; a pure number has the unit '1'")

    @classmethod
    def count(cls, grid: Grid, latitude: npt.ArrayLike, longitude: npt.ArrayLike, name: str) -> Field:
        """How many points lie in each cell; points outside the grid are not counted."""
        cells = grid.cells(latitude, longitude)
        counts = np.bincount(cells[cells >= 0], minlength=grid.rows * grid.columns)
        return cls(grid, counts.reshape(grid.shape).astype(float), name, "count")

    def total(self) -> float:
        """The sum over all cells."""
        return float(self.values.sum())

    def coarsen(self, factor: int) -> Field:
        """The field on cells `factor` times as wide, values summed (amounts, not densities): the total stays the same."""
        if factor < 1:
            raise BadData("factor", f"{factor} must be at least 1")
        rows, columns = (-(-size // factor) for size in self.grid.shape)
        padded = np.zeros((rows * factor, columns * factor))
        # the grid hangs from its south-west corner, so padding goes north and east
        padded[rows * factor - self.grid.rows :, : self.grid.columns] = self.values
        values = padded.reshape(rows, factor, columns, factor).sum((1, 3))
        grid = Grid(self.grid.west_deg, self.grid.south_deg, self.grid.cell_deg * factor, rows, columns)
        return Field(grid, values, self.name, self.unit)
