"""The tree of life in a real browser when it is long: who scrolls fast is shown what they came to, and who scrolls on stays where they are by keyboard."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from tiny_site import served
from visits import Visit

from merian.core.tree import Tree
from merian.encode import open_encoder
from merian.identify import Head, Identifier

GENERA, EACH = 400, 50
PAGE = 200
"""Rows that the server is asked for at a time (frontend/src/life/rows.ts)."""


@pytest.fixture(scope="module")
def tree() -> Tree:
    names = [(f"G{g:03}", f"G{g:03} s{s:02}") for g in range(GENERA) for s in range(EACH)]
    return Tree.from_lineages(pl.DataFrame(names, schema=["genus", "species"], orient="row"))


@pytest.fixture(scope="module")
def address(tree: Tree) -> Iterator[str]:
    encoder = open_encoder("toy")
    with served(Path(os.devnull), Identifier(encoder, Head.build(encoder, tree, tree.at("species")[:3]))) as where:
        yield where


def whole(browser: Any, address: str) -> Visit:
    """The whole tree, open."""
    visit = Visit(browser, f"{address}life", viewport={"width": 1100, "height": 800})
    visit.page.click("#whole-tree")
    visit.page.wait_for_function("() => document.querySelectorAll('.row .name').length > 8")
    return visit


def test_who_scrolls_fast_is_shown_what_they_came_to(tree: Tree, browser: Any, address: str) -> None:
    visit = whole(browser, address)
    page = visit.page
    before = len(visit.asked)
    page.evaluate(
        """() => new Promise((done) => {
          const tree = document.querySelector(".tree");
          const step = () => {
            tree.scrollTop += 18000;
            tree.scrollTop + tree.clientHeight >= tree.scrollHeight - 2 ? done() : requestAnimationFrame(step);
          };
          step();
        })"""
    )
    page.wait_for_function("() => !document.querySelector('.tree .waiting')")
    assert page.locator(".row .name").last.inner_text() == tree.names[len(tree) - 1]
    asked = [re.search(r"start=(\d+)", url) for url in visit.asked[before:]]
    pages = {int(found[1]) // PAGE for found in asked if found}
    assert max(pages) == (len(tree) - 1) // PAGE
    assert len(pages) == len([found for found in asked if found])  # none is asked for twice
    assert len(pages) < len(tree) / PAGE  # some that were passed never were
    visit.leave(address)


def test_pages_ahead_are_there_before_they_are_seen(browser: Any, address: str) -> None:
    visit = whole(browser, address)
    page = visit.page
    page.evaluate("() => { document.querySelector('.tree').scrollTop += 90 * 36; }")
    page.wait_for_function("() => !document.querySelector('.tree .waiting')")
    page.wait_for_function("() => Number(document.querySelector('.tree .row').dataset.place) > 40")
    last = int(page.locator(".tree .row").last.get_attribute("data-place") or 0)
    assert last < PAGE
    page.wait_for_function(
        "(url) => performance.getEntriesByType('resource').some((e) => e.name.includes(url))", arg=f"start={PAGE}&"
    )
    visit.leave(address)


def test_a_row_that_is_scrolled_away_keeps_the_keyboard(browser: Any, address: str) -> None:
    visit = whole(browser, address)
    page = visit.page
    page.locator(".tree .row").nth(2).focus()
    page.evaluate("() => { document.querySelector('.tree').scrollTop += 400 * 36; }")
    page.wait_for_function("() => document.activeElement?.classList.contains('tree')")
    page.keyboard.press("ArrowDown")
    page.wait_for_function("() => document.activeElement?.dataset.place === '3'")
    page.locator(".finder input").focus()
    page.evaluate("() => { document.querySelector('.tree').scrollTop += 10 * 36; }")
    page.wait_for_function("() => Number(document.querySelector('.tree .row').dataset.place) > 0")
    assert page.evaluate("() => document.activeElement.matches('.finder input')")
    visit.leave(address)
