"""What stands between the network and the page: strict headers on every answer, and requests that other sites forged refused."""

from __future__ import annotations

from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from starlette.websockets import WebSocket

__all__ = ["PAGE_POLICY", "REPORT_POLICY", "Guard"]

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
    """Sets the headers; refuses foreign hosts (DNS rebinding) when `hosts` are given, and POSTs and websockets of another site's page."""

    def __init__(self, app: ASGIApp, hosts: frozenset[str] | None = None) -> None:
        self.app, self.hosts = app, hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return

        async def with_headers(message: Message) -> None:
            if message["type"] in ("http.response.start", "websocket.http.response.start"):
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        refusal = self._refusal(scope)
        if refusal is None:
            await self.app(scope, receive, with_headers)
            return
        answer = JSONResponse({"error": refusal[0], "what_to_do": refusal[1]}, 403)
        if scope["type"] == "websocket":
            await WebSocket(scope, receive, with_headers).send_denial_response(answer)
        else:
            await answer(scope, receive, with_headers)

    def _refusal(self, scope: Scope) -> tuple[str, str] | None:
        """Why a request is refused and what to do, None when it is not. A websocket is like a POST: its page may be another site's, which could read it."""
        given = Headers(scope=scope)
        host, origin = given.get("host", ""), given.get("origin")
        writes = scope["type"] == "websocket" or scope["method"] not in ("GET", "HEAD")
        if writes and origin is not None and urlsplit(origin).netloc != host:
            return f"the request comes from another site, {origin}", "send it from this server's own page"
        if self.hosts is not None and _bare(host) not in self.hosts:
            return f"the host {_bare(host)!r} is not this server", "open the address that merian serve printed"
        return None


def _bare(host: str) -> str:
    """A Host header without its port: "[::1]:8765" -> "[::1]"."""
    return host[: host.index("]") + 1] if host.startswith("[") and "]" in host else host.partition(":")[0].lower()
