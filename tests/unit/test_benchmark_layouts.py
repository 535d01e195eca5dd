"""Data sets in the formats that they are distributed in are read as what they are."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import small_benchmarks as small
from PIL import Image

from merian.core.tree import RANKS
from merian.evaluate.benchmarks.items import Items, image_bytes
from merian.evaluate.benchmarks.task import read, tasks

LION = ("animalia", "chordata", "mammalia", "carnivora", "felidae", "acinonyx", "jubatus", "cheetah")
BIRD = ("animalia", "chordata", "aves", "", "", "", "", "bird")


def items(name: str, data: Path) -> Items:
    return read(tasks([name])[0], data)


def labels(found: Items) -> list[str]:
    return [found.classes[k] for k in found.frame["label"].to_list()]


def sound(found: Items) -> None:
    """What holds of every data set."""
    frame = found.frame
    assert frame["label"].dtype == pl.Int32
    assert frame.columns[:6] == ["id", "path", "label", "split", "group", "fold"]
    assert frame["id"].is_unique().all()
    assert not frame["split"].null_count()
    assert frame["label"].min() >= -1
    assert frame["label"].max() < len(found.classes)
    assert len(found.prompts) == len(found.lineages) == len(found.classes)
    assert all(Image.open(io.BytesIO(image_bytes(path))).size == (32, 24) for path in frame["path"])
    assert len(found) == len(frame)


def test_nabirds_has_visual_categories_and_both_splits(tmp_path: Path) -> None:
    small.nabirds(tmp_path)
    found = items("nabirds", tmp_path)
    sound(found)
    assert found.classes == ("Allen's Hummingbird (Adult Male)", "Oak Titmouse", "Savannah Sparrow")
    assert found.prompts == found.classes
    assert found.lineages == (None, None, None)
    assert labels(found)[:2] == ["Oak Titmouse", "Oak Titmouse"]
    assert found.frame["split"].to_list() == ["train", "test"] * 3
    assert found.frame["id"][0] == "0000009e-21dc-4d0c-bfe1-4cae3c85c829"
    assert found.frame["path"][0] == f"{tmp_path}/nabirds/images/0817/0000009e21dc4d0cbfe14cae3c85c829.jpg"
    assert found.remarks == ()
    assert found.attributes is None


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("plankton", "PLK"),
        ("insects", "INS"),
        ("insects-2", "INS_2"),
        ("plantnet", "PLT_NET"),
        ("fungi", "FNG"),
        ("plantvillage", "PLT_VIL"),
        ("medicinal-leaf", "MED_LF"),
    ],
)
def test_meta_album_is_asked_for_by_its_raw_labels(tmp_path: Path, name: str, code: str) -> None:
    small.meta_album(tmp_path, code, ["Tomato___Late_blight", "Amanita muscaria (L.) Lam., 1783"])
    found = items(name, tmp_path)
    sound(found)
    assert found.prompts == found.classes == ("Amanita muscaria (L.) Lam., 1783", "Tomato___Late_blight")
    assert found.frame["label"].to_list() == [1, 1, 0, 0]
    assert found.frame["id"].to_list() == ["images/00.jpg", "images/01.jpg", "images/10.jpg", "images/11.jpg"]


@pytest.mark.parametrize("packed", [False, True])
def test_rare_species_is_read_as_files_and_as_parquet(tmp_path: Path, packed: bool) -> None:
    small.rare_species(tmp_path, packed)
    found = items("rare-species", tmp_path)
    sound(found)
    assert ("#" in found.frame["path"][3]) == packed
    assert image_bytes(found.frame["path"][3]) == small.PICTURES[3]
    assert found.classes == ("Tylototriton shanjing", "Tylototriton verrucosus")
    assert found.prompts[0] == (
        "Animalia Chordata Amphibia Caudata Salamandridae Tylototriton shanjing with common name Yunnan Newt"
    )
    assert found.frame.select(RANKS).row(2)[-2:] == ("Tylototriton", "Tylototriton verrucosus")
    assert found.frame["id"].to_list() == ["00-af", "01-af", "10-af", "11-af"]


def test_camera_traps_name_what_is_no_species_too(tmp_path: Path) -> None:
    small.camera_traps(tmp_path, "island", [LION, BIRD])
    found = items("camera-traps-island", tmp_path)
    sound(found)
    assert found.classes == ("bird", "cheetah")
    assert found.prompts == (
        "Animalia Chordata Aves with common name bird",
        "Animalia Chordata Mammalia Carnivora Felidae Acinonyx jubatus with common name cheetah",
    )
    assert found.frame["species"].to_list() == ["Acinonyx jubatus"] * 2 + [None] * 2
    assert found.frame["class"].to_list() == ["Mammalia"] * 2 + ["Aves"] * 2
    assert found.frame["group"].null_count() == 4


@pytest.mark.parametrize("stem", ["desert-lion", "ENA24", "ohio-small-animals", "orinoquia"])
def test_each_camera_trap_set_has_its_table(tmp_path: Path, stem: str) -> None:
    small.camera_traps(tmp_path, stem, [LION, (*LION[:5], "panthera", "leo", "lion")])
    found = items(f"camera-traps-{stem.lower()}", tmp_path)
    sound(found)
    assert found.classes == ("cheetah", "lion")
    # frames of one sequence stay together where the set knows sequences
    known = stem in ("ohio-small-animals", "orinoquia")
    assert found.frame["group"].null_count() == (0 if known else 4)


def test_newt_is_many_tasks_of_two_classes(tmp_path: Path) -> None:
    small.newt(tmp_path)
    found = items("newt", tmp_path)
    sound(found)
    assert found.classes == ("0", "1")
    assert found.frame["label"].to_list() == [0, 1] * 4
    assert found.frame["split"].to_list() == ["train", "train", "test", "test"] * 2
    assert found.frame["task"].to_list() == ["ml_age_coopers_hawk"] * 4 + ["ml_bio_raptor_utility_pole"] * 4
    assert found.frame["text_label"].to_list() == ["not_adult", "adult"] * 2 + ["neg", "pos"] * 2
    assert found.frame["task_subcluster"].to_list()[3:5] == ["age", None]


@pytest.mark.parametrize("place", ["anns", ""])
def test_fishnet_has_nine_traits_and_leaves_out_rows_without_one(tmp_path: Path, place: str) -> None:
    small.fishnet(tmp_path, place)
    found = items("fishnet", tmp_path)
    sound(found)
    assert found.attributes is not None
    assert found.attributes.shape == (8, 9)
    assert found.attributes.dtype == np.int8
    assert found.attribute_names[0] == "FeedingPath"
    # benthic is 0, pelagic 1; Diplodus goes into fresh water here
    by_name = dict(zip(found.attribute_names, found.attributes.T.tolist(), strict=True))
    assert by_name["FeedingPath"] == [0, 0, 1, 1] * 2
    assert by_name["freshwater"] == [1, 1, 0, 0] * 2
    assert by_name["Polar"] == [0] * 8
    assert found.classes == ("Sciaenidae", "Sparidae")
    assert found.frame["split"].to_list() == ["train"] * 4 + ["test"] * 4
    assert found.frame["genus"].to_list() == ["Diplodus", "Diplodus", "Pogonias", "Pogonias"] * 2
    assert any("1 of 5 rows of train.csv lack a trait" in r for r in found.remarks)
    assert any("4 of 4 test images are of a genus that is in train too" in r for r in found.remarks)


@pytest.mark.parametrize("numbers", [True, False])
def test_awa2_has_all_predicates_and_classes_never_shown(tmp_path: Path, numbers: bool) -> None:
    small.awa2(tmp_path, numbers)
    found = items("awa2", tmp_path)
    sound(found)
    assert found.classes == ("antelope", "blue+whale", "bobcat")
    assert found.prompts == ("antelope", "blue whale", "bobcat")
    assert found.attribute_names == ("black", "swims", "group", "fast")
    assert found.attributes is not None
    assert found.attributes.tolist() == [[0, 0, 1, 1]] * 2 + [[0, 1, 1, 0]] * 2 + [[1, 0, 0, 1]] * 2
    assert found.frame["split"].to_list() == ["train", "train", "test", "test", "train", "train"]
    # a predicate is called group; the column of that name is what must stay together
    assert found.frame["group"].null_count() == 6


def test_herbarium_tells_which_classes_discovery_is_given(tmp_path: Path) -> None:
    root = tmp_path / "herbarium19"
    small.class_folders(root, {"small-train": {"0": 2, "5": 3}, "small-validation": {"0": 1, "5": 1}})
    (root / "small-test").mkdir()
    small.picture(root / "small-test" / "00000.jpg")
    found = items("herbarium19", tmp_path)
    sound(found)
    assert found.classes == ("0", "5")
    assert found.frame["known"].to_list() == [True, True, False, False, False, True, False]
    assert found.frame["split"].to_list() == ["train"] * 5 + ["validation"] * 2
    assert any("340 of the 341 known classes are not there" in r for r in found.remarks)


def test_herbarium_in_full_size_is_read_too(tmp_path: Path) -> None:
    small.class_folders(tmp_path / "herbarium19", {"train": {"0": 2, "10": 2}, "validation": {"0": 1}})
    found = items("herbarium19", tmp_path)
    assert len(found) == 5
    assert found.frame["id"][0] == "train/0/00000.jpg"


def test_plantdoc_has_a_class_that_is_never_asked_for(tmp_path: Path) -> None:
    root = tmp_path / "PlantDoc-Dataset"
    train = {"Apple Scab Leaf": 2, "Tomato two spotted spider mites leaf": 2}
    small.class_folders(root, {"train": train, "test": {"Apple Scab Leaf": 1}})
    small.picture(root / "test" / "Apple Scab Leaf" / "show_picture.asp?id=aa&w2=420.jpg", 1)
    (root / "README.md").write_text("PlantDoc")
    found = items("plantdoc", tmp_path)
    sound(found)
    assert (
        labels(found)
        == ["Apple Scab Leaf"] * 2 + ["Tomato two spotted spider mites leaf"] * 2 + ["Apple Scab Leaf"] * 2
    )
    assert found.frame["split"].to_list() == ["train"] * 4 + ["test"] * 2
    assert found.remarks == ()


@pytest.mark.parametrize("annotated", [True, False])
def test_inat21_is_read_by_its_annotations_or_its_folders(tmp_path: Path, annotated: bool) -> None:
    small.inat21(tmp_path, annotated)
    found = items("inat21", tmp_path)
    sound(found)
    assert found.classes == ("Fragaria x ananassa", "Lumbricus terrestris")
    assert labels(found) == ["Lumbricus terrestris"] * 2 + ["Fragaria x ananassa"] * 2
    ranks = ("Animalia", "Annelida", "Clitellata", "Haplotaxida", "Lumbricidae", "Lumbricus", "Lumbricus terrestris")
    assert found.frame.select(RANKS).row(0) == ranks
    earthworm = "Animalia Annelida Clitellata Haplotaxida Lumbricidae Lumbricus terrestris"
    assert found.prompts[1] == earthworm + (" with common name Common Earthworm" if annotated else "")
    assert any("without common names" in r for r in found.remarks) != annotated
    assert set(found.frame["split"]) == {"test"}


def test_reading_twice_gives_the_same(tmp_path: Path) -> None:
    small.fishnet(tmp_path)
    first, second = items("fishnet", tmp_path), items("fishnet", tmp_path)
    assert first.frame.equals(second.frame)
    assert np.array_equal(first.attributes, second.attributes)
    assert first.remarks == second.remarks
