"""What is planted beside the old faults: blur, pages, messy names, licences, a detector's mistakes, and the support set."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from functools import cache

import numpy as np
import polars as pl
import pytest
from PIL import Image

from merian.core.errors import BadSetting
from merian.core.tree import Tree
from merian.curate.licences import normalise
from merian.drawn.detector import FALSE_BOXES, MISSED, TYPICAL, megadetector, true_boxes
from merian.drawn.faults import BROKEN, DEFOCUS_PX, PAGE_STYLES, SMEAR_PX
from merian.drawn.mess import MESSES, synonyms, taxon_table
from merian.drawn.scene import render
from merian.drawn.shots import organism_of, plan_images, shot_of
from merian.drawn.source import image_bytes
from merian.drawn.support import SUPPORT, support_table
from merian.drawn.tables import occurrence_table, truth_table
from merian.drawn.world import LINEAGE, DrawnTree, DrawSettings, draw_tree

SETTINGS = DrawSettings(images=2400, messy_names=0.1)
NEW = {"blurred": 0.01, "drawing": 0.005, "label": 0.005, "text page": 0.004, "museum drawer": 0.004}


@cache
def world() -> DrawnTree:
    return draw_tree(SETTINGS)


@cache
def planned() -> pl.DataFrame:
    return plan_images(world())


def pixels(row: dict[str, object]) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(image_bytes(row, SETTINGS)))).astype(float)


def test_each_new_fault_is_as_common_as_asked_and_alone() -> None:
    counts = dict(planned()["fault"].value_counts().iter_rows())
    for fault, share in NEW.items():
        assert counts[fault] == round(SETTINGS.images * share)
    new = planned().filter(pl.col("fault").is_in(list(NEW)))
    assert (new["given_rank"] == "species").all(), "a coarse label is a fault of its own"
    assert not set(new["occurrenceID"]) & set(planned()["fault_of"]), "the original of a duplicate is sound"
    assert not new.filter(pl.col("fault") != "blurred")["style"].str.starts_with("camera").any()


def test_other_images_do_not_change_when_the_new_faults_are_planted() -> None:
    plain = replace(SETTINGS, blurred=0, drawings=0, labels=0, text_pages=0, drawers=0, messy_names=0)
    before = plan_images(draw_tree(plain))
    same = planned()["fault"] == before["fault"]
    assert (~same).sum() == sum(round(SETTINGS.images * share) for share in NEW.values())
    new = {"label_name", "mess", "written_name"}
    columns = [c for c in before.columns if c not in new]
    assert before.filter(same).select(columns).equals(planned().filter(same).select(columns))


def test_blur_is_beyond_use_and_written_down() -> None:
    blurred = planned().filter(pl.col("fault") == "blurred")
    focus, shaken = blurred.filter(pl.col("defocus_px") > 0), blurred.filter(pl.col("smear_px") > 0)
    assert len(focus) + len(shaken) == len(blurred)
    assert min(len(focus), len(shaken)) > 2
    assert focus["defocus_px"].is_between(*DEFOCUS_PX).all()
    assert shaken["smear_px"].is_between(*SMEAR_PX).all()
    for row in [*focus.rows(named=True)[:3], *shaken.rows(named=True)[:3]]:
        sharp = replace(shot_of(row), blur_px=row["blur_px"], smear_px=0.0)
        clear, unclear = (render(s, organism_of(row), 96).astype(float)[:80] for s in (sharp, shot_of(row)))
        coarse = [np.abs(np.diff(im[::4, ::4].mean(-1))).mean() for im in (clear, unclear)]
        assert coarse[1] < 0.9 * coarse[0], "it lacks detail four pixels wide"
        assert np.abs(clear.mean() - unclear.mean()) < 6, "no light is lost"


def test_a_smear_runs_along_its_angle() -> None:
    row = planned().filter(pl.col("style") == "museum drawer", pl.col("fault") == "").row(0, named=True)
    shot = replace(shot_of(row), smear_px=24.0)

    def steps(angle: float) -> tuple[float, float]:
        image = render(replace(shot, smear_deg=angle), organism_of(row), 96).astype(float).mean(-1)[20:76, 20:76]
        return float(np.abs(np.diff(image, axis=1)).mean()), float(np.abs(np.diff(image, axis=0)).mean())

    along, across = steps(0.0)
    assert along < 0.85 * across
    along, across = steps(90.0)
    assert across < 0.85 * along


@pytest.mark.parametrize("fault", sorted(PAGE_STYLES))
def test_pages_show_something_else_than_the_photo_of_the_record(fault: str) -> None:
    rows = planned().filter(pl.col("fault") == fault).rows(named=True)
    assert len({image_bytes(row, SETTINGS) for row in rows}) == len(rows)
    for row in rows[:4]:
        page, photo = pixels(row), pixels(row | {"fault": ""})
        assert page.std() > 10
        assert np.abs(page - photo).mean() > 10
        assert image_bytes(row, SETTINGS) == image_bytes(row, SETTINGS)


def test_too_many_pages_are_refused() -> None:
    with pytest.raises(BadSetting, match="'drawing'"):
        plan_images(draw_tree(DrawSettings(species=8, images=100, drawings=0.85)))


def test_messy_names_keep_what_they_stand_for() -> None:
    table = planned()
    messy = table.filter(pl.col("mess") != "")
    assert len(messy) == round(SETTINGS.images * SETTINGS.messy_names)
    assert set(messy["mess"]) == set(MESSES)
    assert (messy["fault"] == "").all()
    accepted = set(world().species["scientificName"])
    old = synonyms(world())
    assert not set(old["scientificName"]) & accepted
    assert old["scientificName"].is_unique().all()
    for row in messy.iter_rows(named=True):
        name, text = row["scientificName"], row["written_name"]
        assert text not in accepted, "a mess is never another species' name"
        assert row["label_name"] == (name.split(" ")[0] if row["mess"] == "cf." else name)
        if row["mess"] == "all caps":
            assert text == text.upper()
            assert text.startswith(name.upper())
        if row["mess"] == "synonym":
            assert world().species["scientificName"][old["tip"][old["scientificName"].to_list().index(text)]] == name
        if row["mess"] in ("typo", "gender ending"):
            assert text[0] == name[0]
            assert abs(len(text) - len(name)) <= 1
    clean = table.filter(pl.col("mess") == "", pl.col("subject") == "organism", pl.col("given_rank") == "species")
    right = clean.filter(pl.col("fault") != "wrong label")
    assert right["label_name"].to_list() == right["scientificName"].to_list()


def test_records_with_messy_names_do_not_give_the_answer_away() -> None:
    occurrence = occurrence_table(world(), planned().with_columns(media=pl.lit("x.jpg")))
    both = occurrence.join(
        planned().select("occurrenceID", "mess", "written_name", "family"), on="occurrenceID", suffix="_true"
    )
    messy, clean = both.filter(pl.col("mess") != ""), both.filter(pl.col("mess") == "")
    assert messy["scientificName"].to_list() == messy["written_name"].to_list()
    for column in ("taxonID", "vernacularName", "phylum", "order", "genus", "specificEpithet"):
        assert messy[column].is_null().all()
        assert clean[column].is_not_null().any()
    share = messy["family"].is_null().mean()
    assert isinstance(share, float)
    assert 0.2 < share < 0.5
    given = messy.filter(pl.col("family").is_not_null())
    assert given["family"].to_list() == given["family_true"].to_list()


def test_synonyms_stand_in_the_taxonomy_and_change_no_tree() -> None:
    taxa = taxon_table(world())
    plain, with_old = Tree.from_taxa(world().taxa), Tree.from_taxa(taxa)
    assert with_old[0].version == plain[0].version
    assert not len(with_old[1])
    old = taxa.filter(pl.col("taxonomicStatus") == "synonym")
    assert set(old["acceptedNameUsageID"]) <= set(world().species["taxonID"])
    assert 0.25 < len(old) / len(world().species) < 0.55
    assert taxa["taxonID"].is_unique().all()
    assert taxon_table(draw_tree(replace(SETTINGS, messy_names=0.0))).equals(world().taxa)


def test_licences_mean_what_the_truth_says() -> None:
    read = normalise(planned()["licence_given"])
    assert read["licence"].fill_null("").to_list() == planned()["licence"].to_list()
    assert planned()["licence_given"].n_unique() > 15
    one = planned().group_by("eventID").agg(pl.col("licence_given").n_unique())
    assert (one["licence_given"] == 1).all()
    assert "licence_given" not in truth_table(planned()).columns
    plain = plan_images(draw_tree(replace(SETTINGS, licence_mix=False)))
    assert set(plain["licence_given"]) == {"CC0-1.0"}


def test_the_detector_is_mostly_right_and_knows_camera_traps_only() -> None:
    table = planned()
    boxes = true_boxes(table)
    paths = [f"images/{i}.jpg" for i in table["occurrenceID"]]
    content = json.loads(megadetector(table, paths, boxes, SETTINGS.seed))
    assert content["info"]["format_version"] == "1.6"
    images = {image["file"]: image for image in content["images"]}
    traps = table["style"].str.starts_with("camera trap")
    assert set(images) == {p for p, trap in zip(paths, traps, strict=True) if trap}
    missed, animals, said, empty = 0, 0, 0, 0
    for row, path, box in zip(table.iter_rows(named=True), paths, boxes, strict=True):
        if path not in images:
            assert box is None
            continue
        image = images[path]
        if row["fault"] in BROKEN:
            assert image["detections"] is None
            assert image["failure"]
            continue
        found = [d for d in image["detections"] if d["conf"] >= TYPICAL]
        for d in image["detections"]:
            x, y, wide, high = d["bbox"]
            assert 0 <= x <= x + wide <= 1.0002
            assert 0 <= y <= y + high <= 1.0002
            assert 0 < d["conf"] < 1
        if row["fault"] == "" and box is not None:
            animals += 1
            missed += not found
            assert all(d["category"] == ("2" if row["subject"] == "person" else "1") for d in found)
            for d in found:
                assert np.abs(np.array(d["bbox"]) - box).max() < 0.12
        elif row["subject"] == "empty":
            empty += 1
            said += bool(found)
        if row["fault"] == "exact duplicate":
            original = images[f"images/{row['fault_of']}.jpg"]
            assert image["detections"] == original["detections"]
    for share, hits, n in ((MISSED, missed, animals), (FALSE_BOXES, said, empty)):
        assert abs(hits / n - share) < 4 * np.sqrt(share * (1 - share) / n)


def test_true_boxes_hold_the_animal() -> None:
    traps = planned().filter(
        pl.col("style") == "camera trap day", pl.col("subject") == "organism", pl.col("fault") == ""
    )
    for row, box in zip(traps[:12].iter_rows(named=True), true_boxes(traps[:12]), strict=True):
        assert box is not None
        shot = replace(shot_of(row), blur_px=0.0)
        alone, nobody = (render(s, organism_of(row), 96).astype(float) for s in (shot, replace(shot, subject="empty")))
        # the same scene without the animal: what differs strongly is the animal (and its shadow, below the box)
        y, x = np.nonzero(np.abs(alone - nobody).max(-1) > 60)
        if len(x) < 20:
            continue
        inside = (x / 96 >= box[0] - 0.04) & (x / 96 <= box[0] + box[2] + 0.04) & (y / 96 >= box[1] - 0.04)
        assert inside.mean() > 0.95


def test_the_support_set_has_every_kind_and_nothing_of_the_source() -> None:
    few = draw_tree(replace(SETTINGS, support=6))
    table = support_table(few)
    assert table["place"].to_list() == [f"support/{kind}/{k:02d}.jpg" for kind in SUPPORT for k in range(6)]
    assert set(table["fault"]) - {""} == set(PAGE_STYLES)
    assert all(p.split("/")[1].startswith("keep") for p in table.filter(pl.col("fault") == "")["place"])
    shown = planned().filter(pl.col("fault").is_in([*PAGE_STYLES, ""]))
    assert not set(table["individual"]) & set(shown["individual"])
    drawn = {image_bytes(row, SETTINGS) for row in table.iter_rows(named=True)}
    assert len(drawn) == len(table)
    planted = planned().filter(pl.col("fault").is_in(list(PAGE_STYLES)))
    assert not drawn & {image_bytes(row, SETTINGS) for row in planted.iter_rows(named=True)}
    assert support_table(few).equals(table)


def test_the_truth_tells_of_every_fault() -> None:
    truth = truth_table(planned())
    assert {"defocus_px", "smear_px", "smear_deg", "mess", "label_name", "written_name", "licence"} <= set(
        truth.columns
    )
    assert truth["fault"].null_count() == 0
    assert set(LINEAGE) <= set(truth.columns)
