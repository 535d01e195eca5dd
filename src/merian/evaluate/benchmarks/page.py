"""The page of a run of benchmarks: each number on one line from 0 to 100 %, and in one table, beside its controls and what others have published."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources

import polars as pl

from merian import __version__
from merian.core.report import Number, Report
from merian.evaluate.benchmarks.compared import CHANCE, HISTOGRAM, OURS
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


FAMILIES = {
    "CLIP": ("CLIP ", "CLIP"),
    "SigLIP": ("SigLIP ", "SigLIP"),
    "DINOv2": ("DINOv2 ", "DINOv2"),
    "BioTrove": ("BioTrove-CLIP ", "BioTrove-CLIP"),
    "BioCLIP": ("BioCLIP B", "BioCLIP"),
    "BioCLIP 2": ("BioCLIP 2 ", "BioCLIP 2"),
}
"""Column of the table -> how the names of its models begin, and a name of its own. Of several that fit, the first that is printed counts."""


@dataclass(frozen=True, slots=True)
class _Mark:
    """A published number, in percent."""

    model: str
    value: float
    source: str


@dataclass(frozen=True, slots=True)
class _Line:
    """A measured number in percent with the ends of its interval (None where there is none), and what stands beside it."""

    title: str
    what: str
    value: float
    low: float | None
    high: float | None
    blind: float | None
    histogram: float | None
    others: tuple[_Mark, ...]

    @property
    def best(self) -> _Mark | None:
        """The highest published number."""
        return max(self.others, key=lambda mark: mark.value, default=None)

    @property
    def families(self) -> list[_Mark | None]:
        """The published number of each of FAMILIES."""
        return [self._of(family) for family in FAMILIES]

    def _of(self, family: str) -> _Mark | None:
        start, whole = FAMILIES[family]
        return next((m for m in self.others if m.model == whole or m.model.startswith(start)), None)


def benchmark_page(report: Report, beside: pl.DataFrame, tasks: Sequence[Task]) -> str:
    """One HTML document without any address of the outside: the comparison as a picture and as a table, then all numbers by task with what must be known."""
    from jinja2 import Environment, StrictUndefined

    files = resources.files("merian.evaluate")
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    template = environment.from_string(
        (files / "benchmarks" / "templates" / "benchmarks.html.j2").read_text(encoding="utf-8")
    )
    known = {task.title: task for task in tasks}
    groups = [(group, known.get(group), [_row(n, known.get(group)) for n in found]) for group, found in report.groups()]
    own = {group: _told(report.remarks, task) for group, task, _ in groups if task is not None}
    placed = {remark for told in own.values() for remark in told.values()}
    lines = _lines(beside)
    shown = [k for k in range(len(FAMILIES)) if any(line.families[k] for line in lines)]
    return template.render(
        title=report.title,
        style=(files / "templates" / "report.css").read_text(encoding="utf-8"),
        ornament=(files / "templates" / "ornament.svg").read_text(encoding="utf-8"),
        lines=lines,
        families=[list(FAMILIES)[k] for k in shown],
        cells=[[line.families[k] for k in shown] for line in lines],
        groups=groups,
        told={group: list(told) for group, told in own.items()},
        remarks=[remark for remark in report.remarks if remark not in placed],
        command=report.command,
        inputs=report.inputs,
        settings=report.settings,
        version=__version__,
    )


def _told(remarks: Sequence[str], task: Task) -> dict[str, str]:
    """The remarks on a task, without its name -> as they stand in the report."""
    found = {}
    for remark in remarks:
        for end in (": ", ", "):
            if remark.startswith(task.name + end):
                found[remark.removeprefix(task.name + end)] = remark
    return found


def _row(number: Number, task: Task | None) -> tuple[str, str, str, str]:
    """Name without the task's, the number in words, how many cases, and its note."""
    name = number.name.removeprefix(f"{task.name}.") if task is not None else number.name
    return name, number.text.replace(" %", "\u00a0%"), "" if number.n is None else f"{number.n:,}", number.note


def _lines(beside: pl.DataFrame) -> list[_Line]:
    lines = []
    for (_, title, protocol), rows in beside.group_by(["task", "title", "protocol"], maintain_order=True):
        known = {row["model"]: row for row in rows.iter_rows(named=True)}
        mine = known[OURS]
        others = rows.filter(~pl.col("model").is_in([OURS, CHANCE, HISTOGRAM]))
        marks = tuple(_Mark(*row) for row in others.select("model", "value", "source").rows())
        blind, histogram = (known[name]["value"] if name in known else None for name in (CHANCE, HISTOGRAM))
        what = WORDS.get(str(protocol), str(protocol).replace("ranks.", "asked for the "))
        lines.append(_Line(str(title), what, mine["value"], mine["low"], mine["high"], blind, histogram, marks))
    return lines
