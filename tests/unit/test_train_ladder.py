"""A data ladder: nested shares of the training images, a model each, and what came out."""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from PIL import Image

from merian.cli.main import run
from merian.core import store
from merian.core.errors import BadSetting
from merian.core.report import Report
from merian.core.settings import load
from merian.core.tables import CATALOG, Catalog, conform
from merian.core.tree import RANKS, Tree
from merian.explore.ladder import climbed
from merian.train import TrainSettings
from merian.train.ladder import climb, rungs, shares
from merian.train.subset import thinned

COLOURS = {"Rubus ruber": (220, 40, 40), "Viridis viridis": (40, 200, 40), "Azureus azureus": (40, 40, 220)}
TINY = {
    "image_size": 32,
    "width": 32,
    "layers": 1,
    "head": 16,
    "text_width": 32,
    "text_layers": 1,
    "dim": 16,
    "vocabulary": 300,
    "batch": 12,
    "epochs": 3,
    "colour": 0.0,
    "lr": 0.003,
    "threads": 1,
    "onnx": False,
}
IMAGES = 96


@pytest.fixture(scope="module")
def catalog(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """96 images of three colours, two in a group; every sixth is for validation."""
    folder = tmp_path_factory.mktemp("ladder") / "catalog"
    work = store.begin(folder, "catalog", 1, {}, {})
    above = ("Plantae", "Tracheophyta", "Magnoliopsida", "Rosales", "Rosaceae")
    tree = Tree.from_lineages(
        pl.DataFrame([(*above, n.split()[0], n) for n in COLOURS], schema=list(RANKS), orient="row")
    )
    rng = np.random.default_rng(0)
    data = []
    for k in range(IMAGES):
        noisy = np.array(list(COLOURS.values())[k // 2 % 3]) + rng.normal(0, 20, (40, 40, 3))
        stream = io.BytesIO()
        Image.fromarray(noisy.clip(0, 255).astype(np.uint8)).save(stream, "JPEG")
        data.append(stream.getvalue())
    sizes = np.array([len(d) for d in data])
    (folder / "shards").mkdir()
    (folder / "shards" / "shard-00000.tar").write_bytes(b"".join(data))
    frame = pl.DataFrame(
        {
            "id": [f"i{k}" for k in range(IMAGES)],
            "taxon": [tree.find(list(COLOURS)[k // 2 % 3]) for k in range(IMAGES)],
            "group": [f"g{k // 2}" for k in range(IMAGES)],
            "split": ["val" if k // 2 % 6 == k // 6 % 6 else "train" for k in range(IMAGES)],
            "shard": 0,
            "offset": np.concatenate([[0], sizes.cumsum()[:-1]]),
            "size": sizes,
        }
    )
    conform(frame, CATALOG).write_parquet(folder / "catalog.parquet")
    tree.save(folder / "tree.parquet")
    work.finish()
    return folder


def settings(**changes: object) -> TrainSettings:
    return load(TrainSettings, None, TINY | changes)


def test_shares_are_read_smallest_first() -> None:
    assert list(shares("100%, 0.5%,25%").items()) == [("0.5%", 0.005), ("25%", 0.25), ("100%", 1.0)]


@pytest.mark.parametrize("text", ["", "5", "0%", "101%", "five%", "5%,,10%"])
def test_what_is_no_list_of_shares_is_refused(text: str) -> None:
    with pytest.raises(BadSetting, match="ladder"):
        shares(text)


def test_a_larger_share_holds_every_smaller_one_in_whole_groups(catalog: Path) -> None:
    source = Catalog.open(catalog)
    before: set[str] = set()
    groups = source.kept("train").group_by("group").agg("id")
    for share in (0.1, 0.3, 0.7, 1.0):
        part = thinned(source, share, 0)
        now = set(part.kept("train")["id"])
        assert before <= now
        for ids in groups["id"]:
            assert set(ids) <= now or not set(ids) & now
        assert part.kept("val").equals(source.kept("val"))
        before = now
    assert before == set(source.kept("train")["id"])
    assert set(thinned(source, 0.5, 0).kept("train")["id"]) != set(thinned(source, 0.5, 1).kept("train")["id"])


def test_a_share_is_about_as_large_as_asked() -> None:
    names = [f"g{k}" for k in range(4000)]
    frame = pl.DataFrame({"id": names, "group": names, "split": "train"})
    source = Catalog(
        Path(), conform(frame, CATALOG), Tree.from_lineages(pl.DataFrame(schema=dict.fromkeys(RANKS, pl.String))), ""
    )
    for share in (0.05, 0.25, 0.6):
        found = len(thinned(source, share, 3).frame) / len(names)
        assert abs(found - share) < 4 * (share * (1 - share) / len(names)) ** 0.5


def test_equal_steps_give_small_steps_more_passes(catalog: Path) -> None:
    source = Catalog.open(catalog)
    steps = shares("30%,100%")
    same = rungs(source, steps, settings())
    assert [r.settings.epochs for r in same] == [3, 3]
    equal = rungs(source, steps, settings(), "steps")
    assert equal[-1].settings == settings()
    per_pass = [max(1, r.images // 12) for r in equal]
    made = [p * r.settings.epochs for p, r in zip(per_pass, equal, strict=True)]
    assert made[1] <= made[0] < made[1] + per_pass[0]
    assert equal[0].settings.epochs > 3


def test_a_step_with_too_little_is_named_before_any_training(catalog: Path, tmp_path: Path) -> None:
    with pytest.raises(BadSetting, match=r"0\.01%.*at least 2"):
        climb(catalog, tmp_path / "out", settings(), shares("0.01%,100%"))
    assert not (tmp_path / "out").exists()


@pytest.fixture(scope="module")
def ladder(catalog: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("climb") / "out"
    climb(catalog, out, settings(epochs=6), shares("30%,100%"))
    return out


def test_every_step_is_a_model_and_the_report_tells_of_it(catalog: Path, ladder: Path) -> None:
    report = Report.load(ladder / "ladder.json")
    table = pl.read_csv(ladder / "ladder.csv")
    assert table["step"].to_list() == ["30%", "100%"]
    train = Catalog.open(catalog).kept("train")
    assert report["100%.images"].value == len(train) == table["images"][1]
    assert 0 < table["images"][0] < len(train) / 2
    assert report["100%.species"].value == 3
    for step in ("30%", "100%"):
        store.read(ladder / step, "model")
        lines = [json.loads(line) for line in (ladder / step / "metrics.jsonl").read_text().splitlines()]
        assert report[f"{step}.steps"].value == len(lines)
        assert np.isclose(report[f"{step}.loss"].value, np.mean([line["loss"] for line in lines[-20:]]))
    assert report["100%.val_accuracy"].value > 0.9
    assert table["val_accuracy"].to_list() == [report[f"{s}.val_accuracy"].value for s in ("30%", "100%")]
    read = {number.name: number.value for number in climbed(ladder / "ladder.json")[0]}
    assert read["ladder.100%.val_accuracy"] == report["100%.val_accuracy"].value


def test_a_ladder_given_again_trains_nothing(catalog: Path, ladder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written = {p: p.stat().st_mtime_ns for p in ladder.rglob("*") if p.is_file() and p.parent != ladder}

    def never(*_: object) -> None:
        raise AssertionError("trained again")

    monkeypatch.setattr("merian.train.loop.fit", never)
    climb(catalog, ladder, settings(epochs=6), shares("30%,100%"))
    assert {p: p.stat().st_mtime_ns for p in written} == written


def test_one_command_climbs(catalog: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    toml = tmp_path / "tiny.toml"
    toml.write_text("[train]\n" + "\n".join(f"{k} = {json.dumps(v)}" for k, v in (TINY | {"epochs": 1}).items()))
    code = run(["train", str(catalog), str(tmp_path / "out"), "--ladder", "50%,100%", "--settings", str(toml)])
    assert code == 0
    assert "100%  74 images of 3 species" in capsys.readouterr().err
    assert Report.load(tmp_path / "out" / "ladder.json").settings["equal"] == "epochs"
    assert run(["train", str(catalog), str(tmp_path / "bad"), "--ladder", "half"]) == 2
