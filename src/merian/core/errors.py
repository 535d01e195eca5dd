"""The errors of Merian. A message says what (with the value), where, and what to do.

MerianError
├── BadSetting     which key, its value, what is allowed, the nearest known key
├── BadData        file, row, column, value, rule; the first ten only
├── UnknownTaxon   name, three nearest names, the Tree's version
├── Mismatch       two things that do not belong together: both fingerprints or shapes
├── Missing        where it looked, how to get it
├── MissingExtra   the pip command
└── Unstable       process, variable, cell, step: the twin stopped being physical
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence

__all__ = [
    "BadData",
    "BadSetting",
    "MerianError",
    "Mismatch",
    "Missing",
    "MissingExtra",
    "UnknownTaxon",
    "Unstable",
    "nearest",
]

SHOWN = 10
"""How many offending rows a message quotes; the rest are counted."""


def nearest(word: str, known: Iterable[str], n: int = 3) -> list[str]:
    """The up to `n` known words most like `word`, best first, without regard to case."""
    by_fold = {k.casefold(): k for k in known}
    return [by_fold[m] for m in difflib.get_close_matches(word.casefold(), by_fold, n=n, cutoff=0.6)]


class MerianError(Exception):
    """Anything that Merian refuses to do, said so that a person can act on it. It travels whole from worker processes."""

    def __reduce__(self) -> tuple[object, ...]:
        return _again, (type(self), self.args), self.__dict__


def _again(kind: type[MerianError], args: tuple[object, ...]) -> MerianError:
    error = kind.__new__(kind)
    error.args = args
    return error


class BadSetting(MerianError):
    """A setting that does not exist, or whose value is not allowed."""

    def __init__(self, key: str, value: object, allowed: str, known: Iterable[str] = ()) -> None:
        self.key, self.value, self.allowed = key, value, allowed
        meant = _meant(key, value, list(known))
        super().__init__(f"setting {key!r} = {value!r}: {allowed}" + (f"; did you mean {meant!r}?" if meant else ""))


def _meant(key: str, value: object, known: list[str]) -> str:
    """The known word that is most like the key or, where that is a word too, the value; nothing where neither is like any, or is one."""
    words = [key] if not isinstance(value, str) or value in known else [key, value]
    close = [(word, found[0]) for word in words if (found := nearest(word, known, 1)) and found[0] not in words]
    alike = {found: difflib.SequenceMatcher(None, found.casefold(), word.casefold()).ratio() for word, found in close}
    return max(alike, key=lambda found: alike[found], default="")


class BadData(MerianError):
    """Input that breaks a rule; quotes the first ten offenders and counts the others."""

    def __init__(self, where: object, rule: str, offenders: Sequence[object] = ()) -> None:
        self.where, self.rule, self.offenders = where, rule, list(offenders)
        shown = ", ".join(str(o) for o in self.offenders[:SHOWN])
        more = f" and {len(self.offenders) - SHOWN} more" if len(self.offenders) > SHOWN else ""
        super().__init__(f"{where}: {rule}" + (f" ({shown}{more})" if shown else ""))


class UnknownTaxon(MerianError):
    """A name that the Tree does not hold, or holds more than once."""

    def __init__(self, name: str, known: Iterable[str], version: str, why: str = "is not in the tree") -> None:
        self.name, self.version = name, version
        self.candidates = nearest(name, known)
        hint = f"; nearest: {', '.join(self.candidates)}" if self.candidates else ""
        super().__init__(f"taxon {name!r} {why} (tree {version}){hint}")


class Mismatch(MerianError):
    """Two things that do not belong together."""

    def __init__(self, what: str, first: object, second: object, remedy: str = "") -> None:
        self.first, self.second = first, second
        super().__init__(f"{what} do not belong together: {first} and {second}" + (f"; {remedy}" if remedy else ""))


class Missing(MerianError):
    """Something that should be there: where it was looked for, and how to get it."""

    def __init__(self, what: str, where: object, remedy: str) -> None:
        self.where = where
        super().__init__(f"{what} not found at {where}; {remedy}")


class MissingExtra(MerianError):
    """A library that comes with an extra which is not installed."""

    def __init__(self, library: str, extra: str) -> None:
        self.library, self.extra = library, extra
        super().__init__(f"this needs {library}; install it with: pip install 'merian[{extra}]'")


class Unstable(MerianError):
    """The twin stopped being physical."""

    def __init__(self, process: str, variable: str, cell: object, step: int) -> None:
        super().__init__(f"process {process!r} made {variable!r} unphysical in cell {cell} at step {step}")
