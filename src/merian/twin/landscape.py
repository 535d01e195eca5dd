"""The ground of a twin: elevation, water, rain by month, trees and fences on equal cells, from files or made by seed.

Files are GeoTIFFs (.tif), ESRI ASCII grids (.asc) or NumPy arrays (.npy). The coordinate reference system stands in the GeoTIFF, in a line `crs` of the .asc
header or in a file of the same name ending in .prj; it is one in metres. All files of a landscape share shape, cell, corner and reference system: nothing is
resampled behind one's back.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from merian.core import store
from merian.core.chance import stream
from merian.core.errors import BadData, BadSetting, Mismatch, Missing
from merian.twin.foodweb import Doubles
from merian.twin.geotiff import read_geotiff

__all__ = ["LAYERS", "Frame", "Landscape", "generated", "read_landscape"]

LAYERS: Mapping[str, tuple[str, float, float, str]] = {
    "elevation": ("m", -500.0, 9000.0, "Height above the sea; at 0 and below lies the sea"),
    "water": ("1", 0.0, 1.0, "1 where animals can drink"),
    "rain": ("mm month-1", 0.0, 20_000.0, "Rain of each month"),
    "trees": ("1", 0.0, 1.0, "Share of the cell under trees"),
    "fences": ("1", 0.0, 15.0, "Edges that are fenced: 1 north, 2 east, 4 south, 8 west, added up"),
}
"""Layers with unit, bounds and meaning; rain is [12, rows, columns], all others [rows, columns]."""
HEADER = ("ncols", "nrows", "xllcorner", "yllcorner", "xllcenter", "yllcenter", "cellsize", "nodata_value", "crs")
LARGEST = 50_000_000
"""Cells of the largest raster that is read."""
GEOGRAPHIC = (
    "epsg:4326",
    "epsg:4258",
    "epsg:4267",
    "epsg:4269",
    "epsg:4283",
    "epsg:4490",
    "epsg:4674",
    "epsg:7844",
    "ogc:crs84",
    "crs84",
)
"""The usual reference systems of latitude and longitude."""
KINDS = (".tif", ".tiff", ".asc", ".npy")
SMALLEST = 0.5
"""Cells below this width, in a grid that does not say its reference system, are taken for degrees."""


@dataclass(frozen=True, slots=True)
class Frame:
    """Where a raster lies: `rows` x `columns` cells of `cell` (in units of the reference system), its lower left corner, and `crs` ("" when not said)."""

    rows: int
    columns: int
    cell: float
    west: float = 0.0
    south: float = 0.0
    crs: str = ""


@dataclass(frozen=True, eq=False)
class Landscape:
    """The layers of LAYERS by name, on one `frame`; row 0 is the northernmost. Checked when it is made: raises BadData as `check` says."""

    frame: Frame
    layers: Mapping[str, Doubles]

    def __post_init__(self) -> None:
        shape = (self.frame.rows, self.frame.columns)
        for name, (unit, low, high, _) in LAYERS.items():
            values = self.layers[name]
            expected = (12, *shape) if name == "rain" else shape
            if values.shape != expected:
                raise Mismatch(f"layer {name!r} and its landscape", values.shape, expected)
            wrong = np.argwhere(~((values >= low) & (values <= high)))
            if len(wrong):
                said = [f"{values[tuple(at)]} at {tuple(at.tolist())}" for at in wrong[:10]]
                raise BadData(
                    f"layer {name!r}",
                    f"has cells without a value or beyond {low:g} to {high:g}{'' if unit == '1' else f' {unit}'}: {len(wrong):,}",
                    said,
                )
        if not self.land.any():
            raise BadData("landscape", "is all sea: no cell lies higher than 0 m")
        if not (self.land & (self.layers["water"] > 0)).any():
            island = (
                self.frame.rows > 2
                and not np.concatenate([self.land[[0, -1]].ravel(), self.land[:, [0, -1]].ravel()]).any()
            )
            raise BadData(
                "landscape",
                f"is {'an island' if island else 'land'} without fresh water: no cell of `water` on land is above 0",
            )

    @property
    def land(self) -> npt.NDArray[np.bool_]:
        """Which cells are land: bool [rows, columns]."""
        return np.asarray(self.layers["elevation"] > 0)

    @property
    def rain_mm(self) -> float:
        """Mean yearly rain on land."""
        return float(self.layers["rain"].sum(0)[self.land].mean())

    def save(self, folder: Path) -> None:
        """Write a .npy for each layer and frame.json."""
        for name, values in self.layers.items():
            with store.atomic(folder / f"{name}.npy") as file:
                np.save(file, values, allow_pickle=False)
        store.write_json(folder / "frame.json", self.frame)

    @classmethod
    def load(cls, folder: Path) -> Landscape:
        """The landscape in a folder. Raises Missing when there is none."""
        if not (folder / "frame.json").is_file():
            raise Missing("a landscape", folder, "make it with: merian twin build")
        frame = Frame(**json.loads((folder / "frame.json").read_text(encoding="utf-8")))
        return cls(frame, {name: np.load(folder / f"{name}.npy", allow_pickle=False) for name in LAYERS})


def read_landscape(files: Mapping[str, Path], cell: float = 0.0, months: Sequence[float] = ()) -> Landscape:
    """A landscape from a file for each of some layers (`elevation` at least); others are 0, but `water`, which is then in the lowest cells.

    rain: a .npy of [12, rows, columns], a folder of twelve rasters in the order of their names, or one of [rows, columns] for the year, spread evenly; without
    it `months`, mean rain of the twelve months in mm, fall everywhere. cell: width of a cell of .npy files, in metres. Raises Missing for a file, BadData for
    NaN and NODATA cells, cells in degrees and what is no raster, Mismatch when two lie elsewhere or have another reference system.
    """
    unknown = sorted(set(files) - set(LAYERS))
    if unknown:
        raise BadSetting("landscape", unknown[0], f"is no layer; known are {', '.join(LAYERS)}")
    if "elevation" not in files:
        raise BadSetting(
            "landscape", ", ".join(files), "needs a file of elevation; without files a landscape is generated"
        )
    frame, height = _raster(files["elevation"], cell)
    _metric(files["elevation"], frame)
    layers = {"elevation": _whole(files["elevation"], height)}
    for name in sorted(set(files) - {"elevation"}):
        found, values = _raster(files[name], cell) if files[name].is_file() else _of_months(name, files[name], cell)
        if found != frame:
            what = "reference systems" if found.crs != frame.crs else "rasters"
            pair = f"{what} of {files['elevation'].name} and {files[name].name}"
            raise Mismatch(pair, _said(frame), _said(found), "bring all layers to one grid")
        layers[name] = _whole(files[name], values)
    shape = (frame.rows, frame.columns)
    if "rain" in layers and layers["rain"].shape == shape:
        layers["rain"] = np.repeat(layers["rain"][None] / 12.0, 12, 0)
    elif "rain" not in layers and len(months):
        layers["rain"] = np.asarray(months, float)[:, None, None] * np.ones(shape)
    if "water" not in layers:
        layers["water"] = _lowest(layers["elevation"])
    for name in LAYERS:
        layers.setdefault(name, np.zeros((12, *shape) if name == "rain" else shape))
    return Landscape(frame, layers)


def _metric(path: Path, frame: Frame) -> None:
    """Raise BadData where cells are in degrees: by the reference system, or so small that they cannot be metres where none is said."""
    crs = frame.crs.casefold()
    geographic = crs in GEOGRAPHIC or "longlat" in crs
    # a projected system names the geographic one that it rests on further within
    if geographic or crs.startswith(("geogcs", "geogcrs", "geodcrs")) or (not crs and frame.cell < SMALLEST):
        rule = f"cells of {frame.cell:g} are in degrees: bring all layers to one grid in metres, in UTM for instance"
        raise BadData(path, rule, [frame.crs] if frame.crs else [])


def _of_months(name: str, folder: Path, cell: float) -> tuple[Frame, Doubles]:
    """Frame and values [12, rows, columns] of the rasters of twelve months in a folder. Raises BadData for another number, Mismatch when one lies elsewhere."""
    if name != "rain" or not folder.is_dir():
        raise Missing("the raster", folder, f"give the path of a file ending in {', '.join(KINDS)}")
    files = sorted(path for path in folder.iterdir() if path.suffix.casefold() in KINDS)
    if len(files) != 12:
        raise BadData(folder, f"has {len(files)} rasters; rain by month is one for each of the twelve")
    found = [_raster(path, cell) for path in files]
    for path, (frame, values) in zip(files, found, strict=True):
        if frame != found[0][0] or values.ndim != 2:
            raise Mismatch(f"rasters of {files[0].name} and {path.name}", _said(found[0][0]), _said(frame))
        _whole(path, values)
    return found[0][0], np.stack([values for _, values in found])


def _whole(path: Path, values: Doubles) -> Doubles:
    """The same values; raises BadData where cells have none."""
    bad = np.argwhere(np.isnan(values))
    if len(bad):
        where = [tuple(at) for at in bad[:10].tolist()]
        raise BadData(path, f"{len(bad):,} cells have no value (NaN or NODATA); fill them or cut them off", where)
    return values


def _said(frame: Frame) -> str:
    return f"{frame.rows} x {frame.columns} cells of {frame.cell:g} from ({frame.west:g}, {frame.south:g}), crs {frame.crs or 'not said'}"


def _raster(path: Path, cell: float) -> tuple[Frame, Doubles]:
    """Frame and values of a file, NaN where there is none."""
    if not path.is_file():
        raise Missing("the raster", path, f"give the path of a file ending in {', '.join(KINDS)}")
    prj = path.with_suffix(".prj")
    crs = " ".join(prj.read_text(encoding="utf-8").split()) if prj.is_file() else ""
    if path.suffix.casefold() == ".npy":
        try:
            values = np.load(path, allow_pickle=False)
        except (OSError, ValueError) as error:
            raise BadData(path, f"not a NumPy array: {error}") from error
        if values.ndim not in (2, 3) or values.size > LARGEST or values.dtype.kind not in "fiub":
            raise BadData(
                path,
                f"a raster is [rows, columns] or [12, rows, columns] of numbers, not {values.dtype} {values.shape}",
            )
        if not cell > 0:
            raise BadSetting("cell_m", cell, "say how wide a cell of a .npy raster is, in metres")
        return Frame(values.shape[-2], values.shape[-1], float(cell), 0.0, 0.0, crs), values.astype(float)
    if path.suffix.casefold() in (".tif", ".tiff"):
        tiff = read_geotiff(path, LARGEST)
        rows, columns = tiff.values.shape
        return Frame(rows, columns, tiff.cell, tiff.west, tiff.south, tiff.crs or crs), tiff.values
    if path.suffix.casefold() != ".asc":
        raise BadData(path, f"is no raster that is read: give a file ending in {', '.join(KINDS)}")
    return _ascii(path, crs)


def _ascii(path: Path, crs: str) -> tuple[Frame, Doubles]:
    """Frame and values of an ESRI ASCII grid."""
    head: dict[str, str] = {}
    with path.open(encoding="utf-8", errors="replace") as stream:
        start = stream.tell()
        while line := stream.readline():
            key, _, rest = line.strip().partition(" ")
            if key.casefold() not in HEADER:
                break
            head[key.casefold()] = rest.strip()
            start = stream.tell()
        try:
            rows, columns, cell = int(head["nrows"]), int(head["ncols"]), float(head["cellsize"])
            half = [cell / 2 if f"{axis}llcenter" in head else 0.0 for axis in "xy"]
            west, south = (
                float(head.get(f"{axis}llcorner", head.get(f"{axis}llcenter", "0"))) - h
                for axis, h in zip("xy", half, strict=True)
            )
            empty = float(head.get("nodata_value", "-9999"))
            if rows * columns > LARGEST:
                raise BadData(
                    path, f"{rows:,} x {columns:,} cells are more than the {LARGEST:,} that are read: coarsen it first"
                )
            stream.seek(start)
            values = np.array(stream.read().split(), float)
        except (KeyError, ValueError) as error:
            raise BadData(path, f"not an ESRI ASCII grid: {error}") from error
    if values.size != rows * columns:
        raise BadData(path, f"says {rows} x {columns} cells and has {values.size}")
    values[values == empty] = np.nan
    return Frame(rows, columns, cell, west, south, head.get("crs", crs)), values.reshape(rows, columns)


def _lowest(elevation: Doubles) -> Doubles:
    """Water in the lowest twentieth of the land (one cell at least): [rows, columns]."""
    land = elevation > 0
    limit = np.quantile(elevation[land], 0.05) if land.any() else 0.0
    return np.asarray(land & (elevation <= limit), float)


def generated(
    kind: str, seed: int, rows: int = 64, cell_m: float = 1000.0, months: tuple[float, ...] = ()
) -> Landscape:
    """A landscape made by seed, rows x rows cells: "plain" (all land) or "island" (sea around). `months`: mean rain of the twelve months, mm.

    Elevation is noise whose power falls with the cube of frequency; the lowest twentieth of the land is river or lake; rain rises with height by a fifth about
    its mean; trees stand thicker where it rains more. No fences. A matter of taste throughout: it is nobody's land.
    """
    if kind not in ("plain", "island"):
        raise BadSetting("landscape", kind, "is plain or island, or files as LAYER=FILE")
    if len(months) not in (0, 12):
        raise BadSetting("rain", months, "has twelve months")
    if not 4 <= rows <= 4096:
        raise BadSetting("rows", rows, "between 4 and 4096")
    rng = stream(seed, "landscape", kind)
    rough = _noise(rows, rng)
    height = 200.0 + 60.0 * rough
    if kind == "island":
        y, x = np.mgrid[-1 : 1 : rows * 1j, -1 : 1 : rows * 1j]
        height = 120.0 * (1.05 - np.hypot(y, x) ** 2 * 1.6) + 25.0 * rough
        height[[0, -1]], height[:, [0, -1]] = -10.0, -10.0
    else:
        height = np.maximum(height, 1.0)
    land = height > 0
    relative = np.zeros_like(height)
    relative[land] = (height[land] - height[land].mean()) / max(float(height[land].std()), 1e-9)
    wetness = np.clip(1 + 0.1 * relative, 0.5, 1.5)
    wetness /= wetness[land].mean()
    rain = np.asarray(months or [0.0] * 12, float)[:, None, None] * wetness
    trees = np.where(land, np.clip(0.15 * wetness + 0.1 * _noise(rows, rng), 0.0, 1.0), 0.0)
    layers = {
        "elevation": height,
        "water": _lowest(height),
        "rain": rain,
        "trees": trees,
        "fences": np.zeros_like(height),
    }
    return Landscape(Frame(rows, rows, cell_m), layers)


def _noise(rows: int, rng: np.random.Generator) -> Doubles:
    """Smooth noise of mean 0 and sd 1: [rows, rows]."""
    wave = np.hypot(np.fft.fftfreq(rows)[:, None], np.fft.rfftfreq(rows)[None, :])
    wave[0, 0] = np.inf
    field = np.fft.irfft2(np.fft.rfft2(rng.standard_normal((rows, rows))) * wave**-1.5, s=(rows, rows))
    return np.asarray((field - field.mean()) / field.std())
