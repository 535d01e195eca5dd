"""Scenarios that ship with Merian, as facts with sources (scenarios/*.toml), each with the direction in which species are expected to go."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from merian.core.errors import BadData, BadSetting
from merian.core.settings import read_toml
from merian.twin.scenario import Scenario, read_scenario

__all__ = ["SCENARIOS", "Shipped", "scenario_file", "shipped_scenario"]

FOLDER = Path(__file__).parent / "scenarios"
SCENARIOS = tuple(sorted(path.stem for path in FOLDER.glob("*.toml")))
"""Names that `merian simulate` takes in place of a file."""
Way = Literal["falls", "rises"]
TIERS = ("web", "grid", "herds", "cohorts")


@dataclass(frozen=True)
class Shipped:
    """A shipped scenario: its `name`, what it is `about` in a line, the worked `ecosystem` that it was written for, the simplest `tier` that knows it, the way
    in which species are expected to go in nine of ten runs over twelve years (`expect`), and its `sources`."""

    name: str
    about: str
    ecosystem: str
    tier: str
    expect: Mapping[str, Way]
    sources: tuple[str, ...]
    scenario: Scenario


def scenario_file(name: str) -> Path:
    """The TOML file of this path, or the shipped scenario of this name. Raises BadSetting for what is neither."""
    path = Path(name)
    if path.is_file():
        return path
    if name in SCENARIOS:
        return FOLDER / f"{name}.toml"
    raise BadSetting("scenario", name, f"is a TOML file, or one of {', '.join(SCENARIOS)}", SCENARIOS)


def shipped_scenario(name: str) -> Shipped:
    """The shipped scenario of this name. Raises BadSetting for another one, BadData for a file that does not say what it must."""
    path = scenario_file(name)
    document: dict[str, Any] = dict(read_toml(path))
    about, ecosystem, expect = (document.get(key, "") for key in ("about", "ecosystem", "expect"))
    sources, tier = document.get("sources", []), document.get("tier", "web")
    if not (
        isinstance(about, str) and about and isinstance(ecosystem, str) and ecosystem and sources and tier in TIERS
    ):
        raise BadData(path, "a shipped scenario says what it is about, for which ecosystem and tier, and gives sources")
    if not isinstance(expect, dict) or not set(expect.values()) <= {"falls", "rises"}:
        raise BadData(path, "a shipped scenario says of some species whether it falls or rises")
    return Shipped(name, about, ecosystem, tier, expect, tuple(sources), read_scenario(path))
