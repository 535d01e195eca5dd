"""The one-page report of a whole run: figures inside, nothing fetched from outside, fit to read, to print and to send."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from merian import __version__
from merian.core import store
from merian.core.errors import BadData
from merian.core.report import Number, Report
from merian.core.tables import Catalog
from merian.core.tree import RANKS, rank_number
from merian.drawn.folder import SHEET
from merian.evaluate.figures import METHODS

__all__ = ["Story", "data_address", "report_page"]

IMAGE_TYPES = {".svg": "svg+xml", ".png": "png", ".jpg": "jpeg", ".jpeg": "jpeg", ".webp": "webp"}
SPLITS = {
    "train": "to learn from",
    "val": "to calibrate on",
    "test": "to be tested on",
    "unseen": "of species kept out of training",
}
BEST = 8
"""So many traits are listed."""


@dataclass(frozen=True, kw_only=True)
class Story:
    """Where the parts of a run lie, and what its report is called. Parts that are None are left out.

    model: the folder with metrics.jsonl; picture: a contact sheet (PNG, JPEG, SVG); address: where the model is being served.
    """

    catalog: Path
    evaluation: Path
    exploration: Path | None = None
    model: Path | None = None
    picture: Path | None = None
    picture_caption: str = "A sheet from the collection."
    title: str = "What the model has learned"
    subtitle: str = "A collection of photos, a model that learned their names, and how far it can be trusted."
    command: str = ""
    address: str = ""

    @classmethod
    def of_tour(cls, folder: Path, address: str = "") -> Story:
        """The Story of what `merian tour` wrote to `folder`."""
        sheet, explored = folder / "source" / SHEET, folder / "exploration"
        return cls(
            catalog=folder / "catalog",
            evaluation=folder / "evaluation",
            exploration=explored if explored.is_dir() else None,
            model=folder / "model",
            picture=sheet if sheet.is_file() else None,
            picture_caption="Portraits from the drawn tree of life: eight body plans, one phylogeny, every truth known.",
            title="A Tour of the Drawn Tree of Life",
            subtitle="A collection drawn by a simulated evolution, a model that learned to name it, and how far it can be trusted.",
            command=f"merian tour {folder}",
            address=address,
        )


def report_page(story: Story | Path) -> str:
    """The report, of a Story or of a tour's folder, as one HTML document. Raises Missing when a part of the story is not finished."""
    if isinstance(story, Path):
        story = Story.of_tour(story)
    from jinja2 import Environment, StrictUndefined

    files = resources.files("merian.evaluate") / "templates"
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    template = environment.from_string((files / "report.html.j2").read_text(encoding="utf-8"))
    report = Report.load(story.evaluation / "report.json")
    numbers = {n.name: n for n in report.numbers}
    figures = _figures(story.evaluation / "figures")
    parts: dict[str, Any] = {
        **_collection(Catalog.open(story.catalog)),
        **_naming(numbers),
        **_trust(numbers, report),
        **_exploration(story, figures),
        "training": _training(story, figures),
        "stores": _stores(story),
    }
    return template.render(
        **parts,
        title=story.title,
        subtitle=story.subtitle,
        command=story.command,
        address=story.address,
        picture=None if story.picture is None else data_address(story.picture),
        picture_caption=story.picture_caption,
        style=(files / "report.css").read_text(encoding="utf-8"),
        ornament=(files / "ornament.svg").read_text(encoding="utf-8"),
        figures=figures,
        remarks=report.remarks,
        resamples=report.settings.get("resamples", ""),
        folds=report.settings.get("folds", ""),
        version=__version__,
    )


def data_address(path: Path) -> str:
    """The image file as a data: address, to stand inside a page. Raises BadData for a kind that browsers do not show."""
    if path.suffix.lower() not in IMAGE_TYPES:
        raise BadData(path, f"a picture for the report must be one of {', '.join(IMAGE_TYPES)}")
    return _data(path.read_bytes(), IMAGE_TYPES[path.suffix.lower()])


def _data(content: bytes, kind: str) -> str:
    return f"data:image/{kind};base64,{base64.b64encode(content).decode()}"


def _figures(folder: Path) -> dict[str, str]:
    return {p.stem: data_address(p) for p in sorted(folder.glob("*.svg"))}


def _percent(value: float, digits: int = 1) -> str:
    return f"{value * 100:.{digits}f}\u00a0%"


def _range(number: Number) -> str:
    if number.low is None or number.high is None:
        return ""
    scale, digits = (100, 1) if number.unit == "share" else (1, 2)
    return f"{number.low * scale:.{digits}f} to {number.high * scale:.{digits}f}"


def _words(number: Number) -> str:
    """The number with its interval, never broken before its unit."""
    return number.text.replace(" %", "\u00a0%")


def _collection(catalog: Catalog) -> dict[str, Any]:
    kept = catalog.kept()
    taxa = kept["taxon"].drop_nulls().to_numpy()
    paths = catalog.tree.ancestors[taxa[taxa >= 0]]

    def held(rank: str) -> int:
        column = paths[:, rank_number(rank)]
        return len(np.unique(column[column >= 0]))

    counts = dict(kept.filter(pl.col("split").is_not_null()).group_by("split").len().iter_rows())
    unseen = kept.filter(pl.col("split") == "unseen")["taxon"].n_unique()
    splits = [(words, f"{counts[split]:,}") for split, words in SPLITS.items() if split in counts]
    refused = [
        (reason, f"{n:,}") for reason, n in sorted(catalog.refused().iter_rows(), key=lambda row: (-row[1], row[0]))
    ]
    return {
        "kept": f"{len(kept):,}",
        "total": f"{len(catalog):,}",
        "species": held("species"),
        "families": held("family"),
        "orders": held("order"),
        "unseen_species": unseen,
        "splits": splits,
        "refused": refused,
    }


def _rank_table(numbers: dict[str, Number], task: str) -> dict[str, Any] | None:
    ranks = [r for r in RANKS if f"{task}.{r}.summed" in numbers]
    methods = [m for m in METHODS if any(f"{task}.{r}.{m}" in numbers for r in ranks)]
    rows = []
    for rank in ranks:
        cells = [numbers.get(f"{task}.{rank}.{m}") for m in methods]
        rows.append(
            {
                "rank": rank,
                "candidates": numbers[f"{task}.{rank}.summed"].note.split()[0],
                "chance": _percent(numbers[f"{task}.{rank}.chance"].value),
                "majority": _percent(numbers[f"{task}.{rank}.majority"].value),
                "cells": [c and {"value": _percent(c.value), "range": _range(c)} for c in cells],
            }
        )
    return {"methods": [METHODS[m] for m in methods], "rows": rows} if rows else None


def _naming(numbers: dict[str, Number]) -> dict[str, Any]:
    tables = {task: _rank_table(numbers, task) for task in ("test", "open", "unseen")}
    few = []
    for task, words in (("test", "Known species"), ("unseen", "Unseen species")):
        for name, n in numbers.items():
            if name.startswith(f"{task}.shot") and name.endswith(".model"):
                shots = name.split(".")[1].removeprefix("shot")
                images = "image" if shots == "1" else "images"
                few.append(f"{words}, {shots} {images} each: {_words(n)}; {n.note}.")
    return {"tables": tables, "heads": _heads(numbers), "few": few, "verdict": _verdict(numbers)}


def _verdict(numbers: dict[str, Number]) -> str:
    """Whether summing or asking does better at the coarse ranks, and the model or the histogram at species: said only when intervals are apart."""
    said = []
    species, baseline = numbers.get("test.species.summed"), numbers.get("test.species.histogram")
    if species and baseline and species.low is not None and baseline.high is not None:
        factor = species.value / baseline.value if baseline.value else np.inf
        apart = species.low > baseline.high
        beaten = f"names {factor:.1f} times as many species right as the histograms do" if np.isfinite(factor) else ""
        said.append(
            f"The model {beaten}."
            if apart and beaten
            else ""
            if apart
            else "At species the model is not clearly better than the histograms."
        )
    better = []
    for rank in RANKS[:-1]:
        a, b = numbers.get(f"test.{rank}.summed"), numbers.get(f"test.{rank}.prompted")
        if a and b and a.low is not None and b.high is not None and a.low > b.high:
            better.append(rank)
    if better:
        said.append(f"Adding up species beats asking for the rank's own words at {', '.join(better)}.")
    return " ".join(s for s in said if s)


def _heads(numbers: dict[str, Number]) -> list[dict[str, str]]:
    """The four numbers at the top of the page, each with what to hold it against."""
    heads: list[dict[str, str]] = []

    def add(name: str, what: str, against: str, beside: str) -> None:
        if name in numbers and len(heads) < 4:
            n, other = numbers[name], numbers.get(against)
            held = f"{beside} {_percent(other.value)}" if other is not None else ""
            heads.append({"value": _percent(n.value, 0), "range": _range(n), "what": what, "beside": held})

    add("test.label.top1", "of photos of known species named right", "test.label.histogram", "histogram baseline")
    add("sets.top1", "named right, as a mean over the data sets", "", "")
    add("test.family.summed", "put into the right family", "test.family.histogram", "histogram baseline")
    add("open.genus.summed", "of photos of species never seen put into the right genus", "open.genus.chance", "chance")
    add(
        "unseen.shot5.model",
        "right on unseen species after five photos of each",
        "unseen.shot5.histogram",
        "histogram baseline",
    )
    add("test.calibration.error", "mean gap between what it says and how often it is right", "", "")
    add("test.order.summed", "put into the right order", "test.order.histogram", "histogram baseline")
    return heads


def _trust(numbers: dict[str, Number], report: Report) -> dict[str, Any]:
    error, auroc = numbers.get("test.calibration.error"), numbers.get("unknown.auroc")
    safe = []
    for task, words in (("test", "known species"), ("unseen", "species never seen")):
        some, right = numbers.get(f"{task}.safe.answered"), numbers.get(f"{task}.safe.right")
        if some and right:
            safe.append(
                f"Of photos of {words}, {_percent(some.value, 0)} get one, and {right.text} of those are right."
            )
    unknown = ""
    if auroc is not None:
        ends = " to ".join(_percent(end, 0) for end in (auroc.low, auroc.high) if end is not None)
        unknown = f"it gives a stranger the higher value in {_percent(auroc.value, 0)} of all pairs ({ends}; chance would be 50 %)"
    planted = []
    found, precise = numbers.get("planted.wrong_label.found"), numbers.get("planted.wrong_label.precision")
    if found is not None:
        words = f"{_percent(found.value, 0)} pointed out by a contradicting safe answer"
        planted.append(
            (
                f"wrong label ({found.n} planted)",
                words + (f"; {_percent(precise.value, 0)} of all it points out are planted" if precise else ""),
            )
        )
    return {
        "calibration": _words(error) if error else "",
        "safe": " ".join(safe),
        "threshold": f"{float(str(report.settings.get('threshold', 0.8))):.0%}".replace("%", "\u00a0%"),
        "unknown": unknown,
        "planted": planted,
        "filters": _filters(numbers),
        "names": [
            (name.split(".")[1].replace("_", " "), f"{n.n:,}", _percent(n.value, 0), n.note)
            for name, n in numbers.items()
            if name.startswith("names.")
        ],
    }


def _filters(numbers: Mapping[str, Number]) -> list[tuple[str, ...]]:
    """Filter, the share found of what was planted, the share of its refusals that were planted, and remarks, each in words."""
    found = {n.split(".")[1]: None for n in numbers if n.startswith("filter.")}
    rows = []
    for name in found:
        recall, precision = numbers.get(f"filter.{name}.recall"), numbers.get(f"filter.{name}.precision")
        shown = [f"{n.text} of {n.n:,}" if n is not None else "–" for n in (recall, precision)]
        # a note begins with the count, which stands in the table already
        notes = [note for n in (recall, precision) if n is not None for note in n.note.split("; ")[1:]]
        rows.append((name.replace("_", " "), *shown, "; ".join(notes)))
    return rows


def _training(story: Story, figures: dict[str, str]) -> dict[str, str] | None:
    """How training went, its curve added to the figures; None when there is no log of it."""
    log = None if story.model is None else story.model / "metrics.jsonl"
    if log is None or not log.is_file():
        return None
    rows = [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines() if line]
    if not rows:
        return None
    from merian.explore import plots

    steps, loss = (np.array([r[k] for r in rows], np.float64) for k in ("step", "loss"))
    figures["loss"] = _data(plots.curve(steps, loss, "The loss of each step", "step", "loss").encode(), "svg+xml")
    tail = max(len(loss) // 20, 1)
    return {"steps": f"{len(rows):,}", "first": f"{loss[:tail].mean():.2f}", "last": f"{loss[-tail:].mean():.2f}"}


def _exploration(story: Story, figures: dict[str, str]) -> dict[str, Any]:
    empty = {"traits": [], "trait_summary": "", "neighbours": "", "layout_caption": "", "trait_caption": ""}
    if story.exploration is None:
        return empty
    report = Report.load(story.exploration / "report.json")
    figures |= _figures(story.exploration / "figures")
    numbers = {n.name: n for n in report.numbers}
    kept = numbers.get("layout.neighbours_kept")
    near, chance = numbers.get("neighbours.family"), numbers.get("neighbours.family.chance")
    neighbours = ""
    if near is not None and chance is not None:
        words = f"{_percent(near.value, 0)} are of the same family; by chance it would be {_percent(chance.value, 0)}"
        neighbours = f"Of the ten nearest photos of other specimens, {words}."
    rank = str(report.settings.get("color_by_rank", ""))
    method = {"umap": "UMAP"}.get(str(report.settings.get("method")), "t-SNE")
    names = [n.name.removeprefix("trait.").removesuffix(".rho") for n in report.numbers if n.name.endswith(".rho")]
    names.sort(key=lambda t: -numbers[f"trait.{t}.rho"].value)
    rows = []
    for trait in names[:BEST]:
        rho, r2 = numbers[f"trait.{trait}.rho"], numbers[f"trait.{trait}.r2"]
        row = {"name": trait.replace("_", " "), "n": rho.n, "rho": f"{rho.value:.2f}", "rho_range": _range(rho)}
        rows.append({**row, "r2": f"{r2.value:.2f}"})
    tested = [float(numbers[f"trait.{t}.r2"].note.rsplit("p = ", 1)[1]) <= 0.05 for t in names]
    summary = (
        f"Of {len(tested)} traits, {sum(tested)} do better than 95 % of shuffled ones; {0.05 * len(tested):.0f} would by chance."
        if tested
        else ""
    )
    share = (
        f" {_percent(kept.value, 0)} of each photo's ten nearest stay among its ten nearest on the page."
        if kept
        else ""
    )
    return {
        "traits": rows,
        "trait_summary": summary,
        "neighbours": neighbours,
        "layout_caption": f"Photos laid out by {method}, coloured by {rank}.{share}",
        "trait_caption": "The same layout, coloured by a trait's mean over the species; pale points belong to species without that trait.",
    }


def _stores(story: Story) -> list[dict[str, Any]]:
    found = []
    for folder in (story.catalog, story.model, story.evaluation, story.exploration):
        if folder is not None and (folder / "manifest.json").is_file():
            m = store.read(folder)
            known = {"name": folder.name, "kind": m.kind, "hash": m.hash, "code": m.code}
            found.append({**known, "inputs": m.inputs, "settings": m.settings})
    return found
