"""Columns of numbers as bytes that a browser reads in place: a head in JSON, then the arrays, little-endian, each from a multiple of eight bytes.

Four bytes MRN1, the length of the head (uint32), the head as UTF-8 and spaces to the next multiple of eight; the head's `arrays` tell name, type, where
(bytes from the end of the head) and length of each.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from merian.core.errors import BadData

__all__ = ["MAGIC", "pack", "unpack"]

MAGIC = b"MRN1"
TYPES = {"uint8", "uint16", "uint32", "float32"}
GRAIN = 8


def pack(head: Mapping[str, Any], arrays: Mapping[str, npt.NDArray[Any]]) -> bytes:
    """The head and the arrays [n] or [n, k] as bytes. Raises BadData for a type that browsers have no array of."""
    told, parts, at = [], [], 0
    for name, values in arrays.items():
        if values.dtype.name not in TYPES:
            raise BadData("columns", f"{name} is of {values.dtype.name}; there are {', '.join(sorted(TYPES))}")
        data = np.ascontiguousarray(values).astype(values.dtype.newbyteorder("<"), copy=False).tobytes()
        told.append({"name": name, "type": values.dtype.name, "at": at, "length": int(values.size)})
        data += bytes(-len(data) % GRAIN)
        parts.append(data)
        at += len(data)
    text = json.dumps({**head, "arrays": told}, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-(len(text) + len(MAGIC) + 4) % GRAIN)
    return b"".join([MAGIC, struct.pack("<I", len(text)), text, *parts])


def unpack(data: bytes) -> tuple[dict[str, Any], dict[str, npt.NDArray[Any]]]:
    """The head and the flat arrays of what `pack` made. Raises BadData for other bytes."""
    if data[:4] != MAGIC:
        raise BadData("columns", f"begins with {data[:4]!r}, not {MAGIC!r}")
    start = 8 + struct.unpack("<I", data[4:8])[0]
    head: dict[str, Any] = json.loads(data[8:start])
    return head, {
        one["name"]: np.frombuffer(data, np.dtype(one["type"]).newbyteorder("<"), one["length"], start + one["at"])
        for one in head["arrays"]
    }
