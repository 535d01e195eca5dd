"""Disturbance: animals keep away from settlements, roads and herds of stock.

How good a cell is for an animal is lowered by

    -ln(1 - thinner) * exp(-d / decay),

d: how far the nearest settlement or road is. Animals choose cells by exp(quality) (tier C: they come to stand so; tier I: steps are chosen so), so that beside
it they stand (1 - thinner) times as dense as far away, where nothing else draws them. That mammals are fewer within some 5 km of roads and settlements, birds
within 1 km, is found in 49 studies of 234 species (Benitez-Lopez, Alkemade & Verweij 2010, Biol. Conserv. 143:1307; from memory, not re-read).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from merian.core.errors import BadData, Mismatch
from merian.core.settings import knob
from merian.twin.engine import Engine, Moment
from merian.twin.foodweb import Doubles
from merian.twin.grid.land import Quality
from merian.twin.hazards.join import Part, When, Where, joined
from merian.twin.ledger import Array, Flow, Variable

__all__ = ["Disturbance", "DisturbanceSettings", "disturbed", "shunned"]

MOST = 50.0
"""The most by which quality is lowered: nobody stands there."""


@dataclass(frozen=True, kw_only=True)
class DisturbanceSettings:
    """How much and how far animals keep away."""

    thinner: float = knob(0.5, "How much thinner animals stand beside settlements and roads", ge=0, le=0.999)
    decay_km: float = knob(
        2.0,
        "Over which way the effect falls to 37 %",
        unit="km",
        gt=0,
        le=1000,
        source="mammals within some 5 km: Benitez-Lopez et al. 2010, from memory",
    )


def shunned(thinner: float, near: Doubles) -> Doubles:
    """By how much quality is lowered, where nearness (0 to 1) is so: -ln(1 - thinner) * near."""
    return np.asarray(-math.log1p(-thinner) * near)


class Disturbance:
    """Animals avoid settlements, roads and stock: what these take from the quality of a cell, by the distance to them.

    shunned = -ln(1 - thinner) exp(-d / decay) for settlements and roads, and the same with the density of stock over its highest for livestock; where several
    disturb they add up. The process 'quality' takes it off. Sources in merian.twin.hazards.disturbance.
    """

    name = "disturbance"
    reads = ()
    writes = ("shunned",)

    def __init__(self, sources: Sequence[tuple[Doubles, When | Where]]) -> None:
        """sources: what each takes [s, y, x], and how much of it there is on a day. Raises BadData for what is below 0."""
        for much, _ in sources:
            if not (np.isfinite(much).all() and (much >= 0).all()):
                raise BadData("disturbance", "takes a number from 0 on from the quality of a cell")
        self.sources = list(sources)

    def step(self, values: dict[str, Array], moment: Moment) -> Mapping[str, Flow]:
        """Set how much each cell is shunned."""
        total = np.zeros(values["shunned"].shape)
        for much, when in self.sources:
            total += much * when(moment.day)
        values["shunned"] = np.minimum(total, MOST)
        return {}


def disturbed(engine: Engine, sources: Sequence[tuple[Doubles, When | Where]]) -> Engine:
    """The Engine of tier C or I with disturbance by some sources, each with what it takes [s, y, x]. Raises BadData for a twin without qualities."""
    if not any(isinstance(process, Quality) for process in engine.processes):
        raise BadData("twin", "has no process 'quality': disturbance is joined to tiers C and I")
    shape = engine.world.values["quality"].shape
    for much, _ in sources:
        if much.shape != shape:
            raise Mismatch("disturbance and the quality of cells", much.shape, shape)
    part = Part(
        (Disturbance(sources),),
        (
            Variable(
                "shunned",
                "1",
                ("species", "y", "x"),
                "What disturbance takes from the quality of a cell",
                0.0,
                MOST,
                "made",
            ),
        ),
        {"shunned": np.zeros(shape)},
        before="quality",
    )
    wary = joined(engine, part)
    others = [process.shunning() if isinstance(process, Quality) else process for process in wary.processes]
    return Engine(wary.world, others, wary.days)
