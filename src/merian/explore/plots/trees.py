"""A tree of embeddings beside the taxonomy, the same leaves joined by links."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
from matplotlib.lines import Line2D

from merian.explore.dendrogram import Agreement, Tangle, crossings
from merian.explore.plots.colour import FAINT, GREY, INK, clade_colours
from merian.explore.plots.style import FONT, canvas_mm, foot, heading, legend, svg

__all__ = ["tanglegram"]

Doubles = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
WIDE = 180.0
PITCH = 3.7
"""From leaf to leaf, mm."""
DENDROGRAM, LEFT, LINKS, RIGHT, TAXONOMY = 44.0, 34.0, 24.0, 34.0, 38.0
"""Widths of the five columns, mm."""
LONGEST = 26
"""Letters of a name that the columns hold."""


def tanglegram(tangle: Tangle, title: str, color_by: str = "") -> str:
    """The Tangle as SVG: the dendrogram at the left, the taxonomy at the right, links coloured by the taxa of the rank `color_by`.

    Empty: the lowest rank above the leaves with 2 to 10 taxa. The caption tells how far the trees agree, beside shuffled leaves.
    """
    leaves, m = tangle.leaves, len(tangle.leaves)
    color_by = color_by or _rank(leaves)
    owner = leaves[color_by].fill_null("").to_list()
    taxa, counts = np.unique([o for o in owner if o], return_counts=True)
    colours = clade_colours(taxa[np.lexsort((taxa, -counts))].tolist())
    paint = [colours.get(o, GREY) for o in owner]
    lines = -(-len(colours) // 5)
    caption, bottom = foot(_told(tangle), WIDE)
    top = 19.0 + (5.5 * lines if len(colours) > 1 else 0)
    high = top + bottom + PITCH * m
    figure, axes = canvas_mm(WIDE, high, (0, bottom, WIDE, PITCH * m))
    axes.set_axis_off()
    axes.set_xlim(0, WIDE)
    axes.set_ylim(m - 0.5, -0.5)
    left_y, right_y = np.empty(m), np.empty(m)
    left_y[tangle.left] = right_y[tangle.right] = np.arange(m)
    edge = (WIDE - DENDROGRAM - LEFT - LINKS - RIGHT - TAXONOMY) / 2
    stops = edge + np.cumsum([0.0, DENDROGRAM, LEFT, LINKS, RIGHT, TAXONOMY])
    _dendrogram(axes, tangle.merges, left_y, (float(stops[0]), float(stops[1])))
    _taxonomy(axes, leaves, right_y, (float(stops[4]), float(stops[5])))
    names = [_short(str(name)) for name in leaves.to_series(leaves.width - 1).to_list()]
    style: dict[str, Any] = {"fontsize": 8, "fontfamily": FONT, "color": INK, "va": "center"}
    if leaves.columns[-1] in ("species", "genus"):
        style["fontstyle"] = "italic"
    bend = np.linspace(0, 1, 24)
    for i in range(m):
        axes.text(stops[1] + 1.2, left_y[i], names[i], ha="left", **style)
        axes.text(stops[4] - 1.2, right_y[i], names[i], ha="right", **style)
        x = stops[2] + (stops[3] - stops[2]) * bend
        y = left_y[i] + (right_y[i] - left_y[i]) * bend**2 * (3 - 2 * bend)
        axes.plot(x, y, color=paint[i], linewidth=1.5, alpha=0.9, solid_capstyle="round")
    head: dict[str, Any] = {"fontsize": 9.5, "fontfamily": FONT, "fontstyle": "italic", "color": FAINT, "va": "bottom"}
    lift = 1 - (top - 3.4) / high
    figure.text(stops[0] / WIDE, lift, "by likeness of the vectors", ha="left", **head)
    figure.text(stops[5] / WIDE, lift, "by the taxonomy", ha="right", **head)
    if len(colours) > 1:
        key = {**colours, **({"others": GREY} if len(taxa) > len(colours) or "" in owner else {})}
        handles = [Line2D([], [], color=c, linewidth=2.5, label=n) for n, c in key.items()]
        place = {"loc": "upper left", "bbox_to_anchor": (3 / WIDE, 1 - 10.5 / high), "borderaxespad": 0.0}
        legend(figure, handles=handles, ncols=5, columnspacing=1.4, handlelength=1.2, **place)
    heading(figure, title, caption, left_mm=3)
    return svg(figure, title)


def _rank(leaves: pl.DataFrame) -> str:
    fitting = [c for c in leaves.columns[:-1] if 2 <= leaves[c].n_unique() <= 10]
    return fitting[-1] if fitting else leaves.columns[max(leaves.width - 2, 0)]


def _short(name: str) -> str:
    return name if len(name) <= LONGEST else name[: LONGEST - 1] + "…"


def _agreed(agreement: Agreement) -> str:
    ends = f"{agreement.low:.2f} to {agreement.high:.2f}" if np.isfinite(agreement.low) else "no interval"
    shuffled = f"; 95 % of shuffled leaves below {agreement.shuffled:.2f}" if np.isfinite(agreement.shuffled) else ""
    return f"{agreement.value:.2f} ({ends}{shuffled})"


def _told(tangle: Tangle) -> str:
    crossed = crossings(tangle.left, tangle.right)
    m = len(tangle.leaves)
    if tangle.cophenetic is None or tangle.triplets is None:
        first = "The taxonomy joins these leaves all alike, or not at all: there is nothing to agree with."
    else:
        first = f"Cophenetic correlation {_agreed(tangle.cophenetic)}; triplets joined alike {_agreed(tangle.triplets)}, one third by chance."
    one = f"{tangle.branches} of {tangle.taxa} taxa with two leaves or more are one branch of the dendrogram"
    shuffled = f" (shuffled: {tangle.branches_shuffled:.0f})" if np.isfinite(tangle.branches_shuffled) else ""
    return f"{first}\n{one}{shuffled}. {crossed:,} of {m * (m - 1) // 2:,} pairs of links cross. Average linkage of 1 - cosine."


def _dendrogram(axes: Any, merges: Doubles, leaf_y: Doubles, ends: tuple[float, float]) -> None:
    """Brackets from the root at the left to the leaves at the right, by the distance at which they join."""
    reach = max(float(merges[:, 2].max()), 1e-12)
    y = [float(v) for v in leaf_y]
    x = [ends[1]] * len(y)
    for a, b, height, _ in merges:
        at = ends[1] - (ends[1] - ends[0]) * float(height) / reach
        i, j = int(a), int(b)
        axes.plot([x[i], at, at, x[j]], [y[i], y[i], y[j], y[j]], color=INK, linewidth=0.9, solid_joinstyle="miter")
        y.append((y[i] + y[j]) / 2)
        x.append(at)


def _taxonomy(axes: Any, leaves: pl.DataFrame, leaf_y: Doubles, ends: tuple[float, float]) -> None:
    """Brackets from the leaves at the left to the root at the right, a step a rank; ranks that join nothing further are passed over."""
    nodes: list[tuple[float, float, tuple[Any, ...]]] = [
        (float(leaf_y[i]), ends[0], path) for i, path in enumerate(leaves.rows())
    ]
    widths = [w for w in range(leaves.width - 1, 0, -1) if leaves.select(leaves.columns[:w]).n_unique() < len(leaves)]
    steps = [*widths, 0]
    for step, width in enumerate(steps, 1):
        at = ends[0] + (ends[1] - ends[0]) * step / len(steps)
        groups: dict[tuple[Any, ...], list[tuple[float, float]]] = {}
        for y, x, path in nodes:
            groups.setdefault(path[:width], []).append((y, x))
        nodes = []
        for path, members in groups.items():
            ys = [y for y, _ in members]
            for y, x in members:
                axes.plot([x, at], [y, y], color=INK, linewidth=0.9, solid_capstyle="butt")
            axes.plot([at, at], [min(ys), max(ys)], color=INK, linewidth=0.9, solid_capstyle="projecting")
            nodes.append(((min(ys) + max(ys)) / 2, at, path))
