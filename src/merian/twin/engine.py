"""The engine: puts processes in order, gives each only what it declares, and after each checks bounds and budgets.

A process that reads what another makes anew in each step comes after it; else the order given holds. Arrays that it only reads cannot be written to;
what it does not declare it does not see.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from merian.core.errors import BadData, BadSetting, Unstable
from merian.twin import draws
from merian.twin.ledger import Array, Flow, Ledger
from merian.twin.world import World, latest

__all__ = ["CLOSES", "Engine", "Moment", "Process", "ordered"]

CLOSES = 1e-9
"""How far a budget may be off after one process, as a share of what there is or what moved."""
Moved = dict[str, Mapping[str, Flow]]
"""What moved in one step, by process and budget."""


@dataclass(frozen=True, eq=False, slots=True)
class Moment:
    """When a step happens: its number, the day it begins, its length in days, and the key of the process's own chance."""

    step: int
    day: float
    days: float
    chance: draws.Key


class Process(Protocol):
    """A part of a twin. The first line of its docstring says what it does, the rest gives equations and sources: the ODD page is made of them."""

    @property
    def name(self) -> str:
        """What it is called, in messages and as its stream of chance."""

    @property
    def reads(self) -> tuple[str, ...]:
        """The variables that it reads."""

    @property
    def writes(self) -> tuple[str, ...]:
        """The variables that it changes."""

    def step(self, values: dict[str, Array], moment: Moment) -> Mapping[str, Flow]:
        """Change the arrays of `writes`, in place or by putting others into `values`; say what came into and went out of each budget.

        An axis all of whose arrays are among `writes` may change its length (animals are born and die).
        """


class Engine:
    """Steps a World by processes, `days` at a time.

    Raises BadSetting when the processes cannot be put in order, BadData for one that declares what the ledger has not.
    """

    def __init__(self, world: World, processes: Sequence[Process], days: float) -> None:
        if not (math.isfinite(days) and days > 0):
            raise BadSetting("days", days, "a step lasts more than 0 days")
        self.world, self.days = world, days
        self.processes = ordered(world.ledger, processes)
        self._keys = {process.name: draws.key(world.seed, process.name) for process in self.processes}

    def step(self) -> Moved:
        """Go one step. Raises Unstable where a value leaves its bounds or a budget does not close."""
        moved: Moved = {}
        totals = {name: self.world.total(name) for name in self.world.ledger.budgets}
        for process in self.processes:
            moved[process.name] = self._run(process)
            totals = self._close(process, totals, moved[process.name])
        self.world.step += 1
        self.world.day += self.days
        return moved

    def run(
        self,
        steps: int,
        after: Callable[[World, Moved], None] | None = None,
        folder: Path | None = None,
        every: int = 0,
    ) -> None:
        """Go on until the world has made `steps` steps since its start, calling `after` behind each.

        With `folder` it takes up the last world saved there, if any, and saves its own `every` so many steps and at the end; since chance is drawn by
        counter, a run that was killed and begun again ends with the same bytes.
        """
        found = latest(folder) if folder is not None else None
        if found is not None:
            self.world = World.load(found, self.world.ledger)
        while self.world.step < steps:
            moved = self.step()
            if after is not None:
                after(self.world, moved)
            last = self.world.step == steps
            if folder is not None and (last or (every and self.world.step % every == 0)):
                self.world.save(folder)

    def _run(self, process: Process) -> Mapping[str, Flow]:
        world = self.world
        shown: dict[str, Array] = {}
        for name in (*process.reads, *process.writes):
            shown[name] = world.values[name].view()
            shown[name].flags.writeable = name in process.writes
        flows = process.step(shown, Moment(world.step, world.day, self.days, self._keys[process.name]))
        longer = False
        for name in process.writes:
            longer |= shown[name].shape != world.values[name].shape
            world.values[name] = shown[name]
            at = world.ledger[name].outside(shown[name])
            if at is not None:
                raise Unstable(process.name, name, f"{at} (value {shown[name][at]})", world.step)
        if longer:
            world.ledger.sizes(world.values)
        return flows

    def _close(self, process: Process, before: Mapping[str, float], flows: Mapping[str, Flow]) -> dict[str, float]:
        """The budgets' totals after a process, from those before it. Raises Unstable where one does not close."""
        strange = sorted(set(flows) - set(before))
        if strange:
            raise BadData(f"process {process.name!r}", "moves what the ledger has a budget for", strange)
        after = {}
        for name, was in before.items():
            budget, flow = self.world.ledger.budgets[name], flows.get(name, Flow())
            touched = not budget.of or not set(budget.of).isdisjoint(process.writes)
            now = after[name] = self.world.total(name) if touched else was
            lack = now - was - flow.came + flow.went
            scale = max(abs(was), abs(now), flow.came, flow.went)
            if not (flow.came >= 0 and flow.went >= 0 and abs(lack) <= CLOSES * scale):
                said = f"all ({lack:+g} {budget.unit} unaccounted for)"
                raise Unstable(process.name, name, said, self.world.step)
        return after


def ordered(ledger: Ledger, processes: Sequence[Process]) -> list[Process]:
    """The processes in an order in which what is made anew is made before it is read; among those that may come next, the first given comes first.

    Raises BadData for a variable that the ledger has not, or one made by two processes or by none though one reads it; BadSetting for two processes of
    one name, or when each of some waits for another of them.
    """
    names = [process.name for process in processes]
    if len(set(names)) < len(names):
        raise BadSetting("processes", names, "each has a name of its own")
    makers: dict[str, str] = {}
    for process in processes:
        for variable in process.writes:
            if ledger[variable].kind == "made" and makers.setdefault(variable, process.name) != process.name:
                raise BadData(f"variable {variable!r}", "is made by one process", [makers[variable], process.name])
    waits: dict[str, set[str]] = {}
    for process in processes:
        made = [variable for variable in process.reads if ledger[variable].kind == "made"]
        orphans = [variable for variable in made if variable not in makers]
        if orphans:
            raise BadData(f"process {process.name!r}", "reads what no process makes", orphans)
        waits[process.name] = {makers[variable] for variable in made} - {process.name}
    left, done = list(processes), list[Process]()
    while left:
        ready = next((p for p in left if waits[p.name] <= {d.name for d in done}), None)
        if ready is None:
            raise BadSetting("processes", [p.name for p in left], "each waits for what another of them makes")
        left.remove(ready)
        done.append(ready)
    return done
