"""The web page and JSON interface over one store, and the server that carries them.

`create_app(store)` gives an ordinary ASGI application; `serve(store)` runs it on this machine until it is interrupted.
"""

from __future__ import annotations

import contextlib
import importlib
import ipaddress
import socket
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from merian.core.errors import BadSetting, MerianError, MissingExtra

if TYPE_CHECKING:
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import Response

    from merian.web.access import Doors
    from merian.web.live import Live
    from merian.web.parts import Identifies
    from merian.web.running import LiveSettings

__all__ = ["Options", "create_app", "serve"]

TRIES = 50
"""Ports tried after the one asked for."""
BATCH = 8
"""Photos computed together. From measurement (bench/serve.py): more bring little on a CPU, and whoever has an answer sends the next meanwhile."""

WORLD = "savanna"
"""The ecosystem whose twin runs where none is named."""
LONGEST_MESSAGE = 16_384
"""Bytes of the longest message that a websocket takes. From taste: four bytes for each character of the longest command."""


@dataclass(frozen=True)
class Options:
    """How a store is served: photos computed together (`batch`), the ecosystem whose `twin` runs, and how it does (`live`; None for the defaults).

    `token`: what visitors must bring; None for one that is made where others than this machine can reach the server, and for none where they cannot.
    `panel`: a folder that `merian twin validate` wrote, to be shown beside the twin; None to compute what needs no table.
    `index`: a folder or an address of object storage with the store's index, "" for the one in the store.
    """

    batch: int = BATCH
    twin: str = WORLD
    live: LiveSettings | None = None
    token: str | None = None
    panel: Path | None = None
    index: str = ""


def create_app(
    store: Path,
    identifier: Identifies | None = None,
    doors: Doors | None = None,
    batch: int = BATCH,
    writable: bool = False,
    live: Live | None = None,
    index: str = "",
) -> Starlette:
    """The application over the store in a folder (`model/`, `catalog/`, `embeddings/`, `exploration/`, `report.html`: what is there).

    `identifier` stands in for the store's own model. `doors`: who may ask; None for anybody. `batch`: photos computed together.
    `writable`: visitors may keep verified records in the store. `live`: the running twin; None for that of the worked savanna.
    `index`: where the index is, unless in the store.
    Raises MissingExtra without the extra `web`, Missing when the folder holds neither a model nor a catalog.
    """
    _need_extra()
    from starlette.applications import Starlette
    from starlette.exceptions import HTTPException
    from starlette.middleware import Middleware
    from starlette.requests import ClientDisconnect

    from merian.web.access import Doors
    from merian.web.api import Api
    from merian.web.guard import Guard
    from merian.web.limits import Limits
    from merian.web.live import Live
    from merian.web.metrics import Timed
    from merian.web.pages import Pages
    from merian.web.parts import open_parts
    from merian.web.running import LiveSettings
    from merian.web.uploads import Refused

    parts = open_parts(store, identifier, index)
    twin = live or Live.of(WORLD, LiveSettings())
    api, pages = Api(parts, batch, writable, twin.place), Pages(parts)

    @contextlib.asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        api.warm()
        yield
        twin.close()
        api.close()

    async def answer(request: Request, error: Exception) -> Response:
        nowhere = 404 in (getattr(error, "status", 0), getattr(error, "status_code", 0))
        return (pages.lost(request) if nowhere else None) or await _answer(request, error)

    paths = [route.path for route in api.routes()]
    return Starlette(
        routes=[*pages.routes(), *api.routes(), *twin.routes()],
        middleware=[
            Middleware(Timed, metrics=api.metrics, routes=paths),
            Middleware(Limits),
            Middleware(Guard, doors=doors or Doors()),
        ],
        exception_handlers=dict.fromkeys((Refused, HTTPException, MerianError, Exception), answer)
        | {ClientDisconnect: _left},
        lifespan=lifespan,
    )


def serve(
    store: Path,
    host: str = "127.0.0.1",
    port: int = 8765,
    ready: Callable[[str], object] = lambda address: None,
    identifier: Identifies | None = None,
    options: Options | None = None,
) -> None:
    """Serve the store until interrupted; `ready` is told the address, with the token in it where one is wanted, as soon as requests are taken.

    A port in use gives way to the next free one; port 0 takes any. Raises BadSetting when none can be had, or for a token that could be guessed.
    """
    _need_extra()
    import uvicorn

    from merian.web.access import Doors, checked_token, new_token
    from merian.web.live import Live
    from merian.web.running import LiveSettings
    from merian.web.wire import Wire

    local = _is_loopback(host)
    hosts = frozenset({"127.0.0.1", "localhost", "[::1]", host.lower()}) if local else None
    own = options or Options()
    token = checked_token(own.token) if own.token is not None else None if local else new_token()
    live = Live.of(own.twin, own.live or LiveSettings(), own.panel)
    app = create_app(store, identifier, Doors(hosts, token), own.batch, local, live, own.index)
    listener = _listen(host, port)
    with listener, contextlib.suppress(KeyboardInterrupt):
        question = "" if token is None else f"?token={quote(token, safe='')}"
        ready(f"http://{_shown(host)}:{listener.getsockname()[1]}/{question}")
        config = uvicorn.Config(
            app,
            http=Wire,
            ws="wsproto",
            ws_max_size=LONGEST_MESSAGE,
            ws_per_message_deflate=False,
            log_level="error",
            access_log=False,
            server_header=False,
            timeout_keep_alive=30,
        )
        uvicorn.Server(config).run(sockets=[listener])


def _need_extra() -> None:
    for library in ("starlette", "uvicorn", "python_multipart", "wsproto"):
        try:
            importlib.import_module(library)
        except ModuleNotFoundError as error:
            raise MissingExtra(library.replace("_", "-"), "web") from error


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def _shown(host: str) -> str:
    """The host as an address names it. For "all addresses" that by which the machine goes out, as no other machine can open 0.0.0.0."""
    if host == "0.0.0.0":
        with contextlib.suppress(OSError), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            # nothing is sent: a route is looked up, to an address that belongs to nobody (RFC 5737)
            probe.connect(("192.0.2.1", 9))
            return str(probe.getsockname()[0])
    if host in ("0.0.0.0", "::"):
        return socket.gethostname()
    return f"[{host}]" if ":" in host else host


def _listen(host: str, port: int) -> socket.socket:
    """A listening socket on the first free port from `port` on."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    failure: OSError | None = None
    for candidate in range(port, min(port + TRIES, 65_535) + 1) if port else (0,):
        # named as TCP, or asyncio leaves Nagle's wait on, which with delayed acknowledgements adds 40 ms to every answer
        listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind((host, candidate))
            listener.listen(128)
            return listener
        except OSError as error:
            listener.close()
            failure = error
    raise BadSetting("port", port, f"no port from {port} to {port + TRIES} can be had on {host} ({failure})")


async def _left(request: Request, error: Exception) -> Response:
    """Nobody hears this; the status is what counters of requests know a hang-up by."""
    from starlette.responses import Response

    return Response(status_code=499)


async def _answer(request: Request, error: Exception) -> Response:
    """Any error as JSON: what is wrong, and what to do."""
    from starlette.exceptions import HTTPException
    from starlette.responses import JSONResponse

    from merian.web.uploads import Refused

    status, what, remedy = 500, "the server failed on this request", "try again; if it stays so, report it"
    headers: Mapping[str, str] | None = None
    if isinstance(error, Refused):
        status, what, remedy = error.status, error.error, error.what_to_do
        # who sends too slowly is not waited for any longer
        headers = {429: {"retry-after": "2"}, 408: {"connection": "close"}}.get(status)
    elif isinstance(error, HTTPException):
        status, what, remedy = error.status_code, error.detail.lower(), "see /api/openapi.json for what there is"
        headers = error.headers
    elif isinstance(error, MerianError):
        what, remedy = str(error), "mend the store, then start the server again"
    return JSONResponse({"error": what, "what_to_do": remedy}, status, headers=headers)
