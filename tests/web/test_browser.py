"""The pages in a real browser: a photo is dropped, named, corrected and placed; a point is picked by keyboard; nothing is asked of the network."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from tiny_site import Site, served
from visits import Visit

GIVE = """([data, name, way]) => {
  const bytes = Uint8Array.from(atob(data), (c) => c.charCodeAt(0));
  const transfer = new DataTransfer();
  transfer.items.add(new File([bytes], name, { type: "image/jpeg" }));
  const event = way === "paste" ? new ClipboardEvent(way, { bubbles: true, cancelable: true, clipboardData: transfer })
    : new DragEvent(way, { bubbles: true, cancelable: true, dataTransfer: transfer });
  document.querySelector(way === "paste" ? "body" : "#drop").dispatchEvent(event);
}"""


@pytest.fixture(scope="module")
def address(site: Site) -> Iterator[str]:
    with served(site.store, site.identifier) as where:
        yield where


class Plates(Visit):
    """The page that photos can be dropped on."""

    def drop(self, name: str, data: bytes, way: str = "drop") -> None:
        self.page.evaluate(GIVE, [base64.b64encode(data).decode(), name, way])
        self.page.wait_for_selector(".plate[aria-busy=false]")


def test_a_dropped_photo_is_named_placed_and_explored(site: Site, browser: Any, address: str) -> None:
    visit = Plates(browser, address, viewport={"width": 1440, "height": 900})
    page = visit.page
    visit.drop("mine.jpg", site.photo()[1])
    plate = page.locator(".plate")
    expected = site.identifier.identify([site.photo()[1]]).predictions
    best = site.catalog.tree.names[int(expected.taxa[0, 0])]
    assert plate.locator(".ranked .name").first.inner_text() == best
    assert plate.locator(".ranked li").count() == 5
    assert plate.locator(".path .rank").all_inner_texts()[:3] == ["kingdom", "phylum", "class"]
    assert "none of these" in plate.locator(".path").inner_text()
    assert visit.said().startswith(("Sure to", "Nothing is sure", "Most likely"))
    plate.locator("figure .quiet").click()
    page.wait_for_selector("#map .over")
    page.wait_for_selector("#legend .key")
    assert page.url.endswith("/explorer")
    page.go_back()
    plate.locator(".path .taxon").first.click()
    page.wait_for_selector(".folio h1")
    assert page.locator(".folio .rank").first.inner_text() == "kingdom"
    page.go_back()
    assert plate.locator(".ranked li").count() == 5
    visit.leave(address, "blob:")


def test_a_name_is_kept_by_one_tap_corrected_and_taken_back(site: Site, browser: Any, address: str) -> None:
    visit = Plates(browser, address)
    page = visit.page
    visit.drop("mine.jpg", site.photo()[1])
    plate = page.locator(".plate")
    file = site.store / "records" / "verified.csv"
    plate.locator(".confirm").nth(1).click()
    page.wait_for_selector(".kept")
    second = plate.locator(".ranked .name").nth(1).inner_text()
    first = plate.locator(".ranked .name").first.inner_text()
    (row,) = pl.read_csv(file, infer_schema=False).rows(named=True)
    assert (row["scientificName"], row["verbatimIdentification"]) == (second, first)
    assert (row["identificationVerificationStatus"], row["associatedMedia"]) == ("ValidatedByHuman", "mine.jpg")
    plate.locator(".correct > .quiet").click()
    other = site.catalog.tree.names[int(site.catalog.tree.at("species")[-1])]
    page.wait_for_selector(".correct input:focus")  # where one types at once
    page.keyboard.type(other[:6])
    page.wait_for_selector("[role=option]")
    page.keyboard.press("Enter")
    page.wait_for_function(
        "(name) => document.querySelector('.kept')?.textContent.includes(name)", arg=other.split()[0]
    )
    assert pl.read_csv(file, infer_schema=False)["scientificName"].to_list() == [
        plate.locator(".kept .name").inner_text()
    ]
    plate.locator(".kept .quiet").click()
    page.wait_for_selector(".kept", state="detached")
    assert len(pl.read_csv(file, infer_schema=False)) == 0
    plate.locator(".confirm").nth(1).click()
    page.wait_for_selector(".kept")
    elsewhere = """() => fetch("/api/records").then((answer) => answer.json()).then(({ records }) => fetch("/api/records/remove", {
      method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify({ id: records[0].id }) })).then((answer) => answer.status)"""
    assert page.evaluate(elsewhere) == 200, "taken back in another window"
    plate.locator(".kept .quiet").click()
    page.wait_for_selector(".kept", state="detached")
    assert page.locator(".refusal").count() == 0
    visit.errors.clear()  # Chromium tells of a 404
    visit.leave(address, "blob:")


def test_a_bad_photo_is_said_and_the_next_one_works(site: Site, browser: Any, address: str) -> None:
    visit = Plates(browser, address)
    visit.drop("notes.jpg", b"no image at all")
    assert "Not read: not an image." in visit.page.locator(".plate.unread").inner_text()
    assert visit.said() == "Not read: not an image."
    visit.page.click("button[lang=de]")
    visit.drop("cut.jpg", site.photo()[1][: len(site.photo()[1]) // 2])
    visit.page.get_by_text("Nicht gelesen: die Datei ist abgeschnitten.", exact=True).first.wait_for()
    visit.page.click("button[lang=en]")
    visit.page.locator("#samples .thumb").first.click()
    visit.page.wait_for_selector(".plate:not(.unread)[aria-busy=false]")
    assert "Label in the catalog" in visit.page.locator(".plate").first.inner_text()
    visit.page.click("#clear")
    assert visit.page.locator(".plate").count() == 0
    visit.leave(address, "blob:")


def test_what_holds_no_file_leads_nowhere_and_says_what_to_do(site: Site, browser: Any, address: str) -> None:
    visit = Plates(browser, address)
    page = visit.page
    held = """(kind) => {
      const transfer = new DataTransfer();
      transfer.setData("text/uri-list", "http://127.0.0.1:1/elsewhere.jpg");
      const event = kind === "paste" ? new ClipboardEvent(kind, { bubbles: true, cancelable: true, clipboardData: transfer })
        : new DragEvent(kind, { bubbles: true, cancelable: true, dataTransfer: transfer });
      return document.querySelector("#drop").dispatchEvent(event);
    }"""
    for kind in ("dragover", "drop"):
        assert page.evaluate(held, kind) is False, "the browser does not follow it"
    page.wait_for_selector("#identify .refusal")
    assert "Save the photo on this device first" in page.locator("#identify .refusal").inner_text()
    visit.drop("mine.jpg", site.photo()[1])
    page.wait_for_selector("#identify .refusal", state="detached")
    page.evaluate(held, "paste")
    page.wait_for_selector("#identify .refusal")
    visit.drop("pasted.jpg", site.photo()[1], "paste")
    page.wait_for_selector("#identify .refusal", state="detached")
    assert page.locator(".plate").count() == 2
    visit.leave(address, "blob:")


def test_a_photo_stays_while_the_server_is_away_and_is_asked_again(site: Site, browser: Any, address: str) -> None:
    visit = Plates(browser, address)
    page = visit.page
    page.route("**/api/identify", lambda route: route.abort())
    page.route("**/api/find**", lambda route: route.abort())
    visit.drop("mine.jpg", site.photo()[1])
    assert "Start it again" in page.locator(".plate .refusal").inner_text()
    page.unroute("**/api/identify")
    page.get_by_role("button", name="Try again").click()
    page.wait_for_selector(".plate .ranked li")
    assert page.locator(".plate").count() == 1
    page.locator(".correct > .quiet").click()
    page.locator(".correct input").fill("an")
    page.wait_for_selector(".finder .refusal")
    visit.errors.clear()
    visit.leave(address, "blob:")


def test_the_map_is_walked_by_keyboard(browser: Any, address: str) -> None:
    visit = Visit(browser, f"{address}explorer", reduced_motion="reduce", color_scheme="dark")
    page = visit.page
    page.focus("#map .over")
    page.keyboard.press("ArrowRight")
    page.wait_for_selector("#card h2")
    first = page.locator("#card .portrait").get_attribute("src")
    page.wait_for_function("(src) => src.endsWith(new URLSearchParams(location.search).get('photo'))", arg=first)
    page.keyboard.press("ArrowRight")
    page.wait_for_function(
        "(first) => document.querySelector('#card .portrait')?.getAttribute('src') !== first", arg=first
    )
    page.keyboard.press("Escape")
    assert page.locator("#card").count() == 0
    assert page.url.endswith("/explorer")
    page.select_option("#by", "habitat")
    page.wait_for_function("() => location.search === '?by=habitat'")
    page.reload()
    page.wait_for_selector("#legend .key")
    assert page.input_value("#by") == "habitat"
    key = page.locator("#legend .key").first
    key.click()
    assert page.locator("#legend .key").first.get_attribute("aria-pressed") == "true"
    visit.leave(address, "blob:")


@pytest.mark.parametrize("width", [360, 390, 820, 1440])
def test_no_page_is_wider_than_the_window(site: Site, browser: Any, address: str, width: int) -> None:
    visit = Plates(browser, address, viewport={"width": width, "height": 800})
    visit.drop("a-rather-long-name-of-a-photo-that-somebody-took-in-the-garden.jpg", site.photo()[1])
    assert visit.page.evaluate("document.documentElement.scrollWidth") <= width
    visit.leave(address, "blob:")


def test_each_control_has_a_name(browser: Any, address: str) -> None:
    visit = Visit(browser, address)
    nameless = visit.page.evaluate(
        """() => [...document.querySelectorAll("button, a, select, input, canvas[tabindex], img")].filter((e) =>
          !(e.getAttribute("aria-label") || e.textContent.trim() || e.labels?.length || e.hasAttribute("alt"))).map((e) => e.outerHTML)"""
    )
    assert nameless == []
    visit.leave(address, "blob:")


def test_what_a_store_lacks_is_said_in_its_place(site: Site, browser: Any, tmp_path: Path) -> None:
    (tmp_path / "catalog").symlink_to(site.store / "catalog")
    with served(tmp_path, None) as where:
        visit = Visit(browser, where)
        assert "merian train" in visit.page.locator("#identify .absent").inner_text()
        offered = visit.page.locator("nav a").all_inner_texts()
        assert offered[:4] == ["Identify", "Encyclopedia", "Search", "Twin"]
        assert not {"Explorer", "Report", "Model"} & set(offered)
        visit.leave(where, "blob:")
        visit = Visit(browser, f"{where}explorer")
        assert "merian explore" in visit.page.locator("#explore .absent").inner_text()
        visit.leave(where, "blob:")
