"""People are averaged away, with the metadata; crops hold the box and nothing else."""

from __future__ import annotations

import io

import numpy as np
import pytest
from photos import encoded, noise
from PIL import Image

from merian.curate.crops import crop, pixels_of
from merian.curate.privacy import CELLS, blur_people
from merian.encode.pixels import Unreadable


def checks(side: int = 240) -> Image.Image:
    """A chessboard of squares of four pixels, in two colours."""
    y, x = np.mgrid[:side, :side] // 4
    return Image.fromarray(np.where(((x + y) % 2)[..., None], (250, 240, 10), (0, 20, 120)).astype(np.uint8))


def pixels(data: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"), np.float32)


def secret() -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112], exif[0x010F] = 6, "Canon of Ann"
    exif.get_ifd(0x8825)[2] = (47.0, 33.0, 21.0)
    return exif


def test_nothing_is_left_of_a_person_and_the_rest_stays() -> None:
    image = checks()
    before = np.asarray(image, np.float32)
    after = pixels(blur_people(encoded(image, "PNG"), [[0.25, 0.25, 0.5, 0.5]]))
    inside, outside = after[60:180, 60:180], after[:40]
    assert inside.std((0, 1)).max() < 8
    assert np.abs(inside.mean((0, 1)) - before.mean((0, 1))).max() < 6
    assert np.abs(outside - before[:40]).mean() < 6
    assert outside.std() > 80


def test_what_was_in_the_box_cannot_be_told_from_another_of_the_same_means() -> None:
    rng = np.random.default_rng(0)
    side = 20 * CELLS
    coarse = rng.integers(60, 190, (CELLS, CELLS, 3))
    flat = np.kron(coarse, np.ones((20, 20, 1))).astype(np.int16)
    swing = rng.integers(0, 50, (side, side // 2, 3))
    # Each pixel goes up by what its neighbour goes down: every square keeps its mean.
    busy = flat + np.stack([swing, -swing], 2).reshape(side, side, 3)
    frames = []
    for content in (flat, busy):
        image = Image.fromarray(np.clip(content, 0, 255).astype(np.uint8))
        frames.append(pixels(blur_people(encoded(image, "PNG"), [[0, 0, 1, 1]])))
    assert np.abs(frames[0] - frames[1]).max() <= 4


def test_metadata_are_gone_and_the_rotation_is_applied() -> None:
    data = encoded(noise(0, 200, 100), "JPEG", exif=secret(), comment=b"taken by Ann")
    for out in (blur_people(data, [[0, 0, 0.2, 0.2]]), crop(data, (0, 0, 1, 1))):
        assert b"Ann" not in out
        image = Image.open(io.BytesIO(out))
        assert image.size == (100, 200)
        assert len(image.getexif()) == 0
        assert image.format == "JPEG"


def test_a_crop_is_the_part_of_the_upright_image() -> None:
    image = Image.new("RGB", (80, 40), "white")
    image.paste("red", (40, 20, 80, 40))
    assert pixels(crop(encoded(image, "PNG"), (0.5, 0.5, 0.5, 0.5))).shape == (20, 40, 3)
    assert np.abs(pixels(crop(encoded(image, "PNG"), (0.5, 0.5, 0.5, 0.5))) - (255, 0, 0)).max() < 6
    with pytest.raises(Unreadable, match="too small"):
        crop(encoded(image, "PNG"), (0.5, 0.5, 0.01, 0.01))
    with pytest.raises(Unreadable, match="truncated"):
        crop(encoded(noise(1, 300, 300), "JPEG")[:3000], (0, 0, 1, 1))


def test_boxes_end_at_the_image() -> None:
    assert pixels_of((0.1, 0.1, 0.2, 0.2), (100, 50)) == (10, 5, 30, 15)
    assert pixels_of((0.9, 0.0, 0.2, 1.0), (100, 50), 0.5) == (80, 0, 100, 50)
    # A box outside the image blurs nothing and breaks nothing.
    out = pixels(blur_people(encoded(checks(), "PNG"), [[1.0, 1.0, 0.0, 0.0]]))
    assert out.std() > 80
