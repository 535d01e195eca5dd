"""A layout as one HTML file that can be walked: every image a point, coloured by rank, trait, place, sex or life stage, with search and thumbnails.

The file holds all it needs, fetches nothing and works from a disk. In base64 a point takes 4 bytes for its place, 2 for each column of names (4 above 65,535 of
them) and 4 for each number: 100,000 points with twelve columns take some 5 MB.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib import resources
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from merian import __version__
from merian.core.errors import BadData, BadSetting, Mismatch
from merian.core.tree import RANKS
from merian.explore.neighbours import finite
from merian.explore.thumbnails import Sheets, far_apart

__all__ = ["AtlasLook", "atlas_page", "embedded", "page"]

MISSING = 65535
CHART = 16
"""Rows and columns of the chart of places."""
PLACE = ("latitude", "longitude")


@dataclass(frozen=True)
class AtlasLook:
    """What the page says: its title, a line below it, the column that colours it first (empty: order, or the first there is), units and words of columns.

    `notes` are columns that colour nothing: only the card of an image tells them, and the search finds them.
    """

    title: str
    subtitle: str = ""
    first: str = ""
    units: Mapping[str, str] = field(default_factory=dict)
    words: Mapping[str, str] = field(default_factory=dict)
    notes: Sequence[str] = ()


def atlas_page(points: pl.DataFrame, look: AtlasLook, sheets: Sheets | None = None) -> str:
    """The page of points: columns x and y, and others to colour by.

    Columns named as ranks (kingdom to species) are names of taxa; other text (sex, life_stage, country) is names too; numbers (traits) are a ramp, with nulls
    and nan unknown; latitude and longitude in degrees together are a chart of places. The ten commonest names of a column have colours of their own, the
    rest are grey and can be found by name. `sheets` holds thumbnails of some rows. The same table gives the same bytes.

    Raises BadData for fewer than three points, places that are not numbers, or nothing to colour by; BadSetting when `first` is no such column; Mismatch for
    thumbnails of rows that are not there.
    """
    from merian.explore.plots.colour import GREY, NIGHT, NIGHT_GREY, PIGMENTS, ramp_hex

    absent = [c for c in ("x", "y") if c not in points.columns]
    if absent or len(points) < 3:
        raise BadData("layout", f"a map needs columns x and y and three points; there are {len(points)} points", absent)
    xy = points.select(pl.col("x", "y").cast(pl.Float64).fill_null(np.nan)).to_numpy()
    finite(xy, "places", "layout")
    if sheets is not None and len(sheets.rows) and not 0 <= sheets.rows.min() <= sheets.rows.max() < len(points):
        raise Mismatch("thumbnails and layout", f"row {int(sheets.rows.max())}", f"{len(points)} points")
    columns = _columns(points, look)
    keys = [column["key"] for column in columns if column["kind"] != "note"]
    if not keys:
        raise BadData(
            "layout", "no column to colour by: add a rank, a trait, sex, life_stage, or latitude and longitude"
        )
    if look.first and look.first not in keys:
        raise BadSetting("first", look.first, f"is no column of the map; it has {', '.join(keys)}", keys)
    low, high = xy.min(0), xy.max(0)
    placed = (xy - (low + high) / 2) / max(float((high - low).max()) / 2, 1e-12)
    held = np.round(placed * 32767.5 + 32767.5).clip(0, 65535).astype("<u2")
    data = {
        "n": len(points),
        "xy": _base64(held),
        "columns": columns,
        "first": look.first or ("order" if "order" in keys else keys[0]),
        "day": {"pigments": list(PIGMENTS.values()), "grey": GREY, "ramp": ramp_hex()},
        "night": {"pigments": list(NIGHT.values()), "grey": NIGHT_GREY, "ramp": ramp_hex(night=True)},
        "sheets": None if sheets is None else _pictures(sheets, placed),
    }
    note = "" if sheets is None else f", thumbnails of {len(sheets.rows):,}"
    words = {"title": look.title, "subtitle": look.subtitle, "count": f"{len(points):,}", "note": note}
    return page("atlas.html.j2", ("points.js", "atlas.js", "walk.js"), data, words)


def _pictures(sheets: Sheets, placed: npt.NDArray[np.float64]) -> dict[str, Any]:
    """Sheets, the row of each thumbnail, and the order in which the map shows them with how far each is from all before it."""
    order, gaps = far_apart(placed[sheets.rows])
    return {
        "images": sheets.links(),
        "rows": sheets.rows.tolist(),
        "order": order.tolist(),
        "gaps": np.round(gaps.clip(max=4), 5).tolist(),
        "across": sheets.across,
        "side": sheets.side,
    }


def page(template: str, scripts: tuple[str, ...], data: Mapping[str, Any], words: Mapping[str, str]) -> str:
    """A page from its template and scripts in explore/templates, with `data` inside as JSON and `words` for the template."""
    from jinja2 import Environment, StrictUndefined

    files = resources.files("merian.explore") / "templates"
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    return environment.from_string((files / template).read_text(encoding="utf-8")).render(
        **words,
        version=__version__,
        style=(files / "page.css").read_text(encoding="utf-8"),
        script="\n".join((files / script).read_text(encoding="utf-8") for script in scripts),
        data=embedded(data),
    )


def embedded(data: Mapping[str, Any]) -> str:
    """JSON that is safe inside a script element: no name can end the element or begin a comment. Raises ValueError for nan."""
    text = json.dumps(data, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    for sign, code in (
        ("<", "\\u003c"),
        (">", "\\u003e"),
        ("&", "\\u0026"),
        ("\u2028", "\\u2028"),
        ("\u2029", "\\u2029"),
    ):
        text = text.replace(sign, code)
    return text


def _base64(array: npt.NDArray[Any]) -> str:
    return base64.b64encode(np.ascontiguousarray(array).tobytes()).decode()


def _columns(points: pl.DataFrame, look: AtlasLook) -> list[dict[str, Any]]:
    """What can be coloured by: ranks from high to low, then the other columns in their order, then places; and notes."""
    others = [c for c in points.columns if c not in ("x", "y", *RANKS, *PLACE)]
    columns = []
    for name in [*(r for r in RANKS if r in points.columns), *others]:
        series = points[name]
        if series.null_count() == len(series):
            continue
        numeric = series.dtype.is_numeric() and name not in look.notes
        column = _number(series) if numeric else _names(series)
        if column is None:
            continue
        kind = "note" if name in look.notes else "rank" if name in RANKS else column["kind"]
        told = {
            "key": name,
            "label": look.words.get(name, name.replace("_", " ")),
            "unit": _unit(look.units.get(name, "")),
        }
        columns.append({**told, **column, "kind": kind})
    place = _place(points) if all(c in points.columns for c in PLACE) else None
    return columns + ([] if place is None else [place])


def _unit(unit: str) -> str:
    return "" if unit in ("1", "count") else unit


def _names(series: pl.Series) -> dict[str, Any]:
    """Names by how common they are, commonest first, and the code of each row."""
    text = series.cast(pl.String)
    counted = (
        pl.DataFrame({"name": text}).drop_nulls().group_by("name").len().sort(["len", "name"], descending=[True, False])
    )
    names = counted["name"]
    place = pl.DataFrame({"name": names, "code": np.arange(len(names), dtype=np.int64)})
    codes = pl.DataFrame({"name": text}).join(place, on="name", how="left", maintain_order="left")["code"]
    wide = len(names) >= MISSING
    held = codes.fill_null(2**32 - 1 if wide else MISSING).to_numpy().astype("<u4" if wide else "<u2")
    return {"kind": "text", "names": names.to_list(), "codes": _base64(held), "wide": wide}


def _number(series: pl.Series) -> dict[str, Any] | None:
    """Values as they are, nan where unknown, and the 2 % and 98 % points that the ramp goes between; None for fewer than two different numbers."""
    values = series.cast(pl.Float64).fill_null(np.nan).to_numpy()
    known = values[np.isfinite(values)]
    if not len(known) or np.ptp(known) == 0:
        return None
    low, high = np.quantile(known, [0.02, 0.98])
    if low == high:
        low, high = known.min(), known.max()
    held = np.where(np.isfinite(values), values, np.nan).astype("<f4")
    return {"kind": "number", "low": float(low), "high": float(high), "values": _base64(held)}


def _place(points: pl.DataFrame) -> dict[str, Any] | None:
    """Places as cells of a chart of colours; None when fewer than two different places are known."""
    from merian.explore.plots.colour import place_colours

    lat, lon = (points[c].cast(pl.Float64).fill_null(np.nan).to_numpy() for c in PLACE)
    known = np.isfinite(lat) & np.isfinite(lon)
    if not known.any() or max(np.ptp(lat[known]), np.ptp(lon[known])) == 0:
        return None
    box = (float(lat[known].min()), float(lat[known].max()), float(lon[known].min()), float(lon[known].max()))
    rows = (np.nan_to_num(lat) - box[0]) / max(box[1] - box[0], 1e-9) * CHART
    across = (np.nan_to_num(lon) - box[2]) / max(box[3] - box[2], 1e-9) * CHART
    cells = rows.clip(0, CHART - 1).astype(np.int64) * CHART + across.clip(0, CHART - 1).astype(np.int64)
    held = np.where(known, cells, MISSING).astype("<u2")
    middle = (np.arange(CHART) + 0.5) / CHART
    up, right = np.meshgrid(box[0] + middle * (box[1] - box[0]), box[2] + middle * (box[3] - box[2]), indexing="ij")
    rgb = np.round(255 * place_colours(up.ravel(), right.ravel(), box)).astype(int).tolist()
    palette = ["#" + "".join(f"{c:02x}" for c in colour) for colour in rgb]
    return {
        "key": "place",
        "label": "place",
        "kind": "place",
        "codes": _base64(held),
        "wide": False,
        "palette": palette,
        "box": box,
        "unit": "",
    }
