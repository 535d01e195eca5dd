"""The twin that runs while somebody looks: a stage in a thread of its own, at the pace that is asked for, which shows what is newest and keeps nothing."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from merian.core.errors import MerianError, Unstable
from merian.core.settings import knob
from merian.twin.frames.codec import Frame, Kind, encode
from merian.twin.frames.settings import StageSettings
from merian.twin.scenario import Scenario

if TYPE_CHECKING:
    from merian.twin.frames.stage import Stage
    from merian.twin.frames.views import View

__all__ = ["LiveSettings", "Running", "Shot"]

Json = dict[str, Any]
IDLE = 0.25
"""Seconds between two looks for orders while the twin stands still."""
SLOWEST = 1 / 3600
"""Hours of the twin in a second, at least: as time goes."""
BETWEEN = 0.5
"""Where a shot is less than so much of a step, herds are shown on their ways through it."""


@dataclass(frozen=True, kw_only=True)
class LiveSettings(StageSettings):
    """The twin that runs behind the web page."""

    frames_s: float = knob(
        8.0, "Shots that are shown a second; a viewer draws what lies between", unit="1/s", gt=0, le=60
    )
    hours_s: float = knob(6.0, "Hours of the twin in a second, to begin with", unit="h/s", gt=0, le=240)
    most_hours_s: float = knob(96.0, "And at most", unit="h/s", gt=0, le=2400)
    clients: int = knob(16, "Viewers at once", ge=1, le=1000)
    ahead: int = knob(3, "Shots that are sent before the first of them is acknowledged", ge=1, le=100)
    commands_s: float = knob(10.0, "Commands that a viewer may send a second", unit="1/s", gt=0, le=1000)
    linger_s: float = knob(
        60.0, "How long the twin waits for viewers when all have left, before it is put away", unit="s", ge=0, le=86400
    )


@dataclass(frozen=True, eq=False)
class Shot:
    """What is newest: the `number`th since the stage was opened, and the views of it."""

    number: int
    views: tuple[View, ...]


class Running:
    """A stage that runs in a thread, begun by `begin`. `tell` is called in that thread with "hello" and frames, "shot" and a Shot, or "say" and a message."""

    def __init__(self, opening: Callable[[], Stage], settings: LiveSettings, tell: Callable[[str, Any], None]) -> None:
        self.settings, self._opening, self._tell = settings, opening, tell
        self.paused, self.hours_s, self.reached = False, min(settings.hours_s, settings.most_hours_s), 0.0
        self._lock = threading.Lock()
        self._anew = False
        self._wanted: Scenario | None = None
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._number = 0
        self._scenario: Scenario | None = None

    def begin(self) -> None:
        """Open the stage and run it, in a thread."""
        self._thread = threading.Thread(target=self._run, name="merian-twin", daemon=True)
        self._thread.start()

    def end(self) -> None:
        """Stop, and wait until the step under way is done."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(30.0)

    @property
    def alive(self) -> bool:
        """Whether the thread runs."""
        return self._thread is not None and self._thread.is_alive()

    def pause(self, still: bool) -> None:
        """Stand still, or go on."""
        self.paused = still
        self._say()

    def pace(self, hours_s: float) -> None:
        """Go so many hours in a second, as far as the settings and the machine allow."""
        self.hours_s = min(max(hours_s, SLOWEST), self.settings.most_hours_s)
        self._say()

    def alter(self, scenario: Scenario) -> None:
        """Let a scenario hold from the next step on; the last that is asked for before that step is the one that comes."""
        with self._lock:
            self._wanted = scenario

    def restart(self) -> None:
        """Begin anew and go on, without a scenario."""
        with self._lock:
            self._anew, self._wanted = True, None
        self.paused = False

    def state(self) -> Json:
        """How it runs, as JSON can hold it."""
        scenario = self._scenario
        changes = () if scenario is None else scenario.changes
        return {
            "say": "state",
            "paused": self.paused,
            "hours_s": self.hours_s,
            "reached_hours_s": round(self.reached, 2),
            "changes": [{"what": c.what, "species": c.species, "amount": c.amount, "words": c.words} for c in changes],
            "warnings": [] if scenario is None else scenario.beyond(),
        }

    # ---- in the thread ---------------------------------------------------------------------------------------------

    def _run(self) -> None:
        ended = "by a fault of its own"
        try:
            stage = self._opening()
            self._tell("hello", [encode(Frame(Kind.HELLO, stage.hello())), *stage.room.still()])
            self._say()
            self._go(stage)
            ended = ""
        except MerianError as error:
            ended = f"with {error}"
        finally:
            if ended:
                self._error(f"the twin ended {ended}", "look again, or serve another ecosystem")

    def _go(self, stage: Stage) -> None:
        """Step and show, a shot at a time; what the machine cannot do in time is left out, never made up for."""
        owed, tick, ahead = 0.0, 1.0 / self.settings.frames_s, False
        self._show(stage)
        begun, walked = time.monotonic(), 0
        while not self._stop.is_set():
            due = time.monotonic() + tick
            self._obey(stage)
            if self.paused:
                owed, begun, walked = owed if ahead else 0.0, time.monotonic(), 0
                self._stop.wait(IDLE)
                continue
            owed += self.hours_s * tick / self.settings.step_hours
            between = self.hours_s * tick < BETWEEN * self.settings.step_hours
            # what is shown between two steps needs the second of them
            steps = int(owed) + (between and not (ahead and stage.day > 0))
            owed -= int(owed)
            ahead = between
            try:
                for _ in range(steps):
                    stage.step()
                    walked += 1
                    if time.monotonic() > due or self._stop.is_set():
                        break
            except Unstable as error:
                self.paused = True
                self._error(str(error), "restart the twin")
                continue
            if between:
                self._show(stage, owed)
            elif steps:
                self._show(stage)
            if (since := time.monotonic() - begun) >= 1.0:
                reached, self.reached = self.reached, walked * self.settings.step_hours / since
                begun, walked = time.monotonic(), 0
                if abs(self.reached - reached) > 0.1 * max(reached, self.reached):
                    self._say()
            self._stop.wait(max(due - time.monotonic(), 0.0))

    def _show(self, stage: Stage, share: float | None = None) -> None:
        self._number += 1
        shot = Shot(self._number, tuple(stage.views(share)))
        for view in shot.views:
            view.delta_frame, view.event_frame  # noqa: B018 - made here, not where all viewers are served
        self._tell("shot", shot)

    def _obey(self, stage: Stage) -> None:
        """Do what was asked for since the last step."""
        with self._lock:
            anew, self._anew = self._anew, False
            wanted, self._wanted = self._wanted, None
        if anew:
            stage.restart()
        if wanted is not None:
            try:
                stage.alter(wanted)
            except MerianError as error:
                self._error(str(error), "send another command")
                wanted = None
        if not anew and wanted is None:
            return
        self._scenario = stage.scenario
        self._say()
        self._show(stage)

    def _error(self, error: str, what_to_do: str) -> None:
        self._tell("say", {"say": "error", "error": error, "what_to_do": what_to_do})

    def _say(self) -> None:
        self._tell("say", self.state())
