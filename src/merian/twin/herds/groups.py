"""Animals in groups: who hunts meets groups, not animals; more eyes see more; hunters hunt together and share.

A hunter in a group of m, among prey in groups of n, finds prey at so large a share of the rate of loners among loners:

    w(n) / (n w(1)) * S(m) / (m S(1)),     w(n) = n^c (1 - e V(n)),     V(n) = 1 - (1 - p)^n,     S(m) = 1 - (1 - k)^m.

A group of n is met as often as n^c loners (c = 0: like one of them; c = 1: like n of them), one of it at most being killed; V: the chance that one of n
pairs of eyes is up, each being so with chance p (Pulliam 1973, J. Theor. Biol. 38:419), and e the chance that seen hunters go hungry; S: the chance that
one of m hunters succeeds, each doing so with chance k by itself (Packer & Ruttan 1988, Am. Nat. 132:159), who then share the kill. With c = 0 this is the
argument of Fryxell et al. 2007 (Nature 449:1041): grouping of prey, of predators or both lowers what each predator eats, and with it steadies both.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from merian.core.errors import BadData, Mismatch
from merian.twin.compiled import compiled
from merian.twin.foodweb import Doubles, FoodWeb

__all__ = ["Groups", "grouped", "groups_of", "helped", "sought", "worth"]


@dataclass(frozen=True, eq=False)
class Groups:
    """How species live in groups, each [s]: `conspicuous` c, `scan` p, `escape` e of prey, `single` k of hunters, from 0 to 1 (k of 0: no success is shared,
    m hunters find m times as much), and the `usual` number in a group at which the rates of a food web hold (1: they are those of loners).

    Raises Mismatch when lengths differ, BadData for values out of bounds.
    """

    conspicuous: Doubles
    scan: Doubles
    escape: Doubles
    single: Doubles
    usual: Doubles

    def __post_init__(self) -> None:
        for name in ("conspicuous", "scan", "escape", "single"):
            values = getattr(self, name)
            if values.shape != self.usual.shape:
                raise Mismatch(f"{name} and species", values.shape, self.usual.shape)
            if not ((values >= 0) & (values <= 1)).all():
                raise BadData(f"groups: {name}", "lies from 0 to 1")
        # a group that is always alert and always escapes would leave no share to compare with
        if (self.scan * self.escape >= 1).any():
            raise BadData("groups", "an animal that always looks up and then always escapes is no prey")
        if not (np.isfinite(self.usual) & (self.usual >= 1)).all():
            raise BadData("groups", "usually count 1 or more")

    @classmethod
    def none(cls, species: int) -> Groups:
        """Each animal is met, and hunts, as if it were alone."""
        zero, one = np.zeros(species), np.ones(species)
        return cls(one, zero, zero.copy(), zero.copy(), one.copy())

    @property
    def rows(self) -> Doubles:
        """As an array for compiled code: conspicuous, scan, escape, single [4, s]."""
        return np.stack([self.conspicuous, self.scan, self.escape, self.single])

    def met(self, web: FoodWeb) -> Doubles:
        """The share of the rate of loners at the usual sizes, of each link [l]."""
        rows, usual, found = self.rows, self.usual, np.empty(len(web.eater))
        for link, (eater, eaten) in enumerate(zip(web.eater.tolist(), web.eaten.tolist(), strict=True)):
            prey = 1.0
            if not web.producer[eaten]:
                prey = sought(usual[eaten], rows[:, eaten]) / (usual[eaten] * sought(1.0, rows[:, eaten]))
                prey *= helped(usual[eater], rows[3, eater])
            found[link] = prey
        return found


def groups_of(usual: Doubles, scan: float = 0.1, escape: float = 0.5, single: float = 0.2) -> Groups:
    """Groups that are met like one animal, of species whose rates hold at their `usual` size [s]; the rest is assumed alike for all.

    scan: share of time that an animal looks up; escape: share of hunts that fail when seen; single: share that one hunter carries through (lions alone some
    15 to 20 %: Schaller 1972, The Serengeti Lion; from memory, not re-read).
    """
    even = np.ones(len(usual))
    return Groups(0 * even, scan * even, escape * even, single * even, np.maximum(usual, 1.0))


@compiled
def sought(number: float, how: Doubles) -> float:
    """How many loners a group of so many is worth to a hunter: w(n). how: conspicuous, scan, escape ... of the prey."""
    found = number if how[0] == 1.0 else number ** how[0]
    if how[2] > 0.0:
        found *= 1.0 - how[2] * (1.0 - (1.0 - how[1]) ** number)
    return float(found)


@compiled
def worth(rows: Doubles, most: int) -> Doubles:
    """`sought` of groups of each species of 0 to `most` - 1 [s, most]. rows: of Groups [4, s]."""
    found = np.zeros((rows.shape[1], most))
    for own in range(rows.shape[1]):
        for number in range(1, most):
            found[own, number] = sought(float(number), rows[:, own])
    return found


@compiled
def helped(number: float, single: float) -> float:
    """What each of a number of hunters gets of what it would get alone: S(m) / (m S(1)); 1 where `single` is 0."""
    if single <= 0.0 or number <= 1.0:
        return 1.0
    return float((1.0 - (1.0 - single) ** number) / (number * single))


def grouped(web: FoodWeb, sizes: Doubles, groups: Groups) -> FoodWeb:
    """The food web with animals in groups of these `sizes` [s] in place of the usual: attack rates as the equation of this module says (tiers P and C)."""
    if sizes.shape != groups.usual.shape or len(sizes) != len(web.names):
        raise Mismatch("sizes of groups, groups and food web", (sizes.shape, groups.usual.shape), (len(web.names),))
    now = Groups(groups.conspicuous, groups.scan, groups.escape, groups.single, sizes)
    return web.changed(attack=web["attack"] * now.met(web) / groups.met(web))
