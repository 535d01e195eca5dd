"""Maps of a what-if as SVG: biomass without the change, with it, and the difference; with water, fences, lost land, corridors and a scale.

Cells are drawn in classes, a path each, whose colours the page's style sheet holds (so that they follow light and dark, and one test can look at them all).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

import numpy as np

from merian.twin.foodweb import Doubles
from merian.twin.kinds import KINDS
from merian.twin.landscape import Frame
from merian.twin.space.altered import Altered
from merian.twin.space.members import Maps
from merian.twin.space.where import Mask, Points, crossed, strip
from merian.twin.space.zones import settled

__all__ = ["CLASSES", "Drawn", "Marks", "Plate", "drawn", "marks", "plates", "scale_km"]

CLASSES = 6
"""Classes of biomass above nothing."""
HALVES = 3
"""Classes of each direction of a difference."""
SAME = 0.05
"""A difference below this share of the largest one shown is drawn as none (a choice)."""
AGREED = 2 / 3
"""Cells in which a smaller share of the runs goes the way of their mean are dotted (a choice)."""
ALONG = ("poaching", "disturbance", "road")
"""Kinds that lie along a road, or about a settlement."""
SIDE = 240.0
"""Width of a map."""
FOOT, LINE = 20.0, 18.0
"""Room below a map for its scale, and for a warning."""


@dataclass(frozen=True, eq=False)
class Marks:
    """What is drawn over a map: `water` and `lost` [y, x], fenced edges to the `east` [y, x - 1] and `south` [y - 1, x], the cells of `corridors` and of
    `people` who hunt or keep stock [y, x], and as corners the `boxes` in which changes act, `reserves` (zones of protection) and `roads`."""

    water: Mask
    lost: Mask
    east: Mask
    south: Mask
    corridors: Mask
    people: Mask
    boxes: tuple[Points, ...] = ()
    reserves: tuple[Points, ...] = ()
    roads: tuple[Points, ...] = ()

    @property
    def fenced(self) -> bool:
        """Whether there is any fence."""
        return bool(self.east.any() or self.south.any())


@dataclass(frozen=True, eq=False)
class Drawn:
    """A `frame` with its `land` [y, x], the `maps` of all species, and the marks without and with the scenario."""

    frame: Frame
    land: Mask
    maps: Maps
    before: Marks
    after: Marks


@dataclass(frozen=True, slots=True)
class Plate:
    """The maps of one species as SVG, and the highest biomass and difference of their legends, in words."""

    without: str
    with_it: str
    difference: str
    top: str
    most: str


def drawn(altered: Altered, maps: Maps, years: float) -> Drawn:
    """What is to be drawn of maps at the end of a run."""
    landscape = altered.ground.landscape
    return Drawn(
        landscape.frame, landscape.land, maps, marks(altered, -1.0), marks(altered, math.nextafter(years, 0.0))
    )


def marks(altered: Altered, year: float) -> Marks:
    """The marks of a year of the run; before year 0 those of the land as it was."""
    landscape, state = altered.ground.landscape, altered.at(year)
    land, bits = landscape.land, landscape.layers["fences"].astype(np.int64)
    east = (bits[:, :-1] & 2 | bits[:, 1:] & 8) > 0
    south = (bits[:-1] & 4 | bits[1:] & 1) > 0
    corridors, people = np.zeros_like(land), np.zeros_like(land)
    boxes: list[Points] = []
    reserves: list[Points] = []
    roads: list[Points] = []
    for change in altered.scenario.changes:
        # what happens at one moment leaves its box behind
        if change.share(year) == 0 and not (KINDS[change.what].moment and year >= 0):
            continue
        if change.what == "fence":
            over = crossed(landscape.frame, change.points)
            east, south = east | over[0], south | over[1]
        elif change.what == "corridor":
            corridors |= strip(landscape.frame, change.points, 1000 * change.width_km)
        elif len(change.points) > 1 and change.what in ALONG:
            roads.append(change.points)
        elif change.path and change.what in (*ALONG, "livestock"):
            people |= settled(landscape.frame, change)
        elif change.placed:
            (reserves if change.reserve else boxes).append(change.corners)
    east, south = east & land[:, :-1] & land[:, 1:], south & land[:-1] & land[1:]
    # a corridor opens the fences that it passes
    east, south = east & ~(corridors[:, :-1] & corridors[:, 1:]), south & ~(corridors[:-1] & corridors[1:])
    return Marks(
        land & (state.water > 0),
        state.lost,
        east,
        south,
        corridors & land,
        people,
        tuple(boxes),
        tuple(reserves),
        tuple(roads),
    )


def plates(shown: Drawn, names: Sequence[str], warned: bool) -> list[Plate]:
    """A Plate for each species, in their order."""
    made = []
    for at, name in enumerate(names):
        without, with_it = shown.maps.without[at], shown.maps.with_it[at]
        change = np.where(shown.land, with_it - without, 0.0)
        top = _round(float(max(without[shown.land].max(), with_it[shown.land].max())))
        most = _round(float(np.abs(change).max()))
        unsure = (shown.maps.agree[at] < AGREED) & (np.abs(change) >= SAME * most) & shown.land if most else None
        biomass = [_classes(values, top) for values in (without, with_it)]
        texts = (f"{name} without the change", f"{name} with the change", f"{name}: what the change makes")
        made.append(
            Plate(
                _map(shown, shown.before, biomass[0], (texts[0], warned), None),
                _map(shown, shown.after, biomass[1], (texts[1], warned), None),
                _map(shown, shown.after, _differences(change, most), (texts[2], warned), unsure),
                _figure(top),
                _figure(most),
            )
        )
    return made


def _classes(values: Doubles, top: float) -> dict[str, Mask]:
    """Cells by class: c0 nothing, c1 to c6 equal parts of what there is at most."""
    step = np.ceil(values / (top or 1.0) * CLASSES).clip(0, CLASSES)
    return {f"c{level}": step == level for level in range(CLASSES + 1)}


def _differences(values: Doubles, most: float) -> dict[str, Mask]:
    """Cells by class: d0 as it was, l1 to l3 less, m1 to m3 more."""
    share = np.abs(values) / (most or 1.0)
    step = np.where(share < SAME, 0, np.ceil(share * HALVES).clip(1, HALVES))
    found = {"d0": step == 0}
    for level in range(1, HALVES + 1):
        found[f"l{level}"] = (step == level) & (values < 0)
        found[f"m{level}"] = (step == level) & (values > 0)
    return found


def _map(shown: Drawn, over: Marks, classes: dict[str, Mask], told: tuple[str, bool], unsure: Mask | None) -> str:
    """One map as SVG. told: its title, and whether a change lies beyond the measured range."""
    frame = shown.frame
    cell = SIDE / frame.columns
    high = cell * frame.rows
    title, warned = escape(told[0]), told[1]
    parts = [
        f'<svg viewBox="0 0 {SIDE:g} {high + FOOT + LINE * warned:.1f}" role="img" aria-label="Map: {title}"><title>{title}</title>'
    ]
    for name, cells in classes.items():
        where = _runs(cells & shown.land, cell)
        if where:
            parts.append(f'<path class="{name}" d="{where}"/>')
    parts += _over(over, cell, high)
    if unsure is not None and unsure.any():
        dots = [f"M{(x + 0.5) * cell:.1f} {(y + 0.5) * cell:.1f}h0" for y, x in np.argwhere(unsure).tolist()]
        parts.append(f'<path class="unsure" d="{"".join(dots)}"/>')
    parts.append(f'<rect class="border" x="0.5" y="0.5" width="{SIDE - 1:g}" height="{high - 1:.1f}"/>')
    km = scale_km(frame)
    long = km * 1000 / frame.cell * cell
    parts.append(f'<path class="scale" d="M2 {high + 8:.1f}v5h{long:.1f}v-5"/>')
    parts.append(f'<text class="km" x="{long + 8:.1f}" y="{high + 15:.1f}">{km:g} km</text>')
    if warned:
        parts.append(f'<text class="beyond-map" x="2" y="{high + 15 + LINE:.1f}">outside the measured range</text>')
    return "".join([*parts, "</svg>"])


def _over(over: Marks, cell: float, high: float) -> list[str]:
    """Lost land, boxes, corridors, water and fences, in this order."""
    parts = []
    if over.lost.any():
        slant = [
            f"M{x * cell:.1f} {(y + 1) * cell:.1f}l{cell:.1f} {-cell:.1f}" for y, x in np.argwhere(over.lost).tolist()
        ]
        parts.append(f'<path class="lost" d="{"".join(slant)}"/>')
    for zone in over.reserves:
        line = f"M{_corners(zone, high)}z"
        parts += [f'<path class="casing" d="{line}"/>', f'<path class="reserve" d="{line}"/>']
    parts += [f'<path class="box" d="M{_corners(zone, high)}z"/>' for zone in over.boxes]
    for road in over.roads:
        line = _corners(road, high)
        parts += [f'<path class="casing" d="M{line}"/>', f'<path class="road" d="M{line}"/>']
    if over.corridors.any():
        inside = np.pad(over.corridors, 1)
        parts.append(
            f'<path class="corridor" d="{_edges(inside[1:-1, :-1] != inside[1:-1, 1:], inside[:-1, 1:-1] != inside[1:, 1:-1], cell, 0)}"/>'
        )
    if over.water.any():
        radius = min(max(cell * 0.16, 1.1), 3.0)
        drops = [
            f'<circle cx="{(x + 0.5) * cell:.1f}" cy="{(y + 0.5) * cell:.1f}" r="{radius:.1f}"/>'
            for y, x in np.argwhere(over.water).tolist()
        ]
        parts.append(f'<g class="water">{"".join(drops)}</g>')
    if over.people.any():
        side = min(max(cell * 0.4, 2.4), 6.0)
        huts = [
            f"M{(x + 0.5) * cell - side / 2:.1f} {(y + 0.5) * cell + side / 2:.1f}h{side:.1f}l{-side / 2:.1f} {-side:.1f}z"
            for y, x in np.argwhere(over.people).tolist()
        ]
        parts.append(f'<path class="people" d="{"".join(huts)}"/>')
    if over.fenced:
        line = _edges(over.east, over.south, cell, 1)
        parts += [f'<path class="casing" d="{line}"/>', f'<path class="fence" d="{line}"/>']
    return parts


def _corners(points: Points, high: float) -> str:
    """Points of a path on a map so high."""
    return "L".join(f"{x * SIDE:.1f} {y * high:.1f}" for x, y in points)


def _runs(cells: Mask, cell: float) -> str:
    """The path of cells, a rectangle for each run of them in a row (a hair larger, so that no seam shows)."""
    parts = []
    for y, row in enumerate(cells):
        turns = np.flatnonzero(np.diff(np.concatenate([[False], row, [False]]).astype(np.int8))).tolist()
        for begin, end in zip(turns[::2], turns[1::2], strict=True):
            wide = (end - begin) * cell + 0.2
            parts.append(f"M{begin * cell:.1f} {y * cell:.1f}h{wide:.1f}v{cell + 0.2:.1f}h{-wide:.1f}z")
    return "".join(parts)


def _edges(east: Mask, south: Mask, cell: float, first: int) -> str:
    """The path of edges: those right of cells and those below them; `first`: the column (and row) at whose right (below which) the first one lies."""
    parts = [f"M{(x + first) * cell:.1f} {y * cell:.1f}v{cell:.1f}" for y, x in np.argwhere(east).tolist()]
    parts += [f"M{x * cell:.1f} {(y + first) * cell:.1f}h{cell:.1f}" for y, x in np.argwhere(south).tolist()]
    return "".join(parts)


def scale_km(frame: Frame) -> float:
    """A round length for the scale, km: a fifth to a half of the map's width."""
    wide = frame.columns * frame.cell / 1000.0
    size = 10.0 ** math.floor(math.log10(wide / 2))
    return max(size * factor for factor in (1, 2, 5) if size * factor <= wide / 2)


def _round(top: float) -> float:
    """The next number of two digits from `top` on; 0 for nothing."""
    if not top > 0:
        return 0.0
    size = 10.0 ** (math.floor(math.log10(top)) - 1)
    return math.ceil(top / size - 1e-9) * size


def _figure(value: float) -> str:
    """A number of a legend: two digits."""
    return (
        f"{value:.2g}"
        if value == 0 or 0.001 <= value < 1e4
        else f"{value:.1e}".replace("e-0", "e-").replace("e+0", "e")
    )
