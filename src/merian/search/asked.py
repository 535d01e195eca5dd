"""What is asked of an index: a vector made of photos and words, and what the answers must be."""

from __future__ import annotations

import datetime
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from merian.core.errors import BadData, BadSetting
from merian.core.tree import Tree
from merian.core.vectors import normalise
from merian.encode import Encoder

__all__ = ["Wanted", "asked_vector", "dated", "days_of", "quoted"]

Floats = npt.NDArray[np.float32]
DATE = re.compile(r"(\d{4})(?:-(\d\d)(?:-(\d\d))?)?")
EPOCH = datetime.date(1970, 1, 1)
FIRST_MONTH, LAST_MONTH = 12 * 1500, 12 * 2200
"""Months, since the year 0, between which an image is dated where only one end is asked for."""


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What the images must be; nothing given: all of them.

    `taxa` are nodes of the index's Tree, and all below one belongs to it; `box` is west, south, east, north in degrees (west > east crosses the date line);
    `first` and `last` are dates (2014, 2014-05 or 2014-05-31); `months` of any year, 1 to 12. An image without the place, date or licence asked about is none.
    """

    taxa: tuple[int, ...] = ()
    box: tuple[float, float, float, float] | None = None
    first: str = ""
    last: str = ""
    months: tuple[int, ...] = ()
    licences: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    splits: tuple[str, ...] = ()
    without: tuple[int, ...] = ()
    """Nodes of the Tree of which, and of all below which, there must be none."""

    def __post_init__(self) -> None:
        if self.box is not None:
            west, south, east, north = self.box
            if not (
                all(map(math.isfinite, self.box)) and max(abs(west), abs(east)) <= 180 and -90 <= south <= north <= 90
            ):
                raise BadSetting("box", ",".join(map(str, self.box)), "is west,south,east,north in degrees")
        for month in self.months:
            if not 1 <= month <= 12:
                raise BadSetting("month", month, "is a month, 1 to 12")
        if self.first and self.last and days_of(self.first)[0] > days_of(self.last)[1]:
            raise BadSetting("from", self.first, f"is after {self.last}: no image can be from then")

    def sql(self, tree: Tree) -> str:
        """The condition as SQL over the columns of an index ("" when nothing is asked); clades are ranges of the Tree's preorder.

        Raises BadSetting for a date that is none."""
        parts = []
        if self.taxa:
            ends = tree.end
            parts.append(" OR ".join(f"(taxon >= {taxon} AND taxon < {int(ends[taxon])})" for taxon in self.taxa))
        parts += [f"NOT (taxon >= {taxon} AND taxon < {int(tree.end[taxon])})" for taxon in self.without]
        if self.box is not None:
            west, south, east, north = self.box
            beside = "AND" if west <= east else "OR"
            parts.append(
                f"latitude >= {south} AND latitude <= {north} AND (longitude >= {west} {beside} longitude <= {east})"
            )
        if self.first or self.last:
            parts.append(_between(self.first, self.last))
        if self.months:
            parts.append(f"month IN ({', '.join(map(str, self.months))})")
        for column, values in (("licence", self.licences), ("source", self.sources), ("split", self.splits)):
            if values:
                parts.append(f"{column} IN ({', '.join(map(quoted, values))})")
        return " AND ".join(f"({part})" for part in parts)


def _between(first: str, last: str) -> str:
    """The condition that an image was taken between two dates, by whole months, which are quick to find, and by days where these do not do."""
    start, end = days_of(first)[0] if first else None, days_of(last)[1] if last else None
    months = range(FIRST_MONTH if start is None else _month(start), (LAST_MONTH if end is None else _month(end)) + 1)
    listed = ", ".join(map(str, months))
    parts = [f"first_month IN ({listed})", f"last_month IN ({listed})"] if months else ["false"]
    if start is not None and _month(start - 1) == _month(start):
        parts.append(f"first_day >= {start}")
    if end is not None and _month(end + 1) == _month(end):
        parts.append(f"last_day <= {end}")
    return " AND ".join(parts)


def _month(day: int) -> int:
    """The month of a day, in months since the year 0."""
    date = EPOCH + datetime.timedelta(day)
    return 12 * date.year + date.month - 1


def quoted(value: str) -> str:
    """Text as a condition writes it."""
    return "'" + value.replace("'", "''") + "'"


def days_of(date: str) -> tuple[int, int]:
    """The first and last day of a date, in days since 1970-01-01: a year, a month or a day of ISO 8601, with a time after it or not.

    Raises BadSetting for none."""
    found = DATE.fullmatch(date.split("T")[0].strip())
    try:
        year, month, day = (int(part) if part else 0 for part in found.groups()) if found else (0, 0, 0)
        first = datetime.date(year, month or 1, day or 1)
        after = first.replace(year=year + 1) if not month else (first + datetime.timedelta(31 if not day else 1))
        last = after.replace(day=1) if month and not day else after
    except (ValueError, OverflowError) as error:
        raise BadSetting("date", date, "must be a year, a month or a day: 2014, 2014-05 or 2014-05-31") from error
    return (first - EPOCH).days, (last - EPOCH).days - 1


def dated(dates: pl.Series) -> pl.DataFrame:
    """Columns first_day, last_day, first_month, last_month (since the year 0) and month (1 to 12, where it is but one) of event dates, Int32.

    An interval (a/b) reaches from the first to the last. Null where no date can be read.
    """
    nothing = (None,) * 5
    known: dict[str, tuple[int | None, ...]] = {}
    for date in dates.drop_nulls().unique().to_list():
        start, _, end = date.partition("/")
        try:
            first, last = days_of(start)[0], days_of(end or start)[1]
        except BadSetting:
            continue
        months = _month(first), _month(last)
        known[date] = (first, last, *months, months[0] % 12 + 1 if months[0] == months[1] else None)
    rows = [known.get(date, nothing) if date is not None else nothing for date in dates.to_list()]
    names = ("first_day", "last_day", "first_month", "last_month", "month")
    return pl.DataFrame(rows, dict.fromkeys(names, pl.Int32), orient="row")


def asked_vector(encoder: Encoder, images: Floats | None, words: Sequence[str], weight: float = 0.5) -> Floats:
    """The unit vector [d] that photos (vectors [n, d] of the encoder, or None) and words ask with; of both, words count `weight`, photos the rest.

    The cosine with a sum of unit vectors is the weighted sum of the cosines, so that an image must be like both. Words and photos lie apart in the space of a
    model like CLIP (Liang et al. 2022), which shifts all images alike and leaves their order. Raises
    BadData when nothing is asked, BadSetting for a weight outside 0 to 1.
    """
    if not 0 <= weight <= 1:
        raise BadSetting("weight", weight, "is a share, 0 to 1")
    parts: list[tuple[float, Floats]] = []
    if images is not None and len(images):
        parts.append((1 - weight if words else 1.0, normalise(images.mean(0))))
    if words:
        parts.append((weight if parts else 1.0, normalise(encoder.embed_texts(list(words)).mean(0))))
    if not parts:
        raise BadData("the question", "is empty: give photos, words or both")
    return normalise(np.sum([share * vector for share, vector in parts], 0, dtype=np.float32))
