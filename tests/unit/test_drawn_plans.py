"""The drawn organisms: they look alike when they should, differ when they should, and stay inside their box."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest
import skia

from merian.drawn import lettering
from merian.drawn.organism import Habitat, Organism, PlanName, Shot, Stage, Style
from merian.drawn.pigment import Pigment, natural_hue
from merian.drawn.plans import LESIONS, SEXES, STAGES, TRAITS, draw
from merian.drawn.scene import encode_jpeg, render
from merian.drawn.sheet import contact_sheet, encode_png

STYLES: tuple[Style, ...] = (
    "close-up",
    "museum drawer",
    "herbarium sheet",
    "camera trap day",
    "camera trap infrared",
)
HABITATS: tuple[Habitat, ...] = ("forest", "grassland", "wetland", "desert", "alpine", "coast")
LOOKS = [(plan, stage) for plan in TRAITS for stage in STAGES[plan]]


def organism(plan: PlanName, seed: int = 1, **changes: object) -> Organism:
    """An organism whose traits are drawn evenly from their ranges."""
    rng = np.random.default_rng(seed)
    traits = {
        t.name: float(rng.integers(len(t.states))) if t.states else float(rng.uniform(t.low, t.high))
        for t in TRAITS[plan]
    }
    return replace(Organism(plan=plan, traits=traits, individual=seed), **changes)  # type: ignore[arg-type]


def plate(subject: Organism, side: int = 160, span: float = 1.6) -> npt.NDArray[np.uint8]:
    """The organism alone on a transparent frame that is `span` units wide, [side, side, 4]."""
    surface = skia.Surface(side, side)
    canvas = surface.getCanvas()
    canvas.translate(side / 2, side / 2)
    canvas.scale(side / span, side / span)
    draw(canvas, subject)
    return np.asarray(surface.makeImageSnapshot().toarray())


def difference(a: npt.NDArray[np.uint8], b: npt.NDArray[np.uint8]) -> float:
    """The mean absolute difference of two pictures, 0 to 255."""
    return float(np.abs(a.astype(int) - b.astype(int)).mean())


def test_every_trait_is_well_formed() -> None:
    for plan, traits in TRAITS.items():
        assert len({t.name for t in traits}) == len(traits) >= 14, plan
        for t in traits:
            assert (t.model == "Mk") == bool(t.states), (plan, t.name)
            assert t.states or t.low < t.high, (plan, t.name)
            assert t.meaning, (plan, t.name)


def test_reading_the_traits_does_not_load_the_graphics_library() -> None:
    code = "import sys, merian.drawn.plans as p; assert len(p.TRAITS) == 8; sys.exit('skia' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize(("plan", "stage"), LOOKS)
def test_organisms_fill_their_box_and_hardly_leave_it(plan: PlanName, stage: Stage) -> None:
    for seed in range(12):
        for sex in SEXES[plan]:
            alpha = plate(organism(plan, seed, stage=stage, sex=sex))[:, :, 3] > 40
            side = len(alpha)
            axis = (np.arange(side) + 0.5) / side * 1.6 - 0.8
            outside = (np.abs(axis)[:, None] > 0.62) | (np.abs(axis)[None, :] > 0.62)
            assert alpha[~outside].mean() > 0.02, (seed, sex)
            assert (alpha & outside).sum() < 0.02 * alpha.sum(), (seed, sex)
            rows, columns = np.nonzero(alpha.any(1))[0], np.nonzero(alpha.any(0))[0]
            extent = max(np.ptp(rows), np.ptp(columns)) / side * 1.6
            assert extent > 0.5, (seed, sex)


@pytest.mark.parametrize("plan", TRAITS)
def test_the_same_organism_looks_the_same_and_others_do_not(plan: PlanName) -> None:
    assert np.array_equal(plate(organism(plan, 4)), plate(organism(plan, 4)))
    assert difference(plate(organism(plan, 4)), plate(organism(plan, 5))) > 1.0


@pytest.mark.parametrize("plan", TRAITS)
def test_every_trait_shows(plan: PlanName) -> None:
    """Changing any one trait changes some picture of the plan: no trait is written down and never drawn."""
    for trait in TRAITS[plan]:
        ends = (0.0, float(len(trait.states) - 1)) if trait.states else (trait.low, trait.high)
        shown = 0.0
        for seed in range(40):
            for stage in STAGES[plan]:
                base = organism(plan, seed, stage=stage, sex=SEXES[plan][-1])
                low, high = (replace(base, traits={**base.traits, trait.name: end}) for end in ends)
                shown = max(shown, difference(plate(low, 96, 1.2), plate(high, 96, 1.2)))
            if shown > 0.1:
                break
        assert shown > 0.1, trait.name


def test_a_longer_beak_reaches_further() -> None:
    bird = organism("bird", 3, sex="male")
    lengths = [
        plate(replace(bird, traits={**bird.traits, "beak_length": v, "beak_curve": 0.0, "tail_length": 0.4}))[:, :, 3]
        for v in (0.3, 0.8, 1.4)
    ]
    # The drawing is scaled to its box, so a longer beak shows as a longer outline for the same height of body.
    ratios = [np.ptp(np.nonzero(a.any(0))[0]) / np.ptp(np.nonzero(a.any(1))[0]) for a in lengths]
    assert ratios[0] < ratios[1] < ratios[2]


def test_stripes_belong_to_the_individual() -> None:
    base = organism("hoofed", 2, sex="female")
    base = replace(base, traits={**base.traits, "mark_pattern": 0.0, "coat_lightness": 0.85, "mark_lightness": 0.2})
    one, again, other = (plate(replace(base, individual=k), 256) for k in (7, 7, 8))
    assert np.array_equal(one, again)
    outlines_differ = ((one[:, :, 3] > 128) != (other[:, :, 3] > 128)).mean()
    assert outlines_differ < 0.002, "the outline is the species', not the individual's"
    assert difference(one, other) > 1.0


def test_stripes_survive_a_change_of_pose() -> None:
    """Turned back, another pose of the same individual is nearer to it than the same pose of any sibling."""
    base = organism("hoofed", 2, sex="female")
    base = replace(base, traits={**base.traits, "mark_pattern": 0.0})

    def posed(individual: int, angle: float) -> npt.NDArray[np.uint8]:
        surface = skia.Surface(256, 256)
        canvas = surface.getCanvas()
        canvas.translate(128, 128)
        canvas.rotate(angle)
        canvas.scale(160, 160)
        draw(canvas, replace(base, individual=individual))
        turned = skia.Surface(256, 256)
        back = turned.getCanvas()
        back.rotate(-angle, 128, 128)
        back.drawImage(surface.makeImageSnapshot(), 0, 0, skia.SamplingOptions(skia.FilterMode.kLinear))
        return np.asarray(turned.makeImageSnapshot().toarray())

    anchor = posed(1, 0.0)
    assert difference(anchor, posed(1, 14.0)) < min(difference(anchor, posed(k, 0.0)) for k in range(2, 8))


@pytest.mark.parametrize("plan", ["beetle", "butterfly", "bird", "fish", "hoofed"])
def test_sexes_differ(plan: PlanName) -> None:
    found = [
        difference(plate(organism(plan, seed, sex="female")), plate(organism(plan, seed, sex="male")))
        for seed in range(5)
    ]
    assert np.median(found) > 0.4


@pytest.mark.parametrize(("plan", "kind"), [(plan, kind) for plan in LESIONS for kind in LESIONS[plan]])
def test_more_severe_means_more_diseased_surface(plan: PlanName, kind: str) -> None:
    areas = []
    for severity in (0.05, 0.2, 0.4, 0.7):
        changed = 0.0
        for seed in range(6):
            healthy = plate(organism(plan, seed)).astype(int)
            ill = plate(organism(plan, seed, lesion=kind, severity=severity)).astype(int)
            surface = (healthy[:, :, 3] > 128).sum()
            changed += float((np.abs(healthy - ill).max(2) > 12).sum() / surface)
        areas.append(changed / 6)
    assert areas == sorted(areas)
    assert areas[0] > 0
    assert areas[-1] > 2.5 * areas[0]


def test_kinds_of_disease_can_be_told_apart() -> None:
    leaves = [plate(organism("leaf", 3, lesion=kind, severity=0.4)) for kind in LESIONS["leaf"]]
    for i, a in enumerate(leaves):
        for b in leaves[i + 1 :]:
            assert difference(a, b) > 0.8


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("size", [64, 96, 256])
def test_photographs_are_fixed_by_their_arguments(style: Style, size: int) -> None:
    shot = Shot(style=style, label="Merianella picta\n1705", stamp="2024-05-12", seed=9, blur_px=0.4, warmth=0.5)
    subject = organism("bird", 2)
    first = render(shot, subject, size)
    assert first.shape == (size, size, 3)
    assert first.dtype == np.uint8
    assert np.array_equal(first, render(shot, subject, size))
    assert not np.array_equal(first, render(replace(shot, seed=10), subject, size))


@pytest.mark.parametrize("style", STYLES)
def test_empty_and_peopled_scenes(style: Style) -> None:
    empty = render(Shot(style=style, subject="empty", seed=3), None, 96)
    assert np.array_equal(empty, render(Shot(style=style, subject="empty", seed=3), organism("bird", 1), 96))
    peopled = render(Shot(style=style, subject="person", seed=3), None, 96)
    if style in ("close-up", "camera trap day", "camera trap infrared"):
        assert difference(empty, peopled) > 2.0
    assert difference(empty, render(Shot(style=style, seed=3), organism("hoofed", 1), 96)) > 2.0


@pytest.mark.parametrize("habitat", HABITATS)
def test_pose_and_light_do_what_they_say(habitat: Habitat) -> None:
    subject = organism("hoofed", 1)
    plain = Shot(style="close-up", habitat=habitat, seed=5)
    base = render(plain, subject, 96).astype(float)
    assert render(replace(plain, exposure_ev=0.7), subject, 96).mean() > base.mean()
    assert render(replace(plain, exposure_ev=-0.7), subject, 96).mean() < base.mean()
    warm, cold = (render(replace(plain, warmth=w), subject, 96).astype(float) for w in (1.0, -1.0))
    assert (warm[..., 0] - warm[..., 2]).mean() > (cold[..., 0] - cold[..., 2]).mean() + 5
    blurred = render(replace(plain, blur_px=2.0), subject, 96).astype(float)
    assert np.abs(np.diff(blurred, axis=1)).mean() < np.abs(np.diff(base, axis=1)).mean()
    assert difference(base, render(replace(plain, flip=True), subject, 96)) > 2.0


def test_infrared_is_grey_and_eyes_shine() -> None:
    shot = Shot(style="camera trap infrared", seed=2)
    grey = render(shot, organism("hoofed", 3), 128).astype(int)
    assert np.ptp(grey, axis=2).mean() < 3
    surface = skia.Surface(64, 64)
    from merian.drawn.ink import Ink
    from merian.drawn.plans import paint

    for plan in ("bird", "hoofed", "fish"):
        ink = Ink(surface.getCanvas())
        paint(ink, organism(plan, 1))
        assert len(ink.eyes) == 1


def test_jpeg_comes_back_nearly_the_same() -> None:
    import simplejpeg

    pixels = render(Shot(style="museum drawer", seed=1), organism("beetle", 1), 96)
    back = simplejpeg.decode_jpeg(encode_jpeg(pixels, 95))
    assert difference(pixels, back) < 6


def test_pigments_fit_into_srgb_and_keep_their_lightness() -> None:
    assert Pigment(1.0, 0.0, 0.0).argb() == 0xFFFFFFFF
    assert Pigment(0.0, 0.0, 0.0).argb() == 0xFF000000
    greens = [Pigment(0.2 + 0.06 * k, 0.3, 145.0).argb() >> 8 & 0xFF for k in range(12)]
    assert greens == sorted(greens)
    hues = [natural_hue(h) for h in range(15, 291, 5)]
    assert hues == sorted(hues)


def test_a_plate_has_the_size_of_its_cells_and_needs_no_fonts(monkeypatch: pytest.MonkeyPatch) -> None:
    cells = [(organism("beetle", k), None, "Merianella picta\nmale") for k in range(3)]
    cells += [(organism("bird", 1), Shot(style="close-up", seed=1), "Avis")]  # type: ignore[list-item]
    sheet = contact_sheet(cells, columns=2, cell_px=64, title="Plate I", subtitle="drawn from life")
    assert sheet.shape[2] == 3
    assert sheet.shape[1] < sheet.shape[0]
    assert encode_png(sheet)[:8] == b"\x89PNG\r\n\x1a\n"
    monkeypatch.setattr(lettering, "_typeface", lambda *_: None)
    silent = contact_sheet(cells, columns=2, cell_px=64, title="Plate I", subtitle="drawn from life")
    assert silent.shape == sheet.shape
    assert difference(sheet, silent) > 0
    with pytest.raises(ValueError, match="needs cells"):
        contact_sheet([], columns=2)
