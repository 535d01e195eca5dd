"""The eyes of species, as facts: each with the grade of its evidence and its source (species.toml). A fact that nobody knows is not there."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

from merian.core.errors import BadData, BadSetting, nearest
from merian.core.settings import read_toml
from merian.twin.foodweb import Doubles
from merian.twin.senses.optics import LIGHTS, projection, sees_body_at_m
from merian.twin.senses.receptors import PEAKS_NM, receptor_matrix

__all__ = ["FACTS", "GRADES", "Eyes", "Fact", "Pair", "all_eyes", "eyes_of", "read_eyes"]

GRADES: Mapping[str, str] = {
    "A": "measured",
    "B": "estimated from anatomy",
    "P": "taken from a relative",
    "D": "from the size of the body",
}
"""Grades of evidence and their meaning."""
FACTS: Mapping[str, tuple[str, float, float, str]] = {
    "eye_height_m": ("m", 0.0005, 1000.0, "Height of the eye above ground"),
    "field_deg": ("degrees", 1.0, 360.0, "Width of the field of both eyes"),
    "binocular_deg": ("degrees", 0.0, 360.0, "Width of the part that both eyes see"),
    "acuity_cpd": (
        "cycles per degree",
        0.01,
        200.0,
        "Finest stripes that are told apart in daylight, where it sees best",
    ),
    "receptors_nm": ("nm", *PEAKS_NM, "Peaks of the receptors of daylight"),
    "ultraviolet": ("1", 0.0, 1.0, "Share of the light of 300 to 400 nm that reaches the receptors"),
    "twilight": ("1", 0.0, 1.0, "Share of its acuity that is left at twilight, where measured"),
    "night": ("1", 0.0, 1.0, "And on a night without moon"),
    "dim": ("1", 0.01, 1000.0, "How many times less light it needs than a human"),
    "flicker_hz": ("Hz", 1.0, 1000.0, "Fastest flicker that is seen in bright light"),
}
"""Facts with unit, bounds and meaning."""
NEEDED = ("eye_height_m", "field_deg", "acuity_cpd", "receptors_nm")
FILE = Path(__file__).with_name("species.toml")


@dataclass(frozen=True, slots=True)
class Fact:
    """`values` (one, but for receptors), the `grade` of the evidence, the `source`, and the range from `low` to `high` where there is one."""

    values: tuple[float, ...]
    grade: str
    source: str
    low: float | None = None
    high: float | None = None

    @property
    def value(self) -> float:
        """The one value."""
        return self.values[0]

    @property
    def words(self) -> str:
        """The value with its range and grade: "13 (10 to 13), taken from a relative"."""
        shown = "/".join(f"{value:g}" for value in self.values)
        between = f" ({self.low:g} to {self.high:g})" if self.low is not None else ""
        return f"{shown}{between}, {GRADES[self.grade]}"


@dataclass(frozen=True, slots=True)
class Pair:
    """One pair of more than one: where the right eye looks (degrees from ahead, and up), how wide and high it sees, by how much it scans either way."""

    called: str
    ahead_deg: float
    up_deg: float
    wide_deg: float
    high_deg: float
    scans_deg: float
    acuity_cpd: float
    colour: bool
    grade: str
    source: str


@dataclass(frozen=True, eq=False)
class Eyes:
    """How one species sees: `facts` by name (FACTS), and its `pairs` of eyes where it has more than one."""

    name: str
    common: str
    facts: Mapping[str, Fact]
    pairs: tuple[Pair, ...] = ()
    stands_for: tuple[str, ...] = ()
    also: tuple[str, ...] = ()
    rods: bool = True
    """Whether it has rods for the night; eyes of insects and spiders have none, and keep their colours."""

    def __getitem__(self, fact: str) -> float:
        """The value of a fact of one value. Raises KeyError where it is not known."""
        return self.facts[fact].value

    @functools.cached_property
    def matrix(self) -> Doubles:
        """What its receptors catch of linear red, green, blue and ultraviolet: [r, 4]."""
        share = self.facts.get("ultraviolet")
        return receptor_matrix(self.facts["receptors_nm"].values, 0.0 if share is None else share.value)

    def acuity(self, light: str = "day") -> float:
        """Cycles per degree in a light of LIGHTS: by its own measurements where there are any, else as LIGHTS says of all."""
        if light not in LIGHTS:
            raise BadSetting("light", light, f"is one of {', '.join(LIGHTS)}", LIGHTS)
        if light in self.facts:
            return self["acuity_cpd"] * self[light]
        return min(self["acuity_cpd"] * LIGHTS[light].acuity, LIGHTS[light].most_cpd)

    def sees_at_m(self, size_m: float, light: str = "day") -> float:
        """How far off it can make out a body of this size (optics.sees_body_at_m)."""
        return float(sees_body_at_m(size_m, self.acuity(light)))

    def described(self) -> dict[str, Any]:
        """All of it as JSON can hold it, with what a viewer needs ready made: the receptor matrix and the projection."""
        facts = {
            name: {
                "value": list(fact.values) if name == "receptors_nm" else fact.value,
                "unit": FACTS[name][0],
                "grade": fact.grade,
                "source": fact.source,
                "low": fact.low,
                "high": fact.high,
            }
            for name, fact in self.facts.items()
        }
        return {
            "name": self.name,
            "common": self.common,
            "facts": facts,
            "matrix": self.matrix.round(6).tolist(),
            "projection": projection(self["field_deg"]),
            "rods": self.rods,
            "pairs": [{name: getattr(pair, name) for name in Pair.__slots__} for pair in self.pairs],
        }


@functools.cache
def all_eyes() -> tuple[Eyes, ...]:
    """All species of the table, and those that others stand for."""
    return read_eyes(FILE)


def eyes_of(name: str) -> Eyes:
    """The eyes of a species by its scientific or common name, or a word of the common name that only one has ("zebra").

    Raises BadSetting for a name that none or several have, with the nearest.
    """
    wanted = " ".join(name.casefold().split())
    known = all_eyes()
    for eyes in known:
        if wanted in {text.casefold() for text in (eyes.name, eyes.common, *eyes.also)}:
            return eyes
    found = [eyes for eyes in known if wanted in eyes.common.casefold().split()]
    if len(found) == 1:
        return found[0]
    names = [eyes.common for eyes in found or known]
    rule = "is the name of several: say which" if found else "is no species whose eyes are in the table"
    near = names if found else nearest(name, [*names, *(eyes.name for eyes in known)])
    raise BadSetting("species", name, rule + (f" ({', '.join(near)})" if near else ""), names)


def read_eyes(path: Path) -> tuple[Eyes, ...]:
    """The eyes in a TOML file in the form of species.toml. Raises BadData for one that is none, naming the species and the fact."""
    document = cast(dict[str, Any], read_toml(path))
    try:
        sources = {
            key: str(entry["cite"]) + ("" if entry["read"] else " (from memory, not re-read)")
            for key, entry in document["sources"].items()
        }
        found = [_eyes(dict(entry), sources, path) for entry in document["species"]]
    except (KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
        raise BadData(path, f"is no table of eyes: {type(error).__name__} {error}") from error
    stand_ins = [
        replace(eyes, name=other, common=other, facts=_lent(eyes), stands_for=(), also=())
        for eyes in found
        for other in eyes.stands_for
    ]
    names = [eyes.name for eyes in (*found, *stand_ins)]
    if len(set(names)) < len(names):
        raise BadData(path, "a species comes once", sorted({name for name in names if names.count(name) > 1}))
    return (*found, *stand_ins)


def _lent(eyes: Eyes) -> dict[str, Fact]:
    """The facts of a species as another's."""
    return {name: replace(fact, grade="P", source=f"{eyes.common}: {fact.source}") for name, fact in eyes.facts.items()}


def _eyes(entry: dict[str, Any], sources: Mapping[str, str], path: Path) -> Eyes:
    name, common = str(entry.pop("name")), str(entry.pop("common"))
    stands_for, also = tuple(entry.pop("stands_for", ())), tuple(entry.pop("also", ()))
    rods = bool(entry.pop("rods", True))
    pairs = tuple(Pair(**row | {"source": sources[row["source"]]}) for row in entry.pop("pairs", ()))
    facts = {key: _fact(f"{path.name}: {name}: {key}", key, given, sources) for key, given in entry.items()}
    missing = [key for key in NEEDED if key not in facts]
    if missing:
        raise BadData(path, f"{name} has no {', '.join(missing)}")
    if any(pair.grade not in GRADES for pair in pairs):
        raise BadData(path, f"{name}: the grade of a pair of eyes is one of {', '.join(GRADES)}")
    if "binocular_deg" in facts and facts["binocular_deg"].value > facts["field_deg"].value:
        raise BadData(path, f"{name} sees more with both eyes than with either")
    return Eyes(name, common, facts, pairs, stands_for, also, rods)


def _fact(where: str, key: str, given: Sequence[Any], sources: Mapping[str, str]) -> Fact:
    if key not in FACTS:
        raise BadData(where, f"is no fact; known are {', '.join(FACTS)}")
    value, grade, source, *between = given
    values = tuple(float(x) for x in (value if key == "receptors_nm" else [value]))
    _, low, high, _ = FACTS[key]
    if grade not in GRADES or len(between) not in (0, 2):
        raise BadData(
            where,
            f"reads [value, grade, source] or [value, grade, source, low, high], grade one of {', '.join(GRADES)}",
        )
    if not values or not all(low <= x <= high for x in (*values, *between)) or list(values) != sorted(values):
        raise BadData(where, f"lies from {low:g} to {high:g} {FACTS[key][0]}, receptors from short to long: {given}")
    if between and not between[0] <= values[0] <= between[1]:
        raise BadData(where, f"lies within its own range: {given}")
    return Fact(values, grade, sources[source], *map(float, between))
