"""A Report: numbers with intervals, the hashes of what went in, and the command that made them."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from merian.core import store
from merian.core.errors import BadData, Missing, nearest

__all__ = ["Number", "Report"]


@dataclass(frozen=True, slots=True)
class Number:
    """One measured number: `value` between `low` and `high` (None when no interval was estimated), from `n` cases."""

    name: str
    value: float
    low: float | None = None
    high: float | None = None
    unit: str = ""
    n: int | None = None
    note: str = ""
    group: str = ""

    def __post_init__(self) -> None:
        if (self.low is None) != (self.high is None):
            raise BadData(self.name, "an interval has two ends")

    @property
    def text(self) -> str:
        """The number as a person reads it: "63.1 % (58.0 to 67.9)"."""
        share = self.unit == "share"
        scale, unit = (100, " %") if share else (1, f" {self.unit}" if self.unit else "")
        digits = 1 if share else 3
        body = f"{self.value * scale:.{digits}f}{unit}"
        if self.low is None or self.high is None:
            return body
        return f"{body} ({self.low * scale:.{digits}f} to {self.high * scale:.{digits}f})"


@dataclass(frozen=True, slots=True)
class Report:
    """A titled list of Numbers with where they came from. Running `command` on inputs with these hashes gives it again."""

    title: str
    command: str
    inputs: dict[str, str]
    numbers: tuple[Number, ...]
    settings: dict[str, object] = field(default_factory=dict)
    remarks: tuple[str, ...] = ()

    def __getitem__(self, name: str) -> Number:
        for number in self.numbers:
            if number.name == name:
                return number
        close = nearest(name, (n.name for n in self.numbers))
        hint = f"nearest: {', '.join(close)}" if close else f"it has {len(self.numbers)} others"
        raise Missing(f"the number {name!r}", f"the report {self.title!r}", hint)

    def groups(self) -> Iterable[tuple[str, list[Number]]]:
        """The numbers by group, in the order they were written."""
        names = dict.fromkeys(number.group for number in self.numbers)
        return [(group, [n for n in self.numbers if n.group == group]) for group in names]

    def save(self, path: Path) -> None:
        """Write the Report as JSON, atomically."""
        store.write_json(path, {"format": 1, "report": self})

    @classmethod
    def load(cls, path: Path) -> Report:
        """The Report in a JSON file."""
        if not path.is_file():
            raise Missing("the report", path, "make it with: merian evaluate")
        try:
            data = json.loads(path.read_text(encoding="utf-8"))["report"]
            numbers = tuple(Number(**n) for n in data.pop("numbers"))
            return cls(numbers=numbers, remarks=tuple(data.pop("remarks")), **data)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise BadData(path, f"not a report of Merian: {error}") from error
