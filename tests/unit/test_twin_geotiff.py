"""GeoTIFFs as ground: written by another library, read with place, reference system and cells without a value; and what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from merian.cli.main import run
from merian.core.errors import BadData, Mismatch
from merian.twin.geotiff import read_geotiff
from merian.twin.landscape import Frame, Landscape, read_landscape

UTM36S, UTM37S = 32736, 32737


def written(path: Path, values: Any, keys: dict[int, int] | None = None, **more: Any) -> Path:
    """A GeoTIFF with its upper left corner at 700,000 m east, 9,800,000 m north, cells of 500 m."""
    keys = {1024: 1, 1025: 1, 3072: UTM36S, 3076: 9001} if keys is None else keys
    directory = [1, 1, 0, len(keys)]
    for key, value in keys.items():
        directory += [key, 0, 1, value]
    tags = {
        33550: ("d", 3, (500.0, 500.0, 0.0)),
        33922: ("d", 6, (0.0, 0.0, 0.0, 700_000.0, 9_800_000.0, 0.0)),
        34735: ("H", len(directory), tuple(directory)),
        **more.pop("tags", {}),
    }
    extra = [(tag, kind, count, value, True) for tag, (kind, count, value) in tags.items() if value is not None]
    tifffile.imwrite(path, values, extratags=extra, **more)
    return path


@pytest.mark.parametrize("kind", ["float32", "int16", "uint8", "uint16", "int32"])
@pytest.mark.parametrize("how", [{}, {"tile": (16, 16)}, {"compression": "zlib"}])
def test_values_and_place_whatever_the_kind_of_number(tmp_path: Path, kind: str, how: dict[str, Any]) -> None:
    values = (np.arange(12).reshape(3, 4) * 7 + 1).astype(kind)
    found = read_geotiff(written(tmp_path / "a.tif", values, **how), 100)
    assert found.values.dtype == np.float64
    assert found.values.tolist() == values.tolist()
    assert (found.cell, found.west, found.south, found.crs) == (500.0, 700_000.0, 9_798_500.0, "EPSG:32736")


def test_negative_heights_stay_negative(tmp_path: Path) -> None:
    values = np.array([[-5, 300], [0, -32000]], np.int16)
    assert read_geotiff(written(tmp_path / "a.tif", values), 100).values.tolist() == values.tolist()


@pytest.mark.parametrize(
    ("empty", "kind"), [("-9999", "int16"), ("-3.40282346638529e+38", "float32"), ("nan", "float32")]
)
def test_cells_without_a_value(tmp_path: Path, empty: str, kind: str) -> None:
    values = np.full((2, 3), 8, kind)
    values[1, 2] = np.array(float(empty)).astype(kind)
    path = written(tmp_path / "a.tif", values, tags={42113: ("s", 0, empty)})
    found = read_geotiff(path, 100).values
    assert np.isnan(found).tolist() == [[False] * 3, [False, False, True]]
    with pytest.raises(BadData, match=r"1 cells have no value .*\(1, 2\)"):
        read_landscape({"elevation": path})


def test_places_by_the_middle_of_cells_and_by_a_matrix(tmp_path: Path) -> None:
    ones = np.ones((2, 2), np.float32)
    middle = read_geotiff(written(tmp_path / "a.tif", ones, {1024: 1, 1025: 2, 3072: UTM36S}), 100)
    assert (middle.west, middle.south) == (699_750.0, 9_799_250.0)
    matrix = (500.0, 0, 0, 700_000.0, 0, -500.0, 0, 9_800_000.0, 0, 0, 0, 0, 0, 0, 0, 1.0)
    none = {33550: ("d", 3, None), 33922: ("d", 6, None)}
    found = read_geotiff(written(tmp_path / "b.tif", ones, tags=none | {34264: ("d", 16, matrix)}), 100)
    assert (found.cell, found.west, found.south) == (500.0, 700_000.0, 9_799_000.0)


@pytest.mark.parametrize(
    ("keys", "more", "said"),
    [
        ({1024: 2, 2048: 4326}, {}, r"in degrees: bring all layers to one grid in metres, .*\(EPSG:4326\)"),
        ({1024: 1, 3072: UTM36S, 3076: 9002}, {}, "not in metres"),
        (None, {"tags": {33550: ("d", 3, (500.0, 400.0, 0.0))}}, "500 wide and 400 high"),
        (None, {"tags": {33550: ("d", 3, None)}}, "does not say where it lies"),
        (None, {"tags": {34264: ("d", 16, (1.0, 0.5, *[0.0] * 14))}}, "is turned"),
    ],
)
def test_rasters_that_are_no_ground(
    tmp_path: Path, keys: dict[int, int] | None, more: dict[str, Any], said: str
) -> None:
    with pytest.raises(BadData, match=said):
        read_geotiff(written(tmp_path / "a.tif", np.ones((2, 2), np.float32), keys, **more), 100)


def test_files_that_are_no_raster_of_one_band(tmp_path: Path) -> None:
    colours = written(tmp_path / "rgb.tif", np.ones((2, 2, 3), np.uint8), photometric="rgb")
    pages = written(tmp_path / "pages.tif", np.ones((2, 4, 4), np.float32), photometric="minisblack")
    for path in (colours, pages):
        with pytest.raises(BadData, match="more than one band"):
            read_geotiff(path, 100)
    with pytest.raises(BadData, match="-ot Float32"):
        read_geotiff(written(tmp_path / "double.tif", np.ones((2, 2))), 100)
    with pytest.raises(BadData, match="coarsen it first"):
        read_geotiff(written(tmp_path / "big.tif", np.ones((20, 20), np.uint8)), 100)
    (tmp_path / "no.tif").write_text("no raster")
    with pytest.raises(BadData, match="not a TIFF"):
        read_geotiff(tmp_path / "no.tif", 100)


def test_layers_of_another_reference_system_are_refused(tmp_path: Path) -> None:
    height = written(tmp_path / "dem.tif", np.full((3, 3), 900.0, np.float32))
    water = written(tmp_path / "water.tif", np.eye(3, dtype=np.uint8), {1024: 1, 3072: UTM37S})
    with pytest.raises(Mismatch, match=r"reference systems of dem\.tif and water\.tif .*EPSG:32736 .*EPSG:32737"):
        read_landscape({"elevation": height, "water": water})


def test_a_worked_ecosystem_on_rasters_has_rain_of_every_month(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    height = written(tmp_path / "dem.tif", np.full((3, 4), 900.0, np.float32))
    assert (
        run(["twin", "build", "savanna", str(tmp_path / "out"), "--raster", f"elevation={height}", "--years", "10"])
        == 0
    )
    ground = Landscape.load(tmp_path / "out/landscape")
    assert ground.frame == Frame(3, 4, 500.0, 700_000.0, 9_798_500.0, "EPSG:32736")
    assert ground.rain_mm == pytest.approx(700.0, rel=0.5)
    assert np.ptp(ground.layers["rain"].mean((1, 2))) > 10  # seasons
    line = [
        "simulate",
        str(tmp_path / "out"),
        "drought",
        str(tmp_path / "sim"),
        "--tier",
        "grid",
        "--rows",
        "2",
        "--members",
        "1",
    ]
    assert run([*line, "--years", "5", "--settle", "1", "--spin", "0", "--threads", "1"]) == 0
    said = " ".join(capsys.readouterr().err.split())
    assert "1 of 3 rows in the south of the landscape are cut off, since 2 x 2 of its cells make one of the map" in said
    months = tmp_path / "months"
    months.mkdir()
    for month in range(12):
        written(months / f"rain_{month + 1:02}.tif", np.full((3, 4), 10.0 * month, np.float32))
    found = read_landscape({"elevation": height, "rain": months})
    assert found.layers["rain"][:, 0, 0].tolist() == [10.0 * month for month in range(12)]
    (months / "rain_12.tif").unlink()
    with pytest.raises(BadData, match="has 11 rasters"):
        read_landscape({"elevation": height, "rain": months})
