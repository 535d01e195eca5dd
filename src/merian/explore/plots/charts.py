"""Bars, points and lines of a report as SVG text. The same data give the same bytes."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from merian.explore.plots.colour import FAINT, GREY, INK, PIGMENTS, RULE
from merian.explore.plots.style import canvas, legend, percent, svg, words

__all__ = [
    "Bar",
    "agreement",
    "curve",
    "densities",
    "grouped_bars",
    "growth",
    "points",
    "reliability_diagram",
]

Doubles = npt.NDArray[np.floating[Any]]
BESIDE = 32
"""Letters of a line's name up to which two stand beside each other below the figure."""


@dataclass(frozen=True, slots=True)
class Bar:
    """A bar or point of a chart: value with its interval (None: none was estimated)."""

    value: float
    low: float | None = None
    high: float | None = None


def grouped_bars(
    groups: Sequence[str],
    series: Mapping[str, Sequence[Bar | None]],
    title: str,
    marks: Mapping[str, Sequence[float | None]] | None = None,
    width: float = 8.4,
) -> str:
    """Shares as bars with intervals, side by side per group (ochre for a "baseline"), and `marks` (chance, a majority) as rules across each group."""
    figure, axes = canvas(width, 4.1)
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
    percent(axes)
    words(axes, title)
    legend(figure, loc="outside lower left", ncols=6, columnspacing=1.6, handlelength=1.4)
    return svg(figure, title)


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
    figure, axes = canvas(8.4, 1.1 + 0.29 * float(steps.sum()) + 0.3 * (len(series) > 1))
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
    percent(axes, "x")
    words(axes, title, x)
    if len(series) > 1:
        legend(figure, loc="outside lower left", ncols=4, columnspacing=1.6)
    return svg(figure, title)


def reliability_diagram(confidence: Doubles, accuracy: Doubles, counts: Doubles, title: str) -> str:
    """Share right against mean probability per bin, circles by the number of answers, beside the diagonal of perfect calibration."""
    figure, axes = canvas(5.2, 4.9)
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
        percent(axes, which)
    words(axes, title, "what the model said", "how often it was right")
    return svg(figure, title)


def densities(values: Mapping[str, Doubles], title: str, x: str) -> str:
    """Two or more sets of values in [0, 1] as overlaid histograms of equal area."""
    figure, axes = canvas(5.4, 3.4)
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
        percent(axes, which)
    words(axes, title, x, "share of images")
    legend(axes, loc="upper center")
    return svg(figure, title)


def curve(x: npt.NDArray[np.float64], y: npt.NDArray[np.float64], title: str, x_name: str, y_name: str) -> str:
    """A series that jumps, faint, with its running mean (over a fortieth of its length) as a line: for the training loss."""
    figure, axes = canvas(5.4, 3.3)
    window = np.ones(max(len(y) // 40, 1))
    smooth = np.convolve(y, window, "same") / np.convolve(np.ones(len(y)), window, "same")
    axes.plot(x, y, color=PIGMENTS["sky"], linewidth=0.7, alpha=0.7)
    axes.plot(x, smooth, color=PIGMENTS["indigo"], linewidth=1.9)
    axes.set_xlim(float(x.min(initial=0)), max(float(x.max(initial=1)), 1))
    axes.yaxis.grid(True, color=RULE, linewidth=0.6)
    axes.set_axisbelow(True)
    words(axes, title, x_name, y_name)
    return svg(figure, title)


def growth(lines: Mapping[str, tuple[Doubles, Doubles]], title: str, x_name: str, y_name: str) -> str:
    """Shares along growing counts, a line each (name -> counts, shares), the counts by their logarithm and each where it is; told below."""
    columns = 1 if max(map(len, lines), default=0) > BESIDE else 2
    rows = -(-len(lines) // columns)
    figure, axes = canvas(6.4, 3.8 + 0.21 * rows)
    for k, (name, (x, y)) in enumerate(lines.items()):
        colour, mark = list(PIGMENTS.values())[k % len(PIGMENTS)], "os^D"[k // len(PIGMENTS) % 4]
        axes.plot(x, y, color=colour, linewidth=1.9, marker=mark, markersize=5.5, label=name)
    counts = np.unique(np.concatenate([x for x, _ in lines.values()]))
    axes.set_xscale("log")
    axes.set_xticks(counts, [f"{count:,.0f}" if count >= 1000 else f"{count:g}" for count in counts])
    axes.minorticks_off()
    axes.set_ylim(bottom=0)
    axes.yaxis.grid(True, color=RULE, linewidth=0.6)
    percent(axes)
    words(axes, title, x_name, y_name)
    legend(figure, loc="outside lower left", ncols=columns, columnspacing=1.4, handlelength=1.6)
    return svg(figure, title)


def agreement(measured: Doubles, predicted: Doubles, clades: Sequence[str], title: str, unit: str) -> str:
    """Predicted against measured values, one point per species coloured by clade, beside the diagonal."""
    figure, axes = canvas(6.4, 4.9)
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
    words(axes, textwrap.fill(title, 46), f"measured{suffix}", f"read from the images{suffix}")
    legend(figure, loc="outside right upper")
    return svg(figure, title)
