"""Figures in one style, as SVG text: paper, ink, pigments, a book's serif. The only home of matplotlib.

Figures are made as objects; the few settings that matplotlib takes only globally (fonts as paths, fixed ids) hold for the moment of writing.
The same data give the same bytes.
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import matplotlib as mpl
import numpy as np
import numpy.typing as npt
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.colors import LinearSegmentedColormap, to_rgb
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patheffects import withStroke

__all__ = [
    "INK",
    "PAPER",
    "PIGMENTS",
    "RAMP",
    "Bar",
    "agreement",
    "by_clade",
    "by_value",
    "curve",
    "densities",
    "grouped_bars",
    "growth",
    "points",
    "reliability_diagram",
]

Doubles = npt.NDArray[np.floating[Any]]
PAPER, INK, FAINT, RULE, GREY = "#fbf8f1", "#2b2a28", "#7b766c", "#d9d2c3", "#b9b2a4"
PIGMENTS = {
    "indigo": "#34527c",
    "madder": "#a8483d",
    "verdigris": "#4a8f7c",
    "ochre": "#cf9a3a",
    "plum": "#7c4f7d",
    "sky": "#7aa5c4",
    "olive": "#7f8a3c",
    "rose": "#d18d84",
    "umber": "#7a5a3c",
    "slate": "#66727b",
}
"""Ten colours that tell clades apart; further clades share the grey."""
FONT = "STIXGeneral"
"""Comes with matplotlib, so a figure looks the same everywhere."""
PLATE = (0.02, 0.02, 0.7, 0.9046)
"""Where a layout stands on its figure, square, so that two colourings of it can be laid over each other."""
MANY = 600
"""More points than this are drawn as pixels inside the SVG."""


def _ramp() -> LinearSegmentedColormap:
    """Ochre to verdigris to indigo, equally stepped in Oklab (Ottosson 2020) with lightness falling evenly: for values."""
    stops = np.array([to_rgb(c) for c in ("#e9bf62", "#86ab6f", "#3f8a86", "#345f8d", "#2c2f5e")])
    linear = np.where(stops <= 0.04045, stops / 12.92, ((stops + 0.055) / 1.055) ** 2.4)
    to_lms = np.array([[0.4122, 0.5363, 0.0514], [0.2119, 0.6807, 0.1074], [0.0883, 0.2817, 0.6300]])
    to_lab = np.array([[0.2105, 0.7936, -0.0041], [1.9780, -2.4286, 0.4506], [0.0259, 0.7828, -0.8087]])
    lab = np.cbrt(linear @ to_lms.T) @ to_lab.T
    lab[:, 0] = np.linspace(lab[0, 0], lab[-1, 0], len(lab))
    along = np.linspace(0, 1, 64)
    fine = np.stack([np.interp(along, np.linspace(0, 1, len(lab)), column) for column in lab.T], 1)
    back = np.clip((fine @ np.linalg.inv(to_lab).T) ** 3 @ np.linalg.inv(to_lms).T, 0, 1)
    rgb = np.where(back <= 0.0031308, back * 12.92, 1.055 * back ** (1 / 2.4) - 0.055)
    return LinearSegmentedColormap.from_list("merian", rgb.tolist())


RAMP = _ramp()


@dataclass(frozen=True, slots=True)
class Bar:
    """A bar or point of a chart: value with its interval (None: none was estimated)."""

    value: float
    low: float | None = None
    high: float | None = None


def _figure(width: float, height: float, place: tuple[float, float, float, float] | None = None) -> tuple[Figure, Any]:
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


def _svg(figure: Figure, salt: str) -> str:
    stream = io.StringIO()
    with mpl.rc_context({"svg.fonttype": "path", "svg.hashsalt": salt, "mathtext.fontset": "stix"}):
        figure.savefig(stream, format="svg", dpi=220, metadata={"Date": None, "Creator": "Merian"})
    return stream.getvalue()


def _words(axes: Any, title: str = "", x: str = "", y: str = "") -> None:
    if title:
        axes.set_title(title, loc="left", fontsize=14, color=INK, fontfamily=FONT, pad=12)
    axes.set_xlabel(x, fontsize=11, color=INK, fontfamily=FONT, labelpad=6)
    axes.set_ylabel(y, fontsize=11, color=INK, fontfamily=FONT, labelpad=6)


def _legend(place: Any, **options: Any) -> None:
    place.legend(frameon=False, labelcolor=INK, handletextpad=0.5, prop={"family": FONT, "size": 10.5}, **options)


def _percent(axes: Any, which: str = "y") -> None:
    axis = axes.yaxis if which == "y" else axes.xaxis
    axis.set_major_formatter(lambda value, _: f"{value:.0%}".replace("%", " %"))


def _plate(axes: Any, xy: Doubles) -> None:
    """An axis-free square plate around the points: a layout has no units."""
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


def _size(n: int) -> float:
    return float(np.clip(9000 / max(n, 1), 4, 46))


def by_clade(xy: Doubles, clades: Sequence[str | None], title: str, rank: str) -> str:
    """A layout [n, 2] coloured by the clade of each point (None: grey), each clade named at its median and in the legend."""
    figure, axes = _figure(8.4, 6.5, PLATE)
    names, counts = np.unique([c for c in clades if c is not None], return_counts=True)
    ordered = names[np.lexsort((names, -counts))].tolist()
    own = np.array([c if c is not None else "" for c in clades])
    colours = dict(zip(ordered, PIGMENTS.values(), strict=False))
    fill = np.array([to_rgb(colours.get(name, GREY)) for name in own])
    # drawn in an order that has nothing to do with the clades, or the last would cover the first
    order = np.argsort(np.sin(np.arange(len(xy)) * 12.9898) % 1)
    size = _size(len(xy))
    axes.scatter(*xy[order].T, s=size, c=fill[order], alpha=0.82, linewidths=0, rasterized=len(xy) > MANY)
    for name, colour in list(colours.items()) if len(colours) > 1 else []:
        x, y = np.median(xy[own == name], axis=0)
        text = axes.text(x, y, name, fontsize=11.5, fontfamily=FONT, fontstyle="italic", ha="center", va="center")
        text.set_color(tuple(0.72 * c for c in to_rgb(colour)))
        text.set_path_effects([withStroke(linewidth=3.2, foreground=PAPER, alpha=0.92)])
    _plate(axes, xy)
    _words(axes, title)
    rest = len(ordered) > len(colours) or "" in own
    key = {**colours, **({"others" if len(ordered) > len(colours) else f"no {rank}": GREY} if rest else {})}
    _legend(
        figure,
        handles=[Line2D([], [], marker="o", linestyle="", color=c, markersize=6, label=n) for n, c in key.items()],
        loc="upper left",
        bbox_to_anchor=(0.735, 0.935),
        borderaxespad=0.0,
        title=rank.capitalize(),
        title_fontproperties={"family": FONT, "size": 11.5, "weight": "bold"},
        alignment="left",
    )
    return _svg(figure, f"clade {rank}")


def by_value(xy: Doubles, values: Doubles, title: str, name: str, unit: str) -> str:
    """A layout [n, 2] coloured by a value of each point (nan: pale grey), with a bar that says which colour is how much."""
    figure, axes = _figure(8.4, 6.5, PLATE)
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
    _plate(axes, xy)
    _words(axes, title)
    beside = figure.add_axes((0.75, 0.34, 0.02, 0.56))
    bar = figure.colorbar(drawn, cax=beside, extend="both", extendfrac=0.03)
    bar.outline.set_visible(False)
    bar.ax.tick_params(colors=FAINT, labelcolor=INK, labelsize=10, length=0, labelfontfamily=FONT)
    label = f"{name} ({unit})" if unit and unit != "1" else name
    bar.set_label(label, fontsize=11, color=INK, fontfamily=FONT, labelpad=10)
    return _svg(figure, f"value {name}")


def grouped_bars(
    groups: Sequence[str],
    series: Mapping[str, Sequence[Bar | None]],
    title: str,
    marks: Mapping[str, Sequence[float | None]] | None = None,
    width: float = 8.4,
) -> str:
    """Shares as bars with intervals, side by side per group (ochre for a "baseline"), and `marks` (chance, a majority) as rules across each group."""
    figure, axes = _figure(width, 4.1)
    plain = (n for n in ("indigo", "verdigris", "madder", "plum"))
    colours = {name: "ochre" if "baseline" in name else next(plain) for name in series}
    place = np.arange(len(groups), dtype=float)
    thick = 0.78 / max(len(series), 1)
    for k, (name, bars) in enumerate(series.items()):
        held = [(i, b) for i, b in enumerate(bars) if b is not None]
        x = np.array([place[i] for i, _ in held]) + (k - (len(series) - 1) / 2) * thick
        y = np.array([b.value for _, b in held])
        axes.bar(x, y, thick * 0.9, color=PIGMENTS[colours[name]], label=name, linewidth=0)
        for a, (_, b) in zip(x, held, strict=True):
            if b.low is not None:
                axes.plot([a, a], [b.low, b.high], color=INK, linewidth=1.0, solid_capstyle="butt", clip_on=False)
    for mark, (name, values) in enumerate((marks or {}).items()):
        style = {
            "color": INK if mark == 0 else FAINT,
            "linewidth": 1.4,
            "linestyle": "-" if mark == 0 else (0, (2, 1.4)),
        }
        for n, (at, value) in enumerate((p, v) for p, v in zip(place, values, strict=True) if v is not None):
            axes.plot([at - 0.45, at + 0.45], [value, value], label=name if n == 0 else None, **style)
    axes.set_xticks(place, groups)
    axes.tick_params(axis="x", length=0, pad=6)
    axes.set_xlim(-0.6, len(groups) - 0.4)
    axes.set_ylim(0, 1.005)
    axes.yaxis.grid(True, color=RULE, linewidth=0.6)
    axes.set_axisbelow(True)
    axes.spines["left"].set_visible(False)
    axes.tick_params(axis="y", length=0)
    _percent(axes)
    _words(axes, title)
    _legend(figure, loc="outside lower left", ncols=6, columnspacing=1.6, handlelength=1.4)
    return _svg(figure, title)


def points(
    rows: Mapping[str, Mapping[str, Bar | None]], title: str, reference: float | None = None, x: str = ""
) -> str:
    """Shares as points with intervals, one row per name ("kind: name" sets kinds apart), series above each other, and a rule at a reference value.

    A series called "chance" is a short rule instead of a point, a "baseline" ochre.
    """
    names = list(rows)
    series = list(dict.fromkeys(s for row in rows.values() for s in row))
    dots = [s for s in series if s != "chance"]
    kinds = [name.split(":")[0] for name in names]
    steps = np.array([1.0 if i and kinds[i] == kinds[i - 1] else 1.5 for i in range(len(names))])
    place = -np.cumsum(steps)
    figure, axes = _figure(8.4, 1.1 + 0.29 * float(steps.sum()) + 0.3 * (len(series) > 1))
    if reference is not None:
        axes.axvline(reference, color=GREY, linewidth=1.0, linestyle=(0, (3, 2)))
    for name in series:
        colour = PIGMENTS["ochre" if "baseline" in name else "indigo"]
        held = [(y, row[name]) for y, row in zip(place, rows.values(), strict=True) if name in row]
        known = [(y, bar) for y, bar in held if bar is not None]
        if name == "chance":
            axes.vlines(
                [b.value for _, b in known], [y - 0.34 for y, _ in known], [y + 0.34 for y, _ in known], color=INK
            )
            axes.plot([], [], color=INK, linewidth=1.4, marker="|", markersize=9, linestyle="", label=name)
            continue
        shift = 0.0 if len(dots) < 2 else 0.15 - 0.3 * dots.index(name) / (len(dots) - 1)
        for y, bar in known:
            if bar.low is not None:
                axes.plot([bar.low, bar.high], [y + shift] * 2, color=colour, linewidth=1.6, alpha=0.55, clip_on=False)
        at = [y + shift for y, _ in known]
        axes.scatter([b.value for _, b in known], at, s=32, c=colour, zorder=3, linewidths=0, clip_on=False, label=name)
    axes.set_yticks(place, names)
    axes.set_ylim(float(place.min(initial=0)) - 0.8, -0.6)
    axes.set_xlim(0, 1.005)
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    axes.xaxis.grid(True, color=RULE, linewidth=0.6)
    axes.set_axisbelow(True)
    _percent(axes, "x")
    _words(axes, title, x)
    if len(series) > 1:
        _legend(figure, loc="outside lower left", ncols=4, columnspacing=1.6)
    return _svg(figure, title)


def reliability_diagram(confidence: Doubles, accuracy: Doubles, counts: Doubles, title: str) -> str:
    """Share right against mean probability per bin, circles by the number of answers, beside the diagonal of perfect calibration."""
    figure, axes = _figure(5.2, 4.9)
    axes.plot([0, 1], [0, 1], color=GREY, linewidth=1.0, linestyle=(0, (3, 2)))
    held = counts > 0
    area = 18 + 320 * counts[held] / max(float(counts.max(initial=1)), 1)
    axes.plot(confidence[held], accuracy[held], color=PIGMENTS["indigo"], linewidth=1.2, alpha=0.6)
    axes.scatter(confidence[held], accuracy[held], s=area, c=PIGMENTS["indigo"], alpha=0.85, linewidths=0)
    for setter in (axes.set_xlim, axes.set_ylim):
        setter(-0.03, 1.03)
    axes.set_aspect("equal")
    axes.grid(True, color=RULE, linewidth=0.6)
    axes.set_axisbelow(True)
    for which in ("x", "y"):
        _percent(axes, which)
    _words(axes, title, "what the model said", "how often it was right")
    return _svg(figure, title)


def densities(values: Mapping[str, Doubles], title: str, x: str) -> str:
    """Two or more sets of values in [0, 1] as overlaid histograms of equal area."""
    figure, axes = _figure(5.4, 3.4)
    edges = np.linspace(0, 1, 31)
    for (name, sample), colour in zip(values.items(), ("indigo", "madder", "verdigris", "ochre"), strict=False):
        height = np.histogram(sample, edges)[0] / max(len(sample), 1)
        axes.stairs(height, edges, fill=True, color=PIGMENTS[colour], alpha=0.35, linewidth=0)
        axes.stairs(height, edges, color=PIGMENTS[colour], linewidth=1.5, label=name)
    axes.set_xlim(0, 1)
    axes.set_ylim(0, None)
    axes.yaxis.grid(True, color=RULE, linewidth=0.6)
    axes.set_axisbelow(True)
    for which in ("x", "y"):
        _percent(axes, which)
    _words(axes, title, x, "share of images")
    _legend(axes, loc="upper center")
    return _svg(figure, title)


def curve(x: npt.NDArray[np.float64], y: npt.NDArray[np.float64], title: str, x_name: str, y_name: str) -> str:
    """A series that jumps, faint, with its running mean (over a fortieth of its length) as a line: for the training loss."""
    figure, axes = _figure(5.4, 3.3)
    window = np.ones(max(len(y) // 40, 1))
    smooth = np.convolve(y, window, "same") / np.convolve(np.ones(len(y)), window, "same")
    axes.plot(x, y, color=PIGMENTS["sky"], linewidth=0.7, alpha=0.7)
    axes.plot(x, smooth, color=PIGMENTS["indigo"], linewidth=1.9)
    axes.set_xlim(float(x.min(initial=0)), max(float(x.max(initial=1)), 1))
    axes.yaxis.grid(True, color=RULE, linewidth=0.6)
    axes.set_axisbelow(True)
    _words(axes, title, x_name, y_name)
    return _svg(figure, title)


def growth(lines: Mapping[str, tuple[Doubles, Doubles]], title: str, x_name: str, y_name: str) -> str:
    """Shares over counts, a line each (name -> counts, shares), the counts by their logarithm and each where it is."""
    figure, axes = _figure(6.0, 3.8)
    for (name, (x, y)), colour in zip(lines.items(), PIGMENTS.values(), strict=False):
        axes.plot(x, y, color=colour, linewidth=1.9, marker="o", markersize=5.5, label=name)
    counts = np.unique(np.concatenate([x for x, _ in lines.values()]))
    axes.set_xscale("log")
    axes.set_xticks(counts, [f"{count:,.0f}" for count in counts])
    axes.minorticks_off()
    axes.set_ylim(bottom=0)
    axes.yaxis.grid(True, color=RULE, linewidth=0.6)
    _percent(axes)
    _words(axes, title, x_name, y_name)
    _legend(axes, loc="best")
    return _svg(figure, title)


def agreement(measured: Doubles, predicted: Doubles, clades: Sequence[str], title: str, unit: str) -> str:
    """Predicted against measured values, one point per species coloured by clade, beside the diagonal."""
    figure, axes = _figure(6.4, 4.9)
    ends = [float(min(measured.min(), predicted.min())), float(max(measured.max(), predicted.max()))]
    axes.plot(ends, ends, color=GREY, linewidth=1.0, linestyle=(0, (3, 2)))
    names, counts = np.unique(clades, return_counts=True)
    ordered = names[np.lexsort((names, -counts))].tolist()
    own = np.asarray(clades)
    for name, colour in zip(ordered[:8], PIGMENTS.values(), strict=False):
        here = own == name
        axes.scatter(measured[here], predicted[here], s=30, c=colour, alpha=0.85, linewidths=0, label=name)
    rest = np.isin(own, ordered[8:])
    if rest.any():
        axes.scatter(measured[rest], predicted[rest], s=24, c=GREY, alpha=0.85, linewidths=0, label="others")
    axes.grid(True, color=RULE, linewidth=0.6)
    axes.set_axisbelow(True)
    suffix = f" ({unit})" if unit and unit != "1" else ""
    _words(axes, title, f"measured{suffix}", f"read from the images{suffix}")
    _legend(figure, loc="outside right upper")
    return _svg(figure, title)
