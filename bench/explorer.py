"""The explorer's map of a million points in Chromium: first picture, bytes, memory, frames standing still, panned and zoomed, a loop around all of it.

The points are synthetic: clusters of all sizes, as layouts of photos have them, with a column of names and one of numbers. The server is the real one
on loopback, in this process; the browser is headless and draws in software (SwiftShader), so a frame that is late here need not be late on a machine
with a graphics card. So of each way of moving are told, beside the time between frames, the processor time of scripts in a frame, which a card would
not change, and that of the process that stands for the card, which it would; other load on the machine lengthens frames, not processor time. Pans move by
60 px a frame, as Shift with an arrow key does, there and back; zooms by a turn of the wheel. Each is done once more with all calls that draw switched off.
Of each zoom the points at rest and while moving are told: the sieve leaves out those that would lie on others, and where frames are late fewer are drawn
until the map rests.

    .venv/bin/python bench/explorer.py [--points 1000000] [--frames 128] [--chromium /usr/bin/chromium] [--quick]
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
HOOK = """
window.benchOff = false;
for (const kind of ["drawArrays", "drawElements", "drawArraysInstanced", "drawElementsInstanced"]) {
  const own = WebGL2RenderingContext.prototype[kind];
  WebGL2RenderingContext.prototype[kind] = function (...how) { if (!window.benchOff) own.apply(this, how); };
}"""
MOVE = """([frames, way]) => new Promise((done) => {
  const map = document.querySelector("#map .over");
  const box = map.getBoundingClientRect();
  const at = { bubbles: true, cancelable: true, clientX: box.left + box.width / 2, clientY: box.top + box.height / 2 };
  const times = [];
  let last = 0;
  const step = (now) => {
    if (last) times.push(now - last);
    last = now;
    if (times.length === frames) return done(times);
    const there = (times.length + 4) % 16 < 8;
    if (way === "panned") map.dispatchEvent(new KeyboardEvent("keydown", { ...at, key: there ? "ArrowLeft" : "ArrowRight", shiftKey: true }));
    if (way === "zoomed") map.dispatchEvent(new WheelEvent("wheel", { ...at, deltaY: there ? -40 : 40 }));
    requestAnimationFrame(step);
  };
  requestAnimationFrame(step);
})"""
ZOOMS = (0, 4, 9)
"""Presses of the plus key before a move: 1, 3.8 and 20 times."""
REST_MS = 1200


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
    parser.add_argument("--frames", type=int, default=128)
    parser.add_argument("--chromium", type=Path, default=Path("/usr/bin/chromium"))
    parser.add_argument("--quick", action="store_true", help="100,000 points and 20 frames: that it works")
    asked = parser.parse_args()
    if asked.quick:
        asked.points, asked.frames = 100_000, 32
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
    """First picture of a server that has just started and of one that has the map ready; then the moves, and a loop around all points."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as running:
        chromium = running.chromium.launch(executable_path=str(asked.chromium), args=["--no-sandbox", "--disable-gpu"])
        seen = Watch(chromium)
        print(f"memory of the browser with nothing open: {seen.memory()}")
        for what in ("the first after the start of the server", "a new profile later"):
            page = chromium.new_context(viewport={"width": 1280, "height": 800}, reduced_motion="reduce").new_page()
            page.add_init_script(HOOK)
            page.set_default_timeout(300_000)
            begun = time.perf_counter()
            page.goto(f"{address}explorer")
            page.wait_for_selector("#map[data-drawn]")
            page.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
            print(f"first picture, {what}: {time.perf_counter() - begun:.2f} s")
            if what.startswith("the first"):
                page.context.close()
        sent = "() => performance.getEntriesByType('resource').map((one) => [one.name, one.transferSize])"
        bytes_of = {name: size for name, size in page.evaluate(sent) if "/api/explorer" in name or name.endswith(".js")}
        map_mb = sum(size for name, size in bytes_of.items() if "/api/" in name) / 1e6
        print(
            f"sent to the page: {map_mb:.1f} MB of the map, {sum(bytes_of.values()) / 1e6 - map_mb:.1f} MB of scripts as they are"
        )
        print(f"memory with the map open: {seen.memory()}")
        page.focus("#map .over")
        for zoom in ZOOMS:
            moved(page, seen, zoom, asked.frames)
        page.keyboard.press("0")
        page.wait_for_timeout(REST_MS)
        begun = time.perf_counter()
        page.click("#choose-view")
        page.wait_for_selector("#chosen table tbody tr")
        took = time.perf_counter() - begun
        print(
            f"all that is seen chosen, to its table: {took:.2f} s, {page.locator('#chosen h2').inner_text()}; memory {seen.memory()}"
        )
        chromium.close()


def moved(page: Any, seen: Watch, zoom: int, frames: int) -> None:
    """Frames at a zoom: still, panned, zoomed, and the latter two without drawing."""
    for way, off in (("still", False), ("panned", False), ("zoomed", False), ("panned", True), ("zoomed", True)):
        page.keyboard.press("0")
        for _ in range(zoom):
            page.keyboard.press("+")
        page.wait_for_timeout(REST_MS)
        rest = int(page.get_attribute("#map", "data-drawn"))
        page.evaluate("(off) => { window.benchOff = off; }", off)
        told = page.context.new_cdp_session(page)
        told.send("Performance.enable", {"timeDomain": "threadTicks"})
        before, card = metrics(told), seen.card_s()
        times = page.evaluate(MOVE, [frames, way])
        moving = int(page.get_attribute("#map", "data-drawn"))
        card = 1000 * (seen.card_s() - card) / frames
        own = {name: 1000 * (value - before[name]) / frames for name, value in metrics(told).items()}
        told.detach()
        print(
            f"{1.4**zoom:.1f} times, {way}{', calls that draw left out' if off else ''}: {quantiles(times)}; processor time a frame: scripts "
            f"{own['ScriptDuration']:.1f} ms, page {own['TaskDuration']:.1f}, drawing {card:.1f}; {rest:,} points at rest, {moving:,} moving"
        )
    page.evaluate("() => { window.benchOff = false; }")


class Watch:
    """What the browser's processes use."""

    def __init__(self, chromium: Any) -> None:
        self.session = chromium.new_browser_cdp_session()

    def _all(self) -> list[dict[str, Any]]:
        told: list[dict[str, Any]] = self.session.send("SystemInfo.getProcessInfo")["processInfo"]
        return told

    def card_s(self) -> float:
        """Processor time so far of the process that stands for the card."""
        return float(sum(one["cpuTime"] for one in self._all() if one["type"] == "GPU"))

    def memory(self) -> str:
        """Memory of the largest page and of the drawing process, shared pages by their share."""
        held = {"renderer": 0.0, "GPU": 0.0}
        for one in self._all():
            with contextlib.suppress(OSError):
                lines = Path(f"/proc/{one['id']}/smaps_rollup").read_text(encoding="ascii").splitlines()
                own = next(int(line.split()[1]) for line in lines if line.startswith("Pss:")) / 1024
                if one["type"] in held:
                    held[one["type"]] = max(held[one["type"]], own)
        return f"page {held['renderer']:.0f} MiB, drawing {held['GPU']:.0f} MiB"


def metrics(session: Any) -> dict[str, float]:
    """What the browser counts, in seconds of the thread's own processor time."""
    return {one["name"]: one["value"] for one in session.send("Performance.getMetrics")["metrics"]}


def quantiles(times: list[float]) -> str:
    """Median, 95th percentile and largest of frame times."""
    q = np.quantile(times, [0.5, 0.95, 1.0])
    return f"median {q[0]:.1f} ms a frame ({1000 / q[0]:.0f} a second), p95 {q[1]:.1f}, most {q[2]:.1f}"


if __name__ == "__main__":
    sys.exit(main())
