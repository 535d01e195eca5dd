"""The application in a real browser: the tree of life, pages of taxa, languages, light, keyboard, no violations found by axe, first paint."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tiny_site import Site, served
from visits import Visit

FRONTEND = Path(__file__).parents[2] / "frontend"
AXE = FRONTEND / "node_modules" / "axe-core" / "axe.min.js"


@pytest.fixture(scope="module")
def address(site: Site) -> Iterator[str]:
    with served(site.store, site.identifier) as where:
        yield where


def species(site: Site) -> str:
    return str(site.catalog.tree.ids[int(site.catalog.tree.at("species")[0])])


def test_the_tree_is_opened_by_keyboard_and_read(site: Site, browser: Any, address: str) -> None:
    visit = Visit(browser, f"{address}life", viewport={"width": 1100, "height": 800})
    page, tree = visit.page, site.catalog.tree
    rows = page.locator(".tree .row")
    roots = [tree.names[i] for i in range(len(tree)) if tree.parent[i] < 0]
    assert page.locator(".tree .row .name").all_inner_texts() == roots
    rows.first.focus()
    page.keyboard.press("ArrowRight")
    page.wait_for_function("() => document.querySelectorAll('.row .name').length > 3")
    assert rows.first.get_attribute("aria-expanded") == "true"
    page.keyboard.press("ArrowDown")
    page.wait_for_function("() => document.activeElement?.dataset.place === '1'")
    assert rows.nth(1).get_attribute("aria-level") == "2"
    page.keyboard.press("ArrowLeft")
    page.wait_for_function("() => document.activeElement?.dataset.place === '0'")
    page.keyboard.press("ArrowLeft")
    page.wait_for_function("(n) => document.querySelectorAll('.row').length === n", arg=len(roots))
    page.keyboard.press("Enter")
    page.wait_for_selector(".folio h1")
    assert page.locator(".folio h1").inner_text() == roots[0]
    assert page.evaluate("() => document.activeElement.id") == "page"
    visit.leave(address)


def test_everything_opened_is_the_whole_tree_in_its_order(site: Site, browser: Any, address: str) -> None:
    visit = Visit(browser, f"{address}life", viewport={"width": 1100, "height": 700})
    page, tree = visit.page, site.catalog.tree
    page.click("#whole-tree")
    page.wait_for_function("() => document.querySelectorAll('.row .name').length > 8")
    drawn = page.locator(".tree .row").count()
    assert drawn < len(tree)
    page.locator(".tree .row").first.focus()
    page.keyboard.press("End")
    page.wait_for_function("(last) => document.activeElement?.dataset.place === last", arg=str(len(tree) - 1))
    page.wait_for_function(
        "(name) => document.activeElement?.querySelector('.name')?.textContent === name", arg=tree.names[len(tree) - 1]
    )
    assert page.locator(".tree .row").count() <= drawn + 20
    visit.leave(address)


def test_a_name_that_is_found_is_shown_in_its_place(site: Site, browser: Any, address: str) -> None:
    visit = Visit(browser, f"{address}life")
    page, tree = visit.page, site.catalog.tree
    name = tree.names[int(tree.at("species")[-1])]
    page.locator(".finder input").fill(name)
    page.wait_for_selector("[role=option]")
    page.keyboard.press("Enter")
    page.wait_for_function(
        "(name) => [...document.querySelectorAll('.row[tabindex=\"0\"] .name')].some((e) => e.textContent === name)",
        arg=name,
    )
    assert f"at={tree.ids[int(tree.at('species')[-1])]}" in page.url
    visit.leave(address)


def test_a_page_of_a_species_says_what_its_json_twin_says(site: Site, browser: Any, address: str) -> None:
    visit = Visit(browser, f"{address}taxon/{species(site)}", viewport={"width": 1280, "height": 900})
    page = visit.page
    twin = page.evaluate("(id) => fetch(`/api/taxon/${id}`).then((r) => r.json())", species(site))
    text = page.locator(".folio").inner_text()
    assert page.locator("h1").inner_text() == twin["name"]
    assert page.locator(".crumbs .taxon").all_inner_texts() == [t["name"] for t in twin["lineage"][:-1]]
    assert page.locator(".kin > div").first.locator(".taxon").all_inner_texts() == [
        kin["taxon"]["name"] for kin in twin["relatives"]["tree"]
    ]
    assert page.locator(".pictures .thumb").count() == len(twin["images"])
    assert twin["credits"][0]["rights_holder"] in text
    for trait in twin["traits"]:
        assert trait["trait"].replace("_", " ").capitalize() in text
    page.wait_for_function("() => (document.querySelector('.land')?.getAttribute('d') ?? '').length > 1000")
    assert page.locator(".earth .seen").count() == len(twin["sightings"]["places"])
    page.click("button[lang=de]")
    german = json.loads((FRONTEND / "src" / "strings" / "de.json").read_text(encoding="utf-8"))
    groups = [german[f"group.{group['name']}"] for one in twin["variation"] for group in one["groups"]]
    assert groups
    assert [told.rsplit(" ", 1)[0] for told in page.locator(".variation li > p").all_inner_texts()] == groups
    page.locator(".pictures .thumb").nth(1).click()
    page.wait_for_function(
        "(id) => document.querySelector('.portrait').src.endsWith(encodeURIComponent(id))", arg=twin["images"][1]
    )
    page.locator(".ways .quiet").first.click()
    page.wait_for_selector("#legend .key[aria-pressed=true]")
    visit.leave(address)


def test_an_unknown_page_says_what_to_do(browser: Any, address: str) -> None:
    page = browser.new_page()
    for path in ("taxon/nothing", "taxon/100%25", "taxon/%zz"):
        page.goto(f"{address}{path}")
        assert "Take an id from" in page.locator(".refusal").inner_text()
    page.click("button[lang=de]")
    assert "Das gibt es hier nicht." in page.locator(".refusal").inner_text()
    assert "Take an id from" in page.locator(".refusal small[lang=en]").inner_text()
    answer = page.goto(f"{address}no/such/page")
    assert answer.status == 404
    assert page.locator("h1").inner_text() == "Diese Seite gibt es nicht"
    page.close()


def test_a_page_that_cannot_be_fetched_says_what_to_do_and_is_there_later(browser: Any, address: str) -> None:
    visit = Visit(browser, address, viewport={"width": 1280, "height": 900})
    page = visit.page
    page.context.set_offline(True)
    tree = page.get_by_role("navigation").get_by_role("link", name="Encyclopedia")
    tree.click()
    page.wait_for_selector(".failed .refusal")
    assert "Is merian serve still running?" in page.locator(".refusal").inner_text()
    page.get_by_role("navigation").get_by_role("link", name="Identify").click()
    page.wait_for_selector("#drop")
    page.context.set_offline(False)
    tree.click()
    page.wait_for_selector(".tree .row")
    held: list[Any] = []
    page.route("**/static/assets/**", lambda route: held.append(route))
    page.get_by_role("navigation").get_by_role("link", name="Search").click()
    page.wait_for_selector("main > .looking")
    assert held
    page.unroute("**/static/assets/**")  # lets go on what was held
    page.wait_for_selector("#search .found")
    page.close()


def test_language_and_light_are_switched_and_remembered(browser: Any, address: str) -> None:
    visit = Visit(browser, address, color_scheme="light")
    page = visit.page
    paper = "() => getComputedStyle(document.body).backgroundColor"
    light = page.evaluate(paper)
    page.click("button[lang=de]")
    assert page.locator("h1").inner_text() == "Was ist das?"
    assert page.get_attribute("html", "lang") == "de"
    page.click("#theme")
    page.click("#theme")
    assert page.evaluate(paper) != light
    page.reload()
    page.wait_for_selector("body[data-ready=yes]")
    assert page.locator("h1").inner_text() == "Was ist das?"
    assert page.evaluate(paper) != light
    visit.leave(address)


def test_both_languages_say_the_same_things() -> None:
    read = {}
    for language in ("en", "de"):
        words = json.loads((FRONTEND / "src" / "strings" / f"{language}.json").read_text(encoding="utf-8"))
        read[language] = {
            key: sorted(part.split("}")[0] for part in text.split("{")[1:]) for key, text in words.items()
        }
    assert read["en"] == read["de"]
    assert all(key.replace(".one", ".other") in read["en"] for key in read["en"] if key.endswith(".one"))


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("path", ["", "explorer", "life", "taxon/{species}", "answered"])
def test_axe_finds_no_violation(site: Site, browser: Any, address: str, path: str, scheme: str) -> None:
    if not AXE.is_file():
        pytest.skip("axe-core is not here: npm ci in frontend/ (the build hook does it where it builds the pages)")
    where = address + ("" if path == "answered" else path.replace("{species}", species(site)))
    visit = Visit(browser, where, color_scheme=scheme, reduced_motion="reduce")
    page = visit.page
    if path == "answered":
        page.locator("#samples .thumb").first.click()
        page.wait_for_selector(".plate[aria-busy=false]")
        page.locator(".correct > .quiet").click()
    if path == "explorer":
        page.focus("#map .over")
        page.keyboard.press("ArrowRight")
        page.wait_for_selector("#card h2")
    page.evaluate(AXE.read_text(encoding="utf-8"))
    found = page.evaluate("() => axe.run(document, { resultTypes: ['violations'] })")
    told = [f"{v['id']}: {v['help']}: {[n['html'][:120] for n in v['nodes'][:3]]}" for v in found["violations"]]
    assert told == []
    assert len(found["passes"]) > 10
    visit.leave(address, "blob:")


def test_a_page_is_used_by_keyboard_alone(browser: Any, address: str) -> None:
    visit = Visit(browser, address)
    page = visit.page
    page.keyboard.press("Tab")
    assert page.evaluate("() => document.activeElement.className") == "skip"
    seen = []
    for _ in range(12):
        page.keyboard.press("Tab")
        seen.append(page.evaluate("() => document.activeElement.textContent.trim() || document.activeElement.id"))
        outline = page.evaluate("() => getComputedStyle(document.activeElement).outlineStyle")
        assert outline == "solid" or seen[-1] == "files"
    assert {"Identify", "Encyclopedia", "Explorer", "files"} <= set(seen)
    visit.leave(address)
