"""What the verbs say to a person: on standard error, so that standard output stays data."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from rich.console import Console

    from merian.core.tables import Catalog

__all__ = ["REFUSED", "bold", "escaped", "heading", "of_catalog", "path_of", "say"]

REFUSED = 3
"""Exit code: done, with refused rows."""


@functools.cache
def _console() -> Console:
    from rich.console import Console

    return Console(stderr=True, highlight=False)


def say(text: str) -> None:
    """Print a line; rich markup is understood."""
    _console().print(text, soft_wrap=True)


def escaped(text: str) -> str:
    """Text from outside, as markup: brackets in it are no markup."""
    from rich.markup import escape

    return str(escape(text))


def bold(text: str) -> str:
    """Text from outside in bold, as markup."""
    return f"[bold]{escaped(text)}[/bold]"


def path_of(path: Path) -> str:
    """A path in bold, as markup."""
    return bold(str(path))


def heading(number: int, title: str, explanation: str) -> None:
    """Print the heading of a step of the tour, and what it does."""
    say(f"\n[bold]{number}  {title}[/bold]\n   [dim]{explanation}[/dim]")


def of_catalog(catalog: Catalog) -> str:
    """One paragraph that says what a catalog holds and what it refused."""
    kept, tree = catalog.kept(), catalog.tree
    splits = ", ".join(f"{n:,} {split or 'in no split'}" for split, n in kept["split"].value_counts(sort=True).rows())
    lines = [
        f"   {len(kept):,} of {len(catalog):,} images kept ({splits}); {len(tree.at('species')):,} species in the taxonomy"
    ]
    refused = [f"{n:,} {reason}" for reason, n in catalog.refused().rows()]
    if refused:
        lines.append("   refused: " + ", ".join(refused))
    return "\n".join(lines)
