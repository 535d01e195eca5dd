"""The pages for people: the application that `frontend/` is built into, and the store's report and model card."""

from __future__ import annotations

import hashlib
import mimetypes
from dataclasses import dataclass
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import Route

from merian.web.guard import REPORT_POLICY
from merian.web.parts import Parts
from merian.web.stranger import wants_page
from merian.web.uploads import Refused

__all__ = ["ADDRESSES", "Pages", "Static", "read_static"]

ADDRESSES = ("/", "/explorer", "/life", "/search", "/taxon/{id:path}", "/twin", "/twin/panel", "/twin/spider")
"""The addresses of the application's pages, as `frontend/src/pages.ts` has them; which of them it shows is its own affair."""
HASHED = "assets/"
"""Files below it have a hash of their content in their name."""
KINDS = {".html": "text/html", ".js": "text/javascript", ".woff2": "font/woff2", ".svg": "image/svg+xml"}
"""What a machine's own table of types may not know, or have wrong."""


@dataclass(frozen=True, slots=True)
class Static:
    """One file of the page, held in memory: what is asked for is looked up, never searched on the disk."""

    data: bytes
    kind: str
    tag: str


def read_static() -> dict[str, Static]:
    """All files of `merian/web/static` by their path in it; empty when the pages were not built."""
    root = files("merian.web").joinpath("static")
    found: dict[str, Static] = {}
    if root.is_dir():
        _gather(root, "", found)
    return found


def _gather(folder: Traversable, place: str, found: dict[str, Static]) -> None:
    for file in folder.iterdir():
        name = f"{place}{file.name}"
        if file.is_dir():
            _gather(file, f"{name}/", found)
            continue
        data = file.read_bytes()
        kind = KINDS.get(Path(name).suffix) or mimetypes.guess_type(name)[0]
        tag = f'"{hashlib.sha256(data).hexdigest()[:16]}"'
        found[name] = Static(data, kind or "application/octet-stream", tag)


class Pages:
    """The endpoints that give HTML, scripts, styles and ornaments."""

    def __init__(self, parts: Parts) -> None:
        self.parts, self.static = parts, read_static()

    def routes(self) -> list[Route]:
        """All of them."""
        return [
            *(Route(address, self.index) for address in ADDRESSES),
            Route("/report", self.report),
            Route("/model", self.model),
            Route("/favicon.ico", self.icon),
            Route("/static/{name:path}", self.file),
        ]

    async def index(self, request: Request) -> Response:
        return self._give(request, "index.html")

    async def icon(self, request: Request) -> Response:
        return self._give(request, "icon.svg")

    async def file(self, request: Request) -> Response:
        return self._give(request, request.path_params["name"])

    def lost(self, request: Request) -> Response | None:
        """The application, with 404, where a browser goes to an address that is none: it says so in the visitor's language. None for all else."""
        if not wants_page(request.scope) or "index.html" not in self.static:
            return None
        return Response(self.static["index.html"].data, 404, {"cache-control": "no-cache"}, KINDS[".html"])

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
        if not self.static:
            raise Refused(503, "the pages were not built", "install Merian again from its sources: pip install -e .")
        if file is None:
            raise Refused(404, "there is no such page", "start at /")
        keep = "public, max-age=31536000, immutable" if name.startswith(HASHED) else "no-cache"
        headers = {"etag": file.tag, "cache-control": keep}
        if request.headers.get("if-none-match") == file.tag:
            return Response(status_code=304, headers=headers)
        return Response(file.data, media_type=file.kind, headers=headers)


def _page(path: Path) -> Response:
    """A page that Merian wrote, with all that it shows inside."""
    policy = {"content-security-policy": REPORT_POLICY, "cache-control": "no-cache"}
    return FileResponse(path, media_type="text/html; charset=utf-8", headers=policy)
