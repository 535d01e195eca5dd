"""The style of every figure: paper, ink and a book's serif; sizes in mm, vector text, rasters at 300 dpi.

Figures are made as objects; the few settings that matplotlib takes only globally (fonts as paths, fixed ids) hold for the moment of writing.
"""

from __future__ import annotations

import io
import textwrap
from collections.abc import Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
import numpy.typing as npt
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

from merian.explore.plots.colour import FAINT, GREY, INK, PAPER, RULE

__all__ = [
    "DPI",
    "FONT",
    "PLATE",
    "canvas",
    "canvas_mm",
    "foot",
    "heading",
    "labels",
    "legend",
    "percent",
    "plate",
    "png",
    "shortened",
    "svg",
    "words",
]

Doubles = npt.NDArray[np.floating[Any]]
FONT = "STIXGeneral"
"""Comes with matplotlib, so a figure looks the same everywhere."""
PLATE = (0.02, 0.02, 0.7, 0.9046)
"""Where a layout stands on its figure, square, so that two colourings of it can be laid over each other."""
DPI = 300
MM = 25.4


def canvas(width: float, height: float, place: tuple[float, float, float, float] | None = None) -> tuple[Figure, Any]:
    """A figure of that size in inches with one axes, at `place` or fitted to what surrounds it."""
    figure = Figure(figsize=(width, height), facecolor=PAPER, layout=None if place else "constrained")
    FigureCanvasSVG(figure)
    axes = figure.add_axes(place, facecolor=PAPER) if place else figure.add_subplot(facecolor=PAPER)
    for side, spine in axes.spines.items():
        spine.set_visible(side in ("left", "bottom"))
        spine.set_color(GREY)
        spine.set_linewidth(0.7)
    axes.tick_params(colors=FAINT, labelcolor=INK, labelsize=10, width=0.7, length=3, labelfontfamily=FONT)
    return figure, axes


def canvas_mm(width: float, height: float, place: tuple[float, float, float, float]) -> tuple[Figure, Any]:
    """A figure of that size with one axes at `place` (left, bottom, width, height), all in mm."""
    left, bottom, wide, high = place
    return canvas(width / MM, height / MM, (left / width, bottom / height, wide / width, high / height))


def svg(figure: Figure, salt: str) -> str:
    """The figure as SVG text, the same for the same figure; `salt` (its title) fixes the ids inside."""
    stream = io.StringIO()
    with mpl.rc_context({"svg.fonttype": "path", "svg.hashsalt": salt, "mathtext.fontset": "stix"}):
        figure.savefig(stream, format="svg", dpi=DPI, metadata={"Date": None, "Creator": "Merian", "Title": salt})
    return stream.getvalue()


def png(figure: Figure) -> bytes:
    """The figure as PNG at 300 dpi."""
    stream = io.BytesIO()
    FigureCanvasAgg(figure)
    with mpl.rc_context({"mathtext.fontset": "stix"}):
        figure.savefig(stream, format="png", dpi=DPI, metadata={"Software": "Merian"})
    return stream.getvalue()


def words(axes: Any, title: str = "", x: str = "", y: str = "") -> None:
    """The title of an axes, at the left, and what its two directions are."""
    if title:
        axes.set_title(title, loc="left", fontsize=14, color=INK, fontfamily=FONT, pad=12)
    axes.set_xlabel(x, fontsize=11, color=INK, fontfamily=FONT, labelpad=6)
    axes.set_ylabel(y, fontsize=11, color=INK, fontfamily=FONT, labelpad=6)


def heading(figure: Figure, text: str, caption: str = "", left_mm: float = 4.0) -> None:
    """A title at the top left of a figure whose axes are placed by hand, and a caption below everything."""
    width, height = (float(s) * MM for s in figure.get_size_inches())
    figure.text(left_mm / width, 1 - 4.5 / height, text, fontsize=13, color=INK, fontfamily=FONT, va="top")
    if caption:
        figure.text(
            left_mm / width,
            3.2 / height,
            caption,
            fontsize=9,
            color=FAINT,
            fontfamily=FONT,
            va="bottom",
            linespacing=1.35,
        )


def foot(caption: str, width_mm: float) -> tuple[str, float]:
    """A caption broken to the width of its figure, and the height that it takes at the foot of it, mm."""
    lines = [line for part in caption.split("\n") for line in textwrap.wrap(part, int((width_mm - 8) / 1.42))]
    return "\n".join(lines), 4.4 * len(lines) + 4.5 if lines else 3.0


def legend(place: Any, **options: Any) -> None:
    """A legend without a frame on a figure or an axes."""
    place.legend(frameon=False, labelcolor=INK, handletextpad=0.5, prop={"family": FONT, "size": 10.5}, **options)


def shortened(names: Sequence[str], letters: int) -> list[str]:
    """Names that fit into so many letters: where one does not, binomials get an initial for their genus; what is still too long loses its end, or its
    middle where ends tell them apart. Names that would become alike stay as they are."""
    if all(len(name) <= letters for name in names):
        return list(names)
    initials = [f"{name[0]}. {name.split(' ', 1)[1]}" if " " in name else name for name in names]
    told = initials if len(set(initials)) == len(set(names)) else list(names)
    for head in (letters - 1, letters // 2):
        tail = letters - 1 - head
        cut = [n if len(n) <= letters else f"{n[:head].rstrip()}…{n[len(n) - tail :].lstrip()}" for n in told]
        if len(set(cut)) == len(set(names)):
            return cut
    return told


def percent(axes: Any, which: str = "y") -> None:
    """Shares on an axis as per cent."""
    axis = axes.yaxis if which == "y" else axes.xaxis
    axis.set_major_formatter(lambda value, _: f"{value:.0%}".replace("%", " %"))


def plate(axes: Any, xy: Doubles) -> None:
    """An axis-free square plate around the points [n, 2]: a layout has no units."""
    axes.set_xticks([])
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set_visible(True)
        spine.set_color(RULE)
    low, high = xy.min(0), xy.max(0)
    half = 0.54 * max(float((high - low).max()), 1e-6)
    for centre, setter in zip((low + high) / 2, (axes.set_xlim, axes.set_ylim), strict=True):
        setter(centre - half, centre + half)
    axes.set_aspect("equal")


def labels(
    axes: Any, xy: Doubles, names: Sequence[str], size: float = 9, gap: float = 5, taken: Sequence[Sequence[float]] = ()
) -> list[int]:
    """Names written beside points [n, 2] wherever they touch no earlier name, no point and none of the boxes `taken` (display units); what was written.

    Tried are right, left, above and below, in the order of the points; a name without room is left out. To be called when the limits of the axes are set.
    """
    scale = axes.figure.dpi / 72
    points = axes.transData.transform(xy)
    frame = axes.get_window_extent()
    boxes: list[Sequence[float]] = [(x - 2 * scale, y - 2 * scale, x + 2 * scale, y + 2 * scale) for x, y in points]
    boxes += taken
    written = []
    for i, (name, (x, y)) in enumerate(zip(names, points, strict=True)):
        wide, high, off = 0.47 * size * len(name) * scale, 1.05 * size * scale, gap * scale
        ways = {
            "left": (x + off, y - high / 2),
            "right": (x - off - wide, y - high / 2),
            "bottom": (x - wide / 2, y + off),
            "top": (x - wide / 2, y - off - high),
        }
        for how, (left, bottom) in ways.items():
            box = (left, bottom, left + wide, bottom + high)
            inside = left > frame.x0 and box[2] < frame.x1 and bottom > frame.y0 and box[3] < frame.y1
            if not inside or any(box[0] < b[2] and b[0] < box[2] and box[1] < b[3] and b[1] < box[3] for b in boxes):
                continue
            shift = {"left": (gap, 0), "right": (-gap, 0), "bottom": (0, gap), "top": (0, -gap)}[how]
            ends = (how, "center") if how in ("left", "right") else ("center", how)
            axes.annotate(
                name,
                xy[i],
                xytext=shift,
                textcoords="offset points",
                ha=ends[0],
                va=ends[1],
                fontsize=size,
                fontfamily=FONT,
                fontstyle="italic",
                color=INK,
            )
            boxes.append(box)
            written.append(i)
            break
    return written
