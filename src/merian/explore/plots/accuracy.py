"""Accuracy clade by clade: a dot with its interval and the number of images behind it, best first."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from merian.core.errors import BadData
from merian.explore.plots.colour import FAINT, GREY, INK, PIGMENTS, RULE
from merian.explore.plots.style import FONT, canvas_mm, foot, heading, percent, svg

__all__ = ["clade_accuracy"]

WIDE, PITCH = 180.0, 5.2
MOST = 40
"""Clades with a row of their own; the further ones, with fewer images, share one."""


def clade_accuracy(
    table: pl.DataFrame, title: str, measure: str = "share named right", chance: float | None = None
) -> str:
    """Shares by clade as dots with intervals, sorted, the number of images at the right; dashed the mean over clades, dotted chance.

    table: clade, n (images), value, low, high (shares; low and high null where there is none). Of more than 40 clades those with the most images are
    shown, the rest as one row, by images and without interval. Clades whose value is nan or null are counted in the caption, not drawn. Raises BadData
    for missing columns, a clade that comes twice, no value at all, and values outside 0 to 1.
    """
    known = _checked(table)
    mean = float(known["value"].to_numpy().mean())
    known = known.sort(["n", "clade"], descending=[True, False])
    rest = known[MOST:]
    shown = known[:MOST].sort(["value", "clade"], descending=[True, False])
    names = [*shown["clade"].to_list(), *([f"{len(rest):,} others"] if len(rest) else [])]
    values = np.array(
        [*shown["value"], *([np.average(rest["value"], weights=rest["n"].to_numpy().clip(1))] if len(rest) else [])]
    )
    counts = [*shown["n"].to_list(), *([int(rest["n"].sum())] if len(rest) else [])]
    caption, low_mm = foot(_told(mean, len(known), len(table) - len(known), chance), WIDE)
    high_mm = low_mm + 33 + PITCH * len(names)
    figure, axes = canvas_mm(WIDE, high_mm, (46, low_mm + 13, 112, high_mm - low_mm - 33))
    y = np.arange(len(names), dtype=float)
    axes.axvline(mean, color=GREY, linewidth=1.0, linestyle=(0, (3, 2)), zorder=0)
    if chance is not None:
        axes.axvline(chance, color=INK, linewidth=1.0, linestyle=(0, (1, 2)), zorder=0)
    _rows(axes, shown, values, counts)
    axes.set_yticks(y, [name if len(name) <= 28 else name[:27] + "…" for name in names])
    axes.set_ylim(len(names) - 0.4, -0.6)
    axes.set_xlim(0, 1.005)
    axes.tick_params(axis="y", length=0, labelsize=10)
    axes.spines["left"].set_visible(False)
    axes.xaxis.grid(True, color=RULE, linewidth=0.6)
    axes.set_axisbelow(True)
    percent(axes, "x")
    axes.set_xlabel(measure, fontsize=11, color=INK, fontfamily=FONT, labelpad=5)
    heading(figure, title, caption)
    return svg(figure, title)


def _told(mean: float, n: int, missing: int, chance: float | None) -> str:
    words = f"Dashed: the mean over {n:,} clade{'s' if n > 1 else ''}, {mean:.0%}".replace("%", " %")
    dotted = "" if chance is None else f"; dotted: chance, {chance:.1%}".replace("%", " %")
    left = f"Without a value, and not drawn: {missing:,}." if missing else ""
    return f"{words}{dotted}. Bars: 95 % intervals. {left}".rstrip()


def _checked(table: pl.DataFrame) -> pl.DataFrame:
    """The clades that have a value; raises BadData for what is no table of shares."""
    absent = [c for c in ("clade", "n", "value", "low", "high") if c not in table.columns]
    if absent:
        raise BadData("table", "accuracy by clade needs the columns clade, n, value, low, high; absent", absent)
    rows = table.with_columns(pl.col("value", "low", "high").cast(pl.Float64).fill_nan(None))
    known = rows.drop_nulls("value")
    twice = known.filter(pl.col("clade").is_duplicated())["clade"].unique().sort().to_list()
    if twice:
        raise BadData("table", "a clade has more than one row", twice)
    if not len(known):
        raise BadData("table", f"none of {len(table)} clades has a value")
    if not known["value"].is_between(0, 1).all():
        raise BadData(
            "table", "values are shares, 0 to 1", known.filter(~pl.col("value").is_between(0, 1))["clade"].to_list()
        )
    return known


def _rows(axes: Any, shown: pl.DataFrame, values: npt.NDArray[np.float64], counts: list[int]) -> None:
    """A dot with its interval and its number of images in each line; lines beyond `shown` are grey."""
    y = np.arange(len(values), dtype=float)
    spans = shown.select("low", "high").with_row_index("y").drop_nulls()
    axes.hlines(
        spans["y"].to_numpy(),
        spans["low"].to_numpy(),
        spans["high"].to_numpy(),
        color=PIGMENTS["indigo"],
        linewidth=1.6,
        alpha=0.5,
    )
    fill = [PIGMENTS["indigo"]] * len(shown) + [GREY] * (len(values) - len(shown))
    axes.scatter(values, y, s=27, c=fill, linewidths=0, zorder=3, clip_on=False)
    for at, n in zip(y, counts, strict=True):
        axes.text(
            1.12,
            at,
            f"{n:,}",
            fontsize=9.5,
            color=FAINT,
            fontfamily=FONT,
            va="center",
            ha="right",
            transform=axes.get_yaxis_transform(),
        )
    axes.text(
        1.12,
        -0.95,
        "images",
        fontsize=9.5,
        color=FAINT,
        fontfamily=FONT,
        fontstyle="italic",
        va="center",
        ha="right",
        transform=axes.get_yaxis_transform(),
    )
