"""The one preprocessing: from the bytes of any image file to the `uint8` pixels an encoder takes.

Training, inference and the web page all decode here, so a photo looks the same to the model everywhere. Colours are
sRGB as stored (no ICC conversion); alpha is composited on white; the first frame stands for an animation; EXIF rotation
is applied.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from merian.core.errors import BadData
from merian.encode.files import BROKEN, ORIENTATION, TURNS, Unreadable, broken, opened, rgb, shown, silence

if TYPE_CHECKING:
    from PIL import Image

__all__ = [
    "CLIP_MEAN",
    "CLIP_STD",
    "Decoded",
    "Luma",
    "Pixels",
    "Preprocess",
    "Probe",
    "Unreadable",
    "decode",
    "decode_ahead",
    "decode_many",
    "fitted",
    "luma",
    "probe",
]

Pixels = NDArray[np.uint8]
"""Images `[n, s, s, 3]` or one image `[s, s, 3]`, RGB, 0 to 255."""

CLIP_MEAN = (0.48145466, 0.4578275, 0.40821073)
CLIP_STD = (0.26862954, 0.26130258, 0.27577711)
"""Mean and standard deviation per channel of CLIP's training images, on a scale of 0 to 1 (Radford et al. 2021, released code)."""

REDUCE = 2
"""A JPEG is decoded at no less than this multiple of the target: 55 dB PSNR to the full decode, in a third of the time (bench/decode.py)."""


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


class Luma(NamedTuple):
    """What a file turned out to be, in grey."""

    width: int
    """As shown: EXIF rotation applied."""
    height: int
    extension: str
    """"jpg", "png", "tif", ...: by content, whatever the file is called."""
    grey: Image.Image
    """The whole image in mode "L" (ITU-R BT.601 luma), upright, in its own proportions, not larger than asked for."""


def decode(source: bytes | str | Path, preprocess: Preprocess) -> Pixels:
    """The pixels `[s, s, 3]` of one image file, given as bytes or as a path.

    Raises Unreadable with one of the reasons "not found", "a folder", "not a file", "no permission", "empty file", "not an image",
    "truncated image", "damaged image", "too small", "too many pixels".
    """
    with silence:
        return _decode(source, preprocess)


def decode_many(sources: Sequence[bytes | str | Path], preprocess: Preprocess, threads: int = 2) -> Decoded:
    """Decode `sources` with a few threads (Pillow releases the interpreter while it works); bad ones become reasons."""

    def one(source: bytes | str | Path) -> Pixels | str:
        try:
            return _decode(source, preprocess)
        except Unreadable as error:
            return error.reason

    with silence:
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
    with silence:
        image, where = opened(data)
        size = image.size
        pixels = _square(image, Preprocess(size=thumbnail, interpolation="bilinear"), where)
        width, height, extension = shown(image, size)
    return Probe(width, height, extension, pixels)


def luma(data: bytes, side: int = 224) -> Luma:
    """What one image file is, and its brightness: all of it decoded once (a JPEG at reduced scale and without its colours).

    The grey image has about `side * side` pixels, or its own number when that is smaller. Raises Unreadable with the reasons of `decode`.
    """
    from PIL import Image

    with silence:
        image, where = opened(data)
        size = image.size
        shrink = min(1.0, side / (size[0] * size[1]) ** 0.5)
        wanted = (max(1, round(size[0] * shrink)), max(1, round(size[1] * shrink)))
        try:
            plain = _swift_grey(data, wanted) if image.format == "JPEG" else None
            if plain is None:
                image.draft("L", wanted)
                image.load()
                plain = image if image.mode == "L" and "transparency" not in image.info else rgb(image).convert("L")
            grey = plain if plain.size == wanted else plain.resize(wanted, Image.Resampling.BILINEAR)
            width, height, extension = shown(image, size)
            turn = TURNS.get(image.getexif().get(ORIENTATION, 1))
        except BROKEN as error:
            raise broken(where, error) from error
    return Luma(width, height, extension, grey if turn is None else grey.transpose(Image.Transpose[turn]))


def _swift_grey(data: bytes, wanted: tuple[int, int]) -> Image.Image | None:
    """The brightness of a JPEG file at no less than the size `wanted`, a quarter sooner than by Pillow; None when there is anything odd about the file."""
    from PIL import Image
    from simplejpeg import decode_jpeg

    try:
        # Strict: what libjpeg would only warn of, Pillow is to judge.
        grey = decode_jpeg(data, "GRAY", True, True, wanted[1], wanted[0], 1, None, True)
    except ValueError:
        return None
    return Image.fromarray(grey[:, :, 0])


def decode_ahead(parts: Sequence[Sequence[bytes | str | Path]], preprocess: Preprocess) -> Iterator[Decoded]:
    """Each batch of `parts` decoded, the next one while this one is used."""
    with ThreadPoolExecutor(1, "merian-decode") as pool:
        coming = pool.submit(decode_many, parts[0], preprocess) if parts else None
        for at in range(len(parts)):
            assert coming is not None
            here = coming.result()
            coming = pool.submit(decode_many, parts[at + 1], preprocess) if at + 1 < len(parts) else None
            yield here


def fitted(image: Image.Image, preprocess: Preprocess) -> Pixels:
    """The pixels `[s, s, 3]` of an image of Pillow; raises Unreadable when its file breaks off."""
    with silence:
        return _square(image, preprocess, "image")


def _decode(source: bytes | str | Path, preprocess: Preprocess) -> Pixels:
    image, where = opened(source)
    return _square(image, preprocess, where)


def _square(image: Image.Image, preprocess: Preprocess, where: object) -> Pixels:
    """The decoded image on its square `[s, s, 3]`; raises Unreadable when the file breaks off or makes no sense."""
    from PIL import Image, ImageOps

    size = preprocess.size
    resample = Image.Resampling.BICUBIC if preprocess.interpolation == "bicubic" else Image.Resampling.BILINEAR
    try:
        image.draft("RGB", (REDUCE * size, REDUCE * size))
        image.load()
        turned = ImageOps.exif_transpose(image)
        plain = rgb(turned if turned is not None else image)
        if preprocess.mode == "shortest":
            return np.array(_centre(plain, size, resample), np.uint8)
        return np.array(plain.resize((size, size), resample), np.uint8)
    except BROKEN as error:
        raise broken(where, error) from error


def _centre(image: Image.Image, size: int, resample: Image.Resampling) -> Image.Image:
    """The image with its short side scaled to `size` and its centre cut, on the same whole pixels of the scaled image as torchvision does."""
    short = min(image.size)
    wide, high = (int(size * side / short) for side in image.size)
    left, top = (round((side - size) / 2.0) for side in (wide, high))
    if short <= size:
        return image.resize((wide, high), resample).crop((left, top, left + size, top + size))
    # only what is kept is scaled: the same positions, to a level in a hundred pixels
    across, down = image.width / wide, image.height / high
    box = (left * across, top * down, (left + size) * across, (top + size) * down)
    return image.resize((size, size), resample, box=box)


def _three(value: object, default: tuple[float, float, float]) -> tuple[float, float, float]:
    if value is None:
        return default
    if not isinstance(value, list | tuple) or len(value) != 3:
        raise BadData("preprocess_cfg", f"mean and std need three numbers, not {value!r}")
    first, second, third = (float(v) for v in value)
    return first, second, third
