"""A 12-megapixel JPEG to the encoder's square, one core: Merian's one preprocessing beside Pillow's full decode and bicubic resize."""

from __future__ import annotations

import io
import statistics
import time

import numpy as np
from PIL import Image

from merian.encode import Preprocess, decode

SIZE, ROUNDS = 224, 9


def photo() -> bytes:
    """A 4000 x 3000 JPEG with detail at all scales (smoothed noise, summed over octaves)."""
    rng = np.random.default_rng(0)
    image = np.zeros((3000, 4000, 3), np.float32)
    for octave in (6, 25, 100, 400):
        noise = Image.fromarray(rng.integers(0, 256, (3 * octave, 4 * octave, 3), np.uint8))
        image += np.asarray(noise.resize((4000, 3000), Image.Resampling.BICUBIC), np.float32) / 4
    stream = io.BytesIO()
    Image.fromarray(image.astype(np.uint8)).save(stream, "JPEG", quality=90)
    return stream.getvalue()


def pillow(data: bytes) -> np.ndarray:
    """The whole image decoded, then resized: what open_clip's transform does before the crop."""
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB").resize((SIZE, SIZE), Image.Resampling.BICUBIC))


def main() -> None:
    data, look = photo(), Preprocess(size=SIZE)
    times: dict[str, list[float]] = {"pillow": [], "merian": []}
    for _ in range(ROUNDS):
        for name, run in (("pillow", pillow), ("merian", lambda d: decode(d, look))):
            start = time.perf_counter()
            run(data)
            times[name].append(1000 * (time.perf_counter() - start))
    ours, theirs = (statistics.median(times[name]) for name in ("merian", "pillow"))
    error = np.mean((decode(data, look).astype(float) - pillow(data).astype(float)) ** 2)
    decibel = 10 * np.log10(255**2 / error) if error else np.inf
    print(
        f"12 megapixels to {SIZE} px: merian {ours:.1f} ms, Pillow in full {theirs:.1f} ms, ratio {theirs / ours:.1f}"
    )
    print(f"PSNR to the full decode: {decibel:.1f} dB")


if __name__ == "__main__":
    main()
