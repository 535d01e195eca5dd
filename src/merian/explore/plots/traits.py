"""Species along the axis of a trait: where each stands, what it measures, and the line between the two."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
from matplotlib.figure import Figure

from merian.core.errors import BadData
from merian.explore.plots.colour import FAINT, GREY, INK, PAPER, PIGMENTS, RAMP, RULE
from merian.explore.plots.style import FONT, canvas_mm, foot, heading, labels, svg

__all__ = ["Line", "regression", "species_axis"]

Doubles = npt.NDArray[np.float64]
Images = Mapping[str, npt.NDArray[np.uint8]]
WIDE, HIGH = 180.0, 150.0
PICTURE = 10.0
"""Side of a silhouette, mm."""


@dataclass(frozen=True, eq=False)
class Line:
    """A straight line by least squares: slope and intercept, the 95 % interval of the slope, R2, and the numbers that its band needs."""

    slope: float
    intercept: float
    low: float
    high: float
    r2: float
    n: int
    error: float
    middle: float
    spread: float

    def band(self, x: Doubles) -> tuple[Doubles, Doubles]:
        """Ends of the 95 % interval of the mean response at x [m] (Draper & Smith 1998, section 3.2)."""
        from scipy.stats import t

        half = t.ppf(0.975, self.n - 2) * self.error * np.sqrt(1 / self.n + (x - self.middle) ** 2 / self.spread)
        mean = self.intercept + self.slope * x
        return mean - half, mean + half


def regression(x: Doubles, y: Doubles) -> Line | None:
    """The Line of y [n] on x [n]; None for fewer than four points or an x that does not vary."""
    from scipy.stats import t

    n = len(x)
    spread = float(((x - x.mean()) ** 2).sum()) if n else 0.0
    if n < 4 or spread == 0:
        return None
    slope = float(((x - x.mean()) * (y - y.mean())).sum()) / spread
    intercept = float(y.mean()) - slope * float(x.mean())
    left = float(((y - intercept - slope * x) ** 2).sum())
    total = float(((y - y.mean()) ** 2).sum())
    error = float(np.sqrt(left / (n - 2)))
    half = float(t.ppf(0.975, n - 2)) * error / np.sqrt(spread)
    r2 = 1 - left / total if total > 0 else float("nan")
    return Line(slope, intercept, slope - half, slope + half, r2, n, error, float(x.mean()), spread)


def species_axis(
    table: pl.DataFrame,
    title: str,
    trait: str = "beak size",
    unit: str = "mm",
    images: Images | None = None,
    note: str = "",
) -> str:
    """Species along the axis of a trait against a direction at right angles; below, the measured trait against the axis with its regression line.

    table: species, axis, other, value (nan or null where not measured). `images` are silhouettes or thumbnails of some species, [h, w, 3 or 4] bytes.
    `note` ends the caption: say there how the axis was found, for a line through species that also made the axis proves nothing. Raises BadData for
    columns that are missing, fewer than three species with a place, or a species that comes twice.
    """
    absent = [c for c in ("species", "axis", "other", "value") if c not in table.columns]
    if absent:
        raise BadData("table", "an axis of species needs the columns species, axis, other, value; absent", absent)
    rows = table.drop_nulls(["species", "axis", "other"]).filter(
        pl.col("axis").is_finite() & pl.col("other").is_finite()
    )
    twice = rows.filter(pl.col("species").is_duplicated())["species"].unique().sort().to_list()
    if twice or len(rows) < 3:
        raise BadData("table", f"{len(rows)} species with a place: three at least, each once", twice)
    rows = rows.sort("axis", "species")
    names = rows["species"].to_list()
    xy = rows.select("axis", "other").to_numpy().astype(np.float64)
    value = rows["value"].cast(pl.Float64).fill_null(np.nan).to_numpy()
    known = np.isfinite(value)
    line = regression(xy[known, 0], value[known])
    caption, low_mm = foot(f"{_said(line, int(known.sum()), trait, unit)}{' ' + note if note else ''}", WIDE)
    base = low_mm + 13
    figure, above = canvas_mm(WIDE, HIGH, (20, base + 50, 152, HIGH - base - 62))
    below = figure.add_axes((20 / WIDE, base / HIGH, 152 / WIDE, 45 / HIGH), sharex=above, facecolor=PAPER)
    margin = 0.09 * max(float(np.ptp(xy[:, 0])), 1e-9)
    above.set_xlim(float(xy[:, 0].min()) - margin, float(xy[:, 0].max()) + margin)
    rise = 0.3 * max(float(np.ptp(xy[:, 1])), 1e-9)
    above.set_ylim(float(xy[:, 1].min()) - rise / 2, float(xy[:, 1].max()) + rise)
    _species(figure, above, xy, names, value, images or {})
    _measured(below, xy[:, 0], value, line, names)
    measure = f"{trait} ({unit})" if unit and unit != "1" else trait
    for axes, x, y in ((above, "", "at right angles to it"), (below, f"{trait} as the vectors lay it out  →", measure)):
        axes.set_xlabel(x, fontsize=11, color=INK, fontfamily=FONT, labelpad=5)
        axes.set_ylabel(y, fontsize=11, color=INK, fontfamily=FONT, labelpad=6)
    above.set_yticks([])
    above.tick_params(axis="x", labelbottom=False, length=0)
    heading(figure, title, caption)
    return svg(figure, title)


def _said(line: Line | None, n: int, trait: str, unit: str) -> str:
    if line is None:
        return f"{trait.capitalize()} is known of {n} species along the axis: too few, or too alike, for a line."
    per = f" {unit}" if unit and unit != "1" else ""
    part = f", R² = {line.r2:.2f}" if np.isfinite(line.r2) else ""
    return f"{n} species; slope {line.slope:.3g}{per} per unit of the axis (95 %: {line.low:.3g} to {line.high:.3g}){part}; band: 95 % of the mean."


def _species(figure: Figure, axes: Any, xy: Doubles, names: list[str], value: Doubles, images: Images) -> None:
    known = np.isfinite(value)
    low, high = (float(value[known].min()), float(value[known].max())) if known.any() else (0.0, 1.0)
    axes.scatter(*xy[~known].T, s=26, c=RULE, linewidths=0)
    axes.scatter(*xy[known].T, s=30, c=value[known], cmap=RAMP, vmin=low, vmax=max(high, low + 1e-9), linewidths=0)
    points = axes.transData.transform(xy)
    frame = axes.get_window_extent()
    side = PICTURE / WIDE * figure.bbox.width
    taken: list[tuple[float, float, float, float]] = []
    for i, (x, y) in enumerate(points):
        picture = images.get(names[i])
        ways = ((-0.5, 0.2), (-0.5, -1.2), (0.2, -0.5), (-1.2, -0.5))
        boxes = [(x + a * side, y + b * side, x + (a + 1) * side, y + (b + 1) * side) for a, b in ways]
        free = [box for box in boxes if picture is not None and _free(box, points, taken, frame.extents)]
        if free:
            middle = ((free[0][0] + free[0][2]) / 2, (free[0][1] + free[0][3]) / 2)
            ends = np.stack([xy[i], axes.transData.inverted().transform(middle)])
            axes.plot(*ends.T, color=GREY, linewidth=0.7, zorder=0)
            _inset(figure, free[0], picture)
            taken.append(free[0])
    genera = {name.split(" ")[0] for name in names}
    short = [f"{name[0]}. {name.split(' ', 1)[1]}" if len(genera) == 1 and " " in name else name for name in names]
    labels(axes, xy, short, 9, 5, taken)


def _free(box: Sequence[float], points: Doubles, taken: Sequence[Sequence[float]], frame: Sequence[float]) -> bool:
    """Whether a box (left, bottom, right, top) lies in the frame, holds no point and touches no other box."""
    left, bottom, right, top = box
    if left < frame[0] or bottom < frame[1] or right > frame[2] or top > frame[3]:
        return False
    if ((points > [left, bottom]) & (points < [right, top])).all(1).any():
        return False
    return not any(left < b[2] and b[0] < right and bottom < b[3] and b[1] < top for b in taken)


def _inset(figure: Figure, box: Sequence[float], picture: Any) -> None:
    width, height = figure.bbox.width, figure.bbox.height
    left, bottom, right, top = box
    inset = figure.add_axes((left / width, bottom / height, (right - left) / width, (top - bottom) / height))
    inset.imshow(picture, interpolation="none")
    inset.set_axis_off()


def _measured(axes: Any, x: Doubles, value: Doubles, line: Line | None, names: list[str]) -> None:
    for side, spine in axes.spines.items():
        spine.set_visible(side in ("left", "bottom"))
        spine.set_color(GREY)
        spine.set_linewidth(0.7)
    axes.tick_params(colors=FAINT, labelcolor=INK, labelsize=9.5, width=0.7, length=3, labelfontfamily=FONT)
    axes.yaxis.grid(True, color=RULE, linewidth=0.6)
    axes.set_axisbelow(True)
    known = np.isfinite(value)
    if line is not None:
        along = np.linspace(float(x[known].min()), float(x[known].max()), 100)
        axes.fill_between(along, *line.band(along), color=PIGMENTS["indigo"], alpha=0.14, linewidth=0)
        axes.plot(along, line.intercept + line.slope * along, color=PIGMENTS["indigo"], linewidth=1.8)
    low, high = (float(value[known].min()), float(value[known].max())) if known.any() else (0.0, 1.0)
    axes.scatter(
        x[known],
        value[known],
        s=30,
        c=value[known],
        cmap=RAMP,
        vmin=low,
        vmax=max(high, low + 1e-9),
        linewidths=0,
        zorder=3,
    )
