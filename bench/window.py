"""A window of the savanna with open edges against the same one shut: what is left of each species, over seeds.

    .venv/bin/python bench/window.py [--years 0.5] [--seeds 2] [--window-km 20] [--hunger 3]

No promise: the numbers of docs/how/twin.md, "Open edges", come of `--years 4`, by half days. Of each species the mean over the last quarter of the run (and its
lowest and highest) as a multiple of its number at the start.
"""

from __future__ import annotations

import argparse
import time

import numpy as np

from merian.twin.ecosystem import made
from merian.twin.frames.settings import StageSettings
from merian.twin.frames.stage import Stage
from merian.twin.worked import shipped


def course(settings: StageSettings, years: float) -> np.ndarray:
    """Animals of each species after each day, as a multiple of the start [t, s]."""
    worked = shipped("savanna")
    stage = Stage(made(worked.facts, worked.landscape(0, 16)), settings)
    count, every, rows = len(stage.ecosystem.species.names), max(round(24 / settings.step_hours), 1), []

    def heads() -> np.ndarray:
        values = stage.worlds[0].values
        return np.bincount(values["species"], values["number"], len(stage.web.names))[:count]

    first = heads()
    for step in range(round(years * 365.25 * 24 / settings.step_hours)):
        stage.step()
        if step % every == 0:
            rows.append(heads() / np.maximum(first, 1))
    return np.array(rows)


def main(years: float, seeds: int, window_km: float, hunger: float) -> None:
    """Print the table."""
    worked = shipped("savanna")
    names = made(worked.facts, worked.landscape(0, 16)).species.common
    found: dict[bool, list[np.ndarray]] = {False: [], True: []}
    begun = time.perf_counter()
    for edges, courses in found.items():
        for seed in range(seeds):
            how = StageSettings(
                window_km=window_km, rows=20, herds=200_000, step_hours=12.0, hunger=hunger, open_edges=edges, seed=seed
            )
            courses.append(course(how, years))
    took = time.perf_counter() - begun
    print(f"savanna, {window_km:g} km, {years:g} years by half days, {seeds} seeds, hunger {hunger:g} ({took:.0f} s)")
    print("| species | shut: end (low to high) | open: end (low to high) |")
    print("|---|---|---|")
    for at, name in enumerate(names):
        said = []
        for courses in found.values():
            whole = np.stack(courses)[:, :, at]
            late = whole[:, -max(whole.shape[1] // 4, 1) :].mean()
            said.append(f"{late:.2f} ({whole.min():.2f} to {whole.max():.2f})")
        print(f"| {name} | {' | '.join(said)} |")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--years", type=float, default=0.5)
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--window-km", type=float, default=20.0)
    parser.add_argument("--hunger", type=float, default=3.0)
    given = parser.parse_args()
    main(given.years, given.seeds, given.window_km, given.hunger)
