"""The description of a twin by the ODD protocol, made of its ledger and its processes, so that it cannot say what the code does not do.

ODD: Overview, Design concepts, Details (Grimm et al. 2006, doi:10.1016/j.ecolmodel.2006.04.023; second update 2020, doi:10.18564/jasss.4259).
"""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from dataclasses import dataclass

from merian import __version__
from merian.core.errors import BadData
from merian.twin.engine import CLOSES, Engine, Process
from merian.twin.ledger import Variable

__all__ = ["Purpose", "odd"]

PURPOSE, START, DATA = (
    "To ask what would happen to an ecosystem under a change, by comparing runs that differ in nothing else.",
    "As the world was given to the engine.",
    "None beyond the world at its start.",
)


@dataclass(frozen=True, slots=True)
class Purpose:
    """What no code tells: the `title`, what the model is for, the patterns it must show, how a world begins, and which data go in."""

    title: str
    purpose: str = PURPOSE
    patterns: Sequence[str] = ()
    start: str = START
    data: str = DATA


def odd(engine: Engine, purpose: Purpose) -> str:
    """The page as Markdown. Raises BadData for a process or variable that does not say what it does or means."""
    world = engine.world
    silent = [p.name for p in engine.processes if not (type(p).__doc__ or "").strip()]
    silent += [v.name for v in world.ledger.variables.values() if not v.meaning.strip()]
    if silent:
        raise BadData("ODD page", "each process has a docstring and each variable a meaning", silent)
    sizes = world.ledger.sizes(world.values)
    axes = ", ".join(f"{axis} ({size:,})" for axis, size in sizes.items()) or "none"
    parts = [
        f"# {purpose.title}",
        "Written by the ODD protocol (Grimm et al. 2006, 2020), from the ledger and the processes of the model itself.",
        "## 1. Purpose and patterns",
        purpose.purpose,
        *([_list(purpose.patterns)] if purpose.patterns else []),
        "## 2. Entities, state variables and scales",
        f"A step lasts {engine.days:g} days. Axes: {axes}.",
        _table(
            ("variable", "unit", "over", "bounds", "kind", "meaning"),
            [_variable(v) for v in world.ledger.variables.values()],
        ),
        "## 3. Process overview and scheduling",
        "In every step, in this order; what is made anew in each step is made before it is read.",
        _table(("", "process", "reads", "writes"), [_scheduled(at, p) for at, p in enumerate(engine.processes, 1)]),
        "## 4. Design concepts",
        _concepts(engine),
        "## 5. Initialization",
        purpose.start,
        "## 6. Input data",
        purpose.data,
        "## 7. Submodels",
        *(_submodel(process) for process in engine.processes),
        f"*Made by Merian {__version__}.*",
    ]
    return "\n\n".join(parts) + "\n"


def _variable(variable: Variable) -> tuple[str, ...]:
    over = " x ".join(variable.axes) or "the whole"
    bounds = f"{variable.low:g} to {variable.high:g}"
    return variable.name, variable.unit, over, bounds, variable.kind, variable.meaning


def _scheduled(at: int, process: Process) -> tuple[str, ...]:
    return str(at), process.name, ", ".join(process.reads), ", ".join(process.writes)


def _concepts(engine: Engine) -> str:
    """What the engine itself does: chance, conservation, bounds."""
    said = [
        "**Stochasticity**: every draw is a function of the seed, the process, who draws and the step (Philox, Salmon et al. 2011), so that runs of one "
        f"seed that differ in a change share all other draws. The seed here is {engine.world.seed}.",
        "**Observation**: every variable may be read after every step; none is changed by reading.",
        "**Bounds**: after every process its variables must lie within their bounds, or the run stops and says where.",
    ]
    for budget in engine.world.ledger.budgets.values():
        said.append(
            f"**Conservation of {budget.name}** ({budget.unit}; {budget.meaning}): what a process says came in and went out must equal the change, to "
            f"{CLOSES:g} of what there is."
        )
    return _list(said)


def _submodel(process: Process) -> str:
    """The docstring of a process under its name."""
    text = inspect.cleandoc(type(process).__doc__ or "")
    numbers = _numbers(process)
    return f"### {process.name}\n\n{text}" + (f"\n\n{_list(numbers)}" if numbers else "")


def _numbers(process: Process) -> list[str]:
    """The process's own plain numbers, by name."""
    return [
        f"`{name}` = {value:g}"
        for name, value in sorted(getattr(process, "__dict__", {}).items())
        if isinstance(value, int | float) and not isinstance(value, bool) and not name.startswith("_")
    ]


def _list(lines: Sequence[str]) -> str:
    return "\n".join(f"- {line}" for line in lines)


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)
