"""A benchmark task: a short TOML file that says where a data set is, how it is laid out, what is asked of it, and what others have published on it.

A file has the settings of `Task` at its top, the layout's own under [options], and [[published]] numbers. The built-in ones stand in tasks/, collections of
them in suites/; a user's own is given by its path. docs/how/benchmarks.md tells how to write one.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path, PurePosixPath
from typing import Any, Literal

from merian.core.errors import BadData, BadSetting, Missing, nearest
from merian.core.settings import knob, load, read_toml
from merian.evaluate.benchmarks.items import Items, settle
from merian.evaluate.benchmarks.layouts import LAYOUTS
from merian.evaluate.benchmarks.prompts import TEMPLATES, checked

__all__ = ["ALL", "Protocol", "Published", "Suite", "Task", "read", "suites", "tasks"]

Protocol = Literal["zero-shot", "few-shot", "binary", "attributes", "discovery", "ranks", "probe"]
HERE = Path(__file__).parent
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")
TAKEN = ("suite", "encoder", "trained")
"""Words that stand for something else where tasks are called by their names."""
ALL = "all"
"""The word for every built-in task."""


@dataclass(frozen=True, kw_only=True)
class Published:
    """A number that others report. value: percent, as printed. protocol: what was asked ("zero-shot", "1-shot", "ranks.species", "probe.macro-f1" ...)."""

    model: str = knob("", "Name of the model")
    protocol: str = knob("", "What was asked of it")
    value: float = knob(-1.0, "The number", unit="percent", ge=0, le=100)
    source: str = knob("", "Where it is printed")


@dataclass(frozen=True, kw_only=True)
class Task:
    """What is asked of one data set. options: the layout's own (LAYOUTS[layout].options). published: numbers of others."""

    name: str = knob("", "What the task is called on the command line")
    title: str = knob("", "What it is called in a table")
    cite: str = knob("", "The paper of the data set")
    url: str = knob("", "Where to get the data set")
    folder: str = knob("", "Its folder below the one given with --data; . is that folder itself")
    layout: str = knob("", f"How it is distributed: {', '.join(LAYOUTS)}")
    protocols: tuple[Protocol, ...] = knob((), "What is asked")
    prompt: Literal["asis", "clean", "taxon_com", "common"] = knob(
        "asis", "How a class becomes text in zero-shot naming"
    )
    templates: tuple[str, ...] = knob(
        ("photo",), f"Texts around the class, {{c}} its place, averaged; sets of them are {', '.join(TEMPLATES)}"
    )
    classes: Literal["sample", "all"] = knob(
        "sample", "Whether the classes are a sample of more (species) or all there are (sexes): what intervals are over"
    )
    notes: str = knob("", "What a reader of the numbers must know")
    options: Any = None
    published: tuple[Published, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Suite:
    """Tasks whose mean is published: the numbers are of the unweighted mean over `tasks`."""

    name: str = knob("", "What the collection is called on the command line")
    title: str = knob("", "What it is called in a table")
    tasks: tuple[str, ...] = knob((), "The tasks that the mean is over")
    notes: str = knob("", "What a reader of the numbers must know")
    published: tuple[Published, ...] = ()


def tasks(names: Sequence[str]) -> list[Task]:
    """The tasks called `names`, each once, in that order: "all", built-in tasks, suites, or paths of TOML files of one's own.

    Raises BadSetting for a name that is none of these, with the nearest; Missing for a file that is not there.
    """
    found: dict[str, Task] = {}
    known = _files("tasks")
    groups = {suite.name: suite.tasks for suite in suites()}
    for name in names:
        if name.endswith(".toml"):
            chosen = [_task(Path(name))]
        elif name == ALL or name in known or name in groups:
            members = list(known) if name == ALL else groups.get(name, (name,))
            chosen = [_built_in(member) for member in members]
        else:
            close = nearest(name, [*known, *groups, ALL])
            hint = f"did you mean {' or '.join(close)}?" if close else f"known are {', '.join([ALL, *groups, *known])}"
            raise BadSetting("tasks", name, f"is no task, no suite and no .toml file; {hint}")
        for task in chosen:
            if task.name in found and found[task.name] != task:
                raise BadSetting("tasks", name, f"is a second task of the name {task.name!r}")
            twin = next((other.name for other in found.values() if other.title == task.title), task.name)
            if twin != task.name:
                raise BadSetting(
                    "tasks", name, f"has the title {task.title!r} of task {twin!r}: tables call tasks by it"
                )
            found[task.name] = task
    if not found:
        raise BadSetting("tasks", list(names), f"names no task; {ALL} is every built-in one")
    return list(found.values())


@cache
def suites() -> tuple[Suite, ...]:
    """The built-in suites, by name."""
    found = []
    for path in _files("suites").values():
        values, published, _ = _document(path)
        found.append(replace(_loaded(Suite, values, path), published=published))
    return tuple(found)


def read(task: Task, data: Path) -> Items:
    """The images of a task, whose data set lies in the folder `task.folder` of `data`.

    Raises Missing when the folder is not there (with where to get it) or none of its images are, BadData for a broken file, BadSetting when the task asks for
    what the data set does not tell.
    """
    root = data / task.folder
    if not root.is_dir():
        raise Missing(f"the data set {task.title}", root, f"get it from {task.url} and unpack it there")
    try:
        return settle(LAYOUTS[task.layout].read(root, task.options), root, task.prompt)
    except BadSetting as error:
        raise BadSetting(f"{task.name}: {error.key}", error.value, error.allowed) from error
    except OSError as error:
        raise BadData(error.filename or root, f"cannot be read: {error.strerror or error}") from error


def _files(folder: str) -> dict[str, Path]:
    return {path.stem: path for path in sorted((HERE / folder).glob("*.toml"))}


@cache
def _built_in(name: str) -> Task:
    return _task(_files("tasks")[name])


def _task(path: Path) -> Task:
    """The Task of a TOML file; raises BadSetting with the file's name."""
    values, published, options = _document(path)
    task: Task = _loaded(Task, values, path)
    for name in ("name", "title", "url", "folder", "layout", "protocols"):
        if not getattr(task, name):
            raise BadSetting(f"{path.name}: {name}", getattr(task, name), "must be given")
    if not NAME.fullmatch(task.name) or task.name in TAKEN:
        raise BadSetting(
            f"{path.name}: name", task.name, f"must be letters, digits, - and _, and none of {', '.join(TAKEN)}"
        )
    if len(set(task.protocols)) < len(task.protocols):
        raise BadSetting(f"{path.name}: protocols", list(task.protocols), "must name each protocol once")
    place = PurePosixPath(task.folder)
    if place.is_absolute() or ".." in place.parts:
        raise BadSetting(f"{path.name}: folder", task.folder, "must lie below the folder given with --data")
    if task.layout not in LAYOUTS:
        close = nearest(task.layout, LAYOUTS, 1)
        hint = f"; did you mean {close[0]!r}?" if close else ""
        raise BadSetting(f"{path.name}: layout", task.layout, f"must be one of {', '.join(LAYOUTS)}{hint}")
    try:
        checked(task.templates)
    except BadSetting as error:
        raise BadSetting(f"{path.name}: {error.key}", error.value, error.allowed) from error
    settings = _loaded(LAYOUTS[task.layout].options, options, path, "options.")
    return replace(task, options=settings, published=published)


def _document(path: Path) -> tuple[dict[str, object], tuple[Published, ...], Mapping[str, object]]:
    """The settings at the top of a TOML file, its [[published]] numbers and its [options]."""
    values = read_toml(path)
    numbers, options = values.pop("published", []), values.pop("options", {})
    if not isinstance(options, dict):
        raise BadSetting(f"{path.name}: options", options, "must be a table: [options]")
    if not isinstance(numbers, list) or not all(isinstance(entry, dict) for entry in numbers):
        raise BadSetting(f"{path.name}: published", numbers, "must be tables: [[published]]")
    published = []
    for k, entry in enumerate(numbers, 1):
        number: Published = _loaded(Published, entry, path, f"published {k}, ")
        lacking = [name for name in ("model", "protocol", "source") if not getattr(number, name)]
        if lacking or number.value < 0:
            raise BadSetting(f"{path.name}: published {k}", entry, f"must give {', '.join([*lacking, 'value'])}")
        published.append(number)
    return values, tuple(published), options


def _loaded(kind: type[Any], values: Mapping[str, object], path: Path, before: str = "") -> Any:
    try:
        return load(kind, given=values)
    except BadSetting as error:
        # the nearest known key, if there is one, stands in the message already
        raise BadSetting(f"{path.name}: {before}{error.key}", error.value, str(error).split(": ", 1)[1]) from error
