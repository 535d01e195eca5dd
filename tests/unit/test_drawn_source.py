"""The drawn source folder: its tables, its planted faults, and that a killed run goes on to the same bytes."""

from __future__ import annotations

import hashlib
import io
import os
import signal
import sys
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from PIL import Image

from merian.core.chance import stream
from merian.core.errors import BadSetting
from merian.drawn import plans
from merian.drawn.faults import BROKEN, blank_frame, near_duplicate, planted
from merian.drawn.shots import image_counts, organism_of, plan_images, shot_of
from merian.drawn.source import draw_images, image_bytes, image_path, write_source
from merian.drawn.support import SUPPORT, support_path
from merian.drawn.world import LINEAGE, DrawSettings, draw_tree

TINY = DrawSettings(
    species=16,
    images=90,
    size=64,
    per_species=3,
    coarse_labels=0.05,
    empty=0.05,
    person=0.03,
    duplicates=0.05,
    near_duplicates=0.05,
    wrong_labels=0.05,
    broken=0.034,
    blank=0.03,
    blurred=0.05,
    drawings=0.03,
    labels=0.03,
    text_pages=0.02,
    drawers=0.02,
    support=2,
)


def hashes(folder: Path) -> dict[str, str]:
    return {
        p.relative_to(folder).as_posix(): hashlib.sha256(p.read_bytes()).hexdigest()
        for p in sorted(folder.rglob("*"))
        if p.is_file()
    }


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("drawn") / "source"
    write_source(out, TINY, workers=1)
    return out


@pytest.fixture(scope="module")
def truth(written: Path) -> pl.DataFrame:
    return pl.read_parquet(written / "truth.parquet")


@pytest.fixture(scope="module")
def occurrence(written: Path) -> pl.DataFrame:
    return pl.read_csv(written / "occurrence.csv")


def test_all_files_of_the_contract_are_there_and_no_others(written: Path, truth: pl.DataFrame) -> None:
    tables = {"occurrence.csv", "taxon.csv", "vernacular.csv", "trait.csv", "truth.parquet", "truth_species.parquet"}
    images = {image_path(i) for i in truth["occurrenceID"]}
    support = {support_path(kind, k) for kind in SUPPORT for k in range(TINY.support)}
    assert set(hashes(written)) == tables | {"phylogeny.nwk", "megadetector.json"} | images | support
    assert len(truth) == TINY.images


def test_a_killed_run_goes_on_to_the_same_bytes(written: Path, truth: pl.DataFrame, tmp_path: Path) -> None:
    half = tmp_path / "half"
    lost = truth["occurrenceID"].to_list()[::2]
    for name in truth["occurrenceID"]:
        if name not in lost:
            target = half / image_path(name)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes((written / image_path(name)).read_bytes())
    kept = {p: p.stat().st_mtime_ns for p in half.rglob("*.jpg")}
    calls: list[tuple[int, int]] = []
    write_source(half, TINY, progress=lambda done, total: calls.append((done, total)), workers=1)
    assert hashes(half) == hashes(written)
    assert {p: p.stat().st_mtime_ns for p in kept} == kept
    assert calls[0] == (TINY.images - len(lost), TINY.images)
    assert calls[-1] == (TINY.images, TINY.images)


def test_an_interrupted_run_leaves_only_finished_images_and_goes_on(written: Path, tmp_path: Path) -> None:
    def interrupt(done: int, total: int) -> None:
        if done > 0:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_source(tmp_path, TINY, progress=interrupt, workers=1)
    reference = hashes(written)
    left = hashes(tmp_path)
    assert 0 < len(left) < TINY.images
    assert all(name.startswith("images/") for name in left)
    assert left.items() <= reference.items()
    (tmp_path / next(iter(left))).with_name(".0.jpg.99.part").write_bytes(b"half a file")
    write_source(tmp_path, TINY, workers=1)
    assert hashes(tmp_path) == reference


def test_the_number_of_workers_changes_no_byte(written: Path, tmp_path: Path) -> None:
    write_source(tmp_path, TINY, workers=2)
    assert hashes(tmp_path) == hashes(written)


def test_another_seed_draws_other_images(written: Path) -> None:
    other = plan_images(draw_tree(DrawSettings(species=16, images=90, per_species=3, seed=1)))
    assert not set(other["occurrenceID"]) & {p.stem for p in written.rglob("*.jpg")}


def test_photos_are_taken_in_the_chosen_ways_and_from_the_chosen_side(tmp_path: Path) -> None:
    close = replace(TINY, plans=("bird", "fish"), styles=("close-up",), mirrored=0.0)
    table = plan_images(draw_tree(close))
    assert len(table) == close.images
    assert set(table["subject"]) == {"organism"}, "without camera traps there are no empty frames"
    assert set(table["style"]) == {"close-up"}
    assert set(table["plan"]) == {"bird", "fish"}
    assert not table["flip"].any()
    drawers = plan_images(draw_tree(replace(close, mirrored=1.0)))
    assert drawers.filter(pl.col("style") == "close-up")["flip"].all()
    write_source(tmp_path, replace(close, images=80), workers=1)
    kinds = {path.parent.name for path in (tmp_path / "support").glob("*/*.jpg")}
    assert kinds == set(SUPPORT) - {"keep-herbarium"}
    with pytest.raises(BadSetting, match="none suits the plan hoofed"):
        plan_images(draw_tree(replace(close, plans=(), styles=("museum drawer", "herbarium sheet"))))


def test_planted_faults_are_as_many_as_asked(truth: pl.DataFrame) -> None:
    counts = planted(truth)
    assert {k: v for k, v in counts.items() if k not in BROKEN} == {
        "exact duplicate": 4,
        "near duplicate": 4,
        "wrong label": 4,
        "blank": 3,
        "blurred": 4,
        "drawing": 3,
        "label": 3,
        "text page": 2,
        "museum drawer": 2,
    }
    assert [counts[b] for b in BROKEN] == [1, 1, 1]
    assert (truth["subject"] == "empty").sum() == 4
    assert (truth["subject"] == "person").sum() == 3


def test_labels_tell_the_truth_but_for_planted_wrong_ones(truth: pl.DataFrame, occurrence: pl.DataFrame) -> None:
    both = occurrence.join(truth, on="occurrenceID", suffix="_true", validate="1:1")
    assert len(both) == TINY.images
    vacant = both.filter(pl.col("subject") != "organism")
    assert vacant["scientificName"].is_null().all()
    assert vacant["taxonRank"].is_null().all()
    named = both.filter(pl.col("subject") == "organism")
    wrong = named.filter(pl.col("scientificName") != pl.col("scientificName_true"), pl.col("taxonRank") == "species")
    assert set(wrong["fault"]) == {"wrong label"}
    assert wrong["fault_of"].to_list() == wrong["scientificName_true"].to_list()
    assert len(wrong) == (truth["fault"] == "wrong label").sum()
    right = named.filter(pl.col("fault") != "wrong label")
    for term in LINEAGE:
        given = right.filter(pl.col(term).is_not_null())
        assert given[term].to_list() == given[f"{term}_true"].to_list()
    coarse = named.filter(pl.col("taxonRank") != "species")
    assert set(coarse["taxonRank"]) == {"genus", "family"}
    assert coarse["specificEpithet"].is_null().all()
    assert (coarse["fault"] == "").sum() == round(TINY.images * TINY.coarse_labels)
    for row in coarse.iter_rows(named=True):
        assert row["scientificName"] == row[row["taxonRank"]]


def test_labels_are_taxa_of_the_taxon_table(written: Path, occurrence: pl.DataFrame) -> None:
    taxa = pl.read_csv(written / "taxon.csv")
    known = dict(zip(taxa["taxonID"], taxa["scientificName"], strict=True))
    named = occurrence.filter(pl.col("taxonID").is_not_null())
    assert [known[i] for i in named["taxonID"]] == named["scientificName"].to_list()
    ranks = dict(zip(taxa["taxonID"], taxa["taxonRank"], strict=True))
    assert [ranks[i] for i in named["taxonID"]] == named["taxonRank"].to_list()
    languages = pl.read_csv(written / "vernacular.csv")
    assert set(languages["language"]) == {"en", "de"}
    assert set(languages["taxonID"]) <= set(known)


def test_files_hold_what_the_truth_says(written: Path, truth: pl.DataFrame) -> None:
    path = {i: written / image_path(i) for i in truth["occurrenceID"]}
    for row in truth.iter_rows(named=True):
        data = path[row["occurrenceID"]].read_bytes()
        if row["fault"] == "zero bytes":
            assert data == b""
        elif row["fault"] in BROKEN:
            with pytest.raises(OSError, match=r"(?i)truncated|cannot identify"):
                Image.open(io.BytesIO(data)).load()
        else:
            image = Image.open(io.BytesIO(data))
            pixels = np.asarray(image).astype(float)
            assert pixels.shape == (TINY.size, TINY.size, 3)
            assert (pixels.std(axis=(0, 1)).max() < 4) == (row["fault"] == "blank")
        if row["fault"] == "exact duplicate":
            assert data == path[row["fault_of"]].read_bytes()
        if row["fault"] == "near duplicate":
            original = np.asarray(Image.open(path[row["fault_of"]])).astype(float)
            assert 0.1 < np.abs(pixels - original).mean() < 40
            assert np.corrcoef(pixels.ravel(), original.ravel())[0, 1] > 0.5


def test_the_same_individual_keeps_its_body_and_sex(truth: pl.DataFrame) -> None:
    fixed = [c for c in truth.columns if c.startswith("trait_")] + ["sex", "scientificName", "lesion", "severity"]
    met = truth.filter(pl.col("individual").is_not_null())
    assert met.group_by("individual").agg(pl.col(fixed).n_unique()).select(pl.max_horizontal(fixed).max()).item() == 1
    assert met["individual"].n_unique() < len(met)


def test_occurrences_follow_darwin_core(occurrence: pl.DataFrame, truth: pl.DataFrame) -> None:
    both = occurrence.join(truth.select("occurrenceID", "style", "plan"), on="occurrenceID")
    for row in both.iter_rows(named=True):
        basis = {
            "close-up": "HumanObservation",
            "museum drawer": "PreservedSpecimen",
            "herbarium sheet": "PreservedSpecimen",
        }
        assert row["basisOfRecord"] == basis.get(row["style"], "MachineObservation")
        assert row["sex"] in {None, "female", "male"}
        assert (row["lifeStage"] is None) == (row["plan"] in {"leaf", "flower", "mushroom", ""})
    assert occurrence["eventDate"].str.to_date("%Y-%m-%d").is_between(pl.date(1880, 1, 1), pl.date(2025, 1, 1)).all()
    assert occurrence["decimalLatitude"].is_between(-85, 85).all()
    assert len(set(occurrence["license"])) > 5


def test_trait_table_gives_every_species_all_traits_of_its_plan(written: Path) -> None:
    traits = pl.read_csv(written / "trait.csv", infer_schema=False)
    species = pl.read_parquet(written / "truth_species.parquet")
    names = {k[0]: set(g["measurementType"]) for k, g in traits.group_by("taxonID")}
    for row in species.iter_rows(named=True):
        assert names[row["taxonID"]] == {t.name for t in plans.TRAITS[row["plan"]]} | {"habitat"}


def test_an_image_needs_its_own_row_only(written: Path) -> None:
    table = plan_images(draw_tree(TINY))
    row = table.filter(pl.col("fault") == "").row(5, named=True)
    assert image_bytes(row, TINY) == (written / image_path(row["occurrenceID"])).read_bytes()


def test_organisms_hold_every_trait_within_its_range() -> None:
    table = plan_images(draw_tree(DrawSettings(images=1500)))
    for row in table.iter_rows(named=True):
        organism = organism_of(row)
        assert shot_of(row).subject == row["subject"]
        if organism is None:
            assert row["subject"] != "organism"
            continue
        for trait in plans.TRAITS[organism.plan]:
            value = organism.traits[trait.name]
            if trait.states:
                assert value in range(len(trait.states))
            else:
                assert trait.low <= value <= trait.high


def test_every_species_has_its_floor_and_the_total_is_exact() -> None:
    world = draw_tree(DrawSettings(images=3000))
    counts = image_counts(world)
    assert min(counts) >= 8
    assert max(counts) > 5 * np.median(counts)
    assert len(plan_images(world)) == 3000


def test_too_few_images_and_too_many_faults_are_refused() -> None:
    with pytest.raises(BadSetting, match="at least"):
        image_counts(draw_tree(DrawSettings(images=1000)))
    with pytest.raises(BadSetting, match="faults"):
        plan_images(draw_tree(DrawSettings(species=8, images=100, wrong_labels=0.9)))


def test_near_duplicates_and_blank_frames_depend_on_their_stream_alone() -> None:
    pixels = np.arange(48 * 48 * 3, dtype=np.uint32).reshape(48, 48, 3).astype(np.uint8)
    first, again, other = (near_duplicate(pixels, stream(s, "near")) for s in (0, 0, 1))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)
    assert blank_frame(32, stream(0, "blank")).std(axis=(0, 1)).max() < 3


@pytest.mark.skipif(sys.platform == "win32", reason="no signal masks")
def test_workers_never_hear_ctrl_c_and_a_killed_one_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    table = plan_images(draw_tree(TINY))
    masks, true = [], ProcessPoolExecutor.submit

    def submit(self: ProcessPoolExecutor, *arguments: Any) -> Any:
        masks.append(signal.pthread_sigmask(signal.SIG_BLOCK, []))
        return true(self, os._exit, 1)

    monkeypatch.setattr(ProcessPoolExecutor, "submit", submit)
    with pytest.raises(ChildProcessError, match="ended from outside"):
        draw_images(tmp_path, table, TINY)
    assert masks
    assert all(signal.SIGINT in mask for mask in masks)
    assert signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, [])
    monkeypatch.undo()
    assert draw_images(tmp_path, table, TINY) == len(table)
