"""`evaluate --tasks`: one model, many benchmark tasks, one Report with a table beside what others have published, and a page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl

from merian.core import store
from merian.core.errors import BadData, BadSetting, Mismatch, Missing
from merian.core.progress import track
from merian.core.report import Number, Report
from merian.curate.leakage import Side
from merian.encode import Encoder
from merian.evaluate.benchmarks.asks import ASKS, Held, held
from merian.evaluate.benchmarks.compared import compared, suite_numbers
from merian.evaluate.benchmarks.items import Items
from merian.evaluate.benchmarks.leaks import leaked, trained_on
from merian.evaluate.benchmarks.outcome import Terms
from merian.evaluate.benchmarks.settings import BenchmarkSettings
from merian.evaluate.benchmarks.task import Task, read

__all__ = ["FORMAT", "KIND", "Plan", "benchmark"]

KIND, FORMAT = "benchmarks", 1
UNCHECKED = "Whether these images were trained on was not looked at: name the model's training catalog (--trained)."


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What a run of benchmarks reads and where it keeps vectors: the folder of data sets, that of cached vectors, the catalog the model was trained on."""

    tasks: Sequence[Task]
    data: Path
    cache: Path
    trained: Path | None = None


@dataclass(eq=False)
class _Run:
    """What is gathered on the way."""

    numbers: list[Number] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)
    tables: dict[str, pl.DataFrame] = field(default_factory=dict)


def benchmark(
    encoder: Encoder, plan: Plan, out: Path, settings: BenchmarkSettings, command: str = "", overwrite: bool = False
) -> Report:
    """The Report of a model on the plan's tasks, written to `out`: report.json, table.csv, report.html, tables/*.parquet (a row a class or question).

    A data set that is not there, and a question that cannot be answered, is a remark; what has been embedded is in the cache, so a stopped run goes on where it
    was. A finished run is not repeated; `overwrite` replaces another. Raises Missing when none of the data sets is there.
    """
    sets, absent = _sets(plan)
    inputs = {"encoder": encoder.fingerprint} | {name: _digest(items) for name, (_, items) in sets.items()}
    seen = None if plan.trained is None else trained_on(plan.trained)
    if seen is not None:
        inputs["trained"] = seen.digest
    work = store.begin(out, KIND, FORMAT, settings, inputs, overwrite)
    if work.done:
        return Report.load(out / "report.json")
    run = _Run(remarks=list(absent))
    if seen is None:
        run.remarks.append(UNCHECKED)
    with track("Benchmarks", len(sets), "tasks") as advance:
        for task, items in sets.values():
            _ask(run, held(task, items, encoder, plan.cache, settings), settings, seen)
            advance(1, note=task.title)
    run.numbers += suite_numbers(run.numbers)
    title = "The model on benchmark tasks"
    report = Report(title, command, inputs, tuple(run.numbers), store.plain(settings), tuple(run.remarks))
    _write(run, report, plan.tasks, out)
    work.finish()
    return report


def _sets(plan: Plan) -> tuple[dict[str, tuple[Task, Items]], list[str]]:
    """The tasks whose data sets are there, with their items, and remarks on the others."""
    sets, absent = dict[str, tuple[Task, Items]](), list[str]()
    for task in plan.tasks:
        try:
            sets[task.name] = task, read(task, plan.data)
        except Missing as error:
            if len(plan.tasks) == 1:
                raise
            absent.append(f"{task.name}: {error}")
    if not sets:
        wanted = f"one of the tasks' folders, as {plan.tasks[0].folder}"
        raise Missing("any of the data sets", plan.data, f"--data names the folder that holds {wanted}")
    return sets, absent


def _digest(items: Items) -> str:
    """Names what a data set lists: images, labels, divisions, prompts."""
    rows = items.frame.drop("path").write_json()
    marks = b"" if items.attributes is None else items.attributes.tobytes()
    return store.digest_bytes("\0".join([rows, *items.classes, *items.prompts]).encode() + marks)[:24]


def _ask(run: _Run, data: Held, settings: BenchmarkSettings, trained: Side | None) -> None:
    """Put all that a task asks to its data set."""
    name, group = data.task.name, data.task.title
    run.remarks += [f"{name}: {remark}" for remark in data.items.remarks]
    if data.refused:
        path, reason = next(iter(data.refused.items()))
        run.remarks.append(f"{name}: {len(data.refused):,} images could not be read, the first {path}: {reason}.")
    if not len(data.frame):
        run.remarks.append(f"{name}: no image could be read; nothing is measured.")
        return
    if trained is not None:
        number, marked = leaked(data, trained, group)
        run.numbers.append(number)
        if marked.any() and settings.drop_leaked:
            data = data.without(marked)
            run.remarks.append(f"{name}: {int(marked.sum()):,} images that were trained on are left out.")
    for word in data.task.protocols:
        terms = Terms(name=f"{name}.{word}", group=group, seed=settings.seed, resamples=settings.resamples)
        try:
            found = ASKS[word](data, terms, settings)
        except (BadData, BadSetting, Mismatch) as error:
            run.remarks.append(f"{name}, {word}: cannot be measured: {error}")
            continue
        run.numbers += found.numbers
        run.remarks += [f"{name}, {word}: {remark}" for remark in found.remarks]
        run.tables[f"{name}.{word}"] = found.table


def _write(run: _Run, report: Report, tasks: Sequence[Task], out: Path) -> None:
    from merian.evaluate.benchmarks.page import benchmark_page

    for name, frame in run.tables.items():
        with store.atomic(out / "tables" / f"{name}.parquet") as stream:
            frame.write_parquet(stream)
    beside = compared(report.numbers, tasks)
    with store.atomic(out / "table.csv") as stream:
        beside.write_csv(stream)
    report.save(out / "report.json")
    store.write_text(out / "report.html", benchmark_page(report, beside, tasks))
