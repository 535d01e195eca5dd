"""In a real browser: what tells look-alikes apart, names in the visitor's language, ways on from a taxon, more answers of a search and those chosen."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from test_app_browser import AXE
from test_explaining import spotted
from test_search_browser import CARDS, settled
from tiny_site import Site, served
from visits import Visit


@pytest.fixture(scope="module")
def address(site: Site) -> Iterator[str]:
    with served(site.store, site.identifier) as where:
        yield where


def species(site: Site) -> tuple[str, str]:
    """Id and name of the species with the most photos."""
    tree, number = site.catalog.tree, int(site.catalog.kept()["taxon"].mode().sort()[0])
    return tree.ids[number], tree.names[number]


def violations(page: Any) -> list[str]:
    """What axe finds wrong with a page."""
    if not AXE.is_file():
        pytest.skip("axe-core is not here: npm ci in frontend/ (the build hook does it where it builds the pages)")
    page.evaluate(AXE.read_text(encoding="utf-8"))
    found = page.evaluate("() => axe.run(document, { resultTypes: ['violations'] })")["violations"]
    return [f"{one['id']}: {one['nodes'][0]['html']}" for one in found]


def explained(visit: Visit) -> list[str]:
    return [url for url in visit.asked if "/api/explain" in url]


def test_a_look_alike_is_told_apart_by_keyboard_and_in_words(
    site: Site, browser: Any, address: str, tmp_path: Path
) -> None:
    (tmp_path / "mine.jpg").write_bytes(site.photo()[1])
    visit = Visit(browser, address, viewport={"width": 1280, "height": 900}, reduced_motion="reduce")
    page = visit.page
    page.set_input_files("#files", str(tmp_path / "mine.jpg"))
    page.wait_for_selector(".apart .show")
    ranked = page.locator(".ranked .name").all_inner_texts()
    options = page.locator(".apart option").all_inner_texts()
    assert [one.rpartition(" (")[0] for one in options] == ranked[1:]
    for _ in range(2):  # the next one, then the one after it
        page.focus(".apart select")
        page.keyboard.press("ArrowDown")
        page.wait_for_selector(".apart .show")
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        page.wait_for_selector(".told .words")
    words = page.locator(".told .words").inner_text()
    page.wait_for_function("() => document.querySelector('#said').textContent.length > 20")
    assert visit.said() == words
    assert ranked[0] in words
    assert ranked[3] in words
    assert len(explained(visit)) == 2
    page.select_option(".apart select", index=1)
    page.wait_for_function("(name) => document.querySelector('.told .words').textContent.includes(name)", arg=ranked[2])
    assert len(explained(visit)) == 2, "what was told once is not asked again"
    assert violations(page) == []
    page.click("#clear")
    assert page.locator(".plate").count() == 0
    visit.leave(address, "blob:")


@pytest.mark.parametrize(("vectors", "tells"), [([[1, 0], [0, 1]], True), ([[0, 1], [0, 1]], False)])
def test_a_map_is_shown_where_it_stood_its_test_and_words_where_not(
    site: Site, browser: Any, tmp_path: Path, vectors: list[list[float]], tells: bool
) -> None:
    from test_explaining import bright

    (tmp_path / "bright.png").write_bytes(bright())
    with served(site.store, spotted(site, vectors)) as where:
        visit = Visit(browser, where, viewport={"width": 390, "height": 844}, color_scheme="dark")
        page = visit.page
        page.set_input_files("#files", str(tmp_path / "bright.png"))
        page.click(".apart .show")
        page.wait_for_selector(".told .words")
        assert page.locator(".told canvas").count() == int(tells)
        words = page.locator(".told .words").inner_text()
        assert ("No place in this photo tells" in words) is not tells
        if tells:
            assert "at the top left" in words
            label = page.locator(".told canvas").get_attribute("aria-label")
            assert words in label
            page.wait_for_function("() => document.querySelector('.told canvas').width === 96")
            seen = page.evaluate(
                """() => [12, 80].map((at) => [...document.querySelector('.told canvas').getContext('2d')
                .getImageData(at, at, 1, 1).data.slice(0, 3)])"""
            )
            assert seen[0][0] > seen[0][2] + 60, "ochre where it lies"
            assert max(seen[1]) - min(seen[1]) < 25, "grey where nothing does"
        assert page.evaluate("() => document.documentElement.scrollWidth") <= 390
        assert violations(page) == []
        visit.leave(where, "blob:")


def german(route: Any) -> None:
    """Answer as the server does, with a German name for every taxon."""
    reply = route.fetch()
    if "json" in reply.headers["content-type"]:
        body = re.sub(r'"called":{[^}]*}', '"called":{"de":"Sonnentier"}', reply.text())
        route.fulfill(response=reply, body=body)
    else:
        route.fulfill(response=reply)


@pytest.mark.parametrize(("path", "where"), [("taxon/{id}", ".relatives"), ("life", ".tree"), ("search?k=3", ".grid")])
def test_lists_name_taxa_in_the_visitors_language(
    site: Site, browser: Any, address: str, path: str, where: str
) -> None:
    page = browser.new_page(locale="de-DE")
    page.route("**/api/**", german)
    page.goto(address + path.format(id=quote(species(site)[0], safe="")))
    page.wait_for_selector(f"{where} small[lang=de]")
    assert set(page.locator(f"{where} small[lang=de]").all_inner_texts()) == {"Sonnentier"}
    page.click(".switches [lang=en]")
    page.wait_for_function("(where) => !document.querySelector(`${where} small[lang=de]`)", arg=where)
    page.close()


def lives(here: bool) -> Callable[[Any], None]:
    """An answer as of a species of the savanna, whose twin runs or does not."""

    def answer(route: Any) -> None:
        reply = route.fetch()
        told = json.loads(reply.text()) | {"twins": [{"ecosystem": "savanna", "served": here}]}
        route.fulfill(response=reply, body=json.dumps(told))

    return answer


def test_from_a_taxon_to_what_looks_like_it_and_to_its_twin(site: Site, browser: Any, address: str) -> None:
    taxon, name = species(site)
    visit = Visit(browser, f"{address}taxon/{quote(taxon, safe='')}", viewport={"width": 1280, "height": 900})
    page = visit.page
    assert page.locator(".ways [href^='/twin']").count() == 0, "it lives in none"
    page.click(".ways [href^='/search?alike']")
    page.wait_for_selector(".asked img")
    settled(page)
    assert page.locator(f"{CARDS} .name").count() == 24
    assert name not in page.locator(f"{CARDS} .name").all_inner_texts()
    assert name in page.locator(".asked figcaption").inner_text()
    page.click("#forget")
    page.wait_for_function("() => location.search === ''")
    visit.leave(address)
    for served_here in (True, False):
        page = browser.new_page()
        page.route("**/api/taxon/**", lives(served_here))
        page.goto(f"{address}taxon/{quote(taxon, safe='')}")
        page.wait_for_selector(".ways")
        assert page.locator(f".ways [href='/twin?species={quote(name)}']").count() == int(served_here)
        assert ("merian serve --twin savanna" in page.locator(".head").inner_text()) is not served_here
        page.close()


def test_answers_go_on_and_those_chosen_are_saved_as_a_table(
    site: Site, browser: Any, address: str, tmp_path: Path
) -> None:
    image = site.photo()[0]
    visit = Visit(browser, f"{address}search?like={quote(image, safe='')}", viewport={"width": 1280, "height": 900})
    page = visit.page
    settled(page)
    twin = page.evaluate("(q) => fetch(q).then((r) => r.json())", f"/api/search?k=100&like={quote(image, safe='')}")
    for shown in (48, 72):
        page.focus("#more")
        page.keyboard.press("Enter")
        page.wait_for_function("(n) => document.querySelectorAll('.grid figure').length === n", arg=shown)
    photos = twin["rows"][0]["photos"][:72]
    assert page.locator(f"{CARDS} .name").all_inner_texts() == [photo["taxon"]["name"] for photo in photos]
    assert "24 more" in visit.said()
    assert page.locator(".basket").count() == 0
    for place in (0, 50, 50, 3):
        page.locator(".pick input").nth(place).focus()
        page.keyboard.press("Space")
    assert "2 photos chosen" in page.locator(".basket").inner_text()
    assert violations(page) == []
    with page.expect_download() as coming:
        page.click("#save")
    coming.value.save_as(tmp_path / "chosen.csv")
    rows = list(csv.DictReader(io.StringIO((tmp_path / "chosen.csv").read_text(encoding="utf-8"))))
    assert [row["id"] for row in rows] == [photos[0]["id"], photos[3]["id"]]
    assert rows[1]["scientific_name"] == photos[3]["taxon"]["name"]
    assert float(rows[1]["cosine"]) == photos[3]["cosine"]
    assert rows[1]["licence"] == photos[3]["licence"]
    page.locator(".basket .quiet").last.click()
    assert page.locator(".basket").count() == 0
    visit.leave(address, "blob:")
