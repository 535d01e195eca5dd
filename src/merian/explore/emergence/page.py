"""A study as one HTML file: what was decided, the figures, and beside each the numbers of the model, of the controls and of chance. It fetches nothing."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from importlib import resources
from typing import Any

import numpy as np

from merian import __version__
from merian.explore.emergence.claims import Verdict
from merian.explore.emergence.figures import Drawn
from merian.explore.emergence.measures import Measure

__all__ = ["study_page"]

Done = Mapping[tuple[str, str, str], Measure]
WORDS: Mapping[str, str] = {
    "axis_rho": "axis and trait, each species left out (Spearman)",
    "axis_r": "the same (Pearson)",
    "rho": "read with whole clades left out (Spearman)",
    "pgls": "beyond kinship (phylogenetic regression, partial r)",
    "partial_mantel": "distances, kinship given (partial Mantel r)",
    "scatter": "the same of the scatter of specimens",
    "rho_plain": "the same with the noise in it, as papers have it",
    "rho_siblings": "share along the differences of siblings",
    "fdr": "Fisher's ratio without noise",
    "probe_within": "told apart within a species (AUROC)",
    "probe_across": "told apart in species never shown (AUROC)",
    "spearman": "tree distance and distance (Spearman)",
    "triplets": "nearer relatives closer (share of triplets)",
    "retained": "share of all variance within species",
}
MOST = 12
"""Subjects named in a cell of the table of claims; more are counted."""


def study_page(
    title: str,
    controls: Sequence[str],
    verdicts: Sequence[Verdict],
    plates: Sequence[tuple[Drawn, Sequence[tuple[str, Done]]]],
    remarks: Sequence[str],
) -> str:
    """The page of a study. Each figure comes with the sets of measures that stand beside it, by name: the model's first, then those of the controls; for the
    figure of a series those of its members. The same study gives the same bytes."""
    from jinja2 import Environment, StrictUndefined

    claims = []
    for words in dict.fromkeys(v.words for v in verdicts):
        own = [v for v in verdicts if v.words == words]
        cells = {}
        for word in ("holds", "fails", "not decided"):
            names = [_subject(v) for v in own if v.verdict == word]
            cells[word] = {"count": len(names), "names": names[:MOST], "more": max(0, len(names) - MOST)}
        claims.append({"words": words, "source": own[0].source, "cells": cells})
    shown = [_figure(figure, sets) for figure, sets in plates]
    files = resources.files("merian.explore") / "templates"
    template, style = ((files / name).read_text(encoding="utf-8") for name in ("emergence.html.j2", "page.css"))
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    told = {"claims": claims, "figures": shown, "remarks": remarks, "controls": controls}
    return environment.from_string(template).render(title=title, style=style, version=__version__, **told)


def _subject(verdict: Verdict) -> dict[str, str]:
    """What a verdict is about, and why it was decided so."""
    name = verdict.subject.replace("_", " ")
    own = verdict.measure.partition(".")[2]
    value = f"{verdict.value:.2f}" + (f" ({verdict.low:.2f} to {verdict.high:.2f})" if np.isfinite(verdict.low) else "")
    return {"name": f"{name}, {own.replace('k', 'k = ')}" if own else name, "why": f"{value}: {verdict.reason}"}


def _figure(figure: Drawn, sets: Sequence[tuple[str, Done]]) -> dict[str, Any]:
    several = len({key[1] for key in figure.asks}) > 1
    rows = []
    for key in figure.asks:
        own = [measures.get(key) for _, measures in sets]
        if own[0] is None:
            continue
        kind, _, k = key[2].partition(".k")
        words = (
            f"share inside the first {k} directions of the species" if kind == "rho" and k else WORDS.get(kind, key[2])
        )
        chance = f"{own[0].chance:.3f}" if np.isfinite(own[0].chance) else ""
        rows.append(
            {"words": f"{key[1]}: {words}" if several else words, "cells": [_cell(m) for m in own], "chance": chance}
        )
    picture = base64.b64encode(figure.svg.encode()).decode()
    told = {"title": figure.title, "name": figure.name, "picture": picture, "page": bool(figure.page)}
    return {**told, "sets": [name for name, _ in sets], "rows": rows}


def _cell(measure: Measure | None) -> dict[str, str]:
    """The value and its interval; where species are too few for one, p of the permutation."""
    if measure is None or not np.isfinite(measure.value):
        return {"value": "–", "ends": "", "note": "" if measure is None else measure.note}
    ends = f"p = {measure.p:.3f}" if np.isfinite(measure.p) else ""
    ends = f"{measure.low:.3f} to {measure.high:.3f}" if np.isfinite(measure.low) else ends
    return {"value": f"{measure.value:.3f}", "ends": ends, "note": ""}
