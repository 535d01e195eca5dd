"""One description per knob: from it come the TOML file, the flag, the help text and the page in the docs.

    @dataclass(frozen=True, kw_only=True)
    class TrainSettings:
        epochs: int = knob(10, "Passes over the training images", ge=1, le=1000)

A key that does not exist, a value of the wrong type or out of bounds is refused with the nearest known key.
"""

from __future__ import annotations

import inspect
import json
import tomllib
import types
from collections.abc import Mapping
from dataclasses import MISSING, Field, dataclass, field, fields
from pathlib import Path
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from merian.core.errors import BadSetting, Missing, nearest

__all__ = ["Knob", "as_toml", "knob", "knobs", "load", "read_toml", "table", "type_name"]

S = TypeVar("S")


@dataclass(frozen=True, slots=True)
class Knob:
    """What is known of one setting besides its name, type and default."""

    help: str
    unit: str = ""
    ge: float | None = None
    gt: float | None = None
    le: float | None = None
    lt: float | None = None
    source: str = ""

    @property
    def bounds(self) -> str:
        """The allowed range in words, empty when any value goes."""
        signs = ((">=", self.ge), (">", self.gt), ("<=", self.le), ("<", self.lt))
        return " and ".join(f"{sign} {limit:g}" for sign, limit in signs if limit is not None)

    def admits(self, value: float) -> bool:
        """Whether `value` lies within the bounds; not-a-number lies within none."""
        return (
            (self.ge is None or value >= self.ge)
            and (self.gt is None or value > self.gt)
            and (self.le is None or value <= self.le)
            and (self.lt is None or value < self.lt)
        )


def knob(
    default: Any,
    help: str,
    *,
    unit: str = "",
    ge: float | None = None,
    gt: float | None = None,
    le: float | None = None,
    lt: float | None = None,
    source: str = "",
) -> Any:
    """A dataclass field with its description, unit, bounds and where its default comes from."""
    return field(default=default, metadata={"knob": Knob(help, unit, ge, gt, le, lt, source)})


def knobs(cls: type) -> dict[str, tuple[Any, Any, Knob]]:
    """Name -> (type, default, Knob) of every setting in `cls`, in the order they were written."""
    hints = get_type_hints(cls)
    return {f.name: (hints[f.name], _default(f), f.metadata["knob"]) for f in fields(cls) if "knob" in f.metadata}


def load(cls: type[S], toml: Path | None = None, given: Mapping[str, object] | None = None, section: str = "") -> S:
    """Settings of type `cls`: its defaults, overridden by a TOML file, overridden by what was `given`.

    `section` names the table of the TOML file to read ("train" reads `[train]`); without one the file's top level is read. A `given` value of None means
    "not given". Raises BadSetting for an unknown key, a wrong type or a value out of bounds, Missing when the file is not there.
    """
    values: dict[str, object] = {}
    if toml is not None:
        values |= read_toml(toml, section)
    values |= {k: v for k, v in (given or {}).items() if v is not None}
    known = knobs(cls)
    checked: dict[str, Any] = {}
    for key, value in values.items():
        if key not in known:
            raise BadSetting(key, value, f"is not a setting; known are {', '.join(known)}", known)
        hint, _, description = known[key]
        checked[key] = _coerce(key, value, hint, description)
    return cls(**checked)


def read_toml(path: Path, section: str = "") -> dict[str, object]:
    """The table `section` of a TOML file (its top level when empty, or when the file has no tables); empty when only other tables are there."""
    if not path.is_file():
        raise Missing("the settings file", path, "give the path of a TOML file")
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BadSetting(str(path), "…", f"is not valid TOML: {error}") from error
    tables = {name for name, value in document.items() if isinstance(value, dict)}
    if not section or not (tables or section in document):
        return document
    if section in tables:
        return dict(document[section])
    close = nearest(section, sorted(tables) + [name for name in document if name == section], 1)
    if close:
        raise BadSetting(close[0], "…", f"in {path} is not the table [{section}]", (section,))
    return {}


def as_toml(settings: object) -> str:
    """The settings as a TOML document with each knob's description as a comment above it."""
    lines: list[str] = []
    for name, (_, _, description) in knobs(type(settings)).items():
        value = getattr(settings, name)
        note = f" [{description.unit}]" if description.unit else ""
        lines.append(f"# {description.help}{note}" + (f" ({description.bounds})" if description.bounds else ""))
        lines.append(f"{name} = {_toml(value)}" if value is not None else f"# {name} =")
    return "\n".join(lines) + "\n"


def table(cls: type) -> str:
    """A Markdown table of every setting: for the docs."""
    rows = ["| setting | type | default | bounds | meaning |", "|---|---|---|---|---|"]
    for name, (hint, default, k) in knobs(cls).items():
        unit = f" [{k.unit}]" if k.unit else ""
        source = f" (source: {k.source})" if k.source else ""
        rows.append(f"| `{name}` | {type_name(hint)} | `{_toml(default)}` | {k.bounds} | {k.help}{unit}{source} |")
    return "\n".join(rows) + "\n"


def type_name(hint: Any) -> str:
    """A type as a person writes it: `a or b` for choices."""
    if get_origin(hint) is Literal:
        return " or ".join(str(a) for a in get_args(hint))
    if get_origin(hint) in (Union, types.UnionType):
        return " or ".join(type_name(a) for a in get_args(hint) if a is not type(None))
    if get_origin(hint) is tuple:
        return f"list of {type_name(get_args(hint)[0])}"
    return hint.__name__ if inspect.isclass(hint) else str(hint)


def _default(f: Field[Any]) -> Any:
    if f.default is not MISSING:
        return f.default
    return f.default_factory() if f.default_factory is not MISSING else None


def _coerce(key: str, value: object, hint: Any, k: Knob) -> Any:
    origin = get_origin(hint)
    if origin in (Union, types.UnionType):
        options = get_args(hint)
        if value is None and type(None) in options:
            return None
        return _coerce(key, value, next(o for o in options if o is not type(None)), k)
    if origin is Literal:
        if value not in get_args(hint):
            allowed = [str(a) for a in get_args(hint)]
            raise BadSetting(key, value, f"must be one of {', '.join(allowed)}")
        return value
    if origin is tuple:
        items = [value] if isinstance(value, str) else value
        if not isinstance(items, list | tuple):
            raise BadSetting(key, value, f"must be a {type_name(hint)}")
        return tuple(_coerce(key, item, get_args(hint)[0], k) for item in items)
    if hint is Path:
        if not isinstance(value, str | Path):
            raise BadSetting(key, value, "must be a path")
        return Path(value)
    right = isinstance(value, hint) and not (hint is not bool and isinstance(value, bool))
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        value, right = float(value), True
    if not right:
        raise BadSetting(key, value, f"must be of type {type_name(hint)}")
    if isinstance(value, int | float) and not isinstance(value, bool) and not k.admits(value):
        raise BadSetting(key, value, f"must be {k.bounds}")
    return value


def _toml(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str | Path):
        # the escapes of TOML are those of JSON, and the delete character
        return json.dumps(str(value), ensure_ascii=False).replace("\x7f", "\\u007f")
    if isinstance(value, tuple):
        return "[" + ", ".join(_toml(v) for v in value) + "]"
    return repr(value)
