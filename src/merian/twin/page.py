"""The page of a simulation: what is said, fans of biomass with the scenario and without, maps, and the food web with its flows. One file, no network.

Drawn as SVG by hand: fans are bands between quantiles of members, the web is laid out by trophic level.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from typing import TYPE_CHECKING

import numpy as np

from merian import __version__
from merian.twin.change import ALL, EVEN, Change
from merian.twin.ensemble import Effect, Ensemble, last_years
from merian.twin.foodweb import Doubles, FoodWeb, trophic_levels
from merian.twin.kinds import KINDS
from merian.twin.scenario import Scenario
from merian.twin.solver import flows
from merian.twin.space.drawing import CLASSES, Drawn, plates

if TYPE_CHECKING:
    from markupsafe import Markup

__all__ = ["Simulated", "bar", "fan", "simulation_page", "web_figure"]

WIDE, HIGH = 300, 150
LEFT, RIGHT, TOP, BOTTOM = 46, 8, 10, 22
BAR = 200
"""Width of the bar of an effect."""
SHOWN = 8
"""Species whose maps lie open; the others' fold out."""


@dataclass(frozen=True, eq=False)
class Simulated:
    """What a page tells of: the `scenario`, the `ensemble` and its `effects`, the `web`, with how each link is known (`evidence` [l]: observed, inferred
    or assumed), the `command`, further `remarks`, what species are called by people (`common` [s], "" where nothing), and what is
    `drawn` on maps."""

    scenario: Scenario
    ensemble: Ensemble
    effects: Sequence[Effect]
    web: FoodWeb
    evidence: Sequence[str]
    command: str
    remarks: tuple[str, ...] = ()
    common: Sequence[str] = ()
    drawn: Drawn | None = None

    def called(self, species: int) -> str:
        """The common name of a species, else its name."""
        return (self.common[species] if self.common else "") or self.web.names[species]


def simulation_page(told: Simulated) -> str:
    """The page as HTML."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("merian.twin"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["units"] = _units
    beyond = told.scenario.beyond()
    order = sorted(range(len(told.effects)), key=lambda at: (-told.effects[at].moved, -told.effects[at].furthest))
    called = [told.called(at) for at in range(len(told.effects))]
    maps = plates(told.drawn, called, bool(beyond)) if told.drawn is not None else None
    fans = [
        {
            "maps": maps[at] if maps else None,
            "name": told.called(at),
            "scientific": told.web.names[at] if told.called(at) != told.web.names[at] else "",
            "words": _set(_capital(told.effects[at].said(told.called(at)))),
            "bar": bar(told.effects[at]),
            "svg": fan(told.ensemble, at, bool(beyond)),
        }
        for at in order
    ]
    return environment.get_template("simulation.html.j2").render(
        told=told,
        changes=[_change(change, dict(zip(told.web.names, called, strict=True))) for change in told.scenario.changes],
        beyond=beyond,
        fans=fans,
        shown=SHOWN,
        last=last_years(float(told.ensemble.years[-1])),
        passing=any(math.isfinite(effect.far) for effect in told.effects),
        classes=range(1, CLASSES + 1),
        web=web_figure(told, bool(beyond)),
        style=resources.files("merian.twin").joinpath("templates/simulation.css").read_text(encoding="utf-8"),
        version=__version__,
    )


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _set(text: str) -> str:
    """Words with numbers that keep together: a minus, and no line between a number and its per cent."""
    return re.sub(r"(?<![\w)])-(?=\d)", "\N{MINUS SIGN}", text).replace(" %", "\N{NO-BREAK SPACE}%")


def _units(text: str) -> Markup:
    """A number with its unit, whose powers stand raised."""
    from markupsafe import Markup, escape

    return Markup(re.sub(r"(?<=[a-z])-(\d)", "<sup>\N{MINUS SIGN}\\1</sup>", str(escape(text))))


def _change(change: Change, called: Mapping[str, str]) -> dict[str, str]:
    """A change as the page tells it: what and how much, whom (as they are `called`) and when, where, and what that means."""
    named = [] if KINDS[change.what].whom == "land" else [change.species, *change.hosts]
    whom = "all species" if ALL in named else ", ".join(called.get(name, name) for name in named)
    settings = ", ".join(f"{name} {value}" for name, _, value in (text.partition("=") for text in change.how))
    pattern = "" if change.pattern == EVEN else f"{change.pattern} cells"
    return {
        "what": _capital(change.what),
        "much": _set(change.much),
        "whom": ", ".join(part for part in (whom, pattern, change.when) if part),
        "where": _capital("; ".join(part for part in (change.where, settings) if part)),
        "means": KINDS[change.what].meaning,
    }


def bar(effect: Effect) -> str:
    """An effect as SVG: the median and nine tenths of the runs, from nothing (left) over as much as without the change (middle) to twice as much (right).

    It has a colour where most runs go one way. A ring: how far off it was in between, where the last years do not show it.
    """
    parts = [
        f'<svg class="bar" viewBox="0 0 {BAR} 14" aria-hidden="true"><path class="grid" d="M0 7h{BAR}M{BAR / 2:g} 0v14"/>'
    ]
    if math.isfinite(effect.median):
        low, middle, high = (BAR / 2 * min(max(times, 0.0), 2.0) for times in (effect.low, effect.median, effect.high))
        half = effect.members / 2
        way = "falls" if effect.fell > half else "rises" if effect.rose > half else "stays"
        wide = max(high - low, 2.0)
        parts.append(f'<rect class="{way}" x="{min(low, BAR - wide):.1f}" y="4" width="{wide:.1f}" height="6"/>')
        parts.append(f'<circle class="{way}" cx="{min(max(middle, 4.0), BAR - 4.0):.1f}" cy="7" r="4"/>')
        if math.isfinite(effect.far):
            way = "falls" if effect.far < 1 else "rises"
            parts.append(
                f'<circle class="far {way}" cx="{min(max(BAR / 2 * effect.far, 4.0), BAR - 4.0):.1f}" cy="7" r="3.5"/>'
            )
        if effect.median > 2:
            parts.append(f'<path class="{way}" d="M{BAR - 4:g} 3l4 4l-4 4"/>')
    return "".join([*parts, "</svg>"])


def fan(found: Ensemble, species: int, warned: bool) -> str:
    """The fan of one species as SVG: bands of half and of nine tenths of members and the median, grey without the scenario, coloured with it."""
    years = found.years
    quantiles = {}
    for name, course in (("without", found.baseline), ("with", found.scenario)):
        quantiles[name] = np.quantile(course[:, :, species], [0.05, 0.25, 0.5, 0.75, 0.95], axis=0)
    top = max(float(values[4].max()) for values in quantiles.values())
    ticks = _ticks(top)
    high = ticks[-1] or 1.0

    def at(year: float, value: float) -> str:
        x = LEFT + (WIDE - LEFT - RIGHT) * (year - years[0]) / (years[-1] - years[0])
        return f"{x:.1f},{TOP + (HIGH - TOP - BOTTOM) * (1 - value / high):.1f}"

    parts = [
        f'<svg viewBox="0 0 {WIDE} {HIGH}" role="img" aria-label="{_escaped(found.names[species])}: biomass over {years[-1]:g} years">'
    ]
    for tick in ticks:
        y = at(years[0], tick).split(",")[1]
        parts.append(f'<line class="grid" x1="{LEFT}" x2="{WIDE - RIGHT}" y1="{y}" y2="{y}"/>')
        parts.append(
            f'<text class="tick" x="{LEFT - 5}" y="{float(y) + 3.5:.1f}" text-anchor="end">{_short(tick)}</text>'
        )
    for year in _ticks(float(years[-1])):
        x = at(years[0] + year, 0).split(",")[0]
        parts.append(f'<text class="tick" x="{x}" y="{HIGH - 7}" text-anchor="middle">{_short(year)}</text>')
    for name in ("without", "with"):
        values = quantiles[name]
        for low, upper in ((0, 4), (1, 3)):
            edge = [at(*point) for point in zip(years, values[upper], strict=True)]
            edge += [at(*point) for point in zip(years[::-1], values[low][::-1], strict=True)]
            parts.append(f'<polygon class="band {name}" points="{" ".join(edge)}"/>')
        line = " ".join(at(*point) for point in zip(years, values[2], strict=True))
        parts.append(f'<polyline class="median {name}" points="{line}"/>')
    if warned:
        parts.append(
            f'<text class="warning" x="{WIDE - RIGHT}" y="{TOP + 8}" text-anchor="end">outside the measured range</text>'
        )
    return "".join([*parts, "</svg>"])


def web_figure(told: Simulated, warned: bool) -> str:
    """The food web as SVG: what is eaten below what eats it, lines as wide as what flows along them without the scenario, full where the link was observed,
    dashed where inferred, dotted where assumed; a mark says which species the scenario made more or fewer."""
    web = told.web
    rest = np.median(told.ensemble.baseline[:, -1], axis=0)
    flow, after = flows(web, rest), flows(web, np.median(told.ensemble.scenario[:, -1], axis=0))
    levels = trophic_levels(web, flow)
    wide, high = 900, 460
    places = _placed(web, levels, wide, high)
    crowded = _crowded(told, places)
    parts = [f'<svg viewBox="0 0 {wide} {high}" role="img" aria-label="Food web of {len(web.names)} species">']
    most = float(flow.max()) if len(flow) and flow.max() > 0 else 1.0
    for link, (eater, eaten) in enumerate(zip(web.eater.tolist(), web.eaten.tolist(), strict=True)):
        (x1, y1), (x2, y2) = places[eaten], places[eater]
        width = 0.8 + 7 * math.sqrt(float(flow[link]) / most)
        bend = (y1 + y2) / 2
        then = f"{after[link] * 365.25:.3g} with the change, at the same rates"
        title = f"{told.called(eater)} eats {told.called(eaten)}: {flow[link] * 365.25:.3g} g m-2 a year, {then}; {told.evidence[link]}"
        dash = f' stroke-dasharray="{5 + 1.6 * width:.1f} {3 + width:.1f}"' if told.evidence[link] == "inferred" else ""
        parts.append(
            f'<path class="link {told.evidence[link]}" d="M{x1:.0f},{y1:.0f} C{x1:.0f},{bend:.0f} {x2:.0f},{bend:.0f} {x2:.0f},{y2:.0f}" '
            f'stroke-width="{width:.2f}"{dash}><title>{_escaped(title)}</title></path>'
        )
    for at in range(len(web.names)):
        x, y = places[at]
        effect, name = told.effects[at], told.called(at)
        kind, mark = "stays", ""
        if max(effect.fell, effect.rose) > effect.members / 2:
            kind, mark = ("falls", "▼") if effect.fell > effect.rose else ("rises", "▲")
        radius = 5 + 2.2 * math.log10(1 + 1e4 * max(float(rest[at]), 0.0))
        words = f"{web.names[at]}: {effect.said(name)}"
        parts.append(
            f'<circle class="{kind}" cx="{x:.0f}" cy="{y:.0f}" r="{radius:.1f}"><title>{_escaped(words)}</title></circle>'
        )
        lines = (
            [*name.split(" ")[:-1], f"{name.split(' ')[-1]} {mark}".strip()]
            if crowded[at]
            else [f"{name} {mark}".strip()]
        )
        for line, word in enumerate(lines):
            down = y + radius + 13 + 13 * line
            parts.append(f'<text class="name" x="{x:.0f}" y="{down:.0f}" text-anchor="middle">{_escaped(word)}</text>')
    if warned:
        parts.append(f'<text class="warning" x="{wide - 8}" y="16" text-anchor="end">outside the measured range</text>')
    return "".join([*parts, "</svg>"])


def _placed(web: FoodWeb, levels: Doubles, wide: float, high: float) -> list[tuple[float, float]]:
    """A place for each species: height by level; those of one floor of levels side by side, in the order of the middle of what they eat."""
    top, floors = max(float(levels.max()), 2.0), np.floor(levels + 0.25)
    across = np.full(len(levels), 0.5)
    for floor in np.unique(floors):
        members = np.flatnonzero(floors == floor)
        food = [across[web.eaten[web.eater == at]].mean() if (web.eater == at).any() else 0.5 for at in members]
        for order, at in enumerate(members[np.argsort(food, kind="stable")]):
            across[at] = (order + 0.5) / len(members)
    down = high - 48 - (high - 96) * (levels - 1) / (top - 1)
    return [(60 + (wide - 120) * float(x), float(y)) for x, y in zip(across, down, strict=True)]


def _crowded(told: Simulated, places: Sequence[tuple[float, float]]) -> list[bool]:
    """Which names would meet a neighbour's on one line: some 7 units a letter."""
    found = []
    for at, (x, y) in enumerate(places):
        gaps = [abs(x - other) for k, (other, height) in enumerate(places) if k != at and abs(height - y) < 30]
        found.append(min(gaps, default=math.inf) < 7 * (len(told.called(at)) + 2))
    return found


def _ticks(top: float) -> list[float]:
    """Round numbers from 0 to at least `top`, three or four of them."""
    if not top > 0:
        return [0.0, 1.0]
    rough = top / 3
    size = 10.0 ** math.floor(math.log10(rough))
    step = next(size * factor for factor in (1, 2, 2.5, 5, 10) if size * factor >= rough * 0.999)
    return [step * at for at in range(math.ceil(top / step - 1e-9) + 1)]


def _short(value: float) -> str:
    """A tick: at most three digits."""
    return (
        f"{value:g}" if value == 0 or 0.001 <= value < 1e5 else f"{value:.0e}".replace("e-0", "e-").replace("e+0", "e")
    )


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace('"', "&quot;")
