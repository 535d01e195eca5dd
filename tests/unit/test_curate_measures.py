"""What one look at an image tells: size, contrast, sharpness, fingerprint, and whether it is a copy of another."""

from __future__ import annotations

import io

import numpy as np
import pytest
from photos import KEPT, REASONS, encoded, every_photo
from PIL import Image, ImageFilter

from merian.curate.alignment import agreement, differences, likely_copies, sketch_vectors
from merian.curate.measures import SKETCH, Measures, dct, fingerprints, measure, sharpness
from merian.drawn.faults import blank_frame, near_duplicate
from merian.encode.pixels import Unreadable


def scene(seed: int, side: int = 192) -> np.ndarray:
    """A picture [side, side, 3] of many sharp discs before a soft background, unlike that of any other seed."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:side, :side] / side
    image = np.zeros((side, side, 3))
    for k in range(3):
        image[..., k] = 120 + 60 * np.sin(rng.uniform(1, 5) * x + rng.uniform(1, 5) * y + rng.uniform(0, 6))
    for _ in range(25):
        a, b, r = rng.uniform(0, 1), rng.uniform(0, 1), rng.uniform(0.02, 0.12)
        image[(x - a) ** 2 + (y - b) ** 2 < r**2] = rng.uniform(0, 255, 3)
    return np.clip(image, 0, 255).astype(np.uint8)


def jpeg(pixels: np.ndarray, quality: int = 88) -> bytes:
    return encoded(Image.fromarray(pixels), "JPEG", quality=quality)


def bits_apart(a: Measures, b: Measures) -> int:
    return (int.from_bytes(a.fingerprint) ^ int.from_bytes(b.fingerprint)).bit_count()


def sketches(*found: Measures) -> np.ndarray:
    return np.stack([np.frombuffer(m.sketch, np.uint8).reshape(SKETCH, SKETCH) for m in found])


def test_every_kind_of_file_is_measured_or_refused() -> None:
    for name, data in every_photo().items():
        if name in KEPT:
            seen = measure(data)
            assert (seen.width, seen.height) == KEPT[name]
            assert seen.contrast > 3
            assert len(seen.fingerprint) == 32
            assert len(seen.sketch) == SKETCH * SKETCH
        elif REASONS[name] in ("blank", "duplicate bytes"):
            assert (measure(data).contrast < 3) == (REASONS[name] == "blank")
        else:
            with pytest.raises(Unreadable) as refused:
                measure(data)
            assert refused.value.reason == REASONS[name]


def test_damage_anywhere_in_the_scan_is_found() -> None:
    data = jpeg(scene(0, 400))
    for share in (0.3, 0.6, 0.9):
        with pytest.raises(Unreadable) as refused:
            measure(data[: int(share * len(data))])
        assert refused.value.reason == "truncated image"


@pytest.mark.parametrize("turn", range(1, 9))
def test_a_rotation_in_the_exif_is_applied(turn: int) -> None:
    image = Image.fromarray(scene(1)[:, :144])
    back = {2: 0, 3: 3, 4: 1, 5: 5, 6: 2, 7: 6, 8: 4}  # Pillow's transpositions that undo the viewer's
    stored = image if turn == 1 else image.transpose(Image.Transpose(back[turn]))
    exif = Image.Exif()
    exif[0x0112] = turn
    plain, turned = measure(encoded(image, "PNG")), measure(encoded(stored, "PNG", exif=exif))
    assert (turned.width, turned.height) == (144, 192)
    assert bits_apart(plain, turned) <= 8


def test_jpeg_of_all_colour_models_looks_the_same() -> None:
    image = Image.fromarray(scene(2))
    grey, cmyk, colour = (measure(encoded(image.convert(mode), "JPEG")) for mode in ("L", "CMYK", "RGB"))
    for other in (grey, cmyk):
        assert bits_apart(colour, other) <= 12
        assert other.contrast == pytest.approx(colour.contrast, rel=0.05)


def test_sharpness_falls_with_every_kind_of_blur_and_not_with_size() -> None:
    image = Image.fromarray(scene(3, 600))
    sharp = measure(encoded(image, "JPEG")).sharpness
    assert sharp > 0.4
    small = measure(encoded(image.resize((96, 96)), "JPEG")).sharpness
    assert small > 0.4
    last = sharp
    for radius in (4, 8, 16):
        blurred = measure(encoded(image.filter(ImageFilter.GaussianBlur(radius)), "JPEG")).sharpness
        assert blurred < last
        last = blurred
    assert last < 0.15
    smeared = np.asarray(image, np.float32)
    smeared = np.mean([np.roll(smeared, k, 1) for k in range(60)], 0).astype(np.uint8)
    assert measure(jpeg(smeared)).sharpness < 0.25


def test_noise_and_a_printed_date_do_not_make_a_blurred_image_sharp() -> None:
    rng = np.random.default_rng(0)
    image = np.asarray(Image.fromarray(scene(4, 224)).convert("L").filter(ImageFilter.GaussianBlur(5)), np.float32)
    noisy = image + 5 * rng.standard_normal(image.shape)
    dated = image.copy()
    dated[-16:] = rng.choice([0, 255], (16, 1)) * np.ones((1, 224))
    for worse in (noisy, dated):
        assert sharpness(worse.astype(np.float32)) < 0.2
    assert sharpness(np.asarray(Image.fromarray(scene(4, 224)).convert("L"), np.float32)) > 0.4
    assert sharpness(np.zeros((224, 224), np.float32)) == 0
    assert sharpness(np.zeros((4, 4), np.float32)) == 0


def test_fingerprints_are_balanced_and_stable() -> None:
    found = [measure(jpeg(scene(k))) for k in range(12)]
    assert all(abs(int.from_bytes(m.fingerprint).bit_count() - 128) <= 1 for m in found)
    for k, one in enumerate(found):
        again = measure(encoded(Image.fromarray(scene(k)).resize((300, 300)), "JPEG", quality=60))
        assert bits_apart(one, again) <= 24
        assert all(bits_apart(one, other) > 60 for other in found[:k])


def test_the_cosine_transform_is_orthonormal() -> None:
    images = np.random.default_rng(0).integers(0, 256, (3, 64, 64)).astype(np.uint8)
    whole = dct(images, 64)
    assert np.allclose((whole**2).sum((1, 2)), (images.astype(float) ** 2).sum((1, 2)), rtol=1e-4)
    assert np.allclose(dct(images, 9), whole[:, :9, :9], atol=1e-2)
    assert fingerprints(images).shape == (3, 4)
    assert np.allclose(np.linalg.norm(sketch_vectors(images), axis=1), 1, atol=1e-5)


def near_copies(sketched: np.ndarray) -> np.ndarray:
    """Pairs that differ by at most 4 grey levels."""
    pairs = likely_copies(sketched, 31)
    return pairs[differences(sketched, pairs) <= 4]


def test_a_turned_and_cropped_export_is_a_copy_and_another_frame_is_not() -> None:
    rng = np.random.default_rng(0)
    originals = [measure(jpeg(scene(k))) for k in range(30)]
    copies = [measure(jpeg(near_duplicate(scene(k), rng), 70)) for k in range(30)]
    pairs = near_copies(sketches(*originals, *copies))
    found = set(map(tuple, pairs.tolist()))
    assert found <= {(k, 30 + k) for k in range(30)}
    assert len(found) >= 27
    # The same place a moment later: the animal has moved.
    frames = []
    for shift in (0, 18):
        frame = scene(99)
        frame[80:110, 60 + shift : 100 + shift] = (30, 20, 10)
        frames.append(measure(jpeg(frame)))
    seen = agreement(sketches(frames[0]), sketches(frames[1]))
    assert seen.difference[0] > 8
    assert len(near_copies(sketches(*frames))) == 0


def test_blank_frames_are_no_copies_of_each_other() -> None:
    frames = [measure(jpeg(blank_frame(96, np.random.default_rng(k)))) for k in range(6)]
    assert len(near_copies(sketches(*frames))) == 0
    assert likely_copies(sketches(frames[0]), 31).shape == (0, 2)


def test_an_animation_and_a_picture_with_alpha_are_read() -> None:
    image = Image.fromarray(scene(5)).convert("RGBA")
    image.putalpha(Image.new("L", image.size, 255))
    stream = io.BytesIO()
    image.save(stream, "WEBP", lossless=True)
    assert bits_apart(measure(stream.getvalue()), measure(encoded(Image.fromarray(scene(5)), "PNG"))) <= 4
