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
    page.locator("#glass").focus()
    page.keyboard.press("Escape")
    page.wait_for_selector("#twin-eyes")
    visit.leave(address, address.replace("http", "ws"))


def test_a_recorded_run_is_played(software: Any, address: str, tmp_path: Path) -> None:
    file = tmp_path / "savanna.twin"
    record(
        opened("savanna", 0),
        file,
        RecordSettings(window_km=6.0, rows=8, herds=60, step_hours=6.0, days=3.0, shot_hours=6.0),
    )
    visit = Visit(software, f"{address}twin", **VIEW)
    page = visit.page
    page.locator(".upload input").set_input_files(file)
    page.wait_for_function("() => document.querySelector('.rail').innerText.includes('3 days')")
    page.wait_for_function(COUNTED)
    assert page.locator(".sliders").count() == 0
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
