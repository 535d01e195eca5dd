"""Labels that cameras brought home, by period, camera and label, with the days that each camera was out: from a table, a Camtrap DP package or a watched world.

A table has the columns deployment, label, count and days (that the deployment was out in the period; the same in all of its rows of that period), and perhaps
period, the day on which it begins (2025-03-01; 2025-03 is its first day). A deployment that saw nothing has a row without a label, of count 0; frames that
show nothing have the label "empty".
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import numpy as np
import polars as pl

from merian.core.errors import BadData, Missing
from merian.core.tree import read_table
from merian.twin.calibrate.survey import stays
from merian.twin.foodweb import Doubles, Integers
from merian.twin.observe.labels import EMPTY

__all__ = ["Counts", "counted", "overlap", "period_of", "periods_of", "read_counts", "read_package", "read_times"]

NEEDED = ("deployment", "label", "count", "days")
START = date(2000, 1, 1)
"""The period of a table that names none."""
DAY_S = 86_400.0
BLANK = "blank"
"""What Camtrap DP calls an observation of nothing."""
MOST = 1e9
"""No camera counts more."""


@dataclass(frozen=True, eq=False)
class Counts:
    """`counts` int64 [t, c, l] of `labels` [l] by the cameras `deployments` [c], out for `effort` days [t, c] in periods that begin at `begins` [t]; `remarks`
    say what a person must know of how they were made."""

    begins: tuple[date, ...]
    deployments: tuple[str, ...]
    labels: tuple[str, ...]
    counts: Integers
    effort: Doubles
    remarks: tuple[str, ...] = ()

    @property
    def gaps(self) -> Doubles:
        """Days from each period's begin to the next one's, the first 0: [t]."""
        days = [(b - a).days for a, b in zip(self.begins[:-1], self.begins[1:], strict=True)]
        return np.array([0.0, *days])

    def said(self, *remarks: str) -> Counts:
        """The same with further remarks."""
        return replace(self, remarks=(*self.remarks, *remarks))


def counted(
    rows: pl.DataFrame, effort: pl.DataFrame, labels: Sequence[str], where: object, remarks: tuple[str, ...] = ()
) -> Counts:
    """The Counts of rows (begin, deployment, label, count) and effort (begin, deployment, days). Raises BadData for animals where no camera was out."""
    begins = sorted(effort["begin"].unique())
    cameras = sorted(effort["deployment"].unique())
    at = [{name: k for k, name in enumerate(names)} for names in (begins, cameras, labels)]
    days = np.zeros((len(begins), len(cameras)))
    for begin, camera, many in effort.select("begin", "deployment", "days").iter_rows():
        days[at[0][begin], at[1][camera]] += many
    found = np.zeros((*days.shape, len(labels)), np.int64)
    for begin, camera, label, many in rows.select("begin", "deployment", "label", "count").iter_rows():
        if many and not days[at[0].get(begin, 0), at[1].get(camera, 0)] > 0:
            raise BadData(where, "animals are counted where a camera was out", [f"{camera} at {begin}: 0 days"])
        found[at[0][begin], at[1][camera], at[2][label]] += many
    if not days.sum() > 0:
        raise BadData(where, "no camera was out for a day")
    return Counts(tuple(begins), tuple(cameras), tuple(labels), found, days, remarks)


def read_counts(path: Path) -> Counts:
    """The Counts of a table. Raises BadData with the rows that are none: a count or days that are no number, or below 0; days that differ."""
    table = read_table(path)
    lost = [name for name in NEEDED if name not in table.columns]
    if lost:
        raise BadData(path, f"a table of counts has the columns {', '.join(NEEDED)}, perhaps period; these lack", lost)
    count, days = (_numbers(table[name], name, path) for name in ("count", "days"))
    broken = [f"row {row + 2}: {count[row]:g}" for row in np.flatnonzero(count != np.floor(count)).tolist()]
    if broken:
        raise BadData(path, "count is a whole number", broken)
    begin = _begins(table["period"], path) if "period" in table.columns else pl.Series([START] * len(table))
    texts = [table[name].cast(pl.String).fill_null("").str.strip_chars() for name in ("deployment", "label")]
    rows = pl.DataFrame(
        {"begin": begin, "deployment": texts[0], "label": texts[1], "count": count.astype(np.int64), "days": days}
    )
    nameless = np.flatnonzero(((texts[1] == "") & (rows["count"] > 0)).to_numpy())
    if len(nameless):
        raise BadData(path, "what was counted has a label", [f"row {row + 2}" for row in nameless.tolist()])
    effort = rows.group_by("begin", "deployment", maintain_order=True).agg(
        low=pl.col("days").min(), days=pl.col("days").max()
    )
    apart = effort.filter(pl.col("low") != pl.col("days"))
    if len(apart):
        told = [f"{d} at {b}: {low:g} and {high:g}" for b, d, low, high in apart.iter_rows()]
        raise BadData(path, "days are those of the deployment in the period, one number for all labels", told)
    named = rows.filter(pl.col("label") != "")
    return counted(named, effort, sorted(named["label"].unique()), path)


def _numbers(column: pl.Series, name: str, path: Path) -> Doubles:
    """A column as numbers from 0 on."""
    values = column.cast(pl.String).str.strip_chars().cast(pl.Float64, strict=False).fill_null(math.nan).to_numpy()
    wrong = ~((values >= 0) & (values <= MOST))
    if wrong.any():
        told = [f"row {row + 2}: {column[row]}" for row in np.flatnonzero(wrong).tolist()]
        raise BadData(path, f"{name} is a number from 0 on", told)
    return np.asarray(values, float)


def _begins(column: pl.Series, path: Path) -> pl.Series:
    """The first days of periods."""
    text = column.cast(pl.String).str.strip_chars()
    whole = [None if t is None else f"{t}-01" if len(t) == 7 else t for t in text]
    days = pl.Series(whole, dtype=pl.String).str.to_date("%Y-%m-%d", strict=False)
    wrong = np.flatnonzero(days.is_null().to_numpy())
    if len(wrong):
        told = [f"row {row + 2}: {column[row]}" for row in wrong.tolist()]
        raise BadData(path, "period is the day on which it begins, as 2025-03-01 or 2025-03", told)
    return days


def read_times(column: pl.Series, where: object) -> list[datetime]:
    """Times of ISO 8601, in UTC; those without a zone are taken as UTC. Raises BadData for what is none."""
    found: list[datetime] = []
    for row, text in enumerate(column):
        try:
            when = datetime.fromisoformat(str(text).replace("Z", "+00:00"))
        except ValueError as error:
            raise BadData(where, "has times as 2025-03-01T12:30:00Z", [f"row {row + 2}: {text}"]) from error
        found.append(when.astimezone(UTC) if when.tzinfo else when.replace(tzinfo=UTC))
    return found


def periods_of(first: datetime, last: datetime, days: float) -> list[tuple[datetime, datetime]]:
    """Periods of so many days from the first moment on, until the last is inside."""
    count = max(math.ceil((last - first) / timedelta(days=days) - 1e-9), 1)
    edges = [first + timedelta(days=days) * k for k in range(count + 1)]
    return list(pairwise(edges))


def overlap(start: datetime, end: datetime, period: tuple[datetime, datetime]) -> float:
    """Days that a deployment was out in a period."""
    return max((min(end, period[1]) - max(start, period[0])).total_seconds() / DAY_S, 0.0)


def read_package(folder: Path, period_days: float, gap_minutes: float = 30.0) -> Counts:
    """The Counts of a Camtrap DP package: effort from deploymentStart and deploymentEnd, animals from observations.

    Animals of observations of events are added up; where there are none of events, those of media are joined to stays by `gap_minutes`, each as its largest.
    What is no animal (human, vehicle, unclassified) is left out, and said; an animal without a name is "unknown", and a blank "empty", a photo or event each.
    Raises Missing or BadData.
    """
    tables = {}
    for name in ("deployments", "observations"):
        if not (folder / f"{name}.csv").is_file():
            raise Missing(f"{name}.csv of a Camtrap DP package", folder, "is the path right? give the package's folder")
        tables[name] = read_table(folder / f"{name}.csv")
    out = tables["deployments"]
    _has(out, ("deploymentID", "deploymentStart", "deploymentEnd"), folder / "deployments.csv")
    seen = tables["observations"]
    needed = ("deploymentID", "eventStart", "observationLevel", "observationType", "scientificName")
    _has(seen, needed, folder / "observations.csv")
    starts, ends = (read_times(out[name], folder / "deployments.csv") for name in ("deploymentStart", "deploymentEnd"))
    wrong = [f"{out['deploymentID'][k]}: {starts[k]} to {ends[k]}" for k in range(len(out)) if not ends[k] > starts[k]]
    if wrong:
        raise BadData(folder / "deployments.csv", "a deployment ends after it starts", wrong)
    strange = sorted(set(seen["deploymentID"]) - set(out["deploymentID"]))
    if strange:
        raise BadData(folder / "observations.csv", "an observation is of a deployment; these are not there", strange)
    spans = periods_of(min(starts), max(ends), period_days)
    effort = [
        (span[0].date(), name, overlap(start, end, span))
        for name, start, end in zip(out["deploymentID"], starts, ends, strict=True)
        for span in spans
    ]
    rows, remarks = _stays(seen, folder / "observations.csv", gap_minutes)
    dated = [(period_of(spans, when), camera, label, many) for when, camera, label, many in rows]
    schema = {"begin": pl.Date, "deployment": pl.String, "label": pl.String, "count": pl.Int64}
    frame = pl.DataFrame(dated, schema=schema, orient="row")
    days = {"begin": pl.Date, "deployment": pl.String, "days": pl.Float64}
    table = pl.DataFrame(effort, schema=days, orient="row")
    return counted(frame, table, sorted(frame["label"].unique()), folder, tuple(remarks))


def _has(table: pl.DataFrame, columns: Sequence[str], path: Path) -> None:
    lost = [name for name in columns if name not in table.columns]
    if lost:
        raise BadData(path, "lacks columns of Camtrap DP", lost)


def period_of(spans: Sequence[tuple[datetime, datetime]], when: datetime) -> date:
    """The begin of the period of a moment; one before the first or behind the last belongs to these."""
    return next((span[0] for span in spans if when < span[1]), spans[-1][0]).date()


def _stays(seen: pl.DataFrame, path: Path, gap: float) -> tuple[list[tuple[datetime, str, str, int]], list[str]]:
    """When and where animals of which label stayed, and how many; and what was left out."""
    kinds = seen["observationType"].fill_null("")
    remarks = []
    for kind in sorted(set(kinds) - {"animal", BLANK}):
        remarks.append(f"left out: {int((kinds == kind).sum()):,} observations of type {kind or 'none'}")
    animals = seen.filter(kinds == "animal")
    events = animals.filter(pl.col("observationLevel") == "event")
    used = events if len(events) else animals
    if len(events) and len(events) < len(animals):
        remarks.append(f"{len(animals) - len(events):,} observations of media stand beside those of events: not used")
    many = _numbers(used["count"].fill_null("1"), "count", path) if "count" in used.columns else np.ones(len(used))
    level = used["observationLevel"].unique().to_list() if len(used) else seen["observationLevel"].unique().to_list()
    blanks = seen.filter((kinds == BLANK) & seen["observationLevel"].is_in(level))
    nothing = zip(read_times(blanks["eventStart"], path), blanks["deploymentID"], strict=True)
    empty = [(when, camera, EMPTY, 1) for when, camera in nothing]
    times = read_times(used["eventStart"], path)
    labels = used["scientificName"].fill_null("").replace("", "unknown").to_list()
    cameras = used["deploymentID"].to_list()
    if len(events):
        return [*zip(times, cameras, labels, many.astype(int).tolist(), strict=True), *empty], remarks
    minutes = np.array([when.timestamp() / 60 for when in times])
    stay = stays(cameras, labels, minutes, gap)
    rows = []
    for number in range(int(stay.max()) + 1 if len(stay) else 0):
        inside = np.flatnonzero(stay == number)
        first = inside[np.argmin(minutes[inside])]
        rows.append((times[first], cameras[first], labels[first], int(many[inside].max())))
    return [*rows, *empty], remarks
