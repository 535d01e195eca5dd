"""Curating from end to end: each aid does what it says to the rows and to the bytes, a stage that is killed is gone on with, and no row is lost."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from badserver import BadServer
from badserver import image as served
from PIL import Image, ImageDraw

from merian.core.settings import load
from merian.core.tables import Catalog
from merian.curate import compare, vectors
from merian.curate.compare import Compare
from merian.curate.download import DownloadSettings, download
from merian.curate.look import Look, looked, part, sketches
from merian.curate.pack import Pack
from merian.curate.run import curate
from merian.curate.runner import LocalRunner, Stage
from merian.curate.settings import Aids, CurateSettings
from merian.curate.sources import open_source
from merian.curate.vectors import Embed

WIDTH, HEIGHT = 240, 160
ONE = LocalRunner(1)


@pytest.fixture(autouse=True)
def _cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MERIAN_CACHE", str(tmp_path / "cache"))


def with_(**asked: object) -> CurateSettings:
    return load(CurateSettings, None, {"min_sharpness": 0.0} | asked)


def picture(seed: int, width: int = WIDTH, height: int = HEIGHT) -> Image.Image:
    """A colourful picture with detail at three scales that no other seed gives; another size is the same picture, larger or smaller."""
    rng = np.random.default_rng(seed)
    whole = np.zeros((HEIGHT, WIDTH, 3))
    for grid, weight in ((4, 0.6), (12, 0.3), (40, 0.1)):
        coarse = Image.fromarray(rng.integers(0, 255, (grid, grid, 3), np.uint8))
        whole += weight * np.asarray(coarse.resize((WIDTH, HEIGHT), Image.Resampling.BICUBIC), np.float64)
    made = Image.fromarray(whole.astype(np.uint8))
    return made if (width, height) == made.size else made.resize((width, height), Image.Resampling.LANCZOS)


def table(folder: Path, rows: Sequence[Mapping[str, Any]], name: str = "photos.csv") -> Path:
    """A table of photos in `folder`; a photo is drawn for each path that is not there yet."""
    folder.mkdir(parents=True, exist_ok=True)
    for k, row in enumerate(rows):
        file = folder / row["path"]
        if not file.exists():
            picture(k).save(file)
    pl.DataFrame(rows).write_csv(folder / name)
    return folder / name


def detections(path: Path, seen: Mapping[str, Sequence[tuple[str, float, list[float]]]]) -> Path:
    """MegaDetector's file: image -> (category, confidence, box)."""
    images = [
        {"file": file, "detections": [{"category": c, "conf": p, "bbox": box} for c, p, box in found]}
        for file, found in seen.items()
    ]
    said = {"images": images, "detection_categories": {"1": "animal", "2": "person"}, "info": {"detector": "made up"}}
    path.write_text(json.dumps(said))
    return path


def contents(folder: Path) -> dict[str, str]:
    """Path -> hash of every file but the manifest, which holds the command."""
    files = (p for p in sorted(folder.rglob("*")) if p.is_file() and p.name != "manifest.json")
    return {p.relative_to(folder).as_posix(): hashlib.sha256(p.read_bytes()).hexdigest() for p in files}


def by_path(made: Catalog) -> dict[str, dict[str, Any]]:
    return {row["path"]: row for row in made.frame.iter_rows(named=True)}


def pixels(data: bytes) -> np.ndarray[Any, np.dtype[np.float64]]:
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"), np.float64)


FOUR = [{"path": f"{k}.png", "species": "Pica pica", "id": f"i{k}"} for k in range(4)]
SEEN: dict[str, list[tuple[str, float, list[float]]]] = {
    "0.png": [("1", 0.9, [0.25, 0.25, 0.5, 0.5]), ("1", 0.5, [0.0, 0.0, 0.25, 0.25]), ("1", 0.1, [0.7, 0.7, 0.2, 0.2])],
    "1.png": [("1", 0.9, [0.5, 0.5, 0.5, 0.5]), ("2", 0.8, [0.0, 0.0, 0.25, 0.5])],
    "2.png": [("1", 0.05, [0.1, 0.1, 0.1, 0.1])],
}
"""Two animals and a shadow; an animal and a person; nothing; and 3.png was never looked at."""


def test_each_animal_becomes_a_sample_of_its_own(tmp_path: Path) -> None:
    source = table(tmp_path / "photos", FOUR)
    aids = Aids(detections=detections(tmp_path / "md.json", SEEN))
    made = curate(source, tmp_path / "out", with_(animals="crop", crop_margin=0.0, people="keep"), aids, runner=ONE)
    rows = made.kept()
    assert rows.select("id", "box", "width", "height", "altered").rows() == [
        ("i0#1", "0.25,0.25,0.5,0.5", 120, 80, "cropped"),
        ("i0#2", "0.0,0.0,0.25,0.25", 60, 40, "cropped"),
        ("i1#1", "0.5,0.5,0.5,0.5", 120, 80, "cropped"),
        ("i3", None, WIDTH, HEIGHT, None),
    ]
    assert dict(made.frame.filter(pl.col("reason").is_not_null()).select("id", "reason").rows()) == {
        "i2": "no animal found"
    }
    packed = list(made.images(rows))
    whole = np.asarray(picture(0), np.float64)
    assert np.abs(pixels(packed[0]) - whole[40:120, 60:180]).mean() < 4
    assert np.abs(pixels(packed[1]) - whole[:40, :60]).mean() < 4
    assert packed[3] == (source.parent / "3.png").read_bytes()
    assert [hashlib.sha256(data).hexdigest() for data in packed] == rows["hash"].to_list()
    # what one photo shows stays in one split
    assert rows["group"].to_list() == ["i0#1", "i0#1", "i1#1", "i3"]


def test_people_are_blurred_in_the_packed_bytes_or_their_photos_refused(tmp_path: Path) -> None:
    source = table(tmp_path / "photos", FOUR)
    aids = Aids(detections=detections(tmp_path / "md.json", SEEN))
    made = curate(source, tmp_path / "blur", with_(animals="keep", people="blur"), aids, runner=ONE)
    assert len(made.kept()) == 4
    rows = made.kept().filter(pl.col("altered").is_not_null())
    assert rows.select("id", "altered", "width", "height").rows() == [("i1", "people blurred", WIDTH, HEIGHT)]
    shown, whole = pixels(next(iter(made.images(rows)))), np.asarray(picture(1), np.float64)
    person, rest = np.s_[10:70, 10:50], np.s_[10:150, 80:230]

    def detail(pixels_: np.ndarray[Any, np.dtype[np.float64]]) -> float:
        return float(np.abs(np.diff(pixels_, axis=0)).mean())

    assert detail(shown[person]) < 0.5 * detail(whole[person])
    assert np.abs(shown[rest] - whole[rest]).mean() < 4
    for k in (0, 2, 3):
        assert (
            next(iter(made.images(made.kept().filter(pl.col("id") == f"i{k}"))))
            == (source.parent / f"{k}.png").read_bytes()
        )

    dropped = curate(source, tmp_path / "drop", with_(animals="keep"), aids, runner=ONE)
    assert dict(dropped.frame.select("id", "reason").rows()) == {"i0": None, "i1": "person", "i2": None, "i3": None}
    both = curate(source, tmp_path / "both", with_(animals="crop", people="blur"), aids, runner=ONE)
    assert dict(both.kept().select("id", "altered").rows())["i1#1"] == "people blurred, cropped"


def line_drawing(seed: int) -> Image.Image:
    """Thin black lines on white."""
    rng = np.random.default_rng(seed)
    made = Image.new("RGB", (WIDTH, HEIGHT), "white")
    pen = ImageDraw.Draw(made)
    for _ in range(25):
        pen.line([tuple(xy) for xy in rng.integers(0, HEIGHT, (2, 2)).tolist()], fill="black", width=2)
    return made


def examples(folder: Path) -> Path:
    """Six line drawings to refuse and six pictures to keep."""
    for kind, draw in {"drawing": line_drawing, "keep-photos": picture}.items():
        (folder / kind).mkdir(parents=True)
        for k in range(6):
            draw(500 + k).save(folder / kind / f"{k}.png")
    (folder / "drawing" / "notes.txt").write_text("not an image")
    return folder


def test_examples_teach_what_to_refuse(tmp_path: Path) -> None:
    folder = tmp_path / "photos"
    folder.mkdir()
    rows = [{"path": f"{k}.png", "species": "Pica pica"} for k in range(8)]
    for k in (2, 5):
        line_drawing(k).save(folder / f"{k}.png")
    made = curate(
        table(folder, rows), tmp_path / "out", with_(), Aids(support=examples(tmp_path / "kinds")), runner=ONE
    )
    assert {k for k, row in by_path(made).items() if row["reason"] == "drawing"} == {"2.png", "5.png"}
    assert len(made.kept()) == 6
    assert "notes.txt" in (made.path / "refused_examples.csv").read_text()


def test_of_near_duplicates_the_largest_stays_and_the_cluster_names_it(tmp_path: Path) -> None:
    folder = tmp_path / "photos"
    folder.mkdir()
    picture(0).save(folder / "0.png")
    picture(0, 2 * WIDTH, 2 * HEIGHT).save(folder / "1.jpg", quality=70)
    picture(0, WIDTH // 2, HEIGHT // 2).save(folder / "2.jpg", quality=60)
    files = ["0.png", "1.jpg", "2.jpg", "3.png", "4.png"]
    source = table(folder, [{"path": f, "id": f, "species": "Pica pica"} for f in files])
    made = curate(source, tmp_path / "out", with_(), runner=ONE)
    told = {f: (row["reason"], row["cluster"]) for f, row in by_path(made).items()}
    assert told == {
        "0.png": ("near duplicate", "1.jpg"),
        "1.jpg": (None, "1.jpg"),
        "2.jpg": ("near duplicate", "1.jpg"),
        "3.png": (None, None),
        "4.png": (None, None),
    }
    assert len({by_path(made)[f]["group"] for f in files[:3]}) == 1
    off = curate(source, tmp_path / "off", with_(near_difference=0.0), runner=ONE)
    assert len(off.kept()) == 5
    assert off.frame["cluster"].null_count() == 5


def test_likeness_of_embeddings_refuses_too(tmp_path: Path) -> None:
    folder = tmp_path / "photos"
    folder.mkdir()
    picture(0).save(folder / "0.png")
    picture(0).save(folder / "1.jpg", quality=80)
    files = ["0.png", "1.jpg", "2.png", "3.png"]
    rows = [{"path": file, "id": f"i{k}", "species": "Pica pica"} for k, file in enumerate(files)]
    made = curate(table(folder, rows), tmp_path / "out", with_(near_cosine=0.99, near_difference=0.0), runner=ONE)
    told = {row["id"]: (row["reason"], row["cluster"]) for row in made.frame.iter_rows(named=True)}
    assert told["i1"] == ("near duplicate by embedding", "i0")
    assert [told[i][0] for i in ("i0", "i2", "i3")] == [None] * 3


def test_licences_that_are_not_allowed_are_refused(tmp_path: Path) -> None:
    given = ["http://creativecommons.org/licenses/by/4.0/", "CC-BY-NC 4.0", None, "© the museum", "CC0_1_0"]
    rows = [{"path": f"{k}.png", "id": f"i{k}", "species": "Pica pica", "licence": x} for k, x in enumerate(given)]
    made = curate(table(tmp_path / "photos", rows), tmp_path / "out", with_(licences="open"), runner=ONE)
    assert made.kept()["id"].to_list() == ["i0", "i4"]
    assert dict(made.refused().rows()) == {"licence not allowed": 3}


def test_the_cap_holds_in_training_and_the_rare_are_kept_out(tmp_path: Path) -> None:
    names = ["Pica pica"] * 12 + ["Pica hudsonia"] * 3 + ["Pica nuttalli"] * 4
    rows = [{"path": f"{k}.png", "id": f"i{k}", "species": name} for k, name in enumerate(names)]
    (tmp_path / "rare.txt").write_text("# red list\nPica nuttalli\nPica serica\n")
    aids = Aids(rare=tmp_path / "rare.txt")
    made = curate(
        table(tmp_path / "photos", rows), tmp_path / "out", with_(cap=2, near_difference=0.0), aids, runner=ONE
    )
    kept = made.kept().with_columns(name=pl.col("verbatim_name"))
    counts = dict(kept.filter(split="train").group_by("name").len().rows())
    assert counts == {"Pica pica": 2, "Pica hudsonia": 2} or counts == {"Pica pica": 2, "Pica hudsonia": 1}
    assert set(kept.filter(split="rare")["name"]) == {"Pica nuttalli"}
    assert set(kept.filter(name="Pica nuttalli")["split"]) == {"rare"}
    over = made.frame.filter(reason="over the cap")
    assert len(over) == 19 - len(kept) > 0
    assert over["split"].null_count() == over["shard"].null_count() == len(over)
    assert any("1 of the 2 rare species" in remark for remark in made.provenance.remarks)


TAXA = """taxonID,parentNameUsageID,acceptedNameUsageID,scientificName,scientificNameAuthorship,taxonRank,taxonomicStatus
1,,,Animalia,,kingdom,accepted
2,1,,Chordata,,phylum,accepted
3,2,,Mammalia,,class,accepted
4,3,,Carnivora,,order,accepted
5,4,,Felidae,"Fischer, 1817",family,accepted
6,5,,Puma,"Jardine, 1834",genus,accepted
7,6,,Puma concolor,"(Linnaeus, 1771)",species,accepted
8,,7,Felis concolor,"Linnaeus, 1771",species,synonym
"""


def test_names_are_resolved_and_the_catalog_says_how(tmp_path: Path) -> None:
    (tmp_path / "taxon.csv").write_text(TAXA)
    written = {
        "Puma concolor": ("accepted", "Puma concolor"),
        "Felis concolor Linnaeus, 1771": ("synonym", "Puma concolor"),
        "Puma concollor": ("typo, supported", "Puma concolor"),
        "Puma sp.": ("qualified", "Puma"),
        "Puma yagouaroundi": ("its genus", "Puma"),
        "Xylocopa violacea": ("given rank", "Animalia"),
        "rock": (None, None),
    }
    rows = [
        {"path": f"{k}.png", "id": text, "scientificName": text, "kingdom": "Animalia" if text != "rock" else None}
        for k, text in enumerate(written)
    ]
    made = curate(
        table(tmp_path / "photos", rows), tmp_path / "out", with_(), Aids(taxa=tmp_path / "taxon.csv"), runner=ONE
    )
    for row in made.frame.iter_rows(named=True):
        decision, name = written[row["id"]]
        if name is None:
            assert (row["taxon"], row["reason"]) == (-1, "taxon not in the taxonomy")
        else:
            assert (row["name_decision"], made.tree.names[row["taxon"]]) == (decision, name), row["id"]
            assert row["verbatim_name"].startswith(row["id"].split()[0])
    assert len(made.kept()) == 6
    assert "taxon.csv" in made.provenance.backbone or made.provenance.backbone


def test_rows_that_the_source_could_not_read_are_told_beside_the_catalog(tmp_path: Path) -> None:
    folder = tmp_path / "photos"
    source = table(folder, FOUR)
    source.write_text(source.read_text() + "4.png,Pica pica,i4,too,many,fields\n")
    made = curate(source, tmp_path / "out", with_(), runner=ONE)
    told = pl.read_csv(made.path / "refused_rows.csv")
    assert told.columns == ["file", "row", "reason"]
    assert told["row"].to_list() == [6]
    assert len(made.kept()) == 4


def test_a_download_is_curated_with_its_failures_as_rows(tmp_path: Path) -> None:
    quick = DownloadSettings(
        allow_private=True, rate=1000.0, backoff=0.01, attempts=2, stall_timeout=0.3, total_timeout=0.5, part_images=4
    )
    with BadServer() as server:
        paths = [*(f"/good/{k}.jpg" for k in range(6)), "/gone", "/good/0.jpg"]
        links = pl.DataFrame({"url": [server.url(p) for p in paths], "id": paths, "verbatim_name": "Pica pica"})
        links.write_parquet(tmp_path / "links.parquet")
        download(tmp_path / "links.parquet", tmp_path / "fetched", quick)
    # min_side: the server's images are small; near_difference: and alike
    made = curate(tmp_path / "fetched", tmp_path / "out", with_(min_side=16, near_difference=0.0), runner=ONE)
    assert len(made) == len(paths)
    reasons = made.frame["reason"].to_list()
    assert reasons[:7] == [None] * 6 + ["HTTP 404"]
    assert reasons[7] in ("duplicate bytes", "path listed twice")
    assert made.frame["url"].to_list() == links["url"].to_list()
    assert list(made.images(made.kept())) == [served(k) for k in range(6)]


@dataclass(frozen=True)
class KilledIn(LocalRunner):
    """A runner that is stopped in the stage `kind` after its first shard."""

    kind: type = Look

    def map(self, stage: Stage, shards: Sequence[int]) -> Iterator[tuple[int, int]]:
        for shard in shards:
            yield shard, stage(shard)
            if isinstance(stage, self.kind):
                raise KeyboardInterrupt


@pytest.mark.parametrize("kind", [Look, Embed, Compare, Pack])
def test_a_run_killed_in_any_stage_keeps_what_was_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: type
) -> None:
    monkeypatch.setattr("merian.curate.sources.files.ROWS_PER_SHARD", 4)
    monkeypatch.setattr(vectors, "ROWS", 4)
    monkeypatch.setattr(compare, "BLOCK", 3)
    rows = [{"path": f"{k}.png", "id": f"i{k}", "species": "Pica pica"} for k in range(12)]
    (tmp_path / "photos").mkdir()
    for k in range(4, 8):
        picture(k, 2 * WIDTH, 2 * HEIGHT).save(tmp_path / "photos" / f"{k + 4}.png")
    source = table(tmp_path / "photos", rows)
    aids = Aids(support=examples(tmp_path / "kinds"), detections=detections(tmp_path / "md.json", SEEN))
    settings = with_(animals="crop", people="blur", near_cosine=0.999, shard_images=4)
    whole = curate(source, tmp_path / "whole", settings, aids, runner=ONE)
    assert dict(whole.refused().rows())["near duplicate"] == 4
    out = tmp_path / "out"
    with pytest.raises(KeyboardInterrupt):
        curate(source, out, settings, aids, runner=KilledIn(1, kind))
    done = [
        p
        for p in out.rglob("*")
        if p.name.startswith(("part-", "vectors-", "differences-", "shard-")) and "dealt" not in str(p)
    ]
    assert len(
        [p for p in done if p.name.startswith({Look: "part", Embed: "vec", Compare: "diff", Pack: "shard"}[kind])]
    ) in (1, 3)
    times = {p: p.stat().st_mtime_ns for p in done}
    ran: list[tuple[str, int]] = []

    class Watched(LocalRunner):
        def map(self, stage: Stage, shards: Sequence[int]) -> Iterator[tuple[int, int]]:
            ran.extend((type(stage).__name__, s) for s in shards)
            assert {p: p.stat().st_mtime_ns for p in done} == times
            yield from LocalRunner(1).map(stage, shards)

    curate(source, out, settings, aids, runner=Watched())
    assert (kind.__name__, 0) not in ran
    assert (kind.__name__, 1) in ran
    assert contents(out) == contents(tmp_path / "whole")


def test_sketches_are_read_from_the_disk_for_the_rows_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("merian.curate.sources.files.ROWS_PER_SHARD", 3)
    rows = [{"path": f"{k}.png", "species": "Pica pica"} for k in range(8)]
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "4.png").write_bytes(b"no image")
    source, folder = open_source(table(tmp_path / "photos", rows)), tmp_path / "looked"
    stage = Look(source, folder)
    for shard in range(3):
        stage(shard)
    frame = looked(folder, 3)
    assert "sketch" not in frame.columns
    assert frame["fingerprint"].null_count() == 1
    held = [s for k in range(3) for s in pl.read_parquet(part(folder, k))["sketch"].to_list()]
    for asked in ([0, 2, 3, 7], [5], [0, 1, 2, 3, 5, 6, 7], []):
        sketches(folder, 3, np.array(asked, np.int64), tmp_path / "sketches")
        assert (tmp_path / "sketches").read_bytes() == b"".join(held[k] for k in asked)
