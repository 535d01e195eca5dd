"""What a picture of many agents costs the page of the twin, in Chromium on this machine: the page's own time apart from the drawing, and bytes on the wire.

A run of so many agents that walk by chance is written as a `.twin` file and played by the page as any other: shots in the codec of the websocket, places
between two shots found in the vertex shader. Per number of agents, medians in ms: the page's time for a picture (its scripts, without waiting for the drawing),
for taking up a shot, and a picture with its drawing. Without a graphics card the drawing is done in software (SwiftShader) on the processor: its time says
nothing about a laptop's card, the page's own time and the triangles do. Triangles and draw calls are those of one picture (of the whole window from afar, and
from nearby as where an animal is followed), beside what the same bodies would be all drawn full. Sort: to choose the levels of all bodies anew, which a camera
that moves asks for several times a second. Wire: bytes of a DELTA times the shots of a second that the server sends.

    .venv/bin/python bench/frames.py [--agents 1000 5000 20000] [--pictures 5] [--size 1280 800] [--gpu]
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import struct
import sys
import tempfile
import threading
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import uvicorn

from merian.core.tree import Tree
from merian.encode import open_encoder
from merian.identify import Head, Identifier
from merian.twin.frames.codec import Frame, Herds, Kind, encode, pack_state, placed
from merian.twin.frames.settings import RecordSettings
from merian.twin.frames.stage import Stage
from merian.twin.worked import opened
from merian.web.app import serve
from merian.web.running import LiveSettings

CHROMIUM = "/usr/bin/chromium"
SOFTWARE = ("--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader", "--ignore-gpu-blocklist")
MAGIC = b"MERTWIN1"
SHOTS = 12
WIDTH_M = 20_000.0
STEP_M = 120.0
RANKS = ("kingdom", "phylum", "class", "order", "family", "genus", "species")


def file_of(agents: int, hello: dict[str, object], species: np.ndarray, still: list[bytes], out: Path) -> int:
    """Write the run; bytes of a DELTA."""
    rng = np.random.default_rng(agents)
    x, y = rng.uniform(0, WIDTH_M, (2, agents))
    heading = rng.uniform(0, 2 * np.pi, agents)
    who = np.arange(agents, dtype=np.uint32)
    kinds = rng.choice(species, agents).astype(np.uint8)
    told = {"shots": SHOTS, "days": 1.0, "shot_seconds": 0.125, "scenario": None, "changes": [], "warnings": []}
    start = json.dumps(hello | {"playback": told, "width_m": WIDTH_M}).encode()
    size = 0
    with out.open("wb") as file:
        file.write(MAGIC + struct.pack("<I", len(start)) + start)
        for shot in range(SHOTS):
            heading += rng.normal(0, 0.4, agents)
            x = np.clip(x + STEP_M * np.cos(heading), 0, WIDTH_M)
            y = np.clip(y + STEP_M * np.sin(heading), 0, WIDTH_M)
            turned = (np.round(heading * 128 / np.pi).astype(np.int64) % 256).astype(np.uint8)
            state = pack_state(np.ones(agents, bool), np.ones(agents, np.int64))
            speed = np.full(agents, 50, np.uint8)
            herds = Herds(
                placed(x, WIDTH_M), placed(y, WIDTH_M), turned, speed, kinds, state, who if shot == 0 else None
            )
            frame = encode(Frame(Kind.DELTA if shot else Kind.KEY, herds, shot + 1, shot / SHOTS, 0, 1))
            size = len(frame)
            for one in (frame, *(still if shot == 0 else ())):
                file.write(struct.pack("<I", len(one)) + one)
        place = file.tell()
        file.write(struct.pack("<dQ", 0.0, 0) + struct.pack("<IQ8s", 1, place, MAGIC))
    return size


def served() -> str:
    """Where the pages are served, over a model of three names: what a page of the twin needs of a store is nothing."""
    tree = Tree.from_lineages(pl.DataFrame({rank: [f"{rank} {k}" for k in "abc"] for rank in RANKS}))
    encoder = open_encoder("toy")
    told, where = threading.Event(), list[str]()
    options: dict[str, Any] = {
        "port": 0,
        "identifier": Identifier(encoder, Head.build(encoder, tree, tree.at("species"))),
    }
    options["ready"] = lambda address: (where.append(address), told.set())
    uvicorn.Server.capture_signals = contextlib.nullcontext
    threading.Thread(target=serve, args=(Path(os.devnull),), kwargs=options, daemon=True).start()
    told.wait(60)
    return where[0]


TIMED = """(pictures) => {
  const stage = window.merianTwin;
  const several = (first, count) => {
    const found = [];
    for (let k = 0; k < first + count; k++) found.push(stage.timed());
    return found.slice(first);
  };
  const corners = (mesh) => mesh.geometry.attributes.position.count / 3;
  const whole = () => [stage.trees, ...stage.layers[0].crowds].reduce(
    (sum, crowd) => sum + crowd.bodies.reduce((all, one) => all + one.count, 0) * corners(crowd.meshes[0]), 0);
  const last = (found) => ({ triangles: found.at(-1).triangles, calls: found.at(-1).calls, full: whole() });
  const far = several(2, pictures);
  const seen = { far: last(far) };
  for (let k = 0; k < 5; k++) {
    stage.sight.forget();
    stage.sort(stage.orbit.camera.position, stage.orbit.camera, stage.sight.focal, stage.sight.least, 100);
  }
  const sorts = stage.spent.sorts.median;
  stage.follow(stage.worlds[0].id[0]);
  seen.near = last(several(1, 1));
  return { page: far.map((one) => one.page), both: far.map((one) => one.both), shot: stage.spent.shots.median, sorts, ...seen };
}"""


def measured(page: Any, address: str, file: Path, agents: int, pictures: int) -> dict[str, Any]:
    """The page's times for a run in a file."""
    page.goto(f"{address}twin")
    page.locator(".upload input").set_input_files(file)
    page.wait_for_function(f"() => window.merianTwin?.worlds[0].id.length === {agents}")
    page.wait_for_function("() => window.merianTwin.spent.shots.count >= 8")
    return dict(page.evaluate(TIMED, pictures))


def main() -> int:
    """Print what was measured."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--agents", type=int, nargs="+", default=[1000, 5000, 20_000])
    parser.add_argument("--pictures", type=int, default=5)
    parser.add_argument("--size", type=int, nargs=2, default=[1280, 800])
    parser.add_argument("--gpu", action="store_true", help="draw with the graphics card, where there is one")
    asked = parser.parse_args()
    from playwright.sync_api import sync_playwright

    stage = Stage(opened("savanna", 0), RecordSettings(window_km=WIDTH_M / 1000, herds=100))
    species = np.flatnonzero(~stage.web.producer)
    shots = LiveSettings().frames_s
    address = served()
    flags = ["--no-sandbox", "--disable-quic", *(() if asked.gpu else SOFTWARE)]
    with sync_playwright() as running, tempfile.TemporaryDirectory() as folder:
        chromium = running.chromium.launch(executable_path=CHROMIUM, args=flags)
        width, height = asked.size
        page = chromium.new_page(viewport={"width": width, "height": height}, reduced_motion="no-preference")
        page.set_default_timeout(300_000)
        print(
            f"Chromium {chromium.version}, {'the graphics card' if asked.gpu else 'drawn in software'}, {width} x {height}, {os.cpu_count()} CPUs"
        )
        for agents in asked.agents:
            file = Path(folder) / f"{agents}.twin"
            size = file_of(agents, stage.hello(), species, stage.room.still(), file)
            found = measured(page, address, file, agents, asked.pictures)
            print(
                f"{agents:>7,} agents: page {np.median(found['page']):.2f} ms a picture (p95 {np.quantile(found['page'], 0.95):.2f}), "
                f"{found['shot']:.2f} ms a shot, {found['sorts']:.2f} ms a sort, "
                f"with the drawing {np.median(found['both']):.0f} ms; {size * shots / 1e6:.2f} MB/s at {shots:g} shots a second"
            )
            for where in ("far", "near"):
                one = found[where]
                print(
                    f"{where:>16}: {one['triangles']:,} triangles ({one['full']:,.0f} of the bodies, were all full), {one['calls']} draw calls"
                )
        chromium.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
