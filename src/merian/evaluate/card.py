"""The card of a model: what it knows, how good it is and where, how far its probabilities can be trusted, what it cannot do, and whom it owes its photos to.

`card.html` to read, `card.json` for programs (its `about` is what `merian identify` says of the model), `taxa.csv`, `sources.csv`; in the model's folder.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from merian import __version__
from merian.core import store
from merian.core.errors import Mismatch
from merian.core.report import Number, Report
from merian.core.tables import Catalog
from merian.core.tree import RANKS
from merian.curate.card.attribution import attribution, holders
from merian.encode.info import CARD
from merian.evaluate.page import data_address
from merian.identify import Identifier

__all__ = ["Told", "write_model_card"]

Numbers = Mapping[str, Number]
FAILS_BELOW = 0.5
"""A data set of which less than this share is named right is told among what the model cannot do. From taste."""


@dataclass(frozen=True, kw_only=True)
class Told:
    """What only its makers know of a model: what it is called, how it was made, and what else to say to whoever uses it."""

    title: str = ""
    command: str = ""
    note: str = ""


def write_model_card(identifier: Identifier, folder: Path, catalog: Catalog, evaluation: Path, told: Told) -> str:
    """Write the card of the model in `folder`, of the catalog that it was trained on and its evaluation there; the sentence for whoever uses it.

    Raises Mismatch when the evaluation is of another model or catalog.
    """
    report = Report.load(evaluation / "report.json")
    given = {"encoder": identifier.encoder.fingerprint, "catalog": catalog.hash}
    for what, own in given.items():
        if report.inputs.get(what) != own:
            raise Mismatch(
                f"the evaluation's {what}",
                str(report.inputs.get(what)),
                own,
                "evaluate this model on this catalog first",
            )
    numbers = {number.name: number for number in report.numbers}
    known, sources = _taxa(identifier, catalog, evaluation), holders(attribution(_trained_on(catalog)))
    title = told.title or f"The model {folder.name}"
    about = _about(title, known, sources, numbers, told.note)
    calibration = identifier.head.calibration
    document = {
        "format": 1,
        "title": title,
        "about": about,
        "command": told.command,
        "evaluated_by": report.command,
        "inputs": report.inputs,
        "taxa": {rank: int((known["rank"] == rank).sum()) for rank in RANKS},
        "images": len(_trained_on(catalog)),
        "calibration": store.plain(calibration),
        "limits": list(_limits(numbers, known)),
        "numbers": [store.plain(number) for number in report.numbers],
        "merian": __version__,
    }
    for name, frame in (("taxa.csv", known), ("sources.csv", sources)):
        with store.atomic(folder / name) as stream:
            frame.write_csv(stream)
    store.write_json(folder / CARD, document)
    store.write_text(folder / "card.html", _page(document, known, sources, numbers, evaluation / "figures"))
    return about


def _trained_on(catalog: Catalog) -> pl.DataFrame:
    """The rows whose photos the weights or the calibration were fitted on."""
    return catalog.kept().filter(pl.col("split").is_in(["train", "val"]) & (pl.col("taxon") >= 0))


def _taxa(identifier: Identifier, catalog: Catalog, evaluation: Path) -> pl.DataFrame:
    """The labels that were trained on: rank, lineage, common name, training photos, test photos and the share of these that was named right."""
    tree, counts = catalog.tree, _trained_on(catalog).filter(pl.col("split") == "train")["taxon"].value_counts()
    taxa = counts.sort("taxon")["taxon"].to_numpy()
    frame = pl.DataFrame(
        {
            "taxon": taxa.astype(np.int32),
            "rank": [RANKS[rank] for rank in tree.rank[taxa]],
            "name": tree.names.gather(taxa.astype(np.uint32)),
            "common_name": [tree.common_name(int(taxon)) for taxon in taxa],
        }
    )
    frame = frame.hstack(tree.lineages(taxa).select(RANKS).get_columns())
    scored = pl.read_parquet(evaluation / "per_species.parquet").filter(pl.col("split") == "test")
    scored = scored.select(pl.col("taxon").cast(pl.Int32), pl.col("images").alias("test_photos"), "accuracy")
    counts = counts.select(pl.col("taxon").cast(pl.Int32), pl.col("count").alias("training_photos"))
    return (
        frame.join(counts, on="taxon", how="left", maintain_order="left")
        .join(scored, on="taxon", how="left", maintain_order="left")
        .drop("taxon")
    )


def _about(title: str, known: pl.DataFrame, sources: pl.DataFrame, numbers: Numbers, note: str) -> str:
    """What the model says of itself."""
    species, photos = int((known["rank"] == "species").sum()), int(sources["images"].sum())
    said = f"{title} knows {len(known)} taxa ({species} species), from {photos:,} photos."
    best = numbers.get("sets.top1") or numbers.get("test.label.top1")
    if best is not None:
        among = "as a mean over its data sets" if best.name == "sets.top1" else "of them all"
        said += f" It names {best.value:.0%} of held-out photos of these right, {among}."
    return f"{said} {note}".strip()


def _limits(numbers: Numbers, known: pl.DataFrame) -> Iterator[str]:
    """What the model cannot do, as measured."""
    yield (
        f"It knows {len(known)} taxa and no others: an organism that is not among them is at best placed near a relative. "
        "Photos unlike those of its sources were not measured."
    )
    auroc, refused, lost = (numbers.get(name) for name in ("unknown.auroc", "none.unseen", "none.known"))
    if auroc is not None:
        told = f"By the chance of “none of these” it tells species it never saw from those it knows with an AUROC of {auroc.value:.2f} (0.5 is chance)."
        if refused is not None and lost is not None:
            told += f" At its threshold {refused.text} of the photos of such species are told “none of these”, and {lost.text} of those it knows."
        yield told
    for name, number in numbers.items():
        parts = name.split(".")
        if parts[0] != "set" or parts[-1] != "top1" or len(parts) != 3:
            continue
        words, baseline, majority = (
            parts[1].replace("_", " "),
            numbers.get(f"set.{parts[1]}.histogram"),
            numbers.get(f"set.{parts[1]}.majority"),
        )
        if baseline is not None and baseline.value > number.value:
            yield f"On {words} histograms of colour and texture do better: {baseline.text} against {number.text}."
        elif majority is not None and majority.value >= (number.low if number.low is not None else number.value):
            yield f"On {words} it is not clearly better than always naming the commonest: {number.text} against {majority.value:.1%}."
        elif number.value < FAILS_BELOW:
            yield f"On {words} it names only {number.text} right."
    yield "It looks at a photo as a whole: it finds no animal in a picture, counts none, and knows no individual."


def _page(
    document: Mapping[str, Any], known: pl.DataFrame, sources: pl.DataFrame, numbers: Numbers, figures: Path
) -> str:
    from jinja2 import Environment, StrictUndefined

    files = resources.files("merian.evaluate") / "templates"
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters |= {"percent": lambda value: "–" if value is None else f"{value:.0%}".replace("%", "\u00a0%")}
    template = environment.from_string((files / "card.html.j2").read_text(encoding="utf-8"))
    return template.render(
        **{
            key: document[key]
            for key in ("title", "about", "command", "evaluated_by", "limits", "inputs", "calibration", "images")
        },
        style=(files / "report.css").read_text(encoding="utf-8"),
        ornament=(files / "ornament.svg").read_text(encoding="utf-8"),
        figures={path.stem: data_address(path) for path in sorted(figures.glob("*.svg"))},
        known=known.sort(*RANKS, nulls_last=False).rows(named=True),
        counts=[(rank, count) for rank, count in document["taxa"].items() if count],
        sources=sources.rows(named=True),
        sets=list(_sets(numbers)),
        clades=list(_parts(numbers, "class")) + list(_parts(numbers, "order")),
        by_set=list(_parts(numbers, "set")),
        trust=_trust(numbers),
        ranks=RANKS,
        calibrated=dict(zip(RANKS, document["calibration"]["ranks"], strict=False)),
        version=__version__,
    )


def _sets(numbers: Numbers) -> Iterator[dict[str, Any]]:
    """Each data set by itself: the model, the baseline, the commonest, few-shot."""
    for name, number in numbers.items():
        if name.startswith("set.") and name.endswith(".top1"):
            start = name.removesuffix("top1")
            cells = {key: numbers.get(start + what) for key, what in COLUMNS.items()}
            words = start.removeprefix("set.").strip(".").replace(".unseen", ": species never seen").replace("_", " ")
            yield {
                "name": words,
                "n": number.n,
                **{key: _cell(found) for key, found in cells.items()},
            }


COLUMNS = {
    "model": "top1",
    "five": "top5",
    "histogram": "histogram",
    "shot1": "shot1.model",
    "shot1_histogram": "shot1.histogram",
    "shot5": "shot5.model",
    "shot5_histogram": "shot5.histogram",
}


def _cell(number: Number | None) -> dict[str, str] | None:
    """A number and its interval as a table shows them."""
    if number is None:
        return None
    value, _, ends = number.text.partition(" (")
    return {"value": value.replace(" %", "\u00a0%"), "range": ends.removesuffix(")")}


def _parts(numbers: Numbers, kind: str) -> Iterator[dict[str, Any]]:
    """Accuracy at each rank, among all labels, of the clades of a rank or of the data sets."""
    start = f"all.{kind}."
    names = dict.fromkeys(name.removeprefix(start).rpartition(".")[0] for name in numbers if name.startswith(start))
    for name in names:
        cells = {rank: numbers.get(f"{start}{name}.{rank}") for rank in RANKS}
        counted = max(cell.n or 0 for cell in cells.values() if cell is not None)
        yield {
            "kind": kind,
            "name": name.replace("_", " "),
            "n": counted,
            "cells": [_cell(c) for c in cells.values()],
        }


def _trust(numbers: Numbers) -> dict[str, Any]:
    """Calibration at each rank, safe answers, none of these."""
    errors = [(rank, numbers.get(f"test.calibration.{rank}")) for rank in RANKS]
    words = {name: numbers[name].text for name in TRUST if name in numbers}
    return {"ranks": [(rank, n.text, n.note) for rank, n in errors if n is not None], "numbers": words}


TRUST = (
    "test.calibration.error",
    "test.safe.answered",
    "test.safe.right",
    "unseen.safe.answered",
    "unseen.safe.right",
    "unknown.auroc",
    "none.known",
    "none.unseen",
)
"""Numbers of the evaluation that tell how far an answer can be trusted."""
