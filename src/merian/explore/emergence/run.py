"""`emergence`: what a model has learnt beyond the names it was taught, measured with controls: traits, variation within species, hierarchy, scale."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl

from merian.core import store
from merian.core.errors import BadData, BadSetting
from merian.core.progress import track
from merian.core.report import Number, Report
from merian.core.tables import Catalog
from merian.core.vectors import Embeddings
from merian.explore.emergence.claims import FOUND, Verdict, changes, judged, summary, table, text
from merian.explore.emergence.measures import Measure, adjusted
from merian.explore.emergence.settings import EmergenceSettings
from merian.explore.emergence.study import Study, begin_study
from merian.explore.emergence.study_traits import measure_traits, plane_of, signals
from merian.explore.emergence.study_within import measure_hierarchy, measure_within

__all__ = ["CLAIMS_PAGE", "FORMAT", "KIND", "MEASURES", "SERIES", "Subjects", "emergence", "measured"]

KIND, FORMAT = "emergence", 1
CLAIMS_PAGE = "claims.md"
MODEL, CONTROL, MEMBER = "model", "control", "series"
MEASURES = {
    "vectors": pl.String,
    "role": pl.String,
    "part": pl.String,
    "subject": pl.String,
    "measure": pl.String,
    "value": pl.Float64,
    "low": pl.Float64,
    "high": pl.Float64,
    "species": pl.Int64,
    "chance": pl.Float64,
    "null_low": pl.Float64,
    "null_high": pl.Float64,
    "p": pl.Float64,
    "p_evolved": pl.Float64,
    "q": pl.Float64,
    "unit": pl.String,
    "note": pl.String,
}
"""Columns of measures.parquet; q: p, or p_evolved where there is one, adjusted over the subjects of a measure."""
SERIES = {
    "member": pl.String,
    "place": pl.Int64,
    "at": pl.Float64,
    "part": pl.String,
    "subject": pl.String,
    "measure": pl.String,
    "value": pl.Float64,
    "low": pl.Float64,
    "high": pl.Float64,
    "chance": pl.Float64,
    "rank_correlation": pl.Float64,
    "per_tenfold": pl.Float64,
}
"""Columns of series.parquet: at is the number in the member's name, as 25 of "25%", null without one; rank_correlation and per_tenfold are of all members."""

Done = dict[tuple[str, str, str], Measure]


@dataclass(frozen=True, eq=False)
class Subjects:
    """The embeddings looked at, by name: the model under study, controls (an untrained model, histograms), an ordered series (steps of a ladder)."""

    model: tuple[str, Embeddings]
    controls: Mapping[str, Embeddings] = field(default_factory=dict)
    series: Mapping[str, Embeddings] = field(default_factory=dict)

    def every(self) -> list[tuple[str, str, Embeddings]]:
        """Role, name and embeddings of all. Raises BadSetting for a control that has the name of the model, or was made by it."""
        found = [(MODEL, *self.model)]
        found += [(CONTROL, name, e) for name, e in self.controls.items()]
        found += [(MEMBER, name, e) for name, e in self.series.items()]
        for name, own in self.controls.items():
            if name == self.model[0]:
                raise BadSetting("control", name, "is the name of the model under study: give it another")
            if own.fingerprint == self.model[1].fingerprint:
                raise BadSetting("control", name, f"was made by the model under study ({own.fingerprint})")
        return found


def emergence(
    catalog: Catalog,
    subjects: Subjects,
    out: Path,
    settings: EmergenceSettings,
    command: str = "merian explore emergence",
    overwrite: bool = False,
) -> Report:
    """The Report of the study, written to `out` with its tables and claims.md; a finished run is not repeated, `overwrite` replaces another one.

    Raises Mismatch and Missing for embeddings of another catalog, BadData for vectors that are all alike or too few species, BadSetting for names that clash.
    """
    named = subjects.every()
    inputs = {"catalog": catalog.hash}
    for role, name, own in named:
        own.belong_to(catalog.tree.version)
        inputs[f"{role} {name}"] = _digest(own)
    tables = {"traits": settings.traits, "labels": settings.labels}
    study = begin_study(catalog, settings)
    inputs |= {key: store.digest(path) for key, path in tables.items() if path is not None}
    # the places of the tables are no part of the run, their contents are
    work = store.begin(out, KIND, FORMAT, replace(settings, traits=None, labels=None), inputs, overwrite)
    if work.done:
        return Report.load(out / "report.json")
    done: list[tuple[str, str, Done]] = []
    frames: dict[str, list[pl.DataFrame]] = {"traits": [], "species": [], "axis_species": [], "axis_images": []}
    with track("Asking the vectors", len(named), "sets") as advance:
        for role, name, own in named:
            measures, parts = measured(study, own.take(study.rows["id"]).vectors, name)
            done.append((role, name, measures))
            for key, frame in parts.items():
                frames[key].append(frame.select(pl.lit(name).alias("vectors"), pl.lit(role).alias("role"), pl.all()))
            advance(1, note=name)
    report = _written(
        out, study, done, frames, Report("Emergent properties", command, inputs, (), store.plain(work.settings))
    )
    work.finish()
    return report


def _digest(own: Embeddings) -> str:
    words = "\n".join(own.ids.to_list()).encode()
    return store.digest_bytes(own.fingerprint.encode() + words + own.vectors.tobytes())[:24]


def measured(
    study: Study, vectors: npt.NDArray[np.float32], name: str = "vectors"
) -> tuple[Done, dict[str, pl.DataFrame]]:
    """All measures of one set of vectors [n, d] of the study's images, and the tables traits, species, axis_species and axis_images (the last two only where a
    trait can be asked about). Raises BadData when all vectors are alike."""
    if float(np.ptp(vectors, axis=0).max(initial=0)) < 1e-7:
        raise BadData(f"the vectors {name!r}", "are all alike: nothing can be read from them")
    traits, predicted = measure_traits(study, vectors)
    within, species = measure_within(study, vectors)
    tables = {"traits": predicted, "species": species}
    every = traits + within + measure_hierarchy(study, vectors)
    if study.traits:
        plane = plane_of(study, vectors, study.traits[0])
        tables |= {"axis_species": plane.species, "axis_images": plane.images}
        every += plane.measures
    return {m.key: m for m in every}, tables


def _written(
    out: Path,
    study: Study,
    done: Sequence[tuple[str, str, Done]],
    frames: Mapping[str, list[pl.DataFrame]],
    report: Report,
) -> Report:
    """Write every table, the page of claims and the report."""
    own = next(measures for role, _, measures in done if role == MODEL)
    controls = {name: measures for role, name, measures in done if role == CONTROL}
    members = [(name, measures) for role, name, measures in done if role == MEMBER]
    verdicts = judged(own, controls, study.settings.margin) + changes(members)
    remarks = [*study.remarks, *_said(study, controls, members)]
    trees = signals(study)
    rows = _rows("", "tree", {m.key: m for m in trees})
    tables = {"measures": pl.concat([rows, *(_rows(name, role, measures) for role, name, measures in done)])}
    tables |= {key: pl.concat(parts) for key, parts in frames.items() if parts}
    tables |= {"left_out": study.left_out, "claims": table(verdicts), "series": _line(members)}
    for key, frame in tables.items():
        with store.atomic(out / f"{key}.parquet") as stream:
            frame.write_parquet(stream)
    numbers = [*_numbers([*own.values(), *trees]), *_counted(verdicts), *_compared(verdicts)]
    told = (*summary(verdicts), *remarks)
    store.write_text(out / CLAIMS_PAGE, text("What the vectors know beyond names", verdicts, remarks))
    report = replace(report, numbers=tuple(numbers), remarks=told)
    report.save(out / "report.json")
    return report


def _said(study: Study, controls: Mapping[str, Done], members: Sequence[tuple[str, Done]]) -> list[str]:
    """What a person must know to read the numbers."""
    said = [f"{len(study.rows):,} images of {len(study.species)} species"]
    if not controls:
        said.append(
            "no control was given: what needs one stays open; give an untrained model and histograms with --control"
        )
    least = len(study.traits) / (study.settings.shuffles + 1)
    if least > FOUND:
        said.append(
            f"{len(study.traits)} traits against {study.settings.shuffles} shuffles: one trait alone cannot reach q = {FOUND}; raise --shuffles"
        )
    if len(members) == 1:
        said.append("a series of one member shows no change")
    short = [c.name for c in study.contrasts if len(np.unique(c.species)) < 5]
    said += [f"{name}: known of fewer than 5 species, so without an interval" for name in short]
    left = study.left_out.filter(pl.col("part") == "within").group_by("subject").len().sort("subject")
    said += [f"{subject}: {count} species left out (left_out.parquet says why)" for subject, count in left.rows()]
    return said


def _rows(name: str, role: str, measures: Done) -> pl.DataFrame:
    """The measures of one set of vectors as rows of MEASURES."""
    found = list(measures.values())
    q: dict[tuple[str, str, str], float] = {}
    for kind in dict.fromkeys((m.part, m.name) for m in found):
        own = [m for m in found if (m.part, m.name) == kind]
        values = adjusted([m.p_evolved if math.isfinite(m.p_evolved) else m.p for m in own])
        q |= {m.key: value for m, value in zip(own, values, strict=True)}
    numbers = ("value", "low", "high", "chance", "null_low", "null_high", "p", "p_evolved")
    rows = [
        {
            "vectors": name,
            "role": role,
            "part": m.part,
            "subject": m.subject,
            "measure": m.name,
            "species": m.n,
            "q": q[m.key],
            "unit": m.unit,
            "note": m.note,
            **{key: getattr(m, key) for key in numbers},
        }
        for m in found
    ]
    return pl.DataFrame(rows, schema=MEASURES).with_columns(pl.col(pl.Float64).fill_nan(None))


def _line(members: Sequence[tuple[str, Done]]) -> pl.DataFrame:
    """Every measure along the series, with the rank correlation of value and place and the slope per tenfold of the numbers in the names (columns SERIES)."""
    at = [_number(name) for name, _ in members]
    rows: list[dict[str, object]] = []
    for key in dict.fromkeys(key for _, measures in members for key in measures):
        own = [(k, measures[key]) for k, (_, measures) in enumerate(members) if key in measures]
        values = np.array([m.value for _, m in own])
        places = np.array([k for k, _ in own], np.float64)
        known = np.isfinite(values)
        ordered = _ranks_agree(places[known], values[known]) if known.sum() >= 3 else None
        logs = np.array([math.log10(at[k] or 0.0) if (at[k] or 0) > 0 else np.nan for k, _ in own])
        fine = known & np.isfinite(logs)
        steep = float(np.polyfit(logs[fine], values[fine], 1)[0]) if len(np.unique(logs[fine])) > 1 else None
        for k, m in own:
            told = {"member": members[k][0], "place": k, "at": at[k], "rank_correlation": ordered, "per_tenfold": steep}
            told |= {
                "part": m.part,
                "subject": m.subject,
                "measure": m.name,
                "value": m.value,
                "low": m.low,
                "high": m.high,
            }
            rows.append({**told, "chance": m.chance})
    return pl.DataFrame(rows, schema=SERIES).with_columns(pl.col(pl.Float64).fill_nan(None))


def _ranks_agree(a: npt.NDArray[np.float64], b: npt.NDArray[np.float64]) -> float:
    from merian.explore.axes import ranks_agree

    return float(ranks_agree(a[:, None], b[:, None])[0])


def _number(name: str) -> float | None:
    """The number that a name begins with, as 25 for "25%" and 0.07 for "0.07"; None when it begins with none."""
    digits = "".join(c for c in name.strip().removesuffix("%") if c in "0123456789.eE+-")
    try:
        return float(digits)
    except ValueError:
        return None


def _numbers(measures: Sequence[Measure]) -> list[Number]:
    """The model's measures for the report; those that could not be computed are left out, remarks and tables say why."""
    found = []
    titles = {
        "traits": "Traits across species",
        "within": "Variation within species",
        "hierarchy": "The taxonomy in the vectors",
    }
    for m in measures:
        if not math.isfinite(m.value):
            continue
        chance = f"chance {m.chance:.3f}" if math.isfinite(m.chance) else ""
        p = f"p = {m.p:.3f}" if math.isfinite(m.p) else ""
        evolved = f"p = {m.p_evolved:.3f} against traits evolved on the tree" if math.isfinite(m.p_evolved) else ""
        note = "; ".join(x for x in (chance, p, evolved, m.note) if x)
        low, high = _ends(m.low, m.high)
        name = f"{m.part}.{m.subject}.{m.name}"
        found.append(Number(name, m.value, low, high, m.unit, m.n, note, titles[m.part]))
    return found


def _counted(verdicts: Sequence[Verdict]) -> list[Number]:
    """For how many subjects each claim holds."""
    found = []
    for claim, words in dict.fromkeys((v.claim, v.words) for v in verdicts):
        own = [v.verdict for v in verdicts if v.claim == claim]
        note = f"{words}: fails for {own.count('fails')}, not decided for {own.count('not decided')} of {len(own)}"
        found.append(Number(f"claim.{claim}.holds", float(own.count("holds")), n=len(own), note=note, group="Claims"))
    return found


def _compared(verdicts: Sequence[Verdict]) -> list[Number]:
    """The differences from the control that is hardest to surpass, and of the last of a series from its first."""
    found = []
    for v in verdicts:
        if not v.control or not math.isfinite(v.difference):
            continue
        low, high = _ends(v.difference_low, v.difference_high)
        name = f"difference.{v.claim}.{v.subject}.{v.measure}"
        note = f"from {v.control} ({v.control_value:.3f}): {v.verdict}, {v.reason}"
        found.append(Number(name, v.difference, low, high, n=v.species, note=note, group="Against controls"))
    return found


def _ends(low: float, high: float) -> tuple[float, float] | tuple[None, None]:
    return (low, high) if math.isfinite(low) and math.isfinite(high) else (None, None)
