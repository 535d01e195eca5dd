"""HTTP/1.1 on a connection: uvicorn's own, with an end to waiting for a request's head, and refusals in JSON for what is no HTTP."""

from __future__ import annotations

import asyncio
import json

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from merian.web.limits import CONNECTIONS, client_of

__all__ = ["Wire"]

HEAD = 30.0
"""Seconds that a request's head may take, and the rest of a body that was answered before it had come. From taste."""


class Wire(H11Protocol):
    """One connection. A head that comes byte by byte, or never, holds no connection for longer than HEAD."""

    _limit: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for a request, unless the one who comes has as many connections as may be."""
        super().connection_made(transport)
        if self._beyond():
            self._refuse(
                429, f"{CONNECTIONS} connections of yours are open, as many as may", "close some, then try again"
            )
        else:
            self._watch()

    def data_received(self, data: bytes) -> None:
        """Take bytes of a request."""
        super().data_received(data)
        self._watch()

    def on_response_complete(self) -> None:
        """Begin to wait for the next request."""
        super().on_response_complete()
        self._watch()

    def _beyond(self) -> bool:
        """Whether this is one connection too many of its client, websockets and those that say nothing among them. This machine itself is not limited."""
        mine = client_of({"client": self.client})
        return (
            mine is not None
            and sum(client_of({"client": getattr(one, "client", None)}) == mine for one in self.connections)
            > CONNECTIONS
        )

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait no more."""
        self._unwatch()
        super().connection_lost(exc)

    def send_400_response(self, msg: str) -> None:
        """Refuse what is no HTTP; when an answer is under way or done, only hang up."""
        self._refuse(400, "the request is not HTTP/1.1", "send it by a browser, curl or an HTTP library")

    def _watch(self) -> None:
        """The clock runs while no request is under way, or one that is answered already is still coming in."""
        if self.transport.is_closing() or not (self.conn.their_state is h11.IDLE or self.conn.our_state is h11.DONE):
            self._unwatch()
        elif self._limit is None:
            self._limit = self.loop.call_later(HEAD, self._late)

    def _unwatch(self) -> None:
        if self._limit is not None:
            self._limit.cancel()
            self._limit = None

    def _late(self) -> None:
        if self.conn.trailing_data[0] and self.conn.their_state is h11.IDLE:
            self._refuse(408, f"the head of the request did not come within {HEAD:g} s", "send it again")
        else:
            self.transport.close()

    def _refuse(self, status: int, error: str, what_to_do: str) -> None:
        if self.conn.our_state in (h11.IDLE, h11.SEND_RESPONSE) and not self.transport.is_closing():
            body = json.dumps({"error": error, "what_to_do": what_to_do}).encode()
            kind, length = (b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())
            answer = h11.Response(status_code=status, headers=[kind, length, (b"connection", b"close")])
            for event in (answer, h11.Data(data=body), h11.EndOfMessage()):
                self.transport.write(self.conn.send(event) or b"")
        self.transport.close()
