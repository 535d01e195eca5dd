"""`merian explore` over a made catalog whose answers are known: numbers, the map, figures, and what it refuses or leaves unsaid."""

from __future__ import annotations

import io
import json
import re
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from PIL import Image

from merian.cli.main import run as command
from merian.core import store
from merian.core.chance import stream
from merian.core.errors import BadData, BadSetting, Mismatch, Missing, MissingExtra
from merian.core.report import Report
from merian.core.tables import CATALOG, Catalog, conform
from merian.core.tree import RANKS, Tree
from merian.core.vectors import Embeddings, normalise
from merian.explore import ExploreSettings
from merian.explore.run import explore

D, SPECIES, IMAGES = 16, 12, 8
N = SPECIES * IMAGES
QUICK = ExploreSettings(iterations=50, shuffles=19, thumbnails=40, thumbnail_px=16, perplexity=8)


def lineages() -> pl.DataFrame:
    """Three families of two genera of two species, of two orders."""
    rows = []
    for s in range(SPECIES):
        above = ["Animalia", "Chordata", "Aves", f"Order{s // 8}", f"Family{s // 4}", f"Genus{s // 2}"]
        rows.append([*above, f"Genus{s // 2} sp{s}"])
    return pl.DataFrame(rows, schema=list(RANKS), orient="row")


def catalog_of(folder: Path, keep: int = N) -> Catalog:
    """Eight images of each species, in pairs of one specimen; those of the first are damaged; every second was trained on."""
    tree = Tree.from_lineages(lineages())
    species = [tree.named(name)[0] for name in lineages()["species"]]
    k = np.arange(N)
    data, offsets, sizes = io.BytesIO(), [], []
    for i in range(N):
        file = io.BytesIO()
        Image.new("RGB", (30, 24), (20 * (i // IMAGES), 90, 160)).save(file, "JPEG")
        body = b"no image" if i < IMAGES else file.getvalue()
        offsets.append(data.tell())
        sizes.append(data.write(body))
    table = {
        "id": [f"i{i:03}" for i in k],
        "source": ["made" if i % 3 else "other" for i in k],
        "path": [f"{i}.jpg" for i in k],
        "taxon": np.array(species)[k // IMAGES],
        "sex": ["female" if i % 2 else "male" for i in k],
        "width": [90 if i % 4 == 0 else None for i in k],
        "height": [24 if i % 4 == 0 else None for i in k],
        "latitude": k * 0.5,
        "longitude": 10.0 - k * 0.1,
        "group": [f"g{i // 2}" for i in k],
        "split": ["train" if i % 2 else "test" for i in k],
        "shard": [0] * N,
        "offset": offsets,
        "size": sizes,
    }
    work = store.begin(folder, "catalog", 1, {}, {"source": "made"})
    (folder / "shards").mkdir()
    (folder / "shards/shard-00000.tar").write_bytes(data.getvalue())
    with store.atomic(folder / "catalog.parquet") as file:
        conform(pl.DataFrame(table)[:keep], CATALOG).write_parquet(file)
    tree.save(folder / "tree.parquet")
    work.finish()
    return Catalog.open(folder)


def vectors_of(catalog: Catalog) -> Embeddings:
    """Beak size along axis 0, families, genera and species along others, and noise."""
    rows = catalog.kept()
    s = np.arange(N)[: len(rows)] // IMAGES
    x = 0.15 * stream(0, "vectors").standard_normal((N, D))[: len(rows)]
    x[:, 0] += beak()[s]
    for first, of, strength in ((1, s // 4, 2.0), (4, s // 2, 1.0), (10, s % 2, 0.6)):
        x[np.arange(len(rows)), first + of] += strength
    return Embeddings(rows["id"], normalise(x), "made", catalog.tree.version)


def beak() -> np.ndarray:
    return stream(0, "beak").standard_normal(SPECIES)


def traits_file(path: Path) -> Path:
    names = lineages()["species"].to_list()
    rows = [(n, "beak", f"{v:.4f}", "mm") for n, v in zip(names, beak(), strict=True)]
    rows += [(n, "rare", "1.5", "g") for n in names[:2]] + [(n, "legs", "2", "") for n in names]
    rows += [(n, "food", ["seeds", "seeds", "fruit", "insects"][s % 4], "") for s, n in enumerate(names)]
    rows += [(n, "sings", "no" if s else "yes", "") for s, n in enumerate(names[:11])]
    columns = ["scientificName", "measurementType", "measurementValue", "measurementUnit"]
    pl.DataFrame(rows, schema=columns, orient="row").write_csv(path)
    return path


def held(html: str) -> dict[str, Any]:
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', html, re.S)
    assert found is not None
    return dict(json.loads(found.group(1)))


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Catalog, Embeddings, Path, Report]:
    root = tmp_path_factory.mktemp("explored")
    catalog = catalog_of(root / "catalog")
    embeddings = vectors_of(catalog)
    settings = replace(QUICK, traits=traits_file(root / "traits.csv"))
    return catalog, embeddings, root, explore(catalog, embeddings, root / "out", settings)


def test_numbers_stand_beside_chance_with_intervals(made: tuple[Catalog, Embeddings, Path, Report]) -> None:
    report = made[3]
    genus = report["neighbours.genus"]
    assert genus.low is not None
    assert genus.low <= genus.value <= (genus.high or 0)
    # of the 94 images of other specimens 14 are of the genus
    assert report["neighbours.genus.chance"].value == pytest.approx(14 / 94)
    assert genus.value > 0.8
    assert "neighbours.kingdom" not in [n.name for n in report.numbers], "all are animals: nothing to tell"
    kept = report["layout.neighbours_kept"]
    assert kept.value > 10 / 95
    assert "chance 10.5%" in kept.note
    assert report["dendrogram.triplets"].value > 0.5
    assert report["trait.beak.rho"].value > 0.5


def test_what_cannot_be_told_is_said_and_has_no_number(made: tuple[Catalog, Embeddings, Path, Report]) -> None:
    report = made[3]
    names = [n.name for n in report.numbers]
    assert not [n for n in names if "rare" in n or "legs" in n]
    said = "\n".join(report.remarks)
    assert "rare cannot be read: known of 2 of the species, 10 are needed" in said
    assert "legs cannot be read: has the same value, 2, in all 12 species" in said
    assert "48 of 96 images are of the split train" in said
    assert re.search(r"\d images could not be read for the map", said)


def test_the_map_holds_pictures_ranks_traits_and_notes(made: tuple[Catalog, Embeddings, Path, Report]) -> None:
    catalog, _, root, _ = made
    data = held((root / "out/layout.html").read_text(encoding="utf-8"))
    by = {column["key"]: column for column in data["columns"]}
    assert list(by)[:7] == list(RANKS)
    assert {"sex", "source", "split", "trait beak", "place", "id"} <= by.keys()
    assert by["trait beak"]["kind"] == "number"
    assert by["trait beak"]["label"] == "beak"
    assert by["trait beak"]["unit"] == "mm"
    assert by["id"]["kind"] == "note"
    assert "trait legs" not in by, "one value colours nothing"
    assert by["trait food"]["names"] == ["seeds", "fruit", "insects"]
    assert by["trait sings"]["names"] == ["not yes", "yes"]
    assert data["first"] == "order"
    assert 20 <= len(data["sheets"]["rows"]) < 40
    assert min(data["sheets"]["rows"]) >= IMAGES, "damaged images have no picture"
    places = pl.read_parquet(root / "out/layout.parquet")
    assert places["id"].to_list() == catalog.kept()["id"].to_list()
    figures = {p.stem for p in (root / "out/figures").glob("*.svg")}
    assert figures == {"dendrogram", "layout_images", "layout_place", "layout_rank", "layout_trait", "trait"}
    read = pl.read_parquet(root / "out/traits.parquet")
    assert read.columns == ["trait", "unit", "taxon", "value", "predicted"]
    assert read["trait"].unique().sort().to_list() == ["beak", "food = fruit", "food = insects", "food = seeds"]


def test_a_run_is_not_repeated_and_another_is_told_apart(made: tuple[Catalog, Embeddings, Path, Report]) -> None:
    catalog, embeddings, root, report = made
    page = root / "out/layout.html"
    before = page.stat().st_mtime_ns
    settings = replace(QUICK, traits=root / "traits.csv")
    assert explore(catalog, embeddings, root / "out", settings) == report
    assert page.stat().st_mtime_ns == before
    with pytest.raises(Mismatch, match="thumbnails"):
        explore(catalog, embeddings, root / "out", replace(settings, thumbnails=0))
    traits_file(root / "other.csv").write_text((root / "traits.csv").read_text().replace("1.5", "2.5"))
    with pytest.raises(Mismatch, match="traits"):
        explore(catalog, embeddings, root / "out", replace(settings, traits=root / "other.csv"))


def test_the_same_run_writes_the_same_bytes(made: tuple[Catalog, Embeddings, Path, Report], tmp_path: Path) -> None:
    catalog, embeddings, root, _ = made
    explore(catalog, embeddings, tmp_path / "again", replace(QUICK, traits=root / "traits.csv"))
    assert store.read(tmp_path / "again").files == store.read(root / "out").files


def test_without_thumbnails_and_few_images_there_are_no_pictures(
    made: tuple[Catalog, Embeddings, Path, Report], tmp_path: Path
) -> None:
    catalog, embeddings, _, _ = made
    settings = replace(QUICK, thumbnails=0, images=40, color_by_rank="family")
    report = explore(catalog, embeddings, tmp_path / "out", settings)
    data = held((tmp_path / "out/layout.html").read_text(encoding="utf-8"))
    assert data["n"] == 40
    assert data["sheets"] is None
    assert data["first"] == "family"
    assert report["layout.neighbours_kept"].n == 40
    assert not (tmp_path / "out/figures/layout_images.svg").exists()


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        ({"trait": "beak"}, BadSetting, "give --traits"),
        ({"traits": Path("none.csv")}, Missing, "none.csv"),
        ({"ladder": Path("none.json")}, Missing, "none.json"),
    ],
)
def test_bad_settings_are_refused_before_anything_is_written(
    made: tuple[Catalog, Embeddings, Path, Report],
    tmp_path: Path,
    change: dict[str, Any],
    error: type[Exception],
    words: str,
) -> None:
    with pytest.raises(error, match=words):
        explore(made[0], made[1], tmp_path / "out", replace(QUICK, **change))
    assert not (tmp_path / "out").exists()


def test_bad_data_are_refused(made: tuple[Catalog, Embeddings, Path, Report], tmp_path: Path) -> None:
    catalog, embeddings, root, _ = made
    with pytest.raises(BadSetting, match="it has beak, food = fruit"):
        explore(catalog, embeddings, tmp_path / "out", replace(QUICK, traits=root / "traits.csv", trait="beka"))
    with pytest.raises(Mismatch, match="embed this catalog"):
        explore(catalog, Embeddings(embeddings.ids, embeddings.vectors, "made", "another"), tmp_path / "out", QUICK)
    few = catalog_of(tmp_path / "few", 2)
    with pytest.raises(BadData, match="too few to explore"):
        explore(few, vectors_of(few), tmp_path / "out", QUICK)


def test_umap_is_asked_for_before_anything_is_computed(
    made: tuple[Catalog, Embeddings, Path, Report], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "umap", None)
    with pytest.raises(MissingExtra, match=r"merian\[umap\]"):
        explore(made[0], made[1], tmp_path / "out", replace(QUICK, method="umap"))
    assert not (tmp_path / "out").exists()


def test_the_command_says_where_the_map_is(
    made: tuple[Catalog, Embeddings, Path, Report], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    catalog, embeddings, _, _ = made
    embeddings.save(tmp_path / "embeddings.parquet")
    given = [str(catalog.path), str(tmp_path / "embeddings.parquet"), str(tmp_path / "out")]
    assert command(["explore", *given, "--iterations", "50", "--thumbnails", "0", "--perplexity", "8"]) == 0
    said = " ".join(capsys.readouterr().err.split())
    assert "layout.html a map to walk through" in said
    assert "48 of 96 images are of the split train" in said
