"""General captions of drawn images: everyday words for what the picture shows, and no name."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from merian.core.chance import stream
from merian.drawn import backdrop, plans
from merian.drawn.captions import caption, captions, colour, lies_on
from merian.drawn.pigment import Pigment
from merian.drawn.shots import organism_of, plan_images, shot_of
from merian.drawn.source import image_bytes, image_path, write_source
from merian.drawn.vernacular import EPITHETS_OF_FAMILIES
from merian.drawn.world import DrawnTree, DrawSettings, draw_tree

SETTINGS = DrawSettings(species=60, images=1500, size=48, captions=True, drawings=0.03, drawers=0.02, person=0.02)
COLOURS = {"red", "orange", "yellow", "green", "blue", "purple", "pink", "brown", "tan", "turquoise", "black", "white"}


@pytest.fixture(scope="module")
def world() -> DrawnTree:
    return draw_tree(SETTINGS)


@pytest.fixture(scope="module")
def told(world: DrawnTree) -> pl.DataFrame:
    table = plan_images(world)
    return table.with_columns(captions(table, SETTINGS.seed))


def words(text: str) -> set[str]:
    return set(re.findall(r"[a-z]+", text.lower()))


def test_no_caption_holds_a_name(world: DrawnTree, told: pl.DataFrame) -> None:
    names = words(" ".join(world.taxa["scientificName"]))
    names |= {pair.split("=")[0] for pair in EPITHETS_OF_FAMILIES}
    assert len(names) > 150
    assert not words(" ".join(told["caption"])) & names


def test_some_images_share_a_caption_and_most_do_not(told: pl.DataFrame) -> None:
    counts = told["caption"].value_counts()["count"]
    alone = (counts == 1).sum() / len(told)
    assert 0.5 < alone < 0.9
    assert counts.max() >= 3


def test_a_caption_depends_on_its_record_alone(told: pl.DataFrame) -> None:
    some = told.drop("caption").reverse().head(40)
    assert captions(some, SETTINGS.seed).to_list() == told["caption"].reverse().head(40).to_list()
    assert captions(some, SETTINGS.seed + 1).to_list() != told["caption"].reverse().head(40).to_list()


def test_an_image_is_told_in_several_ways(told: pl.DataFrame) -> None:
    row = told.filter((pl.col("plan") == "beetle") & (pl.col("style") == "close-up") & (pl.col("fault") == "")).row(
        0, named=True
    )
    said = {caption(row, stream(k, "again")) for k in range(40)}
    assert len(said) > 15
    assert all("beetle" in s for s in said)


@pytest.mark.parametrize(
    ("rows", "needs"),
    [
        (pl.col("fault") == "drawing", "draw|illustration"),
        (pl.col("fault") == "museum drawer", "drawer|rows|collection"),
        (pl.col("subject") == "person", "person|hiker"),
        (pl.col("stage") == "larva", "caterpillar"),
        (pl.col("stage") == "pupa", "chrysalis"),
        ((pl.col("style") == "herbarium sheet") & (pl.col("fault") == ""), "pressed|herbarium"),
        (
            (pl.col("plan") == "bird") & (pl.col("stage") == "juvenile"),
            "young bird|label|page|drawer|birds|blank|plain",
        ),
    ],
)
def test_style_and_age_are_told(told: pl.DataFrame, rows: pl.Expr, needs: str) -> None:
    chosen = told.filter(rows & ~pl.col("fault").is_in(["blank"]))
    if needs != "draw|illustration":
        chosen = chosen.filter(
            (pl.col("fault") == "museum drawer") | ~pl.col("fault").is_in(["drawing", "label", "text page"])
        )
    assert len(chosen) >= 3
    assert [c for c in chosen["caption"] if not re.search(needs, c)] == []


def test_no_colour_is_told_of_a_picture_without(told: pl.DataFrame) -> None:
    night = told.filter((pl.col("style") == "camera trap infrared") & (pl.col("subject") == "organism"))
    assert len(night) > 20
    for said in night["caption"]:
        assert not words(said.replace("black and white photo", "")) & COLOURS


@pytest.mark.parametrize(
    ("pigment", "word"),
    [
        (Pigment(0.55, 0.15, 30), "red"),
        (Pigment(0.8, 0.14, 100), "yellow"),
        (Pigment(0.55, 0.12, 145), "green"),
        (Pigment(0.5, 0.12, 255), "blue"),
        (Pigment(0.35, 0.1, 60), "brown"),
        (Pigment(0.7, 0.05, 70), "tan"),
        (Pigment(0.2, 0.01, 0), "black"),
        (Pigment(0.9, 0.01, 0), "white"),
    ],
)
def test_everyday_words_for_colours(pigment: Pigment, word: str) -> None:
    assert colour(pigment) == word


def test_the_main_colour_is_the_one_that_is_painted(told: pl.DataFrame) -> None:
    """A good part of each body lies nearer to its own colour than to that of most others of its plan."""
    from merian.drawn.scene import pose

    clean = told.filter((pl.col("fault") == "") & (pl.col("style") == "close-up") & (pl.col("stage") == "adult"))
    for _, rows in clean.group_by("plan", maintain_order=True):
        chosen = rows.unique("tip", maintain_order=True).head(8)
        near = []
        for row in chosen.iter_rows(named=True):
            organism = organism_of(row)
            assert organism is not None
            shown = pose(shot_of(row), organism, 48).image.toarray()[..., [2, 1, 0, 3]].astype(float)
            solid = shown[shown[..., 3] > 200][:, :3]
            argb = plans.colours(organism)[0].argb()
            main = np.array([argb >> 16 & 255, argb >> 8 & 255, argb & 255], float)
            near.append((np.abs(solid - main).max(1) < 56).mean())
        assert np.median(near) > 0.15, rows["plan"][0]


def test_what_is_below_is_what_is_painted(told: pl.DataFrame, monkeypatch: pytest.MonkeyPatch) -> None:
    from merian.drawn.scene import render

    seen: list[str] = []

    def noting(name: str, paint: Callable[..., Any]) -> Callable[..., Any]:
        def painted(*args: Any, **kwargs: Any) -> Any:
            seen.append(name)
            return paint(*args, **kwargs)

        return painted

    for name in ("underwater", "underfoot", "landscape", "_leaf_surface"):
        monkeypatch.setattr(backdrop, name, noting(name, getattr(backdrop, name)))
    said = {"underwater": "water", "underfoot": "ground", "landscape": "landscape", "_leaf_surface": "leaf"}
    clean = told.filter((pl.col("fault") == "") & (pl.col("style") == "close-up"))
    met = set()
    for plan, rows in clean.group_by("plan", maintain_order=True):
        for row in rows.head(24 if plan[0] in ("beetle", "butterfly") else 2).iter_rows(named=True):
            seen.clear()
            render(shot_of(row), organism_of(row), 32)
            assert lies_on(row, row["plan"]) == said[seen[-1]]
            met.add(said[seen[-1]])
    assert met == set(said.values())


def test_the_source_has_a_caption_column_when_asked_and_the_same_images(tmp_path: Path) -> None:
    small = {"species": 8, "images": 40, "size": 32, "per_species": 2, "support": 0}
    plain, said = DrawSettings(**small), DrawSettings(**small, captions=True)
    write_source(tmp_path / "said", said, workers=1)
    occurrence = pl.read_csv(tmp_path / "said" / "occurrence.csv")
    assert occurrence["caption"].null_count() == 0
    table = plan_images(draw_tree(plain))
    assert occurrence["caption"].to_list() == captions(table, 0).to_list()
    for row in table.head(5).iter_rows(named=True):
        assert (tmp_path / "said" / image_path(row["occurrenceID"])).read_bytes() == image_bytes(row, plain)
    write_source(tmp_path / "plain", plain, workers=1)
    assert "caption" not in pl.read_csv(tmp_path / "plain" / "occurrence.csv").columns
