"""`evaluate`: a trained model measured against truth, chance and a baseline that knows nothing of organisms; a Report and its tables."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl

from merian.core import store
from merian.core.errors import BadData, Mismatch
from merian.core.progress import track
from merian.core.report import Number, Report
from merian.core.tables import Catalog
from merian.core.vectors import Embeddings, Predictions
from merian.evaluate import filters, metrics, parts, planted, tasks
from merian.evaluate.samples import Sample, histograms, restricted
from merian.evaluate.settings import EvaluateSettings
from merian.identify import Head, Identifier
from merian.identify.head import leaves

__all__ = ["FORMAT", "KIND", "evaluate"]

KIND, FORMAT = "evaluation", 1
SETS_FROM = 8
"""A data set with fewer test images is not scored by itself."""
POOLED_NOTE = (
    "The catalog holds several data sets that differ in style and in what they ask; each is scored by itself, among its own labels. Only calibration, "
    "safe answers and the unknown are measured over all of them together."
)
BASELINE_NOTE = (
    "The histogram baseline names an image by the nearest mean of the training images of each label, so it is given what the model was "
    "trained on; it cannot name a species of which it has no image."
)


@dataclass(eq=False)
class _Run:
    """What an evaluation gathers on its way."""

    catalog: Catalog
    embeddings: Embeddings
    identifier: Identifier
    settings: EvaluateSettings
    truth: pl.DataFrame | None
    looks: Embeddings | None = None
    numbers: list[Number] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)
    species: list[pl.DataFrame] = field(default_factory=list)
    predictions: list[pl.DataFrame] = field(default_factory=list)
    bins: metrics.Bins = field(default_factory=lambda: metrics.reliability(np.zeros(0), np.zeros(0, bool)))
    masses: dict[str, npt.NDArray[np.floating]] = field(default_factory=dict)

    @property
    def pooled(self) -> bool:
        """Whether one accuracy over all images makes sense: only when they come from one data set."""
        return self.catalog.kept()["source"].n_unique() < 2

    def sample(self, name: str, rows: pl.DataFrame, baseline: bool = True) -> Sample:
        return Sample.of(name, rows, self.embeddings, self.looks if baseline else None, self.settings)


def evaluate(
    catalog: Catalog,
    embeddings: Embeddings,
    identifier: Identifier,
    out: Path,
    settings: EvaluateSettings,
    truth: Path | None = None,
    command: str = "merian evaluate",
    overwrite: bool = False,
) -> Report:
    """The Report of a model on a catalog's test images and on its unseen species, written to `out` with tables and figures.

    Files: report.json, per_species.parquet, predictions.parquet, reliability.parquet, figures/*.svg. `truth` is the truth table of a drawn source. A
    finished run is not repeated; `overwrite` replaces another one. Raises Mismatch when embeddings, encoder and head are not of one fingerprint,
    BadData when there is nothing to test on.
    """
    embeddings.agree_with(identifier.encoder.fingerprint)
    embeddings.agree_with(identifier.head.fingerprint)
    embeddings.belong_to(catalog.tree.version)
    if identifier.head.tree.version != catalog.tree.version:
        raise Mismatch("head and catalog", f"tree {identifier.head.tree.version}", f"tree {catalog.tree.version}")
    work = store.begin(out, KIND, FORMAT, settings, _inputs(catalog, embeddings, identifier.head, truth), overwrite)
    if work.done:
        return Report.load(out / "report.json")
    run = _Run(catalog, embeddings, identifier, settings, None if truth is None else planted.read_truth(truth))
    labelled = catalog.kept().filter(pl.col("taxon") >= 0)
    rows = {split: labelled.filter(pl.col("split") == split) for split in ("train", "test", "unseen")}
    if not len(rows["test"]) and not len(rows["unseen"]):
        raise BadData(catalog.path, "no kept image is in the split 'test' or 'unseen': nothing to evaluate on")
    if settings.histogram:
        run.looks = histograms(catalog, pl.concat(list(rows.values())), settings)
        run.remarks.append(BASELINE_NOTE)
    with track("Evaluating", 4, "parts") as advance:
        train = run.sample("train", rows["train"]) if len(rows["train"]) else None
        strangers = np.unique(rows["unseen"]["taxon"].to_numpy())
        known = _known(run, rows["test"], train, strangers)
        advance(1, note="known species")
        _unseen(run, rows["unseen"], train, known, strangers)
        advance(1, note="unseen species")
        _sets(run, rows)
        advance(1, note="data sets")
        if run.truth is not None and known is not None:
            _planted(run, run.truth, labelled, known)
        advance(1, note="figures")
        report = Report(
            "How well the model names what it sees",
            command,
            dict(work.inputs),
            tuple(run.numbers),
            store.plain(settings),
            tuple(run.remarks),
        )
        _write(run, report, out)
    work.finish()
    return report


def _inputs(catalog: Catalog, embeddings: Embeddings, head: Head, truth: Path | None) -> Mapping[str, str]:
    vectors = store.digest_bytes("\n".join(embeddings.ids.to_list()).encode() + embeddings.vectors.tobytes())
    parts = head.labels.tobytes() + head.vectors.tobytes() + repr(head.calibration).encode()
    found = {
        "catalog": catalog.hash,
        "tree": catalog.tree.version,
        "embeddings": vectors[:24],
        "encoder": embeddings.fingerprint,
        "head": store.digest_bytes(parts)[:24],
    }
    if truth is not None and truth.is_file():
        found["truth"] = store.digest(truth)[:24]
    return found


def _with_head(run: _Run, head: Head) -> Identifier:
    return Identifier(run.identifier.encoder, head)


def _known(
    run: _Run, rows: pl.DataFrame, train: Sample | None, strangers: npt.NDArray[np.integer]
) -> tuple[Sample, tasks.Named] | None:
    """Test images of species that were trained on: every rank, calibration, safe answers, few-shot."""
    if not len(rows):
        run.remarks.append("The catalog has no test images of known species.")
        return None
    sample = run.sample("test", rows)
    head = restricted(run.identifier.head, ~np.isin(run.identifier.head.labels, strangers))
    if not len(head.labels):
        raise BadData("head", "all its labels are species kept out of training")
    named = tasks.name_by_rank(sample, _with_head(run, head), train, "Known species, named by their captions")
    if run.pooled:
        run.numbers += named.numbers
    run.numbers += parts.by_part(sample, named)
    found, run.bins = tasks.calibration(sample, named, run.settings, "Calibration")
    run.numbers += found + parts.rank_calibration(sample, named, run.settings)
    found, answers = tasks.safe_answers(sample, named, run.settings, "Safe answers")
    run.numbers += found
    if run.pooled:
        _few_shot(run, sample, "Known species, learned from a few images")
    _keep(run, sample, named, answers, train)
    return sample, named


def _unseen(
    run: _Run,
    rows: pl.DataFrame,
    train: Sample | None,
    known: tuple[Sample, tasks.Named] | None,
    strangers: npt.NDArray[np.integer],
) -> None:
    """Images of species kept out of training: named among themselves, named among all, told from the known, learned from few."""
    if not len(rows):
        run.remarks.append("The catalog keeps no species out of training.")
        return
    sample, head, encoder = run.sample("unseen", rows), run.identifier.head, run.identifier.encoder
    if run.pooled:
        own = replace(Head.build(encoder, head.tree, strangers.astype(np.int32)), calibration=head.calibration)
        group = "Unseen species, named by their captions among themselves"
        run.numbers += tasks.name_by_rank(sample, _with_head(run, own), None, group).numbers
        both = _widened(run, head.labels, strangers)
        group = "Unseen species, named by their captions among all species"
        run.numbers += tasks.name_by_rank(replace(sample, name="open"), both, train, group).numbers
        _few_shot(run, sample, "Unseen species, learned from a few images")
    if known is not None:
        closed = known[1].head
        blank = np.zeros(len(sample), bool)
        strange = tasks.Named([], closed, closed.probabilities(sample.vectors), blank, blank)
        found, answers = tasks.safe_answers(sample, strange, run.settings, "Safe answers")
        run.numbers += found
        run.numbers += tasks.unknown(known[0], known[1], sample, strange, "Is it on the list at all?")
        run.numbers += parts.refusals(*known, sample, strange)
        if closed.calibration.slope:
            known_mass, strange_mass = (1 - n.probabilities.sum(1) for n in (known[1], strange))
            run.masses = {"known species": known_mass, "species never seen": strange_mass}
        else:
            run.remarks.append("The head is not calibrated: it gives no probability that a species is not on its list.")
        _keep(run, sample, strange, answers, train)


def _widened(run: _Run, labels: npt.NDArray[np.integer], strangers: npt.NDArray[np.integer]) -> Identifier:
    """An Identifier whose labels are these and the strangers, calibrated as the run's own."""
    everyone = np.union1d(labels, strangers).astype(np.int32)
    head = Head.build(run.identifier.encoder, run.identifier.head.tree, everyone)
    return _with_head(run, replace(head, calibration=run.identifier.head.calibration))


def _few_shot(run: _Run, sample: Sample, group: str) -> None:
    leaf = np.isin(sample.taxa, leaves(run.identifier.head.tree))
    found, remarks = tasks.few_shot(sample, run.settings, leaf, group)
    run.numbers += found
    run.remarks += remarks


def _sets(run: _Run, rows: Mapping[str, pl.DataFrame]) -> None:
    """Every data set by itself, with its own labels as candidates; only where the catalog has more than one."""
    if run.pooled:
        return
    run.remarks.append(POOLED_NOTE)
    for source in sorted(run.catalog.kept()["source"].drop_nulls().unique().to_list()):
        own = {split: part.filter(pl.col("source") == source) for split, part in rows.items()}
        trained = np.isin(run.identifier.head.labels, own["train"]["taxon"].to_numpy())
        shown = run.sample(f"train.{source}", own["train"]) if len(own["train"]) else None
        _one_set(run, f"set.{source}", own["test"], shown, restricted(run.identifier.head, trained))
        if len(own["unseen"]):
            strangers = own["unseen"]["taxon"].unique().to_numpy()
            both = _widened(run, run.identifier.head.labels[trained], strangers)
            _one_set(run, f"set.{source}.unseen", own["unseen"], shown, both.head)
    means = [n.value for n in run.numbers if n.name.endswith(".top1") and n.name.count(".") == 2]
    if means:
        value, note = float(np.mean(means)), "unweighted mean over the data sets"
        run.numbers.append(Number("sets.top1", value, unit="share", n=len(means), note=note, group="All data sets"))


def _one_set(run: _Run, name: str, rows: pl.DataFrame, shown: Sample | None, head: Head) -> None:
    """Naming and few-shot on the images of one data set, unless there is too little to tell apart."""
    if len(rows) < SETS_FROM or len(head.labels) < 2:
        run.remarks.append(f"{name}: {len(rows)} images, {len(head.labels)} labels; too few for a figure.")
        return
    group = f"Data set {name.removeprefix('set.')}"
    sample = run.sample(name, rows)
    for n in tasks.name_by_rank(sample, _with_head(run, head), shown, group).numbers:
        if not n.name.endswith("_macro"):
            run.numbers.append(replace(n, name=n.name.replace(".label.", ".")))
    _few_shot(run, sample, group)


def _planted(run: _Run, truth: pl.DataFrame, labelled: pl.DataFrame, known: tuple[Sample, tasks.Named]) -> None:
    """What the truth table allows: accuracy by kind of picture, wrong labels found, faults refused."""
    sample, named = known
    best = named.head.labels[named.probabilities.argmax(1)]
    run.numbers += planted.by_kind(sample, best, named.head.tree, truth)
    suspects = run.sample("labels", labelled.filter(pl.col("split").is_in(["train", "val", "test"])), baseline=False)
    probabilities = named.head.probabilities(suspects.vectors)
    answers = Predictions.build(
        named.head.clades, suspects.rows["id"], probabilities, "species", tasks.TOP, run.settings.threshold
    )
    mass = named.head.clades.all(probabilities)
    given = mass[np.arange(len(suspects)), suspects.taxa]
    run.numbers += planted.wrong_labels(suspects, answers, given, truth)
    run.numbers += filters.filter_numbers(run.catalog, truth)


def _keep(run: _Run, sample: Sample, named: tasks.Named, answers: Predictions, train: Sample | None) -> None:
    """Add the sample's answers, and its accuracy per label, to the tables."""
    tree = answers.tree
    names = tree.names.extend_constant(None, 1)

    def called(taxa: npt.NDArray[np.integer]) -> pl.Series:
        return names.gather(np.where(taxa >= 0, taxa, len(tree)).astype(np.uint32))

    best = answers.taxa[:, 0]
    scored = pl.Series(named.scored)
    frame = pl.DataFrame(
        {
            "id": sample.rows["id"],
            "split": sample.rows["split"],
            "taxon": sample.taxa,
            "name": called(sample.taxa),
            "best": best,
            "best_name": called(best),
            "probability": answers.probabilities[:, 0],
            "unknown": answers.unknown,
            "safe": answers.safe,
            "safe_name": called(answers.safe),
            "safe_probability": answers.safe_probability,
        }
    ).with_columns(right=pl.when(scored).then(pl.Series(named.right)))
    run.predictions.append(frame)
    shown = pl.DataFrame({"taxon": np.zeros(0, np.int32) if train is None else train.taxa})
    counts = shown.group_by("taxon").agg(pl.len().alias("training_images"))
    means = frame.group_by("taxon", "name", "split").agg(
        pl.len().alias("images"), pl.col("right").mean().alias("accuracy")
    )
    run.species.append(means.join(counts, on="taxon", how="left").with_columns(pl.col("training_images").fill_null(0)))


def _write(run: _Run, report: Report, out: Path) -> None:
    from merian.evaluate import figures  # matplotlib is heavy

    tables = {
        "predictions": pl.concat(run.predictions) if run.predictions else pl.DataFrame({"id": []}),
        "per_species": pl.concat(run.species).sort("split", "taxon") if run.species else pl.DataFrame({"taxon": []}),
        "reliability": pl.DataFrame(
            {
                "above": run.bins.edges[:-1],
                "to": run.bins.edges[1:],
                "images": run.bins.counts.astype(np.int64),
                "confidence": run.bins.confidence,
                "accuracy": run.bins.accuracy,
            }
        ),
    }
    for name, frame in tables.items():
        with store.atomic(out / f"{name}.parquet") as stream:
            frame.write_parquet(stream)
    for name, svg in figures.draw(report, run.bins, run.masses).items():
        store.write_text(out / "figures" / name, svg)
    report.save(out / "report.json")
