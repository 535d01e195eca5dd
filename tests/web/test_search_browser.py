"""The page of search in a real browser: words, photos and filters, the question in the address, keyboard, nothing found, no violations found by axe."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from test_app_browser import AXE
from test_searching import indexed
from tiny_site import Site, served
from visits import Visit

__all__ = ["indexed"]

CARDS = ".grid figure"


@pytest.fixture(scope="module")
def address(indexed: Path, site: Site) -> Iterator[str]:
    with served(indexed, site.identifier) as where:
        yield where


def asked(page: Any) -> dict[str, list[str]]:
    return parse_qs(urlsplit(page.url).query)


def settled(page: Any, among: int | None = None) -> None:
    """Wait for the answer; with `among`, for one that tells this number."""
    page.wait_for_function(
        "(n) => document.querySelector('.found[aria-busy=false]') && (n === null || document.querySelector('.how').textContent.includes(` ${n} `))",
        arg=among,
    )


def test_words_are_asked_and_the_page_says_what_its_json_twin_says(site: Site, browser: Any, address: str) -> None:
    visit = Visit(browser, f"{address}search", viewport={"width": 1280, "height": 900})
    page = visit.page
    everything = len(site.catalog.kept())
    settled(page, everything)
    page.fill("#words", "a bird")
    page.wait_for_function("() => location.search === '?words=a+bird'")
    page.wait_for_function("() => document.querySelector('.how')?.textContent.includes('compared')")
    twin = page.evaluate("() => fetch('/api/search?k=24&words=a+bird').then((r) => r.json())")["rows"][0]
    assert f"24 of {everything} photos, all compared" in visit.said()
    assert page.locator(f"{CARDS} .name").all_inner_texts() == [p["taxon"]["name"] for p in twin["photos"]]
    first = page.locator(CARDS).first.inner_text()
    for fact in (f"{twin['photos'][0]['cosine']:.2f}", twin["photos"][0]["date"], twin["photos"][0]["rights_holder"]):
        assert fact in first
    page.click("button[lang=de]")
    assert f"{twin['photos'][0]['cosine']:.2f}".replace(".", ",") in page.locator(CARDS).first.inner_text()
    page.click("#more")
    page.wait_for_function("() => document.querySelectorAll('.grid figure').length === 48")
    visit.leave(address)


def test_a_photo_with_words_behind_filters(site: Site, browser: Any, address: str, tmp_path: Path) -> None:
    id_, data = site.photo()
    (tmp_path / "mine.jpg").write_bytes(data)
    visit = Visit(browser, f"{address}search?words=a+bird&weight=0", viewport={"width": 1280, "height": 900})
    page = visit.page
    settled(page)
    page.set_input_files("#own", str(tmp_path / "mine.jpg"))
    page.wait_for_selector("#weight")
    page.wait_for_function(
        "(id) => document.querySelector('.found[aria-busy=false] .grid img')?.src.includes(encodeURIComponent(id))",
        arg=id_,
    )
    assert page.locator(CARDS).first.inner_text().count("1.00") == 1
    assert "like" not in asked(page)
    page.locator(".kin").nth(2).click()
    page.wait_for_selector(".asked")
    settled(page)
    third = asked(page)["like"][0]
    assert third not in page.locator(".grid img").first.get_attribute("src")
    page.reload()
    page.wait_for_selector(".asked img")
    assert third in page.locator(".asked img").get_attribute("src")
    page.click("#forget")
    page.wait_for_function("() => location.search === ''")
    visit.leave(address, "blob:")


def test_filters_by_keyboard_stand_in_the_address(site: Site, browser: Any, address: str) -> None:
    visit = Visit(browser, f"{address}search", viewport={"width": 1280, "height": 900})
    page, tree = visit.page, site.catalog.tree
    settled(page)
    family = tree.names[int(tree.at("family")[0])]
    page.locator(".finder input").fill(family)
    page.wait_for_selector("[role=option]")
    page.keyboard.press("Enter")
    page.wait_for_selector(".chip")
    page.locator(".months button").nth(6).focus()
    page.keyboard.press("Space")
    page.fill("#from", "190")
    page.keyboard.press("Tab")
    assert "Give a year" in page.locator("#from-bad").inner_text()
    page.fill("#from", "1901")
    page.keyboard.press("Enter")
    for side, value in enumerate(("-180", "-90", "180", "90")):
        page.locator(".sides-of input").nth(side).fill(value)
    page.keyboard.press("Enter")
    page.locator(".choices input").first.check()
    page.wait_for_function("() => location.search.includes('licence=')")
    told = asked(page)
    assert told["taxon"] == [tree.ids[int(tree.at("family")[0])]]
    assert (told["month"], told["from"], told["box"]) == (["7"], ["1901"], ["-180,-90,180,90"])
    settled(page)
    twin = page.evaluate("() => fetch(`/api/search${location.search}&k=24`).then((r) => r.json())")["rows"][0]
    page.wait_for_function("(n) => document.querySelectorAll('.grid figure').length === n", arg=len(twin["photos"]))
    page.reload()
    page.wait_for_selector(".chip .name")
    assert page.locator(".chip .name").inner_text() == family
    assert page.locator(".months [aria-pressed=true]").count() == 1
    page.click("#clear-filters")
    page.wait_for_function("() => location.search === ''")
    settled(page, len(site.catalog.kept()))
    page.go_back()
    page.wait_for_selector(".chip .name")
    page.go_back()
    page.wait_for_function("() => location.search.includes('box=') && !location.search.includes('licence=')")
    assert page.locator(".choices :checked").count() == 0
    settled(page)
    visit.leave(address)


def test_words_that_are_typed_on_are_one_step_back(browser: Any, address: str) -> None:
    visit = Visit(browser, f"{address}search?month=7", viewport={"width": 1280, "height": 900})
    page = visit.page
    settled(page)
    for text in ("a bird", "a bird on a twig"):
        page.fill("#words", text)
        page.keyboard.press("Enter")
        page.wait_for_function("(text) => new URLSearchParams(location.search).get('words') === text", arg=text)
    page.go_back()
    page.wait_for_function("() => location.search === '?month=7'")
    page.wait_for_function("() => document.querySelector('#words').value === ''")
    settled(page)
    visit.leave(address)


def test_a_box_is_drawn_on_the_map(browser: Any, address: str) -> None:
    visit = Visit(browser, f"{address}search", viewport={"width": 1280, "height": 900})
    page = visit.page
    frame = page.locator(".chart").bounding_box()
    at = [(frame["x"] + frame["width"] * s, frame["y"] + frame["height"] * s) for s in (0.25, 0.75)]
    page.mouse.move(*at[0])
    page.mouse.down()
    page.mouse.move(*at[1], steps=3)
    page.mouse.up()
    page.wait_for_function("() => location.search.includes('box=')")
    west, south, east, north = (float(side) for side in asked(page)["box"][0].split(","))
    assert (west, south, east, north) == pytest.approx((-90, -45, 90, 45), abs=2)
    visit.leave(address)


def test_nothing_found_and_what_cannot_be_asked_say_what_to_do(browser: Any, address: str) -> None:
    page = browser.new_page()
    page.goto(f"{address}search?to=1600")
    page.wait_for_selector(".nothing")
    assert "search without filters" in page.locator(".nothing").inner_text()
    page.locator(".nothing .quiet").click()
    page.wait_for_selector(CARDS)
    page.goto(f"{address}search?taxon=nothing")
    assert "Take an id from" in page.locator(".refusal").inner_text()
    page.goto(f"{address}search")
    page.set_input_files("#own", files=[{"name": "a.jpg", "mimeType": "image/jpeg", "buffer": b"no photo"}])
    page.wait_for_selector(".refusal")
    assert "Try another photo" in page.locator(".refusal").inner_text()
    page.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("query", ["", "?words=a+bird&month=5&box=-60,-40,60,60&from=1900", "?to=1600"])
def test_axe_finds_no_violation_in_search(browser: Any, address: str, query: str, scheme: str) -> None:
    if not AXE.is_file():
        pytest.skip("axe-core is not here: npm ci in frontend/ (the build hook does it where it builds the pages)")
    for width in (390, 1280):
        size = {"width": width, "height": 900}
        visit = Visit(browser, f"{address}search{query}", color_scheme=scheme, reduced_motion="reduce", viewport=size)
        page = visit.page
        settled(page)
        if width == 390:
            page.locator("summary").click()
        page.wait_for_function("() => (document.querySelector('.land')?.getAttribute('d') ?? '').length > 1000")
        assert page.evaluate("() => document.documentElement.scrollWidth") == width
        page.evaluate(AXE.read_text(encoding="utf-8"))
        found = page.evaluate("() => axe.run(document, { resultTypes: ['violations'] })")
        assert [f"{v['id']}: {[n['html'][:120] for n in v['nodes'][:3]]}" for v in found["violations"]] == []
        visit.leave(address)
