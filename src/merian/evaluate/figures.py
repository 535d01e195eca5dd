"""The figures of an evaluation, drawn from its Report alone (and the tables beside it)."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt
import polars as pl

from merian.core.report import Number, Report
from merian.core.tree import RANKS
from merian.evaluate.metrics import Bins
from merian.explore import plots
from merian.explore.plots import Bar

__all__ = ["draw"]

METHODS = {"summed": "species summed", "prompted": "rank's own words", "histogram": "histogram baseline"}
TITLES = {
    "test": "Naming photos of known species, without a single example",
    "unseen": "Naming species never seen in training, among themselves",
    "open": "Naming species never seen in training, among all species",
}


def draw(report: Report, bins: Bins, masses: dict[str, npt.NDArray[np.floating]]) -> dict[str, str]:
    """File name -> SVG of every figure for which the Report has the numbers."""
    numbers = {n.name: n for n in report.numbers}
    figures: dict[str, str] = {}
    for task, title in TITLES.items():
        if any(name.startswith(f"{task}.") and name.endswith(".summed") for name in numbers):
            figures[f"ranks_{task}.svg"] = _ranks(numbers, task, title)
    shots = sorted({int(n.split(".shot")[1].split(".")[0]) for n in numbers if ".shot" in n and n.count(".") == 2})
    if shots:
        figures["fewshot.svg"] = _few(numbers, shots)
    if bins.counts.sum():
        figures["reliability.svg"] = plots.reliability_diagram(
            bins.confidence, bins.accuracy, bins.counts, "Does 80 % mean 80 %?"
        )
    if len(masses) > 1:
        figures["unknown.svg"] = plots.densities(
            masses, "Is it on the list at all?", "probability that the species is not on the list"
        )
    sets = _sets(numbers)
    if sets:
        figures["sets.svg"] = sets
    figures |= _clades(numbers)
    figures |= _rows(numbers, "truth.", "", "truth.svg", "Against the truth, by kind of picture")
    return figures


def _bar(number: Number | None) -> Bar | None:
    return None if number is None else Bar(number.value, number.low, number.high)


def _value(number: Number | None) -> float | None:
    return None if number is None else number.value


def _ranks(numbers: dict[str, Number], task: str, title: str) -> str:
    ranks = [r for r in RANKS if f"{task}.{r}.summed" in numbers and numbers[f"{task}.{r}.chance"].value < 1]
    ranks = ranks or [r for r in RANKS if f"{task}.{r}.summed" in numbers]
    series = {
        label: [_bar(numbers.get(f"{task}.{r}.{method}")) for r in ranks]
        for method, label in METHODS.items()
        if any(f"{task}.{r}.{method}" in numbers for r in ranks)
    }
    marks = {
        "chance": [_value(numbers.get(f"{task}.{r}.chance")) for r in ranks],
        "always the commonest": [_value(numbers.get(f"{task}.{r}.majority")) for r in ranks],
    }
    return plots.grouped_bars(ranks, series, title, marks)


def _few(numbers: dict[str, Number], shots: Iterable[int]) -> str:
    groups, keys = [], []
    for task, label in (("test", "known species"), ("unseen", "unseen species")):
        for k in shots:
            if f"{task}.shot{k}.model" in numbers:
                groups.append(f"{label},\n{k} image{'s' if k > 1 else ''}")
                keys.append(f"{task}.shot{k}")
    series = {
        label: [_bar(numbers.get(f"{key}.{space}")) for key in keys]
        for space, label in (("model", "the model's vectors"), ("histogram", "histogram baseline"))
        if any(f"{key}.{space}" in numbers for key in keys)
    }
    chance = {"chance": [_value(numbers.get(f"{key}.chance")) for key in keys]}
    return plots.grouped_bars(groups, series, "Learning a species from one or five photos", chance, 5.6)


def _sets(numbers: dict[str, Number]) -> str:
    """The model and the baseline side by side per data set, first the known species, then those never seen; "" without data sets."""
    names = [n.removesuffix(".top1") for n in numbers if n.startswith("set.") and n.endswith(".top1")]
    names.sort(key=lambda name: name.endswith(".unseen"))
    rows = {}
    for name in names:
        source, never, _ = name.removeprefix("set.").partition(".unseen")
        label = source.replace("_", " ") + f" ({numbers[f'{name}.top1'].n})"
        key = f"{'never seen' if never else 'known species'}: {label}"
        found = (_bar(numbers.get(f"{name}.{what}")) for what in ("top1", "histogram", "chance"))
        rows[key] = dict(zip(("the model", "histogram baseline", "chance"), found, strict=True))
    return plots.points(rows, "Each data set by itself", None, "share named right") if rows else ""


def _clades(numbers: dict[str, Number]) -> dict[str, str]:
    """Species named right in the clades of the lowest rank of which several have numbers."""
    for kind in reversed(RANKS):
        start, end = f"all.{kind}.", ".species"
        rows = [n for n in numbers.values() if n.name.startswith(start) and n.name.endswith(end)]
        if len(rows) < 2:
            continue
        told = [(n.name.removeprefix(start).removesuffix(end), n.n, n.value, n.low, n.high) for n in rows]
        columns = {"clade": pl.String, "n": pl.Int64, "value": pl.Float64, "low": pl.Float64, "high": pl.Float64}
        table = pl.DataFrame(told, schema=columns, orient="row")
        title = f"Species named right, {kind} by {kind}"
        return {"clades.svg": plots.clade_accuracy(table, title, "species named right, among all labels")}
    return {}


def _rows(numbers: dict[str, Number], start: str, end: str, file: str, title: str) -> dict[str, str]:
    chosen = [n for n in numbers.values() if n.name.startswith(start) and n.name.endswith(end)]
    if not chosen:
        return {}
    labels = [n.name.removeprefix(start).removesuffix(end).replace(".", ": ", 1).replace("_", " ") for n in chosen]
    rows = {f"{label}  ({n.n})": {"the model": _bar(n)} for label, n in zip(labels, chosen, strict=True)}
    reference = numbers["truth.all"].value if start == "truth." and "truth.all" in numbers else None
    return {file: plots.points(rows, title, reference, "share named right")}
