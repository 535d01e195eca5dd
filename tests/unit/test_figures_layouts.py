"""Layouts: condensed vectors, UMAP's door, and the figures of places and thumbnails."""

from __future__ import annotations

import io
import sys
import types
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from importlib.machinery import ModuleSpec
from typing import Any

import numpy as np
import pytest
from PIL import Image

from merian.core.chance import stream
from merian.core.errors import BadData, Mismatch, MissingExtra
from merian.core.workers import cores
from merian.explore import layout as layouts
from merian.explore import plots
from merian.explore.layout import condensed, layout, principal
from merian.explore.neighbours import nearest
from merian.explore.umap import umap_layout


def clusters(n: int = 240, k: int = 4, d: int = 60) -> tuple[np.ndarray, np.ndarray]:
    rng = stream(0, "clusters")
    of = np.arange(n) % k
    z = 4 * rng.standard_normal((k, d))[of] + rng.standard_normal((n, d))
    return (z / np.linalg.norm(z, axis=1, keepdims=True)).astype(np.float32), of


def test_the_way_for_many_vectors_keeps_clusters_and_repeats_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same steps that 50,000 vectors take: components and an interpolated gradient."""
    monkeypatch.setattr(layouts, "LARGE", 100)
    monkeypatch.setattr(layouts, "MANY", 100)
    monkeypatch.setattr(layouts, "EARLY", 15)
    vectors, of = clusters()
    places = layout(vectors, perplexity=10, iterations=15)
    monkeypatch.setattr(layouts, "cores", lambda: 2 if cores() == 1 else 1)
    assert np.array_equal(places, layout(vectors, perplexity=10, iterations=15)), "the number of cores changes nothing"
    assert (of[nearest(places, 5)[0]] == of[:, None]).mean() > 0.95
    drawn = layout(vectors, perplexity=10, iterations=15, exaggeration=4)
    assert not np.array_equal(places, drawn)


def test_many_vectors_are_condensed_to_their_components(monkeypatch: pytest.MonkeyPatch) -> None:
    vectors, _ = clusters()
    assert condensed(vectors) is vectors
    monkeypatch.setattr(layouts, "LARGE", 100)
    assert condensed(vectors[:, :50]).shape == (240, 50), "no more dimensions than it keeps: left as they are"
    assert np.allclose(condensed(vectors), principal(vectors, 50), atol=1e-6)
    many = np.concatenate([vectors, vectors[::-1]])  # twice as many: by the covariance, and the same components
    assert np.allclose(principal(many, 10)[:240], principal(vectors, 10), atol=1e-6)


def test_vectors_that_are_no_numbers_are_refused() -> None:
    vectors, _ = clusters()
    vectors[5, 3] = np.nan
    for make in (layout, umap_layout):
        with pytest.raises(BadData, match="1 of 240 vectors"):
            make(vectors)


def test_umap_that_is_not_installed_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "umap", None)
    with pytest.raises(MissingExtra, match=r"umap-learn.*merian\[umap\]"):
        umap_layout(clusters()[0])
    assert np.array_equal(umap_layout(clusters()[0][:20]), principal(clusters()[0][:20])), "few need no library"


def test_umap_is_handed_what_makes_it_repeat_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    """A stand-in only looks at what it is given; that UMAP itself repeats its places is shown below, where it is installed."""
    given: dict[str, Any] = {}

    class Standin:
        def __init__(self, **options: Any) -> None:
            given.update(options)

        def fit_transform(self, data: np.ndarray) -> np.ndarray:
            given["data"] = data
            return data[:, :2]

    module = types.ModuleType("umap")
    module.UMAP = Standin
    module.__spec__ = ModuleSpec("umap", None)
    monkeypatch.setitem(sys.modules, "umap", module)
    places = umap_layout(clusters()[0], neighbours=500, seed=7)
    assert places.shape == (240, 2)
    assert given["random_state"] == 7
    assert given["n_jobs"] == 1
    assert given["n_neighbors"] == 240, "no more than there are, itself among them"
    rows, gaps = given["precomputed_knn"]
    assert rows[:, 0].tolist() == list(range(240))
    assert (np.diff(gaps, axis=1) >= 0).all()
    assert given["init"].shape == (240, 2)
    assert np.abs(given["init"]).max() == pytest.approx(10)


def test_umap_keeps_clusters_where_it_is_installed() -> None:
    pytest.importorskip("umap", reason="umap-learn is not installed")
    vectors, of = clusters()
    places = umap_layout(vectors, epochs=100)
    assert np.array_equal(places, umap_layout(vectors, epochs=100))
    assert (of[nearest(places, 5)[0]] == of[:, None]).mean() > 0.95


def test_layouts_with_places_that_are_no_numbers_are_refused() -> None:
    xy = np.array([[0.0, 1], [np.nan, 2], [3, 4]])
    with pytest.raises(BadData, match="1 of 3 places"):
        plots.by_clade(xy, ["a", "b", None], "t", "order")
    with pytest.raises(BadData, match="1 of 3 places"):
        plots.by_value(xy, np.ones(3), "t", "beak", "mm")


def test_one_class_and_ten_thousand_are_both_drawn() -> None:
    xy = stream(0).standard_normal((10_000, 2))
    assert "<svg" in plots.by_clade(xy[:9], ["Aves"] * 9, "t", "class")
    assert "<svg" in plots.by_clade(xy, [f"s{i}" for i in range(10_000)], "t", "species")


def test_places_colour_a_layout() -> None:
    rng = stream(0, "places")
    xy, lat, lon = rng.standard_normal((80, 2)), rng.uniform(-40, 60, 80), rng.uniform(-90, 90, 80)
    lat[:5] = np.nan
    svg = plots.by_place(xy, lat, lon, "Where")
    assert ET.fromstring(svg).tag.endswith("svg")
    assert svg == plots.by_place(xy, lat, lon, "Where")
    for bad in (np.full(80, np.nan), np.where(np.arange(80) < 2, 1.0, np.nan)):
        with pytest.raises(BadData, match="too few"):
            plots.by_place(xy, bad, lon, "Where")


def images(n: int) -> Iterator[tuple[int, np.ndarray]]:
    for i in range(n):
        yield i, np.full((24, 30, 3), [i % 200, 80, 160], np.uint8)


def test_a_map_of_thumbnails_is_drawn_as_svg_and_png() -> None:
    xy = stream(0, "mosaic").standard_normal((90, 2))
    clades = [["Aves", "Insecta", None][i % 3] for i in range(90)]
    svg = plots.with_thumbnails(xy, images(90), "Look-alikes", 8, clades)
    assert ET.fromstring(svg).tag.endswith("svg")
    assert svg == plots.with_thumbnails(xy, images(90), "Look-alikes", 8, clades)
    png = Image.open(io.BytesIO(plots.thumbnail_plate(xy, images(90), "Look-alikes", 8)))
    assert png.format == "PNG"
    assert png.size == (round(174 / 25.4 * 300), round(183 / 25.4 * 300))
    assert round(png.info["dpi"][0]) == 300
    with pytest.raises(BadData, match="too few"):
        plots.with_thumbnails(xy[:2], images(2), "t")
    with pytest.raises(Mismatch, match="clades"):
        plots.with_thumbnails(xy, images(90), "t", 8, clades[:4])
    assert "<svg" in plots.with_thumbnails(xy, iter(()), "No image could be read", 8)
