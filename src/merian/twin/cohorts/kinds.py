"""The kinds of animals that cohorts are of: species, or functional groups, as columns of traits; and who eats what."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from merian.core.errors import BadData, Mismatch
from merian.twin.foodweb import Doubles

__all__ = ["KIND", "ROW", "Kinds", "functional_groups"]

KIND = {
    "warm": 0.0,
    "loss": 0.0,
    "scaling": 0.0,
    "nursing": 1.0,
    "background": 0.001,
    "senescence": 0.003,
    "starves": 1.0,
    "harvest": 0.0,
    "crowding": 0.0,
    "gate": 1.5,
    "semelparous": 0.0,
    "pulse": 0.0,
    "litter": 0.0,
    "season": 0.0,
    "ripens": 0.0,
    "mutates": 0.0,
    "reach": 1.0,
    "seen": 1.0,
    "diffusion": 0.0,
}
"""What is known of each kind, and what holds where it is not said (Harfoot et al. 2014, doi:10.1371/journal.pbio.1001841, in the published code's values).

warm: 1 keeps its own temperature; loss: day-1, metabolism as a share of the body (0: by mass and temperature); scaling: exponent of mass over adult mass by
which metabolism and intake of a gram follow, where `loss` is given; nursing: times the intake of the young, there too; background, senescence, harvest: day-1,
deaths; starves: 0 does not die of hunger alone; crowding: m2 g-1 day-1, deaths for want of room; gate: body and pool over adult mass from which on it breeds;
semelparous: 1 spends half an adult on its one brood; pulse: days between births (0: whenever the gate opens), of `litter` young a female, the first on the day
`season`; ripens: days of age before which it is not grown up; mutates: share of broods of other masses; reach: largest over smallest mass of the prey that it
is built for; seen: share of it within its eaters' reach; diffusion: m2 day-1 (0: the speed of its mass)."""
ROW = {name: row for row, name in enumerate(KIND)}
Numbers = Mapping[str, npt.ArrayLike]


@dataclass(frozen=True, eq=False)
class Kinds:
    """`names` [k]; `table` float64 [19, k], rows as in KIND; the part of each pool of plants that an eater makes its own, `grazes` [k, p], and of each kind,
    `hunts` [k, k]: 0 where it does not eat it."""

    names: tuple[str, ...]
    table: Doubles
    grazes: Doubles
    hunts: Doubles

    @classmethod
    def of(cls, names: Sequence[str], columns: Numbers, grazes: npt.ArrayLike, hunts: npt.ArrayLike) -> Kinds:
        """Kinds of named columns. Raises BadData for a column that is not known, a number that is none or below 0, or an eater that makes more than it eats;
        Mismatch for shapes that differ."""
        strange = sorted(set(columns) - set(KIND))
        if strange:
            raise BadData("kinds", f"have the columns {', '.join(KIND)}", strange)
        table = np.empty((len(KIND), len(names)))
        for name, default in KIND.items():
            given = np.asarray(columns.get(name, default), float)
            if given.shape not in ((), (len(names),)):
                raise Mismatch(f"column {name!r} and the kinds", given.shape, (len(names),))
            table[ROW[name]] = given
        plants, animals = np.array(grazes, float), np.array(hunts, float)
        if plants.ndim != 2 or len(plants) != len(names) or animals.shape != (len(names), len(names)):
            raise Mismatch("who eats what, and the kinds", (plants.shape, animals.shape), len(names))
        kinds = cls(tuple(names), table, plants, animals)
        kinds._check()
        return kinds

    def __getitem__(self, name: str) -> Doubles:
        """The column of this name [k]."""
        return np.asarray(self.table[ROW[name]])

    def changed(self, **columns: Any) -> Kinds:
        """The same kinds with other values in some columns."""
        table = self.table.copy()
        for name, values in columns.items():
            table[ROW[name]] = values
        kinds = replace(self, table=table)
        kinds._check()
        return kinds

    def _check(self) -> None:
        if len(set(self.names)) < len(self.names):
            twice = sorted({name for name in self.names if self.names.count(name) > 1})
            raise BadData("kinds", "each has a name of its own", twice)
        for name in KIND:
            low = {"scaling": -10.0, "gate": 1e-9, "reach": 1.0}.get(name, 0.0)
            wrong = ~(np.isfinite(self[name]) & (self[name] >= low))
            if wrong.any():
                said = [f"{self.names[at]}: {self[name][at]}" for at in np.flatnonzero(wrong).tolist()]
                raise BadData("kinds", f"{name} is a number from {low:g} on", said)
        for what in (self.grazes, self.hunts):
            if not ((what >= 0) & (what <= 1)).all():
                raise BadData("who eats what", "an eater makes its own from 0 to 1 of what it eats")
        pulsed = (self["pulse"] > 0) & ~(self["litter"] > 0)
        if pulsed.any():
            raise BadData(
                "kinds",
                "who gives birth in pulses has a litter",
                [self.names[at] for at in np.flatnonzero(pulsed).tolist()],
            )


def functional_groups() -> tuple[Kinds, Doubles]:
    """The nine groups of land animals of the Madingley model, on one pool of leaves, and the least and greatest adult mass of each, g [9, 2].

    Endotherms breed again and again, ectotherms again and again or once. Parts of what is eaten that are made one's own: 0.5 of plants and 0.8 of animals, of
    omnivores 0.4 and 0.64 (the published code). Ranges of mass are from memory of its table of groups, not re-read.
    """
    names, warm, once, ranges = [], [], [], []
    spans = {
        "endotherm": {"herbivore": (1.5, 5e6), "carnivore": (3.0, 7e5), "omnivore": (3.0, 1.5e6)},
        "ectotherm": {"herbivore": (1.0, 1.5e5), "carnivore": (1.5, 1.5e5), "omnivore": (1.5, 1.5e5)},
        "ectotherm that breeds once": {"herbivore": (0.02, 1e3), "carnivore": (0.02, 2e3), "omnivore": (0.02, 2e3)},
    }
    for blood, diets in spans.items():
        for diet, span in diets.items():
            names.append(f"{blood}, {diet}")
            warm.append(float(blood == "endotherm"))
            once.append(float(blood.endswith("once")))
            ranges.append(span)
    part = {"herbivore": (0.5, 0.0), "carnivore": (0.0, 0.8), "omnivore": (0.4, 0.64)}
    eats = np.array([part[name.rpartition(", ")[2]] for name in names])
    columns: Numbers = {"warm": warm, "semelparous": once, "mutates": 0.05}
    hunts = np.repeat(eats[:, 1:], len(names), 1)
    return Kinds.of(names, columns, eats[:, :1], hunts), np.array(ranges)
