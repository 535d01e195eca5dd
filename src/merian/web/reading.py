"""The endpoints to read on: taxa, the tree, names; and what visitors say of photos."""

from __future__ import annotations

from dataclasses import dataclass, field

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from merian.web.branches import MOST_ROWS, Branches
from merian.web.encyclopedia import Encyclopedia
from merian.web.parts import Parts
from merian.web.queries import number
from merian.web.uploads import Refused, read_object
from merian.web.verified import WHAT, Verified

__all__ = ["Reading"]

LONGEST_NAME = 100
MOST_FOUND = 50
FIRST_ROWS = 100
LAST_ROW = 999_999_999


@dataclass(eq=False)
class Reading:
    """What can be read in one store, and the records that are kept in it when it is `writable`; `twin` is the ecosystem that runs."""

    parts: Parts
    writable: bool
    twin: str = ""
    branches: Branches = field(init=False)
    encyclopedia: Encyclopedia = field(init=False)
    verified: Verified = field(init=False)

    def __post_init__(self) -> None:
        self.branches = Branches(self.parts)
        self.encyclopedia = Encyclopedia(self.parts, self.twin)
        self.verified = Verified(self.parts)

    @property
    def keeps(self) -> bool:
        """Whether records can be kept: there is a store, and whoever serves it allows it."""
        return self.writable and self.parts.folder.is_dir()

    def routes(self) -> list[Route]:
        """All of them."""
        return [
            Route("/api/taxon/{id:path}", self.taxon),
            Route("/api/tree", self.tree),
            Route("/api/tree/{id:path}", self.tree),
            Route("/api/find", self.find),
            Route("/api/records", self.records),
            Route("/api/records", self.keep, methods=["POST"]),
            Route("/api/records/remove", self.remove, methods=["POST"]),
        ]

    async def taxon(self, request: Request) -> Response:
        name = request.path_params["id"]
        try:
            return JSONResponse(await run_in_threadpool(self.encyclopedia.page, name))
        except KeyError as error:
            raise _unknown(name) from error

    async def tree(self, request: Request) -> Response:
        """A page of a branch, or of the roots."""
        name = request.path_params.get("id")
        start = number(request, "start", 0, LAST_ROW, least=0)
        count = number(request, "n", FIRST_ROWS, MOST_ROWS)
        deep = number(request, "deep", 0, 1, least=0) == 1
        try:
            return JSONResponse(await run_in_threadpool(self.branches.rows, name, start, count, deep))
        except KeyError as error:
            raise _unknown(str(name)) from error

    async def find(self, request: Request) -> Response:
        text = request.query_params.get("q", "")
        if len(text) > LONGEST_NAME:
            raise Refused(400, f"a name of {len(text)} letters", f"ask for {LONGEST_NAME} letters at most")
        count = number(request, "n", 12, MOST_FOUND)
        return JSONResponse({"taxa": await run_in_threadpool(self.branches.find, text, count)})

    async def records(self, request: Request) -> Response:
        return JSONResponse(await run_in_threadpool(self.verified.listed))

    async def keep(self, request: Request) -> Response:
        """Keep what a person says of a photo."""
        self._must_keep()
        return JSONResponse(await run_in_threadpool(self.verified.keep, await read_object(request, WHAT)))

    async def remove(self, request: Request) -> Response:
        """Take a record back."""
        self._must_keep()
        said = await read_object(request, 'send {"id": the id of a record}')
        return JSONResponse(await run_in_threadpool(self.verified.remove, said))

    def _must_keep(self) -> None:
        if not self.keeps:
            raise Refused(
                403, "this server keeps no records", "serve a store on this machine alone: merian serve STORE"
            )


def _unknown(name: str) -> Refused:
    return Refused(404, f"no taxon has the id {name[:80]!r}", "take an id from /api/find, /api/tree or another taxon")
