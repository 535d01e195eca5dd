"""What holds an animal's numbers where they are: the same balanced food web, with other reasons for the same balance.

`balance.balanced` lets interference among an eater's own kind take what it could gain beyond its losses (Beddington 1975). Each form here keeps today's biomass
at rest in another way, so that webs differ in what happens when something changes:

    interference   1 + c B in the denominator of the functional response: what balance.balanced makes
    ratio          (c B)^m there, search itself taking no time: Arditi & Akcakaya 1990 (doi:10.1007/BF00317564); m = 1 is ratio-dependent feeding
    refuge         prey are found at a rate that goes as their biomass to an exponent above 1: the rarer, the better they hide (Holling's type III)
    herds          prey live in groups that hunters meet as one: groups go as biomass to an exponent of at most 1. The mean size of groups goes as numbers to
                   the power of 1/3 in birds and ungulates (Rouhbakhsh et al. 2025, doi:10.1111/ele.70111, abstract read), so groups as that of 2/3. Of
                   what is eaten only animals form groups
    territory      no interference; deaths d B of crowding: each eats its fill, and the losers of fights for room die

At rest what each of a population of predators P gets of prey N stays the same. With both forms of interference, where it is strong, that means that N^q goes as
P^m, so along a gradient P goes as N^(q / m). An exponent of 3/4 (Hatton et al. 2015, doi:10.1126/science.aac6284) asks for m = 4/3, or for deaths that grow
with P.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from merian.core.errors import BadData, BadSetting
from merian.twin.balance import Balance
from merian.twin.foodweb import Doubles, FoodWeb

__all__ = ["FORMS", "regulated"]

Mask = npt.NDArray[np.bool_]
FORMS = ("interference", "ratio", "refuge", "herds", "territory")
SEARCH = 1000.0
"""How much faster eaters search in the form `ratio`, so that search itself takes no time beside interference and handling."""
ROUNDS = 200


def regulated(balance: Balance, form: str, exponent: float = 1.0, who: Mask | None = None) -> Balance:
    """The Balance with another form of regulation (FORMS) of the animals `who` ([s + p], all where None), at rest where it was.

    exponent: m of `ratio`; that of prey of `refuge` and `herds`. Raises BadSetting for another form, or an exponent that is not above 0 (of refuge: 1 or more,
    of herds: 1 or less), BadData when eaters that eat their fill take more of something than it can make.
    """
    if form not in FORMS:
        raise BadSetting("form", form, f"is one of {', '.join(FORMS)}", FORMS)
    if not exponent > 0 or (form == "refuge" and exponent < 1):
        raise BadSetting("exponent", exponent, "is above 0, and 1 or more of a refuge")
    if form == "herds" and exponent > 1:
        raise BadSetting("exponent", exponent, "is at most 1 of herds: there are no more groups than animals")
    web, start = balance.web, balance.start
    chosen = ~web.producer if who is None else who & ~web.producer
    links, attack = chosen[web.eater], web["attack"]
    if form == "ratio":
        met = np.where(chosen, SEARCH * (1 + web["interference"] * start) - 1, 0.0)
        crowd = np.where(chosen, met ** (1 / exponent) / start, web["interference"])
        own = np.where(chosen, exponent, web["mutual"])
        changed = web.changed(attack=np.where(links, SEARCH * attack, attack), interference=crowd, mutual=own)
    elif form in ("refuge", "herds"):
        if form == "herds":
            links = links & ~web.producer[web.eaten]
        hidden = attack * start[web.eaten] ** (web["exponent"] - exponent)
        powers = np.where(links, exponent, web["exponent"])
        changed = web.changed(attack=np.where(links, hidden, attack), exponent=powers)
    else:
        changed = _territorial(web, start, chosen) if form == "territory" else web
    return replace(balance, web=changed)


def _territorial(web: FoodWeb, start: Doubles, chosen: Mask) -> FoodWeb:
    """The web in which those chosen eat their fill and die of crowding; what they eat more is made up for by less interference, or crowding, of the eaten."""
    count, animal = len(start), ~web.producer
    sought = web["share"] * web["attack"] * start[web.eaten] ** web["exponent"]
    made = np.bincount(web.eater, web["efficiency"] * sought, count)
    effort = np.bincount(web.eater, sought * web["handling"], count)
    gain = np.where(chosen, made / (1 + effort), web["loss"])
    for _ in range(ROUNDS):
        part = sought * np.divide(gain, made, out=np.zeros(count), where=made > 0)[web.eater]
        lost = web["loss"] + np.bincount(web.eaten, start[web.eater] * part, count) / start
        after = np.where(chosen | ~animal, gain, lost)
        if np.allclose(after, gain, rtol=1e-13, atol=0):
            break
        gain = after
    short = np.where(chosen, lost > gain, made < gain * (1 + effort)) & animal
    if short.any():
        wrong = [web.names[at] for at in np.flatnonzero(short)]
        raise BadData("food web", "eaters that eat their fill take more of these than they can make", wrong)
    with np.errstate(divide="ignore", invalid="ignore"):
        crowd = (made / gain - 1 - effort) / start
    # what grows is eaten a little more: it grows as much faster as keeps it where it was
    grown = web["growth"] * (1 - start / web["capacity"])
    faster = np.divide(lost - web["loss"], grown, out=np.ones(count), where=web.producer & (grown > 0))
    return web.changed(
        interference=np.where(animal & ~chosen, crowd, np.where(chosen, 0.0, web["interference"])),
        crowding=np.where(chosen, (gain - lost) / start, web["crowding"]),
        growth=web["growth"] * faster,
    )
