"""The page of a whole layout: what it holds, how large it gets, and what it refuses."""

from __future__ import annotations

import base64
import io
import json
import re
from typing import Any

import numpy as np
import polars as pl
import pytest
from PIL import Image

from merian.core.chance import stream
from merian.core.errors import BadData, BadSetting, Mismatch
from merian.explore.atlas_page import AtlasLook, atlas_page, embedded
from merian.explore.thumbnails import barred, chosen, far_apart, sheets, spread, square

LOOK = AtlasLook("A map", units={"beak": "mm"}, words={"life_stage": "stage of life"})


def table(n: int = 300, species: int = 40) -> pl.DataFrame:
    rng = stream(0, "atlas", n)
    of = rng.integers(species, size=n)
    sex = [["female", "male", None][i] for i in rng.integers(3, size=n)]
    columns = {
        "x": rng.standard_normal(n),
        "y": rng.standard_normal(n),
        "order": [f"Order{i % 5}" for i in of],
        "genus": [f"Genus{i // 2}" for i in of],
        "species": [f"Genus{i // 2} sp{i}" for i in of],
        "sex": sex,
        "life_stage": ["adult"] * n,
        "beak": np.where(of % 7 == 0, np.nan, of * 1.5),
        "latitude": rng.uniform(-60, 60, n),
        "longitude": rng.uniform(-170, 170, n),
    }
    return pl.DataFrame(columns)


def held(html: str) -> dict[str, Any]:
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', html, re.S)
    assert found is not None
    return dict(json.loads(found.group(1)))


def codes(column: dict[str, Any]) -> np.ndarray:
    return np.frombuffer(base64.b64decode(column["codes"]), "<u4" if column["wide"] else "<u2")


def test_the_page_holds_the_table() -> None:
    rows = table()
    data = held(atlas_page(rows, LOOK))
    by = {column["key"]: column for column in data["columns"]}
    assert list(by) == ["order", "genus", "species", "sex", "life_stage", "beak", "place"]
    assert data["first"] == "order"
    xy = np.frombuffer(base64.b64decode(data["xy"]), "<u2").reshape(-1, 2) / 32767.5 - 1
    for axis, name in enumerate("xy"):
        assert np.corrcoef(xy[:, axis], rows[name].to_numpy())[0, 1] > 0.999999
    names = [by["species"]["names"][i] for i in codes(by["species"])]
    assert names == rows["species"].to_list()
    counts = rows["order"].value_counts().sort(["count", "order"], descending=[True, False])
    assert by["order"]["names"] == counts["order"].to_list(), "commonest first"
    missing = codes(by["sex"]) == 65535
    assert missing.tolist() == rows["sex"].is_null().to_list()
    beak, number = rows["beak"].to_numpy(), by["beak"]
    told = np.frombuffer(base64.b64decode(number["values"]), "<f4")
    assert np.array_equal(told, beak.astype(np.float32), equal_nan=True), "also beyond the ends of the ramp"
    known = beak[np.isfinite(beak)]
    assert [number["low"], number["high"]] == np.quantile(known, [0.02, 0.98]).tolist()
    assert number["unit"] == "mm"
    assert by["life_stage"]["label"] == "stage of life"
    assert len(by["place"]["palette"]) == 256


def test_the_page_fetches_nothing_and_repeats_itself() -> None:
    html = atlas_page(table(), LOOK)
    assert html == atlas_page(table(), LOOK)
    outside = [
        m for m in re.findall(r"(?:src|href|url)\s*[=(]\s*[\"']?([^\"')\s>]+)", html) if re.match(r"https?:|//", m)
    ]
    assert outside == []
    assert "default-src 'none'" in html
    assert not re.search(r"https?://", html)


def test_a_name_cannot_break_out_of_the_page() -> None:
    evil = "</script><script>alert(1)</script><!-- & \u2028"
    rows = table(20).with_columns(pl.lit(evil).alias("sex"), pl.lit("b").alias("life_stage"))
    html = atlas_page(rows, AtlasLook(f"Map {evil}", evil))
    assert "<script>alert" not in html
    assert [c["names"] for c in held(html)["columns"] if c["key"] == "sex"] == [[evil]]
    assert embedded({"a": evil}).count("<") == 0


def test_a_hundred_thousand_points_take_five_megabytes() -> None:
    n = 100_000
    rng = stream(0, "large")
    rows = {"x": rng.standard_normal(n), "y": rng.standard_normal(n)}
    of = rng.integers(20_000, size=n)
    for depth, rank in enumerate(("kingdom", "phylum", "class", "order", "family", "genus", "species")):
        taxa = np.array([f"{rank.capitalize()}name{i}" for i in range(2 + 20_000 // 4 ** (6 - depth))])
        rows[rank] = taxa[of // 4 ** (6 - depth)]
    for trait in ("mass", "beak", "depth"):
        rows[trait] = rng.standard_normal(n)
    rows |= {
        "sex": np.array(["female", "male"])[of % 2],
        "latitude": rng.uniform(-60, 60, n),
        "longitude": rng.uniform(-170, 170, n),
    }
    html = atlas_page(pl.DataFrame(rows), LOOK)
    assert len(html.encode()) < 5_200_000
    assert len(held(html)["columns"]) == 12


def test_notes_are_told_but_colour_nothing() -> None:
    rows = table().with_columns(pl.Series("id", [f"i{k}" for k in range(300)]), pl.lit(7).alias("page"))
    look = AtlasLook("A map", notes=("id", "page"))
    by = {column["key"]: column for column in held(atlas_page(rows, look))["columns"]}
    assert by["id"]["kind"] == by["page"]["kind"] == "note"
    assert [by["id"]["names"][k] for k in codes(by["id"])[:2]] == ["i0", "i1"]
    assert by["page"]["names"] == ["7"]
    with pytest.raises(BadData, match="no column to colour by"):
        atlas_page(rows.select("x", "y", "id"), look)
    with pytest.raises(BadSetting, match="is no column"):
        atlas_page(rows, AtlasLook("A map", first="id", notes=("id",)))


def test_more_names_than_two_bytes_hold() -> None:
    n = 66_000
    rows = pl.DataFrame({"x": np.arange(n) * 1.0, "y": np.arange(n) % 7 * 1.0, "species": [f"s{i}" for i in range(n)]})
    column = held(atlas_page(rows, LOOK))["columns"][0]
    assert column["wide"]
    assert [column["names"][i] for i in codes(column)[:3]] == ["s0", "s1", "s2"]


@pytest.mark.parametrize(
    ("rows", "look", "error", "words"),
    [
        (table(2), LOOK, BadData, "three points"),
        (table().drop("x"), LOOK, BadData, "columns x and y"),
        (table().with_columns(pl.lit(float("nan")).alias("x")), LOOK, BadData, "no numbers"),
        (table().select("x", "y"), LOOK, BadData, "no column to colour by"),
        (table().select("x", "y", pl.lit(3.0).alias("beak")), LOOK, BadData, "no column to colour by"),
        (table(), AtlasLook("A map", first="ordr"), BadSetting, "is no column"),
    ],
)
def test_a_map_of_nothing_is_refused(rows: pl.DataFrame, look: AtlasLook, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        atlas_page(rows, look)


def picture(i: int, width: int = 40, height: int = 30) -> np.ndarray:
    return np.full((height, width, 3), [i % 256, 90, 200], np.uint8)


def test_thumbnails_stand_on_their_sheets() -> None:
    made = sheets(((7 * i, picture(i)) for i in range(600)), side=10)
    assert len(made.images) == 2
    assert made.rows.tolist() == [7 * i for i in range(600)]
    first, second = (np.asarray(Image.open(io.BytesIO(image))) for image in made.images)
    assert first.shape == (240, 240, 3)
    assert second.shape == (10, 240, 3), "the last sheet ends with its last thumbnail"
    assert abs(int(first[15, 25, 0]) - 26) < 12, "row 1, place 2: image 26"
    data = held(atlas_page(table(5000), LOOK, made))
    assert data["sheets"]["rows"][:2] == [0, 7]
    assert data["sheets"]["images"][0].startswith("data:image/jpeg;base64,")
    assert sorted(data["sheets"]["order"]) == list(range(600))
    assert (np.diff(data["sheets"]["gaps"]) <= 0).all()
    with pytest.raises(Mismatch, match="thumbnails"):
        atlas_page(table(100), LOOK, made)
    with pytest.raises(BadData, match="more than one"):
        sheets([(1, picture(1)), (1, picture(2))])
    assert sheets([]).images == ()


def test_a_square_is_the_middle_of_the_image() -> None:
    wide = np.zeros((20, 60, 3), np.uint8)
    wide[:, 20:40] = 255
    assert square(wide, 8).min() == 255
    with pytest.raises(BadData, match="bytes"):
        square(wide.astype(float), 8)


def test_a_long_image_stands_whole_between_bars() -> None:
    squashed = np.zeros((40, 40, 3), np.uint8)
    squashed[10:30, 15:25] = 255
    seen = barred(squashed, 200, 100)
    assert seen.shape == (40, 40, 3)
    assert (seen[:10] == 0).all()
    assert (seen[30:] == 0).all()
    assert seen[20, 20].tolist() == [255, 255, 255]
    assert np.flatnonzero(seen[:, 20, 0] > 127).tolist() == list(range(15, 25)), "half as high as it was squashed"
    assert np.flatnonzero(seen[20, :, 0] > 127).tolist() == list(range(15, 25))
    assert barred(squashed, 1, 1000).shape == (40, 40, 3)


def test_thumbnails_of_a_map_never_overlap() -> None:
    xy = stream(0, "spread").standard_normal((400, 2))
    rows, cells = spread(xy, 12)
    assert len(np.unique(cells, axis=0)) == len(cells)
    assert len(np.unique(rows)) == len(rows)
    assert cells.min() >= 0
    assert cells.max() < 12
    # no cell with a point is empty, and its thumbnail is the point nearest to its middle
    size = 1.08 * np.ptp(xy, axis=0).max() / 12
    origin = (xy.min(0) + xy.max(0)) / 2 - 6 * size
    own = np.floor((xy - origin) / size).astype(int)
    assert len(np.unique(own, axis=0)) == len(cells)
    for row, cell in zip(rows, cells, strict=True):
        members = np.flatnonzero((own == cell).all(1))
        off = ((xy[members] - origin - (cell + 0.5) * size) ** 2).sum(1)
        assert members[off.argmin()] == row
    with pytest.raises(BadData, match="numbers"):
        spread(np.array([[0.0, np.nan]]), 4)


def test_each_point_in_the_order_is_the_farthest_from_all_before_it() -> None:
    xy = stream(0, "apart").standard_normal((60, 2))
    order, gaps = far_apart(xy)
    assert sorted(order.tolist()) == list(range(60))
    assert np.isinf(gaps[0])
    for k in range(1, 60):
        before, left = xy[order[:k]], xy[order[k:]]
        to_all = np.abs(left[:, None] - before).max(2).min(1)
        assert gaps[k] == to_all[0] == to_all.max()
    assert far_apart(xy[:0])[0].shape == (0,)
    assert far_apart(np.zeros((5, 2)))[1][1:].tolist() == [0] * 4


@pytest.mark.parametrize("most", [0, 1, 7, 50, 399, 400, 1000])
def test_no_more_thumbnails_are_chosen_than_asked_for(most: int) -> None:
    xy = stream(0, "chosen").standard_normal((400, 2))
    rows = chosen(xy, most)
    assert len(rows) <= most
    assert len(np.unique(rows)) == len(rows)
    assert len(rows) == 400 if most >= 400 else len(rows) >= 0.5 * most
    assert len(chosen(np.zeros((30, 2)), 5)) == 1, "points on each other have one"
