"""The running twin behind a websocket: frames out, small commands in (docs/reference/live.md).

A viewer is sent what is newest when it has acknowledged what came before, and nothing is kept for it: who is slow sees fewer shots, not older ones. All viewers
see one twin, and what one of them turns, all see turned. It is begun when the first comes and put away when all have been gone for a while.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import anyio
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from merian.core.errors import BadData, BadSetting
from merian.core.settings import read_toml
from merian.twin.frames.codec import VERSION, Kind, decode
from merian.twin.frames.settings import NOTICE
from merian.twin.senses.eyes import GRADES, all_eyes
from merian.twin.senses.seen import optics_of
from merian.web.beside import SHIPPED
from merian.web.commands import Bucket, Command, read_command
from merian.web.foresight import Foresight
from merian.web.panel import Panel
from merian.web.running import LiveSettings, Running, Shot

if TYPE_CHECKING:
    from merian.twin.ecosystem import Ecosystem
    from merian.twin.frames.stage import Stage

__all__ = ["PATH", "Live", "Viewer"]

PATH = "/twin/live"
"""Where the websocket is."""
PATIENCE, STALLED = 20.0, 10.0
"""Seconds that a viewer may leave shots unacknowledged, and that one frame may take to be sent. From taste."""
SLOW = 1.0
"""Seconds between two frames of numbers and fields to one viewer."""
MESSAGES = 120.0
"""Messages of any kind a second from one viewer, acknowledgements among them. From taste: twice the fastest frames."""
STRIKES = 20
"""Refused messages after which a viewer is sent away."""
POLICY = 1008
"""Code of closing for whoever keeps not to the rules (RFC 6455, 7.4.1)."""


@dataclass(eq=False)
class Viewer:
    """One connection: what it has been sent, and what it is to be told."""

    commands: Bucket
    messages: Bucket = field(default_factory=lambda: Bucket(MESSAGES))
    wake: asyncio.Event = field(default_factory=asyncio.Event)
    said: dict[str, str] = field(default_factory=dict)
    """The newest message of each kind that it has not been sent."""
    greeted: bool = False
    shot: int = 0
    waiting: int = 0
    """Shots sent and not acknowledged."""
    keys: dict[int, int] = field(default_factory=dict)
    """The roster that it has of each world."""
    heard_at: float = 0.0
    """When it last acknowledged a shot, or came."""
    slow_at: float = float("-inf")
    strikes: int = 0

    def tell(self, message: dict[str, Any]) -> None:
        """Have a message sent, in place of an older one of its kind."""
        self.said[message["say"]] = json.dumps(message, separators=(",", ":"), ensure_ascii=False)
        self.wake.set()

    def refuse(self, error: str, what_to_do: str) -> bool:
        """Tell that a message was refused; whether it was one too many."""
        self.strikes += 1
        self.tell({"say": "error", "error": error, "what_to_do": what_to_do})
        return self.strikes > STRIKES


class Live:
    """The routes of the running twin. `opening` makes its Stage, in a thread, when it is first looked at; `name` and `place` say of what ecosystem; `beside`:
    what stands beside it."""

    def __init__(
        self,
        name: str,
        opening: Callable[[], Stage],
        settings: LiveSettings,
        place: str = "",
        beside: tuple[Foresight | Panel, ...] = (),
    ) -> None:
        self.name, self.settings, self._opening = name, settings, opening
        self.place, self._beside = place, beside
        self._viewers: set[Viewer] = set()
        self._running: Running | None = None
        self._hello: list[bytes] = []
        self._shot: Shot | None = None
        self._said: dict[str, dict[str, Any]] = {}
        self._leaving: asyncio.TimerHandle | None = None

    @classmethod
    def of(cls, ecosystem: str, settings: LiveSettings, panel: Path | None = None) -> Live:
        """The running twin of an ecosystem: a folder made by `merian twin build`, or a worked one by its name; beside it what may come, and the validation
        panel (`panel`: a folder that has one). Raises BadSetting for an ecosystem that is neither, and what Panel raises."""
        there = sorted(file.stem for file in SHIPPED.glob("*.toml"))
        if not Path(ecosystem).is_dir() and ecosystem not in there:
            raise BadSetting(
                "twin", ecosystem, f"is a folder made by `merian twin build`, or one of {', '.join(there)}", there
            )

        def world() -> Ecosystem:
            from merian.twin.worked import opened

            return opened(ecosystem, settings.seed)

        def opening() -> Stage:
            from merian.twin.frames.stage import Stage

            return Stage(world(), settings)

        return cls(Path(ecosystem).name, opening, settings, ecosystem, (Foresight(world), Panel(panel)))

    def routes(self) -> list[BaseRoute]:
        """All of them."""
        own = [Route("/api/twin", self.about), Route("/api/eyes", self.eyes), WebSocketRoute(PATH, self.watch)]
        return [*own, *(route for part in self._beside for route in part.routes())]

    def close(self) -> None:
        """Stop the twin."""
        if self._leaving is not None:
            self._leaving.cancel()
        if self._running is not None:
            self._running.end()
            self._running = None
        for part in self._beside:
            part.end()

    async def about(self, request: Request) -> Response:
        """Where the running twin is, whether it runs, and the worlds that there are."""
        return JSONResponse(
            {
                "ecosystem": self.name,
                "live": PATH,
                "protocol": VERSION,
                "running": self._running is not None and self._running.alive,
                "viewers": len(self._viewers),
                "most_viewers": self.settings.clients,
                "notice": NOTICE,
                "worlds": [
                    world | {"served": world["name"] == self.name} for world in await run_in_threadpool(_worlds)
                ],
            }
        )

    async def eyes(self, request: Request) -> Response:
        """The optics of all species that are known, with the evidence of each fact."""
        found = await run_in_threadpool(lambda: [optics_of(eyes) for eyes in all_eyes()])
        return JSONResponse({"notice": NOTICE, "grades": dict(GRADES), "species": found})

    async def watch(self, socket: WebSocket) -> None:
        """Serve one viewer until it leaves."""
        if len(self._viewers) >= self.settings.clients:
            what = {"error": f"as many are looking as may: {self.settings.clients}", "what_to_do": "come again later"}
            await socket.send_denial_response(JSONResponse(what, 503, headers={"retry-after": "30"}))
            return
        viewer = Viewer(Bucket(self.settings.commands_s))
        self._viewers.add(viewer)
        try:
            await socket.accept()
            self._begin(viewer)
            why = list[str]()

            async def run(work: Callable[[WebSocket, Viewer], Awaitable[str]]) -> None:
                # whoever leaves, or hears too slowly, is no error
                with contextlib.suppress(WebSocketDisconnect, TimeoutError, OSError):
                    why.append(await work(socket, viewer))
                group.cancel_scope.cancel()

            async with anyio.create_task_group() as group:
                group.start_soon(run, self._send)
                group.start_soon(run, self._hear)
            if why and why[0]:
                await socket.close(POLICY, why[0])
        finally:
            self._viewers.discard(viewer)
            self._left()

    # ---- the twin --------------------------------------------------------------------------------------------------

    def _begin(self, viewer: Viewer) -> None:
        """Begin the twin unless it runs; tell the viewer what is known."""
        if self._leaving is not None:
            self._leaving.cancel()
            self._leaving = None
        if self._running is None or not self._running.alive:
            loop = asyncio.get_running_loop()

            def tell(what: str, value: Any) -> None:
                if not loop.is_closed():
                    loop.call_soon_threadsafe(self._told, running, what, value)

            self._hello, self._shot, self._said = [], None, {}
            running = Running(self._opening, self.settings, tell)
            self._running = running
            running.begin()
        for message in self._said.values():
            viewer.tell(message)
        viewer.wake.set()

    def _told(self, by: Running, what: str, value: Any) -> None:
        """Take what the twin's thread tells, unless it has been put away meanwhile."""
        if by is not self._running:
            return
        if what == "hello":
            self._hello = value
        elif what == "shot":
            self._shot = value
        else:
            if value["say"] != "error":
                self._said[value["say"]] = value
            for viewer in self._viewers:
                viewer.tell(value)
        for viewer in self._viewers:
            viewer.wake.set()

    def _left(self) -> None:
        """When nobody is left, put the twin away after a while."""
        if self._viewers or self._running is None or self._leaving is not None:
            return

        def away() -> None:
            self._leaving = None
            running = self._running
            if running is not None and not self._viewers:
                self._running = None
                asyncio.get_running_loop().run_in_executor(None, running.end)

        self._leaving = asyncio.get_running_loop().call_later(self.settings.linger_s, away)

    # ---- one viewer ------------------------------------------------------------------------------------------------

    async def _send(self, socket: WebSocket, viewer: Viewer) -> str:
        """Send what is due until the viewer leaves, or why it is sent away."""
        clock = asyncio.get_running_loop().time
        viewer.heard_at = clock()
        while True:
            with anyio.move_on_after(PATIENCE):
                await viewer.wake.wait()
            if viewer.waiting >= self.settings.ahead and clock() > viewer.heard_at + PATIENCE:
                return "no shot was acknowledged"
            viewer.wake.clear()
            for message in self._due(viewer):
                with anyio.fail_after(STALLED):
                    await (socket.send_text(message) if isinstance(message, str) else socket.send_bytes(message))

    def _due(self, viewer: Viewer) -> list[str | bytes]:
        """What a viewer is sent now."""
        if not viewer.greeted and not self._hello:
            errors = viewer.said.pop("error", None)
            return [] if errors is None else [errors]
        found: list[str | bytes] = [] if viewer.greeted else [*self._hello]
        viewer.greeted = True
        found += viewer.said.values()
        viewer.said.clear()
        shot = self._shot
        if shot is None or shot.number == viewer.shot or viewer.waiting >= self.settings.ahead:
            return found
        viewer.shot, viewer.waiting = shot.number, viewer.waiting + 1
        now = asyncio.get_running_loop().time()
        slow = now >= viewer.slow_at + SLOW
        for view in shot.views:
            found.append(view.delta_frame if viewer.keys.get(view.world) == view.key else view.key_frame)
            found += [view.event_frame] if len(view.event.id) else []
            found += view.slow_frames if slow else ()
        viewer.keys = {view.world: view.key for view in shot.views}
        viewer.slow_at = now if slow else viewer.slow_at
        return found

    async def _hear(self, socket: WebSocket, viewer: Viewer) -> str:
        """Hear what comes until the viewer leaves (""), or why it is sent away."""
        clock = asyncio.get_running_loop().time
        while True:
            message = await socket.receive()
            if message["type"] == "websocket.disconnect":
                return ""
            if not viewer.messages.take(clock()):
                return "too many messages"
            text, data = message.get("text"), message.get("bytes")
            gone = self._obey(viewer, text, clock()) if text is not None else self._acknowledge(viewer, data or b"")
            if gone:
                return "too many messages were refused"

    def _acknowledge(self, viewer: Viewer, data: bytes) -> bool:
        """Count a shot as drawn; whether the viewer is to be sent away."""
        try:
            known = len(data) <= 64 and decode(data).kind is Kind.ACK
        except BadData:
            known = False
        if not known:
            return viewer.refuse("bytes that are no acknowledgement", "send an ACK of 28 bytes for each shot")
        viewer.waiting, viewer.heard_at = max(viewer.waiting - 1, 0), asyncio.get_running_loop().time()
        viewer.wake.set()
        return False

    def _obey(self, viewer: Viewer, text: str, now: float) -> bool:
        """Do what a command asks for; whether the viewer is to be sent away."""
        if not viewer.commands.take(now):
            return viewer.refuse("too many commands", f"send {self.settings.commands_s:g} a second at most")
        try:
            command = read_command(text)
        except BadSetting as error:
            return viewer.refuse(str(error), "see docs/reference/live.md for the commands")
        self._do(viewer, command)
        return False

    def _do(self, viewer: Viewer, command: Command) -> None:
        """Hand a command to the twin."""
        running = self._running
        if command.do == "key" or running is None:
            viewer.keys, viewer.shot, viewer.waiting = {}, 0, 0
            viewer.wake.set()
        elif command.do in ("pause", "go"):
            running.pause(command.do == "pause")
        elif command.do == "pace":
            running.pace(command.hours_s)
        elif command.do == "restart":
            running.restart()
        else:
            running.alter(command.scenario)


@functools.cache
def _worlds() -> tuple[dict[str, Any], ...]:
    """The worlds that ship, with who lives in them."""
    found = []
    for file in sorted(SHIPPED.glob("*.toml")):
        told = cast(dict[str, Any], read_toml(file))
        species = [{"name": one["name"], "common": one["common"]} for one in told["species"]]
        found.append({"name": file.stem, "title": told["title"], "species": species})
    return tuple(found)
