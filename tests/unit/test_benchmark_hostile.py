"""Broken, odd and hostile data sets: a clear error, or a remark and a sound rest; never a file outside the folder."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest
import small_benchmarks as small

from merian.core.errors import BadData, BadSetting, Missing
from merian.evaluate.benchmarks.items import Items, image_bytes
from merian.evaluate.benchmarks.tables import TableOptions, table_listing
from merian.evaluate.benchmarks.task import read, tasks


def items(name: str, data: Path) -> Items:
    return read(tasks([name])[0], data)


def remarked(found: Items, text: str) -> bool:
    return any(text in remark for remark in found.remarks)


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


@pytest.mark.parametrize("name", [task.name for task in tasks(["all"])])
def test_a_data_set_that_is_not_there_says_where_to_get_it(tmp_path: Path, name: str) -> None:
    task = tasks([name])[0]
    with pytest.raises(Missing) as caught:
        read(task, tmp_path)
    assert task.url in str(caught.value)
    assert str(tmp_path / task.folder) in str(caught.value)


ESCAPES = [
    "/etc/passwd",
    "../../secret.jpg",
    "a/../../b.jpg",
    "C:\\secret.jpg",
    "\\\\host\\a.jpg",
    "~/a.jpg",
    "..",
    "..\\a.jpg",
]


@pytest.mark.parametrize("path", ESCAPES)
def test_a_path_in_a_table_must_not_leave_the_folder(tmp_path: Path, path: str) -> None:
    root = small.meta_album(tmp_path, "PLK", ["a", "b"])
    edit(root / "labels.csv", "01.jpg", path)
    with pytest.raises(BadData, match="below the data set's folder"):
        items("plankton", tmp_path)


@pytest.mark.parametrize("path", ["/etc/passwd", "../../../secret.jpg"])
@pytest.mark.parametrize(
    ("name", "write", "file", "old"),
    [
        ("nabirds", small.nabirds, "images.txt", "0817/0000009e21dc4d0cbfe14cae3c85c829.jpg"),
        ("fishnet", small.fishnet, "anns/test.csv", "Sparidae,,benthic"),
        ("inat21", small.inat21, "val.json", f"val/{next(iter(small.INAT))}/00.jpg"),
        ("newt", small.newt, "newt2021_labels.csv", "d80eb620-4982-4d34-ad9c-d957f5651110"),
    ],
)
def test_a_path_in_a_list_must_not_leave_the_folder(
    tmp_path: Path, name: str, write: Callable[[Path], Path], file: str, old: str, path: str
) -> None:
    root = write(tmp_path)
    edit(root / file, old, f"../{path},,benthic" if name == "fishnet" else path)
    if name == "nabirds" and path.startswith("/"):
        # what stands before it makes it a path below images/, where no such file is
        assert remarked(items(name, tmp_path), "1 of 6 listed images are not there")
        return
    with pytest.raises(BadData, match="below the data set's folder"):
        items(name, tmp_path)


def test_a_table_or_split_outside_the_folder_is_refused(tmp_path: Path) -> None:
    for table in ("../labels.csv", "/etc/*.csv"):
        with pytest.raises(BadSetting, match="below the data set's folder"):
            table_listing(tmp_path, TableOptions(table=(table,), path="p", label=("l",)))


def test_a_class_without_a_name_is_no_class(tmp_path: Path) -> None:
    root = small.nabirds(tmp_path)
    edit(root / "classes.txt", "900 Savannah Sparrow\n", "")
    found = items("nabirds", tmp_path)
    assert found.frame["label"].to_list() == [1, 1, 0, 0, -1, -1]
    assert remarked(found, "1 classes of 2 images have no name in classes.txt: 900")
    assert remarked(found, "2 images have no label")


def test_a_category_without_a_name_is_no_class(tmp_path: Path) -> None:
    root = small.inat21(tmp_path)
    data = json.loads((root / "val.json").read_text())
    data["categories"].pop()
    data["annotations"].append({"id": 1, "image_id": 1, "category_id": 0})
    (root / "val.json").write_text(json.dumps(data))
    found = items("inat21", tmp_path)
    assert found.frame["label"].to_list() == [0, 0, -1, -1]
    assert remarked(found, "2 images have a category without a name: 1")
    assert remarked(found, "1 annotations are of images that are not listed")


def test_an_empty_label_is_no_class(tmp_path: Path) -> None:
    root = small.meta_album(tmp_path, "PLK", ["a", "b", " "])
    found = items("plankton", tmp_path)
    assert found.classes == ("a", "b")
    assert found.frame["label"].to_list() == [0, 0, 1, 1, -1, -1]
    assert remarked(found, "2 images have no label")
    assert root.is_dir()


@pytest.mark.parametrize(
    ("name", "write", "file", "column"),
    [
        ("plankton", lambda d: small.meta_album(d, "PLK", ["a"]), "labels.csv", "CATEGORY"),
        ("newt", small.newt, "newt2021_labels.csv", "split"),
        ("fishnet", small.fishnet, "anns/train.csv", "Polar"),
        ("rare-species", lambda d: small.rare_species(d, False), "metadata.csv", "sciName"),
    ],
)
def test_a_missing_column_is_named(
    tmp_path: Path, name: str, write: Callable[[Path], Path], file: str, column: str
) -> None:
    root = write(tmp_path)
    head, _, rest = (root / file).read_text().partition("\n")
    (root / file).write_text(head.replace(column, f"{column}_x") + "\n" + rest)
    with pytest.raises(BadData, match="lacks columns") as caught:
        items(name, tmp_path)
    assert caught.value.offenders == [column]
    assert f"{column}_x" in str(caught.value)


def test_missing_images_are_counted_and_left_out(tmp_path: Path) -> None:
    root = small.meta_album(tmp_path, "PLK", ["a", "b", "c"])
    (root / "images" / "00.jpg").unlink()
    for k in range(2):
        (root / "images" / f"2{k}.jpg").unlink()
    found = items("plankton", tmp_path)
    assert found.frame["id"].to_list() == ["images/01.jpg", "images/10.jpg", "images/11.jpg"]
    assert found.classes == ("a", "b", "c")
    assert remarked(found, "3 of 6 listed images are not there")
    assert remarked(found, "1 classes have no image: c")
    assert remarked(found, "1 classes have one image, so they cannot be both shown and asked about: a")


def test_no_image_at_all_is_an_error(tmp_path: Path) -> None:
    root = small.meta_album(tmp_path, "PLK", ["a", "b"])
    (root / "images").rename(root / "pictures")
    with pytest.raises(Missing, match="any of the listed images"):
        items("plankton", tmp_path)


def test_one_image_per_class_is_said(tmp_path: Path) -> None:
    small.meta_album(tmp_path, "PLK", ["a", "b", "c"], each=1)
    assert remarked(items("plankton", tmp_path), "3 classes have one image")


def test_rows_that_repeat_count_once_and_rows_that_differ_are_refused(tmp_path: Path) -> None:
    root = small.meta_album(tmp_path, "PLK", ["a", "b"])
    with (root / "labels.csv").open("a") as stream:
        stream.write("00.jpg,a,NAN\n")
    found = items("plankton", tmp_path)
    assert len(found) == 4
    assert remarked(found, "1 rows repeat an image")
    with (root / "labels.csv").open("a") as stream:
        stream.write("00.jpg,b,NAN\n")
    with pytest.raises(BadData, match="more than once, with different labels") as caught:
        items("plankton", tmp_path)
    assert caught.value.offenders == ["images/00.jpg"]


def test_an_image_of_two_tasks_and_an_id_of_two_images_are_refused(tmp_path: Path) -> None:
    root = small.newt(tmp_path)
    table = pl.read_csv(root / "newt2021_labels.csv", infer_schema=False)
    twin = table.with_columns(task=pl.when(pl.int_range(pl.len()) == 0).then(pl.lit("other")).otherwise("task"))
    pl.concat([table, twin[:1]]).write_csv(root / "newt2021_labels.csv")
    with pytest.raises(BadData, match="more than once, with different labels, splits or tasks"):
        items("newt", tmp_path)
    small.rare_species(tmp_path, False)
    edit(tmp_path / "rare-species" / "metadata.csv", "01-af", "00-af")
    with pytest.raises(BadData, match="stands for several images") as caught:
        items("rare-species", tmp_path)
    assert caught.value.offenders == ["00-af"]


def test_labels_that_are_not_utf8_are_read_and_said(tmp_path: Path) -> None:
    root = small.meta_album(tmp_path, "FNG", ["Agaricus impudicus (Rea) Pilat", "b"])
    text = (root / "labels.csv").read_text().replace("Pilat", "Pilát")
    (root / "labels.csv").write_bytes(text.encode("cp1252"))
    found = items("fungi", tmp_path)
    assert found.classes[0] == "Agaricus impudicus (Rea) Pilát"
    assert remarked(found, "Windows-1252")
    birds = small.nabirds(tmp_path)
    text = (birds / "classes.txt").read_text().replace("Oak Titmouse", "Carbonero é")
    (birds / "classes.txt").write_bytes(text.encode("cp1252"))
    found = items("nabirds", tmp_path)
    assert "Carbonero é" in found.classes
    assert remarked(found, "1 lines of classes.txt are no UTF-8")


def test_file_names_that_are_not_utf8_are_left_out(tmp_path: Path) -> None:
    root = small.class_folders(tmp_path / "PlantDoc-Dataset", {"train": {"a": 1}, "test": {"a": 1}})
    odd = os.fsencode(root / "train" / "a") + b"/\xe9.jpg"
    try:
        Path(os.fsdecode(odd)).write_bytes(small.PICTURES[0])
    except OSError:
        pytest.skip("this disk takes no such name")
    (root / "train" / "a" / "notes.txt").write_text("no image")
    found = items("plantdoc", tmp_path)
    assert len(found) == 2
    assert remarked(found, "2 files or folders of train are no images or not named in UTF-8")


def test_a_class_folder_without_images_is_said(tmp_path: Path) -> None:
    root = small.class_folders(tmp_path / "PlantDoc-Dataset", {"train": {"a": 2, "b": 2}, "test": {"a": 1}})
    (root / "test" / "c").mkdir()
    found = items("plantdoc", tmp_path)
    assert found.classes == ("a", "b", "c")
    assert remarked(found, "1 classes have no image: c")


def test_a_split_that_is_not_there_is_missing(tmp_path: Path) -> None:
    small.class_folders(tmp_path / "PlantDoc-Dataset", {"train": {"a": 2}})
    with pytest.raises(Missing, match="split 'test'"):
        items("plantdoc", tmp_path)
    (tmp_path / "PlantDoc-Dataset" / "test").mkdir()
    with pytest.raises(BadData, match="no class folders"):
        items("plantdoc", tmp_path)


@pytest.mark.parametrize(
    ("file", "text", "rule"),
    [
        ("predicate-matrix-binary.txt", "0 0 1 1\n0 1 1 0\n", "2 lines for 3 classes"),
        ("predicate-matrix-binary.txt", "0 0 1 1\n0 1 1\n1 0 0 1\n", "4 times 0 or 1"),
        ("predicate-matrix-binary.txt", "0 0 1 1\n0 2 1 0\n1 0 0 1\n", "4 times 0 or 1"),
        ("trainclasses.txt", "antelope\nblue+whale\n", "in trainclasses.txt and in testclasses.txt"),
        ("trainclasses.txt", "antelope\nunicorn\n", "lacks classes of trainclasses.txt"),
        ("classes.txt", "1\tantelope\n2\tantelope\n", "a name stands twice"),
        ("predicates.txt", "\n\n", "the list is empty"),
    ],
)
def test_lists_of_awa2_that_do_not_fit_are_refused(tmp_path: Path, file: str, text: str, rule: str) -> None:
    root = small.awa2(tmp_path)
    (root / file).write_text(text)
    with pytest.raises(BadData, match=rule):
        items("awa2", tmp_path)


def test_a_folder_that_no_list_names_is_left_out(tmp_path: Path) -> None:
    root = small.awa2(tmp_path)
    small.picture(root / "JPEGImages" / "unicorn" / "unicorn_10001.jpg")
    found = items("awa2", tmp_path)
    assert len(found) == 6
    assert remarked(found, "1 folders of JPEGImages are not in classes.txt")
    (root / "testclasses.txt").unlink()
    with pytest.raises(Missing, match="testclasses.txt"):
        items("awa2", tmp_path)


def test_a_trait_with_a_strange_value_is_refused(tmp_path: Path) -> None:
    root = small.fishnet(tmp_path)
    edit(root / "anns" / "test.csv", "pelagic", "demersal")
    with pytest.raises(BadData, match="'FeedingPath' must be 1 or 0") as caught:
        items("fishnet", tmp_path)
    assert caught.value.offenders == ["demersal"]


@pytest.mark.parametrize(
    ("file", "line", "rule"),
    [
        ("images.txt", "lonely", "an identifier, a blank and its value"),
        ("image_class_labels.txt", "0000009e-21dc-4d0c-bfe1-4cae3c85c829 900", "an identifier has two values"),
        ("train_test_split.txt", "x 2", "must say 1"),
    ],
)
def test_lists_of_nabirds_that_are_broken_are_refused(tmp_path: Path, file: str, line: str, rule: str) -> None:
    root = small.nabirds(tmp_path)
    with (root / file).open("a") as stream:
        stream.write(f"{line}\n")
    with pytest.raises(BadData, match=rule):
        items("nabirds", tmp_path)


def test_nabirds_without_a_split_and_with_stray_lines(tmp_path: Path) -> None:
    root = small.nabirds(tmp_path)
    with (root / "image_class_labels.txt").open("a") as stream:
        stream.write("0000009e-21dc-4d0c-bfe1-4cae3c85c829 817\nno-such-image 817\n")
    (root / "train_test_split.txt").unlink()
    found = items("nabirds", tmp_path)
    assert set(found.frame["split"]) == {""}
    assert remarked(found, "the images have no split")
    assert remarked(found, "1 lines of image_class_labels.txt repeat another")
    assert remarked(found, "1 labels are of images that images.txt does not list")


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("{", "not sound JSON"),
        ("[1, 2]", "must be a JSON object"),
        ('{"images": [], "annotations": []}', "has no list 'categories'"),
        ('{"images": [{"id": 1}], "annotations": [], "categories": []}', "needs id, file_name"),
        ('{"images": [], "annotations": [], "categories": []}', "lists no image"),
    ],
)
def test_annotations_that_are_broken_are_refused(tmp_path: Path, text: str, rule: str) -> None:
    root = small.inat21(tmp_path)
    (root / "val.json").write_text(text)
    with pytest.raises(BadData, match=rule):
        items("inat21", tmp_path)


def test_folders_that_are_no_lineages_are_refused(tmp_path: Path) -> None:
    root = small.inat21(tmp_path, annotated=False)
    small.picture(root / "val" / "Lumbricus terrestris" / "0.jpg")
    with pytest.raises(BadData, match="<number>_<seven ranks>"):
        items("inat21", tmp_path)


@pytest.mark.parametrize("content", [b"PAR1 no parquet", b""])
def test_a_broken_parquet_file_is_refused(tmp_path: Path, content: bytes) -> None:
    root = small.rare_species(tmp_path, packed=True)
    (root / "data" / "train-00000-of-00002.parquet").write_bytes(content)
    with pytest.raises(BadData, match="not a readable Parquet file"):
        items("rare-species", tmp_path)


def test_a_picture_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    root = small.rare_species(tmp_path, packed=True)
    path = items("rare-species", tmp_path).frame["path"][0]
    assert image_bytes(path) == small.PICTURES[0]
    with pytest.raises(BadData, match="cannot be read"):
        image_bytes(path.replace("#0", "#9"))
    with pytest.raises(BadData, match="cannot be read"):
        image_bytes(str(root / "none.jpg"))


@pytest.mark.parametrize(
    "text", ["", "FILE_NAME,CATEGORY\n", "FILE_NAME,CATEGORY\n,\n,\n", "FILE_NAME,CATEGORY\n00.jpg,\n"]
)
def test_an_empty_table_is_refused(tmp_path: Path, text: str) -> None:
    root = small.meta_album(tmp_path, "PLK", ["a"])
    (root / "labels.csv").write_text(text)
    with pytest.raises(BadData):
        items("plankton", tmp_path)


def test_rows_without_a_path_are_left_out(tmp_path: Path) -> None:
    root = small.meta_album(tmp_path, "PLK", ["a"])
    with (root / "labels.csv").open("a") as stream:
        stream.write(",a,NAN\n")
    found = items("plankton", tmp_path)
    assert len(found) == 2
    assert remarked(found, "1 rows have no path")


@pytest.mark.parametrize(
    ("options", "error", "rule"),
    [
        ({"where": ("kind",)}, BadSetting, "column = value"),
        ({"where": ("kind = fish",)}, BadData, "no row is left with kind = fish"),
        ({"ranks": ("genus", "species")}, BadSetting, "must name 7 columns"),
        ({"keep": ("group",)}, BadSetting, "would take the place"),
        ({"attributes": ("kind",)}, BadData, "'kind' must be 1 or 0"),
        ({"label": ()}, BadSetting, "must be given"),
        ({"table": ("none.csv",)}, Missing, "none.csv"),
    ],
)
def test_options_that_make_no_sense_are_refused(
    tmp_path: Path, options: dict[str, tuple[str, ...]], error: type[Exception], rule: str
) -> None:
    (tmp_path / "t.csv").write_text("file,name,kind,group\na.jpg,x,bird,1\nb.jpg,y,bird,2\n")
    usual = {"table": ("t.csv",), "path": "file", "label": ("name",)}
    assert len(table_listing(tmp_path, TableOptions(**usual)).frame) == 2
    with pytest.raises(error, match=rule):
        table_listing(tmp_path, TableOptions(**(usual | options)))
