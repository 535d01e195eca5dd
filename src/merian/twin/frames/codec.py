"""Frames of bytes: how a running twin is sent to a viewer, little-endian, a head of 28 bytes and then column after column (docs/reference/live.md).

    0  4 bytes  WTW1            8  u32  step               20  u32  n, the length of what follows
    4  u8       kind            12 f64  days since the     24  u32  key, the number of the roster
    5  u8       version, 1             start                        (KEY, DELTA, ACK)
    6  u16      low byte: world (0 baseline, 1 scenario); high byte: which field (FIELD)

    HELLO  UTF-8 JSON of n bytes                          FIELD  u16 rows, u16 columns, f32 low, f32 high, u8[n]
    KEY    u32 id[n], then as DELTA                       STATS  f32[n]: species by columns, as HELLO names them
    DELTA  u16 x[n], u16 y[n], u8 heading[n], u8 speed[n], u8 species[n], u8 state[n]
    EVENT  u32 id[n], u16 x[n], u16 y[n], u16 count[n], u8 what[n], u8 species[n]
    ACK    nothing; step and key are those that were drawn

A DELTA is of the animals of the KEY of the same number, in its order. x and y are in 1/65535 of the window's width from its north-west corner, headings in
1/256 turn clockwise from east, speeds in units that HELLO says. state: low three bits what it does (DOES), the others k for about 2^(k/2) animals.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

import numpy as np
import numpy.typing as npt

from merian.core.errors import BadData
from merian.twin.foodweb import Doubles

__all__ = [
    "DOES",
    "HEAD",
    "HERD",
    "MAGIC",
    "MOST",
    "VERSION",
    "WHAT",
    "Event",
    "Field",
    "Frame",
    "Herds",
    "Kind",
    "decode",
    "encode",
    "pack_state",
    "placed",
]

MAGIC, VERSION = b"WTW1", 1
HEAD = struct.Struct("<4sBBHIdII")
RASTER = struct.Struct("<HHff")
MOST = 1 << 20
"""Most animals, cells, numbers or bytes of a frame."""
HERD = 8
"""Bytes of an animal or herd in a DELTA; four more in a KEY."""
DOES = ("still", "walking")
"""What an animal does, by number; six more may come."""
WHAT = ("", "birth", "death")
"""What happens in an EVENT, by number."""

Columns = tuple[tuple[str, str], ...]
PLACES: Columns = (("x", "<u2"), ("y", "<u2"), ("heading", "u1"), ("speed", "u1"), ("species", "u1"), ("state", "u1"))
HAPPENED: Columns = (("id", "<u4"), ("x", "<u2"), ("y", "<u2"), ("count", "<u2"), ("what", "u1"), ("species", "u1"))


class Kind(IntEnum):
    """What a frame holds."""

    HELLO = 1
    KEY = 2
    DELTA = 3
    FIELD = 4
    STATS = 5
    EVENT = 6
    ACK = 7


Column = npt.NDArray[Any]


@dataclass(frozen=True, eq=False)
class Herds:
    """Animals or herds as they are drawn, arrays [n]: x, y uint16; heading, speed, species, state uint8; id uint32, None in a DELTA."""

    x: Column
    y: Column
    heading: Column
    speed: Column
    species: Column
    state: Column
    id: Column | None = None


@dataclass(frozen=True, eq=False)
class Event:
    """What happened, arrays [n]: id uint32 of the herd, its place x, y uint16, count uint16 of animals, `what` (WHAT) and species uint8."""

    id: Column
    x: Column
    y: Column
    count: Column
    what: Column
    species: Column


@dataclass(frozen=True, eq=False)
class Field:
    """A raster uint8 [y, x], 0 for `low` and 255 for `high`."""

    values: Column
    low: float
    high: float

    @classmethod
    def of(cls, values: Doubles, low: float, high: float) -> Field:
        """Numbers [y, x] between low and high; what lies beyond is cut."""
        scale = 255.0 / (high - low) if high > low else 0.0
        return cls(np.round(np.clip((values - low) * scale, 0, 255)).astype(np.uint8), low, high)


@dataclass(frozen=True, eq=False)
class Frame:
    """One frame: its `kind`, when (`step`, `day`), of which `world` and roster (`key`), `which` field, and what it holds.

    body: a mapping (HELLO), Herds (KEY, DELTA), Field, float32 [n] (STATS), Event, or None (ACK).
    """

    kind: Kind
    body: Mapping[str, Any] | Herds | Field | Column | Event | None = None
    step: int = 0
    day: float = 0.0
    world: int = 0
    key: int = 0
    which: int = 0


def encode(frame: Frame) -> bytes:
    """The bytes of a frame. Raises BadData for one that cannot be told so: too long, or columns of other lengths."""
    body, size = _bytes(frame)
    if size > MOST:
        raise BadData("frame", f"holds {size:,} of something, and {MOST:,} at most can be sent")
    for name, value, most in (
        ("step", frame.step, 2**32),
        ("key", frame.key, 2**32),
        ("world", frame.world, 256),
        ("which", frame.which, 256),
    ):
        if not 0 <= value < most:
            raise BadData("frame", f"its {name} lies from 0 to {most - 1:,}, not {value}")
    flags = frame.world | frame.which << 8
    return HEAD.pack(MAGIC, frame.kind, VERSION, flags, frame.step, frame.day, size, frame.key) + body


def _bytes(frame: Frame) -> tuple[bytes, int]:
    """What follows the head, and n."""
    body = frame.body
    if frame.kind is Kind.HELLO and isinstance(body, Mapping):
        data = json.dumps(body, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()
        return data, len(data)
    if frame.kind in (Kind.KEY, Kind.DELTA) and isinstance(body, Herds):
        if (body.id is None) == (frame.kind is Kind.KEY):
            raise BadData("frame", "a KEY has ids, and a DELTA has none")
        ids = b"" if body.id is None else _column("id", body.id, "<u4", len(body.x))
        return ids + b"".join(_column(name, getattr(body, name), kind, len(body.x)) for name, kind in PLACES), len(
            body.x
        )
    if frame.kind is Kind.FIELD and isinstance(body, Field):
        rows, columns = body.values.shape
        return RASTER.pack(rows, columns, body.low, body.high) + _column(
            "raster", body.values.ravel(), "u1", rows * columns
        ), rows * columns
    if frame.kind is Kind.STATS and isinstance(body, np.ndarray):
        return _column("stats", body.ravel(), "<f4", body.size), body.size
    if frame.kind is Kind.EVENT and isinstance(body, Event):
        return b"".join(_column(name, getattr(body, name), kind, len(body.id)) for name, kind in HAPPENED), len(body.id)
    if frame.kind is Kind.ACK and body is None:
        return b"", 0
    raise BadData("frame", f"{frame.kind.name} does not hold {type(body).__name__}")


def _column(name: str, values: Column, kind: str, length: int) -> bytes:
    if values.shape != (length,) or not np.can_cast(values.dtype, np.dtype(kind), "safe"):
        raise BadData("frame", f"{name} is {length} of {np.dtype(kind).name}, not {values.dtype} {values.shape}")
    return np.ascontiguousarray(values, kind).tobytes()


def decode(data: bytes) -> Frame:
    """The frame in bytes. Raises BadData for what is no frame, of another version, too long, or cut short."""
    if len(data) < HEAD.size or data[:4] != MAGIC:
        raise BadData("frame", f"begins with {MAGIC.decode()} and is {HEAD.size} bytes or more")
    _, number, version, flags, step, day, size, key = HEAD.unpack_from(data)
    if version != VERSION or number not in iter(Kind):
        raise BadData("frame", f"of kind {number} and version {version} is not known here (version {VERSION})")
    kind, rest = Kind(number), memoryview(data)[HEAD.size :]
    if size > MOST or len(rest) != _length(kind, size):
        raise BadData("frame", f"{kind.name} of {size:,} is not {len(rest):,} bytes long")
    return Frame(kind, _body(kind, rest, size), step, day, flags & 0xFF, key, flags >> 8)


def _length(kind: Kind, size: int) -> int:
    """Bytes behind the head of a frame of n."""
    each = {
        Kind.HELLO: 1,
        Kind.KEY: HERD + 4,
        Kind.DELTA: HERD,
        Kind.FIELD: 1,
        Kind.STATS: 4,
        Kind.EVENT: 12,
        Kind.ACK: 0,
    }
    return each[kind] * size + (RASTER.size if kind is Kind.FIELD else 0)


def _body(kind: Kind, rest: memoryview, size: int) -> Mapping[str, Any] | Herds | Field | Column | Event | None:
    if kind is Kind.HELLO:
        try:
            found = json.loads(bytes(rest))
        except ValueError as error:
            raise BadData("frame", "HELLO holds no JSON") from error
        if not isinstance(found, dict):
            raise BadData("frame", "HELLO holds an object")
        return found
    if kind is Kind.FIELD:
        rows, columns, low, high = RASTER.unpack_from(rest)
        if rows * columns != size:
            raise BadData("frame", f"FIELD of {rows} x {columns} cells says {size:,}")
        return Field(np.frombuffer(rest[RASTER.size :], np.uint8).reshape(rows, columns), low, high)
    if kind is Kind.STATS:
        return np.frombuffer(rest, "<f4")
    if kind is Kind.EVENT:
        return Event(**_columns(rest, HAPPENED, size))
    if kind is Kind.ACK:
        return None
    return Herds(**_columns(rest, ((("id", "<u4"),) if kind is Kind.KEY else ()) + PLACES, size))


def _columns(rest: memoryview, columns: Columns, size: int) -> dict[str, Column]:
    found, at = {}, 0
    for name, kind in columns:
        width = np.dtype(kind).itemsize
        found[name] = np.frombuffer(rest[at : at + width * size], kind)
        at += width * size
    return found


def placed(x_m: Doubles, width_m: float) -> Column:
    """Metres from the window's corner as uint16 [n]: steps of width / 65535, cut at the edges."""
    return np.round(np.clip(x_m / width_m, 0.0, 1.0) * 65535.0).astype(np.uint16)


def pack_state(does: Column, number: Column) -> Column:
    """What herds do and about how many animals they are, in a byte each [n]: 2^(k/2) animals, from one to 46,341."""
    many = np.round(2.0 * np.log2(np.maximum(number, 1))).astype(np.int64)
    return (does.astype(np.uint8) & 7) | (np.minimum(many, 31) << 3).astype(np.uint8)
