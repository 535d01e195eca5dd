"""The scenarios that ship: each is listed, found by name, runs, and sends species the way that it says."""

from __future__ import annotations

import re
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from merian.cli.main import run
from merian.core.errors import BadData, BadSetting
from merian.twin.ecosystem import Ecosystem
from merian.twin.ensemble import EnsembleSettings, Setting, effects, ensemble
from merian.twin.hazards.asked import how_table, threats
from merian.twin.placeless import NOWHERE, placeless
from merian.twin.scenario import Scenario, read_scenario
from merian.twin.shipped import SCENARIOS, Shipped, scenario_file, shipped_scenario
from merian.twin.space.altered import Altered
from merian.twin.space.pairs import Field, pair
from merian.twin.space.settings import MapSettings
from merian.twin.worked import opened

FEW = EnsembleSettings(members=3, years=12, settle=20, threads=1)
MAP = MapSettings(tier="grid", members=1, years=3, settle=20, spin=0, rows=4, threads=1)
WAYS = {"falls": -1, "rises": 1}


@cache
def ecosystem(name: str) -> Ecosystem:
    return opened(name, 0)


@cache
def setting(name: str) -> Setting:
    return Setting.of_ecosystem(ecosystem(name))


def common(name: str) -> list[str]:
    own = ecosystem(name)
    return [*own.species.common, *(pool.name for pool in own.pools)]


def asked(shipped: Shipped) -> Scenario:
    own = shipped.ecosystem
    return shipped.scenario.named(dict(zip(common(own), setting(own).web.names, strict=True)))


def test_the_docs_hold_the_settings_of_all_threats() -> None:
    text = (Path(__file__).parents[2] / "docs/how/simulate.md").read_text(encoding="utf-8")
    assert how_table() in text


def test_the_scenarios_of_the_docs_can_be_read(tmp_path: Path) -> None:
    text = (Path(__file__).parents[2] / "docs/how/simulate.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```toml\n(.*?)```", text, re.DOTALL)
    assert len(blocks) >= 3
    for number, block in enumerate(blocks):
        file = tmp_path / f"{number}.toml"
        file.write_text(block)
        assert threats(read_scenario(file)) is not None


def test_there_are_as_many_as_the_docs_say() -> None:
    text = (Path(__file__).parents[2] / "docs/how/simulate.md").read_text(encoding="utf-8")
    assert len(SCENARIOS) == 12
    for name in SCENARIOS:
        assert f"| `{name}` |" in text, name
    for name in SCENARIOS:
        expect = shipped_scenario(name).expect
        row = next(line for line in text.splitlines() if line.startswith(f"| `{name}` |"))
        for species, way in expect.items():
            part = next(cell for cell in row.split(" | ") if way in cell)
            assert species in part, (name, species)


@pytest.mark.parametrize("name", [name for name in SCENARIOS if shipped_scenario(name).tier == "web"])
def test_species_go_the_way_that_is_expected_in_the_food_web(name: str) -> None:
    shipped = shipped_scenario(name)
    assert shipped.sources
    found = effects(ensemble(setting(shipped.ecosystem), asked(shipped), FEW))
    by_name = dict(zip(common(shipped.ecosystem), found, strict=True))
    assert shipped.expect
    for species, way in shipped.expect.items():
        effect = by_name[species]
        assert effect.high < 1 if way == "falls" else effect.low > 1, effect.said(species)


@pytest.mark.parametrize("name", [name for name in SCENARIOS if shipped_scenario(name).tier == "grid"])
def test_species_go_the_way_that_is_expected_on_a_map(name: str) -> None:
    shipped = shipped_scenario(name)
    own = ecosystem(shipped.ecosystem)
    without, with_it = pair(Field.of_ecosystem(own, MAP), asked(shipped), MAP, 0)
    late = [course.rows[-4:].mean(0) for course in (without, with_it)]
    for species, way in shipped.expect.items():
        at = common(shipped.ecosystem).index(species)
        assert np.sign(late[1][at] - late[0][at]) == WAYS[way], species


@pytest.mark.parametrize("name", SCENARIOS)
def test_each_fits_a_map_and_a_tier_without_places_or_says_that_it_does_not(name: str) -> None:
    shipped = shipped_scenario(name)
    field = Field.of_ecosystem(ecosystem(shipped.ecosystem), replace(MAP, rows=8))
    change = asked(shipped)
    change.checked(field.setting.web, 50.0)
    assert len(Altered(change, field.setting, field.ground(MAP)).at(49.0).webs) >= 1
    known = setting(shipped.ecosystem).known
    assert known is not None
    flat = placeless(change, known)
    assert {one.what for one in flat.changes} == {one.what for one in change.changes} - set(NOWHERE)


def late(change: Scenario, species: str, own: str) -> float:
    found = ensemble(setting(own), change, replace(FEW, members=2))
    return float(np.median(found.scenario[:, -1, found.names.index(species)]))


def test_a_zone_of_protection_saves_some_of_the_elephants_of_the_wave() -> None:
    wave, zone = (asked(shipped_scenario(name)) for name in ("poaching-wave", "reserve"))
    assert zone.changes[0] == wave.changes[0]
    poached, saved, whole = (
        late(change, "Loxodonta africana", "savanna") for change in (wave, zone, Scenario("none", ()))
    )
    assert 1.3 * poached < saved < 0.95 * whole


def test_wolves_that_are_brought_back_are_more_than_those_who_were_left() -> None:
    back = asked(shipped_scenario("wolves-return"))
    alone = replace(back, changes=back.changes[:1])
    assert late(back, "Canis lupus", "isle-royale") > 1.04 * late(alone, "Canis lupus", "isle-royale")


def test_the_list_has_a_line_for_each(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["simulate", "--list"]) == 0
    said = capsys.readouterr().err.splitlines()
    lines = [line for line in said if line.split(" ")[0] in SCENARIOS]
    assert len(lines) == len(SCENARIOS)
    assert any("--tier grid" in line for line in lines)


def test_a_name_is_enough(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out"
    quick = ["--members", "2", "--years", "4", "--settle", "2", "--threads", "1"]
    assert run(["simulate", "savanna", "livestock", str(out), *quick]) == 0
    said = " ".join(capsys.readouterr().err.split())
    assert "livestock comes over all the land" in said
    assert pl.read_parquet(out / "effects.parquet").height > 10
    assert run(["simulate", "savanna", "drougt", str(out), *quick]) == 2
    assert "drought" in capsys.readouterr().err
    assert run(["simulate", "savanna", "drought"]) == 2
    assert "--list" in capsys.readouterr().err


def test_files_that_say_too_little(tmp_path: Path) -> None:
    with pytest.raises(BadSetting, match="is a TOML file, or one of"):
        scenario_file("nothing")
    file = tmp_path / "own.toml"
    file.write_text('[[change]]\nwhat = "drought"\n')
    assert scenario_file(str(file)) == file
    with pytest.raises(BadData, match="says what it is about"):
        shipped_scenario(str(file))
    file.write_text(
        'about = "x"\necosystem = "savanna"\nsources = ["y"]\nexpect = { lion = "stays" }\n[[change]]\nwhat = "drought"\n'
    )
    with pytest.raises(BadData, match="falls or rises"):
        shipped_scenario(str(file))
