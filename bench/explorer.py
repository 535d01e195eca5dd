"""The explorer's map of a million points in Chromium: time to the first picture, and frame times while it is panned, beside the floor of drawing nothing.

The points are synthetic: clusters of all sizes, as layouts of photos have them, with a column of names and one of numbers. The server is the real one
on loopback, in this process; the browser is headless and draws in software (SwiftShader), so a frame that is late here need not be late on a machine
with a graphics card. Each frame moves the map by 60 px, as Shift with an arrow key does, there and back; the floor is the same loop on the same page
without the key. Of each zoom the number of points that were drawn is told: the sieve leaves out those that would lie on others.

    .venv/bin/python bench/explorer.py [--points 1000000] [--frames 120] [--chromium /usr/bin/chromium] [--quick]
"""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import uvicorn

from merian.core.chance import stream
from merian.core.tree import Tree
from merian.encode import open_encoder
from merian.identify import Head, Identifier
from merian.web.app import serve
from merian.web.explorer.sieve import order

CLUSTERS = 400
PAN = """([frames, key]) => new Promise((done) => {
  const map = document.querySelector("#map .over");
  const times = [];
  let last = 0;
  const step = (now) => {
    if (last) times.push(now - last);
    last = now;
    if (times.length === frames) return done(times);
    const way = times.length % 40 < 20 ? "ArrowLeft" : "ArrowRight";
    if (key) map.dispatchEvent(new KeyboardEvent("keydown", { key: way, shiftKey: true, bubbles: true, cancelable: true }));
    requestAnimationFrame(step);
  };
  requestAnimationFrame(step);
})"""
ZOOMS = (0, 4, 9)
"""Presses of the plus key before a pan: 1, 3.8 and 20 times."""


def synthetic(points: int) -> pl.DataFrame:
    """A layout of so many points in clusters whose sizes fall as one over their rank."""
    rng = stream(0, "bench", "explorer")
    share = 1 / np.arange(1, CLUSTERS + 1)
    of = rng.choice(CLUSTERS, points, p=share / share.sum())
    middle, wide = rng.uniform(-1, 1, (CLUSTERS, 2)), rng.uniform(0.01, 0.08, CLUSTERS)
    middle[0], wide[0] = 0, 0.15  # so that there is something in the middle, where the pans zoom in
    # cut off evenly, or the page would centre the map on other than the middle
    at = np.clip(middle[of] + rng.normal(size=(points, 2)) * wide[of, None], -1.3, 1.3)
    ids = np.char.add("p", np.arange(points).astype(str))
    names = np.char.add("cluster ", of.astype(str))
    return pl.DataFrame({"id": ids, "x": at[:, 0], "y": at[:, 1], "cluster": names, "depth": at[:, 0] ** 2})


def main() -> int:
    """Print what was measured."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--points", type=int, default=1_000_000)
    parser.add_argument("--frames", type=int, default=120)
    parser.add_argument("--chromium", type=Path, default=Path("/usr/bin/chromium"))
    parser.add_argument("--quick", action="store_true", help="100,000 points and 20 frames: that it works")
    asked = parser.parse_args()
    if asked.quick:
        asked.points, asked.frames = 100_000, 20
    table = synthetic(asked.points)
    begun = time.perf_counter()
    _, ends = order(table.select("x", "y").to_numpy() / 1.3)
    print(f"{asked.points:,} points; {os.cpu_count()} CPUs; sieved in {time.perf_counter() - begun:.1f} s")
    print(f"points up to each level: {', '.join(f'{end:,}' for end in ends)}")
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "exploration").mkdir()
        table.write_parquet(Path(folder) / "exploration" / "layout.parquet")
        encoder = open_encoder("toy")
        tree = Tree.from_lineages(pl.DataFrame({"species": ["Pica pica", "Rosa canina"]}))
        identifier = Identifier(encoder, Head.build(encoder, tree))
        told, where = threading.Event(), list[str]()
        options: dict[str, Any] = {"port": 0, "identifier": identifier}
        options["ready"] = lambda address: (where.append(address), told.set())
        uvicorn.Server.capture_signals = contextlib.nullcontext
        threading.Thread(target=serve, args=(Path(folder),), kwargs=options, daemon=True).start()
        told.wait(60)
        browse(where[0], asked)
    return 0


def browse(address: str, asked: argparse.Namespace) -> None:
    """First picture of a server that has just started and of one that has the map ready; then the pans."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as running:
        chromium = running.chromium.launch(executable_path=str(asked.chromium), args=["--no-sandbox", "--disable-gpu"])
        for what in ("the first after the start of the server", "a new profile later"):
            page = chromium.new_context(viewport={"width": 1280, "height": 800}, reduced_motion="reduce").new_page()
            page.set_default_timeout(300_000)
            begun = time.perf_counter()
            page.goto(f"{address}explorer")
            page.wait_for_selector("#map[data-drawn]")
            page.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
            print(f"first picture, {what}: {time.perf_counter() - begun:.2f} s")
        sent = "() => performance.getEntriesByType('resource').reduce((all, one) => all + one.transferSize, 0)"
        print(f"sent to the page: {page.evaluate(sent) / 1e6:.1f} MB")
        print(f"floor, nothing moved: {quantiles(page.evaluate(PAN, [asked.frames, False]))}")
        page.focus("#map .over")
        pressed = 0
        for zoom in ZOOMS:
            for _ in range(zoom - pressed):
                page.keyboard.press("+")
            pressed = zoom
            page.wait_for_timeout(1500)
            times = page.evaluate(PAN, [asked.frames, True])
            drawn = int(page.get_attribute("#map", "data-drawn"))
            print(f"panned at {1.4**zoom:.1f} times, {drawn:,} points made ready: {quantiles(times)}")
        chromium.close()


def quantiles(times: list[float]) -> str:
    """Median, 95th percentile and largest of frame times."""
    q = np.quantile(times, [0.5, 0.95, 1.0])
    return f"median {q[0]:.1f} ms a frame ({1000 / q[0]:.0f} a second), p95 {q[1]:.1f}, most {q[2]:.1f}"


if __name__ == "__main__":
    sys.exit(main())
