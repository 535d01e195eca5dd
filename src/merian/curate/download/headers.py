"""What the first and last bytes of an image file tell: its format, its size in pixels, whether its end is there. Nothing is decoded.

Sources: JPEG ITU-T T.81 annex B; PNG W3C 3rd edition 5.3; GIF89a; WebP RFC 9649; TIFF 6.0 section 2; BMP as documented by Microsoft; JPEG 2000
ISO 15444-1 annex I; ISO base media file format with HEIF (ISO 23008-12) for AVIF and HEIC.
"""

from __future__ import annotations

import struct
from typing import NamedTuple

__all__ = ["NEEDED", "Header", "is_complete", "kind_of", "look"]

NEEDED = 32
"""Bytes that are enough to know the format."""
MAGIC = (
    (0, b"\xff\xd8\xff", "jpg"),
    (0, b"\x89PNG\r\n\x1a\n", "png"),
    (0, b"GIF87a", "gif"),
    (0, b"GIF89a", "gif"),
    (8, b"WEBP", "webp"),
    (0, b"II*\0", "tif"),
    (0, b"MM\0*", "tif"),
    (0, b"II+\0", "tif"),
    (0, b"MM\0+", "tif"),
    (0, b"BM", "bmp"),
    (0, b"\0\0\0\x0cjP  \r\n\x87\n", "jp2"),
    (0, b"\xff\x4f\xff\x51", "jp2"),
)
BRANDS = {b"avif": "avif", b"avis": "avif", b"heic": "heic", b"heix": "heic", b"mif1": "heic", b"msf1": "heic"}
SIZED = frozenset((0xC0, 0xC1, 0xC2, 0xC3, 0xC5, 0xC6, 0xC7, 0xC9, 0xCA, 0xCB, 0xCD, 0xCE, 0xCF))
"""JPEG markers of a frame header (SOF)."""
TIFF_TYPES = {1: "B", 3: "H", 4: "I", 16: "Q"}


class Header(NamedTuple):
    """The format by its usual extension, and width and height in pixels (0 when the header does not say)."""

    kind: str
    width: int
    height: int


def kind_of(data: bytes) -> str | None:
    """The format of a file that begins with `data` (NEEDED bytes or all of it), None when it is no image."""
    for offset, magic, kind in MAGIC:
        if data[offset : offset + len(magic)] == magic:
            return kind if kind != "bmp" or data[6:10] == b"\0\0\0\0" else None
    return BRANDS.get(data[8:12]) if data[4:8] == b"ftyp" else None


def look(data: bytes) -> Header | None:
    """The Header of a whole file, None when it is no image."""
    kind = kind_of(data)
    if kind is None:
        return None
    try:
        width, height = _SIZES[kind](data)
    except (struct.error, IndexError, KeyError):
        width, height = 0, 0
    return Header(kind, width, height)


def is_complete(data: bytes, kind: str) -> bool:
    """Whether the end of the file is there, for the formats that mark or announce it (JPEG, PNG, GIF, WebP); True for all others."""
    if kind == "jpg":
        start = _scan_start(data)
        return start > 0 and data.find(b"\xff\xd9", start) > 0
    if kind == "png":
        return b"IEND\xaeB`\x82" in data[-4096:]
    if kind == "gif":
        return data.rstrip(b"\0")[-1:] == b";"
    if kind == "webp":
        return len(data) >= int.from_bytes(data[4:8], "little") + 8
    return True


def _scan_start(data: bytes) -> int:
    """Where the first scan of a JPEG begins, behind the segments with their thumbnails; 0 when there is none."""
    for marker, at, length in _segments(data):
        if marker == 0xDA:
            return at + length
    return 0


def _segments(data: bytes) -> list[tuple[int, int, int]]:
    """Marker, place of the length field and length of each JPEG segment up to the first scan."""
    found, at = [], 2
    while at + 4 <= len(data) and data[at] == 0xFF:
        marker = data[at + 1]
        if marker == 0xFF:  # fill byte
            at += 1
            continue
        if marker == 0x01 or 0xD0 <= marker <= 0xD8:  # no segment, the marker alone
            at += 2
            continue
        length = int.from_bytes(data[at + 2 : at + 4], "big")
        if length < 2:
            break
        found.append((marker, at + 2, length))
        if marker == 0xDA:
            break
        at += 2 + length
    return found


def _jpeg(data: bytes) -> tuple[int, int]:
    for marker, at, _ in _segments(data):
        if marker in SIZED:
            height, width = struct.unpack_from(">HH", data, at + 3)
            return width, height
    return 0, 0


def _png(data: bytes) -> tuple[int, int]:
    width, height = struct.unpack_from(">II", data, 16)
    return width, height


def _gif(data: bytes) -> tuple[int, int]:
    width, height = struct.unpack_from("<HH", data, 6)
    return width, height


def _webp(data: bytes) -> tuple[int, int]:
    chunk = data[12:16]
    if chunk == b"VP8X":
        return int.from_bytes(data[24:27], "little") + 1, int.from_bytes(data[27:30], "little") + 1
    if chunk == b"VP8L":
        bits = int.from_bytes(data[21:25], "little")
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    width, height = struct.unpack_from("<HH", data, 26)
    return width & 0x3FFF, height & 0x3FFF


def _bmp(data: bytes) -> tuple[int, int]:
    if int.from_bytes(data[14:18], "little") == 12:
        width, height = struct.unpack_from("<HH", data, 18)
        return width, height
    width, height = struct.unpack_from("<ii", data, 18)
    return abs(width), abs(height)


def _tiff(data: bytes) -> tuple[int, int]:
    order = "<" if data[:2] == b"II" else ">"
    big = data[2:4] in (b"+\0", b"\0+")
    at = struct.unpack_from(order + ("Q" if big else "I"), data, 8 if big else 4)[0]
    count = struct.unpack_from(order + ("Q" if big else "H"), data, at)[0]
    step, at = (20, at + 8) if big else (12, at + 2)
    sizes = {}
    for k in range(min(count, 4096)):
        tag, type_ = struct.unpack_from(order + "HH", data, at + k * step)
        if tag in (256, 257):  # ImageWidth, ImageLength
            sizes[tag] = struct.unpack_from(order + TIFF_TYPES[type_], data, at + k * step + (12 if big else 8))[0]
    return sizes[256], sizes[257]


def _jp2(data: bytes) -> tuple[int, int]:
    if data[:2] == b"\xff\x4f":  # the bare code stream: SIZ comes first
        right, bottom, left, top = struct.unpack_from(">IIII", data, 8)
        return right - left, bottom - top
    at = data.index(b"ihdr") if b"ihdr" in data[:4096] else len(data)
    height, width = struct.unpack_from(">II", data, at + 4)
    return width, height


def _heif(data: bytes) -> tuple[int, int]:
    """The largest of the sizes given (`ispe`): tiles and thumbnails have one too."""
    best, at = (0, 0), data.find(b"ispe", 0, 65_536)
    while at >= 0:
        width, height = struct.unpack_from(">II", data, at + 8)
        best = max(best, (width, height), key=lambda s: s[0] * s[1])
        at = data.find(b"ispe", at + 4, 65_536)
    return best


_SIZES = {
    "jpg": _jpeg, "png": _png, "gif": _gif, "webp": _webp, "bmp": _bmp, "tif": _tiff, "jp2": _jp2, "avif": _heif, "heic": _heif,
}  # fmt: skip
