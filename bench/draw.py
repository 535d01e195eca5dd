"""Drawing at 96 px on one core: images per second, beside the floor (encoding the finished pixels as JPEG) and the promise of 100."""

from __future__ import annotations

import statistics
import time

from merian.drawn.scene import encode_jpeg, render
from merian.drawn.shots import organism_of, plan_images, shot_of
from merian.drawn.world import DrawSettings, draw_tree

SIZE, IMAGES, ROUNDS = 96, 300, 5


def main() -> None:
    table = plan_images(draw_tree(DrawSettings(species=64, images=1_000)))
    rows = table.sample(IMAGES, seed=0).rows(named=True)
    jobs = [(shot_of(row), organism_of(row)) for row in rows]
    pixels = [render(shot, organism, SIZE) for shot, organism in jobs]
    drawn, floor = [], []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        for shot, organism in jobs:
            encode_jpeg(render(shot, organism, SIZE))
        drawn.append(IMAGES / (time.perf_counter() - start))
        start = time.perf_counter()
        for image in pixels:
            encode_jpeg(image)
        floor.append(IMAGES / (time.perf_counter() - start))
    rate, most = statistics.median(drawn), statistics.median(floor)
    print(f"draw + JPEG: {rate:.0f} images/s on one core ({rate / 100:.1f} x the promised 100)")
    print(f"JPEG alone:  {most:.0f} images/s; drawing takes {most / rate:.1f} x the time of that floor")


if __name__ == "__main__":
    main()
