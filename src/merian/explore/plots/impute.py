"""The figure of filled traits: skill, what pictures add, and how often intervals held the truth, as what was left out grows from species to families."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from merian.core.report import Number
from merian.explore.plots.colour import FAINT, GREY, INK, PAPER, PIGMENTS, RULE
from merian.explore.plots.style import FONT, canvas_mm, heading, legend, percent, svg

__all__ = ["skill_figure"]

SCHEMES = {"species": ("indigo", "species"), "genus": ("verdigris", "genera"), "family": ("ochre", "families")}
SKILL, PICTURES, COVERAGE = (".skill",), (".pictures",), (".coverage.clades", ".coverage")
PANELS = {SKILL: "skill over the simple means", PICTURES: "what pictures add", COVERAGE: "coverage of intervals"}
"""How the names of a panel's numbers end, the first that is there, and what is written below it."""
WORST, LOWEST = -0.5, 0.4
"""Skill and coverage below these are drawn here, with an arrow."""
LONGEST = 26
"""Letters of a trait's name that are written."""
WIDE, NAMES, GAP, ROW, BELOW = 190.0, 47.0, 14.0, 12.0, 25.0
"""The width of the figure, of the traits' names and of the gap between panels, the height of a trait and of what stands below all, in mm."""


def skill_figure(numbers: Sequence[Number], level: float) -> str:
    """A row per trait with its skill (numbers called TRAIT.SCHEME.skill), what pictures add where there are any, and coverage; hollow: the shuffled controls.

    Dashed: nothing gained, and the coverage `level` that was wanted. Where clades are left out each clade's coverage counts once.
    """
    found = {n.name: n for n in numbers}
    traits = list(dict.fromkeys(name.rsplit(".", 2)[0] for name in found if name.endswith(".skill")))
    shown = [ends for ends in PANELS if any(name.endswith(ends) for name in found)]
    tall, wide = ROW * len(traits), (WIDE - NAMES - 8 + GAP) / len(shown) - GAP
    high = tall + BELOW + 11
    figure, first = canvas_mm(WIDE, high, (NAMES, BELOW, wide, tall))
    for i, ends in enumerate(shown):
        place = (NAMES + i * (wide + GAP)) / WIDE, BELOW / high, wide / WIDE, tall / high
        axes = figure.add_axes(place, facecolor=PAPER, sharey=first) if i else first
        _panel(axes, found, traits, ends, level)
    first.scatter([], [], s=20, facecolors="none", edgecolors=GREY, linewidths=0.9, label="values or pictures shuffled")
    first.set_ylim(0.55 - len(traits), 0.45)
    written = [trait if len(trait) <= LONGEST else f"{trait[: LONGEST - 1]}…" for trait in traits]
    first.set_yticks([-i for i in range(len(traits))], [trait.replace("_", " ") for trait in written])
    first.tick_params(axis="y", labelleft=True)
    title = "Skill of filled traits, by what was left out"
    heading(figure, title)
    legend(first, loc="upper left", bbox_to_anchor=(0, -13 / tall), ncols=4, columnspacing=1.6, borderpad=0)
    return svg(figure, title)


def _panel(axes: Any, found: Mapping[str, Number], traits: Sequence[str], ends: tuple[str, ...], level: float) -> None:
    """The numbers of all traits and schemes whose names end so."""
    least = LOWEST if ends == COVERAGE else WORST
    best = 0.0
    for k, (scheme, (pigment, label)) in enumerate(SCHEMES.items()):
        colour = PIGMENTS[pigment]
        for i, trait in enumerate(traits):
            y, name = 0.24 * (1 - k) - i, f"{trait}.{scheme}"
            number = next((found[name + end] for end in ends if name + end in found), None)
            control = found.get(f"{name}{ends[0]}.shuffled")
            if number is not None:
                best = max(best, number.value, number.high or 0.0)
                _range(axes, number, y, colour, least)
            if control is not None and control.value >= least:
                axes.scatter([control.value], [y], s=20, facecolors="none", edgecolors=colour, linewidths=0.9)
        axes.scatter([], [], s=26, color=colour, linewidths=0, label=label)
    _frame(axes, PANELS[ends], level if ends == COVERAGE else 0.0)
    axes.set_xlim(least, 1.0 if ends == COVERAGE else min(max(0.1 * math.ceil(10 * best), 0.2), 1.0))


def _range(axes: Any, number: Number, y: float, colour: str, least: float) -> None:
    """A value and its interval at height y; what is below `least` stands there as an arrow."""
    low, high = (number.value if end is None else end for end in (number.low, number.high))
    axes.plot([max(low, least), max(high, least)], [y, y], color=colour, linewidth=1.6, alpha=0.55)
    if low < least:
        axes.plot(least, y, marker="<", markersize=4, color=colour, markeredgewidth=0, clip_on=False)
    if number.value >= least:
        axes.scatter([number.value], [y], s=26, color=colour, linewidths=0, zorder=3)


def _frame(axes: Any, what: str, wanted: float) -> None:
    """Grid, per cent, and a dashed line at what is wanted."""
    axes.axvline(wanted, color=GREY, linewidth=1.0, linestyle=(0, (3, 2)), zorder=0)
    axes.set_xlabel(what, fontsize=11, color=INK, fontfamily=FONT, labelpad=4)
    axes.tick_params(colors=FAINT, labelcolor=INK, labelsize=10, width=0.7, length=3, labelfontfamily=FONT)
    axes.tick_params(axis="y", length=0, labelleft=False)
    for side, spine in axes.spines.items():
        spine.set_visible(side == "bottom")
        spine.set_color(GREY)
        spine.set_linewidth(0.7)
    axes.xaxis.grid(True, color=RULE, linewidth=0.6)
    axes.set_axisbelow(True)
    axes.locator_params(axis="x", nbins=5)
    percent(axes, "x")
