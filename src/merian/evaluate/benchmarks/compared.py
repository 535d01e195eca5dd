"""What was measured beside what others have published, and means over suites of tasks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import polars as pl

from merian.core.report import Number
from merian.evaluate.benchmarks.task import Published, Task, suites
from merian.evaluate.benchmarks.task import tasks as tasks_called

__all__ = ["CHANCE", "HISTOGRAM", "MEASURED", "OURS", "compared", "measured_as", "suite_numbers"]

OURS, CHANCE, HISTOGRAM = "this model", "without looking", "histograms"
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
CONSTANTS = {
    "zero-shot.top1": "zero-shot.majority",
    "few-shot.shot1": "few-shot.shot1.majority",
    "few-shot.shot5": "few-shot.shot5.majority",
    "binary.micro": "binary.micro.majority",
    "attributes.all_correct": "attributes.all_correct.majority",
    "attributes.macro_f1": "attributes.macro_f1.always_yes",
    "discovery.separate.all": "discovery.separate.chance",
    "probe.macro_f1": "probe.macro_f1.majority",
}
"""A number -> what is reached without looking: by the commonest answer, by yes to all, by clusters dealt at random."""
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
    """Columns COLUMNS: a row `this model` for each number that is published or could be, one for what is reached without looking and one for the control, where
    they were made, and one for each published number."""
    known = {number.name: number for number in numbers}
    rows: list[tuple[object, ...]] = []
    for task in tasks:
        protocols = dict.fromkeys([*MEASURED, *(entry.protocol for entry in task.published)])
        for protocol in protocols:
            name = f"{task.name}.{measured_as(protocol)}"
            about = (task.name, task.title, protocol)
            constant = CONSTANTS.get(measured_as(protocol), f"{measured_as(protocol).rpartition('.')[0]}.majority")
            beside = {CHANCE: f"{task.name}.{constant}", HISTOGRAM: f"{name}.histogram"}
            rows += _rows(about, known, {OURS: name, **beside}, task.published)
    for suite in suites():
        for protocol in dict.fromkeys(entry.protocol for entry in suite.published):
            mine = {OURS: f"suite.{suite.name}.{protocol}"}
            rows += _rows((suite.name, suite.title, protocol), known, mine, suite.published)
    return pl.DataFrame(rows, schema=COLUMNS, orient="row")


def _rows(
    about: tuple[str, str, str], known: Mapping[str, Number], named: Mapping[str, str], published: Sequence[Published]
) -> list[tuple[object, ...]]:
    """A row for each of the `named` numbers that is known, and for each published one of the protocol; none where the model has no number."""
    if named[OURS] not in known:
        return []
    rows: list[tuple[object, ...]] = []
    for model, name in named.items():
        if name in known:
            n = known[name]
            ends = [None if end is None else 100 * end for end in (n.low, n.high)]
            rows.append((*about, model, 100 * n.value, *ends, n.n, name))
    others = [entry for entry in published if entry.protocol == about[2]]
    return rows + [(*about, e.model, e.value, None, None, None, e.source) for e in others]
