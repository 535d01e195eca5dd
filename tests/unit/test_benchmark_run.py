"""Benchmark tasks as a whole: data sets in their true formats, one pass of a model, numbers beside published ones, a page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl
import pytest
from photos import encoded, noise
from PIL import Image
from small_benchmarks import PICTURES, awa2, class_folders, fishnet, inat21, meta_album, nabirds, newt

from merian.cli.main import run
from merian.core import store
from merian.core.errors import BadData, BadSetting, Mismatch, Missing
from merian.core.report import Number
from merian.core.vectors import normalise
from merian.curate.leakage import Side
from merian.curate.sides import side_of_images
from merian.encode.toy import Toy
from merian.evaluate.benchmarks.asks import ASKS, Held, held
from merian.evaluate.benchmarks.compared import CHANCE, HISTOGRAM, OURS, compared, suite_numbers
from merian.evaluate.benchmarks.features import features
from merian.evaluate.benchmarks.items import Items
from merian.evaluate.benchmarks.leaks import leak_numbers, leak_remarks, leaked
from merian.evaluate.benchmarks.outcome import Images, Terms
from merian.evaluate.benchmarks.run import Plan, benchmark
from merian.evaluate.benchmarks.settings import BenchmarkSettings
from merian.evaluate.benchmarks.task import read, tasks

QUICK = BenchmarkSettings(resamples=40, folds=2, discoveries=1)


@dataclass(frozen=True)
class Counting(Toy):
    """The toy, which counts what it is given."""

    seen: list[int] = field(default_factory=list)

    def embed_images(self, pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        self.seen.append(len(pixels))
        return Toy.embed_images(self, pixels)


@pytest.fixture(autouse=True)
def sentences(monkeypatch: pytest.MonkeyPatch) -> None:
    """Eighty sentences, as open_clip carries them, where it is not installed too."""
    monkeypatch.setattr("merian.identify.custom.templates", lambda: tuple(f"{k} of {{}}." for k in range(80)))


@pytest.fixture
def data(tmp_path: Path) -> Path:
    place = tmp_path / "data"
    nabirds(place, each=4)
    meta_album(place, "FNG", ["Agaricus augustus Fr.", "Amanita muscaria (L.) Lam."], each=8)
    leaves = {"train": {"Apple leaf": 4, "Corn rust leaf": 4}, "test": {"Apple leaf": 2, "Corn rust leaf": 2}}
    class_folders(place / "PlantDoc-Dataset", leaves)
    return place


def plan(data: Path, tmp_path: Path, names: Sequence[str]) -> Plan:
    return Plan(tasks=tasks(names), data=data, cache=tmp_path / "cache")


def test_each_image_is_embedded_once_whatever_asks_for_it(data: Path, tmp_path: Path) -> None:
    encoder = Counting()
    named = ["nabirds", "fungi", "plantdoc"]
    report = benchmark(encoder, plan(data, tmp_path, named), tmp_path / "out", QUICK)
    assert sum(encoder.seen) == 3 * len(PICTURES)  # each different image of a folder once: the fixtures repeat four
    told = "\n".join(report.remarks)
    assert "nabirds: 12 images are 4 different ones by their bytes; 4 of these have several labels, 0 stand" in told
    assert "plantdoc: 12 images are 4 different ones by their bytes; 4 of these have several labels, 2 stand" in told
    for name in (
        "nabirds.zero-shot.top1",
        "nabirds.few-shot.shot1",
        "fungi.zero-shot.macro",
        "plantdoc.few-shot.shot1",
    ):
        assert 0 <= report[name].value <= 1
    again = benchmark(
        encoder, plan(data, tmp_path, named), tmp_path / "other", BenchmarkSettings(resamples=50, folds=1)
    )
    assert sum(encoder.seen) == 3 * len(PICTURES)
    assert again["nabirds.zero-shot.top1"].value == report["nabirds.zero-shot.top1"].value
    beside = pl.read_csv(tmp_path / "out" / "table.csv")
    ours = beside.filter(pl.col("model") == OURS)
    assert set(ours["task"]) == set(named)
    assert set(beside.filter(pl.col("task") == "fungi")["model"]) > {OURS, "BioCLIP 2 L/14"}
    page = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert "NABirds" in page
    assert "src=" not in page
    assert 'class="other"' in page
    for family in ("CLIP", "SigLIP", "DINOv2", "BioTrove", "BioCLIP", "BioCLIP\u00a02"):
        assert f"<th>{family}</th>" in page
    assert 'title="BioCLIP 2 L/14, BioCLIP 2 card and site (Gu et al. 2025)">83.8</td>' in page
    assert (tmp_path / "out" / "tables" / "nabirds.zero-shot.parquet").is_file()


def test_a_finished_run_is_read_and_not_repeated(data: Path, tmp_path: Path) -> None:
    encoder = Counting()
    first = benchmark(encoder, plan(data, tmp_path, ["fungi"]), tmp_path / "out", QUICK)
    (tmp_path / "cache").rename(tmp_path / "gone")
    assert benchmark(encoder, plan(data, tmp_path, ["fungi"]), tmp_path / "out", QUICK).numbers == first.numbers
    assert sum(encoder.seen) == len(PICTURES)


CLEAN = "[options]\n"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"zero-shot", "few-shot", "probe"', '"few-shot", "probe"'),
        (CLEAN, 'templates = ["a drawing of {c}"]\n[options]\n'),
        (CLEAN, 'prompt = "clean"\n[options]\n'),
        (CLEAN, 'classes = "all"\n[options]\n'),
        (CLEAN, 'published = [{ model = "m", protocol = "zero-shot", value = 1, source = "s" }]\n[options]\n'),
    ],
)
def test_another_question_is_another_run(tmp_path: Path, old: str, new: str) -> None:
    task = folded(tmp_path)
    benchmark(Toy(), plan(tmp_path, tmp_path, [str(task)]), tmp_path / "out", QUICK)
    assert old in task.read_text()
    task.write_text(task.read_text().replace(old, new))
    with pytest.raises(Mismatch, match="input pond-fish changed"):
        benchmark(Toy(), plan(tmp_path, tmp_path, [str(task)]), tmp_path / "out", QUICK)


def test_another_image_is_another_run_and_a_moved_set_is_the_same(tmp_path: Path) -> None:
    task = folded(tmp_path)
    first = benchmark(Toy(), plan(tmp_path, tmp_path, [str(task)]), tmp_path / "out", QUICK)
    (tmp_path / "moved").mkdir()
    (tmp_path / "pond").rename(tmp_path / "moved" / "pond")
    moved = plan(tmp_path / "moved", tmp_path, [str(task)])
    assert benchmark(Toy(), moved, tmp_path / "out", QUICK).numbers == first.numbers
    (tmp_path / "moved" / "pond" / "7.jpg").write_bytes(encoded(noise(70, 32, 24), "JPEG"))
    with pytest.raises(Mismatch, match="input pond-fish changed"):
        benchmark(Toy(), moved, tmp_path / "out", QUICK)


def test_every_protocol_is_asked_and_what_cannot_be_measured_is_said(data: Path, tmp_path: Path) -> None:
    newt(data)
    fishnet(data)
    awa2(data)
    inat21(data)
    folders = {str(number): 4 for number in (0, 1, 5, 8)}  # two that are given and two to be found
    class_folders(data / "herbarium19", {"small-train": folders, "small-validation": dict.fromkeys(folders, 2)})
    named = ["newt", "fishnet", "awa2", "inat21", "herbarium19", "plankton"]
    report = benchmark(Toy(), plan(data, tmp_path, named), tmp_path / "out", QUICK)
    measured = {number.name.rsplit(".", 1)[0] for number in report.numbers}
    assert {"inat21.ranks.species", "inat21.zero-shot", "herbarium19.discovery"} <= measured
    told = "\n".join(report.remarks)
    assert "newt, binary: cannot be measured" in told  # one training image of each answer
    assert "plankton" in told  # its folder is not there
    assert "awa2, attributes: cannot be measured" in told  # two classes are too few to hold some out
    assert "were trained on was not looked at" in told


def made(
    layout: str, frame: pl.DataFrame, values: npt.NDArray[np.int8] | None, vectors: npt.NDArray[np.float32]
) -> Held:
    """A data set with these rows and vectors, as a model would see it."""
    classes = tuple(sorted(frame["class"].unique().to_list()))
    numbers = {name: k for k, name in enumerate(classes)}
    label = pl.col("class").replace_strict(numbers, return_dtype=pl.Int32)
    whole = frame.with_columns(
        label=label, group=pl.lit(None, pl.String), fold=pl.lit(None, pl.String), id=pl.int_range(pl.len())
    )
    names = () if values is None else tuple(f"trait {k}" for k in range(values.shape[1]))
    items = Items(whole, classes, classes, (None,) * len(classes), values, names, ())
    task = replace(tasks(["newt"])[0], name="small", title="Small", layout=layout)
    rows = np.arange(len(whole))
    return Held(task, items, whole, vectors, None, lambda words: Toy().embed_texts(words), 20.0, {}, rows)


def spread(kinds: npt.NDArray[np.integer], seed: int) -> npt.NDArray[np.float32]:
    """Unit vectors [n, 8] that lie about a direction of their kind [n]."""
    rng = np.random.default_rng(seed)
    return normalise(3 * rng.standard_normal((int(kinds.max()) + 1, 8))[kinds] + rng.standard_normal((len(kinds), 8)))


def test_questions_are_learnt_from_their_own_training_images() -> None:
    k = np.arange(80)
    answer = k % 2
    task = np.where(k < 40, "is it adult", "is it a pine")
    split = np.where(k // 2 % 2, "test", "train")
    frame = pl.DataFrame({"class": answer.astype(str), "task": task, "task_cluster": "age", "split": split})
    found = ASKS["binary"](made("table", frame, None, spread(answer + 2 * (k < 40), 1)), Terms(name="x"), QUICK)
    assert found["x.micro"].n == 40
    assert found["x.micro"].value > 0.9
    assert set(found.table["task"]) == {"is it adult", "is it a pine"}


def test_attributes_are_asked_of_classes_shown_and_of_classes_never_shown() -> None:
    k = np.arange(120)
    kind = k % 12
    values = np.stack([kind % 2, kind // 2 % 2], 1).astype(np.int8)
    signal = np.zeros((len(k), 8))
    signal[:, :2] = 4.0 * (2 * values - 1)  # each attribute along an axis of its own
    vectors = normalise(signal + np.random.default_rng(2).standard_normal(signal.shape))
    names = [f"species {c:02}" for c in kind]
    both = pl.DataFrame({"class": names, "split": np.where(k // 12 % 2, "test", "train")})
    shown = ASKS["attributes"](made("fishnet", both, values, vectors), Terms(name="x"), QUICK)
    assert shown["x.all_correct"].value > 0.8
    apart = pl.DataFrame({"class": names, "split": np.where(kind < 8, "train", "test")})
    never = ASKS["attributes"](made("awa2", apart, values, vectors), Terms(name="x"), QUICK)
    assert never["x.macro_f1"].value > 0.8
    assert "x.all_correct" not in {number.name for number in never.numbers}


def test_without_any_data_set_it_says_what_lies_where(data: Path, tmp_path: Path) -> None:
    with pytest.raises(Missing, match=r"--data names the folder"):
        benchmark(Toy(), plan(tmp_path / "data", tmp_path, ["newt", "awa2"]), tmp_path / "out", QUICK)
    with pytest.raises(Missing, match=r"get it from https"):
        benchmark(Toy(), plan(tmp_path / "data", tmp_path, ["newt"]), tmp_path / "out", QUICK)


def test_an_image_that_cannot_be_read_is_told_and_the_others_are_measured(data: Path, tmp_path: Path) -> None:
    (data / "FNG_Mini" / "images" / "00.jpg").write_bytes(b"no image")
    report = benchmark(Toy(), plan(data, tmp_path, ["fungi"]), tmp_path / "out", QUICK)
    assert report["fungi.zero-shot.top1"].n == 15
    assert any("1 of 16 images could not be read, the first" in remark for remark in report.remarks)
    assert report["fungi.unreadable"].value == 1 / 16


def test_a_changed_file_is_embedded_again_and_another_models_vectors_are_not_taken(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    path.write_bytes(encoded(noise(1, 32, 24), "JPEG"))
    encoder, wide = Counting(), Counting(dim=32)
    first = features([str(path)], encoder, tmp_path / "cache", "x")
    path.write_bytes(encoded(noise(2, 48, 24), "JPEG"))
    second = features([str(path)], encoder, tmp_path / "cache", "x")
    assert len(encoder.seen) == 2
    assert not np.array_equal(first.vectors, second.vectors)
    assert features([str(path)], wide, tmp_path / "cache", "x").vectors.shape == (1, 32)
    assert len(wide.seen) == 1


def test_vectors_that_are_no_numbers_are_refused(tmp_path: Path) -> None:
    @dataclass(frozen=True)
    class Broken(Toy):
        def embed_images(self, pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
            return np.full((len(pixels), self.dim), np.nan, np.float32)

    path = tmp_path / "a.jpg"
    path.write_bytes(encoded(noise(1, 32, 24), "JPEG"))
    with pytest.raises(BadData, match="no numbers.*a.jpg"):
        features([str(path)], Broken(), tmp_path / "cache", "x")
    assert len(features([str(path)], Toy(), tmp_path / "cache", "x").rows) == 1  # and what is no number is not kept


def folded(data: Path) -> Path:
    """A table of twelve fish in three folds, and a task that reads it."""
    rows = []
    (data / "pond").mkdir(parents=True)
    for k in range(12):
        (data / "pond" / f"{k}.jpg").write_bytes(encoded(noise(k, 32, 24), "JPEG"))
        rows.append({"file": f"{k}.jpg", "species": ("Lota lota", "Tinca tinca")[k % 2], "fold": str(k % 3)})
    pl.DataFrame(rows).write_csv(data / "pond" / "fish.csv")
    task = data / "pond-fish.toml"
    task.write_text(
        """name = "pond-fish"
title = "Fish of our ponds"
url = "https://example.org"
folder = "pond"
layout = "table"
protocols = ["zero-shot", "few-shot", "probe"]
[options]
table = "fish.csv"
path = "file"
label = "species"
fold = "fold"
"""
    )
    return task


def test_of_a_set_in_folds_one_is_asked_about_and_the_others_are_shown(tmp_path: Path) -> None:
    (task,) = tasks([str(folded(tmp_path))])
    data = held(task, read(task, tmp_path), Toy(), tmp_path / "cache", BenchmarkSettings(fold="2"))
    assert data.tested.sum() == 4
    assert data.shown.sum() == 8
    assert len(data.asked("zero-shot")) == len(data.asked("probe")) == 4
    report = benchmark(Toy(), plan(tmp_path, tmp_path, [str(tmp_path / "pond-fish.toml")]), tmp_path / "out", QUICK)
    assert report["pond-fish.zero-shot.top1"].n == 4
    assert report["pond-fish.few-shot.shot1"].n == 4
    assert report["pond-fish.probe.accuracy"].n == 4


def test_images_that_were_trained_on_are_counted_by_what_they_show(tmp_path: Path) -> None:
    (task,) = tasks([str(folded(tmp_path))])
    data = held(task, read(task, tmp_path), Toy(), tmp_path / "cache", QUICK)
    large = encoded(noise(3, 32, 24), "JPEG")
    seen = side_of_images("trained", ["a", "b"], [large, encoded(noise(99, 32, 24), "JPEG")])
    trained = Side(
        "trained", seen.rows.with_columns(split=pl.lit("train")), "x", prints=seen.prints, has_print=seen.has_print
    )
    marked = leaked(data, trained)
    assert marked.tolist() == [k == 3 for k in range(12)]
    test, train = leak_numbers(data, marked, "Fish")
    assert (test.name, test.value, test.n) == ("pond-fish.leaked.test", pytest.approx(1 / 4), 4)
    assert (train.name, train.value, train.n) == ("pond-fish.leaked.train", 0, 8)
    assert len(data.without(marked).frame) == 11


def test_what_was_trained_on_is_not_asked_about_and_what_is_learnt_from_it_is_told(tmp_path: Path) -> None:
    """Of fold 0 (images 0, 3, 6, 9) the catalog holds image 3, of the others all: one question goes, the examples stay and are told."""
    path = folded(tmp_path)
    data = held(tasks([str(path)])[0], read(tasks([str(path)])[0], tmp_path), Toy(), tmp_path / "cache", QUICK)
    marked = np.array([k == 3 or k % 3 != 0 for k in range(12)])
    asks = {word: data.asked_by(word) for word in data.task.protocols}
    kept = leak_remarks(data, asks, marked, drop=False)
    left = leak_remarks(data, asks, marked, drop=True)
    assert kept[0].startswith(
        "pond-fish, zero-shot and few-shot and probe: 1 of 4 images that are asked about were trained on: its numbers are too good"
    )
    assert left[0].endswith("1 of 4 images that are asked about were trained on: are left out.")
    assert left[1].startswith("pond-fish, few-shot and probe: 8 of the 8 images to learn from were trained on")
    fewer = data.without(marked & asks["few-shot"])
    found = ASKS["few-shot"](fewer, Terms(name="x"), QUICK)
    assert found["x.shot1"].n == 3
    with pytest.raises(BadSetting, match="--trained CATALOG"):
        benchmark(Toy(), plan(tmp_path, tmp_path, [str(path)]), tmp_path / "out", replace(QUICK, drop_leaked=True))


def test_a_fold_of_which_every_image_was_trained_on_is_not_measured(tmp_path: Path) -> None:
    path = folded(tmp_path)
    (task,) = tasks([str(path)])
    data = held(task, read(task, tmp_path), Toy(), tmp_path / "cache", QUICK)
    none = data.without(data.tested)
    assert none.in_folds
    assert not none.asked_by("few-shot").any()
    with pytest.raises(BadData, match="there is none"):
        ASKS["few-shot"](none, Terms(name="x"), QUICK)


def test_a_fold_that_is_none_is_refused(data: Path, tmp_path: Path) -> None:
    path = folded(data)
    odd = replace(QUICK, fold="7")
    with pytest.raises(BadSetting, match=r"is no fold of pond-fish; it has 0, 1, 2"):
        benchmark(Toy(), plan(data, tmp_path, [str(path)]), tmp_path / "out", odd)
    report = benchmark(Toy(), plan(data, tmp_path, [str(path), "plantdoc"]), tmp_path / "out", odd)
    assert report["pond-fish.unanswered"].value == 1
    assert report["plantdoc.few-shot.shot1"].n == 4


def test_a_run_that_measures_nothing_fails_and_leaves_nothing(tmp_path: Path) -> None:
    path = folded(tmp_path)
    for k in range(12):
        (tmp_path / "pond" / f"{k}.jpg").write_bytes(b"no image")
    with pytest.raises(BadData, match=r"nothing could be measured.*12 of 12 images could not be read"):
        benchmark(Toy(), plan(tmp_path, tmp_path, [str(path)]), tmp_path / "out", QUICK)
    assert not any((tmp_path / "out").iterdir())


def test_a_broken_data_set_is_told_and_the_others_are_measured(data: Path, tmp_path: Path) -> None:
    (data / "FNG_Mini" / "labels.csv").write_text("FILE,CATEGORY\n")
    report = benchmark(Toy(), plan(data, tmp_path, ["fungi", "plantdoc"]), tmp_path / "out", QUICK)
    assert any(r.startswith("fungi: ") and "lacks columns" in r for r in report.remarks)
    assert report["plantdoc.few-shot.shot1"].n == 4
    assert report["fungi.unanswered"].value == 1
    with pytest.raises(BadData, match="lacks columns"):
        benchmark(Toy(), plan(data, tmp_path, ["fungi"]), tmp_path / "other", QUICK)


def test_histograms_stand_beside_every_protocol_without_words(tmp_path: Path) -> None:
    """Red and blue ponds: histograms tell them apart, and the toy's numbers are the same with and without the control."""
    path = folded(tmp_path)
    for k in range(12):
        picture = Image.new("RGB", (32, 24), (k, 0, 250) if k % 2 else (250, 0, k))
        (tmp_path / "pond" / f"{k}.jpg").write_bytes(encoded(picture, "PNG"))
    report = benchmark(Toy(), plan(tmp_path, tmp_path, [str(path)]), tmp_path / "out", QUICK)
    assert report["pond-fish.few-shot.shot1.histogram"].value == 1
    assert report["pond-fish.probe.macro_f1.histogram"].value == 1
    beside = pl.read_csv(tmp_path / "out" / "table.csv")
    assert set(beside.filter(pl.col("protocol") == "1-shot")["model"]) == {OURS, CHANCE, HISTOGRAM}
    assert HISTOGRAM not in set(beside.filter(pl.col("protocol") == "zero-shot")["model"])
    plain = benchmark(Toy(), plan(tmp_path, tmp_path, [str(path)]), tmp_path / "plain", replace(QUICK, histogram=False))
    assert not any(number.name.endswith("histogram") for number in plain.numbers)
    assert [n for n in report.numbers if not n.name.endswith("histogram")] == list(plain.numbers)


def test_new_classes_are_looked_for_among_training_images_alone() -> None:
    """Vaze et al. 2022 cluster the training images; those of the test are not in it."""
    k = np.arange(96)
    kind = k % 4
    frame = pl.DataFrame(
        {"class": [f"c{c}" for c in kind], "known": kind < 2, "split": np.where(k < 64, "train", "validation")}
    )
    found = ASKS["discovery"](made("folders", frame, None, spread(kind, 5)), Terms(name="x"), QUICK)
    assert found.table["images"].sum() == 64


def test_attributes_that_differ_within_a_class_are_those_of_the_image() -> None:
    k = np.arange(120)
    kind = k % 12
    values = np.stack([k // 12 % 2, k // 24 % 2], 1).astype(np.int8)
    signal = np.zeros((len(k), 8))
    signal[:, :2] = 4.0 * (2 * values - 1)
    vectors = normalise(signal + np.random.default_rng(2).standard_normal(signal.shape))
    apart = pl.DataFrame({"class": [f"s{c:02}" for c in kind], "split": np.where(kind < 8, "train", "test")})
    found = ASKS["attributes"](made("table", apart, values, vectors), Terms(name="x"), QUICK)
    assert found["x.all_correct"].value > 0.8


@pytest.mark.parametrize("word", ["binary", "attributes"])
def test_without_sides_there_is_nothing_to_learn_from(word: str) -> None:
    frame = pl.DataFrame({"class": ["0", "1"] * 6, "task": ["t"] * 12, "split": [""] * 12})
    data = made("table", frame, np.ones((12, 1), np.int8), spread(np.arange(12) % 2, 3))
    with pytest.raises(BadData, match="no split train and no folds"):
        ASKS[word](data, Terms(name="x"), QUICK)


def test_answers_that_are_not_0_and_1_are_refused() -> None:
    frame = pl.DataFrame({"class": ["no", "yes"] * 6, "task": ["t"] * 12, "split": ["train", "train", "test"] * 4})
    with pytest.raises(BadData, match="must be 0 and 1"):
        ASKS["binary"](made("table", frame, None, spread(np.arange(12) % 2, 3)), Terms(name="x"), QUICK)


def test_texts_that_are_no_numbers_leave_the_images_measured(tmp_path: Path) -> None:
    @dataclass(frozen=True)
    class Mute(Toy):
        def embed_texts(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
            return np.full((len(texts), self.dim), np.nan, np.float32)

    report = benchmark(Mute(), plan(tmp_path, tmp_path, [str(folded(tmp_path))]), tmp_path / "out", QUICK)
    assert any("pond-fish, zero-shot: cannot be measured: the model: its vectors of 2" in r for r in report.remarks)
    assert report["pond-fish.few-shot.shot1"].n == 4


def test_classes_that_are_all_there_are_are_held_as_they_are() -> None:
    """Two sexes: a bootstrap that drew the classes would now and then see one only."""
    rng = np.random.default_rng(0)
    classes = np.arange(60) % 2
    right = (rng.random(60) < np.where(classes, 0.9, 0.3))[:, None]
    images = Images(spread(classes, 1), classes)
    drawn, fixed = (images.resamples(Terms(name="x", fixed=how)) for how in (False, True))
    assert (fixed.drawn == 1).all()
    assert (fixed.weights.sum(1) == 60).all()
    wide, narrow = (r.macro(right)[0] for r in (drawn, fixed))
    assert wide.high - wide.low > 2 * (narrow.high - narrow.low)
    assert narrow.low < narrow.value < narrow.high


def test_the_mean_over_a_suite_counts_a_suite_within_it_once() -> None:
    traps = [task.name for task in tasks(["camera-traps"])]
    numbers = [Number(f"{name}.zero-shot.top1", 0.2, 0.1, 0.3) for name in traps]
    others = [task.name for task in tasks(["species"]) if task.name not in traps]
    numbers += [Number(f"{name}.zero-shot.top1", 0.6, 0.5, 0.7) for name in others]
    found = {number.name: number for number in suite_numbers(numbers)}
    assert found["suite.camera-traps.zero-shot"].value == pytest.approx(0.2)
    whole = found["suite.species.zero-shot"]
    assert whole.value == pytest.approx((0.6 * 9 + 0.2) / 10)
    assert whole.high is not None
    assert whole.high - whole.value == pytest.approx(np.sqrt(9 * 0.1**2 + 0.1**2 / 5) / 10)
    assert suite_numbers(numbers[1:]) == []
    beside = compared([*numbers, whole], tasks(["species"]))
    assert {"species", "nabirds"} <= set(beside.filter(pl.col("model") == OURS)["task"])


def test_the_command_line_says_what_it_measured(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MERIAN_CACHE", str(tmp_path / "cache"))
    out = tmp_path / "out"
    command = ["evaluate", "toy", str(out), "--tasks", "fungi", "nabirds", "--data", str(data), "--resamples", "40"]
    assert run(command) == 0
    told = capsys.readouterr().err
    assert "fungi.zero-shot.top1" in told
    assert store.read(out).kind == "benchmarks"
    (data / "FNG_Mini" / "images" / "00.jpg").write_bytes(b"no image")
    assert run([*command, "--overwrite"]) == 3
    assert run([*command[:2], str(tmp_path / "b"), *command[3:], "--shots", "0"]) == 2
    assert "shots" in capsys.readouterr().err
    assert run([*command, "--truth", "t.csv"]) == 2
    assert run(["evaluate", "catalog", "toy", str(out), "--trained", "x"]) == 2
    assert run(["evaluate", "toy", "--tasks", "fungy", "--data", str(data)]) == 2
    assert "fungi" in capsys.readouterr().err
    assert run(["evaluate", "toy", "--tasks", "fungi", "--data", str(tmp_path / "none")]) == 1
    assert run(["evaluate", "toy", str(out)]) == 2
