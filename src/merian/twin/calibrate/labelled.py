"""What labels stand for in an ecosystem, and what each camera would have shown of one animal per km2: everything that a filter needs besides the ecosystem.

A label is a species by its scientific or common name, by what `labels` says, or "unknown". What else it may be is no guess: it is refused by name.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import polars as pl

from merian.core.errors import BadData, BadSetting, nearest
from merian.core.tree import read_table
from merian.twin.calibrate.counts import Counts
from merian.twin.calibrate.named import DOUBTED, Named
from merian.twin.calibrate.settings import CalibrateSettings
from merian.twin.ecosystem import Ecosystem
from merian.twin.foodweb import Doubles, Integers
from merian.twin.observe.camera import Zone, contacts
from merian.twin.observe.labels import EMPTY, UNKNOWN, Confusion, with_empty

__all__ = ["Surveyed", "read_confusion", "surveyed", "surveyed_world"]

WIDTHS = 1.96
"""Standard deviations to the end of an interval of 95 %."""
NAMELESS = ("", "unknown", "unclassified", "unidentified", "animal")
"""Labels of what was not named, without regard to case."""
NOTHING, EMPTIES = -2, (EMPTY, "blank", "nothing")
"""What stands for a photo of nothing among the species, and how it is labelled."""


@dataclass(frozen=True, eq=False)
class Surveyed:
    """Labels made ready: `counts` whose labels are those of the `confusion` matrix (None: labels are taken as true); `names` int64 [l], the species [s] that a
    label names (-1: none; s: empty); `species`, where each of them stands in the ecosystem [s]; `exposure` [t, c, s], with a column more where the matrix has a
    row of empty frames; `off`, sd of the logarithm of how far off that of animals is; the `truth`, where it is known: columns begin, species, density_km2."""

    counts: Counts
    confusion: Confusion | None
    names: Integers
    species: tuple[int, ...]
    exposure: Doubles
    off: float
    truth: pl.DataFrame | None = None

    @property
    def empty(self) -> bool:
        """Whether empty frames are counted as such."""
        return bool(self.exposure.shape[2] > len(self.species))


def _called(ecosystem: Ecosystem, settings: CalibrateSettings) -> dict[str, int]:
    """The species that each spelling stands for, without regard to case."""
    known: dict[str, int] = {}
    for at, (name, common) in enumerate(zip(ecosystem.species.names, ecosystem.species.common, strict=True)):
        known |= {name.casefold(): at} | ({common.casefold(): at} if common else {})
    for text in settings.labels:
        label, sign, name = (part.strip() for part in text.rpartition("="))
        if not sign or not label or name.casefold() not in known:
            close = nearest(name, ecosystem.species.names)
            hint = f"; nearest: {', '.join(close)}" if close else ""
            raise BadSetting("labels", text, f"must read LABEL=species, a species of the ecosystem{hint}")
        known[label.casefold()] = known[name.casefold()]
    return known


def _placed(
    labels: Sequence[str], ecosystem: Ecosystem, settings: CalibrateSettings, where: object
) -> list[int | None]:
    """For each label the species it stands for, -1 for the unknown, NOTHING for what is empty, None for what is left out. Raises BadData for what no species is
    called."""
    known, left = _called(ecosystem, settings), {label.casefold() for label in settings.ignore}
    found: list[int | None] = []
    strange = []
    for label in labels:
        word = label.casefold()
        if word in left:
            found.append(None)
        elif word in NAMELESS:
            found.append(-1)
        elif word in known:
            found.append(known[word])
        elif word in EMPTIES:
            found.append(NOTHING)
        else:
            close = nearest(label, (*ecosystem.species.names, *filter(None, ecosystem.species.common)), 1)
            strange.append(f"{label}" + (f", perhaps {close[0]}" if close else ""))
            found.append(None)
    if strange:
        rule = "labels that no species of the ecosystem has: say what they are with --labels LABEL=species, or leave them out with --ignore"
        raise BadData(where, rule, strange)
    return found


def read_confusion(path: Path, ecosystem: Ecosystem, settings: CalibrateSettings) -> Confusion:
    """The matrix of held-out photos in a table: columns species (what was there), label (what was said), photos. Raises BadData for what is none."""
    table = read_table(path)
    lost = [name for name in ("species", "label", "photos") if name not in table.columns]
    if lost:
        raise BadData(path, "a table of held-out photos has the columns species, label, photos; these lack", lost)
    number = table["photos"].cast(pl.Float64, strict=False).fill_null(math.nan).to_numpy()
    wrong = ~((number >= 0) & (number == np.floor(number)))
    if wrong.any():
        told = [f"row {row + 2}: {table['photos'][row]}" for row in np.flatnonzero(wrong).tolist()]
        raise BadData(path, "photos is a whole number from 0 on", told)
    texts = [table[name].cast(pl.String).fill_null("").to_list() for name in ("species", "label")]
    rows, columns = (_placed(words, ecosystem, settings, path) for words in texts)
    bad = [texts[0][k] for k, at in enumerate(rows) if at is None or at == -1]
    if bad:
        raise BadData(path, f"what was there is a species, or {EMPTY!r}", bad)
    # the species in their order, and last what is empty
    species = sorted({at for at in rows if at is not None}, key=lambda at: (at == NOTHING, at))
    if NOTHING in columns and NOTHING not in species:
        raise BadData(
            path, f"photos are said to be empty and none is: add what is said of photos whose species is {EMPTY!r}"
        )
    names = [EMPTY if at == NOTHING else ecosystem.species.names[at] for at in species]
    photos = np.zeros((len(species), len(species) + 1), np.int64)
    for at, said, many in zip(rows, columns, number.tolist(), strict=True):
        label = species.index(said) if said in species else len(species)
        photos[species.index(at or 0), label] += int(many)
    return Confusion(tuple(names), (*names, UNKNOWN), photos)


def surveyed(
    counts: Counts,
    zone: Zone,
    ecosystem: Ecosystem,
    settings: CalibrateSettings,
    confusion: Confusion | None,
    where: object,
) -> Surveyed:
    """Counts made ready for an ecosystem. Without a matrix labels are taken as true, and the unknown is left out; what that means is said.

    Raises BadData for labels that no species has, or that the matrix does not know, and where nothing is left.
    """
    placed = _placed(counts.labels, ecosystem, settings, where)
    present = sorted({at for at in placed if at is not None and at >= 0})
    empty = confusion is not None and EMPTY in confusion.species
    if confusion is not None:
        index = {name: at for at, name in enumerate(ecosystem.species.names)}
        species = [index[name] for name in confusion.species if name != EMPTY]
        lost = [ecosystem.species.names[at] for at in present if at not in species]
        if lost:
            raise BadData(where, "labels that the held-out photos never showed: the matrix has no row for them", lost)
    else:
        species = present
    if not species:
        raise BadData(where, "no label names a species of the ecosystem")
    labels = [ecosystem.species.names[at] for at in species] + [EMPTY] * empty + [UNKNOWN]
    place = {at: k for k, at in enumerate(species)} | {-1: len(labels) - 1} | ({NOTHING: len(species)} if empty else {})
    found = np.zeros((*counts.counts.shape[:2], len(labels)), np.int64)
    for column, at in enumerate(placed):
        if at in place:
            found[:, :, place[at]] += counts.counts[:, :, column]
    remarks = []
    blank = sum(int(counts.counts[:, :, column].sum()) for column, at in enumerate(placed) if at == NOTHING)
    if blank and not empty:
        remarks.append(f"{blank:,} empty frames are left out: the matrix says nothing of what they are taken for")
    dropped = [name for name, at in zip(counts.labels, placed, strict=True) if at is None]
    if dropped:
        remarks.append(f"labels left out: {', '.join(dropped)}")
    if confusion is None:
        remarks.append("no matrix of held-out photos was given: labels are taken as true")
        if found[:, :, -1].sum():
            remarks.append(
                f"{found[:, :, -1].sum():,} animals without a name are left out: densities are that much too low"
            )
            found[:, :, -1] = 0
    ready = replace(counts, labels=tuple(labels), counts=found).said(*remarks)
    names = np.array([*range(len(species) + empty), -1])
    off = math.log(settings.exposure_factor) / WIDTHS
    goes = _speeds([ecosystem.species.names[at] for at in species], ecosystem, settings)
    exposure = _exposure(ready, zone, goes, settings.detected)
    exposure = with_empty(exposure, ready.effort) if empty else exposure
    return Surveyed(ready, confusion, names, tuple(species), exposure, off)


def surveyed_world(named: Named, ecosystem: Ecosystem) -> Surveyed:
    """A watched world made ready: its speeds and zones are known. Raises BadData where it is another ecosystem's."""
    index, animals = {name: at for at, name in enumerate(ecosystem.species.names)}, list(named.confusion.species)
    empty = EMPTY in animals
    animals = [name for name in animals if name != EMPTY]
    lost = [name for name in animals if name not in index]
    if lost:
        raise BadData("watched world", f"is of the ecosystem {ecosystem.name}, which lacks", lost)
    rows = {name: at for at, name in enumerate(named.confusion.species)}
    names = np.array([rows.get(label.removesuffix(DOUBTED), -1) for label in named.confusion.labels])
    goes = np.array([named.day_km[name] for name in animals])
    exposure = _exposure(named.counts, named.zone, goes, named.detected)
    exposure = with_empty(exposure, named.counts.effort) if empty else exposure
    species = tuple(index[name] for name in animals)
    return Surveyed(named.counts, named.confusion, names, species, exposure, 0.0, named.truth)


def _exposure(counts: Counts, zone: Zone, day_km: Doubles, detected: float) -> Doubles:
    """Animals that one per km2 brings before each camera in each period: [t, c, s]."""
    return contacts(counts.effort[:, :, None], 1.0, day_km, zone.width_km, seen=detected)


def _speeds(names: Sequence[str], ecosystem: Ecosystem, settings: CalibrateSettings) -> Doubles:
    """How far each species goes in a day, km."""
    known, given = _called(ecosystem, settings), dict[int, float]()
    for text in settings.speeds:
        name, _, value = (part.strip() for part in text.rpartition("="))
        try:
            km = float(value)
        except ValueError:
            km = math.nan
        if name.casefold() not in known or not 0 < km <= 200:
            raise BadSetting("speeds", text, "must read NAME=km, a species of the ecosystem and at most 200 km a day")
        given[known[name.casefold()]] = km
    every: Mapping[str, int] = {name: at for at, name in enumerate(ecosystem.species.names)}
    return np.array([given.get(every[name], settings.day_km) for name in names])
