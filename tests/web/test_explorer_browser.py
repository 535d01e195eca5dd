"""The explorer in a real browser: the map is moved, coloured and filtered, a loop becomes a table and a CSV, a trait an axis, variation a picture to turn."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote

import numpy as np
import pytest
from matplotlib.colors import to_rgb
from PIL import Image
from tiny_site import Site, served
from visits import PATIENCE_MS, Visit

from merian.explore.plots.colour import NIGHT, PIGMENTS, SEEN_BY, oklab, seen
from merian.web.explorer.loops import Upright
from merian.web.explorer.packed import pack
from merian.web.explorer.sieve import ACROSS, LEVELS, order

FRONTEND = Path(__file__).parents[2] / "frontend"
AXE = FRONTEND / "node_modules" / "axe-core" / "axe.min.js"
WINDOW = {"width": 1100, "height": 800}
SIXTEEN = 65_535
"""The largest place of the map as it is sent."""
LATE = """
const soon = requestAnimationFrame;
window.requestAnimationFrame = (draw) => soon(() => {
  const end = performance.now() + 60;
  while (performance.now() < end);
  draw(performance.now());
});"""
"""Frames as where there is no graphics card."""
PANNED = """(frames) => new Promise((done) => {
  const map = document.querySelector("#map .over");
  const drawn = [];
  const step = () => {
    drawn.push(Number(document.querySelector("#map").dataset.drawn));
    if (drawn.length === frames) return done(drawn);
    const key = drawn.length % 2 ? "ArrowLeft" : "ArrowRight";
    map.dispatchEvent(new KeyboardEvent("keydown", { key, shiftKey: true, bubbles: true, cancelable: true }));
    requestAnimationFrame(step);
  };
  step();
})"""


@pytest.fixture(scope="module")
def address(site: Site) -> Iterator[str]:
    with served(site.store, site.identifier) as where:
        yield where


def explorer(browser: Any, address: str, query: str = "", **more: Any) -> Visit:
    """The page, calm, so that nothing has to be waited for."""
    return Visit(browser, f"{address}explorer{query}", viewport=WINDOW, reduced_motion="reduce", **more)


def ink(page: Any) -> float:
    """The share of the picture's pixels that are not of the paper: what was drawn."""
    with Image.open(io.BytesIO(page.locator("#map, .turning").screenshot())) as shot:
        pixels = np.asarray(shot.convert("RGB"), np.int64)
    return float((np.abs(pixels - pixels[12, 12]).sum(-1) > 60).mean())


def asked(page: Any, path: str) -> dict[str, Any]:
    """What the JSON twin says."""
    found: dict[str, Any] = page.evaluate("(path) => fetch(path).then((answer) => answer.json())", path)
    return found


def axe(page: Any) -> list[str]:
    if not AXE.is_file():
        pytest.skip("axe-core is not here: npm ci in frontend/ (the build hook does it where it builds the pages)")
    page.evaluate(AXE.read_text(encoding="utf-8"))
    found = page.evaluate("() => axe.run(document, { resultTypes: ['violations'] })")
    assert len(found["passes"]) > 10
    return [f"{v['id']}: {v['help']}: {[n['html'][:120] for n in v['nodes'][:3]]}" for v in found["violations"]]


def test_the_map_is_drawn_moved_coloured_and_filtered(site: Site, browser: Any, address: str) -> None:
    visit = explorer(browser, address)
    page = visit.page
    page.wait_for_selector("#map[data-drawn]")
    assert page.get_attribute("#map", "data-painter") == "deck.gl"
    assert int(page.get_attribute("#map", "data-drawn")) == len(site.catalog.kept())
    page.focus("#map .over")
    for _ in range(9):
        page.keyboard.press("+")
    page.wait_for_function(
        "(all) => Number(document.querySelector('#map').dataset.drawn) < all", arg=len(site.catalog.kept())
    )
    page.keyboard.press("0")
    for _ in range(4):
        page.keyboard.press("+")
    pictures = "() => performance.getEntriesByType('resource').some((one) => one.name.includes('/api/image/') && one.name.endsWith('size=128'))"
    page.wait_for_function(pictures)
    page.keyboard.press("Shift+ArrowLeft")
    page.keyboard.press("0")
    page.wait_for_function(
        "(all) => Number(document.querySelector('#map').dataset.drawn) === all", arg=len(site.catalog.kept())
    )
    kinds = page.locator("#by optgroup").evaluate_all("(all) => all.map((one) => one.label)")
    assert kinds == ["Names", "Traits", "Places", "Uncertainty", "As recorded"]
    for key in ("probability", "distance", "latitude"):
        page.select_option("#by", key)
        page.wait_for_selector("#legend .step")
    page.locator("#legend .step").first.click()
    assert page.locator("#legend .step").first.get_attribute("aria-pressed") == "true"
    assert re.search(r": \d+ photos?$", visit.said())
    visit.leave(address)


def test_points_are_on_the_canvas(browser: Any, address: str) -> None:
    visit = explorer(browser, address)
    page = visit.page
    page.wait_for_selector("#map[data-drawn]")
    shot = page.locator("#map").screenshot()
    page.select_option("#by", "habitat")
    page.wait_for_selector("#legend .key")
    page.wait_for_timeout(300)
    assert page.locator("#map").screenshot() != shot, "other colours, another picture"
    visit.leave(address)


def test_a_loop_becomes_a_table_and_a_csv(site: Site, browser: Any, address: str) -> None:
    visit = explorer(browser, address)
    page = visit.page
    page.wait_for_selector("#map[data-drawn]")
    page.click("#lasso")
    assert page.get_attribute("#lasso", "aria-pressed") == "true"
    box = page.locator("#map .over").bounding_box()
    (x, y, w, h) = (box[k] for k in ("x", "y", "width", "height"))
    page.mouse.move(x + w * 0.1, y + h * 0.1)
    page.mouse.down()
    for right, down in ((0.9, 0.1), (0.9, 0.55), (0.1, 0.55), (0.1, 0.12)):
        page.mouse.move(x + w * right, y + h * down, steps=6)
    page.mouse.up()
    page.wait_for_selector("#chosen table tbody tr")
    assert page.get_attribute("#lasso", "aria-pressed") == "false"
    told = re.match(r"([\d,]+) photos", page.locator("#chosen h2").inner_text())
    assert told is not None
    count = int(told[1].replace(",", ""))
    assert 0 < count < len(site.catalog.kept())
    assert visit.said().startswith(f"{count} photos of ")
    with page.expect_download() as waited:
        page.click("#csv")
    with Path(waited.value.path()).open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == count
    assert {"occurrenceID", "scientificName", "decimalLatitude", "eventDate", "license", "probability"} <= set(rows[0])
    query = page.get_attribute("#csv", "href").split("?")[1]
    assert asked(page, f"/api/explorer/selection?{query}")["count"] == count
    page.locator("#chosen tbody button").first.click()
    page.wait_for_selector("#card h2")
    page.click("#unchoose")
    page.wait_for_selector("#chosen", state="detached")
    visit.leave(address)


def many(page: Any, count: int) -> Any:
    """Have a page show another map, of so many points: their places [n, 2], evenly by chance."""
    rng = np.random.default_rng(3)
    places = rng.integers(0, SIXTEEN, (count, 2), endpoint=True).astype(np.uint16)
    rows, ends = order(places / SIXTEEN * 2 - 1)
    head = {"points": count, "levels": ends.tolist(), "across": ACROSS, "grids": LEVELS}
    answers = {
        "points": pack(head, {"xy": places[rows]}),
        "colours/*": pack(
            {"key": "order", "label": "order", "kind": "text", "unit": "", "names": ["one"]},
            {"codes": np.zeros(count, np.uint8)},
        ),
    }
    for path, body in answers.items():
        page.route(f"**/api/explorer/{path}", lambda route, _, body=body: route.fulfill(status=200, body=body))
    return places[rows] / SIXTEEN * 2 - 1


def test_late_pictures_hold_fewer_points_until_the_map_rests(browser: Any, address: str) -> None:
    page = browser.new_page(viewport=WINDOW, reduced_motion="reduce")
    page.set_default_timeout(PATIENCE_MS)
    page.add_init_script(LATE)
    many(page, 60_000)
    page.goto(f"{address}explorer")
    page.wait_for_function("() => Number(document.querySelector('#map')?.dataset.drawn) > 15_000")
    drawn = page.evaluate(PANNED, 14)
    assert drawn[0] > 15_000, "all there is to see, until frames are late"
    assert drawn[-1] <= 10_000
    assert drawn[-1] > 2_000, "but still a map"
    page.wait_for_function("() => Number(document.querySelector('#map').dataset.drawn) > 15_000")
    page.close()


def test_the_page_and_the_server_agree_on_what_a_loop_holds(browser: Any, address: str) -> None:
    page = browser.new_page(viewport=WINDOW, reduced_motion="reduce")
    page.set_default_timeout(PATIENCE_MS)
    places = many(page, 60_000)
    page.goto(f"{address}explorer")
    page.wait_for_selector("#map[data-drawn]")
    page.click("#lasso")
    box = page.locator("#map .over").bounding_box()
    # an eight: what lies in both halves is in, what is wound around twice would be out
    for k, turn in enumerate(np.linspace(0, 2 * np.pi, 48)):
        x = box["x"] + box["width"] * (0.5 + 0.18 * np.sin(2 * turn) + 0.03 * np.sin(5 * turn))
        page.mouse.move(x, box["y"] + box["height"] * (0.5 + 0.4 * np.cos(turn)))
        if k == 0:
            page.mouse.down()
    page.mouse.up()
    page.wait_for_selector("#map[data-inside]")
    said = parse_qs(page.get_attribute("#csv", "href").split("?")[1])["loop"][0]
    loop = np.array(said.split(","), float).reshape(-1, 2)
    expected = int(Upright.of(places).inside(loop).sum())
    assert expected > 3_000
    # the address tells corners to four places, the page knows them better
    assert abs(int(page.get_attribute("#map", "data-inside")) - expected) <= 12
    page.close()


def test_what_is_in_view_is_chosen_by_keyboard(site: Site, browser: Any, address: str) -> None:
    visit = explorer(browser, address)
    page = visit.page
    page.wait_for_selector("#map[data-drawn]")
    page.focus("#map .over")
    page.keyboard.press("v")
    page.wait_for_selector("#chosen table tbody tr")
    assert page.locator("#chosen h2").inner_text().startswith(f"{len(site.catalog.kept())} photos")
    key = page.locator("#legend .key").first
    name = key.inner_text()
    key.click()
    page.wait_for_function(
        "(all) => !document.querySelector('#chosen h2').textContent.startsWith(all + ' ')",
        arg=str(len(site.catalog.kept())),
    )
    page.wait_for_selector("#chosen[aria-busy=false]")
    assert name in visit.said() or "photos of" in visit.said()
    assert axe(page) == []
    visit.leave(address)


def test_a_taxon_is_found_in_the_explorer(site: Site, browser: Any, address: str) -> None:
    tree = site.catalog.tree
    family = int(tree.at("family")[0])
    visit = explorer(browser, address, f"?taxon={quote(tree.ids[family], safe='')}&rank=family")
    page = visit.page
    page.wait_for_selector("#legend .key[aria-pressed=true]")
    assert page.locator("#legend .key[aria-pressed=true]").inner_text() == tree.names[family]
    assert page.input_value("#by") == "family"
    visit.leave(address)


def test_species_lie_along_a_trait_with_the_control_beside(site: Site, browser: Any, address: str) -> None:
    visit = explorer(browser, address, "?view=axis")
    page = visit.page
    page.wait_for_selector("#axis-rho")
    told = asked(page, "/api/explorer/axis")
    assert page.locator("#axis-rho strong").inner_text() == f"{told['rho']['value']:.2f}".replace("-", "−")
    assert f"{told['control']['rho']:.2f}".replace("-", "−") in page.locator("#axis-rho .facts").inner_text()
    assert page.locator(".field .seed").count() == len(told["species"]) == told["known"]
    left = page.locator(".finch").evaluate_all(
        "(all) => all.map((one) => [one.getAttribute('aria-label').split(':')[0], parseFloat(one.style.left)])"
    )
    at = {row["taxon"]["name"]: row["at"] for row in told["species"]}
    assert len(left) > 2
    assert [name for name, _ in sorted(left, key=lambda one: one[1])] == [n for n in at if n in dict(left)]
    genus = site.catalog.tree.names[int(site.catalog.tree.at("genus")[0])]
    page.locator(".clade input").fill(genus)
    page.wait_for_selector(".clade [role=option]")
    page.keyboard.press("Enter")
    page.wait_for_selector(".absent")
    assert "are needed" in page.locator(".absent").inner_text()
    page.locator(".chip button").click()
    page.wait_for_selector("#axis-rho")
    assert axe(page) == []
    page.locator(".finch").first.click(position={"x": 26, "y": 20})
    page.wait_for_selector(".folio h1")
    visit.leave(address)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_variation_is_turned_by_hand_and_keys(browser: Any, address: str, scheme: str) -> None:
    visit = explorer(browser, address, "?view=within", color_scheme=scheme)
    page = visit.page
    page.wait_for_selector(".turning[data-turn]")
    told = asked(page, "/api/explorer/within")
    assert page.locator("#within-rho strong").inner_text() == f"{told['rho']['value']:.3f}"
    assert f"2/{told['dimensions']}" in page.locator("#within-rho .facts").inner_text()
    assert page.locator(".numbers .mark").count() == len(told["variants"])
    assert ink(page) > 0.02
    before = page.get_attribute(".turning", "data-turn")
    page.wait_for_timeout(200)
    assert page.get_attribute(".turning", "data-turn") == before, "whoever asked for less motion gets none"
    page.focus("#turning")
    page.keyboard.press("ArrowRight")
    page.wait_for_function("(was) => document.querySelector('.turning').dataset.turn !== was", arg=before)
    turned = page.get_attribute(".turning", "data-turn")
    box = page.locator("#turning").bounding_box()
    page.mouse.move(box["x"] + 200, box["y"] + 150)
    page.mouse.down()
    page.mouse.move(box["x"] + 320, box["y"] + 150, steps=4)
    page.mouse.up()
    page.wait_for_function("(was) => document.querySelector('.turning').dataset.turn !== was", arg=turned)
    page.locator(".legend .key").first.click()
    assert page.locator(".legend .key").first.get_attribute("aria-pressed") == "true"
    assert axe(page) == []
    visit.leave(address)


def test_without_webgl_the_map_is_drawn_on_a_plain_canvas(site: Site, browser: Any, address: str) -> None:
    context = browser.new_context(viewport=WINDOW, reduced_motion="reduce")
    context.add_init_script(
        """const plain = HTMLCanvasElement.prototype.getContext;
        HTMLCanvasElement.prototype.getContext = function (kind, ...more) { return kind.startsWith("webgl") ? null : plain.call(this, kind, ...more); };"""
    )
    visit = Visit(context, f"{address}explorer")
    page = visit.page
    page.wait_for_selector("#map[data-drawn]")
    assert page.get_attribute("#map", "data-painter") == "canvas"
    assert ink(page) > 0.003
    page.goto(f"{address}explorer?view=within")
    page.wait_for_selector("#within-rho")
    assert "WebGL 2" in page.locator(".absent").inner_text()
    visit.leave(address)
    context.close()


def test_the_figures_pigments_are_the_maps() -> None:
    text = (FRONTEND / "src" / "explorer" / "colours.ts").read_text(encoding="utf-8")
    lists = {name: re.findall(r"#[0-9a-f]{6}", line) for name, line in re.findall(r"const (\w+) = (\[.*?\]);", text)}
    assert lists["LIGHT"] == list(PIGMENTS.values())
    assert lists["DARK"] == list(NIGHT.values())
    for name, way in (("WASH_LIGHT", -1), ("WASH_DARK", 1)):
        for eyes in SEEN_BY:
            light = oklab(seen(np.array([to_rgb(colour) for colour in lists[name]]), eyes))[:, 0]
            assert (way * np.diff(light) > 0).all(), (name, eyes)
