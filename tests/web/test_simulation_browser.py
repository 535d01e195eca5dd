"""The page of a simulation on a map in a real browser: it fits a phone, its words do not run into each other, it follows the dark, and asks for nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from merian.twin.ensemble import Ensemble, Setting, effects
from merian.twin.foodweb import FoodWeb
from merian.twin.landscape import Frame, Landscape
from merian.twin.page import Simulated, simulation_page
from merian.twin.scenario import Change, Scenario
from merian.twin.space.altered import Altered, Ground
from merian.twin.space.drawing import drawn
from merian.twin.space.members import Maps

NAMES = ("grasses and sedges", "African bush elephant", "lion")


def page() -> str:
    rng, shape = np.random.default_rng(1), (12, 16)
    layers = {name: np.zeros(shape) for name in ("trees", "fences")}
    layers |= {"elevation": np.ones(shape), "water": (rng.random(shape) < 0.1).astype(float)}
    ground = Landscape(Frame(*shape, 5000.0), layers | {"rain": np.full((12, *shape), 50.0)})
    web = FoodWeb.of(NAMES, [(1, 0), (2, 1)], {"growth": [0.1, 0, 0], "loss": [0, 0.01, 0.01]}, {"attack": 0.1})
    scenario = Scenario(
        "A fence, a corridor and much heat",
        (
            Change(what="fence", path=(0.5, 0, 0.5, 1)),
            Change(what="corridor", path=(0.1, 0.5, 0.9, 0.5)),
            Change(what="habitat", amount=0.4, pattern="clustered"),
            Change(what="poaching", path=(0.2, 0.2), amount=0.5),
            Change(what="warming", amount=12.0, within=(0, 0, 0.5, 0.5)),
            Change(what="protect", area=(0.6, 0.2, 0.9, 0.3, 0.8, 0.8)),
            Change(what="road", amount=500.0, path=(0.0, 0.9, 1.0, 0.7)),
        ),
    )
    years = np.arange(0, 10.25, 0.25)
    course = rng.uniform(1, 2, (5, len(years), 3))
    ensemble = Ensemble(years, NAMES, course, course * rng.uniform(0.5, 1.1, (5, 1, 3)), ())
    maps = Maps(rng.uniform(1, 2, (3, *shape)), rng.uniform(0, 2, (3, *shape)), rng.uniform(0.4, 1, (3, *shape)))
    altered = Altered(scenario, Setting.of(web, [1.0, 1, 1]), Ground(ground))
    told = Simulated(
        scenario, ensemble, effects(ensemble), web, ("observed", "inferred"), "merian simulate", drawn=drawn(altered, maps, 10.0)
    )  # fmt: skip
    return simulation_page(told)


@pytest.mark.parametrize("wide", [1280, 390])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_maps_fit_and_can_be_read(browser: Any, tmp_path: Path, wide: int, scheme: str) -> None:
    file = tmp_path / "simulation.html"
    file.write_text(page(), encoding="utf-8")
    shown = browser.new_page(viewport={"width": wide, "height": 900}, color_scheme=scheme)
    said, asked = [], []
    shown.on("console", lambda message: said.append(message.text))
    shown.on("request", lambda request: asked.append(request.url))
    shown.goto(file.as_uri())
    assert shown.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert shown.locator(".maps svg").count() == 9
    boxes = shown.evaluate(
        """[...document.querySelectorAll('.maps svg')].map(map => {
            const [km, warning] = ['.km', '.beyond-map'].map(name => map.querySelector(name).getBoundingClientRect());
            const own = map.getBoundingClientRect();
            return {wide: own.width, apart: warning.top - km.bottom, inside: own.right - warning.right, size: km.height};
        })"""
    )
    for box in boxes:
        assert box["wide"] > 150
        assert box["apart"] > -4
        assert box["inside"] > 0
        assert box["size"] >= 10
    # each sentence has its bar, beside it or below, and in it
    rows = shown.evaluate(
        """[...document.querySelectorAll('.effects li:not(.scale)')].map(row => {
            const [words, bar] = ['span', '.bar'].map(name => row.querySelector(name).getBoundingClientRect());
            return {beside: bar.left - words.right, below: bar.top - words.bottom, over: bar.right - innerWidth};
        })"""
    )
    assert len(rows) == 3
    for row in rows:
        assert (row["beside"] if wide > 720 else row["below"]) >= 0
        assert row["over"] < 0
    lines = [
        shown.evaluate(f"getComputedStyle(document.querySelector('.maps path.{name}')).stroke")
        for name in ("reserve", "road", "box")
    ]
    assert len(set(lines)) == 3
    land = shown.evaluate("getComputedStyle(document.querySelector('.maps path.c3')).fill")
    paper = shown.evaluate("getComputedStyle(document.body).backgroundColor")
    assert land != paper
    assert (paper == "rgb(23, 21, 15)") == (scheme == "dark")
    assert said == []
    assert asked == [file.as_uri()]
    shown.close()
