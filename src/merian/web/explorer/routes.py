"""The endpoints of the explorer: the map and its colourings as bytes, selections as JSON and CSV, trait axes, variation inside species."""

from __future__ import annotations

from dataclasses import dataclass, field

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from merian.web import facts
from merian.web.explorer.axis import Axes
from merian.web.explorer.board import Board
from merian.web.explorer.selecting import csv, read_asked, selection
from merian.web.explorer.within import Within
from merian.web.facts import Json
from merian.web.parts import Parts
from merian.web.queries import number
from merian.web.uploads import Refused

__all__ = ["MOST_ROWS", "MOST_TOLD", "Explorer"]

MOST_TOLD = 200
"""Photos whose names one request may ask for."""
MOST_ROWS = 200
"""Rows of a page of a selection's table."""
LAST_ROW = 999_999_999
BYTES = "application/octet-stream"


@dataclass(eq=False)
class Explorer:
    """The explorer of one store. What takes long is made once and by one thread at a time."""

    parts: Parts
    board: Board = field(init=False)
    axes: Axes = field(init=False)
    within: Within = field(init=False)

    def __post_init__(self) -> None:
        self.board = Board(self.parts)
        self.axes, self.within = Axes(self.board), Within(self.board)

    def routes(self) -> list[Route]:
        """All of them."""
        return [
            Route("/api/explorer", self.about),
            Route("/api/explorer/points", self.points),
            Route("/api/explorer/colours/{id:path}", self.colours),
            Route("/api/explorer/photos", self.photos),
            Route("/api/explorer/selection", self.selection),
            Route("/api/explorer/selection.csv", self.table),
            Route("/api/explorer/axis", self.axis),
            Route("/api/explorer/within", self.inside),
        ]

    async def about(self, request: Request) -> Response:
        self._needs_map()
        return JSONResponse(await run_in_threadpool(self._about))

    def _about(self) -> Json:
        return {**self.board.about(), "traits": self.axes.traits, "inside": self.within.columns}

    async def points(self, request: Request) -> Response:
        self._needs_map()
        return await self._bytes(request, "")

    async def colours(self, request: Request) -> Response:
        self._needs_map()
        return await self._bytes(request, request.path_params["id"])

    async def _bytes(self, request: Request, key: str) -> Response:
        """The points, or with a key a colouring of them; 304 to whoever has them."""
        tag = f'"{await run_in_threadpool(lambda: self.board.tag)}"'
        headers = {"etag": tag, "cache-control": "private, no-cache"}
        if request.headers.get("if-none-match") == tag:
            return Response(status_code=304, headers=headers)
        try:
            data = await (run_in_threadpool(self.board.colours, key) if key else run_in_threadpool(self.board.points))
        except KeyError as error:
            what = f"the map has no colouring {key[:60]!r}"
            raise Refused(404, what, "take a key from /api/explorer") from error
        return Response(data, media_type=BYTES, headers=headers)

    async def photos(self, request: Request) -> Response:
        """Who some points are: by their place in the order of the points (at), or by the ids of their photos (id)."""
        self._needs_map()
        places, ids = request.query_params.getlist("at"), request.query_params.getlist("id")
        if len(places) + len(ids) > MOST_TOLD:
            raise Refused(400, f"{len(places) + len(ids)} photos", f"ask for {MOST_TOLD} at most")
        n = len(self.board.layout.ids)
        if not all(p.isascii() and p.isdigit() and len(p) < 10 and int(p) < n for p in places):
            raise Refused(400, "a point that is not there", f"points are whole numbers from 0 to {n - 1}")
        return JSONResponse({"photos": await run_in_threadpool(self._photos, [int(p) for p in places], ids)})

    def _photos(self, places: list[int], ids: list[str]) -> list[Json]:
        board = self.board
        known = [board.at[i] for i in ids if i in board.at]
        return [
            {"point": at, **facts.photo_brief(self.parts, board.layout.ids[board.rows[at]])} for at in [*places, *known]
        ]

    async def selection(self, request: Request) -> Response:
        """What lies inside a loop: how many, of which taxa, a page of the table."""
        self._needs_map()
        start = number(request, "start", 0, LAST_ROW, least=0)
        asked = read_asked(request.query_params, start, number(request, "n", 50, MOST_ROWS))
        return JSONResponse(await run_in_threadpool(selection, self.board, asked))

    async def table(self, request: Request) -> Response:
        """The same as CSV, whole."""
        self._needs_map()
        parts = await run_in_threadpool(csv, self.board, read_asked(request.query_params, 0, 1))
        name = {"content-disposition": 'attachment; filename="merian-selection.csv"', "cache-control": "no-cache"}
        return StreamingResponse(parts, media_type="text/csv; charset=utf-8", headers=name)

    async def axis(self, request: Request) -> Response:
        """The species of a clade along a trait."""
        self._needs_map()
        asked = request.query_params
        return JSONResponse(await run_in_threadpool(self.axes.read, asked.get("trait", ""), asked.get("clade", "")))

    async def inside(self, request: Request) -> Response:
        """Variation inside the species of a clade, in three dimensions."""
        self._needs_map()
        asked = request.query_params
        return JSONResponse(await run_in_threadpool(self.within.show, asked.get("column", ""), asked.get("clade", "")))

    def _needs_map(self) -> None:
        if self.parts.layout is None or not self.parts.layout.ids:
            why = self.parts.absent.get("layout", "This store has an empty map.")
            raise Refused(404, why, "make a map with merian explore")
