"""What stands between the network and the page: strict headers on every answer, and requests that other sites forged refused."""

from __future__ import annotations

from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from starlette.websockets import WebSocket

from merian.web.access import Doors
from merian.web.stranger import PAGE, POLICY, wants_page

__all__ = ["PAGE_POLICY", "REPORT_POLICY", "Guard", "refuse", "strict"]

PAGE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; font-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""Only our own files run or load; `blob:` is the visitor's own photo, shown from the browser's memory."""
REPORT_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src 'self' data:; font-src data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""The report is one file with its styles and pictures inside it; it has no scripts, and none would run."""

HEADERS = {
    "content-security-policy": PAGE_POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "geolocation=(), microphone=(), camera=()",
}


class Guard:
    """Sets the headers; refuses foreign hosts (DNS rebinding) and who has no token, where `doors` say so, and POSTs and websockets of another site's page."""

    def __init__(self, app: ASGIApp, doors: Doors) -> None:
        self.app, self.doors = app, doors

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        refusal = self._refusal(scope)
        if refusal is not None:
            await refuse(scope, receive, send, refusal)
        elif (welcome := self.doors.welcome(scope)) is not None:
            await welcome(scope, receive, strict(send))
        elif not self.doors.knows(scope):
            await refuse(scope, receive, send, _stranger(scope))
        else:
            await self.app(scope, receive, strict(send))

    def _refusal(self, scope: Scope) -> Response | None:
        """Why a request is refused and what to do, None when it is not. A websocket is like a POST: its page may be another site's, which could read it."""
        given = Headers(scope=scope)
        host, origin = given.get("host", ""), given.get("origin")
        writes = scope["type"] == "websocket" or scope["method"] not in ("GET", "HEAD")
        hosts = self.doors.hosts
        if writes and origin is not None and _place(origin) != host:
            what, remedy = f"the request comes from another site, {origin}", "send it from this server's own page"
        elif hosts is not None and _bare(host) not in hosts:
            what, remedy = f"the host {_bare(host)!r} is not this server", "open the address that merian serve printed"
        else:
            return None
        return JSONResponse({"error": what, "what_to_do": remedy}, 403)


async def refuse(scope: Scope, receive: Receive, send: Send, answer: Response) -> None:
    """Send an answer in the place of the application's, to a websocket too."""
    if scope["type"] == "websocket":
        await WebSocket(scope, receive, strict(send)).send_denial_response(answer)
    else:
        await answer(scope, receive, strict(send))


def strict(send: Send) -> Send:
    """The `send` that gives each answer the headers that it lacks."""

    async def with_headers(message: Message) -> None:
        if message["type"] in ("http.response.start", "websocket.http.response.start"):
            headers = MutableHeaders(scope=message)
            for name, value in HEADERS.items():
                headers.setdefault(name, value)
        await send(message)

    return with_headers


def _stranger(scope: Scope) -> Response:
    """401, as JSON; as a page that says how to get in where a browser goes to an address."""
    asks = {"www-authenticate": "Bearer", "cache-control": "no-store", "vary": "accept"}
    if wants_page(scope):
        return HTMLResponse(PAGE, 401, headers=asks | {"content-security-policy": POLICY})
    remedy = "open the link that merian serve printed, or send its token as the header Authorization: Bearer TOKEN"
    what = {"error": "this server wants a token", "what_to_do": remedy}
    return JSONResponse(what, 401, headers=asks)


def _place(origin: str) -> str | None:
    """Host and port of an Origin; None for what is none, as "null" or an address that cannot be read."""
    try:
        return urlsplit(origin).netloc or None
    except ValueError:
        return None


def _bare(host: str) -> str:
    """A Host header without its port: "[::1]:8765" -> "[::1]"."""
    return host[: host.index("]") + 1] if host.startswith("[") and "]" in host else host.partition(":")[0].lower()
