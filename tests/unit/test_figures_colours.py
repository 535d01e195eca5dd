"""Colours that all eyes tell apart, and schemes that say what they claim."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.colors import to_rgb

from merian.explore.plots.colour import (
    GREY,
    NIGHT,
    NIGHT_GREY,
    PAPER,
    PIGMENTS,
    SEEN_BY,
    clade_colours,
    oklab,
    place_colours,
    ramp_hex,
    seen,
    srgb,
)

BOUNDS = {"normal": 0.07, "protan": 0.07, "deutan": 0.07, "tritan": 0.05}
"""Least distance in Oklab between two colours of a palette; side by side, people see steps of about 0.02."""


def apart(colours: list[str], by: str) -> float:
    lab = oklab(seen(np.array([to_rgb(c) for c in colours]), by))
    gaps = np.sqrt(((lab[:, None] - lab) ** 2).sum(-1))
    return float(gaps[np.triu_indices(len(lab), 1)].min())


@pytest.mark.parametrize("by", list(BOUNDS))
@pytest.mark.parametrize("palette", [(PIGMENTS, GREY), (NIGHT, NIGHT_GREY)], ids=["day", "night"])
def test_no_two_pigments_look_alike_to_any_eyes(palette: tuple[dict[str, str], str], by: str) -> None:
    assert len(palette[0]) == 10
    assert apart([*palette[0].values(), palette[1]], by) > BOUNDS[by]


def test_a_palette_of_red_and_green_would_fail() -> None:
    red_and_green = ["#a85a3d", "#7f7a3c"]
    assert apart(red_and_green, "normal") > BOUNDS["normal"]
    assert apart(red_and_green, "deutan") < BOUNDS["deutan"]


def test_greys_look_the_same_to_all_eyes() -> None:
    greys = np.linspace(0, 1, 7)[:, None].repeat(3, 1)
    for by in SEEN_BY:
        assert np.allclose(seen(greys, by), greys, atol=2e-3), by


def test_oklab_of_known_colours_and_back() -> None:
    """White, and red as the CSS Color Module Level 4 gives it."""
    rgb = np.array([[1.0, 1, 1], [1, 0, 0], [0, 0, 0]])
    assert np.allclose(oklab(rgb)[0], [1, 0, 0], atol=1e-3)
    assert np.allclose(oklab(rgb)[1], [0.6279, 0.2249, 0.1258], atol=1e-3)
    assert np.allclose(srgb(oklab(rgb)), rgb, atol=1e-5)


def test_pigments_stand_out_from_the_paper() -> None:
    paper = oklab(np.array([to_rgb(PAPER)]))[0, 0]
    assert all(paper - oklab(np.array([to_rgb(c)]))[0, 0] > 0.2 for c in PIGMENTS.values())


def test_the_ramp_of_a_dark_page_rises_and_that_of_a_light_one_falls() -> None:
    for night, sign in ((False, -1), (True, 1)):
        light = oklab(np.array([to_rgb(c) for c in ramp_hex(9, night)]))[:, 0]
        assert (sign * np.diff(light) > 0).all()


@pytest.mark.parametrize("by", ["normal", "protan", "deutan"])
def test_places_differ_along_both_directions_for_all_common_eyes(by: str) -> None:
    lat, lon = np.meshgrid([-50.0, 0, 50], [-120.0, 0, 120], indexing="ij")
    rgb = place_colours(lat.ravel(), lon.ravel(), (-60, 60, -150, 150))
    lab = oklab(seen(rgb, by))
    gaps = np.sqrt(((lab[:, None] - lab) ** 2).sum(-1))
    assert gaps[np.triu_indices(9, 1)].min() > 0.05
    assert (np.diff(lab[:, 0].reshape(3, 3), axis=0) > 0).all(), "light is north"


def test_an_unknown_place_has_no_colour() -> None:
    rgb = place_colours(np.array([10.0, np.nan, 20]), np.array([5.0, 5, 9]))
    assert np.isnan(rgb[1]).all()
    assert np.isfinite(rgb[[0, 2]]).all()


def test_names_beyond_the_pigments_share_the_grey() -> None:
    names = [f"c{i}" for i in range(10_000)]
    assert list(clade_colours(names)) == names[:10]
