"""What a viewer of the running twin may ask for: small JSON, checked word by word, with every number brought within its bounds."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from typing import Any

from merian.core.errors import BadSetting
from merian.twin.frames.settings import SHOWN_KINDS
from merian.twin.kinds import KINDS
from merian.twin.scenario import ALL, Change, Scenario

__all__ = ["LONGEST", "MOST_CHANGES", "Bucket", "Command", "read_command"]

LONGEST = 4096
"""Characters of a command. From taste: sixteen changes with long names."""
MOST_CHANGES = 16
PLAIN = ("pause", "go", "restart", "baseline", "key")
KEYS = {**{do: {"do"} for do in PLAIN}, "pace": {"do", "hours_s"}, "scenario": {"do", "changes"}}
"""What can be done, with the keys that say it."""


BASELINE = Scenario("baseline", ())


@dataclass(frozen=True)
class Command:
    """What to `do` (pause, go, restart, key, pace, scenario), how fast, or under which changes. "baseline" is a scenario without changes."""

    do: str
    hours_s: float = 0.0
    scenario: Scenario = BASELINE


def read_command(text: str) -> Command:
    """The Command in a text. Numbers beyond what a change allows are cut to it. Raises BadSetting for anything that is no command."""
    if len(text) > LONGEST:
        raise BadSetting("command", f"{len(text)} characters", f"has {LONGEST} characters at most")
    try:
        told = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise BadSetting("command", text[:80], "is JSON") from error
    do = told.get("do") if isinstance(told, dict) else None
    if not isinstance(do, str) or do not in KEYS:
        raise BadSetting("do", str(do)[:80], f"is one of {', '.join(KEYS)}", KEYS)
    if set(told) != KEYS[do]:
        raise BadSetting(
            "command", ", ".join(map(str, told))[:80], f"of {do!r} has the keys {', '.join(sorted(KEYS[do]))}"
        )
    if do == "pace":
        return Command(do, _number("hours_s", told["hours_s"], 0.0, 1e6))
    if do == "scenario":
        return Command(do, scenario=_scenario(told["changes"]))
    return Command("scenario" if do == "baseline" else do)


def _scenario(changes: Any) -> Scenario:
    if (
        not isinstance(changes, list)
        or len(changes) > MOST_CHANGES
        or not all(isinstance(one, dict) for one in changes)
    ):
        raise BadSetting("changes", str(changes)[:80], f"is a list of {MOST_CHANGES} changes at most")
    return Scenario("What if", tuple(_change(one) for one in changes))


def _change(told: dict[str, Any]) -> Change:
    what, species = told.get("what"), told.get("species", ALL)
    if not isinstance(what, str) or what not in SHOWN_KINDS:
        raise BadSetting("what", str(what)[:80], f"is one of {', '.join(SHOWN_KINDS)}", SHOWN_KINDS)
    if not isinstance(species, str) or not set(told) <= {"what", "species", "amount"} or "amount" not in told:
        raise BadSetting("change", str(told)[:80], "has what, amount, and perhaps species")
    kind = KINDS[what]
    return Change(what=what, species=species, amount=_number("amount", told["amount"], kind.low, kind.high))


def _number(name: str, value: Any, low: float, high: float) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise BadSetting(name, str(value)[:80], "is a number")
    return min(max(float(value), low), high)


class Bucket:
    """How often something may be done: `rate` a second, with a second's worth, or `burst`, saved up."""

    def __init__(self, rate: float, burst: float = 0.0) -> None:
        self.rate, self.most = rate, max(burst, rate, 1.0)
        self.left, self.at = self.most, 0.0

    def take(self, now: float) -> bool:
        """Whether it may be done now (in seconds of one clock); if so, it is counted."""
        self.left = min(self.left + (now - self.at) * self.rate, self.most) if self.at else self.most
        self.at = now
        if self.left < 1.0:
            return False
        self.left -= 1.0
        return True
