"""The page of the twin in a real browser, in software: it draws, counts, stands still, compares, looks through eyes, plays a file, does without WebGL."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import CHROMIUM
from PIL import Image
from test_app_browser import AXE
from tiny_site import Site, served
from visits import PATIENCE_MS, Visit

from merian.twin.frames.playback import record
from merian.twin.frames.settings import RecordSettings
from merian.twin.scenario import Change, Scenario
from merian.twin.senses.eyes import Eyes, eyes_of
from merian.twin.senses.optics import place_of
from merian.twin.worked import opened
from merian.web.app import Options
from merian.web.running import LiveSettings

SMALL = LiveSettings(window_km=6.0, rows=8, herds=60, step_hours=6.0, hours_s=24.0, frames_s=4.0, clients=4)
FLAGS = [
    "--no-sandbox",
    "--use-gl=angle",
    "--use-angle=swiftshader",
    "--enable-unsafe-swiftshader",
    "--ignore-gpu-blocklist",
    "--disable-quic",
]
VIEW = {"viewport": {"width": 900, "height": 620}}
NO_WEBGL = "HTMLCanvasElement.prototype.getContext = () => null"
MISSED = """([places, moves, full, middle]) => {
  const stage = window.merianTwin;
  const lengths = new Float32Array(256).fill(2.5);
  const sight = new stage.sight.constructor(lengths, () => 0);
  const camera = stage.orbit.camera.clone();
  const step = (from, to, px) => { const t = Math.min(Math.max((px - from) / (to - from), 0), 1); return t * t * (3 - 2 * t); };
  const focal = 12000, slack = 40, used = [0, 0, 0, 0];
  camera.position.set(0, 300, 900);
  camera.lookAt(0, 0, 0);
  camera.updateMatrixWorld();
  camera.updateProjectionMatrix();
  sight.take(camera.position, camera, focal, 0.001, slack);
  const missed = [];
  for (const [x, z, u, v, t, w] of places) for (const [a, b, c] of moves) {
    const eye = camera.position.clone().add({ x: a * slack * 0.57, y: b * slack * 0.57, z: c * slack * 0.57 });
    const at = camera.position.clone().set(x + t * (u - x), 0, z + t * (v - z));
    const away = eye.distanceTo(at);
    const px = focal * Math.max(2.5 * (0.85 + 0.3 * w), 0.001 * away * (0.8 + 0.13 * Math.log2(3.5))) / away;
    const [one, two] = [step(...full, px), step(...middle, px)];
    const seen = at.clone().project(camera);
    const inside = Math.abs(seen.x) < 1 && Math.abs(seen.y) < 1 && seen.z < 1;
    const bits = sight.levels(0, x, z, u, v);
    if (!bits) used[3]++;
    [one, two - one, 1 - two].forEach((share, level) => {
      if (!inside || share <= 0) return;
      used[level]++;
      if (!(bits & (1 << level))) missed.push([x, z, level]);
    });
  }
  return [missed, used];
}"""
RUNS = "() => (window.merianTwin?.worlds[0].step ?? -1) > 0"
COUNTED = (
    "() => [...document.querySelectorAll('.residents tbody td:nth-child(2)')].some((e) => parseInt(e.textContent) > 0)"
)


@pytest.fixture(scope="module")
def software() -> Iterator[Any]:
    playwright = pytest.importorskip(
        "playwright.sync_api", reason="playwright is not installed: pip install 'merian[dev]'"
    )
    if CHROMIUM is None:
        pytest.skip("chromium is not installed at /usr/bin/chromium")
    with playwright.sync_playwright() as running:
        chromium = running.chromium.launch(executable_path=str(CHROMIUM), args=FLAGS, timeout=PATIENCE_MS)
        yield chromium
        chromium.close()


@pytest.fixture(scope="module")
def address(site: Site) -> Iterator[str]:
    with served(site.store, site.identifier, options=Options(live=SMALL)) as where:
        yield where


def seen(page: Any) -> np.ndarray[Any, Any]:
    """The pixels of the window: [y, x, 3]."""
    shot = page.locator("#glass").screenshot(timeout=PATIENCE_MS)
    return np.asarray(Image.open(io.BytesIO(shot)).convert("RGB"))


def colours(page: Any) -> int:
    return len(np.unique(seen(page).reshape(-1, 3) // 8, axis=0))


def test_the_window_is_drawn_counted_and_stands_still(software: Any, address: str) -> None:
    visit = Visit(software, f"{address}twin", **VIEW)
    page = visit.page
    page.wait_for_function(RUNS)
    page.wait_for_function(COUNTED)
    assert colours(page) > 100
    before = page.locator(".clock span").inner_text()
    page.wait_for_function("(before) => document.querySelector('.clock span').textContent !== before", arg=before)
    page.click("#twin-pause")
    page.wait_for_selector("#twin-pause[aria-pressed=true]")
    page.wait_for_timeout(1000)
    step = page.evaluate("() => window.merianTwin.worlds[0].step")
    page.wait_for_timeout(1500)
    assert page.evaluate("() => window.merianTwin.worlds[0].step") == step
    page.click("#twin-pause")
    page.wait_for_function("(step) => window.merianTwin.worlds[0].step > step", arg=step)
    visit.leave(address, address.replace("http", "ws"))


def test_bodies_far_off_are_coarse_and_none_is_missed(software: Any, address: str) -> None:
    """Levels have less than half and a fifth of the triangles; until bodies are sorted anew, each is held by every level that the shader may draw it in."""
    visit = Visit(software, f"{address}twin", **VIEW)
    page = visit.page
    page.wait_for_function(RUNS)
    page.wait_for_function("() => window.merianTwin.layers[0].crowds.length > 0")
    corners = page.evaluate(
        "() => window.merianTwin.layers[0].crowds.map((c) => c.meshes.map((m) => m.geometry.attributes.position.count / 3))"
    )
    for full, middle, far in corners:
        assert full > 80
        assert middle < 0.45 * full
        assert far < 0.2 * full
    rng = np.random.default_rng(5)
    place = rng.uniform(-1000, 1000, (1500, 2))
    place[:500] = [0, 350] + rng.uniform(-120, 120, (500, 2))
    walk = place + rng.uniform(-30, 30, (1500, 2))
    places = np.column_stack([place, walk, rng.random((1500, 2))]).tolist()
    moves = rng.uniform(-1, 1, (8, 3)).tolist()
    missed, used = page.evaluate(MISSED, [places, moves, [46, 60], [20, 26]])
    assert missed == []
    assert min(used) > 0, "each level is tried, and what is out of sight is left out"
    visit.leave(address, address.replace("http", "ws"))


def test_a_slider_sets_a_second_world_beside_the_first(software: Any, address: str) -> None:
    visit = Visit(software, f"{address}twin", **VIEW)
    page = visit.page
    page.wait_for_function(RUNS)
    page.locator("#what-drought").fill("0.4")
    page.wait_for_selector(".residents thead th:nth-child(3)")
    page.wait_for_function("() => window.merianTwin.worlds[1].step > 0")
    page.wait_for_selector(".follows li p")
    assert page.locator(".sides span").count() == 2
    page.click("#twin-baseline")
    page.wait_for_selector(".follows", state="detached")
    visit.leave(address, address.replace("http", "ws"))


SECTORS = """([name, degrees]) => {
  const path = document.querySelector(`.rose path.${name}`);
  const turn = (degrees * Math.PI) / 180;
  const at = new DOMPoint(30 * Math.sin(turn), -30 * Math.cos(turn));
  return path !== null && path.isPointInFill(at);
}"""


def marked(page: Any, eyes: Eyes) -> None:
    """The rose and the scale on the picture stand at the degrees of the table: sectors to half a degree, places as the projection has them."""
    field, both = eyes["field_deg"], eyes["binocular_deg"]
    page.wait_for_function(f"() => document.querySelector('.rose svg').ariaLabel.includes('seen {field:g}°')")
    edges = [("one", field / 2), ("both", both / 2)] + ([("none", field / 2)] if field < 360 else [])
    for side in (-1, 1):
        for name, edge in edges:
            inner, outer = (page.evaluate(SECTORS, [name, side * (edge + by)]) for by in (-0.5, 0.5))
            assert (inner, outer) == ((False, True) if name == "none" else (True, False)), (eyes.common, name, side)
    for degrees, left in page.evaluate(
        "() => [...document.querySelectorAll('.scale li[data-degrees]')].map((li) => [+li.dataset.degrees, parseFloat(li.style.left)])"
    ):
        assert left == pytest.approx(50 * (1 + float(place_of(degrees, field))), abs=0.01), (eyes.common, degrees)
    left, width = page.evaluate(
        "() => { const all = document.querySelector('.scale').getBoundingClientRect(), own = document.querySelector('.scale .both').getBoundingClientRect();"
        " return [(own.left - all.left) / all.width, own.width / all.width]; }"
    )
    assert [left, left + width] == pytest.approx(
        [0.5 * (1 + float(place_of(s * both / 2, field))) for s in (-1, 1)], abs=0.003
    )
    said = page.locator(".rose figcaption").inner_text()
    assert f"both eyes {both:g}°" in said
    assert f"blind {360 - field:g}°" in said
    assert {"A": "measured", "B": "from anatomy", "P": "from a relative"}[eyes.facts["binocular_deg"].grade] in said


def test_the_eyes_of_another_species_say_what_they_rest_on(software: Any, address: str) -> None:
    visit = Visit(software, f"{address}twin", **VIEW)
    page = visit.page
    page.wait_for_function(RUNS)
    page.wait_for_function(COUNTED)
    page.locator("[data-species='Connochaetes taurinus'] .goto").click()
    page.click("#twin-eyes:enabled")
    page.wait_for_selector(".oath")
    assert "nobody knows what it feels like" in page.locator(".oath").inner_text()
    assert "from a relative" in page.locator(".glance dl").inner_text()
    page.select_option("#twin-whose", "Homo sapiens")
    assert "the light itself" in page.locator(".glance").inner_text()
    assert colours(page) > 20
    for name in ("Homo sapiens", "Panthera leo", "Equus quagga", "Gyps fulvus", "Aquila audax"):
        page.select_option("#twin-whose", name)
        marked(page, eyes_of(name))
    page.locator("#glass").focus()
    page.keyboard.press("Escape")
    page.wait_for_selector("#twin-eyes")
    visit.leave(address, address.replace("http", "ws"))


def test_a_recorded_run_is_played(software: Any, address: str, tmp_path: Path) -> None:
    file = tmp_path / "savanna.twin"
    record(
        opened("savanna", 0),
        file,
        RecordSettings(window_km=6.0, rows=8, herds=60, step_hours=6.0, days=3.0, shot_hours=6.0, members=4, years=4),
        Scenario("dry", (Change(what="drought", amount=0.4),)),
    )
    visit = Visit(software, f"{address}twin", **VIEW)
    page = visit.page
    page.locator(".upload input").set_input_files(file)
    page.wait_for_function("() => document.querySelector('.rail').innerText.includes('3 days')")
    page.wait_for_function(COUNTED)
    assert page.locator(".sliders").count() == 0
    page.wait_for_function("() => window.merianTwin?.split && window.merianTwin.worlds[1].id.length > 0")
    assert page.locator(".sides span").count() == 2
    visit.leave(address, address.replace("http", "ws"))


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_without_webgl_the_table_tells_and_axe_finds_nothing(software: Any, address: str, scheme: str) -> None:
    if not AXE.is_file():
        pytest.skip("axe-core is not here: npm ci in frontend/ (the build hook does it where it builds the pages)")
    context = software.new_context(color_scheme=scheme, reduced_motion="reduce", bypass_csp=True, **VIEW)
    page = context.new_page()
    page.set_default_timeout(PATIENCE_MS)
    page.add_init_script(NO_WEBGL)
    page.goto(f"{address}twin")
    page.wait_for_function(COUNTED)
    page.wait_for_function("() => document.querySelector('#glass .absent')?.textContent.includes('WebGL')")
    page.add_script_tag(path=str(AXE))
    found = page.evaluate(
        "() => axe.run().then((r) => r.violations.map((v) => [v.id, v.nodes.map((n) => n.html.slice(0, 200))]))"
    )
    context.close()
    assert found == []
