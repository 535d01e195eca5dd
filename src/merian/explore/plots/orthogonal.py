"""Variation within species standing upright on the plane of the differences between them: a figure in three dimensions, drawn by parallel projection."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.lines import Line2D
from matplotlib.patches import Polygon
from matplotlib.patheffects import withStroke

from merian.explore.orthogonality import Panel
from merian.explore.plots.colour import FAINT, GREY, INK, PAPER, RULE, clade_colours
from merian.explore.plots.style import FONT, canvas_mm, foot, heading, legend, shortened, svg

__all__ = ["TURN_DEG", "UP_DEG", "orthogonality", "projection", "scaled", "told"]

Doubles = npt.NDArray[np.float64]
TURN_DEG, UP_DEG = 32.0, 24.0
"""From where the figure is seen: turned about the upright axis, and raised above the plane."""
MANY = 1500
WIDE, HIGH = 180.0, 132.0
LONGEST = 21
"""Letters of a species' name that fit beside the figure."""


def projection(points: Doubles, turn_deg: float = TURN_DEG, up_deg: float = UP_DEG) -> tuple[Doubles, Doubles]:
    """Points [n, 3] on the page [n, 2] by parallel projection, and how near each is [n]: the third axis stays upright."""
    turn, up = np.deg2rad([turn_deg, up_deg])
    x = points[:, 0] * np.cos(turn) - points[:, 1] * np.sin(turn)
    back = points[:, 0] * np.sin(turn) + points[:, 1] * np.cos(turn)
    y = points[:, 2] * np.cos(up) + back * np.sin(up)
    return np.stack([x, y], 1), points[:, 2] * np.sin(up) - back * np.cos(up)


def scaled(panel: Panel) -> tuple[Doubles, Doubles, Doubles]:
    """Points [n, 3] and means [s, v, 3] of a panel with all three axes in one unit, so that right angles stay right; and half the sides of the plane [2].

    The unit is the greatest distance of a point from the middle in any axis.
    """
    reach = max(float(np.abs(panel.points).max()), 1e-12)
    points, means = panel.points / reach, panel.means / reach
    return points, means, 1.1 * np.abs(points[:, :2]).max(0).clip(min=0.2)


def orthogonality(panel: Panel, title: str) -> str:
    """The panel as SVG: the plane of the species' means in grey, images as dots, variants by their marks, black lines between the means of a species' variants.

    Rho and its chance level are told in the caption. Up to ten species have colours of their own.
    """
    points, means, half = scaled(panel)
    caption, low_mm = foot(told(panel), WIDE)
    figure, axes = canvas_mm(WIDE, HIGH, (4, low_mm, 126, HIGH - low_mm - 11))
    axes.set_axis_off()
    axes.set_aspect("equal")
    _plane(axes, half)
    counts = np.bincount(panel.of_species, minlength=len(panel.species))
    order = [panel.species[s] for s in np.lexsort((np.arange(len(counts)), -counts))]
    colours = clade_colours(order)
    fill = [colours.get(name, GREY) for name in panel.species]
    places, near = projection(points)
    rows = np.argsort(near, kind="stable")
    for sunk in (True, False):
        for variant in range(len(panel.variants)):
            chosen = rows[((points[:, 2] < 0) == sunk)[rows] & (panel.of_variant[rows] == variant)]
            own = [fill[s] for s in panel.of_species[chosen]]
            hollow = variant % 2 == 0
            axes.scatter(
                *places[chosen].T,
                s=9,
                facecolors="none" if hollow else own,
                edgecolors=own if hollow else "none",
                linewidths=0.7 if hollow else 0,
                alpha=0.3 if sunk else 0.6,
                rasterized=len(points) > MANY,
                zorder=1 if sunk else 3,
            )
    _means(axes, means, fill)
    axes.autoscale_view()
    shown = dict(zip(colours, shortened(list(colours), LONGEST), strict=True))
    shown |= {"others": "others"} if len(order) > len(colours) else {}
    handles: list[Any] = [
        Line2D([], [], marker="o", linestyle="", color=colours.get(name, GREY), markersize=6, label=label)
        for name, label in shown.items()
    ]
    for variant, name in enumerate(panel.variants):
        face: dict[str, Any] = {"markerfacecolor": PAPER if variant % 2 == 0 else INK, "markeredgecolor": INK}
        handles.append(
            Line2D([], [], marker=_mark(variant), linestyle="", markersize=6, markeredgewidth=1, label=name, **face)
        )
    legend(figure, handles=handles, loc="upper left", bbox_to_anchor=(132 / WIDE, 0.89), borderaxespad=0.0)
    heading(figure, title, caption)
    return svg(figure, title)


def told(panel: Panel) -> str:
    """Rho, its interval and chance, and what the axes hold, in words."""
    rho, low, high = panel.rho
    return (
        f"ρ = {rho:.3f} ({low:.3f} to {high:.3f}) of the variation within species lies in the plane; by chance 2/{panel.dimensions} = {panel.chance:.3f}.\n"
        f"The plane holds {panel.plane:.0%} of the variance between species, the upright axis {panel.upright:.0%} of what is left of the variation within."
    ).replace("%", " %")


def _mark(variant: int) -> str:
    return "ooss^^DD"[variant % 8]


def _plane(axes: Any, half: Doubles) -> None:
    """The grey plane with its grid, and what the three directions are."""
    (a, b), steps = half, np.linspace(-1, 1, 9)
    corners, _ = projection(np.array([[-a, -b, 0], [a, -b, 0], [a, b, 0], [-a, b, 0]]))
    axes.add_patch(
        Polygon(corners, closed=True, facecolor="#dcd7cc", alpha=0.72, edgecolor=GREY, linewidth=0.8, zorder=2)
    )
    for t in steps[1:-1]:
        for ends in ([[t * a, -b, 0], [t * a, b, 0]], [[-a, t * b, 0], [a, t * b, 0]]):
            line, _ = projection(np.array(ends))
            axes.plot(*line.T, color=PAPER, linewidth=0.6, zorder=2.1)
    upright, _ = projection(np.array([[-a, b, 0.0], [-a, b, 0.62]]))
    arrow = {"arrowstyle": "-|>", "color": FAINT, "linewidth": 0.9}
    axes.annotate("", upright[1], upright[0], arrowprops=arrow, annotation_clip=False)
    axes.text(
        *(upright[1] + [-0.04, 0.03]),
        "variation within species,\nupright on the plane",
        ha="left",
        va="bottom",
        **_small(),
    )
    sides = (("first component of the species' means", [0, -b, 0], [1, 0, 0]), ("second", [-a, 0, 0], [0, -1, 0]))
    for words, at, along in sides:
        (start, end), _ = projection(np.array([np.array(at), np.array(at) + 0.1 * np.array(along)]))
        angle = float(np.rad2deg(np.arctan2(*(end - start)[::-1])))
        halo = [withStroke(linewidth=2.4, foreground=PAPER)]
        where = {"rotation": angle, "rotation_mode": "anchor", "ha": "center", "va": "top"}
        axes.annotate(
            words, start, (0, -3), textcoords="offset points", path_effects=halo, zorder=2.6, **where, **_small()
        )


def _small() -> dict[str, Any]:
    return {"fontsize": 9, "color": FAINT, "fontfamily": FONT, "fontstyle": "italic"}


def _means(axes: Any, means: Doubles, fill: list[str]) -> None:
    """The variants' means, joined by black lines and dropped on the plane by dotted ones."""
    for species, own in enumerate(means):
        there = np.flatnonzero(np.isfinite(own[:, 0]))
        if len(there) < 2:
            continue
        places, _ = projection(own[there])
        feet, _ = projection(own[there] * [1, 1, 0])
        for place, below in zip(places, feet, strict=True):
            axes.plot(*np.stack([place, below]).T, color=RULE, linewidth=0.9, linestyle=(0, (1, 1.5)), zorder=3.5)
        axes.plot(*places.T, color="black", linewidth=1.7, zorder=4, solid_capstyle="round")
        for variant, place in zip(there, places, strict=True):
            hollow = variant % 2 == 0
            axes.plot(
                *place,
                marker=_mark(int(variant)),
                markersize=8,
                markerfacecolor=PAPER if hollow else fill[species],
                markeredgecolor=fill[species] if hollow else INK,
                markeredgewidth=1.8 if hollow else 0.8,
                zorder=5,
            )
