"""The tree of life as it is scrolled: frame times of a tree of a million taxa in Chromium, answering times of its pages, and first paint of every page.

The tree is synthetic: ranks branch as in the Catalogue of Life, roughly, until there are as many taxa as asked for. The server is the real one on loopback, in
this process; the browser is headless and draws in software, so a frame that is late here need not be late on a machine with a graphics card. Each frame moves
the list by a wheel's turn, as if scrolled without a pause: the time between frames is reported, and the processor time that a frame takes of the page's thread,
which other load on the machine does not lengthen.

    .venv/bin/python bench/browse.py [--taxa 1000000] [--frames 600] [--chromium /usr/bin/chromium]
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
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
SCROLL = """(frames) => new Promise((done) => {
  const tree = document.querySelector(".tree");
  const times = [];
  let last = 0;
  const step = (now) => {
    if (last) times.push(now - last);
    last = now;
    if (times.length === frames) return done([times, document.querySelectorAll(".row .waiting").length]);
    const moved = !tree.dispatchEvent(new WheelEvent("wheel", { deltaY: 120, bubbles: true, cancelable: true }));
    if (!moved) tree.scrollTop += 120; // a list short enough for the browser to scroll by itself
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
    uvicorn.Server.capture_signals = contextlib.nullcontext  # type: ignore[method-assign, assignment]
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
        for path in ("", "life", "explorer"):
            seen = []
            for _ in range(5):
                page = chromium.new_context().new_page()
                page.goto(address + path)
                seen.append(float(page.evaluate(PAINTED)))
                page.context.close()
            print(
                f"first contentful paint of /{path}, a new profile each: median {statistics.median(seen):.0f}, most {max(seen):.0f} ms"
            )
        page = chromium.new_page(viewport={"width": 1280, "height": 900})
        page.goto(f"{address}life")
        page.wait_for_selector("body[data-ready=yes]")
        page.click("#whole-tree")
        page.wait_for_timeout(1000)
        told = page.context.new_cdp_session(page)
        told.send("Performance.enable", {"timeDomain": "threadTicks"})
        before = metrics(told)
        times, waiting = page.evaluate(SCROLL, asked.frames)
        spent = {name: 1000 * (value - before[name]) / asked.frames for name, value in metrics(told).items()}
        rate, late = 1000 / statistics.fmean(times), sum(t > 1000 / 60 * 1.5 for t in times)
        print(
            f"scrolled {asked.frames} frames by 120 px: {rate:.1f} frames/s; between frames {quantiles(times)}; {late} late; "
            f"rows still awaited at the end: {waiting}"
        )
        print(
            f"processor time of a frame on the page's main thread: {spent['TaskDuration']:.1f} ms, of it scripts {spent['ScriptDuration']:.1f}, "
            f"style and layout {spent['RecalcStyleDuration'] + spent['LayoutDuration']:.1f}"
        )
        page.locator(".tree .row[tabindex='0']").focus()
        begun = time.perf_counter()
        page.keyboard.press("End")
        page.wait_for_function(
            "(last) => document.activeElement?.dataset.place === last && document.activeElement.querySelector('.name')",
            arg=str(taxa - 1),
        )
        print(f"to the last row and its name: {1000 * (time.perf_counter() - begun):.0f} ms")
        chromium.close()


def metrics(session: Any) -> dict[str, float]:
    """What the browser counts, in seconds of the thread's own processor time."""
    return {one["name"]: one["value"] for one in session.send("Performance.getMetrics")["metrics"]}


if __name__ == "__main__":
    sys.exit(main())
