"""One tiny store for all tests of the web page."""

from __future__ import annotations

import pytest
from tiny_site import Ask, Site, asker, make_site

from merian.web.app import create_app


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    return make_site(tmp_path_factory.mktemp("site") / "store")


@pytest.fixture(scope="session")
def ask(site: Site) -> Ask:
    return asker(create_app(site.store, site.identifier))
