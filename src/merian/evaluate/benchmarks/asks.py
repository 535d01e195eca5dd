"""Protocols put to a data set as one model sees it: which images, which texts, which division, for each word that a task may ask."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl

from merian.core.captions import captions
from merian.core.errors import BadData
from merian.core.tree import RANKS, Tree
from merian.encode import Encoder
from merian.evaluate.benchmarks.attributes import attributes
from merian.evaluate.benchmarks.binary import BinaryTasks, answer_tasks
from merian.evaluate.benchmarks.candidates import Candidates, class_vectors
from merian.evaluate.benchmarks.discovery import Discovery, discover
from merian.evaluate.benchmarks.features import features, texts
from merian.evaluate.benchmarks.items import Items
from merian.evaluate.benchmarks.named import zero_shot
from merian.evaluate.benchmarks.outcome import Images, Outcome, Terms
from merian.evaluate.benchmarks.probe import divided, probe
from merian.evaluate.benchmarks.ranks import Prompts, by_rank
from merian.evaluate.benchmarks.settings import BenchmarkSettings
from merian.evaluate.benchmarks.shots import few_shot, one_shot
from merian.evaluate.benchmarks.task import Task
from merian.evaluate.benchmarks.unseen import Predicates, unseen_attributes

__all__ = ["ASKS", "Held", "held"]

Floats = npt.NDArray[np.float32]
TEST = ("test", "val", "validation")
"""Words of data sets for the images that are asked about."""


@dataclass(frozen=True, eq=False)
class Held:
    """A task's data set as a model sees it.

    items: all that is listed; frame: the rows [n] that could be read, a split made of the folds where the set comes in folds; vectors [n, d] unit rows;
    texts: what embeds texts; refused: path -> why an image could not be read.
    """

    task: Task
    items: Items
    frame: pl.DataFrame
    vectors: Floats
    texts: Callable[[list[str]], Floats]
    scale: float
    refused: dict[str, str]
    rows: npt.NDArray[np.int64]

    @property
    def images(self) -> Images:
        """All images; their classes are numbers of `items.classes`, their groups those of the set, None where it tells none."""
        groups = None
        if self.frame["group"].null_count() < len(self.frame):
            words = self.frame.select(pl.coalesce("group", "id").rank("dense")).to_series()
            groups = words.to_numpy().astype(np.int64)
        return Images(self.vectors, self.frame["label"].to_numpy().astype(np.int64), groups)

    @property
    def tested(self) -> npt.NDArray[np.bool_]:
        """Which images the set's own division, or the fold, keeps for testing [n]; none are marked where there is no division."""
        return self.frame["split"].str.to_lowercase().is_in(TEST).to_numpy()

    @property
    def in_folds(self) -> bool:
        """Whether the set comes in folds, so that only one of them is asked about."""
        return self.frame["fold"].null_count() < len(self.frame)

    def sides(self, terms: Terms) -> tuple[Images, Images]:
        """Training and test images: by the set's own division, or by folds, else by a drawn one that keeps groups together."""
        images, tested = self.images, self.tested
        if tested.any() and not tested.all():
            return images.take(~tested), images.take(tested)
        return divided(images, terms)

    def asked(self) -> Images:
        """The images that are named without examples: all that have a label, or those of the tested fold."""
        return self.images.take(self.tested) if self.in_folds else self.images

    def without(self, marked: npt.NDArray[np.bool_]) -> Held:
        """The same without the marked images [n]."""
        kept = np.flatnonzero(~marked)
        return replace(self, frame=self.frame[kept.tolist()], vectors=self.vectors[kept], rows=self.rows[kept])


def held(task: Task, items: Items, encoder: Encoder, cache: Path, settings: BenchmarkSettings) -> Held:
    """The Held of a task's items: images and texts come from the cache where they are there."""
    found = features(items.frame["path"].to_list(), encoder, cache, task.folder if task.folder != "." else task.name)
    frame = items.frame[found.rows.tolist()]
    if frame["fold"].null_count() < len(frame):
        part = pl.when(pl.col("fold") == settings.fold).then(pl.lit("test")).otherwise(pl.lit("train"))
        frame = frame.with_columns(split=pl.when(pl.col("split") == "").then(part).otherwise("split"))

    def embed(words: list[str]) -> Floats:
        return texts(words, encoder, cache)

    return Held(task, items, frame, found.vectors, embed, float(encoder.logit_scale), found.refused, found.rows)


def _candidates(data: Held) -> Candidates:
    """The classes of the set as texts: each in all templates, averaged; with their place in a tree where the set tells lineages."""
    task, names = data.task, data.items.classes
    words = [template.replace("{c}", prompt) for prompt in data.items.prompts for template in task.templates]
    owner = np.repeat(np.arange(len(names)), len(task.templates))
    vectors = class_vectors(data.texts(words), owner, names)
    table = pl.DataFrame(
        [tuple(lineage or (None,) * len(RANKS)) for lineage in data.items.lineages],
        schema=dict.fromkeys(RANKS, pl.String),
        orient="row",
    )
    if table.select(pl.all_horizontal(pl.all().is_null())).to_series().all():
        return Candidates(names, vectors, data.scale)
    tree = Tree.from_lineages(table)
    return Candidates(names, vectors, data.scale, tree, tree.match(table).astype(np.int32))


def _zero_shot(data: Held, terms: Terms, settings: BenchmarkSettings) -> Outcome:
    return zero_shot(data.asked(), _candidates(data), terms)


def _ranks(data: Held, terms: Terms, settings: BenchmarkSettings) -> Outcome:
    known = _candidates(data)
    if known.tree is None or known.clades is None:
        raise BadData("classes", "have no lineage, so there is no accuracy by rank")
    prompts: dict[str, Prompts] = {}
    for rank in RANKS:
        taxa = known.clades.taxa(rank)
        if len(taxa) > 1:
            prompts[rank] = Prompts(taxa, data.texts(captions(known.tree, taxa.tolist(), "taxon")))
    return by_rank(data.asked(), known, prompts, terms)


def _few_shot(data: Held, terms: Terms, settings: BenchmarkSettings) -> Outcome:
    """From the training side where the published protocol does so (a set in folds, or train and test as folders), else from all images."""
    images, tested, names = data.images, data.tested, data.items.classes
    if not (data.in_folds or data.task.layout == "folders") or not tested.any() or tested.all():
        return few_shot(images, names, terms, settings.shots, settings.folds)
    found, refused = list[Outcome](), list[str]()
    for shots in settings.shots:
        try:
            found.append(one_shot(images.take(~tested), images.take(tested), names, terms, shots, settings.folds))
        except BadData as error:
            refused.append(f"No {shots}-shot figure: {error}")
    if not found:
        raise BadData(data.task.name, "too few images to learn from", refused)
    numbers = [number for outcome in found for number in outcome.numbers]
    table = found[0].table
    for outcome in found[1:]:
        table = table.hstack([c for c in outcome.table if c.name not in table.columns])
    remarks = dict.fromkeys([*refused, *(remark for outcome in found for remark in outcome.remarks)])
    return Outcome(numbers, list(remarks), table)


def _probe(data: Held, terms: Terms, settings: BenchmarkSettings) -> Outcome:
    return probe(*data.sides(terms), data.items.classes, terms)


def _binary(data: Held, terms: Terms, settings: BenchmarkSettings) -> Outcome:
    frame, images = data.frame, data.images
    if "task" not in frame.columns:
        raise BadData(data.task.name, "its layout tells no column `task`, so there is no collection of questions")
    names = tuple(frame["task"].drop_nulls().unique(maintain_order=True).to_list())
    numbers = {name: k for k, name in enumerate(names)}
    of = frame["task"].replace_strict(numbers, default=-1, return_dtype=pl.Int64).to_numpy()
    clusters = names
    if "task_cluster" in frame.columns:
        first = frame.unique("task", keep="first").select("task", "task_cluster").rows()
        clusters = tuple(str(dict(first)[name]) for name in names)
    yes = np.array([str(data.items.classes[k]) if k >= 0 else "" for k in images.classes.tolist()])
    kept = np.flatnonzero((of >= 0) & np.isin(yes, ["0", "1"]))
    asked = Images(images.vectors[kept], of[kept], None if images.groups is None else images.groups[kept])
    return answer_tasks(BinaryTasks(asked, yes[kept] == "1", ~data.tested[kept], names, clusters), terms)


def _attributes(data: Held, terms: Terms, settings: BenchmarkSettings) -> Outcome:
    """Of the species shown, as in FishNet; of classes never shown where training and test share none, as in AwA2."""
    items, images, tested = data.items, data.images, data.tested
    if items.attributes is None:
        raise BadData(data.task.name, "its layout tells no attributes")
    values, names = items.attributes[data.rows], items.attribute_names
    train, test = images.take(~tested), images.take(tested)
    if len(np.intersect1d(train.classes, test.classes)) or not len(train) or not len(test):
        return attributes(train, values[~tested], test, values[tested], names, terms)
    matrix = np.zeros((len(items.classes), len(names)), np.int8)
    matrix[images.classes] = values
    return unseen_attributes(train, test, Predicates.of(matrix, names, items.classes), terms, settings.faulty)


def _discovery(data: Held, terms: Terms, settings: BenchmarkSettings) -> Outcome:
    if "known" not in data.frame.columns:
        raise BadData(data.task.name, "its layout does not tell which classes are known (column `known`)")
    known = data.frame.filter(pl.col("known"))["label"].unique().to_numpy().astype(np.int64)
    how = Discovery(labelled=settings.labelled, seeds=settings.discoveries)
    return discover(data.images, known[known >= 0], data.items.classes, terms, how)


ASKS: dict[str, Callable[[Held, Terms, BenchmarkSettings], Outcome]] = {
    "zero-shot": _zero_shot,
    "few-shot": _few_shot,
    "ranks": _ranks,
    "probe": _probe,
    "binary": _binary,
    "attributes": _attributes,
    "discovery": _discovery,
}
"""What a task may ask -> how it is asked."""
