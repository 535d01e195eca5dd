"""`emergence`: what a model has learnt beyond the names it was taught, measured with controls: traits, variation within species, hierarchy, scale."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl

from merian.core import store
from merian.core.errors import BadData, BadSetting
from merian.core.progress import track
from merian.core.report import Report
from merian.core.tables import Catalog
from merian.core.vectors import Embeddings
from merian.explore.emergence.claims import FOUND, changes, judged, summary, table, text
from merian.explore.emergence.figures import Drawn, drawn, series_figure
from merian.explore.emergence.measures import ENOUGH
from merian.explore.emergence.page import study_page
from merian.explore.emergence.results import Done, compared, counted, line_of, number_of, numbers, rows_of
from merian.explore.emergence.settings import EmergenceSettings
from merian.explore.emergence.study import Study, begin_study
from merian.explore.emergence.study_traits import measure_traits, plane_of, signals
from merian.explore.emergence.study_within import measure_hierarchy, measure_within

__all__ = ["CLAIMS_PAGE", "FIGURES", "FORMAT", "KIND", "PAGE", "Subjects", "emergence", "measured"]

KIND, FORMAT = "emergence", 3
CLAIMS_PAGE, PAGE, FIGURES = "claims.md", "study.html", "figures"
TITLE = "What the vectors know beyond names"
MODEL, CONTROL, MEMBER = "model", "control", "series"


@dataclass(frozen=True, eq=False)
class Subjects:
    """The embeddings looked at, by name: the model under study, controls (an untrained model, histograms), an ordered series (steps of a ladder); and what is
    known of how they were made (`told`), which stands first among the remarks."""

    model: tuple[str, Embeddings]
    controls: Mapping[str, Embeddings] = field(default_factory=dict)
    series: Mapping[str, Embeddings] = field(default_factory=dict)
    told: tuple[str, ...] = ()

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
    """The Report of the study, written to `out` with its tables, figures, claims.md and study.html; a finished run is not repeated, `overwrite` replaces
    another one.

    Raises Mismatch and Missing for embeddings of another catalog, BadData for vectors that are all alike or too few species, BadSetting for names that clash.
    """
    named = subjects.every()
    inputs = {"catalog": catalog.hash}
    for role, name, own in named:
        own.belong_to(catalog.tree.version)
        at = (
            f" {list(subjects.series).index(name)}" if role == MEMBER else ""
        )  # the order of a series is part of what is asked
        inputs[f"{role}{at} {name}"] = own.hash
    if subjects.told:
        inputs["told"] = store.digest_bytes("\n".join(subjects.told).encode())
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
    sets = {name: measures for role, name, measures in done if role != MEMBER}
    axis = frames["axis_species"][0].drop("vectors", "role") if frames["axis_species"] else None
    vectors = subjects.model[1].take(study.rows["id"]).vectors
    figures, undrawn = drawn(study, catalog, vectors, axis, sets)
    report = Report("Emergent properties", command, inputs, (), store.plain(work.settings), (*subjects.told, *undrawn))
    report = _written(out, study, done, frames, figures, report)
    work.finish()
    return report


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
    if study.axis is not None:
        plane = plane_of(study, vectors, study.axis)
        tables |= {"axis_species": plane.species, "axis_images": plane.images}
        every += plane.measures
    return {m.key: m for m in every}, tables


def _written(
    out: Path,
    study: Study,
    done: Sequence[tuple[str, str, Done]],
    frames: Mapping[str, list[pl.DataFrame]],
    figures: list[Drawn],
    report: Report,
) -> Report:
    """Write every table and figure, both pages and the report, whose remarks stand before those of the study."""
    (_, model, own), *_ = done
    controls = {name: measures for role, name, measures in done if role == CONTROL}
    members = [(name, measures) for role, name, measures in done if role == MEMBER]
    verdicts = judged(own, controls, study.settings.margin) + changes(members)
    remarks = [*report.remarks, *study.remarks, *_said(study, controls, members)]
    trees = signals(study)
    rows = rows_of("", "tree", {m.key: m for m in trees})
    tables = {"measures": pl.concat([rows, *(rows_of(name, role, measures) for role, name, measures in done)])}
    tables |= {key: pl.concat(parts) for key, parts in frames.items() if parts}
    tables |= {"left_out": study.left_out, "claims": table(verdicts), "series": line_of(members)}
    for key, frame in tables.items():
        with store.atomic(out / f"{key}.parquet") as stream:
            frame.write_parquet(stream)
    store.write_text(out / CLAIMS_PAGE, text(TITLE, verdicts, remarks))
    along = series_figure([(number_of(name), measures) for name, measures in members])
    for figure in figures if along is None else [*figures, along]:
        store.write_text(out / FIGURES / f"{figure.name}.svg", figure.svg)
        if figure.page:
            store.write_text(out / FIGURES / f"{figure.name}.html", figure.page)
    plates = [(figure, [(model, own), *controls.items()]) for figure in figures]
    plates += [] if along is None else [(along, members)]
    store.write_text(out / PAGE, study_page(TITLE, list(controls), verdicts, plates, remarks))
    found = (*numbers([*own.values(), *trees]), *counted(verdicts), *compared(verdicts))
    report = replace(report, numbers=found, remarks=(*summary(verdicts), *remarks))
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
    short = [c.name for c in study.contrasts if len(np.unique(c.species)) < ENOUGH]
    said += [f"{name}: known of fewer than {ENOUGH} species, so without an interval" for name in short]
    left = study.left_out.filter(pl.col("part") == "within").group_by("subject").len().sort("subject")
    said += [f"{subject}: {count} species left out (left_out.parquet says why)" for subject, count in left.rows()]
    return said
