"""Which photos a person means: files, folders, globs, lists and standard input, each once, in order."""

from __future__ import annotations

import glob
import inspect
import os
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, fields, is_dataclass
from pathlib import Path

from merian.core.errors import BadData, BadSetting, nearest

__all__ = ["Photos", "expand", "options_of", "shown"]

SUFFIXES = frozenset((".jpg", ".jpeg", ".png", ".gif", ".webp", ".tif", ".tiff", ".bmp", ".jp2", ".avif"))


@dataclass
class Photos:
    """The paths to look at, and the ones refused before looking, with the reason."""

    paths: list[Path] = field(default_factory=list)
    refused: list[tuple[str, str]] = field(default_factory=list)


def shown(path: Path) -> str:
    """The path as text: a file name need not be, and what is not becomes `\\xff`, so that its row can be written."""
    return os.fsencode(path).decode(errors="backslashreplace")


def options_of(verb: Callable[..., object]) -> list[str]:
    """The flags that are spelled like the parameters of a verb, and like the fields of those that group flags, for whoever mistypes one."""
    flags = [p for p in inspect.signature(verb).parameters.values() if p.kind is p.KEYWORD_ONLY]
    names = [name.name for p in flags for name in (fields(p.default) if is_dataclass(p.default) else (p,))]
    return [f"--{name.replace('_', '-')}" for name in names]


def expand(given: Sequence[Path], stdin: Iterable[str] | None = None, options: Sequence[str] = ()) -> Photos:
    """The photos that arguments name: a file, a folder (all images below), a glob, @list.txt (a path per line), or - (a list on `stdin`).

    A path that does not exist stays in the list, to become a row with a reason; one named twice, and a folder, glob or list without photos, is refused.
    Raises BadData when nothing at all is named, BadSetting for what looks like an option (naming the nearest of `options`).
    """
    photos, seen = Photos(), set()
    for item in given:
        named = _named(str(item), sys.stdin if stdin is None else stdin, options)
        if not named:
            photos.refused.append((str(item), "no photos there"))
        for path in named:
            key = path.absolute()
            if key in seen:
                photos.refused.append((shown(path), "named twice"))
            else:
                seen.add(key)
                photos.paths.append(path)
    if not photos.paths:
        raise BadData(
            ", ".join(str(g) for g in given) or "no arguments",
            f"no photos there (looked for {' '.join(sorted(SUFFIXES))})",
        )
    return photos


def _named(item: str, stdin: Iterable[str], options: Sequence[str]) -> list[Path]:
    if item.startswith("-") and item != "-" and not Path(item).exists():
        # without the dashes, which all have and which would make any two alike
        close = nearest(item.partition("=")[0].lstrip("-"), [option.lstrip("-") for option in options], 1)
        hint = f"did you mean '--{close[0]}'?" if close else "--help lists them"
        raise BadSetting("option", item, f"is not an option of this verb; {hint}")
    if item == "-":
        return [Path(line.strip()) for line in stdin if line.strip()]
    if item.startswith("@") and not Path(item).exists():
        listing = Path(item[1:])
        if not listing.is_file():
            raise BadData(listing, "this list of photos does not exist")
        try:
            lines = listing.read_text(encoding="utf-8-sig").splitlines()
        except UnicodeDecodeError as error:
            raise BadData(listing, "a list of photos is a text file with a path in each line") from error
        return [listing.parent / line.strip() for line in lines if line.strip() and not line.startswith("#")]
    path = Path(item)
    if path.is_dir():
        found = (p for p in path.rglob("*") if p.suffix.lower() in SUFFIXES and not p.name.startswith("."))
        return sorted(p for p in found if p.is_file())
    if not path.exists() and glob.has_magic(item):
        matches = sorted(Path(p) for p in glob.glob(item, recursive=True))  # noqa: PTH207 - absolute patterns too
        return [p for p in matches if p.is_file()]
    return [path]
