"""One tiny store and one browser for all tests of pages."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tiny_site import Ask, Site, asker, make_site
from visits import PATIENCE_MS

from merian.web.app import create_app

CHROMIUM = next((p for p in (Path("/usr/bin/chromium"), Path("/usr/bin/chromium-browser")) if p.is_file()), None)
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    return make_site(tmp_path_factory.mktemp("site") / "store")


@pytest.fixture(scope="session")
def ask(site: Site) -> Ask:
    return asker(create_app(site.store, site.identifier))


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    playwright = pytest.importorskip(
        "playwright.sync_api", reason="playwright is not installed: pip install 'merian[dev]'"
    )
    if CHROMIUM is None:
        pytest.skip("chromium is not installed at /usr/bin/chromium")
    with playwright.sync_playwright() as running:
        chromium = running.chromium.launch(executable_path=str(CHROMIUM), args=FLAGS, timeout=PATIENCE_MS)
        yield chromium
        chromium.close()
