"""Agents a second: wolves and sheep, flocking and Schelling's neighbours against Mesa, by the same declared rules, with the populations compared.

    python3 -m venv /tmp/mesa && /tmp/mesa/bin/pip install "mesa==3.3.1"
    .venv/bin/python bench/agents.py /tmp/mesa/bin/python [--seeds 9] [--peer-seeds 5]

Without a peer's python only our times are printed. The public comparison of frameworks steps Mesa's wolves without its clock, so that grass never grows
again and all animals are gone by step 60; here both run the rules as declared. Promise: 50 times Mesa at the small size, 100 at the large, and
populations that differ by no more than chance: the difference of the means of the last half of a run over its standard error, over seeds.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

from merian.twin.classics import birds, neighbours, wolves

PEER = Path(__file__).parent / "peers" / "mesa_models.py"
STEPS = {"wolves": 100, "flocking": 100, "schelling": 20}
PROMISE = {"small": 50, "large": 100}


def ours(name: str, size: str, seed: int) -> dict[str, Any]:
    """One run of ours."""
    module = {"wolves": wolves, "flocking": birds, "schelling": neighbours}[name]
    model, steps = getattr(module, size.upper()), STEPS[name]
    begun = time.perf_counter()
    if name == "wolves":
        found = wolves.wolf_sheep(model, seed, steps)
        told: dict[str, Any] = {
            "acted": found.agent_steps,
            "counts": np.stack([found.sheep, found.wolves], 1)[1:].tolist(),
        }
    elif name == "flocking":
        told = {"order": birds.flocking(model, seed, steps).order[1:].tolist()}
    else:
        told = {"content": neighbours.schelling(model, seed, steps).content.tolist()}
    return {"seconds": time.perf_counter() - begun, **told}


def theirs(python: str, name: str, size: str, seeds: int) -> list[dict[str, Any]]:
    """The peer's runs."""
    line = [python, str(PEER), name, size, str(STEPS[name]), *map(str, range(seeds))]
    done = subprocess.run(line, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"the peer failed: {done.stderr.strip().splitlines()[-1]}")
    return [json.loads(row) for row in done.stdout.splitlines()]


def settled(run: dict[str, Any]) -> np.ndarray:
    """What a run's population did in its last half: means of each column."""
    values = np.array(run.get("counts") or run.get("order") or run["content"], float)
    return np.atleast_1d(values[len(values) // 2 :].mean(0))


def main(python: str | None, seeds: int, peer_seeds: int) -> None:
    """Print a row for each model and size."""
    print(
        "| model | size | ours, ms | agent-steps/s | Mesa, ms | times | promise | population, ours / Mesa | apart, standard errors |"
    )
    print("|---|---|---|---|---|---|---|---|---|")
    agents = {
        ("flocking", "small"): 200,
        ("flocking", "large"): 400,
        ("schelling", "small"): 1000,
        ("schelling", "large"): 8000,
    }
    for name, steps in STEPS.items():
        for size in ("small", "large"):
            ours(name, size, 0)
            mine = [ours(name, size, seed) for seed in range(seeds)]
            took = float(np.median([run["seconds"] for run in mine]))
            acted = np.mean([run.get("acted", agents.get((name, size), 0) * steps) for run in mine])
            row = [name, size, f"{1000 * took:.2f}", f"{acted / took:.2e}"]
            if python is not None:
                peer = theirs(python, name, size, peer_seeds)
                slow = float(np.median([run["seconds"] for run in peer]))
                one, other = (np.array([settled(run) for run in runs]) for runs in (mine, peer))
                # if both are one model they vary alike: a spread of the peer's few runs alone would be mostly chance
                both = ((one - one.mean(0)) ** 2).sum(0) + ((other - other.mean(0)) ** 2).sum(0)
                error = np.sqrt(both / (len(one) + len(other) - 2) * (1 / len(one) + 1 / len(other)))
                apart = np.abs(one.mean(0) - other.mean(0)) / error
                means = " / ".join(" ".join(f"{value:.4g}" for value in runs.mean(0)) for runs in (one, other))
                row += [
                    f"{1000 * slow:.0f}",
                    f"{slow / took:.0f}",
                    str(PROMISE[size]),
                    means,
                    " ".join(f"{value:.1f}" for value in apart),
                ]
            print("| " + " | ".join(row) + " |", flush=True)
    if python is None:
        print("no peer given: see the head of this file", file=sys.stderr)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("peer", nargs="?", help="the python of an environment with mesa")
    parser.add_argument("--seeds", type=int, default=9)
    parser.add_argument("--peer-seeds", type=int, default=5)
    given = parser.parse_args()
    main(given.peer, given.seeds, given.peer_seeds)
