"""Laws of Field and Grid: every point has its cell, and resampling conserves totals."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from lineages import FAST

from merian.core.errors import BadData, Mismatch
from merian.core.fields import Field, Grid

DEGREES = st.floats(-90, 90)
POINTS = st.lists(st.tuples(DEGREES, DEGREES), min_size=1, max_size=20)
CELLS = st.sampled_from([0.1, 0.25, 1 / 3, 0.7, 1.0, 5.0])


@FAST
@given(st.integers(1, 9), st.integers(1, 9), st.integers(1, 12), st.integers(0, 999))
def test_coarsening_conserves_the_total(rows: int, columns: int, factor: int, seed: int) -> None:
    values = np.random.default_rng(seed).random((rows, columns))
    field = Field(Grid(0.0, 0.0, 1.0, rows, columns), values, "mass", "kg")
    coarse = field.coarsen(factor)
    assert coarse.total() == pytest.approx(field.total())
    assert coarse.unit == "kg"
    assert coarse.grid.cell_deg == factor


@FAST
@given(POINTS, CELLS, st.integers(1, 4))
def test_counting_on_coarse_cells_is_coarsening_the_count(
    points: list[tuple[float, float]], cell: float, factor: int
) -> None:
    lat, lon = np.array(points).T
    grid = Grid.around(lat, lon, cell)
    fine = Field.count(grid, lat, lon, "records")
    assert fine.total() == len(points)
    coarse = fine.coarsen(factor)
    cells = grid.cells(lat, lon)
    rows_of, columns_of = cells // grid.columns, cells % grid.columns
    # rows are counted from the south, where the grid hangs
    north = coarse.grid.rows - 1 - (grid.rows - 1 - rows_of) // factor
    expected = np.zeros(coarse.grid.shape)
    np.add.at(expected, (north, columns_of // factor), 1)
    assert (coarse.values == expected).all()


@FAST
@given(POINTS, CELLS)
def test_the_grid_around_points_holds_them_all(points: list[tuple[float, float]], cell: float) -> None:
    lat, lon = np.array(points).T
    grid = Grid.around(lat, lon, cell)
    cells = grid.cells(lat, lon)
    assert (cells >= 0).all()
    south = grid.south_deg + (grid.rows - 1 - cells // grid.columns) * cell
    west = grid.west_deg + cells % grid.columns * cell
    assert (np.abs(lat - south - cell / 2) <= cell / 2 + 1e-9).all()
    assert (np.abs(lon - west - cell / 2) <= cell / 2 + 1e-9).all()


def test_a_point_a_hair_below_a_cell_border_is_inside() -> None:
    point = np.nextafter(0.6, 0)
    assert Grid.around([point], [point], 0.1).cells([point], [point]).tolist() == [0]


def test_points_outside_have_no_cell() -> None:
    grid = Grid(0.0, 0.0, 1.0, 2, 2)
    assert grid.cells([0.5, 1.5, 2.0, -0.1, np.nan], [0.5, 0.5, 0.5, 0.5, 0.5]).tolist() == [2, 0, -1, -1, -1]
    assert Field.count(grid, [0.5, 9.0], [1.5, 0.5], "n").values.tolist() == [[0, 0], [0, 1]]


@pytest.mark.parametrize("wrong", [(0.0, 1, 1), (-1.0, 1, 1), (float("nan"), 1, 1), (1.0, 0, 1), (1.0, 1, 0)])
def test_what_is_no_grid_is_refused(wrong: tuple[float, int, int]) -> None:
    with pytest.raises(BadData, match="is no grid"):
        Grid(0.0, 0.0, *wrong)


def test_what_is_no_field_is_refused() -> None:
    grid = Grid(0.0, 0.0, 1.0, 2, 3)
    with pytest.raises(BadData, match="unit"):
        Field(grid, np.zeros((2, 3)), "mass", "")
    with pytest.raises(Mismatch):
        Field(grid, np.zeros((3, 2)), "mass", "kg")
    with pytest.raises(BadData, match="at least 1"):
        Field(grid, np.zeros((2, 3)), "mass", "kg").coarsen(0)
    for lat in ([], [np.nan], [np.inf]):
        with pytest.raises(BadData, match="at least one point"):
            Grid.around(lat, lat, 1.0)
