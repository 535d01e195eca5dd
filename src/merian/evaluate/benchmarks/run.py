"""`evaluate --tasks`: one model, many benchmark tasks, one Report with a table beside what others have published, and a page."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import polars as pl

from merian.core import store
from merian.core.errors import BadData, BadSetting, Mismatch, Missing, MissingExtra
from merian.core.progress import track
from merian.core.report import Number, Report
from merian.curate.leakage import Side
from merian.encode import Encoder
from merian.evaluate.benchmarks.asks import ASKS, Held, check_fold, held, shelf
from merian.evaluate.benchmarks.compared import compared, suite_numbers
from merian.evaluate.benchmarks.control import CONTROLLED, control_numbers
from merian.evaluate.benchmarks.features import contents
from merian.evaluate.benchmarks.items import Items
from merian.evaluate.benchmarks.leaks import leak_numbers, leak_remarks, leaked, trained_on
from merian.evaluate.benchmarks.outcome import Terms
from merian.evaluate.benchmarks.prompts import filled
from merian.evaluate.benchmarks.settings import BenchmarkSettings
from merian.evaluate.benchmarks.task import Protocol, Task, read

__all__ = ["FORMAT", "KIND", "UNANSWERED", "UNREAD", "Plan", "benchmark"]

KIND, FORMAT = "benchmarks", 2
UNREAD, UNANSWERED = "unreadable", "unanswered"
"""Ends of the names of numbers that are there only when something was refused."""
UNCHECKED = "Whether these images were trained on was not looked at: name the model's training catalog (--trained)."


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What a run of benchmarks reads and where it keeps vectors: the folder of data sets, that of cached vectors, the catalog the model was trained on.

    model: what the model is called in the report.
    """

    tasks: Sequence[Task]
    data: Path
    cache: Path
    trained: Path | None = None
    model: str = "The model"


@dataclass(eq=False)
class _Run:
    """What is gathered on the way."""

    numbers: list[Number] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)
    tables: dict[str, pl.DataFrame] = field(default_factory=dict)
    lost: Counter[str] = field(default_factory=Counter)

    def unanswered(self, task: Task, count: int, remark: str) -> None:
        """So many questions of a task have no answer, and why."""
        self.lost[task.name] += count
        self.remarks.append(remark)

    def told(self, tasks: Sequence[Task]) -> list[Number]:
        """How many questions of each task have no answer, where there are any."""
        numbers = []
        for task in tasks:
            lost, n = self.lost[task.name], len(task.protocols)
            note = f"{lost} of {n} questions could not be answered; the remarks say why"
            if lost:
                numbers.append(
                    Number(f"{task.name}.{UNANSWERED}", lost / n, unit="share", n=n, note=note, group=task.title)
                )
        return numbers


def benchmark(
    encoder: Encoder, plan: Plan, out: Path, settings: BenchmarkSettings, command: str = "", overwrite: bool = False
) -> Report:
    """The Report of a model on the plan's tasks, written to `out`: report.json, table.csv, report.html, tables/*.parquet (a row a class or question).

    A data set that is not there or broken, and a question that cannot be answered, is a remark; what has been embedded is in the cache, so a stopped run goes
    on where it was. A finished run is not repeated; `overwrite` replaces another. Raises Missing when none of the data sets is there, BadData when nothing
    could be measured, BadSetting for --drop-leaked without a catalog.
    """
    _sensible(settings, plan)
    run = _Run()
    sets = _sets(plan, settings, run)
    inputs = {"encoder": encoder.fingerprint} | {name: _digest(*found, plan.cache) for name, found in sets.items()}
    seen = None if plan.trained is None else trained_on(plan.trained)
    if seen is not None:
        inputs["trained"] = seen.digest
    work = store.begin(out, KIND, FORMAT, settings, inputs, overwrite)
    if work.done:
        return Report.load(out / "report.json")
    with track("Benchmarks", len(sets), "tasks") as advance:
        for task, items in sets.values():
            _task(run, (task, items), encoder, plan.cache, settings, seen)
            advance(1, note=task.title)
    if not run.tables:
        work.abandon()
        raise BadData(", ".join(sets), "nothing could be measured", run.remarks)
    if seen is None:
        run.remarks.insert(0, UNCHECKED)
    run.numbers += suite_numbers(run.numbers) + run.told(plan.tasks)
    report = Report(
        f"{plan.model} on benchmark tasks",
        command,
        inputs,
        tuple(run.numbers),
        store.plain(settings),
        tuple(run.remarks),
    )
    _write(run, report, plan.tasks, out)
    work.finish()
    return report


def _sensible(settings: BenchmarkSettings, plan: Plan) -> None:
    """Raise BadSetting for settings that make no sense together, or by themselves."""
    if settings.drop_leaked and plan.trained is None:
        raise BadSetting("drop_leaked", True, "needs the catalog that the model was trained on: --trained CATALOG")
    if not settings.shots or min(settings.shots) < 1 or len(set(settings.shots)) < len(settings.shots):
        raise BadSetting("shots", list(settings.shots), "must be numbers of images from 1, each once, as 1 5")


def _sets(plan: Plan, settings: BenchmarkSettings, run: _Run) -> dict[str, tuple[Task, Items]]:
    """The tasks whose data sets are there and sound, with their items; the others are remarks, unless there is one task only."""
    sets = dict[str, tuple[Task, Items]]()
    for task in plan.tasks:
        try:
            items = read(task, plan.data)
            check_fold(task, items, settings.fold)
            sets[task.name] = task, items
        except (Missing, BadData, BadSetting) as error:
            if len(plan.tasks) == 1:
                raise
            broken = not isinstance(error, Missing)
            run.unanswered(task, len(task.protocols) if broken else 0, f"{task.name}: {error}")
    if not sets:
        wanted = f"one of the tasks' folders, as {plan.tasks[0].folder}"
        raise Missing(
            "any of the data sets", plan.data, f"--data names the folder that holds {wanted}: {run.remarks[0]}"
        )
    return sets


def _digest(task: Task, items: Items, cache: Path) -> str:
    """Names what is asked, with which words, and what a data set holds: images by their bytes, labels, divisions, attributes."""
    try:
        words = filled(task.templates)
    except MissingExtra:
        words = ()
    bytes_of = contents(items.frame["path"].to_list(), cache, shelf(task))
    marks = "" if items.attributes is None else store.digest_bytes(items.attributes.tobytes())
    rows = items.frame.drop("path").write_json()
    told = [store.plain(task), words, items.classes, items.prompts, items.lineages, rows, marks, bytes_of]
    return store.digest_bytes(json.dumps(told, sort_keys=True).encode())[:24]


def _task(
    run: _Run,
    which: tuple[Task, Items],
    encoder: Encoder,
    cache: Path,
    settings: BenchmarkSettings,
    trained: Side | None,
) -> None:
    """Put all that a task asks to its data set; a set that no model can be asked about is a remark."""
    task, items = which
    run.remarks += [f"{task.name}: {remark}" for remark in items.remarks]
    try:
        data = held(task, items, encoder, cache, settings)
    except BadData as error:
        run.unanswered(task, len(task.protocols), f"{task.name}: cannot be measured: {error}")
        return
    if data.refused:
        path, reason = next(iter(data.refused.items()))
        count, n = len(data.refused), len(items)
        note = f"{count:,} of {n:,} images could not be read"
        run.numbers.append(Number(f"{task.name}.{UNREAD}", count / n, unit="share", n=n, note=note, group=task.title))
        run.remarks.append(f"{task.name}: {note}, the first {path}: {reason}.")
    if not len(data.frame):
        run.unanswered(task, len(task.protocols), f"{task.name}: no image could be read; nothing is measured.")
        return
    run.remarks += _twins(data, contents(items.frame["path"].to_list(), cache, shelf(task)))
    if data.divided and (aside := int((~data.tested & ~data.shown).sum())):
        run.remarks.append(f"{task.name}: {aside:,} images are on neither side of its division.")
    asks = {word: data.asked_by(word) for word in task.protocols}
    marked = np.zeros(len(data.frame), bool)
    if trained is not None:
        marked = leaked(data, trained)
        run.numbers += leak_numbers(data, marked, task.title)
        run.remarks += leak_remarks(data, asks, marked, settings.drop_leaked)
    for word, asked in asks.items():
        if settings.drop_leaked and (marked & asked).any():
            _ask(run, word, data.without(marked & asked), settings)
        else:
            _ask(run, word, data, settings)


def _twins(data: Held, digests: list[str]) -> list[str]:
    """Remarks on images with the very bytes of another: under another label, and on both sides of a division."""
    kinds = [pl.col(c).n_unique() for c in ("label", "side")]
    side = pl.when(pl.Series(data.tested)).then(pl.lit("test")).when(pl.Series(data.shown)).then(pl.lit("train"))
    rows = data.frame.select("label", side=side, bytes=pl.Series([digests[row] for row in data.rows.tolist()]))
    twins = rows.group_by("bytes").agg(pl.len(), *kinds).filter(pl.col("len") > 1)
    if not len(twins):
        return []
    torn, both = ((twins[c] > 1).sum() if c == "label" or data.divided else 0 for c in ("label", "side"))
    told = f"{twins['len'].sum():,} images are {len(twins):,} different ones by their bytes"
    return [
        f"{data.task.name}: {told}; {torn:,} of these have several labels, {both:,} stand on both sides of a division."
    ]


def _ask(run: _Run, word: Protocol, data: Held, settings: BenchmarkSettings) -> None:
    """Put one question to a data set, to the model and to the control."""
    name = f"{data.task.name}.{word}"
    fixed = data.task.classes == "all"
    terms = Terms(name=name, group=data.task.title, seed=settings.seed, resamples=settings.resamples, fixed=fixed)
    if not data.asked_by(word).any():
        why = "no image is left to be asked about"
        run.unanswered(data.task, 1, f"{data.task.name}, {word}: cannot be measured: {why}.")
        return
    try:
        found = ASKS[word](data, terms, settings)
    except (BadData, BadSetting, Mismatch, MissingExtra) as error:
        run.unanswered(data.task, 1, f"{data.task.name}, {word}: cannot be measured: {error}")
        return
    run.numbers += found.numbers
    run.remarks += [f"{data.task.name}, {word}: {remark}" for remark in found.remarks]
    run.tables[name] = found.table
    if word in CONTROLLED and data.control is not None:
        try:
            run.numbers += control_numbers(word, ASKS[word](data.control, terms, settings), name, settings)
        except BadData as error:
            run.remarks.append(f"{data.task.name}, {word}: no control by histograms: {error}")


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
