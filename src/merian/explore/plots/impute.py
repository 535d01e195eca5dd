"""The figure of filled traits: their skill as what was left out grows from species to families."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from merian.core.report import Number
from merian.explore.plots.colour import GREY, PIGMENTS, RULE
from merian.explore.plots.style import canvas, legend, percent, svg, words

__all__ = ["skill_figure"]

SCHEMES = {"species": "indigo", "genus": "verdigris", "family": "ochre"}
WORST = -0.5
"""Skill below this is drawn here."""


def skill_figure(numbers: Sequence[Number]) -> str:
    """A row per trait with its skill (numbers called TRAIT.SCHEME.skill) and interval per scheme, hollow where shuffled values gave it; 0: the simple means."""
    found = {n.name: n for n in numbers}
    traits = list(dict.fromkeys(name.rsplit(".", 2)[0] for name in found if name.endswith(".skill")))
    figure, axes = canvas(7.2, 1.5 + 0.52 * len(traits))
    place = -np.arange(len(traits), dtype=float)
    axes.axvline(0, color=GREY, linewidth=1.0, linestyle=(0, (3, 2)))
    for k, (scheme, pigment) in enumerate(SCHEMES.items()):
        y = place + 0.22 * (1 - k)
        held = [
            (at, found[f"{t}.{scheme}.skill"])
            for at, t in zip(y, traits, strict=True)
            if f"{t}.{scheme}.skill" in found
        ]
        if not held:
            continue
        for at, number in held:
            if number.low is not None and number.high is not None:
                ends = [max(number.low, WORST), max(number.high, WORST)]
                axes.plot(ends, [at, at], color=PIGMENTS[pigment], linewidth=1.6, alpha=0.55)
        values = [max(number.value, WORST) for _, number in held]
        axes.scatter(values, [at for at, _ in held], s=30, c=PIGMENTS[pigment], linewidths=0, zorder=3, label=scheme)
        dealt = [(at, found[n.name + ".shuffled"].value) for at, n in held if n.name + ".shuffled" in found]
        x = [max(value, WORST) for _, value in dealt]
        axes.scatter(x, [at for at, _ in dealt], s=22, facecolors="none", edgecolors=PIGMENTS[pigment], linewidths=0.9)
    axes.scatter([], [], s=22, facecolors="none", edgecolors=GREY, linewidths=0.9, label="values shuffled")
    axes.set_yticks(place, [trait.replace("_", " ") for trait in traits])
    axes.set_ylim(float(place.min(initial=0)) - 0.6, 0.6)
    drawn = [n.high or n.value for n in numbers if n.name.endswith(".skill")]
    axes.set_xlim(WORST - 0.02, max(0.2 * np.ceil(max(drawn, default=0) / 0.2), 0.4) + 0.005)
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    axes.xaxis.grid(True, color=RULE, linewidth=0.6)
    axes.set_axisbelow(True)
    percent(axes, "x")
    title = "Skill of filled traits, by what was left out"
    words(axes, title, "share of the squared error of the simple means that is gone")
    legend(figure, loc="outside lower left", ncols=4, columnspacing=1.6)
    return svg(figure, title)
