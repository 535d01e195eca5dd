"""Settings as flags: each knob of a settings class becomes an option of the verb, with its help, unit and bounds."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, get_type_hints

from cyclopts import Group, Parameter

from merian.core import settings as core

__all__ = ["with_settings"]

SETTINGS = Group("Settings", sort_key=10)


def with_settings(cls: type, section: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """A decorator: the verb's parameter `settings` is filled from `--settings FILE.toml` (table `section`) and one flag per knob of `cls`.

    A parameter `given_flags`, where the verb has one, gets the flags alone, `--settings` among them.
    """

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        hints = get_type_hints(function, include_extras=True)
        taken = inspect.signature(function).parameters
        own = [p.replace(annotation=hints[n]) for n, p in taken.items() if n not in ("settings", "given_flags")]
        file = Annotated[
            Path | None,
            Parameter(
                name="--settings",
                help=f"A TOML file of settings (table [{section}]); flags win over it.",
                group=SETTINGS,
            ),
        ]
        flags = [_parameter("settings_file", file)]
        for name, (hint, default, knob) in core.knobs(cls).items():
            flags.append(_parameter(name, Annotated[hint | None, _flag(default, knob)]))

        @functools.wraps(function)
        def verb(*args: Any, **kwargs: Any) -> Any:
            toml = kwargs.pop("settings_file", None)
            given = {name: value for name in core.knobs(cls) if (value := kwargs.pop(name, None)) is not None}
            if "given_flags" in taken:
                kwargs["given_flags"] = given | ({} if toml is None else {"settings": toml})
            return function(*args, settings=core.load(cls, toml, given, section), **kwargs)

        signature = inspect.Signature([*own, *flags], return_annotation=hints.get("return"))
        verb.__signature__ = signature  # type: ignore[attr-defined]
        verb.__annotations__ = {p.name: p.annotation for p in signature.parameters.values()}
        return verb

    return decorate


def _parameter(name: str, annotation: Any) -> inspect.Parameter:
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=annotation)


def _flag(default: object, knob: core.Knob) -> Parameter:
    shown = ", ".join(map(str, default)) if isinstance(default, tuple) else default
    extra = [knob.unit, knob.bounds, f"default {shown}" if shown != "" else ""]
    facts = "; ".join(x for x in extra if x)
    return Parameter(help=knob.help + (f" [{facts}]" if facts else ""), show_default=False, group=SETTINGS)
