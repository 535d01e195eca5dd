"""The description of a twin by the ODD protocol, made of its ledger and its processes, so that it cannot say what the code does not do.

ODD: Overview, Design concepts, Details (Grimm et al. 2006, doi:10.1016/j.ecolmodel.2006.04.023; second update 2020, doi:10.18564/jasss.4259).
"""

from __future__ import annotations

import inspect
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib import resources

from merian import __version__
from merian.core.errors import BadData
from merian.twin.engine import CLOSES, Engine, Process
from merian.twin.ledger import Variable

__all__ = ["Purpose", "odd", "odd_page"]

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


@dataclass(frozen=True, slots=True)
class _Block:
    """A part of the page: a heading (of `level` 1 to 3), words, a list of `lines`, or a table whose first of `rows` is its head."""

    words: str = ""
    level: int = 0
    lines: Sequence[str] = ()
    rows: Sequence[Sequence[str]] = field(default=())


def odd(engine: Engine, purpose: Purpose) -> str:
    """The page as Markdown. Raises BadData for a process or variable that does not say what it does or means."""
    return "\n\n".join(_markdown(block) for block in _blocks(engine, purpose)) + "\n"


def odd_page(engine: Engine, purpose: Purpose) -> str:
    """The same page as HTML, one file. Raises as `odd`."""
    blocks = _blocks(engine, purpose)
    style = resources.files("merian.twin").joinpath("templates/simulation.css").read_text(encoding="utf-8")
    more = (
        "table { border-collapse: collapse; font-size: 0.9rem; display: block; overflow-x: auto; } h3 { margin: 1.2rem 0 0.2rem; } "
        "th, td { text-align: left; vertical-align: top; padding: 0.3rem 1rem 0.3rem 0; border-bottom: 1px solid var(--rule); } "
        "th { font-weight: 400; font-style: italic; color: var(--soft); } pre { white-space: pre-wrap; }"
    )
    head = (
        f'<!doctype html>\n<html lang="en">\n<meta charset="utf-8">\n<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{_escaped(purpose.title)}</title>\n<style>{style}{more}</style>\n"
    )
    return head + "\n".join(_html(block) for block in blocks) + "\n</html>\n"


def _blocks(engine: Engine, purpose: Purpose) -> list[_Block]:
    """The page in its order, the seven elements of the protocol."""
    world = engine.world
    silent = [p.name for p in engine.processes if not (type(p).__doc__ or "").strip()]
    silent += [v.name for v in world.ledger.variables.values() if not v.meaning.strip()]
    if silent:
        raise BadData("ODD page", "each process has a docstring and each variable a meaning", silent)
    sizes = world.ledger.sizes(world.values)
    axes = ", ".join(f"{axis} ({size:,})" for axis, size in sizes.items()) or "none"
    variables: list[tuple[str, ...]] = [("variable", "unit", "over", "bounds", "kind", "meaning")]
    variables += [_variable(v) for v in world.ledger.variables.values()]
    schedule: list[tuple[str, ...]] = [("", "process", "reads", "writes")]
    schedule += [_scheduled(at, p) for at, p in enumerate(engine.processes, 1)]
    return [
        _Block(purpose.title, 1),
        _Block(
            "Written by the ODD protocol (Grimm et al. 2006, 2020), from the ledger and the processes of the model itself."
        ),
        _Block("1. Purpose and patterns", 2),
        _Block(purpose.purpose),
        *([_Block(lines=purpose.patterns)] if purpose.patterns else []),
        _Block("2. Entities, state variables and scales", 2),
        _Block(f"A step lasts {_long(engine.days)}. Axes: {axes}."),
        _Block(rows=variables),
        _Block("3. Process overview and scheduling", 2),
        _Block("In every step, in this order; what is made anew in each step is made before it is read."),
        _Block(rows=schedule),
        _Block("4. Design concepts", 2),
        _Block(lines=_concepts(engine)),
        _Block("5. Initialization", 2),
        _Block(purpose.start),
        _Block("6. Input data", 2),
        _Block(purpose.data),
        _Block("7. Submodels", 2),
        *(block for process in engine.processes for block in _submodel(process)),
        _Block(f"*Made by Merian {__version__}.*"),
    ]


def _variable(variable: Variable) -> tuple[str, ...]:
    over = " × ".join(variable.axes) or "the whole"
    low, high = (f"{limit:g}" if math.isfinite(limit) else "" for limit in (variable.low, variable.high))
    bounds = f"{low} to {high}" if low and high else f"{low} or more" if low else f"{high} or less" if high else "any"
    return variable.name, variable.unit, over, bounds, variable.kind, variable.meaning


def _long(days: float) -> str:
    """So many days in words, in hours where it is less than one."""
    number, unit = (days, "day") if days >= 1 else (24 * days, "hour")
    return f"{number:.3g} {unit}" + ("" if number == 1 else "s")


def _scheduled(at: int, process: Process) -> tuple[str, ...]:
    return str(at), process.name, ", ".join(process.reads), ", ".join(process.writes)


def _concepts(engine: Engine) -> list[str]:
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
    return said


def _submodel(process: Process) -> list[_Block]:
    """The docstring of a process under its name, and the process's own plain numbers (but on how many threads it runs, which changes nothing)."""
    text = inspect.cleandoc(type(process).__doc__ or "")
    numbers = [
        f"`{name}` = {value:g}"
        for name, value in sorted(getattr(process, "__dict__", {}).items())
        if isinstance(value, int | float) and not isinstance(value, bool) and name[0] != "_" and name != "threads"
    ]
    return [_Block(process.name, 3), _Block(text), *([_Block(lines=numbers)] if numbers else [])]


def _markdown(block: _Block) -> str:
    """A block as Markdown."""
    if block.level:
        return f"{'#' * block.level} {block.words}"
    if block.lines:
        return "\n".join(f"- {line}" for line in block.lines)
    if block.rows:
        lines = [block.rows[0], ["---"] * len(block.rows[0]), *block.rows[1:]]
        return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)
    return block.words


def _html(block: _Block) -> str:
    """A block as HTML: of words each paragraph, those that are indented as they stand."""
    if block.level:
        return f"<h{block.level}>{_escaped(block.words)}</h{block.level}>"
    if block.lines:
        return "<ul>" + "".join(f"<li>{_inline(line)}</li>" for line in block.lines) + "</ul>"
    if block.rows:
        head, *rows = block.rows
        cells = "".join(f'<th scope="col">{_escaped(cell)}</th>' for cell in head)
        lines = ["<tr>" + "".join(f"<td>{_escaped(cell)}</td>" for cell in row) + "</tr>" for row in rows]
        return f"<table><tr>{cells}</tr>{''.join(lines)}</table>"
    parts = []
    for paragraph in re.split(r"\n\s*\n", block.words):
        as_it_is = all(line.startswith("    ") for line in paragraph.splitlines())
        parts.append(f"<pre>{_escaped(paragraph)}</pre>" if as_it_is else f"<p>{_inline(paragraph)}</p>")
    return "\n".join(parts)


def _inline(text: str) -> str:
    """Words with what is **strong**, `code`, or *leant* when all of it is."""
    said = re.sub(r"`([^`]+)`", r"<code>\1</code>", re.sub(r"\*\*(.+?)\*\*", r"<strong>\1</strong>", _escaped(text)))
    return re.sub(r"^\*([^*]+)\*$", r"<em>\1</em>", said)


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace('"', "&quot;")
