"""Looking at one JPEG, in processor time of one core: decoding, SHA-256 and all measures of Merian beside the same with Pillow and imagehash."""

from __future__ import annotations

import hashlib
import io
import statistics
import time

import imagehash
import numpy as np
from PIL import Image, ImageFilter, ImageStat

from decode import photo
from merian.core.store import digest_bytes
from merian.curate.measures import measure

SIZES, ROUNDS = ((4000, 3000, 3), (816, 612, 30)), 7
"""Width, height and number of images of a round: each loop has a round to itself, as it would have the machine."""
LAPLACIAN = ImageFilter.Kernel((3, 3), (0, 1, 0, 1, -4, 1, 0, 1, 0), scale=1, offset=128)


def pillow(data: bytes) -> tuple[object, ...]:
    """Size, SHA-256, perceptual hash, contrast and the variance of the Laplacian, of the image decoded in full."""
    image = Image.open(io.BytesIO(data))
    image.load()
    grey = image.convert("L")
    spread = ImageStat.Stat(grey).stddev[0]
    edges = ImageStat.Stat(grey.filter(LAPLACIAN)).var[0]
    return image.size, hashlib.sha256(data).hexdigest(), imagehash.phash(image), spread, edges


def merian(data: bytes) -> tuple[object, ...]:
    """The hash of the bytes, and the measures."""
    return digest_bytes(data), measure(data)


def main() -> None:
    whole = Image.open(io.BytesIO(photo()))
    for *size, images in SIZES:
        stream = io.BytesIO()
        whole.resize((size[0], size[1]), Image.Resampling.BICUBIC).save(stream, "JPEG", quality=90)
        data, times = stream.getvalue(), {"pillow": list[float](), "merian": list[float]()}
        for _ in range(ROUNDS):
            for name, run in (("pillow", pillow), ("merian", merian)):
                start = time.process_time()
                for _ in range(images):
                    run(data)
                times[name].append(1000 * (time.process_time() - start) / images)
        ours, theirs = (statistics.median(times[name]) for name in ("merian", "pillow"))
        ratios = np.array(times["pillow"]) / np.array(times["merian"])
        print(
            f"{size[0] * size[1] / 1e6:.1f} megapixels, {len(data) / 1e6:.2f} MB: merian {ours:.2f} ms, Pillow + imagehash {theirs:.2f} ms, "
            f"ratio {theirs / ours:.1f} (rounds {ratios.min():.1f} to {ratios.max():.1f})"
        )


if __name__ == "__main__":
    main()
