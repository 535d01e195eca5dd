"""The page of a simulation: flows and levels by hand, figures that hold what they say, names that are text, and no request."""

from __future__ import annotations

import math
import re
from dataclasses import replace
from xml.etree import ElementTree

import numpy as np
import pytest

from merian.twin.ensemble import Effect, Ensemble, EnsembleSettings, Setting, effects, ensemble
from merian.twin.foodweb import FoodWeb, trophic_levels
from merian.twin.page import Simulated, bar, fan, simulation_page, web_figure
from merian.twin.scenario import Change, Scenario
from merian.twin.solver import flows, slopes


def web(names: tuple[str, ...] = ("grass", "hare", "fox")) -> FoodWeb:
    species = {"growth": [0.02, 0, 0], "capacity": 100.0, "loss": [0, 1e-3, 5e-4], "interference": [0, 0.1, 0.0]}
    return FoodWeb.of(
        names, [(1, 0), (2, 1), (2, 0)], species, {"attack": [1e-4, 2e-3, 1e-7], "handling": 2.0, "efficiency": 0.5}
    )


def told(amount: float = 2.0, names: tuple[str, ...] = ("grass", "hare", "fox")) -> Simulated:
    scenario = Scenario("What if <b>it burns</b>?", (Change(what="warming", amount=amount, year=2),))
    found = ensemble(
        Setting.of(web(names), [50.0, 5.0, 1.0], 0.1), scenario, EnsembleSettings(members=4, years=6, settle=0)
    )
    return Simulated(
        scenario, found, effects(found, 2), web(names), ("observed", "assumed", "inferred"), "merian simulate x.toml"
    )


def test_flows_add_up_to_the_slopes() -> None:
    own, state = web(), np.array([40.0, 3.0, 0.7])
    eaten = flows(own, state)
    lost = np.bincount(own.eaten, eaten, 3)
    gained = np.bincount(own.eater, eaten * own["efficiency"], 3)
    rest = own["growth"] * state * (1 - state / own["capacity"]) - own["loss"] * state
    assert slopes(own, state)[:3] == pytest.approx(rest + gained - lost, rel=1e-12)


def test_levels_by_hand() -> None:
    own = web()
    assert own.eater.tolist() == [1, 2, 2]
    assert own.eaten.tolist() == [0, 0, 1]
    assert trophic_levels(own, np.array([1.0, 1.0, 3.0])) == pytest.approx([1, 2, 1 + 0.25 * 1 + 0.75 * 2])
    assert trophic_levels(own, np.zeros(3)) == pytest.approx([1, 2, 2.5])


def test_the_fan_holds_the_quantiles() -> None:
    years = np.array([0.0, 5.0, 10.0])
    course = np.arange(5.0)[:, None, None] * np.ones((1, 3, 1))
    svg = ElementTree.fromstring(fan(Ensemble(years, ("elk",), course, course * 0, ()), 0, False))
    polygons = [node for node in svg if node.tag == "polygon"]
    assert [node.get("class") for node in polygons] == ["band without"] * 2 + ["band with"] * 2
    lines = {node.get("class"): node.get("points") for node in svg if node.tag == "polyline"}
    heights = {name: {point.split(",")[1] for point in points.split()} for name, points in lines.items()}
    # 0 at 128, the top tick (4) at 10: the median of 0, 1, 2, 3, 4 half-way
    assert heights == {"median without": {"69.0"}, "median with": {"128.0"}}
    ticks = [node.text for node in svg if node.get("class") == "tick"]
    assert ticks[:3] == ["0", "2", "4"]


def test_the_page_is_whole_and_names_are_text() -> None:
    html = simulation_page(told(names=("grass & <i>", "hare", "fox")))
    assert "What if &lt;b&gt;it burns&lt;/b&gt;?" in html
    assert "<i>" not in html
    assert not re.search(r"(src|href)=|url\(|https?://", html)
    # fans, bars of effects, and the food web
    assert html.count("<svg") == 3 + 3 + 1
    assert "merian simulate x.toml" in html
    assert "outside the measured range" not in html


def test_beyond_the_measured_range_is_said_on_each_figure() -> None:
    html = simulation_page(told(amount=8.0))
    assert html.count("outside the measured range") == 5
    assert "Warming all: 8 K, from year 2 lies outside 0 to 5 K, where constants were measured" in html


def test_links_are_drawn_as_they_are_known() -> None:
    svg = ElementTree.fromstring(web_figure(told(), False))
    kinds = [node.get("class") for node in svg if node.tag == "path"]
    assert kinds == ["link observed", "link assumed", "link inferred"]
    heights = [float(node.get("cy")) for node in svg if node.tag == "circle"]
    assert heights[0] > heights[1] > heights[2]


def test_the_bar_of_an_effect_holds_its_interval() -> None:
    svg = ElementTree.fromstring(bar(Effect("hare", 0.5, 0.75, 0.9, 5, 0, 0, 0, 5)))
    (rect,), (dot,) = ([n for n in svg if n.tag == tag] for tag in ("rect", "circle"))
    assert (rect.get("class"), float(rect.get("x", "")), float(rect.get("width", ""))) == ("falls", 50.0, 40.0)
    assert float(dot.get("cx", "")) == 75.0
    # more than twice: at the end, with an arrow; an interval about 1 has no colour of its own
    much = bar(Effect("hare", 2.5, 30.0, 90.0, 0, 5, 0, 0, 5))
    assert much.count('class="rises"') == 3
    assert 'class="stays"' in bar(Effect("hare", 0.9, 1.0, 1.2, 1, 1, 0, 0, 5))
    passed = bar(Effect("hare", 0.9, 1.0, 1.2, 0, 0, 0, 0, 5, 0.4, 12.0, 5))
    assert 'class="far falls" cx="40.0"' in passed
    gone = bar(Effect("hare", math.nan, math.nan, math.nan, 0, 0, 5, 5, 5))
    assert "<rect" not in gone


def test_changes_are_told_with_units_and_places() -> None:
    hunt = Change(what="poaching", species="hare", amount=0.5, path=(0.1, 0.2, 0.3, 0.4), how=("decay_km=5",), ramp=2)
    html = simulation_page(replace(told(), scenario=Scenario("x", (hunt,))))
    assert "0.5 year<sup>\N{MINUS SIGN}1</sup>" in html
    assert "hare, from year 0 over 2 years" in html
    assert "Along (0.1, 0.2) (0.3, 0.4); decay_km 5." in html
