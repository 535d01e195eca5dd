"""What stands beside the running twin: ensembles as JSON within bounds, the evidence of what they are made of, and the validation panel."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from starlette.testclient import TestClient
from tiny_site import Ask, Site, asker

from merian.core.errors import Missing
from merian.twin.ensemble import EnsembleSettings, Setting, effects, ensemble
from merian.twin.fields.groups import TITLES, Group, groups
from merian.twin.scenario import Change, Scenario
from merian.twin.theory import Row
from merian.twin.validate import validate
from merian.twin.worked import opened
from merian.web.app import create_app
from merian.web.foresight import KEPT, Asked, Foresight
from merian.web.live import Live
from merian.web.panel import Panel
from merian.web.running import LiveSettings

FORESIGHT = "/api/twin/foresight?members=6&years=6"


def test_fans_are_the_quantiles_of_the_ensemble_and_its_sentences(ask: Ask) -> None:
    told = ask("GET", f"{FORESIGHT}&change=harvest:1.5:Panthera%20leo").json()
    setting = Setting.of_ecosystem(opened("savanna", 0))
    scenario = Scenario("What if", (Change(what="harvest", species="Panthera leo", amount=1.5),))
    found = ensemble(setting, scenario, EnsembleSettings(members=6, years=6.0, threads=1))
    at = found.names.index("Panthera leo")
    lion = told["species"][at]
    assert (lion["name"], lion["common"]) == ("Panthera leo", "lion")
    for name, course in (("baseline", found.baseline), ("scenario", found.scenario)):
        expected = np.quantile(course[:, :, at], told["quantiles"], axis=0)
        assert np.allclose(lion[name], expected, rtol=1e-3, atol=1e-12)
    assert told["years"] == pytest.approx(found.years)
    words = effects(found)[at].said("lion")
    assert lion["effect"]["words"] == words[:1].upper() + words[1:]
    assert lion["effect"]["fell"] == 6
    assert (told["members"], told["asked"], told["failed"]) == (6, 6, 0)


def test_links_say_how_they_are_known_and_what_flows(ask: Ask) -> None:
    told = ask("GET", FORESIGHT).json()
    assert {link["evidence"] for link in told["links"]} <= {"observed", "inferred", "assumed"}
    assert all(link["flow"] >= 0 and link["changed_flow"] is None for link in told["links"])
    assert all(one["scenario"] is None and one["effect"] is None for one in told["species"])
    assert [one["level"] for one in told["species"] if one["plant"]] == [1.0] * sum(o["plant"] for o in told["species"])
    eats = {link["eater"] for link in told["links"]}
    assert eats == {at for at, one in enumerate(told["species"]) if not one["plant"]}


def test_what_lies_beyond_the_measured_range_is_said_with_the_figures(ask: Ask) -> None:
    told = ask("GET", f"{FORESIGHT}&change=harvest:9:lion").json()
    assert "outside 0 to 2 year-1" in told["warnings"][0]
    assert ask("GET", f"{FORESIGHT}&change=harvest:1:lion").json()["warnings"] == []


@pytest.mark.parametrize(
    "query",
    [
        "members=3",
        "members=257",
        "years=201",
        "years=many",
        "change=introduce:1:lion",
        "change=harvest",
        "change=harvest:nan",
        "change=harvest:1:dodo",
        "change=harvest:1e9",
        "change=remove:1",
        "change=harvest:1:" + "x" * 300,
        "&".join(["change=rain:0.5"] * 17),
    ],
)
def test_what_is_beyond_bounds_is_refused_with_what_to_do(ask: Ask, query: str) -> None:
    reply = ask("GET", f"/api/twin/foresight?{query}")
    assert reply.status_code == 400
    assert set(reply.json()) == {"error", "what_to_do"}


def test_an_answer_is_computed_once_and_few_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    world = opened("savanna", 0)
    calls = list[int]()

    def opening() -> Any:
        calls.append(1)
        return world

    foresight = Foresight(opening)
    asked = Asked((), 4, 2)
    assert foresight.told(asked) is foresight.told(asked)
    made = list[int]()

    def foreseen(*_: Any) -> dict[str, Any]:
        made.append(1)
        return {}

    monkeypatch.setattr("merian.twin.frames.outlook.foreseen", foreseen)
    for years in range(3, KEPT + 3):
        foresight.told(Asked((), 4, years))
        foresight.told(Asked((), 4, years))
    assert len(made) == KEPT
    foresight.told(asked)
    assert len(made) == KEPT + 1
    assert calls == [1]


def test_every_value_has_its_evidence_and_source(ask: Ask) -> None:
    told = ask("GET", "/api/twin/evidence").json()
    assert {"observed", "assumed"} <= {row["evidence"] for row in told["rows"]} <= {"observed", "inferred", "assumed"}
    lion = next(row for row in told["rows"] if (row["species"], row["what"]) == ("Panthera leo", "mass_g"))
    assert lion["unit"] == "g"
    assert lion["source"]
    for row in told["rows"]:
        assert row["low"] is None or row["low"] <= row["value"] <= row["high"]
    assert {change["what"] for change in told["changes"]} >= {"drought", "harvest"}


def two_groups() -> Mapping[str, Group]:
    def rows() -> list[Row]:
        return [
            Row("a", "one holds", "nobody", 1.0, 1.1, 0.2),
            Row("b", "one misses", "nobody", 1.0, 2.0, 0.2),
            Row("c", "one is not run", "nobody", 1.0, float("nan"), 0.2, "a table"),
        ]

    def fails() -> list[Row]:
        raise RuntimeError("broken")

    return {"books": Group(TITLES["books"], (rows,)), "mass": Group(TITLES["mass"], (fails,), True)}


def panel_of(panel: Panel, site: Site) -> dict[str, Any]:
    app = create_app(site.store, site.identifier, live=Live("savanna", lambda: None, LiveSettings(), beside=(panel,)))
    with TestClient(app, base_url="http://127.0.0.1:8765") as client:
        for _ in range(600):
            told: dict[str, Any] = client.get("/api/twin/panel").json()
            if told["state"] not in ("waiting", "running"):
                return told
            time.sleep(0.05)
    raise AssertionError("the panel did not end")


def test_the_panel_is_computed_in_the_background_and_hides_no_miss(
    site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    told = panel_of(Panel(None, two_groups), site)
    assert told["counts"] == {"holds": 1, "misses": 1, "not run": 1}
    assert told["state"].startswith("failed"), "what failed is said, and what was found before stays"
    assert (told["done"], told["of"], told["computed"]) == (1, 2, True)
    assert [row["state"] for row in told["groups"][0]["rows"]] == ["holds", "misses", "not run"]
    assert told["groups"][0]["rows"][2]["found"] is None
    assert "--only mass --tables FOLDER" in told["groups"][1]["command"]


def test_a_panel_in_a_folder_is_shown_as_it_is(site: Site, tmp_path: Path) -> None:
    report = validate(tmp_path / "panel", only=["food-webs"])
    told = panel_of(Panel(tmp_path / "panel"), site)
    rows = [row for group in told["groups"] for row in group["rows"]]
    assert (told["computed"], told["page"], len(rows)) == (False, True, len(report.numbers) - 2)
    expected = [row.name for family in groups()["food-webs"].families for row in family() if isinstance(row, Row)]
    assert [row["name"] for row in rows] == expected
    ask = asker(create_app(site.store, site.identifier, live=Live.of("savanna", LiveSettings(), tmp_path / "panel")))
    assert "Validation" in ask("GET", "/panel").text
    with pytest.raises(Missing):
        Panel(tmp_path / "nowhere")


def test_without_a_folder_the_page_says_how_to_make_one(ask: Ask) -> None:
    reply = ask("GET", "/panel")
    assert reply.status_code == 404
    assert "merian twin validate" in reply.json()["what_to_do"]
