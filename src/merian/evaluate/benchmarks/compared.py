"""What was measured beside what others have published, and means over suites of tasks."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl

from merian.core.report import Number
from merian.evaluate.benchmarks.task import Task, suites
from merian.evaluate.benchmarks.task import tasks as tasks_called

__all__ = ["MEASURED", "OURS", "compared", "measured_as", "suite_numbers"]

OURS = "this model"
MEASURED = {
    "zero-shot": "zero-shot.top1",
    "1-shot": "few-shot.shot1",
    "5-shot": "few-shot.shot5",
    "binary": "binary.micro",
    "attributes.exact-match": "attributes.all_correct",
    "attributes.macro-f1": "attributes.macro_f1",
    "attributes.macro-f1-of-2": "attributes.macro_f1.published_columns_0_and_1",
    "discovery": "discovery.separate.all",
    "probe.macro-f1": "probe.macro_f1",
}
"""What is published -> the number that is made in the same way."""
COLUMNS = {
    "task": pl.String,
    "title": pl.String,
    "protocol": pl.String,
    "model": pl.String,
    "value": pl.Float64,
    "low": pl.Float64,
    "high": pl.Float64,
    "n": pl.Int64,
    "source": pl.String,
}
"""value, low and high in percent."""
MEAN = "mean"
MENDED = {"attributes.macro-f1-of-2": "attributes.macro-f1"}
"""A published number with a fault -> what it was meant to be."""


def measured_as(protocol: str) -> str:
    """The end of the name of the number that a published protocol compares with: "ranks.family" is asked for by the rank's own texts."""
    return MEASURED.get(protocol, f"{protocol}.prompted" if protocol.startswith("ranks.") else protocol)


def suite_numbers(numbers: Sequence[Number]) -> list[Number]:
    """The unweighted means over the tasks of each suite, of what is published of it, where every task was measured: `suite.<name>.<protocol>`.

    The protocol "mean" is over what each task mainly asks. A suite that lies within another counts as one task of it, as it is published.
    """
    found: dict[str, Number] = {number.name: number for number in numbers}
    order = sorted(suites(), key=lambda suite: len(suite.tasks))
    made = []
    for suite in order:
        parts = list(suite.tasks)
        for other in order:
            if set(other.tasks) < set(parts):
                parts = [name for name in parts if name not in other.tasks] + [f"suite.{other.name}"]
        for protocol in dict.fromkeys(entry.protocol for entry in suite.published):
            members = [found.get(_part(part, protocol)) for part in parts]
            present = [number for number in members if number is not None]
            if len(present) == len(parts):
                mean = _mean(f"suite.{suite.name}.{protocol}", present, suite.title)
                found[mean.name] = mean
                made.append(mean)
    return made


def _part(part: str, protocol: str) -> str:
    """The name of the number that a task, or a suite within a suite, gives to a mean."""
    if part.startswith("suite."):
        return f"{part}.{protocol}"
    return f"{part}.{_mainly(part) if protocol == MEAN else measured_as(protocol)}"


def _mainly(name: str) -> str:
    """What a built-in task mainly asks: what is published of it first, without the fault."""
    (task,) = tasks_called([name])
    first = task.published[0].protocol if task.published else task.protocols[0]
    return measured_as(MENDED.get(first, first))


def _mean(name: str, parts: Sequence[Number], group: str) -> Number:
    """The mean of independent numbers; the half-widths of their intervals add up in squares."""
    values = np.array([number.value for number in parts])
    note = f"unweighted mean of {len(parts)}"
    if any(number.low is None for number in parts):
        return Number(name, float(values.mean()), unit="share", n=len(parts), note=note, group=group)
    ends = np.array([(number.low, number.high) for number in parts], np.float64)
    below, above = np.sqrt(((ends - values[:, None]) ** 2).sum(0)) / len(parts)
    mean = float(values.mean())
    return Number(name, mean, mean - float(below), mean + float(above), "share", len(parts), note, group)


def compared(numbers: Sequence[Number], tasks: Sequence[Task]) -> pl.DataFrame:
    """Columns COLUMNS: a row for each number that has something published to stand beside, as `this model`, and one for each published number."""
    known = {number.name: number for number in numbers}
    rows: list[tuple[object, ...]] = []
    whole = [(task.name, task.title, task.published, task.name) for task in tasks]
    whole += [(suite.name, suite.title, suite.published, f"suite.{suite.name}") for suite in suites()]
    for name, title, published, begins in whole:
        for protocol in dict.fromkeys(entry.protocol for entry in published):
            ends = protocol if begins.startswith("suite.") else measured_as(protocol)
            number = known.get(f"{begins}.{ends}")
            if number is None:
                continue
            ends_in = [None if end is None else 100 * end for end in (number.low, number.high)]
            rows.append((name, title, protocol, OURS, 100 * number.value, *ends_in, number.n, number.name))
            others = [entry for entry in published if entry.protocol == protocol]
            rows += [(name, title, protocol, e.model, e.value, None, None, None, e.source) for e in others]
    return pl.DataFrame(rows, schema=COLUMNS, orient="row")
