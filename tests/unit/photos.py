"""A folder with every kind of bad photo, and good ones to keep them company."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from PIL import Image

BIRD = "Pica pica"
REASONS = {
    "truncated.jpg": "truncated image",
    "zero.jpg": "empty file",
    "one.png": "too small",
    "huge.png": "too many pixels",
    "text.jpg": "not an image",
    "blank.png": "blank",
    "twin.png": "duplicate bytes",
}
"""What must be refused, and why."""
KEPT = {
    "good.jpg": (64, 48),
    "good.png": (64, 48),
    "cmyk.jpg": (64, 48),
    "sixteen.png": (64, 48),
    "animated.gif": (64, 48),
    "turned.jpg": (48, 64),
}
"""What is odd but good: name -> (width, height) as shown."""


def noise(seed: int, width: int = 64, height: int = 48) -> Image.Image:
    """A colourful picture that no other seed gives, with edges as sharp as its pixels."""
    coarse = np.random.default_rng(seed).integers(0, 255, (6, 8, 3), np.uint8)
    return Image.fromarray(coarse).resize((width, height), Image.Resampling.NEAREST)


def encoded(image: Image.Image, kind: str, **options: object) -> bytes:
    """The bytes of an image file."""
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def every_photo() -> Mapping[str, bytes]:
    """File name -> bytes of the photos in REASONS and KEPT."""
    deep = (np.asarray(noise(4).convert("L"), np.uint16) << 8).astype(np.uint16)
    turned = Image.Exif()
    turned[0x0112] = 6
    good = encoded(noise(0), "PNG")
    return {
        "good.png": good,
        "twin.png": good,
        "good.jpg": encoded(noise(1), "JPEG"),
        "truncated.jpg": encoded(noise(2, 256, 256), "JPEG")[:2000],
        "zero.jpg": b"",
        "cmyk.jpg": encoded(noise(3).convert("CMYK"), "JPEG"),
        "sixteen.png": encoded(Image.fromarray(deep), "PNG"),
        "animated.gif": encoded(noise(5), "GIF", save_all=True, append_images=[noise(6)]),
        "turned.jpg": encoded(noise(7), "JPEG", exif=turned),
        "one.png": encoded(Image.new("RGB", (1, 1)), "PNG"),
        "huge.png": encoded(Image.new("1", (10_000, 10_000)), "PNG"),
        "text.jpg": b"Dear curator, this is no photo.",
        "blank.png": encoded(Image.new("RGB", (64, 48), "grey"), "PNG"),
    }


def bad_folder(folder: Path) -> Path:
    """`folder` with all of these below a folder of a species' name."""
    (folder / BIRD).mkdir(parents=True)
    for name, data in every_photo().items():
        (folder / BIRD / name).write_bytes(data)
    return folder


def good_folder(folder: Path, species: int = 3, each: int = 4) -> Path:
    """`folder` with a few good photos of a few species, a folder each."""
    for k in range(species * each):
        place = folder / f"Pica {'abcdefgh'[k // each]}ensis"
        place.mkdir(parents=True, exist_ok=True)
        noise(100 + k).save(place / f"{k}.png")
    return folder
