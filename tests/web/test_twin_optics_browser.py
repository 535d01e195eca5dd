"""The page's shader held against `merian.twin.senses`: the same pictures through both, how far stripes are seen, where degrees of a field fall."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from test_twin_browser import address, software  # noqa: F401 - fixtures
from visits import PATIENCE_MS

from merian.twin.senses.eyes import eyes_of
from merian.twin.senses.optics import blur_deg, passes, place_of, sees_stripes_at_m
from merian.twin.senses.seen import blurred, caught, seen, to_linear, to_srgb

LEVELS = 3
"""Of 255: half floats carry eleven bits, and the Gaussian of the shader is cut at its 0.3 %."""
STRIPES_M = 0.055
CLOSED = """const plain = HTMLCanvasElement.prototype.getContext;
HTMLCanvasElement.prototype.getContext = function (...asked) { return window.open_ ? plain.apply(this, asked) : null; };"""
"""No landscape is drawn meanwhile: in software it would take all of the machine."""
READY = """async () => {
  window.open_ = true;
  window.proof = await window.merianProof();
  window.eyes = Object.fromEntries((await (await fetch('/api/eyes')).json()).species.map((one) => [one.name, one]));
}"""
SEEN = """([name, width, height, coded, per, when]) => {
  const light = new Float32Array(Uint8Array.from(atob(coded), (c) => c.charCodeAt(0)).buffer);
  const found = window.proof.seen(window.eyes[name], { width, height, light }, per, when);
  return btoa(Array.from(found, (value) => String.fromCharCode(value)).join(''));
}"""


@pytest.fixture(scope="module")
def page(software: Any, address: str) -> Iterator[Any]:  # noqa: F811
    found = software.new_page(viewport={"width": 500, "height": 400})
    found.set_default_timeout(PATIENCE_MS)
    found.add_init_script(CLOSED)
    found.goto(f"{address}twin")
    found.wait_for_selector("#glass .absent:not(.waiting)")
    found.click("#twin-pause")
    found.evaluate(READY)
    yield found
    found.close()


def shaded(page: Any, name: str, light: np.ndarray[Any, Any], per_degree: float, when: str = "day") -> Any:
    """The pixels [y, x, 3] that the shader makes of linear light [y, x, 4]."""
    high, wide = light.shape[:2]
    coded = base64.b64encode(light.astype("<f4").tobytes()).decode()
    found = page.evaluate(SEEN, [eyes_of(name).name, wide, high, coded, per_degree, when])
    return np.frombuffer(base64.b64decode(found), np.uint8).reshape(high, wide, 4)[..., :3]


def patches(seed: int) -> np.ndarray[Any, Any]:
    """Squares of colours with an ultraviolet of their own: [64, 96, 4]."""
    return np.repeat(np.repeat(np.random.default_rng(seed).random((8, 12, 4)), 8, 0), 8, 1)


@pytest.mark.parametrize("name", ["lion", "plains zebra", "jumping spider", "honeybee", "blue tit", "human"])
@pytest.mark.parametrize("sigma", [0.0, 1.6, 5.0])
def test_patches_of_colour_and_ultraviolet_come_out_as_in_python(page: Any, name: str, sigma: float) -> None:
    eyes = eyes_of(name)
    per_degree = max(sigma, 0.1) / float(blur_deg(eyes.acuity()))
    light = patches(3)
    mine = to_srgb(seen(light[..., :3], eyes, per_degree, ultraviolet=light[..., 3]))
    edge = int(np.ceil(3.5 * sigma))  # beyond the edge Python mirrors, the shader repeats
    inner = (slice(edge, 64 - edge), slice(edge, 96 - edge))
    off = np.abs(shaded(page, name, light, per_degree).astype(int) - mine)[inner]
    assert off.max() <= LEVELS
    assert off.mean() < 0.6


def test_at_night_the_rods_alone_see_grey(page: Any) -> None:
    eyes, light = eyes_of("lion"), patches(4)
    per_degree = 2.0 / float(blur_deg(eyes.acuity("night")))
    grey = blurred(caught(light[..., :3], light[..., 3], eyes, rods=True), 2.0)
    off = np.abs(shaded(page, "lion", light, per_degree, "night").astype(int) - to_srgb(np.repeat(grey, 3, 2)))
    assert off[8:-8, 8:-8].max() <= LEVELS


@pytest.mark.parametrize(
    ("name", "far"), [("lion", 41.0), ("human", 189.0), ("plains zebra", 63.0), ("spotted hyena", 26.5)]
)
def test_stripes_vanish_at_the_distance_that_acuity_predicts(page: Any, name: str, far: float) -> None:
    """Contrast passes as exp(-3.56 (f / acuity)^2): 3 % where a stripe fills 1 / acuity degrees, nearly all at a fifth of that distance."""
    eyes = eyes_of(name)
    limit = float(sees_stripes_at_m(STRIPES_M, eyes.acuity()))
    assert limit == pytest.approx(far, rel=0.02)
    for share in (0.2, 0.5, 0.75, 1.0, 1.5):
        frequency = float(np.deg2rad(share * limit)) / STRIPES_M
        per_degree = 12.0 * frequency  # twelve pixels a stripe
        wave = 0.5 + 0.45 * np.cos(2 * np.pi * (np.arange(144) + 0.5) / 12.0)
        light = np.broadcast_to(wave[None, :, None], (8, 144, 4)).copy()
        row = to_linear(shaded(page, name, light, per_degree))[4, 48:96, 1]
        contrast = (row.max() - row.min()) / (row.max() + row.min()) / 0.9
        assert contrast == pytest.approx(float(passes(frequency, eyes.acuity())) * wave_top(), abs=0.02)


def wave_top() -> float:
    """What is left of a wave's contrast when it is sampled at the middles of twelve pixels."""
    return float(np.cos(np.pi / 12.0))


def test_white_is_white_to_every_animal(page: Any) -> None:
    names = page.evaluate("() => Object.keys(window.eyes)")
    assert len(names) >= 38
    dull = {}
    for name in names:
        pixels = shaded(page, name, np.ones((4, 4, 4)), 0.01)
        if pixels.min() < 254:
            dull[name] = pixels.min()
    assert dull == {}


def test_two_receptors_are_shown_in_yellow_and_blue(page: Any) -> None:
    light = np.zeros((8, 24, 4))
    light[:, :8, 0] = light[:, 8:16, 1] = light[:, 16:, 2] = 1.0
    for name in ("lion", "plains zebra"):
        pixels = shaded(page, name, light, 0.01).astype(int)
        assert np.abs(pixels[..., 0] - pixels[..., 1]).max() <= 1
        assert (pixels[4, [4, 12], 0] > pixels[4, [4, 12], 2]).all(), "red and green look yellow"
        assert pixels[4, 20, 2] > pixels[4, 20, 0], "blue looks blue"


@pytest.mark.parametrize(
    ("name", "zoom"),
    [("human", 1.0), ("human", 4.0), ("lion", 1.0), ("honeybee", 1.0), ("plains zebra", 1.0), ("plains zebra", 8.0)],
)
def test_degrees_of_the_field_fall_where_the_projection_puts_them(page: Any, name: str, zoom: float) -> None:
    eyes = eyes_of(name)
    field = eyes["field_deg"] / zoom
    degrees = [share * field / 2 for share in (-0.9, -0.5, 0.0, 0.3, 0.8)]
    found = page.evaluate(
        "([name, degrees, zoom]) => window.proof.places(window.eyes[name], degrees, zoom)", [eyes.name, degrees, zoom]
    )
    expected = (1 + np.asarray(place_of(degrees, field))) / 2
    assert found == pytest.approx(expected.tolist(), abs=1.5 / 400)
    beyond = page.evaluate(
        "([name, degrees, zoom]) => window.proof.places(window.eyes[name], degrees, zoom)",
        [eyes.name, [field / 2 + 4.0], zoom],
    )
    assert beyond == [None], "what lies beyond the field is not drawn"
