"""A page in a browser that remembers what went wrong and what it asked for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

AXE = Path(__file__).parents[2] / "frontend" / "node_modules" / "axe-core" / "axe.min.js"
DRIVER = "GL Driver Message"
"""Chromium's remarks on its own software rendering are no errors of the page."""
PATIENCE_MS = 170_000


class Visit:
    """The page at an address, ready."""

    def __init__(self, browser: Any, address: str, **options: Any) -> None:
        self.page = browser.new_page(**options)
        self.page.set_default_timeout(PATIENCE_MS)
        self.errors: list[str] = []
        self.asked: list[str] = []
        self.page.on("console", lambda m: self.errors.append(m.text) if m.type in ("error", "warning") else None)
        self.page.on("pageerror", lambda e: self.errors.append(str(e)))
        self.page.on("request", lambda r: self.asked.append(r.url))
        self.page.goto(address)
        self.page.wait_for_selector("body[data-ready=yes]")

    def said(self) -> str:
        """What the page last told those who cannot see it."""
        return str(self.page.locator("#said").inner_text())

    def leave(self, *own: str) -> None:
        """Close the page; no error, and nothing asked for that does not begin as one of its `own`."""
        self.page.close()
        assert [e for e in self.errors if DRIVER not in e] == []
        assert [u for u in self.asked if not u.startswith(own)] == []


def violations(page: Any) -> list[str]:
    """What axe finds wrong in a page, a line each: the rule, and the first elements; skips the test where axe-core is not here."""
    if not AXE.is_file():
        pytest.skip("axe-core is not here: npm ci in frontend/ (the build hook does it where it builds the pages)")
    page.evaluate(AXE.read_text(encoding="utf-8"))
    found = page.evaluate("() => axe.run(document, { resultTypes: ['violations'] })")
    assert len(found["passes"]) > 5
    return [f"{v['id']}: {v['help']}: {[n['html'][:120] for n in v['nodes'][:3]]}" for v in found["violations"]]
