"""The ground of a twin: grids as they are, and what is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from merian.core.errors import BadData, BadSetting, Mismatch, Missing
from merian.twin.landscape import Frame, Landscape, generated, read_landscape

HEAD = "ncols 3\nnrows 2\nxllcorner 10\nyllcorner 20\ncellsize 5\nNODATA_value -9999\n"


def asc(path: Path, values: str, head: str = HEAD) -> Path:
    path.write_text(head + values)
    return path


def test_a_grid_and_what_is_left_out(tmp_path: Path) -> None:
    height = asc(tmp_path / "e.asc", "5 6 7\n1 2 3\n", HEAD + "crs EPSG:32736\n")
    rain = asc(
        tmp_path / "r.asc",
        "120 120 120\n240 240 240\n",
        HEAD.replace("corner", "center").replace("10", "12.5").replace("20", "22.5") + "crs EPSG:32736\n",
    )
    found = read_landscape({"elevation": height, "rain": rain})
    assert found.frame == Frame(2, 3, 5.0, 10.0, 20.0, "EPSG:32736")
    assert found.layers["elevation"].tolist() == [[5, 6, 7], [1, 2, 3]]
    assert found.layers["rain"].shape == (12, 2, 3)
    assert found.rain_mm == pytest.approx(180.0)
    assert found.layers["water"].tolist() == [[0, 0, 0], [1, 0, 0]]
    assert found.layers["fences"].sum() == 0


def test_saved_and_opened_again(tmp_path: Path) -> None:
    ground = generated("island", 3, 12, 50.0, (10.0,) * 12)
    ground.save(tmp_path / "land")
    again = Landscape.load(tmp_path / "land")
    assert again.frame == ground.frame
    assert all(np.array_equal(again.layers[name], ground.layers[name]) for name in ground.layers)
    with pytest.raises(Missing, match="a landscape"):
        Landscape.load(tmp_path)


def test_numpy_rasters_and_their_reference_system(tmp_path: Path) -> None:
    np.save(tmp_path / "e.npy", np.full((4, 4), 5.0))
    np.save(tmp_path / "rain.npy", np.full((12, 4, 4), 50.0))
    files = {"elevation": tmp_path / "e.npy", "rain": tmp_path / "rain.npy"}
    assert read_landscape(files, 30.0).rain_mm == 600.0
    with pytest.raises(BadSetting, match="cell_m"):
        read_landscape(files)
    (tmp_path / "e.prj").write_text("EPSG:32736\n")
    (tmp_path / "rain.prj").write_text("EPSG:4326\n")
    with pytest.raises(
        Mismatch, match=r"reference systems of e\.npy and rain\.npy .* crs EPSG:32736 and .* crs EPSG:4326"
    ):
        read_landscape(files, 30.0)


@pytest.mark.parametrize(
    ("values", "head", "said"),
    [
        ("5 6 -9999\n1 nan 3\n", HEAD, r"2 cells have no value .*\(\(0, 2\), \(1, 1\)\)"),
        ("5 6 7\n1 2\n", HEAD, "says 2 x 3 cells and has 5"),
        ("5 6 7\n1 2 x\n", HEAD, "not an ESRI ASCII grid"),
        ("5 6 7\n1 2 3\n", "ncols 3\n", "not an ESRI ASCII grid: 'nrows'"),
        ("-5 -6 -7\n-1 -2 -3\n", HEAD, "is all sea"),
        ("5 6 7\n1 2 99999\n", HEAD, r"layer 'elevation': has cells .*99999\.0 at \(1, 2\)"),
        ("5 6 7\n1 2 3\n", HEAD.replace("cellsize 5", "cellsize 0.00833"), "cells of 0.00833 are in degrees"),
        ("5 6 7\n1 2 3\n", HEAD + "crs EPSG:4326\n", r"cells of 5 are in degrees.*\(EPSG:4326\)"),
        ("5 6 7\n1 2 3\n", HEAD + 'crs GEOGCS["WGS 84"]\n', "are in degrees"),
        ("1 2 3\n", "ncols 300000\nnrows 300000\ncellsize 1\n", "are more than"),
    ],
)
def test_rasters_that_are_wrong(tmp_path: Path, values: str, head: str, said: str) -> None:
    with pytest.raises(BadData, match=said):
        read_landscape({"elevation": asc(tmp_path / "e.asc", values, head)})


def test_rasters_that_lie_elsewhere(tmp_path: Path) -> None:
    height = asc(tmp_path / "e.asc", "5 6 7\n1 2 3\n")
    trees = asc(tmp_path / "t.asc", "0 0 0\n0 0 0\n", HEAD.replace("10", "11"))
    with pytest.raises(Mismatch, match=r"rasters of e\.asc and t\.asc .*from \(10, 20\).*from \(11, 20\)"):
        read_landscape({"elevation": height, "trees": trees})
    with pytest.raises(BadSetting, match="needs a file of elevation"):
        read_landscape({"trees": trees})
    with pytest.raises(BadSetting, match="'watr': is no layer"):
        read_landscape({"elevation": height, "watr": trees})


def test_an_island_without_water(tmp_path: Path) -> None:
    height = np.full((4, 4), -5.0)
    height[1:3, 1:3] = 5.0
    np.save(tmp_path / "e.npy", height)
    np.save(tmp_path / "w.npy", (height < 0).astype(float))
    with pytest.raises(BadData, match="is an island without fresh water"):
        read_landscape({"elevation": tmp_path / "e.npy", "water": tmp_path / "w.npy"}, 10.0)


@pytest.mark.parametrize(("kind", "rows", "months"), [("swamp", 8, ()), ("plain", 2, ()), ("plain", 8, (1.0,))])
def test_landscapes_that_cannot_be_made(kind: str, rows: int, months: tuple[float, ...]) -> None:
    with pytest.raises(BadSetting):
        generated(kind, 0, rows, 10.0, months)
