"""A World: the state of a twin as arrays, its clock, and the seed of its chance. Saved and opened again it goes on to the same bytes."""

from __future__ import annotations

import hashlib
import json
import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from merian.core import store
from merian.core.errors import BadData, Missing
from merian.twin.ledger import Array, Ledger

__all__ = ["World", "latest"]

CLOCK = "clock.json"


@dataclass(eq=False)
class World:
    """`values` by variable, `step` steps and `day` days since the start, and the `seed`. It is changed by its engine alone."""

    ledger: Ledger
    values: dict[str, Array]
    seed: int
    step: int = 0
    day: float = 0.0

    def __post_init__(self) -> None:
        missing = sorted(set(self.ledger.variables) - set(self.values))
        if missing:
            raise BadData("world", "has a value for each variable of its ledger; these have none", missing)
        self.ledger.sizes(self.values)
        for name, array in self.values.items():
            variable = self.ledger[name]
            at = variable.outside(array)
            if at is not None:
                unit = "" if variable.unit == "1" else f" {variable.unit}"
                rule = f"{name} lies between {variable.low:g} and {variable.high:g}{unit}"
                raise BadData("world", rule, [f"{array[at]} at {at}"])

    def total(self, budget: str) -> float:
        """How much there is of a budget, in its unit."""
        return self.ledger.budgets[budget].total(self.values)

    def digest(self) -> str:
        """SHA-256 of the clock, the seed and every byte of the state: two worlds that share it are the same world."""
        found = hashlib.sha256(repr((self.step, self.day, self.seed)).encode())
        for name in sorted(self.values):
            array = np.ascontiguousarray(self.values[name])
            found.update(repr((name, array.dtype.str, array.shape)).encode())
            found.update(array.tobytes())
        return found.hexdigest()

    def save(self, folder: Path) -> Path:
        """Write the world to a folder of its own in `folder`, called by its step, and then remove those of earlier steps. The clock is written last."""
        place = folder / f"step-{self.step:09d}"
        for name, array in self.values.items():
            with store.atomic(place / f"{name}.npy") as file:
                np.save(file, array, allow_pickle=False)
        clock = {"format": 1, "step": self.step, "day": self.day, "seed": self.seed, "digest": self.digest()}
        store.write_json(place / CLOCK, clock)
        for other in folder.glob("step-*"):
            if other != place:
                shutil.rmtree(other)
        return place

    @classmethod
    def load(cls, place: Path, ledger: Ledger) -> World:
        """The world saved in a folder. Raises Missing when there is none, BadData when it is not what was written."""
        if not (place / CLOCK).is_file():
            raise Missing("a saved world", place, "its clock.json is written last: an earlier run was ended before")
        clock = json.loads((place / CLOCK).read_text(encoding="utf-8"))
        try:
            values = {name: np.load(place / f"{name}.npy", allow_pickle=False) for name in ledger.variables}
        except (OSError, ValueError) as error:
            raise BadData(place, f"not the world of this twin: {error}") from error
        world = cls(ledger, values, clock["seed"], clock["step"], clock["day"])
        if world.digest() != clock["digest"]:
            raise BadData(place, "its bytes are not those that were saved; delete the folder to begin anew")
        return world


def latest(folder: Path) -> Path | None:
    """The last whole world in a folder of saved worlds, None when there is none."""
    whole = sorted(place for place in folder.glob("step-*") if (place / CLOCK).is_file())
    return whole[-1] if whole else None
