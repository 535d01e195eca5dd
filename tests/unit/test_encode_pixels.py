"""The one preprocessing: right on good files, and a reason for every bad one."""

from __future__ import annotations

import io
import os
import struct
import warnings
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from merian.core.errors import BadData
from merian.encode import Preprocess, Unreadable, decode, decode_many
from merian.encode.pixels import probe

SMALL = Preprocess(size=16, mode="squash", interpolation="bilinear")


def encoded(image: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def halves(width: int = 64, height: int = 64) -> Image.Image:
    """Red on the left, blue on the right."""
    pixels = np.zeros((height, width, 3), np.uint8)
    pixels[:, : width // 2, 0] = 255
    pixels[:, width // 2 :, 2] = 255
    return Image.fromarray(pixels)


def png_header(width: int, height: int) -> bytes:
    """A PNG that promises `width` x `height` pixels and holds none."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


def test_squash_keeps_both_sides_and_shortest_keeps_the_centre() -> None:
    wide = encoded(halves(128, 32))
    squashed = decode(wide, SMALL)
    assert squashed.shape == (16, 16, 3)
    assert squashed.dtype == np.uint8
    assert tuple(squashed[8, 0]) == (255, 0, 0)
    assert tuple(squashed[8, 15]) == (0, 0, 255)
    thirds = np.zeros((32, 96, 3), np.uint8)
    thirds[:, 32:64, 1] = 255
    cut = decode(encoded(Image.fromarray(thirds)), Preprocess(size=16, mode="shortest", interpolation="bilinear"))
    assert (cut[:, 2:-2, 1] == 255).all()


@pytest.mark.parametrize("interpolation", ["bicubic", "bilinear"])
@pytest.mark.parametrize("size", [(100, 60), (301, 640), (1000, 999), (225, 224), (97, 333), (224, 224)])
@pytest.mark.parametrize("mode", ["squash", "shortest"])
def test_pixels_are_torchvisions(mode: str, size: tuple[int, int], interpolation: str) -> None:
    """Squashed and enlarged to the last level, and cut within one level in a hundred pixels."""
    transforms = pytest.importorskip("torchvision.transforms")
    image = Image.fromarray(np.random.default_rng(0).integers(0, 256, (*size[::-1], 3), np.uint8))
    how = transforms.InterpolationMode(interpolation)
    steps = (
        [transforms.Resize((224, 224), how)]
        if mode == "squash"
        else [transforms.Resize(224, how), transforms.CenterCrop(224)]
    )
    theirs = np.asarray(transforms.Compose(steps)(image)).astype(int)
    look = Preprocess(size=224, mode=mode, interpolation=interpolation)  # type: ignore[arg-type]
    off = np.abs(decode(encoded(image), look).astype(int) - theirs)
    if mode == "squash" or min(size) <= 224:
        assert off.max() == 0
    assert off.max() <= 1
    assert (off > 0).mean() < 0.01


def test_reduced_decoding_of_a_jpeg_stays_close() -> None:
    y, x = np.mgrid[0:1200, 0:1600]
    picture = np.stack([127 + 120 * np.sin(x / 60), 127 + 120 * np.cos(y / 45), (x + y) / 11], axis=-1)
    image = Image.fromarray(picture.clip(0, 255).astype(np.uint8))
    data = encoded(image, "JPEG", quality=95)
    look = Preprocess(size=64)
    full = Image.open(io.BytesIO(data)).convert("RGB").resize((64, 64), Image.Resampling.BICUBIC)
    off = decode(data, look).astype(float) - np.asarray(full).astype(float)
    assert 10 * np.log10(255**2 / (off**2).mean()) > 40


def test_exif_rotation_is_applied() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # shown turned by 90 degrees clockwise: left becomes top
    data = encoded(halves(64, 32), "JPEG", quality=95, exif=exif)
    turned = decode(data, SMALL)
    assert turned[1, 8, 0] > 200 > turned[1, 8, 2]
    assert turned[-2, 8, 2] > 200 > turned[-2, 8, 0]
    seen = probe(data)
    assert (seen.width, seen.height, seen.extension) == (32, 64, "jpg")


@pytest.mark.parametrize(("mode", "kind"), [("CMYK", "JPEG"), ("L", "PNG"), ("P", "GIF"), ("YCbCr", "TIFF")])
def test_colour_modes(mode: str, kind: str) -> None:
    image = Image.new("RGB", (20, 20), (204, 204, 204)).convert(mode)
    pixels = decode(encoded(image, kind), SMALL)
    assert pixels.shape == (16, 16, 3)
    assert np.abs(pixels.astype(int) - 204).max() <= 3


def test_one_bit() -> None:
    assert (decode(encoded(Image.new("1", (20, 20), 1)), SMALL) == 255).all()


@pytest.mark.parametrize("value", [0, 25_700, 65_535])
def test_sixteen_bits_are_scaled_not_cut(value: int) -> None:
    data = encoded(Image.fromarray(np.full((8, 8), value, np.uint16)))
    assert (decode(data, SMALL) == round(value / 257)).all()
    tiff = encoded(Image.fromarray(np.full((8, 8), value, np.uint16)), "TIFF")
    assert (decode(tiff, SMALL) == round(value / 257)).all()


def test_alpha_lies_on_white() -> None:
    clear = encoded(Image.new("RGBA", (8, 8), (0, 0, 0, 0)))
    assert (decode(clear, SMALL) == 255).all()
    half = decode(encoded(Image.new("LA", (8, 8), (0, 128))), SMALL)
    assert ((half >= 126) & (half <= 128)).all()
    palette = Image.new("P", (8, 8), 0)
    palette.putpalette([0, 0, 0] * 256)
    assert (decode(encoded(palette, transparency=bytes([0] * 256)), SMALL) == 255).all()


@pytest.mark.parametrize("kind", ["GIF", "PNG", "WEBP"])
def test_first_frame_of_an_animation(kind: str) -> None:
    frames = [Image.new("RGB", (8, 8), colour) for colour in ((255, 0, 0), (0, 0, 255))]
    options = {"lossless": True} if kind == "WEBP" else {}
    data = encoded(frames[0], kind, save_all=True, append_images=frames[1:], duration=50, **options)
    assert tuple(decode(data, SMALL)[4, 4]) == (255, 0, 0)


@pytest.mark.parametrize("size", [(1, 1), (3, 200), (20_000, 1)])
def test_a_few_pixels_are_no_photo(size: tuple[int, int]) -> None:
    with pytest.raises(Unreadable, match="too small"):
        decode(encoded(Image.new("RGB", size, (9, 8, 7))), SMALL)


def test_extreme_shapes() -> None:
    for mode in ("squash", "shortest"):
        long = encoded(Image.new("RGB", (20_000, 4), (1, 2, 3)))
        assert (decode(long, Preprocess(size=16, mode=mode)) == (1, 2, 3)).all()  # type: ignore[arg-type]


def test_a_hundred_megapixels_as_jpeg_are_decoded_small() -> None:
    data = encoded(Image.new("L", (10_000, 10_000), 77), "JPEG", quality=30)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert (decode(data, SMALL) == 77).all()


JPEG = encoded(Image.fromarray(np.random.default_rng(1).integers(0, 256, (64, 64, 3), np.uint8)), "JPEG")
PNG = encoded(Image.fromarray(np.random.default_rng(1).integers(0, 256, (64, 64, 3), np.uint8)))
BAD = {
    "empty file": b"",
    "not an image": b"Family,Genus\nFelidae,Lynx\n",
    "too many pixels": png_header(10_000, 10_000),
}


@pytest.mark.parametrize("reason", BAD)
def test_a_bad_file_has_its_reason(reason: str) -> None:
    with pytest.raises(Unreadable) as caught:
        decode(BAD[reason], SMALL)
    assert caught.value.reason == reason


@pytest.mark.parametrize("data", [JPEG[: len(JPEG) // 2], PNG[: len(PNG) // 2]], ids=["jpeg", "png"])
def test_a_truncated_file_has_its_reason(data: bytes) -> None:
    for look in (decode, lambda d, _: probe(d)):
        with pytest.raises(Unreadable, match="truncated image"):
            look(data, SMALL)


def test_paths_have_their_reasons(tmp_path: Path) -> None:
    (tmp_path / "good.png").write_bytes(PNG)
    assert np.array_equal(decode(tmp_path / "good.png", SMALL), decode(PNG, SMALL))
    with pytest.raises(Unreadable, match="not found"):
        decode(tmp_path / "absent.jpg", SMALL)
    with pytest.raises(Unreadable, match="not a file"):
        decode(Path(os.devnull), SMALL)
    with pytest.raises(Unreadable, match="a folder"):
        decode(str(tmp_path), SMALL)
    with pytest.raises(Unreadable, match="not found"):
        decode("null\0byte", SMALL)


@pytest.mark.parametrize("original", [JPEG, PNG], ids=["jpeg", "png"])
def test_any_damage_is_decoded_or_has_a_reason(original: bytes) -> None:
    rng = np.random.default_rng(5)
    reasons = set()
    for _ in range(300):
        data = bytearray(original)
        for at in rng.integers(0, len(data), rng.integers(1, 12)):
            data[at] = rng.integers(256)
        try:
            assert decode(bytes(data[: rng.integers(1, len(data) + 1)]), SMALL).shape == (16, 16, 3)
        except Unreadable as error:
            reasons.add(error.reason)
    assert reasons
    assert reasons <= {"not an image", "truncated image", "damaged image", "too many pixels"}


@pytest.mark.parametrize("threads", [1, 3])
def test_many_keep_their_rows(threads: int) -> None:
    sources = [PNG, b"", JPEG, b"nothing", PNG]
    found = decode_many(sources, SMALL, threads)
    assert found.rows.tolist() == [0, 2, 4]
    assert found.reasons == {1: "empty file", 3: "not an image"}
    assert np.array_equal(found.pixels[1], decode(JPEG, SMALL))
    assert decode_many([], SMALL).pixels.shape == (0, 16, 16, 3)


def test_decoding_leaves_the_warning_filters_alone() -> None:
    before = list(warnings.filters)
    decode_many([PNG, b"", JPEG] * 10, SMALL, threads=4)
    assert warnings.filters == before


def test_configuration_round_trip() -> None:
    look = Preprocess(size=96, mode="shortest", interpolation="bilinear", mean=(0.1, 0.2, 0.3), std=(1.0, 2.0, 3.0))
    assert Preprocess.from_config(look.as_config(), 96) == look
    assert Preprocess.from_config({}, 224) == Preprocess(mode="shortest")
    with pytest.raises(BadData, match="longest"):
        Preprocess.from_config({"resize_mode": "longest"}, 224)
    with pytest.raises(BadData, match="three numbers"):
        Preprocess.from_config({"mean": [0.5]}, 224)


def test_probe() -> None:
    seen = probe(PNG)
    assert (seen.width, seen.height, seen.extension, seen.thumbnail.shape) == (64, 64, "png", (32, 32, 3))
    with pytest.raises(Unreadable, match="empty file"):
        probe(b"")
