"""Gifts at random and Sugarscape beside Mesa and mesa-frames, by the same declared rules, with wealth and populations compared in the same run.

    .venv/bin/python bench/gifts_and_sugar.py [--peers FOLDER] [--seeds 45] [--peer-seeds 5] [--limit 60] [--quick]

The peers are installed into environments of their own below FOLDER (default: one that is thrown away): Mesa 3.3.1, and mesa-frames 0.1.0a0 with the polars
of its time. That is all that the package index has of it; its newer interface can be had from its repository alone and is not measured. Mesa's agents give one
after the other and ours are asked to do the same (rule `turns`); mesa-frames' give all at once, and ours too (`together`). The two rules come to rest at other
shares (merian.twin.classics.wealth), so each peer is compared with its own. A peer stops after so many seconds a row (`limit`); the row says how many seeds it
made. Each row of ours has seeds of its own, and many: with nine that all rows shared, Sugarscape's living lay 2 to 2.6 standard errors below both peers' by
chance (those nine are 3.1 below the mean of 600 seeds, which is that of 80 of Mesa's). Times are of setup and all steps, medians over seeds; the first call,
which makes or loads machine code, is apart. Sizes and numbers are those of mesa-frames' own comparison: 25 cells an agent, sugar 0 to 3, 6 to 24 held, 2 or 3
burnt, sight 1 to 5.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import subprocess
import sys
import tempfile
import threading
import time
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np

from merian.twin.classics.sugar import Sugarscape, sugarscape
from merian.twin.classics.wealth import Boltzmann, Rule, boltzmann, gini

HERE = Path(__file__).parent / "peers"
PEERS = {"mesa": ["mesa==3.3.1"], "frames": ["mesa-frames==0.1.0a0", "polars==1.7.1", "numba"]}
RULES: dict[str, Rule] = {"mesa": "turns", "frames": "together"}
SIZES = {"gifts": (1000, 10_000, 100_000), "sugar": (1000, 5000, 50_000)}
STEPS = {"gifts": 100, "sugar": 20}
FIRST = "import sys; sys.path.insert(0, sys.argv[1]); import gifts_and_sugar as b; print(b.ours(sys.argv[2], 1000, 'turns', 0)['seconds'])"
Runs = list[dict[str, Any]]


def ours(name: str, size: int, rule: Rule, seed: int) -> dict[str, Any]:
    """One run of ours in one thread."""
    begun = time.perf_counter()
    if name == "gifts":
        shares = boltzmann(Boltzmann(size, 1, rule), seed, STEPS[name])
        return {"seconds": time.perf_counter() - begun, "wealth": np.bincount(shares.wealth).tolist()}
    model = Sugarscape(math.ceil(math.sqrt(size / 0.04)), size, 3, (6, 24), (2, 3), (1, 5))
    found = sugarscape(model, seed, STEPS[name])
    took = time.perf_counter() - begun
    return {"seconds": took, "alive": found.alive.tolist(), "held": int(found.hold[-1])}


def theirs(python: Path, peer: str, name: str, size: int, seeds: int, limit: float) -> Runs:
    """The peer's runs, as many as it makes within the limit. Raises SystemExit where it fails."""
    line = [str(python), str(HERE / f"{peer}_models.py"), name, str(size), str(STEPS[name]), *map(str, range(seeds))]
    found: Runs = []
    alone = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    with subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=alone) as running:
        clock = threading.Timer(limit, running.kill)
        clock.start()
        assert running.stdout is not None
        assert running.stderr is not None
        found += [json.loads(row) for row in running.stdout]
        said = running.stderr.read().strip().splitlines()
        ended = clock.is_alive()
        clock.cancel()
    if running.returncode and ended:
        raise SystemExit(f"{peer} failed: {said[-1] if said else running.returncode}")
    return found


def told(run: dict[str, Any]) -> tuple[float, float]:
    """What is compared of a run: Gini coefficient and share of those who have nothing; the living at the end and what each holds."""
    if "wealth" in run:
        counts = np.array(run["wealth"])
        return gini(np.repeat(np.arange(len(counts)), counts)), float(counts[0] / counts.sum())
    return float(run["alive"][-1]), run["held"] / run["alive"][-1]


def acted(name: str, size: int, runs: Runs) -> float:
    """How often an agent acted in a run, mean."""
    return size * STEPS[name] if name == "gifts" else float(np.mean([sum(run["alive"][:-1]) for run in runs]))


def parity(mine: Runs, other: Runs) -> tuple[str, str]:
    """Means of both, and how far apart they are, standard errors."""
    one, two = (np.array([told(run) for run in runs]) for runs in (mine, other))
    means = " / ".join(" ".join(f"{value:.4g}" for value in runs.mean(0)) for runs in (one, two))
    if len(two) < 2:
        return means, "one seed"
    # if both are one model they vary alike: a spread of a peer's few runs alone would be mostly chance
    both = ((one - one.mean(0)) ** 2).sum(0) + ((two - two.mean(0)) ** 2).sum(0)
    error = np.sqrt(both / (len(one) + len(two) - 2) * (1 / len(one) + 1 / len(two)))
    return means, " ".join(f"{value:.1f}" for value in np.abs(one.mean(0) - two.mean(0)) / error)


def installed(folder: Path) -> dict[str, Path]:
    """The python of each peer's environment, made where it is not there yet. A peer that cannot be installed is left out, and why is said."""
    found = {}
    for peer, packages in PEERS.items():
        python = folder / peer / "bin" / "python"
        if not python.exists():
            print(f"installing {', '.join(packages)}", file=sys.stderr)
            subprocess.run([sys.executable, "-m", "venv", str(folder / peer)], check=True)
            done = subprocess.run(
                [str(python), "-m", "pip", "install", "-q", *packages], capture_output=True, text=True, check=False
            )
            if done.returncode:
                print(f"{peer} is left out: {done.stderr.strip().splitlines()[-1]}", file=sys.stderr)
                continue
        found[peer] = python
    return found


def first_calls() -> None:
    """Print how long the first call takes in a new process, when machine code is made and when it is kept."""
    for name in SIZES:
        with tempfile.TemporaryDirectory() as empty:
            took = []
            for _ in range(2):
                line = [sys.executable, "-c", FIRST, str(Path(__file__).parent), name]
                here = {**os.environ, "NUMBA_CACHE_DIR": empty}
                took.append(float(subprocess.run(line, capture_output=True, text=True, check=True, env=here).stdout))
        print(
            f"first call, {name}, 1,000 agents: {took[0]:.2f} s when machine code is made, {took[1]:.2f} s when it is kept"
        )


def main(folder: Path, seeds: int, peer_seeds: int, limit: float, sizes: int) -> None:
    """Print a row for each model, size and peer."""
    peers = installed(folder)
    first_calls()
    print(
        "\n| model | agents | peer | ours, ms | agent-steps/s | peer, ms | times | ours / peer | apart, standard errors | seeds |"
    )
    print("|---|---|---|---|---|---|---|---|---|---|")
    row_of = count()
    for name in SIZES:
        for size in SIZES[name][:sizes]:
            for peer, python in peers.items():
                rule, first = RULES[peer], 1000 * next(row_of)
                ours(name, size, rule, first)
                mine = [ours(name, size, rule, first + seed) for seed in range(seeds)]
                took = float(np.median([run["seconds"] for run in mine]))
                row = [name, f"{size:,}", peer, f"{1000 * took:.2f}", f"{acted(name, size, mine) / took:.2e}"]
                other = theirs(python, peer, name, size, peer_seeds, limit)
                if other:
                    slow = float(np.median([run["seconds"] for run in other]))
                    row += [
                        f"{1000 * slow:.0f}",
                        f"{slow / took:.0f}",
                        *parity(mine, other),
                        f"{len(mine)}, {len(other)}",
                    ]
                else:
                    row += [f"above {1000 * limit:.0f}", f"above {limit / took:.0f}", "", "", f"{len(mine)}, 0"]
                print("| " + " | ".join(row) + " |", flush=True)
    print(
        "\ncompared: gifts: Gini coefficient, share of those who have nothing; sugar: the living at the end, what each holds"
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument(
        "--peers", type=Path, help="folder of the peers' environments (default: one that is thrown away)"
    )
    parser.add_argument("--seeds", type=int, default=45)
    parser.add_argument("--peer-seeds", type=int, default=5)
    parser.add_argument("--limit", type=float, default=60.0, help="seconds a row that a peer may take")
    parser.add_argument("--quick", action="store_true", help="the smallest size alone")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as away:
        main(given.peers or Path(away), given.seeds, given.peer_seeds, given.limit, 1 if given.quick else 3)
