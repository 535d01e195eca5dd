"""Healthy and diseased leaves as a scatter: along the direction of health, and at right angles to it."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from merian.explore.health import Leaves
from merian.explore.plots.colour import GREY, INK, PAPER, RULE, clade_colours
from merian.explore.plots.style import FONT, canvas_mm, foot, heading, legend, shortened, svg

__all__ = ["leaf_scatter"]

MANY = 1500
WIDE, HIGH = 180.0, 122.0
CROP, STATE = 13.7, 6.6
"""What a crop with its AUROC and what a single line take in the key, mm: a figure of many crops is as much higher."""
TOP = 11.0
"""Where the key begins, below the upper edge, mm."""
LONGEST = 27
"""Letters of a crop's name that fit beside the figure."""
SHAPES = "os^DvPX*hp"


def leaf_scatter(leaves: Leaves, title: str) -> str:
    """Leaves as SVG, crops by colour and shape, diseased filled, healthy hollow; the AUROC of each crop in the legend, over all of them in the caption.

    More than ten crops share the grey as "others". Crops with too few leaves of a state are shown, and said to have no AUROC.
    """
    counts = {telling.crop: telling.healthy + telling.diseased for telling in leaves.tellings}
    order = sorted(counts, key=lambda crop: (-counts[crop], crop))
    colours = clade_colours(order)
    caption, low_mm = foot(_told(leaves), WIDE)
    key_mm = CROP * len(colours) + STATE * (2 + (len(order) > len(colours)))
    high = max(HIGH, TOP + key_mm + low_mm)
    figure, axes = canvas_mm(WIDE, high, (10, low_mm + 12, 110, high - low_mm - 25))
    own = np.array([crop if crop in colours else "" for crop in leaves.crops])
    axes.axvline(0, color=RULE, linewidth=0.9, zorder=0)
    for k, crop in enumerate([*colours, ""]):
        for ill in (False, True):
            chosen = (own == crop) & (leaves.diseased == ill)
            colour = colours.get(crop, GREY)
            axes.scatter(
                leaves.health[chosen],
                leaves.other[chosen],
                s=17,
                marker=SHAPES[k % len(SHAPES)],
                facecolors=colour if ill else "none",
                edgecolors="none" if ill else colour,
                linewidths=0 if ill else 0.9,
                alpha=0.75,
                rasterized=len(own) > MANY,
            )
    axes.set_xlabel(
        "←  diseased     direction of health     healthy  →", fontsize=11, color=INK, fontfamily=FONT, labelpad=5
    )
    axes.set_ylabel("first component at right angles to it", fontsize=11, color=INK, fontfamily=FONT, labelpad=5)
    axes.set_yticks([])
    _key(figure, leaves, colours, (len(order) - len(colours), 1 - TOP / high))
    heading(figure, title, caption)
    return svg(figure, title)


def _key(figure: Figure, leaves: Leaves, colours: dict[str, str], place: tuple[int, float]) -> None:
    """Crops with their AUROC, and which state is which; `place`: how many crops share the grey, and where the key begins over the height."""
    others, top = place
    auroc = {t.crop: "too few of a state" if t.auroc is None else f"AUROC {_range(t.auroc)}" for t in leaves.tellings}
    handles = []
    for k, (crop, name) in enumerate(zip(colours, shortened(list(colours), LONGEST), strict=True)):
        style: dict[str, Any] = {
            "marker": SHAPES[k % len(SHAPES)],
            "color": colours[crop],
            "linestyle": "",
            "markersize": 5.5,
        }
        handles.append(Line2D([], [], label=f"{name}\n{auroc[crop]}", **style))
    if others:
        rest = f"{others:,} others"
        shape = SHAPES[len(colours) % len(SHAPES)]
        handles.append(Line2D([], [], marker=shape, linestyle="", color=GREY, markersize=5.5, label=rest))
    for name, face in (("diseased", INK), ("healthy", PAPER)):
        handles.append(
            Line2D(
                [], [], marker="o", linestyle="", markersize=5.5, markerfacecolor=face, markeredgecolor=INK, label=name
            )
        )
    legend(
        figure,
        handles=handles,
        loc="upper left",
        bbox_to_anchor=(124 / WIDE, top),
        borderaxespad=0.0,
        labelspacing=0.7,
    )


def _told(leaves: Leaves) -> str:
    pooled = (
        "no crop has enough of both states" if leaves.pooled is None else f"AUROC {_range(leaves.pooled)} within crops"
    )
    healthy, diseased = int((~leaves.diseased).sum()), int(leaves.diseased.sum())
    return (
        f"{healthy:,} healthy and {diseased:,} diseased leaves; {pooled}; 0.5 is chance. "
        "Each leaf is measured, in standard deviations, along a direction that was made without it."
    )


def _range(estimate: tuple[float, float, float]) -> str:
    return "{:.2f} ({:.2f} to {:.2f})".format(*estimate)
