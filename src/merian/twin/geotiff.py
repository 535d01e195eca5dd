"""GeoTIFF rasters of one band: values, where they lie and in which reference system.

Tags and keys are those of the GeoTIFF standard (OGC 19-008r4, 2019); cells without a value are those of GDAL's tag 42113. The file itself is read by
Pillow with libtiff, so compressed and tiled ones are, too.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from merian.core.errors import BadData
from merian.twin.foodweb import Doubles

__all__ = ["Tiff", "read_geotiff"]

SCALE, TIEPOINT, MATRIX, KEYS, TEXTS, NODATA = 33550, 33922, 34264, 34735, 34737, 42113
MODEL, RASTER_TYPE, CITATION, GEOGRAPHIC, GEOGRAPHIC_CITATION = 1024, 1025, 1026, 2048, 2049
PROJECTED, PROJECTED_CITATION, LINEAR = 3072, 3073, 3076
DEGREES, POINT, METRE, OWN = 2, 2, 9001, 32767
"""A grid of latitude and longitude; cells whose place is that of their middle; metres; a reference system that has no EPSG code."""


@dataclass(frozen=True, eq=False)
class Tiff:
    """The `values` [rows, columns] of a raster, NaN where there is none, the width of a `cell`, its lower left corner (`west`, `south`), and `crs`."""

    values: Doubles
    cell: float
    west: float
    south: float
    crs: str


def read_geotiff(path: Path, largest: int) -> Tiff:
    """The raster in a GeoTIFF file of at most `largest` cells.

    Raises BadData for what is no TIFF, has several bands or pages, is too large, does not say where it lies, is turned, has cells that are not square, or
    are in degrees or feet.
    """
    from PIL import Image

    try:
        with Image.open(path, formats=("TIFF",)) as image:
            columns, rows = image.size
            if rows * columns > largest:
                many = f"{rows:,} x {columns:,} cells are more than the {largest:,} that are read: coarsen it first"
                raise BadData(path, many)
            bands = image.getbands()
            if len(bands) > 1 or (getattr(image, "n_frames", 1) > 1 and not _reduced(image)):
                raise BadData(path, f"has more than one band ({', '.join(bands)}): give a file for each layer")
            tags = dict(image.tag_v2)  # type: ignore[attr-defined]
            values = np.asarray(image)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        rule = "not a TIFF of one band that can be read; numbers of 64 bits cannot (gdal_translate -ot Float32 makes 32 of them)"
        raise BadData(path, f"{rule}: {error}") from error
    if NODATA in tags:
        values = _without(values, str(tags[NODATA]))
    cell, west, north = _placed(path, tags)
    keys = _keys(tags)
    if keys.get(RASTER_TYPE) == POINT:
        west, north = west - cell / 2, north + cell / 2
    if keys.get(MODEL) == DEGREES or (GEOGRAPHIC in keys and PROJECTED not in keys):
        rule = f"cells of {cell:g} are in degrees: bring all layers to one grid in metres, in UTM for instance"
        raise BadData(path, rule, [_crs(keys)] if _crs(keys) else [])
    if keys.get(LINEAR, METRE) not in (METRE, OWN):
        raise BadData(path, "its lengths are not in metres (GeoTIFF key 3076): bring it to a grid in metres")
    return Tiff(values.astype(float), cell, west, north - rows * cell, _crs(keys))


def _reduced(image: Any) -> bool:
    """Whether all further pages are overviews or masks of the first."""
    found = []
    for page in range(1, image.n_frames):
        image.seek(page)
        found.append(int(image.tag_v2.get(254, 0)) & 0b101)
    image.seek(0)
    return all(found)


def _without(values: Any, empty: str) -> Doubles:
    """The values as numbers, NaN where they are `empty`, which is compared as the file's own kind of number."""
    plain = np.asarray(values, float)
    try:
        number = float(empty.strip("\0 "))
    except ValueError:
        return plain
    if values.dtype.kind == "f":
        number = float(values.dtype.type(number))
    plain[plain == number] = np.nan
    return plain


def _placed(path: Path, tags: dict[int, Any]) -> tuple[float, float, float]:
    """Width of a cell, and the west and north of the upper left corner."""
    if MATRIX in tags:
        m = [float(value) for value in tags[MATRIX]]
        if m[1] or m[4]:
            raise BadData(path, "is turned: bring it to a grid whose rows go from west to east")
        wide, high, west, north = m[0], -m[5], m[3], m[7]
    elif SCALE in tags and TIEPOINT in tags:
        wide, high = (float(value) for value in tags[SCALE][:2])
        column, row, _, x, y = (float(value) for value in tags[TIEPOINT][:5])
        west, north = x - column * wide, y + row * high
    else:
        raise BadData(path, "does not say where it lies: a GeoTIFF has a pixel scale and a tie point")
    if not (wide > 0 and high > 0 and math.isclose(wide, high, rel_tol=1e-6)):
        raise BadData(path, f"cells are {wide:g} wide and {high:g} high: bring it to square ones")
    return wide, west, north


def _keys(tags: dict[int, Any]) -> dict[int, Any]:
    """The GeoTIFF keys that are numbers or texts."""
    directory, texts = [int(value) for value in tags.get(KEYS, ())], str(tags.get(TEXTS, ""))
    found: dict[int, Any] = {}
    for at in range(4, len(directory) - 3, 4):
        key, where, count, value = directory[at : at + 4]
        if where == 0:
            found[key] = value
        elif where == TEXTS:
            found[key] = texts[value : value + count].strip("|\0 ")
    return found


def _crs(keys: dict[int, Any]) -> str:
    """The reference system: its EPSG code, else what the file calls it, "" where it does not say."""
    for kind in (PROJECTED, GEOGRAPHIC):
        if 0 < keys.get(kind, 0) < OWN:
            return f"EPSG:{keys[kind]}"
    return next((str(keys[told]) for told in (PROJECTED_CITATION, GEOGRAPHIC_CITATION, CITATION) if keys.get(told)), "")
