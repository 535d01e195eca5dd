"""The documentation is held to what the software does."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args

import pytest

from merian.cli.main import VERBS
from merian.cli.settings import Verb, page
from merian.core.tables import CATALOG, RECORDS, markdown

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "HOUSE.md", *sorted((ROOT / "docs").rglob("*.md"))]


def test_the_settings_page_is_what_the_command_prints() -> None:
    written = (ROOT / "docs/reference/settings.md").read_text()
    assert written == page(get_args(Verb)), "run: merian settings --markdown > docs/reference/settings.md"


def test_the_columns_page_holds_every_declared_column() -> None:
    written = (ROOT / "docs/reference/columns.md").read_text()
    assert markdown(CATALOG) in written
    assert markdown(RECORDS) in written


@pytest.mark.parametrize("verb", sorted(VERBS))
def test_every_verb_is_documented(verb: str) -> None:
    text = "\n".join(p.read_text() for p in PAGES)
    assert f"merian {verb}" in text


@pytest.mark.parametrize("path", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_links_lead_somewhere(path: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+?)\)", path.read_text()):
        if not target.startswith("http"):
            assert (path.parent / target).exists(), f"{path.name} links to {target}, which is not there"


def test_the_documents_name_only_verbs_that_exist() -> None:
    for path in PAGES:
        for verb in re.findall(r"`merian ([a-z]+)", path.read_text()):
            assert verb in VERBS, f"{path.name} names `merian {verb}`"
