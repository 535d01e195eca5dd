"""What may come, beside the running twin: ensembles of its food web as fans, flows and sentences, and the evidence of all that it is made of (JSON).

One ensemble runs at a time, those that were asked for of late are remembered, and few may wait: whoever comes beyond is told to come again.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from merian.core.errors import BadSetting, MerianError
from merian.core.progress import listen
from merian.twin.frames.settings import NOTICE, SHOWN_KINDS
from merian.twin.kinds import KINDS
from merian.twin.scenario import ALL, Change, Scenario
from merian.web.commands import MOST_CHANGES
from merian.web.queries import number
from merian.web.remembered import Remembered
from merian.web.uploads import Refused

if TYPE_CHECKING:
    from merian.twin.ecosystem import Ecosystem
    from merian.twin.ensemble import Effect, Ensemble, Setting
    from merian.twin.foodweb import Doubles

__all__ = ["MEMBERS", "MOST_MEMBERS", "MOST_YEARS", "YEARS", "Asked", "Foresight", "read_change"]

Json = dict[str, Any]
MEMBERS, MOST_MEMBERS = 64, 256
"""Pairs of runs unless asked otherwise, and at most. From taste: some two seconds on a core, and some ten."""
YEARS, MOST_YEARS = 30, 200
"""Years of a run unless asked otherwise, and at most. From taste."""
POINTS = 61
"""Most points in time of a fan: more are not told apart on a figure."""
TAILS = (0.05, 0.25, 0.5, 0.75, 0.95)
"""Quantiles of members in a fan."""
KEPT = 32
"""Answers that are remembered: a few megabytes."""
WAITING = 8
"""Most that may wait for an ensemble. From taste."""
LONGEST = 200
"""Characters of a change in the address."""


@dataclass(frozen=True)
class Asked:
    """One question: under which changes, in how many pairs of runs, over how many years."""

    changes: tuple[Change, ...]
    members: int = MEMBERS
    years: int = YEARS


def read_change(text: str) -> Change:
    """The Change in `what:amount` or `what:amount:species`. Raises BadSetting for what is none, or cannot be turned on the page."""
    what, _, rest = text.partition(":")
    amount, _, species = rest.partition(":")
    if len(text) > LONGEST or what not in SHOWN_KINDS:
        raise BadSetting("change", text[:80], f"begins with one of {', '.join(SHOWN_KINDS)}", SHOWN_KINDS)
    try:
        much = float(amount)
    except ValueError:
        much = math.nan
    if not math.isfinite(much):
        raise BadSetting("change", text[:80], "is what:amount or what:amount:species, such as harvest:0.3:Panthera leo")
    return Change(what=what, amount=much, species=species or ALL)


class Foresight:
    """The routes. `opening` gives the ecosystem, in a thread, when it is first asked about."""

    def __init__(self, opening: Callable[[], Ecosystem]) -> None:
        self._opening = opening
        self._one = threading.Lock()
        self._world: tuple[Ecosystem, Setting] | None = None
        self._told: Remembered[Asked, Json] = Remembered(KEPT)
        self._waiting = 0

    def routes(self) -> list[BaseRoute]:
        """All of them."""
        return [Route("/api/twin/foresight", self.foresight), Route("/api/twin/evidence", self.evidence)]

    def end(self) -> None:
        """Nothing to stop: an ensemble under way is short."""

    async def foresight(self, request: Request) -> Response:
        """What changes do to the food web over years, in pairs of runs."""
        texts = [text for text in request.query_params.getlist("change") if text]
        if len(texts) > MOST_CHANGES:
            raise Refused(400, f"{len(texts)} changes", f"give {MOST_CHANGES} at most")
        try:
            changes = tuple(read_change(text) for text in texts)
        except BadSetting as error:
            raise Refused(400, str(error), "see /api/openapi.json for what a change is") from error
        asked = Asked(
            changes,
            number(request, "members", MEMBERS, MOST_MEMBERS, 4),
            number(request, "years", YEARS, MOST_YEARS, 2),
        )
        return JSONResponse(await self._in_turn(lambda: self.told(asked)))

    async def evidence(self, request: Request) -> Response:
        """What the food web is made of: each value with its evidence and source."""
        return JSONResponse(await self._in_turn(self.made_of))

    async def _in_turn(self, work: Callable[[], Json]) -> Json:
        if self._waiting >= WAITING:
            raise Refused(429, "others wait for their ensembles", "ask again in a few seconds")
        self._waiting += 1
        try:
            return await run_in_threadpool(work)
        except BadSetting as error:
            raise Refused(400, str(error), "see /api/twin/evidence for the species") from error
        except MerianError as error:
            raise Refused(503, str(error), "turn the changes back, or ask for more members") from error
        finally:
            self._waiting -= 1

    # ---- in a thread -----------------------------------------------------------------------------------------------

    def told(self, asked: Asked) -> Json:
        """The answer to a question, computed once. Raises BadSetting for a change that fits no species, Unstable when no member could be run."""
        return self._told.get(asked, lambda: self._made(asked))

    def _made(self, asked: Asked) -> Json:
        from merian.twin.ensemble import EnsembleSettings, ensemble

        ecosystem, setting = self._opened()
        scenario = Scenario("What if", asked.changes).named(_called(ecosystem))
        how = EnsembleSettings(members=asked.members, years=float(asked.years), threads=1)
        with listen(lambda *_: None):
            found = ensemble(setting, scenario, how)
        return _answer(ecosystem, setting, scenario, found) | {"asked": asked.members, "over_years": asked.years}

    def made_of(self) -> Json:
        """The values of species and pools with their evidence."""
        return _evidence(self._opened()[0])

    def _opened(self) -> tuple[Ecosystem, Setting]:
        from merian.twin.ensemble import Setting

        with self._one:
            if self._world is None:
                ecosystem = self._opening()
                self._world = ecosystem, Setting.of_ecosystem(ecosystem)
            return self._world


def _called(ecosystem: Ecosystem) -> dict[str, str]:
    """Names by common names."""
    pools = {pool.name: pool.name for pool in ecosystem.pools}
    return pools | dict(zip(ecosystem.species.common, ecosystem.species.names, strict=True))


def _answer(ecosystem: Ecosystem, setting: Setting, scenario: Scenario, found: Ensemble) -> Json:
    import numpy as np

    from merian.twin.ensemble import effects
    from merian.twin.foodweb import trophic_levels
    from merian.twin.solver import flows

    web = setting.web
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
    import numpy as np

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
        "words": words[:1].upper() + words[1:],
    }


def _short(value: float) -> float | None:
    """The number by four digits, None where there is none (JSON has no NaN)."""
    return float(f"{value:.4g}") if math.isfinite(value) else None


def _evidence(ecosystem: Ecosystem) -> Json:
    from merian.twin.traits import TRAITS

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
