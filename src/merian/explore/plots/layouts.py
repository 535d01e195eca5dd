"""Layouts as SVG text: points coloured by clade, by a value, by place, and with thumbnails of the images themselves."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patheffects import withStroke

from merian.core.errors import BadData, Mismatch
from merian.explore.neighbours import finite
from merian.explore.plots.colour import FAINT, GREY, INK, PAPER, PIGMENTS, RAMP, RULE, clade_colours, place_colours
from merian.explore.plots.style import FONT, PLATE, canvas, canvas_mm, heading, legend, plate, png, svg, words
from merian.explore.thumbnails import spread, square

__all__ = ["MANY", "by_clade", "by_place", "by_value", "thumbnail_plate", "with_thumbnails"]

Doubles = npt.NDArray[np.floating[Any]]
MANY = 600
"""More points than this are drawn as pixels inside the SVG."""
NAME = 11.5
"""Size of a clade's name, pt."""


def _size(n: int) -> float:
    return float(np.clip(9000 / max(n, 1), 4, 46))


def _checked(xy: Doubles) -> None:
    """Raise BadData for an empty layout and for places that are not numbers."""
    if not len(xy):
        raise BadData("layout", "there is not one point to draw")
    finite(xy, "places", "layout")


def by_clade(xy: Doubles, clades: Sequence[str | None], title: str, rank: str) -> str:
    """A layout [n, 2] coloured by the clade of each point (None: grey), each clade named where most of it lies, if there is room, and in the legend."""
    _checked(xy)
    figure, axes = canvas(8.4, 6.5, PLATE)
    names, counts = np.unique([c for c in clades if c is not None], return_counts=True)
    ordered = names[np.lexsort((names, -counts))].tolist()
    own = np.array([c if c is not None else "" for c in clades])
    colours = dict(zip(ordered, PIGMENTS.values(), strict=False))
    fill = np.array([to_rgb(colours.get(name, GREY)) for name in own])
    # drawn in an order that has nothing to do with the clades, or the last would cover the first
    order = np.argsort(np.sin(np.arange(len(xy)) * 12.9898) % 1)
    size = _size(len(xy))
    axes.scatter(*xy[order].T, s=size, c=fill[order], alpha=0.82, linewidths=0, rasterized=len(xy) > MANY)
    plate(axes, xy)
    if len(colours) > 1:
        _names(axes, xy, own, colours, "italic" if rank in ("genus", "species") else "normal")
    words(axes, title)
    rest = len(ordered) > len(colours) or "" in own
    key = {**colours, **({"others" if len(ordered) > len(colours) else f"no {rank}": GREY} if rest else {})}
    legend(
        figure,
        handles=[Line2D([], [], marker="o", linestyle="", color=c, markersize=6, label=n) for n, c in key.items()],
        loc="upper left",
        bbox_to_anchor=(0.735, 0.935),
        borderaxespad=0.0,
        title=rank.capitalize(),
        title_fontproperties={"family": FONT, "size": 11.5, "weight": "bold"},
        alignment="left",
    )
    return svg(figure, title)


def _names(axes: Any, xy: Doubles, own: npt.NDArray[np.str_], colours: Mapping[str, str], style: str) -> None:
    """The names of clades where most of their points lie, commonest first; one that would touch another is left to the legend."""
    cells = np.floor((xy - xy.min(0)) / max(float(np.ptp(xy, axis=0).max()), 1e-12) * 11.999).astype(np.int64)
    cell = cells[:, 0] * 12 + cells[:, 1]
    taken: list[tuple[float, float, float, float]] = []
    for name, colour in colours.items():
        here = np.flatnonzero(own == name)
        fullest = np.bincount(cell[here]).argmax()
        place = xy[here[cell[here] == fullest]].mean(0)
        half = 0.24 * NAME * len(name)
        frame = np.array(axes.get_window_extent().extents) * 72 / axes.figure.dpi
        edge = np.array([half + 3, NAME])
        x, y = np.clip(axes.transData.transform(place) * 72 / axes.figure.dpi, frame[:2] + edge, frame[2:] - edge)
        box = (x - half, y - 0.6 * NAME, x + half, y + 0.6 * NAME)
        if any(box[0] < b[2] and b[0] < box[2] and box[1] < b[3] and b[1] < box[3] for b in taken):
            continue
        taken.append(box)
        where = axes.transData.inverted().transform(np.array([x, y]) * axes.figure.dpi / 72)
        text = axes.text(*where, name, fontsize=NAME, fontfamily=FONT, fontstyle=style, ha="center", va="center")
        text.set_color(tuple(0.72 * c for c in to_rgb(colour)))
        text.set_path_effects([withStroke(linewidth=3.2, foreground=PAPER, alpha=0.92)])


def by_value(xy: Doubles, values: Doubles, title: str, name: str, unit: str) -> str:
    """A layout [n, 2] coloured by a value of each point (nan: pale grey), with a bar that says which colour is how much."""
    _checked(xy)
    figure, axes = canvas(8.4, 6.5, PLATE)
    known = np.isfinite(values)
    size, raster = _size(len(xy)), len(xy) > MANY
    axes.scatter(*xy[~known].T, s=size * 0.7, c=RULE, linewidths=0, rasterized=raster)
    low, high = np.quantile(values[known], [0.02, 0.98]) if known.any() else (0.0, 1.0)
    # the extremes are drawn last, or a dense middle would hide them
    middle = float(np.median(values[known])) if known.any() else 0.0
    order = np.flatnonzero(known)[np.argsort(np.abs(values[known] - middle), kind="stable")]
    drawn = axes.scatter(
        *xy[order].T,
        s=size,
        c=values[order],
        cmap=RAMP,
        vmin=low,
        vmax=high,
        alpha=0.9,
        linewidths=0,
        rasterized=raster,
    )
    plate(axes, xy)
    words(axes, title)
    beside = figure.add_axes((0.75, 0.34, 0.02, 0.56))
    bar = figure.colorbar(drawn, cax=beside, extend="both", extendfrac=0.03)
    bar.outline.set_visible(False)
    bar.ax.tick_params(colors=FAINT, labelcolor=INK, labelsize=10, length=0, labelfontfamily=FONT)
    label = f"{name} ({unit})" if unit and unit != "1" else name
    bar.set_label(label, fontsize=11, color=INK, fontfamily=FONT, labelpad=10)
    return svg(figure, title)


def by_place(xy: Doubles, lat_deg: Doubles, lon_deg: Doubles, title: str) -> str:
    """A layout [n, 2] coloured by where each image was taken, with a chart of the colours: light is north, orange is east. Places unknown (nan) are pale grey.

    Raises BadData when fewer than three images have a place, or all of them the same.
    """
    _checked(xy)
    known = np.isfinite(lat_deg) & np.isfinite(lon_deg)
    if known.sum() < 3 or max(np.ptp(lat_deg[known]), np.ptp(lon_deg[known])) == 0:
        raise BadData("places", f"{int(known.sum())} images with a place, not all the same, are too few to colour by")
    lat, lon = lat_deg[known], lon_deg[known]
    box = (float(lat.min()), float(lat.max()), float(lon.min()), float(lon.max()))
    figure, axes = canvas(8.4, 6.5, PLATE)
    size, raster = _size(len(xy)), len(xy) > MANY
    axes.scatter(*xy[~known].T, s=size * 0.7, c=RULE, linewidths=0, rasterized=raster)
    order = np.argsort(np.sin(np.arange(len(lat)) * 12.9898) % 1)
    fill = place_colours(lat, lon, box)[order]
    axes.scatter(*xy[known][order].T, s=size, c=fill, alpha=0.9, linewidths=0, rasterized=raster)
    plate(axes, xy)
    words(axes, title)
    beside = figure.add_axes((0.775, 0.62, 0.19, 0.245))
    up, right = np.meshgrid(np.linspace(*box[:2], 64), np.linspace(*box[2:], 64), indexing="ij")
    beside.imshow(place_colours(up, right, box), origin="lower", extent=(*box[2:], *box[:2]), aspect="auto")
    beside.set_xticks(box[2:], [_degrees(v, "E", "W") for v in box[2:]])
    beside.set_yticks(box[:2], [_degrees(v, "N", "S") for v in box[:2]])
    beside.tick_params(colors=FAINT, labelcolor=INK, labelsize=9.5, length=0, labelfontfamily=FONT)
    western, eastern = beside.get_xticklabels()
    western.set_horizontalalignment("left")
    eastern.set_horizontalalignment("right")
    for spine in beside.spines.values():
        spine.set_color(RULE)
    beside.set_title("Place of the image", loc="left", fontsize=11.5, color=INK, fontfamily=FONT, fontweight="bold")
    if (~known).any():
        handle = Line2D([], [], marker="o", linestyle="", color=RULE, markersize=6, label="place not known")
        legend(figure, handles=[handle], loc="upper left", bbox_to_anchor=(0.735, 0.56), borderaxespad=0.0)
    return svg(figure, title)


def _degrees(value: float, above: str, below: str) -> str:
    return f"{abs(value):.0f}° {above if value >= 0 else below}"


def with_thumbnails(
    xy: Doubles,
    images: Iterable[tuple[int, npt.NDArray[np.uint8]]],
    title: str,
    across: int = 24,
    clades: Sequence[str | None] | None = None,
) -> str:
    """A layout [n, 2] as a map of thumbnails that do not overlap: in each cell of a grid of `across` by `across` the image nearest to its middle, as SVG.

    `images` gives rows of the layout with their pixels [h, w, 3], in any order; `spread(xy, across)` says beforehand which rows are wanted, others are passed
    over. The frame of each is the colour of its clade, when `clades` [n] are given; a cell whose image does not come keeps a dot. Raises BadData for fewer
    than three points.
    """
    return svg(_mosaic(xy, images, title, across, clades), title)


def thumbnail_plate(
    xy: Doubles,
    images: Iterable[tuple[int, npt.NDArray[np.uint8]]],
    title: str,
    across: int = 24,
    clades: Sequence[str | None] | None = None,
) -> bytes:
    """What `with_thumbnails` draws, as PNG at 300 dpi."""
    return png(_mosaic(xy, images, title, across, clades))


def _mosaic(
    xy: Doubles,
    images: Iterable[tuple[int, npt.NDArray[np.uint8]]],
    title: str,
    across: int,
    clades: Sequence[str | None] | None,
) -> Figure:
    if len(xy) < 3:
        raise BadData("layout", f"{len(xy)} points are too few for a map: 3 at least")
    if clades is not None and len(clades) != len(xy):
        raise Mismatch("layout and clades", f"{len(xy)} points", f"{len(clades)} clades")
    rows, cells = spread(np.asarray(xy, np.float64), across)
    where = dict(zip(rows.tolist(), cells.tolist(), strict=True))
    own: list[str | None] = [None] * len(xy) if clades is None else list(clades)
    names, counts = np.unique([c for c in own if c is not None], return_counts=True)
    colours = clade_colours(names[np.lexsort((names, -counts))].tolist())
    side, edge = 1980 // across, 2 if clades is None else 3
    sheet = np.zeros((across * side, across * side, 4), np.uint8)
    for row, image in images:
        if row not in where:
            continue
        column, line = where.pop(row)
        top, left = (across - 1 - line) * side, column * side
        frame = np.array(to_rgb(colours.get(own[row] or "", GREY))) * 255
        sheet[top + 1 : top + side - 1, left + 1 : left + side - 1] = [*np.round(frame).astype(np.uint8), 255]
        inner = side - 2 - 2 * edge
        sheet[top + 1 + edge : top + side - 1 - edge, left + 1 + edge : left + side - 1 - edge, :3] = square(
            image, inner
        )
    wide = clades is not None and len(colours) > 1
    width = 234 if wide else 174
    figure, axes = canvas_mm(width, 183, (3, 3, 168, 168))
    bare = np.array(sorted(where), np.int64)  # cells whose image did not come
    fill = [colours.get(own[i] or "", GREY) for i in bare]
    axes.scatter(*xy[bare].T, s=14, c=fill, alpha=0.6, linewidths=0)
    plate(axes, xy)
    axes.imshow(sheet, extent=(*axes.get_xlim(), *axes.get_ylim()), interpolation="none", zorder=3)
    heading(figure, title, left_mm=3)
    if wide:
        key = {**colours, **({"others": GREY} if len(names) > len(colours) or None in own else {})}
        handles = [Line2D([], [], marker="s", linestyle="", color=c, markersize=7, label=n) for n, c in key.items()]
        legend(figure, handles=handles, loc="upper left", bbox_to_anchor=(176 / width, 171 / 183), borderaxespad=0.0)
    return figure
