"""One trait: the process fitted, tested on what is left out, and asked for the species that lack it, with a reason where it cannot know."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from merian.core.chance import stream
from merian.core.errors import BadData
from merian.explore.impute.conformal import cv_plus, fewest
from merian.explore.impute.folds import (
    DEEPEST,
    PLURAL,
    LeftOut,
    at_level,
    dealt,
    deepest_of,
    leave_out,
    level_of,
    relatives,
    schemes,
)
from merian.explore.impute.nest import NONE, Nest
from merian.explore.impute.probabilities import (
    answers,
    best_power,
    commonest,
    held_powers,
    held_probabilities,
    new_sets,
    probabilities,
)
from merian.explore.impute.process import Components, Design, Prediction, fit, predict
from merian.explore.impute.scale import Scale, scale_of
from merian.explore.impute.settings import ImputeSettings
from merian.explore.impute.states import Trait

__all__ = ["ROWS", "UNSURE", "Examined", "examine", "fill", "refused", "unusable"]

Doubles = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]
UNSURE = 0.95
"""From this share of the prior's sd on, nothing was learned of a species: its mean is that of all."""
ROWS: dict[str, pl.DataType | type[pl.DataType]] = {
    "trait": pl.String,
    "unit": pl.String,
    "kind": pl.String,
    "value": pl.Float64,
    "state": pl.String,
    "source": pl.String,
    "predicted": pl.Float64,
    "low": pl.Float64,
    "high": pl.Float64,
    "predicted_state": pl.String,
    "probability": pl.Float64,
    "relatives": pl.Float64,
    "relatives_state": pl.String,
    "states": pl.List(pl.String()),
    "level": pl.Float64,
    "nearest": pl.String,
    "flag": pl.String,
}
"""The columns of a trait's rows, one per species; source is known, imputed or withheld."""


@dataclass(frozen=True, eq=False)
class Examined:
    """A trait on its model scale with the fits over all known species and what was predicted for species that were left out.

    y [n, m] and known [n]; design and components of the whole model, and of the taxonomy alone (the same without pictures); left_out by the whole
    model and alone, one each per scheme.
    """

    trait: Trait
    scale: Scale
    y: Doubles
    known: Flags
    design: Design
    components: Components
    left_out: tuple[LeftOut, ...]
    taxonomy: Design
    alone: tuple[LeftOut, ...]
    remarks: tuple[str, ...] = ()

    @property
    def truth(self) -> Ints:
        """The number of the true state of each known species."""
        return self.trait.values[self.known].astype(np.int64)

    @property
    def unit(self) -> str:
        """The unit of the model's scale; Darwin Core's 1 is none."""
        unit = "" if self.trait.unit == "1" else self.trait.unit
        return f"log10 {unit or 'units'}" if self.scale.log else unit

    @property
    def floor(self) -> float:
        """What no score of a state is taken below: one species among the known ones and one per state."""
        return 1 / (int(self.known.sum()) + len(self.trait.states))


def unusable(trait: Trait, settings: ImputeSettings) -> str:
    """Why nothing can be said of a trait, in words; empty when something can."""
    known = trait.values[np.isfinite(trait.values)]
    if len(known) < settings.fewest:
        return f"known of only {len(known)} species; {settings.fewest} are needed"
    if len(np.unique(known)) < 2:
        same = trait.states[int(known[0])] if trait.states else f"{known[0]:g}"
        return f"all {len(known):,} species with a value have the same, {same}"
    if len(trait.states) > settings.states:
        return f"{len(trait.states):,} different states are no category; more than {settings.states} are not tried"
    return ""


def examine(trait: Trait, taxonomy: Design, design: Design, settings: ImputeSettings) -> Examined:
    """The trait Examined; `design` is `taxonomy` itself, or has the features of pictures too. Raises BadData when the values determine no variance."""
    scale = scale_of(trait, settings.log)
    y, known = scale.forward(trait), np.isfinite(trait.values)
    whole = fit(design.take(known), y[known])
    made: list[tuple[LeftOut, LeftOut]] = []
    untested = []
    for name, groups in schemes(taxonomy.nest):
        folds = dealt(groups[known], settings.folds, stream(settings.seed, "folds", trait.name, name))
        try:
            alone = leave_out(taxonomy, y, known, (name, groups), folds)
            both = alone if design is taxonomy else leave_out(design, y, known, (name, groups), folds)
            made.append((both, alone))
        except BadData as error:
            untested.append(f"{trait.name}: leaving out by {name} cannot be tested: {error.rule}")
    left_out, alone_too = tuple(both for both, _ in made), tuple(alone for _, alone in made)
    return Examined(trait, scale, y, known, design, whole, left_out, taxonomy, alone_too, tuple(untested))


def fill(tested: Examined, settings: ImputeSettings, doubts: Sequence[str] = ()) -> pl.DataFrame:
    """The rows (ROWS) of one trait, a row per species in the order of the nest.

    doubts: what to say, if anything, of the species that each scheme of `tested.left_out` stands for (`measure.doubts_of`).
    """
    trait, nest, known = tested.trait, tested.design.nest, tested.known
    told = predict(tested.design, tested.y, known, tested.components)
    simple, depth = relatives(nest, tested.y, known)
    depth[known] = nest.nearest(known)[known]
    rows = _Rows(nest, trait, known, depth)
    for k in range(len(nest.ranks) + 1):
        chosen = ~known & (depth == k)
        if not chosen.any():
            continue
        if k >= deepest_of(nest):
            rows.withhold(chosen, _unrelated(nest))
            continue
        at = next((i for i, x in enumerate(tested.left_out) if level_of(x.scheme, nest) == k), None)
        left = None if at is None else tested.left_out[at]
        (_states if trait.states else _amounts)(tested, told, left, chosen, settings, rows)
        if at is not None and doubts and doubts[at]:
            for place in np.flatnonzero(chosen):
                rows.note(place, doubts[at])
    rows.compare(simple, tested, ~known & (depth < deepest_of(nest)))
    unsure = ~known & (told.ratio >= UNSURE) & (rows.words["source"] == "imputed")
    for place in np.flatnonzero(unsure):
        share = f"{min(told.ratio[place], 1):.0%}".replace("%", " %")
        rows.note(
            place, f"no better than the mean of all: its sd is {share} of that of a species of which nothing is known"
        )
    rows.withhold(unsure, "")
    return rows.frame(settings.level)


def refused(trait: Trait, nest: Nest, why: str) -> pl.DataFrame:
    """The rows (ROWS) of a trait of which nothing can be said: what is known, and why the rest is not."""
    known = np.isfinite(trait.values)
    rows = _Rows(nest, trait, known, nest.nearest(known))
    rows.withhold(~known, why)
    return rows.frame(0.0)


def _unrelated(nest: Nest) -> str:
    coarsest = nest.ranks[deepest_of(nest) - 1] if deepest_of(nest) else "genus"
    lacking = "" if coarsest == DEEPEST else " (no order is given)"
    return f"no relative with a value in its {coarsest}{lacking}"


class _Rows:
    """The rows of a trait while they are filled in: arrays [n] by column."""

    def __init__(self, nest: Nest, trait: Trait, known: Flags, depth: Ints) -> None:
        n = len(nest)
        self.trait, self.known = trait, known
        names = np.array([*nest.ranks, NONE])
        self.numbers = {c: np.full(n, np.nan) for c in ("predicted", "low", "high", "probability", "relatives")}
        self.words = {"source": np.where(known, "known", "imputed"), "nearest": names[depth]}
        self.answer, self.simple = np.full(n, -1), np.full(n, -1)
        self.sets: dict[int, list[str]] = {}
        self.flags: dict[int, list[str]] = {}

    def note(self, place: int | np.integer, text: str) -> None:
        self.flags.setdefault(int(place), []).append(text)

    def compare(self, simple: Doubles, tested: Examined, chosen: Flags) -> None:
        """The simple answer beside that of the model: the mean [n, m] of the nearest relatives, or their commonest state."""
        if self.trait.states:
            self.simple[chosen] = commonest(simple[chosen], tested.y[tested.known].mean(0))
        else:
            self.numbers["relatives"][chosen] = tested.scale.back(simple[chosen, 0])

    def withhold(self, chosen: Flags, why: str) -> None:
        """No answer for the chosen species; what interval they have, and what their relatives say, stays."""
        self.words["source"] = np.where(chosen, "withheld", self.words["source"])
        self.numbers["predicted"][chosen] = np.nan
        self.numbers["probability"][chosen] = np.nan
        self.answer[chosen] = -1
        for place in np.flatnonzero(chosen) if why else ():
            self.note(place, why)

    def frame(self, level: float) -> pl.DataFrame:
        trait, n = self.trait, len(self.known)
        names = np.array([*trait.states, ""], object)
        codes = np.where(self.known, trait.values, -1).astype(np.int64) if trait.states else np.full(n, -1)
        value = np.full(n, np.nan) if trait.states else trait.values
        bounded = np.isfinite(self.numbers["low"]) | np.isin(np.arange(n), list(self.sets))
        made = pl.DataFrame(
            {
                "trait": [trait.name] * n,
                "unit": [trait.unit] * n,
                "kind": [trait.kind] * n,
                "value": value,
                "state": names[codes].tolist(),
                **self.words,
                **self.numbers,
                "predicted_state": names[self.answer].tolist(),
                "relatives_state": names[self.simple].tolist(),
                "states": [self.sets.get(i) for i in range(n)],
                "level": np.where(bounded, level, np.nan),
                "flag": ["; ".join(self.flags.get(i, [])) for i in range(n)],
            },
            schema_overrides={"states": pl.List(pl.String)},
        )
        texts = ("state", "predicted_state", "relatives_state", "flag")
        empty = [pl.when(pl.col(c) != "").then(pl.col(c)).alias(c) for c in texts]
        numeric = ("value", "level", *self.numbers)
        finite = [pl.when(pl.col(c).is_finite()).then(pl.col(c)).alias(c) for c in numeric]
        return made.with_columns(*empty, *finite).select(*ROWS).cast(pl.Schema(ROWS))


def _enough(left: LeftOut | None, nest: Nest, settings: ImputeSettings) -> tuple[Flags, str]:
    """The left-out species to calibrate on, and why they are too few (empty when they are enough)."""
    if left is None:
        return np.zeros(0, bool), "no interval: nothing as far from its relatives could be left out"
    chosen, wanted = at_level(left, nest), fewest(settings.level)
    count = len(np.unique(left.groups[chosen]))
    if count >= wanted:
        return chosen, ""
    what = f"{PLURAL[left.scheme]} with a value have their nearest relative as far away"
    return chosen, f"no interval: only {count} {what}, and {wanted} are needed"


def _amounts(
    tested: Examined, told: Prediction, left: LeftOut | None, chosen: Flags, settings: ImputeSettings, rows: _Rows
) -> None:
    """Predictions and intervals of an amount for the `chosen` species, whose nearest relatives are equally far."""
    scale, places = tested.scale, np.flatnonzero(chosen)
    mean = told.mean[chosen, 0]
    rows.numbers["predicted"][places] = scale.back(mean)
    used, why = _enough(left, tested.design.nest, settings)
    if left is not None and not why:
        scores = np.abs(tested.y[tested.known, 0] - left.mean[:, 0])[used] / left.sd[used, 0]
        others = chosen[~tested.known]
        spans = left.others_mean[:, others, 0], left.others_sd[:, others, 0]
        low, high = cv_plus(*spans, scores, left.folds[used], left.groups[used], settings.level)
        rows.numbers["low"][places] = scale.back(np.minimum(low, mean))
        rows.numbers["high"][places] = scale.back(np.maximum(high, mean))
    known = tested.y[tested.known, 0]
    for place, centre in zip(places, mean, strict=True):
        if why:
            rows.note(place, why)
        if not known.min() <= centre <= known.max():
            rows.note(place, "extrapolated: beyond all known values")


def _states(
    tested: Examined, told: Prediction, left: LeftOut | None, chosen: Flags, settings: ImputeSettings, rows: _Rows
) -> None:
    """Answers, probabilities and sets of states for the `chosen` species, whose nearest relatives are equally far."""
    trait, places = tested.trait, np.flatnonzero(chosen)
    used, why = _enough(left, tested.design.nest, settings)
    power = 1.0 if left is None else best_power(left.mean, tested.truth, tested.floor)
    chances = probabilities(told.mean[chosen], power, tested.floor)
    answer = answers(chances, trait.ordered)
    rows.answer[places] = answer
    rows.numbers["probability"][places] = chances[np.arange(len(chances)), answer]
    if left is None or why:
        for place in places.tolist():
            rows.note(place, why)
        return
    powers = held_powers(left.mean, tested.truth, left.folds, tested.floor)
    others = left.others_mean[:, chosen[~tested.known]]
    by_fold = np.stack([probabilities(*pair, tested.floor) for pair in zip(others, powers, strict=True)])
    past = held_probabilities(left.mean, tested.truth, left.folds, tested.floor)[used]
    scores = 1 - past[np.arange(len(past)), tested.truth[used]]
    where = left.folds[used], left.groups[used]
    inside = new_sets(chances, by_fold, scores, where, settings.level, trait.ordered)
    for place, held in zip(places.tolist(), inside, strict=True):
        rows.sets[place] = [state for state, here in zip(trait.states, held, strict=True) if here]
