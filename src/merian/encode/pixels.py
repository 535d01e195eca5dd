"""The one preprocessing: from the bytes of any image file to the `uint8` pixels an encoder takes.

Training, inference and the web page all decode here, so a photo looks the same to the model everywhere. Colours are
sRGB as stored (no ICC conversion); alpha is composited on white; the first frame stands for an animation; EXIF rotation
is applied.
"""

from __future__ import annotations

import io
import stat
import struct
import threading
import warnings
import zlib
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple, cast

import numpy as np
from numpy.typing import NDArray

from merian.core.errors import BadData, MerianError

if TYPE_CHECKING:
    from PIL import Image

__all__ = [
    "CLIP_MEAN",
    "CLIP_STD",
    "Decoded",
    "Pixels",
    "Preprocess",
    "Probe",
    "Unreadable",
    "decode",
    "decode_many",
    "probe",
]

Pixels = NDArray[np.uint8]
"""Images `[n, s, s, 3]` or one image `[s, s, 3]`, RGB, 0 to 255."""

CLIP_MEAN = (0.48145466, 0.4578275, 0.40821073)
CLIP_STD = (0.26862954, 0.26130258, 0.27577711)
"""Mean and standard deviation per channel of CLIP's training images, on a scale of 0 to 1 (Radford et al. 2021, released code)."""

MIN_SIDE = 4
"""Shortest side in which anything can be seen; a name given to fewer pixels would be invented. From taste."""
MAX_PIXELS = 64_000_000
"""Largest image decoded in full: 64 megapixels take 256 MB in Pillow. From taste."""
MAX_PIXELS_JPEG = 500_000_000
"""Largest JPEG: its reduced decoding (by up to 8 in each direction) needs a 64th of the memory. From taste."""
REDUCE = 2
"""A JPEG is decoded at no less than this multiple of the target: 55 dB PSNR to the full decode, in a third of the time (bench/decode.py)."""

ORIENTATION = 0x0112
"""EXIF tag of the rotation (EXIF 2.3, section 4.6.4); 5 to 8 exchange width and height."""
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Preprocess:
    """How a photo becomes `[size, size, 3]` pixels, and how an encoder then scales them: `(pixel / 255 - mean) / std`.

    `squash` stretches the whole photo to the square (BioCLIP); `shortest` scales its short side to `size` and cuts the
    centre (CLIP).
    """

    size: int = 224
    mode: Literal["squash", "shortest"] = "squash"
    interpolation: Literal["bicubic", "bilinear"] = "bicubic"
    mean: tuple[float, float, float] = CLIP_MEAN
    std: tuple[float, float, float] = CLIP_STD

    def as_config(self) -> dict[str, object]:
        """The `preprocess_cfg` of an open_clip configuration."""
        return {
            "size": [self.size, self.size],
            "mode": "RGB",
            "mean": list(self.mean),
            "std": list(self.std),
            "interpolation": self.interpolation,
            "resize_mode": self.mode,
        }

    @classmethod
    def from_config(cls, config: Mapping[str, object], size: int) -> Preprocess:
        """The preprocessing that an open_clip `preprocess_cfg` describes, for a tower of `size` pixels.

        Raises BadData for a resize mode or interpolation that Merian does not have.
        """
        mode = config.get("resize_mode") or "shortest"
        interpolation = config.get("interpolation") or "bicubic"
        if mode not in ("squash", "shortest"):
            raise BadData("preprocess_cfg", f"resize_mode {mode!r} is not one of squash, shortest")
        if interpolation not in ("bicubic", "bilinear"):
            raise BadData("preprocess_cfg", f"interpolation {interpolation!r} is not one of bicubic, bilinear")
        return cls(
            size=size,
            mode="squash" if mode == "squash" else "shortest",
            interpolation="bicubic" if interpolation == "bicubic" else "bilinear",
            mean=_three(config.get("mean"), CLIP_MEAN),
            std=_three(config.get("std"), CLIP_STD),
        )

    def key(self) -> str:
        """One line that says all of it: part of an encoder's fingerprint."""
        return repr(sorted(asdict(self).items()))


class Decoded(NamedTuple):
    """The images that could be decoded, and why the others could not."""

    pixels: Pixels
    """`[k, s, s, 3]`: the readable images in their order."""
    rows: NDArray[np.int64]
    """`[k]`: which of the given sources each one is."""
    reasons: dict[int, str]
    """Row of each unreadable source -> its reason."""


class Probe(NamedTuple):
    """What a file turned out to be."""

    width: int
    """As shown: EXIF rotation applied."""
    height: int
    extension: str
    """"jpg", "png", "tif", ...: by content, whatever the file is called."""
    thumbnail: Pixels
    """`[t, t, 3]`, the whole image squashed."""


def decode(source: bytes | str | Path, preprocess: Preprocess) -> Pixels:
    """The pixels `[s, s, 3]` of one image file, given as bytes or as a path.

    Raises Unreadable with one of the reasons "not found", "a folder", "not a file", "no permission", "empty file", "not an image",
    "truncated image", "damaged image", "too small", "too many pixels".
    """
    with _silence:
        return _decode(source, preprocess)


def decode_many(sources: Sequence[bytes | str | Path], preprocess: Preprocess, threads: int = 2) -> Decoded:
    """Decode `sources` with a few threads (Pillow releases the interpreter while it works); bad ones become reasons."""

    def one(source: bytes | str | Path) -> Pixels | str:
        try:
            return _decode(source, preprocess)
        except Unreadable as error:
            return error.reason

    with _silence:
        if threads > 1 and len(sources) > 1:
            with ThreadPoolExecutor(threads) as pool:
                results = list(pool.map(one, sources))
        else:
            results = [one(source) for source in sources]
    good = [(row, r) for row, r in enumerate(results) if not isinstance(r, str)]
    pixels = np.empty((len(good), preprocess.size, preprocess.size, 3), np.uint8)
    for k, (_, image) in enumerate(good):
        pixels[k] = image
    rows = np.array([row for row, _ in good], np.int64)
    return Decoded(pixels, rows, {row: r for row, r in enumerate(results) if isinstance(r, str)})


def probe(data: bytes, thumbnail: int = 32) -> Probe:
    """What one image file is, all of it decoded once (a JPEG at reduced scale), so that a damaged one is found out.

    Raises Unreadable with the reasons of `decode`.
    """
    with _silence:
        image, where = _opened(data)
        width, height = image.size
        pixels = _square(image, Preprocess(size=thumbnail, interpolation="bilinear"), where)
        # Read now that the image is loaded: some formats keep it behind the pixels.
        if image.getexif().get(ORIENTATION, 1) in (5, 6, 7, 8):
            width, height = height, width
        format_ = (image.format or "image").lower()
    return Probe(width, height, EXTENSIONS.get(format_, format_), pixels)


def _decode(source: bytes | str | Path, preprocess: Preprocess) -> Pixels:
    image, where = _opened(source)
    return _square(image, preprocess, where)


def _opened(source: bytes | str | Path) -> tuple[Image.Image, object]:
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


def _square(image: Image.Image, preprocess: Preprocess, where: object) -> Pixels:
    """The decoded image on its square `[s, s, 3]`; raises Unreadable when the file breaks off or makes no sense."""
    from PIL import Image, ImageOps

    size = preprocess.size
    resample = Image.Resampling.BICUBIC if preprocess.interpolation == "bicubic" else Image.Resampling.BILINEAR
    try:
        image.draft("RGB", (REDUCE * size, REDUCE * size))
        image.load()
        turned = ImageOps.exif_transpose(image)
        rgb = _rgb(turned if turned is not None else image)
        width, height = rgb.size
        box = (0.0, 0.0, float(width), float(height))
        if preprocess.mode == "shortest":
            short = min(width, height)
            left, top = (width - short) / 2, (height - short) / 2
            box = (left, top, left + short, top + short)
        return np.array(rgb.resize((size, size), resample, box=box), np.uint8)
    except BROKEN as error:
        cut = "truncated" in str(error).lower() or isinstance(error, EOFError)
        raise Unreadable(where, "truncated image" if cut else "damaged image") from error


def _rgb(image: Image.Image) -> Image.Image:
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


def _three(value: object, default: tuple[float, float, float]) -> tuple[float, float, float]:
    if value is None:
        return default
    if not isinstance(value, list | tuple) or len(value) != 3:
        raise BadData("preprocess_cfg", f"mean and std need three numbers, not {value!r}")
    first, second, third = (float(v) for v in value)
    return first, second, third


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


_silence = _Silence()
