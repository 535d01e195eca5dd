"""A recipe run as a whole: the command lines in its `steps`, one after another, in a folder of its own."""

from __future__ import annotations

import contextlib
import os
import shlex
from collections.abc import Mapping
from pathlib import Path

from merian.cli.say import bold, say
from merian.core.errors import BadSetting
from merian.core.settings import read_toml

__all__ = ["follow", "steps_of"]


def steps_of(recipe: Path, source: Path | None = None) -> list[list[str]]:
    """The command lines of a recipe as arguments of `merian`, `{source}` replaced by the path `source`.

    Raises BadSetting for a recipe without steps, with a step that is no verb, or with a `{source}` that was not given.
    """
    from merian.cli.main import VERBS

    document = read_toml(recipe)
    steps = document.get("steps")
    if not isinstance(steps, list) or not steps or not all(isinstance(step, str) for step in steps):
        raise BadSetting(
            "steps", steps, f"is no list of commands: {recipe} holds settings only; give them as --settings"
        )
    lines = []
    for step in steps:
        words = shlex.split(step)
        if not words or words[0] not in VERBS:
            raise BadSetting("steps", step, f"in {recipe} must begin with a verb of merian", list(VERBS))
        if "{source}" in words and source is None:
            raise BadSetting("source", "", f"is needed by {recipe}: give --source, the photos that it begins with")
        words = [str(source.resolve()) if source is not None and word == "{source}" else word for word in words]
        lines.append(words + (["--settings", str(recipe.resolve())] if words[0] in document else []))
    return lines


def follow(recipe: Path, folder: Path, source: Path | None, given: Mapping[str, object], overwrite: bool) -> int:
    """Run the steps of `recipe` in `folder`, those of `merian train` with the settings `given`; the exit code of the first that fails, else 0.

    Finished steps are skipped by their verbs, so the same command goes on where it stopped.
    """
    if int(os.environ.get("WORLD_SIZE", "1")) > 1:
        raise BadSetting(
            "steps", str(recipe), "are run by one process: under torchrun, run the step that trains by itself"
        )
    lines = steps_of(recipe, source)
    folder.mkdir(parents=True, exist_ok=True)
    with contextlib.chdir(folder):
        for number, words in enumerate(lines, 1):
            words = (_with(words, given) if words[0] == "train" else words) + (["--overwrite"] if overwrite else [])
            say(f"\n[bold]{number} of {len(lines)}[/bold]  merian {bold(shlex.join(words))}")
            if code := _run(words):
                return code
    return 0


def _run(words: list[str]) -> int:
    """The exit code of a step; refused rows do not stop a recipe."""
    from merian.cli.main import run
    from merian.cli.say import REFUSED

    code = run(words)
    return 0 if code == REFUSED else code


def _with(words: list[str], given: Mapping[str, object]) -> list[str]:
    """A step that trains, with the settings `given` in the place of its own: those that it writes as --name=value."""
    names = tuple(f"--{name.replace('_', '-')}=" for name in given)
    return [word for word in words if not (names and word.startswith(names))] + _flags(given)


def _flags(given: Mapping[str, object]) -> list[str]:
    """Settings as flags; one of several values is given as often."""
    each = [(name, v) for name, value in given.items() for v in (value if isinstance(value, tuple) else (value,))]
    return [f"--{name.replace('_', '-')}={value}" for name, value in each]
