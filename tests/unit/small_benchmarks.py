"""Benchmark data sets of a few images each, in the very formats that they are distributed in."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import polars as pl
from photos import encoded, noise

PICTURES = [encoded(noise(k, 32, 24), "JPEG") for k in range(4)]
CAMERA_HEADER = (
    "url_gcp,url_aws,url_azure,image_id,sequence_id,location_id,frame_num,original_label,scientific_name,common_name,"
    "kingdom,phylum,cls,order,family,genus,species,filepath,uuid,hashsum_original,hashsum_resized"
)
RARE_HEADER = "rarespecies_id,eol_content_id,eol_page_id,kingdom,phylum,class,order,family,genus,species,sciName,common"
FISH_HEADER = (
    ",Unnamed: 0,species,image,SpecCode,Genus,Subfamily,Family,Order,Class,SuperClass,source,Folder,Troph,FeedingPath,"
    "Tropical,Temperate,Subtropical,Boreal,Polar,freshwater,saltwater,brackish,NewOrder,Frequency"
)
BIRDS = {"817": "Oak Titmouse", "645": "Allen's Hummingbird (Adult Male)", "900": "Savannah Sparrow"}


def picture(path: Path, k: int = 0) -> None:
    """An image at `path`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(PICTURES[k % len(PICTURES)])


def write_csv(path: Path, columns: Sequence[str], rows: Sequence[Mapping[str, object]]) -> None:
    """A CSV with these columns; what a row does not tell is empty."""
    path.parent.mkdir(parents=True, exist_ok=True)
    stream = io.StringIO()
    writer = csv.DictWriter(stream, columns, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    path.write_text(stream.getvalue(), encoding="utf-8")


def nabirds(data: Path, each: int = 2) -> Path:
    """nabirds/: images/<class>/<hash>.jpg, the lists, and categories above the visual ones that have no images."""
    root = data / "nabirds"
    lists: dict[str, list[str]] = {name: [] for name in ("images", "image_class_labels", "train_test_split", "sizes")}
    for c, number in enumerate(BIRDS):
        for k in range(each):
            image = f"0000{c}{k}9e-21dc-4d0c-bfe1-4cae3c85c829"
            place = f"{number.zfill(4)}/{image.replace('-', '')}.jpg"
            picture(root / "images" / place, k)
            lists["images"].append(f"{image} {place}")
            lists["image_class_labels"].append(f"{image} {number}")
            lists["train_test_split"].append(f"{image} {int(k % 2 == 0)}")
            lists["sizes"].append(f"{image} 32 24")
    lists["classes"] = ["0 Birds", "1 Hummingbirds", *(f"{number} {name}" for number, name in BIRDS.items())]
    lists["hierarchy"] = ["1 0", "645 1", "817 0", "900 0"]
    for name, written in lists.items():
        (root / f"{name}.txt").write_text("\n".join(written) + "\n", encoding="utf-8")
    return root


def meta_album(data: Path, code: str, classes: Sequence[str], each: int = 2) -> Path:
    """<code>_Mini/: labels.csv, info.json and images/."""
    root = data / f"{code}_Mini"
    rows = []
    for c, name in enumerate(classes):
        for k in range(each):
            picture(root / "images" / f"{c}{k}.jpg", k)
            rows.append({"FILE_NAME": f"{c}{k}.jpg", "CATEGORY": name, "SUPER_CATEGORY": "NAN"})
    write_csv(root / "labels.csv", ["FILE_NAME", "CATEGORY", "SUPER_CATEGORY"], rows)
    (root / "info.json").write_text(json.dumps({"dataset_name": code, "image_column_name": "FILE_NAME"}))
    return root


def rare_rows() -> list[dict[str, str]]:
    """Two newts that share a common name, two images each."""
    above = {"kingdom": "Animalia", "phylum": "Chordata", "class": "Amphibia", "order": "Caudata"}
    rows = []
    for c, epithet in enumerate(("shanjing", "verrucosus")):
        for k in range(2):
            own = {"family": "Salamandridae", "genus": "Tylototriton", "species": epithet, "common": "Yunnan Newt"}
            rows.append(
                {
                    **above,
                    **own,
                    "sciName": f"Tylototriton {epithet}",
                    "rarespecies_id": f"{c}{k}-af",
                    "eol_page_id": "1",
                }
            )
            lineage = "-".join([*above.values(), "Salamandridae", "Tylototriton", epithet])
            rows[-1]["file_name"] = f"dataset/{lineage}/{c}{k}_1_eol-full-size-copy.jpg"
    return rows


def rare_species(data: Path, packed: bool) -> Path:
    """rare-species/: metadata.csv beside the images, or Parquet with the images inside, as the hub has held it."""
    root = data / "rare-species"
    rows = rare_rows()
    write_csv(root / "metadata.csv", ["file_name", *RARE_HEADER.split(",")], rows)
    if not packed:
        for k, row in enumerate(rows):
            picture(root / row["file_name"], k)
        return root
    (root / "data").mkdir()
    columns: dict[str, list[object]] = {name: [row.get(name, "") for row in rows] for name in RARE_HEADER.split(",")}
    images = [{"bytes": PICTURES[k], "path": Path(row["file_name"]).name} for k, row in enumerate(rows)]
    frame = pl.DataFrame({"file_name": images, **columns})
    for part in range(2):
        frame[2 * part : 2 * part + 2].write_parquet(root / "data" / f"train-{part:05}-of-00002.parquet")
    return root


def camera_traps(data: Path, stem: str, taxa: Sequence[tuple[str, ...]], each: int = 2) -> Path:
    """IDLE-OO-Camera-Traps/<stem>-balanced.csv and data/test/<stem>/; a taxon is its seven ranks and a common name."""
    root = data / "IDLE-OO-Camera-Traps"
    rows = []
    for c, taxon in enumerate(taxa):
        for k in range(each):
            place = f"{stem}/{c}{k}.png"
            picture(root / "data" / "test" / place, k)
            ranks = dict(zip(CAMERA_HEADER.split(",")[10:17], taxon[:7], strict=True))
            name = {"common_name": taxon[7], "original_label": taxon[7].replace(" ", "_")}
            rows.append({**ranks, **name, "filepath": place, "sequence_id": f"{stem} : {c}", "image_id": place})
    write_csv(root / f"{stem}-balanced.csv", CAMERA_HEADER.split(","), rows)
    return root


def newt(data: Path, tasks: Sequence[str] = ("ml_age_coopers_hawk", "ml_bio_raptor_utility_pole")) -> Path:
    """newt/: newt2021_labels.csv and newt2021_images/<id>.jpg; the second task has no subcluster."""
    root = data / "newt"
    rows = []
    for t, task in enumerate(tasks):
        for k in range(4):
            image = f"d80eb62{t}-4982-4d34-ad9c-d957f565111{k}"
            picture(root / "newt2021_images" / f"{image}.jpg", k)
            about = {"task_cluster": ("appearance", "context")[t % 2], "task_subcluster": ("age", "")[t % 2]}
            words = ("not_adult", "adult") if t % 2 == 0 else ("neg", "pos")
            split = ("train", "test")[k // 2]
            rows.append(
                {"id": image, "task": task, "label": k % 2, "text_label": words[k % 2], "split": split, **about}
            )
    columns = ["id", "task_cluster", "task_subcluster", "task", "label", "text_label", "split", "height", "width"]
    write_csv(root / "newt2021_labels.csv", columns, rows)
    return root


def fishnet(data: Path, place: str = "anns") -> Path:
    """fishnet/: anns/train.csv and test.csv, Image_Library/<family>/; one row of train lacks a trait."""
    root = data / "fishnet"
    fish = {"Sparidae": ("Diplodus", "benthic", "1"), "Sciaenidae": ("Pogonias", "pelagic", "0")}
    for word in ("train", "test"):
        rows: list[dict[str, object]] = []
        for c, (family, (genus, feeding, fresh)) in enumerate(fish.items()):
            for k in range(2):
                name = f"{word}{c}{k}.jpg"
                picture(root / "Image_Library" / family / name, k)
                traits = dict.fromkeys(("Tropical", "Temperate", "Subtropical", "saltwater"), "1")
                traits |= dict.fromkeys(("Boreal", "Polar", "brackish"), "0")
                taxon = {"Genus": genus, "Family": family, "Order": "Perciformes", "Class": "Actinopterygii"}
                own = {"image": f"train_val/{name}", "Folder": family, "FeedingPath": feeding, "freshwater": fresh}
                rows.append({"": k, **taxon, **traits, **own})
        if word == "train":
            rows.append({**rows[0], "image": "lost.jpg", "Polar": ""})
        write_csv(root / place / f"{word}.csv", FISH_HEADER.split(","), rows)
    return root


def awa2(data: Path, numbers: bool = True) -> Path:
    """Animals_with_Attributes2/: three classes, four predicates (one called group), two classes to learn from."""
    root = data / "Animals_with_Attributes2"
    classes, predicates = ["antelope", "blue+whale ", "bobcat"], ["black", "swims", "group", "fast"]
    for name in classes:
        for k in range(2):
            picture(root / "JPEGImages" / name.strip() / f"{name.strip()}_1000{k}.jpg", k)
    numbered = {"classes": classes, "predicates": predicates}
    for file, names in numbered.items():
        text = [f"{k:6}\t{name}" if numbers else name for k, name in enumerate(names, 1)]
        (root / f"{file}.txt").write_text("\n".join(text) + "\n")
    (root / "predicate-matrix-binary.txt").write_text("0 0 1 1\n0 1 1 0\n1 0 0 1\n")
    (root / "trainclasses.txt").write_text("antelope\nbobcat\n")
    (root / "testclasses.txt").write_text("blue+whale\n")
    return root


def class_folders(root: Path, splits: Mapping[str, Mapping[str, int]]) -> Path:
    """<root>/<split>/<class>/: a number of images for each class of each split."""
    for split, classes in splits.items():
        for name, count in classes.items():
            for k in range(count):
                picture(root / split / name / f"{k:05}.jpg", k)
    return root


INAT = {
    "00000_Animalia_Annelida_Clitellata_Haplotaxida_Lumbricidae_Lumbricus_terrestris": "Common Earthworm",
    "00001_Plantae_Tracheophyta_Magnoliopsida_Rosales_Rosaceae_Fragaria_x ananassa": "Garden Strawberry",
}


def inat21(data: Path, annotated: bool = True) -> Path:
    """inat21/: val/<number>_<lineage>/ and, unless told otherwise, val.json."""
    root = data / "inat21"
    images, annotations, categories = [], [], []
    for c, (folder, common) in enumerate(INAT.items()):
        _, kingdom, phylum, class_, order, family, genus, epithet = folder.split("_")
        ranks = {"kingdom": kingdom, "phylum": phylum, "class": class_, "order": order, "family": family}
        own = {"genus": genus, "specific_epithet": epithet, "name": f"{genus} {epithet}", "common_name": common}
        categories.append({"id": c, **ranks, **own, "supercategory": "Animalia", "image_dir_name": folder})
        for k in range(2):
            picture(root / "val" / folder / f"{c}{k}.jpg", k)
            number = 2_686_843 + 2 * c + k
            images.append({"id": number, "file_name": f"val/{folder}/{c}{k}.jpg", "width": 32, "height": 24})
            annotations.append({"id": number, "image_id": number, "category_id": c})
    if annotated:
        document = {"info": {"year": 2021}, "images": images, "annotations": annotations, "categories": categories}
        (root / "val.json").write_text(json.dumps(document), encoding="utf-8")
    return root
