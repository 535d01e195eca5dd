"""The optics of species: facts with evidence, receptors computed from their peaks, acuity as blur and distance, and pictures made of them."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from merian.core.errors import BadData, BadSetting
from merian.twin.senses.eyes import FACTS, FILE, GRADES, all_eyes, eyes_of, read_eyes
from merian.twin.senses.optics import (
    LIGHTS,
    angle_of,
    blur_deg,
    degrees_across,
    passes,
    place_of,
    projection,
    sees_body_at_m,
    sees_stripes_at_m,
)
from merian.twin.senses.receptors import receptor_matrix, template, ultraviolet_share
from merian.twin.senses.seen import blurred, caught, seen, shown, to_linear, to_srgb, translation
from merian.twin.senses.spectra import VISIBLE_NM, daylight, observer, primaries, srgb_to_xyz
from merian.twin.worked import shipped

D65 = {300: 0.0341, 400: 82.7549, 450: 117.008, 500: 109.354, 560: 100.0, 600: 90.0062, 700: 71.6091, 780: 63.3828}
"""Relative power of the standard illuminant D65 (CIE 015 / ISO 11664-2)."""
PUBLISHED = {
    420: (0.082, 0.122, 0.796),
    530: (0.073, 0.676, 0.251),
    558: (0.199, 0.645, 0.156),
    428: (0.067, 0.119, 0.814),
    539: (0.104, 0.683, 0.213),
    451: (0.040, 0.183, 0.778),
    555: (0.182, 0.655, 0.163),
    452: (0.039, 0.188, 0.773),
    506: (0.029, 0.582, 0.389),
    566: (0.247, 0.613, 0.140),
    404: (0.122, 0.157, 0.721),
    498: (0.024, 0.529, 0.446),
}
"""Rows of receptors by peak, from the same template and daylight with the basis of Mallett & Yuksel 2019."""


def test_daylight_is_that_of_the_standard() -> None:
    nm = np.array(list(D65), float)
    assert daylight(nm) == pytest.approx(np.array(list(D65.values())), abs=0.05)
    white = (observer() * daylight(VISIBLE_NM)[:, None]).sum(0)
    assert white[:2] / white.sum() == pytest.approx([0.31272, 0.32903], abs=2e-4)
    assert daylight(np.array([400.0]), 10_000.0)[0] > daylight(np.array([400.0]))[0]  # the sky is bluer


def test_the_primaries_are_spectra_that_physics_allows_and_have_their_colours() -> None:
    found = primaries()
    assert found.min() >= 0
    assert found.sum(1) == pytest.approx(np.ones(81), abs=1e-9)
    light = observer() * daylight(VISIBLE_NM)[:, None]
    assert (light / light[:, 1].sum()).T @ found == pytest.approx(srgb_to_xyz(), abs=1e-8)
    assert srgb_to_xyz() == pytest.approx(
        np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]), abs=2e-4
    )


@given(st.floats(340, 600))
@settings(deadline=None, max_examples=30)
def test_a_receptor_peaks_where_it_is_said_to_and_white_is_white(peak: float) -> None:
    nm = np.arange(max(peak - 60, 300), 780.0, 0.25)
    assert abs(nm[np.argmax(template(nm, peak))] - peak) < 3.0
    for through in (0.0, 0.4, 1.0):
        rows = receptor_matrix([peak], through)
        assert rows.shape == (1, 4)
        assert rows.min() >= 0
        assert rows.sum() == pytest.approx(1.0, abs=1e-9)


def test_receptor_rows_are_the_published_ones() -> None:
    apart = {peak: np.abs(receptor_matrix([peak])[0, :3] - rows).max() for peak, rows in PUBLISHED.items()}
    assert max(apart.values()) < 0.035
    assert np.mean(list(apart.values())) < 0.01
    assert max(far for peak, far in apart.items() if peak >= 440) < 0.01


@pytest.mark.parametrize(("peak", "share"), [(371, 0.82), (344, 0.995), (359, 0.95), (404, 0.36)])
def test_ultraviolet_receptors_catch_what_no_photo_holds(peak: float, share: float) -> None:
    assert ultraviolet_share(peak) == pytest.approx(share, abs=0.005)
    assert ultraviolet_share(peak, 0.0) == 0.0
    assert receptor_matrix([peak], 1.0)[0, 3] == ultraviolet_share(peak)


def test_what_is_no_receptor_is_refused() -> None:
    with pytest.raises(BadSetting, match="peaks between"):
        receptor_matrix([200.0])
    with pytest.raises(BadSetting, match="share"):
        receptor_matrix([420.0], 1.5)


def test_the_table_has_species_of_all_kinds_and_each_fact_its_evidence() -> None:
    known = all_eyes()
    assert len([eyes for eyes in known if eyes.name != eyes.common]) >= 36
    for eyes in known:
        for name, fact in eyes.facts.items():
            assert fact.grade in GRADES
            assert fact.source
            assert name in FACTS
        assert eyes.matrix.sum(1) == pytest.approx(np.ones(len(eyes.matrix)), abs=1e-9)
        assert eyes.described()["matrix"]
    assert eyes_of("human").facts["acuity_cpd"].words == "60, measured"
    assert eyes_of("lion").facts["acuity_cpd"].words == "13 (10 to 13), taken from a relative"


@pytest.mark.parametrize("ecosystem", ["savanna", "isle-royale"])
def test_each_animal_of_the_worked_ecosystems_has_eyes(ecosystem: str) -> None:
    for name in shipped(ecosystem).facts.wanted["species"]:
        assert eyes_of(name).name == name


def test_eyes_are_found_by_any_name() -> None:
    assert eyes_of("zebra") is eyes_of("Equus quagga") is eyes_of(" Plains  zebra")
    assert eyes_of("bee") is eyes_of("Apis mellifera")
    assert eyes_of("Panthera pardus").facts["acuity_cpd"].grade == "P"
    assert "lion" in eyes_of("Panthera pardus").facts["acuity_cpd"].source
    with pytest.raises(BadSetting, match="black rhinoceros, white rhinoceros"):
        eyes_of("rhinoceros")
    with pytest.raises(BadSetting, match="human"):
        eyes_of("humam")


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('acuity_cpd = [60, "A", "standard"]', 'acuity_cpd = [60, "Z", "standard"]', "grade one of"),
        ('acuity_cpd = [60, "A", "standard"]', 'acuity_cpd = [-1, "A", "standard"]', "lies from"),
        ('acuity_cpd = [60, "A", "standard"]', 'acuity_cpd = [60, "A", "standard", 1, 2]', "its own range"),
        ('acuity_cpd = [60, "A", "standard"]', "", "has no acuity_cpd"),
        ('acuity_cpd = [60, "A", "standard"]', 'smell = [60, "A", "standard"]', "is no fact"),
        ('acuity_cpd = [60, "A", "standard"]', 'acuity_cpd = [60, "A", "nobody"]', "is no table of eyes"),
        ("binocular_deg = [117", "binocular_deg = [300", "more with both eyes|its own range"),
        ('name = "Homo sapiens"', 'name = "Equus quagga"', "comes once"),
    ],
)
def test_a_table_that_is_none_is_refused(tmp_path: Path, old: str, new: str, said: str) -> None:
    file = tmp_path / "eyes.toml"
    file.write_text(FILE.read_text().replace(old, new, 1))
    with pytest.raises(BadData, match=said):
        read_eyes(file)


@given(st.floats(0.05, 150), st.floats(0.01, 300))
@settings(deadline=None)
def test_the_blur_is_the_transfer_function(acuity: float, frequency: float) -> None:
    """A Gaussian of standard deviation s passes exp(-2 (pi s f)^2): that of AcuityView for s = 0.4247 / a, as wide at half its height as 1 / a."""
    sigma = float(blur_deg(acuity))
    assert math.exp(-2 * (math.pi * sigma * frequency) ** 2) == pytest.approx(
        float(passes(frequency, acuity)), rel=1e-9, abs=1e-300
    )
    assert sigma * acuity == pytest.approx(0.4247, abs=5e-5)
    assert sigma * 2 * math.sqrt(2 * math.log(2)) == pytest.approx(1 / acuity, rel=2e-4)


def test_stripes_of_a_zebra_vanish_where_they_are_known_to() -> None:
    assert float(sees_stripes_at_m(0.055, eyes_of("lion").acuity())) == pytest.approx(41, abs=0.5)
    assert float(sees_stripes_at_m(0.055, eyes_of("human").acuity())) == pytest.approx(189, abs=0.5)
    day, dusk, night = (float(sees_stripes_at_m(0.055, eyes_of("lion").acuity(light))) for light in LIGHTS)
    assert dusk / day == pytest.approx(30 / 50)  # Melin et al. 2016: 50, 30 and 9 m
    assert night / day == pytest.approx(9 / 50)
    for name in ("human", "plains zebra", "lion", "spotted hyena"):
        assert float(sees_stripes_at_m(0.055, eyes_of(name).acuity("night"))) < 9.1, (
            "none beyond 9 m on a moonless night"
        )
    owl = eyes_of("barn owl")
    assert [owl.acuity(light) / owl.acuity() for light in LIGHTS] == [1.0, 1.0, 0.25], "measured in the owl itself"
    sizes, acuities = np.array([[0.5], [2.0]]), np.array([6.0, 13.0, 60.0])
    assert sees_body_at_m(sizes, acuities).shape == (2, 3)
    assert eyes_of("lion").sees_at_m(0.055) == pytest.approx(day)
    with pytest.raises(BadSetting, match="twilight"):
        eyes_of("lion").acuity("twiligt")


def striped(px: int, period_px: float) -> np.ndarray:
    """Vertical stripes of full contrast, a sine: linear [16, px, 3]."""
    wave = 0.5 + 0.5 * np.cos(2 * np.pi * (np.arange(px) + 0.5) / period_px)
    return np.repeat(np.repeat(wave[None, :, None], 16, 0), 3, 2)


@pytest.mark.parametrize("species", ["lion", "human", "plains zebra"])
def test_stripes_in_a_picture_lose_the_contrast_that_acuity_predicts(species: str) -> None:
    """One metre of stripes 5 cm wide, seen from where they fill 1 / acuity degrees, half of that and twice: 3 %, 41 % and nothing is left."""
    picture, limit = striped(640, 32.0), float(sees_stripes_at_m(0.05, eyes_of(species).acuity()))
    left = []
    for times in (0.5, 1.0, 2.0):
        scale = 640 / degrees_across(1.0, limit * times)
        view = seen(picture, species, scale)[8, 64:-64, 1]
        left.append(
            (view.max() - view.min()) / (view.max() + view.min()) / math.cos(math.pi / 32)
        )  # pixels miss the crest
    assert left == pytest.approx([math.exp(-3.56 / 4), math.exp(-3.56), math.exp(-3.56 * 4)], abs=2e-3)


@given(st.floats(0.5, 40), st.integers(0, 5))
@settings(deadline=None, max_examples=20)
def test_blur_keeps_light_and_white(sigma: float, seed: int) -> None:
    image = np.random.default_rng(seed).random((24, 31, 3))
    soft = blurred(image, sigma)
    assert soft.mean((0, 1)) == pytest.approx(image.mean((0, 1)))
    assert np.ptp(soft) < np.ptp(image)
    assert blurred(np.ones((9, 7)), sigma) == pytest.approx(np.ones((9, 7)))


def test_blur_is_that_of_a_slow_convolution() -> None:
    from scipy.ndimage import gaussian_filter

    image = np.random.default_rng(1).random((60, 50))
    assert blurred(image, 3.0) == pytest.approx(gaussian_filter(image, 3.0, mode="reflect", truncate=8.0), abs=1e-4)
    assert blurred(image, 0.4) is image


@pytest.mark.parametrize("eyes", all_eyes(), ids=lambda eyes: eyes.name)
def test_white_is_white_to_everyone(eyes) -> None:
    white = np.ones((4, 5, 3))
    assert caught(white, 1.0, eyes) == pytest.approx(np.ones((4, 5, len(eyes.matrix))))
    assert seen(white, eyes, 10.0, ultraviolet=1.0) == pytest.approx(white)
    assert translation(eyes)


def test_a_human_sees_the_photo_itself() -> None:
    image = np.random.default_rng(2).random((8, 8, 3))
    assert seen(image, "human", 1.0) == pytest.approx(image)


def test_two_receptors_confuse_red_and_green_and_keep_blue() -> None:
    red, green, blue = np.eye(3)
    dog = shown(caught(np.stack([red, green, blue])[None], 0.0, eyes_of("dog")), eyes_of("dog"))[0]
    assert (dog[:, 0] == dog[:, 1]).all()
    assert dog[2, 2] > dog[2, 0]
    assert dog[1, 0] > dog[1, 2]
    seal = seen(np.random.default_rng(3).random((6, 6, 3)), "harbour seal", 1.0)
    assert np.ptp(seal, axis=2).max() == 0


def test_the_ultraviolet_of_a_scene_must_be_given_and_reaches_the_eyes() -> None:
    """A nectar guide: a flower all yellow to us whose middle is dark in the ultraviolet."""
    flower, guide = np.full((9, 9, 3), 0.0) + [0.8, 0.7, 0.05], np.full((9, 9), 0.6)
    guide[3:6, 3:6] = 0.0
    for species, sees in (
        ("honeybee", True),
        ("blue tit", True),
        ("jumping spider", True),
        ("human", False),
        ("plains zebra", False),
    ):
        eyes = eyes_of(species)
        differs = np.ptp(shown(caught(flower, guide, eyes), eyes), axis=(0, 1)).max() > 0.1
        assert differs == sees, species


def test_at_night_there_is_one_colour_and_a_cat_has_more_light() -> None:
    picture = np.random.default_rng(4).random((16, 16, 3)) * 0.5
    human, cat = (
        seen(picture, name, 1.0, "night", 0.0, np.random.default_rng(0)) for name in ("human", "domestic cat")
    )
    assert np.ptp(human, axis=2).max() == 0
    assert cat.mean() > 2 * human.mean()
    bee = seen(picture, "honeybee", 100.0, "night")
    assert np.ptp(bee, axis=2).max() > 0.01
    again = seen(picture, "human", 1.0, "night", 0.0, np.random.default_rng(0))
    assert (again == human).all()


def test_dim_light_is_grainy_as_its_photons_say() -> None:
    grey = np.full((200, 200, 3), 0.5)
    view = seen(grey, "plains zebra", 1e-3, "twilight", 0.0, np.random.default_rng(5))
    assert view.mean() == pytest.approx(0.5, abs=2e-3)
    assert view[..., 0].std() == pytest.approx(math.sqrt(0.5 / LIGHTS["twilight"].photons), rel=0.05)


def test_a_picture_that_is_none_is_refused() -> None:
    with pytest.raises(BadData, match=r"\[y, x, 3\]"):
        seen(np.ones((4, 4)), "human", 1.0)
    with pytest.raises(BadData, match="from 0 on"):
        seen(-np.ones((4, 4, 3)), "human", 1.0)
    with pytest.raises(BadSetting, match="above 0"):
        seen(np.ones((4, 4, 3)), "human", 0.0)
    with pytest.raises(BadSetting, match="above 0"):
        degrees_across(1.0, 0.0)


@given(st.floats(10, 360), st.floats(-1, 1))
@settings(deadline=None)
def test_each_place_in_a_picture_is_one_direction(field: float, place: float) -> None:
    angle = float(angle_of(place, field))
    assert abs(angle) <= field / 2 + 1e-9
    assert float(place_of(angle, field)) == pytest.approx(place, abs=1e-9)
    assert float(place_of(field / 2, field)) == pytest.approx(1.0)
    assert float(place_of(0.0, field)) == 0.0


def test_wide_fields_are_laid_out_otherwise() -> None:
    ways = [projection(eyes_of(name)["field_deg"]) for name in ("human", "lion", "zebra", "rabbit")]
    assert ways == ["stereographic", "stereographic", "equirectangular", "equirectangular"]
    assert projection(90.0) == "rectilinear"
    assert float(place_of(20.0, 90.0)) == pytest.approx(math.tan(math.radians(20)))


def test_light_and_bits_are_each_others_inverse() -> None:
    bits = np.arange(256, dtype=np.uint8)
    assert (to_srgb(to_linear(bits)) == bits).all()
    assert float(to_linear(np.array([188], np.uint8))[0]) == pytest.approx(0.5, abs=0.005)
