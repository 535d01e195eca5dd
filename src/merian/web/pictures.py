"""The catalog's photos as a browser takes them: the bytes as the source gave them, or a square thumbnail."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field
from threading import Lock

from merian.core.errors import Missing
from merian.encode import Preprocess, decode
from merian.web.parts import Parts

__all__ = ["LARGEST", "Pictures"]

LARGEST = 1024
"""Largest thumbnail, px."""
REMEMBERED = 2_000
"""Thumbnails kept in memory: about 10 MB at 96 px."""
QUALITY = 88

SHOWN = ((b"\xff\xd8\xff", "image/jpeg"), (b"\x89PNG\r\n", "image/png"), (b"GIF8", "image/gif"))
"""First bytes of the formats that every browser shows."""


@dataclass(eq=False)
class Pictures:
    """The photos of a store by their id; small thumbnails are remembered."""

    parts: Parts
    _small: OrderedDict[tuple[str, int], bytes] = field(default_factory=OrderedDict)
    _lock: Lock = field(default_factory=Lock)

    def original(self, image: str) -> bytes:
        """The bytes of one photo; raises Missing when the store has lost them, KeyError when it never had them."""
        row = self.parts.rows[image]
        if self.parts.catalog is None:
            raise Missing("the catalog", self.parts.folder, "make one with merian curate")
        return next(self.parts.catalog.images(self.parts.catalog.frame[row]))

    def show(self, image: str, size: int = 0) -> tuple[bytes, str]:
        """Bytes and media type: the photo as it is, or with `size` px a square cut from its middle, as JPEG."""
        if size == 0:
            data = self.original(image)
            for prefix, kind in SHOWN:
                if data.startswith(prefix):
                    return data, kind
            return _thumbnail(data, LARGEST), "image/jpeg"
        key = image, size
        with self._lock:
            if key in self._small:
                self._small.move_to_end(key)
                return self._small[key], "image/jpeg"
        made = _thumbnail(self.original(image), size)
        if size <= 256:
            with self._lock:
                self._small[key] = made
                if len(self._small) > REMEMBERED:
                    self._small.popitem(last=False)
        return made, "image/jpeg"


def _thumbnail(data: bytes, size: int) -> bytes:
    from simplejpeg import encode_jpeg

    pixels = decode(data, Preprocess(size=size, mode="shortest"))
    return bytes(encode_jpeg(pixels, quality=QUALITY, colorsubsampling="420"))
