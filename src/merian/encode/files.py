"""Opening any image file: what it is, whether it can be decoded, and why not.

Every reader of images (`pixels`, and through it curation, training and the web page) opens them here, so that a file is refused everywhere for
the same reason.
"""

from __future__ import annotations

import io
import stat
import struct
import threading
import warnings
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, cast

import numpy as np
from numpy.typing import NDArray

from merian.core.errors import MerianError

if TYPE_CHECKING:
    from PIL import Image

__all__ = [
    "BROKEN",
    "MIN_SIDE",
    "ORIENTATION",
    "TURNS",
    "Unreadable",
    "broken",
    "opened",
    "rgb",
    "shown",
    "silence",
    "upright",
]

MIN_SIDE = 4
"""Shortest side in which anything can be seen; a name given to fewer pixels would be invented. From taste."""
MAX_PIXELS = 64_000_000
"""Largest image decoded in full: 64 megapixels take 256 MB in Pillow. From taste."""
MAX_PIXELS_JPEG = 500_000_000
"""Largest JPEG: its reduced decoding (by up to 8 in each direction) needs a 64th of the memory. From taste."""
ORIENTATION = 0x0112
"""EXIF tag of the rotation (EXIF 2.3, section 4.6.4); 5 to 8 exchange width and height."""
TURNS = {
    2: "FLIP_LEFT_RIGHT",
    3: "ROTATE_180",
    4: "FLIP_TOP_BOTTOM",
    5: "TRANSPOSE",
    6: "ROTATE_270",
    7: "TRANSVERSE",
    8: "ROTATE_90",
}
"""What puts an image of each rotation upright (Pillow's names)."""
EXTENSIONS = {"jpeg": "jpg", "mpo": "jpg", "jpeg2000": "jp2", "tiff": "tif"}

BROKEN = (
    OSError,
    SyntaxError,
    ValueError,
    TypeError,
    IndexError,
    KeyError,
    AttributeError,
    EOFError,
    OverflowError,
    ZeroDivisionError,
    NotImplementedError,
    MemoryError,
    struct.error,
    zlib.error,
)
"""What Pillow's decoders raise on damaged files (found by feeding them such files). Its own `open` catches a part of them."""


class Unreadable(MerianError):
    """An image that cannot be decoded; `reason` is a short fixed phrase fit for a table."""

    def __init__(self, where: object, reason: str) -> None:
        self.where, self.reason = where, reason
        super().__init__(f"{where}: {reason}")


def upright(data: bytes) -> Image.Image:
    """The whole image in full size as 8-bit RGB, EXIF rotation applied, without any metadata. Raises Unreadable with the reasons of `decode`."""
    from PIL import ImageOps

    with silence:
        image, where = opened(data)
        if image.size[0] * image.size[1] > MAX_PIXELS:
            raise Unreadable(where, "too many pixels")
        try:
            image.load()
            plain = rgb(ImageOps.exif_transpose(image) or image)
            plain.info = {}
            return plain
        except BROKEN as error:
            raise broken(where, error) from error


def shown(image: Image.Image, size: tuple[int, int]) -> tuple[int, int, str]:
    """(width, height, extension) of a loaded image whose file says `size`: some formats keep the rotation behind the pixels."""
    width, height = size
    if image.getexif().get(ORIENTATION, 1) in (5, 6, 7, 8):
        width, height = height, width
    format_ = (image.format or "image").lower()
    return width, height, EXTENSIONS.get(format_, format_)


def broken(where: object, error: BaseException) -> Unreadable:
    cut = "truncated" in str(error).lower() or isinstance(error, EOFError)
    return Unreadable(where, "truncated image" if cut else "damaged image")


def opened(source: bytes | str | Path) -> tuple[Image.Image, object]:
    """The image with only its header read, and how to call it in a message; raises Unreadable."""
    where = f"{len(source)} bytes" if isinstance(source, bytes) else source
    data = source if isinstance(source, bytes) else _read(Path(source))
    if not data:
        raise Unreadable(where, "empty file")
    image = _open(data)
    if image is None:
        raise Unreadable(where, "not an image")
    width, height = image.size
    if width * height > (MAX_PIXELS_JPEG if image.format in ("JPEG", "MPO") else MAX_PIXELS):
        raise Unreadable(where, "too many pixels")
    if width * height == 0:
        raise Unreadable(where, "damaged image")
    if min(width, height) < MIN_SIDE:
        raise Unreadable(where, "too small")
    return image, where


def _read(path: Path) -> bytes:
    try:
        mode = path.stat().st_mode
        if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
            raise Unreadable(path, "not a file")  # a pipe or a device may never end
        return path.read_bytes()
    except FileNotFoundError as error:
        raise Unreadable(path, "not found") from error
    except IsADirectoryError as error:
        raise Unreadable(path, "a folder") from error
    except PermissionError as error:
        raise Unreadable(path, "no permission") from error
    except (OSError, ValueError) as error:
        raise Unreadable(path, "not found") from error


def _open(data: bytes) -> Image.Image | None:
    """The image with only its header read, or None when no format of Pillow's fits.

    `Image.open` would warn or fail by a limit that is global; the formats are asked one by one instead, and the limit
    is our own.
    """
    from PIL import Image

    Image.preinit()
    prefix = data[:16]
    for everything in (False, True):
        if everything:
            Image.init()
        for name in Image.ID:
            factory, accepts = Image.OPEN[name]
            try:
                accepted = accepts is None or accepts(prefix)
                if accepted and not isinstance(accepted, str):
                    return cast(Image.Image, factory(io.BytesIO(data), ""))
            except BROKEN:
                continue
    return None


def rgb(image: Image.Image) -> Image.Image:
    """Any image as 8-bit RGB: 16-bit scaled, alpha on white, palette and CMYK converted."""
    from PIL import Image

    if image.mode in ("F", "I") or image.mode.startswith("I;16"):
        image = Image.fromarray(_eight_bit(np.asarray(image)))
    if image.mode in ("RGBA", "LA", "PA", "RGBa", "La") or "transparency" in image.info:
        layer = image.convert("RGBA")
        white = Image.new("RGBA", layer.size, (255, 255, 255, 255))
        return Image.alpha_composite(white, layer).convert("RGB")
    return image.convert("RGB")


def _eight_bit(values: NDArray[np.generic]) -> NDArray[np.uint8]:
    """Grey values of any depth on 0 to 255: 16-bit by its full range, floats and 32-bit by the range they use."""
    numbers = np.nan_to_num(values.astype(np.float64), nan=0.0, posinf=0.0, neginf=0.0)
    low, high = float(numbers.min()), float(numbers.max())
    if not np.issubdtype(values.dtype, np.floating) and low >= 0 and high <= 65535:
        low, high = 0.0, 255.0 if high <= 255 and values.dtype.itemsize > 2 else 65535.0
    span = high - low
    return np.rint((numbers - low) * (255.0 / span if span > 0 else 0.0)).astype(np.uint8)


class _Silence:
    """Silences Pillow's remarks on odd files while any thread decodes.

    Python's warning filters belong to the whole process: the first to come in sets them, the last to go out puts them
    back.
    """

    def __init__(self) -> None:
        self.lock, self.inside = threading.Lock(), 0
        self.filters = warnings.catch_warnings()

    def __enter__(self) -> None:
        with self.lock:
            if self.inside == 0:
                self.filters = warnings.catch_warnings()
                self.filters.__enter__()
                warnings.filterwarnings("ignore", module=r"PIL\..*")
            self.inside += 1

    def __exit__(self, *error: object) -> None:
        with self.lock:
            self.inside -= 1
            if self.inside == 0:
                self.filters.__exit__(None, None, None)


silence = _Silence()
