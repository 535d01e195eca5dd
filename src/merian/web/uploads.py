"""Photos out of a request's body, in memory only: nothing that a visitor sends ever reaches a file."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from starlette.requests import Request

__all__ = [
    "BODY_MB",
    "HELD",
    "PHOTOS",
    "PHOTO_MB",
    "TEXTS_TOO",
    "Held",
    "Photo",
    "Refused",
    "Room",
    "read_object",
    "read_photos",
    "read_texts",
]

PHOTO_MB = 25
"""Largest photo. From taste: a 50-megapixel JPEG of a camera is about 20 MB."""
PHOTOS = 64
"""Most photos in one request. From taste."""
BODY_MB = 256
"""Largest body: what one request may take of the memory. From taste."""
ROOM_MB = 1024
"""What the bodies of all requests may take of the memory together. From taste: four of the largest."""
MB = 1_000_000
HELD = "merian.held"
"""Where in a request's scope its Held is."""
TEXTS, TEXT = 64, 1_000
"""Most texts in one request, and characters of one. From taste."""


STALLED, SENT = 20.0, 300.0
"""Seconds that a body may stand still, and may take in all: it holds one of the places meanwhile. From taste: 25 MB at 1 Mbit/s take 200 s."""
PHOTOS_ONLY = "send the photos as multipart/form-data, or one image as image/jpeg or application/octet-stream"
TEXTS_TOO = f'{PHOTOS_ONLY}; or texts as application/json, {{"texts": ["a photo of ..."]}}'
"""What to do about a body of another type, where texts are taken too."""


@dataclass(slots=True)
class Photo:
    """The bytes of one photo as sent; `reason` says why they were not kept."""

    name: str
    data: bytearray = field(default_factory=bytearray)
    reason: str | None = None

    def add(self, part: bytes) -> None:
        """Take the next bytes; from the limit on they are dropped."""
        if self.reason is not None:
            return
        if len(self.data) + len(part) > PHOTO_MB * MB:
            self.data.clear()
            self.reason = f"larger than {PHOTO_MB} MB"
            return
        self.data += part


@dataclass
class Room:
    """What the bodies of requests take of the memory: `used` of `most` bytes."""

    most: int = ROOM_MB * MB
    used: int = 0


@dataclass
class Held:
    """The part of a Room that one request has, until it is given back."""

    room: Room
    own: int = 0

    def take(self, count: int) -> bool:
        """Whether there was room for so many bytes more; if so, they are taken."""
        if self.room.used + count > self.room.most:
            return False
        self.room.used, self.own = self.room.used + count, self.own + count
        return True

    def give_back(self) -> None:
        """Give all of it back."""
        self.room.used, self.own = self.room.used - self.own, 0


class Refused(Exception):
    """A request that cannot be answered: HTTP status, what is wrong, what to do."""

    def __init__(self, status: int, error: str, what_to_do: str) -> None:
        self.status, self.error, self.what_to_do = status, error, what_to_do
        super().__init__(error)


async def read_photos(request: Request, types: str = PHOTOS_ONLY) -> list[Photo]:
    """The photos of a request: the files of a multipart form, or the body itself as one image.

    Raises Refused (for a body of another type with `types`: what to do), or starlette's ClientDisconnect.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == "multipart/form-data":
        photos = await _multipart(request)
    elif kind.startswith("image/") or kind == "application/octet-stream":
        photo = Photo("photo")
        await _pour(request, photo.add)
        photos = [photo]
    else:
        raise Refused(415, f"the body is of the type {kind or 'unknown'!r}", types)
    if not photos:
        raise Refused(400, "the form holds no photo", "send one or more files in the field 'photo'")
    return photos


async def read_texts(request: Request) -> list[str]:
    """The texts of a JSON body `{"texts": [...]}`. Raises Refused: 422 when it says something else."""
    data = bytearray()
    await _pour(request, data.extend, TEXTS * TEXT)
    try:
        texts = json.loads(bytes(data))["texts"]
    except (ValueError, KeyError, TypeError) as error:
        raise Refused(422, "the body is not an object with 'texts'", 'send {"texts": ["a photo of ..."]}') from error
    if (
        not isinstance(texts, list)
        or not 0 < len(texts) <= TEXTS
        or not all(isinstance(t, str) and t.strip() for t in texts)
    ):
        raise Refused(422, f"'texts' must be 1 to {TEXTS} texts", 'send {"texts": ["a photo of ..."]}')
    if any(len(text) > TEXT for text in texts):
        raise Refused(413, f"a text is longer than {TEXT} characters", "send a shorter one")
    return texts


async def read_object(request: Request, what: str, most: int = 4_000) -> dict[str, Any]:
    """The object of a small JSON body; `what` says what to send. Raises Refused: 415 for another type, 422 for other JSON."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise Refused(415, f"the body is of the type {kind or 'unknown'!r}", f"as application/json, {what}")
    data = bytearray()
    await _pour(request, data.extend, most)
    try:
        said = json.loads(bytes(data))
    except (ValueError, RecursionError) as error:
        raise Refused(422, "the body is not JSON", what) from error
    if not isinstance(said, dict):
        raise Refused(422, "the body is not an object", what)
    return said


async def _pour(request: Request, take: Callable[[bytes], object], most: int | None = None) -> None:
    """Hand the body on piece by piece, up to its limit in size and time, while there is room for it beside those of other requests."""
    taken, most = 0, BODY_MB * MB if most is None else most
    told = request.headers.get("content-length", "")
    too_large = Refused(413, f"the request is larger than {most / MB:g} MB", "send less at a time")
    if told.isdecimal() and int(told[:18]) > most:
        raise too_large
    clock = asyncio.get_running_loop().time
    until = clock() + SENT
    held: Held = request.scope.get(HELD) or Held(Room())
    try:
        async with asyncio.timeout(STALLED) as patience:
            async for part in request.stream():
                patience.reschedule(min(until, clock() + STALLED))
                taken += len(part)
                if taken > most:
                    raise too_large
                if not held.take(len(part)):
                    raise Refused(503, "photos of other requests fill the memory that they may", "send it again later")
                take(part)
    except TimeoutError as error:
        what = (
            f"only {taken} bytes of the request had come when nothing followed for {STALLED:g} s, or after {SENT:g} s"
        )
        raise Refused(408, what, "send it again over a better line, or smaller photos") from error


async def _multipart(request: Request) -> list[Photo]:
    from python_multipart.exceptions import MultipartParseError
    from python_multipart.multipart import MultipartParser, parse_options_header

    _, options = parse_options_header(request.headers["content-type"])
    boundary = options.get(b"boundary")
    if not boundary:
        raise Refused(400, "the form has no boundary", "let the browser, curl -F or your HTTP library write the header")
    form = _Form(parse_options_header)
    try:
        parser = MultipartParser(boundary, form.callbacks())
        await _pour(request, parser.write)
        parser.finalize()
    except MultipartParseError as error:
        raise Refused(400, f"the form cannot be read: {error}", "send it again") from error
    if not form.ended:
        raise Refused(400, "the form was cut short", "send it again")
    return form.photos


class _Form:
    """Collects the files of a form as the parser finds them; fields without a file name are passed over."""

    def __init__(self, options_of: Callable[[str | bytes], tuple[bytes, dict[bytes, bytes]]]) -> None:
        self.photos: list[Photo] = []
        self.ended = False
        self._options_of = options_of
        self._open: Photo | None = None
        self._header, self._value = b"", b""
        self._disposition = b""

    def callbacks(self) -> Any:
        return {
            "on_part_begin": self._begin,
            "on_header_field": self._header_field,
            "on_header_value": self._header_value,
            "on_header_end": self._header_end,
            "on_headers_finished": self._headers_finished,
            "on_part_data": self._data,
            "on_end": self._end,
        }

    def _begin(self) -> None:
        self._open, self._disposition = None, b""

    def _header_field(self, data: bytes, start: int, end: int) -> None:
        self._header += data[start:end]

    def _header_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _header_end(self) -> None:
        if self._header.lower() == b"content-disposition":
            self._disposition = self._value
        self._header, self._value = b"", b""

    def _headers_finished(self) -> None:
        _, options = self._options_of(self._disposition)
        if b"filename" not in options:
            return
        if len(self.photos) == PHOTOS:
            raise Refused(413, f"more than {PHOTOS} photos in one request", f"send at most {PHOTOS} at a time")
        self._open = Photo(options[b"filename"].decode("utf-8", "replace")[:200])
        self.photos.append(self._open)

    def _data(self, data: bytes, start: int, end: int) -> None:
        if self._open is not None:
            self._open.add(data[start:end])

    def _end(self) -> None:
        self.ended = True
