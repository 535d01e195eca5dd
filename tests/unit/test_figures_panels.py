"""Orthogonality, leaves, species along an axis and accuracy by clade: what is computed for them, and that they are drawn."""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ET

import numpy as np
import polars as pl
import pytest
from matplotlib.figure import Figure
from matplotlib.transforms import BboxBase

from merian.core.chance import stream
from merian.core.errors import BadData, Mismatch
from merian.explore.health import Leaves, Telling, auroc, leaves
from merian.explore.orthogonality import panel
from merian.explore.orthogonality_page import orthogonality_page
from merian.explore.plots import charts, clade_accuracy, growth, leaf_scatter, orthogonal, orthogonality, species_axis
from merian.explore.plots import leaves as leaves_plots
from merian.explore.plots.orthogonal import projection
from merian.explore.plots.style import shortened
from merian.explore.plots.traits import regression


def stages(direction: np.ndarray, d: int = 16, n: int = 240) -> tuple[np.ndarray, list[str], list[str]]:
    """Four species whose means lie in the first two dimensions, young and old apart along `direction`."""
    rng = stream(0, "stages")
    of, old = np.arange(n) % 4, np.arange(n) // 4 % 2
    centres = np.zeros((4, d))
    centres[:, :2] = [[3, 0], [-3, 0.5], [0, 2], [0.5, -2]]
    z = centres[of] + (2.0 * old[:, None] - 1) * direction + 0.1 * rng.standard_normal((n, d))
    return z, [f"Species {s}" for s in of], ["old" if o else "young" for o in old]


def test_variation_upright_on_the_plane_has_no_rho_and_within_it_all() -> None:
    axis = np.eye(16)
    upright = panel(*stages(axis[5]), stream(1), 60)
    assert upright.rho[0] < 0.01
    assert upright.chance == 2 / 16
    assert upright.plane > 0.99
    assert upright.upright > 0.95
    assert upright.points.shape == (240, 3)
    assert np.isfinite(upright.means).all()
    assert (np.diff(upright.means[:, :, 2], axis=1) < 0).all() or (np.diff(upright.means[:, :, 2], axis=1) > 0).all()
    flat = panel(*stages(axis[0]), stream(1), 60)
    assert flat.rho[0] > 0.98
    half = panel(*stages((axis[0] + axis[5]) / np.sqrt(2)), stream(1), 60)
    assert half.rho[0] == pytest.approx(0.5, abs=0.05)
    assert half.rho[1] <= half.rho[0] <= half.rho[2]


def test_variation_in_a_direction_at_random_has_the_rho_of_chance() -> None:
    rng = stream(3)
    found = []
    for _ in range(12):
        direction = rng.standard_normal(16)
        z, species, old = stages(direction / np.linalg.norm(direction), n=48)
        found.append(panel(z, species, old, stream(1), 60).rho[0])
    assert np.mean(found) == pytest.approx(2 / 16, abs=0.08)


@pytest.mark.parametrize(
    ("species", "variants", "words"),
    [
        (["a", "b"] * 12, ["x", "y"] * 12, "too few"),
        (["a", "b", "c"] * 8, ["x"] * 24, "too few"),
        (["a", "b", "c"] * 8, ["x", "y", "z"] * 8, "nothing varies"),
    ],
)
def test_a_panel_that_means_nothing_is_refused(species: list[str], variants: list[str | None], words: str) -> None:
    with pytest.raises(BadData, match=words):
        panel(stream(0).standard_normal((24, 8)), species, variants, stream(1), 60)


def test_vectors_that_are_no_numbers_are_refused() -> None:
    z, species, old = stages(np.eye(16)[5])
    z[3, 2] = np.nan
    with pytest.raises(BadData, match="no numbers"):
        panel(z, species, old, stream(1), 60)
    with pytest.raises(BadData, match="no numbers"):
        leaves(z, [o == "old" for o in old], species, stream(1))
    with pytest.raises(Mismatch):
        panel(z, species[:-1], old, stream(1), 60)


def test_the_projection_keeps_the_upright_axis_upright_and_lengths_short() -> None:
    points = stream(0).standard_normal((50, 3))
    flat, near = projection(points)
    up, _ = projection(np.array([[0.0, 0, 1]]))
    assert up[0, 0] == pytest.approx(0)
    assert up[0, 1] > 0
    # an orthonormal change of axes: nothing is stretched
    assert np.allclose((flat**2).sum(1) + near**2, (points**2).sum(1))


def test_the_orthogonality_figure_and_its_page() -> None:
    z, species, old = stages(np.eye(16)[5])
    known = [None if i % 40 == 0 else o for i, o in enumerate(old)]
    found = panel(z, species, known, stream(1), 60)
    assert len(found.points) == 234
    svg = orthogonality(found, "Age stands upright")
    assert ET.fromstring(svg).tag.endswith("svg")
    assert svg == orthogonality(found, "Age stands upright")
    html = orthogonality_page(found, "Age stands <upright>")
    assert html == orthogonality_page(found, "Age stands <upright>")
    assert "Age stands &lt;upright&gt;" in html
    assert not re.search(r"(?:src|href)\s*=\s*[\"'](?!data:)", html)
    data = json.loads(re.search(r'<script type="application/json" id="data">(.*?)</script>', html, re.S).group(1))
    assert len(data["points"]) == 234
    assert data["names"] == sorted(data["names"], key=lambda name: -data["counts"][data["names"].index(name)])


def orchard(shift: float, n: int = 240) -> tuple[np.ndarray, list[bool], list[str]]:
    rng = stream(0, "orchard")
    crop, ill = np.arange(n) % 2, np.arange(n) // 2 % 3 > 0
    z = 3 * rng.standard_normal((2, 20))[crop] + rng.standard_normal((n, 20))
    z[:, 0] -= shift * ill
    return z, ill.tolist(), [["apple", "tomato"][c] for c in crop]


def test_sick_leaves_are_told_when_they_differ_and_not_when_they_do_not() -> None:
    told = leaves(*orchard(3), stream(1), None, 80)
    assert told.pooled is not None
    assert told.pooled[0] > 0.9
    assert told.pooled[1] <= told.pooled[0] <= told.pooled[2]
    assert [t.crop for t in told.tellings] == ["apple", "tomato"]
    assert told.health[~told.diseased].mean() > told.health[told.diseased].mean()
    nothing = leaves(*orchard(0), stream(1), None, 80)
    assert nothing.pooled is not None
    assert nothing.pooled[0] == pytest.approx(0.5, abs=0.15), "a direction fitted to the same leaves would say more"


def drawn(monkeypatch: pytest.MonkeyPatch, module: object) -> list[Figure]:
    """The figures that a module of plots makes, as objects."""
    made: list[Figure] = []
    monkeypatch.setattr(module, "svg", lambda figure, _: made.append(figure) or "<svg/>")
    return made


def keys(figure: Figure) -> tuple[list[str], list[BboxBase]]:
    """What the key of a figure says, and the places of its texts in pixels."""
    figure.canvas.draw()
    (legend,) = figure.legends
    return [t.get_text() for t in legend.get_texts()], [t.get_window_extent() for t in legend.get_texts()]


@pytest.mark.parametrize("count", [2, 7, 10, 14])
def test_the_key_of_many_crops_stays_inside_the_figure_and_off_the_caption(
    count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    crops = [f"Cucurbita cultivata{'x' * 9}{k}" for k in range(count)]
    rng, n = stream(0, "crops"), 40 * count
    of, ill = np.arange(n) % count, rng.random(n) < 0.5
    tellings = tuple(Telling(crop, (0.8, 0.7, 0.9), 20, 20) for crop in crops)
    found = Leaves(rng.standard_normal(n), rng.standard_normal(n), ill, tuple(crops[c] for c in of), tellings, None)
    made = drawn(monkeypatch, leaves_plots)
    leaf_scatter(found, "Leaves")
    told, boxes = keys(made[0])
    assert len(told) == min(count, 10) + (count > 10) + 2
    caption = made[0].texts[-1].get_window_extent()
    assert min(box.y0 for box in boxes) > caption.y1
    assert max(box.x1 for box in boxes) < made[0].bbox.width


def test_long_names_of_species_stay_inside_the_figure(monkeypatch: pytest.MonkeyPatch) -> None:
    z, species, old = stages(np.eye(16)[5])
    long = {s: f"Macropus fuliginosus melanops {s}" for s in set(species)}
    made = drawn(monkeypatch, orthogonal)
    orthogonality(panel(z, [long[s] for s in species], old, stream(1), 60), "Age")
    told, boxes = keys(made[0])
    assert max(box.x1 for box in boxes) < made[0].bbox.width
    assert len(set(told)) == len(told), "names that would be alike when they are cut stay as they are"


def test_names_are_shortened_only_as_far_as_they_stay_apart() -> None:
    assert shortened(["Parus major", "Pica pica"], 12) == ["Parus major", "Pica pica"]
    assert shortened(["Parus major", "Coccothraustes coccothraustes"], 20) == ["P. major", "C. coccothraustes"]
    alike = ["Alpha magnifica", "Arca magnifica", "Pica pica"]
    assert shortened(alike, 12) == ["Alpha magni…", "Arca magnif…", "Pica pica"], "two would be A. magnifica"
    assert shortened(["Alpha magnifica1", "Alpha magnifica2"], 10) == ["A. ma…ica1", "A. ma…ica2"]
    middle = [f"{'a' * 20}{k}{'b' * 20}" for k in range(2)]
    assert shortened(middle, 10) == middle


@pytest.mark.parametrize("count", [1, 4, 13])
def test_the_key_of_lines_stands_below_them_and_ticks_are_what_they_stand_for(
    count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    places = np.array([0.01, 0.07, 1200])
    lines = {f"sex: female | male, in species never seen {k}": (places, np.full(3, k / 20)) for k in range(count)}
    made = drawn(monkeypatch, charts)
    growth(lines, "Along the series", "temperature", "")
    told, boxes = keys(made[0])
    (axes,) = made[0].axes
    assert [t.get_text() for t in axes.get_xticklabels()] == ["0.01", "0.07", "1,200"]
    assert len(axes.lines) == len(told) == count
    assert len({(line.get_color(), line.get_marker()) for line in axes.lines}) == count
    assert max(box.y1 for box in boxes) < axes.get_window_extent().y0
    assert max(box.x1 for box in boxes) < made[0].bbox.width


def test_leaves_of_one_state_have_no_auroc() -> None:
    z, ill, crops = orchard(3)
    crops[:4] = ["olive"] * 4
    ill[:4] = [True] * 4
    found = leaves(z, ill, crops, stream(1), None, 80)
    assert {t.crop: t.auroc is None for t in found.tellings} == {"apple": False, "olive": True, "tomato": False}
    assert ET.fromstring(leaf_scatter(found, "Leaves")).tag.endswith("svg")
    assert leaf_scatter(found, "Leaves") == leaf_scatter(found, "Leaves")
    with pytest.raises(BadData, match="no crop has 10 groups"):
        leaves(z, [True] * len(z), crops, stream(1))


def test_groups_are_not_divided_between_folds() -> None:
    """Twins in one group cannot vouch for each other: nothing is told of copies that share only their noise."""
    rng = stream(0, "twins")
    once = rng.standard_normal((40, 200))
    z = np.repeat(once, 6, 0)
    ill = np.repeat(rng.random(40) < 0.5, 6).tolist()
    groups = [str(g) for g in np.repeat(np.arange(40), 6)]
    with_groups, without = (leaves(z, ill, ["apple"] * 240, stream(1), g, 80) for g in (groups, None))
    assert with_groups.pooled is not None
    assert without.pooled is not None
    assert without.pooled[0] > 0.95
    assert with_groups.pooled[0] < 0.8


def test_auroc_by_hand() -> None:
    assert auroc(np.array([3.0, 4]), np.array([1.0, 2])) == 1
    assert auroc(np.array([1.0, 2]), np.array([1.0, 2])) == 0.5
    assert auroc(np.array([2.0]), np.array([1.0, 3, 2])) == 0.5


def test_the_line_and_its_band_by_hand() -> None:
    """Anscombe's first set: slope 0.5001, intercept 3.0001, R2 0.6665 (The American Statistician 27:17, 1973)."""
    x = np.array([10.0, 8, 13, 9, 11, 14, 6, 4, 12, 7, 5])
    y = np.array([8.04, 6.95, 7.58, 8.81, 8.33, 9.96, 7.24, 4.26, 10.84, 4.82, 5.68])
    line = regression(x, y)
    assert line is not None
    assert (line.slope, line.intercept, line.r2) == pytest.approx((0.5001, 3.0001, 0.6665), abs=1e-4)
    assert (line.low, line.high) == pytest.approx((0.2333, 0.7668), abs=1e-3)
    low, high = line.band(np.array([9.0]))
    assert (high - low)[0] / 2 == pytest.approx(2.2622 * 1.2366 / np.sqrt(11), abs=1e-3)
    assert regression(x[:3], y[:3]) is None
    assert regression(np.ones(9), y[:9]) is None


def finches(n: int = 15) -> pl.DataFrame:
    rng = stream(0, "finches")
    axis = rng.standard_normal(n)
    value = 12 + 3 * axis + 0.5 * rng.standard_normal(n)
    names = [f"Geospiza species{i}" for i in range(n)]
    return pl.DataFrame({"species": names, "axis": axis, "other": rng.standard_normal(n), "value": [*value[:-1], None]})


def test_species_along_an_axis_are_drawn_with_and_without_pictures() -> None:
    picture = np.full((8, 8, 4), 90, np.uint8)
    for images in ({}, {"Geospiza species3": picture}):
        svg = species_axis(finches(), "Finches", images=images)
        assert ET.fromstring(svg).tag.endswith("svg")
        assert svg == species_axis(finches(), "Finches", images=images)
    assert "<image" in species_axis(finches(), "Finches", images={"Geospiza species3": picture})
    unknown = finches().with_columns(pl.lit(float("nan")).alias("value"))
    assert "<svg" in species_axis(unknown, "Nothing is measured")


@pytest.mark.parametrize(
    ("table", "words"),
    [
        (finches().drop("other"), "other"),
        (finches(2), "2 species"),
        (pl.concat([finches(), finches()[:1]]), "each once"),
    ],
)
def test_an_axis_without_species_is_refused(table: pl.DataFrame, words: str) -> None:
    with pytest.raises(BadData, match=words):
        species_axis(table, "Finches")


def clades(n: int) -> pl.DataFrame:
    rng = stream(0, "clades")
    value = rng.random(n)
    table = {"clade": [f"Clade{i}" for i in range(n)], "n": rng.integers(1, 900, n), "value": value}
    return pl.DataFrame({**table, "low": value - 0.1, "high": value + 0.1}).with_columns(
        pl.col("low", "high").clip(0, 1)
    )


@pytest.mark.parametrize("n", [1, 12, 10_000])
def test_accuracy_by_clade_is_drawn_whatever_the_number(n: int) -> None:
    svg = clade_accuracy(clades(n), "By clade", chance=0.01)
    assert ET.fromstring(svg).tag.endswith("svg")
    height = float(re.search(r'height="([\d.]+)pt"', svg).group(1)) / 72 * 25.4
    assert height < 297, "fits a page of A4"


def test_clades_without_a_value_are_left_out_and_no_value_at_all_is_refused() -> None:
    table = clades(4).with_columns(pl.when(pl.col("clade") == "Clade1").then(None).otherwise("value").alias("value"))
    assert "<svg" in clade_accuracy(table, "By clade")
    with pytest.raises(BadData, match="none of 4"):
        clade_accuracy(table.with_columns(pl.lit(None).alias("value")), "By clade")
    with pytest.raises(BadData, match="shares"):
        clade_accuracy(table.with_columns(pl.col("value") * 50), "By clade")
    with pytest.raises(BadData, match="more than one row"):
        clade_accuracy(pl.concat([table, table]), "By clade")
    with pytest.raises(BadData, match="needs the columns"):
        clade_accuracy(table.drop("n"), "By clade")
