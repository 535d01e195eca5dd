"""Protocols put to a data set as one model sees it: which images, which texts, which division, for each word that a task may ask."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl

from merian.core.captions import captions
from merian.core.errors import BadData, BadSetting
from merian.core.tree import RANKS, Tree
from merian.encode import Encoder
from merian.evaluate.benchmarks.attributes import attributes
from merian.evaluate.benchmarks.binary import BinaryTasks, answer_tasks
from merian.evaluate.benchmarks.candidates import Candidates, class_vectors
from merian.evaluate.benchmarks.control import CONTROLLED, Histograms
from merian.evaluate.benchmarks.discovery import Discovery, discover
from merian.evaluate.benchmarks.features import features, texts
from merian.evaluate.benchmarks.items import Items
from merian.evaluate.benchmarks.named import zero_shot
from merian.evaluate.benchmarks.outcome import Images, Outcome, Terms
from merian.evaluate.benchmarks.probe import divided, probe
from merian.evaluate.benchmarks.prompts import filled
from merian.evaluate.benchmarks.ranks import Prompts, by_rank
from merian.evaluate.benchmarks.settings import BenchmarkSettings
from merian.evaluate.benchmarks.shots import few_shot, one_shot
from merian.evaluate.benchmarks.task import Protocol, Task
from merian.evaluate.benchmarks.unseen import Predicates, unseen_attributes

__all__ = ["ASKS", "Held", "check_fold", "held", "shelf"]

Floats = npt.NDArray[np.float32]
Bools = npt.NDArray[np.bool_]
TEST = ("test", "validation", "val")
"""Words of data sets for the images that are asked about; the first that a set has counts."""
TRAIN = "train"


@dataclass(frozen=True, eq=False)
class Held:
    """A task's data set as a model sees it.

    items: all that is listed; frame: the rows [n] that could be read, a split made of the folds where the set comes in folds; vectors [n, d] unit rows, looks
    [n, h] those of the control (None: not made); texts: what embeds texts; refused: path -> why an image could not be read; rows [n] in the items.
    """

    task: Task
    items: Items
    frame: pl.DataFrame
    vectors: Floats
    looks: Floats | None
    texts: Callable[[list[str]], Floats]
    scale: float
    refused: dict[str, str]
    rows: npt.NDArray[np.int64]

    @property
    def images(self) -> Images:
        """All images; their classes are numbers of `items.classes`, their groups those of the set, None where it tells none."""
        groups = None
        if self.frame["group"].null_count() < len(self.frame):
            # a group may be called as another image's id is
            word = pl.coalesce(pl.lit("group ") + pl.col("group"), pl.lit("id ") + pl.col("id").cast(pl.String))
            words = self.frame.select(word.rank("dense")).to_series()
            groups = words.to_numpy().astype(np.int64)
        return Images(self.vectors, self.frame["label"].to_numpy().astype(np.int64), groups)

    @property
    def tested(self) -> Bools:
        """Which images the set's own division, or the fold, keeps for testing [n]; none are marked where there is no division."""
        words = self.items.frame["split"].str.to_lowercase().unique().to_list()
        word = TEST[0] if self.in_folds else next((word for word in TEST if word in words), "")
        return np.asarray(self._split == word) if word else np.zeros(len(self.frame), bool)

    @property
    def shown(self) -> Bools:
        """Which images may be learnt from, of a set with a division of its own [n]: those of the split "train"."""
        return np.asarray(self._split == TRAIN)

    @property
    def _split(self) -> npt.NDArray[np.object_]:
        return self.frame["split"].str.to_lowercase().to_numpy().astype(object)

    @property
    def in_folds(self) -> bool:
        """Whether the set comes in folds, so that only one of them is asked about."""
        return self.items.frame["fold"].null_count() < len(self.items.frame)

    @property
    def divided(self) -> bool:
        """Whether the set says, by itself or by folds, what is to be learnt from and what is to be asked about."""
        return self.in_folds or bool(self.items.frame["split"].str.to_lowercase().is_in([TRAIN]).any())

    @property
    def shows_apart(self) -> bool:
        """Whether few shots are shown from the training side and asked of the test side, as the papers do with folders, and as folds are for."""
        return self.divided and (self.in_folds or self.task.layout == "folders")

    def asked_by(self, word: Protocol) -> Bools:
        """Which images a protocol asks about [n].

        Naming asks about all, of a set in folds about the fold's; few shots about all that are not shown, unless these come from a side of their own.
        Discovery is of the training side (Vaze et al. 2022), everything else of the test side.
        """
        everything = np.ones(len(self.frame), bool)
        if word in ("zero-shot", "ranks"):
            return self.tested if self.in_folds else everything
        if not self.divided or (word == "few-shot" and not self.shows_apart):
            return everything
        return self.shown if word == "discovery" else self.tested

    def sides(self, terms: Terms) -> tuple[Images, Images]:
        """Training and test images: by the set's own division, or by folds, else by a drawn one that keeps groups together."""
        if self.divided:
            return self.images.take(self.shown), self.images.take(self.tested)
        return divided(self.images, terms)

    def asked(self, word: Protocol) -> Images:
        """The images that a protocol asks about."""
        return self.images.take(self.asked_by(word))

    def without(self, marked: Bools) -> Held:
        """The same without the marked images [n]."""
        kept = np.flatnonzero(~marked)
        looks = None if self.looks is None else self.looks[kept]
        frame, vectors, rows = self.frame[kept.tolist()], self.vectors[kept], self.rows[kept]
        return replace(self, frame=frame, vectors=vectors, looks=looks, rows=rows)

    @property
    def control(self) -> Held | None:
        """The same as histograms see it, None where they were not made."""
        return None if self.looks is None else replace(self, vectors=self.looks, looks=None)


def check_fold(task: Task, items: Items, fold: str) -> None:
    """Raise BadSetting when a set comes in folds and the one to be tested on is none of them."""
    folds = items.frame["fold"].drop_nulls().unique().sort().to_list()
    if folds and fold not in folds:
        raise BadSetting("fold", fold, f"is no fold of {task.name}; it has {', '.join(folds)}", folds)


def shelf(task: Task) -> str:
    """Where in the cache a task's images are: tasks of one folder share them."""
    return task.folder if task.folder != "." else "data"


def held(task: Task, items: Items, encoder: Encoder, cache: Path, settings: BenchmarkSettings) -> Held:
    """The Held of a task's items: images and texts come from the cache where they are there. Raises BadData for vectors that are no numbers."""
    paths, what = items.frame["path"].to_list(), shelf(task)
    found = features(paths, encoder, cache, what)
    looks = None
    if settings.histogram and any(word in CONTROLLED for word in task.protocols):
        seen = features(paths, Histograms(settings.histogram_size), cache, what)
        looks = seen.vectors if np.array_equal(seen.rows, found.rows) else None
    frame = items.frame[found.rows.tolist()]
    if frame["fold"].null_count() < len(frame):
        side = pl.when(pl.col("fold") == settings.fold).then(pl.lit(TEST[0])).when(pl.col("fold").is_not_null())
        frame = frame.with_columns(split=side.then(pl.lit(TRAIN)).otherwise(pl.lit("")))

    def embed(words: list[str]) -> Floats:
        return texts(words, encoder, cache)

    return Held(task, items, frame, found.vectors, looks, embed, float(encoder.logit_scale), found.refused, found.rows)


def _candidates(data: Held) -> Candidates:
    """The classes of the set as texts: each in all templates, averaged; with their place in a tree where the set tells lineages."""
    task, names = data.task, data.items.classes
    templates = filled(task.templates)
    words = [template.replace("{c}", prompt) for prompt in data.items.prompts for template in templates]
    owner = np.repeat(np.arange(len(names)), len(templates))
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
    return zero_shot(data.asked("zero-shot"), _candidates(data), terms, settings.bins)


def _ranks(data: Held, terms: Terms, settings: BenchmarkSettings) -> Outcome:
    known = _candidates(data)
    if known.tree is None or known.clades is None:
        raise BadData("classes", "have no lineage, so there is no accuracy by rank")
    prompts: dict[str, Prompts] = {}
    for rank in RANKS:
        taxa = known.clades.taxa(rank)
        if len(taxa) > 1:
            prompts[rank] = Prompts(taxa, data.texts(captions(known.tree, taxa.tolist(), "taxon")))
    return by_rank(data.asked("ranks"), known, prompts, terms)


def _few_shot(data: Held, terms: Terms, settings: BenchmarkSettings) -> Outcome:
    names = data.items.classes
    if not data.shows_apart:
        return few_shot(data.images, names, terms, settings.shots, settings.folds)
    train, test = data.sides(terms)
    found, refused = list[Outcome](), list[str]()
    for shots in settings.shots:
        try:
            found.append(one_shot(train, test, names, terms, shots, settings.folds))
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
    _need_sides(data)
    if "task" not in data.frame.columns:
        raise BadData(data.task.name, "its layout tells no column `task`, so there is no collection of questions")
    odd = [label for label in data.items.classes if label not in ("0", "1")]
    if odd:
        raise BadData(data.task.name, "the labels of questions must be 0 and 1", odd)
    kept = (data.shown | data.tested) & (data.images.classes >= 0) & data.frame["task"].is_not_null().to_numpy()
    frame, images, answers = data.frame.filter(kept), data.images.take(kept), np.array(data.items.classes)
    names = tuple(frame["task"].unique(maintain_order=True).to_list())
    numbers = {name: k for k, name in enumerate(names)}
    of = frame["task"].replace_strict(numbers, default=-1, return_dtype=pl.Int64).to_numpy()
    clusters = names
    if "task_cluster" in frame.columns:
        first = dict(frame.unique("task", keep="first").select("task", "task_cluster").rows())
        clusters = tuple(str(first[name]) for name in names)
    asked = Images(images.vectors, of, images.groups)
    found = answer_tasks(BinaryTasks(asked, answers[images.classes] == "1", data.shown[kept], names, clusters), terms)
    lost = int((~kept).sum())
    return replace(found, remarks=[*found.remarks, f"{lost:,} images have no side, answer or task."]) if lost else found


def _need_sides(data: Held) -> None:
    if not data.divided:
        raise BadData(data.task.name, "has no split train and no folds, so nothing says what is to be learnt from")


def _attributes(data: Held, terms: Terms, settings: BenchmarkSettings) -> Outcome:
    """Of the species shown, as in FishNet; of classes never shown where training and test share none, as in AwA2."""
    items, images = data.items, data.images
    _need_sides(data)
    if items.attributes is None:
        raise BadData(data.task.name, "its layout tells no attributes")
    values, names = items.attributes[data.rows], items.attribute_names
    train, test = images.take(data.shown), images.take(data.tested)
    known, truth = values[data.shown], values[data.tested]
    matrix = np.zeros((len(items.classes), len(names)), np.int8)
    labelled = images.classes >= 0
    matrix[images.classes[labelled]] = values[labelled]
    of_class = labelled.all() and np.array_equal(matrix[images.classes], values)
    if not of_class or np.isin(test.classes, train.classes).any() or not len(train) or not len(test):
        return attributes(train, known, test, truth, names, terms)
    return unseen_attributes(train, test, Predicates.of(matrix, names, items.classes), terms, settings.faulty)


def _discovery(data: Held, terms: Terms, settings: BenchmarkSettings) -> Outcome:
    if "known" not in data.frame.columns:
        raise BadData(data.task.name, "its layout does not tell which classes are known (column `known`)")
    known = data.frame.filter(pl.col("known"))["label"].unique().to_numpy().astype(np.int64)
    how = Discovery(labelled=settings.labelled, seeds=settings.discoveries)
    return discover(data.asked("discovery"), known[known >= 0], data.items.classes, terms, how)


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
