"""The page of a calibration: a sentence for each species, and what was believed beside what the cameras say, in each period. One file, no network."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from typing import Any

import numpy as np
import polars as pl

from merian import __version__

__all__ = ["Told", "calibration_page", "panel", "sentence"]

WIDE, HIGH = 300, 170
LEFT, RIGHT, TOP, BOTTOM = 46, 10, 10, 24
WAYS = {"believed": "without", "calibrated": "with", "labels as truth": "naive"}
"""Classes of the marks, in the order they are drawn."""
Row = dict[str, Any]


@dataclass(frozen=True, eq=False)
class Told:
    """What the page tells: the `table` of densities (columns begin, species, way and quantiles), draws of the logarithms of `rates` (a column each) and the
    `rate_sd` that was believed of them, `common` names, `remarks` and the `command`."""

    title: str
    table: pl.DataFrame
    rates: pl.DataFrame | None
    rate_sd: float
    common: Mapping[str, str]
    remarks: tuple[str, ...]
    command: str


def calibration_page(told: Told) -> str:
    """The page as HTML."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("merian.twin"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    species = list(dict.fromkeys(told.table["species"]))
    panels = [
        {
            "name": told.common.get(name, name),
            "scientific": name if told.common.get(name, name) != name else "",
            "words": sentence(told.table, name, told.common.get(name, name)),
            "svg": panel(told.table, name),
        }
        for name in species
    ]
    return environment.get_template("calibration.html.j2").render(
        told=told,
        panels=panels,
        naive="labels as truth" in told.table["way"].to_list(),
        truth="truth" in told.table["way"].to_list(),
        rates=_rates(told),
        style=resources.files("merian.twin").joinpath("templates/simulation.css").read_text(encoding="utf-8"),
        version=__version__,
    )


def sentence(table: pl.DataFrame, species: str, called: str) -> str:
    """What the last period's cameras say of a species: "Kudu: 1.4 km-2 (0.9 to 2.1), where 3.0 (0.4 to 20) was believed; ..."."""
    rows = table.filter(pl.col("species") == species)
    last: dict[str, Row] = {
        row["way"]: row for row in rows.filter(pl.col("begin") == rows["begin"].max()).iter_rows(named=True)
    }
    now, before = last["calibrated"], last["believed"]
    words = f"{called[:1].upper()}{called[1:]}: {_interval(now)} animals a km², where {_interval(before)} was believed"
    width, was = (math.log(row["q95"] / row["q05"]) for row in (now, before))
    if width > 0.9 * was and before["q25"] <= now["median"] <= before["q75"]:
        words += "; the cameras say next to nothing of it"
    if "labels as truth" in last:
        naive = last["labels as truth"]
        words += f". Who takes labels for truth reads {_interval(naive)}"
        if naive["q05"] > now["q95"] or naive["q95"] < now["q05"]:
            words += ", and is misled"
    if "truth" in last:
        true = last["truth"]["median"]
        words += f". There are {_short(true)}" + ("" if now["q05"] <= true <= now["q95"] else ", outside the interval")
    return words + "."


def panel(table: pl.DataFrame, species: str) -> str:
    """The figure of a species as SVG: intervals of nine tenths and of half, and medians, side by side in each period, on a logarithmic axis."""
    rows = table.filter(pl.col("species") == species)
    begins = sorted(rows["begin"].unique())
    ends = [v for name in ("q05", "q95", "median") for v in rows[name].drop_nulls() if v > 0]
    low, high = math.floor(math.log10(min(ends))), math.ceil(math.log10(max(ends)) + 1e-9)
    high = max(high, low + 1)
    wide = (WIDE - LEFT - RIGHT) / len(begins)

    def y(value: float) -> float:
        share = (math.log10(max(value, 10.0**low)) - low) / (high - low)
        return TOP + (HIGH - TOP - BOTTOM) * (1 - min(max(share, 0.0), 1.0))

    parts = [
        f'<svg viewBox="0 0 {WIDE} {HIGH}" role="img" aria-label="{_escaped(species)}: animals a square kilometre">'
    ]
    for power in range(low, high + 1, max(1, (high - low) // 5)):
        at = y(10.0**power)
        parts.append(f'<line class="grid" x1="{LEFT}" x2="{WIDE - RIGHT}" y1="{at:.1f}" y2="{at:.1f}"/>')
        parts.append(f'<text class="tick" x="{LEFT - 5}" y="{at + 3.5:.1f}" text-anchor="end">{10.0**power:g}</text>')
    every = max(1, math.ceil(len(begins) / 5))
    for k, begin in enumerate(begins):
        middle = LEFT + wide * (k + 0.5)
        if k % every == 0:
            words = f"{begin:%Y-%m-%d}" if len(begins) < 4 else f"{begin:%Y-%m}"
            parts.append(f'<text class="tick" x="{middle:.1f}" y="{HIGH - 8}" text-anchor="middle">{words}</text>')
        here: Sequence[Row] = rows.filter(pl.col("begin") == begin).to_dicts()
        parts += _marks(here, middle, min(wide / 4, 22.0), y)
    return "".join([*parts, "</svg>"])


def _marks(rows: Sequence[Row], middle: float, gap: float, y: Any) -> list[str]:
    """The marks of one period: a bar for each way, and a line for the truth."""
    parts = []
    for at, (way, kind) in enumerate(WAYS.items()):
        for row in (row for row in rows if row["way"] == way):
            x = middle + (at - 1) * gap
            said = f"{way}: {_interval(row)} a km²"
            parts.append(f'<g class="{kind}"><title>{_escaped(said)}</title>')
            for low, high, width in (("q05", "q95", 1.6), ("q25", "q75", 5.0)):
                parts.append(
                    f'<line class="bar" x1="{x:.1f}" x2="{x:.1f}" y1="{y(row[low]):.1f}" y2="{y(row[high]):.1f}" stroke-width="{width}"/>'
                )
            parts.append(f'<circle cx="{x:.1f}" cy="{y(row["median"]):.1f}" r="3"/></g>')
    for row in (row for row in rows if row["way"] == "truth"):
        at = y(row["median"])
        parts.append(
            f'<line class="truth" x1="{middle - 1.8 * gap:.1f}" x2="{middle + 1.8 * gap:.1f}" y1="{at:.1f}" y2="{at:.1f}"><title>truth: '
            f"{_short(row['median'])} a km²</title></line>"
        )
    return parts


def _rates(told: Told) -> list[dict[str, str]]:
    """A row for each rate: how many times what was believed, and how much of the doubt is left."""
    if told.rates is None:
        return []
    rows = []
    for name in told.rates.columns:
        draws = told.rates[name].to_numpy()
        low, middle, high = np.exp(np.quantile(draws, [0.05, 0.5, 0.95])).tolist()
        left = min(float(draws.std()) / told.rate_sd, 1.0)
        rows.append({"name": name, "times": f"{middle:.2f} ({low:.2f} to {high:.2f})", "left": f"{100 * left:.0f} %"})
    return rows


def _interval(row: Row) -> str:
    return f"{_short(row['median'])} ({_short(row['q05'])} to {_short(row['q95'])})"


def _short(value: float) -> str:
    """Two digits, and no power of ten where it can be read without."""
    if value == 0 or not math.isfinite(value):
        return f"{value:g}"
    digits = max(0, 1 - math.floor(math.log10(abs(value))))
    return f"{value:,.{digits}f}" if digits < 7 else f"{value:.1e}"


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace('"', "&quot;")
