"""Cameras in a running world: who passes whom, what stands before the camera, what is written, and what is refused."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from small_world import COMMON, RARE, two_grazers

from merian.core.errors import BadData, BadSetting, Mismatch, Missing
from merian.drawn.world import DrawSettings, draw_tree
from merian.twin.calibrate.counts import read_package
from merian.twin.calibrate.labelled import surveyed_world
from merian.twin.calibrate.named import Answers, read_answers, read_watched
from merian.twin.ecosystem import made
from merian.twin.observe import watch as watching
from merian.twin.observe.camera import Zone
from merian.twin.observe.cast import NOBODY, Cast, Moment, shot
from merian.twin.observe.package import BEGAN
from merian.twin.observe.passing import Stands, passed
from merian.twin.observe.settings import WatchSettings
from merian.twin.observe.stage import narrowed
from merian.twin.observe.watch import watch
from merian.twin.solver import slopes
from merian.twin.worked import shipped

SMALL = WatchSettings(cameras=40, days=2.5, window_km=4, held_out=2, size=32, drawn_species=24, seed=5)


def inside(point: np.ndarray, place: np.ndarray, zone: Zone) -> np.ndarray:
    """Whether points [n, 2] lie in the sector of a camera."""
    right, down = (point - place[:2]).T
    turned = (np.arctan2(down, right) - place[2] + np.pi) % (2 * np.pi) - np.pi
    return (np.hypot(right, down) < 1000 * zone.radius_km) & (np.abs(turned) < 0.5 * zone.angle_rad)


def test_entries_are_those_of_paths_looked_at_a_thousand_times() -> None:
    """400 random steps about six cameras, angles narrow, wide and half a circle, against points along each step."""
    rng = np.random.default_rng(1)
    for angle in (0.3, 1.5, math.pi):
        zone = Zone(0.03, angle)
        stands = Stands.at_random(6, 200.0, zone, rng)
        before, after = rng.uniform(0, 200, (2, 400, 2))
        found = passed(before, after, stands)
        told = set(zip(found.walker.tolist(), found.camera.tolist(), strict=True))
        shares = np.linspace(0, 1, 1000)[:, None, None]
        paths = before + shares * (after - before)
        for camera, place in enumerate(stands.places):
            there = inside(paths.reshape(-1, 2), place, zone).reshape(paths.shape[:2])
            entered = np.flatnonzero(there.any(0) & ~there[0])
            assert {(int(walker), camera) for walker in entered} <= told
            # what a thousand looks miss is a corner that is cut by less than two of them
            more = [walker for walker, at in told if at == camera and walker not in entered]
            assert len(more) <= 2
        assert len(told) > 20
        assert (found.distance < 30).all()
        assert (np.abs(found.bearing) <= 0.5 * angle + 1e-9).all()


def test_as_many_enter_as_random_encounters_say() -> None:
    """100,000 straight steps of 60 m in all directions in a square of 1 km: entries over N L w / A within 4 standard errors."""
    rng = np.random.default_rng(2)
    zone, steps, far = Zone(0.012, 0.9), 100_000, 60.0
    stands = Stands(np.column_stack([rng.uniform(100, 900, (20, 2)), rng.uniform(0, 2 * np.pi, 20)]), zone)
    before, way = rng.uniform(0, 1000, (steps, 2)), rng.uniform(0, 2 * np.pi, steps)
    after = before + far * np.column_stack([np.cos(way), np.sin(way)])
    expected = 20 * steps * far * 1000 * zone.width_km / 1e6
    assert abs(len(passed(before, after, stands).walker) - expected) < 4 * math.sqrt(expected)


def test_cameras_that_cannot_stand() -> None:
    rng = np.random.default_rng(0)
    with pytest.raises(BadSetting, match="less than half of the square"):
        Stands.at_random(3, 10.0, Zone(0.01, 1.0), rng)
    with pytest.raises(BadSetting, match="1 or more"):
        Stands.at_random(0, 1000.0, Zone(0.01, 1.0), rng)
    with pytest.raises(Mismatch, match="before and after"):
        passed(np.zeros((2, 2)), np.zeros((3, 2)), Stands.at_random(1, 100.0, Zone(0.01, 1.0), rng))


def test_a_narrowed_web_stands_still_where_the_whole_one_did() -> None:
    worked = shipped("savanna")
    ecosystem = made(worked.facts, worked.landscape(0, 8))
    balance = ecosystem.balance()
    hunters = {"Panthera leo", "Crocuta crocuta", "Panthera pardus", "Acinonyx jubatus", "Lycaon pictus"}
    kept = [at for at, name in enumerate(ecosystem.species.names) if name in hunters]
    web = narrowed(balance.web, balance.start, kept)
    assert (~web.producer).sum() == len(kept) == 5
    drift = slopes(web, balance.start)[: len(balance.start)] / balance.start
    assert np.abs(drift).max() < 1e-9


def test_species_are_played_by_drawn_ones(tmp_path: Path) -> None:
    tree = draw_tree(DrawSettings(species=24))
    own = tree.species.filter(pl.col("plan") == "hoofed")["scientificName"][0]
    cast = Cast.of(["Rana rana", own, COMMON], ["Amphibia", "Mammalia", "Mammalia"], tree)
    table = cast.table()
    assert table["scientificName"].to_list() == [own, COMMON]
    assert table["drawnAs"][0] == own
    assert table["drawnAs"][1] != own
    assert cast.seen == [1, 2]
    with pytest.raises(BadSetting, match="too few of the plan 'hoofed' to play"):
        Cast.of([f"Multus multus{k}" for k in range(30)], ["Mammalia"] * 30, tree)
    with pytest.raises(BadData, match="no animal that cameras photograph"):
        Cast.of(["Rana rana"], ["Amphibia"], tree)


def test_who_is_far_off_is_small_and_at_night_is_grey() -> None:
    tree = draw_tree(DrawSettings(species=24))
    cast = Cast.of([COMMON], ["Mammalia"], tree)
    near, far = (shot(cast, Moment(0, 7, m, 0.5, BEGAN.replace(hour=12), "k"), 1) for m in (4.0, 8.0))
    assert near[1].scale == pytest.approx(2 * far[1].scale)
    assert near[0] == far[0]
    assert near[1].dx == pytest.approx(0.15)
    assert near[1].style == "camera trap day"
    dark = shot(cast, Moment(0, 7, 4.0, -1.0, BEGAN.replace(hour=2), "k"), 1)[1]
    assert dark.style == "camera trap infrared"
    assert dark.stamp == "2025-01-01 02:00"


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("watched")
    watch(two_grazers(folder), folder / "out", SMALL, {})
    return folder / "out"


def test_a_watched_world_is_a_camera_trap_package(world: Path) -> None:
    package = json.loads((world / "datapackage.json").read_text())
    required = {"resources", "profile", "created", "contributors", "project", "spatial", "temporal", "taxonomic"}
    assert required <= set(package)
    tables = {r["name"]: pl.read_csv(world / r["path"]) for r in package["resources"]}
    assert set(tables) == {"deployments", "media", "observations"}
    deployments, media, observations = (tables[name] for name in ("deployments", "media", "observations"))
    assert len(deployments) == 40
    assert set(media["deploymentID"]) <= set(deployments["deploymentID"])
    assert (media["timestamp"] >= "2025-01-01").all()
    assert observations["mediaID"].to_list() == media["mediaID"].to_list()
    assert set(observations["observationType"]) == {"unclassified"}
    assert all((world / place).is_file() for place in media["filePath"])
    assert read_package(world, 30.0).labels == ()
    truth = pl.read_parquet(world / "truth.parquet")
    assert truth["day"].unique().sort().to_list() == [0, 1, 2]
    assert set(truth["scientificName"]) == {COMMON, RARE}
    goes = pl.read_csv(world / "cast.csv")["day_km"]
    assert ((goes > 3) & (goes < 4.5)).all()
    assert len(list((world / "held_out").rglob("*.jpg"))) == len(pl.read_csv(world / "held_out.csv")) == 4


def test_a_stopped_watch_goes_on_to_the_same_bytes(
    world: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    ecosystem, out = two_grazers(tmp_path), tmp_path / "out"
    with monkeypatch.context() as patch:
        patch.setattr(watching, "written", stop)
        with pytest.raises(KeyboardInterrupt):
            watch(ecosystem, out, SMALL, {})
    drawn = sorted((out / "photos").rglob("*.jpg"))
    for photo in drawn[::2]:
        photo.unlink()
    watch(ecosystem, out, SMALL, {})
    for name in ("media.csv", "truth.parquet", "cast.csv"):
        assert (out / name).read_bytes() == (world / name).read_bytes()
    for photo in drawn:
        assert photo.read_bytes() == (world / photo.relative_to(out)).read_bytes()


def test_worlds_that_cannot_be_watched(tmp_path: Path) -> None:
    ecosystem = two_grazers(tmp_path)
    with pytest.raises(BadSetting, match="photos are to be expected"):
        watch(ecosystem, tmp_path / "a", WatchSettings(most=5, drawn_species=24), {})
    assert not any((tmp_path / "a").iterdir())
    nobody = WatchSettings(cameras=2, days=0.05, window_km=4, drawn_species=24, seed=1)
    with pytest.raises(BadData, match="photographed nobody"):
        watch(ecosystem, tmp_path / "b", nobody, {})
    with pytest.raises(BadData, match="no animal that cameras photograph"):
        watch(two_grazers(tmp_path, "Insecta"), tmp_path / "c", SMALL, {})


def answered(world: Path, path: Path, drop: int = 0) -> Path:
    """What a classifier might have said: every photo its species, with more or less probability."""
    drawn = dict(pl.read_csv(world / "cast.csv").select("scientificName", "drawnAs").iter_rows())
    held = pl.read_csv(world / "held_out.csv")
    shown = pl.read_parquet(world / "truth_photos.parquet").select("filePath", "scientificName")
    rows = pl.concat([held, shown[drop:]])
    score = [(0.9, 0.5, 0.1)[k % 3] for k in range(len(rows))]
    table = pl.DataFrame(
        {
            "file_name": [f"/elsewhere/{world.name}/{place}" for place in rows["filePath"]],
            "species": [drawn[name] for name in rows["scientificName"]],
            "score": score,
            "none": ["yes" if k % 7 == 6 else "" for k in range(len(rows))],
        }
    )
    table.write_csv(path)
    return path


def test_answers_become_labels_sure_doubted_and_unknown(world: Path, tmp_path: Path) -> None:
    named = read_watched(world, answered(world, tmp_path / "names.csv"), Answers(), 1.0)
    assert named.confusion.labels == (COMMON, RARE, f"{COMMON}?", f"{RARE}?", "unknown")
    assert named.confusion.photos.sum() == 4
    assert named.counts.counts.sum() == len(pl.read_csv(world / "media.csv"))
    assert len(named.counts.begins) == 3
    assert named.counts.effort.sum(0) == pytest.approx(np.full(40, 2.5))
    assert (named.counts.gaps == [0, 1, 1]).all()
    assert named.zone.radius_km == pytest.approx(0.01)
    assert set(named.truth["species"]) == {COMMON, RARE}
    assert not named.counts.remarks
    doubted = read_watched(world, tmp_path / "names.csv", Answers(0.95, 0.85), 1.0)  # a third have 0.9
    shown = len(pl.read_csv(world / "media.csv"))
    (remark,) = doubted.counts.remarks
    many = doubted.counts.counts[:, :, -1].sum()
    assert remark.startswith(f"the classifier names nothing that lives here in {many} of {shown} photos")
    said = read_answers(tmp_path / "names.csv", Answers(1.0, 1.0), ("photos",))
    assert set(said.values()) == {"unknown"}


def test_cameras_that_shoot_nothing_too(world: Path, tmp_path: Path) -> None:
    """The same animals are photographed; beside them empty frames, told from animals only by the truth, and held out for the matrix."""
    ecosystem, out = two_grazers(tmp_path), tmp_path / "out"
    report = watch(ecosystem, out, replace(SMALL, false_day=0.5), {})
    shown, before = (pl.read_parquet(at / "truth_photos.parquet") for at in (out, world))
    nobody = shown.filter(pl.col("scientificName") == "empty")
    assert shown.filter(pl.col("scientificName") != "empty").drop("filePath").equals(before.drop("filePath"))
    assert 10 < len(nobody) < 120
    assert report["photos.empty"].value == pytest.approx(len(nobody) / len(shown))
    assert all((out / place).is_file() for place in shown["filePath"])
    assert pl.read_csv(out / "held_out.csv")["scientificName"].to_list().count("empty") == 2
    # a classifier that knows no "empty" takes some for the rare grazer
    held = pl.read_csv(out / "held_out.csv")
    rows = pl.concat([held, shown.select("filePath", "scientificName")])
    drawn = dict(pl.read_csv(out / "cast.csv").select("scientificName", "drawnAs").iter_rows())
    said = [drawn[RARE if name == "empty" else name] for name in rows["scientificName"]]
    table = pl.DataFrame(
        {"file_name": [f"/x/{p}" for p in rows["filePath"]], "species": said, "score": 0.9, "none": ""}
    )
    table.write_csv(tmp_path / "names.csv")
    named = read_watched(out, tmp_path / "names.csv", Answers(), 30.0)
    assert named.confusion.species == (COMMON, RARE, "empty")
    assert named.confusion.photos[2].tolist() == [0, 2, 0, 0, 0, 0, 0]
    seen = surveyed_world(named, ecosystem)
    assert seen.empty
    assert seen.exposure[0, :, 2] == pytest.approx(np.full(40, 2.5))
    assert seen.species == (0, 1)
    with pytest.raises(BadSetting, match="photos are to be expected"):
        watch(ecosystem, tmp_path / "d", replace(SMALL, false_day=500.0), {})


def test_a_photo_of_nothing_shows_nothing() -> None:
    cast = Cast.of([COMMON], ["Mammalia"], draw_tree(DrawSettings(species=24)))
    organism, how = shot(cast, Moment(NOBODY, 0, 0.0, 0.0, BEGAN.replace(hour=2), "photo 3"), 1)
    assert organism is None
    assert (how.subject, how.style) == ("empty", "camera trap infrared")
    other = shot(cast, Moment(NOBODY, 0, 0.0, 0.0, BEGAN.replace(hour=2), "photo 4"), 1)[1]
    assert other.seed != how.seed


def test_answers_that_are_none(world: Path, tmp_path: Path) -> None:
    with pytest.raises(BadData, match="these have no row"):
        read_watched(world, answered(world, tmp_path / "few.csv", 3), Answers(), 30.0)
    table = pl.read_csv(answered(world, tmp_path / "all.csv"))
    table.filter(~pl.col("file_name").str.contains("held_out")).write_csv(tmp_path / "photos.csv")
    with pytest.raises(BadData, match="name both folders"):
        read_watched(world, tmp_path / "photos.csv", Answers(), 30.0)
    table.drop("none").write_csv(tmp_path / "bare.csv")
    with pytest.raises(BadData, match="lacks columns"):
        read_answers(tmp_path / "bare.csv", Answers(), ("photos",))
    with pytest.raises(BadData, match="JSON Lines"):
        read_answers(tmp_path / "names.jsonl", Answers(), ("photos",))
    with pytest.raises(Missing):
        read_watched(tmp_path, tmp_path / "all.csv", Answers(), 30.0)
    with pytest.raises(BadSetting, match="from 0 to sure"):
        Answers(0.3, 0.8)
