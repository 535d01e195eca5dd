"""The tree of life as it is scrolled: frame times of a tree of a million taxa in Chromium, answering times of its pages, and first paint of every page.

The tree is synthetic: ranks branch as in the Catalogue of Life, roughly, until there are as many taxa as asked for. The server is the real one on loopback, in
this process; the browser is headless and draws in software, so a frame that is late here need not be late on a machine with a graphics card. Each frame moves
the list, without a pause, in three ways: by a turn of the wheel, by so much that every row is another, and by the bar, so far that every frame is of other
pages of the server. Of each way are told the time between frames, the processor time of scripts in a frame from the browser's own trace (PROMISE_MS), that of
the whole main thread, the share of rows that stood waiting for their names, and how soon after the last frame all names are there. Processor time is not
lengthened by other load on the machine, frames are.

    .venv/bin/python bench/browse.py [--taxa 1000000] [--frames 600] [--chromium /usr/bin/chromium]
"""

from __future__ import annotations

import argparse
import contextlib
import gzip
import itertools
import json
import os
import statistics
import sys
import threading
import time
import urllib.request
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

SHARES = (0.000005, 0.0001, 0.0006, 0.0025, 0.012, 0.12)
"""Taxa of each rank above the species, as shares of all."""
PROMISE_MS = 4.0
"""Scripts in a frame, median: a quarter of the 16.7 ms that a frame has at 60 a second."""
WAYS = {"wheel, 120 px": (120, 0), "wheel, all rows": (2400, 0), "bar, other pages": (0, 1500)}
"""Pixels by the wheel, or by the bar, in each frame."""
PAINT_MS, SCRIPTS_KB = 1500, 300
"""First paint on localhost, and the scripts that every page loads, gzipped."""
SCRIPTS = ("FireAnimationFrame", "EventDispatch", "FunctionCall", "RunMicrotasks", "TimerFire", "EvaluateScript")
"""Slices of the browser's trace in which scripts run."""
TRACED = 200
"""Frames that are traced: a trace is held in memory."""
SCROLL = """([frames, wheel, bar]) => new Promise((done) => {
  const tree = document.querySelector(".tree");
  const times = [];
  let last = 0, waited = 0, rows = 0, moved = true;
  const step = (now) => {
    performance.mark("frame");
    if (last) times.push(now - last);
    last = now;
    waited += tree.querySelectorAll(".waiting").length;
    rows += tree.querySelectorAll(".row").length;
    if (times.length === frames) return done([times, waited / rows]);
    if (wheel) moved = !tree.dispatchEvent(new WheelEvent("wheel", { deltaY: wheel, bubbles: true, cancelable: true }));
    if (bar || !moved) tree.scrollTop += bar || wheel; // a list short enough for the browser scrolls by itself
    requestAnimationFrame(step);
  };
  requestAnimationFrame(step);
})"""
PAINTED = """() => new Promise((done) => {
  const told = () => performance.getEntriesByName("first-contentful-paint")[0]?.startTime;
  const look = () => (told() === undefined ? setTimeout(look, 20) : done(told()));
  look();
})"""


def synthetic(taxa: int) -> Tree:
    """A Tree of so many taxa, six ranks above the species, each taxon hung below one of the rank above by chance."""
    rng = stream(0, "bench", "browse")
    counts = [max(round(taxa * share), 2) for share in SHARES]
    counts.append(taxa - sum(counts))
    own = [np.arange(counts[0])]
    for above, count in itertools.pairwise(counts):
        # each has a child, and a few have very many, as in nature
        heavy = np.floor(above * rng.random(max(count - above, 0)) ** 2).astype(int)
        own.append(np.sort(np.concatenate([np.arange(above), heavy])[:count]))
    columns: dict[str, Any] = {}
    at = np.arange(counts[-1])
    for rank, letter, parents in zip(reversed(RANK_NAMES), "sgfocpk", reversed(own), strict=True):
        columns[rank] = np.char.add(letter, at.astype(str))
        at = parents[at] if rank != "kingdom" else at
    return Tree.from_lineages(pl.DataFrame({rank: columns[rank] for rank in RANK_NAMES}))


RANK_NAMES = ("kingdom", "phylum", "class", "order", "family", "genus", "species")


def quantiles(values: list[float]) -> str:
    """Median, 95th and 99th percentile, and the largest."""
    q = np.quantile(values, [0.5, 0.95, 0.99, 1.0])
    return f"median {q[0]:.1f}, p95 {q[1]:.1f}, p99 {q[2]:.1f}, most {q[3]:.1f} ms"


def main() -> int:
    """Print what was measured."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--taxa", type=int, default=1_000_000)
    parser.add_argument("--frames", type=int, default=600)
    parser.add_argument("--chromium", type=Path, default=Path("/usr/bin/chromium"))
    asked = parser.parse_args()
    start = time.perf_counter()
    tree = synthetic(asked.taxa)
    encoder = open_encoder("toy")
    head = Head.build(encoder, tree, tree.at("species")[:3])
    print(f"{len(tree):,} taxa made in {time.perf_counter() - start:.1f} s; {os.cpu_count()} CPUs")
    told, where = threading.Event(), list[str]()
    options: dict[str, Any] = {"port": 0, "identifier": Identifier(encoder, head)}
    options["ready"] = lambda address: (where.append(address), told.set())
    uvicorn.Server.capture_signals = contextlib.nullcontext
    threading.Thread(target=serve, args=(Path(os.devnull),), kwargs=options, daemon=True).start()
    told.wait(60)
    pages(where[0], len(tree))
    browse(where[0], asked, len(tree))
    return 0


def pages(address: str, taxa: int) -> None:
    """Answering times of pages of the tree, the first apart, for what is derived from the Tree is made on it."""
    rng = stream(0, "bench", "pages")
    times = []
    for start in [0, *rng.integers(0, taxa - 200, 100).tolist()]:
        begun = time.perf_counter()
        with urllib.request.urlopen(f"{address}api/tree?deep=1&start={start}&n=200") as reply:
            reply.read()
        times.append(1000 * (time.perf_counter() - begun))
    print(f"a page of 200 rows: the first {times[0]:.0f} ms, then {quantiles(times[1:])}")
    found = []
    for text in ("s1234", "g99", "k1", "s999999", "nothing"):
        begun = time.perf_counter()
        urllib.request.urlopen(f"{address}api/find?q={text}").read()
        found.append(1000 * (time.perf_counter() - begun))
    print(f"a name found: {', '.join(f'{ms:.0f}' for ms in found)} ms")


def browse(address: str, asked: argparse.Namespace, taxa: int) -> None:
    """First paint of each page, then the scroll."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as running:
        chromium = running.chromium.launch(executable_path=str(asked.chromium), args=["--no-sandbox", "--disable-gpu"])
        for path in ("", "life", "twin"):
            painted(chromium, address, path)
        page = chromium.new_page(viewport={"width": 1280, "height": 900})
        page.goto(f"{address}life")
        page.wait_for_selector("body[data-ready=yes]")
        page.click("#whole-tree")
        page.wait_for_timeout(1000)
        for way, moves in WAYS.items():
            scrolled(chromium, page, way, moves, asked.frames)
        page.locator(".tree .row[tabindex='0']").focus()
        begun = time.perf_counter()
        page.keyboard.press("End")
        page.wait_for_function(
            "(last) => document.activeElement?.dataset.place === last && document.activeElement.querySelector('.name')",
            arg=str(taxa - 1),
        )
        print(f"to the last row and its name: {1000 * (time.perf_counter() - begun):.0f} ms")
        chromium.close()


def painted(chromium: Any, address: str, path: str) -> None:
    """First paint of a page in a new profile, five times, and its scripts as they would be sent gzipped: those at once, and those loaded for it."""
    seen, asked = [], set[str]()
    for _ in range(5):
        page = chromium.new_context().new_page()
        page.on("request", lambda request: asked.add(request.url))
        page.goto(address + path)
        seen.append(float(page.evaluate(PAINTED)))
        page.wait_for_load_state("networkidle")
        page.context.close()
    scripts = {}
    for url in sorted(url for url in asked if url.endswith(".js")):
        with urllib.request.urlopen(url) as reply:
            scripts[url] = len(gzip.compress(reply.read()))
    first = sum(size for url, size in scripts.items() if "/index-" in url) / 1000
    print(
        f"/{path}: first contentful paint, a new profile each: median {statistics.median(seen):.0f} ms, in turn {', '.join(f'{ms:.0f}' for ms in seen)} "
        f"(promise {PAINT_MS}); scripts {first:.0f} kB at once (promise {SCRIPTS_KB}), {sum(scripts.values()) / 1000:.0f} kB with its own, gzipped"
    )


def scrolled(chromium: Any, page: Any, way: str, moves: tuple[int, int], frames: int) -> None:
    """Scroll in one way, untraced for the frames and the main thread, then traced for the scripts."""
    told = page.context.new_cdp_session(page)
    told.send("Performance.enable", {"timeDomain": "threadTicks"})
    before = metrics(told)
    times, waiting = page.evaluate(SCROLL, [frames, *moves])
    spent = {name: 1000 * (value - before[name]) / frames for name, value in metrics(told).items()}
    told.detach()
    late = sum(t > 1000 / 60 * 1.5 for t in times)
    print(
        f"{way}: {frames} frames, {1000 / statistics.fmean(times):.1f} a second; between frames {quantiles(times)}; {late} late"
    )
    chromium.start_tracing(page=page, categories=["devtools.timeline", "blink.user_timing"])
    page.evaluate(SCROLL, [min(frames, TRACED), *moves])
    begun = time.perf_counter()
    page.wait_for_function("() => !document.querySelector('.tree .waiting')")
    names = 1000 * (time.perf_counter() - begun)
    own = scripts(json.loads(chromium.stop_tracing())["traceEvents"])
    kept = "kept" if float(np.median(own)) <= PROMISE_MS else "MISSED"
    print(f"  scripts in a frame {quantiles(own)} (promise {PROMISE_MS:g}: {kept}), processor time, {len(own)} frames")
    print(
        f"  whole main thread {spent['TaskDuration']:.1f} ms a frame, of it style and layout "
        f"{spent['RecalcStyleDuration'] + spent['LayoutDuration']:.1f}; rows without their name {waiting:.1%}, "
        f"all named {names:.0f} ms after the last frame"
    )


def scripts(events: list[dict[str, Any]]) -> list[float]:
    """Milliseconds of processor time of scripts from each mark "frame" to the next: the outermost slices of scripts on the page's thread."""
    marks = sorted(e["ts"] for e in events if e["name"] == "frame" and "blink.user_timing" in e["cat"])
    page = next((e["pid"], e["tid"]) for e in events if e["name"] == "FireAnimationFrame")
    slices = [e for e in events if (e["pid"], e["tid"]) == page and e.get("ph") == "X" and e["name"] in SCRIPTS]
    frames, end = [0.0] * len(marks), -1
    for e in sorted(slices, key=lambda e: (e["ts"], -e["dur"])):
        if e["ts"] < end:
            continue
        end = e["ts"] + e["dur"]
        # a mark lies within the slice that made it: its frame begins with that slice
        frame = int(np.searchsorted(marks, end)) - 1
        if frame >= 0:
            frames[frame] += e.get("tdur", e["dur"]) / 1000
    return frames[:-1]


def metrics(session: Any) -> dict[str, float]:
    """What the browser counts, in seconds of the thread's own processor time."""
    return {one["name"]: one["value"] for one in session.send("Performance.getMetrics")["metrics"]}


if __name__ == "__main__":
    sys.exit(main())
