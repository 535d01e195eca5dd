"""The measures of a study as tables and as numbers of its report."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

import numpy as np
import polars as pl

from merian.core.report import Number
from merian.explore.axes import ranks_agree
from merian.explore.emergence.claims import Verdict
from merian.explore.emergence.measures import Measure, adjusted

__all__ = ["MEASURES", "SERIES", "Done", "compared", "counted", "line_of", "number_of", "numbers", "rows_of"]

THOUSANDS = {"": 1.0, "k": 1e3, "M": 1e6, "G": 1e9, "B": 1e9}
Done = dict[tuple[str, str, str], Measure]
"""Measures by part, subject and name."""
MEASURES = {
    "vectors": pl.String,
    "role": pl.String,
    "part": pl.String,
    "subject": pl.String,
    "measure": pl.String,
    "value": pl.Float64,
    "low": pl.Float64,
    "high": pl.Float64,
    "species": pl.Int64,
    "chance": pl.Float64,
    "null_low": pl.Float64,
    "null_high": pl.Float64,
    "p": pl.Float64,
    "p_evolved": pl.Float64,
    "q": pl.Float64,
    "unit": pl.String,
    "note": pl.String,
}
"""Columns of measures.parquet; q: p, or p_evolved where there is one, adjusted over the subjects of a measure."""
SERIES = {
    "member": pl.String,
    "place": pl.Int64,
    "at": pl.Float64,
    "part": pl.String,
    "subject": pl.String,
    "measure": pl.String,
    "value": pl.Float64,
    "low": pl.Float64,
    "high": pl.Float64,
    "chance": pl.Float64,
    "rank_correlation": pl.Float64,
    "per_tenfold": pl.Float64,
}
"""Columns of series.parquet: at is the number in the member's name, as 25 of "25%", null without one; rank_correlation and per_tenfold are of all members."""


def rows_of(name: str, role: str, measures: Done) -> pl.DataFrame:
    """The measures of one set of vectors as rows of MEASURES."""
    found = list(measures.values())
    q: dict[tuple[str, str, str], float] = {}
    for kind in dict.fromkeys((m.part, m.name) for m in found):
        own = [m for m in found if (m.part, m.name) == kind]
        values = adjusted([m.p_evolved if math.isfinite(m.p_evolved) else m.p for m in own])
        q |= {m.key: value for m, value in zip(own, values, strict=True)}
    numbers = ("value", "low", "high", "chance", "null_low", "null_high", "p", "p_evolved")
    rows = [
        {
            "vectors": name,
            "role": role,
            "part": m.part,
            "subject": m.subject,
            "measure": m.name,
            "species": m.n,
            "q": q[m.key],
            "unit": m.unit,
            "note": m.note,
            **{key: getattr(m, key) for key in numbers},
        }
        for m in found
    ]
    return pl.DataFrame(rows, schema=MEASURES).with_columns(pl.col(pl.Float64).fill_nan(None))


def line_of(members: Sequence[tuple[str, Done]]) -> pl.DataFrame:
    """Every measure along the series, with the rank correlation of value and place and the slope per tenfold of the numbers in the names (columns SERIES)."""
    at = [number_of(name) for name, _ in members]
    rows: list[dict[str, object]] = []
    for key in dict.fromkeys(key for _, measures in members for key in measures):
        own = [(k, measures[key]) for k, (_, measures) in enumerate(members) if key in measures]
        values = np.array([m.value for _, m in own])
        places = np.array([k for k, _ in own], np.float64)
        known = np.isfinite(values)
        few = known.sum() < 3
        ordered = None if few else float(ranks_agree(places[known, None], values[known, None])[0])
        logs = np.array([math.log10(at[k] or 0.0) if (at[k] or 0) > 0 else np.nan for k, _ in own])
        fine = known & np.isfinite(logs)
        steep = float(np.polyfit(logs[fine], values[fine], 1)[0]) if len(np.unique(logs[fine])) > 1 else None
        for k, m in own:
            told = {"member": members[k][0], "place": k, "at": at[k], "rank_correlation": ordered, "per_tenfold": steep}
            told |= {
                "part": m.part,
                "subject": m.subject,
                "measure": m.name,
                "value": m.value,
                "low": m.low,
                "high": m.high,
            }
            rows.append({**told, "chance": m.chance})
    return pl.DataFrame(rows, schema=SERIES).with_columns(pl.col(pl.Float64).fill_nan(None))


def number_of(name: str) -> float | None:
    """The number that a name begins with, as 25 for "25%", 0.07 for "0.07" and 214,000,000 for "214M"; None when it begins with none."""
    found = re.match(r"\s*(\d+\.?\d*(?:e[+-]?\d+)?)\s*([kMGB]?)\b", name)
    return None if found is None else float(found[1]) * THOUSANDS[found[2]]


def numbers(measures: Sequence[Measure]) -> list[Number]:
    """The model's measures for the report; those that could not be computed are left out, remarks and tables say why."""
    found = []
    titles = {
        "traits": "Traits across species",
        "within": "Variation within species",
        "hierarchy": "The taxonomy in the vectors",
    }
    for m in measures:
        if not math.isfinite(m.value):
            continue
        chance = f"chance {m.chance:.3f}" if math.isfinite(m.chance) else ""
        p = f"p = {m.p:.3f}" if math.isfinite(m.p) else ""
        evolved = f"p = {m.p_evolved:.3f} against traits evolved on the tree" if math.isfinite(m.p_evolved) else ""
        note = "; ".join(x for x in (chance, p, evolved, m.note) if x)
        low, high = _ends(m.low, m.high)
        name = f"{m.part}.{m.subject}.{m.name}"
        found.append(Number(name, m.value, low, high, m.unit, m.n, note, titles[m.part]))
    return found


def counted(verdicts: Sequence[Verdict]) -> list[Number]:
    """For how many subjects each claim holds."""
    found = []
    for claim, words in dict.fromkeys((v.claim, v.words) for v in verdicts):
        own = [v.verdict for v in verdicts if v.claim == claim]
        note = f"{words}: fails for {own.count('fails')}, not decided for {own.count('not decided')} of {len(own)}"
        found.append(Number(f"claim.{claim}.holds", float(own.count("holds")), n=len(own), note=note, group="Claims"))
    return found


def compared(verdicts: Sequence[Verdict]) -> list[Number]:
    """The differences from the control that is hardest to surpass, and of the last of a series from its first."""
    found = []
    for v in verdicts:
        if not v.control or not math.isfinite(v.difference):
            continue
        low, high = _ends(v.difference_low, v.difference_high)
        name = f"difference.{v.claim}.{v.subject}.{v.measure}"
        note = f"from {v.control} ({v.control_value:.3f}): {v.verdict}, {v.reason}"
        found.append(Number(name, v.difference, low, high, n=v.species, note=note, group="Against controls"))
    return found


def _ends(low: float, high: float) -> tuple[float, float] | tuple[None, None]:
    return (low, high) if math.isfinite(low) and math.isfinite(high) else (None, None)
