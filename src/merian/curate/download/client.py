"""One request for one image by aiohttp, the only home of that library: what came, and what it says of the host."""

from __future__ import annotations

import asyncio
import email.utils
import socket
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from types import TracebackType
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from merian import __version__
from merian.core.errors import BadSetting, MissingExtra
from merian.core.store import digest_bytes
from merian.curate.download.guard import may_ask
from merian.curate.download.headers import NEEDED, is_complete, kind_of, look
from merian.curate.download.plan import checksum
from merian.curate.download.polite import Verdict
from merian.curate.download.settings import DownloadSettings

if TYPE_CHECKING:
    import aiohttp
    from aiohttp.abc import ResolveResult

__all__ = ["Answer", "Client", "check_proxy", "pause_of", "user_agent"]

MOVED = frozenset((301, 302, 303, 307, 308))
SLOWER = frozenset((429, 503))
PASSING = frozenset((408, 425, 500, 502, 504, 520, 521, 522, 523, 524))
"""Answers that may be another one the next time (RFC 9110 15.5.9 and 15.6, RFC 8470; 52x are Cloudflare's)."""
LOOKUPS = 32
"""Names looked up at once, so that a slow name server holds up few others."""
TEXT_MOST = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came of one request: an image in `data`, a link in `moved`, or a `reason`."""

    reason: str | None = None
    passing: bool = False
    """Whether the same request may end otherwise."""
    verdict: Verdict = "fine"
    pause: float = 0.0
    moved: str | None = None
    status: int | None = None
    content_type: str | None = None
    etag: str | None = None
    extension: str | None = None
    data: bytes = b""
    sha256: str | None = None


def check_proxy(address: str) -> None:
    """Raise BadSetting when `address` is neither empty nor that of a proxy."""
    try:
        good = not address or (urlsplit(address).scheme in ("http", "https") and bool(urlsplit(address).hostname))
    except ValueError:
        good = False
    if not good:
        raise BadSetting("proxy", address, "must be the http:// or https:// address of a proxy")


class Client:
    """Asks for images. Keeps no cookies, takes no proxy from the environment, follows no redirect itself, accepts no compression."""

    def __init__(self, settings: DownloadSettings) -> None:
        try:
            import aiohttp
        except ImportError as error:
            raise MissingExtra("aiohttp", "download") from error
        check_proxy(settings.proxy)
        self._aiohttp, self.settings = aiohttp, settings

    async def __aenter__(self) -> Client:
        own, library = self.settings, self._aiohttp
        self._names = ThreadPoolExecutor(LOOKUPS, thread_name_prefix="merian-names")
        self._session = library.ClientSession(
            connector=library.TCPConnector(
                resolver=_resolver(own, self._names),
                limit=0,
                limit_per_host=0,
                ttl_dns_cache=300,
                keepalive_timeout=15.0,
            ),
            cookie_jar=library.DummyCookieJar(),
            trust_env=False,
            auto_decompress=False,
            headers={
                "User-Agent": user_agent(own),
                "Accept": "image/jpeg, image/png, image/*;q=0.9, */*;q=0.1",
                "Accept-Encoding": "identity",
            },
            timeout=library.ClientTimeout(
                total=own.total_timeout, sock_connect=own.connect_timeout, sock_read=own.stall_timeout
            ),
        )
        # aiohttp asks again by itself when a line breaks, which no limit of ours would know of; its own test client switches that off in the same way
        self._session._retry_connection = False
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._session.close()
        self._names.shutdown(wait=False, cancel_futures=True)

    async def ask(self, url: str, digests: Sequence[tuple[str, str]] = ()) -> Answer:
        """The Answer to one request for `url` (of `guard.link`); what goes wrong on the way is an Answer with a reason."""
        from yarl import URL

        library = self._aiohttp
        try:
            async with self._session.get(
                URL(url, encoded=True), allow_redirects=False, proxy=self.settings.proxy or None
            ) as response:
                try:
                    return await self._read(response, digests)
                finally:
                    if not response.content.at_eof():
                        response.close()  # the rest is not wanted: the line is closed, not drained
        except TimeoutError:
            return Answer(reason="timed out", passing=True, verdict="silent")
        except library.ClientConnectorCertificateError:
            return Answer(reason="bad certificate", verdict="fine")
        except library.ClientConnectorError as error:
            return _unreached(error)
        except library.ClientPayloadError:
            return Answer(reason="truncated", passing=True, verdict="silent")
        except (library.ClientResponseError, library.InvalidURL):
            return Answer(reason="not HTTP", passing=True, verdict="silent")
        except (library.ClientError, OSError, ValueError):
            return Answer(reason="connection lost", passing=True, verdict="silent")

    async def _read(self, response: aiohttp.ClientResponse, digests: Sequence[tuple[str, str]]) -> Answer:
        headers, status = response.headers, response.status
        kind = _text(headers.get("Content-Type"))
        about = {"status": status, "content_type": kind, "etag": _text(headers.get("ETag"))}
        if status in MOVED and "Location" in headers:
            return Answer(moved=headers["Location"], **about)  # type: ignore[arg-type]
        if status != 200:
            return _refused(status, headers)
        if headers.get("Content-Encoding", "identity").strip().lower() not in ("", "identity"):
            return Answer(reason="compressed answer", **about)  # type: ignore[arg-type]
        most = self.settings.max_bytes
        if (response.content_length or 0) > most:
            return Answer(reason="too many bytes", **about)  # type: ignore[arg-type]
        data, sniffed = bytearray(), False
        async for chunk in response.content.iter_any():
            data += chunk
            if len(data) > most:
                return Answer(reason="too many bytes", **about)  # type: ignore[arg-type]
            if not sniffed and len(data) >= NEEDED:
                sniffed = True
                if kind_of(bytes(data[:NEEDED])) is None:
                    return Answer(reason="not an image", **about)  # type: ignore[arg-type]
        return self._judged(bytes(data), digests, about)

    def _judged(self, data: bytes, digests: Sequence[tuple[str, str]], about: Mapping[str, object]) -> Answer:
        header, sha256 = look(data), digest_bytes(data)
        reason, passing = None, False
        if not data:
            reason, passing = "empty file", True
        elif header is None:
            reason = "not an image"
        elif header.width * header.height > self.settings.max_pixels:
            reason = "too many pixels"
        elif not is_complete(data, header.kind):
            reason, passing = "truncated image", True
        elif any(checksum(name, data) != wanted for name, wanted in digests):
            reason, passing = "checksum differs", True
        extension = header.kind if header is not None else None
        return Answer(
            reason=reason,
            passing=passing,
            sha256=sha256,
            extension=extension,
            data=b"" if reason else data,
            **about,  # type: ignore[arg-type]
        )


def user_agent(settings: DownloadSettings) -> str:
    """How we introduce ourselves: name, version and whom to write to."""
    contact = "".join(c for c in settings.contact if c.isprintable() and c.isascii() and c not in "()").strip()
    return f"merian/{__version__} ({contact or 'biodiversity image curation; no contact given'})"


def pause_of(headers: Mapping[str, str], now: datetime | None = None) -> float:
    """Seconds to wait by Retry-After: a number of seconds, or a date that is held against the answer's own Date (else `now`); 0 without one.

    Source: RFC 9110 section 10.2.3.
    """
    value = headers.get("Retry-After", "").strip()
    if value.isascii() and value.isdigit():
        return float(min(int(value[:12]), 10**9))
    until, said = _date(value), _date(headers.get("Date", ""))
    if until is None:
        return 0.0
    return max(0.0, (until - (said or now or datetime.now(UTC))).total_seconds())


def _date(text: str) -> datetime | None:
    try:
        date = email.utils.parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError):
        return None
    return date if date.tzinfo is not None else date.replace(tzinfo=UTC)


def _refused(status: int, headers: Mapping[str, str]) -> Answer:
    reason = f"HTTP {status}"
    if status in SLOWER:
        return Answer(reason=reason, passing=True, verdict="slower", pause=pause_of(headers), status=status)
    if status in PASSING:
        return Answer(reason=reason, passing=True, verdict="silent", pause=pause_of(headers), status=status)
    return Answer(reason=reason, status=status)


def _unreached(error: aiohttp.ClientConnectorError) -> Answer:
    if isinstance(error.os_error, _PrivateAddress):
        return Answer(reason="private address")
    if isinstance(error.os_error, socket.gaierror):
        return Answer(reason="no such host", passing=True, verdict="silent")
    return Answer(reason="no connection", passing=True, verdict="silent")


def _text(value: str | None) -> str | None:
    """A header as text that any file can hold, cut to a sensible length."""
    return value.encode("utf-8", "backslashreplace").decode()[:TEXT_MOST] if value is not None else None


class _PrivateAddress(OSError):
    """A name that leads to no public address."""


def _resolver(settings: DownloadSettings, threads: ThreadPoolExecutor) -> aiohttp.abc.AbstractResolver:
    """Looks names up and hands on the addresses that may be asked only; the connection goes to just these."""
    from aiohttp.abc import AbstractResolver

    proxy = urlsplit(settings.proxy).hostname if settings.proxy else None

    class Resolver(AbstractResolver):
        async def resolve(
            self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
        ) -> list[ResolveResult]:
            loop = asyncio.get_running_loop()
            found = await loop.run_in_executor(threads, _look_up, host, port, family)
            if host == proxy:
                return found
            good = [entry for entry in found if may_ask(entry["host"], settings.allow_private)]
            if found and not good:
                raise _PrivateAddress(f"{host} leads to {found[0]['host']}, which is not on the public internet")
            return good

        async def close(self) -> None:
            """Nothing to close: the threads are the client's."""

    return Resolver()


def _look_up(host: str, port: int, family: socket.AddressFamily) -> list[ResolveResult]:
    found: list[ResolveResult] = []
    for kind, _, protocol, _, address in socket.getaddrinfo(host, port, family, socket.SOCK_STREAM):
        if kind in (socket.AF_INET, socket.AF_INET6):
            flags = socket.AI_NUMERICHOST | socket.AI_NUMERICSERV
            entry = {
                "hostname": host,
                "host": str(address[0]),
                "port": port,
                "family": kind,
                "proto": protocol,
                "flags": flags,
            }
            found.append(entry)  # type: ignore[arg-type]
    return found
