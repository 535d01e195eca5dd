"""The story in one sitting: a photo is named, the name corrected, its like searched for, found on the map, and an animal met in the twin and seen through.

One browser, one server, no address typed but the first. What a person sees is held by roles and by the words of `strings/en.json`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from test_app_browser import FRONTEND
from test_twin_browser import COUNTED, RUNS, SMALL, colours, software  # noqa: F401 - a fixture among them
from tiny_site import Site, served
from visits import Visit

from merian.web.app import Options

WORDS = json.loads((FRONTEND / "src" / "strings" / "en.json").read_text(encoding="utf-8"))
GNU = "Connochaetes taurinus"


@pytest.fixture(scope="module")
def address(site: Site) -> Iterator[str]:
    with served(site.store, site.identifier, options=Options(live=SMALL)) as where:
        yield where


def go_to(page: Any, name: str) -> None:
    """By the navigation, as a person does."""
    page.get_by_role("navigation").get_by_role("link", name=WORDS[name], exact=True).click()


def test_from_a_photo_to_the_eyes_of_an_animal(site: Site, software: Any, address: str, tmp_path: Path) -> None:  # noqa: F811
    visit = Visit(software, address, viewport={"width": 900, "height": 620}, reduced_motion="reduce", locale="en-GB")
    truth = identified_and_corrected(visit, site, tmp_path)
    found = searched(visit, truth)
    explored(visit, found)
    met(visit.page)
    go_to(visit.page, "identify")
    assert truth in visit.page.locator(".kept").inner_text()  # what was said of the photo stands as it was left
    visit.leave(address, "blob:", address.replace("http", "ws"))


def identified_and_corrected(visit: Visit, site: Site, folder: Path) -> str:
    """A photo is dropped and named as the model names it; its true name is given, and kept as a record."""
    page, (photo, data) = visit.page, site.photo()
    (folder / "mine.jpg").write_bytes(data)
    page.set_input_files("#files", str(folder / "mine.jpg"))
    page.wait_for_selector(".plate[aria-busy=false]")
    tree, predicted = site.catalog.tree, site.identifier.identify([data]).predictions
    assert page.locator(".ranked .name").first.inner_text() == tree.names[int(predicted.taxa[0, 0])]
    assert visit.said().startswith(("Sure to", "Nothing is sure", "Most likely"))
    truth = str(tree.names[int(site.catalog.kept("test").filter(pl.col("id") == photo)["taxon"][0])])
    page.get_by_role("button", name=WORDS["other"]).click()
    page.get_by_role("combobox", name=WORDS["other.find"]).fill(truth)
    page.get_by_role("listbox", name=WORDS["other.find"]).get_by_role("option").filter(has_text=truth).first.click()
    page.wait_for_selector(".kept")
    assert page.locator(".kept").inner_text().startswith(f"{WORDS['kept']} {truth}")
    records = pl.read_csv(site.store / "records" / "verified.csv", infer_schema=False)
    assert (records["scientificName"].to_list(), records["associatedMedia"].to_list()) == ([truth], ["mine.jpg"])
    return truth


def searched(visit: Visit, name: str) -> str:
    """The page of the taxon leads to photos of what looks like it; the name of the first of them."""
    page = visit.page
    page.locator(".kept").get_by_role("link", name=name).click()
    page.get_by_role("heading", level=1, name=name).wait_for()
    page.get_by_role("link", name=WORDS["taxon.alike"]).click()
    page.wait_for_selector(".found[aria-busy=false] figure")
    told = page.evaluate("() => fetch(`/api/search${location.search}&k=24`).then((answer) => answer.json())")
    names = [photo["taxon"]["name"] for photo in told["rows"][0]["photos"]]
    assert page.locator(".grid figcaption > .taxon").all_inner_texts() == names
    page.locator(".asked").get_by_text(name).wait_for()  # what it is the like of
    return str(names[0])


def explored(visit: Visit, name: str) -> None:
    """From the answer to its place on the map, where its card tells the same name and who is like it."""
    page = visit.page
    page.get_by_role("link", name=f"{WORDS['search.map']}: {name}").first.click()
    page.wait_for_selector("#card h2")
    assert page.locator("#card h2").inner_text() == name
    assert page.locator("#card img").first.get_attribute("src")
    assert visit.said().startswith(f"{name}. ")


def met(page: Any) -> None:
    """The twin runs and counts; one wildebeest is gone with, and the landscape seen through its eyes, which is told to be a reconstruction."""
    go_to(page, "twin")
    page.wait_for_function(RUNS)
    page.wait_for_function(COUNTED)
    row = page.locator(f"[data-species='{GNU}']")
    assert int(re.sub(r"\D", "", row.locator("td").first.inner_text())) > 0
    page.get_by_role("button", name=WORDS["twin.pause"]).press(
        "Enter"
    )  # so that it is not eaten while we look, however slow the machine
    row.get_by_role("button", name=re.compile(f"^{WORDS['twin.follow']}")).press("Enter")
    page.get_by_role("button", name=WORDS["twin.eyes"]).press("Enter")
    page.get_by_text(WORDS["twin.oath"]).wait_for()
    name = page.locator(".glance h2").inner_text()
    page.get_by_role("application", name=WORDS["twin.through"].format(name=name)).wait_for()
    assert colours(page) > 20
    page.locator("#glass").focus()
    page.keyboard.press("Escape")
    page.get_by_role("button", name=WORDS["twin.eyes"]).wait_for()
