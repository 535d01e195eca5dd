"""What may come, as JSON that a page shows: an ensemble of an ecosystem's food web as fans, flows and effects, and the evidence of all that it is made of.

The server computes it when it is asked (merian.web.foresight); a recorded run carries it with it (merian.twin.frames.playback).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from merian.core.progress import listen
from merian.twin.ecosystem import Ecosystem
from merian.twin.ensemble import Effect, Ensemble, EnsembleSettings, Setting, effects, ensemble
from merian.twin.foodweb import Doubles, FoodWeb, trophic_levels
from merian.twin.frames.settings import NOTICE, SHOWN_KINDS
from merian.twin.kinds import KINDS
from merian.twin.scenario import Scenario
from merian.twin.solver import flows
from merian.twin.traits import TRAITS

__all__ = ["foreseen", "made_of"]

Json = dict[str, Any]
POINTS = 61
"""Most points in time of a fan: more are not told apart on a figure."""
TAILS = (0.05, 0.25, 0.5, 0.75, 0.95)
"""Quantiles of members in a fan."""


def foreseen(ecosystem: Ecosystem, setting: Setting, scenario: Scenario, members: int, years: float) -> Json:
    """What a scenario does to the food web over years, in pairs of runs.

    setting: of the ecosystem. Species of the scenario may go by their common names. Raises BadSetting for a change that fits no species, Unstable when no
    member could be run.
    """
    pools = {pool.name: pool.name for pool in ecosystem.pools}
    scenario = scenario.named(pools | dict(zip(ecosystem.species.common, ecosystem.species.names, strict=True)))
    with listen(lambda *_: None):
        found = ensemble(setting, scenario, EnsembleSettings(members=members, years=float(years), threads=1))
    return _told(ecosystem, setting.web, scenario, found) | {"asked": members, "over_years": years}


def _told(ecosystem: Ecosystem, web: FoodWeb, scenario: Scenario, found: Ensemble) -> Json:
    """What a page needs of an ensemble."""
    every = math.ceil((len(found.years) - 1) / (POINTS - 1))
    times = np.unique([*range(0, len(found.years), every), len(found.years) - 1])
    ends = [np.median(course[:, -1], axis=0) for course in (found.baseline, found.scenario)]
    without, with_it = (flows(web, end) for end in ends)
    levels = trophic_levels(web, without)
    common = [*ecosystem.species.common, *("" for _ in ecosystem.pools)]
    changed = bool(scenario.changes)
    species = []
    for at, (name, effect) in enumerate(zip(web.names, effects(found), strict=True)):
        species.append(
            {
                "name": name,
                "common": common[at] or name,
                "plant": bool(web.producer[at]),
                "level": round(float(levels[at]), 3),
                "baseline": _fan(found.baseline[:, times, at]),
                "scenario": _fan(found.scenario[:, times, at]) if changed else None,
                "effect": _effect(effect, common[at] or name) if changed else None,
            }
        )
    known = {
        (a, b): (e, p) for a, b, e, p in ecosystem.links.select("eater", "eaten", "evidence", "probability").rows()
    }
    links = []
    for at, (eater, eaten) in enumerate(zip(web.eater.tolist(), web.eaten.tolist(), strict=True)):
        evidence, probability = known[web.names[eater], web.names[eaten]]
        links.append(
            {
                "eater": eater,
                "eaten": eaten,
                "flow": _short(365.25 * float(without[at])),
                "changed_flow": _short(365.25 * float(with_it[at])) if changed else None,
                "evidence": evidence,
                "probability": _short(float(probability)),
            }
        )
    return {
        "ecosystem": ecosystem.name,
        "notice": NOTICE,
        "members": len(found.baseline),
        "failed": len(found.failed),
        "quantiles": list(TAILS),
        "years": [_short(year) for year in found.years[times].tolist()],
        "changes": [change.words for change in scenario.changes],
        "warnings": scenario.beyond(),
        "remarks": [
            *ecosystem.remarks,
            "rates are not calibrated to counts of this place: read the direction before the size",
        ],
        "species": species,
        "links": links,
    }


def _fan(course: Doubles) -> list[list[float]]:
    """The quantiles of members [q, t] of a course [m, t], g m-2."""
    return [[_short(value) or 0.0 for value in row] for row in np.quantile(course, TAILS, axis=0).tolist()]


def _effect(effect: Effect, name: str) -> Json:
    words = effect.said(name)
    return {
        "low": _short(effect.low),
        "median": _short(effect.median),
        "high": _short(effect.high),
        "fell": effect.fell,
        "rose": effect.rose,
        "gone": effect.gone,
        "gone_without": effect.gone_without,
        "members": effect.members,
        "far": _short(effect.far),
        "far_year": _short(effect.far_year),
        "far_runs": effect.far_runs,
        "words": words[:1].upper() + words[1:],
    }


def _short(value: float) -> float | None:
    """The number by four digits, None where there is none (JSON has no NaN)."""
    return float(f"{value:.4g}") if math.isfinite(value) else None


def made_of(ecosystem: Ecosystem) -> Json:
    """The values of species and pools and the links, each with its evidence and source, and what can be changed."""
    rows: list[Json] = []
    for name, trait, value, spread, evidence, source in ecosystem.species.cells.iter_rows():
        term = TRAITS[trait]
        ends = _ends(value, spread, term.share)
        rows.append(
            {
                "species": name,
                "what": trait,
                "meaning": term.meaning,
                "unit": term.unit,
                "value": _short(value),
                "low": None if ends is None else _short(ends[0]),
                "high": None if ends is None else _short(ends[1]),
                "evidence": evidence,
                "source": source or "",
            }
        )
    for pool in ecosystem.pools:
        own = {"species": pool.name, "low": None, "high": None, "evidence": pool.evidence, "source": pool.source}
        crop = f"Crop as a share of the law {pool.law!r}" if pool.law else "Crop"
        what, unit, value = ("share", "1", pool.share) if pool.law else ("crop_g_m2", "g m-2", pool.crop_g_m2)
        rows.append(own | {"what": what, "meaning": crop, "unit": unit, "value": _short(value)})
        rows.append(
            own | {"what": "turnover", "meaning": "Crops in a year", "unit": "year-1", "value": _short(pool.turnover)}
        )
    kinds = {name: KINDS[name] for name in SHOWN_KINDS}
    return {
        "ecosystem": ecosystem.name,
        "species": _names(ecosystem),
        "rows": rows,
        "links": ecosystem.web_links.select("eater", "eaten", "probability", "evidence", "source").to_dicts(),
        "changes": [
            {"what": name, "meaning": kind.meaning, "unit": kind.unit, "low": kind.low, "high": kind.high}
            | {"measured": list(kind.measured)}
            for name, kind in kinds.items()
        ],
        "remarks": list(ecosystem.remarks),
    }


def _names(ecosystem: Ecosystem) -> Sequence[Json]:
    own = zip(ecosystem.species.names, ecosystem.species.common, strict=True)
    pools = [{"name": pool.name, "common": pool.name} for pool in ecosystem.pools]
    return [*({"name": name, "common": common or name} for name, common in own), *pools]


def _ends(value: float, spread: float | None, share: bool) -> tuple[float, float] | None:
    """The value a standard deviation down and up, None where none is known."""
    if not spread:
        return None
    if share:
        return max(value - spread, 0.0), min(value + spread, 1.0)
    return value * 10.0**-spread, value * 10.0**spread
