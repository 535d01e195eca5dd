"""The pages for people: one application page, its scripts and styles, and the store's report."""

from __future__ import annotations

import hashlib
import mimetypes
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import Route

from merian.web.guard import REPORT_POLICY
from merian.web.parts import Parts
from merian.web.uploads import Refused

__all__ = ["Pages", "Static", "read_static"]


@dataclass(frozen=True, slots=True)
class Static:
    """One file of the page, held in memory: what is asked for is looked up, never searched on the disk."""

    data: bytes
    kind: str
    tag: str


def read_static() -> dict[str, Static]:
    """All files of `merian/web/static` by name."""
    found = {}
    for file in files("merian.web").joinpath("static").iterdir():
        if file.is_file():
            data = file.read_bytes()
            kind = "text/javascript" if file.name.endswith(".js") else mimetypes.guess_type(file.name)[0]
            tag = f'"{hashlib.sha256(data).hexdigest()[:16]}"'
            found[file.name] = Static(data, kind or "application/octet-stream", tag)
    return found


class Pages:
    """The endpoints that give HTML, scripts, styles and ornaments."""

    def __init__(self, parts: Parts) -> None:
        self.parts, self.static = parts, read_static()

    def routes(self) -> list[Route]:
        """All of them."""
        return [
            Route("/", self.index),
            Route("/report", self.report),
            Route("/model", self.model),
            Route("/favicon.ico", self.icon),
            Route("/static/{name}", self.file),
        ]

    async def index(self, request: Request) -> Response:
        return self._give(request, "index.html")

    async def icon(self, request: Request) -> Response:
        return self._give(request, "icon.svg")

    async def file(self, request: Request) -> Response:
        return self._give(request, request.path_params["name"])

    async def report(self, request: Request) -> Response:
        if self.parts.report is None or not self.parts.report.is_file():
            raise Refused(404, "this store has no report", "merian tour writes one; then start the server again")
        return _page(self.parts.report)

    async def model(self, request: Request) -> Response:
        if self.parts.card is None or not self.parts.card.is_file():
            raise Refused(
                404, "this model has no card", "merian card CATALOG --model MODEL --evaluation EVALUATION writes one"
            )
        return _page(self.parts.card)

    def _give(self, request: Request, name: str) -> Response:
        file = self.static.get(name)
        if file is None:
            raise Refused(404, "there is no such page", "start at /")
        headers = {"etag": file.tag, "cache-control": "no-cache"}
        if request.headers.get("if-none-match") == file.tag:
            return Response(status_code=304, headers=headers)
        return Response(file.data, media_type=file.kind, headers=headers)


def _page(path: Path) -> Response:
    """A page that Merian wrote, with all that it shows inside."""
    policy = {"content-security-policy": REPORT_POLICY, "cache-control": "no-cache"}
    return FileResponse(path, media_type="text/html; charset=utf-8", headers=policy)
