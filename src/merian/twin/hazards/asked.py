"""The settings of a threat as a change of a scenario asks for it, for any tier."""

from __future__ import annotations

import json
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from merian.core.errors import BadSetting
from merian.core.settings import knobs, load
from merian.twin.change import Change
from merian.twin.foodweb import Doubles, FoodWeb
from merian.twin.hazards.disease import DiseaseSettings
from merian.twin.hazards.disturbance import DisturbanceSettings
from merian.twin.hazards.fire import FireSettings, one_fire
from merian.twin.hazards.livestock import LivestockSettings
from merian.twin.hazards.people import PoachingSettings, one_harem
from merian.twin.hazards.roads import RoadSettings
from merian.twin.kinds import KINDS
from merian.twin.scenario import Scenario
from merian.twin.solver import flows

__all__ = ["ARRIVES", "CONSUMED", "Asked", "how_table", "renewed", "settings_of", "threats"]

ARRIVES = 0.01
"""Share of a species that is infectious when a disease arrives (a choice)."""
CONSUMED = {True: 0.9, False: 0.2}
"""What a fire takes of grass, and of what else grows (a choice)."""
Asked = DiseaseSettings | FireSettings | PoachingSettings | LivestockSettings | DisturbanceSettings | RoadSettings
ON_GRASS = ("fire", "livestock")
"""Threats that are nothing where there is no grass."""
SETTINGS: Mapping[str, tuple[type[Asked], str]] = {
    "disease": (DiseaseSettings, "r0"),
    "fire": (FireSettings, "ignitions_km2_year"),
    "poaching": (PoachingSettings, "rate_year"),
    "livestock": (LivestockSettings, "stock_km2"),
    "disturbance": (DisturbanceSettings, "thinner"),
    "road": (RoadSettings, "vehicles_day"),
}
"""The settings of each threat, and which of them is the amount of the change."""


def how_table() -> str:
    """All settings of threats beside their amounts, as a Markdown table: for the docs."""
    rows = ["| of | setting | default | unit | bounds | meaning |", "|---|---|---|---|---|---|"]
    for what, (kind, amount) in SETTINGS.items():
        for name, (_, default, knob) in knobs(kind).items():
            if name != amount:
                shown = str(default).lower() if isinstance(default, bool) else f"{default:g}"
                rows.append(f"| `{what}` | `{name}` | {shown} | {knob.unit or '1'} | {knob.bounds} | {knob.help} |")
    return "\n".join(rows) + "\n"


def renewed(web: FoodWeb, start: Doubles, mortality: Doubles) -> Doubles:
    """Births per head where a run begins, day-1 [s]: as many as die of age (`mortality`) and are eaten there (`start` g m-2 [s])."""
    eaten = np.bincount(web.eaten, flows(web, start), len(start))
    return np.asarray(mortality + np.divide(eaten, start, out=np.zeros_like(eaten), where=start > 0))


def threats(scenario: Scenario, grass: npt.NDArray[np.bool_] | None = None) -> list[Change]:
    """The changes that are threats, kind by kind and in an order of their own: that of the scenario does not matter.

    Raises BadSetting for settings that they have not, for fire and livestock where no species is `grass` [s] (None: not asked), and for several of a kind that
    cannot be together: fires that pass differently, trophies of other harems.
    """
    found = [change for change in scenario.changes if KINDS[change.what].threat]
    for change in found:
        if change.what in ON_GRASS and grass is not None and not grass.any():
            raise BadSetting("what", change.what, "needs grass, which burns and is grazed: this ecosystem has none")
    asked = [settings_of(change) for change in found]
    one_fire([how for how in asked if isinstance(how, FireSettings)])
    one_harem([how for how in asked if isinstance(how, PoachingSettings)])
    kinds = list(SETTINGS)
    return sorted(found, key=lambda change: (kinds.index(change.what), repr(change)))


def settings_of(change: Change) -> Asked:
    """The settings of a threat: its amount, and what `how` says. Raises BadSetting for what it has not."""
    given: dict[str, object] = {}
    for text in change.how:
        name, sign, value = text.partition("=")
        if not sign:
            raise BadSetting("how", text, "is written as NAME=VALUE, or as a table")
        try:
            given[name.strip()] = json.loads(value)
        except json.JSONDecodeError as error:
            raise BadSetting(name.strip(), value, "is a number, true or false") from error
    kind, amount = SETTINGS[change.what]
    return load(kind, None, given | {amount: change.amount})
