"""The pages in a real browser, from a file: colours, legend, search, keys, nothing asked of the network."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from visits import Visit

from merian.core.chance import stream
from merian.explore.atlas_page import AtlasLook, atlas_page
from merian.explore.orthogonality import panel
from merian.explore.orthogonality_page import orthogonality_page
from merian.explore.thumbnails import sheets

OWN = ("file:", "data:")


def visited(browser: Any, path: Path, html: str, **options: Any) -> Visit:
    """The page opened from its file."""
    path.write_text(html, encoding="utf-8")
    return Visit(browser, path.as_uri(), **options)


def atlas() -> str:
    rng = stream(0, "browser")
    of = np.arange(400) % 20
    xy = rng.uniform(-9, 9, (20, 2))[of] + 0.4 * rng.standard_normal((400, 2))
    rows = {
        "x": xy[:, 0],
        "y": xy[:, 1],
        "order": [f"Order{i % 4}" for i in of],
        "species": [f"Genus sp{i}" for i in of],
        "sex": [["female", "male", None][i % 3] for i in range(400)],
        "beak": of * 1.5,
        "latitude": rng.uniform(-50, 50, 400),
        "longitude": rng.uniform(-150, 150, 400),
    }
    pictures = sheets(((i, np.full((20, 20, 3), [10 * of[i], 90, 120], np.uint8)) for i in range(0, 400, 5)), side=32)
    return atlas_page(pl.DataFrame(rows), AtlasLook("A small map", units={"beak": "mm"}), pictures)


def test_the_map_is_coloured_filtered_searched_and_walked(browser: Any, tmp_path: Path) -> None:
    visit = visited(
        browser, tmp_path / "map.html", atlas(), viewport={"width": 1100, "height": 760}, reduced_motion="reduce"
    )
    page = visit.page
    assert page.locator("#legend .key").count() == 4
    page.locator("#legend .key").first.click()
    assert page.locator("#legend .key[aria-pressed=true]").count() == 1
    assert "100 images, shown" in visit.said()
    page.click("#all")
    page.select_option("#by", "sex")
    assert page.locator("#legend .key").all_inner_texts()[-1].startswith("not given")
    page.select_option("#by", "beak")
    assert "mm" in page.locator("#legend").inner_text()
    page.select_option("#by", "place")
    assert page.locator("#legend canvas").count() == 1
    page.keyboard.press("/")
    page.keyboard.type("sp13")
    page.keyboard.press("Enter")
    assert visit.said() == "species Genus sp13: 20 images"
    page.keyboard.press("Escape")
    assert visit.said() == "All points are shown."
    page.uncheck("#pictures")
    page.check("#pictures")
    page.focus(".over")
    page.keyboard.press("ArrowRight")
    first = page.locator("#card h2").inner_text()
    assert first.startswith("Genus sp")
    assert visit.said().startswith(f"species {first}, order Order")
    for key in ("ArrowRight", "ArrowRight", "ArrowUp", "+", "-", "Shift+ArrowLeft"):
        page.keyboard.press(key)
    page.locator("#card .taxon").first.click()
    assert "20 images" in visit.said()
    page.focus(".over")
    page.keyboard.press("Escape")
    assert page.locator("#card").is_hidden()
    visit.leave(*OWN)


def test_a_point_under_the_mouse_says_its_name_in_the_dark(browser: Any, tmp_path: Path) -> None:
    visit = visited(
        browser, tmp_path / "dark.html", atlas(), color_scheme="dark", viewport={"width": 900, "height": 700}
    )
    page = visit.page
    page.focus(".over")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Escape")
    box = page.locator(".over").bounding_box()
    for step in range(400):
        across, down = step % 20, step // 20
        page.mouse.move(box["x"] + box["width"] * (across + 0.5) / 20, box["y"] + box["height"] * (down + 0.5) / 20)
        if page.locator("#tip").is_visible():
            break
    assert "Genus sp" in page.locator("#tip").inner_text()
    visit.leave(*OWN)


def test_the_figure_in_three_dimensions_is_turned_by_keys_and_mouse(browser: Any, tmp_path: Path) -> None:
    rng = stream(0, "turn")
    of, old = np.arange(120) % 4, np.arange(120) // 4 % 2
    z = (
        3 * rng.standard_normal((4, 12))[of]
        + (2.0 * old[:, None] - 1) * np.eye(12)[3]
        + 0.2 * rng.standard_normal((120, 12))
    )
    found = panel(z, [f"Genus sp{s}" for s in of], ["old" if o else "young" for o in old], stream(1), 60)
    visit = visited(
        browser, tmp_path / "turn.html", orthogonality_page(found, "Upright"), viewport={"width": 900, "height": 700}
    )
    page = visit.page
    pixels = "document.querySelector('.over').toDataURL()"
    before = page.evaluate(f"new Promise((done) => requestAnimationFrame(() => setTimeout(() => done({pixels}), 0)))")
    page.focus(".over")
    page.keyboard.press("ArrowRight")
    page.wait_for_function(f"(before) => {pixels} !== before", arg=before)
    page.keyboard.press("0")
    page.locator("#legend .key").first.click()
    assert visit.said() == f"Shown: {page.locator('#legend .key i').first.inner_text()}"
    box = page.locator(".over").bounding_box()
    page.mouse.move(box["x"] + 300, box["y"] + 200)
    page.mouse.down()
    page.mouse.move(box["x"] + 380, box["y"] + 220)
    page.mouse.up()
    assert "ρ = " in page.locator("#caption").inner_text()
    visit.leave(*OWN)
