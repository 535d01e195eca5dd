"""Field series as tables: found in a folder by their names and read as they are. Nothing of them is part of the package."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from merian.core.errors import BadData
from merian.twin.foodweb import Doubles

__all__ = ["KINDS", "SERIES", "Series", "find", "pairs", "peaks", "read_series"]

KINDS = (".parquet", ".csv", ".tsv", ".txt")
"""How the names of tables end."""


@dataclass(frozen=True, eq=False)
class Series:
    """Values by name through `times`, each [n], NaN where nothing was counted."""

    times: Doubles
    values: Mapping[str, Doubles]

    def __getitem__(self, name: str) -> Doubles:
        return self.values[name]

    def between(self, first: float, last: float) -> Series:
        """The part from one time to another, both included."""
        inside = (self.times >= first) & (self.times <= last)
        return Series(self.times[inside], {name: values[inside] for name, values in self.values.items()})


SERIES: Mapping[str, tuple[str, Mapping[str, str]]] = {
    "isle_royale": (
        "year",
        {"wolves": "wolves", "moose": "moose", "kills": "kill rate", "predation": "predation rate"},
    ),
    "hare_lynx": ("year", {"hares": "hares", "lynx": "lynx"}),
}
"""The column of time of each table, and its other columns by what they are called here."""


def find(folder: Path | None, name: str, exact: bool = False) -> Path | None:
    """The table of this name in a folder (trait_pantheria.parquet, hare_lynx.csv ...; `exact`: of just this name), None without one."""
    if folder is None:
        return None
    files = sorted(
        path for path in folder.glob(f"*{name}*") if path.suffix in KINDS and (path.stem == name or not exact)
    )
    return files[0] if files else None


def read_series(path: Path, name: str) -> Series:
    """The series of a table (Parquet, or text with commas or tabs), its head the first line that begins with the column of time; lines without a time are left
    out.

    What is no number (N/A, "NA yet") is NaN. Raises BadData when a column is not there or no line has a time.
    """
    time, columns = SERIES[name]
    lines = _cells(path)
    head = next((at for at, line in enumerate(lines) if line and line[0] == time), None)
    if head is None:
        raise BadData(path, f"has a line of names that begins with {time!r}")
    names = lines[head]
    lacking = [column for column in columns.values() if column not in names]
    if lacking:
        raise BadData(path, "needs these columns", lacking)
    rows = [line for line in lines[head + 1 :] if line and np.isfinite(_number(line[0]))]
    if not rows:
        raise BadData(path, f"has no line with a number in column {time!r}")

    def column(of: str) -> Doubles:
        at = names.index(of)
        return np.array([_number(line[at]) if at < len(line) else np.nan for line in rows])

    return Series(column(time), {name: column(of) for name, of in columns.items()})


def pairs(path: Path) -> tuple[Series, Series]:
    """Two series side by side, each with times of its own: prey in the first two columns that hold numbers, its enemy in the two after them (Veilleux's table).

    Raises BadData when there are no such lines.
    """
    lines = [[_number(cell) for cell in line[:4]] for line in _cells(path)]
    table = np.array([line for line in lines if len(line) == 4 and np.isfinite(line).any()])
    if len(table) < 3:
        raise BadData(path, "has columns of time and number for prey, and then for its enemy")
    found = []
    for at in (0, 2):
        good = np.isfinite(table[:, at : at + 2]).all(1)
        found.append(Series(table[good, at], {"number": table[good, at + 1]}))
    return found[0], found[1]


def _cells(path: Path) -> list[list[str]]:
    """Every line of a table, its cells as text; of Parquet the names of its columns first."""
    if path.suffix == ".parquet":
        table = pl.read_parquet(path, glob=False)
        return [table.columns, *(["" if cell is None else str(cell) for cell in row] for row in table.iter_rows())]
    with path.open(encoding="utf-8-sig", newline="") as file:
        head = file.readline()
        file.seek(0)
        reader = csv.reader(file, delimiter="\t" if head.count("\t") > head.count(",") else ",")
        return [[cell.strip() for cell in line] for line in reader]


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return np.nan


def peaks(values: Doubles, apart: int) -> Sequence[int]:
    """Where a series is higher than anywhere within `apart` places to either side, its first and last place left out."""
    found = []
    for at in range(1, len(values) - 1):
        near = values[max(at - apart, 0) : at + apart + 1]
        if values[at] == near.max() and np.argmax(near) == min(at, apart):
            found.append(at)
    return found
