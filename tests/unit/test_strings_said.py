"""Sentences of the server in German: found by the sentence itself, its numbers apart, and whole for what the twin's pages always show."""

from __future__ import annotations

import ast
import json
import re
from pathlib import Path

import pytest

import merian.twin.theory
import merian.web.parts
from merian.twin.fields.groups import TITLES
from merian.twin.senses.eyes import all_eyes
from merian.twin.senses.seen import translation
from merian.twin.theory import THEORY
from merian.twin.traits import TRAITS
from merian.twin.worked import opened

STRINGS = Path(__file__).parents[2] / "frontend" / "src" / "strings"
NUMBER = re.compile(r"\d+(?:,\d{3})*(?:\.\d+)?(?:e[+-]?\d+)?")
SAID: dict[str, str] = json.loads((STRINGS / "said.de.json").read_text(encoding="utf-8"))
CALLED: dict[str, str] = json.loads((STRINGS / "species.de.json").read_text(encoding="utf-8"))


def lacking(texts: list[str]) -> list[str]:
    return sorted({text for text in texts if text and NUMBER.sub("#", text) not in SAID})


def test_numbers_are_put_where_they_belong() -> None:
    """The page finds numbers as this test does, and a German sentence names none that its English one has not."""
    script = (STRINGS.parent / "said.tsx").read_text(encoding="utf-8")
    assert f"/{NUMBER.pattern}/g" in script
    for key, german in SAID.items():
        assert not NUMBER.search(key), key
        assert {int(at) for at in re.findall(r"#(\d+)", german)} <= set(range(1, key.count("#") + 1)), key


def test_what_the_panel_and_the_evidence_always_show_is_there() -> None:
    assert lacking(list(TITLES.values())) == []
    assert lacking([term.meaning for term in TRAITS.values()]) == []
    assert lacking([translation(eyes) for eyes in all_eyes()]) == []
    rows = [row for family in THEORY[:1] for row in family()]
    assert rows
    assert lacking([text for row in rows for text in (row.name, row.statement, row.missing)]) == []


def test_every_row_that_is_written_out_in_the_code_is_there() -> None:
    """A new row of the panel needs a line in said.de.json: its name and its statement, numbers as #."""
    told = [
        part.value
        for file in sorted(Path(merian.twin.theory.__file__).parent.rglob("*.py"))
        for call in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id == "Row"
        for part in call.args[:2]
        if isinstance(part, ast.Constant) and isinstance(part.value, str)
    ]
    assert len(told) > 40
    assert lacking(told) == []


def test_what_a_store_lacks_is_said_in_german() -> None:
    parts = Path(merian.web.parts.__file__).read_text(encoding="utf-8")
    told = re.findall(r'absent\["(?:identify|catalog|neighbours|layout|placing)"\] = "([^"]+)"', parts)
    assert len(told) >= 5
    assert lacking(told) == []


@pytest.mark.parametrize("world", ["savanna", "isle-royale"])
def test_species_have_names_in_german(world: str) -> None:
    ecosystem = opened(world, 0)
    names = {*ecosystem.species.names, *(pool.name for pool in ecosystem.pools), *(eyes.name for eyes in all_eyes())}
    assert names <= set(CALLED)
