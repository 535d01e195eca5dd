"""Pages that Merian writes as files, in a real browser: they fit a phone and a wall, axe finds no violation in them, and they ask for nothing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from test_simulation_browser import page as simulation
from tiny_site import Site
from visits import violations

from merian.encode.hub import pocket
from merian.web.stranger import PAGE

SIZES = ((360, 740, "light"), (3840, 2160, "dark"))


def card_of_the_data(site: Site) -> str:
    return (site.store / "catalog" / "card.html").read_text(encoding="utf-8")


def card_of_the_model(_: Site) -> str:
    card = pocket() / "card.html"
    if not card.is_file():
        pytest.skip("this package was built without the pocket model")
    return card.read_text(encoding="utf-8")


def layout(site: Site) -> str:
    return (site.store / "exploration" / "layout.html").read_text(encoding="utf-8")


WRITTEN: dict[str, Callable[[Site], str]] = {
    "data": card_of_the_data,
    "layout": layout,
    "model": card_of_the_model,
    "simulation": lambda _: simulation(),
    "stranger": lambda _: PAGE,
}


@pytest.mark.parametrize("name", sorted(WRITTEN))
def test_a_written_page_fits_and_can_be_read_by_all(site: Site, browser: Any, tmp_path: Path, name: str) -> None:
    file = tmp_path / f"{name}.html"
    file.write_text(WRITTEN[name](site), encoding="utf-8")
    for wide, high, scheme in SIZES:
        page = browser.new_page(
            viewport={"width": wide, "height": high}, color_scheme=scheme, reduced_motion="reduce", bypass_csp=True
        )
        asked: list[str] = []
        page.on("request", lambda request, asked=asked: asked.append(request.url))
        page.goto(file.as_uri())
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), (wide, scheme)
        assert violations(page) == [], (wide, scheme)
        assert [url for url in asked if not url.startswith(("data:", "blob:", file.as_uri()))] == []
        page.close()
