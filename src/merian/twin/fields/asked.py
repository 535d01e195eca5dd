"""A row of the panel before its number is known, and pictures that stand beside rows."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from merian.twin.foodweb import Doubles
from merian.twin.theory import Row

__all__ = ["Asked", "Course", "Picture", "absent", "picture"]

WIDE, HIGH = 420, 190
LEFT, RIGHT, TOP, BOTTOM = 50, 10, 12, 30


@dataclass(frozen=True, slots=True)
class Asked:
    """What a row demands: its `name` and `statement`, the `source`, the `target` and how far from it (`tolerance`) still holds."""

    name: str
    statement: str
    source: str
    target: float
    tolerance: float

    def row(self, found: float, said: str = "") -> Row:
        """The row with the number found; `said` is added to its statement."""
        statement = f"{self.statement}; {said}" if said else self.statement
        return Row(self.name, statement, self.source, self.target, float(found), self.tolerance)


def absent(asked: Sequence[Asked], table: str) -> list[Row]:
    """The rows of a table that is not there: not run, which is not a pass."""
    return [
        Row(each.name, each.statement, each.source, each.target, math.nan, each.tolerance, f"no table {table}")
        for each in asked
    ]


@dataclass(frozen=True, eq=False)
class Course:
    """A line, a row of points or a band of a picture: `times` and `values` [n], what it is, and whether it is `field` data (points) or the twin's (a line).

    kind: its colour, 1 that of what is eaten, 2 of what eats. With an `upper` edge [n] it is the band above `values`.
    """

    name: str
    times: Doubles
    values: Doubles
    kind: int = 1
    field: bool = False
    upper: Doubles | None = None


@dataclass(frozen=True, slots=True)
class Picture:
    """A `title`, an `svg`, and a `caption` that says what it shows."""

    title: str
    svg: str
    caption: str


def picture(title: str, caption: str, courses: Sequence[Course], unit: str, time: str = "year") -> Picture:
    """A picture of courses on one scale from 0: points are field data, lines the twin's. Values that are no number are left out."""
    edges = [edge for c in courses for edge in (c.values, c.upper) if edge is not None]
    finite = [edge[np.isfinite(edge)] for edge in edges]
    first, last = min(float(c.times[0]) for c in courses), max(float(c.times[-1]) for c in courses)
    ticks = _ticks(0.0, max(float(values.max()) for values in finite if len(values)))
    high, span = ticks[-1], max(last - first, 1e-9)

    def at(time: float, value: float) -> tuple[float, float]:
        x = LEFT + (WIDE - LEFT - RIGHT) * (time - first) / span
        return x, TOP + (HIGH - TOP - BOTTOM) * (1 - value / high)

    said = ", ".join(f"{c.name} ({'field' if c.field else 'twin'})" for c in courses)
    parts = [f'<svg viewBox="0 0 {WIDE} {HIGH}" role="img" aria-label="{_escaped(f"{title}: {said}")}">']
    for tick in ticks:
        y = at(first, tick)[1]
        parts.append(f'<line class="grid" x1="{LEFT}" x2="{WIDE - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>')
        parts.append(f'<text class="tick" x="{LEFT - 5}" y="{y + 3.5:.1f}" text-anchor="end">{tick:g}</text>')
    for tick in _ticks(first, last):
        if first <= tick <= last:
            x = at(tick, 0)[0]
            parts.append(f'<text class="tick" x="{x:.1f}" y="{HIGH - 16}" text-anchor="middle">{tick:g}</text>')
    parts.append(f'<text class="tick" x="{LEFT}" y="{HIGH - 4}">{_escaped(unit)}</text>')
    parts.append(f'<text class="tick" x="{WIDE - RIGHT}" y="{HIGH - 4}" text-anchor="end">{_escaped(time)}</text>')
    for course in courses:
        good = np.isfinite(course.values)
        points = [at(*pair) for pair in zip(course.times[good], course.values[good], strict=True)]
        if course.upper is not None:
            above = [at(*pair) for pair in zip(course.times[good], course.upper[good], strict=True)]
            path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points + above[::-1])
            parts.append(f'<polygon class="spread kind{course.kind}" points="{path}"/>')
        elif course.field:
            for x, y in points:
                parts.append(f'<circle class="seen kind{course.kind}" cx="{x:.1f}" cy="{y:.1f}" r="2.6"/>')
        else:
            path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
            parts.append(f'<polyline class="course kind{course.kind}" points="{path}"/>')
    return Picture(title, "".join([*parts, "</svg>"]), caption)


def _ticks(low: float, high: float) -> list[float]:
    """Round numbers from below `low` to above `high`, four to six of them."""
    rough = max(high - low, 1e-12) / 4
    size = 10.0 ** math.floor(math.log10(rough))
    step = next(size * factor for factor in (1, 2, 2.5, 5, 10) if size * factor >= rough * 0.999)
    begin, end = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [round(step * at, 10) for at in range(begin, end + 1)]


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace('"', "&quot;")
