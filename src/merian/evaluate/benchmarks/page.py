"""The page of a run of benchmarks: each number beside what others have published, on one line from 0 to 100 %."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources

import polars as pl

from merian import __version__
from merian.core.report import Number, Report
from merian.evaluate.benchmarks.compared import OURS
from merian.evaluate.benchmarks.task import Task

__all__ = ["benchmark_page"]

WORDS = {
    "zero-shot": "named without an example",
    "1-shot": "after one image of each class",
    "5-shot": "after five images of each class",
    "binary": "all questions together",
    "attributes.exact-match": "all attributes of an image right",
    "attributes.macro-f1": "attributes, macro-F1",
    "attributes.macro-f1-of-2": "F1 of two attributes, as published",
    "discovery": "classes found, matched as published",
    "probe.macro-f1": "linear probe, macro-F1",
    "mean": "mean over the tasks",
}
"""A published protocol in plain words."""


@dataclass(frozen=True, slots=True)
class _Mark:
    """A published number on a line, in percent."""

    model: str
    value: float
    source: str


@dataclass(frozen=True, slots=True)
class _Line:
    """A measured number in percent with the ends of its interval (equal to it where there is none), and what stands beside it."""

    title: str
    what: str
    value: float
    low: float
    high: float
    n: int
    others: tuple[_Mark, ...]

    @property
    def best(self) -> _Mark:
        """The highest published number."""
        return max(self.others, key=lambda mark: mark.value)


def benchmark_page(report: Report, beside: pl.DataFrame, tasks: Sequence[Task]) -> str:
    """One HTML document without any address of the outside: the comparison, all numbers by task, what could not be measured."""
    from jinja2 import Environment, StrictUndefined

    files = resources.files("merian.evaluate")
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    template = environment.from_string(
        (files / "benchmarks" / "templates" / "benchmarks.html.j2").read_text(encoding="utf-8")
    )
    known = {task.title: task for task in tasks}
    groups = [(group, known.get(group), [_row(n, known.get(group)) for n in found]) for group, found in report.groups()]
    return template.render(
        title=report.title,
        style=(files / "templates" / "report.css").read_text(encoding="utf-8"),
        ornament=(files / "templates" / "ornament.svg").read_text(encoding="utf-8"),
        lines=_lines(beside),
        groups=groups,
        remarks=report.remarks,
        command=report.command,
        inputs=report.inputs,
        settings=report.settings,
        version=__version__,
    )


def _row(number: Number, task: Task | None) -> tuple[str, str, str, str]:
    """Name without the task's, the number in words, how many cases, and its note."""
    name = number.name.removeprefix(f"{task.name}.") if task is not None else number.name
    return name, number.text.replace(" %", "\u00a0%"), "" if number.n is None else f"{number.n:,}", number.note


def _lines(beside: pl.DataFrame) -> list[_Line]:
    lines = []
    for (_, title, protocol), rows in beside.group_by(["task", "title", "protocol"], maintain_order=True):
        mine = rows.filter(pl.col("model") == OURS).row(0, named=True)
        others = rows.filter(pl.col("model") != OURS).sort("value", descending=True)
        marks = tuple(_Mark(*row) for row in others.select("model", "value", "source").rows())
        value = mine["value"]
        low, high = (value if mine[end] is None else mine[end] for end in ("low", "high"))
        what = WORDS.get(str(protocol), str(protocol).replace("ranks.", "asked for the "))
        lines.append(_Line(str(title), what, value, low, high, mine["n"] or 0, marks))
    return lines
