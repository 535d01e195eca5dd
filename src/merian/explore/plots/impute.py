"""The figure of filled traits: their skill, and how often their intervals held the truth, as what was left out grows from species to families."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from merian.core.report import Number
from merian.explore.plots.colour import FAINT, GREY, INK, PAPER, PIGMENTS, RULE
from merian.explore.plots.style import FONT, canvas_mm, heading, legend, percent, svg

__all__ = ["skill_figure"]

SCHEMES = {"species": ("indigo", "species"), "genus": ("verdigris", "genera"), "family": ("ochre", "families")}
WORST, LOWEST = -0.5, 0.4
"""Skill and coverage below these are drawn here, with an arrow."""
LONGEST = 26
"""Letters of a trait's name that are written."""
WIDE, SKILL, COVERAGE, ROW, BELOW = 190.0, 78.0, 46.0, 12.0, 25.0
"""The widths of the figure and its parts, the height of a trait and of what stands below them, in mm."""


def skill_figure(numbers: Sequence[Number], level: float) -> str:
    """A row per trait with its skill (numbers called TRAIT.SCHEME.skill) and coverage, and their intervals; hollow where shuffled values gave it.

    Dashed: no skill over the simple means, and the coverage `level` that was wanted. Where clades are left out each clade's coverage counts once.
    """
    found = {n.name: n for n in numbers}
    traits = list(dict.fromkeys(name.rsplit(".", 2)[0] for name in found if name.endswith(".skill")))
    tall = ROW * len(traits)
    high = tall + BELOW + 11
    figure, skill = canvas_mm(WIDE, high, (WIDE - SKILL - COVERAGE - 18, BELOW, SKILL, tall))
    place = (WIDE - COVERAGE - 6) / WIDE, BELOW / high, COVERAGE / WIDE, tall / high
    covered = figure.add_axes(place, facecolor=PAPER, sharey=skill)
    for k, scheme in enumerate(SCHEMES):
        names = [(f"{trait}.{scheme}", -i + 0.24 * (1 - k)) for i, trait in enumerate(traits)]
        _ranges(skill, scheme, [(found.get(f"{n}.skill"), y) for n, y in names], WORST)
        _hollow(skill, scheme, [(found.get(f"{n}.skill.shuffled"), y) for n, y in names])
        held = [(found.get(f"{n}.coverage.clades", found.get(f"{n}.coverage")), y) for n, y in names]
        _ranges(covered, scheme, held, LOWEST)
    skill.scatter([], [], s=20, facecolors="none", edgecolors=GREY, linewidths=0.9, label="values shuffled")
    best = max((n.high or n.value for n in numbers if n.name.endswith(".skill")), default=0.0)
    _frame(skill, "share of the simple means' squared error that is gone", 0.0)
    skill.set_xlim(WORST, max(0.1 * math.ceil(10 * best), 0.2))
    _frame(covered, "intervals that held the truth", level)
    covered.set_xlim(LOWEST, 1.0)
    skill.set_ylim(0.55 - len(traits), 0.45)
    written = [trait if len(trait) <= LONGEST else f"{trait[: LONGEST - 1]}…" for trait in traits]
    skill.set_yticks([-i for i in range(len(traits))], [trait.replace("_", " ") for trait in written])
    covered.tick_params(axis="y", labelleft=False)
    title = "Skill of filled traits, by what was left out"
    heading(figure, title)
    legend(skill, loc="upper left", bbox_to_anchor=(0, -13 / tall), ncols=4, columnspacing=1.6, borderpad=0)
    return svg(figure, title)


def _ranges(axes: Any, scheme: str, rows: list[tuple[Number | None, float]], least: float) -> None:
    """Values and intervals at heights y; what is below `least` stands there as an arrow."""
    pigment, label = SCHEMES[scheme]
    colour = PIGMENTS[pigment]
    for number, y in rows:
        if number is None:
            continue
        low, high = (number.value if end is None else end for end in (number.low, number.high))
        axes.plot([max(low, least), max(high, least)], [y, y], color=colour, linewidth=1.6, alpha=0.55)
        if low < least:
            axes.plot(least, y, marker="<", markersize=4, color=colour, markeredgewidth=0, clip_on=False)
        if number.value >= least:
            axes.scatter([number.value], [y], s=26, color=colour, linewidths=0, zorder=3)
    axes.scatter([], [], s=26, color=colour, linewidths=0, label=label)


def _hollow(axes: Any, scheme: str, rows: list[tuple[Number | None, float]]) -> None:
    """Values of the control at heights y, as rings."""
    for number, y in rows:
        if number is not None and number.value >= WORST:
            colour = PIGMENTS[SCHEMES[scheme][0]]
            axes.scatter([number.value], [y], s=20, facecolors="none", edgecolors=colour, linewidths=0.9)


def _frame(axes: Any, what: str, wanted: float) -> None:
    """Grid, per cent, and a dashed line at what is wanted."""
    axes.axvline(wanted, color=GREY, linewidth=1.0, linestyle=(0, (3, 2)), zorder=0)
    axes.set_xlabel(what, fontsize=11, color=INK, fontfamily=FONT, labelpad=4)
    axes.tick_params(colors=FAINT, labelcolor=INK, labelsize=10, width=0.7, length=3, labelfontfamily=FONT)
    axes.tick_params(axis="y", length=0)
    for side, spine in axes.spines.items():
        spine.set_visible(side == "bottom")
        spine.set_color(GREY)
        spine.set_linewidth(0.7)
    axes.xaxis.grid(True, color=RULE, linewidth=0.6)
    axes.set_axisbelow(True)
    axes.locator_params(axis="x", nbins=5)
    percent(axes, "x")
