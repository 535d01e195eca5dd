"""How a hazard comes into a twin: an engine with more variables, values and processes, made of one that is there."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from merian.core.errors import BadData, BadSetting
from merian.twin.cohorts.columns import Keeping
from merian.twin.engine import Engine, Process
from merian.twin.herds.living import Carrying
from merian.twin.ledger import Array, Variable
from merian.twin.world import World

__all__ = ["Part", "When", "Where", "always", "cell_m2", "eaten_before", "joined", "named", "put"]

When = Callable[[float], float]
"""How much of a hazard there is on a day of the run, 0 to 1: a ramp, an end."""
Where = Callable[[float], npt.NDArray[np.float64]]
"""The same in each cell [y, x], or of each species in each cell [s, y, x]: zones of protection."""


def always(day: float) -> float:
    """All of it, on every day."""
    return 1.0


@dataclass(frozen=True, eq=False)
class Part:
    """What is added: `processes`, run in front of the one called `before` ("": after all), `variables` with their `values`, and those of them that count the
    animals of a herd in a row (`counted`)."""

    processes: tuple[Process, ...]
    variables: tuple[Variable, ...] = ()
    values: Mapping[str, Array] = field(default_factory=dict)
    before: str = ""
    counted: tuple[str, ...] = ()


def joined(engine: Engine, *parts: Part) -> Engine:
    """An Engine with these parts, of a world of its own. What there was goes on as it did, with the same chance: streams are called by their process.

    Raises BadSetting where there is no process to run before, BadData for a variable or process that is there already.
    """
    world, processes = engine.world, list(engine.processes)
    ledger, values = world.ledger, {name: array.copy() for name, array in world.values.items()}
    for part in parts:
        names = [process.name for process in processes]
        twice = sorted({process.name for process in part.processes} & set(names))
        if twice:
            raise BadData("twin", "has a process of this name already", twice)
        if part.before and part.before not in names:
            raise BadSetting("before", part.before, f"the twin has the processes {', '.join(names)}", names)
        ledger = ledger.wider(part.variables)
        values |= part.values
        rows = tuple(variable.name for variable in part.variables if variable.axes in (("animal",), ("cohort",)))
        if rows:
            processes = [p.carrying(rows, part.counted) if isinstance(p, Carrying | Keeping) else p for p in processes]
        at = names.index(part.before) if part.before else len(processes)
        processes[at:at] = part.processes
    return Engine(World(ledger, values, world.seed, world.step, world.day), processes, engine.days)


def eaten_before(engine: Engine) -> str:
    """The process before which what grows burns and is grazed: that by which animals look for it. Raises BadData where none does."""
    names = [process.name for process in engine.processes]
    found = [name for name in ("census", "feeding", "eating") if name in names]
    if not found:
        raise BadData("twin", "has no process that eats what grows", names)
    return found[0]


def named(engine: Engine, name: str) -> Process | None:
    """The process of this name, where there is one."""
    return next((process for process in engine.processes if process.name == name), None)


def put(engine: Engine, other: Process) -> Engine:
    """The Engine with another process in the place of the one of its name."""
    processes = [other if process.name == other.name else process for process in engine.processes]
    return Engine(engine.world, processes, engine.days)


def cell_m2(engine: Engine) -> float:
    """The area of a cell, as the processes of tiers C and I know it. Raises BadData for a twin of another kind."""
    found = [float(process.cell_m2) for process in engine.processes if hasattr(process, "cell_m2")]
    if not found:
        raise BadData("twin", "has no cells: hazards are joined to one of tier C or I")
    return found[0]
