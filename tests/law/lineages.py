"""Random lineages for the laws: few names, so that clades are shared; any rank may be missing; homonyms may occur."""

from __future__ import annotations

import os

import polars as pl
from hypothesis import settings
from hypothesis import strategies as st

from merian.core.tree import RANKS, Tree

EXAMPLES = os.environ.get("MERIAN_EXAMPLES")
FAST = settings(max_examples=int(EXAMPLES or 40), deadline=None, derandomize=EXAMPLES is None)
"""Few and fixed examples for every day; MERIAN_EXAMPLES=1000 hunts with new ones."""

Row = tuple[str | None, ...]
POOLS = tuple(tuple(f"{rank[:2].capitalize()}{letter}" for letter in "abc") for rank in RANKS[:6])
EPITHETS = ("alba", "nigra", "vulgaris")


@st.composite
def rows(draw: st.DrawFn, missing: bool = True, least: int = 0, most: int = 25) -> list[Row]:
    """Lineages of seven; with `missing`, any rank may be None, even above a given one, but not all."""

    def one() -> Row:
        names: list[str | None] = [draw(st.sampled_from(pool)) for pool in POOLS]
        names.append(f"{names[5]} {draw(st.sampled_from(EPITHETS))}")
        if missing:
            gone = draw(st.sets(st.integers(0, 6), max_size=6))
            names = [None if r in gone else name for r, name in enumerate(names)]
        return tuple(names)

    return [one() for _ in range(draw(st.integers(least, most)))]


@st.composite
def nested(draw: st.DrawFn, least: int = 1, most: int = 25) -> list[Row]:
    """Lineages without homonyms: every name says its whole path, so that it is unique at its rank; ranks may be missing."""
    found = []
    for _ in range(draw(st.integers(least, most))):
        digits = [draw(st.integers(0, 2)) for _ in RANKS]
        gone = draw(st.sets(st.integers(0, 6), max_size=6))
        kept = [r for r in range(7) if r not in gone]
        names: list[str | None] = [None] * 7
        path = ""
        for r in kept:
            path += "kpcofgs"[r] + "aeo"[digits[r]]
            names[r] = path.capitalize()
        if names[6] is not None:
            genus = names[5] or "Solus"
            names[6] = f"{genus} {path}"
        found.append(tuple(names))
    return found


def table(lineages: list[Row]) -> pl.DataFrame:
    """The lineages as a table of seven text columns."""
    return pl.DataFrame(lineages, schema=dict.fromkeys(RANKS, pl.String), orient="row")


def grown(lineages: list[Row]) -> Tree:
    """The Tree that spans the lineages."""
    return Tree.from_lineages(table(lineages))
