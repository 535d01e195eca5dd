"""What may come, beside the running twin: ensembles of its food web as fans, flows and sentences, and the evidence of all that it is made of (JSON).

One ensemble runs at a time, those that were asked for of late are remembered, and few may wait: whoever comes beyond is told to come again.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from merian.core.errors import BadSetting, MerianError
from merian.twin.frames.settings import SHOWN_KINDS
from merian.twin.scenario import ALL, Change, Scenario
from merian.web.commands import MOST_CHANGES
from merian.web.queries import number
from merian.web.remembered import Remembered
from merian.web.uploads import Refused

if TYPE_CHECKING:
    from merian.twin.ecosystem import Ecosystem
    from merian.twin.ensemble import Setting

__all__ = ["MEMBERS", "MOST_MEMBERS", "MOST_YEARS", "YEARS", "Asked", "Foresight", "read_change"]

Json = dict[str, Any]
MEMBERS, MOST_MEMBERS = 64, 256
"""Pairs of runs unless asked otherwise, and at most. From taste: some two seconds on a core, and some ten."""
YEARS, MOST_YEARS = 30, 200
"""Years of a run unless asked otherwise, and at most. From taste."""
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
        from merian.twin.frames.outlook import foreseen

        ecosystem, setting = self._opened()
        return foreseen(ecosystem, setting, Scenario("What if", asked.changes), asked.members, asked.years)

    def made_of(self) -> Json:
        """The values of species and pools with their evidence."""
        from merian.twin.frames.outlook import made_of

        return made_of(self._opened()[0])

    def _opened(self) -> tuple[Ecosystem, Setting]:
        from merian.twin.ensemble import Setting

        with self._one:
            if self._world is None:
                ecosystem = self._opening()
                self._world = ecosystem, Setting.of_ecosystem(ecosystem)
            return self._world
