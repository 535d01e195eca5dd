"""Progress that a terminal shows as a bar, a pipe does not see, and the web page can listen to."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

__all__ = ["Advance", "Listener", "listen", "track"]

Listener = Callable[[str, int, int, str], None]
"""Called with (title, done, total, note) at each advance."""

_bar: ContextVar[Progress | None] = ContextVar("merian_progress_bar", default=None)
_listener: ContextVar[Listener | None] = ContextVar("merian_progress_listener", default=None)


class Advance(Protocol):
    """Says that `n` more units are done, and what is worth a word."""

    def __call__(self, n: int = 1, note: str = "") -> None: ...


@contextlib.contextmanager
def listen(listener: Listener) -> Iterator[None]:
    """Send all progress made inside the block to `listener` instead of the terminal."""
    token = _listener.set(listener)
    try:
        yield
    finally:
        _listener.reset(token)


@contextlib.contextmanager
def track(title: str, total: int, unit: str = "", done: int = 0) -> Iterator[Advance]:
    """A counter from `done` to `total` shown while the block runs: a rich bar on a terminal, nothing in a pipe."""
    listener = _listener.get()
    count = done
    if listener is not None:

        def tell(n: int = 1, note: str = "") -> None:
            nonlocal count
            count += n
            listener(title, count, total, note)

        yield tell
        return
    if not sys.stderr.isatty():
        yield lambda n=1, note="": None
        return
    outer = _bar.get()
    if outer is not None:
        # a counter inside another is a line below it, gone when it is done
        task = outer.add_task(title, total=total, completed=done, note="", unit=unit)
        try:
            yield _advance(outer, task)
        finally:
            outer.remove_task(task)
        return
    with _new_bar() as bar:
        token = _bar.set(bar)
        try:
            yield _advance(bar, bar.add_task(title, total=total, completed=done, note="", unit=unit))
        finally:
            _bar.reset(token)


def _new_bar() -> Progress:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("  {task.description:<28}"),
        BarColumn(bar_width=32),
        MofNCompleteColumn(),
        TextColumn("{task.fields[unit]}"),
        TimeRemainingColumn(compact=True, elapsed_when_finished=True),
        TextColumn("[dim]{task.fields[note]}"),
    )
    return Progress(*columns, console=Console(stderr=True), refresh_per_second=5)


def _advance(bar: Progress, task: TaskID) -> Advance:
    def advance(n: int = 1, note: str = "") -> None:
        if note:
            bar.update(task, advance=n, note=note)
        else:
            bar.update(task, advance=n)

    return advance
